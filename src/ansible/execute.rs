//! Starts a run under its guardian, takes in what it says, and ends it when it is told to or when it breaks a limit.

use std::io;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

use super::announcements::Announcements;
use super::clean::Cleaner;
use super::command::Launch;
use super::guardian::{EndedBy, GuardianSpec, Leftovers, Report, ResourceLimits, RunAs, await_gone};
use super::limits::Limits;
use crate::domain::{Ending, Exit, Failure, Mode, Outcome, Reason, RunEvent, Secret, Tally};

pub(super) mod guarded;
mod intake;

use guarded::{Guarded, Lifeline};
use intake::Intake;

/// How long the remains of a run whose guardian was killed may take to end.
const SWEEP: Duration = Duration::from_secs(10);

/// The event pipe: large, so that Ansible seldom waits for the daemon.
const EVENT_PIPE_BYTES: usize = 1024 * 1024;

/// Takes events in, in order, many at a time. It may block: then Ansible waits as soon as the pipe is full.
pub type Sink = Box<dyn FnMut(&[RunEvent]) + Send>;

/// Takes in what Ansible and the children of the run say besides events, where the operator keeps it.
pub type Log = Box<dyn io::Write + Send>;

/// Who listens to a run.
pub struct Audience {
    /// Takes in its events.
    pub sink: Sink,
    /// Takes in Ansible's own output; without, it is read and forgotten.
    pub log: Option<Log>,
    /// Knows its secrets: neither of the two above hears one of them.
    pub cleaner: Box<dyn Cleaner>,
    /// Where the run announces further ones ([`super::place::Place::make`]).
    pub announcements: Option<Announcements>,
}

/// How a run is guarded.
#[derive(Debug, Clone)]
pub struct Guard {
    /// The `driftless` program, whose hidden subcommand the guardian is.
    pub program: PathBuf,
    /// Where the run's directories are, and its lock.
    pub leftovers: Leftovers,
    /// As whom the run is executed; `None` is the user of the daemon.
    pub run_as: Option<RunAs>,
    /// Limits that the kernel keeps for each process.
    pub rlimits: ResourceLimits,
}

/// A run that could not be started. Nothing of it is there.
#[derive(Debug, thiserror::Error)]
#[error("failed to start the guardian of the run")]
pub struct ExecuteError(#[source] io::Error);

impl From<ExecuteError> for Failure {
    fn from(error: ExecuteError) -> Self {
        Self::soon(format!("{error}: {}", error.0))
            .remedy("see whether the machine is out of processes or memory")
    }
}

/// Why a run was told to end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StopReason {
    /// A person wants it: who and why, as a sentence.
    Cancelled(String),
    /// The daemon stops: why, as a sentence.
    Interrupted(String),
    /// It broke a limit: which, as a sentence.
    Limit(String),
}

/// How a run ended. When this is there, no process of it is.
#[derive(Debug, Clone)]
pub struct Finished {
    /// How `ansible-playbook` ended.
    pub exit: Exit,
    /// What its guardian told; `None` if the guardian was killed.
    pub report: Option<Report>,
    /// The first reason for which it was told to end.
    pub stopped_by: Option<StopReason>,
    /// Its events, added up.
    pub tally: Tally,
    /// How many events came.
    pub events: u64,
    /// How many lines on the event channel were no events.
    pub stray_lines: u64,
    /// Bytes of events.
    pub event_bytes: u64,
    /// Bytes of log.
    pub log_bytes: u64,
    /// The limits that it was held to.
    pub limits: Limits,
}

impl Finished {
    fn unheard(stopped_by: Option<StopReason>, limits: Limits) -> Self {
        Self {
            exit: Exit::Unknown,
            report: None,
            stopped_by,
            tally: Tally::default(),
            events: 0,
            stray_lines: 0,
            event_bytes: 0,
            log_bytes: 0,
            limits,
        }
    }

    /// How the run ended, and why.
    pub fn ending(&self, mode: Mode) -> Ending {
        let Some(report) = &self.report else {
            return self.without_report();
        };
        if let Some(error) = &report.error {
            // Also one that was told to end before it had begun.
            return self.stopped().unwrap_or_else(|| {
                let failure = Failure::soon(format!("the run could not be started: {error}"));
                Ending::because(Outcome::Errored, Reason::Setup { failure })
            });
        }
        match report.ended_by {
            // Also if it was told to end, and ended by itself before that was heard.
            EndedBy::Itself => Ending::judge(mode, self.exit, &self.tally),
            EndedBy::Limit => {
                Ending::because(Outcome::TimedOut, Reason::Limit { limit: self.limits.wall_sentence() })
            }
            EndedBy::Stop | EndedBy::Lifeline => {
                self.stopped().unwrap_or_else(|| interrupted("somebody sent its guardian a signal"))
            }
        }
    }

    fn stopped(&self) -> Option<Ending> {
        Some(match self.stopped_by.clone()? {
            StopReason::Cancelled(by) => Ending::because(Outcome::Cancelled, Reason::Stopped { by }),
            StopReason::Interrupted(by) => interrupted(&by),
            StopReason::Limit(limit) => Ending::because(Outcome::TimedOut, Reason::Limit { limit }),
        })
    }

    fn without_report(&self) -> Ending {
        self.stopped().unwrap_or_else(|| {
            let failure = Failure::soon("the guardian of the run was killed, and the run with it")
                .remedy("see whether the machine is out of memory");
            Ending::because(Outcome::Errored, Reason::Setup { failure })
        })
    }
}

fn interrupted(by: &str) -> Ending {
    Ending::because(Outcome::Interrupted, Reason::Stopped { by: by.to_owned() })
}

/// Ends a run from anywhere.
#[derive(Debug, Clone)]
pub struct Stopper {
    lifeline: Lifeline,
    reason: Arc<Mutex<Option<StopReason>>>,
}

impl Stopper {
    /// Tells the guardian to end the run. Returns at once; only the first reason counts.
    pub fn stop(&self, reason: StopReason) {
        let mut first = self.reason.lock().unwrap_or_else(PoisonError::into_inner);
        if first.is_none() {
            *first = Some(reason);
            self.lifeline.stop();
        }
    }

    fn reason(&self) -> Option<StopReason> {
        self.reason.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Lets a run go on that asked whether it may, or ends it.
#[derive(Debug, Clone)]
pub struct Answers {
    lifeline: Lifeline,
    /// The question that waits for its answer.
    waiting: Arc<Mutex<Option<u32>>>,
}

impl Answers {
    /// Answers a question by its number. Returns at once. What the run does not take for a clear yes ends it.
    pub fn answer(&self, question: u32, refusal: Option<&str>) {
        let line = match refusal {
            None => serde_json::json!({"question": question, "go": true}),
            Some(why) => serde_json::json!({"question": question, "go": false, "why": why}),
        };
        self.lifeline.answer(&line.to_string());
        let mut waiting = self.waiting();
        if *waiting == Some(question) {
            *waiting = None;
        }
    }

    /// The question that is not answered yet, for whoever sets one.
    fn waiting(&self) -> std::sync::MutexGuard<'_, Option<u32>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A live run. It goes on, and its events are taken in, also when nobody holds this.
#[derive(Debug)]
pub struct Execution {
    stopper: Stopper,
    answers: Answers,
    limits: Limits,
    leftovers: Leftovers,
    finished: oneshot::Receiver<Finished>,
}

impl Execution {
    /// Starts a run whose directories are made ([`super::place::Place::make`]).
    pub fn spawn(
        launch: &Launch,
        guard: &Guard,
        limits: Limits,
        audience: Audience,
    ) -> Result<Self, ExecuteError> {
        let spec = guardian_spec(launch, guard, &limits);
        let guarded = Guarded::spawn(&guard.program, &spec, guard.leftovers.clone()).map_err(ExecuteError)?;
        // Only speed depends on it, and the system may have its own idea of the largest pipe.
        rustix::pipe::fcntl_setpipe_size(guarded.out.as_fd(), EVENT_PIPE_BYTES).ok();
        let stopper = Stopper { lifeline: guarded.lifeline.clone(), reason: Arc::default() };
        let answers = Answers { lifeline: guarded.lifeline.clone(), waiting: Arc::default() };
        let key = Secret::new(launch.launcher_spec.item_key.clone());
        let handles = (stopper.clone(), answers.clone());
        let intake = Intake::new(&spec.nonce, key, limits, handles, audience);
        let (sender, finished) = oneshot::channel();
        std::thread::Builder::new()
            .name("run".to_owned())
            .spawn(move || {
                // Nobody may be waiting any more: then nobody misses it.
                sender.send(follow(guarded, intake)).ok();
            })
            .map_err(ExecuteError)?;
        Ok(Self { stopper, answers, limits, leftovers: guard.leftovers.clone(), finished })
    }

    /// A handle to end it.
    pub fn stopper(&self) -> Stopper {
        self.stopper.clone()
    }

    /// A handle to answer its questions.
    pub fn answers(&self) -> Answers {
        self.answers.clone()
    }

    /// Waits until nothing of it is left.
    pub async fn wait(self) -> Finished {
        if let Ok(finished) = self.finished.await {
            return finished;
        }
        // The sink panicked and took the thread with it. The run must not go on unrecorded.
        self.stopper.stop(StopReason::Interrupted("its events could not be recorded".to_owned()));
        let limit = self.limits.grace + SWEEP;
        if let Err(error) = await_gone(self.leftovers, limit).await {
            tracing::error!(%error, "something of a run is left");
        }
        Finished::unheard(self.stopper.reason(), self.limits)
    }
}

fn follow(mut guarded: Guarded, mut intake: Intake) -> Finished {
    guarded.pump(&mut intake);
    let guardian_died = intake.report.is_none();
    if guardian_died {
        guarded.sweep(SWEEP);
        guarded.pump_rest(&mut intake);
    }
    guarded.reap();
    intake.finish()
}

fn guardian_spec(launch: &Launch, guard: &Guard, limits: &Limits) -> GuardianSpec {
    GuardianSpec {
        nonce: launch.launcher_spec.nonce.clone(),
        program: launch.program.clone(),
        args: launch.args.clone(),
        env: launch.environment.expose().clone(),
        cwd: launch.cwd.clone(),
        run_as: guard.run_as,
        launcher_spec: Some(
            serde_json::to_value(&launch.launcher_spec).expect("a launcher specification is text alone"),
        ),
        grace_ms: millis(limits.grace),
        lifeline_grace_ms: millis(limits.lifeline_grace),
        wall_limit_ms: Some(millis(limits.wall)),
        lock_file: guard.leftovers.lock_file.clone(),
        cgroup: guard.leftovers.cgroup.clone(),
        rlimits: guard.rlimits,
    }
}

pub(super) fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
