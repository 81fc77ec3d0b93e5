//! Answers those who ask over the API. Reads come from the core and the store; wishes become events.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::http::HeaderMap;
use tokio::sync::Notify;

use crate::api::{
    ActionReply, AlertList, ApplyBody, ApproveBody, ApproveHostsBody, AuditList, AuditQuery, BackupBody,
    CancelBody, ErrorBody, ErrorCode, EventChunk, EventPosition, Explanation, MergeRequestList, PlanBody,
    PreviewBody, Readiness, RunFilter, RunList, RunView, ServiceMode, Status, StoreState,
};
use crate::api::{Before, Fleet, HostView, SourceView, StackView, SystemView};
use crate::api::{NewsChunk, NewsPosition};
use crate::domain::{
    Caller, DriftReport, Event, Failure, HostName, MergeRequestNumber, ReceiverName, RunId, Scope,
    SourceName, SourceStatus, StackId, StackStatus, Timestamp,
};
use crate::git::Git;
use crate::metrics::Metrics;
use crate::store::Store;
use crate::web::{Backend, Download, Tls, WebhookAnswer};

use super::alert_desk::AlertDesk;
use super::auditing::Verdict;
use super::inbox::{Inbox, Stopping};
use super::keeping::Keeping;
use super::leafing::Leaves;
use super::receiving::Receiving;
use super::showing::{self, Showing};
use super::telling::Board;
use super::{acting, approving, backing, certifying, clock, record, room, scraping, shown, trail};

/// What the desk and the loop both look at.
#[derive(Default)]
pub(super) struct Flags {
    /// The daemon has recovered and listens.
    pub(super) ready: AtomicBool,
    /// The daemon was told to stop.
    pub(super) stopping: AtomicBool,
    /// The journal could be written the last time.
    pub(super) writable: AtomicBool,
    /// Why the last new configuration was refused, if it was.
    pub(super) refused_config: Mutex<Option<String>>,
    /// What the last verification of the audit chain found.
    pub(super) audit: Mutex<Verdict>,
    /// Why no run starts, while there is too little room on the disk.
    pub(super) room: Mutex<Option<String>>,
    /// Why previews need a sandbox and get none, if so.
    pub(super) no_sandbox: Mutex<Option<String>>,
    /// Counts what the loop recorded: whoever looks at the state knows whether a new look is worth it.
    pub(super) activity: AtomicU64,
    /// Told when the disk is full: retention makes room.
    pub(super) full: Notify,
}

/// How long a question to the loop may take before the daemon is called unhealthy.
const LOOP_ANSWERS_WITHIN: Duration = Duration::from_secs(5);

/// The backend of the API.
#[derive(Clone)]
pub(super) struct Desk {
    pub(super) inbox: Inbox,
    pub(super) board: Arc<Board>,
    pub(super) tls: Option<Arc<Tls>>,
    pub(super) keeping: Arc<Keeping>,
    pub(super) store: Store,
    pub(super) git: Arc<Git>,
    pub(super) receiving: Arc<Receiving>,
    pub(super) showing: Arc<Showing>,
    pub(super) alerts: AlertDesk,
    pub(super) metrics: Arc<Metrics>,
    pub(super) flags: Arc<Flags>,
    pub(super) started_at: Timestamp,
    pub(super) mode: ServiceMode,
    pub(super) url: Option<String>,
    pub(super) leaves: Arc<Leaves>,
}

impl From<Stopping> for ErrorBody {
    fn from(stopping: Stopping) -> Self {
        Self::unavailable(stopping.to_string())
    }
}

/// All sources and stacks, and how many runs there may be.
pub(super) struct Overview {
    pub(super) sources: Vec<SourceStatus>,
    pub(super) stacks: Vec<StackStatus>,
    pub(super) run_limit: u32,
    pub(super) live: Vec<RunId>,
    /// How many merge requests are open, by the sources that name a forge.
    pub(super) merge_requests: BTreeMap<SourceName, u32>,
}

impl Desk {
    pub(super) async fn overview(&self) -> Result<Overview, Stopping> {
        self.inbox
            .ask(|core, now| Overview {
                sources: core.sources(),
                stacks: core.stacks(now).into_iter().map(shown::stack).collect(),
                run_limit: core.settings().max_live_runs,
                live: core.live_runs().iter().map(|it| it.run).collect(),
                merge_requests: core.open_merge_requests(),
            })
            .await
    }

    pub(super) async fn stack(&self, id: &StackId) -> Result<StackStatus, ErrorBody> {
        let stacks = self.stacks().await?;
        stacks
            .into_iter()
            .find(|it| it.id == *id)
            .ok_or_else(|| ErrorBody::not_found(format!("there is no stack `{id}` any more")))
    }

    /// Records a wish and says what follows from it.
    pub(super) async fn wish(
        &self,
        event: Event,
        by: &Caller,
        message: String,
    ) -> Result<ActionReply, ErrorBody> {
        let after = record::newest(&self.store).await.map_err(|it| store_error(&it))?;
        self.inbox.record(event).await?.map_err(ErrorBody::unavailable)?;
        Ok(ActionReply { message, by: by.name.clone(), run: None, after })
    }

    pub(super) fn notices(&self) -> Vec<String> {
        let refused = self.flags.refused_config.lock().unwrap_or_else(PoisonError::into_inner);
        let refused =
            refused.iter().map(|it| format!("the new configuration was refused and the old one stays: {it}"));
        let audit = self.flags.audit.lock().unwrap_or_else(PoisonError::into_inner);
        let faulty = audit.iter().filter_map(|it| it.as_ref().err());
        let faulty =
            faulty.map(|it| format!("the audit chain does not hold; see `driftless audit verify`: {it}"));
        let ending = self.tls.as_ref().and_then(|it| certifying::notice(it.ends_at(), clock::now()));
        let no_sandbox = self.flags.no_sandbox.lock().unwrap_or_else(PoisonError::into_inner).clone();
        refused.chain(faulty).chain(ending).chain(no_sandbox).collect()
    }

    pub(super) fn readiness(&self) -> Readiness {
        let mut because = Vec::new();
        if !self.flags.ready.load(Ordering::Relaxed) {
            because.push("it is still starting: what the last daemon left is being cleared away".to_owned());
        }
        if !self.flags.writable.load(Ordering::Relaxed) {
            because.push("the journal cannot be written, so nothing is started; see its log".to_owned());
        }
        because.extend(room::shortage(&self.flags));
        if self.flags.stopping.load(Ordering::Relaxed) {
            because.push("it is stopping".to_owned());
        }
        Readiness { ready: because.is_empty(), because }
    }
}

pub(super) fn store_error(error: &crate::store::StoreError) -> ErrorBody {
    ErrorBody::new(ErrorCode::Unavailable, error.to_string())
}

impl Backend for Desk {
    async fn status(&self) -> Result<Status, ErrorBody> {
        let overview = self.overview().await?;
        let live = record::summaries(&self.store, &overview.live).await.map_err(|it| store_error(&it))?;
        let writable = self.flags.writable.load(Ordering::Relaxed);
        let problem = (!writable).then(|| {
            Failure::soon("the journal cannot be written")
                .remedy("free space in the state directory; see the log")
        });
        Ok(Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started_at: self.started_at,
            mode: self.mode,
            readiness: self.readiness(),
            stopping: self.flags.stopping.load(Ordering::Relaxed),
            notices: self.notices(),
            sources: overview.sources,
            stacks: overview.stacks,
            live,
            store: StoreState {
                writable,
                problem,
                size_bytes: self.store.bytes().await.unwrap_or_default(),
                free_bytes: self.store.space().ok().map(|it| it.available_bytes),
                read_only: room::only_reads(&self.flags),
            },
            url: self.url.clone(),
        })
    }

    async fn stack_ids(&self) -> Result<Vec<StackId>, ErrorBody> {
        Ok(self.inbox.ask(|core, _| core.stack_ids()).await?)
    }

    async fn stacks(&self) -> Result<Vec<StackStatus>, ErrorBody> {
        Ok(self.overview().await?.stacks)
    }

    async fn explain(&self, stack: StackId) -> Result<Explanation, ErrorBody> {
        let name = stack.clone();
        let explained = self.inbox.ask(move |core, now| core.explain(now, &stack)).await?;
        explained.ok_or_else(|| ErrorBody::not_found(format!("there is no stack `{name}` any more")))
    }

    async fn runs(&self, filter: RunFilter) -> Result<RunList, ErrorBody> {
        record::list(&self.store, filter).await.map_err(|it| store_error(&it))
    }

    async fn run(&self, run: RunId) -> Result<RunView, ErrorBody> {
        record::view(&self.store, run).await.map_err(|it| store_error(&it))?.ok_or_else(|| {
            ErrorBody::not_found(format!("there is no run {run}")).remedy("`driftless runs` lists them")
        })
    }

    async fn events(&self, run: RunId, from: EventPosition, wait: Duration) -> Result<EventChunk, ErrorBody> {
        record::events(&self.store, run, from, wait).await.map_err(|it| store_error(&it))?.ok_or_else(|| {
            ErrorBody::not_found(format!("there is no run {run}")).remedy("`driftless runs` lists them")
        })
    }

    async fn news(&self, after: Option<NewsPosition>, wait: Duration) -> Result<NewsChunk, ErrorBody> {
        self.board.read(after, wait).await.ok_or_else(|| Stopping.into())
    }

    async fn apply(&self, stack: StackId, body: ApplyBody, by: Caller) -> Result<ActionReply, ErrorBody> {
        acting::apply(self, stack, body, by).await
    }

    async fn drift(&self, stack: StackId) -> Result<DriftReport, ErrorBody> {
        let name = stack.clone();
        let report = self.inbox.ask(move |core, now| core.drift(now, &stack)).await?;
        report.ok_or_else(|| ErrorBody::not_found(format!("there is no stack `{name}` any more")))
    }

    async fn plan(&self, stack: StackId, body: PlanBody, by: Caller) -> Result<ActionReply, ErrorBody> {
        acting::plan(self, stack, body, by).await
    }

    async fn approve_hosts(
        &self,
        stack: StackId,
        body: ApproveHostsBody,
        by: Caller,
    ) -> Result<ActionReply, ErrorBody> {
        approving::approve_what_waits(self, stack, body, by).await
    }

    async fn merge_requests(&self) -> Result<MergeRequestList, ErrorBody> {
        let merge_requests = self.inbox.ask(|core, _| core.merge_requests()).await?;
        Ok(MergeRequestList { merge_requests })
    }

    async fn preview(
        &self,
        source: SourceName,
        number: MergeRequestNumber,
        body: PreviewBody,
        by: Caller,
    ) -> Result<ActionReply, ErrorBody> {
        approving::preview(self, source, number, body, by).await
    }

    async fn suspend(&self, stack: StackId, by: Caller) -> Result<ActionReply, ErrorBody> {
        acting::suspend(self, stack, by).await
    }

    async fn resume(&self, stack: StackId, by: Caller) -> Result<ActionReply, ErrorBody> {
        acting::resume(self, stack, by).await
    }

    async fn cancel(&self, run: RunId, body: CancelBody, by: Caller) -> Result<ActionReply, ErrorBody> {
        acting::cancel(self, run, body, by).await
    }

    async fn approve(
        &self,
        source: SourceName,
        body: ApproveBody,
        by: Caller,
    ) -> Result<ActionReply, ErrorBody> {
        acting::approve(self, source, body, by).await
    }

    fn webhook_body_limit(&self) -> usize {
        self.receiving.body_limit()
    }

    async fn webhook(&self, source: &str, headers: HeaderMap, body: Vec<u8>) -> WebhookAnswer {
        self.receiving.receive(source, headers, body).await
    }

    fn webhook_unread(&self, source: &str) {
        self.receiving.unread(source);
    }

    async fn audit(&self, query: AuditQuery, scope: Scope) -> Result<AuditList, ErrorBody> {
        trail::list(&self.store, query, scope).await.map_err(|it| store_error(&it))
    }

    async fn erase(&self, name: String, by: Caller) -> Result<ActionReply, ErrorBody> {
        let erased = self.store.audit_erase(clock::now(), name, by.name.clone()).await;
        let erased = erased.map_err(|it| store_error(&it))?;
        Ok(ActionReply { message: trail::erased(erased), by: by.name, run: None, after: None })
    }

    async fn backup(&self, body: BackupBody, by: Caller) -> Result<Download, ErrorBody> {
        backing::backup(self, body, &by).await
    }

    async fn alerts(&self) -> Result<AlertList, ErrorBody> {
        self.alerts.list().await
    }

    async fn test_alert(&self, receiver: ReceiverName, by: Caller) -> Result<ActionReply, ErrorBody> {
        self.alerts.test(receiver, by).await
    }

    async fn metrics(&self) -> String {
        scraping::metrics(self).await
    }

    async fn fleet(&self) -> Result<Arc<Fleet>, ErrorBody> {
        showing::fleet(self).await
    }

    async fn stack_view(&self, stack: StackId, before: Before) -> Result<StackView, ErrorBody> {
        showing::stack(self, stack, before).await
    }

    async fn host_view(&self, host: HostName) -> Result<HostView, ErrorBody> {
        showing::host(self, host).await
    }

    async fn source_views(&self) -> Result<Vec<SourceView>, ErrorBody> {
        showing::sources(self).await
    }

    async fn system_view(&self) -> Result<SystemView, ErrorBody> {
        showing::system(self).await
    }

    async fn health(&self) -> Result<(), String> {
        match tokio::time::timeout(LOOP_ANSWERS_WITHIN, self.inbox.ask(|_, _| ())).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(stopping)) => Err(stopping.to_string()),
            Err(_) => Err(format!("the loop did not answer within {} s", LOOP_ANSWERS_WITHIN.as_secs())),
        }
    }

    async fn ready(&self) -> Result<(), String> {
        let readiness = self.readiness();
        if readiness.ready { Ok(()) } else { Err(readiness.because.join("; ")) }
    }
}
