//! When a source is fetched: every so often, at once after a hint, and after failures with a growing pause.

use crate::domain::{CommitHash, Failure, Retry, Span, Timestamp, later};

use super::backoff::{Jitter, doubled};

const FIRST_PAUSE: Span = Span::from_secs(5);
const LONGEST_PAUSE: Span = Span::from_mins(15);

/// A fetch that was ordered and has not been answered.
#[derive(Debug)]
pub(super) enum Flight {
    /// There is none.
    None,
    /// One that compares the tip with this commit.
    Live { admitted: Option<CommitHash> },
    /// One that was ordered under another configuration: its answer is thrown away.
    Stale,
}

/// The fetches of one source. Nothing here survives the daemon: after a restart everything is fetched.
#[derive(Debug)]
pub(super) struct Fetches {
    flight: Flight,
    hinted: bool,
    next: Timestamp,
    /// The other side said: not before this, hint or no hint.
    not_before: Timestamp,
    pub(super) failures: u32,
    pub(super) problem: Option<Failure>,
    pub(super) fetched_at: Option<Timestamp>,
}

impl Fetches {
    pub(super) fn new(now: Timestamp) -> Self {
        Self {
            flight: Flight::None,
            hinted: false,
            next: now,
            not_before: Timestamp::MIN,
            failures: 0,
            problem: None,
            fetched_at: None,
        }
    }

    /// When the next one is due; `None` while one is under way.
    pub(super) fn due_at(&self) -> Option<Timestamp> {
        match self.flight {
            Flight::None if self.hinted => Some(self.not_before),
            Flight::None => Some(self.next.max(self.not_before)),
            Flight::Live { .. } | Flight::Stale => None,
        }
    }

    /// A fetch is wanted as soon as possible; while one is under way, one more after it.
    pub(super) fn hint(&mut self) {
        self.hinted = true;
    }

    pub(super) fn began(&mut self, admitted: Option<CommitHash>) {
        self.hinted = false;
        self.flight = Flight::Live { admitted };
    }

    /// An answer came: to which fetch?
    pub(super) fn landed(&mut self) -> Flight {
        std::mem::replace(&mut self.flight, Flight::None)
    }

    pub(super) fn succeeded(&mut self, now: Timestamp, pause: Span) {
        self.failures = 0;
        self.problem = None;
        self.fetched_at = Some(now);
        self.next = later(now, pause);
        self.not_before = Timestamp::MIN;
    }

    pub(super) fn failed(
        &mut self,
        now: Timestamp,
        failure: Failure,
        poll_every: Span,
        spread: (Jitter, &str),
    ) {
        self.failures = self.failures.saturating_add(1);
        let pause = match failure.retry {
            Retry::Soon | Retry::After(_) => doubled(FIRST_PAUSE, LONGEST_PAUSE, self.failures),
            Retry::UntilChanged => LONGEST_PAUSE.max(poll_every),
        };
        let (jitter, name) = spread;
        self.next = later(now, jitter.at_least(pause, name, u64::from(self.failures)));
        if let Retry::After(asked) = failure.retry {
            self.not_before = later(now, asked);
        }
        self.problem = Some(failure);
    }

    /// The configuration changed: what failed may work now, and what is under way may be out of date.
    pub(super) fn reconfigured(&mut self) {
        if !matches!(self.flight, Flight::None) {
            self.flight = Flight::Stale;
        }
        self.hinted = true;
        self.not_before = Timestamp::MIN;
        self.failures = 0;
    }
}
