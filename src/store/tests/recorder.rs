//! The recorder: what a run's events become.

use super::fixture::*;
use crate::domain::*;
use crate::store::{EventReader, NOTABLE_MAX, Recorded, Recorder, TEXT_MAX};

fn ended(host: &str, task: TaskNumber, status: ResultStatus, changed: bool) -> RunEvent {
    event(1, RunEventKind::TaskEnded(result(host, task, status, changed)))
}

fn recorder(dir: &tempfile::TempDir) -> Recorder {
    recorder_of(dir, &spec(1, "web", Mode::Apply))
}

fn recorder_of(dir: &tempfile::TempDir, spec: &RunSpec) -> Recorder {
    std::fs::create_dir(dir.path().join("events")).expect("a directory");
    Recorder::create(dir.path(), spec, None).expect("a recorder")
}

#[test]
fn only_notable_results_are_picked_and_each_once() {
    let dir = directory();
    let mut recorder = recorder(&dir);
    assert_eq!(recorder.take_progress(), None, "nothing new");
    let hello = RunEventKind::Hello { ansible: "2.19.14".to_owned(), python: "3.12.1".to_owned() };
    let item = |status, changed| {
        let id = ItemId { index: 3, digest: String::new() };
        event(1, RunEventKind::ItemEnded(TaskResult { item: Some(id), ..result("h6", 1, status, changed) }))
    };
    recorder.record(&[
        event(0, hello),
        task(1),
        ended("h0", 1, ResultStatus::Ok, false),
        ended("h1", 1, ResultStatus::Ok, true),
        ended("h2", 1, ResultStatus::Failed, false),
        ended("h3", 1, ResultStatus::Ignored, false),
        ended("h4", 1, ResultStatus::Unreachable, false),
        ended("h5", 1, ResultStatus::Skipped, false),
        item(ResultStatus::Ok, true),
        item(ResultStatus::Ok, false),
        item(ResultStatus::Failed, false),
        event(1, RunEventKind::TaskEnded(TaskResult { items: 3, ..result("h5", 1, ResultStatus::Ok, true) })),
    ]);
    let progress = recorder.take_progress().expect("progress");
    let picked: Vec<_> = progress.notable.iter().map(|it| (it.seq, it.result.host.as_str())).collect();
    assert_eq!(picked, [(0, "h1"), (1, "h2"), (2, "h3"), (3, "h4"), (4, "h6"), (5, "h6")]);
    assert!(progress.notable.iter().all(|it| it.task.name == "task 1"));
    assert_eq!(progress.hosts.len(), 6, "an item is not a result of its own");
    assert_eq!(progress.ansible_version.as_deref(), Some("2.19.14"));
    assert_eq!(recorder.take_progress(), None, "nothing new");

    recorder.record(&[ended("h0", 1, ResultStatus::Ok, false)]);
    let progress = recorder.take_progress().expect("progress");
    assert_eq!(progress.hosts, [(HostName::new("h0"), HostStats { ok: 2, ..HostStats::default() })].into());
    assert_eq!(progress.notable, []);
}

#[test]
fn ansibles_own_recap_is_the_last_word() {
    let dir = directory();
    let mut recorder = recorder(&dir);
    recorder.record(&[task(1), ended("h1", 1, ResultStatus::Failed, false)]);
    let rescued = HostStats { ok: 5, rescued: 1, ..HostStats::default() };
    recorder.record(&[event(2, RunEventKind::Stats { hosts: vec![(HostName::new("h1"), rescued)] })]);
    let Recorded { tally, progress, .. } = recorder.finish();
    assert!(tally.stats);
    assert_eq!(progress.hosts, [(HostName::new("h1"), rescued)].into());
    assert_eq!(tally.hosts, progress.hosts);
}

#[test]
fn changes_do_not_crowd_failures_out_and_what_is_left_out_is_counted() {
    let dir = directory();
    let mut recorder = recorder(&dir);
    let changes: Vec<_> = (0..NOTABLE_MAX + 500).map(|it| ended("h", it, ResultStatus::Ok, true)).collect();
    recorder.record(&changes);
    recorder.record(&[ended("late", 1, ResultStatus::Failed, false)]);
    let progress = recorder.take_progress().expect("progress");
    assert_eq!(progress.notable.last().map(|it| it.result.host.as_str()), Some("late"));
    assert_eq!(progress.notable.len() as u64 + progress.left_out, u64::from(NOTABLE_MAX) + 501);

    let failures: Vec<_> = (0..NOTABLE_MAX).map(|it| ended("f", it, ResultStatus::Failed, false)).collect();
    recorder.record(&failures);
    let Recorded { tally, progress: rest, .. } = recorder.finish();
    assert_eq!((progress.notable.len() + rest.notable.len()) as u64, u64::from(NOTABLE_MAX));
    assert_eq!(tally.results, u64::from(2 * NOTABLE_MAX) + 501);
    assert_eq!(rest.left_out + u64::from(NOTABLE_MAX), tally.results);
}

#[test]
fn a_check_run_shows_what_would_change_and_what_could_not_be_seen() {
    let dir = directory();
    let mut recorder = recorder_of(&dir, &spec(1, "web", Mode::Check));
    let of = |host: &str, change: fn(&mut TaskResult)| {
        let mut it = result(host, 1, ResultStatus::Ok, false);
        change(&mut it);
        let kind = if it.item.is_some() { RunEventKind::ItemEnded(it) } else { RunEventKind::TaskEnded(it) };
        event(1, kind)
    };
    recorder.record(&[
        task(1),
        of("unchanged", |_| {}),
        of("would-change", |it| it.changed = true),
        of("blind", |it| (it.status, it.blind) = (ResultStatus::Skipped, true)),
        of("skipped", |it| it.status = ResultStatus::Skipped),
        of("satisfied", |it| (it.status, it.satisfied) = (ResultStatus::Skipped, true)),
        of("for-real", |it| it.for_real = true),
        of("tainted", |it| it.tainted = true),
        of("failed", |it| it.status = ResultStatus::Failed),
        of("gone", |it| it.status = ResultStatus::Unreachable),
        of("made", |it| (it.changed, it.module) = (true, "ansible.builtin.add_host".to_owned())),
        of("whole", |it| (it.changed, it.items) = (true, 1)),
        of("item", |it| {
            it.changed = true;
            it.item = Some(ItemId { index: 0, digest: "ab".to_owned() });
        }),
    ]);
    let Recorded { tally, findings, progress } = recorder.finish();
    let picked: Vec<_> = progress.notable.iter().map(|it| it.result.host.as_str()).collect();
    assert_eq!(picked, ["would-change", "blind", "for-real", "tainted", "failed", "gone", "item"]);
    assert_eq!(
        findings.changes.iter().map(|it| it.host.as_str()).collect::<Vec<_>>(),
        ["would-change", "item"]
    );
    assert_eq!(tally.would_change, findings.changes.len() as u64);
    let Coverage { would_change, unchanged, blind, tainted, ran_for_real, skipped, failed, .. } =
        findings.coverage;
    assert_eq!(
        [would_change, unchanged, blind, tainted, ran_for_real, skipped, failed],
        [2, 2, 1, 1, 1, 1, 1]
    );
}

#[test]
fn what_results_said_is_cut_in_the_record_and_whole_in_the_event_file() {
    let dir = directory();
    let mut recorder = recorder(&dir);
    let long = format!("{}{}", "ü".repeat(TEXT_MAX), "the end");
    let diff = Diff { path: "/etc/motd".to_owned(), before: long.clone(), ..Diff::default() };
    let detail = Detail {
        msg: "short".to_owned(),
        stdout: long.clone(),
        rc: Some(1),
        diff: vec![diff; 9],
        ..Detail::default()
    };
    let said = TaskResult {
        detail: Some(Box::new(detail.clone())),
        diff_digest: "ab".to_owned(),
        ..result("h1", 1, ResultStatus::Failed, false)
    };
    let events = vec![task(1), event(1, RunEventKind::TaskEnded(said.clone()))];
    recorder.record(&events);
    let kept = recorder.take_progress().expect("progress").notable.remove(0).result;
    let short = kept.detail.clone().expect("it said something");
    assert_eq!(TaskResult { detail: None, ..kept }, TaskResult { detail: None, ..said });
    assert_eq!((short.msg.as_str(), short.rc, short.cut), ("short", Some(1), true));
    assert!(
        short.stdout.len() < TEXT_MAX + 100 && short.stdout.ends_with("the end"),
        "{}",
        short.stdout.len()
    );
    assert!(short.stdout.contains("bytes left out]\n") && short.stdout.starts_with("ü"));
    assert_eq!(short.diff.len(), 3, "all differences together have a limit, too");

    // Each run has room for so much, and failures are shown all the same.
    for _ in 0..1000 {
        recorder.record(&events[1..]);
    }
    let Recorded { progress, .. } = recorder.finish();
    let bytes = |it: &Detail| it.stdout.len() + it.diff.iter().map(|it| it.before.len()).sum::<usize>();
    let all: usize = progress.notable.iter().filter_map(|it| it.result.detail.as_deref()).map(bytes).sum();
    assert!(16 << 20 < all && all < 33 << 20, "{all}");
    let last = progress.notable.last().and_then(|it| it.result.detail.as_deref());
    assert_eq!(last, Some(&Detail { rc: Some(1), cut: true, ..Detail::default() }));

    let mut reader = EventReader::open(dir.path(), RunId(1), 0).expect("a file").expect("it is there");
    let read = reader.next_events().expect("it is read").expect("events");
    assert_eq!(read.first(), events.first());
    let RunEventKind::TaskEnded(it) = &read[1].kind else { panic!("{:?}", read[1]) };
    assert_eq!(it.detail.as_deref(), Some(&detail));
}

#[test]
fn what_a_crash_must_not_lose_is_in_the_file_at_once() {
    let dir = directory();
    let mut recorder = recorder(&dir);
    let read = || {
        let mut reader = EventReader::open(dir.path(), RunId(1), 0).expect("a file").expect("it is there");
        let mut count = 0;
        while let Some(events) = reader.next_events().expect("it is read") {
            count += events.len();
        }
        count
    };
    recorder.record(&[task(1), ended("h1", 1, ResultStatus::Ok, true)]);
    assert_eq!(read(), 0);
    let notified = RunEventKind::Notified {
        host: HostName::new("h1"),
        handler: "restart".to_owned(),
        task: 1,
        play: 0,
        section: 1,
        dynamic: false,
    };
    recorder.record(&[event(2, notified)]);
    assert_eq!(read(), 3);
    // And so is what the debt is.
    let Recorded { findings, .. } = recorder.finish();
    let owed = &findings.pending[&HostName::new("h1")][0];
    assert_eq!((owed.handler.as_str(), owed.run, owed.task.name.as_str()), ("restart", RunId(1), "task 1"));
}
