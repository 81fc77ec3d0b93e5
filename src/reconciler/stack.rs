//! What is known of one stack, and what persons and commits change about it. How a run of it ends is in `ending`.

use std::collections::BTreeSet;

use crate::domain::{
    Attempt, CommitHash, Head, Hold, LockKey, Mode, Outcome, RefusalCause, Request, Revision, RunSpec,
    Selection, StackFacts, StackPolicy, Timestamp, Trigger,
};

use super::drift::Tasks;
use super::ledger::{Ledger, Summary};
use super::limit::intersect_limits;
use super::locks::LockWait;

/// One stack. Whether it is declared, and what is wanted of it, is in the head of its source.
#[derive(Debug, Default)]
pub(super) struct Stack {
    /// Its place in the declaration of the head, if the head declares it.
    pub(super) declared: Option<usize>,
    pub(super) facts: StackFacts,
    pub(super) ledger: Ledger,
    /// Tasks that something is to be said about.
    pub(super) tasks: Tasks,
    /// Whether the facts were changed since they were last told.
    pub(super) changed: bool,

    // What follows is forgotten when the daemon ends, and may be.
    /// The order to end the live run.
    pub(super) order: Option<StopOrder>,
    /// The attempt before the live one: it counts again if the live one is refused.
    pub(super) before: Option<Attempt>,
    /// Until when nothing is started because the last run was refused.
    pub(super) refused_until: Option<Timestamp>,
    /// Why the live run was refused what it asked for.
    pub(super) refusal: Option<RefusalCause>,
    /// Somebody else has hosts that it needs.
    pub(super) lock_wait: Option<LockWait>,
    /// Since when it waits for hosts; kept until it gets them, so that whoever waits longest goes first.
    pub(super) lock_since: Option<Timestamp>,
    /// What it asked for when it was refused last: it is taken before the next run starts.
    pub(super) lock_keys: BTreeSet<LockKey>,
    /// Whether a probe of its hosts is under way.
    pub(super) probing: bool,
    /// Since when it waits for a free place among the live runs.
    pub(super) waits_since: Option<Timestamp>,
    /// How many tips came and went unattempted since the last attempt.
    pub(super) superseded: u32,
}

/// An order to end a live run.
#[derive(Debug)]
pub(super) struct StopOrder {
    /// Whether a person wants it.
    pub(super) cancelled: bool,
    /// Who and why, as a sentence.
    pub(super) reason: String,
    /// Whether it was passed on.
    pub(super) told: bool,
    /// Whether the hold of the stack came with it.
    pub(super) set_hold: bool,
}

impl Stack {
    pub(super) fn new(facts: StackFacts) -> Self {
        Self { facts, ..Self::default() }
    }

    pub(super) fn has_live(&self, mode: Mode) -> bool {
        self.facts.live.as_ref().is_some_and(|it| it.mode == mode)
    }

    /// Whether the last apply of the whole stack was of this commit.
    pub(super) fn attempted(&self, commit: &CommitHash) -> bool {
        self.facts.attempt.as_ref().is_some_and(|it| it.revision.commit == *commit)
    }

    pub(super) fn is_held(&self, commit: &CommitHash) -> bool {
        self.facts.hold.as_ref().is_some_and(|it| it.revision.commit == *commit)
    }

    /// What its hosts say together, measured against the head.
    pub(super) fn summary(&self, head: &CommitHash) -> Summary {
        self.ledger.summary(self.facts.last_full_run, head)
    }

    /// The head moves away from `old`: what waited for a newer commit need not wait any more.
    pub(super) fn head_moved(&mut self, old: Option<&CommitHash>) {
        if self.declared.is_some() && old.is_some_and(|it| !self.attempted(it) && !self.is_held(it)) {
            self.superseded += 1;
        }
        self.refused_until = None;
        (self.lock_wait, self.lock_since) = (None, None);
        self.lock_keys.clear();
        let approval = self.facts.approval.take().is_some();
        if self.facts.hold.take().is_some() | self.facts.locks.airbag.take().is_some() | approval {
            self.changed = true;
        }
    }

    /// A request that the new policy makes impossible is dropped: it must not be widened.
    pub(super) fn policy_changed(&mut self, policy: &StackPolicy) {
        let possible =
            |it: &mut Request| intersect_limits(policy.limit.as_deref(), it.limit.as_deref()).is_ok();
        if self.facts.request.take_if(|it| !possible(it)).is_some() {
            self.changed = true;
        }
    }

    /// The operator's configuration changed: what could not run at all may run now.
    pub(super) fn reconfigured(&mut self, now: Timestamp) {
        let Some(attempt) = &mut self.facts.attempt else { return };
        if attempt.outcome == Some(Outcome::Errored) {
            attempt.failures = 0;
            attempt.retry_at = Some(now);
            self.changed = true;
        }
    }

    /// A person asks for a run. A newer request replaces one that waits, but a check never replaces an apply.
    pub(super) fn requested(&mut self, now: Timestamp, request: Request, head: &Head, policy: &StackPolicy) {
        let waits_to_apply = self.facts.request.as_ref().is_some_and(|it| it.mode == Mode::Apply);
        if waits_to_apply && request.mode == Mode::Check {
            return;
        }
        if intersect_limits(policy.limit.as_deref(), request.limit.as_deref()).is_err() {
            return;
        }
        let other = request.revision.as_ref().filter(|it| it.commit != head.revision.commit);
        if let Some(other) =
            other.filter(|_| request.mode == Mode::Apply && selection(&request) == Selection::Full)
        {
            let reason = format!("{} applied {} instead", request.by, other.short());
            self.facts.hold = Some(Hold { revision: head.revision.clone(), since: now, reason });
        }
        self.refused_until = None;
        if let Some(interrupted) = &mut self.facts.interrupted {
            interrupted.retry_at = now;
        }
        self.facts.request = Some(request);
        self.changed = true;
    }

    pub(super) fn suspended(&mut self, now: Timestamp, by: String) {
        if self.facts.suspended.is_none() {
            self.facts.suspended = Some((by, now));
            self.changed = true;
        }
    }

    pub(super) fn resumed(&mut self) {
        if self.facts.suspended.take().is_some() | self.facts.hold.take().is_some() {
            self.changed = true;
        }
    }

    /// A person ends the live run. The hold is set at once, so that it outlives a daemon that dies before the run.
    pub(super) fn cancelled(&mut self, now: Timestamp, by: &str, suspend: bool, head: Option<&Revision>) {
        let Some(live) = &self.facts.live else { return };
        if !self.order.as_ref().is_some_and(|it| it.cancelled) {
            let at_head = head.filter(|it| live.mode == Mode::Apply && it.commit == live.revision.commit);
            let reason = format!("{by} cancelled run {}", live.run);
            let set_hold = self.facts.hold.is_none() && at_head.is_some();
            if let Some(revision) = at_head.filter(|_| set_hold) {
                let hold = Hold { revision: revision.clone(), since: now, reason: reason.clone() };
                self.facts.hold = Some(hold);
            }
            self.facts.answering = None;
            self.order = Some(StopOrder { cancelled: true, reason, told: false, set_hold });
            self.changed = true;
        }
        if suspend {
            self.suspended(now, by.to_owned());
        }
    }

    /// A run of it was decided.
    pub(super) fn started(&mut self, now: Timestamp, spec: RunSpec, head: &CommitHash) {
        if spec.trigger == Trigger::Person {
            self.facts.answering = self.facts.request.take();
        }
        let heals = spec.trigger == Trigger::Drift;
        if spec.mode == Mode::Apply {
            self.facts.probe.back.clear();
        }
        if spec.mode == Mode::Apply && spec.selection == Selection::Full && !heals {
            self.attempt_began(now, &spec, head);
        }
        (self.refusal, self.lock_wait) = (None, None);
        self.facts.live = Some(spec);
        self.order = None;
        self.refused_until = None;
        self.waits_since = None;
        self.changed = true;
    }

    fn attempt_began(&mut self, now: Timestamp, spec: &RunSpec, head: &CommitHash) {
        let again = self.attempted(&spec.revision.commit);
        if !again {
            self.facts.interrupted = None;
        }
        let attempt = Attempt {
            revision: spec.revision.clone(),
            run: spec.run,
            outcome: None,
            why: None,
            at: now,
            failures: self.facts.attempt.as_ref().filter(|_| again).map_or(0, |it| it.failures),
            retry_at: None,
        };
        self.before = self.facts.attempt.replace(attempt);
        if !again {
            // What was learned of the revision before says nothing of this one.
            self.facts.heal.narrow = None;
            (self.facts.heal.failures, self.facts.heal.retry_at) = (0, None);
            (self.facts.check.failures, self.facts.check.retry_at, self.facts.check.verify) = (0, None, None);
        }
        if spec.revision.commit == *head {
            self.facts.hold = None;
            self.superseded = 0;
        }
    }
}

/// Which part of its stack a request is for.
pub(super) fn selection(request: &Request) -> Selection {
    if !request.tags.is_empty() {
        Selection::SomeTasks
    } else if request.limit.is_some() {
        Selection::SomeHosts
    } else {
        Selection::Full
    }
}
