//! The directories of one run: made before it, removed after it.
//!
//! ```text
//! <run_dir>/              the daemon's; the run may pass through it
//!   guardian.lock         the daemon's alone
//!   own/                  0700, of the user that the run is executed as
//!     vars.json none.cfg  what is handed to Ansible in files
//!     announce            the pipe through which plaintexts of vaults are announced
//!     tmp/ ansible/ cp/   temporary files, ANSIBLE_HOME, sockets of shared ssh connections
//! ```

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Dir, FileType, Gid, Mode, OFlags};

use super::announcements::Announcements;
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
        self.run_dir.join("own")
    }

    /// The pipe through which the run announces plaintexts of vaults.
    pub fn announcements(&self) -> PathBuf {
        self.work().join("announce")
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

    /// Makes the directories, writes the files, readable by the user of the run alone, and opens the pipe for what
    /// the run announces: before it belongs to that user, since afterwards the daemon could not.
    pub fn make(&self, files: &[PrivateFile], run_as: Option<RunAs>) -> io::Result<Announcements> {
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
        let announcements = Announcements::make(&self.announcements())?;
        give(&self.announcements(), run_as)?;
        give(&work, run_as)?;
        if let Some(RunAs { gid, .. }) = run_as {
            // The run may pass through, and neither list nor write.
            std::os::unix::fs::chown(&self.run_dir, None, Some(gid))?;
            fs::set_permissions(&self.run_dir, fs::Permissions::from_mode(0o710))?;
        }
        Ok(announcements)
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
    empty(&rustix::fs::open(path, TREE, Mode::empty())?)?;
    fs::remove_dir(path)
}

/// Makes a tree ours and closes it to writing, so that runs of another user can use it and not change it.
///
/// From the top down and without following links: each directory is ours and closed before it is listed, so nobody
/// can exchange what is in it for something that must not become ours.
pub(super) fn take_back(path: &Path) -> io::Result<()> {
    let directory = rustix::fs::open(path, TREE, Mode::empty())?;
    take_back_directory(&directory)
}

const TREE: OFlags = OFlags::DIRECTORY.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

fn take_back_directory(directory: &rustix::fd::OwnedFd) -> io::Result<()> {
    let us = rustix::process::geteuid();
    let stat = rustix::fs::fstat(directory)?;
    if stat.st_uid != us.as_raw() {
        rustix::fs::fchown(directory, Some(us), None::<Gid>)?;
    }
    rustix::fs::fchmod(directory, Mode::from_raw_mode(stat.st_mode) & Mode::from_raw_mode(0o755))?;
    for entry in Dir::read_from(directory)? {
        let entry = entry?;
        let name = entry.file_name();
        if matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        let stat = rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW)?;
        if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
            take_back_directory(&rustix::fs::openat(directory, name, TREE, Mode::empty())?)?;
        } else if stat.st_uid != us.as_raw() && stat.st_nlink == 1 {
            // A file with a second name could be somebody's outside of the tree.
            rustix::fs::chownat(directory, name, Some(us), None::<Gid>, AtFlags::SYMLINK_NOFOLLOW)?;
            if FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile {
                let mode = Mode::from_raw_mode(stat.st_mode) & Mode::from_raw_mode(0o755);
                rustix::fs::chmodat(directory, name, mode, AtFlags::empty())?;
            }
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
            empty(&rustix::fs::openat(directory, name, TREE, Mode::empty())?)?;
            rustix::fs::unlinkat(directory, name, AtFlags::REMOVEDIR)?;
        } else {
            rustix::fs::unlinkat(directory, name, AtFlags::empty())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(dir: &Path) -> Place {
        Place {
            checkout: dir.join("checkout"),
            run_dir: dir.join("run"),
            state_dir: dir.join("state"),
            home: dir.join("home"),
            launcher: dir.join("launcher.py"),
            nonce: "n".to_owned(),
            item_key: Secret::new("k".to_owned()),
        }
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    #[test]
    fn the_directories_of_a_run_are_closed_to_others_and_removed_whatever_is_in_them() {
        let dir = tempfile::tempdir().unwrap();
        let place = place(dir.path());
        let vars =
            PrivateFile { path: place.work().join("vars.json"), contents: Secret::new("{}".to_owned()) };
        place.make(std::slice::from_ref(&vars), None).unwrap();
        for closed in [place.run_dir.clone(), place.work(), place.temporary(), place.home.clone()] {
            assert_eq!(mode(&closed), 0o700, "{}", closed.display());
        }
        assert_eq!((mode(&vars.path), mode(&place.announcements())), (0o600, 0o600));
        // A run is made once: a file that is there already is not trusted.
        assert!(place.make(&[vars], None).is_err());

        let outside = dir.path().join("outside");
        fs::create_dir(&outside).unwrap();
        fs::write(outside.join("kept"), "x").unwrap();
        std::os::unix::fs::symlink(&outside, place.temporary().join("link")).unwrap();
        let closed = place.temporary().join("a/b/c");
        fs::create_dir_all(&closed).unwrap();
        fs::write(closed.join("file"), "x").unwrap();
        fs::set_permissions(&closed, fs::Permissions::from_mode(0o000)).unwrap();
        remove(&place.run_dir).unwrap();
        assert!(!place.run_dir.exists() && outside.join("kept").exists());
        remove(&place.run_dir).unwrap(); // It is gone, which is what was wanted.
    }

    /// As the service: the daemon may change owners, and that is all it may do to foreign files.
    #[test]
    fn what_a_run_of_another_user_made_is_removed_too() {
        let dir = tempfile::tempdir().unwrap();
        let place = place(dir.path());
        let nobody = Some(RunAs { uid: 65534, gid: 65534 });
        if let Err(error) = place.make(&[], nobody) {
            // Without that right a daemon cannot have runs as other users either.
            return assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
        }
        assert_eq!((mode(&place.run_dir), mode(&place.work())), (0o710, 0o700));
        for theirs in [place.work(), place.announcements()] {
            assert_eq!(fs::metadata(theirs).unwrap().uid(), 65534);
        }
        // What was built as them is ours afterwards, and what a link points to is not.
        let shared = dir.path().join("shared");
        fs::create_dir_all(shared.join("in")).unwrap();
        fs::write(shared.join("in/file"), "x").unwrap();
        std::os::unix::fs::symlink("/etc", shared.join("in/link")).unwrap();
        for name in ["in", "in/file", "in/link", ""] {
            give(&shared.join(name), nobody).unwrap();
        }
        take_back(&shared).unwrap();
        for name in ["", "in", "in/file", "in/link"] {
            let metadata = fs::symlink_metadata(shared.join(name)).unwrap();
            assert_eq!(metadata.uid(), rustix::process::geteuid().as_raw(), "{name}");
        }
        assert_eq!(fs::metadata("/etc").unwrap().uid(), 0);
        remove(&place.run_dir).unwrap();
        assert!(!place.run_dir.exists());
    }
}
