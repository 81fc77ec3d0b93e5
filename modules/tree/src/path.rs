//! A place in the tree, relative to its root, that cannot lead out of it.

use std::ffi::OsStr;
use std::fmt;
use std::path::{Component, Path, PathBuf};

use serde::Deserialize;

/// What an interrupted run may leave behind has such a name, and nothing else has.
const TEMPORARY: (&str, &str) = (".driftless-tree.", ".tmp");

/// A relative path of plain names: no `..`, no `.`, no root, no empty name. The root itself is the empty path.
///
/// The order is that of the names from the left, so a directory comes directly before everything in it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct TreePath(PathBuf);

impl TreePath {
    /// The directory itself.
    pub fn root() -> Self {
        Self(PathBuf::new())
    }

    /// Whether this is the directory itself.
    pub fn is_root(&self) -> bool {
        self.0.as_os_str().is_empty()
    }

    /// The entry of this name in this directory. The name comes from the file system or from a checked path.
    #[must_use]
    pub fn join(&self, name: &OsStr) -> Self {
        Self(self.0.join(name))
    }

    /// The name in the directory above; of the root none.
    pub fn name(&self) -> Option<&OsStr> {
        self.0.file_name()
    }

    /// The directory above; of the root none.
    pub fn parent(&self) -> Option<Self> {
        if self.is_root() { None } else { self.0.parent().map(|it| Self(it.to_owned())) }
    }

    /// The names, from the left.
    pub fn names(&self) -> impl Iterator<Item = &OsStr> {
        self.0.components().map(Component::as_os_str)
    }

    /// Whether this is `other`, or in it.
    pub fn is_within(&self, other: &Self) -> bool {
        self.0.starts_with(&other.0)
    }

    /// The same place as if `from` had moved to `to`; none if it is not within `from`.
    pub(crate) fn moved(&self, from: &Self, to: &Self) -> Option<Self> {
        let rest = self.0.strip_prefix(&from.0).ok()?;
        Some(if rest.as_os_str().is_empty() { to.clone() } else { Self(to.0.join(rest)) })
    }

    /// As a path, to be read only relative to an open directory.
    pub fn as_path(&self) -> &Path {
        &self.0
    }

    /// The name of the `number`th temporary of a run, in this directory.
    pub(crate) fn temporary(&self, number: usize) -> Self {
        Self(self.0.join(format!("{}{number}{}", TEMPORARY.0, TEMPORARY.1)))
    }
}

/// Whether a name is one that only an interrupted run leaves behind.
pub fn is_temporary(name: &OsStr) -> bool {
    let number = name.to_str().and_then(|it| it.strip_prefix(TEMPORARY.0)?.strip_suffix(TEMPORARY.1));
    number.is_some_and(|it| !it.is_empty() && it.bytes().all(|it| it.is_ascii_digit()))
}

impl TryFrom<String> for TreePath {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let plain = |it: &str| !matches!(it, "" | "." | "..") && !it.contains('\0');
        if !text.is_empty() && !text.split('/').all(plain) {
            return Err(format!("{text:?} is not a plain path below the directory"));
        }
        if text.split('/').any(|it| is_temporary(OsStr::new(it))) {
            return Err(format!(
                "{text:?} has a name that is kept for temporary files: rename it in the source"
            ));
        }
        Ok(Self(PathBuf::from(text)))
    }
}

impl fmt::Display for TreePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_root() { f.write_str(".") } else { self.0.display().fmt(f) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> Result<TreePath, String> {
        TreePath::try_from(text.to_owned())
    }

    #[test]
    fn nothing_leads_out() {
        for bad in ["/etc", "..", "a/../b", "a//b", "a/", "./a", "a/.", "a\0b", "x/.driftless-tree.7.tmp"] {
            assert!(path(bad).is_err(), "{bad:?}");
        }
        for good in ["", "a", "a/b", "..a", "a/...", ".driftless-tree.tmp", ".driftless-tree.x.tmp"] {
            assert!(path(good).is_ok(), "{good:?}");
        }
    }

    #[test]
    fn a_directory_comes_directly_before_what_is_in_it() {
        let mut paths = ["a-b", "a/c", "a", "", "a/b/c", "a/b", "a.b"].map(|it| path(it).unwrap());
        paths.sort();
        assert_eq!(paths.map(|it| it.to_string()), [".", "a", "a/b", "a/b/c", "a/c", "a-b", "a.b"]);
    }

    #[test]
    fn a_path_moves_with_its_directory() {
        let [from, to] = ["a/b", "a/t"].map(|it| path(it).unwrap());
        assert_eq!(path("a/b/c/d").unwrap().moved(&from, &to), Some(path("a/t/c/d").unwrap()));
        assert_eq!(path("a/b").unwrap().moved(&from, &to), Some(to.clone()));
        assert_eq!(path("a/bc").unwrap().moved(&from, &to), None);
        assert_eq!(
            path("a/b").unwrap().moved(&from, &TreePath::root().temporary(3)).unwrap().to_string(),
            ".driftless-tree.3.tmp"
        );
    }
}
