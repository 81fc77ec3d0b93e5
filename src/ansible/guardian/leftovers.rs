//! What a daemon does about runs of a daemon that died: it waits for their guardians, and ends what a guardian that
//! was killed itself has left.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use rustix::process::Signal;

use super::cgroup::Cgroup;
use super::descendants::{below, signal_this, table};
use crate::ansible::environment::RUN_MARKER;

/// How often the lock of an old guardian is tried.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// How to find what is left of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leftovers {
    /// The lock that its guardian holds.
    pub lock_file: PathBuf,
    /// The value of `DRIFTLESS_RUN` in its environment, unique to it.
    pub marker: String,
    /// Its control group, if it may have one.
    pub cgroup: Option<PathBuf>,
}

/// Why it cannot be said that nothing of a run is left.
#[derive(Debug, thiserror::Error)]
pub enum LeftoversError {
    /// The guardian still works on it: it is in its grace, or something cannot be killed. Ask again.
    #[error("the guardian of the run has not ended it yet")]
    StillGuarded,
    /// Processes of the run are still there although they were sent SIGKILL. Ask again.
    #[error("{0} processes of the run do not end")]
    StillThere(usize),
    /// The lock could not be tried.
    #[error("failed to lock {path}")]
    Lock {
        /// The lock file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

/// Waits until nothing of a run is left, for at most `limit`, and says how many processes had to be killed.
///
/// First for its guardian, whose lifeline ended with the daemon that started it. If that guardian was killed itself,
/// its lock is free while processes of the run may live: they are found by their environment and killed. Processes
/// of another user hide their environment from a daemon without privileges; for these there is the control group.
pub async fn await_gone(what: Leftovers, limit: Duration) -> Result<usize, LeftoversError> {
    tokio::task::spawn_blocking(move || what.await_gone_blocking(limit))
        .await
        .unwrap_or(Err(LeftoversError::StillGuarded))
}

impl Leftovers {
    /// [`await_gone`] for threads that may block.
    pub(crate) fn await_gone_blocking(&self, limit: Duration) -> Result<usize, LeftoversError> {
        let deadline = Instant::now() + limit;
        let failed = |source| LeftoversError::Lock { path: self.lock_file.clone(), source };
        // A run without a lock file never had a guardian, and one whose directory is gone had been tidied away.
        let lock = if self.lock_file.parent().is_some_and(Path::exists) {
            loop {
                match try_lock(&self.lock_file).map_err(failed)? {
                    Some(lock) => break Some(lock),
                    None if deadline <= Instant::now() => return Err(LeftoversError::StillGuarded),
                    None => std::thread::sleep(LOOK_AGAIN),
                }
            }
        } else {
            None
        };
        if let Some(cgroup) = self.cgroup.as_deref().and_then(Cgroup::existing) {
            cgroup.end();
        }
        let killed = self.sweep(deadline);
        drop(lock);
        killed
    }

    fn sweep(&self, deadline: Instant) -> Result<usize, LeftoversError> {
        let mut killed = BTreeSet::new();
        loop {
            let left = self.kill_marked();
            if left.is_empty() {
                return Ok(killed.len());
            }
            killed.extend(left.iter().copied());
            if deadline <= Instant::now() {
                return Err(LeftoversError::StillThere(left.len()));
            }
            std::thread::sleep(LOOK_AGAIN);
        }
    }

    /// Kills every process that has the marker in its environment, and all below it.
    fn kill_marked(&self) -> BTreeSet<i32> {
        let table = table();
        let alive = table.iter().filter(|(_, process)| !process.zombie);
        let mut marked: BTreeSet<i32> =
            alive.map(|(pid, _)| *pid).filter(|pid| self.is_marked(*pid)).collect();
        marked.append(&mut below(&table, &marked));
        for pid in &marked {
            if let Some(process) = table.get(pid) {
                signal_this(*pid, process.started, Signal::KILL);
            }
        }
        marked
    }

    fn is_marked(&self, pid: i32) -> bool {
        let Ok(environment) = fs::read(format!("/proc/{pid}/environ")) else { return false };
        environment.split(|it| *it == 0).any(|entry| {
            entry.strip_prefix(RUN_MARKER.as_bytes()).and_then(|it| it.strip_prefix(b"="))
                == Some(self.marker.as_bytes())
        })
    }
}

/// Takes the lock of a run without waiting; `None` if somebody has it.
pub(super) fn try_lock(path: &Path) -> io::Result<Option<File>> {
    // std opens with CLOEXEC: nothing that a guardian starts inherits the lock.
    let file =
        OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(file)),
        Err(Errno::WOULDBLOCK) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
