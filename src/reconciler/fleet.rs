//! What is told of all stacks at once.

use std::collections::BTreeMap;

use crate::domain::{
    ChangeClass, HeldLock, HostMark, HostName, HostState, HostStatus, Revision, StackId, StackOverview,
    StackStatus, Timestamp,
};

use super::Reconciler;
use super::source::Source;
use super::stack::Stack;
use super::wants::World;

impl Reconciler {
    /// All stacks that [`Reconciler::stacks`] tells of, with their hosts in one word each.
    pub fn fleet(&self, now: Timestamp) -> Vec<StackOverview> {
        let world = self.world(now);
        let all = self.stacks(now).into_iter();
        all.filter_map(|status| {
            let (source, stack) = self.place_of(&status.id)?;
            Some(stack.overview(status, source, &world))
        })
        .collect()
    }

    /// One of them.
    pub fn overview(&self, now: Timestamp, id: &StackId) -> Option<StackOverview> {
        let status = self.stack(now, id)?;
        let (source, stack) = self.place_of(id)?;
        Some(stack.overview(status, source, &self.world(now)))
    }

    /// One host in each declared stack that has it: the head there, how it stands, and what is known of it.
    pub fn host(&self, now: Timestamp, host: &HostName) -> Vec<(StackId, Revision, HostState, HostStatus)> {
        let stacks = self
            .sources
            .iter()
            .flat_map(|(name, source)| source.named_stacks(name).map(move |(id, stack)| (id, source, stack)));
        let found = stacks.filter_map(|(id, source, stack)| {
            let (head, _) = source.declared(stack)?;
            let line = stack.ledger.get(host)?;
            let known = stack.facts.last_full_run.is_some() && line.full_run == stack.facts.last_full_run;
            let status = known.then(|| stack.host_status(now, host, line))?;
            let drifted = status.drift.iter().any(|it| it.class.is_drift());
            let state = HostState::of(line, &head.revision.commit, drifted);
            Some((id, head.revision.clone(), state, status))
        });
        found.collect()
    }

    fn place_of(&self, id: &StackId) -> Option<(&Source, &Stack)> {
        let source = self.sources.get(&id.source)?;
        Some((source, source.stacks.get(&id.stack)?))
    }
}

impl Stack {
    fn overview(&self, status: StackStatus, source: &Source, world: &World) -> StackOverview {
        let policy = source.declared(self).map(|(_, policy)| policy);
        let (mut drifted_hosts, mut marks) = (BTreeMap::new(), Vec::new());
        let mut owed_since = None;
        for (host, line) in self.ledger.known(self.facts.last_full_run) {
            let mut classes: Vec<ChangeClass> =
                line.changes.iter().filter(|it| it.present).map(|it| self.tasks.class(it)).collect();
            classes.sort_unstable();
            classes.dedup();
            for class in &classes {
                *drifted_hosts.entry(*class).or_default() += 1;
            }
            let drifted = classes.iter().any(|it| it.is_drift());
            owed_since = owed_since.into_iter().chain(line.owed_since).min();
            marks.push(HostMark {
                host: host.clone(),
                state: HostState::of(line, &status.head.commit, drifted),
                owed_since: line.owed_since,
                last_seen: line.last_seen,
            });
        }
        let flapping = self.tasks.iter().filter(|(_, it)| it.flapping_since.is_some()).count();
        StackOverview {
            next_check: policy
                .and_then(|it| self.check_at(it, world))
                .filter(|_| self.facts.suspended.is_none()),
            check: self.facts.check.last.clone(),
            check_failures: self.facts.check.failures,
            drifted_hosts,
            flapping_tasks: u32::try_from(flapping).unwrap_or(u32::MAX),
            owed_since,
            marks,
            lock_wait_since: self.lock_since,
            locks: self.held_locks(),
            status,
        }
    }

    fn held_locks(&self) -> Vec<HeldLock> {
        let locks = &self.facts.locks;
        let held = locks.keys.iter().map(|key| HeldLock {
            key: key.clone(),
            run: locks.run,
            exclusive: locks.exclusive,
            doubtful_until: None,
        });
        let doubtful = locks.quarantine.iter().flat_map(|doubt| {
            doubt.hosts.values().map(|key| HeldLock {
                key: key.clone(),
                run: Some(doubt.run),
                exclusive: true,
                doubtful_until: Some(doubt.until),
            })
        });
        held.chain(doubtful).collect()
    }
}
