//! What texts from outside cannot do.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::example::{input, live_result, merged, sandboxed};
use super::parsed::assert_harmless;
use crate::domain::{Diff, HostName, HostsImpact, Impact, PreviewLevel};
use crate::forge::comment::{
    AppliedResult, ApprovalsWanted, CommentInput, FailedTask, LiveResult, PreviewState, PreviewedChange,
    TaskLabel, diff_text, render,
};

/// Each of them was meant to get out of code, and do something there.
const CORPUS: [&str; 44] = [
    "@EVIL",
    "@EVIL/team please",
    "EVIL@example.com",
    "https://EVIL.example/@EVIL",
    "#1 !1 GH-1 EVIL/EVIL#1 EVIL/EVIL!1 ~1 %1 $1 &1",
    "deadbeefdeadbeefdeadbeefdeadbeefdeadbeef EVIL",
    "/approve\n/merge\n/label ~EVIL",
    "x\n/close",
    "x\r/close\r\n/merge",
    "![EVIL](https://evil.example/x.png)",
    "[EVIL](javascript:alert(1))",
    "[[EVIL|https://evil.example]]",
    "<https://EVIL.example>",
    "<img src=x onerror=EVIL>",
    "</details></summary><script>EVIL</script>",
    "<!-- EVIL",
    "-->EVIL",
    "<!-- driftless:infra -->",
    "```\nEVIL\n```",
    "````\n@EVIL\n`````",
    "~~~\nEVIL\n~~~",
    "   ```\n/merge\n@EVIL",
    "```mermaid\ngraph TD\nEVIL\n```",
    "```geojson\n{}\n```",
    "$EVIL$ $$EVIL$$ $`EVIL`$ \\(EVIL\\)",
    ":EVIL: :tada:",
    "- [ ] EVIL\n- [x] EVIL",
    "[^EVIL]\n\n[^EVIL]: EVIL",
    "^[EVIL]",
    "\u{202e}LIVE\u{2066}\u{200b}",
    "\u{1b}[31mEVIL\u{1b}]8;;https://evil.example\u{7}\u{9b}1m\0",
    "`",
    "``",
    "`EVIL",
    "EVIL`",
    "` EVIL ``",
    " ",
    "",
    "\n",
    "| EVIL | b |\n|---|---|\n| c | d |",
    "# EVIL\n\nEVIL\n====\n\n> EVIL\n\n---\n\n    EVIL",
    "> [!WARNING]\n> EVIL",
    "\\`EVIL\\` \\@EVIL &commat;EVIL &#64;EVIL",
    "*EVIL* __EVIL__ ~~EVIL~~ ||EVIL|| ==EVIL== ++EVIL++ --- EVIL",
];

/// Puts the next text in every place that a text from outside can have.
fn filled(texts: &[String], state: usize) -> CommentInput {
    let mut texts = texts.iter().cycle();
    let mut next = || texts.next().cloned().unwrap_or_default();
    let mut stack = sandboxed(Some(&next())).stacks.remove(0);
    stack.live = Some(live(&mut next));
    if let Some(it) = &mut stack.sandboxed {
        (it.version, it.ignored) = (next(), vec![next(), next()]);
        for play in &mut it.listed {
            (play.name, play.pattern) = (next(), next());
            play.tasks = (0..20).map(|_| next()).collect();
        }
        it.problem = it.problem.take().filter(|_| state.is_multiple_of(2));
    }
    let states = [
        PreviewState::Done,
        PreviewState::Running,
        PreviewState::Stale { why: next() },
        PreviewState::Refused { why: next(), remedy: next() },
        PreviewState::Conflicts { paths: vec![next(), next()] },
        PreviewState::RuntimeChanged,
    ];
    let mut input = CommentInput {
        state: states[state % states.len()].clone(),
        stacks: vec![stack],
        approvals: Some(ApprovalsWanted { needed: 3, given: vec![next(), next()] }),
        level: PreviewLevel::Live,
        link: Some(next()),
        no_sandbox: Some(next()),
        ..input()
    };
    impact(&mut input.impact, state, &mut next);
    if 7 <= state {
        input.merged = merged().merged;
        input.merged.iter_mut().flat_map(|it| &mut it.stacks).for_each(|it| applied(it, &mut next));
    }
    input
}

fn live(next: &mut dyn FnMut() -> String) -> LiveResult {
    let mut live = LiveResult {
        reason: Some(next()),
        blind: vec![(0, 1), (1, 2), (9, 1)],
        tainted: vec![(2, 1)],
        flapping: vec![3],
        failed: (0..3)
            .map(|task| FailedTask { task, host: HostName::new(next()), message: next() })
            .collect(),
        unreachable: BTreeSet::from([HostName::new(next()), HostName::new(next())]),
        changes: Vec::new(),
        ..live_result()
    };
    for task in &mut live.tasks {
        *task = TaskLabel { name: next(), place: next() };
    }
    for at in 0..12 {
        let diff = diff_text(&[Diff {
            path: next(),
            before: next(),
            after: next(),
            prepared: if at % 2 == 0 { next() } else { String::new() },
            hidden: at % 5 == 4,
        }]);
        let diff = if at % 3 == 0 { Some(next().into()) } else { diff.map(Into::into) };
        let host = HostName::new(next());
        live.changes.push(PreviewedChange { host, task: at % 5, item: next(), diff, no_log: at % 7 == 6 });
    }
    live
}

fn impact(impact: &mut Impact, state: usize, next: &mut dyn FnMut() -> String) {
    impact.notes = vec![next(), next()];
    impact.files.iter_mut().for_each(|it| it.0 = next());
    for stack in &mut impact.stacks {
        stack.whole = Some(next());
        for it in &mut stack.plays {
            (it.name, it.path, it.pattern) = (next(), next(), next());
            it.because = vec![next(), next()];
        }
        for it in &mut stack.left_behind {
            (it.what, it.task, it.path) = (next(), next(), next());
        }
        stack.hosts = match state % 2 {
            0 => HostsImpact::Unknown { why: next() },
            _ => HostsImpact::Known { names: (0..3).map(|_| HostName::new(next())).collect() },
        };
    }
}

fn applied(it: &mut AppliedResult, next: &mut dyn FnMut() -> String) {
    it.note = next();
    if let Some(report) = &mut it.report {
        for task in report.tasks.values_mut() {
            (task.name, task.path, task.action) = (next(), next(), next());
        }
        report.extra.iter_mut().for_each(|it| (it.item, it.host) = (next(), HostName::new(next())));
    }
}

fn assert_all_harmless(texts: &[String], state: usize) {
    let input = filled(texts, state);
    for limit in [1_000_000, 65_536, 12_000, 6000] {
        let comment = render(&input, limit);
        assert!(comment.body.len() <= limit, "{} of {limit}", comment.body.len());
        assert_harmless(&comment.body);
        assert!(comment.status.description.chars().count() <= 140, "{}", comment.status.description);
        assert!(!comment.status.description.contains("EVIL"), "{}", comment.status.description);
        assert_eq!(comment, render(&input, limit));
    }
}

#[test]
fn no_text_of_the_corpus_gets_out() {
    for (at, text) in CORPUS.iter().enumerate() {
        for state in [0, at % 7, 7] {
            assert_all_harmless(&[(*text).to_owned()], state);
        }
    }
    for start in 0..CORPUS.len() {
        let texts: Vec<String> =
            CORPUS.iter().cycle().skip(start).take(CORPUS.len()).map(|it| (*it).to_owned()).collect();
        assert_all_harmless(&texts, start % 8);
    }
}

fn text() -> impl Strategy<Value = String> {
    let one = || {
        prop_oneof![
            proptest::sample::select(&CORPUS[..]).prop_map(str::to_owned),
            "[`~ \n\t/@#<>!\\[\\]()*_$:|&=-]{0,12}",
            ".{0,20}",
            any::<String>(),
        ]
    };
    proptest::collection::vec(one(), 1..4).prop_map(|it| it.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn no_text_gets_out(texts in proptest::collection::vec(text(), 1..60), state in 0_usize..14) {
        assert_all_harmless(&texts, state);
    }
}
