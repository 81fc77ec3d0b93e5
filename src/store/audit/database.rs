//! Verifying the chain of a database, also of one that no daemon uses.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use super::{AuditFilter, AuditState, PAGE, read, state};
use crate::domain::audit::{AuditPublicKey, Checkpoint, Faults, Verification, Verified};
use crate::store::StoreError;
use crate::store::columns::uncount;

/// A database that is only read, whether or not a daemon uses it.
#[derive(Debug)]
pub struct AuditDatabase {
    db: Connection,
}

impl AuditDatabase {
    /// Opens the file `driftless.db` of a state directory, or a copy of it. Nothing is written, not even beside it
    /// where no daemon uses it.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let failed = || StoreError::database("open the database for reading");
        let log = path.with_file_name(format!("{}-wal", path.file_name().unwrap_or_default().display()));
        let mut flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let db = if log.exists() {
            Connection::open_with_flags(path, flags).map_err(failed())?
        } else {
            flags |= OpenFlags::SQLITE_OPEN_URI;
            let path = std::path::absolute(path).map_err(StoreError::file("find", path))?;
            let escaped: String = path.display().to_string().chars().fold(String::new(), |mut uri, it| {
                match it {
                    '%' => uri.push_str("%25"),
                    '?' => uri.push_str("%3f"),
                    '#' => uri.push_str("%23"),
                    other => uri.push(other),
                }
                uri
            });
            Connection::open_with_flags(format!("file:{escaped}?immutable=1"), flags).map_err(failed())?
        };
        db.pragma_update(None, "trusted_schema", false).map_err(failed())?;
        Ok(Self { db })
    }

    /// The connection, which only reads.
    pub(in crate::store) fn connection(&self) -> &Connection {
        &self.db
    }

    /// What is known of the chain without reading all of it.
    pub fn state(&self) -> Result<AuditState, StoreError> {
        state(&self.db)
    }

    /// Verifies the whole chain; as [`verify`] does.
    pub fn verify(
        &self,
        checkpoints: Vec<Checkpoint>,
        key: Option<AuditPublicKey>,
    ) -> Result<Result<Verified, Faults>, StoreError> {
        verify(&self.db, checkpoints, key)
    }
}

/// Verifies the chain against checkpoints that were kept elsewhere and those that are kept beside it.
pub(in crate::store) fn verify(
    db: &Connection,
    checkpoints: Vec<Checkpoint>,
    key: Option<AuditPublicKey>,
) -> Result<Result<Verified, Faults>, StoreError> {
    let (kept, unreadable) = kept_checkpoints(db)?;
    let mut verification = Verification::new(checkpoints, key).beside(kept);
    for size in unreadable {
        verification.unreadable(size, "the checkpoint that is kept beside the chain is not one".to_owned());
    }
    let mut filter = AuditFilter { count: PAGE, ..AuditFilter::default() };
    loop {
        let rows = read(db, &filter)?;
        let Some(last) = rows.last().map(|it| it.as_ref().map_or_else(|it| it.0, |it| it.seq)) else { break };
        let more = rows.len() / PAGE as usize;
        for row in rows {
            match row {
                Ok(record) => verification.take(&record),
                Err((seq, what)) => verification.unreadable(seq, what),
            }
        }
        if more == 0 {
            break;
        }
        filter.from = last.saturating_add(1);
    }
    Ok(verification.finish())
}

/// The checkpoints that are kept beside the chain, and the sizes of those that are none.
fn kept_checkpoints(db: &Connection) -> Result<(Vec<Checkpoint>, Vec<u64>), StoreError> {
    let failed = || StoreError::database("read the checkpoints of the audit chain");
    let mut statement = db.prepare("SELECT size, note FROM audit_checkpoints").map_err(failed())?;
    let rows = statement.query_map((), |row| Ok((uncount(row.get(0)?), row.get(1)?))).map_err(failed())?;
    let (mut checkpoints, mut unreadable) = (Vec::new(), Vec::new());
    for row in rows {
        let (size, note): (u64, String) = row.map_err(failed())?;
        match Checkpoint::read_all(&note) {
            Ok(read) if read.iter().all(|it| it.head.size == size) => checkpoints.extend(read),
            _ => unreadable.push(size),
        }
    }
    Ok((checkpoints, unreadable))
}
