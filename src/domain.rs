//! The nouns of driftless. No I/O, no clock, no async: every other module may depend on this one, and it depends
//! on nothing of ours.

pub mod access;
pub mod failure;
pub mod name;
pub mod outbound;
pub mod revision;
pub mod secret;
pub mod session;
pub mod token;

pub mod policy;
pub mod request;
pub mod signature;
pub mod source;
pub mod stack;

pub mod alert;
pub mod change;
pub mod choice;
pub mod commit;
pub mod delivery;
pub mod drift;
pub mod findings;
pub mod impact;
pub mod latency;
pub mod lock;
pub mod merge_request;
pub mod outcome;
pub mod outline;
pub mod prediction;
pub mod preview;
pub mod recap;
pub mod restored;
pub mod run;
pub mod run_event;
mod run_prediction;
pub mod schedule;
pub(crate) mod schema;
pub mod verdict;
pub mod window;

pub mod fleet;
pub mod ledger;
pub mod status;
pub mod total;

pub mod event;
pub mod memory;

pub mod audit;

pub use access::{Caller, Grant, Proof, Role, Scope};
pub use alert::{
    AlertFacts, AlertKey, AlertKind, AlertPolicy, AlertSeverity, AlertSubject, Condition, Hours, Notice,
    NoticeState, Notification, NotificationState, Queued, Route, StackPattern, Template, Weekday,
};
pub use audit::{AuditHead, AuditRecord};
pub use change::{
    Change, ChangeClass, Findings, HostChange, LastCheck, NarrowingRefusal, PendingHandler, Quarantine,
    TaskCounts, TaskFacts, TaskKey,
};
pub use choice::RunChoice;
pub use commit::CommitFacts;
pub use delivery::{Delivery, DeliveryKind, DeliveryResult, WebhookProvider};
pub use drift::{Drift, DriftReport, HostStatus};
pub use event::{Decision, Event, Fact, Settings};
pub use failure::{Failure, Retry};
pub use findings::Gathering;
pub use fleet::{CheckCounts, CommitLine, HeldLock, HostMark, HostRun, HostState, RunMark, StackOverview};
pub use impact::{FileChange, HostsImpact, Impact, LeftBehind, PlayImpact, StackImpact};
pub use latency::{Latencies, Latency};
pub use ledger::HostLedger;
pub use lock::{AirbagHold, AirbagPolicy, AskedPlay, LockKey, Question, RefusalCause};
pub use memory::Memory;
pub use merge_request::{
    Approval, CommitState, CommitStatus, ForgeKind, MergeRequest, MergeRequestNumber, MergeRequestState,
};
pub use name::{HostName, NameError, ReceiverName, RunId, SourceName, StackId, StackName, TokenName};
pub use outcome::{Ending, Exit, Outcome, Reason};
pub use outline::{PlayOutline, ResultCounts, RunOutline, TaskOutline};
pub use policy::{ApplyPolicy, ApprovalPolicy, HealPolicy, StackPolicy};
pub use prediction::{PredictedChange, Prediction, PredictionReport};
pub use preview::{
    AppliedStack, Landed, LivePreview, LiveStack, Merge, MergeRequestFacts, MergeRequestPolicy,
    MergeRequestStatus, PreviewFacts, PreviewLevel, PreviewRequest, Previewed, SandboxedPlay, SandboxedStack,
};
pub use recap::{HostEnd, HostStats, Recap, Tally};
pub use request::Request;
pub use restored::Restored;
pub use revision::{CommitHash, Reference, Revision};
pub use run::{Mode, Run, RunSpec, RuntimeSpec, Selection, Trigger};
pub use run_event::{
    Detail, Diff, HostAddress, ItemId, ResultStatus, RunEvent, RunEventKind, TaskIdentity, TaskNumber,
    TaskResult,
};
pub use run_prediction::{BrokenKind, BrokenPrediction, ComparedPrediction, RunPrediction};
pub use schedule::{CheckSchedule, CronError, CronLine};
pub use secret::Secret;
pub use session::Session;
pub use signature::{Sighting, SignaturePolicy, SignatureRules};
pub use source::{
    AdmissionPolicy, Declaration, Head, Landing, Lineage, RewindPolicy, SourceFacts, SourcePolicy, Tip,
};
pub use stack::{
    ApprovalFacts, Attempt, CheckFacts, HealFacts, Hold, Interruption, LockFacts, NarrowPlan, OwedVerify,
    PredictionTotals, ProbeFacts, StackFacts,
};
pub use status::{
    Applied, CheckResult, DriftFacts, Explanation, HostCounts, HostFacts, SourceStatus, StackStatus,
    SyncStatus,
};
pub use token::{SecretHash, Token, TokenId, TokenState};
pub use total::{LastEnd, Total};
pub use verdict::{Coverage, Verdict};
pub use window::{Freeze, Window, WindowState, Windows, Zone, ZoneError};

/// A point in wall-clock time. Always an argument of the core, never read inside it.
pub use jiff::Timestamp;

/// A length of time, written `30m` or `1h 15m` in configuration.
pub use jiff::SignedDuration as Span;

/// `at` plus `span`, saturating at the ends of time, so that a deadline can always be computed.
pub fn later(at: Timestamp, span: Span) -> Timestamp {
    at.saturating_add(span).unwrap_or(Timestamp::MAX)
}
