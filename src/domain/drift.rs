//! What is told of what differs, host by host. Derived from facts, never stored.

use serde::{Deserialize, Serialize};

use super::{
    ChangeClass, CommitHash, HostName, LastCheck, PendingHandler, Revision, RunId, StackId, TaskFacts,
    TaskIdentity, Timestamp,
};

/// What a check last saw differ on one host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Drift {
    /// The task that would change it.
    pub task: TaskIdentity,
    /// Digest of the loop item, or its position; empty for a task without a loop.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub item: String,
    /// Keyed digest of the content that is wanted; empty where the module told none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub digest: String,
    /// Whose doing it is.
    pub class: ChangeClass,
    /// The check that saw it.
    pub run: RunId,
    /// When it was first seen, each time that it was clean before; newest last.
    #[schemars(with = "Vec<crate::domain::schema::Time>")]
    pub onsets: Vec<Timestamp>,
    /// When it was corrected, or tried to be; newest last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<crate::domain::schema::Time>")]
    pub heals: Vec<Timestamp>,
}

/// One host of a stack: what it has, what it is owed, how it differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct HostStatus {
    /// The host.
    pub host: HostName,
    /// The revision of the last apply that included it.
    pub attempted: Option<CommitHash>,
    /// The last revision that was applied on it from beginning to end.
    pub applied: Option<CommitHash>,
    /// When that was.
    #[schemars(with = "Option<crate::domain::schema::Time>")]
    pub applied_at: Option<Timestamp>,
    /// When a check last got to its end on it.
    #[schemars(with = "Option<crate::domain::schema::Time>")]
    pub checked_at: Option<Timestamp>,
    /// When it last answered.
    #[schemars(with = "Option<crate::domain::schema::Time>")]
    pub last_seen: Option<Timestamp>,
    /// Since when it is owed a revision.
    #[schemars(with = "Option<crate::domain::schema::Time>")]
    pub owed_since: Option<Timestamp>,
    /// Whether a task failed on it in the last apply that included it.
    pub failed: bool,
    /// Handlers that were notified and did not run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pending: Vec<PendingHandler>,
    /// What differs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub drift: Vec<Drift>,
    /// What keeps it locked, as a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locked: Option<String>,
}

/// What is told of the drift of a stack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct DriftReport {
    /// The stack.
    pub stack: StackId,
    /// What its hosts are compared with: the revision of its last apply.
    pub revision: Option<Revision>,
    /// The last check of the whole stack that got to its end.
    pub check: Option<LastCheck>,
    /// When the next is due.
    #[schemars(with = "Option<crate::domain::schema::Time>")]
    pub next_check: Option<Timestamp>,
    /// Why what differs is not corrected now, or what happens to it; `None` if nothing differs.
    pub correction: Option<String>,
    /// Its hosts: those of the last full run.
    pub hosts: Vec<HostStatus>,
    /// Tasks that something is to be said about: flapping, unreliable in check, blind, executed for real.
    pub tasks: Vec<TaskFacts>,
}
