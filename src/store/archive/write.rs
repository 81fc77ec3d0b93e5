//! Makes a backup while everything goes on.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use sha2::{Digest as _, Sha256};

use super::{
    AUDIT_KEY, BackupHeader, BackupWanted, CONTENTS, Contents, DATABASE, Entry, FORM, HEADER, KEYS, hex,
};
use crate::domain::{RunId, Timestamp};
use crate::store::columns::uncount;
use crate::store::place::{Place, event_file, raw_file};
use crate::store::{AuditDatabase, StoreError, backup, connection, migrations};

/// How much of a file is read at a time, in bytes.
const CHUNK: usize = 128 << 10;

/// The level of zstd: what runs leave is compressed already.
const LEVEL: i32 = 3;

/// A copy of the database of one moment, beside it. Removed when it is dropped.
#[derive(Debug)]
pub(in crate::store) struct Copy {
    path: PathBuf,
    header: BackupHeader,
    runs: BTreeSet<RunId>,
}

impl Drop for Copy {
    fn drop(&mut self) {
        // It is removed before the next one is made, too.
        drop(fs::remove_file(&self.path));
    }
}

impl Copy {
    /// Makes it, and verifies it: a backup of a damaged database, or of a chain that does not hold, is none. Readers do
    /// not keep the writer from writing, so this blocks nobody but its caller.
    pub(in crate::store) fn make(
        place: &Place,
        floor_bytes: u64,
        now: Timestamp,
        wanted: BackupWanted,
    ) -> Result<Self, StoreError> {
        let path = place.backups().join("being-made.db");
        let db = connection::reader(place)?;
        let needed = super::super::retention::database_bytes(&db)
            .map_err(StoreError::database("measure the database"))?
            .saturating_add(floor_bytes);
        let available = super::super::space::available(place.dir())?;
        if available < needed {
            return Err(StoreError::NoRoom { dir: place.dir().to_owned(), needed, available });
        }
        backup::replace(&db, &path)?;
        drop(db);
        let header = BackupHeader {
            form: FORM,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            format: 0,
            made: now,
            logs: wanted.logs,
            key: wanted.key,
            chain: crate::domain::audit::AuditHead::default(),
        };
        let mut copy = Self { path, header, runs: BTreeSet::new() };
        copy.verify(place)?;
        Ok(copy)
    }

    fn verify(&mut self, place: &Place) -> Result<(), StoreError> {
        let audit = AuditDatabase::open(&self.path)?;
        let db = audit.connection();
        connection::check(db, place)?;
        let (format, _, _) =
            migrations::facts(db).map_err(StoreError::database("read the format of the backup"))?;
        self.header.format = format;
        self.runs = runs(db)?;
        let verified = audit.verify(Vec::new(), None)?;
        self.header.chain = match verified {
            Ok(verified) => verified.head,
            Err(faults) => {
                let first = faults.faults.first().map_or_else(String::new, ToString::to_string);
                // Its owner has to know, and has to have a backup all the same.
                tracing::error!("the audit chain in the backup does not hold: {first}");
                audit.state()?.head
            }
        };
        Ok(())
    }
}

fn runs(db: &Connection) -> Result<BTreeSet<RunId>, StoreError> {
    let failed = || StoreError::database("read the runs of the backup");
    let mut statement = db.prepare("SELECT id FROM runs").map_err(failed())?;
    let rows = statement.query_map((), |row| Ok(RunId(uncount(row.get(0)?)))).map_err(failed())?;
    rows.collect::<Result<_, _>>().map_err(failed())
}

/// Writes the archive of a copy. What it was.
pub(in crate::store) fn write(
    copy: &Copy,
    place: &Place,
    out: impl Write,
) -> Result<BackupHeader, StoreError> {
    let failed = || StoreError::file("write the backup of", place.dir());
    let packed = zstd::Encoder::new(out, LEVEL).map_err(failed())?;
    let mut archive =
        Archive { tar: tar::Builder::new(packed), contents: Contents::default(), made: copy.header.made };
    let header = serde_json::to_vec(&copy.header).expect("plain data is JSON");
    archive.bytes(HEADER, &header).map_err(failed())?;
    archive.file(DATABASE, &copy.path)?;
    for (name, path) in KEYS.into_iter().zip([place.key(), place.audit_key()]) {
        // Without the key that signs it the restored chain would not hold: its next key would be nobody's.
        if name == AUDIT_KEY || copy.header.key {
            archive.file(name, &path)?;
        }
    }
    if copy.header.logs {
        for run in &copy.runs {
            archive.file(&format!("events/{run}.jsonl.zst"), &event_file(place.dir(), *run))?;
            archive.file(&format!("raw/{run}.log.zst"), &raw_file(place.dir(), *run))?;
        }
    }
    let contents = serde_json::to_vec(&archive.contents).expect("plain data is JSON");
    archive.bytes(CONTENTS, &contents).map_err(failed())?;
    let mut out = archive.tar.into_inner().and_then(zstd::Encoder::finish).map_err(failed())?;
    out.flush().map_err(failed())?;
    Ok(copy.header.clone())
}

struct Archive<W: Write> {
    tar: tar::Builder<W>,
    contents: Contents,
    made: Timestamp,
}

impl<W: Write> Archive<W> {
    fn header(&self, bytes: u64) -> tar::Header {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes);
        header.set_mode(0o600);
        header.set_mtime(u64::try_from(self.made.as_second()).unwrap_or(0));
        header
    }

    fn bytes(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let mut header = self.header(bytes.len() as u64);
        self.tar.append_data(&mut header, name, bytes)
    }

    /// Adds a file, as long as it is now; nothing if there is none, since retention may have removed it.
    fn file(&mut self, name: &str, path: &Path) -> Result<(), StoreError> {
        let failed = || StoreError::file("back up", path);
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(failed()(error)),
        };
        let bytes = file.metadata().map_err(failed())?.len();
        let mut header = self.header(bytes);
        let mut reader = Exactly { file, left: bytes, hash: Sha256::new() };
        self.tar.append_data(&mut header, name, &mut reader).map_err(failed())?;
        let sha256 = hex(&reader.hash.finalize());
        self.contents.files.push(Entry { name: name.to_owned(), bytes, sha256 });
        Ok(())
    }
}

/// So many bytes of a file that may grow meanwhile, or be cut by a writer on a full disk: then zeros follow, which
/// readers of events take for a torn end.
struct Exactly {
    file: File,
    left: u64,
    hash: Sha256,
}

impl Read for Exactly {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len()).min(CHUNK);
        if most == 0 {
            return Ok(0);
        }
        let mut read = self.file.read(&mut buffer[..most])?;
        if read == 0 {
            buffer[..most].fill(0);
            read = most;
        }
        self.hash.update(&buffer[..read]);
        self.left -= read as u64;
        Ok(read)
    }
}
