//! What a stack owes, read off the facts, or why it owes nothing or has to wait.
//!
//! This is the only place that knows. Starting runs, the timer, the status and `explain` all ask here, so what is
//! shown is what is done. In the order in which it looks: a person's request; an apply of the head; a correction of
//! drift; a check.

use std::collections::BTreeSet;

use crate::domain::{
    AirbagHold, ApplyPolicy, ApprovalFacts, CommitHash, Failure, Head, Hold, HostName, LockKey,
    MergeRequestNumber, Mode, Outcome, Request, Revision, RunId, StackName, StackPolicy, Timestamp, Trigger,
    WindowState,
};

use super::backoff::Jitter;
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
    /// Whether the disk has room for new runs.
    pub(super) room: bool,
    /// Where the spread of schedules comes from.
    pub(super) jitter: Jitter,
}

/// A run that a stack wants started now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Want<'a> {
    pub(super) mode: Mode,
    pub(super) trigger: Trigger,
    pub(super) revision: &'a Revision,
    pub(super) request: Option<&'a Request>,
    /// The hosts that it is narrowed to.
    pub(super) hosts: Option<BTreeSet<HostName>>,
    /// The merge request that it previews.
    pub(super) merge_request: Option<MergeRequestNumber>,
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
    /// The signatures of what it would run do not count any more.
    Distrusted(&'a Failure),
    /// Applies do not start now.
    Window {
        /// When they may again, as far as can be seen.
        until: Option<Timestamp>,
        /// Why, as a fragment.
        why: String,
    },
    /// It is applied only when a person asks.
    Manual,
    /// Its head waits for a newer commit or a person.
    Held(&'a Hold),
    /// Its hosts or its changes are not what they were: a person has to look.
    Airbag(&'a AirbagHold),
    /// A person has to approve of what it would do.
    Approval {
        /// What was found out about that.
        looked: Option<&'a ApprovalFacts>,
        /// Whether it has to be looked (again) first.
        look: bool,
    },
    /// Nothing is owed.
    Settled,
    /// The last apply did not succeed and is tried again then.
    Backoff { until: Timestamp },
    /// Hosts that are owed the head do not answer; they are asked again then.
    Owed { until: Option<Timestamp> },
    /// A correction did not help and is tried again then.
    HealBackoff { until: Timestamp },
    /// What differs was corrected as often as a day allows.
    HealCapped { until: Timestamp },
    /// The last run was interrupted; it is started again then.
    Interrupted { until: Timestamp },
    /// The last run was not allowed to begin; it is tried again then.
    Refused { until: Timestamp },
    /// A stack that it depends on is not ready.
    Base { stack: &'a StackName, lack: Lack },
    /// Somebody else works on one of its hosts.
    Locked { key: &'a LockKey, holder: &'a str },
    /// What is known of its hosts is that of a backup, and nobody looked since.
    Restored {
        /// When it is looked at.
        until: Option<Timestamp>,
        /// Whether its source was fetched since.
        fetched: bool,
    },
    /// The disk is nearly full.
    NoRoom,
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
            Self::Owed { until } | Self::Restored { until, .. } | Self::Window { until, .. } => *until,
            Self::Backoff { until }
            | Self::HealBackoff { until }
            | Self::HealCapped { until }
            | Self::Interrupted { until }
            | Self::Refused { until } => Some(*until),
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
            Some(request) => {
                let want = stack.asked(request, head, world.now)?;
                let window = match (request.mode, &request.outside_window) {
                    (Mode::Apply, None) => window_is_open(policy, world.now),
                    _ => Ok(()),
                };
                match self.may_apply(&want, stack, policy, (head, world.now)).and(window) {
                    Ok(()) => want,
                    Err(waiting) => {
                        stack.approval_check(want.revision, &waiting, world.now).ok_or(waiting)?
                    }
                }
            }
            None => self.unasked(stack, head, policy, world)?,
        };
        if let Some(failure) = self.distrusts(&want.revision.commit) {
            return Err(Waiting::Distrusted(failure));
        }
        if let Some(wait) = stack.lock_wait.as_ref().filter(|it| !it.ready) {
            return Err(Waiting::Locked { key: &wait.key, holder: &wait.holder });
        }
        if !world.room {
            return Err(Waiting::NoRoom);
        }
        if world.most <= world.live {
            return Err(Waiting::RunLimit { first: want.goes_first() });
        }
        Ok(want)
    }

    /// All points in time at which a stack may want something else although nothing happened.
    pub(super) fn deadlines<'a>(
        &'a self,
        stack: &'a Stack,
        world: &World,
    ) -> impl Iterator<Item = Timestamp> + use<'a> {
        let mut all = Vec::new();
        if let Some((head, policy)) = self.declared(stack) {
            let idle = stack.facts.live.is_none() && stack.facts.suspended.is_none();
            if idle && stack.facts.request.is_some() {
                all.extend(self.wants(stack, world).err().and_then(|it| it.until()));
            } else if idle {
                all.extend(window_is_open(policy, world.now).err().and_then(|it| it.until()));
                all.extend(stack.apply_due(head, policy, world.now).err().and_then(|it| it.until()));
                all.extend(stack.heal_waiting(policy, world.now).and_then(|it| it.until()));
                all.extend(stack.check_at(policy, world));
                all.extend(stack.paused_until(world.now));
            }
        }
        all.extend(stack.probe_at());
        all.extend(stack.facts.locks.quarantine.iter().map(|it| it.until));
        all.into_iter()
    }

    fn unasked<'a>(
        &'a self,
        stack: &'a Stack,
        head: &'a Head,
        policy: &'a StackPolicy,
        world: &World,
    ) -> Result<Want<'a>, Waiting<'a>> {
        let apply = stack
            .apply_due(head, policy, world.now)
            .and_then(|want| self.may_apply(&want, stack, policy, (head, world.now)).map(|()| want))
            // Also the check that comes before a narrowed apply waits: it says nothing of what is there hours later.
            .and_then(|want| window_is_open(policy, world.now).map(|()| want));
        let waiting = match apply {
            Ok(want) => return Ok(want),
            Err(waiting) => waiting,
        };
        let mut closed = None;
        if let Some(want) = stack.heal_due(policy, world.now)
            && self.may_apply(&want, stack, policy, (head, world.now)).is_ok()
        {
            match window_is_open(policy, world.now) {
                Ok(()) => return Ok(want),
                Err(waiting) => closed = Some(waiting),
            }
        }
        if let Some(want) = stack.approval_check(&head.revision, &waiting, world.now) {
            return Ok(want);
        }
        if let Some(want) = stack.check_due(policy, world) {
            return Ok(want);
        }
        if let Some(want) = self.preview_due(&policy.id.stack) {
            return Ok(want);
        }
        Err(match waiting {
            Waiting::Settled => {
                closed.or_else(|| stack.heal_waiting(policy, world.now)).unwrap_or(Waiting::Settled)
            }
            waiting => waiting,
        })
    }

    /// What keeps an apply of the head from starting now, whoever wants it.
    fn may_apply<'a>(
        &self,
        want: &Want<'_>,
        stack: &'a Stack,
        policy: &'a StackPolicy,
        (head, now): (&Head, Timestamp),
    ) -> Result<(), Waiting<'a>> {
        if want.mode == Mode::Check {
            return Ok(());
        }
        if let Some(hold) = stack.airbag_holds(&want.revision.commit) {
            return Err(Waiting::Airbag(hold));
        }
        // Who names another revision than the head chose the order himself.
        if want.revision.commit == head.revision.commit {
            self.bases_are_ready(policy, &head.revision.commit)?;
        }
        stack.lacks_approval(want, policy, now)
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

/// Whether applies of a stack may start now.
fn window_is_open(policy: &StackPolicy, now: Timestamp) -> Result<(), Waiting<'static>> {
    match policy.windows.state(now) {
        WindowState::Open { .. } => Ok(()),
        WindowState::Closed { until, why } => Err(Waiting::Window { until, why }),
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
        if let Some(until) = self.paused_until(now) {
            return Err(Waiting::Interrupted { until });
        }
        let revision = request.revision.as_ref().unwrap_or(&head.revision);
        let (mode, trigger) = (request.mode, Trigger::Person);
        Ok(Want { mode, trigger, revision, request: Some(request), hosts: None, merge_request: None })
    }

    /// Why an apply of the head is due, or why not.
    fn apply_due<'a>(
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
        self.not_on_the_word_of_a_backup(trigger, policy, now)?;
        self.not_just_refused(now)?;
        let (mode, revision) = (Mode::Apply, &head.revision);
        let want = Want { mode, trigger, revision, request: None, hosts: None, merge_request: None };
        Ok(if trigger == Trigger::OwedHosts { self.catch_up(want, policy) } else { want })
    }

    /// Why an apply of the head is due, if it is.
    fn due(&self, head: &CommitHash, now: Timestamp) -> Result<Trigger, Waiting<'static>> {
        let Some(attempt) = self.facts.attempt.as_ref().filter(|it| it.revision.commit == *head) else {
            return Ok(Trigger::NewRevision);
        };
        match (attempt.outcome, attempt.retry_at) {
            (Some(outcome), None) if outcome.is_success() => Err(Waiting::Settled),
            (Some(Outcome::Interrupted), Some(until)) if now < until => Err(Waiting::Interrupted { until }),
            (Some(outcome), _) if outcome.is_success() || outcome == Outcome::Unreachable => {
                if !self.facts.probe.back.is_empty() {
                    return Ok(Trigger::OwedHosts);
                }
                Err(Waiting::Owed { until: self.facts.probe.at.filter(|_| !self.probing) })
            }
            (_, Some(until)) if now < until => Err(Waiting::Backoff { until }),
            _ => Ok(Trigger::Retry),
        }
    }

    fn not_just_refused(&self, now: Timestamp) -> Result<(), Waiting<'static>> {
        match self.refused_until {
            Some(until) if now < until => Err(Waiting::Refused { until }),
            _ => Ok(()),
        }
    }

    /// Until when nothing is started because the last run was interrupted or refused.
    pub(super) fn paused_until(&self, now: Timestamp) -> Option<Timestamp> {
        let after_interruption = self.facts.interrupted.map(|it| it.retry_at);
        after_interruption.max(self.refused_until).filter(|it| now < *it)
    }
}
