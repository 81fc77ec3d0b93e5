//! What people read.

use super::example::{host, impact, input, live, live_result, merged, sandboxed};
use super::parsed::assert_harmless;
use crate::domain::{Coverage, HostsImpact, Outcome};
use crate::forge::comment::{
    CommentInput, FailedTask, LiveResult, PreviewState, StatusState, marker, render,
};

/// The example of the documentation, which is this very text.
#[test]
fn a_live_preview_reads_like_this() {
    let body = render(&live(), 65_536).body;
    let page = include_str!("../../../../docs/merge-request-comment.md");
    let (_, rest) = page.split_once("````markdown\n").expect("the page has an example");
    let (example, _) = rest.split_once("````\n").expect("the example ends");
    assert_eq!(body, example);
    assert_harmless(&body);
    assert!(body.starts_with(&marker(&live().source)));
}

fn says(input: &CommentInput, text: &str) {
    let body = render(input, 65_536).body;
    assert_harmless(&body);
    assert!(body.contains(text), "{text:?} is not in\n{body}");
}

#[test]
fn each_state_says_what_to_do() {
    let with = |state: PreviewState| CommentInput { state, ..live() };
    says(
        &with(PreviewState::Running),
        "The live preview of `1a2b3c4d5e` merged into `main` at `9f8e7d6c5b` is",
    );
    let stale = PreviewState::Stale { why: "main moved; ask again with driftless preview".to_owned() };
    says(&with(stale), "**Stale**: `main moved; ask again with driftless preview`. What follows is of");
    let refused = PreviewState::Refused { why: "submodules".to_owned(), remedy: "remove them".to_owned() };
    says(&with(refused), "**Refused**: `submodules`. To do: `remove them`.");
    let paths = vec!["site.yml".to_owned()];
    says(
        &with(PreviewState::Conflicts { paths }),
        "does not merge into `main` at `9f8e7d6c5b`. To do: bring it",
    );
    says(&with(PreviewState::RuntimeChanged), "changes what the Ansible runtime is made of.");
    let policy = PreviewState::NotAllowed { why: "a fork".to_owned(), remedy: "approve the head".to_owned() };
    says(&with(policy), "**Not previewed**: `a fork`. To do: `approve the head`.");
}

#[test]
fn a_sandboxed_preview_shows_what_cannot_be_parsed() {
    says(&sandboxed(None), "The syntax is right: 4 tasks.\n\nTouches 42 hosts: `web[1-42]`\n");
    let error = sandboxed(Some("ERROR! no action\n```\n/merge\n"));
    says(&error, "Ansible cannot parse it.\n\n````text\n| ERROR! no action\n| ```\n| /merge\n````\n");
    let mut unknown = input();
    unknown.impact.stacks[0].hosts = HostsImpact::Unknown { why: "the inventory is a program".to_owned() };
    says(&unknown, "Which hosts it touches is not known: `the inventory is a program`.");
}

#[test]
fn what_failed_is_said_first() {
    let mut failed = live();
    let result = failed.stacks[0].live.as_mut().unwrap();
    result.outcome = Outcome::Failed;
    result.reason = Some("2 of 42 hosts failed".to_owned());
    let on = |it: &str| FailedTask { task: 0, message: "no space left".to_owned(), host: host(it) };
    result.failed = vec![on("web1"), on("web2")];
    result.unreachable = [host("web3")].into();
    result.tainted = vec![(3, 1)];
    result.flapping = vec![1];
    result.changes_left_out = 5;
    says(&failed, "Run 1287, `failed`: `2 of 42 hosts failed`.");
    says(
        &failed,
        "**1 task failed**:\n\n- `Write the site` (`roles/web/tasks/main.yml:4`) on `web[1,2]`\n\n\
         ```text\n| no space left\n```\n",
    );
    says(&failed, "**1 host did not answer**: `web3`");
    says(&failed, "**Tainted**: what these say rests on what check mode could not simulate:\n\n- `Ask for");
    says(&failed, "**Flapping**: these report a change each time:\n\n- `Create the database user`");
    says(&failed, "5 more changes were not kept.");
}

#[test]
fn after_the_merge_it_says_what_came_of_it() {
    says(
        &merged(),
        "### Applied as previewed: 41 of 43, 2 extra, 1 not predictable\n\nMerged into `main` as",
    );
    says(
        &merged(),
        "Applied by run 1290, `changed`. As previewed: 41 of 43, 2 extra, 1 not predictable.\n\n**Missing**",
    );
    says(
        &merged(),
        "**Extra**: done, and not previewed:\n\n- `Ask for the version` (`roles/web/tasks/main.yml:27`) on",
    );
    says(&merged(), "<summary>41 changes as previewed</summary>");
    let mut waiting = merged();
    let stack = &mut waiting.merged.as_mut().unwrap().stacks[0];
    (stack.ended, stack.comparison, stack.note) = (None, None, "waits for base".to_owned());
    says(&waiting, "Not applied yet: `waits for base`.");
}

#[test]
fn the_status_is_the_verdict() {
    let with = |change: &dyn Fn(&mut LiveResult)| {
        let mut input = CommentInput { approvals: None, ..live() };
        change(input.stacks[0].live.as_mut().unwrap());
        input
    };
    let clean = |it: &mut LiveResult| {
        (it.changes, it.outcome) = (Vec::new(), Outcome::InSync);
        it.coverage = Coverage { unchanged: 9, ..Coverage::default() };
    };
    let blind = |it: &mut LiveResult| {
        clean(it);
        (it.coverage.blind, it.coverage.tainted, it.coverage.unreliable) = (12, 3, 1);
    };
    let gone = |it: &mut LiveResult| {
        clean(it);
        (it.outcome, it.unreachable) = (Outcome::Unreachable, [host("web1")].into());
    };
    let mut applying = merged();
    let mut second = applying.merged.as_ref().unwrap().stacks[0].clone();
    (second.stack, second.ended) = ("base".parse().unwrap(), None);
    applying.merged.as_mut().unwrap().stacks.push(second);
    let mut failed = merged();
    failed.merged.as_mut().unwrap().stacks[0].ended = Some((live_result().run, Outcome::Failed));
    for (input, state, text) in [
        (input(), StatusState::Success, "not run; touches 42 hosts in 1 stack"),
        (
            live(),
            StatusState::Success,
            "would change 2 tasks on 42 hosts; 42 blind, 42 ran for real; 1 of 2 approvals",
        ),
        (with(&clean), StatusState::Success, "nothing would change"),
        (
            with(&blind),
            StatusState::Success,
            "nothing would change as far as visible; 12 blind, 3 tainted, 1 unreliable",
        ),
        (
            with(&gone),
            StatusState::Error,
            "check did not succeed in 1 of 1 stack; nothing would change as far as visible; 1 host not reached",
        ),
        (
            with(&|it| it.outcome = Outcome::Failed),
            StatusState::Failure,
            "check did not succeed in 1 of 1 stack; would change 2 tasks on 42 hosts; 42 blind, 42 ran for real",
        ),
        (
            with(&|it| it.changes_left_out = 1),
            StatusState::Success,
            "would change at least 2 tasks on 42 hosts; 42 blind, 42 ran for real",
        ),
        (
            sandboxed(None),
            StatusState::Success,
            "not run; syntax is right, 4 tasks; touches 42 hosts in 1 stack",
        ),
        (sandboxed(Some("x")), StatusState::Failure, "syntax is wrong in 1 of 1 stack"),
        (
            CommentInput { state: PreviewState::Running, ..input() },
            StatusState::Pending,
            "preview is being made",
        ),
        (
            CommentInput { state: PreviewState::RuntimeChanged, ..input() },
            StatusState::Success,
            "runtime change, not previewed",
        ),
        (merged(), StatusState::Success, "applied as previewed: 41 of 43, 2 extra, 1 not predictable"),
        (applying, StatusState::Pending, "merged; applied to 1 of 2 stacks"),
        (
            failed,
            StatusState::Failure,
            "apply did not succeed in 1 of 1 stack; as previewed: 41 of 43, 2 extra, 1 not predictable",
        ),
    ] {
        let status = render(&input, 65_536).status;
        assert_eq!((status.state, status.description.as_str()), (state, text));
    }
}

#[test]
fn the_longest_verdict_is_cut() {
    let mut input = live();
    let all = u64::MAX / 8;
    let coverage = Coverage {
        blind: all,
        tainted: all,
        unreliable: all,
        ran_for_real: all,
        failed: all,
        ..Coverage::default()
    };
    let result = input.stacks[0].live.as_mut().unwrap();
    (result.coverage, result.outcome) = (coverage, Outcome::TimedOut);
    let status = render(&input, 65_536).status;
    assert_eq!(status.description.chars().count(), 140);
    assert!(status.description.ends_with('…') && status.state == StatusState::Error, "{status:?}");
}

#[test]
fn without_an_address_of_ours_the_command_is_named() {
    for link in [None, Some("javascript:alert(1)".to_owned())] {
        let text = "\n`driftless runs` lists the full reports.\n";
        says(&CommentInput { link, impact: impact(), ..input() }, text);
    }
}
