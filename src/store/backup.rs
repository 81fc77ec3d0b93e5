//! Copies of the database, consistent and without free pages, made while others read and write.

use std::fs;
use std::io;
use std::path::Path;

use rusqlite::Connection;

use super::StoreError;
use super::place::{private_file, sync_directory};

/// Writes a copy to `path`, which must not exist. Not inside a transaction.
pub(super) fn write(db: &Connection, path: &Path) -> Result<(), StoreError> {
    // SQLite fills an empty file; made by us, so that nobody else can read it at any time.
    private_file().create_new(true).open(path).map_err(StoreError::file("make", path))?;
    let copied = copy(db, path);
    if copied.is_err() {
        // Half a copy is worse than none. That it stays is not worse than the failure itself.
        drop(fs::remove_file(path));
    }
    copied
}

fn copy(db: &Connection, path: &Path) -> Result<(), StoreError> {
    let name =
        path.to_str().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "its name is not UTF-8"));
    let name = name.map_err(StoreError::file("copy the database to", path))?;
    db.execute("VACUUM INTO ?1", [name]).map_err(StoreError::database("copy the database"))?;
    let file = fs::File::open(path).map_err(StoreError::file("open", path))?;
    file.sync_all().map_err(StoreError::file("sync", path))?;
    path.parent().map_or(Ok(()), sync_directory)
}

/// Like [`write`], in place of an earlier copy of that name.
pub(super) fn replace(db: &Connection, path: &Path) -> Result<(), StoreError> {
    if path.exists() {
        fs::remove_file(path).map_err(StoreError::file("remove", path))?;
    }
    write(db, path)
}
