//! The files of one commit, as far as a declaration needs them.

use std::collections::BTreeMap;

use crate::domain::Failure;

/// What a path is in the tree of a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// A file with content.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A submodule.
    Submodule,
}

/// The tree of one commit. Paths are relative to its root, with `/` between their parts and none at their ends.
pub trait RepositoryFiles {
    /// The content of a file; `None` if there is none at this path.
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, Failure>;
    /// What is at this path; `None` if nothing is. Links are not followed.
    fn kind(&self, path: &str) -> Result<Option<FileKind>, Failure>;
    /// The paths of all files and links.
    fn list(&self) -> Result<Vec<String>, Failure>;
}

/// The entries of a directory by name, once each, taken from all paths of a tree; `""` is the root.
pub(super) fn children<'a>(paths: &'a [String], dir: &str) -> BTreeMap<&'a str, FileKind> {
    let inside = |path: &'a String| match dir {
        "" => Some(path.as_str()),
        _ => path.strip_prefix(dir)?.strip_prefix('/'),
    };
    let entry = |path: &'a str| match path.split_once('/') {
        Some((name, _)) => (name, FileKind::Directory),
        None => (path, FileKind::File),
    };
    paths.iter().filter_map(inside).map(entry).collect()
}
