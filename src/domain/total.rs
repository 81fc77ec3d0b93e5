//! What is counted of runs for good: retention removes runs and leaves these.

use super::{Mode, Outcome, RunId, StackId, Timestamp, Trigger};

/// How many runs of one kind ended in one way, since the state directory was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Total {
    /// The stack, declared or not any more.
    pub stack: StackId,
    /// Check or apply.
    pub mode: Mode,
    /// Why they were started.
    pub trigger: Trigger,
    /// How they ended.
    pub outcome: Outcome,
    /// How many.
    pub runs: u64,
}

/// The last end of a stack's runs in one mode.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastEnd {
    /// The stack, declared or not any more.
    pub stack: StackId,
    /// Check or apply.
    pub mode: Mode,
    /// The run that ended last.
    pub run: RunId,
    /// How it ended.
    pub outcome: Outcome,
    /// When its `ansible-playbook` was started, if it was.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Timestamp,
    /// When a run of this mode last succeeded, this one or an earlier one, also a narrowed one.
    pub succeeded_at: Option<Timestamp>,
}
