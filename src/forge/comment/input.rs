//! What the comment is made from. Texts come from repositories, hosts and forges, already redacted; none of them is
//! trusted to be harmless.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::domain::{
    CommitHash, Coverage, HostName, Impact, MergeRequestNumber, Outcome, PredictionReport, PreviewLevel,
    Reference, RunId, SandboxedStack, SourceName, StackName, TaskIdentity,
};

/// All that the comment on one merge request says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommentInput {
    /// The source that the merge request is of: part of the marker by which the comment is found again.
    pub source: SourceName,
    /// The merge request.
    pub number: MergeRequestNumber,
    /// The head that was looked at.
    pub head: CommitHash,
    /// The branch that it is to be merged into.
    pub target: Reference,
    /// The commit of that branch that it was merged with for looking.
    pub target_commit: CommitHash,
    /// How deep the preview looks.
    pub level: PreviewLevel,
    /// How far the preview is.
    pub state: PreviewState,
    /// What the merge request touches, by reading both trees.
    pub impact: Impact,
    /// Why the sandbox told nothing although it should have.
    pub no_sandbox: Option<String>,
    /// What was found out of each stack beyond reading.
    pub stacks: Vec<StackPreview>,
    /// Approvals, where the operator asks for them.
    pub approvals: Option<ApprovalsWanted>,
    /// What came of it; `None` before it is merged.
    pub merged: Option<Merged>,
    /// The page with the full report. Built by us; left out unless it is a plain `http` or `https` address.
    pub link: Option<String>,
}

/// How far a preview is, or why there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PreviewState {
    /// It is being made.
    Running,
    /// It is there.
    Done,
    /// It was made with an older target branch or head.
    Stale {
        /// What moved, and how to have it made again.
        why: String,
    },
    /// The merge cannot be used as it is: a broken `driftless.yml`, a submodule.
    Refused {
        /// Why.
        why: String,
        /// What to do.
        remedy: String,
    },
    /// It cannot be merged into the target branch.
    Conflicts {
        /// The files.
        paths: Vec<String>,
    },
    /// It changes what the Ansible runtime is made of. To preview that would run its packages.
    RuntimeChanged,
}

/// What was found out of one stack beyond reading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StackPreview {
    /// The stack.
    pub stack: StackName,
    /// What Ansible said in the sandbox.
    pub sandboxed: Option<SandboxedStack>,
    /// What check mode said on the hosts.
    pub live: Option<LiveResult>,
}

/// What check mode said on the hosts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveResult {
    /// The run.
    pub run: RunId,
    /// How it ended.
    pub outcome: Outcome,
    /// Why it ended so, where the word alone does not say.
    pub reason: Option<String>,
    /// How much could be seen.
    pub coverage: Coverage,
    /// How many hosts it looked at.
    pub hosts: u64,
    /// The tasks that the rest refers to by their place, in the order of the playbook.
    pub tasks: Vec<TaskLabel>,
    /// What would change, in any order.
    pub changes: Vec<PreviewedChange>,
    /// How many more changes there are than are given.
    pub changes_left_out: u64,
    /// Of which tasks those are, each with how many.
    pub left_out_tasks: Vec<(u32, u64)>,
    /// The hosts of those.
    pub left_out_hosts: BTreeSet<HostName>,
    /// Tasks that could not be simulated, each with on how many hosts.
    pub blind: Vec<(u32, u64)>,
    /// Tasks that rest on what could not be simulated, each with on how many hosts.
    pub tainted: Vec<(u32, u64)>,
    /// Tasks that were executed for real, each with on how many hosts.
    pub ran_for_real: Vec<(u32, u64)>,
    /// Tasks that failed.
    pub failed: Vec<FailedTask>,
    /// Hosts that did not answer.
    pub unreachable: BTreeSet<HostName>,
    /// Tasks that report a change each time.
    pub flapping: Vec<u32>,
}

/// What people call a task, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TaskLabel {
    /// Its name, or its action where it has none.
    pub name: String,
    /// `file:line`, relative to the root of the repository; empty if it is not known.
    pub place: String,
}

impl From<&TaskIdentity> for TaskLabel {
    fn from(task: &TaskIdentity) -> Self {
        let name = if task.name.is_empty() { &task.action } else { &task.name };
        let place = match (task.path.as_str(), task.line) {
            (path, 0) => path.to_owned(),
            (path, line) => format!("{path}:{line}"),
        };
        Self { name: name.clone(), place }
    }
}

/// One thing that would change on one host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreviewedChange {
    /// The host.
    pub host: HostName,
    /// The task, by its place in [`LiveResult::tasks`].
    pub task: u32,
    /// Which item of its loop, in words or by its position; empty for a task without a loop.
    pub item: String,
    /// The difference as [`super::diff_text`] writes it, redacted. Shared between hosts where it is the same.
    pub diff: Option<Arc<str>>,
    /// Whether `no_log` hides the content.
    pub no_log: bool,
}

/// A task that failed on a host.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FailedTask {
    /// The task, by its place in [`LiveResult::tasks`].
    pub task: u32,
    /// What it said, redacted.
    pub message: String,
    /// The host.
    pub host: HostName,
}

/// The approvals that the operator asks for, and those that are there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApprovalsWanted {
    /// How many are needed.
    pub needed: u32,
    /// Who approves of this head, by the names of the accounts.
    pub given: Vec<String>,
}

/// What came of a merged merge request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merged {
    /// The commit that is applied.
    pub commit: CommitHash,
    /// Each stack that it touches.
    pub stacks: Vec<AppliedResult>,
}

/// What came of one stack after the merge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppliedResult {
    /// The stack.
    pub stack: StackName,
    /// The run and how it ended; `None` while it did not end.
    pub ended: Option<(RunId, Outcome)>,
    /// Why it waits, or why it ended so, as a sentence; empty if there is nothing to say.
    pub note: String,
    /// What was predicted against what was done; `None` if nothing was predicted.
    pub report: Option<PredictionReport>,
}
