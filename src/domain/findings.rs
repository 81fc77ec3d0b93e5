//! Gathers what a run finds out from its events. Its memory is bounded, however many events come.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{
    Change, Findings, HostName, Mode, PendingHandler, ResultStatus, RunEvent, RunEventKind, RunId,
    TaskCounts, TaskIdentity, TaskNumber, TaskResult, Timestamp, Verdict, verdict,
};

/// The most handlers that are remembered as owed.
const PENDING_MAX: usize = 50_000;

/// A notification on a host: the same task may notify the same handler on many.
type Owed = (HostName, String);

/// What is gathered so far.
#[derive(Debug, Default)]
pub struct Gathering {
    mode: Option<Mode>,
    run: RunId,
    debts: Vec<(HostName, PendingHandler)>,
    findings: Findings,
    /// Changes that are not told one by one, by task.
    left_out: BTreeMap<u32, u64>,
    places: HashMap<TaskNumber, u32>,
    handlers: BTreeSet<TaskNumber>,
    pending: BTreeMap<Owed, Vec<PendingHandler>>,
    /// Hosts of the play that goes on.
    playing: BTreeSet<HostName>,
    part: Vec<HostName>,
    ended: bool,
}

impl Gathering {
    /// Gathers for this run, which was given these debts.
    pub fn new(run: RunId, mode: Mode, debts: Vec<(HostName, PendingHandler)>) -> Self {
        Self { mode: Some(mode), run, debts, ..Self::default() }
    }

    /// Takes one more event into account.
    pub fn add(&mut self, event: &RunEvent) {
        match &event.kind {
            RunEventKind::TaskStarted { task, identity, handler } => {
                self.findings.begun = true;
                self.task_started(*task, identity);
                if *handler {
                    self.findings.handlers.extend(self.places.get(task));
                    self.handlers.insert(*task);
                }
            }
            RunEventKind::TaskEnded(result) | RunEventKind::ItemEnded(result) => {
                self.result(result, &event.kind);
            }
            RunEventKind::Notified { host, handler, task, play, section, dynamic } => {
                let place = (*play, *section, *dynamic);
                self.notified(event.at, host, handler, *task, place);
            }
            RunEventKind::HandlerDone { host, handler } => {
                self.pending.remove(&(host.clone(), handler.clone()));
            }
            RunEventKind::HandlerOrphan { host, handler } => {
                let gone = self.pending.remove(&(host.clone(), handler.clone())).into_iter().flatten();
                self.findings.orphans.extend(gone.map(|it| (host.clone(), it)));
            }
            RunEventKind::DebtPaid { debt } => self.findings.paid.extend(self.debt(*debt)),
            RunEventKind::DebtOrphan { debt } => self.findings.orphans.extend(self.debt(*debt)),
            RunEventKind::HostsPart { hosts, .. } => {
                self.part.extend(hosts.iter().map(|it| HostName::new(it.name.clone())));
            }
            RunEventKind::HostsAsked { play, hosts, .. } => {
                let mut asked = std::mem::take(&mut self.part);
                asked.extend(hosts.iter().map(|it| HostName::new(it.name.clone())));
                if play.is_some() {
                    self.playing = asked.into_iter().collect();
                }
            }
            RunEventKind::Stats { .. } => self.ended = true,
            _ => {}
        }
    }

    /// All of it. Hosts are in flight only where Ansible did not get to tell its recap.
    pub fn finish(mut self) -> Findings {
        if self.mode == Some(Mode::Apply) {
            for ((host, _), owed) in std::mem::take(&mut self.pending) {
                self.findings.pending.entry(host).or_default().extend(owed);
            }
        }
        if !self.ended && self.findings.begun {
            self.findings.in_flight = self.playing.into_iter().collect();
        }
        self.findings.left_out_tasks = self.left_out.into_iter().collect();
        self.findings
    }

    fn debt(&self, place: u32) -> Option<(HostName, PendingHandler)> {
        self.debts.get(usize::try_from(place).ok()?).cloned()
    }

    fn task_started(&mut self, task: TaskNumber, identity: &TaskIdentity) {
        if self.places.contains_key(&task) || Findings::TASKS_MAX <= self.findings.tasks.len() {
            return;
        }
        let place = u32::try_from(self.findings.tasks.len()).unwrap_or(u32::MAX);
        self.places.insert(task, place);
        self.findings.tasks.push((identity.clone(), TaskCounts::default()));
    }

    fn result(&mut self, result: &TaskResult, kind: &RunEventKind) {
        if matches!(result.status, ResultStatus::Unreachable | ResultStatus::UnreachableIgnored) {
            self.playing.remove(&result.host);
        }
        let Some(place) = self.places.get(&result.task).copied() else { return };
        let Some((identity, counts)) = self.findings.tasks.get_mut(place as usize) else { return };
        let module = if result.module.is_empty() { &identity.action } else { &result.module };
        if result.items != 0 || !verdict::counts(module) {
            return;
        }
        let verdict = result.verdict(&identity.action);
        count(counts, result, verdict);
        if let Some(verdict) = verdict.filter(|_| self.mode == Some(Mode::Check)) {
            self.findings.coverage.add(verdict, result.tainted);
        }
        let changed = match (self.mode, verdict) {
            (Some(Mode::Check), Some(Verdict::WouldChange)) => !result.tainted,
            (Some(Mode::Apply), Some(Verdict::WouldChange)) => true,
            _ => false,
        };
        // In check mode every handler "would change" once a task that notifies it would.
        let handler = self.mode == Some(Mode::Check) && self.handlers.contains(&result.task);
        if changed && !handler {
            self.change(place, result, matches!(kind, RunEventKind::ItemEnded(_)));
        }
    }

    fn change(&mut self, task: u32, result: &TaskResult, of_item: bool) {
        if self.findings.changes.len() == Findings::CHANGES_MAX {
            self.findings.changes_left_out += 1;
            *self.left_out.entry(task).or_default() += 1;
            if !self.findings.left_out_hosts.contains(&result.host) {
                self.findings.left_out_hosts.insert(result.host.clone());
            }
            return;
        }
        let item = result
            .item
            .as_ref()
            .filter(|_| of_item)
            .map(|it| if it.digest.is_empty() { it.index.to_string() } else { it.digest.clone() });
        self.findings.changes.push(Change {
            task,
            host: result.host.clone(),
            item: item.unwrap_or_default(),
            digest: result.diff_digest.clone(),
        });
    }

    fn notified(
        &mut self,
        at: Timestamp,
        host: &HostName,
        handler: &str,
        task: TaskNumber,
        (play, section, dynamic): (u32, u32, bool),
    ) {
        if PENDING_MAX <= self.pending.len() {
            return;
        }
        let identity = self
            .places
            .get(&task)
            .and_then(|it| self.findings.tasks.get(*it as usize))
            .map(|it| it.0.clone());
        let owed = PendingHandler {
            handler: handler.to_owned(),
            play,
            section,
            dynamic,
            task: identity.unwrap_or_default(),
            run: self.run,
            since: at,
        };
        let known = self.pending.entry((host.clone(), handler.to_owned())).or_default();
        if !known.iter().any(|it| (it.play, &it.task) == (play, &owed.task)) {
            known.push(owed);
        }
    }
}

fn count(counts: &mut TaskCounts, result: &TaskResult, verdict: Option<Verdict>) {
    let Some(verdict) = verdict else { return };
    if result.tainted {
        counts.tainted += 1;
    }
    match verdict {
        Verdict::WouldChange => {
            counts.ok += 1;
            counts.changed += 1;
        }
        Verdict::Unchanged => counts.ok += 1,
        Verdict::Blind => counts.blind += 1,
        Verdict::RanForReal => counts.for_real += 1,
        Verdict::Skipped => counts.skipped += 1,
        Verdict::Failed => counts.failed += 1,
    }
}
