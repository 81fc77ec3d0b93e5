//! When check mode looks for drift, and what it means that it looked.

use crate::domain::{
    AirbagHold, HostEnd, HostName, LastCheck, Mode, Outcome, OwedVerify, RunSpec, Selection, Span,
    StackPolicy, Timestamp, Trigger, later,
};

use super::backoff::doubled;
use super::drift::{Followed, Looked, predictions};
use super::ending::{Ended, Pace};
use super::ledger::told_all;
use super::stack::Stack;
use super::wants::{Want, World};

/// So many changes are never far more than usual.
const FEW_CHANGES: u64 = 10;

impl Stack {
    /// When the next check of the whole stack is due, if it was ever applied.
    pub(super) fn check_at(&self, policy: &StackPolicy, world: &World) -> Option<Timestamp> {
        let attempt = self.facts.attempt.as_ref().filter(|it| it.outcome.is_some())?;
        if let Some(at) = self.look_after_restore(policy) {
            return Some(at);
        }
        if self.facts.check.verify.is_some() {
            return Some(world.now);
        }
        let last = self.facts.check.last.as_ref().map_or(attempt.at, |it| it.at.max(attempt.at));
        let (name, salt) = (policy.id.stack.as_str(), u64::try_from(last.as_millisecond()).unwrap_or(0));
        let due = policy.check.after(last, |it| world.jitter.around(it, name, salt))?;
        Some(self.facts.check.retry_at.map_or(due, |it| it.max(due)))
    }

    /// The check that is due.
    pub(super) fn check_due<'a>(&'a self, policy: &StackPolicy, world: &World) -> Option<Want<'a>> {
        let attempt = self.facts.attempt.as_ref().filter(|it| it.outcome.is_some())?;
        if self.paused_until(world.now).is_some() {
            return None;
        }
        let revision = &attempt.revision;
        let want = |trigger, hosts| Want {
            mode: Mode::Check,
            trigger,
            revision,
            request: None,
            hosts,
            merge_request: None,
        };
        if self.look_after_restore(policy).is_some_and(|it| world.now < it) {
            return None;
        }
        if let Some(owed) =
            self.facts.check.verify.as_ref().filter(|it| it.revision.commit == revision.commit)
        {
            return Some(want(Trigger::Verify, owed.hosts.clone()));
        }
        let at = self.check_at(policy, world)?;
        (at <= world.now).then(|| want(Trigger::Schedule, None))
    }

    /// An apply that changed something owes a check of what it was for.
    pub(super) fn owe_verify(&mut self, spec: &RunSpec, ended: &Ended<'_>) {
        let changed = !ended.findings.changes.is_empty() || ended.findings.changes_left_out != 0;
        let outcome = ended.ending.outcome;
        let to_the_end = outcome.is_success() || outcome == Outcome::Unreachable;
        if !changed || !to_the_end || spec.selection == Selection::SomeTasks {
            return;
        }
        // Only what the stack is at is checked: a revision that a person applied to a part of it is not.
        if !self.attempted(&spec.revision.commit) {
            return;
        }
        let hosts = (spec.selection == Selection::SomeHosts).then(|| ended.hosts.keys().cloned().collect());
        self.facts.check.verify = Some(OwedVerify {
            apply: spec.run,
            revision: spec.revision.clone(),
            hosts,
            heal: spec.trigger == Trigger::Drift,
        });
    }

    /// A check run ended.
    pub(super) fn check_finished(&mut self, ended: &Ended<'_>, pace: &Pace<'_>, spec: &RunSpec) {
        self.ledger.checked(ended.now, ended.hosts);
        let owed = if spec.trigger == Trigger::Verify { self.facts.check.verify.take() } else { None };
        let follows = owed.as_ref().map(|it| if it.heal { Followed::Correction } else { Followed::Revision });
        if !told_all(ended.ending, ended.hosts) {
            return self.check_failed(ended, pace, spec, owed);
        }
        if spec.selection == Selection::Full {
            (self.facts.check.failures, self.facts.check.retry_at) = (0, None);
        }
        if spec.selection == Selection::SomeTasks || !self.attempted(&spec.revision.commit) {
            return;
        }
        let full = spec.selection == Selection::Full;
        if !full && matches!(spec.trigger, Trigger::Drift | Trigger::OwedHosts) {
            return self.narrowed_check_finished(ended, pace, spec);
        }
        let looked = Looked {
            now: ended.now,
            run: spec.run,
            commit: &spec.revision.commit,
            full,
            follows,
            hosts: ended.hosts,
            findings: ended.findings,
        };
        self.tasks.looked(&looked, &self.ledger);
        self.ledger.looked(&looked, &self.tasks);
        self.tasks.forget_all_but(&self.ledger.differing());
        if full {
            self.remember_check(ended, spec, pace);
        }
        if let Some(narrowing) = &ended.findings.narrowing {
            self.facts.check.narrowing = Some((spec.revision.commit.clone(), narrowing.clone()));
        }
        if let Some(owed) = owed {
            self.heal_verified(ended.now, pace, spec, &owed);
        }
    }

    /// A check that did not get to its end says nothing of hosts. It is tried again, as a check, after a pause.
    pub(super) fn check_failed(
        &mut self,
        ended: &Ended<'_>,
        pace: &Pace<'_>,
        spec: &RunSpec,
        owed: Option<OwedVerify>,
    ) {
        if ended.ending.outcome.ended_by_others() {
            self.facts.check.verify = owed.filter(|_| ended.ending.outcome != Outcome::Cancelled);
            return;
        }
        let check = &mut self.facts.check;
        check.failures = check.failures.saturating_add(1);
        let pause = doubled(pace.retry_base, pace.retry_max, check.failures);
        check.retry_at = Some(later(ended.now, pace.spread(pause, spec)));
        if let Some(owed) = owed {
            self.heal_verified(ended.now, pace, spec, &owed);
        }
    }

    fn remember_check(&mut self, ended: &Ended<'_>, spec: &RunSpec, pace: &Pace<'_>) {
        let unseen = ended.hosts.values().filter(|it| **it != HostEnd::Converged).count();
        let mut coverage = ended.findings.coverage;
        let unreliable = self.tasks.unreliable_changes(ended.findings);
        coverage.would_change = coverage.would_change.saturating_sub(unreliable);
        coverage.unreliable = unreliable;
        self.facts.check.last = Some(LastCheck {
            run: spec.run,
            revision: spec.revision.clone(),
            at: ended.now,
            coverage,
            unseen_hosts: u32::try_from(unseen).unwrap_or(u32::MAX),
            changes_left_out: ended.findings.changes_left_out,
        });
        self.weigh_changes(ended, spec, pace.more_changes);
    }

    /// Far more changes than usual wait for a person, where the operator wants it.
    fn weigh_changes(&mut self, ended: &Ended<'_>, spec: &RunSpec, most: Option<u32>) {
        let predicted = ended.findings.changes.len() as u64 + ended.findings.changes_left_out;
        let usual = self.facts.check.usual_changes;
        let far_more = |it: &u32| {
            let limit = usual.unwrap_or(0).max(100).saturating_mul(u64::from(*it)) / 100;
            usual.is_some() && FEW_CHANGES <= predicted && limit < predicted
        };
        let commit = &spec.revision.commit;
        if most.as_ref().is_some_and(far_more) {
            let approved = self.facts.locks.airbag.as_ref().is_some_and(|it| it.revision.commit == *commit);
            if !approved {
                let usual = usual.unwrap_or(0).div_ceil(100);
                self.facts.locks.airbag = Some(AirbagHold {
                    revision: spec.revision.clone(),
                    comparison: format!("the check predicts {predicted} changes, and {usual} are usual"),
                    digest: format!("changes-{}", spec.run),
                    run: spec.run,
                    since: ended.now,
                    approved_by: None,
                });
            }
            return;
        }
        self.facts.check.usual_changes = Some(match usual {
            None => predicted * 100,
            Some(usual) => (usual * 3 + predicted * 100) / 4,
        });
    }

    /// A check of some hosts, before an apply of them: does it predict what the full check predicted?
    fn narrowed_check_finished(&mut self, ended: &Ended<'_>, pace: &Pace<'_>, spec: &RunSpec) {
        let Some(plan) = &mut self.facts.heal.narrow else { return };
        if plan.commit != spec.revision.commit {
            return;
        }
        if plan.hosts.iter().any(|it| ended.hosts.get(it) == Some(&HostEnd::Unreachable)) {
            return self.narrowed_check_unreached(ended.now, pace, spec);
        }
        let quiet = |it: &HostName| {
            ended.hosts.get(it) == Some(&HostEnd::Converged)
                && predictions(ended.findings, it, &self.tasks).is_empty()
        };
        if spec.trigger == Trigger::Drift && plan.hosts.iter().all(quiet) {
            // Nothing is to be corrected. The next check of all will see it, too.
            return self.heal_put_off(ended.now, pace, spec);
        }
        let differs = plan.hosts.iter().find(|host| {
            let now = predictions(ended.findings, host, &self.tasks);
            let before = self.ledger.get(host).map(|it| &it.changes);
            let before = before.into_iter().flatten().filter(|it| it.present);
            let before = before.map(|it| (it.task.clone(), it.item.as_str(), it.digest.as_str()));
            ended.hosts.get(*host) != Some(&HostEnd::Converged) || now != before.collect()
        });
        plan.refused = differs.map(|host| {
            format!("a check of some hosts predicts something else for {host} than a check of all")
        });
        plan.checked = true;
    }
}

/// How long after a heal that did not help the next is tried.
pub(super) fn heal_pause(pace: &Pace<'_>, spec: &RunSpec, failures: u32) -> Span {
    pace.spread(doubled(pace.retry_base, pace.retry_max, failures), spec)
}
