//! What is told of one run in depth, of one commit, and of one merge request.

use serde::{Deserialize, Serialize};

use super::{ErrorBody, RunSummary, checked_count};
use crate::domain::{
    AuditHead, CommitFacts, CommitHash, HostName, MergeRequestNumber, MergeRequestStatus, PredictionReport,
    ResultStatus, SourceName, StackId, TaskOutline, TaskResult, Timestamp,
};

/// Which results of a task are wanted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TaskFilter {
    /// Only with this status.
    pub status: Option<ResultStatus>,
    /// Only those that changed something, or would.
    pub changed: bool,
    /// Only of this host.
    pub host: Option<HostName>,
    /// So many of the first ones are left out: to page on.
    pub skip: u32,
    /// How many at most, from 1 to [`TaskFilter::MOST`].
    pub count: u32,
}

impl TaskFilter {
    /// How many results are told if nobody says otherwise.
    pub const USUAL: u32 = 200;
    /// How many results are told at most.
    pub const MOST: u32 = 1_000;
}

/// The query of `GET /api/v1/runs/{run}/tasks/{task}`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TaskQuery {
    /// Only with this status.
    pub status: Option<ResultStatus>,
    /// Only those that changed something, or would.
    pub changed: bool,
    /// Only of this host, by its whole name.
    pub host: Option<String>,
    /// So many of the first ones are left out: to page on.
    pub skip: u32,
    /// How many at most.
    #[schemars(range(min = 1, max = 1000))]
    pub count: Option<u32>,
}

impl TaskQuery {
    /// What it asks for.
    pub fn filter(self) -> Result<TaskFilter, ErrorBody> {
        let count = checked_count(self.count, TaskFilter::USUAL, TaskFilter::MOST)?;
        let host = self.host.map(HostName::new);
        Ok(TaskFilter { status: self.status, changed: self.changed, host, skip: self.skip, count })
    }
}

/// The results of one task of a run: `GET /api/v1/runs/{run}/tasks/{task}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct TaskResults {
    /// The task; `null` if its beginning is not recorded.
    #[serde(default)]
    pub task: Option<TaskOutline>,
    /// Results on hosts, and of items of loops, in the order in which they came.
    pub results: Vec<TaskResult>,
    /// Whether there are more.
    #[serde(default)]
    pub more: bool,
}

/// A place in the raw output of a run. 0 and 0 is its beginning; other values were told by the daemon.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(deny_unknown_fields)]
pub struct LogPosition {
    /// The place in the file.
    #[serde(default)]
    pub from: u64,
    /// How much after it was told already.
    #[serde(default)]
    pub skip: u64,
}

/// A part of the raw output of a run, whole lines as far as there are any: `GET /api/v1/runs/{run}/log`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub struct LogPart {
    /// The text, secrets taken out; it may hold whatever programs write for terminals.
    pub text: String,
    /// Where to go on; absent if that was all so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<LogPosition>,
    /// Whether raw output of this run is kept at all.
    pub kept: bool,
    /// Whether the run is live, so that more may come.
    #[serde(default)]
    pub live: bool,
}

/// A commit with what became of it: `GET /api/v1/sources/{source}/commits/{commit}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct CommitView {
    /// The source.
    pub source: SourceName,
    /// Its hash.
    pub commit: CommitHash,
    /// What it says of itself; `null` if the repository does not have it any more.
    #[serde(default)]
    pub facts: Option<CommitFacts>,
    /// Where it stands: admitted, waiting, refused, or not of the followed reference. A sentence.
    pub standing: String,
    /// What is known of its signature, a sentence.
    pub signature: String,
    /// The merge requests that it is the head or the merge of.
    pub merge_requests: Vec<CommitMergeRequest>,
    /// What became of it, by stack.
    pub stacks: Vec<CommitOnStack>,
    /// Runs of exactly this commit, newest first; at most [`CommitView::RUNS`].
    pub runs: Vec<RunSummary>,
}

impl CommitView {
    /// The most runs that are told.
    pub const RUNS: u32 = 50;
    /// The most hosts that are named of each stack.
    pub const HOSTS: usize = 200;
}

/// A merge request that brought a commit, or proposes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct CommitMergeRequest {
    /// Its number.
    pub number: MergeRequestNumber,
    /// Its title.
    pub title: String,
    /// Whether this commit is what it was merged as; else it is its head.
    pub landed: bool,
    /// What it was predicted to do and did, by stack and run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reports: Vec<(StackId, crate::domain::RunId, Option<PredictionReport>)>,
}

/// Where a commit is applied within one stack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct CommitOnStack {
    /// The stack.
    pub stack: StackId,
    /// How many hosts have exactly this commit.
    pub exactly: u32,
    /// How many have a later one that contains it.
    pub contained: u32,
    /// How many have it not.
    pub missing: u32,
    /// Those that have it not, the first of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing_hosts: Vec<HostName>,
}

/// A merge request with its place on the forge: `GET /api/v1/sources/{source}/merge-requests/{number}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct MergeRequestView {
    /// All that is known of it.
    #[serde(flatten)]
    pub status: MergeRequestStatus,
    /// Its page, if that is on the configured forge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// How the forge is called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forge: Option<String>,
    /// How many approvals of others are needed, where the operator asks for them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approvals_needed: Option<u32>,
}

/// What is known of the audit chain as a whole: `GET /api/v1/audit/standing`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub struct AuditStanding {
    /// How far it goes.
    pub head: AuditHead,
    /// Whether it held when it was last verified; `null` if it was not yet.
    #[serde(default)]
    pub holds: Option<bool>,
    /// What is wrong with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
    /// How many records the last signed checkpoint covers.
    #[serde(default)]
    pub checkpoint: Option<u64>,
    /// When it was signed.
    #[serde(default)]
    #[schemars(with = "Option<crate::domain::schema::Time>")]
    pub checkpoint_at: Option<Timestamp>,
    /// The public key that signs.
    #[serde(default)]
    pub key: Option<String>,
}
