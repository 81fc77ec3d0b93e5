//! What the daemon says of itself and of all that it keeps.

use serde::{Deserialize, Serialize};

use super::RunSummary;
use crate::domain::{Failure, MergeRequestStatus, Scope, SourceStatus, StackStatus, Timestamp};

/// Who runs as whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ServiceMode {
    /// Started by hand: daemon and playbooks are the same user, so a playbook can read what the daemon can.
    OneUser,
    /// Started as a service: playbooks run as other users than the daemon.
    Service,
}

impl ServiceMode {
    /// The words for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OneUser => "one user",
            Self::Service => "service",
        }
    }
}

/// Whether the daemon does its work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Readiness {
    /// Whether it does.
    pub ready: bool,
    /// Why not, a sentence each; empty when it is ready.
    #[serde(default)]
    pub because: Vec<String>,
}

/// The state of the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct StoreState {
    /// Whether the last write succeeded. While it did not, nothing new is started.
    pub writable: bool,
    /// Why it cannot be written, and what to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<Failure>,
    /// Size on disk in bytes, event files of runs included.
    #[serde(default)]
    pub size_bytes: u64,
    /// What is free on the file system of the state directory, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub free_bytes: Option<u64>,
    /// Whether nothing is started because there is too little room, or the journal cannot be written.
    #[serde(default)]
    pub read_only: bool,
}

/// Everything at a glance: `GET /api/v1/status`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Status {
    /// Version of the daemon.
    pub version: String,
    /// When it started.
    #[schemars(with = "crate::domain::schema::Time")]
    pub started_at: Timestamp,
    /// Who runs as whom.
    pub mode: ServiceMode,
    /// Whether it does its work, and why not.
    pub readiness: Readiness,
    /// Whether it was told to stop and only waits for live runs.
    #[serde(default)]
    pub stopping: bool,
    /// What a person should know: a new configuration that was refused, for example. A sentence each.
    #[serde(default)]
    pub notices: Vec<String>,
    /// The followed repositories, by name.
    pub sources: Vec<SourceStatus>,
    /// All stacks, by source and name.
    pub stacks: Vec<StackStatus>,
    /// The runs that are live.
    pub live: Vec<RunSummary>,
    /// The store.
    pub store: StoreState,
    /// Where metrics and health are served, for example `http://127.0.0.1:9847`; absent if nowhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

impl Status {
    /// The part of it that a scope has.
    #[must_use]
    pub fn seen_by(mut self, scope: &Scope) -> Self {
        if *scope == Scope::All {
            return self;
        }
        // What concerns the daemon as a whole may name what is not in the scope.
        self.notices.clear();
        self.store.problem = None;
        self.stacks.retain(|it| scope.has_stack(&it.id));
        self.live.retain(|it| scope.has_stack(&it.stack));
        self.sources = self.sources.into_iter().filter_map(|it| it.within(scope)).collect();
        self
    }
}

/// The merge requests that are followed: `GET /api/v1/merge-requests`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct MergeRequestList {
    /// They, by source and number.
    pub merge_requests: Vec<MergeRequestStatus>,
}

/// All stacks: `GET /api/v1/stacks`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct StackList {
    /// They, by source and name.
    pub stacks: Vec<StackStatus>,
}
