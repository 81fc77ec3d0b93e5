//! A daemon in memory: one stack, one run, and a list of who did what.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use axum::http::HeaderMap;
use driftless::api::{
    ActionReply, AlertList, ApplyBody, ApproveBody, ApproveHostsBody, AuditList, AuditQuery, BackupBody,
    CancelBody, ErrorBody, EventChunk, EventPosition, Explanation, MergeRequestList, News, NewsChunk,
    NewsPosition, PlanBody, PreviewBody, Readiness, RunFilter, RunList, RunSummary, RunView, ServiceMode,
    Status, StoreState,
};
use driftless::api::{Before, Fleet, HostView, SourceView, StackView, SystemView};
use driftless::domain::{
    Caller, DriftReport, Ending, HostName, HostStats, MergeRequestNumber, Outcome, ReceiverName, Run,
    RunEvent, RunEventKind, RunId, Scope, SourceName, Span, StackId, StackStatus, Timestamp,
};
use driftless::web::{Backend, Download, WebhookAnswer};

use super::followed;
use super::foreign::{self, GateOfMemory};
use super::leaves;
use super::overviews;
pub(super) use super::recorded::{source, spec};

/// The largest body of a webhook.
pub(super) const LARGEST_DELIVERY: usize = 64 * 1024;

/// A position grows by this with each event, so that nobody can count positions.
const STEP: u64 = 100;

#[derive(Debug, Clone)]
pub(super) struct Memory {
    acted: watch::Sender<Vec<String>>,
    /// How many events were told, and whether the run is live.
    run: watch::Sender<(u64, bool)>,
    metrics: Metrics,
    pub(super) keys: Arc<GateOfMemory>,
    /// Whether there is more than the one stack.
    pub(super) foreign: bool,
    /// What the overview shows.
    pub(super) fleet: Arc<Fleet>,
}

/// What a scrape gives.
#[derive(Clone)]
struct Metrics(Arc<dyn Fn() -> String + Send + Sync>);

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::with_metrics(|| "driftless_up 1\n".to_owned())
    }
}

impl Memory {
    /// One whose metrics are these.
    pub(super) fn with_metrics(metrics: impl Fn() -> String + Send + Sync + 'static) -> Self {
        let metrics = Metrics(Arc::new(metrics));
        let (acted, run) = (watch::Sender::default(), watch::Sender::new((0, true)));
        Self {
            acted,
            run,
            metrics,
            keys: GateOfMemory::new(),
            foreign: false,
            fleet: Arc::new(overviews::fleet()),
        }
    }

    /// One that also has the source `lab` with the stack `lab/db`, of which run 8 is.
    pub(super) fn with_foreign() -> Self {
        Self { foreign: true, ..Self::default() }
    }

    /// One whose overview shows this.
    pub(super) fn with_fleet(fleet: Fleet) -> Self {
        Self { fleet: Arc::new(fleet), ..Self::default() }
    }

    /// Who did what, in order.
    pub(super) fn acted(&self) -> Vec<String> {
        self.acted.borrow().clone()
    }

    /// Waits until so many things were done.
    pub(super) async fn acts(&self, count: usize) {
        let mut changes = self.acted.subscribe();
        drop(changes.wait_for(|it| it.len() >= count).await.expect("the sender lives"));
    }

    /// The run tells more events.
    pub(super) fn tell(&self, events: u64) {
        self.run.send_modify(|it| it.0 += events);
    }

    /// The run ends.
    pub(super) fn end(&self) {
        self.run.send_modify(|it| it.1 = false);
    }

    /// Waits until no stream waits for more.
    pub(super) async fn unheard(&self) {
        self.run.closed().await;
    }

    fn act(&self, by: &Caller, what: &str) -> ActionReply {
        let act = format!("{} {what}", by.name);
        self.acted.send_modify(|it| it.push(act.clone()));
        ActionReply { message: act, by: by.name.clone(), run: None, after: Some(RunId(6)) }
    }

    fn known(&self, run: RunId) -> Result<(), ErrorBody> {
        if run == RunId(7) || self.foreign && run == RunId(8) {
            Ok(())
        } else {
            Err(ErrorBody::not_found(format!("there is no run {run}")))
        }
    }

    fn record(&self) -> Run {
        let (_, live) = *self.run.borrow();
        let mut run = Run::decided(spec(), Timestamp::UNIX_EPOCH);
        run.started_at = Some(Timestamp::UNIX_EPOCH);
        if !live {
            run.ended_at = Some(Timestamp::UNIX_EPOCH + Span::from_secs(3));
            run.ending = Some(Ending::plain(Outcome::Failed));
            run.hosts.insert(HostName::new("web1"), HostStats { failed: 1, ..HostStats::default() });
        }
        run
    }
}

impl Backend for Memory {
    async fn status(&self) -> Result<Status, ErrorBody> {
        Ok(Status {
            notices: Vec::new(),
            version: "0.1.0".to_owned(),
            started_at: Timestamp::UNIX_EPOCH,
            mode: ServiceMode::OneUser,
            readiness: Readiness { ready: true, because: Vec::new() },
            stopping: false,
            sources: if self.foreign { vec![source("infra"), source("lab")] } else { vec![source("infra")] },
            stacks: self.stacks().await?,
            live: Vec::new(),
            store: StoreState {
                writable: true,
                problem: None,
                size_bytes: 0,
                free_bytes: None,
                read_only: false,
            },
            url: None,
        })
    }

    async fn stack_ids(&self) -> Result<Vec<StackId>, ErrorBody> {
        let names: &[&str] = if self.foreign { &["infra/web", "lab/db"] } else { &["infra/web"] };
        Ok(names.iter().map(|it| foreign::stack_id(it)).collect())
    }

    async fn stacks(&self) -> Result<Vec<StackStatus>, ErrorBody> {
        if !self.foreign {
            return Ok(Vec::new());
        }
        Ok(self.stack_ids().await?.iter().map(|it| foreign::stack(&it.to_string())).collect())
    }

    async fn explain(&self, stack: StackId) -> Result<Explanation, ErrorBody> {
        Ok(Explanation { stack, next: "it runs soon".to_owned(), because: Vec::new() })
    }

    async fn runs(&self, filter: RunFilter) -> Result<RunList, ErrorBody> {
        let mut runs = vec![RunSummary::from(&self.record())];
        if self.foreign {
            let of_lab = RunSummary { run: RunId(8), stack: foreign::stack_id("lab/db"), ..runs[0].clone() };
            runs.insert(0, of_lab);
        }
        runs.extend((41..46).filter_map(|it| leaves::run(RunId(it))).map(|it| RunSummary::from(&it.run)));
        runs.retain(|it| filter.scope.has_stack(&it.stack));
        Ok(RunList { runs, more: false })
    }

    async fn run(&self, run: RunId) -> Result<RunView, ErrorBody> {
        if let Some(view) = leaves::run(run) {
            return Ok(view);
        }
        self.known(run)?;
        Ok(RunView { run: self.record(), notable: Vec::new(), events_expired: false })
    }

    async fn events(&self, run: RunId, from: EventPosition, wait: Duration) -> Result<EventChunk, ErrorBody> {
        self.known(run)?;
        let mut changes = self.run.subscribe();
        let more = changes.wait_for(|(told, live)| told * STEP > from.0 || !live);
        if !wait.is_zero() {
            // Whether something came or the time is over: what is there now is the answer.
            let _either = tokio::time::timeout(wait, more).await;
        }
        let (told, live) = *self.run.borrow();
        let event = RunEvent { at: Timestamp::UNIX_EPOCH, kind: RunEventKind::NoHostsMatched };
        let count = told.saturating_sub(from.0 / STEP);
        let events = (0..count).map(|_| event.clone()).collect();
        Ok(EventChunk { events, next: EventPosition(told * STEP), live, lost: 0 })
    }

    /// The news are how much of the run was told.
    async fn news(&self, after: Option<NewsPosition>, wait: Duration) -> Result<NewsChunk, ErrorBody> {
        let place = |number| NewsPosition { epoch: 1, number };
        let mut changes = self.run.subscribe();
        let Some(after) = after else {
            return Ok(NewsChunk { news: Vec::new(), next: place(self.run.borrow().0) });
        };
        if after.epoch != 1 {
            return Ok(NewsChunk { news: vec![News::Resync], next: place(self.run.borrow().0) });
        }
        let more = changes.wait_for(|(told, _)| after.number < *told);
        if !wait.is_zero() {
            // Whether something came or the time is over: what is there now is the answer.
            let _either = tokio::time::timeout(wait, more).await;
        }
        let (told, _) = *self.run.borrow();
        let stack = "infra/web".parse().expect("a stack");
        let news = if after.number < told { vec![News::StackChanged { stack }] } else { Vec::new() };
        Ok(NewsChunk { news, next: place(told) })
    }

    async fn apply(&self, stack: StackId, body: ApplyBody, by: Caller) -> Result<ActionReply, ErrorBody> {
        let limit = body.limit.unwrap_or_default();
        Ok(self.act(&by, &format!("applies {stack} limit {limit} tags {}", body.tags.join(","))))
    }

    async fn drift(&self, stack: StackId) -> Result<DriftReport, ErrorBody> {
        Ok(DriftReport {
            stack,
            revision: None,
            check: None,
            next_check: None,
            correction: None,
            hosts: Vec::new(),
            tasks: Vec::new(),
        })
    }

    async fn plan(&self, stack: StackId, body: PlanBody, by: Caller) -> Result<ActionReply, ErrorBody> {
        Ok(self.act(&by, &format!("plans {stack} on {:?}", body.limit)))
    }

    async fn backup(&self, _body: BackupBody, by: Caller) -> Result<Download, ErrorBody> {
        self.act(&by, "backs up");
        let (sender, chunks) = tokio::sync::mpsc::channel(1);
        sender.try_send(Ok("a backup".into())).expect("there is room");
        Ok(Download { chunks })
    }

    async fn merge_requests(&self) -> Result<MergeRequestList, ErrorBody> {
        let sources: &[&str] = if self.foreign { &["infra", "lab"] } else { &[] };
        if sources.is_empty() {
            return Ok(MergeRequestList { merge_requests: followed::merge_requests() });
        }
        Ok(MergeRequestList { merge_requests: sources.iter().map(|it| foreign::merge_request(it)).collect() })
    }

    async fn preview(
        &self,
        source: SourceName,
        number: MergeRequestNumber,
        body: PreviewBody,
        by: Caller,
    ) -> Result<ActionReply, ErrorBody> {
        Ok(self.act(&by, &format!("previews {source} {number} {}", body.head.short())))
    }

    async fn approve_hosts(
        &self,
        stack: StackId,
        body: ApproveHostsBody,
        by: Caller,
    ) -> Result<ActionReply, ErrorBody> {
        Ok(self.act(&by, &format!("approves {} of {stack}", body.digest)))
    }

    async fn suspend(&self, stack: StackId, by: Caller) -> Result<ActionReply, ErrorBody> {
        Ok(self.act(&by, &format!("suspends {stack}")))
    }

    async fn resume(&self, stack: StackId, by: Caller) -> Result<ActionReply, ErrorBody> {
        Ok(self.act(&by, &format!("resumes {stack}")))
    }

    async fn cancel(&self, run: RunId, body: CancelBody, by: Caller) -> Result<ActionReply, ErrorBody> {
        self.known(run)?;
        let also = if body.suspend { " and suspends" } else { "" };
        Ok(self.act(&by, &format!("cancels {run}{also}")))
    }

    async fn approve(
        &self,
        source: SourceName,
        body: ApproveBody,
        by: Caller,
    ) -> Result<ActionReply, ErrorBody> {
        Ok(self.act(&by, &format!("approves {} of {source}", body.commit)))
    }

    fn webhook_body_limit(&self) -> usize {
        LARGEST_DELIVERY
    }

    /// Stands for a receiver of `infra` that believes who says `x-proof: secret`.
    async fn webhook(&self, source: &str, headers: HeaderMap, body: Vec<u8>) -> WebhookAnswer {
        if source != "infra" || headers.get("x-proof").is_none_or(|it| it != "secret") {
            return WebhookAnswer::NotAuthentic;
        }
        self.acted.send_modify(|it| it.push(format!("a forge hints at {source} in {} bytes", body.len())));
        WebhookAnswer::Accepted
    }

    fn webhook_unread(&self, _source: &str) {}

    async fn audit(&self, query: AuditQuery, scope: Scope) -> Result<AuditList, ErrorBody> {
        if query.newest && !self.foreign {
            return Ok(followed::audit());
        }
        let objects: &[&str] = if self.foreign { &["infra/web", "lab/db", "daemon"] } else { &[] };
        let mut list = AuditList { records: foreign::records(objects), unreadable: Vec::new() };
        let seen = |it: &str| it.parse().is_ok_and(|it| scope.has_stack(&it)) || scope == Scope::All;
        list.records.retain(|it| seen(&it.object));
        Ok(list)
    }

    async fn erase(&self, name: String, by: Caller) -> Result<ActionReply, ErrorBody> {
        Ok(self.act(&by, &format!("erases {name}")))
    }

    async fn alerts(&self) -> Result<AlertList, ErrorBody> {
        Ok(AlertList::default())
    }

    async fn test_alert(&self, receiver: ReceiverName, by: Caller) -> Result<ActionReply, ErrorBody> {
        Ok(self.act(&by, &format!("tries {receiver} out")))
    }

    async fn metrics(&self) -> String {
        self.metrics.0()
    }

    async fn fleet(&self) -> Result<Arc<Fleet>, ErrorBody> {
        Ok(Arc::clone(&self.fleet))
    }

    async fn stack_view(&self, stack: StackId, _before: Before) -> Result<StackView, ErrorBody> {
        Ok(overviews::stack_view(stack))
    }

    async fn host_view(&self, host: HostName) -> Result<HostView, ErrorBody> {
        Ok(overviews::host_view(host))
    }

    async fn source_views(&self) -> Result<Vec<SourceView>, ErrorBody> {
        Ok(Vec::new())
    }

    async fn system_view(&self) -> Result<SystemView, ErrorBody> {
        Ok(overviews::system_view())
    }

    async fn health(&self) -> Result<(), String> {
        Ok(())
    }

    async fn ready(&self) -> Result<(), String> {
        Err("no source was fetched yet".to_owned())
    }
}
