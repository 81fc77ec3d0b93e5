//! Takes the events of one run in: counts them, writes them, and picks what the record shows.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use super::notable::{self, Shortener};
use super::{EventLog, RawLog, StoreError};
use crate::domain::{
    Findings, Gathering, HostName, HostStats, Mode, RunEvent, RunEventKind, RunSpec, Tally, TaskIdentity,
    TaskNumber, TaskResult,
};

/// How many notable results the record of a run has at most.
pub const NOTABLE_MAX: u32 = 10_000;

/// Of these, how many may be no failures: they must not crowd failures out.
const PLAIN_MAX: u32 = 9_000;

/// How many tasks are remembered by number. Results refer to tasks that began not long before.
const TASKS_MAX: usize = 20_000;

/// A result that people look for. In an apply: it changed something, failed, was tolerated or its host did not answer.
/// In a check run also: it would change something, or check mode could not say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notable {
    /// Its number among the notable results of the run, from 0.
    pub seq: u32,
    /// What the task is.
    pub task: Arc<TaskIdentity>,
    /// How it ended.
    pub result: TaskResult,
}

/// What is new in the record of a run since it was last written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Progress {
    /// Hosts whose counts moved.
    pub hosts: BTreeMap<HostName, HostStats>,
    /// Notable results.
    pub notable: Vec<Notable>,
    /// How many notable results are left out, since the run began.
    pub left_out: u64,
    /// How many events could not be written, since the run began.
    pub events_lost: u64,
    /// The version of ansible-core, once it is known.
    pub ansible_version: Option<String>,
}

impl Progress {
    /// Adds what came later. For progress that could not be written and is tried again together with the next.
    pub fn absorb(&mut self, later: &Self) {
        self.hosts.extend(later.hosts.iter().map(|(host, stats)| (host.clone(), *stats)));
        self.notable.extend_from_slice(&later.notable);
        self.left_out = self.left_out.max(later.left_out);
        self.events_lost = self.events_lost.max(later.events_lost);
        if later.ansible_version.is_some() {
            self.ansible_version.clone_from(&later.ansible_version);
        }
    }
}

/// What is known of a run once all of its events were taken in.
#[derive(Debug)]
pub struct Recorded {
    /// What the outcome is computed from.
    pub tally: Tally,
    /// What it found out.
    pub findings: Findings,
    /// What of its record is not written yet.
    pub progress: Progress,
}

/// Records one run. It belongs to the thread that reads the run's events, and blocks on nothing but its files.
///
/// Feed it with [`record`](Self::record); about four times a second hand [`take_progress`](Self::take_progress) to
/// [`Store::progress`](super::Store::progress); about once a second call [`flush`](Self::flush); at the end
/// [`finish`](Self::finish). Its memory does not grow with the number of events.
#[derive(Debug)]
pub struct Recorder {
    mode: Mode,
    tally: Tally,
    gathering: Gathering,
    shortener: Shortener,
    events: EventLog,
    raw: Option<RawLog>,
    tasks: BTreeMap<TaskNumber, Arc<TaskIdentity>>,
    moved: HashSet<HostName>,
    notable: Vec<Notable>,
    notable_count: u32,
    plain_count: u32,
    left_out: u64,
    ansible_version: Option<String>,
    told: (u64, u64),
}

impl Recorder {
    /// Makes the files of a run below the state directory `dir`. Raw output is kept up to `raw_max_bytes`, if
    /// given.
    pub fn create(dir: &Path, spec: &RunSpec, raw_max_bytes: Option<u64>) -> Result<Self, StoreError> {
        let run = spec.run;
        let raw = raw_max_bytes.map(|max| RawLog::create(dir, run, max)).transpose()?;
        Ok(Self {
            mode: spec.mode,
            tally: Tally::default(),
            gathering: Gathering::new(run, spec.mode, spec.debts.clone()),
            shortener: Shortener::default(),
            events: EventLog::create(dir, run)?,
            raw,
            tasks: BTreeMap::new(),
            moved: HashSet::new(),
            notable: Vec::new(),
            notable_count: 0,
            plain_count: 0,
            left_out: 0,
            ansible_version: None,
            told: (0, 0),
        })
    }

    /// Takes events in, in their order.
    pub fn record(&mut self, events: &[RunEvent]) {
        for event in events {
            self.tally.add(event);
            self.gathering.add(event);
            self.events.append(event);
            self.notice(event);
        }
        // If the daemon dies, debts and hosts that were worked on are read from the file.
        if events.iter().any(is_needed_after_a_crash) {
            self.events.flush();
        }
    }

    /// Takes in what is not an event. Kept only if raw output is.
    pub fn record_raw(&mut self, bytes: &[u8]) {
        if let Some(raw) = &mut self.raw {
            raw.append(bytes);
        }
    }

    fn notice(&mut self, event: &RunEvent) {
        match &event.kind {
            RunEventKind::Hello { ansible, .. } => self.ansible_version = Some(ansible.clone()),
            RunEventKind::TaskStarted { task, identity, .. } => {
                self.tasks.insert(*task, Arc::new(identity.clone()));
                if self.tasks.len() > TASKS_MAX {
                    self.tasks.pop_first();
                }
            }
            RunEventKind::TaskEnded(result) => {
                if !self.moved.contains(&result.host) {
                    self.moved.insert(result.host.clone());
                }
                self.consider(result);
            }
            RunEventKind::ItemEnded(result) => self.consider(result),
            RunEventKind::Stats { .. } => self.moved.extend(self.tally.hosts.keys().cloned()),
            _ => {}
        }
    }

    fn consider(&mut self, result: &TaskResult) {
        let task = self.tasks.get(&result.task);
        let action = task.map_or("", |it| &it.action);
        if !notable::is_notable(self.mode, result, action) {
            return;
        }
        let plain = !notable::is_failure(result.status);
        if self.notable_count == NOTABLE_MAX || (plain && self.plain_count == PLAIN_MAX) {
            self.left_out += 1;
            return;
        }
        let task = task.cloned().unwrap_or_default();
        let result = self.shortener.shortened(result);
        self.notable.push(Notable { seq: self.notable_count, task, result });
        self.notable_count += 1;
        self.plain_count += u32::from(plain);
    }

    /// What is new since the last call; `None` if nothing is.
    pub fn take_progress(&mut self) -> Option<Progress> {
        let told = (self.left_out, self.events.lost());
        let quiet = self.moved.is_empty() && self.notable.is_empty() && self.ansible_version.is_none();
        if quiet && told == self.told {
            return None;
        }
        self.told = told;
        let hosts = self.moved.drain().filter_map(|host| {
            let stats = *self.tally.hosts.get(&host)?;
            Some((host, stats))
        });
        Some(Progress {
            hosts: hosts.collect(),
            notable: std::mem::take(&mut self.notable),
            left_out: told.0,
            events_lost: told.1,
            ansible_version: self.ansible_version.take(),
        })
    }

    /// Lets followers see everything that was recorded.
    pub fn flush(&mut self) {
        self.events.flush();
        if let Some(raw) = &mut self.raw {
            raw.flush();
        }
    }

    /// What is known so far.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Makes the files durable. Returns what was found out, and the last progress.
    pub fn finish(mut self) -> Recorded {
        self.flush();
        let mut progress = self.take_progress().unwrap_or_default();
        progress.left_out = self.left_out;
        progress.events_lost = self.events.finish();
        if let Some(raw) = self.raw {
            raw.finish();
        }
        Recorded { tally: self.tally, findings: self.gathering.finish(), progress }
    }
}

/// Whether a run that is cut off would leave something unknown if this were not in its file.
fn is_needed_after_a_crash(event: &RunEvent) -> bool {
    use RunEventKind::{DebtPaid, HandlerDone, HostsAsked, Notified};
    matches!(event.kind, Notified { .. } | HandlerDone { .. } | DebtPaid { .. } | HostsAsked { .. })
}
