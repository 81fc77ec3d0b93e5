//! What pages and their parts of the API show: the facts of the core, the marks of the store and the words of Git, put
//! together. Overviews are made at most a few times a second, however many look.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::api::{
    AuditState, Before, BuiltRuntime, CommitLines, DeliveryView, DiskView, ErrorBody, Fleet, FleetStack,
    HISTORY, HostInStack, HostView, QueueEntry, RuntimeView, SourceView, StackLock, StackView, Status,
    SystemView,
};
use crate::domain::{
    Applied, CommitHash, CommitLine, HostName, RuntimeSpec, SourceName, SourceStatus, StackId, StackOverview,
    StackStatus, Timestamp,
};
use crate::git::Git;
use crate::reconciler::Reconciler;
use crate::store::RunFilter;
use crate::web::Backend as _;

use super::access;
use super::desk::{Desk, store_error};
use super::hands::Tools;
use super::scraping::Scraped;
use super::{record, shown};

/// For so long an overview is shown to others, too.
const FRESH: Duration = Duration::from_millis(400);
/// How many of its last runs a stack is shown with.
const RECENT: u32 = 16;
/// How many deliveries are shown.
const DELIVERIES: u32 = 20;
/// How many commits are remembered. They never change, so only their number is bounded.
const COMMITS: usize = 4_096;

/// What is kept between two looks.
pub(super) struct Showing {
    tools: Arc<Tools>,
    fleet: tokio::sync::Mutex<Option<(Instant, Arc<Fleet>)>>,
    pub(super) scraped: Scraped,
    commits: Mutex<HashMap<(SourceName, CommitHash), CommitLine>>,
}

impl Showing {
    pub(super) fn new(tools: Arc<Tools>) -> Self {
        Self {
            tools,
            fleet: tokio::sync::Mutex::default(),
            scraped: Scraped::default(),
            commits: Mutex::default(),
        }
    }

    /// What these commits say. What Git cannot tell now is left out.
    async fn lines(&self, wanted: BTreeMap<SourceName, BTreeSet<CommitHash>>) -> Arc<Lines> {
        let mut lines = Lines::default();
        let mut missing: Vec<(SourceName, Vec<CommitHash>)> = Vec::new();
        {
            let known = self.commits.lock().unwrap_or_else(PoisonError::into_inner);
            for (source, commits) in wanted {
                let mut lacking = Vec::new();
                for commit in commits {
                    match known.get(&(source.clone(), commit.clone())) {
                        Some(line) => lines.add(&source, line.clone()),
                        None => lacking.push(commit),
                    }
                }
                if !lacking.is_empty() {
                    missing.push((source, lacking));
                }
            }
        }
        if !missing.is_empty() {
            let git = Arc::clone(&self.tools.git);
            let found = tokio::task::spawn_blocking(move || read_lines(&git, missing)).await;
            self.remember(found.unwrap_or_default(), &mut lines);
        }
        Arc::new(lines)
    }

    /// What these commits say, whichever source they are of.
    pub(super) async fn commit_lines(&self, asked: Vec<(SourceName, CommitHash)>) -> CommitLines {
        let mut wanted = BTreeMap::<_, BTreeSet<_>>::new();
        for (source, commit) in asked {
            wanted.entry(source).or_default().insert(commit);
        }
        self.lines(wanted)
            .await
            .0
            .values()
            .flatten()
            .map(|(commit, line)| (commit.clone(), line.clone()))
            .collect()
    }

    fn remember(&self, found: Vec<(SourceName, CommitLine)>, lines: &mut Lines) {
        let mut known = self.commits.lock().unwrap_or_else(PoisonError::into_inner);
        if COMMITS < known.len() + found.len() {
            known.clear();
        }
        for (source, line) in found {
            known.insert((source.clone(), line.commit.clone()), line.clone());
            lines.add(&source, line);
        }
    }
}

fn read_lines(git: &Git, missing: Vec<(SourceName, Vec<CommitHash>)>) -> Vec<(SourceName, CommitLine)> {
    let mut found = Vec::new();
    for (source, commits) in missing {
        match git.lines(&source, &commits) {
            Ok(lines) => found.extend(lines.into_iter().map(|it| (source.clone(), it))),
            Err(error) => tracing::debug!(%source, %error, "what commits say cannot be read"),
        }
    }
    found
}

/// What commits say, by source.
#[derive(Default)]
struct Lines(HashMap<SourceName, CommitLines>);

impl Lines {
    fn add(&mut self, source: &SourceName, line: CommitLine) {
        self.0.entry(source.clone()).or_default().insert(line.commit.clone(), line);
    }

    fn of(&self, source: &SourceName, commits: impl IntoIterator<Item = CommitHash>) -> CommitLines {
        let Some(lines) = self.0.get(source) else { return CommitLines::default() };
        commits.into_iter().filter_map(|it| Some((it.clone(), lines.get(&it)?.clone()))).collect()
    }
}

/// All stacks at a glance.
pub(super) async fn fleet(desk: &Desk) -> Result<Arc<Fleet>, ErrorBody> {
    let mut kept = desk.showing.fleet.lock().await;
    if let Some((made, fleet)) = &*kept
        && made.elapsed() < FRESH
    {
        return Ok(Arc::clone(fleet));
    }
    let fleet = Arc::new(make_fleet(desk).await?);
    *kept = Some((Instant::now(), Arc::clone(&fleet)));
    Ok(fleet)
}

async fn make_fleet(desk: &Desk) -> Result<Fleet, ErrorBody> {
    let (overviews, sources) = desk.inbox.ask(|core, now| (core.fleet(now), core.sources())).await?;
    let ids: Vec<StackId> = overviews.iter().map(|it| it.status.id.clone()).collect();
    let recent = desk.store.recent_runs(ids, RECENT).await.map_err(|it| store_error(&it))?;
    let mut wanted = BTreeMap::<_, BTreeSet<_>>::new();
    for it in &overviews {
        wanted.entry(it.status.id.source.clone()).or_default().extend(commits_of(&it.status));
    }
    let lines = desk.showing.lines(wanted).await;
    let stacks = overviews.into_iter().zip(recent).map(|(mut overview, recent)| {
        overview.status = shown::stack(overview.status);
        let commits = lines.of(&overview.status.id.source, commits_of(&overview.status));
        FleetStack { overview, commits, recent }
    });
    Ok(Fleet { stacks: stacks.collect(), sources, notices: desk.notices() })
}

fn commits_of(status: &StackStatus) -> Vec<CommitHash> {
    let applied = match &status.applied {
        Applied::Everywhere(commit) => Some(commit.clone()),
        _ => None,
    };
    let attempted = status.attempted.as_ref().map(|it| it.commit.clone());
    [status.head.commit.clone()].into_iter().chain(attempted).chain(applied).collect()
}

/// One stack with its history.
pub(super) async fn stack(desk: &Desk, id: StackId, before: Before) -> Result<StackView, ErrorBody> {
    let gone = ErrorBody::not_found(format!("there is no stack `{id}` any more"));
    let asked = id.clone();
    let told = desk.inbox.ask(move |core, now| {
        Some((core.overview(now, &asked)?, core.explain(now, &asked)?, core.drift(now, &asked)))
    });
    let (mut overview, explanation, drift) = told.await?.ok_or(gone)?;
    overview.status = shown::stack(overview.status);
    let recent = desk.store.recent_runs(vec![id.clone()], 60).await.map_err(|it| store_error(&it))?;
    let filter = RunFilter { stack: Some(id.clone()), limit: HISTORY, before, ..RunFilter::default() };
    let history = record::counted(&desk.store, filter).await.map_err(|it| store_error(&it))?;
    let mut commits: BTreeSet<CommitHash> = commits_of(&overview.status).into_iter().collect();
    commits.extend(history.iter().map(|it| it.revision.commit.clone()));
    commits.extend(drift.iter().flat_map(|it| &it.hosts).filter_map(|it| it.applied.clone()));
    let lines = desk.showing.lines([(id.source.clone(), commits.clone())].into()).await;
    let drift = drift.unwrap_or_else(|| nothing_known(id.clone()));
    let stack = FleetStack {
        commits: lines.of(&id.source, commits),
        recent: recent.into_iter().next().unwrap_or_default(),
        overview,
    };
    Ok(StackView { stack, explanation, drift, history })
}

/// Of a stack that is not declared any more while a run of it is live.
fn nothing_known(stack: StackId) -> crate::domain::DriftReport {
    crate::domain::DriftReport {
        stack,
        revision: None,
        check: None,
        next_check: None,
        correction: None,
        hosts: Vec::new(),
        tasks: Vec::new(),
    }
}

/// One host over all stacks.
pub(super) async fn host(desk: &Desk, host: HostName) -> Result<HostView, ErrorBody> {
    let asked = host.clone();
    let stacks = desk.inbox.ask(move |core, now| host_in_stacks(core, now, &asked)).await?;
    let runs =
        desk.store.runs_of_host(host.clone(), None, HostView::RUNS).await.map_err(|it| store_error(&it))?;
    if stacks.is_empty() && runs.is_empty() {
        return Err(ErrorBody::not_found("no stack has such a host")
            .remedy("hosts are known once a run of their stack has told of them"));
    }
    let mut wanted = BTreeMap::<_, BTreeSet<_>>::new();
    for it in &stacks {
        let named = [Some(&it.head.commit), it.status.applied.as_ref(), it.status.attempted.as_ref()];
        wanted.entry(it.stack.source.clone()).or_default().extend(named.into_iter().flatten().cloned());
    }
    let lines = desk.showing.lines(wanted.clone()).await;
    let commits = wanted.into_iter().flat_map(|(source, commits)| lines.of(&source, commits)).collect();
    Ok(HostView { host, stacks, runs, commits })
}

fn host_in_stacks(core: &Reconciler, now: Timestamp, host: &HostName) -> Vec<HostInStack> {
    let found = core.host(now, host).into_iter();
    found.map(|(stack, head, state, status)| HostInStack { stack, head, state, status }).collect()
}

/// The daemon itself.
pub(super) async fn system(desk: &Desk) -> Result<SystemView, ErrorBody> {
    let Status { version, started_at, mode, readiness, stopping, notices, sources, live, store, url, .. } =
        desk.status().await?;
    let fleet = fleet(desk).await?;
    let run_limit = desk.inbox.ask(|core, _| core.settings().max_live_runs).await?;
    let overviews: Vec<&StackOverview> = fleet.stacks.iter().map(|it| &it.overview).collect();
    Ok(SystemView {
        version,
        started_at,
        mode,
        readiness,
        stopping,
        notices,
        url,
        sources: source_views(desk, sources, &overviews).await,
        live,
        run_limit,
        queue: overviews.iter().filter_map(|it| queue_entry(it)).collect(),
        locks: overviews.iter().flat_map(|it| stack_locks(it)).collect(),
        runtimes: runtimes(&desk.showing.tools, &overviews).await,
        built: built(&desk.showing.tools),
        git: desk.showing.tools.git.version().await,
        store,
        disk: disk(desk),
        deliveries: deliveries(desk).await?,
        audit: audit(desk).await,
    })
}

async fn source_views(desk: &Desk, sources: Vec<SourceStatus>, stacks: &[&StackOverview]) -> Vec<SourceView> {
    let named = |it: &SourceStatus| -> BTreeSet<CommitHash> {
        let head = it.head.as_ref().map(|it| it.commit.clone());
        let waiting = it.waiting.as_ref().map(|it| it.commit.clone());
        let refused = it.refused.as_ref().map(|it| it.commit.clone());
        head.into_iter().chain(waiting).chain(refused).chain(it.admitted.clone()).collect()
    };
    let lines = desk.showing.lines(sources.iter().map(|it| (it.name.clone(), named(it))).collect()).await;
    let receivers: HashMap<SourceName, String> =
        desk.receiving.sources().into_iter().map(|(name, it)| (name, it.to_string())).collect();
    let view = |status: SourceStatus| {
        let of_it: Vec<_> = stacks.iter().filter(|it| it.status.id.source == status.name).collect();
        let hosts: HashSet<&HostName> = of_it.iter().flat_map(|it| &it.marks).map(|it| &it.host).collect();
        SourceView {
            commits: lines.of(&status.name, named(&status)),
            stacks: u32::try_from(of_it.len()).unwrap_or(u32::MAX),
            hosts: Some(u32::try_from(hosts.len()).unwrap_or(u32::MAX)),
            deliveries_from: receivers.get(&status.name).cloned(),
            status,
        }
    };
    sources.into_iter().map(view).collect()
}

/// All sources.
pub(super) async fn sources(desk: &Desk) -> Result<Vec<SourceView>, ErrorBody> {
    let fleet = fleet(desk).await?;
    let overviews: Vec<&StackOverview> = fleet.stacks.iter().map(|it| &it.overview).collect();
    Ok(source_views(desk, fleet.sources.clone(), &overviews).await)
}

/// What a stack waits for, if it wants something that does not begin.
fn queue_entry(it: &StackOverview) -> Option<QueueEntry> {
    let status = &it.status;
    let wants = status.request.is_some() || status.next_run.is_some() || it.lock_wait_since.is_some();
    (wants && status.live.is_none()).then(|| QueueEntry {
        stack: status.id.clone(),
        reason: status.reason.clone(),
        since: it.lock_wait_since,
        until: status.next_run,
    })
}

fn stack_locks(it: &StackOverview) -> Vec<StackLock> {
    it.locks.iter().map(|lock| StackLock { stack: it.status.id.clone(), lock: lock.clone() }).collect()
}

async fn runtimes(tools: &Tools, stacks: &[&StackOverview]) -> Vec<RuntimeView> {
    let mut counted = BTreeMap::<RuntimeSpec, u32>::new();
    for it in stacks {
        *counted.entry(it.status.policy.runtime.clone()).or_default() += 1;
    }
    let mut views = Vec::new();
    for (runtime, stacks) in counted {
        let version = if runtime == RuntimeSpec::System {
            let with = access::of_system(&tools.config());
            // Asked anew only once its files have changed.
            tools.runtimes.prepare(&runtime, Path::new("/"), &with).await.ok().map(|it| it.version)
        } else {
            None
        };
        views.push(RuntimeView { runtime, stacks, version });
    }
    views
}

fn built(tools: &Tools) -> Vec<BuiltRuntime> {
    let all = tools.runtimes.built().into_iter();
    all.map(|it| BuiltRuntime { version: it.version, hash: it.hash }).collect()
}

fn disk(desk: &Desk) -> DiskView {
    let space = desk.store.space().ok();
    let retention = desk.showing.tools.config().retention.clone();
    DiskView {
        available_bytes: space.map(|it| it.available_bytes),
        floor_bytes: space.map_or(0, |it| it.floor_bytes),
        keep: retention.age,
        keep_journal: retention.journal,
        keep_events: Some(retention.events),
        keep_raw_log: retention.raw_log,
        keep_bytes: retention.size,
    }
}

async fn deliveries(desk: &Desk) -> Result<Vec<DeliveryView>, ErrorBody> {
    let found = desk.store.deliveries(DELIVERIES).await.map_err(|it| store_error(&it))?;
    let view = found.into_iter().map(|it| DeliveryView {
        source: it.source,
        provider: it.provider.to_string(),
        event: it.event,
        reference: it.reference,
        result: it.result.as_str().to_owned(),
        at: it.at,
    });
    Ok(view.collect())
}

async fn audit(desk: &Desk) -> Option<AuditState> {
    let state = desk.store.audit_state().await.ok()?;
    let verdict = desk.flags.audit.lock().unwrap_or_else(PoisonError::into_inner).clone();
    Some(AuditState {
        records: state.head.size,
        verified: verdict.is_some(),
        fault: verdict.and_then(Result::err),
        last_checkpoint: state.checkpoint.map(|(_, at)| at),
    })
}
