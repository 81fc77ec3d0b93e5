//! What a stack owes, read off the facts, or why it owes nothing or has to wait.
//!
//! This is the only place that knows. Starting runs, the timer, the status and `explain` all ask here, so what is
//! shown is what is done.

use crate::domain::{
    ApplyPolicy, CommitHash, Head, Hold, Mode, Outcome, Request, Revision, RunId, StackName, StackPolicy,
    Timestamp, Trigger,
};

use super::source::Source;
use super::stack::Stack;

/// What a stack looks at beside itself and its source.
#[derive(Debug, Clone, Copy)]
pub(super) struct World {
    pub(super) now: Timestamp,
    /// How many runs are live.
    pub(super) live: u32,
    /// How many may be.
    pub(super) most: u32,
    pub(super) draining: bool,
}

/// A run that a stack wants started now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Want<'a> {
    pub(super) mode: Mode,
    pub(super) trigger: Trigger,
    pub(super) revision: &'a Revision,
    pub(super) request: Option<&'a Request>,
}

impl Want<'_> {
    /// A person who waits for a change goes before everything that nobody waits for.
    pub(super) fn goes_first(&self) -> bool {
        self.request.is_some() && self.mode == Mode::Apply
    }
}

/// Why a stack wants no run now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Waiting<'a> {
    /// The head of its source does not declare it.
    Undeclared,
    /// A run of it is live.
    Live(RunId),
    /// The daemon is on its way out.
    Draining,
    /// A person stopped all its runs.
    Suspended { by: &'a str, since: Timestamp },
    /// It is applied only when a person asks.
    Manual,
    /// Its head waits for a newer commit or a person.
    Held(&'a Hold),
    /// Nothing is owed.
    Settled,
    /// The last apply did not succeed and is tried again then.
    Backoff { until: Timestamp },
    /// The last run was interrupted; it is started again then.
    Interrupted { until: Timestamp },
    /// The last run was not allowed to begin; it is tried again then.
    Refused { until: Timestamp },
    /// A stack that it depends on is not ready.
    Base { stack: &'a StackName, lack: Lack },
    /// As many runs are live as may be. `first` says whether it is the next to get a place.
    RunLimit { first: bool },
}

/// Why a stack that another depends on does not let it go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lack {
    /// It is not declared.
    Undeclared,
    /// It was not attempted at the same commit.
    NotAttempted,
    /// An apply of it is live.
    Live,
    /// A reachable host of it failed, or it did not get to the end.
    Failed,
}

impl Waiting<'_> {
    /// When time alone ends the waiting. Everything else ends with an event.
    pub(super) fn until(&self) -> Option<Timestamp> {
        match self {
            Self::Backoff { until } | Self::Interrupted { until } | Self::Refused { until } => Some(*until),
            _ => None,
        }
    }
}

impl Source {
    /// What a stack of this source wants. Level-triggered: it looks at where things are, not at how they got there.
    pub(super) fn wants<'a>(&'a self, stack: &'a Stack, world: &World) -> Result<Want<'a>, Waiting<'a>> {
        let (head, policy) = self.declared(stack).ok_or(Waiting::Undeclared)?;
        if let Some(live) = &stack.facts.live {
            return Err(Waiting::Live(live.run));
        }
        if world.draining {
            return Err(Waiting::Draining);
        }
        if let Some((by, since)) = &stack.facts.suspended {
            return Err(Waiting::Suspended { by, since: *since });
        }
        let want = match &stack.facts.request {
            Some(request) => stack.asked(request, head, world.now)?,
            None => stack.unasked(head, policy, world.now)?,
        };
        // Who names another revision than the head chose the order himself.
        if want.mode == Mode::Apply && want.revision.commit == head.revision.commit {
            self.bases_are_ready(policy, &head.revision.commit)?;
        }
        if world.most <= world.live {
            return Err(Waiting::RunLimit { first: want.goes_first() });
        }
        Ok(want)
    }

    /// Each stack it depends on attempted this commit, and no host of it that answered failed.
    fn bases_are_ready<'a>(&self, policy: &'a StackPolicy, commit: &CommitHash) -> Result<(), Waiting<'a>> {
        for stack in &policy.depends_on {
            if let Some(lack) = self.lacks(stack, commit) {
                return Err(Waiting::Base { stack, lack });
            }
        }
        Ok(())
    }

    /// What a stack lacks for those that depend on it.
    pub(super) fn lacks(&self, base: &StackName, commit: &CommitHash) -> Option<Lack> {
        let Some(base) = self.stacks.get(base).filter(|it| it.declared.is_some()) else {
            return Some(Lack::Undeclared);
        };
        if base.has_live(Mode::Apply) {
            return Some(Lack::Live);
        }
        let Some(attempt) = base.facts.attempt.as_ref().filter(|it| it.revision.commit == *commit) else {
            return Some(Lack::NotAttempted);
        };
        let good_enough = |it: Outcome| it.is_success() || it == Outcome::Unreachable;
        (!attempt.outcome.is_some_and(good_enough)).then_some(Lack::Failed)
    }
}

impl Stack {
    /// A person's request skips holds and backoff. Only the pause after an interruption is kept.
    fn asked<'a>(
        &'a self,
        request: &'a Request,
        head: &'a Head,
        now: Timestamp,
    ) -> Result<Want<'a>, Waiting<'a>> {
        self.not_just_refused(now)?;
        if let Some(interrupted) = self.facts.interrupted.filter(|it| now < it.retry_at) {
            return Err(Waiting::Interrupted { until: interrupted.retry_at });
        }
        let revision = request.revision.as_ref().unwrap_or(&head.revision);
        Ok(Want { mode: request.mode, trigger: Trigger::Person, revision, request: Some(request) })
    }

    fn unasked<'a>(
        &'a self,
        head: &'a Head,
        policy: &StackPolicy,
        now: Timestamp,
    ) -> Result<Want<'a>, Waiting<'a>> {
        if policy.apply == ApplyPolicy::Manual {
            return Err(Waiting::Manual);
        }
        if let Some(hold) = &self.facts.hold
            && self.is_held(&head.revision.commit)
        {
            return Err(Waiting::Held(hold));
        }
        let trigger = self.due(&head.revision.commit, now)?;
        self.not_just_refused(now)?;
        Ok(Want { mode: Mode::Apply, trigger, revision: &head.revision, request: None })
    }

    /// Why an apply of the head is due, if it is.
    fn due(&self, head: &CommitHash, now: Timestamp) -> Result<Trigger, Waiting<'static>> {
        let Some(attempt) = self.facts.attempt.as_ref().filter(|it| it.revision.commit == *head) else {
            return Ok(Trigger::NewRevision);
        };
        match (attempt.outcome, attempt.retry_at) {
            (Some(outcome), None) if outcome.is_success() => Err(Waiting::Settled),
            (Some(Outcome::Interrupted), Some(until)) if now < until => Err(Waiting::Interrupted { until }),
            (_, Some(until)) if now < until => Err(Waiting::Backoff { until }),
            (Some(outcome), _) if outcome.is_success() => Ok(Trigger::OwedHosts),
            (Some(Outcome::Unreachable), _) => Ok(Trigger::OwedHosts),
            _ => Ok(Trigger::Retry),
        }
    }

    fn not_just_refused(&self, now: Timestamp) -> Result<(), Waiting<'static>> {
        match self.refused_until {
            Some(until) if now < until => Err(Waiting::Refused { until }),
            _ => Ok(()),
        }
    }
}
