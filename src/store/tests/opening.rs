//! Who may open which directory.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use rusqlite::Connection;

use super::fixture::*;
use crate::domain::*;
use crate::store::{Store, StoreError};

#[tokio::test]
async fn a_directory_has_one_owner() {
    let dir = directory();
    let (store, _) = open(&dir);
    let second = Store::open(dir.path(), SETTINGS).expect_err("refused");
    let StoreError::Locked { pid, .. } = &second else { panic!("{second}") };
    assert_eq!(*pid, Some(std::process::id()));
    assert!(second.to_string().contains(&format!("process {}", std::process::id())), "{second}");
    let failure = Failure::from(second);
    assert_eq!(failure.retry, Retry::UntilChanged);
    assert!(failure.remedy.is_some());

    store.close().await;
    open(&dir);
}

#[tokio::test]
async fn nobody_else_may_read() {
    let parent = directory();
    let dir = parent.path().join("a/state");
    let (store, _) = Store::open(&dir, SETTINGS).expect("the store opens");
    store.journal(at(1), &Event::Tick, &[start(1, "web", Mode::Apply)], &[]).await.expect("journaled");
    let recorder = store.recorder(&spec(1, "web", Mode::Apply), Some(100)).expect("a recorder");
    store.backup(dir.join("backups/copy.db")).await.expect("a copy");
    let mut seen = 0;
    let mut dirs = vec![dir];
    while let Some(dir) = dirs.pop() {
        assert_eq!(fs::metadata(&dir).expect("a directory").permissions().mode() & 0o7777, 0o700, "{dir:?}");
        for entry in fs::read_dir(dir).expect("a directory") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                dirs.push(path);
            } else {
                seen += 1;
                let mode = fs::metadata(&path).expect("a file").permissions().mode();
                assert_eq!(mode & 0o7777, 0o600, "{path:?}");
            }
        }
    }
    assert_eq!(seen, 9, "database, key, log, shared memory, lock, ballast, events, raw output, copy");
    drop(recorder);
}

#[test]
fn a_newer_database_is_refused_and_left_as_it_is() {
    let dir = directory();
    drop(open(&dir));
    await_free(&dir);
    let path = dir.path().join("driftless.db");
    Connection::open(&path).and_then(|db| db.pragma_update(None, "user_version", 99)).expect("made newer");
    let before = fs::read(&path).expect("the database");
    let error = Store::open(dir.path(), SETTINGS).expect_err("refused");
    assert!(matches!(error, StoreError::Newer { found: 99, .. }), "{error}");
    assert!(Failure::from(error).to_string().contains("install the newer driftless"));
    assert!(fs::read(&path).expect("the database") == before, "not a byte of it is touched");
}

#[test]
fn a_database_of_something_else_is_refused() {
    let dir = directory();
    let db = Connection::open(dir.path().join("driftless.db")).expect("a database");
    db.execute_batch("CREATE TABLE theirs (x)").expect("a table");
    drop(db);
    let before = fs::read(dir.path().join("driftless.db")).expect("the database");
    let error = Store::open(dir.path(), SETTINGS).expect_err("refused");
    assert!(matches!(error, StoreError::Foreign { .. }), "{error}");
    assert!(fs::read(dir.path().join("driftless.db")).expect("the database") == before, "left as it is");
}

#[test]
fn a_damaged_database_is_refused() {
    let dir = directory();
    fs::write(dir.path().join("driftless.db"), "not a database, whatever its name says".repeat(100))
        .expect("written");
    let error = Store::open(dir.path(), SETTINGS).expect_err("refused");
    assert!(matches!(error, StoreError::Damaged { .. }), "{error}");

    let dir = directory();
    drop(open(&dir));
    await_free(&dir);
    let path = dir.path().join("driftless.db");
    let mut bytes = fs::read(&path).expect("the database");
    bytes[4096 * 2..].fill(0xA5);
    fs::write(&path, bytes).expect("damaged");
    let error = Store::open(dir.path(), SETTINGS).expect_err("refused");
    assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
    assert!(Failure::from(error).to_string().contains("restore a backup"));
}

#[test]
fn a_fact_that_cannot_be_understood_is_not_forgotten_silently() {
    let dir = directory();
    drop(open(&dir));
    await_free(&dir);
    let db = Connection::open(dir.path().join("driftless.db")).expect("a database");
    db.execute("INSERT INTO sources VALUES ('infra', '{\"admitted\": 5}')", ()).expect("a row");
    drop(db);
    let error = Store::open(dir.path(), SETTINGS).expect_err("refused");
    assert_eq!(error.to_string(), "failed to read infra of sources");
}

#[tokio::test]
async fn a_copy_is_a_database_of_its_own() {
    let dir = directory();
    let (store, _) = open(&dir);
    store.journal(at(1), &Event::Tick, &[start(1, "web", Mode::Apply)], &facts(1)).await.expect("journaled");
    let other = directory();
    let path = other.path().join("driftless.db");
    store.backup(path.clone()).await.expect("a copy");
    assert!(store.backup(path).await.is_err(), "it is not written over");
    let key = "driftless.key";
    fs::copy(dir.path().join(key), other.path().join(key)).expect("the key goes with it");
    let (copy, recovered) = open(&other);
    assert_eq!(recovered, store.recover().await.expect("recovered"));
    copy.close().await;
    fs::remove_file(other.path().join(key)).expect("it was there");
    let (_copy, recovered) = open(&other);
    assert!(
        recovered.live[0].spec.extra_vars["port"]["sealed"].is_string(),
        "without it, values stay sealed"
    );
}

/// Waits until the thread of a dropped store has let the directory go.
pub(super) fn await_free(dir: &tempfile::TempDir) {
    let lock = fs::File::open(dir.path().join("driftless.lock")).expect("the lock");
    lock.lock().expect("free at last");
}
