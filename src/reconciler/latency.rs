//! How fast stacks follow Git: counted for metrics, never decided by.

use crate::domain::{Applied, Mode, RunId, StackId, Timestamp};

use super::Reconciler;

impl Reconciler {
    /// A run was let through to its hosts.
    pub(super) fn measure_started(&mut self, now: Timestamp, run: RunId, waited_since: Option<Timestamp>) {
        for source in self.sources.values_mut() {
            let live =
                source.stacks.values().filter_map(|it| it.facts.live.as_ref()).find(|it| it.run == run);
            let Some(live) = live else { continue };
            let (commit, mode, name) = (live.revision.commit.clone(), live.mode, live.stack.stack.clone());
            let seen = source.seen_at(&commit);
            let Some(stack) = source.stacks.get_mut(&name) else { return };
            if let Some(seen) = seen.filter(|_| mode == Mode::Apply) {
                stack.facts.latencies.may_start(&commit, seen, now);
            }
            if let Some(since) = waited_since {
                stack.facts.latencies.lock_wait.observe(now.duration_since(since));
            }
            return;
        }
    }

    /// A run ended: do all hosts have the head now?
    pub(super) fn measure_applied(&mut self, now: Timestamp, id: &StackId) {
        let Some(source) = self.sources.get_mut(&id.source) else { return };
        let Some(head) = source.facts.head.as_ref().map(|it| it.revision.commit.clone()) else { return };
        let Some(seen) = source.seen_at(&head) else { return };
        let Some(stack) = source.stacks.get_mut(&id.stack) else { return };
        if stack.summary(&head).applied == Applied::Everywhere(head.clone()) {
            stack.facts.latencies.applied_everywhere(&head, seen, now);
        }
    }
}
