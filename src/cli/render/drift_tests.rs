//! What people see of drift, as text.

use std::collections::BTreeMap;

use super::samples::{ago, now, revision, stack_id, task};
use super::{Diffs, drift_page, hosts_page};
use crate::cli::page::without_colour;
use crate::domain::{
    ChangeClass, Coverage, Diff, Drift, DriftReport, HostName, HostStatus, LastCheck, RunId, TaskFacts,
    TaskIdentity,
};

fn at(name: &str, line: u32) -> TaskIdentity {
    TaskIdentity { path: "site.yml".to_owned(), role: None, ..task(name, line) }
}

fn drift(task: &TaskIdentity, class: ChangeClass, digest: &str) -> Drift {
    Drift {
        task: task.clone(),
        item: String::new(),
        digest: digest.to_owned(),
        class,
        run: RunId(41),
        onsets: vec![ago(4 * 60)],
        heals: Vec::new(),
    }
}

fn host(name: &str, drift: Vec<Drift>) -> HostStatus {
    HostStatus {
        host: HostName::new(name),
        attempted: Some(revision().commit),
        applied: Some(revision().commit),
        applied_at: Some(ago(3 * 3600)),
        checked_at: Some(ago(4 * 60)),
        last_seen: Some(ago(4 * 60)),
        owed_since: None,
        failed: false,
        pending: Vec::new(),
        drift,
        locked: None,
    }
}

/// Three hosts with a task that flaps on each; `edited` has a page that somebody changed.
fn report(edited: Option<&str>) -> DriftReport {
    let (page, time) = (at("Page", 3), at("Time", 9));
    let hosts = ["db1", "web1", "web2"].map(|name| {
        let mut differs = vec![drift(&time, ChangeClass::Flapping, name)];
        if edited == Some(name) {
            differs.push(drift(&page, ChangeClass::Corrective, "one"));
        }
        host(name, differs)
    });
    let flapping_since = Some(ago(3 * 3600));
    DriftReport {
        stack: stack_id("infra/web"),
        revision: Some(revision()),
        check: Some(LastCheck {
            run: RunId(41),
            revision: revision(),
            at: ago(4 * 60),
            coverage: Coverage { blind: 2, ..Coverage::default() },
            unseen_hosts: 0,
            changes_left_out: 0,
        }),
        next_check: None,
        correction: edited.map(|_| "it is corrected as soon as its hosts are free".to_owned()),
        hosts: hosts.into(),
        tasks: vec![TaskFacts { identity: time, flapping_since, ..TaskFacts::default() }],
    }
}

#[track_caller]
fn check(report: DriftReport, diffs: &Diffs, wanted: &str) {
    let text = without_colour(&drift_page(&[report], diffs, now()).into_text());
    assert_eq!(text, wanted, "\n{text}");
}

#[test]
fn what_flaps_is_no_difference_of_a_host() {
    check(
        report(None),
        &Diffs::new(),
        "\
infra/web: clean as far as visible, 1 task flapping, 2 blind; checked at main@4f2a9c01d7 4m ago (run 41)
  flapping  Time (site.yml:9) on db1, web1, web2, since 4m ago
  flapping  Time (site.yml:9): reports a change each time: a defect of the playbook, never corrected
",
    );
}

#[test]
fn what_somebody_changed_is_shown_with_its_difference() {
    let diff = Diff {
        path: "/srv/index.html".to_owned(),
        before: "Hi\nedited\n".to_owned(),
        after: "Hi\nHello\n".to_owned(),
        ..Diff::default()
    };
    let place = (HostName::new("web2"), at("Page", 3).key(), String::new());
    check(
        report(Some("web2")),
        &BTreeMap::from([(place, vec![diff])]),
        "\
infra/web: 1 of 3 hosts differ, 1 task flapping, 2 blind; checked at main@4f2a9c01d7 4m ago (run 41)
  corrective  Page (site.yml:3) on web2, since 4m ago
      /srv/index.html:2
      -edited
      +Hello
  flapping  Time (site.yml:9) on db1, web1, web2, since 4m ago
  it is corrected as soon as its hosts are free
  flapping  Time (site.yml:9): reports a change each time: a defect of the playbook, never corrected
",
    );
}

#[test]
fn hosts_say_what_they_have_and_what_they_are_owed() {
    let mut report = report(Some("web2"));
    report.hosts[0].owed_since = Some(ago(9 * 60));
    report.hosts[1].locked = Some("run 42 has it".to_owned());
    let text = without_colour(&hosts_page(&report, now()).into_text());
    let wanted = "\
HOST  APPLIED     WHEN    SEEN    CHECKED  DIFFERS  OWED, LOCKED
db1   4f2a9c01d7  3h ago  4m ago  4m ago            a revision, since 9m ago
web1  4f2a9c01d7  3h ago  4m ago  4m ago            run 42 has it
web2  4f2a9c01d7  3h ago  4m ago  4m ago   1 task
";
    let trimmed: Vec<&str> = text.lines().map(str::trim_end).collect();
    assert_eq!(trimmed.join("\n") + "\n", wanted, "\n{text}");
}
