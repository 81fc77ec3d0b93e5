//! The hosts, what is on them, and what a run of a stack finds and does there.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::{
    Change, CheckSchedule, CommitHash, Coverage, Declaration, Ending, Findings, HealPolicy, HostEnd,
    HostName, Lineage, Mode, NarrowingRefusal, Outcome, Revision, RunSpec, Span, StackId, StackPolicy,
    TaskCounts, TaskIdentity, Timestamp, Tip, later,
};

/// How many files each stack keeps on each host.
pub(super) const FILES: usize = 3;

/// A content that no commit wants.
const EDITED: u32 = 1_000_000;

/// A stack of the fleet.
pub(super) struct Stack {
    pub(super) name: &'static str,
    pub(super) hosts: &'static [&'static str],
    pub(super) heal: HealPolicy,
    pub(super) daily_heals: u32,
    pub(super) check_every: Span,
    /// Whether a run of some hosts gives the same as one of all.
    narrows: bool,
    /// Whether a task reports a change each time.
    flaps: bool,
}

/// They share hosts, so that they have to wait for each other.
pub(super) const STACKS: [Stack; 3] = [
    Stack {
        name: "web",
        hosts: &["h1", "h2", "h3", "h4", "h5", "h6"],
        heal: HealPolicy::Corrective,
        daily_heals: 3,
        check_every: Span::from_hours(4),
        narrows: true,
        flaps: false,
    },
    Stack {
        name: "base",
        hosts: &["h1", "h3", "h5", "h7"],
        heal: HealPolicy::Corrective,
        daily_heals: 2,
        check_every: Span::from_hours(3),
        narrows: false,
        flaps: true,
    },
    Stack {
        name: "report",
        hosts: &["h5", "h6", "h7", "h8"],
        heal: HealPolicy::Never,
        daily_heals: 3,
        check_every: Span::from_hours(6),
        narrows: true,
        flaps: true,
    },
];

pub(super) fn id(stack: &Stack) -> StackId {
    format!("infra/{}", stack.name).parse().expect("a stack")
}

pub(super) fn stack_of(id: &StackId) -> &'static Stack {
    STACKS.iter().find(|it| it.name == id.stack.as_str()).expect("one of ours")
}

#[derive(Debug, Clone)]
struct Host {
    up: bool,
    /// Since when it is up, or away.
    since: Timestamp,
    /// Something of a run that was cut off goes on there until then.
    busy_until: Timestamp,
    /// By stack: what its files hold.
    files: BTreeMap<&'static str, [u32; FILES]>,
}

#[derive(Debug, Clone)]
pub(super) struct Fleet {
    hosts: BTreeMap<HostName, Host>,
    /// By commit: what the files of each stack are to hold.
    wanted: Vec<[[u32; FILES]; STACKS.len()]>,
    /// What somebody edited and nobody corrected yet, and since when it is like that.
    pub(super) edits: BTreeMap<(StackId, HostName, usize), Timestamp>,
}

impl Fleet {
    pub(super) fn new(now: Timestamp) -> Self {
        let names: BTreeSet<&str> = STACKS.iter().flat_map(|it| it.hosts).copied().collect();
        let host = Host { up: true, since: now, busy_until: now, files: BTreeMap::new() };
        Self {
            hosts: names.into_iter().map(|it| (HostName::new(it), host.clone())).collect(),
            wanted: vec![[[1; FILES]; STACKS.len()]],
            edits: BTreeMap::new(),
        }
    }

    pub(super) fn names(&self) -> Vec<HostName> {
        self.hosts.keys().cloned().collect()
    }

    /// Somebody commits another content of one file.
    pub(super) fn commit(&mut self, stack: usize, file: usize) {
        let mut next = *self.wanted.last().expect("the first commit");
        next[stack][file] += 1;
        self.wanted.push(next);
    }

    pub(super) fn tip(&self) -> Revision {
        let commit: CommitHash = format!("{:040x}", self.wanted.len() - 1).parse().expect("a hash");
        Revision { reference: "main".parse().expect("a branch"), commit }
    }

    /// Somebody edits a file, if the host is there and the file is as some commit wants it.
    pub(super) fn edit(
        &mut self,
        now: Timestamp,
        stack: &'static Stack,
        host: &HostName,
        file: usize,
    ) -> bool {
        let there = self.hosts.get_mut(host).filter(|it| it.up);
        let Some(files) = there.and_then(|it| it.files.get_mut(stack.name)) else { return false };
        if files[file] < EDITED {
            files[file] += EDITED;
            self.edits.insert((id(stack), host.clone(), file), now);
        }
        true
    }

    pub(super) fn set_up(&mut self, now: Timestamp, host: &HostName, up: bool) {
        let host = self.hosts.get_mut(host).expect("one of ours");
        (host.up, host.since) = (up, now);
    }

    /// Since when a host is up; `None` while it is away.
    pub(super) fn up_since(&self, host: &HostName) -> Option<Timestamp> {
        self.hosts.get(host).filter(|it| it.up).map(|it| it.since)
    }

    pub(super) fn is_busy(&self, now: Timestamp, host: &HostName) -> bool {
        self.hosts.get(host).is_some_and(|it| now < it.busy_until)
    }

    /// What a fetch says that compares with `base`.
    pub(super) fn fetch(&self, base: Option<Revision>) -> Tip {
        let revision = self.tip();
        let lineage = match base {
            None => Lineage::First,
            Some(base) if base == revision => Lineage::Same,
            Some(base) => Lineage::Descendant { of: base.commit },
        };
        let declaration = Ok(Self::declaration());
        Tip { revision, lineage, declaration, line: Vec::new(), tag: None, trust: Ok(()) }
    }

    pub(super) fn declaration() -> Declaration {
        Declaration { stacks: STACKS.iter().map(policy).collect(), ..Declaration::default() }
    }

    /// The hosts that a run works on.
    pub(super) fn hosts_of(spec: &RunSpec) -> Vec<HostName> {
        let all = stack_of(&spec.stack).hosts.iter().map(|it| HostName::new(*it));
        match &spec.limit {
            None => all.collect(),
            Some(limit) => all.filter(|host| limit.split(',').any(|it| it == host.as_str())).collect(),
        }
    }

    fn wanted(&self, spec: &RunSpec) -> [u32; FILES] {
        let commit = usize::from_str_radix(spec.revision.commit.as_str(), 16).expect("one of our commits");
        let place = STACKS.iter().position(|it| it.name == spec.stack.stack.as_str()).expect("one of ours");
        self.wanted[commit][place]
    }

    /// A run gets to its end. An apply leaves what its commit wants on every host that is there.
    pub(super) fn run(&mut self, spec: &RunSpec) -> (Ending, BTreeMap<HostName, HostEnd>, Box<Findings>) {
        let (stack, wanted) = (stack_of(&spec.stack), self.wanted(spec));
        let mut told = Telling::new(stack);
        let mut ends = BTreeMap::new();
        for name in Self::hosts_of(spec) {
            let host = self.hosts.get_mut(&name).expect("one of ours");
            if !host.up {
                ends.insert(name, HostEnd::Unreachable);
                continue;
            }
            let files = host.files.entry(stack.name).or_insert([0; FILES]);
            for file in 0..FILES {
                told.result(file, &name, files[file] != wanted[file], wanted[file]);
                if spec.mode == Mode::Apply {
                    files[file] = wanted[file];
                    self.edits.remove(&(spec.stack.clone(), name.clone(), file));
                }
            }
            if stack.flaps {
                told.result(FILES, &name, true, 0);
            }
            ends.insert(name, HostEnd::Converged);
        }
        let away = ends.values().any(|it| *it == HostEnd::Unreachable);
        let outcome = match spec.mode {
            _ if away => Outcome::Unreachable,
            _ if told.findings.changes.is_empty() => Outcome::InSync,
            Mode::Apply => Outcome::Changed,
            Mode::Check => Outcome::Drifted,
        };
        (Ending::plain(outcome), ends, Box::new(told.findings))
    }

    /// A run is cut off: it did its work on some hosts, and on one something still goes on.
    pub(super) fn cut_off(
        &mut self,
        now: Timestamp,
        spec: &RunSpec,
        done: usize,
    ) -> (Ending, BTreeMap<HostName, HostEnd>, Box<Findings>) {
        let hosts = Self::hosts_of(spec);
        let done = done % (hosts.len() + 1);
        let mut findings = Findings { begun: true, ..Findings::default() };
        if spec.mode == Mode::Apply {
            let part = hosts[..done].iter().map(HostName::as_str).collect::<Vec<_>>().join(",");
            self.run(&RunSpec { limit: Some(part), ..spec.clone() });
            if let Some(host) = hosts.get(done).filter(|it| self.up_since(it).is_some()) {
                self.hosts.get_mut(host).expect("one of ours").busy_until = later(now, Span::from_mins(3));
                findings.in_flight.push(host.clone());
            }
        }
        let ends = hosts.into_iter().map(|it| (it, HostEnd::Unfinished)).collect();
        (Ending::plain(Outcome::Interrupted), ends, Box::new(findings))
    }
}

/// What a run finds out.
struct Telling {
    findings: Findings,
}

impl Telling {
    fn new(stack: &Stack) -> Self {
        let task = |name: String| {
            let identity =
                TaskIdentity { path: format!("{}.yml", stack.name), name, ..TaskIdentity::default() };
            (identity, TaskCounts::default())
        };
        let names = (0..FILES).map(|it| format!("Write file {it}")).chain(["Write the time".to_owned()]);
        let refusal =
            NarrowingRefusal { construct: "run_once".to_owned(), path: "site.yml".to_owned(), line: 3 };
        let refusals = if stack.narrows { Vec::new() } else { vec![refusal] };
        let findings = Findings {
            begun: true,
            tasks: names.map(task).collect(),
            narrowing: Some(refusals),
            coverage: Coverage::default(),
            ..Findings::default()
        };
        Self { findings }
    }

    fn result(&mut self, task: usize, host: &HostName, changed: bool, wanted: u32) {
        let counts = &mut self.findings.tasks[task].1;
        counts.ok += 1;
        if changed {
            counts.changed += 1;
            let task = u32::try_from(task).expect("few tasks");
            let digest = wanted.to_string();
            self.findings.changes.push(Change { task, host: host.clone(), item: String::new(), digest });
        }
    }
}

fn policy(stack: &Stack) -> StackPolicy {
    StackPolicy {
        heal: stack.heal,
        check: CheckSchedule::Every(stack.check_every),
        daily_heals: stack.daily_heals,
        timeout: Span::from_hours(1),
        ..StackPolicy::new(id(stack), format!("{}.yml", stack.name), "hosts")
    }
}
