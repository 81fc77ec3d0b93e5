//! What differs, where, and of which class: the nouns of drift.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write as _};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{Coverage, HostName, LockKey, Revision, RunId, TaskIdentity, Timestamp};

/// What a task is known by from run to run: a digest of its identity without the line, which moves with each edit
/// above it.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(transparent)]
pub struct TaskKey(String);

impl TaskKey {
    /// The key as text: 16 hexadecimal digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TaskKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The first eight bytes of a digest, in hexadecimal.
pub(crate) fn short_hex(digest: &[u8]) -> String {
    digest.iter().take(8).fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").ok(); // Writing to a string cannot fail.
        text
    })
}

impl TaskIdentity {
    /// The key of this task.
    pub fn key(&self) -> TaskKey {
        let mut hash = Sha256::new();
        let role = self.role.as_deref().unwrap_or_default();
        for part in [self.path.as_str(), role, &self.action, &self.name, &self.occurrence.to_string()] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part.as_bytes());
        }
        TaskKey(short_hex(&hash.finalize()))
    }
}

/// Whose doing a change is.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum ChangeClass {
    /// Git moved: the host does not have the revision yet.
    Intended,
    /// The host moved: it had the revision, and was changed since.
    Corrective,
    /// Corrective, and not for the first time: it was verified clean in between.
    Recurring,
    /// Nobody moved: the task reports a change each time. A defect of the playbook.
    Flapping,
}

impl ChangeClass {
    /// Every class, for tables and documentation.
    pub const ALL: [Self; 4] = [Self::Intended, Self::Corrective, Self::Recurring, Self::Flapping];

    /// The value of the metrics label `class`, and the word in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Intended => "intended",
            Self::Corrective => "corrective",
            Self::Recurring => "recurring",
            Self::Flapping => "flapping",
        }
    }

    /// Whether somebody changed the host: what a heal corrects.
    pub fn is_drift(self) -> bool {
        matches!(self, Self::Corrective | Self::Recurring)
    }
}

impl fmt::Display for ChangeClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One difference as a run told it: a task, or one item of its loop, on one host.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
pub struct Change {
    /// The task, by its place in [`Findings::tasks`].
    pub task: u32,
    /// The host.
    pub host: HostName,
    /// Digest of the loop item, or its position where it has none; empty for a task without a loop.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub item: String,
    /// Keyed digest of the content that is wanted; empty where the module told none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub digest: String,
}

/// How often a task ended how in a run, over its hosts and items.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default)]
pub struct TaskCounts {
    /// Ended well, changed ones included; in a check run those that would change, too.
    pub ok: u32,
    /// Of these, changed.
    pub changed: u32,
    /// Skipped by a condition.
    pub skipped: u32,
    /// Could not be simulated.
    pub blind: u32,
    /// Rest on what could not be simulated.
    pub tainted: u32,
    /// Were executed for real in a run that only looks.
    pub for_real: u32,
    /// Failed.
    pub failed: u32,
}

/// A handler that was notified on a host and did not run: a debt, because the next run will not notify it again.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
pub struct PendingHandler {
    /// The notification, as the task gave it.
    pub handler: String,
    /// Which play of the playbook, from 0.
    pub play: u32,
    /// Which part of the play: 0 `pre_tasks`, 1 roles and tasks, 2 `post_tasks`.
    pub section: u32,
    /// Whether the notifying task came from an include that need not be there again.
    #[serde(default)]
    pub dynamic: bool,
    /// The task that notified it.
    pub task: TaskIdentity,
    /// The run in which that was.
    pub run: RunId,
    /// Since when.
    #[schemars(with = "crate::domain::schema::Time")]
    pub since: Timestamp,
}

/// A construct for which an apply of a part of the hosts could give another result than one of all of them.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
pub struct NarrowingRefusal {
    /// What: `hostvars`, `run_once`, …
    pub construct: String,
    /// Where, relative to the root of the repository.
    pub path: String,
    /// The line there; 0 if it is of the file as a whole.
    pub line: u32,
}

impl fmt::Display for NarrowingRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{} in {}", self.construct, self.path),
            line => write!(f, "{} in {}:{line}", self.construct, self.path),
        }
    }
}

/// What a run found out, beside how it ended: what the core learns drift, debts and doubts from.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default)]
pub struct Findings {
    /// How many verdicts of each kind; of a check run.
    pub coverage: Coverage,
    /// The tasks that the rest refers to, with their counts.
    pub tasks: Vec<(TaskIdentity, TaskCounts)>,
    /// In a check run what would change and is not tainted, in an apply what changed.
    pub changes: Vec<Change>,
    /// How many more there were. Then nothing that is missing can be called clean.
    pub changes_left_out: u64,
    /// Of which tasks those are, by their place, and how many of each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub left_out_tasks: Vec<(u32, u64)>,
    /// The hosts of those.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub left_out_hosts: BTreeSet<HostName>,
    /// Handlers that were notified and did not run, by host.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub pending: BTreeMap<HostName, Vec<PendingHandler>>,
    /// Hosts of earlier debts that were paid.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub paid: Vec<(HostName, PendingHandler)>,
    /// Hosts of earlier debts whose handler does not exist any more.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub orphans: Vec<(HostName, PendingHandler)>,
    /// Hosts on which a task was under way when the run ended before its time.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub in_flight: Vec<HostName>,
    /// Whether a task had begun.
    pub begun: bool,
    /// Which of the tasks are handlers, by their place. They run because something else changed.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub handlers: BTreeSet<u32>,
    /// Why an apply of some of the hosts is not safe; `None` if nobody looked, empty if it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub narrowing: Option<Vec<NarrowingRefusal>>,
}

impl Findings {
    /// The most changes that are told one by one.
    pub const CHANGES_MAX: usize = 10_000;

    /// The most tasks that are counted one by one.
    pub const TASKS_MAX: usize = 20_000;
}

/// What is kept of one difference on one host. Facts: whether it is shown and healed is derived.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct HostChange {
    /// The task.
    pub task: TaskKey,
    /// As in [`Change::item`].
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub item: String,
    /// As in [`Change::digest`].
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub digest: String,
    /// Whether the last check that looked saw it. What is not seen any more is kept for a while to tell what recurs.
    pub present: bool,
    /// Whether the host had the checked revision when it was seen: then the host moved, not Git.
    pub corrective: bool,
    /// The check run that saw it last.
    pub run: RunId,
    /// When it was first seen, each time that it was clean before; newest last.
    #[schemars(with = "Vec<crate::domain::schema::Time>")]
    pub onsets: Vec<Timestamp>,
    /// When a heal was tried for it, newest last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<crate::domain::schema::Time>")]
    pub heals: Vec<Timestamp>,
}

/// What is kept of one task of a stack: only of those that something is to be said about.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub struct TaskFacts {
    /// What it is, where it stood when it was last seen.
    pub identity: TaskIdentity,
    /// How often in a row the check after an apply still reported it.
    #[serde(default)]
    pub still_reported: u32,
    /// Since when it reports changes that nobody made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<crate::domain::schema::Time>")]
    pub flapping_since: Option<Timestamp>,
    /// How often check and apply disagreed on it in a row.
    #[serde(default)]
    pub disagreements: u32,
    /// Since when its check is not believed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<crate::domain::schema::Time>")]
    pub unreliable_since: Option<Timestamp>,
    /// Whether it differs on a host, so that its identity is needed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub differs: bool,
    /// On how many hosts and items the last full check could not see it.
    #[serde(default)]
    pub blind: u32,
    /// On how many hosts and items the last full check executed it for real.
    #[serde(default)]
    pub for_real: u32,
}

impl TaskFacts {
    /// Whether there is nothing to say about it.
    pub fn is_ordinary(&self) -> bool {
        !self.differs
            && self.flapping_since.is_none()
            && self.unreliable_since.is_none()
            && [self.still_reported, self.disagreements, self.blind, self.for_real] == [0; 4]
    }
}

/// The last check of a whole stack that got to its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct LastCheck {
    /// The run.
    pub run: RunId,
    /// What was checked.
    pub revision: Revision,
    /// When it ended.
    #[schemars(with = "crate::domain::schema::Time")]
    pub at: Timestamp,
    /// How much it could see.
    pub coverage: Coverage,
    /// How many hosts did not answer or failed: of those it says nothing.
    pub unseen_hosts: u32,
    /// How many changes it could not tell one by one.
    #[serde(default)]
    pub changes_left_out: u64,
}

/// Hosts that stay locked after an apply that did not end by itself: a pipelined task outlives its connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Quarantine {
    /// The run.
    pub run: RunId,
    /// The hosts, with what is locked.
    pub hosts: BTreeMap<HostName, LockKey>,
    /// Until when, if nobody finds out before that nothing is left.
    #[schemars(with = "crate::domain::schema::Time")]
    pub until: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_is_known_by_everything_but_its_line() {
        let task = TaskIdentity {
            path: "roles/web/tasks/main.yml".to_owned(),
            line: 7,
            role: Some("web".to_owned()),
            action: "copy".to_owned(),
            name: "Page".to_owned(),
            occurrence: 0,
        };
        assert_eq!(task.key(), TaskIdentity { line: 99, ..task.clone() }.key());
        let others = [
            TaskIdentity { path: "site.yml".to_owned(), ..task.clone() },
            TaskIdentity { role: None, ..task.clone() },
            TaskIdentity { action: "template".to_owned(), ..task.clone() },
            TaskIdentity { name: "Pages".to_owned(), ..task.clone() },
            TaskIdentity { occurrence: 1, ..task.clone() },
        ];
        assert!(others.iter().all(|it| it.key() != task.key()));
        assert_eq!(task.key().as_str().len(), 16);
    }
}
