//! Compares a directory with the tree it was laid out from: mode, path and bytes of everything.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use git2::{ObjectType, Oid};

use super::checkout::{Modes, share_out};
use super::tree::{EntryKind, Tree, TreeEntry};

/// The largest single file.
pub(super) const FILE_BYTES: u64 = 256 * 1024 * 1024;

/// One path that is not as it was laid out.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Difference {
    /// Relative to the checkout.
    pub path: PathBuf,
    /// How it differs.
    pub kind: DifferenceKind,
}

/// How a path differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DifferenceKind {
    /// It is there and was not committed. What is inside an added directory is not listed.
    Added,
    /// It was committed and is not there.
    Removed,
    /// Its content, kind or mode is another one.
    Modified,
}

/// Everything that differs, sorted by path.
pub(super) fn differences(root: &Path, tree: &Tree, modes: Modes) -> io::Result<Vec<Difference>> {
    let mut found = Vec::new();
    let present = list(root, tree, modes, &mut found)?;
    for (index, entry) in tree.entries.iter().enumerate() {
        if !present[index] {
            found.push(Difference { path: entry.path.clone(), kind: DifferenceKind::Removed });
        }
    }
    let found = Mutex::new(found);
    share_out(tree.entries.len(), |indexes| {
        let mut buffer = Vec::new();
        for index in indexes.filter(|it| present[*it]) {
            let entry = &tree.entries[index];
            if !is_as_committed(&root.join(&entry.path), entry, modes, &mut buffer)? {
                let difference = Difference { path: entry.path.clone(), kind: DifferenceKind::Modified };
                found.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(difference);
            }
        }
        Ok::<(), io::Error>(())
    })?;
    let mut found = found.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    found.sort();
    Ok(found)
}

/// Looks for what is there at all. Returns for each entry whether something has its name; adds what is too much
/// and which directories are missing or have another mode.
fn list(root: &Path, tree: &Tree, modes: Modes, found: &mut Vec<Difference>) -> io::Result<Vec<bool>> {
    let files: HashMap<&Path, usize> =
        tree.entries.iter().enumerate().map(|(index, it)| (it.path.as_path(), index)).collect();
    let directories: HashSet<&Path> = tree.directories.iter().map(PathBuf::as_path).collect();
    let mut present = vec![false; tree.entries.len()];
    let mut seen = HashSet::new();
    let mut open = vec![PathBuf::new()];
    while let Some(directory) = open.pop() {
        let on_disk = root.join(&directory);
        if mode(&std::fs::symlink_metadata(&on_disk)?) != modes.directory {
            found.push(Difference { path: directory.clone(), kind: DifferenceKind::Modified });
        }
        for entry in std::fs::read_dir(&on_disk)? {
            let entry = entry?;
            let path = directory.join(entry.file_name());
            if let Some(index) = files.get(path.as_path()) {
                present[*index] = true;
            } else if let (Some(known), true) = (directories.get(path.as_path()), entry.file_type()?.is_dir())
            {
                seen.insert(*known);
                open.push(path);
            } else {
                found.push(Difference { path, kind: DifferenceKind::Added });
            }
        }
    }
    let missing = tree.directories.iter().filter(|it| !seen.contains(it.as_path()));
    found.extend(missing.map(|it| Difference { path: it.clone(), kind: DifferenceKind::Removed }));
    Ok(present)
}

fn mode(metadata: &std::fs::Metadata) -> u32 {
    metadata.permissions().mode() & 0o7777
}

fn is_as_committed(path: &Path, entry: &TreeEntry, modes: Modes, buffer: &mut Vec<u8>) -> io::Result<bool> {
    let hash = |bytes: &[u8]| Oid::hash_object(ObjectType::Blob, bytes).map_err(io::Error::other);
    if entry.kind == EntryKind::Symlink {
        return match std::fs::read_link(path) {
            Ok(target) => Ok(hash(target.as_os_str().as_bytes())? == entry.oid),
            Err(_) => Ok(false),
        };
    }
    // A pipe or a symlink in the place of the file must neither block nor lead elsewhere.
    let flags = (rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK).bits().cast_signed();
    let Ok(mut file) = File::options().read(true).custom_flags(flags).open(path) else { return Ok(false) };
    let metadata = file.metadata()?;
    let wanted = if entry.kind == EntryKind::Executable { modes.executable } else { modes.file };
    if !metadata.is_file() || mode(&metadata) != wanted || metadata.len() > FILE_BYTES {
        return Ok(false);
    }
    buffer.clear();
    file.read_to_end(buffer)?;
    Ok(hash(buffer)? == entry.oid)
}
