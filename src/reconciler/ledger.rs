//! The hosts of one stack: what was attempted and applied on each, and since when it is owed something.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::{
    Applied, CommitHash, Ending, Findings, HostCounts, HostEnd, HostLedger, HostName, LockKey, Outcome,
    PendingHandler, Reason, RunId, RunSpec, Selection, Timestamp,
};

/// The most debts that one run is given.
const DEBTS_MAX: usize = 10_000;

/// The ledger of one stack.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    hosts: BTreeMap<HostName, HostLedger>,
    changed: BTreeSet<HostName>,
    /// Hosts on which a check last saw something differ.
    drifted: BTreeSet<HostName>,
}

impl Ledger {
    pub(super) fn new(hosts: BTreeMap<HostName, HostLedger>) -> Self {
        let drifted = hosts.iter().filter(|(_, it)| differs(it)).map(|(host, _)| host.clone()).collect();
        Self { hosts, changed: BTreeSet::new(), drifted }
    }

    pub(super) fn get(&self, host: &HostName) -> Option<&HostLedger> {
        self.hosts.get(host)
    }

    /// Hosts on which a check last saw something differ, with their lines.
    pub(super) fn drifted(&self) -> impl Iterator<Item = (&HostName, &HostLedger)> {
        self.drifted.iter().filter_map(|it| self.hosts.get_key_value(it))
    }

    /// Sees to it that a host is among the drifted ones if it is.
    pub(super) fn note_drift(&mut self, host: &HostName) {
        if self.hosts.get(host).is_some_and(differs) {
            self.drifted.insert(host.clone());
        } else {
            self.drifted.remove(host);
        }
    }

    /// The hosts of the last full run, by name.
    pub(super) fn known(&self, full_run: Option<RunId>) -> impl Iterator<Item = (&HostName, &HostLedger)> {
        self.hosts.iter().filter(move |(_, it)| full_run.is_some() && it.full_run == full_run)
    }

    /// Which machine each host is, as a run that asked says.
    pub(super) fn located(&mut self, hosts: &BTreeMap<HostName, LockKey>) {
        for (host, key) in hosts {
            if self.hosts.get(host).is_none_or(|it| it.lock.as_ref() != Some(key)) {
                self.line(host).lock = Some(key.clone());
            }
        }
    }

    /// The handlers that are owed, of these hosts or of all.
    pub(super) fn debts(&self, hosts: Option<&BTreeSet<HostName>>) -> Vec<(HostName, PendingHandler)> {
        let owing = self.hosts.iter().filter(|(host, _)| hosts.is_none_or(|it| it.contains(*host)));
        owing
            .flat_map(|(host, line)| line.pending.iter().map(move |it| (host.clone(), it.clone())))
            .take(DEBTS_MAX)
            .collect()
    }

    /// What an apply says of handlers: what was paid, what cannot be paid any more, what is owed now.
    pub(super) fn settle_debts(&mut self, findings: &Findings) {
        for (host, debt) in findings.paid.iter().chain(&findings.orphans) {
            if self.hosts.get(host).is_some_and(|it| it.pending.contains(debt)) {
                self.line(host).pending.retain(|it| it != debt);
            }
        }
        for (host, owed) in &findings.pending {
            let line = self.line(host);
            for debt in owed {
                let same = |it: &PendingHandler| {
                    (&it.handler, it.play, &it.task) == (&debt.handler, debt.play, &debt.task)
                };
                if !line.pending.iter().any(same) {
                    line.pending.push(debt.clone());
                }
            }
        }
    }

    /// A check run ended: it says only who answered.
    pub(super) fn checked(&mut self, now: Timestamp, ends: &BTreeMap<HostName, HostEnd>) {
        for (host, end) in ends {
            if *end != HostEnd::Unreachable {
                self.line(host).last_seen = Some(now);
            }
        }
    }

    /// An apply ended. `told_all` says whether it told of every host of the stack.
    pub(super) fn applied_run(
        &mut self,
        now: Timestamp,
        spec: &RunSpec,
        ends: &BTreeMap<HostName, HostEnd>,
        told_all: bool,
    ) {
        let commit = &spec.revision.commit;
        let whole_playbook = spec.selection != Selection::SomeTasks;
        for (host, end) in ends {
            let line = self.line(host);
            line.attempted = Some(commit.clone());
            line.failed = *end == HostEnd::Failed;
            if *end != HostEnd::Unreachable {
                line.last_seen = Some(now);
            }
            if told_all {
                line.full_run = Some(spec.run);
            }
            match end {
                HostEnd::Converged if whole_playbook => {
                    line.applied = Some(commit.clone());
                    line.applied_at = Some(now);
                    line.owed_since = None;
                }
                HostEnd::Unreachable | HostEnd::Unfinished if whole_playbook => {
                    line.owed_since.get_or_insert(now);
                }
                HostEnd::Converged | HostEnd::Unreachable | HostEnd::Unfinished | HostEnd::Failed => {}
            }
        }
    }

    pub(super) fn line(&mut self, host: &HostName) -> &mut HostLedger {
        self.changed.insert(host.clone());
        self.hosts.entry(host.clone()).or_default()
    }

    /// The lines that were changed since this was last asked.
    pub(super) fn take_changed(&mut self) -> Vec<(HostName, HostLedger)> {
        let changed = std::mem::take(&mut self.changed);
        changed.into_iter().filter_map(|host| self.hosts.get(&host).cloned().map(|it| (host, it))).collect()
    }

    fn of_run(&self, full_run: Option<RunId>) -> impl Iterator<Item = &HostLedger> {
        self.hosts.values().filter(move |it| full_run.is_some() && it.full_run == full_run)
    }

    /// What the hosts of the last full run say together, measured against the head.
    pub(super) fn summary(&self, last_full_run: Option<RunId>, head: &CommitHash) -> Summary {
        let mut counts = HostCounts::default();
        let mut first = None;
        let (mut shared, mut untouched) = (true, true);
        for host in self.of_run(last_full_run) {
            counts.total += 1;
            counts.converged += u32::from(host.applied.as_ref() == Some(head) && host.pending.is_empty());
            counts.pending += u32::from(!host.pending.is_empty());
            counts.owed += u32::from(host.owed_since.is_some());
            counts.failed += u32::from(host.failed);
            untouched &= host.attempted.as_ref() == Some(head);
            shared &= *first.get_or_insert(host.applied.as_ref()) == host.applied.as_ref();
        }
        let applied = match first.flatten() {
            _ if !shared => Applied::Mixed,
            Some(commit) => Applied::Everywhere(commit.clone()),
            None => Applied::Nothing,
        };
        let clean = untouched && [counts.converged, counts.owed, counts.failed] == [counts.total, 0, 0];
        Summary { applied, counts, clean }
    }
}

fn differs(line: &HostLedger) -> bool {
    line.changes.iter().any(|it| it.present)
}

/// What all hosts of a stack say together.
#[derive(Debug)]
pub(super) struct Summary {
    /// The revision that they share.
    pub(super) applied: Applied,
    pub(super) counts: HostCounts,
    /// Whether each got to the end of the head, and nothing else was tried on it since.
    pub(super) clean: bool,
}

/// Whether the ending of an apply of the whole stack told of all hosts of the stack.
pub(super) fn told_all(ending: &Ending, ends: &BTreeMap<HostName, HostEnd>) -> bool {
    let cut_short = matches!(ending.reason, Some(Reason::NoStats { .. } | Reason::NoCallback { .. }));
    let to_the_end = matches!(ending.outcome, Outcome::Failed | Outcome::Unreachable);
    (to_the_end || ending.outcome.is_success()) && !cut_short && !ends.is_empty()
}
