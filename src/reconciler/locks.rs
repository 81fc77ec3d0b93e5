//! Who works on which machine: no two applies on one, no look while somebody changes it, and whoever waits longest
//! goes first.
//!
//! A run never waits while it lives. One that may not begin is refused, costs nothing and is started again when what
//! stood in its way is gone. So nobody who waits holds anything, and there is no deadlock.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::{
    Decision, Findings, HostName, LockKey, Mode, Quarantine, Question, RefusalCause, RunId, RunSpec,
    Selection, StackId, Timestamp, Trigger, later,
};

use super::Reconciler;
use super::stack::Stack;
use super::wants::Waiting;

/// A stack whose run may not touch its hosts now.
#[derive(Debug, Clone)]
pub(super) struct LockWait {
    /// What it needs.
    pub(super) keys: BTreeSet<LockKey>,
    /// Whether it wants to change hosts.
    pub(super) exclusive: bool,
    /// Since when it waits.
    pub(super) since: Timestamp,
    /// One of the machines that somebody has.
    pub(super) key: LockKey,
    /// Who has it, as a sentence.
    pub(super) holder: String,
    /// Whether nobody has it any more. Until it starts, nobody who came later gets it.
    pub(super) ready: bool,
}

/// What stands in the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Conflict {
    key: LockKey,
    holder: String,
}

impl Reconciler {
    /// A run asks whether it may touch hosts. It is answered in the same step.
    pub(super) fn hosts_asked(&mut self, now: Timestamp, run: RunId, question: &Question) {
        let refusal = self.refusal(now, run, question);
        let Some((_, stack)) = self.live_stack(run) else {
            let refusal = Some(RefusalCause::Moot);
            return self.answers.push(Decision::Answer { run, question: question.number, refusal });
        };
        stack.changed = true;
        let waited_since = stack.lock_since;
        match &refusal {
            None => stack.may_touch(run, question),
            Some(RefusalCause::Airbag { comparison }) => stack.airbag_caught(now, run, question, comparison),
            Some(RefusalCause::Approval { .. }) => stack.approval_lapses(),
            Some(_) => {}
        }
        stack.refusal.clone_from(&refusal);
        if refusal.is_none() {
            self.measure_started(now, run, waited_since);
        }
        self.answers.push(Decision::Answer { run, question: question.number, refusal });
    }

    fn refusal(&mut self, now: Timestamp, run: RunId, question: &Question) -> Option<RefusalCause> {
        let (id, stack) =
            self.all_named_stacks().find(|(_, it)| it.facts.live.as_ref().is_some_and(|it| it.run == run))?;
        let live = stack.facts.live.as_ref()?;
        if stack.order.is_some() {
            return Some(RefusalCause::Moot);
        }
        let (exclusive, first) = (live.mode == Mode::Apply, question.play.is_none());
        if exclusive && first && live.selection == Selection::Full {
            let policy = self
                .sources
                .get(&id.source)
                .and_then(|it| it.declared(stack))
                .map(|(_, policy)| policy.airbag);
            if let Some(comparison) = stack.airbag(question, &policy.unwrap_or_default()) {
                return Some(RefusalCause::Airbag { comparison });
            }
        }
        let policy = self.sources.get(&id.source).and_then(|it| it.declared(stack)).map(|(_, policy)| policy);
        if exclusive && let Some(comparison) = policy.and_then(|it| stack.unapproved_hosts(question, it)) {
            return Some(RefusalCause::Approval { comparison });
        }
        // What the run was given at its start is its own, whoever waits for it since.
        let held = &stack.facts.locks;
        let own = |it: &LockKey| held.run == Some(run) && held.keys.contains(it);
        let keys: BTreeSet<LockKey> = question.hosts.values().filter(|it| !own(it)).cloned().collect();
        if keys.is_empty() {
            return None;
        }
        let conflict = self.conflict(&id, &keys, exclusive, stack.lock_since.unwrap_or(now), now)?;
        let wait = LockWait {
            keys,
            exclusive,
            since: stack.lock_since.unwrap_or(now),
            key: conflict.key.clone(),
            holder: conflict.holder.clone(),
            ready: false,
        };
        if let Some((_, stack)) = self.live_stack(run) {
            stack.lock_since = Some(wait.since);
            stack.lock_keys.clone_from(&wait.keys);
            stack.lock_wait = Some(wait);
        }
        Some(RefusalCause::Locked { key: conflict.key, holder: conflict.holder })
    }

    /// What keeps a stack from these machines: another stack that has one of them, one that is in doubt, or one that
    /// another stack waits for longer.
    fn conflict(
        &self,
        asking: &StackId,
        keys: &BTreeSet<LockKey>,
        exclusive: bool,
        since: Timestamp,
        now: Timestamp,
    ) -> Option<Conflict> {
        let shared = |other: &BTreeSet<LockKey>| keys.intersection(other).next().cloned();
        for (id, stack) in self.all_named_stacks() {
            for doubt in &stack.facts.locks.quarantine {
                let key = doubt.hosts.values().find(|it| now < doubt.until && keys.contains(*it));
                if let Some(key) = key {
                    let holder = format!("something of run {} of {id} may be left there", doubt.run);
                    return Some(Conflict { key: key.clone(), holder });
                }
            }
            if id == *asking {
                continue;
            }
            let locks = &stack.facts.locks;
            if (exclusive || locks.exclusive)
                && let Some(key) = shared(&locks.keys)
            {
                let run = locks.run.unwrap_or_default();
                return Some(Conflict { key, holder: format!("run {run} of {id} has it") });
            }
            let waits_longer =
                stack.lock_wait.as_ref().filter(|it| it.since < since && (exclusive || it.exclusive));
            if let Some(key) = waits_longer.and_then(|it| shared(&it.keys))
                && self.waits_for_locks(&id, stack, now)
            {
                return Some(Conflict { key, holder: format!("{id} waits for it longer") });
            }
        }
        None
    }

    fn waits_for_locks(&self, id: &StackId, stack: &Stack, now: Timestamp) -> bool {
        let source = self.sources.get(&id.source);
        source.is_some_and(|it| {
            matches!(
                it.wants(stack, &self.world(now)),
                Ok(_) | Err(Waiting::Locked { .. } | Waiting::RunLimit { .. })
            )
        })
    }

    /// Looks again at what waiting stacks wait for.
    pub(super) fn look_at_locks(&mut self, now: Timestamp) {
        let world = self.world(now);
        let holding = self.sources.iter().flat_map(|(name, source)| {
            let idle = |it: &Stack| it.facts.live.is_none() && !it.facts.locks.keys.is_empty();
            source.named_stacks(name).filter(move |(_, it)| idle(it)).map(move |it| (source, it))
        });
        let lets_go: Vec<StackId> = holding
            .filter(|(source, (_, stack))| {
                let next = source.wants(stack, &world);
                let owes = stack.facts.check.verify.is_some();
                let verifies = next.as_ref().is_ok_and(|it| it.trigger == Trigger::Verify);
                !(verifies || (owes && matches!(next, Err(Waiting::RunLimit { first: false }))))
            })
            .map(|(_, (id, _))| id)
            .collect();
        for id in lets_go {
            if let Some(stack) = self.sources.get_mut(&id.source).and_then(|it| it.stacks.get_mut(&id.stack))
            {
                stack.let_go_of_locks(false);
            }
        }
        for stack in self.sources.values_mut().flat_map(|it| it.stacks.values_mut()) {
            let before = stack.facts.locks.quarantine.len();
            stack.facts.locks.quarantine.retain(|it| now < it.until && !it.hosts.is_empty());
            stack.changed |= stack.facts.locks.quarantine.len() != before;
        }
        let waiting: Vec<(StackId, LockWait)> =
            self.all_named_stacks().filter_map(|(id, stack)| Some((id, stack.lock_wait.clone()?))).collect();
        for (id, wait) in waiting {
            let conflict = self.conflict(&id, &wait.keys, wait.exclusive, wait.since, now);
            let stack = self.sources.get_mut(&id.source).and_then(|it| it.stacks.get_mut(&id.stack));
            let Some(stack) = stack else { continue };
            stack.lock_wait = Some(match conflict {
                None => LockWait { ready: true, ..wait },
                Some(Conflict { key, holder }) => LockWait { key, holder, ready: false, ..wait },
            });
        }
    }

    /// Takes what a run will most likely need. Returns false, and lets the stack wait, if somebody has it.
    pub(super) fn take_known_locks(
        &mut self,
        now: Timestamp,
        id: &StackId,
        spec: &RunSpec,
        hosts: Option<&BTreeSet<HostName>>,
    ) -> bool {
        let Some(stack) = self.sources.get(&id.source).and_then(|it| it.stacks.get(&id.stack)) else {
            return true;
        };
        let exclusive = spec.mode == Mode::Apply;
        let known = stack.ledger.known(stack.facts.last_full_run);
        let wanted = known.filter(|(host, _)| hosts.is_none_or(|it| it.contains(*host)));
        let keys = wanted.filter_map(|(_, line)| line.lock.clone());
        let keys: BTreeSet<LockKey> = keys.chain(stack.lock_keys.iter().cloned()).collect();
        let since = stack.lock_since.unwrap_or(now);
        let conflict = self.conflict(id, &keys, exclusive, since, now);
        let stack = self.sources.get_mut(&id.source).and_then(|it| it.stacks.get_mut(&id.stack));
        let Some(stack) = stack else { return true };
        if let Some(Conflict { key, holder }) = conflict {
            stack.lock_since = Some(since);
            stack.lock_wait = Some(LockWait { keys, exclusive, since, key, holder, ready: false });
            self.locks_moved |= stack.let_go_of_locks(false);
            return false;
        }
        // A check after an apply keeps what the apply had.
        let keeps = stack.facts.check.verify.is_some() && spec.mode == Mode::Check;
        let locks = &mut stack.facts.locks;
        locks.exclusive = exclusive || (keeps && locks.exclusive);
        locks.keys = keys;
        locks.run = Some(spec.run);
        true
    }
}

impl Stack {
    /// The run may go on: these hosts are its own.
    fn may_touch(&mut self, run: RunId, question: &Question) {
        let live = self.facts.live.as_ref();
        let apply = live.is_some_and(|it| it.mode == Mode::Apply);
        let full = live.is_some_and(|it| it.selection == Selection::Full);
        if question.play.is_none() {
            // What was known before it asked is replaced by what it said.
            self.facts.locks.keys.clear();
            if apply && full {
                self.facts.locks.plays.clone_from(&question.plays);
                self.facts.locks.airbag = None;
            }
        }
        self.facts.locks.keys.extend(question.hosts.values().cloned());
        self.facts.locks.run = Some(run);
        self.facts.locks.exclusive |= apply;
        self.ledger.located(&question.hosts);
        (self.lock_wait, self.lock_since) = (None, None);
        self.lock_keys.clear();
    }

    /// A run ended: its locks go, except those that the check after it needs, and those of hosts on which something
    /// may be left.
    pub(super) fn release_locks(
        &mut self,
        now: Timestamp,
        spec: &RunSpec,
        findings: &Findings,
        max_task_time: crate::domain::Span,
    ) {
        if spec.mode == Mode::Apply && !findings.in_flight.is_empty() {
            let local = LockKey::control_node();
            // On the control node the guardian saw to it that nothing is left.
            let hosts: BTreeMap<HostName, LockKey> = findings
                .in_flight
                .iter()
                .filter_map(|host| Some((host.clone(), self.ledger.get(host)?.lock.clone()?)))
                .filter(|(_, key)| *key != local)
                .collect();
            if !hosts.is_empty() {
                let until = later(now, max_task_time);
                self.facts.locks.quarantine.push(Quarantine { run: spec.run, hosts, until });
                self.facts.probe.at = Some(now);
            }
        }
        // What is left goes when it turns out that no check follows.
        self.let_go_of_locks(self.facts.check.verify.is_some());
    }

    /// Locks are held by a live run. `follows` says that the check after an apply is about to begin, which keeps them.
    /// Nobody else holds any, least of all who waits.
    fn let_go_of_locks(&mut self, follows: bool) -> bool {
        if self.facts.live.is_none() && !follows && !self.facts.locks.keys.is_empty() {
            self.facts.locks.keys.clear();
            (self.facts.locks.exclusive, self.facts.locks.run) = (false, None);
            self.changed = true;
            return true;
        }
        false
    }
}
