//! Starts the leader of a run: the launcher, in whose process `ansible-playbook` runs.

use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use rustix::io::{Errno, FdFlags, fcntl_setfd};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Gid, Pid, Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::CapabilitySet;

use super::cgroup::Cgroup;
use super::{GuardianError, GuardianSpec, ResourceLimits, RunAs};

/// The descriptor on which the launcher finds what it is to run.
const LAUNCHER_SPEC_FD: RawFd = 3;

/// The started leader.
pub(super) struct Leader {
    pub(super) pid: Pid,
    /// Its control group, where one could be made.
    pub(super) cgroup: Option<Cgroup>,
    /// The way to its launcher; `None` once nothing more is to reach it.
    pub(super) line: Option<Line>,
}

/// The most that waits for a launcher that does not read, besides its order, in bytes.
const WAITING_BYTES: usize = 64 * 1024;

/// The writing end of the pipe to the launcher. Writing never waits: what does not fit is kept until it does.
pub(super) struct Line {
    pipe: File,
    waiting: Vec<u8>,
    most: usize,
}

impl Line {
    fn new(pipe: File, order: Vec<u8>) -> Result<Self, GuardianError> {
        // Of our end alone: the launcher reads a pipe that blocks.
        rustix::io::ioctl_fionbio(&pipe, true).map_err(GuardianError::system("write without waiting"))?;
        Ok(Self { pipe, most: order.len() + WAITING_BYTES, waiting: order })
    }

    /// Adds a line, which ends with a line feed.
    pub(super) fn add(&mut self, line: &[u8]) {
        self.waiting.extend_from_slice(line);
    }

    /// What has to become writable before the rest can be written; `None` if there is no rest.
    pub(super) fn blocked(&self) -> Option<BorrowedFd<'_>> {
        (!self.waiting.is_empty()).then(|| self.pipe.as_fd())
    }

    /// Writes what fits, and says whether the launcher can still be reached. If not, the line is to be dropped: a
    /// launcher that gets no answer ends its run.
    pub(super) fn write(&mut self) -> bool {
        while !self.waiting.is_empty() {
            match rustix::io::write(&self.pipe, &self.waiting) {
                Ok(written) => drop(self.waiting.drain(..written)),
                Err(Errno::AGAIN) => return self.waiting.len() <= self.most,
                Err(Errno::INTR) => {}
                Err(_) => return false, // A launcher that died is told of by its exit status.
            }
        }
        true
    }
}

/// The pipe to the launcher. Made before any other descriptor, because its reading end must have the number 3.
pub(super) struct Orders {
    theirs: OwnedFd,
    ours: File,
}

impl Orders {
    /// Closes whatever this process inherited besides its three streams, which no run must inherit in turn, and
    /// makes the pipe. Only at the very beginning: nothing in this process may own one of these descriptors.
    pub(super) fn open() -> Result<Self, GuardianError> {
        for fd in inherited().map_err(GuardianError::system("list the descriptors"))? {
            // The one that listed them is closed already.
            nix::unistd::close(fd).ok();
        }
        let (theirs, ours) = pipe_with(PipeFlags::CLOEXEC).map_err(GuardianError::system("make a pipe"))?;
        if theirs.as_raw_fd() != LAUNCHER_SPEC_FD {
            let source = io::Error::other("a standard stream is closed");
            return Err(GuardianError::System { action: "make a pipe with the number 3", source });
        }
        Ok(Self { theirs, ours: File::from(ours) })
    }
}

fn inherited() -> io::Result<Vec<RawFd>> {
    let numbers = fs::read_dir("/proc/self/fd")?;
    Ok(numbers
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|fd| LAUNCHER_SPEC_FD <= *fd)
        .collect())
}

pub(super) fn start(spec: &GuardianSpec, orders: Orders) -> Result<Leader, GuardianError> {
    limit_resources(&spec.rlimits)?;
    give_up_privileges(spec.run_as)?;
    let cgroup = spec.cgroup.as_deref().and_then(Cgroup::make);

    let mut command = Command::new(&spec.program);
    command.args(&spec.args).env_clear().envs(&spec.env).current_dir(&spec.cwd).stdin(Stdio::null());
    // Its own group, so that a signal to the guardian's group does not reach it: the guardian decides when.
    command.process_group(0);
    if let Some(RunAs { uid, gid }) = spec.run_as {
        command.uid(uid).gid(gid);
    }
    let Orders { theirs, ours } = orders;
    if spec.launcher_spec.is_some() {
        // No other thread could start another child between this and the next line.
        fcntl_setfd(&theirs, FdFlags::empty()).map_err(GuardianError::system("hand on a descriptor"))?;
    }
    let child =
        command.spawn().map_err(|source| GuardianError::Start { program: spec.program.clone(), source })?;
    // So that a launcher that died is seen as a closed pipe below.
    drop(theirs);
    let pid = Pid::from_child(&child);
    // The launcher waits for its specification: whatever it starts later is in the group as well.
    let cgroup = cgroup.filter(|it| it.adopt(pid));
    let line = spec.launcher_spec.as_ref().map(|it| Line::new(ours, format!("{it}\n").into_bytes()));
    Ok(Leader { pid, cgroup, line: line.transpose()? })
}

/// Drops what a run must not have: supplementary groups, and capabilities that would survive `execve`.
///
/// The guardian itself keeps its permitted capabilities, because it must be able to end processes of another user.
/// They end with `execve` in the child: a user other than root keeps only ambient and inheritable ones
/// (`man 7 capabilities`, "Transformation of capabilities during execve").
fn give_up_privileges(run_as: Option<RunAs>) -> Result<(), GuardianError> {
    rustix::thread::clear_ambient_capability_set()
        .map_err(GuardianError::system("clear the ambient capabilities"))?;
    let mut sets =
        rustix::thread::capabilities(None).map_err(GuardianError::system("read the capabilities"))?;
    sets.inheritable = CapabilitySet::empty();
    rustix::thread::set_capabilities(None, sets)
        .map_err(GuardianError::system("clear the inheritable capabilities"))?;
    if let Some(RunAs { gid, .. }) = run_as {
        // std does this only for root, and the daemon is not root.
        rustix::thread::set_thread_groups(&[Gid::from_raw(gid)])
            .map_err(GuardianError::system("drop the supplementary groups"))?;
    }
    // The service runs with 077. Files that a playbook makes on the control node without a mode are to have the
    // modes that they have when a person runs it; directories of ours that hold them are closed to others.
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
    Ok(())
}

fn limit_resources(limits: &ResourceLimits) -> Result<(), GuardianError> {
    let each = [
        (Resource::Core, limits.core_bytes),
        (Resource::Nofile, limits.open_files),
        (Resource::As, limits.address_space_bytes),
        (Resource::Fsize, limits.file_bytes),
        (Resource::Nproc, limits.processes),
    ];
    for (resource, limit) in each {
        let Some(limit) = limit else { continue };
        // A limit can only be lowered without privileges, so never ask for more than there is.
        let limit = getrlimit(resource).maximum.map_or(limit, |maximum| maximum.min(limit));
        setrlimit(resource, Rlimit { current: Some(limit), maximum: Some(limit) })
            .map_err(GuardianError::system("limit the resources of the run"))?;
    }
    Ok(())
}
