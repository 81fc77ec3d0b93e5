//! What is asked for once in a while: a backup, what is restored from it, and whether all is well.

use std::path::PathBuf;

use clap::Args;

const BACKUP_RULES: &str = "\
What is in it:
  The database of one moment, the key that signs its audit chain, and events
  and raw logs of its runs. The key of variables is not, unless --with-key: then
  the file tells their values. Never in it are the configuration, the Git cache,
  runtimes, and what playbooks keep in `DRIFTLESS_STATE_DIR`.
  docs/operations.md says what to copy along.";

/// Arguments of `backup`.
#[derive(Debug, Args)]
#[command(after_long_help = BACKUP_RULES)]
pub struct Backup {
    /// Where to write it; `-` is the standard output. A file that is there is not overwritten
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Leave the events and raw logs of runs out
    #[arg(long)]
    pub without_logs: bool,
    /// Put the key of variables in: whoever has the file can then read their values
    #[arg(long)]
    pub with_key: bool,
}

/// Arguments of `restore`.
#[derive(Debug, Args)]
pub struct Restore {
    /// A file that `driftless backup` wrote; `-` is the standard input
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// The state directory [default: `state_dir` of the configuration]
    #[arg(long, value_name = "DIR")]
    pub into: Option<PathBuf>,
    /// Put it in the place of a state that is there, which is kept beside it
    #[arg(long)]
    pub replace: bool,
    /// Only verify the file; nothing is restored
    #[arg(long, conflicts_with_all = ["into", "replace"])]
    pub check: bool,
}

/// Arguments of `doctor`.
#[derive(Debug, Args)]
pub struct Doctor {
    /// Also ask the sources whether they answer, and whether the clock is right
    #[arg(long)]
    pub sources: bool,
    /// Also find out whether the hosts that the daemon knows answer on the port of ssh
    #[arg(long)]
    pub hosts: bool,
}
