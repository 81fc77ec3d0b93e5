//! The API, version 1: the types that are written and read, the routes, and what users may write into them.
//!
//! Plain data, shared by the server ([`crate::web`]) and the command line ([`crate::cli`]). Field names are stable:
//! fields may come, none is renamed. `docs/api.md` has an example of each.

mod actions;
mod alerts;
mod audit;
mod error;
mod fleet;
mod leaf;
mod listing;
mod name;
mod news;
mod openapi;
mod query;
mod route;
mod run;
mod status;
mod tokens;
mod value;
pub mod when;

pub use actions::{
    ActionReply, ApplyBody, ApproveBody, ApproveHostsBody, BackupBody, CancelBody, PlanBody, PreviewBody,
};
pub use alerts::{AlertList, AlertTestBody, OpenAlert, ReceiverStatus};
pub use audit::{AuditList, AuditQuery, EraseBody, UnreadableRecord};
pub use error::{ErrorBody, ErrorCode, Problem};
pub use fleet::{
    AuditState, Before, BuiltRuntime, CommitLines, DeliveryView, DiskView, Fleet, FleetStack, HISTORY,
    HostInStack, HostList, HostOverview, HostView, Older, QueueEntry, RuntimeView, SourceList, SourceView,
    StackLock, StackView, SystemView,
};
pub use leaf::{
    AuditStanding, CommitMergeRequest, CommitOnStack, CommitView, LogPart, LogPosition, MergeRequestView,
    TaskFilter, TaskQuery, TaskResults,
};
pub use listing::{HostQuery, MergeRequestQuery, StackQuery, StateWanted};
pub use name::{NameWanted, resolve_stack};
pub use news::{News, NewsChunk, NewsPosition};
pub use openapi::document;
pub use query::{EventQuery, NewsQuery, RunQuery, checked_count};
pub use route::{Access, Listener, Method, PREFIX, ROUTES, Route, Subject};
pub use run::{
    EventChunk, EventLine, EventPosition, HostTotals, NotableResult, RunFilter, RunList, RunSummary, RunView,
};
pub use status::{MergeRequestList, Readiness, ServiceMode, StackList, Status, StoreState};
pub use tokens::{SignInLink, TokenBody, TokenList, TokenMade, TokenView};
pub use value::{RevisionAsked, check_limit, check_reason, check_tag, check_tags};

/// The same as in the core: why a stack did, does or does not run.
pub use crate::domain::Explanation;
