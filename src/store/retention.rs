//! Forgetting, by age and by size. Facts, the ledger and totals are never forgotten, nor the last run of each stack
//! and mode.
//!
//! Files go first: removing them works on a disk that is full. Rows follow in small pieces, between which other
//! writes have their turn, and then the room of the rows is given back to the disk.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::columns::{count, nanos, uncount};
use super::place::{event_file, raw_file, run_of};
use super::{Store, StoreError, alerts, deliveries};
use crate::domain::{RunId, Span, Timestamp};

/// What is to be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetentionPolicy {
    /// Runs that ended longer ago are forgotten with all that belongs to them.
    pub max_age: Span,
    /// Database, events and raw output together, in bytes: beyond it raw output goes first, then the oldest runs.
    pub max_bytes: u64,
    /// Lines of the journal that are older are forgotten.
    pub journal_max_age: Span,
    /// Events of runs that ended longer ago are forgotten, except those of the last run of each stack and mode.
    pub events_max_age: Span,
    /// Raw output of runs that ended longer ago is forgotten.
    pub raw_max_age: Span,
}

/// What was forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Removed {
    /// Runs.
    pub runs: u64,
    /// Lines of the journal.
    pub journal_entries: u64,
    /// Files with events, of runs that were kept.
    pub event_files: u64,
    /// Files with raw output, of runs that were forgotten or kept.
    pub raw_files: u64,
    /// How much smaller database, events and raw output are now, in bytes.
    pub bytes: u64,
}

/// How many runs are forgotten in one write, how many journal lines, and how many pages are given back.
const RUNS_AT_ONCE: usize = 20;
const ENTRIES_AT_ONCE: u32 = 2000;
const PAGES_AT_ONCE: u32 = 512;

/// So many journal lines are kept, however little room there is.
const ENTRIES_MIN: u64 = 1000;

/// A run that may be forgotten, or whose raw output may be.
#[derive(Debug, Clone, Copy)]
struct Candidate {
    run: RunId,
    ended_at: i64,
    is_last: bool,
}

impl Store {
    /// Forgets what `policy` does not keep. Also the way back from a full disk: call it now and then, and at once
    /// when a write failed with [`StoreError::Full`].
    pub async fn retain(&self, now: Timestamp, policy: RetentionPolicy) -> Result<Removed, StoreError> {
        let before = self.bytes().await?;
        let mut removed = Removed::default();
        let candidates = self.read(candidates).await?;
        self.forget_old(now, policy, &candidates, &mut removed).await?;
        self.forget_beyond(policy.max_bytes, candidates, &mut removed).await?;
        self.make_room(move |db| deliveries::forget(db, now)).await?;
        self.make_room(move |db| alerts::forget(db, now)).await?;
        while self.make_room(|db| give_back(db, PAGES_AT_ONCE)).await? {}
        self.settle_room().await?;
        removed.bytes = before.saturating_sub(self.bytes().await?);
        Ok(removed)
    }

    async fn forget_old(
        &self,
        now: Timestamp,
        policy: RetentionPolicy,
        candidates: &[Candidate],
        removed: &mut Removed,
    ) -> Result<(), StoreError> {
        let raw_limit = before(now, policy.raw_max_age);
        for it in candidates.iter().filter(|it| it.ended_at < raw_limit) {
            removed.raw_files += u64::from(self.remove_raw(it.run).await?);
        }
        let limit = before(now, policy.events_max_age);
        for it in candidates.iter().filter(|it| it.ended_at < limit && !it.is_last) {
            removed.event_files += u64::from(self.remove_file(event_file(self.dir(), it.run)).await?);
        }
        let limit = before(now, policy.max_age);
        let old = candidates.iter().filter(|it| it.ended_at < limit && !it.is_last).map(|it| it.run);
        for runs in old.collect::<Vec<_>>().chunks(RUNS_AT_ONCE) {
            self.forget_runs(runs.to_vec(), removed).await?;
        }
        let limit = before(now, policy.journal_max_age);
        loop {
            let gone = self.make_room(move |db| forget_entries(db, limit, ENTRIES_AT_ONCE)).await?;
            removed.journal_entries += gone;
            if gone == 0 {
                return Ok(());
            }
        }
    }

    async fn forget_beyond(
        &self,
        max_bytes: u64,
        candidates: Vec<Candidate>,
        removed: &mut Removed,
    ) -> Result<(), StoreError> {
        let mut total = self.bytes().await?;
        for it in &candidates {
            if total <= max_bytes {
                return Ok(());
            }
            let size = file_bytes(&raw_file(self.dir(), it.run));
            removed.raw_files += u64::from(self.remove_raw(it.run).await?);
            total = total.saturating_sub(size);
        }
        let mut left: Vec<RunId> =
            candidates.iter().filter(|it| !it.is_last).map(|it| it.run).rev().collect();
        while self.bytes().await? > max_bytes {
            let some = left.split_off(left.len().saturating_sub(RUNS_AT_ONCE / 4));
            if some.is_empty() {
                break;
            }
            self.forget_runs(some, removed).await?;
        }
        while self.bytes().await? > max_bytes {
            let gone = self.make_room(|db| forget_spare_entries(db, ENTRIES_AT_ONCE)).await?;
            removed.journal_entries += gone;
            if gone == 0 {
                break;
            }
        }
        Ok(())
    }

    async fn forget_runs(&self, runs: Vec<RunId>, removed: &mut Removed) -> Result<(), StoreError> {
        for run in &runs {
            removed.raw_files += u64::from(self.remove_raw(*run).await?);
            self.remove_file(event_file(self.dir(), *run)).await?;
        }
        removed.runs += self.make_room(move |db| forget_rows(db, &runs)).await?;
        Ok(())
    }

    async fn remove_raw(&self, run: RunId) -> Result<bool, StoreError> {
        self.remove_file(raw_file(self.dir(), run)).await
    }

    async fn remove_file(&self, path: PathBuf) -> Result<bool, StoreError> {
        match tokio::fs::remove_file(&path).await {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(StoreError::file("remove", &path)(error)),
        }
    }

    /// How many bytes database, events and raw output take. Free pages of the database do not count: they are
    /// given back.
    pub async fn bytes(&self) -> Result<u64, StoreError> {
        let dirs = [self.dir().join("events"), self.dir().join("raw")];
        self.read(move |db| {
            let mut bytes = database_bytes(db).map_err(StoreError::database("measure the database"))?;
            for dir in dirs {
                bytes += directory_bytes(&dir)?;
            }
            Ok(bytes)
        })
        .await
    }
}

fn before(now: Timestamp, age: Span) -> i64 {
    nanos(now.saturating_sub(age).unwrap_or(Timestamp::MIN))
}

/// All runs that have ended, oldest first.
fn candidates(db: &Connection) -> Result<Vec<Candidate>, StoreError> {
    let failed = || StoreError::database("list what may be forgotten");
    let mut statement = db
        .prepare(
            "SELECT id, ended_at, id = (SELECT max(id) FROM runs AS last
                WHERE last.stack = runs.stack AND last.mode = runs.mode)
                FROM runs WHERE ended_at IS NOT NULL ORDER BY id",
        )
        .map_err(failed())?;
    let rows = statement.query_map((), |row| {
        Ok(Candidate { run: RunId(uncount(row.get(0)?)), ended_at: row.get(1)?, is_last: row.get(2)? })
    });
    rows.and_then(Iterator::collect).map_err(failed())
}

fn forget_rows(db: &Connection, runs: &[RunId]) -> Result<u64, StoreError> {
    let failed = || StoreError::database("forget runs");
    let mut statement = db.prepare_cached("DELETE FROM runs WHERE id = ?1").map_err(failed())?;
    let mut gone = 0;
    for run in runs {
        gone += statement.execute([count(run.0)]).map_err(failed())? as u64;
    }
    Ok(gone)
}

fn forget_entries(db: &Connection, before: i64, limit: u32) -> Result<u64, StoreError> {
    let gone = db
        .prepare_cached(
            "DELETE FROM journal WHERE seq IN (SELECT seq FROM journal WHERE at < ?1 ORDER BY at LIMIT ?2)",
        )
        .and_then(|mut it| it.execute((before, limit)))
        .map_err(StoreError::database("forget journal lines"))?;
    Ok(gone as u64)
}

fn forget_spare_entries(db: &Connection, limit: u32) -> Result<u64, StoreError> {
    let gone = db
        .prepare_cached(
            "DELETE FROM journal WHERE seq IN
                (SELECT seq FROM journal WHERE seq <= (SELECT max(seq) FROM journal) - ?1 ORDER BY seq LIMIT ?2)",
        )
        .and_then(|mut it| it.execute((count(ENTRIES_MIN), limit)))
        .map_err(StoreError::database("forget journal lines"))?;
    Ok(gone as u64)
}

/// Gives free pages back to the disk. Whether there may be more.
fn give_back(db: &Connection, pages: u32) -> Result<bool, StoreError> {
    let failed = || StoreError::database("give room back");
    let mut statement = db.prepare(&format!("PRAGMA incremental_vacuum({pages})")).map_err(failed())?;
    let mut rows = statement.query(()).map_err(failed())?;
    while rows.next().map_err(failed())?.is_some() {}
    let left: u32 = db.pragma_query_value(None, "freelist_count", |it| it.get(0)).map_err(failed())?;
    Ok(left != 0)
}

pub(super) fn database_bytes(db: &Connection) -> rusqlite::Result<u64> {
    let value = |name| db.pragma_query_value(None, name, |it| it.get::<_, i64>(0)).map(uncount);
    let pages = value("page_count")?.saturating_sub(value("freelist_count")?);
    Ok(pages * value("page_size")?)
}

fn file_bytes(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |it| it.len())
}

fn directory_bytes(dir: &Path) -> Result<u64, StoreError> {
    let mut sizes = HashMap::new();
    for entry in fs::read_dir(dir).map_err(StoreError::file("read", dir))? {
        let path = entry.map_err(StoreError::file("read", dir))?.path();
        if let Some(run) = run_of(&path) {
            sizes.insert(run, file_bytes(&path));
        }
    }
    Ok(sizes.values().sum())
}
