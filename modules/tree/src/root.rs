//! The directory on the host, and the operations below it that cannot leave it.
//!
//! Every path is walked name by name from the open root with `O_NOFOLLOW`. Whoever may write below the root can so at
//! most make an operation fail, but not lead it elsewhere with a symbolic link.

use std::cell::RefCell;
use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::Path;
use std::rc::Rc;

use rustix::fs::{
    self as sys, AtFlags, CWD, Dir, FileType, FlockOperation, Gid, Mode, OFlags, RenameFlags, Stat, Uid,
};
use rustix::io::Errno;

use crate::faults::Faults;
use crate::path::TreePath;
use crate::plan::Attributes;

const DIRECTORY: OFlags = OFlags::DIRECTORY.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// An open directory and what may be done below it.
#[derive(Debug)]
pub struct Root<'a> {
    fd: Rc<OwnedFd>,
    faults: &'a Faults,
    /// The directory that was used last: most operations are in the same one as that before.
    last: RefCell<Option<(TreePath, Rc<OwnedFd>)>>,
}

impl<'a> Root<'a> {
    /// Opens the directory; none if there is nothing. Its last name must not be a link, those above may.
    pub fn open(path: &Path, faults: &'a Faults) -> io::Result<Option<Self>> {
        match sys::openat(CWD, path, DIRECTORY | OFlags::RDONLY, Mode::empty()) {
            Ok(fd) => Ok(Some(Self { fd: Rc::new(fd), faults, last: RefCell::default() })),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Keeps other runs out until this is dropped.
    pub(crate) fn lock(&self) -> io::Result<()> {
        Ok(sys::flock(&self.fd, FlockOperation::NonBlockingLockExclusive)?)
    }

    /// Waits until everything that was written to this file system is on its disk.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.faults.step()?;
        Ok(sys::syncfs(&self.fd)?)
    }

    /// Opens a directory below, to list it or to work in it.
    pub(crate) fn directory(&self, path: &TreePath) -> io::Result<Rc<OwnedFd>> {
        if let Some((_, fd)) = self.last.borrow().as_ref().filter(|(last, _)| last == path) {
            return Ok(Rc::clone(fd));
        }
        let mut fd = Rc::clone(&self.fd);
        for name in path.names() {
            fd = Rc::new(sys::openat(&fd, name, DIRECTORY | OFlags::RDONLY, Mode::empty())?);
        }
        self.last.replace(Some((path.clone(), Rc::clone(&fd))));
        Ok(fd)
    }

    /// The open directory above a path and its name there.
    fn above<'b>(&self, path: &'b TreePath) -> io::Result<(Rc<OwnedFd>, &'b OsStr)> {
        let (above, name) = path.parent().zip(path.name()).ok_or(Errno::INVAL)?;
        Ok((self.directory(&above)?, name))
    }

    pub(crate) fn make_directory(&self, path: &TreePath) -> io::Result<()> {
        let (above, name) = self.above(path)?;
        self.faults.step()?;
        Ok(sys::mkdirat(above, name, Mode::RWXU)?)
    }

    pub(crate) fn make_link(&self, target: &str, path: &TreePath) -> io::Result<()> {
        let (above, name) = self.above(path)?;
        self.faults.step()?;
        Ok(sys::symlinkat(target, above, name)?)
    }

    /// A new file, open for writing, that nobody else may read yet.
    pub(crate) fn make_file(&self, path: &TreePath) -> io::Result<File> {
        let (above, name) = self.above(path)?;
        self.faults.step()?;
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(sys::openat(above, name, flags, Mode::RUSR | Mode::WUSR)?.into())
    }

    /// Sets owner and mode of an open file.
    pub(crate) fn set_open(&self, file: impl AsFd, wanted: &Attributes) -> io::Result<()> {
        if wanted.uid.is_some() || wanted.gid.is_some() {
            self.faults.step()?;
            sys::fchown(&file, wanted.uid.map(Uid::from_raw), wanted.gid.map(Gid::from_raw))?;
        }
        if let Some(mode) = wanted.mode {
            self.faults.step()?;
            sys::fchmod(&file, Mode::from_raw_mode(mode))?;
        }
        Ok(())
    }

    /// Sets owner and mode of what is there. Refuses a file that has other names: they would change with it.
    pub(crate) fn set(&self, path: &TreePath, wanted: &Attributes) -> io::Result<()> {
        let fd = if path.is_root() {
            sys::openat(&self.fd, ".", OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?
        } else {
            let (above, name) = self.above(path)?;
            sys::openat(above, name, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())?
        };
        let stat = sys::fstat(&fd)?;
        let directory = FileType::from_raw_mode(stat.st_mode) == FileType::Directory;
        if !directory && 1 < stat.st_nlink {
            return Err(Errno::EXIST.into());
        }
        if wanted.uid.is_some() || wanted.gid.is_some() {
            self.faults.step()?;
            let (uid, gid) = (wanted.uid.map(Uid::from_raw), wanted.gid.map(Gid::from_raw));
            sys::chownat(&fd, "", uid, gid, AtFlags::EMPTY_PATH)?;
        }
        let Some(mode) = wanted.mode else { return Ok(()) };
        let inherited =
            if wanted.keep_setgid && directory { stat.st_mode & Mode::SGID.as_raw_mode() } else { 0 };
        self.faults.step()?;
        // An open path cannot be given to fchmod; through /proc it is this very file, whatever has its name now.
        let this = format!("/proc/self/fd/{}", fd.as_raw_fd());
        Ok(sys::chmod(this, Mode::from_raw_mode(mode | inherited))?)
    }

    /// Puts the one in the place of the other, which may be there unless it is a directory.
    pub(crate) fn rename(&self, from: &TreePath, to: &TreePath) -> io::Result<()> {
        self.rename_with(from, to, RenameFlags::empty())
    }

    /// Puts the one where nothing may be.
    pub(crate) fn rename_new(&self, from: &TreePath, to: &TreePath) -> io::Result<()> {
        match self.rename_with(from, to, RenameFlags::NOREPLACE) {
            // Some file systems do not know the flag.
            Err(error) if is_unknown(&error) => self.rename(from, to),
            other => other,
        }
    }

    /// Lets two entries change places. False if the file system cannot.
    pub(crate) fn exchange(&self, one: &TreePath, other: &TreePath) -> io::Result<bool> {
        match self.rename_with(one, other, RenameFlags::EXCHANGE) {
            Err(error) if is_unknown(&error) => Ok(false),
            other => other.map(|()| true),
        }
    }

    fn rename_with(&self, from: &TreePath, to: &TreePath, flags: RenameFlags) -> io::Result<()> {
        let (from_above, from_name) = self.above(from)?;
        let (to_above, to_name) = self.above(to)?;
        // A directory that is remembered may have another name afterwards.
        self.last.replace(None);
        self.faults.step()?;
        Ok(sys::renameat_with(from_above, from_name, to_above, to_name, flags)?)
    }

    pub(crate) fn remove(&self, path: &TreePath, directory: bool) -> io::Result<()> {
        let (above, name) = self.above(path)?;
        if directory {
            self.last.replace(None);
        }
        self.faults.step()?;
        let flags = if directory { AtFlags::REMOVEDIR } else { AtFlags::empty() };
        Ok(sys::unlinkat(above, name, flags)?)
    }

    /// Removes whatever is there, with all that is in it. Nothing there is fine.
    pub(crate) fn remove_all(&self, path: &TreePath) -> io::Result<()> {
        let (above, name) = self.above(path)?;
        self.last.replace(None);
        match self.remove_below(above.as_fd(), name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other,
        }
    }

    fn remove_below(&self, above: impl AsFd, name: &OsStr) -> io::Result<()> {
        let stat = sys::statat(&above, name, AtFlags::SYMLINK_NOFOLLOW)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::Directory {
            self.faults.step()?;
            return Ok(sys::unlinkat(&above, name, AtFlags::empty())?);
        }
        let fd = sys::openat(&above, name, DIRECTORY | OFlags::RDONLY, Mode::empty())?;
        for (name, _) in list(&fd)? {
            self.remove_below(&fd, &name)?;
        }
        self.faults.step()?;
        Ok(sys::unlinkat(&above, name, AtFlags::REMOVEDIR)?)
    }

    /// What the write of some bytes asks first.
    pub(crate) fn faults(&self) -> &Faults {
        self.faults
    }
}

fn is_unknown(error: &io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP))
}

/// The names in a directory, in order, and what they are; links are not followed. What vanishes meanwhile is left out.
pub(crate) fn list(fd: impl AsFd) -> io::Result<Vec<(std::ffi::OsString, Stat)>> {
    use std::os::unix::ffi::OsStrExt;
    let mut entries = Vec::new();
    for entry in Dir::read_from(&fd)? {
        let entry = entry?;
        let name = OsStr::from_bytes(entry.file_name().to_bytes());
        if name == "." || name == ".." {
            continue;
        }
        match sys::statat(&fd, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => entries.push((name.to_owned(), stat)),
            Err(Errno::NOENT) => {}
            Err(error) => return Err(error.into()),
        }
    }
    entries.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(entries)
}
