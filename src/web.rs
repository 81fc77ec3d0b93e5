//! What is served: the API on a unix socket and over TCP; pages, metrics and health over TCP.
//!
//! The unix socket knows who is at the other end. Over TCP callers prove who they are, by a token or a session; without
//! a proof there is what everybody may see, and the page to sign in. [`Gate`] is where that is decided, route by route.
//! TCP also takes deliveries of webhooks in, which prove their sender and only make the daemon look at a source sooner.

mod accounts;
mod alert_routes;
mod api_routes;
mod audit_routes;
mod backup_routes;
mod events;
mod fleet_routes;
mod gate;
mod listen;
mod networks;
mod news;
mod open_routes;
mod pages;
mod paging;
mod record_routes;
mod records;
mod reply;
mod routes;
mod sign_in;
mod streams;
mod tls;
mod token_routes;
mod webhooks;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use axum::http::HeaderMap;

pub use accounts::{Accounts, Permission};
pub use api_routes::api_router;
pub use backup_routes::Download;
pub use gate::{
    Attempt, Csrf, Gate, GateSettings, Keeper, Kept, Keys, Limiter, Network, Peer, ProofMark, Proved,
    Unproved,
};
pub use listen::{BindError, SocketSettings, bind_socket, bind_tcp, serve_socket, serve_tcp, serve_tls};
pub use open_routes::open_router;
pub use records::Records;
pub use tls::{Identity, Tls, TlsError, certificate_end};
pub use webhooks::WebhookAnswer;

use crate::api::{
    ActionReply, AlertList, ApplyBody, ApproveBody, ApproveHostsBody, AuditList, AuditQuery, BackupBody,
    CancelBody, ErrorBody, EventChunk, EventPosition, Explanation, MergeRequestList, PlanBody, PreviewBody,
    RunFilter, RunList, RunView, Status,
};
use crate::api::{Before, Fleet, HostView, SourceView, StackView, SystemView};
use crate::api::{NewsChunk, NewsPosition};
use crate::domain::{
    Caller, DriftReport, HostName, MergeRequestNumber, ReceiverName, RunId, Scope, SourceName, StackId,
    StackStatus,
};

/// What the daemon does for those who ask. The server checks who asks and what they wrote; everything else is here.
///
/// Names are resolved and values are checked before any of these is called. An action answers when it is recorded,
/// not when it is done.
pub trait Backend: Keeper + Records + Clone + Send + Sync + 'static {
    /// Everything at a glance.
    fn status(&self) -> impl Future<Output = Result<Status, ErrorBody>> + Send;
    /// The names of all stacks, for finding the one that is meant.
    fn stack_ids(&self) -> impl Future<Output = Result<Vec<StackId>, ErrorBody>> + Send;
    /// All stacks, by source and name.
    fn stacks(&self) -> impl Future<Output = Result<Vec<StackStatus>, ErrorBody>> + Send;
    /// Why a stack did, does or does not run.
    fn explain(&self, stack: StackId) -> impl Future<Output = Result<Explanation, ErrorBody>> + Send;
    /// Runs, newest first.
    fn runs(&self, filter: RunFilter) -> impl Future<Output = Result<RunList, ErrorBody>> + Send;
    /// One run.
    fn run(&self, run: RunId) -> impl Future<Output = Result<RunView, ErrorBody>> + Send;
    /// Events of a run from a position on. Answers at once if there are any or the run is over; else waits for more,
    /// at most for `wait`.
    fn events(
        &self,
        run: RunId,
        from: EventPosition,
        wait: Duration,
    ) -> impl Future<Output = Result<EventChunk, ErrorBody>> + Send;
    /// What changed since a place in the stream of news. Answers at once if anything did; else waits, at most for
    /// `wait`. Without a place, says where the end is.
    fn news(
        &self,
        after: Option<NewsPosition>,
        wait: Duration,
    ) -> impl Future<Output = Result<NewsChunk, ErrorBody>> + Send;
    /// How the hosts of a stack differ, and what they are owed.
    fn drift(&self, stack: StackId) -> impl Future<Output = Result<DriftReport, ErrorBody>> + Send;
    /// Records a request for a check.
    fn plan(
        &self,
        stack: StackId,
        body: PlanBody,
        by: Caller,
    ) -> impl Future<Output = Result<ActionReply, ErrorBody>> + Send;
    /// Records that the hosts or changes of an apply are accepted.
    fn approve_hosts(
        &self,
        stack: StackId,
        body: ApproveHostsBody,
        by: Caller,
    ) -> impl Future<Output = Result<ActionReply, ErrorBody>> + Send;
    /// Records a request for an apply.
    fn apply(
        &self,
        stack: StackId,
        body: ApplyBody,
        by: Caller,
    ) -> impl Future<Output = Result<ActionReply, ErrorBody>> + Send;
    /// Records that no more runs of a stack are wanted.
    fn suspend(
        &self,
        stack: StackId,
        by: Caller,
    ) -> impl Future<Output = Result<ActionReply, ErrorBody>> + Send;
    /// Records that runs are wanted again.
    fn resume(
        &self,
        stack: StackId,
        by: Caller,
    ) -> impl Future<Output = Result<ActionReply, ErrorBody>> + Send;
    /// Records that a live run is to end.
    fn cancel(
        &self,
        run: RunId,
        body: CancelBody,
        by: Caller,
    ) -> impl Future<Output = Result<ActionReply, ErrorBody>> + Send;
    /// Records that a waiting revision is accepted.
    fn approve(
        &self,
        source: SourceName,
        body: ApproveBody,
        by: Caller,
    ) -> impl Future<Output = Result<ActionReply, ErrorBody>> + Send;
    /// The largest body of a webhook that is read, in bytes.
    fn webhook_body_limit(&self) -> usize;
    /// A delivery of a webhook came, whole. Who sent it, and whether anybody waits for it, is not known yet: `source` is
    /// what stood in the path.
    fn webhook(
        &self,
        source: &str,
        headers: HeaderMap,
        body: Vec<u8>,
    ) -> impl Future<Output = WebhookAnswer> + Send;
    /// A delivery of a webhook was not read to its end.
    fn webhook_unread(&self, source: &str);
    /// Records of the audit chain, of what is in this scope.
    fn audit(
        &self,
        query: AuditQuery,
        scope: Scope,
    ) -> impl Future<Output = Result<AuditList, ErrorBody>> + Send;
    /// Erases the name of a person from the audit chain.
    fn erase(&self, name: String, by: Caller) -> impl Future<Output = Result<ActionReply, ErrorBody>> + Send;
    /// Makes a backup.
    fn backup(
        &self,
        body: BackupBody,
        by: Caller,
    ) -> impl Future<Output = Result<Download, ErrorBody>> + Send;
    /// What is wrong now, who was told, and what became of the messages.
    fn alerts(&self) -> impl Future<Output = Result<AlertList, ErrorBody>> + Send;
    /// Sends a message to a receiver and waits for what comes of it.
    fn test_alert(
        &self,
        receiver: ReceiverName,
        by: Caller,
    ) -> impl Future<Output = Result<ActionReply, ErrorBody>> + Send;
    /// The merge requests that are followed.
    fn merge_requests(&self) -> impl Future<Output = Result<MergeRequestList, ErrorBody>> + Send;
    /// Records a request for a live preview.
    fn preview(
        &self,
        source: SourceName,
        number: MergeRequestNumber,
        body: PreviewBody,
        by: Caller,
    ) -> impl Future<Output = Result<ActionReply, ErrorBody>> + Send;
    /// Metrics in the text format of Prometheus.
    fn metrics(&self) -> impl Future<Output = String> + Send;
    /// All stacks at a glance. Not filtered: the server tells a caller what is in their scope.
    fn fleet(&self) -> impl Future<Output = Result<Arc<Fleet>, ErrorBody>> + Send;
    /// One stack with its history, from a run on downwards.
    fn stack_view(
        &self,
        stack: StackId,
        before: Before,
    ) -> impl Future<Output = Result<StackView, ErrorBody>> + Send;
    /// One host over all stacks. Not filtered.
    fn host_view(&self, host: HostName) -> impl Future<Output = Result<HostView, ErrorBody>> + Send;
    /// All sources. Not filtered.
    fn source_views(&self) -> impl Future<Output = Result<Vec<SourceView>, ErrorBody>> + Send;
    /// The daemon itself. Not filtered.
    fn system_view(&self) -> impl Future<Output = Result<SystemView, ErrorBody>> + Send;
    /// Whether the loop turns; else a sentence.
    fn health(&self) -> impl Future<Output = Result<(), String>> + Send;
    /// Whether work is done; else a sentence.
    fn ready(&self) -> impl Future<Output = Result<(), String>> + Send;
}
