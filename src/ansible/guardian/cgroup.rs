//! The control group of a run, where the service has one delegated to it. It is a second net: whatever left the
//! guardian's tree is still in the group.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::process::Pid;

/// How long the kernel may take to empty a group after `cgroup.kill`.
const EMPTY_WITHIN: Duration = Duration::from_secs(2);

/// A control group (version 2) of one run.
#[derive(Debug)]
pub(super) struct Cgroup(PathBuf);

impl Cgroup {
    /// Makes it. `None` if it cannot be made: the service has none delegated, or the machine has version 1.
    pub(super) fn make(path: &Path) -> Option<Self> {
        match fs::create_dir(path) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(_) => return None,
        }
        // Only version 2 has this file; elsewhere the directory would be nothing but a directory.
        if path.join("cgroup.procs").exists() {
            Some(Self(path.to_owned()))
        } else {
            fs::remove_dir(path).ok();
            None
        }
    }

    /// A group that a guardian made before.
    pub(super) fn existing(path: &Path) -> Option<Self> {
        path.join("cgroup.procs").exists().then(|| Self(path.to_owned()))
    }

    /// Moves a process into it and says whether that worked.
    pub(super) fn adopt(&self, pid: Pid) -> bool {
        fs::write(self.0.join("cgroup.procs"), pid.as_raw_nonzero().to_string()).is_ok()
    }

    /// Kills all that is in it, waits until it is empty and removes it.
    pub(super) fn end(&self) {
        let deadline = Instant::now() + EMPTY_WITHIN;
        while !self.is_empty() && Instant::now() < deadline {
            fs::write(self.0.join("cgroup.kill"), "1").ok();
            std::thread::sleep(Duration::from_millis(5));
        }
        fs::remove_dir(&self.0).ok();
    }

    fn is_empty(&self) -> bool {
        fs::read_to_string(self.0.join("cgroup.events"))
            .map_or(true, |events| events.lines().any(|line| line == "populated 0"))
    }
}
