//! Small programs that come before a run: `pip`, `ansible-galaxy`, a question to Python. They are guarded like runs,
//! because they execute what a repository names, and they have a time limit each.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::command::random_token;
use super::environment::{Environment, RUN_MARKER};
use super::execute::guarded::{Guarded, Listener};
use super::execute::millis;
use super::guardian::{EndedBy, GuardianSpec, Leftovers, Report, ResourceLimits, RunAs};
use crate::domain::Exit;

/// The most that is kept of what a helper says on each stream.
const KEPT_BYTES: usize = 8 * 1024 * 1024;

/// How long what a killed guardian has left may take to end.
const SWEEP: Duration = Duration::from_secs(10);

/// A program to be run to its end.
pub(super) struct Helper {
    pub(super) program: PathBuf,
    pub(super) args: Vec<String>,
    pub(super) environment: Environment,
    pub(super) cwd: PathBuf,
    pub(super) run_as: Option<RunAs>,
    pub(super) limit: Duration,
}

/// How it ended and what it said.
#[derive(Debug)]
pub(super) struct HelperOutput {
    pub(super) exit: Exit,
    pub(super) out: Vec<u8>,
    pub(super) err: Vec<u8>,
    pub(super) timed_out: bool,
}

impl HelperOutput {
    pub(super) fn succeeded(&self) -> bool {
        self.exit == Exit::Code(0) && !self.timed_out
    }

    /// Both streams, for people.
    pub(super) fn text(&self) -> String {
        let mut text = String::from_utf8_lossy(&self.out).into_owned();
        text.push_str(&String::from_utf8_lossy(&self.err));
        text
    }
}

impl Helper {
    /// Runs it. `guardian` is the `driftless` program, `locks` a directory for the lock of its guardian. If nobody
    /// waits any more it goes on to its end or its limit.
    pub(super) async fn run(self, guardian: &Path, locks: &Path) -> io::Result<HelperOutput> {
        let (guardian, locks) = (guardian.to_owned(), locks.to_owned());
        tokio::task::spawn_blocking(move || self.run_blocking(&guardian, &locks))
            .await
            .map_err(io::Error::other)?
    }

    fn run_blocking(mut self, guardian: &Path, locks: &Path) -> io::Result<HelperOutput> {
        let token = random_token()?;
        let lock_file = locks.join(format!(".helper-{token}.lock"));
        self.environment.set(RUN_MARKER, token.clone());
        let leftovers = Leftovers { lock_file: lock_file.clone(), marker: token.clone(), cgroup: None };
        let mut guarded = Guarded::spawn(guardian, &self.spec(&token, &lock_file), leftovers)?;
        let mut heard = Heard::default();
        guarded.pump(&mut heard);
        let report = heard.take_report(&token);
        if report.is_none() {
            guarded.sweep(SWEEP);
        }
        guarded.reap();
        std::fs::remove_file(&lock_file).ok();
        let report = report.ok_or_else(|| io::Error::other("its guardian was killed"))?;
        if let Some(error) = report.error {
            return Err(io::Error::other(error));
        }
        let timed_out = report.ended_by == EndedBy::Limit;
        Ok(HelperOutput { exit: report.exit(), out: heard.out, err: heard.err, timed_out })
    }

    fn spec(&self, nonce: &str, lock_file: &Path) -> GuardianSpec {
        GuardianSpec {
            nonce: nonce.to_owned(),
            program: self.program.clone(),
            args: self.args.clone(),
            env: self.environment.expose().clone(),
            cwd: self.cwd.clone(),
            run_as: self.run_as,
            launcher_spec: None,
            grace_ms: 2_000,
            lifeline_grace_ms: 1_000,
            wall_limit_ms: Some(millis(self.limit)),
            lock_file: lock_file.to_owned(),
            cgroup: None,
            rlimits: ResourceLimits { core_bytes: Some(0), ..ResourceLimits::default() },
        }
    }
}

#[derive(Default)]
struct Heard {
    out: Vec<u8>,
    err: Vec<u8>,
}

impl Heard {
    /// Takes the guardian's line, the last one, off the end of what was heard.
    fn take_report(&mut self, nonce: &str) -> Option<Report> {
        let begin = memchr::memmem::rfind(&self.out, format!("\n{nonce} ").as_bytes())?;
        let report = Report::from_line(nonce, &self.out[begin + 1..])?;
        self.out.truncate(begin);
        Some(report)
    }
}

/// Keeps the end of what is said: errors come last, and so does the guardian.
fn keep_end(kept: &mut Vec<u8>, bytes: &[u8]) {
    kept.extend_from_slice(bytes);
    if 2 * KEPT_BYTES < kept.len() {
        kept.drain(..kept.len() - KEPT_BYTES);
    }
}

impl Listener for Heard {
    fn out(&mut self, bytes: &[u8]) {
        keep_end(&mut self.out, bytes);
    }

    fn err(&mut self, bytes: &[u8]) {
        keep_end(&mut self.err, bytes);
    }
}
