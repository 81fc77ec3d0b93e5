//! The state directory: who owns it, and where in it things are.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::StoreError;
use crate::domain::RunId;

/// The names inside the state directory.
#[derive(Debug, Clone)]
pub(super) struct Place {
    dir: PathBuf,
}

impl Place {
    /// Makes the directory and its parts, readable by nobody else.
    pub(super) fn prepare(dir: &Path) -> Result<Self, StoreError> {
        let place = Self { dir: dir.to_owned() };
        for dir in [place.dir(), &place.events(), &place.raw(), &place.backups()] {
            private_directory(dir)?;
        }
        Ok(place)
    }

    /// The same names in a directory that is as it is.
    pub(super) fn at(dir: &Path) -> Self {
        Self { dir: dir.to_owned() }
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(super) fn database(&self) -> PathBuf {
        self.dir.join("driftless.db")
    }

    /// What opens the variables in the database. Not in it, nor in its backups.
    pub(super) fn key(&self) -> PathBuf {
        self.dir.join("driftless.key")
    }

    /// What signs checkpoints of the audit chain, if the operator gives no key.
    pub(super) fn audit_key(&self) -> PathBuf {
        self.dir.join("audit.key")
    }

    pub(super) fn ballast(&self) -> PathBuf {
        self.dir.join("ballast")
    }

    pub(super) fn backups(&self) -> PathBuf {
        self.dir.join("backups")
    }

    pub(super) fn events(&self) -> PathBuf {
        self.dir.join("events")
    }

    pub(super) fn raw(&self) -> PathBuf {
        self.dir.join("raw")
    }
}

/// The event file of a run, below the state directory.
pub(super) fn event_file(dir: &Path, run: RunId) -> PathBuf {
    dir.join("events").join(format!("{run}.jsonl.zst"))
}

/// The raw output of a run, below the state directory.
pub(super) fn raw_file(dir: &Path, run: RunId) -> PathBuf {
    dir.join("raw").join(format!("{run}.log.zst"))
}

/// The run that a file in `events` or `raw` is of.
pub(super) fn run_of(path: &Path) -> Option<RunId> {
    path.file_name()?.to_str()?.split_once('.')?.0.parse().ok()
}

/// A directory with mode 0700, whatever it was before.
pub(super) fn private_directory(dir: &Path) -> Result<(), StoreError> {
    let found = fs::symlink_metadata(dir);
    if found.as_ref().is_ok_and(fs::Metadata::is_symlink) {
        let error = std::io::Error::other("it is a symbolic link, which may lead anywhere");
        return Err(StoreError::file("use", dir)(error));
    }
    if !found.is_ok_and(|it| it.is_dir()) {
        DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(StoreError::file("make", dir))?;
    }
    fs::set_permissions(dir, Permissions::from_mode(0o700)).map_err(StoreError::file("protect", dir))
}

/// How files of the store are opened for writing: mode 0600, never through a symbolic link.
pub(super) fn private_file() -> OpenOptions {
    let mut options = OpenOptions::new();
    let no_follow = i32::try_from(rustix::fs::OFlags::NOFOLLOW.bits()).expect("a flag of open(2) fits");
    options.read(true).write(true).create(true).mode(0o600).custom_flags(no_follow);
    options
}

/// Makes the name of a new or removed file durable.
pub(super) fn sync_directory(dir: &Path) -> Result<(), StoreError> {
    File::open(dir).and_then(|it| it.sync_all()).map_err(StoreError::file("sync", dir))
}

/// Ownership of a state directory. It ends with the value, and with the process, however that ends.
#[derive(Debug)]
pub(super) struct Ownership {
    _file: File,
}

impl Ownership {
    /// Takes the directory, or says who has it.
    pub(super) fn take(place: &Place) -> Result<Self, StoreError> {
        let path = place.dir.join("driftless.lock");
        let mut file = private_file().truncate(false).open(&path).map_err(StoreError::file("open", &path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                let read = file.read_to_string(&mut text);
                let pid = read.ok().and_then(|_| text.trim().parse().ok());
                return Err(StoreError::Locked { dir: place.dir.clone(), pid });
            }
            Err(TryLockError::Error(error)) => return Err(StoreError::file("lock", &path)(error)),
        }
        // The number is only for the message: on a full disk the lock works without it.
        let written = file
            .set_len(0)
            .and_then(|()| file.seek(SeekFrom::Start(0)))
            .and_then(|_| writeln!(file, "{}", std::process::id()));
        match written.map_err(StoreError::file("write", &path)) {
            Ok(()) | Err(StoreError::Full { .. }) => Ok(Self { _file: file }),
            Err(error) => Err(error),
        }
    }
}
