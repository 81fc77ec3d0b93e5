//! An estate as large as the goals of the pages speak of: 500 stacks, 5,000 hosts and 100,000 runs.
//!
//! What is there now goes the way that the daemon takes: a revision is admitted, each stack applies it and is looked at
//! once, all of it decided by the core, with events recorded and facts journalled. What came before is written by
//! SQL, in one transaction: it looks like what the daemon recorded, at other times and of other commits.
//!
//! Afterwards the directory has a repository, a state directory and a configuration that a daemon can be started with.
//! None of the hosts exists, and nothing is due for days.

mod before;
mod repository;
mod told;

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use driftless::domain::{
    CheckSchedule, Decision, Declaration, Ending, Event, Lineage, Memory, Mode, Outcome, Request, Revision,
    RunSpec, Settings, SourcePolicy, Span, StackId, StackPolicy, Timestamp, Tip, later,
};
use driftless::reconciler::Reconciler;
use driftless::store::{Store, StoreSettings};

use self::told::Fate;

/// The only source.
const SOURCE: &str = "estate";

/// How large an estate is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Estate {
    /// Stacks; the first, `base`, is for a fifth of all hosts, the others divide them among themselves.
    pub(crate) stacks: u32,
    /// Hosts.
    pub(crate) hosts: u32,
    /// Runs.
    pub(crate) runs: u32,
    /// Commits.
    pub(crate) commits: u32,
}

/// What the goals speak of.
pub(crate) const LARGE: Estate = Estate { stacks: 500, hosts: 5_000, runs: 100_000, commits: 400 };

/// A stack and its hosts.
pub(crate) struct Part {
    /// Its name.
    pub(crate) name: String,
    /// The names of its hosts.
    pub(crate) hosts: Vec<String>,
}

const TEAMS: [&str; 25] = [
    "billing", "search", "media", "identity", "mail", "payments", "catalog", "orders", "metrics", "logging",
    "edge", "storage", "backup", "build", "chat", "docs", "games", "maps", "news", "photos", "stats",
    "support", "video", "voice", "wiki",
];

const SERVICES: [&str; 20] = [
    "web", "db", "cache", "queue", "proxy", "worker", "api", "auth", "cron", "index", "gateway", "ledger",
    "mirror", "monitor", "registry", "relay", "resolver", "router", "spool", "vault",
];

impl Estate {
    /// The stacks, in the order in which they are declared.
    pub(crate) fn parts(&self) -> Vec<Part> {
        let others = self.stacks - 1;
        let mut parts: Vec<Part> = (0..others)
            .map(|number| {
                let team = TEAMS[number as usize % TEAMS.len()];
                let service = SERVICES[number as usize / TEAMS.len() % SERVICES.len()];
                let (first, last) = (number * self.hosts / others, (number + 1) * self.hosts / others);
                let host = |it: u32| format!("{service}-{:02}.{team}.example.test", it - first + 1);
                Part { name: format!("{team}-{service}"), hosts: (first..last).map(host).collect() }
            })
            .collect();
        let all = parts.iter().flat_map(|it| &it.hosts);
        let base = all.step_by(5).cloned().collect();
        parts.insert(0, Part { name: "base".to_owned(), hosts: base });
        parts
    }

    /// Makes all of it below `dir`, with `extra` lines in the configuration of the daemon.
    pub(crate) fn build(&self, dir: &Path, extra: &str) {
        let parts = self.parts();
        let commits = repository::write(&dir.join("repository"), &parts, self.commits);
        let state = dir.join("state");
        // Each stack has an apply and a check that can be looked into, and a check after what changed something.
        let now = driftless::daemon::clock::now();
        let mut recent = Recent::new(
            &state.join("store"),
            self.runs.saturating_sub(2 * self.stacks),
            now,
            &parts,
            &commits,
        );
        recent.apply_all(&parts);
        recent.check_all(&parts);
        recent.close();
        before::write(&state.join("store"), &parts, &commits[..commits.len() - 1], now);
        let place = dir.display();
        let config = format!(
            "state_dir: {place}/state\ncache_dir: {place}/cache\nrun_dir: {place}/run\nlisten: 127.0.0.1:0\n\
             sources:\n  {SOURCE}: {{ url: {place}/repository, poll: 1d }}\n\
             limits:\n  retry: {{ base: 1d, max: 7d }}\n{extra}"
        );
        std::fs::write(dir.join("config.yml"), config).expect("a configuration");
    }
}

/// The newest run of each stack and mode, as the daemon would have come to them.
struct Recent {
    core: Reconciler,
    store: Store,
    executor: tokio::runtime::Runtime,
    at: Timestamp,
    starts: VecDeque<RunSpec>,
    dir: PathBuf,
}

impl Recent {
    fn new(dir: &Path, runs_before: u32, end: Timestamp, parts: &[Part], commits: &[String]) -> Self {
        let settings = StoreSettings { ballast_bytes: 0, free_floor_bytes: 0 };
        let (store, _) = Store::open(dir, settings).expect("a store");
        let source = SourcePolicy {
            poll_every: Span::from_hours(24),
            ..SourcePolicy::new(SOURCE.parse().expect("a name"), "main".parse().expect("a branch"))
        };
        let settings = Settings {
            sources: vec![source],
            max_live_runs: 4,
            // What failed is not to be tried again as soon as a daemon is started on it.
            retry_base: Span::from_hours(7 * 24),
            retry_max: Span::from_hours(7 * 24),
            drain_timeout: Span::from_mins(10),
        };
        let at = end.checked_sub(Span::from_hours(48)).expect("it is not 1970");
        let executor =
            tokio::runtime::Builder::new_current_thread().enable_all().build().expect("an executor");
        let memory = Memory { next_run: u64::from(runs_before) + 1, ..Memory::default() };
        let core = Reconciler::new(settings, memory, 1, at);
        let mut world = Self { core, store, executor, at, starts: VecDeque::new(), dir: dir.to_owned() };
        let stacks = parts.iter().map(policy).collect();
        let declaration = Declaration { stacks, inferred: false, notes: Vec::new() };
        let tip = Tip {
            revision: revision(commits.last().expect("a commit")),
            lineage: Lineage::First,
            declaration: Ok(declaration),
            line: Vec::new(),
            tag: None,
            trust: Ok(()),
        };
        world.step(&Event::Tick);
        world.step(&Event::Fetched { source: SOURCE.parse().expect("a name"), tip });
        world
    }

    /// One step and its place in the journal.
    fn step(&mut self, event: &Event) {
        self.at = later(self.at, Span::from_millis(20));
        let decisions = self.core.step(self.at, event.clone());
        let facts = self.core.take_facts();
        let journal = self.store.journal(self.at, event, &decisions, &facts);
        self.executor.block_on(journal).expect("it is journalled");
        for decision in decisions {
            if let Decision::Start { spec, .. } = decision {
                self.starts.push_back(*spec);
            }
        }
    }

    /// The runs that became due with the revision.
    fn apply_all(&mut self, parts: &[Part]) {
        while let Some(spec) = self.starts.pop_front() {
            self.run(&spec, parts);
        }
    }

    /// A check of each stack, as a person asks for it.
    fn check_all(&mut self, parts: &[Part]) {
        for part in parts {
            let request = Request {
                mode: Mode::Check,
                by: "anna".to_owned(),
                revision: None,
                limit: None,
                tags: Vec::new(),
                outside_window: None,
            };
            self.step(&Event::RunRequested { stack: stack_id(part), request });
            self.apply_all(parts);
        }
    }

    fn run(&mut self, spec: &RunSpec, parts: &[Part]) {
        let number = parts.iter().position(|it| stack_id(it) == spec.stack).expect("a stack of the estate");
        let fate = Fate::of(u32::try_from(number).expect("few stacks"), spec.mode);
        let started = self.store.started(spec.run, self.at, "system".to_owned(), None);
        self.executor.block_on(started).expect("its start is recorded");
        let mut recorder = self.store.recorder(spec, None).expect("a recorder");
        let hosts = &parts[number].hosts;
        for task in told::events(hosts, spec.mode, fate, self.at) {
            recorder.record(&task);
        }
        let done = recorder.finish();
        let progress = self.store.progress(spec.run, Arc::new(done.progress));
        self.executor.block_on(progress).expect("its progress is recorded");
        self.at = later(self.at, Span::from_secs(110));
        let (hosts, findings) = (done.tally.host_ends(), done.findings);
        let changed = !findings.changes.is_empty();
        let ending = Ending::plain(match (fate, spec.mode) {
            (Fate::Fails, _) => Outcome::Failed,
            (Fate::Misses, Mode::Apply) => Outcome::Unreachable,
            (_, Mode::Apply) if changed => Outcome::Changed,
            (_, Mode::Check) if changed => Outcome::Drifted,
            _ => Outcome::InSync,
        });
        self.step(&Event::RunFinished { run: spec.run, ending, hosts, findings: Box::new(findings) });
    }

    fn close(self) {
        self.executor.block_on(self.store.close());
        assert!(self.dir.join("events").is_dir(), "its events were written");
    }
}

fn policy(part: &Part) -> StackPolicy {
    StackPolicy {
        timeout: Span::from_hours(1),
        check: CheckSchedule::Every(repository::CHECK_EVERY),
        ..StackPolicy::new(stack_id(part), "site.yml", repository::inventory(part))
    }
}

fn stack_id(part: &Part) -> StackId {
    format!("{SOURCE}/{}", part.name).parse().expect("a stack")
}

fn revision(commit: &str) -> Revision {
    format!("main@sha1:{commit}").parse().expect("a revision")
}
