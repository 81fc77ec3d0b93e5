//! What must change, decided without touching anything.

use std::fmt;

use serde::Serialize;

mod permission;

use crate::observed::{Found, Kind, Observed};
use crate::path::TreePath;
use crate::wanted::{Digest, Entry, Wanted};

/// What happens at one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Where.
    pub path: TreePath,
    /// How.
    pub action: Action,
    /// What it will be like afterwards.
    pub attributes: Attributes,
    /// What people are told.
    pub differences: Vec<Difference>,
}

/// How a change is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// A directory is made.
    Make(Instead),
    /// A file is written beside its place and moved there.
    Put {
        /// Of what is written.
        digest: Digest,
        /// What is there now.
        instead: Instead,
    },
    /// A link is made beside its place and moved there.
    Link {
        /// Its text.
        target: String,
        /// What is there now.
        instead: Instead,
    },
    /// Only mode or owner change, in place.
    Adjust {
        /// Whether it is a directory that its owner could not work in before. That comes before everything else.
        opens: bool,
    },
    /// It is removed; a directory is empty by then.
    Remove {
        /// Whether it is a directory.
        directory: bool,
    },
    /// It is removed with a directory above it, which becomes something else.
    RemovedWithAbove,
    /// It was left by an interrupted run, and is removed with all that is in it.
    Clean,
}

/// What a new entry takes the place of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Instead {
    /// There is nothing.
    Nothing,
    /// A directory.
    Directory,
    /// Anything else.
    Leaf,
}

/// Mode and owners that are set; what is none is left as the system makes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Attributes {
    /// The permissions.
    pub mode: Option<u32>,
    /// Whether a new directory keeps the bit by which its group is inherited.
    pub keep_setgid: bool,
    /// The owner.
    pub uid: Option<u32>,
    /// The group.
    pub gid: Option<u32>,
}

/// One thing that is not as wanted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Which.
    pub kind: DifferenceKind,
    /// How it is.
    pub before: Option<String>,
    /// How it will be.
    pub after: Option<String>,
}

/// What can be different.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DifferenceKind {
    /// It is not there.
    Created,
    /// It is something else: a file instead of a directory.
    Type,
    /// The contents of a file.
    Content,
    /// The text of a link.
    Link,
    /// The permissions.
    Mode,
    /// The owner.
    Owner,
    /// The group.
    Group,
    /// It should not be there.
    Removed,
    /// An interrupted run left it there.
    Leftover,
}

impl fmt::Display for DifferenceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Created => "created",
            Self::Type => "type",
            Self::Content => "content",
            Self::Link => "link",
            Self::Mode => "mode",
            Self::Owner => "owner",
            Self::Group => "group",
            Self::Removed => "removed",
            Self::Leftover => "leftover",
        })
    }
}

/// Says what must change, by path; or why it cannot be done, all reasons at once.
pub fn plan(wanted: &Wanted, observed: &Observed, delete: bool) -> Result<Vec<Change>, Vec<String>> {
    let mut changes = Vec::new();
    let mut blocked = Vec::new();
    for (path, entry) in wanted.entries() {
        let found = observed.entries.get(path);
        if let Some(found) = found.filter(|it| it.kind.is_directory() && !entry.is_directory()) {
            blocked.extend(in_the_way(path, entry, found, delete));
        }
        let Some(change) = change(wanted, path, entry, found) else { continue };
        changes.push(change);
    }
    for (path, found) in observed.entries.iter().filter(|(path, _)| wanted.get(path).is_none()) {
        match found.kind {
            Kind::Directory { holds_excluded: true, .. } => {}
            Kind::Directory { mount: true, .. } => {
                blocked.push(format!("{path} is not wanted but is a mount point: unmount it or exclude it"));
            }
            _ => changes.push(removal(wanted, path, found)),
        }
    }
    changes.extend(observed.leftovers.iter().map(clean));
    changes.sort_by(|a, b| a.path.cmp(&b.path));
    blocked.extend(permission::missing(&changes, observed));
    if blocked.is_empty() { Ok(changes) } else { Err(blocked) }
}

impl Kind {
    fn is_directory(&self) -> bool {
        matches!(self, Self::Directory { .. })
    }
}

impl Entry {
    fn is_directory(&self) -> bool {
        matches!(self, Self::Directory { .. })
    }

    fn word(&self) -> &'static str {
        match self {
            Self::Directory { .. } => "directory",
            Self::File { .. } => "file",
            Self::Link { .. } => "link",
        }
    }
}

/// Why a directory does not make place for what is no directory.
fn in_the_way(path: &TreePath, entry: &Entry, found: &Found, delete: bool) -> Option<String> {
    let Kind::Directory { mount, holds_excluded, .. } = found.kind else { return None };
    let why = if !delete {
        "set delete to true, or remove it first"
    } else if mount {
        "it is a mount point: unmount it first"
    } else if holds_excluded {
        "it holds excluded files: move them away first"
    } else {
        return None;
    };
    Some(format!("{path} is a directory on the host and a {} in the source: {why}", entry.word()))
}

fn change(wanted: &Wanted, path: &TreePath, entry: &Entry, found: Option<&Found>) -> Option<Change> {
    let same = found.filter(|it| it.kind.word() == entry.word());
    let differences = match (found, same) {
        (None, _) => vec![difference(DifferenceKind::Created, None, Some(entry.word().to_owned()))],
        (Some(found), None) => {
            let words = (found.kind.word().to_owned(), entry.word().to_owned());
            vec![difference(DifferenceKind::Type, Some(words.0), Some(words.1))]
        }
        (_, Some(same)) => differences(wanted, entry, same),
    };
    if differences.is_empty() {
        return None;
    }
    let instead = match found {
        None => Instead::Nothing,
        Some(found) if found.kind.is_directory() => Instead::Directory,
        Some(_) => Instead::Leaf,
    };
    let renewed = match same {
        None => true,
        Some(same) => {
            let told = |it: &Difference| matches!(it.kind, DifferenceKind::Content | DifferenceKind::Link);
            same.shared || differences.iter().any(told)
        }
    };
    let action = match entry {
        _ if !renewed => Action::Adjust { opens: found.is_some_and(|it| opens(entry, it)) },
        Entry::Directory { .. } => Action::Make(instead),
        Entry::File { digest, .. } => Action::Put { digest: *digest, instead },
        Entry::Link { target, .. } => Action::Link { target: target.clone(), instead },
    };
    let keep = matches!(entry, Entry::Directory { keep: true, .. });
    // What is written anew would belong to whoever runs this: it is given to whom it belonged before.
    let inherited = same.filter(|_| renewed);
    let attributes = Attributes {
        mode: entry.mode().filter(|_| same.is_none() || !keep),
        keep_setgid: keep,
        uid: wanted.uid.or(inherited.map(|it| it.uid)),
        gid: wanted.gid.or(inherited.map(|it| it.gid)),
    };
    Some(Change { path: path.clone(), action, attributes, differences })
}

fn opens(entry: &Entry, found: &Found) -> bool {
    let usable = |mode: u32| mode & 0o300 == 0o300;
    matches!(entry, Entry::Directory { mode, keep: false } if usable(*mode) && !usable(found.mode))
}

/// How two things of one kind differ.
fn differences(wanted: &Wanted, entry: &Entry, found: &Found) -> Vec<Difference> {
    let mut differences = Vec::new();
    let mut add = |kind, before: String, after: String| {
        if before != after {
            differences.push(difference(kind, Some(before), Some(after)));
        }
    };
    match (entry, &found.kind) {
        (Entry::File { digest, .. }, Kind::File(there)) => {
            let there = there.map_or_else(|| "unknown".to_owned(), |it| format!("sha256:{it}"));
            add(DifferenceKind::Content, there, format!("sha256:{digest}"));
        }
        (Entry::Link { target }, Kind::Link(there)) if target.as_bytes() != there => {
            add(DifferenceKind::Link, String::from_utf8_lossy(there).into_owned(), target.clone());
        }
        _ => {}
    }
    let keep = matches!(entry, Entry::Directory { keep: true, .. });
    if let Some(mode) = entry.mode().filter(|_| !keep) {
        add(DifferenceKind::Mode, format!("{:04o}", found.mode), format!("{mode:04o}"));
    }
    if let Some(uid) = wanted.uid {
        add(DifferenceKind::Owner, found.uid.to_string(), uid.to_string());
    }
    if let Some(gid) = wanted.gid {
        add(DifferenceKind::Group, found.gid.to_string(), gid.to_string());
    }
    differences
}

fn removal(wanted: &Wanted, path: &TreePath, found: &Found) -> Change {
    let above = std::iter::successors(path.parent(), TreePath::parent);
    let replaced = above.into_iter().find_map(|it| wanted.get(&it)).is_some_and(|it| !it.is_directory());
    let action = if replaced {
        Action::RemovedWithAbove
    } else {
        Action::Remove { directory: found.kind.is_directory() }
    };
    let differences = vec![difference(DifferenceKind::Removed, Some(found.kind.word().to_owned()), None)];
    Change { path: path.clone(), action, attributes: Attributes::default(), differences }
}

fn clean(path: &TreePath) -> Change {
    let differences = vec![difference(DifferenceKind::Leftover, Some("temporary".to_owned()), None)];
    Change { path: path.clone(), action: Action::Clean, attributes: Attributes::default(), differences }
}

fn difference(kind: DifferenceKind, before: Option<String>, after: Option<String>) -> Difference {
    Difference { kind, before, after }
}
