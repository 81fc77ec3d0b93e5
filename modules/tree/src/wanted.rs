//! The tree as it should be, as the controller describes it.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use serde::Deserialize;

use crate::path::TreePath;

/// The tree as it should be. Its root is a directory, and so is what is above each entry.
#[derive(Debug, Clone)]
pub struct Wanted {
    entries: BTreeMap<TreePath, Entry>,
    /// The user that everything belongs to; if none, owners are not looked at.
    pub uid: Option<u32>,
    /// The group that everything belongs to; if none, groups are not looked at.
    pub gid: Option<u32>,
}

/// One line of the manifest.
#[derive(Debug, Clone, Deserialize)]
pub struct Line {
    /// Where it is; the root is the empty text.
    pub path: TreePath,
    /// What it is.
    #[serde(flatten)]
    pub entry: Entry,
}

/// What is wanted at one place.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Entry {
    /// A directory.
    Directory {
        /// Its permissions.
        mode: u32,
        /// Whether they are those of a new directory only, and one that exists keeps its own.
        #[serde(default)]
        keep: bool,
    },
    /// A regular file.
    File {
        /// Its permissions.
        mode: u32,
        /// Its length in bytes.
        size: u64,
        /// Of its contents.
        digest: Digest,
    },
    /// A symbolic link.
    Link {
        /// Its text, which is never followed.
        target: String,
    },
}

impl Wanted {
    /// Checks that the lines are a tree. The problem is told in a sentence.
    pub fn new(lines: Vec<Line>, uid: Option<u32>, gid: Option<u32>) -> Result<Self, String> {
        let mut entries = BTreeMap::new();
        for Line { path, entry } in lines {
            if let Some(mode) = entry.mode().filter(|it| 0o7777 < *it) {
                return Err(format!("the mode {mode:o} of {path} is none"));
            }
            if entries.insert(path.clone(), entry).is_some() {
                return Err(format!("the manifest says twice what {path} is"));
            }
        }
        for path in entries.keys() {
            let above = path.parent().unwrap_or_else(TreePath::root);
            if !matches!(entries.get(&above), Some(Entry::Directory { .. })) {
                return Err(format!("the manifest does not say that {above} is a directory"));
            }
        }
        if entries.is_empty() {
            return Err("the manifest is empty".to_owned());
        }
        Ok(Self { entries, uid, gid })
    }

    /// What is wanted at a place.
    pub fn get(&self, path: &TreePath) -> Option<&Entry> {
        self.entries.get(path)
    }

    /// Everything, directories before what is in them.
    pub fn entries(&self) -> impl Iterator<Item = (&TreePath, &Entry)> {
        self.entries.iter()
    }
}

impl Entry {
    /// The permissions; links have none.
    pub fn mode(&self) -> Option<u32> {
        match self {
            Self::Directory { mode, .. } | Self::File { mode, .. } => Some(*mode),
            Self::Link { .. } => None,
        }
    }
}

/// A SHA-256.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct Digest(pub [u8; 32]);

impl TryFrom<String> for Digest {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let bad = || format!("{text:?} is no SHA-256 in hexadecimal");
        let mut bytes = [0; 32];
        if text.len() != 64 || !text.is_ascii() {
            return Err(bad());
        }
        for (at, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).map_err(|_| bad())?;
        }
        Ok(Self(bytes))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::with_capacity(64);
        self.0.iter().try_for_each(|it| write!(text, "{it:02x}"))?;
        f.write_str(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(manifest: &str) -> Result<Wanted, String> {
        let lines = serde_json::from_str(manifest).map_err(|it| it.to_string())?;
        Wanted::new(lines, None, None)
    }

    #[test]
    fn a_manifest_is_a_tree() {
        let root = r#"{"path": "", "kind": "directory", "mode": 493}"#;
        let directory = r#"{"path": "a", "kind": "directory", "mode": 493, "keep": true}"#;
        let link = r#"{"path": "a/b", "kind": "link", "target": "../.."}"#;
        assert!(wanted(&format!("[{link}, {directory}, {root}]")).is_ok());
        for (bad, why) in [
            (format!("[{root}, {link}]"), "does not say that a is a directory"),
            (format!("[{directory}]"), "does not say that . is a directory"),
            (format!("[{root}, {root}]"), "twice"),
            ("[]".to_owned(), "empty"),
            (root.replace("493", "4096").replace('{', "[{") + "]", "the mode 10000 of ."),
            (format!("[{}]", root.replace("\"\"", "\"../x\"")), "not a plain path"),
        ] {
            let told = wanted(&bad).expect_err("it is refused");
            assert!(told.contains(why), "{told}");
        }
    }

    #[test]
    fn a_digest_is_read_as_it_is_written() {
        let text = format!("00ff{}", "a7".repeat(30));
        assert_eq!(Digest::try_from(text.clone()).unwrap().to_string(), text);
        assert!(Digest::try_from("é".repeat(32)).is_err());
        assert!(Digest::try_from("0".repeat(63)).is_err());
        assert!(Digest::try_from("g".repeat(64)).is_err());
    }
}
