//! Puts the state of a backup in the place of a store. No daemon may use that.

use std::fs;
use std::io::{Read, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};
use rustix::fs::OFlags;

use super::unpack::{Unpacked, unpack};
use super::{ArchiveError, DATABASE};
use crate::domain::Timestamp;
use crate::domain::audit::{Checkpoint, Verified};
use crate::store::columns::nanos;
use crate::store::place::{Ownership, Place, private_file, sync_directory};
use crate::store::{AuditDatabase, StoreError, connection, migrations};

/// Where a restored database says that it is one, until a daemon recorded it.
pub(in crate::store) const MARK: &str = "restored_from";

/// A key of variables is no longer than this.
const KEY_BYTES: u64 = 4096;

/// What is to be restored where.
#[derive(Debug, Clone)]
pub struct Restore {
    /// The directory of the store; its parent must exist.
    pub dir: PathBuf,
    /// Whether a state that is there is moved aside.
    pub replace: bool,
    /// What the directory of a state that is moved aside gets behind its name.
    pub aside: String,
    /// Checkpoints that were kept elsewhere.
    pub checkpoints: Vec<Checkpoint>,
}

/// What was restored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// What the backup was.
    pub backup: Unpacked,
    /// What of the audit chain was verified.
    pub verified: Verified,
    /// Where the state that was there before is now.
    pub aside: Option<PathBuf>,
    /// Whether the key of variables that was there before was taken over, since the backup has none.
    pub key_kept: bool,
    /// The newest record that a checkpoint elsewhere vouches for, if the backup does not have it.
    pub ahead: Option<u64>,
}

impl Restore {
    /// Restores. Until everything was verified nothing of what is there is touched.
    pub fn perform(&self, from: impl Read) -> Result<Restored, ArchiveError> {
        let old = Place::at(&self.dir);
        let occupied = self.dir.exists() && fs::read_dir(&self.dir).is_ok_and(|mut it| it.next().is_some());
        // Held until the end: no daemon may begin meanwhile.
        let _owner = if occupied { Some(Ownership::take(&old)?) } else { None };
        let has_state = old.database().exists();
        if has_state && !self.replace {
            return Err(ArchiveError::Occupied { dir: self.dir.clone() });
        }
        let fresh = self.beside("restoring");
        remove(&fresh)?;
        // Made here and by nobody else: a link that somebody put there would lead elsewhere.
        fs::DirBuilder::new().mode(0o700).create(&fresh).map_err(StoreError::file("make", &fresh))?;
        let done = self.prepare(from, &fresh).and_then(|(backup, verified, ahead)| {
            let key_kept = has_state && Self::keep_key(&old, &Place::at(&fresh))?;
            give_to_owner_of(&self.parent(), &fresh)?;
            let aside = if occupied { Some(self.move_aside()?) } else { None };
            if self.dir.exists() {
                fs::remove_dir(&self.dir).map_err(StoreError::file("remove", &self.dir))?;
            }
            fs::rename(&fresh, &self.dir).map_err(StoreError::file("put in its place", &fresh))?;
            sync_directory(&self.parent())?;
            Ok(Restored { backup, verified, aside, key_kept, ahead })
        });
        if done.is_err() {
            // What is in the way the next time is removed then.
            drop(remove(&fresh));
        }
        done
    }

    fn prepare(
        &self,
        from: impl Read,
        fresh: &Path,
    ) -> Result<(Unpacked, Verified, Option<u64>), ArchiveError> {
        let backup = unpack(from, fresh)?;
        let path = fresh.join(DATABASE);
        let audit = AuditDatabase::open(&path)?;
        check_database(audit.connection(), fresh)?;
        let size = audit.state()?.head.size;
        let (within, ahead): (Vec<_>, Vec<_>) =
            self.checkpoints.iter().cloned().partition(|it| it.head.size <= size);
        let verified = audit.verify(within, None)?.map_err(|faults| {
            let first = faults.faults.first().map_or_else(String::new, ToString::to_string);
            ArchiveError::Damaged(format!("its audit chain does not hold: {first}"))
        })?;
        if verified.head != backup.header.chain {
            return Err(ArchiveError::Damaged("its audit chain is not the one of its header".to_owned()));
        }
        drop(audit);
        mark(&path, backup.header.made)?;
        let ahead = ahead.iter().map(|it| it.head.size).max();
        Ok((backup, verified, ahead))
    }

    /// A backup without the key of variables: the one of the state that it replaces still opens them.
    fn keep_key(old: &Place, fresh: &Place) -> Result<bool, StoreError> {
        let keeps = old.key().exists() && !fresh.key().exists();
        if keeps {
            let (from, to) = (old.key(), fresh.key());
            let key = read_key(&from, old.dir()).map_err(StoreError::file("keep", &from))?;
            let written = private_file().create_new(true).open(&to).and_then(|mut it| it.write_all(&key));
            written.map_err(StoreError::file("keep", &to))?;
        }
        Ok(keeps)
    }

    fn move_aside(&self) -> Result<PathBuf, StoreError> {
        let aside = self.beside(&self.aside);
        fs::rename(&self.dir, &aside).map_err(StoreError::file("move aside", &self.dir))?;
        Ok(aside)
    }

    fn parent(&self) -> PathBuf {
        self.dir.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_owned()
    }

    fn beside(&self, ending: &str) -> PathBuf {
        let name = self.dir.file_name().unwrap_or_default().display().to_string();
        self.parent().join(format!("{name}.{ending}"))
    }
}

/// A key that is a file of whoever owns the directory, and no link: root must not read another one for them.
fn read_key(path: &Path, dir: &Path) -> std::io::Result<Vec<u8>> {
    let no_follow = i32::try_from(OFlags::NOFOLLOW.bits()).expect("a flag of open(2) fits");
    let mut file = fs::OpenOptions::new().read(true).custom_flags(no_follow).open(path)?;
    let found = file.metadata()?;
    if !found.is_file() || found.uid() != fs::metadata(dir)?.uid() || found.nlink() != 1 {
        return Err(std::io::Error::other("it is not a file of its own, of whoever owns the directory"));
    }
    let mut key = Vec::new();
    (&mut file).take(KEY_BYTES).read_to_end(&mut key)?;
    Ok(key)
}

fn remove(dir: &Path) -> Result<(), StoreError> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(StoreError::file("remove", dir)(error))
        }
        _ => Ok(()),
    }
}

fn check_database(db: &Connection, dir: &Path) -> Result<(), ArchiveError> {
    connection::check(db, &Place::at(dir))?;
    let (found, application, _) =
        migrations::facts(db).map_err(StoreError::database("read the format of the backup"))?;
    let known = migrations::STEPS.last().map_or(0, |it| it.number);
    if application != migrations::APPLICATION {
        return Err(StoreError::Foreign { path: dir.join(DATABASE) }.into());
    }
    if known < found {
        return Err(StoreError::Newer { found, known }.into());
    }
    Ok(())
}

/// Lets the next daemon know that this state is a backup's, and forgets who was signed in.
fn mark(path: &Path, made: Timestamp) -> Result<(), StoreError> {
    let failed = || StoreError::database("mark the restored database");
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(path, flags).map_err(failed())?;
    db.pragma_update(None, "trusted_schema", false).map_err(failed())?;
    db.pragma_update(None, "synchronous", "FULL").map_err(failed())?;
    db.execute(
        "INSERT INTO meta VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = excluded.value",
        (MARK, nanos(made)),
    )
    .map_err(failed())?;
    let sessions = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'sessions'";
    if db.prepare(sessions).and_then(|mut it| it.exists(())).map_err(failed())? {
        db.execute("DELETE FROM sessions", ()).map_err(failed())?;
    }
    db.close().map_err(|(_, error)| failed()(error))
}

/// Whoever owns the directory around it uses it: root restores for the daemon.
fn give_to_owner_of(parent: &Path, dir: &Path) -> Result<(), StoreError> {
    let owner = fs::metadata(parent).map_err(StoreError::file("look at", parent))?;
    if owner.uid() == rustix::process::geteuid().as_raw() {
        return Ok(());
    }
    // What is inside a directory is given away before the directory is: until then nobody else changes it.
    let (mut open, mut all) = (vec![dir.to_owned()], Vec::new());
    while let Some(path) = open.pop() {
        if fs::symlink_metadata(&path).map_err(StoreError::file("look at", &path))?.is_dir() {
            for entry in fs::read_dir(&path).map_err(StoreError::file("read", &path))? {
                open.push(entry.map_err(StoreError::file("read", &path))?.path());
            }
        }
        all.push(path);
    }
    for path in all.iter().rev() {
        let chowned = std::os::unix::fs::lchown(path, Some(owner.uid()), Some(owner.gid()));
        chowned.map_err(StoreError::file("give away", path))?;
    }
    Ok(())
}
