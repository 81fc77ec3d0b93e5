//! What an observer remembers who sees only events and orders: the ground on which the promises are checked.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::{
    CommitHash, Ending, HostEnd, HostName, Mode, Outcome, Reason, Request, Retry, RunId, RunSpec, Selection,
    Settings, SourceName, Span, StackId, Timestamp, Trigger, later,
};

/// Everything that was seen.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) sources: BTreeMap<SourceName, SeenSource>,
    pub(super) stacks: BTreeMap<StackId, SeenStack>,
    /// When applies are interrupted, once a stop was asked for.
    pub(super) stopping: Option<Timestamp>,
    pub(super) exited: bool,
    pub(super) last_run: u64,
    /// Whether nothing is left to do, so that nothing may start.
    pub(super) at_rest: bool,
}

#[derive(Debug)]
pub(super) struct SeenSource {
    pub(super) admitted: Option<CommitHash>,
    pub(super) admitted_ever: Vec<CommitHash>,
    pub(super) head: Option<CommitHash>,
    pub(super) fetching: bool,
    pub(super) hinted: bool,
    /// Whether the operator's configuration was read again since the fetch began.
    pub(super) stale: bool,
    pub(super) failures: u32,
    /// When the next fetch may begin, without a hint and with one.
    pub(super) not_before: (Timestamp, Timestamp),
}

impl Default for SeenSource {
    fn default() -> Self {
        Self {
            admitted: None,
            admitted_ever: Vec::new(),
            head: None,
            fetching: false,
            hinted: false,
            stale: false,
            failures: 0,
            not_before: (Timestamp::MIN, Timestamp::MIN),
        }
    }
}

/// The last apply of the whole stack.
#[derive(Debug, Clone)]
pub(super) struct Try {
    pub(super) commit: CommitHash,
    pub(super) run: RunId,
    pub(super) outcome: Option<Outcome>,
    pub(super) failures: u32,
    /// The shortest pause before it may be tried again, if it is to be.
    pub(super) pause: Option<Span>,
    pub(super) retry_after: Timestamp,
}

#[derive(Debug)]
pub(super) struct SeenStack {
    pub(super) suspended: bool,
    pub(super) held: Option<CommitHash>,
    pub(super) pending: Option<Request>,
    pub(super) answering: Option<Request>,
    pub(super) live: Option<RunSpec>,
    pub(super) cancelled: bool,
    pub(super) interrupted: bool,
    cancel_held: bool,
    pub(super) attempt: Option<Try>,
    before: Option<Try>,
    pub(super) interruptions: u32,
    pub(super) request_after: Timestamp,
    pub(super) refused_after: Timestamp,
    /// Whether the live run was refused for a reason that ends with an event, not with time.
    pub(super) waits_for_event: bool,
    pub(super) applied: BTreeMap<HostName, CommitHash>,
    pub(super) owed: BTreeSet<HostName>,
    pub(super) hosts: BTreeSet<HostName>,
}

impl Default for SeenStack {
    fn default() -> Self {
        Self {
            suspended: false,
            held: None,
            pending: None,
            answering: None,
            live: None,
            cancelled: false,
            interrupted: false,
            cancel_held: false,
            attempt: None,
            before: None,
            interruptions: 0,
            request_after: Timestamp::MIN,
            refused_after: Timestamp::MIN,
            waits_for_event: false,
            applied: BTreeMap::new(),
            owed: BTreeSet::new(),
            hosts: BTreeSet::new(),
        }
    }
}

/// The pause after so many failures in a row, before it is spread.
pub(super) fn pause(base: Span, longest: Span, times: u32) -> Span {
    (1..times).fold(base, |pause, _| if longest < pause { longest } else { pause * 2 }).min(longest)
}

impl SeenStack {
    pub(super) fn requested(&mut self, now: Timestamp, request: &Request, head: &CommitHash) {
        let waits_to_apply = self.pending.as_ref().is_some_and(|it| it.mode == Mode::Apply);
        if waits_to_apply && request.mode == Mode::Check {
            return;
        }
        let full = request.limit.is_none() && request.tags.is_empty();
        let other = request.revision.as_ref().is_some_and(|it| it.commit != *head);
        if full && other && request.mode == Mode::Apply {
            self.held = Some(head.clone());
        }
        self.pending = Some(request.clone());
        self.request_after = now;
        self.refused_after = now;
    }

    pub(super) fn cancel_asked(&mut self, suspend: bool, head: Option<&CommitHash>) {
        let Some(live) = &self.live else { return };
        if !self.cancelled {
            self.cancelled = true;
            self.answering = None;
            let of_head = head == Some(&live.revision.commit);
            self.cancel_held = of_head && live.mode == Mode::Apply && self.held.is_none();
            if self.cancel_held {
                self.held = head.cloned();
            }
        }
        self.suspended |= suspend;
    }

    pub(super) fn started(&mut self, spec: &RunSpec, head: Option<&CommitHash>) {
        if spec.trigger == Trigger::Person {
            self.answering = self.pending.take();
        }
        if spec.mode == Mode::Apply && spec.selection == Selection::Full && spec.trigger != Trigger::Drift {
            let commit = &spec.revision.commit;
            self.before = self.attempt.take();
            let again = self.before.as_ref().filter(|it| it.commit == *commit);
            if again.is_none() {
                self.interruptions = 0;
            }
            let failures = again.map_or(0, |it| it.failures);
            let retry_after = Timestamp::MIN;
            self.attempt = Some(Try {
                commit: commit.clone(),
                run: spec.run,
                outcome: None,
                failures,
                pause: None,
                retry_after,
            });
            if head == Some(commit) {
                self.held = None;
            }
        }
        self.live = Some(spec.clone());
        self.waits_for_event = false;
        (self.cancelled, self.interrupted, self.cancel_held) = (false, false, false);
        self.refused_after = Timestamp::MIN;
    }

    /// The daemon died: orders to end runs are forgotten with the runs.
    pub(super) fn restarted(&mut self) {
        self.waits_for_event = false;
        (self.cancelled, self.interrupted, self.cancel_held) = (false, false, false);
        self.refused_after = Timestamp::MIN;
    }

    pub(super) fn finished(
        &mut self,
        now: Timestamp,
        ending: &Ending,
        ends: &BTreeMap<HostName, HostEnd>,
        settings: &Settings,
        head: Option<&CommitHash>,
    ) {
        let Some(spec) = self.live.take() else { return };
        let answering = self.answering.take();
        let outcome = ending.outcome;
        self.interruptions = if outcome == Outcome::Interrupted { self.interruptions + 1 } else { 0 };
        if spec.mode == Mode::Apply {
            self.ledger(&spec, ending, ends);
            if spec.trigger != Trigger::Drift {
                self.attempt_ended(now, &spec, ending, settings);
            } else if outcome == Outcome::Unreachable
                || outcome != Outcome::Cancelled && ends.values().any(|it| *it == HostEnd::Unfinished)
            {
                self.catch_up_later(now, &spec, settings);
            } else if outcome.is_success() && spec.selection == Selection::Full {
                let missed = |it: Outcome| it == Outcome::Unreachable || it.is_success();
                if let Some(attempt) = self.attempt.as_mut().filter(|it| it.outcome.is_some_and(missed))
                    && attempt.pause.is_some()
                {
                    (attempt.outcome, attempt.failures, attempt.pause) = (Some(Outcome::Changed), 0, None);
                }
            }
            if outcome.is_success() && self.cancel_held {
                self.held = None;
            }
            if outcome == Outcome::Cancelled && head == Some(&spec.revision.commit) && self.held.is_none() {
                self.held = head.cloned();
            }
        }
        if outcome == Outcome::Refused && !std::mem::take(&mut self.waits_for_event) {
            self.refused_after = later(now, pause(settings.retry_base, settings.retry_max, 1));
        }
        if outcome == Outcome::Interrupted {
            self.request_after =
                later(now, pause(Span::from_secs(1), settings.retry_max, self.interruptions));
        }
        if matches!(outcome, Outcome::Interrupted | Outcome::Refused) {
            let applies = |it: &Request| it.mode == Mode::Apply;
            let newer_wins = self
                .pending
                .as_ref()
                .is_some_and(|newer| applies(newer) || !answering.as_ref().is_some_and(applies));
            if !newer_wins {
                self.pending = answering.or(self.pending.take());
            }
        }
        (self.cancelled, self.interrupted, self.cancel_held) = (false, false, false);
    }

    fn attempt_ended(&mut self, now: Timestamp, spec: &RunSpec, ending: &Ending, settings: &Settings) {
        let after = |times| pause(settings.retry_base, settings.retry_max, times);
        match (spec.selection, ending.outcome) {
            (Selection::Full, Outcome::Refused) => self.attempt = self.before.take(),
            (Selection::Full, outcome) => {
                let interruptions = self.interruptions;
                let Some(attempt) = &mut self.attempt else { return };
                attempt.outcome = Some(outcome);
                attempt.pause = match outcome {
                    _ if outcome.is_success() => {
                        attempt.failures = 0;
                        None
                    }
                    Outcome::Interrupted => {
                        Some(pause(Span::from_secs(1), settings.retry_max, interruptions))
                    }
                    Outcome::Cancelled => Some(Span::ZERO),
                    _ => {
                        attempt.failures += 1;
                        Some(after(attempt.failures).max(asked_pause(ending, settings)))
                    }
                };
                attempt.retry_after = later(now, attempt.pause.unwrap_or(Span::ZERO));
            }
            (Selection::SomeHosts, outcome) if spec.trigger == Trigger::OwedHosts => {
                let owed = self.hosts.intersection(&self.owed).count() != 0;
                let Some(attempt) = self.attempt.as_mut().filter(|it| it.commit == spec.revision.commit)
                else {
                    return;
                };
                let others = matches!(outcome, Outcome::Cancelled | Outcome::Interrupted | Outcome::Refused);
                if outcome.is_success() && !owed {
                    (attempt.outcome, attempt.failures, attempt.pause) = (Some(Outcome::Changed), 0, None);
                } else {
                    attempt.failures += u32::from(!others);
                    if !others && !outcome.is_success() && outcome != Outcome::Unreachable {
                        attempt.outcome = Some(Outcome::Failed);
                    }
                    let pause = after(attempt.failures.max(1));
                    (attempt.pause, attempt.retry_after) = (Some(pause), later(now, pause));
                }
            }
            (Selection::SomeHosts, Outcome::Unreachable) => self.catch_up_later(now, spec, settings),
            _ => {}
        }
    }

    /// Hosts that were not reached, or not finished, by what was no attempt are owed all the same.
    fn catch_up_later(&mut self, now: Timestamp, spec: &RunSpec, settings: &Settings) {
        let same = self.attempt.as_mut().filter(|it| it.commit == spec.revision.commit);
        if let Some(attempt) = same.filter(|it| it.pause.is_none()) {
            let after = pause(settings.retry_base, settings.retry_max, 1);
            (attempt.pause, attempt.retry_after) = (Some(after), later(now, after));
        }
    }

    fn ledger(&mut self, spec: &RunSpec, ending: &Ending, ends: &BTreeMap<HostName, HostEnd>) {
        if spec.selection != Selection::SomeTasks {
            for (host, end) in ends {
                match end {
                    HostEnd::Converged => {
                        self.applied.insert(host.clone(), spec.revision.commit.clone());
                        self.owed.remove(host);
                    }
                    HostEnd::Unreachable | HostEnd::Unfinished => {
                        self.owed.insert(host.clone());
                    }
                    HostEnd::Failed => {}
                }
            }
        }
        let to_the_end =
            ending.outcome.is_success() || matches!(ending.outcome, Outcome::Failed | Outcome::Unreachable);
        let cut = matches!(ending.reason, Some(Reason::NoStats { .. }));
        if spec.selection == Selection::Full && to_the_end && !cut && !ends.is_empty() {
            self.hosts = ends.keys().cloned().collect();
        }
    }

    /// A changed configuration lets what could not run at all be tried at once.
    pub(super) fn reconfigured(&mut self, now: Timestamp) {
        if let Some(attempt) = self.attempt.as_mut().filter(|it| it.outcome == Some(Outcome::Errored)) {
            attempt.failures = 0;
            attempt.pause = Some(Span::ZERO);
            attempt.retry_after = now;
        }
    }
}

/// How long a failed setup asks to wait.
fn asked_pause(ending: &Ending, settings: &Settings) -> Span {
    match &ending.reason {
        Some(Reason::Setup { failure }) => match failure.retry {
            Retry::Soon => Span::ZERO,
            Retry::After(span) => span,
            Retry::UntilChanged => settings.retry_max,
        },
        _ => Span::ZERO,
    }
}
