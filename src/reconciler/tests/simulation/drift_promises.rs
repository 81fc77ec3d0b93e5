//! The promises about checks, corrections and locks.

use std::collections::BTreeSet;

use crate::domain::{
    Decision, HealPolicy, LockKey, Mode, Outcome, RefusalCause, RunId, RunSpec, StackId, StackPolicy,
    Trigger, WindowState,
};

use super::endings;
use super::promise;
use super::seen::SeenStack;
use super::world::World;

impl World {
    /// Checks and corrections are of what was attempted last, and only who is told to corrects.
    pub(super) fn check_look_or_heal(spec: &RunSpec, seen: &SeenStack, policy: &StackPolicy) {
        let attempt = seen.attempt.as_ref().filter(|it| it.commit == spec.revision.commit);
        let ended = attempt.and_then(|it| it.outcome);
        promise!(ended.is_some(), "drift is looked for at the attempted revision", "{spec:?}");
        if spec.mode == Mode::Check {
            let why = [Trigger::Schedule, Trigger::Verify, Trigger::Drift, Trigger::OwedHosts];
            promise!(why.contains(&spec.trigger), "the trigger says why", "{spec:?}");
            return;
        }
        let good = ended.is_some_and(|it| it.is_success() || it == Outcome::Unreachable);
        promise!(good, "what failed is retried, not healed", "{spec:?}");
        let heals = policy.heal == HealPolicy::Corrective;
        promise!(heals, "a report-only stack is never corrected", "{spec:?}");
        promise!(seen.held.as_ref() != Some(&spec.revision.commit), "never while held", "{spec:?}");
    }

    /// Applies start in their windows, unless a person said why one must not wait.
    pub(super) fn check_window(&self, decision: &Decision) {
        let Decision::Start { spec, .. } = decision else { return };
        if spec.mode == Mode::Check || spec.outside_window.is_some() {
            return;
        }
        let policy =
            self.core.stacks(self.now).into_iter().find(|it| it.id == spec.stack).map(|it| it.policy);
        let open = policy.is_none_or(|it| matches!(it.windows.state(self.now), WindowState::Open { .. }));
        promise!(open, "applies start only in their windows", "{spec:?}");
    }

    /// A run was let through: nobody else may have its machines.
    pub(super) fn check_grant(&self, run: RunId) {
        let Some(granted) = self.executing.get(&run) else { return };
        let mine: BTreeSet<LockKey> = endings::question(&granted.spec).hosts.into_values().collect();
        for (other, it) in self.executing.iter().filter(|(it, _)| **it != run) {
            let changes = it.spec.mode == Mode::Apply || granted.spec.mode == Mode::Apply;
            let theirs: BTreeSet<LockKey> = endings::question(&it.spec).hosts.into_values().collect();
            let both = it.asked == Some(true) && changes && !mine.is_disjoint(&theirs);
            promise!(!both, "no host is under two applies, or looked at during one", "{run} and {other}");
        }
    }

    /// A run was refused: some refusals end with an event, not with time.
    pub(super) fn observe_refusal(&mut self, run: RunId, why: &RefusalCause) {
        let event = matches!(why, RefusalCause::Locked { .. } | RefusalCause::Airbag { .. });
        let live = self.executing.get(&run).map(|it| it.spec.stack.clone());
        if let Some(id) = live.filter(|_| event) {
            self.stack(&id).waits_for_event = true;
        }
    }

    pub(super) fn stack(&mut self, id: &StackId) -> &mut SeenStack {
        self.seen.stacks.entry(id.clone()).or_default()
    }
}
