//! What people see, as text.

use super::samples::{ago, now, revision, source, spec, stack, stack_id, status, summary, task, view};
use super::{
    EventPages, Shown, explanation_page, run_page, runs_page, stacks_page, status_page, waiting_page,
};
use crate::api::{HostTotals, NotableResult, RunList, StackList};
use crate::cli::page::{Page, without_colour};
use crate::domain::{
    Applied, Detail, Ending, Explanation, Failure, Hold, HostCounts, HostName, HostStats, ItemId, Outcome,
    Reason, Request, ResultStatus, RunEvent, RunEventKind, Selection, Span, SyncStatus, TaskResult,
    Timestamp, Trigger,
};

fn text(page: Page) -> String {
    without_colour(&page.into_text())
}

#[track_caller]
fn check(page: Page, wanted: &str) {
    let text = text(page);
    assert_eq!(text, wanted, "\n{text}");
}

#[test]
fn the_status_of_a_calm_daemon() {
    check(
        status_page(&status(), now()),
        "\
driftless 0.1.0, ready, up 3h 12m
  mode       service
  http       http://127.0.0.1:9847
  store      12.2 MiB

SOURCE  STATE  HEAD             FETCHED  NEXT
infra   ok     main@4f2a9c01d7  12s ago  in 48s

STACK      SYNC     HEAD             APPLIED  HOSTS  SUCCEEDED  NOW
infra/web  in sync  main@4f2a9c01d7  head     3/3    4m ago     the head is applied on all 3 hosts
",
    );
}

#[test]
fn the_status_says_what_is_wrong_and_what_to_do() {
    let mut status = status();
    status.readiness.ready = false;
    status.readiness.because = vec!["the journal cannot be written".to_owned()];
    status.store.writable = false;
    status.store.problem = Some(Failure::soon("the disk is full").remedy("make room on /var"));
    let mut waits = source("lab");
    waits.waiting = Some(revision());
    status.sources[0].problem = Some(Failure::soon("the remote does not answer").remedy("check the address"));
    status.sources[0].fetch_failures = 3;
    status.sources[0].forge_problem = Some(Failure::soon("the token is old").remedy("make a new one"));
    status.sources[0].fetched_at = None;
    status.sources.push(waits);
    status.stacks.clear();
    status.live = vec![summary(8)];
    check(
        status_page(&status, now()),
        "\
driftless 0.1.0, not ready, up 3h 12m
  the journal cannot be written
  mode       service
  http       http://127.0.0.1:9847
  store      12.2 MiB
  the disk is full
    -> make room on /var

SOURCE  STATE               HEAD             FETCHED  NEXT
infra   problem             main@4f2a9c01d7  never    in 48s
lab     waits for approval  main@4f2a9c01d7  12s ago  in 48s
  infra: the remote does not answer (3 times in a row)
    -> check the address
  infra: merge requests are not followed: the token is old
    -> make a new one
  lab: main@4f2a9c01d7 waits for a person
    -> look at it with `driftless approve lab`

no stack yet: `driftless status` shows what the sources say

RUN  STACK      OUTCOME  REVISION         MODE   WHY           HOSTS  STARTED  TOOK
  8  infra/web  live     main@4f2a9c01d7  apply  new revision  3      2m ago   2m 12s
",
    );
}

#[test]
fn each_state_of_a_stack_has_its_words() {
    let mut live = stack("infra/live");
    live.live = Some(spec(9));
    let mut suspended = stack("infra/quiet");
    suspended.suspended = Some(("ann".to_owned(), ago(7200)));
    let mut held = stack("infra/held");
    held.sync = SyncStatus::OutOfSync;
    held.applied = Applied::Mixed;
    held.hold = Some(Hold { revision: revision(), since: ago(60), reason: "ann cancelled run 7".to_owned() });
    let mut failing = stack("infra/broken");
    failing.sync = SyncStatus::OutOfSync;
    failing.applied = Applied::Nothing;
    failing.hosts = HostCounts { total: 5, converged: 2, owed: 1, failed: 2, pending: 0 };
    failing.next_run = Some(now() + Span::from_secs(240));
    failing.reason = "2 of 5 hosts failed in run 4; retry in 4m".to_owned();
    failing.last_success = None;
    let mut asked = stack("infra/asked");
    asked.sync = SyncStatus::Unknown;
    asked.request = Some(Request {
        mode: crate::domain::Mode::Apply,
        by: "ann".to_owned(),
        revision: None,
        limit: None,
        tags: Vec::new(),
        outside_window: None,
    });
    let list = StackList { stacks: vec![live, suspended, held, failing, asked] };
    check(
        stacks_page(&list, now()),
        "\
STACK         SYNC         HEAD             APPLIED  HOSTS                  SUCCEEDED  NOW
infra/live    in sync      main@4f2a9c01d7  head     3/3                    4m ago     run 9 is live (apply)
infra/quiet   in sync      main@4f2a9c01d7  head     3/3                    4m ago     suspended by ann 2h ago
infra/held    out of sync  main@4f2a9c01d7  mixed    3/3                    4m ago     held at main@4f2a9c01d7: ann cancelled run 7
infra/broken  out of sync  main@4f2a9c01d7  nothing  2/5, 2 failed, 1 owed  never      2 of 5 hosts failed in run 4; retry in 4m
infra/asked   unknown      main@4f2a9c01d7  head     3/3                    4m ago     waits to start: ann asked
",
    );
    assert!(text(stacks_page(&StackList { stacks: Vec::new() }, now())).contains("driftless status"));
}

#[test]
fn a_list_of_runs() {
    let mut changed = summary(7);
    changed.ending = Some(Ending::plain(Outcome::Changed));
    changed.ended_at = Some(ago(60));
    changed.hosts = HostTotals { total: 3, changed: 2, failed: 0, unreachable: 0 };
    let mut failed = summary(12);
    failed.trigger = Trigger::Person;
    failed.requested_by = Some("ann".to_owned());
    failed.ending = Some(Ending::plain(Outcome::Failed));
    failed.ended_at = Some(ago(130));
    failed.hosts = HostTotals { total: 3, changed: 0, failed: 1, unreachable: 1 };
    check(
        runs_page(&RunList { runs: vec![failed, changed], more: true }, now()),
        "\
RUN  STACK      OUTCOME  REVISION         MODE   WHY           HOSTS                       STARTED  TOOK
 12  infra/web  failed   main@4f2a9c01d7  apply  ann asked     3: 1 failed, 1 unreachable  2m ago   2.0s
  7  infra/web  changed  main@4f2a9c01d7  apply  new revision  3: 2 changed                2m ago   1m 12s
older ones: --before 7
",
    );
    check(runs_page(&RunList { runs: Vec::new(), more: false }, now()), "no run yet\n");
}

pub(super) fn result(host: &str, status: ResultStatus, changed: bool) -> TaskResult {
    TaskResult {
        host: HostName::new(host),
        task: 1,
        item: None,
        status,
        changed,
        duration_ms: 1250,
        module: String::new(),
        for_real: false,
        blind: false,
        no_log: false,
        delegated_to: None,
        items: 0,
        satisfied: false,
        tainted: false,
        diff_digest: String::new(),
        detail: None,
    }
}

#[test]
fn a_failed_run_as_the_documentation_shows_it() {
    let mut view = view(7);
    let run = &mut view.run;
    run.spec.trigger = Trigger::Retry;
    run.spec.failures_before = 1;
    run.reason = "the last apply of this revision failed".to_owned();
    run.ended_at = Some(ago(60));
    let reason = Reason::HostsFailed { failed: 1, unreachable: 0, of: 2 };
    run.ending = Some(Ending::because(Outcome::Failed, reason));
    run.hosts = [
        (HostName::new("web1"), HostStats { ok: 5, changed: 1, skipped: 1, ..HostStats::default() }),
        (HostName::new("web2"), HostStats { ok: 3, failed: 1, unfinished: true, ..HostStats::default() }),
    ]
    .into();
    let mut start = task("start nginx", 14);
    start.action = "service".to_owned();
    let msg = "Unable to start service nginx: Job for nginx.service failed".to_owned();
    let mut said = result("web2", ResultStatus::Failed, false);
    said.detail = Some(Box::new(Detail { msg, ..Detail::default() }));
    view.notable = vec![
        NotableResult::new(task("write the configuration", 7), &result("web1", ResultStatus::Ok, true)),
        NotableResult::new(start, &said),
    ];
    let text = text(run_page(&view, Shown::default(), now()));
    let documented = include_str!("../../../docs/run.md");
    assert!(
        documented.contains(&format!("$ driftless show 7\n{text}")),
        "docs/run.md shows something else than\n{text}"
    );
}

#[test]
fn a_narrowed_run_says_what_it_covers_and_what_its_record_lacks() {
    let mut view = view(9);
    view.run.spec.requested_by = Some("ann".to_owned());
    view.run.spec.limit = Some("web*".to_owned());
    view.run.spec.tags = vec!["a".to_owned(), "b".to_owned()];
    view.run.spec.selection = Selection::SomeTasks;
    view.run.runtime = Some("b1946ac9".to_owned());
    view.run.results_left_out = 40;
    view.run.events_lost = 2;
    view.events_expired = true;
    for index in 0..3 {
        let mut one = result("web1", ResultStatus::Ok, true);
        one.item = Some(ItemId { index, digest: String::new() });
        view.notable.push(NotableResult::new(task("", 3), &one));
    }
    view.notable.push(NotableResult::new(task("ask", 9), &result("web2", ResultStatus::Ignored, false)));
    check(
        run_page(&view, Shown::default(), now()),
        "\
run 9  infra/web  live
  revision   main@sha1:4f2a9c01d74f2a9c01d74f2a9c01d74f2a9c01d7
  mode       apply (new revision)
  why        main@4f2a9c01d7 was not attempted yet
  asked by   ann
  started    2026-11-23 13:38:00 UTC, running for 2m 12s
  playbook   site.yml on inventories/production
  limit      web*
  tags       a, b
  covers     some tasks: it counts as applied on no host
  ansible    ansible-core 2.19.14, of the system, runtime b1946ac9

HOST  OK  CHANGED  UNREACHABLE  FAILED  SKIPPED  RESCUED  IGNORED
web1   5        0            0       0        0        0        0
web2   5        0            0       0        0        0        0

changed
  nginx : template, 3 items  roles/nginx/tasks/main.yml:3
    web1

tolerated or not seen
  failed, tolerated: nginx : ask (template)  roles/nginx/tasks/main.yml:9
    web2

40 more results are not listed; `driftless logs 9` has them
2 events could not be recorded; what is above is not all
its events are not kept any more
",
    );
}

#[test]
fn the_notes_of_a_run_are_shown() {
    let mut view = view(9);
    let mut ending = Ending::because(Outcome::Changed, Reason::NoHosts);
    ending.notes = vec!["the run changed 1 file of its own checkout (x)".to_owned()];
    view.run.ending = Some(ending);
    let text = text(run_page(&view, Shown::default(), now()));
    assert!(text.ends_with("\n\nthe run changed 1 file of its own checkout (x)\n"), "{text}");
}

fn event(kind: RunEventKind) -> RunEvent {
    RunEvent { at: Timestamp::UNIX_EPOCH, kind }
}

/// Events of a small run, among them some of every kind that matters.
fn events() -> Vec<RunEvent> {
    let started = |number, name: &str, handler| RunEventKind::TaskStarted {
        task: number,
        identity: task(name, 7),
        handler,
    };
    let mut late = result("web2", ResultStatus::Unreachable, false);
    late.task = 1;
    let mut item = result("web1", ResultStatus::Ok, true);
    item.item = Some(ItemId { index: 0, digest: String::new() });
    item.task = 2;
    item.no_log = true;
    let stats = vec![(HostName::new("web1"), HostStats { ok: 2, changed: 1, ..HostStats::default() })];
    vec![
        event(RunEventKind::Hello { ansible: "2.19.14".to_owned(), python: "3.13.0".to_owned() }),
        event(RunEventKind::PlaybookStarted { plays: 1 }),
        event(RunEventKind::PlayStarted {
            name: "web servers".to_owned(),
            hosts: 2,
            unknown: vec!["wbe".to_owned()],
            dynamic: false,
        }),
        event(started(1, "write", false)),
        event(RunEventKind::TaskEnded(result("web1", ResultStatus::Ok, true))),
        event(RunEventKind::Notified {
            host: HostName::new("web1"),
            handler: "restart".to_owned(),
            task: 0,
            play: 0,
            section: 0,
            dynamic: false,
        }),
        event(started(2, "restart", true)),
        event(RunEventKind::ItemEnded(item)),
        event(RunEventKind::Retried { host: HostName::new("web1"), task: 2, attempt: 1, retries: 3 }),
        event(RunEventKind::TaskEnded(late)),
        event(RunEventKind::Stats { hosts: stats }),
    ]
}

#[test]
fn events_read_like_the_output_of_ansible() {
    let wanted = "\
ansible-core 2.19.14, Python 3.13.0
playbook with 1 play
▶ PLAY web servers  2 hosts
  names nothing that exists: wbe
TASK nginx : write (template)  roles/nginx/tasks/main.yml:7
  ~ changed     web1  1.2s
  → web1 notifies restart
HANDLER nginx : restart (template)  roles/nginx/tasks/main.yml:7
  ~ changed     web1 (item 1, no_log)  1.2s
  ↻ web1 tries again: attempt 1 of 3 failed
TASK nginx : write (template)  roles/nginx/tasks/main.yml:7
  ✗ unreachable web2  1.2s
▶ RECAP
HOST  OK  CHANGED  UNREACHABLE  FAILED  SKIPPED  RESCUED  IGNORED
web1   2        1            0       0        0        0        0
";
    check(EventPages::default().page(&events()), wanted);
    let mut one_by_one = EventPages::default();
    let text: String = events().iter().map(|it| text(one_by_one.page(std::slice::from_ref(it)))).collect();
    assert_eq!(text, wanted, "the same whether they come together or one by one");
}

#[test]
fn errors_of_ansible_are_lines_too() {
    let error = RunEventKind::Error {
        class: "AnsibleParserError".to_owned(),
        place: Some("site.yml:3".to_owned()),
        message: None,
    };
    let unparsed = RunEventKind::InventoryUnparsed { source: "hosts\u{1b}[2J".to_owned() };
    check(
        EventPages::default().page(&[event(error), event(unparsed), event(RunEventKind::NoHostsMatched)]),
        "ERROR site.yml:3: AnsibleParserError\n\
         ERROR the inventory hosts\\u{1b}[2J cannot be read\n  no host matches this play\n",
    );
}

#[test]
fn an_explanation_is_a_sentence_and_its_facts() {
    let explanation = Explanation {
        stack: stack_id("infra/web"),
        next: "nothing runs until Git moves".to_owned(),
        because: vec!["the head is applied".to_owned(), "it is not suspended".to_owned()],
    };
    check(
        explanation_page(&explanation, now()),
        "infra/web: nothing runs until Git moves\nbecause\n  - the head is applied\n  - it is not suspended\n",
    );
}

#[test]
fn what_waits_for_approval_is_shown_with_the_command_that_accepts_it() {
    let mut status = status();
    let infra = "infra".parse().expect("a source");
    check(waiting_page(&status, &infra).expect("a source"), "nothing of infra waits for approval\n");
    assert!(waiting_page(&status, &"lab".parse().expect("a name")).is_none());
    status.sources[0].waiting = Some(revision());
    let text = text(waiting_page(&status, &infra).expect("a source"));
    assert!(text.ends_with(&format!("  driftless approve infra {}\n", revision().commit)), "{text}");
}
