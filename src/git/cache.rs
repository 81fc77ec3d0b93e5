//! The directory in which the objects of one source are kept. It is disposable: all of it can be fetched anew.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FlockOperation, RenameFlags, flock, renameat_with};

use super::access::private_dir;
use super::error::GitError;
use super::local::{RefValue, read_ref};
use super::url::RemoteUrl;
use crate::domain::{CommitHash, Reference, SourceName};

/// Above this many packs a cache is repacked: each fetch that brings something adds one.
const PACKS: usize = 50;

/// What a bare repository needs to be one. Written by ourselves, so that no template and no configuration of the
/// machine gets in.
const CONFIG: &str = "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = true\n";

/// Names a branch that never is.
const HEAD: &str = "ref: refs/heads/none\n";

/// The cache of one source.
#[derive(Debug, Clone)]
pub(super) struct Cache {
    dir: PathBuf,
    name: SourceName,
}

/// The right to change a cache. It lasts as long as a process that was given it as standard input, so that a git
/// which outlives its daemon still keeps the next one out.
pub(super) struct Lock(File);

impl Lock {
    /// The same right for a child, as its standard input.
    pub(super) fn share(&self) -> io::Result<File> {
        self.0.try_clone()
    }
}

impl Cache {
    pub(super) fn new(cache_dir: &Path, name: &SourceName) -> Self {
        Self { dir: cache_dir.to_owned(), name: name.clone() }
    }

    /// The bare repository.
    pub(super) fn path(&self) -> PathBuf {
        self.dir.join(format!("{}.git", self.name))
    }

    /// Where a fresh one is made.
    fn fresh_path(&self) -> PathBuf {
        self.dir.join(format!(".{}.fresh.git", self.name))
    }

    /// The reference that a branch is fetched into. Only references like this are ever made.
    pub(super) fn reference(&self, branch: &Reference) -> String {
        format!("refs/driftless/{}/{branch}", self.name)
    }

    /// The commit that was fetched last.
    pub(super) fn tip(&self, branch: &Reference) -> Option<CommitHash> {
        match read_ref(&self.path(), &self.reference(branch)) {
            RefValue::Is(commit) => Some(commit),
            RefValue::Absent | RefValue::Unknown => None,
        }
    }

    /// Takes the right to change it; `None` if another process has it.
    pub(super) fn lock(&self) -> Result<Option<Lock>, GitError> {
        let path = self.dir.join(format!("{}.lock", self.name));
        let open = || -> io::Result<Option<Lock>> {
            private_dir(&self.dir)?;
            let file = File::options().create(true).truncate(false).write(true).open(&path)?;
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => Ok(Some(Lock(file))),
                Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
                Err(error) => Err(error.into()),
            }
        };
        open().map_err(|it| GitError::io("lock", &path, it))
    }

    /// Makes sure that it exists and is of this address; what a killed git left is removed. Needs the lock.
    pub(super) fn prepare(&self, url: &RemoteUrl, branch: &Reference, _: &Lock) -> Result<(), GitError> {
        let path = self.path();
        discard(&self.fresh_path())?;
        let (url, branch) = (format!("{url}\n"), format!("{branch}\n"));
        let same =
            |file: &str, text: &str| std::fs::read(path.join(file)).is_ok_and(|it| it == text.as_bytes());
        let whole = same("config", CONFIG) && same("HEAD", HEAD) && path.join("objects/pack").is_dir();
        if !whole || !same("driftless-url", &url) {
            discard(&path)?;
            skeleton(&path, &url)?;
        } else if !same("driftless-branch", &branch) {
            // A branch `a` stands in the way of a branch `a/b`.
            discard(&path.join("refs/driftless"))?;
        }
        if !same("driftless-branch", &branch) {
            write(&path.join("driftless-branch"), &branch)?;
        }
        remove_leftovers(&path).map_err(|it| GitError::io("clean", &path, it))
    }

    /// An empty repository beside the damaged one.
    pub(super) fn begin_fresh(&self, url: &RemoteUrl, branch: &Reference) -> Result<PathBuf, GitError> {
        let path = self.fresh_path();
        discard(&path)?;
        skeleton(&path, &format!("{url}\n"))?;
        write(&path.join("driftless-branch"), &format!("{branch}\n"))?;
        Ok(path)
    }

    /// Puts the fresh one in the place of the other, at once.
    pub(super) fn finish_fresh(&self) -> Result<(), GitError> {
        let (fresh, path) = (self.fresh_path(), self.path());
        let renamed = renameat_with(CWD, &fresh, CWD, &path, RenameFlags::EXCHANGE)
            .map_err(io::Error::from)
            // Not every file system can exchange.
            .or_else(|_| discard_io(&path).and_then(|()| std::fs::rename(&fresh, &path)));
        renamed.map_err(|it| GitError::io("rename", &fresh, it))?;
        discard(&fresh)
    }

    /// Whether there are so many packs that reading gets slow.
    pub(super) fn wants_repack(&self) -> bool {
        let Ok(entries) = std::fs::read_dir(self.path().join("objects/pack")) else { return false };
        entries.flatten().filter(|it| it.path().extension().is_some_and(|it| it == "pack")).count() > PACKS
    }

    /// The objects, for reading. Only the objects: no configuration, replacement, graft, attribute or reference
    /// has a say, and each object is hashed when it is read.
    pub(super) fn objects(&self) -> Result<git2::Repository, GitError> {
        open_objects(&self.path())
    }
}

/// As [`Cache::objects`], of any repository.
pub(super) fn open_objects(git_dir: &Path) -> Result<git2::Repository, GitError> {
    git2::opts::strict_hash_verification(true);
    let objects = git_dir.join("objects");
    let text = objects.to_str().ok_or_else(|| GitError::Corrupt("its path is not text".to_owned()))?;
    let open = || -> Result<git2::Repository, git2::Error> {
        let odb = git2::Odb::new()?;
        odb.add_disk_alternate(text)?;
        git2::Repository::from_odb(odb)
    };
    open().map_err(|it| GitError::corrupt(&it))
}

fn skeleton(path: &Path, url: &str) -> Result<(), GitError> {
    for dir in ["objects/info", "objects/pack", "refs/heads"] {
        let dir = path.join(dir);
        private_dir(&dir).map_err(|it| GitError::io("make", &dir, it))?;
    }
    write(&path.join("config"), CONFIG)?;
    write(&path.join("driftless-url"), url)?;
    write(&path.join("HEAD"), HEAD)
}

fn write(path: &Path, text: &str) -> Result<(), GitError> {
    std::fs::write(path, text).map_err(|it| GitError::io("write", path, it))
}

fn discard(path: &Path) -> Result<(), GitError> {
    discard_io(path).map_err(|it| GitError::io("remove", path, it))
}

/// Removes whatever is there.
fn discard_io(path: &Path) -> io::Result<()> {
    let removed = match std::fs::symlink_metadata(path) {
        Ok(it) if it.is_dir() => std::fs::remove_dir_all(path),
        Ok(_) => std::fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Removes locks and half-written packs. Whoever holds our lock knows that nobody works on them.
fn remove_leftovers(git_dir: &Path) -> io::Result<()> {
    remove_locks(git_dir, false)?;
    remove_locks(&git_dir.join("refs"), true)?;
    for dir in ["objects", "objects/pack", "objects/info"] {
        for entry in entries(&git_dir.join(dir))? {
            let name = entry.file_name();
            let name = name.as_encoded_bytes();
            if name.starts_with(b"tmp_") || name.starts_with(b"incoming-") || name.ends_with(b".lock") {
                discard_io(&entry.path())?;
            }
        }
    }
    Ok(())
}

fn remove_locks(dir: &Path, deep: bool) -> io::Result<()> {
    for entry in entries(dir)? {
        if entry.file_name().as_encoded_bytes().ends_with(b".lock") {
            discard_io(&entry.path())?;
        } else if deep && entry.file_type()?.is_dir() {
            remove_locks(&entry.path(), true)?;
        }
    }
    Ok(())
}

fn entries(dir: &Path) -> io::Result<Vec<std::fs::DirEntry>> {
    match std::fs::read_dir(dir) {
        Ok(entries) => entries.collect(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}
