//! What the end of a run means for its stack.

use std::collections::BTreeMap;

use crate::domain::{
    Attempt, Ending, Failure, Findings, Hold, HostEnd, HostName, Interruption, Mode, Outcome, ProbeFacts,
    Reason, RefusalCause, Request, Retry, Revision, RunSpec, Selection, Span, StackId, Timestamp, Trigger,
    later,
};

use super::backoff::{Jitter, doubled};
use super::drift::Applied;
use super::ledger::told_all;
use super::stack::{Stack, StopOrder};
use super::words;

/// The first pause after an interruption. What was interrupted is not to blame, so it is short.
const INTERRUPTED_PAUSE: Span = Span::from_secs(1);

/// The pauses that the operator wants before something is tried again.
#[derive(Debug)]
pub(super) struct Pace<'a> {
    pub(super) retry_base: Span,
    pub(super) retry_max: Span,
    pub(super) jitter: Jitter,
    pub(super) stack: &'a StackId,
    /// What the operator says of far more changes than usual.
    pub(super) more_changes: Option<u32>,
    /// How long a task can go on at a host after its connection broke.
    pub(super) max_task_time: Span,
}

impl Pace<'_> {
    pub(super) fn spread(&self, pause: Span, spec: &RunSpec) -> Span {
        self.jitter.at_least(pause, self.stack.stack.as_str(), spec.run.0)
    }

    pub(super) fn after_failures(&self, spec: &RunSpec, failures: u32) -> Span {
        self.spread(doubled(self.retry_base, self.retry_max, failures), spec)
    }

    fn after_interruptions(&self, spec: &RunSpec, in_row: u32) -> Span {
        self.spread(doubled(INTERRUPTED_PAUSE, self.retry_max, in_row), spec)
    }

    /// After `failures` failures of which the last may have said when trying again makes sense.
    fn after_ending(&self, spec: &RunSpec, failures: u32, ending: &Ending) -> Span {
        let pause = self.after_failures(spec, failures);
        let Some(Reason::Setup { failure: Failure { retry, .. } }) = &ending.reason else { return pause };
        match retry {
            Retry::Soon => pause,
            Retry::After(asked) => pause.max(*asked),
            Retry::UntilChanged => self.spread(self.retry_max, spec).max(pause),
        }
    }
}

/// A run that ended, as its stack learns of it.
#[derive(Debug)]
pub(super) struct Ended<'a> {
    pub(super) now: Timestamp,
    pub(super) ending: &'a Ending,
    pub(super) hosts: &'a BTreeMap<HostName, HostEnd>,
    /// What it found out.
    pub(super) findings: &'a Findings,
    /// What the stack is measured against, if its source has a head.
    pub(super) head: Option<&'a Revision>,
}

impl Stack {
    /// Nothing of the live run is left.
    pub(super) fn finished(&mut self, ended: &Ended<'_>, pace: &Pace<'_>) {
        let Some(spec) = self.facts.live.take() else { return };
        let (order, answering) = (self.order.take(), self.facts.answering.take());
        let before = self.before.take();
        self.changed = true;
        match spec.mode {
            // Of a preview nothing is learned about the hosts.
            Mode::Check if spec.trigger == Trigger::MergeRequest => {}
            Mode::Check if spec.trigger == Trigger::Approval => self.approval_looked(ended, pace, &spec),
            Mode::Check => self.check_finished(ended, pace, &spec),
            Mode::Apply => self.apply_finished(ended, pace, &spec, before),
        }
        self.told_since_restore(ended, &spec);
        self.release_locks(ended.now, &spec, ended.findings, pace.max_task_time);
        self.count_interruption(ended, pace, &spec);
        match ended.ending.outcome {
            Outcome::Interrupted => self.owe_again(answering),
            Outcome::Refused => {
                self.owe_again(answering);
                // What waits for locks or for a person has its own way to go on.
                if !matches!(
                    self.refusal.take(),
                    Some(
                        RefusalCause::Locked { .. }
                            | RefusalCause::Airbag { .. }
                            | RefusalCause::Approval { .. }
                    )
                ) {
                    self.refused_until = Some(later(ended.now, pace.after_failures(&spec, 1)));
                }
            }
            _ => {}
        }
        self.settle_hold(ended, &spec, order);
    }

    fn apply_finished(
        &mut self,
        ended: &Ended<'_>,
        pace: &Pace<'_>,
        spec: &RunSpec,
        before: Option<Attempt>,
    ) {
        let outcome = ended.ending.outcome;
        let heals = spec.trigger == Trigger::Drift;
        if outcome == Outcome::Refused && !ended.findings.begun {
            if spec.selection == Selection::Full && !heals {
                self.facts.attempt = before;
            }
            return;
        }
        let told_all = spec.selection == Selection::Full && told_all(ended.ending, ended.hosts);
        let applied = Applied {
            hosts: ended.hosts,
            findings: ended.findings,
            check: self.facts.check.last.as_ref().filter(|it| it.revision == spec.revision).map(|it| it.run),
        };
        if applied.check.is_some() && spec.selection != Selection::SomeTasks {
            self.tasks.compare(ended.now, &applied, &self.ledger, heals);
        }
        self.ledger.applied_run(ended.now, spec, ended.hosts, told_all);
        self.ledger.settle_debts(ended.findings);
        if told_all {
            self.facts.last_full_run = Some(spec.run);
        }
        if let Some(narrowing) = &ended.findings.narrowing {
            self.facts.check.narrowing = Some((spec.revision.commit.clone(), narrowing.clone()));
        }
        self.facts.check.verify = None;
        match spec.selection {
            Selection::Full if heals => self.full_heal_finished(ended, pace, spec),
            Selection::Full => self.attempt_finished(ended, pace, spec),
            Selection::SomeHosts if spec.trigger == Trigger::OwedHosts => self.caught_up(ended, pace, spec),
            Selection::SomeHosts => self.catch_up_later(ended, pace, spec),
            Selection::SomeTasks => {}
        }
        self.owe_verify(spec, ended);
        if heals {
            self.heal_finished(ended, pace, spec);
        }
    }

    /// A correction by a run of the whole stack is no attempt of a revision, and yet a success of it.
    fn full_heal_finished(&mut self, ended: &Ended<'_>, pace: &Pace<'_>, spec: &RunSpec) {
        if ended.ending.outcome.is_success() {
            self.facts.last_success = Some(ended.now);
            if self.owes_unreachable() {
                self.nothing_is_owed(ended.now);
            }
        }
        self.catch_up_later(ended, pace, spec);
    }

    /// All hosts have the attempted revision, also those that it did not reach at first.
    fn nothing_is_owed(&mut self, now: Timestamp) {
        if let Some(attempt) = &mut self.facts.attempt {
            (attempt.outcome, attempt.why) = (Some(Outcome::Changed), None);
            (attempt.failures, attempt.retry_at) = (0, None);
        }
        self.facts.last_success = Some(now);
        self.facts.probe = ProbeFacts::default();
    }

    /// Hosts that were owed were caught up by an apply of them alone.
    fn caught_up(&mut self, ended: &Ended<'_>, pace: &Pace<'_>, spec: &RunSpec) {
        self.facts.heal.narrow = None;
        self.facts.probe.back.clear();
        let owed = self.ledger.known(self.facts.last_full_run).any(|(_, it)| it.owed_since.is_some());
        let outcome = ended.ending.outcome;
        let same = |it: &&mut Attempt| it.revision.commit == spec.revision.commit;
        let Some(attempt) = self.facts.attempt.as_mut().filter(same) else { return };
        if !owed && outcome.is_success() {
            return self.nothing_is_owed(ended.now);
        }
        if !outcome.ended_by_others() {
            attempt.failures = attempt.failures.saturating_add(1);
        }
        if !outcome.is_success() && outcome != Outcome::Unreachable && !outcome.ended_by_others() {
            // It answers, and what is owed to it fails: that is a failure of the revision.
            (attempt.outcome, attempt.why) = (Some(Outcome::Failed), None);
        }
        let at = later(ended.now, pace.after_failures(spec, attempt.failures.max(1)));
        attempt.retry_at = Some(at);
        self.probe_later(at);
    }

    fn attempt_finished(&mut self, ended: &Ended<'_>, pace: &Pace<'_>, spec: &RunSpec) {
        let interruptions = self.interruptions_with_this_one();
        let Some(attempt) = self.facts.attempt.as_mut().filter(|it| it.run == spec.run) else { return };
        attempt.outcome = Some(ended.ending.outcome);
        // Who ended it is told elsewhere, with what follows from that.
        let reason = ended.ending.reason.as_ref().filter(|_| !ended.ending.outcome.ended_by_others());
        attempt.why = reason.map(|it| words::one_line(&it.to_string()));
        attempt.at = ended.now;
        let pause = match ended.ending.outcome {
            Outcome::InSync | Outcome::Changed | Outcome::Drifted => {
                attempt.failures = 0;
                self.facts.last_success = Some(ended.now);
                None
            }
            Outcome::Failed | Outcome::Unreachable | Outcome::TimedOut | Outcome::Errored => {
                attempt.failures = attempt.failures.saturating_add(1);
                Some(pace.after_ending(spec, attempt.failures, ended.ending))
            }
            Outcome::Interrupted => Some(pace.after_interruptions(spec, interruptions)),
            // Owed at once when the hold ends. A refused attempt was taken back before.
            Outcome::Cancelled | Outcome::Refused => Some(Span::ZERO),
        };
        attempt.retry_at = pause.map(|it| later(ended.now, it));
        let retry_at = attempt.retry_at;
        match retry_at.filter(|_| self.owes_unreachable()) {
            Some(at) => self.probe_later(at),
            None if self.facts.locks.quarantine.is_empty() => {
                self.facts.probe = ProbeFacts::default();
            }
            None => self.facts.probe.back.clear(),
        }
    }

    /// Hosts that a correction or a person's limited apply did not reach at the attempted revision are asked for and
    /// caught up. So are those that a correction did not finish, which nobody asks for again.
    fn catch_up_later(&mut self, ended: &Ended<'_>, pace: &Pace<'_>, spec: &RunSpec) {
        let outcome = ended.ending.outcome;
        let unfinished = ended.hosts.values().any(|it| *it == HostEnd::Unfinished);
        let unfinished = unfinished && spec.trigger == Trigger::Drift && outcome != Outcome::Cancelled;
        let Some(attempt) = &mut self.facts.attempt else { return };
        let same = attempt.revision.commit == spec.revision.commit;
        if (outcome == Outcome::Unreachable || unfinished) && same {
            let at = later(ended.now, pace.after_failures(spec, 1));
            attempt.retry_at.get_or_insert(at);
            if self.owes_unreachable() {
                self.probe_later(at);
            }
        }
    }

    fn interruptions_with_this_one(&self) -> u32 {
        self.facts.interrupted.map_or(1, |it| it.in_row.saturating_add(1))
    }

    fn count_interruption(&mut self, ended: &Ended<'_>, pace: &Pace<'_>, spec: &RunSpec) {
        if ended.ending.outcome == Outcome::Interrupted {
            let in_row = self.interruptions_with_this_one();
            let retry_at = later(ended.now, pace.after_interruptions(spec, in_row));
            self.facts.interrupted = Some(Interruption { in_row, retry_at });
        } else {
            self.facts.interrupted = None;
        }
    }

    /// The request that the run was to answer is unanswered. A newer one wins, unless it would only look.
    fn owe_again(&mut self, answering: Option<Request>) {
        let Some(request) = answering else { return };
        let newer_applies = self.facts.request.as_ref().is_some_and(|it| it.mode == Mode::Apply);
        let newer_checks = self.facts.request.is_some() && request.mode == Mode::Check;
        if !newer_applies && !newer_checks {
            self.facts.request = Some(request);
        }
    }

    /// What was cancelled waits for a newer commit or a person; what succeeded all the same does not.
    fn settle_hold(&mut self, ended: &Ended<'_>, spec: &RunSpec, order: Option<StopOrder>) {
        if spec.mode == Mode::Check {
            return;
        }
        if ended.ending.outcome.is_success() && order.as_ref().is_some_and(|it| it.set_hold) {
            self.facts.hold = None;
        }
        let at_head = ended.head.filter(|it| it.commit == spec.revision.commit);
        if let Some(revision) = at_head.filter(|_| ended.ending.outcome == Outcome::Cancelled) {
            self.facts.hold.get_or_insert_with(|| {
                let reason = order.map_or_else(|| format!("run {} was cancelled", spec.run), |it| it.reason);
                Hold { revision: revision.clone(), since: ended.now, reason }
            });
        }
    }
}
