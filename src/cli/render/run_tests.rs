//! What people see of a run beside its recap: why tasks failed, what they changed, and what is still to come.

use super::samples::{ago, now, revision, stack_id, task, view};
use super::tests::result;
use super::{EventPages, Next, Shown, plan_page, run_page};
use crate::api::{NotableResult, RunView};
use crate::cli::page::{Page, without_colour};
use crate::domain::{
    Detail, Diff, DriftReport, Ending, HostName, HostStats, Mode, Outcome, ResultStatus, RunEvent,
    RunEventKind, RunId, Selection, TaskFacts, TaskResult, Timestamp,
};

fn text(page: Page) -> String {
    without_colour(&page.into_text())
}

/// A result of `deploy`, with what it said.
fn said(host: &str, status: ResultStatus, detail: Detail) -> NotableResult {
    NotableResult::new(task("deploy", 3), &with(host, status, detail))
}

fn with(host: &str, status: ResultStatus, detail: Detail) -> TaskResult {
    let changed = status == ResultStatus::Ok;
    TaskResult { detail: Some(Box::new(detail)), ..result(host, status, changed) }
}

fn message(msg: &str) -> Detail {
    Detail { msg: msg.to_owned(), ..Detail::default() }
}

fn difference(after: &str) -> Detail {
    let diff = Diff {
        path: "/etc/motd".to_owned(),
        before: "hello\n".to_owned(),
        after: after.to_owned(),
        ..Diff::default()
    };
    Detail { diff: vec![diff], ..Detail::default() }
}

/// What is below the recap.
fn below(view: &RunView, shown: Shown) -> String {
    let text = text(run_page(view, shown, now()));
    text.split_once("web2   5        0            0       0        0        0        0\n")
        .expect("a recap")
        .1
        .to_owned()
}

#[test]
fn a_failure_says_why_once_for_all_hosts_that_say_the_same() {
    let mut view = view(9);
    let failed = Detail {
        rc: Some(2),
        stderr: "tar: \u{1b}[31mx: Cannot open\nExiting\n".to_owned(),
        ..message("non-zero return code")
    };
    view.notable = vec![
        said("web1", ResultStatus::Failed, failed.clone()),
        said("db1", ResultStatus::Failed, message("no space left on device")),
        said("web2", ResultStatus::Failed, failed),
        said(
            "web3",
            ResultStatus::Unreachable,
            message("ssh: connect to host web3 port 22: No route to host"),
        ),
        said("web4", ResultStatus::Ignored, message("it is there already")),
    ];
    let wanted = "
failed
  nginx : deploy (template)  roles/nginx/tasks/main.yml:3
    web1, web2
      non-zero return code
      exit status 2; stderr:
        tar: \\u{1b}[31mx: Cannot open
        Exiting
    db1
      no space left on device

did not answer
  nginx : deploy (template)  roles/nginx/tasks/main.yml:3
    web3
      ssh: connect to host web3 port 22: No route to host

tolerated or not seen
  failed, tolerated: nginx : deploy (template)  roles/nginx/tasks/main.yml:3
    web4
      it is there already
";
    let seen = below(&view, Shown::default());
    assert_eq!(seen, wanted, "\n{seen}");
}

#[test]
fn of_many_different_messages_the_first_ones_are_shown() {
    let mut view = view(9);
    view.notable = (0..40)
        .map(|it| said(&format!("web{it:02}"), ResultStatus::Failed, message(&format!("{it} is wrong"))))
        .collect();
    let seen = below(&view, Shown::default());
    assert!(seen.contains("4 is wrong") && !seen.contains("5 is wrong"), "{seen}");
    assert!(
        seen.ends_with("    web05, web06, web07 and 32 more: other words; --output json has all\n"),
        "{seen}"
    );
}

#[test]
fn differences_are_shown_where_they_are_wanted_and_folded_where_they_are_the_same() {
    let mut view = view(9);
    view.notable = vec![
        said("web1", ResultStatus::Ok, difference("hi\n")),
        said("web2", ResultStatus::Ok, difference("hi\n")),
        said("web3", ResultStatus::Ok, difference("ho\n")),
    ];
    let head = "\nchanged\n  nginx : deploy (template)  roles/nginx/tasks/main.yml:3\n";
    assert_eq!(below(&view, Shown::default()), format!("{head}    web1, web2, web3\n"));
    let wanted = format!(
        "{head}    web1, web2\n      /etc/motd:1\n      -hello\n      +hi\n    web3\n      /etc/motd:1\n      -hello\n      +ho\n"
    );
    assert_eq!(below(&view, Shown { diff: true, ..Shown::default() }), wanted);
}

#[test]
fn logs_say_why_and_show_differences_where_they_are_wanted() {
    let ended = |it| RunEvent { at: Timestamp::UNIX_EPOCH, kind: RunEventKind::TaskEnded(it) };
    let events = [
        ended(with("web1", ResultStatus::Failed, message("boom\u{7}"))),
        ended(with("web2", ResultStatus::Ok, difference("hi\n"))),
    ];
    let brief = text(EventPages::default().page(&events));
    assert_eq!(brief, "  ✗ failed      web1  1.2s\n      boom\\u{7}\n  ~ changed     web2  1.2s\n");
    let long = text(EventPages::with_diff(true).page(&events));
    assert_eq!(long, format!("{brief}      /etc/motd:1\n      -hello\n      +hi\n"));
}

#[test]
fn what_is_past_is_not_promised() {
    let mut view = view(9);
    view.run.ending = Some(Ending::plain(Outcome::Failed));
    let shown = |next| text(run_page(&view, Shown { next, ..Shown::default() }, now()));
    assert!(shown(Next::Due).contains("it is retried with growing pauses"));
    let past = shown(Next::Newer(RunId(12)));
    assert!(past.contains("  -> run 12 of this stack is newer: `driftless show 12`\n"), "{past}");
    assert!(!past.contains("retried"), "{past}");
    assert!(!shown(Next::Unknown).contains("->"));
}

/// A check of some hosts that ended.
fn part() -> (RunView, DriftReport) {
    let mut view = view(9);
    let run = &mut view.run;
    (run.spec.mode, run.spec.selection) = (Mode::Check, Selection::SomeHosts);
    (run.ending, run.ended_at) = (Some(Ending::plain(Outcome::InSync)), Some(ago(3)));
    let report = DriftReport {
        stack: stack_id("infra/web"),
        revision: Some(revision()),
        check: None,
        next_check: None,
        correction: None,
        hosts: Vec::new(),
        tasks: Vec::new(),
    };
    (view, report)
}

#[track_caller]
fn closes((view, report): &(RunView, DriftReport), wanted: &str) {
    let text = text(plan_page(view, report, Shown::default(), now()));
    assert!(text.contains("covers     some hosts: it says nothing of the others\n"), "{text}");
    let end = format!("\n\ninfra/web: {wanted}checked at main@4f2a9c01d7 3s ago (run 9)\n");
    assert!(text.ends_with(&end), "{text}");
}

#[test]
fn a_check_of_some_hosts_ends_with_what_it_means() {
    let mut seen = part();
    closes(&seen, "clean on the hosts that were checked; ");
    seen.0.notable = vec![said("web1", ResultStatus::Ok, difference("hi\n"))];
    closes(&seen, "1 of 2 checked hosts differ; ");
    let away = HostStats { unreachable: 1, ..HostStats::default() };
    seen.0.run.hosts.insert(HostName::new("web2"), away);
    closes(&seen, "1 of 2 checked hosts differ, 1 host unseen; ");
    let flapping_since = Some(ago(60));
    seen.1.tasks = vec![TaskFacts { identity: task("deploy", 3), flapping_since, ..TaskFacts::default() }];
    closes(&seen, "clean as far as visible, 1 task flapping, 1 host unseen; ");
    seen.0.run.ending = Some(Ending::plain(Outcome::Failed));
    let text = text(plan_page(&seen.0, &seen.1, Shown::default(), now()));
    assert!(!text.contains("infra/web: "), "a check that failed has no verdict: {text}");
}
