//! Counts for metrics. They only grow: retention removes runs and leaves these.

use rusqlite::{Connection, params};

use super::StoreError;
use super::columns::{count, timestamp, uncount, word};
use crate::domain::{LastEnd, Outcome, RunId, Total};

/// Counts a run that has just got its end.
pub(super) fn add(db: &Connection, run: RunId, outcome: Outcome) -> rusqlite::Result<()> {
    db.prepare_cached(
        "INSERT INTO totals SELECT stack, mode, trigger, outcome, 1 FROM runs WHERE id = ?1
            ON CONFLICT DO UPDATE SET runs = runs + 1",
    )?
    .execute([count(run.0)])?;
    db.prepare_cached(
        "INSERT INTO last_ends
            SELECT stack, mode, id, outcome, started_at, ended_at, iif(?2, ended_at, NULL) FROM runs WHERE id = ?1
            ON CONFLICT DO UPDATE SET run = excluded.run, outcome = excluded.outcome,
                started_at = excluded.started_at, ended_at = excluded.ended_at,
                succeeded_at = coalesce(excluded.succeeded_at, succeeded_at)",
    )?
    .execute(params![count(run.0), outcome.is_success()])?;
    Ok(())
}

/// All totals.
pub(super) fn totals(db: &Connection) -> Result<Vec<Total>, StoreError> {
    let failed = || StoreError::database("read the totals");
    let mut statement =
        db.prepare_cached("SELECT stack, mode, trigger, outcome, runs FROM totals").map_err(failed())?;
    let mut rows = statement.query(()).map_err(failed())?;
    let mut totals = Vec::new();
    while let Some(row) = rows.next().map_err(failed())? {
        let (stack, mode, trigger, outcome, runs) = row.try_into().map_err(failed())?;
        totals.push(Total {
            stack: word("totals", stack)?,
            mode: word("totals", mode)?,
            trigger: word("totals", trigger)?,
            outcome: word("totals", outcome)?,
            runs: uncount(runs),
        });
    }
    Ok(totals)
}

/// The last ends of all stacks.
pub(super) fn last_ends(db: &Connection) -> Result<Vec<LastEnd>, StoreError> {
    let failed = || StoreError::database("read the last ends");
    let mut statement = db
        .prepare_cached("SELECT stack, mode, run, outcome, started_at, ended_at, succeeded_at FROM last_ends")
        .map_err(failed())?;
    let mut rows = statement.query(()).map_err(failed())?;
    let mut ends = Vec::new();
    while let Some(row) = rows.next().map_err(failed())? {
        let (stack, mode, run, outcome, started_at, ended_at, succeeded_at): LastEndColumns =
            row.try_into().map_err(failed())?;
        ends.push(LastEnd {
            stack: word("last_ends", stack)?,
            mode: word("last_ends", mode)?,
            run: RunId(uncount(run)),
            outcome: word("last_ends", outcome)?,
            started_at: started_at.map(timestamp),
            ended_at: timestamp(ended_at),
            succeeded_at: succeeded_at.map(timestamp),
        });
    }
    Ok(ends)
}

type LastEndColumns = (String, String, i64, String, Option<i64>, i64, Option<i64>);
