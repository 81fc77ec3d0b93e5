//! Starts a sandbox from the daemon, takes in what it says up to a limit, and ends it when nobody waits any more.

use std::io;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{ChildStdin, Command};

use super::confine::{Ended, Order};
use crate::privileges;

/// How much longer than its own limit a sandbox may take to be gone.
const SWEEP: Duration = Duration::from_secs(10);

/// What a sandbox said, and how it ended.
#[derive(Debug)]
pub(super) struct Heard {
    pub(super) out: String,
    pub(super) err: String,
    /// Whether it said more than it might, and was ended for that.
    pub(super) cut: bool,
    pub(super) ended: Ended,
}

/// Runs one sandbox to its end. `program` is the `driftless` program.
pub(super) async fn hear(program: &Path, order: &Order) -> io::Result<Heard> {
    let mut command = Command::new(program);
    command.arg("sandbox").env_clear().current_dir("/");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = privileges::lent(|| command.spawn())?;
    let missing = || io::Error::other("a stream of the sandbox is missing");
    let mut lifeline = child.stdin.take().ok_or_else(missing)?;
    let (mut out, mut err) =
        (child.stdout.take().ok_or_else(missing)?, child.stderr.take().ok_or_else(missing)?);
    let mut text = serde_json::to_vec(order)?;
    text.push(b'\n');
    // One that is gone already says why, below.
    lifeline.write_all(&text).await.ok();
    let half = usize::try_from(order.limits.output_bytes / 2).unwrap_or(usize::MAX);
    // If nobody waits any more this is dropped, and everything ends. To kill the process would be worse: bubblewrap
    // dies with its parent only once it has asked the kernel for that.
    let lifeline = Lifeline(Mutex::new(Some(lifeline)));
    let streams = async { tokio::join!(keep(&mut out, half, &lifeline), keep(&mut err, half, &lifeline)) };
    let ((out, out_cut), (mut err, err_cut)) =
        tokio::time::timeout(order.limits.wall.saturating_add(SWEEP), streams)
            .await
            .map_err(|_| io::Error::other("it did not end when it was to"))?;
    child.wait().await?;
    let cut = out_cut || err_cut;
    let ended = match Ended::take(&order.nonce, &mut err) {
        Some(ended) => ended,
        None if cut => Ended::Lifeline,
        None => return Err(io::Error::other(String::from_utf8_lossy(&err).trim().to_owned())),
    };
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Ok(Heard { out: text(out), err: text(err), cut, ended })
}

/// While it is open the sandbox may live.
struct Lifeline(Mutex<Option<ChildStdin>>);

impl Lifeline {
    fn end(&self) {
        drop(self.0.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}

/// Keeps the beginning of a stream. What comes after it is read and forgotten until the stream ends.
async fn keep(stream: &mut (impl AsyncRead + Unpin), most: usize, lifeline: &Lifeline) -> (Vec<u8>, bool) {
    let mut kept = Vec::new();
    let mut cut = false;
    let mut buffer = vec![0; 64 * 1024];
    // A stream that cannot be read is one that has ended.
    while let Ok(read @ 1..) = stream.read(&mut buffer).await {
        let room = most.saturating_sub(kept.len()).min(read);
        kept.extend_from_slice(&buffer[..room]);
        if room < read && !cut {
            cut = true;
            lifeline.end();
        }
    }
    (kept, cut)
}
