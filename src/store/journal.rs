//! The flight recorder: each event with what was decided on it, in one transaction with the facts it changed.

use std::collections::BTreeSet;
use std::sync::Arc;

use rusqlite::{Connection, params};
use serde::Deserialize;
use serde_json::Value;

use super::archive::MARK;
use super::columns::{count, json, nanos, timestamp, uncount};
use super::seal::Seal;
use super::{StoreError, audit, runs};
use crate::domain::audit::{AuditContext, AuditDraft, records_of, runs_of};
use crate::domain::{CheckCounts, Decision, Ending, Event, Fact, Lineage, RunId, RunSpec, Timestamp};

/// One line of the journal. Pasted into a scenario, it replays.
///
/// `event` and `decisions` are JSON, so that lines of an older driftless can still be shown.
#[derive(Debug, Clone, PartialEq)]
pub struct JournalEntry {
    /// Its number; numbers only grow, and events without a consequence have none.
    pub seq: u64,
    /// When the event reached the core.
    pub at: Timestamp,
    /// A [`Event`] as JSON.
    pub event: Value,
    /// A list of [`Decision`] as JSON.
    pub decisions: Value,
}

impl JournalEntry {
    /// The event itself; an error if an older driftless wrote what is not known any more.
    pub fn event(&self) -> Result<Event, serde_json::Error> {
        Event::deserialize(&self.event)
    }

    /// The decisions themselves; an error as for the event.
    pub fn decisions(&self) -> Result<Vec<Decision>, serde_json::Error> {
        Vec::deserialize(&self.decisions)
    }
}

/// Whether nothing of it matters after a restart: polling that found nothing new.
///
/// It is not written, so that idle sources cost no sync of the disk.
pub(super) fn is_idle(event: &Event, decisions: &[Decision], facts: &[Fact]) -> bool {
    let polls = decisions.iter().all(|it| matches!(it, Decision::Fetch { .. } | Decision::AskForge { .. }));
    let quiet = match event {
        Event::Tick
        | Event::Hinted { .. }
        | Event::RoomSeen { .. }
        | Event::MergeRequestsSeen { .. }
        | Event::ForgeFailed { .. } => true,
        Event::Fetched { tip, .. } => tip.lineage == Lineage::Same,
        _ => false,
    };
    quiet && polls && facts.is_empty()
}

/// One event, ready to be written.
#[derive(Debug)]
pub(super) struct Entry {
    at: i64,
    event: String,
    decisions: String,
    facts: Vec<Fact>,
    seal: Arc<Seal>,
    starts: Vec<(RunSpec, String)>,
    end: Option<(RunId, (Ending, CheckCounts))>,
    audited: Audited,
    /// Whether a daemon begins with the state of a backup: from here on it knows by its facts.
    restored: bool,
}

/// What the audit chain is told.
#[derive(Debug)]
enum Audited {
    /// This, whatever the database holds.
    Known(Vec<AuditDraft>),
    /// What follows from these once the runs that they are about are looked up, in the transaction.
    OfRuns(BTreeSet<RunId>, Box<Event>, Vec<Decision>, Box<AuditContext>),
}

impl Audited {
    fn new(event: &Event, decisions: &[Decision], facts: &[Fact]) -> Self {
        let (runs, context) = (runs_of(event, decisions), AuditContext::of(event, facts));
        if runs.is_empty() {
            return Self::Known(records_of(event, decisions, &context));
        }
        // Findings may be large, and are not in the chain.
        let event = match event {
            Event::RunFinished { run, ending, hosts, .. } => Event::RunFinished {
                run: *run,
                ending: ending.clone(),
                hosts: hosts.clone(),
                findings: Box::default(),
            },
            other => other.clone(),
        };
        Self::OfRuns(runs, Box::new(event), decisions.to_vec(), Box::new(context))
    }

    fn write(&self, db: &Connection, at: Timestamp) -> Result<(), StoreError> {
        let drafts = match self {
            Self::Known(drafts) => drafts.clone(),
            Self::OfRuns(runs, event, decisions, context) => {
                let runs = audit::known_runs(db, runs.iter().copied())?;
                records_of(event, decisions, &AuditContext { runs, ..(**context).clone() })
            }
        };
        audit::append(db, at, drafts)
    }
}

impl Entry {
    pub(super) fn new(
        now: Timestamp,
        event: &Event,
        decisions: &[Decision],
        facts: &[Fact],
        seal: Arc<Seal>,
    ) -> Self {
        let starts = decisions.iter().filter_map(|it| match it {
            Decision::Start { spec, reason } => Some(((**spec).clone(), reason.clone())),
            _ => None,
        });
        let end = match event {
            Event::RunFinished { run, ending, findings, .. } => {
                Some((*run, (ending.clone(), CheckCounts::of(findings))))
            }
            _ => None,
        };
        Self {
            at: nanos(now),
            event: seal.json(event),
            decisions: seal.json(decisions),
            facts: facts.to_vec(),
            seal,
            starts: starts.collect(),
            end,
            audited: Audited::new(event, decisions, facts),
            restored: matches!(event, Event::Restored { .. }),
        }
    }

    /// Writes it all, inside a transaction.
    pub(super) fn write(&self, db: &Connection) -> Result<(), StoreError> {
        let failed = || StoreError::database("write the journal");
        db.prepare_cached("INSERT INTO journal (at, event, decisions) VALUES (?1, ?2, ?3)")
            .and_then(|mut it| it.execute(params![self.at, self.event, self.decisions]))
            .map_err(failed())?;
        for fact in &self.facts {
            learn(db, fact, &self.seal).map_err(failed())?;
        }
        self.audited.write(db, timestamp(self.at))?;
        if self.restored {
            db.execute("DELETE FROM meta WHERE name = ?1", [MARK]).map_err(failed())?;
        }
        if let Some((run, end)) = &self.end {
            runs::end(db, *run, self.at, end)?;
        }
        for (spec, reason) in &self.starts {
            runs::decide(db, spec, reason, self.at, &self.seal)?;
        }
        Ok(())
    }
}

fn learn(db: &Connection, fact: &Fact, seal: &Seal) -> rusqlite::Result<usize> {
    match fact {
        Fact::Source { name, facts } => db
            .prepare_cached(
                "INSERT INTO sources VALUES (?1, ?2) ON CONFLICT DO UPDATE SET facts = excluded.facts",
            )?
            .execute((name.as_str(), seal.json(facts))),
        Fact::Stack { id, facts } => db
            .prepare_cached(
                "INSERT INTO stacks VALUES (?1, ?2) ON CONFLICT DO UPDATE SET facts = excluded.facts",
            )?
            .execute((id.to_string(), seal.json(facts))),
        Fact::Host { stack, host, ledger } => db
            .prepare_cached(
                "INSERT INTO ledger VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET facts = excluded.facts",
            )?
            .execute((stack.to_string(), host.as_str(), json(ledger))),
        Fact::Task { stack, task, facts: Some(facts) } => db
            .prepare_cached(
                "INSERT INTO task_facts VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET facts = excluded.facts",
            )?
            .execute((stack.to_string(), task.as_str(), json(facts))),
        Fact::Task { stack, task, facts: None } => db
            .prepare_cached("DELETE FROM task_facts WHERE stack = ?1 AND task = ?2")?
            .execute((stack.to_string(), task.as_str())),
        Fact::MergeRequest { source, number, facts: Some(facts) } => db
            .prepare_cached(
                "INSERT INTO merge_requests VALUES (?1, ?2, ?3)
                    ON CONFLICT DO UPDATE SET facts = excluded.facts",
            )?
            .execute((source.as_str(), count(number.0), seal.json(facts))),
        Fact::MergeRequest { source, number, facts: None } => db
            .prepare_cached("DELETE FROM merge_requests WHERE source = ?1 AND number = ?2")?
            .execute((source.as_str(), count(number.0))),
        Fact::RunPrediction { run, prediction } => runs::predicted(db, *run, prediction, seal),
        Fact::Landed { .. } => Ok(0), // The audit chain has it.
        Fact::NextRun { run } => db
            .prepare_cached(
                "INSERT INTO meta VALUES ('next_run', ?1) ON CONFLICT DO UPDATE SET value = excluded.value",
            )?
            .execute([count(run.0)]),
    }
}

/// The newest `limit` lines, oldest first.
pub(super) fn tail(db: &Connection, limit: u32) -> Result<Vec<JournalEntry>, StoreError> {
    let failed = || StoreError::database("read the journal");
    let mut statement = db
        .prepare_cached("SELECT seq, at, event, decisions FROM journal ORDER BY seq DESC LIMIT ?1")
        .map_err(failed())?;
    let mut rows = statement.query([limit]).map_err(failed())?;
    let mut entries = Vec::new();
    while let Some(row) = rows.next().map_err(failed())? {
        let (seq, at, event, decisions): (i64, i64, String, String) = row.try_into().map_err(failed())?;
        let wrong = || StoreError::row("journal", &seq.to_string());
        entries.push(JournalEntry {
            seq: uncount(seq),
            at: timestamp(at),
            event: serde_json::from_str(&event).map_err(wrong())?,
            decisions: serde_json::from_str(&decisions).map_err(wrong())?,
        });
    }
    entries.reverse();
    Ok(entries)
}
