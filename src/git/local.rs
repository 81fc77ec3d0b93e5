//! Repositories of this machine, read without starting anything: where their references are, and what one says.

use std::io;
use std::path::{Path, PathBuf};

use crate::domain::{CommitHash, Reference};

/// A longer list of packed references is left to git.
const PACKED_REFS_LIMIT: u64 = 64 * 1024 * 1024;

/// What a file of references says of one of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum RefValue {
    /// The reference names this object.
    Is(CommitHash),
    /// It does not exist.
    Absent,
    /// Only git can tell: a symbolic reference, another storage, an unreadable file.
    Unknown,
}

/// The directory that holds `refs` of the repository at `path`: bare, with `.git`, or a linked work tree whose
/// `.git` is a file. `None` if there is no repository that can be read.
pub(super) fn common_dir(path: &Path) -> Option<PathBuf> {
    let inner = path.join(".git");
    let git_dir = match std::fs::metadata(&inner) {
        Ok(it) if it.is_dir() => inner,
        Ok(it) if it.is_file() => {
            let named = small_file(&inner).ok()?;
            path.join(named.strip_prefix("gitdir: ")?.trim_end_matches(['\r', '\n']))
        }
        _ => path.to_owned(),
    };
    let common = match small_file(&git_dir.join("commondir")) {
        Ok(named) => git_dir.join(named.trim_end_matches(['\r', '\n'])),
        Err(_) => git_dir,
    };
    let common = std::fs::canonicalize(common).ok()?;
    (common.join("HEAD").exists() && common.join("objects").is_dir()).then_some(common)
}

/// What the branch or tag names, by the files `refs/…` and `packed-refs`. They are read in this order because git
/// packs a reference before it deletes the loose file.
pub(super) fn read_branch(common_dir: &Path, reference: &Reference) -> RefValue {
    read_ref(common_dir, &reference.full_name())
}

/// As [`read_branch`], for any reference by its full name.
pub(super) fn read_ref(common_dir: &Path, name: &str) -> RefValue {
    if common_dir.join("reftable").exists() {
        return RefValue::Unknown;
    }
    match small_file(&common_dir.join(name)) {
        Ok(text) => return text.trim_end().parse().map_or(RefValue::Unknown, RefValue::Is),
        Err(error) if is_absent(&error) => {}
        Err(_) => return RefValue::Unknown,
    }
    match regular_file(&common_dir.join("packed-refs"), PACKED_REFS_LIMIT) {
        Ok(packed) => packed_value(&packed, name),
        Err(error) if is_absent(&error) => RefValue::Absent,
        Err(_) => RefValue::Unknown,
    }
}

fn packed_value(packed: &[u8], name: &str) -> RefValue {
    for line in packed.split(|it| *it == b'\n') {
        let Some((hash, found)) = line.split_at_checked(40) else { continue };
        if found.strip_prefix(b" ") == Some(name.as_bytes()) {
            let hash = std::str::from_utf8(hash).ok().and_then(|it| it.parse().ok());
            return hash.map_or(RefValue::Unknown, RefValue::Is);
        }
    }
    RefValue::Absent
}

/// A directory where the file should be also means that the file is not there.
fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::IsADirectory
    )
}

/// Reads the beginning of a file that is small by its nature.
fn small_file(path: &Path) -> io::Result<String> {
    let bytes = regular_file(path, 4096)?;
    String::from_utf8(bytes).map_err(|_| io::Error::from(io::ErrorKind::InvalidData))
}

/// Reads at most `limit` bytes of a regular file. A pipe that somebody put in its place does not block.
fn regular_file(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    use std::io::Read as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let nonblocking = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let file = std::fs::OpenOptions::new().read(true).custom_flags(nonblocking).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::from(io::ErrorKind::IsADirectory));
    }
    let mut bytes = Vec::new();
    file.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}
