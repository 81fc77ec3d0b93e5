//! One execution of `ansible-playbook`: what it is to do, and what is recorded of it.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::{
    Ending, HostName, HostStats, MergeRequestNumber, PendingHandler, Revision, RunId, RunPrediction, Span,
    StackId, Timestamp,
};

/// What Ansible calls check mode and normal mode.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Looks, changes nothing.
    Check,
    /// Changes.
    Apply,
}

impl Mode {
    /// `check` or `apply`: the value of the metrics label `mode`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Check => "check",
            Self::Apply => "apply",
        }
    }
}

/// Why a run was started.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    /// A revision that was not attempted yet.
    NewRevision,
    /// The last apply of the same revision failed or was interrupted.
    Retry,
    /// Hosts were unreachable and are owed this revision.
    OwedHosts,
    /// It is time to look for drift.
    Schedule,
    /// An apply changed something: does the same check now see nothing?
    Verify,
    /// Hosts were changed by somebody else.
    Drift,
    /// A person asked.
    Person,
    /// A person has to approve a revision: what would it do?
    Approval,
    /// A merge request proposes a change: what would it do?
    MergeRequest,
}

impl Trigger {
    /// Every trigger, for tables and documentation.
    pub const ALL: [Self; 9] = [
        Self::NewRevision,
        Self::Retry,
        Self::OwedHosts,
        Self::Schedule,
        Self::Verify,
        Self::Drift,
        Self::Person,
        Self::Approval,
        Self::MergeRequest,
    ];

    /// The words for people.
    pub fn words(self) -> &'static str {
        match self {
            Self::NewRevision => "new revision",
            Self::OwedHosts => "owed hosts",
            Self::MergeRequest => "merge request",
            one_word => one_word.as_str(),
        }
    }

    /// The value of the metrics label `trigger`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NewRevision => "new_revision",
            Self::Retry => "retry",
            Self::OwedHosts => "owed_hosts",
            Self::Schedule => "schedule",
            Self::Verify => "verify",
            Self::Drift => "drift",
            Self::Person => "person",
            Self::Approval => "approval",
            Self::MergeRequest => "merge_request",
        }
    }
}

macro_rules! display_as_str {
    ($($name:ident),*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    )*};
}
display_as_str!(Mode, Trigger);

/// Which Ansible runs a stack.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum RuntimeSpec {
    /// The one that the operator installed on the control node.
    #[default]
    System,
    /// One that the repository declares: built once, cached by the hash of what was declared.
    Managed {
        /// The exact version of ansible-core, as the Python package index writes it.
        core: String,
        /// A file of Python requirements, relative to the root of the repository.
        requirements: Option<String>,
        /// A file of collections and roles, relative to the root of the repository.
        galaxy: Option<String>,
    },
}

/// Which part of its stack a run covers. Only a full run tells what the stack's hosts are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Selection {
    /// All of it, as declared.
    #[default]
    Full,
    /// It has a limit of its own: the hosts it reaches are brought to the revision, the others are not touched.
    SomeHosts,
    /// A person gave tags: it counts as applied on no host.
    SomeTasks,
}

/// All that one run needs. The executor has nothing left to choose, so this can be shown, recorded and compared
/// before it is executed. It holds no secret: credentials are the operator's, found by source and stack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct RunSpec {
    /// Its number.
    pub run: RunId,
    /// The stack it is of.
    pub stack: StackId,
    /// The admitted revision that is checked out.
    pub revision: Revision,
    /// Check or apply.
    pub mode: Mode,
    /// Why.
    pub trigger: Trigger,
    /// Who asked, where a person did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requested_by: Option<String>,
    /// Why it did not wait for a window: the words of the person who asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outside_window: Option<String>,
    /// The merge request that is previewed, where one is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merge_request: Option<MergeRequestNumber>,
    /// How often this revision was attempted before without success.
    #[serde(default)]
    pub failures_before: u32,
    /// Which part of the stack it covers.
    pub selection: Selection,
    /// The playbook, relative to the checkout.
    pub playbook: String,
    /// The inventory, relative to the checkout.
    pub inventory: String,
    /// `--limit`, already intersected with what a person gave.
    #[serde(default)]
    pub limit: Option<String>,
    /// `--tags`.
    #[serde(default)]
    pub tags: Vec<String>,
    /// `--skip-tags`.
    #[serde(default)]
    pub skip_tags: Vec<String>,
    /// Extra variables as literal values.
    #[serde(default)]
    pub extra_vars: BTreeMap<String, serde_json::Value>,
    /// `--forks`.
    #[serde(default)]
    pub forks: Option<u32>,
    /// Handlers that earlier runs owe to hosts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub debts: Vec<(HostName, PendingHandler)>,
    /// When it is ended as timed out.
    #[schemars(with = "crate::domain::schema::Length")]
    pub timeout: Span,
    /// The Ansible that runs it.
    pub runtime: RuntimeSpec,
}

/// What is recorded of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Run {
    /// What it was to do.
    pub spec: RunSpec,
    /// When the decision to start it was recorded.
    #[schemars(with = "crate::domain::schema::Time")]
    pub decided_at: Timestamp,
    /// When `ansible-playbook` was started; `None` if it never was.
    #[serde(default)]
    #[schemars(with = "Option<crate::domain::schema::Time>")]
    pub started_at: Option<Timestamp>,
    /// When nothing of it was left.
    #[serde(default)]
    #[schemars(with = "Option<crate::domain::schema::Time>")]
    pub ended_at: Option<Timestamp>,
    /// How it ended; `None` while it is live.
    #[serde(default)]
    pub ending: Option<Ending>,
    /// Hash of the runtime that ran it: what was declared, or `system` with the version that answered.
    #[serde(default)]
    pub runtime: Option<String>,
    /// The version of ansible-core that answered.
    #[serde(default)]
    pub ansible_version: Option<String>,
    /// Counts per host, as far as they came in.
    #[serde(default)]
    pub hosts: BTreeMap<HostName, HostStats>,
    /// Why it was started, as a sentence.
    #[serde(default)]
    pub reason: String,
    /// How many notable results are not in the record, because there were too many.
    #[serde(default)]
    pub results_left_out: u64,
    /// How many events could not be recorded, because the disk was full or broken.
    #[serde(default)]
    pub events_lost: u64,
    /// How it compares with the previews of the merge requests that it applied. Told of one run, not of many.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub predictions: Vec<RunPrediction>,
}

impl Run {
    /// A run that has only been decided.
    pub fn decided(spec: RunSpec, at: Timestamp) -> Self {
        Self {
            spec,
            decided_at: at,
            started_at: None,
            ended_at: None,
            ending: None,
            runtime: None,
            ansible_version: None,
            hosts: BTreeMap::new(),
            reason: String::new(),
            results_left_out: 0,
            events_lost: 0,
            predictions: Vec::new(),
        }
    }

    /// Whether it has not ended yet.
    pub fn is_live(&self) -> bool {
        self.ending.is_none()
    }
}
