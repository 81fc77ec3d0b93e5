//! What can go wrong with the store, and what it means for the daemon.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::ErrorCode;

use crate::domain::Failure;

/// A failure of the store. It can be cloned, because several writes may share one failed transaction.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// Another daemon owns the state directory. It must be stopped, or another directory used.
    #[error("another driftless{} uses {}", process(*.pid), dir.display())]
    Locked {
        /// The directory.
        dir: PathBuf,
        /// The process, if it left its number.
        pid: Option<u32>,
    },
    /// The database was written by a newer driftless. That one must be installed again, or a backup restored.
    #[error("the database has format {found}, and this driftless knows formats up to {known}")]
    Newer {
        /// The format of the database.
        found: u32,
        /// The newest format that is known here.
        known: u32,
    },
    /// The file is a database of something else.
    #[error("{} is not a database of driftless", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// The database is damaged. A backup must be restored.
    #[error("the database {} is damaged: {detail}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What SQLite found.
        detail: String,
    },
    /// A step to a newer format failed. The database is as it was before that step.
    #[error("failed to bring the database to format {number} ({name})")]
    Migration {
        /// The step.
        number: u32,
        /// What it does.
        name: &'static str,
        /// Why.
        #[source]
        source: Box<Self>,
    },
    /// The disk is full. Nothing of this write was kept; it can be repeated when there is room.
    #[error("failed to write to {}: the disk is full", dir.display())]
    Full {
        /// The state directory.
        dir: PathBuf,
    },
    /// There is no room for a copy of the database. Nothing was written.
    #[error("failed to copy the database: {} has {} MiB available, and {} MiB are needed", dir.display(), available >> 20, needed >> 20)]
    NoRoom {
        /// The state directory.
        dir: PathBuf,
        /// What the copy takes, and what is to be left free, in bytes.
        needed: u64,
        /// What there is, in bytes.
        available: u64,
    },
    /// Another backup is being made. It can be tried again when that has ended.
    #[error("failed to begin a backup: another one is being made")]
    BackupUnderWay,
    /// A row cannot be understood. It is not ignored, since facts must not be forgotten silently.
    #[error("failed to read {key} of {table}")]
    Row {
        /// The table.
        table: &'static str,
        /// The row.
        key: String,
        /// Why.
        #[source]
        source: Arc<serde_json::Error>,
    },
    /// The run is recorded already: numbers are never used twice.
    #[error("failed to record run {0}: its number is in use")]
    RunExists(u64),
    /// SQLite refused.
    #[error("failed to {doing}")]
    Database {
        /// What was tried.
        doing: &'static str,
        /// Why.
        #[source]
        source: Arc<rusqlite::Error>,
    },
    /// A file could not be read or written.
    #[error("failed to {doing} {}", path.display())]
    File {
        /// What was tried.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: Arc<io::Error>,
    },
    /// The system has no random numbers, so that personal text could be guessed from its hash.
    #[error("failed to record: the system gives no random numbers")]
    Chance,
    /// The store has been closed.
    #[error("failed to use the store: it is closed")]
    Closed,
}

fn process(pid: Option<u32>) -> String {
    pid.map(|it| format!(" (process {it})")).unwrap_or_default()
}

impl StoreError {
    /// Whether there was no room. The write may be repeated when there is.
    pub fn is_full(&self) -> bool {
        match self {
            Self::Full { .. } => true,
            Self::Migration { source, .. } => source.is_full(),
            _ => false,
        }
    }

    /// For `map_err` at a call of SQLite.
    pub(super) fn database(doing: &'static str) -> impl FnOnce(rusqlite::Error) -> Self + use<> {
        move |source| Self::Database { doing, source: Arc::new(source) }
    }

    /// For `map_err` at an operation on a file. A full disk is told apart.
    pub(super) fn file(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                Self::Full { dir: path.parent().map(Path::to_owned).unwrap_or(path) }
            }
            _ => Self::File { doing, path, source: Arc::new(source) },
        }
    }

    /// For `map_err` where a row is decoded.
    pub(super) fn row(table: &'static str, key: &str) -> impl FnOnce(serde_json::Error) -> Self + use<> {
        let key = key.to_owned();
        move |source| Self::Row { table, key, source: Arc::new(source) }
    }

    /// Whether SQLite says that the disk is full, directly or, when `no_room`, as an error of the system.
    ///
    /// The log and its shared memory fail with plain I/O errors when they cannot grow.
    pub(super) fn says_full(&self, no_room: bool) -> bool {
        match self {
            Self::Full { .. } => true,
            Self::Database { source, .. } => match source.sqlite_error_code() {
                Some(ErrorCode::DiskFull) => true,
                Some(ErrorCode::SystemIoFailure | ErrorCode::CannotOpen) => no_room,
                _ => false,
            },
            _ => false,
        }
    }

    /// Whether the write itself was at fault and the connection is as good as before.
    pub(super) fn is_harmless(&self) -> bool {
        match self {
            Self::RunExists(_) | Self::Row { .. } => true,
            Self::Database { source, .. } => {
                matches!(source.sqlite_error_code(), None | Some(ErrorCode::ConstraintViolation))
            }
            _ => false,
        }
    }

    /// What a person can do about it.
    pub fn remedy(&self) -> String {
        match self {
            Self::Locked { .. } => "stop it, or give this one another state directory".to_owned(),
            Self::Newer { .. } => {
                "install the newer driftless again, or restore a backup from before the upgrade".to_owned()
            }
            Self::Foreign { .. } => "give driftless a state directory of its own".to_owned(),
            Self::Damaged { .. } | Self::Row { .. } => {
                "stop the daemon, move the database away and restore a backup".to_owned()
            }
            Self::BackupUnderWay => "wait until it has ended".to_owned(),
            Self::Full { dir } | Self::NoRoom { dir, .. } => {
                format!("free space on the file system of {}, or keep less (`retention`)", dir.display())
            }
            Self::File { path, .. } => format!("see who owns {} and whether its disk works", path.display()),
            Self::Migration { .. } => {
                "nothing was changed; the backup made before is beside the database".to_owned()
            }
            Self::RunExists(_) | Self::Database { .. } | Self::Chance | Self::Closed => {
                "see the log of the daemon".to_owned()
            }
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let mut message = error.to_string();
        let mut source = std::error::Error::source(&error);
        while let Some(cause) = source {
            message.push_str(": ");
            message.push_str(&cause.to_string());
            source = cause.source();
        }
        let remedy = error.remedy();
        let failure = match error {
            StoreError::BackupUnderWay
            | StoreError::NoRoom { .. }
            | StoreError::Full { .. }
            | StoreError::Database { .. }
            | StoreError::File { .. } => Self::soon(message),
            StoreError::Migration { ref source, .. } if source.is_full() => Self::soon(message),
            _ => Self::until_changed(message),
        };
        failure.remedy(remedy)
    }
}
