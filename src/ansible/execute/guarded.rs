//! A process under a guardian, seen from the daemon: its two streams, its end, and the lifeline that it hangs on.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use crate::ansible::guardian::{GuardianSpec, Leftovers};
use crate::privileges;

/// How much is read at once. Also the bound of a batch of events.
const CHUNK_BYTES: usize = 256 * 1024;

/// How much is still read after the guardian ended: what fits into the two pipes. Whoever writes more then is no
/// process of the run.
const REST_BYTES: usize = 4 * 1024 * 1024;

/// Takes in what a guarded process says.
pub(in crate::ansible) trait Listener {
    /// Bytes of its standard output.
    fn out(&mut self, bytes: &[u8]);
    /// Bytes of its standard error.
    fn err(&mut self, bytes: &[u8]);
    /// Called between reads; says when to be called again at the latest.
    fn look(&mut self) -> Option<Instant> {
        None
    }
    /// A further descriptor that something may come through.
    fn beside(&self) -> Option<BorrowedFd<'_>> {
        None
    }
    /// Something came through it.
    fn came_beside(&mut self) {}
}

/// The writing end of the guardian's standard input. While it is open the run may live.
#[derive(Debug, Clone)]
pub(in crate::ansible) struct Lifeline(Arc<Mutex<ChildStdin>>);

impl Lifeline {
    /// Asks for the end.
    pub(in crate::ansible) fn stop(&self) {
        let mut pipe = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A guardian that is gone has ended already.
        pipe.write_all(b"stop\n").ok();
    }

    /// Hands a line on to the launcher.
    pub(in crate::ansible) fn answer(&self, line: &str) {
        let mut pipe = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        pipe.write_all(format!("answer {line}\n").as_bytes()).ok();
    }
}

/// What there is to read.
#[derive(Debug, Clone, Copy, Default)]
struct Readable {
    out: bool,
    err: bool,
    beside: bool,
    /// The guardian ended.
    ended: bool,
}

/// A process under a guardian.
pub(in crate::ansible) struct Guarded {
    child: Child,
    pidfd: OwnedFd,
    leftovers: Leftovers,
    /// Kept open by this value alone: a run does not end because nobody wants to stop it any more.
    pub(in crate::ansible) lifeline: Lifeline,
    pub(in crate::ansible) out: File,
    err: File,
    /// Which of the two streams have not ended.
    open: (bool, bool),
}

impl Guarded {
    /// Starts the guardian and gives it its order. Every descriptor of this process is closed in it but the three
    /// streams: std opens all of them with CLOEXEC.
    pub(in crate::ansible) fn spawn(
        program: &Path,
        spec: &GuardianSpec,
        leftovers: Leftovers,
    ) -> io::Result<Self> {
        let order = serde_json::to_vec(spec)?;
        let mut command = Command::new(program);
        // What the guardian gets it gets in its order.
        command.arg("guardian").env_clear().current_dir("/");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = privileges::lent(|| command.spawn())?;
        let pidfd = pidfd_open(Pid::from_child(&child), PidfdFlags::empty())?;
        let missing = || io::Error::other("a stream of the guardian is missing");
        let mut lifeline = child.stdin.take().ok_or_else(missing)?;
        let out = File::from(OwnedFd::from(child.stdout.take().ok_or_else(missing)?));
        let err = File::from(OwnedFd::from(child.stderr.take().ok_or_else(missing)?));
        // A guardian that dies at once is seen by its end.
        lifeline.write_all(&order).and_then(|()| lifeline.write_all(b"\n")).ok();
        let lifeline = Lifeline(Arc::new(Mutex::new(lifeline)));
        Ok(Self { child, pidfd, leftovers, lifeline, out, err, open: (true, true) })
    }

    /// Hands on all that is said, until the guardian has ended and everything that was said before is read.
    pub(in crate::ansible) fn pump(&mut self, listener: &mut dyn Listener) {
        let mut buffer = vec![0; CHUNK_BYTES];
        loop {
            let look_at = listener.look();
            let timeout = look_at.map(|at| at.saturating_duration_since(Instant::now()));
            let readable = self.wait(timeout, listener.beside());
            let read = self.read(readable, &mut buffer, listener);
            if readable.ended && read == 0 {
                return;
            }
            if readable.ended {
                return self.pump_rest(listener);
            }
        }
    }

    /// Hands on what is still in the pipes, and waits for nothing.
    pub(in crate::ansible) fn pump_rest(&mut self, listener: &mut dyn Listener) {
        let mut buffer = vec![0; CHUNK_BYTES];
        let mut budget = REST_BYTES;
        while budget != 0 {
            let readable = self.wait(Some(Duration::ZERO), None);
            let read = self.read(readable, &mut buffer, listener);
            if read == 0 {
                return;
            }
            budget = budget.saturating_sub(read);
        }
    }

    /// Ends what a killed guardian has left. What cannot be ended within `limit` is left to the next one who asks.
    pub(in crate::ansible) fn sweep(&self, limit: Duration) {
        if let Err(error) = self.leftovers.await_gone_blocking(limit) {
            tracing::error!(%error, run_dir = %self.leftovers.marker, "something of a run is left");
        }
    }

    /// Collects the status of the guardian, which has ended.
    pub(in crate::ansible) fn reap(&mut self) {
        self.child.wait().ok();
    }

    /// Which streams have something, or their end, to read, and whether the guardian ended.
    fn wait(&self, timeout: Option<Duration>, beside: Option<BorrowedFd<'_>>) -> Readable {
        let timeout = timeout.and_then(|it| Timespec::try_from(it).ok());
        let pipes = [
            self.open.0.then(|| self.out.as_fd()),
            self.open.1.then(|| self.err.as_fd()),
            beside,
            Some(self.pidfd.as_fd()),
        ];
        let mut fds: Vec<_> = pipes.iter().flatten().map(|it| PollFd::new(it, PollFlags::IN)).collect();
        if poll(&mut fds, timeout.as_ref()).is_err() {
            return Readable::default(); // A signal: look again.
        }
        let mut ready = fds.iter().map(|it| !it.revents().is_empty());
        let [out, err, beside, ended] = pipes.map(|it| it.is_some() && ready.next().unwrap_or(false));
        Readable { out, err, beside, ended }
    }

    fn read(&mut self, which: Readable, buffer: &mut [u8], listener: &mut dyn Listener) -> usize {
        let mut total = 0;
        if which.beside {
            listener.came_beside();
        }
        if which.out {
            let read = read_once(&mut self.out, buffer);
            self.open.0 = read != 0;
            listener.out(&buffer[..read]);
            total += read;
        }
        if which.err {
            let read = read_once(&mut self.err, buffer);
            self.open.1 = read != 0;
            listener.err(&buffer[..read]);
            total += read;
        }
        total
    }
}

/// Reads what is there; 0 is the end. A pipe has no other errors than interruption, which std repeats for us here.
fn read_once(pipe: &mut File, buffer: &mut [u8]) -> usize {
    loop {
        match pipe.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result.unwrap_or(0),
        }
    }
}
