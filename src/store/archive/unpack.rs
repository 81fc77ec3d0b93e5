//! Reads a backup: every byte of it is compared with what was written.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::{ArchiveError, BackupHeader, CONTENTS, Contents, DATABASE, Entry, FORM, HEADER, hex, is_known};
use crate::store::place::{private_directory, private_file, sync_directory};
use crate::store::{StoreError, migrations};

/// The longest header or list that is read, in bytes.
const LIST_BYTES: u64 = 1 << 30;
const HEADER_BYTES: u64 = 1 << 20;

/// What was in a backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unpacked {
    /// What it is.
    pub header: BackupHeader,
    /// How many files it holds.
    pub files: u64,
    /// How many bytes they have.
    pub bytes: u64,
}

/// Reads a whole backup and compares it with its own list, without unpacking it anywhere.
pub fn verify(from: impl Read) -> Result<Unpacked, ArchiveError> {
    read(from, None)
}

/// The same, and writes its files below `into`, an empty directory.
pub(super) fn unpack(from: impl Read, into: &Path) -> Result<Unpacked, ArchiveError> {
    for dir in [into, &into.join("events"), &into.join("raw")] {
        private_directory(dir)?;
    }
    let unpacked = read(from, Some(into))?;
    for dir in [&into.join("events"), &into.join("raw"), into] {
        sync_directory(dir)?;
    }
    Ok(unpacked)
}

fn read(from: impl Read, into: Option<&Path>) -> Result<Unpacked, ArchiveError> {
    let unpacked = zstd::Decoder::new(from).map_err(ArchiveError::Foreign)?;
    let mut tar = tar::Archive::new(unpacked);
    let mut entries = tar.entries().map_err(ArchiveError::Foreign)?;
    let mut first = entries.next().ok_or(ArchiveError::Incomplete)?.map_err(ArchiveError::Foreign)?;
    let header = header(&mut first)?;
    let (mut found, mut listed) = (Contents::default(), None);
    for entry in entries {
        let mut entry = entry.map_err(|it| broken(&it))?;
        let name = name_of(&entry)?;
        if name == CONTENTS {
            let mut text = Vec::new();
            entry.by_ref().take(LIST_BYTES).read_to_end(&mut text).map_err(|it| broken(&it))?;
            let contents = serde_json::from_slice::<Contents>(&text);
            listed = Some(contents.map_err(|_| ArchiveError::Damaged("its list cannot be read".to_owned()))?);
            continue;
        }
        if listed.is_some() || !is_known(&name) || found.files.iter().any(|it| it.name == name) {
            return Err(ArchiveError::Damaged(format!("it holds a file that no backup has: {name:?}")));
        }
        found.files.push(take(&mut entry, name, into)?);
    }
    let listed = listed.ok_or(ArchiveError::Incomplete)?;
    if let Some(differs) = found.files.iter().zip(&listed.files).find(|(found, listed)| found != listed) {
        return Err(ArchiveError::Damaged(format!("{} is not as it was written", differs.1.name)));
    }
    let database = listed.files.iter().any(|it| it.name == DATABASE);
    if found.files.len() != listed.files.len() || !database {
        return Err(ArchiveError::Damaged("files are missing".to_owned()));
    }
    let bytes = found.files.iter().map(|it| it.bytes).sum();
    Ok(Unpacked { header, files: found.files.len() as u64, bytes })
}

fn broken(error: &io::Error) -> ArchiveError {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => ArchiveError::Incomplete,
        _ => ArchiveError::Damaged(error.to_string()),
    }
}

fn name_of(entry: &tar::Entry<'_, impl Read>) -> Result<String, ArchiveError> {
    let file = entry.header().entry_type().is_file();
    let name = String::from_utf8(entry.path_bytes().into_owned()).ok().filter(|_| file);
    name.ok_or_else(|| ArchiveError::Damaged("it holds what is no file".to_owned()))
}

fn header(entry: &mut tar::Entry<'_, impl Read>) -> Result<BackupHeader, ArchiveError> {
    let foreign = |why: &str| ArchiveError::Foreign(io::Error::other(why.to_owned()));
    if name_of(entry)? != HEADER {
        return Err(foreign("it does not begin as one"));
    }
    let mut text = Vec::new();
    entry.by_ref().take(HEADER_BYTES).read_to_end(&mut text).map_err(|it| broken(&it))?;
    let header: BackupHeader =
        serde_json::from_slice(&text).map_err(|_| foreign("its header cannot be read"))?;
    let known = migrations::STEPS.last().map_or(0, |it| it.number);
    if FORM < header.form || known < header.format {
        let BackupHeader { version, format, .. } = header;
        return Err(ArchiveError::Newer { version, format, known });
    }
    Ok(header)
}

/// Reads one file, and writes it if it is to be unpacked.
fn take(
    entry: &mut tar::Entry<'_, impl Read>,
    name: String,
    into: Option<&Path>,
) -> Result<Entry, ArchiveError> {
    let mut hash = Sha256::new();
    let mut out = match into {
        None => None,
        Some(dir) => {
            let path = dir.join(&name);
            let made =
                private_file().create_new(true).open(&path).map_err(StoreError::file("make", &path))?;
            Some((made, path))
        }
    };
    let mut buffer = vec![0; 128 << 10];
    let mut bytes = 0;
    loop {
        let read = entry.read(&mut buffer).map_err(|it| broken(&it))?;
        if read == 0 {
            break;
        }
        hash.update(&buffer[..read]);
        bytes += read as u64;
        if let Some((file, path)) = &mut out {
            File::write_all(file, &buffer[..read]).map_err(StoreError::file("write", path))?;
        }
    }
    if let Some((file, path)) = out {
        file.sync_all().map_err(StoreError::file("sync", &path))?;
    }
    Ok(Entry { name, bytes, sha256: hex(&hash.finalize()) })
}
