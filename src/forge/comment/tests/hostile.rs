//! What texts from outside cannot do.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::example::{input, live_result, merged, sandboxed};
use super::parsed::assert_harmless;
use crate::domain::{HostName, HostsImpact};
use crate::forge::comment::{
    ApprovalsWanted, CommentInput, FailedTask, LiveResult, PreviewState, PreviewedChange, StackPreview,
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
        let diff = diff_text(&[crate::domain::Diff {
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
    let mut sandboxed = sandboxed(Some(&next())).stacks.remove(0);
    sandboxed.live = Some(live);
    let states = [
        PreviewState::Done,
        PreviewState::Running,
        PreviewState::Stale { why: next() },
        PreviewState::Refused { why: next(), remedy: next() },
        PreviewState::Conflicts { paths: vec![next(), next()] },
        PreviewState::RuntimeChanged,
        PreviewState::NotAllowed { why: next(), remedy: next() },
    ];
    let mut input = CommentInput {
        state: states[state % states.len()].clone(),
        stacks: vec![StackPreview { stack: "web".parse().unwrap(), ..sandboxed }],
        approvals: Some(ApprovalsWanted { needed: 3, given: vec![next()], missing: vec![next(), next()] }),
        level: super::example::live().level,
        link: Some(next()),
        ..input()
    };
    input.impact.notes = vec![next(), next()];
    input.impact.files.iter_mut().for_each(|it| it.0 = next());
    for stack in &mut input.impact.stacks {
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
    if 7 <= state {
        input.merged = merged().merged;
        for it in input.merged.iter_mut().flat_map(|it| &mut it.stacks) {
            it.note = next();
            for it in &mut it.comparison {
                it.tasks.iter_mut().for_each(|it| *it = TaskLabel { name: next(), place: next() });
                it.extra.iter_mut().for_each(|it| (it.item, it.host) = (next(), HostName::new(next())));
            }
        }
    }
    input
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
