//! Forgetting, by age and by size.

use std::fs;
use std::sync::Arc;

use super::fixture::*;
use super::opening::await_free;
use crate::domain::*;
use crate::store::{RetentionPolicy, RunFilter, Store};

const DAY: i64 = 86_400;

const KEEP_ALL: RetentionPolicy = RetentionPolicy {
    max_age: Span::from_hours(24 * 10_000),
    max_bytes: u64::MAX,
    journal_max_age: Span::from_hours(24 * 10_000),
    events_max_age: Span::from_hours(24 * 10_000),
    raw_max_age: Span::from_hours(24 * 10_000),
};

fn days(days: i64) -> Span {
    Span::from_hours(24 * days)
}

/// A run with events, raw output and notable results of some size.
async fn large_run(store: &Store, run: u64, name: &str, begin: i64) {
    store.journal(at(begin), &Event::Tick, &[start(run, name, Mode::Apply)], &[]).await.expect("journaled");
    let mut recorder = store.recorder(&spec(run, name, Mode::Apply), Some(1 << 20)).expect("a recorder");
    let host = |it| format!("host{it}.{}", run * 7919);
    recorder.record(&[task(1)]);
    for it in 0..300 {
        let done = result(&host(it), 1, ResultStatus::Ok, true);
        recorder.record(&[event(i64::from(it), RunEventKind::TaskEnded(done))]);
        let noise: Vec<u8> = (0..200_u32).map(|at| (at * it * 31 + at.pow(2)).to_le_bytes()[0]).collect();
        recorder.record_raw(&noise);
    }
    let progress = recorder.finish().progress;
    store.progress(RunId(run), Arc::new(progress)).await.expect("progress");
    let end = finished(run, Ending::plain(Outcome::Changed));
    store.journal(at(begin + 2), &end, &[], &[]).await.expect("journaled");
}

async fn ids(store: &Store) -> Vec<u64> {
    let filter = RunFilter { limit: 1000, hosts: false, ..RunFilter::default() };
    store.runs(filter).await.expect("runs").iter().map(|it| it.spec.run.0).rev().collect()
}

fn files(store: &Store, dir: &str) -> Vec<String> {
    let entries = fs::read_dir(store.dir().join(dir)).expect("a directory");
    let mut names: Vec<_> =
        entries.map(|it| it.expect("an entry").file_name().into_string().expect("a name")).collect();
    names.sort();
    names
}

#[tokio::test]
async fn what_is_old_is_forgotten_and_the_last_of_each_kind_is_kept() {
    let dir = directory();
    let (store, _) = open(&dir);
    store.journal(at(0), &Event::Tick, &[], &facts(0)).await.expect("journaled");
    large_run(&store, 1, "web", DAY).await;
    large_run(&store, 2, "web", 2 * DAY).await;
    whole_run(&store, 3, "web", Mode::Check, 3 * DAY, Outcome::InSync).await;
    large_run(&store, 4, "db", 4 * DAY).await;
    large_run(&store, 5, "web", 40 * DAY).await;
    large_run(&store, 6, "web", 41 * DAY).await;
    store.journal(at(DAY), &Event::Tick, &[start(7, "db", Mode::Check)], &[]).await.expect("journaled");
    let totals = store.totals().await.expect("totals");
    let ends = store.last_ends().await.expect("last ends");
    let memory = store.recover().await.expect("recovered").memory;

    let now = at(50 * DAY);
    let policy = RetentionPolicy {
        max_age: days(30),
        journal_max_age: days(20),
        raw_max_age: Span::from_hours(228),
        ..KEEP_ALL
    };
    let removed = store.retain(now, policy).await.expect("retained");
    assert_eq!(
        ids(&store).await,
        [3, 4, 5, 6, 7],
        "the last check, the last of db, what is young, what is live"
    );
    assert_eq!(removed.runs, 2);
    assert_eq!(files(&store, "events"), ["4.jsonl.zst", "5.jsonl.zst", "6.jsonl.zst"]);
    assert_eq!(files(&store, "raw"), ["6.log.zst"], "raw output has its own age");
    assert_eq!(removed.raw_files, 4);
    let journal = store.journal_tail(100).await.expect("the journal");
    assert!(journal.iter().all(|it| it.at >= at(30 * DAY)));
    assert_eq!(journal.len(), 4);
    assert_eq!(removed.journal_entries, 10);
    assert!(removed.bytes > 0);

    assert_eq!(store.totals().await.expect("totals"), totals, "counters only grow");
    assert_eq!(store.last_ends().await.expect("last ends"), ends);
    assert_eq!(store.recover().await.expect("recovered").memory, memory, "no fact is forgotten");
    assert_eq!(store.results(RunId(1)).await.expect("results"), []);
    assert_eq!(store.results(RunId(5)).await.expect("results").len(), 300);

    assert_eq!(store.retain(now, policy).await.expect("retained").runs, 0, "nothing is left to forget");
}

#[tokio::test]
async fn beyond_the_size_raw_output_goes_first_then_the_oldest_runs_and_the_disk_has_its_room_back() {
    let dir = directory();
    let (store, _) = open(&dir);
    for run in 1..=40 {
        large_run(&store, run, if run == 1 { "db" } else { "web" }, 10 * i64::try_from(run).expect("small"))
            .await;
    }
    assert_eq!(store.retain(at(DAY), KEEP_ALL).await.expect("retained").runs, 0);
    let database = dir.path().join("driftless.db");
    let full = store.bytes().await.expect("measured");
    let length = fs::metadata(&database).expect("the database").len();

    let raw: u64 = (1..=40).map(|it| size(&store, &format!("raw/{it}.log.zst"))).sum();
    let policy = RetentionPolicy { max_bytes: full - raw / 2, ..KEEP_ALL };
    let removed = store.retain(at(DAY), policy).await.expect("retained");
    assert_eq!((removed.runs, removed.journal_entries), (0, 0), "half of the raw output was enough");
    assert!((15..=25).contains(&removed.raw_files), "{removed:?}");
    assert!(!store.dir().join("raw/1.log.zst").exists());
    assert!(store.dir().join("raw/40.log.zst").exists());

    let policy = RetentionPolicy { max_bytes: full / 3, ..KEEP_ALL };
    let removed = store.retain(at(DAY), policy).await.expect("retained");
    assert!(store.bytes().await.expect("measured") <= full / 3);
    let left = ids(&store).await;
    assert_eq!(left[0], 1, "the last of its kind");
    assert_eq!(left[1..].to_vec(), (42 - left.len() as u64..=40).collect::<Vec<_>>(), "the oldest went");
    assert_eq!(removed.runs + left.len() as u64, 40);
    assert!(left.len() > 5, "not more than was needed: {left:?}");
    let now = fs::metadata(&database).expect("the database").len();
    assert!(now < length * 2 / 3, "{now} of {length} bytes on the disk");
    assert_eq!(size(&store, "driftless.db-wal"), 0);
}

fn size(store: &Store, name: &str) -> u64 {
    fs::metadata(store.dir().join(name)).expect("a file").len()
}

#[tokio::test]
async fn others_write_while_much_is_forgotten() {
    let dir = directory();
    let (store, _) = open(&dir);
    for run in 1..=300 {
        whole_run(&store, run, "web", Mode::Apply, 0, Outcome::Changed).await;
    }
    let retaining = tokio::spawn({
        let store = store.clone();
        async move { store.retain(at(DAY), RetentionPolicy { max_age: Span::ZERO, ..KEEP_ALL }).await }
    });
    let mut meanwhile = 0;
    while !retaining.is_finished() {
        store.probe().await.expect("it writes");
        meanwhile += 1;
    }
    assert_eq!(retaining.await.expect("ended").expect("retained").runs, 299);
    assert!(meanwhile > 3, "{meanwhile} writes had their turn");
}

#[test]
fn files_of_no_run_are_removed_at_start_and_others_left_alone() {
    let dir = directory();
    let (store, _) = open(&dir);
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(large_run(&store, 1, "web", 0));
    drop(store);
    await_free(&dir);
    for name in ["events/9.jsonl.zst", "raw/9.log.zst", "events/notes.txt"] {
        fs::write(dir.path().join(name), "left over").expect("written");
    }
    let (store, _) = open(&dir);
    assert_eq!(files(&store, "events"), ["1.jsonl.zst", "notes.txt"]);
    assert_eq!(files(&store, "raw"), ["1.log.zst"]);
}

#[tokio::test]
async fn events_have_a_window_of_their_own_and_those_of_the_last_run_stay() {
    let dir = directory();
    let (store, _) = open(&dir);
    for run in 1..=3 {
        large_run(&store, run, "web", i64::try_from(run).expect("small") * DAY).await;
    }
    let policy = RetentionPolicy { events_max_age: days(1), ..KEEP_ALL };
    let removed = store.retain(at(10 * DAY), policy).await.expect("retained");
    assert_eq!((removed.runs, removed.event_files, removed.raw_files), (0, 2, 0));
    assert_eq!(files(&store, "events"), ["3.jsonl.zst"]);
    assert_eq!(ids(&store).await, [1, 2, 3]);
    assert!(!store.results(RunId(1)).await.expect("read").is_empty(), "what changed stays with the run");
    assert!(store.events(RunId(1), 0).expect("looked").is_none());
}

/// What is forgotten is room on the disk again: the files of the database are measured, not what it says of itself.
#[tokio::test]
async fn the_disk_gets_the_room_back() {
    use std::os::unix::fs::MetadataExt as _;
    let dir = directory();
    let (store, _) = open(&dir);
    let on_disk = || {
        let names = ["driftless.db", "driftless.db-wal"];
        let blocks = |it: &&str| fs::metadata(dir.path().join(it)).map_or(0, |it| it.blocks() * 512);
        names.iter().map(blocks).sum::<u64>()
    };
    for run in 1..=40 {
        large_run(&store, run, "web", i64::try_from(run).expect("small")).await;
    }
    let full = on_disk();
    store
        .retain(at(DAY), RetentionPolicy { max_age: Span::from_hours(1), ..KEEP_ALL })
        .await
        .expect("retained");
    let left = on_disk();
    assert!(left < full / 4, "{full} bytes became {left}");
}
