//! What a daemon that is started now would know.

use crate::domain::{StackStatus, SyncStatus};
use crate::reconciler::Reconciler;

use super::promise;
use super::world::World;

impl World {
    /// Nothing that matters is only in the head of the daemon.
    pub(super) fn check_memory(&self) {
        let rebuilt = Reconciler::new(self.core.settings().clone(), self.memory.clone(), self.seed, self.now);
        let kept = |core: &Reconciler| -> Vec<StackStatus> {
            let stacks = core.stacks(self.now).into_iter();
            let derived = |mut it: StackStatus| {
                (it.sync, it.next_run) = (SyncStatus::Unknown, None);
                it.reason.clear();
                it
            };
            stacks.map(derived).collect()
        };
        let (now, then) = (kept(&self.core), kept(&rebuilt));
        promise!(now == then, "nothing is lost in a restart", "{now:#?}\n{then:#?}");
    }
}
