//! What the guardian listens to: the daemon on standard input, and signals.

use std::io::{self, Read};
use std::os::fd::BorrowedFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGTERM};

use super::GuardianError;

/// The longest order that is read: far above any environment that the kernel would accept.
const ORDER_BYTES: usize = 16 * 1024 * 1024;

/// What the daemon or the system asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Asked {
    /// A line `stop` came, or a signal.
    pub(super) stop: bool,
    /// Standard input ended: the daemon died.
    pub(super) lifeline: bool,
}

/// The longest line that is read after the order, in bytes. Answers are far shorter.
const LINE_BYTES: usize = 64 * 1024;

/// Standard input and signals, as descriptors that can be waited for together.
pub(super) struct Control {
    /// What was read and is no whole line yet.
    lines: Vec<u8>,
    /// Whether the first line, the order, was taken.
    ordered: bool,
    asked: Asked,
    /// What is to be handed on to the launcher, a line each.
    answers: Vec<Vec<u8>>,
    /// Readable after SIGTERM, SIGINT or SIGHUP to the guardian.
    stop_signal: UnixStream,
    /// Readable after a child ended.
    child_ended: UnixStream,
}

impl Control {
    pub(super) fn open() -> Result<Self, GuardianError> {
        let watch = |signals: &[i32]| -> io::Result<UnixStream> {
            let (ours, theirs) = UnixStream::pair()?;
            ours.set_nonblocking(true)?;
            for signal in signals {
                signal_hook::low_level::pipe::register(*signal, theirs.try_clone()?)?;
            }
            Ok(ours)
        };
        let failed = GuardianError::system("listen to signals");
        let stop_signal = watch(&[SIGTERM, SIGINT, SIGHUP]).map_err(failed)?;
        let child_ended = watch(&[SIGCHLD]).map_err(GuardianError::system("listen to signals"))?;
        Ok(Self {
            lines: Vec::new(),
            ordered: false,
            asked: Asked::default(),
            answers: Vec::new(),
            stop_signal,
            child_ended,
        })
    }

    /// The first line: what is to be started.
    pub(super) fn order(&mut self) -> Result<Vec<u8>, GuardianError> {
        loop {
            if let Some(order) = self.line() {
                self.ordered = true;
                self.hear();
                return Ok(order);
            }
            if self.asked.lifeline || ORDER_BYTES < self.lines.len() {
                return Err(GuardianError::NoDaemon);
            }
            self.listen(None, None)?;
        }
    }

    /// Whether the daemon is gone, or wants the end, before anything was started.
    pub(super) fn is_abandoned(&mut self) -> Result<bool, GuardianError> {
        let asked = self.listen(Some(Duration::ZERO), None)?;
        Ok(asked.lifeline || asked.stop)
    }

    /// Waits until something is asked for, a child ended, `writable` can be written to or `timeout` passed, and says
    /// all that was ever asked for.
    pub(super) fn listen(
        &mut self,
        timeout: Option<Duration>,
        writable: Option<BorrowedFd<'_>>,
    ) -> Result<Asked, GuardianError> {
        let timeout = timeout.and_then(|it| Timespec::try_from(it).ok());
        let stdin = io::stdin();
        let mut fds = vec![
            PollFd::new(&self.stop_signal, PollFlags::IN),
            PollFd::new(&self.child_ended, PollFlags::IN),
        ];
        if !self.asked.lifeline {
            fds.push(PollFd::new(&stdin, PollFlags::IN));
        }
        if let Some(pipe) = &writable {
            fds.push(PollFd::new(pipe, PollFlags::OUT));
        }
        match poll(&mut fds, timeout.as_ref()) {
            Ok(_) => {}
            Err(Errno::INTR) => return Ok(self.asked),
            Err(error) => return Err(GuardianError::system("wait")(error)),
        }
        let said_something = !self.asked.lifeline && fds.get(2).is_some_and(|it| !it.revents().is_empty());
        self.asked.stop |= drain(&mut self.stop_signal);
        drain(&mut self.child_ended);
        if said_something {
            self.read_standard_input(&stdin)?;
        }
        Ok(self.asked)
    }

    fn read_standard_input(&mut self, stdin: &io::Stdin) -> Result<(), GuardianError> {
        let mut buffer = [0; 16 * 1024];
        match rustix::io::read(stdin, &mut buffer) {
            // An error of the pipe is as good as its end: nobody can speak to this process any more.
            Ok(0) => self.asked.lifeline = true,
            Ok(read) => self.lines.extend_from_slice(&buffer[..read]),
            Err(Errno::INTR | Errno::AGAIN) => {}
            Err(error) => return Err(GuardianError::system("read standard input")(error)),
        }
        if self.ordered {
            self.hear();
        }
        Ok(())
    }

    /// Takes the next whole line, its line feed included.
    fn line(&mut self) -> Option<Vec<u8>> {
        let end = memchr::memchr(b'\n', &self.lines)?;
        let rest = self.lines.split_off(end + 1);
        Some(std::mem::replace(&mut self.lines, rest))
    }

    /// Understands the lines that came after the order.
    fn hear(&mut self) {
        while let Some(line) = self.line() {
            match line.strip_prefix(b"answer ") {
                Some(answer) => self.answers.push(answer.to_vec()),
                None => self.asked.stop |= line == b"stop\n",
            }
        }
        if LINE_BYTES < self.lines.len() {
            // Nothing of ours. Without an end it would grow for ever.
            self.lines.clear();
        }
    }

    /// Takes what came for the launcher.
    pub(super) fn take_answers(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.answers)
    }
}

/// Empties a signal pipe and says whether anything was in it.
fn drain(pipe: &mut UnixStream) -> bool {
    let mut buffer = [0; 64];
    let mut any = false;
    while pipe.read(&mut buffer).is_ok_and(|read| read != 0) {
        any = true;
    }
    any
}
