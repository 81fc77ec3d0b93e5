//! The nouns of driftless. No I/O, no clock, no async: every other module may depend on this one, and it depends
//! on nothing of ours.

pub mod failure;
pub mod name;
pub mod revision;
pub mod secret;

pub mod source;
pub mod stack;

pub mod outcome;
pub mod recap;
pub mod run;
pub mod run_event;

pub mod ledger;
pub mod status;

pub mod event;

pub use event::{Decision, Event, Fact, Memory, Settings};
pub use failure::{Failure, Retry};
pub use ledger::HostLedger;
pub use name::{HostName, NameError, RunId, SourceName, StackId, StackName};
pub use outcome::{Ending, Exit, Outcome, Reason};
pub use recap::{HostEnd, HostStats, Recap, Tally};
pub use revision::{CommitHash, Reference, Revision};
pub use run::{Mode, Run, RunSpec, RuntimeSpec, Selection, Trigger};
pub use run_event::{ItemId, ResultStatus, RunEvent, RunEventKind, TaskIdentity, TaskNumber, TaskResult};
pub use secret::Secret;
pub use source::{Declaration, Head, Lineage, RewindPolicy, SourceFacts, SourcePolicy, Tip};
pub use stack::{ApplyPolicy, Attempt, HealPolicy, Hold, Interruption, Request, StackFacts, StackPolicy};
pub use status::{Applied, Explanation, HostCounts, SourceStatus, StackStatus, SyncStatus};

/// A point in wall-clock time. Always an argument of the core, never read inside it.
pub use jiff::Timestamp;

/// A length of time, written `30m` or `1h 15m` in configuration.
pub use jiff::SignedDuration as Span;

/// `at` plus `span`, saturating at the ends of time, so that a deadline can always be computed.
pub fn later(at: Timestamp, span: Span) -> Timestamp {
    at.saturating_add(span).unwrap_or(Timestamp::MAX)
}
