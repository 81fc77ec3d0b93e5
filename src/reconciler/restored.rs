//! After a restore: what is known is old. Nothing is done on the word of a backup that a later run may have made wrong.
//!
//! Hosts may have newer commits than the backup knows. So wishes of persons lapse; nothing is applied before the source
//! was fetched, else an older commit would go over a newer one; retries, catch-ups and corrections wait until a check
//! looked, and where newer commits are there, until the stack was applied once. All checks are spread.

use crate::domain::{
    CheckSchedule, CommitHash, Mode, Restored, RunSpec, Selection, Span, StackPolicy, Timestamp, Trigger,
    later,
};

use super::Reconciler;
use super::ending::Ended;
use super::source::Source;
use super::stack::Stack;
use super::wants::Waiting;

/// The checks of all stacks are spread over this for each, and never over more than the other.
const SPREAD_EACH: Span = Span::from_secs(10);
const SPREAD_MOST: Span = Span::from_hours(1);

/// So many numbers of runs are left out: the daemon before may have given them after the backup.
const NUMBERS_LEFT_OUT: u64 = 1000;

impl Reconciler {
    /// What is known is that of a backup.
    pub(super) fn restored(&mut self, now: Timestamp) {
        self.next_run = self.next_run.saturating_add(NUMBERS_LEFT_OUT);
        self.next_run_changed = true;
        let stacks = self.all_stacks().filter(|it| it.facts.attempt.is_some()).count();
        let stacks = i32::try_from(stacks).unwrap_or(i32::MAX);
        let spread = SPREAD_EACH.checked_mul(stacks).unwrap_or(SPREAD_MOST).min(SPREAD_MOST);
        let jitter = self.jitter;
        for source in self.sources.values_mut() {
            for (name, stack) in &mut source.stacks {
                let salt = u64::try_from(now.as_millisecond()).unwrap_or(0);
                stack.restored(now, later(now, jitter.within(spread, name.as_str(), salt)));
            }
        }
    }
}

impl Source {
    /// The first fetch since a restore tells whether there are commits that the backup does not know.
    pub(super) fn fetched_since_restore(&mut self, tip: &CommitHash) {
        let moved = self.facts.admitted.as_ref() != Some(tip);
        for stack in self.stacks.values_mut() {
            if let Some(restored) = stack.facts.restored.as_mut().filter(|it| !it.fetched) {
                (restored.fetched, restored.moved) = (true, moved);
                stack.changed = true;
                stack.settle_restored();
            }
        }
    }
}

impl Stack {
    fn restored(&mut self, now: Timestamp, look_at: Timestamp) {
        let facts = &mut self.facts;
        // Whoever wished something may have got it after the backup, and can wish again.
        (facts.request, facts.answering) = (None, None);
        facts.probe.back.clear();
        facts.probe.at = facts.probe.at.map(|it| it.max(look_at));
        facts.heal.narrow = None;
        facts.restored = Some(Restored { at: now, look_at, looked: false, fetched: false, moved: false });
        self.changed = true;
    }

    /// What keeps an apply that nobody asked for from starting on the word of a backup.
    pub(super) fn not_on_the_word_of_a_backup(
        &self,
        trigger: Trigger,
        policy: &StackPolicy,
        now: Timestamp,
    ) -> Result<(), Waiting<'static>> {
        let Some(restored) = &self.facts.restored else { return Ok(()) };
        if !restored.fetched {
            return Err(Waiting::Restored { until: None, fetched: false });
        }
        let may = match trigger {
            Trigger::NewRevision => true,
            // Nobody looks before: waiting longer would not tell more.
            _ => restored.looked || (policy.check == CheckSchedule::Never && restored.look_at <= now),
        };
        let until = Some(restored.look_at).filter(|it| now < *it);
        if may { Ok(()) } else { Err(Waiting::Restored { until, fetched: true }) }
    }

    /// When it is looked at because of a restore, if nobody looked yet.
    pub(super) fn look_after_restore(&self, policy: &StackPolicy) -> Option<Timestamp> {
        let restored = self.facts.restored.filter(|it| !it.looked)?;
        let owed = self.facts.check.verify.is_some() || policy.check != CheckSchedule::Never;
        owed.then(|| self.facts.check.retry_at.map_or(restored.look_at, |it| it.max(restored.look_at)))
    }

    /// A run ended: does it tell more than the backup?
    pub(super) fn told_since_restore(&mut self, ended: &Ended<'_>, spec: &RunSpec) {
        let Some(restored) = &mut self.facts.restored else { return };
        if ended.ending.outcome.ended_by_others() || spec.selection != Selection::Full {
            return;
        }
        match spec.mode {
            Mode::Apply => self.facts.restored = None,
            Mode::Check if matches!(spec.trigger, Trigger::MergeRequest | Trigger::Approval) => {}
            Mode::Check => restored.looked = true,
        }
        self.settle_restored();
    }

    /// It is over once it was looked, and nothing is there that the backup did not know.
    fn settle_restored(&mut self) {
        self.facts.restored.take_if(|it| it.looked && it.fetched && !it.moved);
    }
}
