//! Running one program with hard limits of time: it and everything it started end with them.

use std::io;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep_until, timeout};

use super::Limits;
use super::error::Phase;

/// How much of what a program says is kept: the end of it.
const KEPT: usize = 64 * 1024;

/// How long a program may take to clean up after it was told to end.
const GRACE: Duration = Duration::from_millis(500);

/// What a program left.
pub(super) struct Finished {
    /// How it ended.
    pub(super) status: ExitStatus,
    /// The end of its standard output.
    pub(super) stdout: Vec<u8>,
    /// The end of its standard error.
    pub(super) stderr: Vec<u8>,
}

/// Why there is no result.
pub(super) enum Unfinished {
    /// It could not be started or waited for.
    Io(io::Error),
    /// Its time was up. It has been ended.
    Late(Phase, Duration),
}

/// Ends the group if the future is dropped while the program runs.
struct Group(Option<Pid>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // It may have ended by itself.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

/// What is known of the progress of a program.
struct Progress {
    started: Instant,
    last: Instant,
    answered: bool,
    bytes: u64,
}

impl Progress {
    /// When the program must have shown a sign of life, and what it is that it is late with.
    fn deadline(&self, limits: &Limits) -> (Instant, Phase, Duration) {
        let (next, phase, span) = if self.answered {
            (self.last + limits.stall, Phase::Stall, limits.stall)
        } else {
            (self.started + limits.connect, Phase::Connect, limits.connect)
        };
        let total = self.started + limits.total;
        if total <= next { (total, Phase::Total, limits.total) } else { (next, phase, span) }
    }

    fn seen(&mut self) {
        self.last = Instant::now();
        self.answered = true;
    }
}

/// Runs a program to its end. `growing` is a directory whose files grow while it works, a sign of life too.
pub(super) async fn run(
    mut command: Command,
    stdin: Stdio,
    limits: &Limits,
    growing: Option<&Path>,
) -> Result<Finished, Unfinished> {
    let mut child =
        command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().map_err(Unfinished::Io)?;
    let pid = child.id().and_then(|it| i32::try_from(it).ok()).and_then(Pid::from_raw);
    let mut group = Group(pid);
    let (mut out, mut err) = (child.stdout.take(), child.stderr.take());
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let now = Instant::now();
    let mut progress = Progress { started: now, last: now, answered: false, bytes: 0 };
    let status = loop {
        let (deadline, phase, span) = progress.deadline(limits);
        tokio::select! {
            read = keep(&mut out, &mut stdout), if out.is_some() => if read { progress.seen() },
            read = keep(&mut err, &mut stderr), if err.is_some() => if read { progress.seen() },
            status = child.wait() => break status.map_err(Unfinished::Io)?,
            () = sleep_until(deadline) => {
                let bytes = growing.map_or(0, size_of_files);
                if phase != Phase::Total && bytes > progress.bytes {
                    progress.bytes = bytes;
                    progress.seen();
                } else {
                    end(&mut child, pid).await;
                    return Err(Unfinished::Late(phase, span));
                }
            }
        }
    };
    // The rest of what it said. Not to the end of the file: a shared ssh connection stays open behind it.
    let _ = timeout(GRACE, async {
        while out.is_some() && keep(&mut out, &mut stdout).await {}
        while err.is_some() && keep(&mut err, &mut stderr).await {}
    })
    .await;
    group.0 = None;
    Ok(Finished { status, stdout, stderr })
}

/// Reads once; `false` at the end, which also closes this side.
async fn keep(from: &mut Option<impl AsyncRead + Unpin>, kept: &mut Vec<u8>) -> bool {
    let Some(pipe) = from else { return false };
    kept.reserve(8192);
    match pipe.read_buf(kept).await {
        Ok(0) | Err(_) => {
            *from = None;
            false
        }
        Ok(_) => {
            if kept.len() > 2 * KEPT {
                kept.drain(..kept.len() - KEPT);
            }
            true
        }
    }
}

/// Asks the program and its children to end, so that git removes its temporary files, then makes them.
async fn end(child: &mut Child, group: Option<Pid>) {
    for signal in [Signal::TERM, Signal::KILL] {
        if let Some(group) = group {
            // It may have ended in between.
            let _ = kill_process_group(group, signal);
        }
        // Its children may be slower than itself, so they are killed whether or not it is gone.
        drop(timeout(GRACE, child.wait()).await);
    }
}

fn size_of_files(dir: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(dir) else { return 0 };
    entries.flatten().filter_map(|it| it.metadata().ok()).map(|it| it.len()).sum()
}
