//! The recorder: what a run's events become.

use super::fixture::*;
use crate::domain::*;
use crate::store::{NOTABLE_MAX, Recorder};

fn ended(host: &str, task: TaskNumber, status: ResultStatus, changed: bool) -> RunEvent {
    event(1, RunEventKind::TaskEnded(result(host, task, status, changed)))
}

fn recorder(dir: &tempfile::TempDir) -> Recorder {
    std::fs::create_dir(dir.path().join("events")).expect("a directory");
    Recorder::create(dir.path(), RunId(1), None).expect("a recorder")
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
        item(ResultStatus::Failed, false),
    ]);
    let progress = recorder.take_progress().expect("progress");
    let picked: Vec<_> = progress.notable.iter().map(|it| (it.seq, it.result.host.as_str())).collect();
    assert_eq!(picked, [(0, "h1"), (1, "h2"), (2, "h3"), (3, "h4"), (4, "h6")]);
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
    let (tally, progress) = recorder.finish();
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
    let (tally, rest) = recorder.finish();
    assert_eq!((progress.notable.len() + rest.notable.len()) as u64, u64::from(NOTABLE_MAX));
    assert_eq!(tally.results, u64::from(2 * NOTABLE_MAX) + 501);
    assert_eq!(rest.left_out + u64::from(NOTABLE_MAX), tally.results);
}
