//! What is told of all stacks, of one stack, of hosts, and of the daemon itself.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Readiness, RunSummary, ServiceMode, StoreState};
use crate::domain::{
    CommitHash, CommitLine, DriftReport, Explanation, Grant, HeldLock, HostName, HostRun, HostState,
    HostStatus, Revision, RunId, RunMark, RuntimeSpec, Scope, SourceName, SourceStatus, Span, StackId,
    StackOverview, Timestamp,
};

/// What commits say, by their hashes. A commit that is not known any more is not in it.
pub type CommitLines = BTreeMap<CommitHash, CommitLine>;

/// One stack among all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct FleetStack {
    /// How it stands.
    #[serde(flatten)]
    pub overview: StackOverview,
    /// What its head, its attempted and its applied commit say; of one stack alone also those of its runs and hosts.
    pub commits: CommitLines,
    /// Its last runs, newest first.
    pub recent: Vec<RunMark>,
}

/// All stacks at a glance: `GET /api/v1/fleet`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Fleet {
    /// They, by source and name.
    pub stacks: Vec<FleetStack>,
    /// The followed repositories, by name.
    pub sources: Vec<SourceStatus>,
    /// What a person should know, a sentence each.
    #[serde(default)]
    pub notices: Vec<String>,
}

impl Fleet {
    /// What is in a scope. Notices are of the daemon, so they are for those whose scope is everything.
    #[must_use]
    pub fn within(&self, scope: &Scope) -> Self {
        let in_scope = |it: &&FleetStack| scope.has_stack(&it.overview.status.id);
        Self {
            stacks: self.stacks.iter().filter(in_scope).cloned().collect(),
            sources: self.sources.iter().cloned().filter_map(|it| it.within(scope)).collect(),
            notices: if *scope == Scope::All { self.notices.clone() } else { Vec::new() },
        }
    }

    /// All hosts of its stacks, by name.
    pub fn hosts(&self) -> Vec<HostOverview> {
        let mut hosts: BTreeMap<&HostName, HostOverview> = BTreeMap::new();
        for it in &self.stacks {
            for mark in &it.overview.marks {
                let host = hosts.entry(&mark.host).or_insert_with(|| HostOverview::new(&mark.host));
                host.state = host.state.min(mark.state);
                host.owed_since = host.owed_since.into_iter().chain(mark.owed_since).min();
                host.last_seen = host.last_seen.max(mark.last_seen);
                host.stacks.push((it.overview.status.id.clone(), mark.state));
            }
        }
        hosts.into_values().collect()
    }
}

/// One host over all stacks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct HostOverview {
    /// Its name in the inventories.
    pub host: HostName,
    /// The worst of how it stands.
    pub state: HostState,
    /// Since when it is owed a revision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<crate::domain::schema::Time>")]
    pub owed_since: Option<Timestamp>,
    /// When it last answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<crate::domain::schema::Time>")]
    pub last_seen: Option<Timestamp>,
    /// The stacks that it is in, and how it stands in each.
    pub stacks: Vec<(StackId, HostState)>,
}

impl HostOverview {
    /// Whether its name or that of a stack of its has this text, which is in lower case.
    pub fn is_called(&self, text: &str) -> bool {
        self.host.as_str().to_lowercase().contains(text)
            || self.stacks.iter().any(|(stack, _)| stack.to_string().contains(text))
    }

    fn new(host: &HostName) -> Self {
        let (owed_since, last_seen) = (None, None);
        Self { host: host.clone(), state: HostState::Unknown, owed_since, last_seen, stacks: Vec::new() }
    }
}

/// All hosts: `GET /api/v1/hosts`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct HostList {
    /// They, by name.
    pub hosts: Vec<HostOverview>,
    /// Whether there are more behind these.
    #[serde(default)]
    pub more: bool,
}

/// One host in one stack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct HostInStack {
    /// The stack.
    pub stack: StackId,
    /// The head of the stack.
    pub head: Revision,
    /// How it stands there.
    pub state: HostState,
    /// What is known of it there.
    pub status: HostStatus,
}

/// One host over all stacks: `GET /api/v1/hosts/{host}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct HostView {
    /// Its name in the inventories.
    pub host: HostName,
    /// The stacks that it is in.
    pub stacks: Vec<HostInStack>,
    /// The last runs that touched it, newest first; at most [`HostView::RUNS`].
    pub runs: Vec<HostRun>,
    /// What the commits named here say.
    pub commits: CommitLines,
}

impl HostView {
    /// How many runs it has at most.
    pub const RUNS: u32 = 50;

    /// What is in a scope.
    #[must_use]
    pub fn within(mut self, scope: &Scope) -> Self {
        self.stacks.retain(|it| scope.has_stack(&it.stack));
        self.runs.retain(|it| scope.has_stack(&it.stack));
        let named = |it: &HostInStack, commit: &CommitHash| {
            [it.status.applied.as_ref(), it.status.attempted.as_ref(), Some(&it.head.commit)]
                .contains(&Some(commit))
        };
        self.commits.retain(|commit, _| self.stacks.iter().any(|it| named(it, commit)));
        self
    }
}

/// One stack: `GET /api/v1/stacks/{source}/{stack}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct StackView {
    /// How it stands.
    #[serde(flatten)]
    pub stack: FleetStack,
    /// Why it did, does or does not run.
    pub explanation: Explanation,
    /// Its hosts: how they differ, what they are owed.
    pub drift: DriftReport,
    /// Its last runs with their counts, newest first.
    pub history: Vec<RunSummary>,
}

/// One source: `GET /api/v1/sources` has a list of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct SourceView {
    /// How it stands.
    #[serde(flatten)]
    pub status: SourceStatus,
    /// What its head, its admitted and its waiting commit say.
    pub commits: CommitLines,
    /// How many stacks it has.
    pub stacks: u32,
    /// How many hosts these have together, each counted once; absent if only a part of the source is in scope.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hosts: Option<u32>,
    /// Who sends deliveries of webhooks for it; absent if nobody does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deliveries_from: Option<String>,
}

impl SourceView {
    /// What is in a scope: nothing of a source of which nothing is in it. Of one that is in it in part, only the stacks
    /// that it names are counted.
    #[must_use]
    pub fn within(self, scope: &Scope) -> Option<Self> {
        let name = &self.status.name;
        let stacks = match scope {
            Scope::Only(grants) if !scope.has_source(name) => {
                let named =
                    grants.iter().filter(|it| matches!(it, Grant::Stack(stack) if stack.source == *name));
                u32::try_from(named.count()).unwrap_or(u32::MAX)
            }
            _ => self.stacks,
        };
        let hosts = self.hosts.filter(|_| scope.has_source(name));
        Some(Self { status: self.status.within(scope)?, stacks, hosts, ..self })
    }
}

/// All sources: `GET /api/v1/sources`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct SourceList {
    /// They, by name.
    pub sources: Vec<SourceView>,
}

/// A stack that waits for something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct QueueEntry {
    /// The stack.
    pub stack: StackId,
    /// What for, as a sentence.
    pub reason: String,
    /// Since when, where it waits for machines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<crate::domain::schema::Time>")]
    pub since: Option<Timestamp>,
    /// When time alone ends it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<crate::domain::schema::Time>")]
    pub until: Option<Timestamp>,
}

/// A machine that is locked, and by which stack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct StackLock {
    /// The stack.
    pub stack: StackId,
    /// What.
    #[serde(flatten)]
    pub lock: HeldLock,
}

/// An Ansible that stacks want.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct RuntimeView {
    /// What is declared.
    pub runtime: RuntimeSpec,
    /// By how many stacks.
    pub stacks: u32,
    /// The version of ansible-core, of that of the control node: it is not declared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

/// An Ansible that a repository declared and that is built.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct BuiltRuntime {
    /// The version of ansible-core.
    pub version: String,
    /// The hash of what was declared, as the records of runs have it.
    pub hash: String,
}

/// Where records are, and how long they are kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct DiskView {
    /// Room on the file system of the state directory, in bytes, if that is known.
    pub available_bytes: Option<u64>,
    /// Below this no run is started.
    pub floor_bytes: u64,
    /// How long runs are kept.
    #[schemars(with = "crate::domain::schema::Length")]
    pub keep: Span,
    /// How long the journal of events and decisions is kept.
    #[schemars(with = "crate::domain::schema::Length")]
    pub keep_journal: Span,
    /// How long the events of runs are kept.
    #[serde(default)]
    #[schemars(with = "Option<crate::domain::schema::Length>")]
    pub keep_events: Option<Span>,
    /// How long raw logs are kept.
    #[schemars(with = "crate::domain::schema::Length")]
    pub keep_raw_log: Span,
    /// How large all records together may get, in bytes.
    pub keep_bytes: u64,
}

/// One delivery of a webhook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct DeliveryView {
    /// The source whose receiver it came to.
    pub source: SourceName,
    /// Who sent it.
    pub provider: String,
    /// The event, as the forge calls it.
    pub event: String,
    /// The branch that was pushed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// What became of it.
    pub result: String,
    /// When it came.
    #[schemars(with = "crate::domain::schema::Time")]
    pub at: Timestamp,
}

/// How the audit chain is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct AuditState {
    /// How many records it has.
    pub records: u64,
    /// What is wrong with it; absent if nothing was found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
    /// Whether it was verified since the daemon started.
    pub verified: bool,
    /// When its end was last signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<crate::domain::schema::Time>")]
    pub last_checkpoint: Option<Timestamp>,
}

/// The daemon itself: `GET /api/v1/system`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct SystemView {
    /// Version of the daemon.
    pub version: String,
    /// When it started.
    #[schemars(with = "crate::domain::schema::Time")]
    pub started_at: Timestamp,
    /// Who runs as whom.
    pub mode: ServiceMode,
    /// Whether it does its work, and why not.
    pub readiness: Readiness,
    /// Whether it was told to stop and only waits for live runs.
    pub stopping: bool,
    /// What a person should know, a sentence each.
    pub notices: Vec<String>,
    /// Where pages, metrics and health are served; absent if nowhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The followed repositories, by name.
    pub sources: Vec<SourceView>,
    /// The runs that are live.
    pub live: Vec<RunSummary>,
    /// How many may be.
    pub run_limit: u32,
    /// What waits, and what for.
    pub queue: Vec<QueueEntry>,
    /// Machines that are locked.
    pub locks: Vec<StackLock>,
    /// What runs the stacks.
    pub runtimes: Vec<RuntimeView>,
    /// Which of those that are declared are built.
    #[serde(default)]
    pub built: Vec<BuiltRuntime>,
    /// The version of git, if it says one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub git: Option<String>,
    /// The store.
    pub store: StoreState,
    /// Where it is.
    pub disk: DiskView,
    /// The newest deliveries of webhooks, newest first.
    pub deliveries: Vec<DeliveryView>,
    /// The audit chain, if it could be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audit: Option<AuditState>,
}

impl SystemView {
    /// What is in a scope: the daemon itself, and of its work what is of the sources and stacks there.
    #[must_use]
    pub fn within(mut self, scope: &Scope) -> Self {
        self.sources = self.sources.into_iter().filter_map(|it| it.within(scope)).collect();
        self.live.retain(|it| scope.has_stack(&it.stack));
        self.queue.retain(|it| scope.has_stack(&it.stack));
        self.locks.retain(|it| scope.has_stack(&it.stack));
        self.deliveries.retain(|it| scope.has_source(&it.source));
        if *scope != Scope::All {
            self.notices.clear();
            self.runtimes.clear();
            self.built.clear();
            self.audit = None;
        }
        self
    }
}

/// How many runs a history shows at once.
pub const HISTORY: u32 = 30;

/// The query of `GET /api/v1/stacks/{source}/{stack}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Older {
    /// Only runs with smaller numbers in the history.
    #[serde(default)]
    pub before: Option<u64>,
}

/// Where a history goes on: only runs with smaller numbers.
pub type Before = Option<RunId>;
