//! The hidden subcommand between the daemon and bubblewrap: it opens what bubblewrap reads from descriptors, gives up
//! what a sandbox must not have, and makes sure that nothing of the sandbox is left.
//!
//! A process of its own, with one thread, because the daemon must neither hand descriptors to whatever else it
//! starts at that moment nor change its own limits. It has two ways:
//!
//! * `driftless sandbox` reads an [`Order`] from standard input, which is its lifeline as well: at its end everything
//!   ends. Standard output and error are those of the sandbox; a last line behind the nonce tells how it ended.
//! * `driftless sandbox exec WRAPPING` becomes bubblewrap, for a run that has a guardian.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufRead, Read, Seek, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{MemfdFlags, memfd_create};
use rustix::io::{Errno, FdFlags, fcntl_setfd};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{
    Gid, Pid, PidfdFlags, Resource, Rlimit, Signal, WaitOptions, getrlimit, pidfd_open, setrlimit,
};
use rustix::thread::CapabilitySet;
use serde::{Deserialize, Serialize};

use super::arguments::Argument;
use super::{RunAs, SandboxLimits};

/// Bubblewrap and its arguments, which hold no secret.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Wrapping {
    pub(super) bwrap: PathBuf,
    pub(super) arguments: Vec<Argument>,
}

/// One sandbox to be watched over.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Order {
    /// What the last line begins with. Nothing in the sandbox knows it.
    pub(super) nonce: String,
    pub(super) wrapping: Wrapping,
    pub(super) run_as: Option<RunAs>,
    pub(super) limits: SandboxLimits,
}

/// How a sandbox ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Ended {
    /// By itself, with this status as bubblewrap hands it on: 128 and the number for a signal.
    Exit(i32),
    /// It took too long.
    Wall,
    /// The daemon wanted it, or died.
    Lifeline,
    /// Bubblewrap could not make it.
    NotMade,
    /// Not even bubblewrap could be started: what the system said.
    NotStarted(String),
}

impl Ended {
    /// Takes the last line off what a sandbox said on standard error.
    pub(super) fn take(nonce: &str, said: &mut Vec<u8>) -> Option<Self> {
        let mark = format!("\n{nonce} ").into_bytes();
        let begin = said.windows(mark.len()).rposition(|it| it == mark)?;
        let ended = serde_json::from_slice(said[begin + mark.len()..].trim_ascii_end()).ok()?;
        said.truncate(begin);
        Some(ended)
    }
}

/// The hidden subcommand. The process must have one thread.
pub fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(2);
    let done = match (arguments.next(), arguments.next()) {
        (None, _) => watch(),
        (Some(exec), Some(wrapping)) if exec == "exec" => become_bubblewrap(wrapping),
        _ => Err(io::Error::other("it is started by the daemon alone")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            writeln!(io::stderr(), "sandbox: {error}").ok();
            ExitCode::FAILURE
        }
    }
}

fn become_bubblewrap(wrapping: OsString) -> io::Result<()> {
    let wrapping = wrapping.into_string().map_err(|_| io::Error::other("the order is not text"))?;
    let wrapping: Wrapping = serde_json::from_str(&wrapping)?;
    let (mut command, open) = wrapping.command()?;
    let error = command.exec();
    drop(open);
    Err(io::Error::new(error.kind(), format!("failed to start {}: {error}", wrapping.bwrap.display())))
}

fn watch() -> io::Result<()> {
    close_inherited()?;
    let mut order = Vec::new();
    // Byte by byte would be slow and is not needed: nothing follows the order but the end.
    io::stdin().lock().read_until(b'\n', &mut order)?;
    let order: Order = serde_json::from_slice(&order)?;
    let ended = match start(&order) {
        Ok((child, status)) => await_end(child, status, order.limits.wall)?,
        Err(error) => Ended::NotStarted(error.to_string()),
    };
    let ended = serde_json::to_string(&ended)?;
    writeln!(io::stderr(), "\n{} {ended}", order.nonce)
}

impl Wrapping {
    /// The command, and the descriptors that must stay open until it is started.
    fn command(&self) -> io::Result<(Command, Vec<OwnedFd>)> {
        let mut command = Command::new(&self.bwrap);
        let mut open = Vec::new();
        for argument in &self.arguments {
            let contents = match argument {
                Argument::Text(text) => {
                    command.arg(text);
                    continue;
                }
                Argument::Contents(text) => text.clone().into_bytes(),
                Argument::Filter(filter) => filter.program().map_err(io::Error::other)?,
            };
            let file = in_memory(&contents)?;
            command.arg(file.as_raw_fd().to_string());
            open.push(file);
        }
        Ok((command, open))
    }
}

/// A file in memory that what is started inherits.
fn in_memory(contents: &[u8]) -> io::Result<OwnedFd> {
    let mut file = File::from(memfd_create("driftless", MemfdFlags::empty())?);
    file.write_all(contents)?;
    file.rewind()?;
    Ok(file.into())
}

fn start(order: &Order) -> io::Result<(Child, File)> {
    limit_resources(&order.limits)?;
    give_up_privileges(order.run_as)?;
    // Orphans of the sandbox become children of this process: it has ended when none is left.
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
    let (mut command, open) = order.wrapping.command()?;
    let (status, theirs) = pipe_with(PipeFlags::CLOEXEC)?;
    fcntl_setfd(&theirs, FdFlags::empty())?;
    let mut with_status = Command::new(&order.wrapping.bwrap);
    with_status.arg("--json-status-fd").arg(theirs.as_raw_fd().to_string()).args(command.get_args());
    command = with_status;
    command.env_clear().current_dir("/").stdin(Stdio::null());
    if let Some(RunAs { uid, gid }) = order.run_as {
        command.uid(uid).gid(gid);
    }
    let child = command.spawn()?;
    drop((open, theirs));
    Ok((child, status.into()))
}

fn close_inherited() -> io::Result<()> {
    let numbers: Vec<i32> = std::fs::read_dir("/proc/self/fd")?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|fd| 2 < *fd)
        .collect();
    for fd in numbers {
        // The one that listed them is closed already.
        nix::unistd::close(fd).ok();
    }
    Ok(())
}

fn limit_resources(limits: &SandboxLimits) -> io::Result<()> {
    let each = [
        (Resource::Core, 0),
        (Resource::Nofile, 1024),
        (Resource::Cpu, limits.cpu.as_secs().max(1)),
        (Resource::As, limits.memory_bytes),
        (Resource::Nproc, limits.processes),
        (Resource::Fsize, limits.file_bytes),
    ];
    for (resource, limit) in each {
        // A limit can only be lowered without privileges, so never ask for more than there is.
        let at_most = |it: u64| Some(getrlimit(resource).maximum.map_or(it, |maximum| maximum.min(it)));
        // Processor time ends with a signal that tells so, unless that is ignored.
        let grace = u64::from(resource == Resource::Cpu);
        setrlimit(resource, Rlimit { current: at_most(limit), maximum: at_most(limit + grace) })?;
    }
    Ok(())
}

/// Bubblewrap refuses to start with capabilities that it did not ask for, and a sandbox must not have any. The
/// permitted ones stay with this process, which must be able to end those of another user.
fn give_up_privileges(run_as: Option<RunAs>) -> io::Result<()> {
    rustix::thread::clear_ambient_capability_set()?;
    let mut sets = rustix::thread::capabilities(None)?;
    sets.inheritable = CapabilitySet::empty();
    rustix::thread::set_capabilities(None, sets)?;
    if let Some(RunAs { gid, .. }) = run_as {
        rustix::thread::set_thread_groups(&[Gid::from_raw(gid)])?;
    }
    Ok(())
}

fn await_end(mut child: Child, mut status: File, wall: Duration) -> io::Result<Ended> {
    let until = Instant::now() + wall;
    let pidfd = pidfd_open(Pid::from_child(&child), PidfdFlags::empty())?;
    let cut = loop {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break Some(Ended::Wall);
        }
        let timeout = Timespec::try_from(left).map_err(io::Error::other)?;
        let stdin = io::stdin();
        let mut looked = [
            PollFd::new(&pidfd, PollFlags::IN),
            PollFd::from_borrowed_fd(stdin.as_fd(), PollFlags::IN | PollFlags::HUP),
        ];
        match poll(&mut looked, Some(&timeout)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        if !looked[0].revents().is_empty() {
            break None;
        }
        if !looked[1].revents().is_empty() {
            break Some(Ended::Lifeline);
        }
    };
    if cut.is_some() {
        // Its end is that of the namespace of processes, and so of everything in it.
        child.kill().ok();
    }
    let exit = child.wait()?;
    end_orphans()?;
    if let Some(cut) = cut {
        return Ok(cut);
    }
    let mut told = String::new();
    status.read_to_string(&mut told)?;
    let code = exit.code().or_else(|| exit.signal().map(|it| 128 + it)).unwrap_or(1);
    Ok(if told.contains("\"exit-code\"") { Ended::Exit(code) } else { Ended::NotMade })
}

/// Ends what a killed bubblewrap has left: the first process of the sandbox, if it had not yet asked to die with its
/// parent. With it the kernel ends every other one. Returns when no child of this process is left.
fn end_orphans() -> io::Result<()> {
    loop {
        for orphan in children()? {
            rustix::process::kill_process(orphan, Signal::KILL).ok();
        }
        match rustix::process::wait(WaitOptions::empty()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(_) => return Ok(()),
        }
    }
}

/// The children of this process. No number can become another's: a child keeps it until it is waited for, here.
fn children() -> io::Result<Vec<Pid>> {
    let us = rustix::process::getpid().as_raw_pid();
    let numbers = std::fs::read_dir("/proc")?.filter_map(|it| it.ok()?.file_name().to_str()?.parse().ok());
    let parent = |pid: i32| {
        let stat = std::fs::read(format!("/proc/{pid}/stat")).ok()?;
        // The name of the program stands in parentheses and may hold any byte: the fields are behind the last one.
        let fields = stat.rsplit(|it| *it == b')').next()?;
        str::from_utf8(fields).ok()?.split_ascii_whitespace().nth(1)?.parse::<i32>().ok()
    };
    Ok(numbers.filter(|pid| parent(*pid) == Some(us)).filter_map(Pid::from_raw).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_it_ended_is_told_behind_the_nonce_only() {
        let mut said = b"[WARNING]: x\n\nn2 {\"exit\":0}\n\nn1 {\"exit\":4}\n".to_vec();
        assert_eq!(Ended::take("n1", &mut said), Some(Ended::Exit(4)));
        assert_eq!(said, b"[WARNING]: x\n\nn2 {\"exit\":0}\n");
        assert_eq!(Ended::take("n1", &mut said), None);
        assert_eq!(Ended::take("n2", &mut b"\nn2 \"wall\"\n".to_vec()), Some(Ended::Wall));
        assert_eq!(Ended::take("n2", &mut b"\nn2 {\"exit\":".to_vec()), None);
    }
}
