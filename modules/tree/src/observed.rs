//! The tree as it is on the host.

use std::collections::BTreeMap;

use crate::path::TreePath;
use crate::wanted::Digest;

/// The tree as it is.
#[derive(Debug, Clone, Default)]
pub struct Observed {
    /// What is there. Without removal only what is wanted, or stands in its way.
    pub entries: BTreeMap<TreePath, Found>,
    /// Temporary files and directories that an interrupted run left behind.
    pub leftovers: Vec<TreePath>,
    /// Who would make changes.
    pub actor: Actor,
}

/// What is at one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// What it is.
    pub kind: Kind,
    /// Its permissions.
    pub mode: u32,
    /// Its owner.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
    /// Whether the same file has another name, here or elsewhere. Changing its mode or owner would change that too.
    pub shared: bool,
}

/// What something is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A directory.
    Directory {
        /// Whether another file system begins here.
        mount: bool,
        /// Whether there is something excluded in it, at any depth.
        holds_excluded: bool,
        /// Whether the user may make and remove entries in it.
        writable: bool,
    },
    /// A regular file; its digest if a file is wanted there.
    File(Option<Digest>),
    /// A symbolic link and its text.
    Link(Vec<u8>),
    /// A device, a pipe or a socket.
    Special,
}

impl Found {
    /// Whether in this directory everyone may remove only what is theirs.
    pub fn is_sticky(&self) -> bool {
        self.mode & 0o1000 != 0
    }
}

impl Kind {
    /// As people call it.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Directory { .. } => "directory",
            Self::File(_) => "file",
            Self::Link(_) => "link",
            Self::Special => "special file",
        }
    }
}

/// The user that the module runs as.
#[derive(Debug, Clone, Default)]
pub struct Actor {
    /// Its effective user.
    pub uid: u32,
    /// All its groups.
    pub gids: Vec<u32>,
}

impl Actor {
    /// Whether it may give files to others.
    pub fn is_root(&self) -> bool {
        self.uid == 0
    }
}
