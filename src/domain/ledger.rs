//! What is known of one host of one stack.

use serde::{Deserialize, Serialize};

use super::{CommitHash, RunId, Timestamp};

/// The ledger line of one host of one stack. Facts only: whether the host is converged is derived.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct HostLedger {
    /// The revision of the last apply that included it.
    pub attempted: Option<CommitHash>,
    /// The last revision that was applied on it from beginning to end.
    pub applied: Option<CommitHash>,
    /// When that was.
    pub applied_at: Option<Timestamp>,
    /// Since when it is owed a revision, because it did not answer or a run ended before it was through.
    pub owed_since: Option<Timestamp>,
    /// Whether a task failed on it in the last apply that included it.
    #[serde(default)]
    pub failed: bool,
    /// When it last answered.
    pub last_seen: Option<Timestamp>,
    /// The last apply of the whole stack that had it among its hosts.
    pub full_run: Option<RunId>,
}
