//! What can be asked of the audit chain.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use crate::api::{AuditQuery, ErrorBody, NameWanted};
use crate::domain::audit::{AuditPublicKey, Checkpoint};
use crate::domain::{RunId, Span, Timestamp};

/// What can be asked of the audit chain.
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Show who did what, and what ran and changed where
    Show(AuditShow),
    /// Verify the chain, against checkpoints that were kept elsewhere
    #[command(after_long_help = LIMITS)]
    Verify(AuditVerify),
    /// Write the chain as JSON, one record a line; `verify` reads it again
    Export {
        /// Only from this record on; only a whole export can be verified
        #[arg(long, value_name = "NUMBER", default_value = "0")]
        from: u64,
    },
    /// Print the public key of checkpoints, to be kept elsewhere
    Key {
        /// Read the database of a state directory instead of asking the daemon
        #[arg(long, value_name = "PATH")]
        database: Option<PathBuf>,
    },
    /// Erase the name of a person from the chain, which holds as before
    Erase {
        /// The name, as records have it
        name: String,
    },
}

const LIMITS: &str = "\
Limits:
  A chain shows by itself what was edited, inserted, moved or left out within
  it. It does not show that its end was cut off, that an old copy was restored,
  or that all of it was made anew. A checkpoint does, for all records up to it,
  if it was kept where nobody could change it. The key should come from there,
  too: without --key, the one that the chain itself names first is trusted.";

/// Arguments of `audit show`.
#[derive(Debug, Args)]
pub struct AuditShow {
    /// Only of this stack
    #[arg(long, value_name = "STACK")]
    pub stack: Option<NameWanted>,
    /// Only since then: a time, or how long ago, as in `36h`
    #[arg(long, value_name = "WHEN", value_parser = since)]
    pub since: Option<Since>,
    /// Only of this run
    #[arg(long, value_name = "RUN")]
    pub run: Option<RunId>,
    /// How many at most: the last ones
    #[arg(short = 'n', long, value_name = "NUMBER", default_value = "50",
          value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub count: u32,
}

/// A point in time, or how long ago it was.
#[derive(Debug, Clone, Copy)]
pub enum Since {
    /// Then.
    At(Timestamp),
    /// So long ago.
    Ago(Span),
}

/// Reads it as people write it.
pub(in crate::cli) fn since(given: &str) -> Result<Since, String> {
    let at = given.parse().map(Since::At);
    at.or_else(|_| given.parse().map(Since::Ago))
        .map_err(|_| "write a time as `2026-11-28T08:00:00Z`, or how long ago as `36h`".to_owned())
}

impl Since {
    /// When that was.
    pub(in crate::cli) fn before(self, now: Timestamp) -> Result<Timestamp, ErrorBody> {
        let early = |_| ErrorBody::bad_request("that is before the beginning of time");
        match self {
            Self::At(at) => Ok(at),
            Self::Ago(span) => now.checked_sub(span.abs()).map_err(early),
        }
    }
}

impl AuditShow {
    pub(super) fn query(&self, now: Timestamp) -> Result<AuditQuery, ErrorBody> {
        let since = self.since.map(|it| it.before(now)).transpose()?;
        Ok(AuditQuery {
            object: self.stack.as_ref().map(ToString::to_string),
            run: self.run,
            since,
            count: Some(self.count),
            newest: true,
            ..AuditQuery::default()
        })
    }
}

/// Arguments of `audit verify`.
#[derive(Debug, Args)]
pub struct AuditVerify {
    /// A file that `audit export` wrote
    #[arg(value_name = "FILE", conflicts_with = "database")]
    pub file: Option<PathBuf>,
    /// Read this database instead of asking the daemon, which need not run: a state directory, or a copy of
    /// `driftless.db`
    #[arg(long, value_name = "PATH")]
    pub database: Option<PathBuf>,
    /// Checkpoints that were kept elsewhere; may be given more than once
    #[arg(long, value_name = "FILE")]
    pub checkpoint: Vec<PathBuf>,
    /// The key that is trusted, as `audit key` printed it
    #[arg(long, value_name = "KEY")]
    pub key: Option<AuditPublicKey>,
}

impl AuditVerify {
    /// The checkpoints of all the files.
    pub fn checkpoints(&self) -> Result<Vec<Checkpoint>, ErrorBody> {
        let mut all = Vec::new();
        for file in &self.checkpoint {
            all.extend(super::checkpoints_of(file)?);
        }
        Ok(all)
    }
}

pub(super) fn unreadable(file: &Path, error: &std::io::Error) -> ErrorBody {
    ErrorBody::not_found(format!("{} cannot be read: {error}", file.display()))
}
