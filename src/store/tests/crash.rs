//! The process dies, or the machine: what was acknowledged is there, and nothing is there by half.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::fixture::*;
use crate::domain::*;
use crate::store::{Recovered, Store};

/// One event after the other, each with a start and facts that must come or stay away together.
async fn write(store: &Store, run: u64) {
    let decisions = [start(run, "web", Mode::Apply)];
    store.journal(at(1), &Event::Tick, &decisions, &facts(run)).await.expect("journaled");
}

/// How many writes are there. Each is there with all that belongs to it, and none is missing between.
async fn whole_writes(store: &Store, recovered: &Recovered) -> u64 {
    let count = recovered.live.len() as u64;
    assert_eq!(recovered.memory.next_run, count + 1, "facts and runs are of the same writes");
    let entries = store.journal_tail(u32::MAX).await.expect("the journal");
    assert_eq!(entries.len() as u64, count, "so is the journal");
    assert!(recovered.live.iter().map(|it| it.spec.run.0).eq(1..=count), "none is missing between");
    let chain = store.audit_verify(Vec::new(), None).await.expect("read").expect("the audit chain holds");
    assert_eq!(chain.head.size, count, "and has a record of each start");
    if count != 0 {
        let live = recovered.memory.stacks[&stack("web")].live.as_ref().expect("the last one");
        assert_eq!(live.run.0, count);
    }
    count
}

fn numbers(seed: u64) -> impl Iterator<Item = u64> {
    std::iter::successors(Some(seed), |it| Some(it.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1)))
        .map(|it| it >> 33)
}

/// The log of the database as it was at many moments, and cut off anywhere, as a power loss leaves it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_of_the_log_survives_what_was_acknowledged_is_there() {
    let dir = directory();
    let (store, _) = open(&dir);
    let (database, log) = (dir.path().join("driftless.db"), dir.path().join("driftless.db-wal"));
    let base = fs::read(&database).expect("the database");
    let mut images = Vec::new();
    for run in 1..=40 {
        let writing = tokio::spawn({
            let store = store.clone();
            async move { write(&store, run).await }
        });
        if run % 5 == 0 {
            images.push((run - 1, fs::read(&log).expect("the log, while it is written")));
        }
        writing.await.expect("written");
        images.push((run, fs::read(&log).expect("the log")));
    }
    assert!(fs::read(&database).expect("the database") == base, "all of it is still in the log");
    let longest = images.last().expect("an image").1.clone();
    for cut in numbers(7).take(40) {
        let length = usize::try_from(cut).expect("a length") % longest.len();
        let acknowledged = images.iter().filter(|(_, log)| log.len() <= length).map(|(run, _)| *run);
        images.push((acknowledged.max().unwrap_or(0), longest[..length].to_vec()));
    }
    for (acknowledged, log) in images {
        let copy = directory();
        fs::write(copy.path().join("driftless.db"), &base).expect("a copy");
        fs::write(copy.path().join("driftless.db-wal"), log).expect("a copy");
        let (store, recovered) = open(&copy);
        let found = whole_writes(&store, &recovered).await;
        assert!(found >= acknowledged, "{found} of {acknowledged}");
        store.close().await;
    }
}

/// The argument by which the test below starts itself as a process that is to be killed.
const VICTIM: &str = "driftless-store-victim=";

#[test]
fn after_kill_9_what_was_acknowledged_is_there() {
    let dir = directory();
    let state = dir.path().join("state");
    let mut known = 0;
    for more in numbers(3).take(12) {
        let mut victim = Command::new(std::env::current_exe().expect("this program"))
            .args(["--exact", "store::tests::crash::a_process_writes_until_it_is_killed", "--nocapture"])
            .arg(format!("{VICTIM}{}", dir.path().display()))
            .stdout(Stdio::null())
            .spawn()
            .expect("the victim starts");
        let enough = known + more % 150;
        let deadline = Instant::now() + Duration::from_secs(60);
        while acknowledged(dir.path()) < enough {
            assert!(Instant::now() < deadline, "it does not write");
            assert!(victim.try_wait().expect("a process").is_none(), "it ended by itself");
            std::thread::yield_now();
        }
        victim.kill().expect("killed");
        victim.wait().expect("dead");

        let promised = acknowledged(dir.path());
        let (store, recovered) = Store::open(&state, SETTINGS).expect("the directory is free, and well");
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        known = runtime.block_on(whole_writes(&store, &recovered));
        assert!(known >= promised, "{known} of {promised}");
        runtime.block_on(store.close());
    }
    assert!(known > 0);
}

fn acknowledged(dir: &Path) -> u64 {
    fs::metadata(dir.join("acknowledged")).map_or(0, |it| it.len())
}

/// Started with a directory, it writes there until somebody kills it; else a little, as any test.
#[tokio::test]
async fn a_process_writes_until_it_is_killed() {
    let own = directory();
    let given = std::env::args().find_map(|it| it.strip_prefix(VICTIM).map(PathBuf::from));
    let (dir, until) = given.map_or_else(|| (own.path().to_owned(), 10), |dir| (dir, u64::MAX));
    let (store, recovered) = Store::open(&dir.join("state"), SETTINGS).expect("the store opens");
    // One byte for each write. What was written before and not acknowledged counts now.
    let path = dir.join("acknowledged");
    let mut tally: File = OpenOptions::new().create(true).append(true).open(path).expect("a tally");
    let missing = recovered.memory.next_run - 1 - acknowledged(&dir);
    tally.write_all(&vec![b'.'; usize::try_from(missing).expect("few")]).expect("counted");
    for run in recovered.memory.next_run..until {
        write(&store, run).await;
        tally.write_all(b".").expect("counted");
    }
    assert_eq!(whole_writes(&store, &store.recover().await.expect("recovered")).await, acknowledged(&dir));
}

/// Another process holds the database, longer than the writer waits: a failure like any other.
#[tokio::test]
async fn after_a_failure_the_writer_goes_on() {
    let dir = directory();
    let (store, _) = open(&dir);
    write(&store, 1).await;
    let other = rusqlite::Connection::open(dir.path().join("driftless.db")).expect("a connection");
    other.execute_batch("BEGIN IMMEDIATE").expect("held");
    let failed = store.journal(at(1), &Event::ShutdownRequested, &[], &facts(9)).await;
    assert!(failed.is_err_and(|it| !it.is_full()));
    assert!(!store.writable());
    other.execute_batch("ROLLBACK").expect("let go");
    write(&store, 2).await;
    assert!(store.writable());
    assert_eq!(whole_writes(&store, &store.recover().await.expect("recovered")).await, 2);
}
