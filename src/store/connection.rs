//! How the database is opened.

use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::place::{Place, private_file};
use super::{StoreError, migrations};

/// How long a connection waits for another one. The writer is alone, so this is for checkpoints and backups.
const BUSY: Duration = Duration::from_secs(5);

/// The log is cut back to this after it was carried over into the database.
const LOG_BYTES: u32 = 4 << 20;

/// The connection that writes. `synchronous=FULL`: with NORMAL up to 901 acknowledged commits were lost at a
/// power loss, with FULL none (measured).
pub(super) fn writer(place: &Place) -> Result<Connection, StoreError> {
    let path = place.database();
    // Made by us: SQLite gives its log and its shared memory the permissions of the database.
    let file = private_file().truncate(false).open(&path).map_err(StoreError::file("open", &path))?;
    drop(file);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(&path, flags).map_err(StoreError::database("open the database"))?;
    let (found, application, tables) =
        migrations::facts(&db).map_err(damaged_or("read the format of the database", place))?;
    if application != migrations::APPLICATION && (application != 0 || found != 0 || tables != 0) {
        return Err(StoreError::Foreign { path });
    }
    prepare_writer(&db, tables == 0).map_err(damaged_or("prepare the database", place))?;
    Ok(db)
}

fn prepare_writer(db: &Connection, is_new: bool) -> rusqlite::Result<()> {
    db.busy_timeout(BUSY)?;
    if is_new {
        // Must be said before the first table is made: room can be given back piece by piece.
        db.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    }
    db.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    db.pragma_update(None, "synchronous", "FULL")?;
    db.pragma_update(None, "foreign_keys", true)?;
    db.pragma_update_and_check(None, "journal_size_limit", LOG_BYTES, |_| Ok(()))?;
    // The database holds what repositories and hosts say: nothing in its schema may call into the program.
    db.pragma_update(None, "trusted_schema", false)?;
    db.set_prepared_statement_cache_capacity(64);
    Ok(())
}

/// A connection that cannot write to the database.
pub(super) fn reader(place: &Place) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let failed = || StoreError::database("open the database for reading");
    let db = Connection::open_with_flags(place.database(), flags).map_err(failed())?;
    db.busy_timeout(BUSY).map_err(failed())?;
    db.pragma_update(None, "trusted_schema", false).map_err(failed())?;
    Ok(db)
}

/// Refuses a damaged database.
pub(super) fn check(db: &Connection, place: &Place) -> Result<(), StoreError> {
    let found: Result<String, _> = db.query_row("PRAGMA quick_check(1)", (), |row| row.get(0));
    match found {
        Ok(answer) if answer == "ok" => Ok(()),
        Ok(answer) => Err(StoreError::Damaged { path: place.database(), detail: answer }),
        Err(error) => Err(damaged_or("check the database", place)(error)),
    }
}

/// For `map_err` where a damaged file is likely to be noticed first.
fn damaged_or(doing: &'static str, place: &Place) -> impl FnOnce(rusqlite::Error) -> StoreError {
    move |error| match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            StoreError::Damaged { path: place.database(), detail: error.to_string() }
        }
        _ => StoreError::database(doing)(error),
    }
}
