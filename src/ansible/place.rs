//! The directories of one run: made before it, removed after it.
//!
//! ```text
//! <run_dir>/              the daemon's; the run may pass through it
//!   guardian.lock         the daemon's alone
//!   work/                 0700, of the user that the run is executed as
//!     vars.json none.cfg  what is handed to Ansible in files
//!     tmp/ ansible/ cp/   temporary files, ANSIBLE_HOME, sockets of shared ssh connections
//! ```

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Dir, FileType, Gid, Mode, OFlags};

use super::command::PrivateFile;
use super::environment::empty_config;
use super::guardian::{Leftovers, RunAs};
use super::runtime::RepositoryConfig;
use crate::domain::Secret;

/// Where a run finds everything. All paths are absolute.
#[derive(Debug, Clone)]
pub struct Place {
    /// The tree of the revision. The run cannot write it.
    pub checkout: PathBuf,
    /// The directory of this run alone. Its path is the mark by which the run's processes are recognised.
    pub run_dir: PathBuf,
    /// The persistent directory of the stack, `DRIFTLESS_STATE_DIR`.
    pub state_dir: PathBuf,
    /// `HOME` of the run; of the stack or of this run.
    pub home: PathBuf,
    /// The launcher's file.
    pub launcher: PathBuf,
    /// What each event line begins with: random, per run (see [`super::command::random_token`]).
    pub nonce: String,
    /// The key of the digests of loop items.
    pub item_key: Secret,
}

impl Place {
    /// The lock that the run's guardian holds.
    pub fn lock_file(&self) -> PathBuf {
        lock_file(&self.run_dir)
    }

    /// The directory that belongs to the user of the run.
    pub fn work(&self) -> PathBuf {
        self.run_dir.join("work")
    }

    pub(super) fn temporary(&self) -> PathBuf {
        self.work().join("tmp")
    }

    pub(super) fn ansible_home(&self) -> PathBuf {
        self.work().join("ansible")
    }

    /// Short, because the path of a socket has at most 107 bytes.
    pub(super) fn control_sockets(&self) -> PathBuf {
        self.work().join("cp")
    }

    pub(super) fn ansible_config(&self, repository: &RepositoryConfig) -> PathBuf {
        if repository.has_config { self.checkout.join("ansible.cfg") } else { empty_config(&self.work()) }
    }

    /// Makes the directories and writes the files, readable by the user of the run alone.
    pub fn make(&self, files: &[PrivateFile], run_as: Option<RunAs>) -> io::Result<()> {
        make_directory(&self.run_dir)?;
        let work = self.work();
        make_directory(&work)?;
        for directory in [self.temporary(), self.ansible_home(), self.control_sockets()] {
            make_directory(&directory)?;
            give(&directory, run_as)?;
        }
        for file in files {
            write_private(file)?;
            give(&file.path, run_as)?;
        }
        for directory in [&self.home, &self.state_dir] {
            if !directory.exists() {
                DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
                give(directory, run_as)?;
            }
        }
        give(&work, run_as)?;
        if let Some(RunAs { gid, .. }) = run_as {
            // The run may pass through, and neither list nor write.
            std::os::unix::fs::chown(&self.run_dir, None, Some(gid))?;
            fs::set_permissions(&self.run_dir, fs::Permissions::from_mode(0o710))?;
        }
        Ok(())
    }
}

fn lock_file(run_dir: &Path) -> PathBuf {
    run_dir.join("guardian.lock")
}

/// How to find what is left of the run that had this directory.
pub fn leftovers(run_dir: &Path, cgroup: Option<PathBuf>) -> Leftovers {
    Leftovers { lock_file: lock_file(run_dir), marker: run_dir.display().to_string(), cgroup }
}

fn make_directory(path: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        result => result,
    }
}

fn give(path: &Path, to: Option<RunAs>) -> io::Result<()> {
    match to {
        Some(RunAs { uid, gid }) => std::os::unix::fs::lchown(path, Some(uid), Some(gid)),
        None => Ok(()),
    }
}

fn write_private(file: &PrivateFile) -> io::Result<()> {
    let mut out = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&file.path)?;
    out.write_all(file.contents.expose().as_bytes())
}

/// Removes a directory with all that is in it, also what another user made there and closed to us.
///
/// The daemon may change owners and has no other right over foreign files. Each directory becomes ours before it is
/// entered, so nothing in it can be exchanged for a link meanwhile, and no link is ever followed.
pub fn remove(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
        Ok(it) if !it.is_dir() => return fs::remove_file(path),
        Ok(it) => take_over(CWD, path, it.uid())?,
    }
    empty(&rustix::fs::open(path, OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())?)?;
    fs::remove_dir(path)
}

/// Makes a tree ours without changing who may read it, so that runs of another user can use it and not change it.
pub(super) fn take_back(path: &Path) -> io::Result<()> {
    let us = rustix::process::geteuid().as_raw();
    let metadata = fs::symlink_metadata(path)?;
    if metadata.uid() != us {
        std::os::unix::fs::lchown(path, Some(us), None)?;
    }
    if metadata.is_dir() {
        for entry in fs::read_dir(path)? {
            take_back(&entry?.path())?;
        }
    }
    Ok(())
}

fn take_over<P: rustix::path::Arg + Copy>(
    parent: impl rustix::fd::AsFd,
    name: P,
    owner: u32,
) -> io::Result<()> {
    let us = rustix::process::geteuid();
    if owner != us.as_raw() {
        rustix::fs::chownat(&parent, name, Some(us), None::<Gid>, AtFlags::SYMLINK_NOFOLLOW)?;
    }
    Ok(rustix::fs::chmodat(&parent, name, Mode::RWXU, AtFlags::empty())?)
}

fn empty(directory: &rustix::fd::OwnedFd) -> io::Result<()> {
    for entry in Dir::read_from(directory)? {
        let entry = entry?;
        let name = entry.file_name();
        if matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        let stat = rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW)?;
        if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
            take_over(directory, name, stat.st_uid)?;
            let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            empty(&rustix::fs::openat(directory, name, flags, Mode::empty())?)?;
            rustix::fs::unlinkat(directory, name, AtFlags::REMOVEDIR)?;
        } else {
            rustix::fs::unlinkat(directory, name, AtFlags::empty())?;
        }
    }
    Ok(())
}
