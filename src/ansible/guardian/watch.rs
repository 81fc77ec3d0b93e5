//! Watches over a run until nothing of it is left.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::process::{Signal, WaitOptions, WaitStatus, kill_process};

use super::control::{Asked, Control};
use super::descendants::signal_all;
use super::leader::{Leader, Line};
use super::{EndedBy, GuardianError, GuardianSpec, Report};

/// How long what a run leaves behind has between SIGTERM and SIGKILL: time enough for an ssh master to remove its
/// socket. Asynchronous tasks that nobody waits for (`poll: 0`) end here too.
const TIDY_UP: Duration = Duration::from_secs(1);

/// How soon SIGKILL is repeated: processes may have forked meanwhile.
const KILL_AGAIN: Duration = Duration::from_millis(5);
/// How soon it is repeated for processes that do not die: stuck in the kernel, or of a user that may not be killed.
const KILL_AGAIN_SLOWLY: Duration = Duration::from_millis(200);

/// A run and what is being done about it.
pub(super) struct Watch {
    leader: Leader,
    started: Instant,
    wall_limit: Option<Duration>,
    grace: Duration,
    lifeline_grace: Duration,
    /// How the leader ended.
    status: Option<WaitStatus>,
    ended_by: EndedBy,
    /// When patience ends. Set by the first reason to end the run, and by the end of the leader.
    kill_at: Option<Instant>,
    /// Whether what the leader left was sent SIGTERM.
    tidied: bool,
    killed: BTreeSet<i32>,
    kill_rounds: u32,
}

impl Watch {
    pub(super) fn new(spec: &GuardianSpec, leader: Leader) -> Self {
        Self {
            leader,
            started: Instant::now(),
            wall_limit: spec.wall_limit_ms.map(Duration::from_millis),
            grace: Duration::from_millis(spec.grace_ms),
            lifeline_grace: Duration::from_millis(spec.lifeline_grace_ms),
            status: None,
            ended_by: EndedBy::Itself,
            kill_at: None,
            tidied: false,
            killed: BTreeSet::new(),
            kill_rounds: 0,
        }
    }

    /// The whole watch. A process without children has no descendants either, since each orphan below a subreaper
    /// becomes its child: that, and not a look at `/proc`, says that nothing is left.
    pub(super) fn until_nothing_is_left(mut self, control: &mut Control) -> Result<Report, GuardianError> {
        let mut asked = Asked::default();
        while self.reap()? {
            self.act(asked);
            self.hand_on(control);
            let blocked = self.leader.line.as_ref().and_then(Line::blocked);
            asked = control.listen(self.patience(), blocked)?;
        }
        if let Some(cgroup) = &self.leader.cgroup {
            cgroup.end();
        }
        Ok(Report {
            exit: self.status.and_then(WaitStatus::exit_status),
            signal: self.status.and_then(WaitStatus::terminating_signal),
            killed: u32::try_from(self.killed.len()).unwrap_or(u32::MAX),
            ended_by: self.ended_by,
            error: None,
        })
    }

    /// Reaps all that ended and says whether a child is left.
    fn reap(&mut self) -> Result<bool, GuardianError> {
        loop {
            match rustix::process::wait(WaitOptions::NOHANG) {
                Ok(Some((pid, status))) if pid == self.leader.pid => self.status = Some(status),
                Ok(Some(_)) | Err(Errno::INTR) => {}
                Ok(None) => return Ok(true),
                Err(Errno::CHILD) => return Ok(false),
                Err(error) => return Err(GuardianError::system("wait for the run")(error)),
            }
        }
    }

    /// Hands answers on to the launcher, as long as the run is to go on. A run that is to end gets none, and one that
    /// waits for one ends by itself when it sees that none can come.
    fn hand_on(&mut self, control: &mut Control) {
        let answers = control.take_answers();
        let goes_on = self.status.is_none() && self.ended_by == EndedBy::Itself;
        let Some(mut line) = self.leader.line.take().filter(|_| goes_on) else { return };
        for answer in answers {
            line.add(&answer);
        }
        if line.write() {
            self.leader.line = Some(line);
        }
    }

    fn act(&mut self, asked: Asked) {
        let now = Instant::now();
        if self.status.is_none() {
            self.consider_ending(asked, now);
        } else if !self.tidied {
            self.tidied = true;
            self.kill_at = Some(self.kill_at.unwrap_or(now + TIDY_UP));
            self.killed.append(&mut signal_all(Signal::TERM));
            signal_all(Signal::CONT); // A stopped process takes SIGTERM only when it goes on.
        }
        if self.kill_at.is_some_and(|at| at <= now) {
            let leader = self.leader.pid.as_raw_nonzero().get();
            self.killed.extend(signal_all(Signal::KILL).into_iter().filter(|pid| *pid != leader));
            self.kill_rounds = self.kill_rounds.saturating_add(1);
        }
    }

    /// Asks the leader to end, once, for the first reason there is. Its workers are its own business: since 2.19
    /// it hands signals on, and before that they are orphans a moment later and are ended as such.
    fn consider_ending(&mut self, asked: Asked, now: Instant) {
        let late = self.wall_limit.is_some_and(|limit| limit <= now - self.started);
        let reason = match asked {
            Asked { lifeline: true, .. } => (EndedBy::Lifeline, self.lifeline_grace),
            Asked { stop: true, .. } => (EndedBy::Stop, self.grace),
            _ if late => (EndedBy::Limit, self.grace),
            _ => return,
        };
        if self.ended_by == EndedBy::Itself {
            self.ended_by = reason.0;
            kill_process(self.leader.pid, Signal::TERM).ok();
            kill_process(self.leader.pid, Signal::CONT).ok();
        }
        // The lifeline may end within the grace of a stop: the shorter patience counts.
        let at = now + reason.1;
        if self.kill_at.is_none() || (asked.lifeline && Some(at) < self.kill_at) {
            self.kill_at = Some(at);
        }
    }

    /// How long there is nothing to do unless something happens.
    fn patience(&self) -> Option<Duration> {
        let now = Instant::now();
        if self.status.is_some() && !self.tidied {
            return Some(Duration::ZERO);
        }
        match self.kill_at {
            Some(_) if 100 < self.kill_rounds => Some(KILL_AGAIN_SLOWLY),
            Some(_) if 0 < self.kill_rounds => Some(KILL_AGAIN),
            Some(at) => Some(at.saturating_duration_since(now)),
            None => self.wall_limit.map(|limit| (self.started + limit).saturating_duration_since(now)),
        }
    }
}
