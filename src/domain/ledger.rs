//! What is known of one host of one stack.

use serde::{Deserialize, Serialize};

use super::{CommitHash, HostChange, LockKey, PendingHandler, RunId, Timestamp};

/// The ledger line of one host of one stack. Facts only: whether the host is converged is derived.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub struct HostLedger {
    /// The revision of the last apply that included it.
    pub attempted: Option<CommitHash>,
    /// The last revision that was applied on it from beginning to end.
    pub applied: Option<CommitHash>,
    /// When that was.
    #[schemars(with = "Option<crate::domain::schema::Time>")]
    pub applied_at: Option<Timestamp>,
    /// Since when it is owed a revision, because it did not answer or a run ended before it was through.
    #[schemars(with = "Option<crate::domain::schema::Time>")]
    pub owed_since: Option<Timestamp>,
    /// Whether a task failed on it in the last apply that included it.
    #[serde(default)]
    pub failed: bool,
    /// When it last answered.
    #[schemars(with = "Option<crate::domain::schema::Time>")]
    pub last_seen: Option<Timestamp>,
    /// The last apply of the whole stack that had it among its hosts.
    pub full_run: Option<RunId>,
    /// What a check last saw differ on it, and for a while what it saw before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<HostChange>,
    /// When a check of the whole stack last got to its end on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<crate::domain::schema::Time>")]
    pub checked_at: Option<Timestamp>,
    /// Handlers that were notified and did not run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pending: Vec<PendingHandler>,
    /// Which machine it is, as the last run that asked said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lock: Option<LockKey>,
}
