//! Lays the tree of a commit out on disk for one run, by our own hand: no filter, line end, keyword or export
//! attribute has a say. Then everything is read again from disk and compared with the commit.

use std::fs::{DirBuilder, File, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use super::cache::open_objects;
use super::compare::{self, Difference, DifferenceKind};
use super::error::GitError;
use super::policy::{self, Reason, Refusal};
use super::tree::{self, EntryKind, Tree, TreeEntry};
use crate::domain::CommitHash;

/// With fewer files a second thread costs more than it brings.
const FILES_FOR_TWO: usize = 300;

/// How many files a thread takes at once: near each other, so that it stays in a few directories and packs.
const BLOCK: usize = 64;

/// Who is to read a checkout. Nobody but the daemon may write it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// The run has the uid of the daemon. The modes keep it from writing by mistake; a run as root is not kept.
    Same,
    /// The run has another uid, and this group.
    Group(u32),
}

/// Permission bits of what is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Modes {
    pub(super) directory: u32,
    pub(super) executable: u32,
    pub(super) file: u32,
}

impl Owner {
    pub(super) fn modes(self) -> Modes {
        match self {
            Self::Same => Modes { directory: 0o550, executable: 0o550, file: 0o440 },
            Self::Group(_) => Modes { directory: 0o750, executable: 0o750, file: 0o640 },
        }
    }

    fn group(self) -> Option<u32> {
        match self {
            Self::Same => None,
            Self::Group(group) => Some(group),
        }
    }
}

/// The tree of one commit on disk, made for one run.
#[derive(Debug, Clone)]
pub struct Checkout {
    root: PathBuf,
    owner: Owner,
    tree: Arc<Tree>,
}

impl Checkout {
    /// Its directory.
    pub fn path(&self) -> &Path {
        &self.root
    }

    /// How many files and symlinks it has.
    pub fn files(&self) -> usize {
        self.tree.entries.len()
    }

    /// Reads everything again and returns what is not as it was laid out, in the order of the paths.
    pub fn changed_files(&self) -> io::Result<Vec<Difference>> {
        compare::differences(&self.root, &self.tree, self.owner.modes())
    }

    /// Removes it from disk.
    pub fn remove(self) -> io::Result<()> {
        remove_checkout(&self.root)
    }
}

/// Removes a checkout, also one that a dead daemon left. It is no error if there is none.
pub fn remove_checkout(path: &Path) -> io::Result<()> {
    match std::fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => {
            make_writable(path)?;
            std::fs::remove_dir_all(path)
        }
        Ok(_) => std::fs::remove_file(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

fn make_writable(dir: &Path) -> io::Result<()> {
    std::fs::set_permissions(dir, Permissions::from_mode(0o700))?;
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            make_writable(&entry.path())?;
        }
    }
    Ok(())
}

/// Writes and verifies a checkout at `dest`, which must not exist. Nothing is left if it fails.
pub(super) fn write(
    git_dir: &Path,
    commit: &CommitHash,
    dest: &Path,
    owner: Owner,
) -> Result<Checkout, GitError> {
    let tree = tree::walk(&open_objects(git_dir)?, commit)?;
    DirBuilder::new().mode(0o700).create(dest).map_err(|it| GitError::io("make", dest, it))?;
    let written = lay_out(git_dir, &tree, dest, owner).and_then(|()| {
        let differences = compare::differences(dest, &tree, owner.modes());
        match differences.map_err(|it| GitError::io("read", dest, it))?.into_iter().next() {
            None => Ok(()),
            Some(Difference { path, kind }) => Err(GitError::NotTheCommit { path, what: what(kind) }),
        }
    });
    match written {
        Ok(()) => Ok(Checkout { root: dest.to_owned(), owner, tree: Arc::new(tree) }),
        Err(error) => {
            if let Err(left) = remove_checkout(dest) {
                tracing::warn!(path = %dest.display(), error = %left, "a checkout that failed could not be removed");
            }
            Err(error)
        }
    }
}

fn what(kind: DifferenceKind) -> &'static str {
    match kind {
        DifferenceKind::Added => "is there and was not committed",
        DifferenceKind::Removed => "was committed and is not there",
        DifferenceKind::Modified => "is another one than was committed",
    }
}

fn lay_out(git_dir: &Path, tree: &Tree, dest: &Path, owner: Owner) -> Result<(), GitError> {
    for directory in &tree.directories {
        let path = dest.join(directory);
        DirBuilder::new().mode(0o700).create(&path).map_err(|it| GitError::io("make", &path, it))?;
    }
    let written = AtomicU64::new(0);
    share_out(tree.entries.len(), |indexes| {
        let repository = open_objects(git_dir)?;
        let odb = repository.odb().map_err(|it| GitError::corrupt(&it))?;
        for index in indexes {
            let entry = &tree.entries[index];
            let object = odb.read(entry.oid).map_err(|it| GitError::corrupt(&it))?;
            let size = object.len() as u64;
            let sum = written.fetch_add(size, Ordering::Relaxed) + size;
            let refused = |reason| Refusal::new(entry.path.as_os_str().as_encoded_bytes(), reason);
            if sum > policy::BYTES || size > compare::FILE_BYTES {
                return Err(GitError::from(refused(Reason::TooLarge)));
            }
            if entry.kind != EntryKind::Symlink && policy::is_lfs_pointer(object.data()) {
                return Err(refused(Reason::Lfs).into());
            }
            let path = dest.join(&entry.path);
            write_entry(&path, entry, object.data(), owner).map_err(|it| GitError::io("write", &path, it))?;
        }
        Ok(())
    })?;
    // From the inside out: a directory that is closed lets nothing more in.
    let mode = Permissions::from_mode(owner.modes().directory);
    for path in tree.directories.iter().rev().map(|it| dest.join(it)).chain([dest.to_owned()]) {
        let close = || -> io::Result<()> {
            if let Some(group) = owner.group() {
                std::os::unix::fs::chown(&path, None, Some(group))?;
            }
            std::fs::set_permissions(&path, mode.clone())
        };
        close().map_err(|it| GitError::io("set the mode of", &path, it))?;
    }
    Ok(())
}

fn write_entry(path: &Path, entry: &TreeEntry, content: &[u8], owner: Owner) -> io::Result<()> {
    if entry.kind == EntryKind::Symlink {
        std::os::unix::fs::symlink(policy::relative(content), path)?;
        return match owner.group() {
            Some(group) => std::os::unix::fs::lchown(path, None, Some(group)),
            None => Ok(()),
        };
    }
    let modes = owner.modes();
    let mode = if entry.kind == EntryKind::Executable { modes.executable } else { modes.file };
    let nofollow = rustix::fs::OFlags::NOFOLLOW.bits().cast_signed();
    let mut file =
        File::options().write(true).create_new(true).mode(mode).custom_flags(nofollow).open(path)?;
    file.write_all(content)?;
    // Only what the umask and the parent left to do: each of these waits for the journal of the file system.
    let found = file.metadata()?;
    if let Some(group) = owner.group().filter(|it| *it != found.gid()) {
        std::os::unix::fs::fchown(&file, None, Some(group))?;
    }
    if found.permissions().mode() & 0o7777 != mode {
        file.set_permissions(Permissions::from_mode(mode))?;
    }
    Ok(())
}

/// Does `work` for the numbers below `count`, on two threads if they are many. The first error is returned.
pub(super) fn share_out<E: Send>(
    count: usize,
    work: impl Fn(&mut dyn Iterator<Item = usize>) -> Result<(), E> + Sync,
) -> Result<(), E> {
    if count < FILES_FOR_TWO {
        return work(&mut (0..count));
    }
    let next = AtomicUsize::new(0);
    let take = || {
        let mut block = 0..0;
        let mut indexes = std::iter::from_fn(|| {
            block.next().or_else(|| {
                let from = next.fetch_add(BLOCK, Ordering::Relaxed);
                block = from.min(count)..(from + BLOCK).min(count);
                block.next()
            })
        });
        work(&mut indexes)
    };
    std::thread::scope(|scope| {
        let other = scope.spawn(take);
        let mine = take();
        match other.join() {
            Ok(theirs) => mine.and(theirs),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}
