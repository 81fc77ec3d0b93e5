//! What differs on which host, and whose doing it is: learned from checks, told apart by the facts of hosts and tasks.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::{
    Change, ChangeClass, CommitHash, Findings, HostChange, HostEnd, HostLedger, HostName, RunId, Span,
    TaskFacts, TaskKey, Timestamp,
};

use super::ledger::Ledger;

/// How long a difference that is gone is remembered, to tell what recurs.
const REMEMBERED: Span = Span::from_hours(30 * 24);

/// How many of them are remembered for one host.
const REMEMBERED_MAX: usize = 50;

/// How many times one difference keeps.
const TIMES_MAX: usize = 10;

/// How often in a row the check after an apply must still report a task before it is called flapping, if it was at
/// rest on any host.
const STILL_REPORTED: u32 = 2;

/// How often in a row check and apply must disagree on a task before its check is not believed any more.
const DISAGREEMENTS: u32 = 2;

/// What is known of the tasks of one stack that something is to be said about.
#[derive(Debug, Default)]
pub(super) struct Tasks {
    facts: BTreeMap<TaskKey, TaskFacts>,
    changed: BTreeSet<TaskKey>,
}

impl Tasks {
    pub(super) fn new(facts: BTreeMap<TaskKey, TaskFacts>) -> Self {
        Self { facts, changed: BTreeSet::new() }
    }

    pub(super) fn get(&self, task: &TaskKey) -> Option<&TaskFacts> {
        self.facts.get(task)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&TaskKey, &TaskFacts)> {
        self.facts.iter()
    }

    pub(super) fn is_flapping(&self, task: &TaskKey) -> bool {
        self.get(task).is_some_and(|it| it.flapping_since.is_some())
    }

    pub(super) fn is_unreliable(&self, task: &TaskKey) -> bool {
        self.get(task).is_some_and(|it| it.unreliable_since.is_some())
    }

    /// Tasks that report a change each time.
    pub(super) fn flapping(&self) -> BTreeSet<TaskKey> {
        self.facts.iter().filter(|(_, it)| it.flapping_since.is_some()).map(|(key, _)| key.clone()).collect()
    }

    /// Tasks whose check is not believed.
    pub(super) fn unreliable(&self) -> BTreeSet<TaskKey> {
        self.facts
            .iter()
            .filter(|(_, it)| it.unreliable_since.is_some())
            .map(|(key, _)| key.clone())
            .collect()
    }

    /// Those that changed since this was last asked; `None` where nothing is left to say.
    pub(super) fn take_changed(&mut self) -> Vec<(TaskKey, Option<TaskFacts>)> {
        let changed = std::mem::take(&mut self.changed);
        changed.into_iter().map(|it| (it.clone(), self.facts.get(&it).cloned())).collect()
    }

    fn change(&mut self, task: &TaskKey, change: impl FnOnce(&mut TaskFacts)) {
        let before = self.facts.get(task).cloned().unwrap_or_default();
        let mut after = before.clone();
        change(&mut after);
        if after == before {
            return;
        }
        self.changed.insert(task.clone());
        if after.is_ordinary() {
            self.facts.remove(task);
        } else {
            self.facts.insert(task.clone(), after);
        }
    }
}

/// What a check followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Followed {
    /// An apply of a revision: what it changed nobody had seen at rest.
    Revision,
    /// A correction of what somebody changed.
    Correction,
}

/// A check run that ended, as the drift of its stack learns from it.
#[derive(Debug)]
pub(super) struct Looked<'a> {
    pub(super) now: Timestamp,
    pub(super) run: RunId,
    pub(super) commit: &'a CommitHash,
    /// Whether it was of the whole stack.
    pub(super) full: bool,
    /// The apply that changed something just before, while that one's locks were kept.
    pub(super) follows: Option<Followed>,
    pub(super) hosts: &'a BTreeMap<HostName, HostEnd>,
    pub(super) findings: &'a Findings,
}

/// The changes of a run by host, with the keys of their tasks.
fn by_host<'a>(
    findings: &'a Findings,
    keys: &[TaskKey],
) -> BTreeMap<&'a HostName, Vec<(TaskKey, &'a Change)>> {
    let mut hosts: BTreeMap<&HostName, Vec<(TaskKey, &Change)>> = BTreeMap::new();
    for change in &findings.changes {
        if let Some(key) = keys.get(change.task as usize) {
            hosts.entry(&change.host).or_default().push((key.clone(), change));
        }
    }
    hosts
}

fn keys(findings: &Findings) -> Vec<TaskKey> {
    findings.tasks.iter().map(|(identity, _)| identity.key()).collect()
}

impl Tasks {
    /// What a check says of tasks: where it is blind, and what reports a change although nobody can have changed
    /// anything.
    pub(super) fn looked(&mut self, looked: &Looked<'_>, ledger: &Ledger) {
        let keys = keys(looked.findings);
        let mut moved: BTreeSet<&TaskKey> = BTreeSet::new();
        for change in &looked.findings.changes {
            let Some(key) = keys.get(change.task as usize) else { continue };
            let converged = looked.hosts.get(&change.host) == Some(&HostEnd::Converged)
                && ledger.get(&change.host).is_some_and(|it| it.applied.as_ref() == Some(looked.commit));
            if converged {
                moved.insert(key);
            }
        }
        for ((identity, counts), key) in looked.findings.tasks.iter().zip(&keys) {
            self.change(key, |it| {
                it.identity = identity.clone();
                it.differs |= counts.changed != 0;
                if looked.full {
                    it.blind = counts.blind + counts.tainted;
                    it.for_real = counts.for_real;
                }
                if looked.follows.is_some() && moved.contains(key) {
                    it.still_reported += 1;
                    // Somebody may have been at one host meanwhile. Nobody is at all of them, or that often.
                    let everywhere = looked.full
                        && looked.follows == Some(Followed::Revision)
                        && counts.changed == counts.ok;
                    if everywhere || STILL_REPORTED <= it.still_reported {
                        it.flapping_since.get_or_insert(looked.now);
                    }
                } else if counts.changed == 0 && counts.ok != 0 {
                    (it.flapping_since, it.still_reported) = (None, 0);
                }
            });
        }
        self.forget_unmet(looked, &keys);
    }

    /// A check of the whole stack that met everything there is: what it did not meet does not exist any more, and nothing
    /// is said of it. Hosts that it did not get to the end of may have tasks of their own, which are kept.
    fn forget_unmet(&mut self, looked: &Looked<'_>, met: &[TaskKey]) {
        if !looked.full || Findings::TASKS_MAX <= met.len() {
            return;
        }
        let met: BTreeSet<&TaskKey> = met.iter().collect();
        let whole = looked.hosts.values().all(|it| *it == HostEnd::Converged);
        let unmet: Vec<TaskKey> = self.facts.keys().filter(|it| !met.contains(it)).cloned().collect();
        for key in unmet {
            self.change(&key, |it| {
                if whole {
                    let (identity, differs) = (std::mem::take(&mut it.identity), it.differs);
                    *it = TaskFacts { identity, differs, ..TaskFacts::default() };
                }
                // These are of the last full check, which this one is.
                (it.blind, it.for_real) = (0, 0);
            });
        }
    }

    /// Forgets the identity of tasks that differ nowhere any more.
    pub(super) fn forget_all_but(&mut self, differing: &BTreeSet<TaskKey>) {
        let gone = self.facts.iter().filter(|(key, it)| it.differs && !differing.contains(*key));
        for key in gone.map(|(key, _)| key.clone()).collect::<Vec<_>>() {
            self.change(&key, |it| it.differs = false);
        }
    }

    /// Compares what a check predicted with what the apply did. `fresh` says that the apply followed the check at
    /// once, so that a change which nobody predicted is the check's fault.
    pub(super) fn compare(&mut self, now: Timestamp, applied: &Applied<'_>, ledger: &Ledger, fresh: bool) {
        let keys = keys(applied.findings);
        let did = by_host(applied.findings, &keys);
        let (mut agree, mut disagree) = (BTreeSet::new(), BTreeSet::new());
        let converged = applied.hosts.iter().filter(|(_, end)| **end == HostEnd::Converged);
        for host in converged.map(|(host, _)| host) {
            // Nobody knows what an apply that was cut off did there after the check.
            let Some(line) = ledger.get(host).filter(|it| it.owed_since.is_none()) else { continue };
            let done: BTreeSet<(&TaskKey, &str)> =
                did.get(host).into_iter().flatten().map(|(key, it)| (key, it.item.as_str())).collect();
            let predicted: BTreeSet<(&TaskKey, &str)> =
                line.changes.iter().filter(|it| it.present).map(|it| (&it.task, it.item.as_str())).collect();
            for it in &predicted {
                if done.contains(it) {
                    agree.insert(it.0.clone())
                } else {
                    disagree.insert(it.0.clone())
                };
            }
            if fresh && applied.checked(line) {
                disagree.extend(done.difference(&predicted).map(|it| it.0.clone()));
            }
        }
        for ((identity, counts), key) in applied.findings.tasks.iter().zip(&keys) {
            let executed = counts.ok != 0 && counts.skipped == 0 && counts.failed == 0;
            let blind = self.get(key).is_some_and(|it| it.blind != 0);
            if blind || !executed {
                continue;
            }
            self.change(key, |it| {
                it.identity = identity.clone();
                // Where both happen somebody was at a host between check and apply.
                match (agree.contains(key), disagree.contains(key)) {
                    (false, true) => it.disagreements += 1,
                    (true, false) => it.disagreements = 0,
                    // It was to change nothing, and did not.
                    (false, false) if fresh => it.disagreements = 0,
                    (true, true) | (false, false) => {}
                }
                if DISAGREEMENTS <= it.disagreements {
                    it.unreliable_since.get_or_insert(now);
                }
            });
        }
    }

    /// How many of the changes that a check predicts are of tasks whose check is not believed.
    pub(super) fn unreliable_changes(&self, findings: &Findings) -> u64 {
        let keys = keys(findings);
        let of_task = |it: &&Change| keys.get(it.task as usize).is_some_and(|it| self.is_unreliable(it));
        findings.changes.iter().filter(of_task).count() as u64
    }

    /// The class of a difference on a host.
    pub(super) fn class(&self, change: &HostChange) -> ChangeClass {
        match change {
            _ if self.is_flapping(&change.task) => ChangeClass::Flapping,
            HostChange { corrective: false, .. } => ChangeClass::Intended,
            HostChange { onsets, .. } if 1 < onsets.len() => ChangeClass::Recurring,
            _ => ChangeClass::Corrective,
        }
    }
}

/// An apply that ended, as it is compared with the check before it.
#[derive(Debug)]
pub(super) struct Applied<'a> {
    pub(super) hosts: &'a BTreeMap<HostName, HostEnd>,
    pub(super) findings: &'a Findings,
    /// The last check of the whole stack, or of the hosts of this apply.
    pub(super) check: Option<RunId>,
}

impl Applied<'_> {
    fn checked(&self, line: &HostLedger) -> bool {
        self.check.is_some() && line.checked_at.is_some()
    }
}

impl Ledger {
    /// Takes what a check saw on each host that it got to the end of.
    pub(super) fn looked(&mut self, looked: &Looked<'_>, tasks: &Tasks) {
        let keys = keys(looked.findings);
        let mut seen = by_host(looked.findings, &keys);
        let converged = looked.hosts.iter().filter(|(_, end)| **end == HostEnd::Converged);
        for host in converged.map(|(host, _)| host) {
            let changes = seen.remove(host).unwrap_or_default();
            let reliable: Vec<_> = changes.into_iter().filter(|(key, _)| !tasks.is_unreliable(key)).collect();
            let line = self.line(host);
            learn(line, looked, &reliable);
            line.checked_at = Some(looked.now);
            self.note_drift(host);
        }
    }

    /// The tasks that differ on any host.
    pub(super) fn differing(&self) -> BTreeSet<TaskKey> {
        let present = self.drifted().flat_map(|(_, line)| line.changes.iter().filter(|it| it.present));
        present.map(|it| it.task.clone()).collect()
    }

    /// Notes that a correction is tried of these hosts' differences.
    pub(super) fn heal_began(&mut self, now: Timestamp, hosts: &BTreeSet<HostName>) {
        for host in hosts {
            let line = self.line(host);
            for change in line.changes.iter_mut().filter(|it| it.present && it.corrective) {
                change.heals.push(now);
                let spare = change.heals.len().saturating_sub(TIMES_MAX);
                change.heals.drain(..spare);
            }
        }
    }
}

fn learn(line: &mut HostLedger, looked: &Looked<'_>, seen: &[(TaskKey, &Change)]) {
    let corrective =
        line.applied.as_ref() == Some(looked.commit) && line.owed_since.is_none() && !line.failed;
    let mut before = std::mem::take(&mut line.changes);
    let mut after = Vec::with_capacity(seen.len());
    for (key, change) in seen {
        let place = before.iter().position(|it| it.task == *key && it.item == change.item);
        let old = place.map(|it| before.swap_remove(it));
        let mut it = old.unwrap_or_else(|| HostChange {
            task: key.clone(),
            item: change.item.clone(),
            digest: String::new(),
            present: false,
            corrective,
            run: looked.run,
            onsets: Vec::new(),
            heals: Vec::new(),
        });
        if it.corrective != corrective {
            // What was intended and is corrective now began now: Git's part of it is done.
            it.onsets = vec![looked.now];
        } else if !it.present {
            it.onsets.push(looked.now);
            let spare = it.onsets.len().saturating_sub(TIMES_MAX);
            it.onsets.drain(..spare);
        }
        it.digest.clone_from(&change.digest);
        (it.present, it.corrective, it.run) = (true, corrective, looked.run);
        after.push(it);
    }
    let whole = looked.findings.changes_left_out == 0;
    let oldest = looked.now.saturating_sub(REMEMBERED).unwrap_or(Timestamp::MIN);
    let mut gone: Vec<HostChange> = before
        .into_iter()
        .map(|it| HostChange { present: it.present && !whole, ..it })
        // How often something was corrected today counts, whatever it was in between.
        .filter(|it| it.present || it.corrective || !it.heals.is_empty())
        .filter(|it| it.present || it.onsets.last().is_some_and(|at| oldest < *at))
        .collect();
    gone.sort_by(|a, b| b.onsets.last().cmp(&a.onsets.last()));
    gone.truncate(REMEMBERED_MAX);
    after.extend(gone);
    after.sort_by(|a, b| (&a.task, &a.item).cmp(&(&b.task, &b.item)));
    line.changes = after;
}

/// What a check predicts for one host: what has to be the same in a narrowed check.
pub(super) fn predictions<'a>(
    findings: &'a Findings,
    host: &HostName,
    tasks: &Tasks,
) -> BTreeSet<(TaskKey, &'a str, &'a str)> {
    let keys = keys(findings);
    let of_host = findings.changes.iter().filter(|it| it.host == *host);
    of_host
        .filter_map(|it| Some((keys.get(it.task as usize)?.clone(), it.item.as_str(), it.digest.as_str())))
        .filter(|(key, ..)| !tasks.is_unreliable(key))
        .collect()
}
