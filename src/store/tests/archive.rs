//! Backups and what is restored from them.

use std::path::Path;

use tempfile::TempDir;

use super::fixture::*;
use crate::domain::*;
use crate::store::archive::{ArchiveError, Restore, Restored, verify};
use crate::store::events::EventReader;
use crate::store::{BackupWanted, Store, StoreError};

const ALL: BackupWanted = BackupWanted { logs: true, key: false };

async fn backup(store: &Store, wanted: BackupWanted) -> Vec<u8> {
    let backup = store.begin_backup(at(100), wanted).await.expect("a backup begins");
    let mut file = Vec::new();
    backup.write(&mut file).expect("it is written");
    verify(file.as_slice()).expect("it is whole");
    file
}

fn restore(file: &[u8], dir: &Path) -> Result<Restored, ArchiveError> {
    let (dir, aside) = (dir.to_owned(), "aside".to_owned());
    Restore { dir, replace: false, aside, checkpoints: Vec::new() }.perform(file)
}

/// A store with a run that ended, with events and raw output, and one that is live.
async fn lived(dir: &TempDir) -> (Store, crate::store::Recorder) {
    let (store, _) = open(dir);
    let mut recorder = store.recorder(&spec(1, "web", Mode::Apply), Some(1 << 20)).expect("a recorder");
    recorder.record(&[task(0)]);
    recorder.record_raw(b"hello\n");
    recorder.finish();
    whole_run(&store, 1, "web", Mode::Apply, 10, Outcome::Changed).await;
    store.journal(at(20), &Event::Tick, &[start(2, "web", Mode::Apply)], &facts(2)).await.expect("recorded");
    let mut live = store.recorder(&spec(2, "web", Mode::Apply), None).expect("a recorder");
    live.record(&[task(0)]);
    live.flush();
    (store, live)
}

#[tokio::test]
async fn what_is_restored_is_what_was_backed_up_and_says_so_until_a_daemon_recorded_it() {
    let (dir, parent) = (directory(), directory());
    let (store, mut live) = lived(&dir).await;
    let file = backup(&store, ALL).await;
    // What comes later is not in it.
    whole_run(&store, 3, "db", Mode::Check, 30, Outcome::InSync).await;
    live.record(&[task(1)]);
    let before = store.recover().await.expect("read");

    let into = parent.path().join("store");
    let restored = restore(&file, &into).expect("it is restored");
    assert_eq!((restored.backup.header.logs, restored.aside, restored.ahead), (true, None, None));
    let (again, recovered) = Store::open(&into, SETTINGS).expect("it opens");
    assert_eq!(recovered.restored, Some(at(100)));
    assert_eq!(recovered.seed, before.seed);
    assert_eq!(recovered.live.iter().map(|it| it.spec.run.0).collect::<Vec<_>>(), [2]);
    assert_eq!(again.run(RunId(3)).await.expect("read"), None);
    assert_eq!(again.run(RunId(1)).await.expect("read").map(|it| it.hosts.len()), Some(0));
    for run in [1, 2] {
        let mut events = EventReader::open(&into, RunId(run), 0).expect("opened").expect("they are there");
        assert_eq!(events.next_events().expect("read").map(|it| it.len()), Some(1), "run {run}");
    }
    assert!(into.join("raw/1.log.zst").exists());
    let vacuum =
        again.read(|db| Ok(db.pragma_query_value(None, "auto_vacuum", |it| it.get::<_, u32>(0)).unwrap()));
    assert_eq!(vacuum.await.expect("asked"), 2, "room is still given back piece by piece");

    again.journal(at(200), &Event::Restored { made: at(100) }, &[], &[]).await.expect("recorded");
    let chain = again.audit_verify(Vec::new(), None).await.expect("read").expect("the chain holds");
    assert_eq!(chain.head.size, restored.verified.head.size + 1, "the restore is in it");
    assert_eq!(again.recover().await.expect("read").restored, None);
}

#[tokio::test]
async fn the_key_of_variables_is_left_out_unless_it_is_wanted() {
    let (dir, parent) = (directory(), directory());
    let (store, _live) = lived(&dir).await;
    store.audit_key().expect("it is made");
    let key = std::fs::read(dir.path().join("driftless.key")).expect("there is a key");
    let plain = backup(&store, BackupWanted { logs: false, key: false }).await;
    let with = backup(&store, BackupWanted { logs: false, key: true }).await;

    let into = parent.path().join("plain");
    restore(&plain, &into).expect("restored");
    assert!(into.join("audit.key").exists(), "without it the chain would not go on");
    assert!(!into.join("driftless.key").exists() && !into.join("events/1.jsonl.zst").exists());
    let into = parent.path().join("with");
    restore(&with, &into).expect("restored");
    assert_eq!(std::fs::read(into.join("driftless.key")).expect("it is there"), key);
}

#[tokio::test]
async fn a_state_that_is_there_is_only_replaced_on_demand_and_kept_beside() {
    let (dir, parent) = (directory(), directory());
    let (store, _live) = lived(&dir).await;
    let file = backup(&store, ALL).await;
    let into = parent.path().join("store");
    std::fs::create_dir(&into).expect("made");
    restore(&file, &into).expect("an empty directory is no state");
    let key = |dir: &Path| std::fs::read(dir.join("driftless.key")).ok();
    let (again, _) = Store::open(&into, SETTINGS).expect("it opens");
    let mine = key(&into);
    let again_error = restore(&file, &into).expect_err("a daemon uses it");
    assert!(matches!(again_error, ArchiveError::Store(StoreError::Locked { .. })), "{again_error}");
    again.close().await;
    let error = restore(&file, &into).expect_err("there is a state");
    assert!(matches!(error, ArchiveError::Occupied { .. }), "{error}");

    let replace =
        Restore { dir: into.clone(), replace: true, aside: "aside".to_owned(), checkpoints: Vec::new() };
    let restored = replace.perform(file.as_slice()).expect("replaced");
    assert!(restored.key_kept && restored.aside.as_ref().is_some_and(|it| it.join("driftless.db").exists()));
    assert_eq!(key(&into), mine);
    assert!(!parent.path().join("store.restoring").exists());
}

#[tokio::test]
async fn every_damage_is_seen_and_nothing_is_left_of_the_try() {
    let (dir, parent) = (directory(), directory());
    let (store, _live) = lived(&dir).await;
    let file = backup(&store, ALL).await;
    let into = parent.path().join("store");
    for at in (0..file.len()).step_by(file.len() / 40 + 1) {
        let mut bad = file.clone();
        bad[at] ^= 0x10;
        assert!(restore(&bad, &into).is_err(), "byte {at} of {} was changed", file.len());
        assert!(restore(&file[..at], &into).is_err(), "it was cut at {at}");
        assert!(!into.exists() && !parent.path().join("store.restoring").exists());
    }
    let error = restore(b"something else", &into).expect_err("it is none");
    assert!(matches!(error, ArchiveError::Foreign(_)), "{error}");
    restore(&file, &into).expect("the whole one is restored");
}

#[tokio::test]
async fn one_backup_at_a_time_and_none_without_room() {
    let dir = directory();
    let (store, _live) = lived(&dir).await;
    let first = store.begin_backup(at(1), ALL).await.expect("it begins");
    let error = store.begin_backup(at(1), ALL).await.expect_err("one at a time");
    assert!(matches!(error, StoreError::BackupUnderWay));
    drop(first);
    store.begin_backup(at(1), ALL).await.expect("the first was given up");
    assert_eq!(std::fs::read_dir(dir.path().join("backups")).expect("read").count(), 0, "copies are removed");
    store.close().await;
    let settings = crate::store::StoreSettings { ballast_bytes: 0, free_floor_bytes: u64::MAX };
    let (store, _) = Store::open(dir.path(), settings).expect("it opens");
    let error = store.begin_backup(at(1), ALL).await.expect_err("there is no room");
    assert!(matches!(error, StoreError::NoRoom { .. }), "{error}");
}

/// Under load, again and again: each backup is a prefix of what happened, and its chain one of the chain.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn backups_under_load_are_prefixes_and_block_nobody() {
    let (dir, parent) = (directory(), directory());
    let (store, _) = open(&dir);
    let busy = store.clone();
    let (stop, mut stopped) = tokio::sync::oneshot::channel::<()>();
    let load = tokio::spawn(async move {
        let (mut run, mut slowest) = (1, std::time::Duration::ZERO);
        while stopped.try_recv().is_err() {
            let begun = std::time::Instant::now();
            let second = i64::try_from(run).expect("small") * 10;
            whole_run(&busy, run, "web", Mode::Apply, second, Outcome::Changed).await;
            slowest = slowest.max(begun.elapsed());
            run += 1;
        }
        (run, slowest)
    });
    let mut last = 0;
    for round in 0..20 {
        let file = backup(&store, BackupWanted { logs: true, key: true }).await;
        let into = parent.path().join(round.to_string());
        restore(&file, &into).expect("restored");
        let (again, recovered) = Store::open(&into, SETTINGS).expect("it opens");
        let known = again.runs(crate::store::RunFilter::default()).await.expect("read");
        let newest = known.iter().map(|it| it.spec.run.0).max().unwrap_or(0);
        assert!(last <= newest);
        last = newest;
        assert!(recovered.live.len() <= 1, "at most one was live");
        for run in known {
            let now = store.run(run.spec.run).await.expect("read").expect("it happened");
            assert!(run == now || run.ending.is_none(), "{run:?} {now:?}");
        }
        let chain = again.audit_verify(Vec::new(), None).await.expect("read").expect("it holds");
        let filter = crate::store::AuditFilter { from: chain.head.size, count: 1, ..Default::default() };
        let here = store.audit_records(filter).await.expect("read");
        let hash = here.first().and_then(|it| it.as_ref().ok()).map(|it| it.hash);
        assert!(chain.head.size == 0 || hash == Some(chain.head.hash));
        again.close().await;
    }
    stop.send(()).expect("it runs");
    let (runs, slowest) = load.await.expect("it ends");
    assert!(20 < runs, "only {runs} runs");
    println!("{runs} runs beside 20 backups, the slowest took {slowest:?}");
}

/// How long writes wait while the database is copied. Prints; `cargo test -- --ignored --nocapture copied`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures"]
async fn writes_while_a_large_database_is_copied() {
    let dir = directory();
    let (store, _) = open(&dir);
    let noise: String =
        (0..100_000_u64).map(|it| char::from(b'a' + (it.wrapping_mul(it) % 26).to_le_bytes()[0])).collect();
    store
        .write(move |db| {
            for at in 0..4000 {
                let event = format!("{at}{noise}");
                db.execute("INSERT INTO journal (at, event, decisions) VALUES (?1, ?2, '[]')", (at, event))
                    .expect("inserted");
            }
            Ok(())
        })
        .await
        .expect("written");
    let begun = std::time::Instant::now();
    let wanted = BackupWanted { logs: true, key: false };
    let busy = store.clone();
    let copied = tokio::spawn(async move {
        let backup = busy.begin_backup(at(1), wanted).await.expect("it begins");
        let copied = begun.elapsed();
        tokio::task::spawn_blocking(move || backup.write(std::io::sink()))
            .await
            .expect("joined")
            .expect("written");
        (copied, begun.elapsed())
    });
    let mut waits = Vec::new();
    while !copied.is_finished() {
        let asked = std::time::Instant::now();
        store.journal(at(2), &Event::ShutdownRequested, &[], &[]).await.expect("journaled");
        waits.push(asked.elapsed());
    }
    waits.sort_unstable();
    let (copied, whole) = copied.await.expect("it ends");
    let bytes = store.bytes().await.expect("measured") >> 20;
    let (median, p99, most) = (waits[waits.len() / 2], waits[waits.len() * 99 / 100], waits[waits.len() - 1]);
    println!("{bytes} MiB copied and verified in {copied:?}, written in {whole:?}");
    println!("{} writes meanwhile: median {median:?}, p99 {p99:?}, longest {most:?}", waits.len());
}
