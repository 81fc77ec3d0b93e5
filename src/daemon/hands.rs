//! Carries decisions out. Decides nothing.

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use tokio::sync::Semaphore;

use crate::ansible::collection::Collection;
use crate::ansible::execute::StopReason;
use crate::ansible::runtime::Runtimes;
use crate::config::Config;
use crate::domain::{CommitHash, Decision, RefusalCause, RunId, RunSpec, Secret, SourceName};
use crate::git::Git;
use crate::git::watch::Watcher;
use crate::metrics::Metrics;
use crate::store::Store;

use super::attic::Attic;
use super::desk::Flags;
use super::forging::Forges;
use super::inbox::Inbox;
use super::live::{Answer, LiveRun};
use super::places::Places;
use super::previewing::Wanted;
use super::receiving::Receiving;
use super::sandboxing::{self, Sandboxes};

/// What fetches and runs share.
pub(super) struct Tools {
    pub(super) places: Places,
    pub(super) git: Arc<Git>,
    pub(super) store: Store,
    pub(super) metrics: Arc<Metrics>,
    pub(super) runtimes: Runtimes,
    pub(super) collection: Collection,
    pub(super) inbox: Inbox,
    /// Deliveries of webhooks.
    pub(super) receiving: Arc<Receiving>,
    pub(super) flags: Arc<Flags>,
    /// The `driftless` program, for its guardian.
    pub(super) program: PathBuf,
    /// A delegated cgroup below which each run gets its own.
    pub(super) cgroup: Option<PathBuf>,
    /// Checkouts of runs that have ended.
    pub(super) attic: Arc<Attic>,
    /// The key of the digests of loop items: the same for all runs, so that an item can be found again.
    pub(super) item_key: Secret,
    pub(super) config: RwLock<Arc<Config>>,
    pub(super) live: Mutex<HashMap<RunId, LiveRun>>,
    /// At most this many fetches go on at once.
    pub(super) fetches: Semaphore,
    /// At most this many previews without keys are made at once.
    pub(super) previews: Semaphore,
    /// Clients of the forges.
    pub(super) forges: Forges,
    /// Whether sandboxes can be made here.
    pub(super) sandboxes: Sandboxes,
}

/// How many fetches may go on at once: enough that one dead server does not hold the others up.
pub(super) const FETCHES_AT_ONCE: usize = 8;

/// How many previews without keys may be made at once: runs go before them.
pub(super) const PREVIEWS_AT_ONCE: usize = 2;

impl Tools {
    /// The configuration as it is now.
    pub(super) fn config(&self) -> Arc<Config> {
        Arc::clone(&self.config.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The hands of the daemon.
pub(super) struct Hands {
    tools: Arc<Tools>,
    watcher: Option<Arc<Watcher>>,
    watched: BTreeSet<SourceName>,
    exit_asked: bool,
}

impl Hands {
    pub(super) fn new(tools: Arc<Tools>, watcher: Option<Arc<Watcher>>) -> Self {
        let mut hands = Self { tools, watcher, watched: BTreeSet::new(), exit_asked: false };
        hands.watch_local_sources();
        hands
    }

    /// Begins to carry a decision out; its result comes as an event.
    pub(super) fn perform(&mut self, decision: Decision) {
        match decision {
            Decision::Fetch { source, admitted } => self.fetch(source, admitted),
            Decision::Start { spec, .. } => self.start(*spec),
            Decision::Stop { run, cancelled, reason } => self.stop(run, cancelled, reason),
            Decision::Answer { run, question, refusal } => self.answer(run, question, refusal.as_ref()),
            Decision::Probe { spec, .. } => {
                drop(tokio::spawn(super::probing::probe(Arc::clone(&self.tools), *spec)));
            }
            Decision::AskForge { source, known, since } => {
                let tools = Arc::clone(&self.tools);
                drop(tokio::spawn(super::forging::ask(tools, source, known, since)));
            }
            Decision::Preview { source, number, head, target, level, stacks } => {
                let wanted = Wanted { source, number, head, target, level, stacks };
                drop(tokio::spawn(super::previewing::preview(Arc::clone(&self.tools), wanted)));
            }
            Decision::Report { source, number, version, facts } => {
                let tools = Arc::clone(&self.tools);
                drop(tokio::spawn(super::reporting::report(tools, source, (number, version), *facts)));
            }
            Decision::Exit => self.exit_asked = true,
        }
    }

    /// Whether there is room on the disk, if the core has to be told.
    pub(super) async fn look_for_room(&self) -> Option<crate::domain::Event> {
        super::room::look(&self.tools).await
    }

    /// Uses another configuration from now on. Runs that are live keep theirs.
    pub(super) fn reconfigure(&mut self, config: Config) {
        self.tools.metrics.limit_hosts(config.host_metrics);
        self.tools.receiving.reconfigure(&config);
        *self.tools.config.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(config);
        drop(tokio::spawn(sandboxing::probe(Arc::clone(&self.tools))));
        self.watch_local_sources();
    }

    /// Tells the API why the new configuration was refused, or that it was not.
    pub(super) fn config_refused(&self, why: Option<String>) {
        *self.tools.flags.refused_config.lock().unwrap_or_else(PoisonError::into_inner) = why;
    }

    /// Wakes retention up, because the disk is full.
    pub(super) fn make_room(&self) {
        self.tools.flags.full.notify_one();
    }

    /// Tells the API whether decisions can be recorded.
    pub(super) fn journal_writable(&self, writable: bool) {
        self.tools.flags.writable.store(writable, Ordering::Relaxed);
    }

    /// The configuration as it is now.
    pub(super) fn config(&self) -> Arc<Config> {
        self.tools.config()
    }

    pub(super) fn exit_asked(&self) -> bool {
        self.exit_asked
    }

    /// Something may be worth telling.
    pub(super) fn something_happened(&self) {
        self.tools.flags.activity.fetch_add(1, Ordering::Relaxed);
    }

    /// How many runs there really are, whatever the core believes.
    pub(super) fn live_runs(&self) -> usize {
        self.live().len()
    }

    fn live(&self) -> std::sync::MutexGuard<'_, HashMap<RunId, LiveRun>> {
        self.tools.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fetch(&mut self, source: SourceName, admitted: Option<CommitHash>) {
        let tools = Arc::clone(&self.tools);
        drop(tokio::spawn(super::fetching::fetch(tools, source, admitted)));
    }

    fn start(&mut self, spec: RunSpec) {
        let (live, orders) = LiveRun::new();
        self.live().insert(spec.run, live);
        drop(tokio::spawn(super::running::run(Arc::clone(&self.tools), spec, orders)));
    }

    fn stop(&mut self, run: RunId, cancelled: bool, reason: String) {
        if let Some(live) = self.live().get(&run) {
            live.stop(if cancelled {
                StopReason::Cancelled(reason)
            } else {
                StopReason::Interrupted(reason)
            });
        }
    }

    fn answer(&mut self, run: RunId, question: u32, refusal: Option<&RefusalCause>) {
        if let Some(live) = self.live().get(&run) {
            live.answer(Answer { question, refusal: refusal.map(ToString::to_string) });
        }
    }

    fn watch_local_sources(&mut self) {
        let Some(watcher) = &self.watcher else { return };
        let config = self.tools.config();
        let mut local = BTreeSet::new();
        for (name, source) in &config.sources {
            let url = super::access::url(source);
            if let Some(path) = url.as_ref().ok().and_then(|it| it.local_path()) {
                watcher.follow(name, path, &source.policy.reference);
                local.insert(name.clone());
            }
        }
        for gone in self.watched.difference(&local) {
            watcher.forget(gone);
        }
        self.watched = local;
    }
}
