//! The format of the database, as numbered steps forward. There is no way back: before a step, the database is
//! copied beside itself.
//!
//! A step is a list of statements, run in one transaction together with the new number. A step that was released
//! is never edited; what it did wrong is mended by another one.

mod steps;

use rusqlite::{Connection, TransactionBehavior};

use super::place::Place;
use super::{StoreError, backup};

pub(super) use steps::STEPS;

/// Marks a database as ours (`PRAGMA application_id`): "drft".
pub(super) const APPLICATION: u32 = 0x6472_6674;

/// One step from the format before to `number`.
#[derive(Debug, Clone)]
pub(super) struct Step {
    /// The format that it leads to.
    pub(super) number: u32,
    /// What it is for, for people.
    pub(super) name: &'static str,
    /// The statements, in order.
    pub(super) statements: Vec<&'static str>,
}

/// Brings the database to the newest format, or refuses it.
pub(super) fn migrate(db: &mut Connection, place: &Place, steps: &[Step]) -> Result<(), StoreError> {
    let read = StoreError::database("read the format of the database");
    let (found, _, _) = facts(db).map_err(read)?;
    let known = steps.last().map_or(0, |it| it.number);
    if found > known {
        return Err(StoreError::Newer { found, known });
    }
    let due: Vec<&Step> = steps.iter().filter(|it| it.number > found).collect();
    if found != 0 && !due.is_empty() {
        let copy = place.backups().join(format!("format-{found}-before-{known}.db"));
        backup::replace(db, &copy)?;
    }
    for step in due {
        tracing::info!(format = step.number, name = step.name, "bringing the database to a newer format");
        perform(db, step).map_err(|error| StoreError::Migration {
            number: step.number,
            name: step.name,
            source: Box::new(error),
        })?;
    }
    Ok(())
}

/// The format, whose database it is, and how many tables and indexes it has.
pub(super) fn facts(db: &Connection) -> rusqlite::Result<(u32, u32, u32)> {
    let found = db.pragma_query_value(None, "user_version", |it| it.get(0))?;
    let application = db.pragma_query_value(None, "application_id", |it| it.get(0))?;
    let tables = db.query_row("SELECT count(*) FROM sqlite_schema", (), |it| it.get(0))?;
    Ok((found, application, tables))
}

/// One step, whole or not at all.
fn perform(db: &mut Connection, step: &Step) -> Result<(), StoreError> {
    let failed = || StoreError::database("change the format of the database");
    let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed())?;
    for statement in &step.statements {
        transaction.execute_batch(statement).map_err(failed())?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION).map_err(failed())?;
    transaction.pragma_update(None, "user_version", step.number).map_err(failed())?;
    transaction.commit().map_err(failed())
}
