//! The API, version 1: the types that are written and read, the routes, and what users may write into them.
//!
//! Plain data, shared by the server ([`crate::web`]) and the command line ([`crate::cli`]). Field names are stable:
//! fields may come, none is renamed. `docs/api.md` has an example of each.

mod actions;
mod alerts;
mod audit;
mod error;
mod name;
mod route;
mod run;
mod status;
mod value;

pub use actions::{
    ActionReply, ApplyBody, ApproveBody, ApproveHostsBody, BackupBody, CancelBody, PlanBody, PreviewBody,
};
pub use alerts::{AlertList, AlertTestBody, OpenAlert, ReceiverStatus};
pub use audit::{AuditList, AuditQuery, EraseBody, UnreadableRecord};
pub use error::{ErrorBody, ErrorCode};
pub use name::{NameWanted, resolve_stack};
pub use route::{Access, Listener, Method, PREFIX, ROUTES, Route, Subject};
pub use run::{
    EventChunk, EventLine, EventPosition, HostTotals, NotableResult, RunFilter, RunList, RunSummary, RunView,
};
pub use status::{MergeRequestList, Readiness, ServiceMode, StackList, Status, StoreState};
pub use value::{RevisionAsked, check_limit, check_reason, check_tag, check_tags};

/// The same as in the core: why a stack did, does or does not run.
pub use crate::domain::Explanation;
