//! What is told of drift and of hosts: the facts of checks, ledger and tasks put together.

use crate::domain::{
    ApplyPolicy, Drift, DriftFacts, DriftReport, HealPolicy, HostLedger, HostName, HostStatus, StackId,
    StackPolicy, TaskFacts, Timestamp,
};

use super::Reconciler;
use super::stack::Stack;
use super::wants::Waiting;
use super::words;

impl Reconciler {
    /// What differs on the hosts of a stack, and what is said about its tasks; `None` for a stack that is not declared.
    pub fn drift(&self, now: Timestamp, id: &StackId) -> Option<DriftReport> {
        let world = self.world(now);
        let source = self.sources.get(&id.source)?;
        let stack = source.stacks.get(&id.stack)?;
        let (_, policy) = source.declared(stack)?;
        let hosts = stack.ledger.known(stack.facts.last_full_run);
        let hosts: Vec<HostStatus> = hosts.map(|(host, line)| stack.host_status(now, host, line)).collect();
        let drifted = hosts.iter().any(|it| it.drift.iter().any(|it| it.class.is_drift()));
        Some(DriftReport {
            stack: id.clone(),
            revision: stack.facts.attempt.as_ref().map(|it| it.revision.clone()),
            check: stack.facts.check.last.clone(),
            next_check: stack.check_at(policy, &world).filter(|_| stack.facts.suspended.is_none()),
            correction: drifted.then(|| stack.correction(policy, now)),
            hosts,
            tasks: stack.tasks.iter().map(|(_, it)| it.clone()).collect(),
        })
    }

    /// The numbers of the drift of all declared stacks.
    pub fn drift_facts(&self) -> Vec<DriftFacts> {
        let mut all = Vec::new();
        for (name, source) in self.sources.iter().filter(|(_, it)| it.policy.is_some()) {
            for (id, stack) in source.named_stacks(name).filter(|(_, it)| it.declared.is_some()) {
                let hosts = stack.ledger.known(stack.facts.last_full_run);
                let tasks: Vec<&TaskFacts> = stack.tasks.iter().map(|(_, it)| it).collect();
                let mut facts = DriftFacts::count(id, &stack.facts, tasks, hosts, |it| stack.tasks.class(it));
                facts.lock_wait_since = stack.lock_since;
                all.push(facts);
            }
        }
        all
    }
}

impl Stack {
    pub(super) fn host_status(&self, now: Timestamp, host: &HostName, line: &HostLedger) -> HostStatus {
        let drift = line.changes.iter().filter(|it| it.present).map(|it| Drift {
            task: self.tasks.get(&it.task).map(|it| it.identity.clone()).unwrap_or_default(),
            item: it.item.clone(),
            digest: it.digest.clone(),
            class: self.tasks.class(it),
            run: it.run,
            onsets: it.onsets.clone(),
            heals: it.heals.clone(),
        });
        let doubt = self.facts.locks.quarantine.iter().find(|it| it.hosts.contains_key(host));
        let holds = line.lock.as_ref().is_some_and(|it| self.facts.locks.keys.contains(it));
        let locked = match (doubt, self.facts.locks.run) {
            (Some(doubt), _) => Some(format!(
                "something of run {} may be left there; locked until that is known, at the latest {}",
                doubt.run,
                words::until(now, doubt.until)
            )),
            (None, Some(run)) if holds => Some(format!("run {run} has it")),
            _ => None,
        };
        HostStatus {
            host: host.clone(),
            attempted: line.attempted.clone(),
            applied: line.applied.clone(),
            applied_at: line.applied_at,
            checked_at: line.checked_at,
            last_seen: line.last_seen,
            owed_since: line.owed_since,
            failed: line.failed,
            pending: line.pending.clone(),
            drift: drift.collect(),
            locked,
        }
    }

    /// What happens to drift that is there.
    fn correction(&self, policy: &StackPolicy, now: Timestamp) -> String {
        if policy.heal == HealPolicy::Never {
            return "it is reported and not corrected (`heal: never`)".to_owned();
        }
        if let Some((by, _)) = &self.facts.suspended {
            return format!("nothing is corrected: suspended by {by}");
        }
        match self.heal_waiting(policy, now) {
            Some(Waiting::HealCapped { until }) => {
                format!("corrected as often as a day allows; corrected again {}", words::until(now, until))
            }
            Some(Waiting::HealBackoff { until }) => {
                format!("the last try did not correct it; tried again {}", words::until(now, until))
            }
            _ if self.heals_only_unseen(policy, now) => {
                "it is corrected once a check has seen the host again, which did not answer the last one"
                    .to_owned()
            }
            _ if self.heal_due(policy, now).is_some() => {
                "it is corrected as soon as its hosts are free".to_owned()
            }
            _ if policy.apply == ApplyPolicy::OnCommit => {
                "it is not corrected while the revision is held, waits or is retried".to_owned()
            }
            _ => "it is not corrected while the revision is held or waits".to_owned(),
        }
    }
}
