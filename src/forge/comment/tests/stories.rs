//! What people read.

use super::example::{host, impact, input, live, live_result, merged, sandboxed};
use super::parsed::assert_harmless;
use crate::domain::{CommitState, Coverage, HostsImpact, Outcome};
use crate::forge::comment::{CommentInput, FailedTask, LiveResult, PreviewState, marker, render};

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
}

#[test]
fn a_sandboxed_preview_shows_what_cannot_be_parsed() {
    says(
        &sandboxed(None),
        "The syntax is right for Ansible `2.22.0`: 4 tasks in 1 play.\n\n<details><summary>Show plays and tasks</summary>\n\n- `Web servers` on 42 hosts of `web`\n  - `web : Write the site`\n  - `web : Create the database user`\n  - `web : Run the migration`\n- … and 1 more play or task\n\n</details>\n\n**Not used in previews**, of `ansible.cfg`:\n\n- `callback_plugins (line 3)`\n\nTouches 42 hosts: `web[1-42]`\n",
    );
    let mut old = sandboxed(None);
    old.stacks[0].sandboxed.as_mut().unwrap().listed.clear();
    says(&old, "4 tasks in 1 play.\n\n**Not used in previews**");
    let error = sandboxed(Some("ERROR! no action\n```\n/merge\n"));
    says(&error, "Ansible cannot use it as it is.\n\n````text\n| ERROR! no action\n| ```\n| /merge\n````\n");
    let no_sandbox = Some("bubblewrap is not there".to_owned());
    says(&CommentInput { no_sandbox, ..input() }, "**No sandbox**: `bubblewrap is not there`. What follows");
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
    says(
        &failed,
        "**5 more changes were not kept one by one**; after the apply they count as not predictable.",
    );
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
        "**Extra**: done, and not previewed:\n\n- `command` (`roles/web/tasks/main.yml:4`) on `web[1,2]`\n",
    );
    says(&merged(), "- `user` (`roles/web/tasks/main.yml:4`) on `web1`, 1 item\n");
    let mut waiting = merged();
    let stack = &mut waiting.merged.as_mut().unwrap().stacks[0];
    (stack.ended, stack.report, stack.note) = (None, None, "waits for base".to_owned());
    says(&waiting, "Not applied yet: `waits for base`.");
}

#[track_caller]
fn status(input: &CommentInput, state: CommitState, text: &str) {
    let status = render(input, 65_536).status;
    assert_eq!((status.state, status.description.as_str()), (state, text));
}

/// A live preview that found this.
fn found(change: impl Fn(&mut LiveResult)) -> CommentInput {
    let mut input = CommentInput { approvals: None, ..live() };
    change(input.stacks[0].live.as_mut().unwrap());
    input
}

#[test]
fn the_status_of_a_live_preview_is_its_verdict() {
    let clean = |it: &mut LiveResult| {
        (it.changes, it.outcome) = (Vec::new(), Outcome::InSync);
        it.coverage = Coverage { unchanged: 9, ..Coverage::default() };
    };
    let changes = "would change 2 tasks on 42 hosts; 42 blind, 42 ran for real";
    status(&live(), CommitState::Success, &format!("{changes}; 1 of 2 approvals"));
    status(&found(clean), CommitState::Success, "nothing would change");
    let blind = found(|it| {
        clean(it);
        (it.coverage.blind, it.coverage.tainted, it.coverage.unreliable) = (12, 3, 1);
    });
    let text = "nothing would change as far as visible; 12 blind, 3 tainted, 1 unreliable";
    status(&blind, CommitState::Success, text);
    let bad = "check did not succeed in 1 of 1 stack";
    let gone = found(|it| {
        clean(it);
        (it.outcome, it.unreachable) = (Outcome::Unreachable, [host("web1")].into());
    });
    let text = format!("{bad}; nothing would change as far as visible; 1 host not reached");
    status(&gone, CommitState::Error, &text);
    let failed = found(|it| it.outcome = Outcome::Failed);
    status(&failed, CommitState::Failure, &format!("{bad}; {changes}"));
    let many = found(|it| it.changes_left_out = 1);
    status(&many, CommitState::Success, &changes.replace("change 2", "change at least 2"));
}

#[test]
fn the_status_of_other_previews_is_their_verdict() {
    let touches = "touches 42 hosts in 1 stack";
    status(&input(), CommitState::Success, &format!("not run; {touches}"));
    let text = format!("not run; syntax is right, 4 tasks; {touches}");
    status(&sandboxed(None), CommitState::Success, &text);
    status(&sandboxed(Some("x")), CommitState::Failure, "not run; Ansible cannot use 1 of 1 stack");
    let with = |state: PreviewState| CommentInput { state, ..input() };
    status(&with(PreviewState::Running), CommitState::Pending, "preview is being made");
    status(&with(PreviewState::RuntimeChanged), CommitState::Success, "runtime change, not previewed");
    let conflict = PreviewState::Conflicts { paths: vec!["a".to_owned()] };
    let text = "not previewed: conflicts with the target branch in 1 file";
    status(&with(conflict), CommitState::Failure, text);
}

#[test]
fn the_status_after_the_merge_is_what_came_of_it() {
    let compared = "as previewed: 41 of 43, 2 extra, 1 not predictable";
    status(&merged(), CommitState::Success, &format!("applied {compared}"));
    let mut applying = merged();
    let mut second = applying.merged.as_ref().unwrap().stacks[0].clone();
    (second.stack, second.ended) = ("base".parse().unwrap(), None);
    applying.merged.as_mut().unwrap().stacks.push(second);
    status(&applying, CommitState::Pending, "merged; applied to 1 of 2 stacks");
    let mut failed = merged();
    failed.merged.as_mut().unwrap().stacks[0].ended = Some((live_result().run, Outcome::Failed));
    let text = format!("apply did not succeed in 1 of 1 stack; {compared}");
    status(&failed, CommitState::Failure, &text);
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
    assert!(status.description.ends_with('…') && status.state == CommitState::Error, "{status:?}");
}

#[test]
fn without_an_address_of_ours_the_command_is_named() {
    for link in [None, Some("javascript:alert(1)".to_owned())] {
        let text = "\n`driftless preview infra 12` shows all of it.\n";
        says(&CommentInput { link, impact: impact(), ..input() }, text);
    }
    // One that was merged is not followed any more, its runs are kept.
    says(&CommentInput { link: None, ..merged() }, "\n`driftless show RUN` shows all of a run.\n");
}
