//! Backups: one file with the database, the events and the raw output of its runs.
//!
//! A backup is a tar archive in a zstd frame: a header, the database, what belongs to it, and at the end a list of all
//! with their hashes. Without that list, or with another byte in it, it is none. The database is a copy of one moment.
//! Files of runs are added afterwards: of a run that has ended they do not change, and of a live one a prefix is enough,
//! since after a restore it was interrupted.

mod restore;
mod unpack;
mod write;

use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::StoreError;
use crate::domain::Timestamp;
use crate::domain::audit::AuditHead;

pub(super) use restore::MARK;
pub use restore::{Restore, Restored};
pub use unpack::{Unpacked, verify};
pub(super) use write::{Copy, write};

/// The form of the archive that is written, and the newest that is read.
const FORM: u32 = 1;

/// The names in an archive.
const HEADER: &str = "driftless-backup.json";
const DATABASE: &str = "driftless.db";
const AUDIT_KEY: &str = "audit.key";
const KEYS: [&str; 2] = ["driftless.key", AUDIT_KEY];
const CONTENTS: &str = "contents.json";

/// What a backup is to hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BackupWanted {
    /// Events and raw output of runs.
    pub logs: bool,
    /// The key of variables: whoever has the file can then read their values, too.
    pub key: bool,
}

/// What a backup is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupHeader {
    /// The form of the archive.
    pub form: u32,
    /// Which driftless made it.
    pub version: String,
    /// The format of the database in it.
    pub format: u32,
    /// The moment that it holds.
    pub made: Timestamp,
    /// Whether events and raw output are in it.
    pub logs: bool,
    /// Whether the key of variables is in it.
    pub key: bool,
    /// How far the audit chain goes in it.
    pub chain: AuditHead,
}

/// One file of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    name: String,
    bytes: u64,
    sha256: String,
}

/// All files of a backup but this list itself.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
struct Contents {
    files: Vec<Entry>,
}

/// What is wrong with a backup, or with where it is to be restored.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// It is something else.
    #[error("it is not a backup of driftless")]
    Foreign(#[source] io::Error),
    /// Its end is missing: making it was broken off, or the file was cut.
    #[error("it is not complete: its end is missing")]
    Incomplete,
    /// Something in it is not what was written.
    #[error("it is damaged: {0}")]
    Damaged(String),
    /// A newer driftless made it.
    #[error(
        "driftless {version} made it, whose database format {format} is newer than {known}, the newest known here"
    )]
    Newer {
        /// Which.
        version: String,
        /// Its format.
        format: u32,
        /// The newest that is known here.
        known: u32,
    },
    /// There is a state already.
    #[error("{} has a state already", dir.display())]
    Occupied {
        /// Where.
        dir: PathBuf,
    },
    /// The database in it, or the state directory, cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ArchiveError {
    /// What to do about it.
    pub fn remedy(&self) -> String {
        match self {
            Self::Foreign(_) => "name a file that `driftless backup` wrote".to_owned(),
            Self::Incomplete | Self::Damaged(_) => "take another backup, or copy it again".to_owned(),
            Self::Newer { .. } => "install that driftless, or a newer one".to_owned(),
            Self::Occupied { .. } => {
                "restore into another directory, or with --replace: what is there is then kept beside it"
                    .to_owned()
            }
            Self::Store(error) => error.remedy(),
        }
    }
}

/// Whether a name in an archive is one that is written there, of this kind: nothing else is unpacked.
fn is_known(name: &str) -> bool {
    let of_run = |dir: &str, ending: &str| {
        let run = name.strip_prefix(dir).and_then(|it| it.strip_suffix(ending));
        run.is_some_and(|it| !it.is_empty() && it.bytes().all(|it| it.is_ascii_digit()))
    };
    name == DATABASE || KEYS.contains(&name) || of_run("events/", ".jsonl.zst") || of_run("raw/", ".log.zst")
}

fn hex(hash: &[u8]) -> String {
    hash.iter().fold(String::new(), |mut text, byte| {
        use std::fmt::Write as _;
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_are_written_are_read() {
        for name in ["driftless.db", "driftless.key", "audit.key", "events/17.jsonl.zst", "raw/4.log.zst"] {
            assert!(is_known(name), "{name}");
        }
        for name in [
            "",
            "/etc/passwd",
            "../x",
            "events/../../x.jsonl.zst",
            "events/.jsonl.zst",
            "raw/4.log.zst/x",
            "ballast",
        ] {
            assert!(!is_known(name), "{name}");
        }
    }
}
