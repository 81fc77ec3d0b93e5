//! What can be asked on the command line.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::alerts::AlertArguments;
use super::asking::{APPLY_RULES, waiting};
pub(super) use super::asking::{ApplyArguments, PlanArguments, RevisionText};
use super::audit::AuditCommand;
use super::drift::DriftArguments;
use super::life::{Backup, Doctor, Restore};
use super::runs::RunsArguments;
use super::show::{LogsArguments, ShowArguments};
use super::tokens::TokenArguments;
use crate::api::NameWanted;
use crate::domain::{MergeRequestNumber, RunId, SourceName};

/// Where the daemon of a service listens.
const SOCKET: &str = "/run/driftless/driftless.sock";
/// Where the configuration of a service is.
const CONFIG: &str = "/etc/driftless/config.yml";

const SOCKET_HELP: &str =
    "The unix socket of the daemon [env: DRIFTLESS_SOCKET] [default: /run/driftless/driftless.sock]";
const CONFIG_HELP: &str =
    "The configuration of the daemon [env: DRIFTLESS_CONFIG] [default: /etc/driftless/config.yml]";

/// Keeps fleets of hosts as Git says they should be, through ansible-playbook.
#[derive(Debug, Parser)]
#[command(name = "driftless", version, max_term_width = 100, disable_help_subcommand = false)]
#[command(after_help = "Start with `driftless demo`. Exit codes are listed in docs/command-line.md.")]
pub struct Arguments {
    /// What holds for every command.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What holds for every command.
#[derive(Debug, Clone, Default, Args)]
pub struct Global {
    // Not by `clap`, which would tell what is set in the environment as required in usage lines.
    /// The unix socket of the daemon.
    #[arg(long, global = true, help = SOCKET_HELP, help_heading = "Options of every command", value_name = "PATH")]
    pub socket: Option<PathBuf>,
    /// The configuration of the daemon.
    #[arg(long, global = true, help = CONFIG_HELP, help_heading = "Options of every command", value_name = "PATH")]
    pub config: Option<PathBuf>,
    /// How answers look
    #[arg(
        long,
        global = true,
        help_heading = "Options of every command",
        value_name = "FORM",
        default_value = "text"
    )]
    pub output: OutputWanted,
    /// When to use colours
    #[arg(
        long,
        global = true,
        help_heading = "Options of every command",
        value_name = "WHEN",
        default_value = "auto"
    )]
    pub color: ColorWanted,
}

impl Global {
    /// Takes from the environment what was not said.
    pub fn read_environment(&mut self, variable: impl Fn(&str) -> Option<String>) {
        let read = |name| variable(name).filter(|it| !it.is_empty()).map(PathBuf::from);
        self.socket = self.socket.take().or_else(|| read("DRIFTLESS_SOCKET"));
        self.config = self.config.take().or_else(|| read("DRIFTLESS_CONFIG"));
    }

    /// The socket that was given, else the one of a service.
    pub fn socket(&self) -> &Path {
        self.socket.as_deref().unwrap_or(Path::new(SOCKET))
    }

    /// The configuration that was given, else the one of a service.
    pub fn config(&self) -> &Path {
        self.config.as_deref().unwrap_or(Path::new(CONFIG))
    }
}

/// How answers look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum OutputWanted {
    /// Tables and sentences.
    #[default]
    Text,
    /// The types of the API, as JSON.
    Json,
}

/// When to use colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum ColorWanted {
    /// On a terminal, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show on this machine what driftless does, from commit to record, with real Ansible
    #[command(display_order = 1)]
    Demo(Demo),
    /// Run the daemon
    #[command(display_order = 2)]
    Serve,
    /// Check a configuration, and say everything that is wrong with it
    #[command(display_order = 3)]
    CheckConfig(CheckConfig),
    /// Write a first `driftless.yml`, or with --url a configuration of the daemon
    #[command(display_order = 4)]
    Init(Init),
    /// What only talks to the daemon.
    #[command(flatten)]
    Client(ClientCommand),
    /// Write a backup while the daemon runs, and verify it
    #[command(display_order = 30)]
    Backup(Backup),
    /// Restore a backup where no daemon runs
    #[command(display_order = 31)]
    Restore(Restore),
    /// Look for what is wrong with this installation, and say how to mend it
    #[command(display_order = 32)]
    Doctor(Doctor),
    /// Print the JSON Schema of a configuration, or the OpenAPI document
    #[command(display_order = 33)]
    Schema(Schema),
    /// Print completions for a shell
    #[command(display_order = 34)]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Write the manual pages into a directory. Packages are made with it.
    #[command(hide = true)]
    Man {
        /// Where to; it is made if it is missing
        directory: PathBuf,
    },
    /// The guardian of one run. The daemon starts it; nobody else should.
    #[command(hide = true)]
    Guardian {
        /// What the daemon tells it.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
}

/// Arguments of `demo`.
#[derive(Debug, Args)]
pub struct Demo {
    /// End when the story is told, instead of staying up
    #[arg(long)]
    pub exit: bool,
    /// Keep everything in this directory [default: a new one in the directory for temporary files]
    #[arg(long, value_name = "PATH")]
    pub directory: Option<PathBuf>,
    /// Serve pages, metrics and health here
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    pub listen: SocketAddr,
}

/// Arguments of `check-config`.
#[derive(Debug, Args)]
pub struct CheckConfig {
    /// Check the `driftless.yml` of the repository in this directory instead of the daemon's configuration
    #[arg(long, value_name = "PATH")]
    pub repository: Option<PathBuf>,
}

/// Arguments of `init`.
#[derive(Debug, Args)]
pub struct Init {
    /// The repository to follow: writes a configuration of the daemon
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
    /// The branch to follow
    #[arg(long, value_name = "BRANCH", default_value = "main")]
    pub reference: String,
    /// What to call the source
    #[arg(long, value_name = "NAME", default_value = "infra")]
    pub name: SourceName,
    /// Write it to the standard output, not to the file of --config
    #[arg(long)]
    pub print: bool,
}

/// Arguments of `schema`.
#[derive(Debug, Args)]
pub struct Schema {
    /// Of what
    #[arg(default_value = "repository")]
    pub of: SchemaWanted,
}

/// What a schema is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SchemaWanted {
    /// `/etc/driftless/config.yml`.
    Operator,
    /// `driftless.yml` of a repository.
    Repository,
    /// The API: its OpenAPI document.
    Api,
}

/// What only talks to the daemon.
#[derive(Debug, Subcommand)]
pub enum ClientCommand {
    /// Show everything at a glance
    #[command(display_order = 10)]
    Status,
    /// List all stacks
    #[command(display_order = 11)]
    Stacks,
    /// List runs, newest first
    #[command(display_order = 12)]
    Runs(RunsArguments),
    /// Show one run: why, how it ended, what it did on which host
    #[command(display_order = 13)]
    Show(ShowArguments),
    /// Show what Ansible told, event by event
    #[command(display_order = 14)]
    Logs(LogsArguments),
    /// Say why a stack did, does or does not run
    #[command(display_order = 15)]
    Explain {
        /// The stack: `source/stack`, or only its name where that is unique
        stack: NameWanted,
    },
    /// Show what differs from Git, on which host, and whose doing it is
    #[command(display_order = 16)]
    Drift(DriftArguments),
    /// List the hosts, of all stacks or of one: what they have, are owed, what differs
    #[command(display_order = 17)]
    Hosts {
        /// Only the hosts of this stack: `source/stack`, or only its name where that is unique
        stack: Option<NameWanted>,
    },
    /// Show what is wrong, who was told, and whether the messages arrived
    #[command(display_order = 20)]
    Alerts(AlertArguments),
    /// Show, verify or export the audit chain: who did what, what ran and changed where
    #[command(display_order = 21, subcommand)]
    Audit(AuditCommand),
    /// Check a stack now, wait for it, and show what differs; changes nothing
    #[command(display_order = 22)]
    Plan(PlanArguments),
    /// Apply a stack now, wait for it, and end as the run ended
    #[command(display_order = 23, after_long_help = APPLY_RULES)]
    Apply(ApplyArguments),
    /// List the merge requests that are followed, and where their previews stand
    #[command(display_order = 18)]
    MergeRequests {
        /// Only those of this source
        source: Option<SourceName>,
    },
    /// Show what a merge request would do, as far as its preview went
    #[command(display_order = 19)]
    Preview {
        /// The source
        source: SourceName,
        /// The number of the merge request
        number: MergeRequestNumber,
        /// Check the head that it has now with the real keys; this executes what it says
        #[arg(long)]
        live: bool,
    },
    /// Accept what waits for a person: rewritten history, a revision, an odd apply
    #[command(display_order = 24)]
    Approve {
        /// The source, or the stack: `source/stack`, or only its name where that is unique
        #[arg(value_name = "SOURCE or STACK")]
        what: String,
        /// What waits: the commit of a source, the digest of a stack; without it, it is shown
        #[arg(value_name = "COMMIT or DIGEST", value_parser = waiting)]
        waiting: Option<String>,
    },
    /// End a live run; its revision is then held until a newer commit or a person
    #[command(display_order = 25)]
    Cancel {
        /// The number of the run
        run: RunId,
        /// Suspend the stack as well
        #[arg(long)]
        suspend: bool,
    },
    /// Start no more runs of a stack; a live one goes on
    #[command(display_order = 26)]
    Suspend {
        /// The stack
        stack: NameWanted,
    },
    /// Print a link that signs a browser in as you, once
    #[command(display_order = 28)]
    SignIn,
    /// Make, list and revoke tokens for programs and people
    #[command(display_order = 29)]
    Tokens(TokenArguments),
    /// Start runs of a stack again; also ends a hold
    #[command(display_order = 27)]
    Resume {
        /// The stack
        stack: NameWanted,
    },
}
