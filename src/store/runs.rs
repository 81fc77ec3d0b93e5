//! The record of each run: what it was to do, how it goes, how it ended.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, Row, params, params_from_iter};

use super::chosen::chosen;
use super::columns::{count, json, nanos, timestamp, uncount, word};
use super::recorder::Progress;
use super::seal::Seal;
use super::{StoreError, totals};
use crate::domain::{
    CheckCounts, Ending, HostName, HostStats, Run, RunChoice, RunId, RunPrediction, RunSpec, Scope, StackId,
    TaskIdentity, TaskResult, Timestamp,
};

/// Which runs to list, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunFilter {
    /// Only of this stack.
    pub stack: Option<StackId>,
    /// Only of stacks in this scope.
    pub scope: Scope,
    /// At most so many; never more than 1,000.
    pub limit: u32,
    /// Only runs before this one: how to turn pages.
    pub before: Option<RunId>,
    /// Which of them.
    pub choice: RunChoice,
    /// Whether to read the hosts of each run, too. Without, `hosts` is empty.
    pub hosts: bool,
}

impl Default for RunFilter {
    fn default() -> Self {
        Self {
            stack: None,
            limit: 50,
            scope: Scope::All,
            before: None,
            choice: RunChoice::default(),
            hosts: true,
        }
    }
}

const COLUMNS: &str = "spec, reason, decided_at, started_at, ended_at, ending, runtime, ansible_version, \
    results_left_out, events_lost";

/// Records that a run is to start.
pub(super) fn decide(
    db: &Connection,
    spec: &RunSpec,
    reason: &str,
    at: i64,
    seal: &Seal,
) -> Result<(), StoreError> {
    let written = db
        .prepare_cached(
            "INSERT OR IGNORE INTO runs (id, stack, mode, trigger, spec, reason, decided_at)
                VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )
        .and_then(|mut it| {
            it.execute(params![
                count(spec.run.0),
                spec.stack.to_string(),
                spec.mode.as_str(),
                spec.trigger.as_str(),
                seal.json(spec),
                reason,
                at
            ])
        })
        .map_err(StoreError::database("record a run"))?;
    if written == 1 { Ok(()) } else { Err(StoreError::RunExists(spec.run.0)) }
}

/// Records that `ansible-playbook` was started.
pub(super) fn start(
    db: &Connection,
    run: RunId,
    at: Timestamp,
    runtime: &str,
    version: Option<&str>,
) -> Result<(), StoreError> {
    db.prepare_cached(
        "UPDATE runs SET started_at = ?2, runtime = ?3, ansible_version = coalesce(?4, ansible_version)
            WHERE id = ?1",
    )
    .and_then(|mut it| it.execute(params![count(run.0), nanos(at), runtime, version]))
    .map_err(StoreError::database("record the start of a run"))?;
    Ok(())
}

/// Records how a run ended. The first end is the one that counts.
pub(super) fn end(
    db: &Connection,
    run: RunId,
    at: i64,
    (ending, counts): &(Ending, CheckCounts),
) -> Result<(), StoreError> {
    let failed = || StoreError::database("record the end of a run");
    let ended = db
        .prepare_cached(
            "UPDATE runs SET ended_at = ?2, outcome = ?3, ending = ?4,
                differing_hosts = iif(mode = 'check' AND ?5, ?6, NULL),
                seen = iif(mode = 'check' AND ?5, ?7, NULL), unseen = iif(mode = 'check' AND ?5, ?8, NULL)
                WHERE id = ?1 AND ending IS NULL",
        )
        .and_then(|mut it| {
            let (outcome, whole) = (ending.outcome.as_str(), ending.outcome.is_success());
            let (differing, seen, unseen) =
                (counts.differing_hosts, count(counts.seen), count(counts.unseen));
            it.execute(params![count(run.0), at, outcome, json(ending), whole, differing, seen, unseen])
        })
        .map_err(failed())?;
    if ended == 1 { totals::add(db, run, ending.outcome).map_err(failed()) } else { Ok(()) }
}

/// Records how a run compares with the preview of a merge request, unless the run outlived its retention.
pub(super) fn predicted(
    db: &Connection,
    run: RunId,
    prediction: &RunPrediction,
    seal: &Seal,
) -> rusqlite::Result<usize> {
    db.prepare_cached("INSERT OR REPLACE INTO run_predictions SELECT id, ?2, ?3 FROM runs WHERE id = ?1")?
        .execute(params![count(run.0), count(prediction.merge_request.0), seal.json(prediction)])
}

fn predictions(db: &Connection, run: RunId) -> Result<Vec<RunPrediction>, StoreError> {
    let failed = || StoreError::database("read how a run compares with previews");
    let mut statement = db
        .prepare_cached("SELECT prediction FROM run_predictions WHERE run = ?1 ORDER BY merge_request")
        .map_err(failed())?;
    let rows = statement.query_map([count(run.0)], |row| row.get::<_, String>(0)).map_err(failed())?;
    let read = rows.map(|row| {
        let text = row.map_err(failed())?;
        serde_json::from_str(&text).map_err(StoreError::row("run_predictions", &run.to_string()))
    });
    read.collect()
}

/// Records how far a run got. Writing the same again changes nothing.
pub(super) fn progress(db: &Connection, run: RunId, progress: &Progress) -> Result<(), StoreError> {
    write_progress(db, run, progress).map_err(StoreError::database("record the progress of a run"))
}

fn write_progress(db: &Connection, run: RunId, progress: &Progress) -> rusqlite::Result<()> {
    let id = count(run.0);
    db.prepare_cached(
        "UPDATE runs SET results_left_out = max(results_left_out, ?2), events_lost = max(events_lost, ?3),
            ansible_version = coalesce(?4, ansible_version) WHERE id = ?1",
    )?
    .execute(params![
        id,
        count(progress.left_out),
        count(progress.events_lost),
        progress.ansible_version
    ])?;
    let mut hosts = db.prepare_cached(
        "INSERT OR REPLACE INTO run_hosts VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )?;
    for (host, it) in &progress.hosts {
        hosts.execute(params![
            id,
            host.as_str(),
            it.ok,
            it.changed,
            it.unreachable,
            it.failed,
            it.skipped,
            it.rescued,
            it.ignored,
            it.unfinished
        ])?;
    }
    let mut tasks = db.prepare_cached("INSERT OR IGNORE INTO tasks VALUES (?1, ?2, ?3)")?;
    let mut results =
        db.prepare_cached("INSERT OR IGNORE INTO results VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?;
    let mut described = None;
    for it in &progress.notable {
        let task = it.result.task;
        if described.replace(task) != Some(task) {
            tasks.execute(params![id, task, json(&*it.task)])?;
        }
        let status = json(&it.result.status);
        let host = it.result.host.as_str();
        let status = status.trim_matches('"');
        results.execute(params![id, it.seq, task, host, status, it.result.changed, json(&it.result)])?;
    }
    Ok(())
}

/// One run with its hosts.
pub(super) fn one(db: &Connection, run: RunId) -> Result<Option<Run>, StoreError> {
    let failed = || StoreError::database("read a run");
    let found = db
        .prepare_cached(&format!("SELECT {COLUMNS} FROM runs WHERE id = ?1"))
        .and_then(|mut it| it.query_row([count(run.0)], Columns::read).optional())
        .map_err(failed())?;
    let Some(columns) = found else { return Ok(None) };
    let mut run = columns.run()?;
    run.hosts = hosts(db, run.spec.run).map_err(failed())?;
    run.predictions = predictions(db, run.spec.run)?;
    Ok(Some(run))
}

/// Runs without an end, oldest first.
pub(super) fn live(db: &Connection) -> Result<Vec<Run>, StoreError> {
    let query = format!("SELECT {COLUMNS} FROM runs WHERE ending IS NULL ORDER BY id");
    list(db, &query, (), true)
}

/// The runs that a filter asks for.
pub(super) fn filtered(db: &Connection, filter: &RunFilter) -> Result<Vec<Run>, StoreError> {
    let chosen = chosen(filter);
    let order = if chosen.newest_first { "DESC" } else { "ASC" };
    let query = format!(
        "SELECT {COLUMNS} FROM runs WHERE {} ORDER BY id {order} LIMIT {}",
        chosen.conditions,
        filter.limit.min(1000)
    );
    let mut runs = list(db, &query, params_from_iter(chosen.values), filter.hosts)?;
    if !chosen.newest_first {
        runs.reverse();
    }
    Ok(runs)
}

/// The stack that a run is of.
pub(super) fn stack(db: &Connection, run: RunId) -> Result<Option<StackId>, StoreError> {
    let found: Option<String> = db
        .prepare_cached("SELECT stack FROM runs WHERE id = ?1")
        .and_then(|mut it| it.query_row([count(run.0)], |row| row.get(0)).optional())
        .map_err(StoreError::database("read a run"))?;
    found.map(|it| word("runs", it)).transpose()
}

fn list(
    db: &Connection,
    query: &str,
    values: impl rusqlite::Params,
    with_hosts: bool,
) -> Result<Vec<Run>, StoreError> {
    let failed = || StoreError::database("read the runs");
    let mut statement = db.prepare_cached(query).map_err(failed())?;
    let rows = statement.query_map(values, Columns::read).map_err(failed())?;
    let mut runs = Vec::new();
    for row in rows {
        let mut run = row.map_err(failed())?.run()?;
        if with_hosts {
            run.hosts = hosts(db, run.spec.run).map_err(failed())?;
        }
        runs.push(run);
    }
    Ok(runs)
}

fn hosts(db: &Connection, run: RunId) -> rusqlite::Result<BTreeMap<HostName, HostStats>> {
    let mut statement = db.prepare_cached(
        "SELECT host, ok, changed, unreachable, failed, skipped, rescued, ignored, unfinished
            FROM run_hosts WHERE run = ?1",
    )?;
    let rows = statement.query_map([count(run.0)], |row| {
        let stats = HostStats {
            ok: row.get(1)?,
            changed: row.get(2)?,
            unreachable: row.get(3)?,
            failed: row.get(4)?,
            skipped: row.get(5)?,
            rescued: row.get(6)?,
            ignored: row.get(7)?,
            unfinished: row.get(8)?,
        };
        Ok((HostName::new(row.get::<_, String>(0)?), stats))
    })?;
    rows.collect()
}

/// The notable results of a run, in the order in which they came.
pub(super) fn results(db: &Connection, run: RunId) -> Result<Vec<(TaskIdentity, TaskResult)>, StoreError> {
    let failed = || StoreError::database("read the results of a run");
    let mut statement = db
        .prepare_cached(
            "SELECT identity, result FROM results LEFT JOIN tasks
                ON tasks.run = results.run AND tasks.number = results.task
                WHERE results.run = ?1 ORDER BY results.seq",
        )
        .map_err(failed())?;
    let mut rows = statement.query([count(run.0)]).map_err(failed())?;
    let mut results = Vec::new();
    while let Some(row) = rows.next().map_err(failed())? {
        let (task, result): (Option<String>, String) = row.try_into().map_err(failed())?;
        let wrong = || StoreError::row("results", &run.to_string());
        let task = task.map(|it| serde_json::from_str(&it)).transpose().map_err(wrong())?;
        results.push((task.unwrap_or_default(), serde_json::from_str(&result).map_err(wrong())?));
    }
    Ok(results)
}

/// A row of `runs`.
struct Columns {
    spec: String,
    reason: String,
    decided_at: i64,
    started_at: Option<i64>,
    ended_at: Option<i64>,
    ending: Option<String>,
    runtime: Option<String>,
    ansible_version: Option<String>,
    results_left_out: i64,
    events_lost: i64,
}

impl Columns {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            spec: row.get(0)?,
            reason: row.get(1)?,
            decided_at: row.get(2)?,
            started_at: row.get(3)?,
            ended_at: row.get(4)?,
            ending: row.get(5)?,
            runtime: row.get(6)?,
            ansible_version: row.get(7)?,
            results_left_out: row.get(8)?,
            events_lost: row.get(9)?,
        })
    }

    fn run(self) -> Result<Run, StoreError> {
        let spec: RunSpec = serde_json::from_str(&self.spec).map_err(StoreError::row("runs", &self.spec))?;
        let key = spec.run.to_string();
        let ending = self.ending.map(|it| serde_json::from_str(&it)).transpose();
        let mut run = Run::decided(spec, timestamp(self.decided_at));
        run.started_at = self.started_at.map(timestamp);
        run.ended_at = self.ended_at.map(timestamp);
        run.ending = ending.map_err(StoreError::row("runs", &key))?;
        run.runtime = self.runtime;
        run.ansible_version = self.ansible_version;
        run.reason = self.reason;
        run.results_left_out = uncount(self.results_left_out);
        run.events_lost = uncount(self.events_lost);
        Ok(run)
    }
}
