//! What the core is rebuilt from: all facts, the runs that were live, and the seed.

use std::fs;

use rusqlite::{Connection, OptionalExtension};

use super::archive::MARK;
use super::columns::{count, timestamp, uncount};
use super::place::{Place, run_of};
use super::seal::Seal;
use super::{StoreError, runs};
use crate::domain::{Fact, HostName, Memory, Run, RunId, Timestamp};

/// What the store remembers.
#[derive(Debug, Clone, PartialEq)]
pub struct Recovered {
    /// The facts.
    pub memory: Memory,
    /// Runs without an end, oldest first: decided, or running when the daemon died.
    pub live: Vec<Run>,
    /// Made once per state directory: jitter comes from it, so that restarts keep their place.
    pub seed: u64,
    /// When the backup was made whose state this is, if no daemon began with it yet.
    pub restored: Option<Timestamp>,
}

impl Recovered {
    /// Opens the variables in it.
    pub(super) fn open(&mut self, seal: &Seal) {
        seal.open_memory(&mut self.memory);
        for run in &mut self.live {
            seal.open_run(run);
        }
    }
}

/// Reads everything, in one transaction or before anybody writes.
pub(super) fn recover(db: &Connection) -> Result<Recovered, StoreError> {
    Ok(Recovered { memory: memory(db)?, live: runs::live(db)?, seed: seed(db)?, restored: restored(db)? })
}

fn memory(db: &Connection) -> Result<Memory, StoreError> {
    let mut memory = Memory::default();
    each(db, "sources", "SELECT name, '', facts FROM sources", |name, _, facts| {
        memory.learn(Fact::Source {
            name: serde_json::from_value(name.into())?,
            facts: serde_json::from_str(facts)?,
        });
        Ok(())
    })?;
    each(db, "stacks", "SELECT id, '', facts FROM stacks", |id, _, facts| {
        memory.learn(Fact::Stack {
            id: serde_json::from_value(id.into())?,
            facts: serde_json::from_str(facts)?,
        });
        Ok(())
    })?;
    each(db, "ledger", "SELECT stack, host, facts FROM ledger", |stack, host, facts| {
        let stack = serde_json::from_value(stack.into())?;
        let ledger = serde_json::from_str(facts)?;
        memory.learn(Fact::Host { stack, host: HostName::new(host), ledger });
        Ok(())
    })?;
    each(db, "task_facts", "SELECT stack, task, facts FROM task_facts", |stack, task, facts| {
        memory.learn(Fact::Task {
            stack: serde_json::from_value(stack.into())?,
            task: serde_json::from_value(task.into())?,
            facts: Some(serde_json::from_str(facts)?),
        });
        Ok(())
    })?;
    let requests = "SELECT source, CAST(number AS TEXT), facts FROM merge_requests";
    each(db, "merge_requests", requests, |source, number, facts| {
        memory.learn(Fact::MergeRequest {
            source: serde_json::from_value(source.into())?,
            number: serde_json::from_str(number)?,
            facts: Some(serde_json::from_str(facts)?),
        });
        Ok(())
    })?;
    let next_run = value(db, "next_run")?.map_or(0, uncount);
    // Numbers are never used twice, whatever was or was not remembered of the next one.
    let highest = highest_run(db)?;
    memory.next_run = next_run.max(highest + 1);
    Ok(memory)
}

fn each(
    db: &Connection,
    table: &'static str,
    query: &str,
    mut learn: impl FnMut(&str, &str, &str) -> Result<(), serde_json::Error>,
) -> Result<(), StoreError> {
    let failed = || StoreError::database("read the facts");
    let mut statement = db.prepare(query).map_err(failed())?;
    let mut rows = statement.query(()).map_err(failed())?;
    while let Some(row) = rows.next().map_err(failed())? {
        let (key, host, facts): (String, String, String) = row.try_into().map_err(failed())?;
        learn(&key, &host, &facts).map_err(StoreError::row(table, format!("{key} {host}").trim_end()))?;
    }
    Ok(())
}

fn highest_run(db: &Connection) -> Result<u64, StoreError> {
    let highest: Option<i64> = db
        .query_row("SELECT max(id) FROM runs", (), |row| row.get(0))
        .map_err(StoreError::database("read the runs"))?;
    Ok(highest.map_or(0, uncount))
}

fn value(db: &Connection, name: &str) -> Result<Option<i64>, StoreError> {
    db.query_row("SELECT value FROM meta WHERE name = ?1", [name], |row| row.get(0))
        .optional()
        .map_err(StoreError::database("read the facts"))
}

fn seed(db: &Connection) -> Result<u64, StoreError> {
    Ok(value(db, "seed")?.unwrap_or(0).cast_unsigned())
}

fn restored(db: &Connection) -> Result<Option<Timestamp>, StoreError> {
    Ok(value(db, MARK)?.map(timestamp))
}

/// Makes the seed, if the directory has none yet.
pub(super) fn ensure_seed(db: &Connection, seed: u64) -> Result<(), StoreError> {
    db.execute("INSERT OR IGNORE INTO meta VALUES ('seed', ?1)", [seed.cast_signed()])
        .map_err(StoreError::database("write the seed"))?;
    Ok(())
}

/// Removes files of runs that are not recorded. Whatever else lies there is left alone.
pub(super) fn remove_orphans(db: &Connection, place: &Place) -> Result<u64, StoreError> {
    let mut removed = 0;
    for dir in [place.events(), place.raw()] {
        for entry in fs::read_dir(&dir).map_err(StoreError::file("read", &dir))? {
            let path = entry.map_err(StoreError::file("read", &dir))?.path();
            let Some(run) = run_of(&path) else { continue };
            if !is_recorded(db, run)? {
                fs::remove_file(&path).map_err(StoreError::file("remove", &path))?;
                removed += 1;
            }
        }
    }
    Ok(removed)
}

fn is_recorded(db: &Connection, run: RunId) -> Result<bool, StoreError> {
    db.prepare_cached("SELECT 1 FROM runs WHERE id = ?1")
        .and_then(|mut it| it.exists([count(run.0)]))
        .map_err(StoreError::database("read the runs"))
}
