//! What the end of a run means for its stack.

use std::collections::BTreeMap;

use crate::domain::{
    Attempt, Ending, Failure, Hold, HostEnd, HostName, Interruption, Mode, Outcome, Reason, Request, Retry,
    Revision, RunSpec, Selection, Span, StackId, Timestamp, later,
};

use super::backoff::{Jitter, doubled};
use super::ledger::told_all;
use super::stack::{Stack, StopOrder};

/// The first pause after an interruption. What was interrupted is not to blame, so it is short.
const INTERRUPTED_PAUSE: Span = Span::from_secs(1);

/// The pauses that the operator wants before something is tried again.
#[derive(Debug)]
pub(super) struct Pace<'a> {
    pub(super) retry_base: Span,
    pub(super) retry_max: Span,
    pub(super) jitter: Jitter,
    pub(super) stack: &'a StackId,
}

impl Pace<'_> {
    fn spread(&self, pause: Span, spec: &RunSpec) -> Span {
        self.jitter.at_least(pause, self.stack.stack.as_str(), spec.run.0)
    }

    fn after_failures(&self, spec: &RunSpec, failures: u32) -> Span {
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
            Mode::Check => self.ledger.checked(ended.now, ended.hosts),
            Mode::Apply => self.apply_finished(ended, pace, &spec, before),
        }
        self.count_interruption(ended, pace, &spec);
        match ended.ending.outcome {
            Outcome::Interrupted => self.owe_again(answering),
            Outcome::Refused => {
                self.owe_again(answering);
                self.refused_until = Some(later(ended.now, pace.after_failures(&spec, 1)));
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
        let told_all = spec.selection == Selection::Full && told_all(ended.ending, ended.hosts);
        self.ledger.applied_run(ended.now, spec, ended.hosts, told_all);
        if told_all {
            self.facts.last_full_run = Some(spec.run);
        }
        match spec.selection {
            Selection::Full if ended.ending.outcome == Outcome::Refused => self.facts.attempt = before,
            Selection::Full => self.attempt_finished(ended, pace, spec),
            Selection::SomeHosts if ended.ending.outcome == Outcome::Unreachable => {
                self.catch_up_later(ended, pace, spec);
            }
            Selection::SomeHosts | Selection::SomeTasks => {}
        }
    }

    fn attempt_finished(&mut self, ended: &Ended<'_>, pace: &Pace<'_>, spec: &RunSpec) {
        let interruptions = self.interruptions_with_this_one();
        let Some(attempt) = self.facts.attempt.as_mut().filter(|it| it.run == spec.run) else { return };
        attempt.outcome = Some(ended.ending.outcome);
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
    }

    /// Hosts that a person's limited apply did not reach at the head are caught up by a run of the whole stack.
    fn catch_up_later(&mut self, ended: &Ended<'_>, pace: &Pace<'_>, spec: &RunSpec) {
        let Some(attempt) = &mut self.facts.attempt else { return };
        let same = attempt.revision.commit == spec.revision.commit;
        if same && attempt.retry_at.is_none() {
            attempt.retry_at = Some(later(ended.now, pace.after_failures(spec, 1)));
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
