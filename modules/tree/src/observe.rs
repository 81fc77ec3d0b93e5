//! Reads the tree as it is.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{self as sys, Access, AtFlags, FileType, Mode, OFlags, Stat};
use sha2::{Digest as _, Sha256};

use crate::observed::{Actor, Found, Kind, Observed};
use crate::path::{TreePath, is_temporary};
use crate::pattern::Patterns;
use crate::problem::Problem;
use crate::root::{Root, list};
use crate::wanted::{Digest, Entry, Wanted};

/// What to look at.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    /// Whether what is not wanted is removed, and so looked at.
    pub delete: bool,
    /// What is left alone.
    pub excluded: Patterns,
}

/// Reads the tree. A root that is not there is an empty tree.
pub fn observe(root: Option<&Root<'_>>, wanted: &Wanted, scope: &Scope) -> Result<Observed, Problem> {
    let observed = Observed { actor: actor()?, ..Observed::default() };
    let Some(root) = root else { return Ok(observed) };
    let path = TreePath::root();
    let fd = root.directory(&path).map_err(Problem::at("open", &path))?;
    let stat = sys::fstat(&fd).map_err(Problem::at("look at", &path))?;
    let mut walk = Walk { wanted, scope, observed, buffer: vec![0; 128 * 1024] };
    let writable = may_write(&fd, OsStr::new("."));
    let kind = Kind::Directory { mount: false, holds_excluded: false, writable };
    walk.observed.entries.insert(path.clone(), found(&stat, kind));
    walk.directory(&fd, &path, stat.st_dev)?;
    Ok(walk.observed)
}

fn actor() -> Result<Actor, Problem> {
    let mut gids: Vec<u32> = rustix::process::getgroups()
        .map_err(Problem::at("read", &"the groups of this user"))?
        .into_iter()
        .map(rustix::process::Gid::as_raw)
        .collect();
    gids.push(rustix::process::getegid().as_raw());
    Ok(Actor { uid: rustix::process::geteuid().as_raw(), gids })
}

fn found(stat: &Stat, kind: Kind) -> Found {
    let shared = matches!(kind, Kind::File(_)) && 1 < stat.st_nlink;
    Found { kind, mode: stat.st_mode & 0o7777, uid: stat.st_uid, gid: stat.st_gid, shared }
}

struct Walk<'a> {
    wanted: &'a Wanted,
    scope: &'a Scope,
    observed: Observed,
    /// For reading files.
    buffer: Vec<u8>,
}

impl Walk<'_> {
    /// Reads what is in a directory. Tells whether something excluded is in it.
    fn directory(&mut self, fd: &OwnedFd, path: &TreePath, device: u64) -> Result<bool, Problem> {
        let mut holds_excluded = false;
        for (name, stat) in list(fd).map_err(Problem::at("list", path))? {
            let path = path.join(&name);
            if is_temporary(&name) {
                self.observed.leftovers.push(path);
                continue;
            }
            let wanted = self.wanted.get(&path);
            if wanted.is_none() && self.scope.excluded.exclude(&path) {
                holds_excluded = true;
            } else if wanted.is_some() || self.scope.delete {
                holds_excluded |= self.entry(fd, &name, path, &stat, device)?;
            }
        }
        Ok(holds_excluded)
    }

    fn entry(
        &mut self,
        above: &OwnedFd,
        name: &OsStr,
        path: TreePath,
        stat: &Stat,
        device: u64,
    ) -> Result<bool, Problem> {
        let wanted = self.wanted.get(&path);
        let kind = match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => {
                let mount = stat.st_dev != device;
                let mut holds_excluded = false;
                let as_wanted = matches!(wanted, Some(Entry::Directory { .. }));
                if as_wanted || (self.scope.delete && !mount) {
                    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                    let fd =
                        sys::openat(above, name, flags, Mode::empty()).map_err(Problem::at("open", &path))?;
                    holds_excluded = self.directory(&fd, &path, stat.st_dev)?;
                }
                Kind::Directory { mount, holds_excluded, writable: may_write(above, name) }
            }
            FileType::RegularFile => {
                let compared = matches!(wanted, Some(Entry::File { .. }));
                let digest = compared.then(|| digest(above, name, &mut self.buffer)).transpose();
                Kind::File(digest.map_err(Problem::at("read", &path))?)
            }
            FileType::Symlink => {
                let target = sys::readlinkat(above, name, Vec::new()).map_err(Problem::at("read", &path))?;
                Kind::Link(target.into_bytes())
            }
            _ => Kind::Special,
        };
        let holds_excluded = matches!(kind, Kind::Directory { holds_excluded: true, .. });
        self.observed.entries.insert(path, found(stat, kind));
        Ok(holds_excluded)
    }
}

/// Asks the system, which knows of access control lists and read-only mounts.
fn may_write(above: impl AsFd, name: &OsStr) -> bool {
    sys::accessat(above, name, Access::WRITE_OK | Access::EXEC_OK, AtFlags::empty()).is_ok()
}

/// Opens a regular file for reading, without waiting for anything if it is none any more.
fn open(above: impl AsFd, name: &OsStr) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    Ok(sys::openat(above, name, flags, Mode::empty())?.into())
}

fn digest(above: impl AsFd, name: &OsStr, buffer: &mut [u8]) -> io::Result<Digest> {
    let mut file = open(above, name)?;
    let mut hash = Sha256::new();
    loop {
        match file.read(buffer)? {
            0 => return Ok(Digest(hash.finalize().into())),
            read => hash.update(&buffer[..read]),
        }
    }
}

/// What some files hold now, for showing how they will differ: text of at most this many bytes each and together; of the
/// others why not.
pub fn texts<'p>(root: &Root<'_>, paths: impl Iterator<Item = &'p TreePath>, limits: Limits) -> Texts {
    let mut left = limits.together;
    let mut texts = BTreeMap::new();
    for path in paths {
        let text = text(root, path, limits.each.min(left));
        if let Text::Text(it) = &text {
            left -= it.len();
        }
        texts.insert(path.to_string(), text);
    }
    texts
}

/// By path.
pub type Texts = BTreeMap<String, Text>;

/// How much is shown.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of one file.
    pub each: usize,
    /// Bytes of all together.
    pub together: usize,
}

/// What a file holds, as far as it can be shown.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Text {
    /// Everything.
    Text(String),
    /// It is no text.
    Binary,
    /// It is too long.
    Larger,
    /// It cannot be read.
    Unreadable,
}

fn text(root: &Root<'_>, path: &TreePath, most: usize) -> Text {
    let (Some(above), Some(name)) = (path.parent(), path.name()) else { return Text::Unreadable };
    let Ok(file) = root.directory(&above).and_then(|it| open(it, name)) else { return Text::Unreadable };
    let mut bytes = Vec::new();
    let limit = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    if file.take(limit).read_to_end(&mut bytes).is_err() {
        return Text::Unreadable;
    }
    if bytes.contains(&0) {
        return Text::Binary;
    }
    if most < bytes.len() {
        return Text::Larger;
    }
    String::from_utf8(bytes).map_or(Text::Binary, Text::Text)
}
