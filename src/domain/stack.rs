//! A playbook and an inventory kept in sync with a source: what is wanted, and the facts kept about it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Mode, Outcome, Revision, RunId, RunSpec, RuntimeSpec, Span, StackId, StackName, Timestamp};

/// When a new revision is applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApplyPolicy {
    /// As soon as it is admitted.
    #[default]
    OnCommit,
    /// When a person asks for it, never unasked.
    Manual,
}

/// What happens to corrective drift.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HealPolicy {
    /// It is reported.
    #[default]
    Never,
    /// It is corrected at the attempted revision.
    Corrective,
}

/// A stack as declared, outranked by what the operator says of it. Nothing in it is a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StackPolicy {
    /// Its name and source.
    pub id: StackId,
    /// The playbook, relative to the root of the repository.
    pub playbook: String,
    /// The inventory file or directory, relative to the root of the repository.
    pub inventory: String,
    /// Ansible's `--limit`.
    #[serde(default)]
    pub limit: Option<String>,
    /// Ansible's `--tags`.
    #[serde(default)]
    pub tags: Vec<String>,
    /// Ansible's `--skip-tags`.
    #[serde(default)]
    pub skip_tags: Vec<String>,
    /// Extra variables, as literal values: what looks like a template in them is not evaluated.
    #[serde(default)]
    pub extra_vars: BTreeMap<String, serde_json::Value>,
    /// Ansible's `--forks`; its own default if absent.
    #[serde(default)]
    pub forks: Option<u32>,
    /// When new revisions are applied.
    pub apply: ApplyPolicy,
    /// What happens to drift.
    pub heal: HealPolicy,
    /// How often check mode looks for drift. Checks come with drift detection; until then nobody reads it.
    pub check_every: Span,
    /// A run that takes longer is ended.
    pub timeout: Span,
    /// Stacks of the same source that must have attempted a revision before this one applies it.
    #[serde(default)]
    pub depends_on: Vec<StackName>,
    /// The Ansible that runs it.
    pub runtime: RuntimeSpec,
}

/// The last apply of the whole stack that was started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// What it was to apply.
    pub revision: Revision,
    /// The run.
    pub run: RunId,
    /// How it ended; `None` while it is live.
    pub outcome: Option<Outcome>,
    /// When it ended, or began while it is live.
    pub at: Timestamp,
    /// How many applies of this revision in a row did not succeed, for the backoff.
    pub failures: u32,
    /// When it may be retried, if it is to be retried.
    pub retry_at: Option<Timestamp>,
}

/// One revision that must not be applied unasked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// The revision that is held. A newer one is not.
    pub revision: Revision,
    /// Since when.
    pub since: Timestamp,
    /// Why, as a sentence: who cancelled which run.
    pub reason: String,
}

/// A person's request for a run of a stack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// Check or apply.
    pub mode: Mode,
    /// Who asked, as the operating system names them.
    pub by: String,
    /// Another revision than the head; it has been admitted before or is an ancestor of what was.
    #[serde(default)]
    pub revision: Option<Revision>,
    /// Only these hosts: intersected with the limit of the stack.
    #[serde(default)]
    pub limit: Option<String>,
    /// Only tasks with these tags, instead of the tags of the stack.
    #[serde(default)]
    pub tags: Vec<String>,
}

/// Runs of a stack that were interrupted, one after the other. Not failures of what they ran, so counted apart, but
/// counted: a playbook that ends the daemon must not do so in a tight loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interruption {
    /// How many runs in a row; at least 1.
    pub in_row: u32,
    /// When what was interrupted may be started again.
    pub retry_at: Timestamp,
}

/// What is kept of a stack across restarts. The applied revision is not here: it is derived from the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct StackFacts {
    /// The last apply of the whole stack.
    pub attempt: Option<Attempt>,
    /// The run that is live, or was when the daemon died.
    pub live: Option<RunSpec>,
    /// A person's request that no run has answered yet.
    pub request: Option<Request>,
    /// The request that the live run answers: owed again if the run is interrupted.
    #[serde(default)]
    pub answering: Option<Request>,
    /// Set while the last run of it was interrupted.
    #[serde(default)]
    pub interrupted: Option<Interruption>,
    /// A revision that waits for a person or a newer commit.
    pub hold: Option<Hold>,
    /// Whether a person stopped all runs of it, and who and since when.
    pub suspended: Option<(String, Timestamp)>,
    /// The last apply of the whole stack that told of all its hosts: they are the stack's hosts.
    pub last_full_run: Option<RunId>,
    /// When an apply of the whole stack last succeeded.
    pub last_success: Option<Timestamp>,
}
