//! A playbook and an inventory kept in sync with a source: the facts kept about it.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    AirbagHold, AskedPlay, CommitHash, Coverage, HostName, LastCheck, Latencies, LockKey, NarrowingRefusal,
    Outcome, Quarantine, Request, Restored, Revision, RunId, RunSpec, Timestamp, Trigger,
};

/// The last apply of the whole stack that was started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Attempt {
    /// What it was to apply.
    pub revision: Revision,
    /// The run.
    pub run: RunId,
    /// How it ended; `None` while it is live.
    pub outcome: Option<Outcome>,
    /// Why it ended so, in one line, where the outcome does not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// When it ended, or began while it is live.
    #[schemars(with = "crate::domain::schema::Time")]
    pub at: Timestamp,
    /// How many applies of this revision in a row did not succeed, for the backoff.
    pub failures: u32,
    /// When it may be retried, if it is to be retried.
    #[schemars(with = "Option<crate::domain::schema::Time>")]
    pub retry_at: Option<Timestamp>,
}

/// One revision that must not be applied unasked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Hold {
    /// The revision that is held. A newer one is not.
    pub revision: Revision,
    /// Since when.
    #[schemars(with = "crate::domain::schema::Time")]
    pub since: Timestamp,
    /// Why, as a sentence: who cancelled which run.
    pub reason: String,
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

/// A check that is owed because an apply changed something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwedVerify {
    /// The apply.
    pub apply: RunId,
    /// What it applied.
    pub revision: Revision,
    /// The hosts that it was for, if it was not for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hosts: Option<BTreeSet<HostName>>,
    /// Whether it was to correct drift.
    #[serde(default)]
    pub heal: bool,
}

/// An apply of a part of the hosts that is being considered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NarrowPlan {
    /// For which hosts.
    pub hosts: BTreeSet<HostName>,
    /// At which commit.
    pub commit: CommitHash,
    /// Why it is wanted: drift or owed hosts.
    pub trigger: Trigger,
    /// The full check whose predictions it was compared with.
    pub check: RunId,
    /// Whether the narrowed check was made.
    #[serde(default)]
    pub checked: bool,
    /// Why the whole stack runs instead; `None` if the narrowed check predicted the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}

/// What is kept of the corrections of a stack.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct HealFacts {
    /// How many heals in a row did not leave the host as Git says.
    pub failures: u32,
    /// When the next may be tried.
    pub retry_at: Option<Timestamp>,
    /// The narrowed apply that is considered.
    pub narrow: Option<NarrowPlan>,
    /// Whether the last heal left nothing to correct, and when that was found out.
    pub last: Option<(bool, Timestamp)>,
    /// How many heals left nothing to correct.
    pub healed: u64,
    /// How many did not.
    pub not_healed: u64,
}

/// What is kept of the checks of a stack.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct CheckFacts {
    /// The last one of the whole stack that got to its end.
    pub last: Option<LastCheck>,
    /// How many in a row did not get to their end.
    pub failures: u32,
    /// When the next may be tried after a failure.
    pub retry_at: Option<Timestamp>,
    /// The check that is owed after an apply.
    pub verify: Option<OwedVerify>,
    /// How many changes a check of the whole stack usually predicts, in hundredths.
    pub usual_changes: Option<u64>,
    /// For which constructs a part of the hosts cannot be applied, at which commit.
    pub narrowing: Option<(CommitHash, Vec<NarrowingRefusal>)>,
}

/// What a revision would do, for a person who has to approve of it. The approval is bound to all of it: it lapses
/// when a newer look finds something else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ApprovalFacts {
    /// The revision.
    pub revision: Revision,
    /// The check run that looked.
    pub run: RunId,
    /// When it ended.
    #[schemars(with = "crate::domain::schema::Time")]
    pub at: Timestamp,
    /// Digest of the predicted changes and the hosts: what a person approves.
    pub digest: String,
    /// How many changes are predicted.
    pub changes: u64,
    /// The hosts.
    pub hosts: BTreeSet<HostName>,
    /// How much the check could see.
    pub coverage: Coverage,
    /// Who approved of it, and when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<(String, crate::domain::schema::Time)>")]
    pub approved: Option<(String, Timestamp)>,
    /// Whether an approval lapsed because this look found something else.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub lapsed: bool,
}

/// What is kept of the hosts that a stack has locked.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct LockFacts {
    /// What is locked.
    pub keys: BTreeSet<LockKey>,
    /// Whether nobody else may look either.
    pub exclusive: bool,
    /// The run that asked for it.
    pub run: Option<RunId>,
    /// What stays locked because nobody knows whether something is left there.
    pub quarantine: Vec<Quarantine>,
    /// The plays of the last apply of the whole stack that was let through.
    pub plays: Vec<AskedPlay>,
    /// What waits for a person because the hosts are not what they were.
    pub airbag: Option<AirbagHold>,
}

/// What is kept of hosts that did not answer.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ProbeFacts {
    /// How many probes in a row found nobody.
    pub silent: u32,
    /// When the next is due.
    pub at: Option<Timestamp>,
    /// Owed hosts that answered since, and when that was.
    pub back: BTreeSet<HostName>,
    /// When they answered.
    pub back_at: Option<Timestamp>,
}

/// Changes of applies that a preview had promised something about, counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct PredictionTotals {
    /// They happened as predicted.
    pub as_predicted: u64,
    /// They did not happen.
    pub missing: u64,
    /// Something else was changed there.
    pub different: u64,
    /// They were not predicted.
    pub extra: u64,
    /// The preview could not say anything about them.
    pub not_predictable: u64,
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
    /// Looking for drift.
    #[serde(default)]
    pub check: CheckFacts,
    /// What waits for the approval of a person, or has it.
    #[serde(default)]
    pub approval: Option<Box<ApprovalFacts>>,
    /// How often applies did what previews of merge requests had promised, and how often not.
    #[serde(default)]
    pub predictions: PredictionTotals,
    /// Correcting it.
    #[serde(default)]
    pub heal: HealFacts,
    /// Hosts that are locked.
    #[serde(default)]
    pub locks: LockFacts,
    /// Hosts that did not answer.
    #[serde(default)]
    pub probe: ProbeFacts,
    /// Set while what is known of its hosts is that of a backup.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restored: Option<Restored>,
    /// How fast it follows Git.
    #[serde(default)]
    pub latencies: Latencies,
}
