//! The guardian: one small process per run, between the daemon and Ansible, that makes sure nothing of the run is
//! left when it says so.
//!
//! It is the same binary under a hidden subcommand. It is the child subreaper of its run alone, so every orphan of
//! the run becomes its child, whatever `setsid` or double fork the run did: workers call `setsid` since
//! ansible-core 2.19, and killing the process group misses 15 of 16 of them (measured). A run has therefore ended
//! when the guardian has no child left, and not before.
//!
//! The daemon speaks to it over its standard streams only:
//!
//! * standard input: one line of JSON ([`GuardianSpec`]), later a line `answer …` for each question of the run, whose
//!   rest is handed on to the launcher, and perhaps a line `stop`. End of file is the lifeline: the daemon died, and
//!   the run must not survive it.
//! * standard output: the run's event pipe, inherited by Ansible. The guardian itself writes one line, the last.
//! * standard error: the run's log.
//!
//! It has one thread and no runtime, so that it is small, and so that nothing happens behind its back.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use serde::{Deserialize, Serialize};

mod cgroup;
mod control;
mod descendants;
mod leader;
mod leftovers;
mod report;
mod watch;

pub use leftovers::{Leftovers, LeftoversError, await_gone};
pub use report::{EndedBy, Report};

/// The user that a run is executed as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunAs {
    /// User id.
    pub uid: u32,
    /// Group id; the run has no other group.
    pub gid: u32,
}

/// Limits that the kernel keeps for each process of a run. `None` leaves what the daemon has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ResourceLimits {
    /// Size of a core file in bytes. Core files hold secrets, so the daemon sets 0.
    pub core_bytes: Option<u64>,
    /// Open files.
    pub open_files: Option<u64>,
    /// Address space in bytes.
    pub address_space_bytes: Option<u64>,
    /// Size of a written file in bytes.
    pub file_bytes: Option<u64>,
    /// Processes of the user that the run is executed as.
    pub processes: Option<u64>,
}

/// What the guardian is to start and how it is to end it. It may hold secrets (`env`), so it has no `Debug`, and it
/// reaches the guardian through a pipe: neither `argv` nor `/proc/<pid>/environ` of the guardian shows it.
#[derive(Clone, Serialize, Deserialize)]
pub struct GuardianSpec {
    /// What the last line begins with, as each event does.
    pub nonce: String,
    /// The program: the Python of the runtime.
    pub program: PathBuf,
    /// Its arguments: the launcher. Never a secret.
    pub args: Vec<String>,
    /// Its whole environment; nothing else is inherited.
    pub env: BTreeMap<String, String>,
    /// Its working directory.
    pub cwd: PathBuf,
    /// As whom; `None` is the user of the daemon.
    pub run_as: Option<RunAs>,
    /// What is written to the program's descriptor 3, as the first line, before those of answers. It is closed if this
    /// is `None`, and as soon as the run is to end.
    pub launcher_spec: Option<serde_json::Value>,
    /// How long the run has between `stop` and the first SIGKILL, in milliseconds.
    pub grace_ms: u64,
    /// The same after the daemon died.
    pub lifeline_grace_ms: u64,
    /// When the run is stopped on the guardian's own account, in milliseconds from its start.
    pub wall_limit_ms: Option<u64>,
    /// Locked while anything of the run may be left.
    pub lock_file: PathBuf,
    /// A control group of this run alone, made if its parent may be written. It is used in addition.
    pub cgroup: Option<PathBuf>,
    /// Limits of each process.
    #[serde(default)]
    pub rlimits: ResourceLimits,
}

/// Why a guardian did not start its run, or could not watch over it.
#[derive(Debug, thiserror::Error)]
enum GuardianError {
    #[error("nobody is at the other end of standard input")]
    NoDaemon,
    #[error("the order on standard input is not understood")]
    Order(#[source] serde_json::Error),
    #[error("{0} is locked: another guardian has this run")]
    Locked(PathBuf),
    #[error("failed to {action}")]
    System {
        action: &'static str,
        #[source]
        source: io::Error,
    },
    #[error("failed to start {program}")]
    Start {
        program: PathBuf,
        #[source]
        source: io::Error,
    },
}

impl GuardianError {
    fn system<E: Into<io::Error>>(action: &'static str) -> impl FnOnce(E) -> Self {
        move |source| Self::System { action, source: source.into() }
    }
}

/// The hidden subcommand. Returns when nothing of the run is left.
///
/// The process must have one thread: descriptors and credentials are changed before the run is started.
pub fn main() -> ExitCode {
    match guard() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            writeln!(io::stderr(), "guardian: {}", chain(&error)).ok();
            ExitCode::FAILURE
        }
    }
}

fn guard() -> Result<(), GuardianError> {
    let orders = leader::Orders::open()?;
    let mut control = control::Control::open()?;
    let order = control.order()?;
    let spec: GuardianSpec = serde_json::from_slice(&order).map_err(GuardianError::Order)?;
    drop(order);
    match guard_run(&spec, orders, &mut control) {
        Ok(report) => report.write(&spec.nonce),
        Err(error) => {
            Report::not_started(chain(&error)).write(&spec.nonce);
            return Err(error);
        }
    }
    Ok(())
}

fn guard_run(
    spec: &GuardianSpec,
    orders: leader::Orders,
    control: &mut control::Control,
) -> Result<Report, GuardianError> {
    // Fails if this process leads a group already, which is just as good.
    rustix::process::setsid().ok();
    // Held until this process ends, whatever ends it: that is what a restarted daemon waits for.
    let lock = leftovers::try_lock(&spec.lock_file)
        .map_err(GuardianError::system("lock the run"))?
        .ok_or_else(|| GuardianError::Locked(spec.lock_file.clone()))?;
    // Only now: a daemon that died before it could see this lock closed the lifeline before.
    if control.is_abandoned()? {
        return Err(GuardianError::NoDaemon);
    }
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))
        .map_err(GuardianError::system("become the subreaper of the run"))?;
    let leader = leader::start(spec, orders)?;
    let report = watch::Watch::new(spec, leader).until_nothing_is_left(control)?;
    drop(lock);
    Ok(report)
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        text.push_str(": ");
        text.push_str(&source.to_string());
        next = source.source();
    }
    text
}
