//! How a run ended, computed from exit status *and* events, because neither alone can be trusted.
//!
//! `ansible-playbook` exits 0 when no host matched, 4 for both an unreachable host and a parse error, 2 for both a
//! failed host and a bad option (measured, `ansible-facts` 0 and 1.6).

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Mode, Tally};

/// How a run ended, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Every host is as the playbook wants it; nothing had to change.
    InSync,
    /// Every host is as the playbook wants it, after changes.
    Changed,
    /// Check mode would change something.
    Drifted,
    /// A host failed, or no host was there at all.
    Failed,
    /// No host failed, and some did not answer.
    Unreachable,
    /// It took longer, was silent for longer or said more than it may.
    TimedOut,
    /// A person ended it.
    Cancelled,
    /// Ansible could not run at all: a parse error, a missing inventory, a broken runtime, a tree that is refused.
    Errored,
    /// The daemon stopped or died while it ran.
    Interrupted,
    /// It was not allowed to begin. No failure, no retry counted.
    Refused,
}

impl Outcome {
    /// Every outcome, for tables and documentation.
    pub const ALL: [Self; 10] = [
        Self::InSync,
        Self::Changed,
        Self::Drifted,
        Self::Failed,
        Self::Unreachable,
        Self::TimedOut,
        Self::Cancelled,
        Self::Errored,
        Self::Interrupted,
        Self::Refused,
    ];

    /// The value of the metrics label `outcome`, and the word in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InSync => "in_sync",
            Self::Changed => "changed",
            Self::Drifted => "drifted",
            Self::Failed => "failed",
            Self::Unreachable => "unreachable",
            Self::TimedOut => "timed_out",
            Self::Cancelled => "cancelled",
            Self::Errored => "errored",
            Self::Interrupted => "interrupted",
            Self::Refused => "refused",
        }
    }

    /// Whether everything that the run was to do was done.
    pub fn is_success(self) -> bool {
        matches!(self, Self::InSync | Self::Changed | Self::Drifted)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a run ended as it did, where the outcome alone does not say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum Reason {
    /// Every play was without hosts.
    NoHosts,
    /// A host pattern or limit names nothing that exists.
    UnknownHosts {
        /// The terms.
        patterns: Vec<String>,
    },
    /// The inventory is not in the repository or cannot be read.
    Inventory {
        /// What.
        source: String,
    },
    /// Ansible could not parse the playbook, or stopped before its first play for another reason.
    Parse {
        /// Ansible's class of error.
        class: String,
        /// `file:line`.
        place: Option<String>,
        /// What it said.
        message: Option<String>,
    },
    /// The playbook asks for input.
    Prompt {
        /// The variable.
        variable: String,
    },
    /// Some hosts failed.
    HostsFailed {
        /// How many.
        failed: u32,
        /// How many did not answer.
        unreachable: u32,
        /// Of how many.
        of: u32,
    },
    /// Some hosts did not answer.
    HostsUnreachable {
        /// How many.
        unreachable: u32,
        /// Of how many.
        of: u32,
    },
    /// Ansible ended without telling its recap: what is recorded is incomplete.
    NoStats {
        /// How the process ended.
        exit: Exit,
    },
    /// Ansible told a recap without failures and yet exited with an error.
    Exit {
        /// How the process ended.
        exit: Exit,
    },
    /// The callback never reported: nothing is known of what happened.
    NoCallback {
        /// How the process ended.
        exit: Exit,
    },
    /// A limit of the run was reached.
    Limit {
        /// Which, as a sentence: wall time, silence, output.
        limit: String,
    },
    /// A person, or the daemon on its way out.
    Stopped {
        /// Who and why, as a sentence.
        by: String,
    },
    /// The run could not be made ready, or its machinery failed.
    Setup {
        /// What failed and what to do.
        failure: super::Failure,
    },
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoHosts => f.write_str(
                "no host: no play matched a host of the inventory; check `hosts:`, `limit` and the inventory",
            ),
            Self::UnknownHosts { patterns } => {
                write!(
                    f,
                    "no such host or group: {}; check `hosts:`, `limit` and the inventory",
                    patterns.join(", ")
                )
            }
            Self::Inventory { source } => write!(f, "the inventory {source} is missing or cannot be read"),
            Self::Parse { class, place, message } => {
                f.write_str("ansible could not start: ")?;
                if let Some(place) = place {
                    write!(f, "{place}: ")?;
                }
                f.write_str(message.as_deref().unwrap_or(class))
            }
            Self::Prompt { variable } => write!(
                f,
                "the playbook asks for `{variable}` (vars_prompt) and nobody is there to answer; set it in extra_vars"
            ),
            Self::HostsFailed { failed, unreachable: 0, of } => write!(f, "{failed} of {of} hosts failed"),
            Self::HostsFailed { failed, unreachable, of } => {
                write!(f, "{failed} of {of} hosts failed, {unreachable} did not answer")
            }
            Self::HostsUnreachable { unreachable, of } => {
                write!(f, "{unreachable} of {of} hosts did not answer")
            }
            Self::NoStats { exit } => {
                write!(f, "ansible ended ({exit}) without its recap: results are incomplete")
            }
            Self::Exit { exit } => write!(f, "ansible ended ({exit}) although its recap has no failure"),
            Self::NoCallback { exit } => {
                write!(
                    f,
                    "ansible ended ({exit}) and its callback never reported: nothing is known of this run"
                )
            }
            Self::Limit { limit } => f.write_str(limit),
            Self::Stopped { by } => f.write_str(by),
            Self::Setup { failure } => failure.fmt(f),
        }
    }
}

/// How the process of a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Exit {
    /// With this status.
    Code(i32),
    /// By this signal.
    Signal(i32),
    /// Nobody knows: its guardian died before it.
    Unknown,
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exit status {code}"),
            Self::Signal(signal) => write!(f, "signal {signal}"),
            Self::Unknown => f.write_str("unknown exit status"),
        }
    }
}

/// How a run ended, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ending {
    /// In one word.
    pub outcome: Outcome,
    /// Why, where the word does not say it all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
}

impl Ending {
    /// An ending without more to say.
    pub fn plain(outcome: Outcome) -> Self {
        Self { outcome, reason: None }
    }

    /// An ending with its reason.
    pub fn because(outcome: Outcome, reason: Reason) -> Self {
        Self { outcome, reason: Some(reason) }
    }

    /// The ending of a run that was left to end by itself.
    pub fn judge(mode: Mode, exit: Exit, tally: &Tally) -> Self {
        if let Some(variable) = &tally.prompt {
            return Self::because(Outcome::Errored, Reason::Prompt { variable: variable.clone() });
        }
        if let Some(source) = tally.unparsed_inventories.first() {
            return Self::because(Outcome::Errored, Reason::Inventory { source: source.clone() });
        }
        if tally.plays == 0 || !tally.stats {
            return Self::without_recap(exit, tally);
        }
        Self::with_recap(mode, exit, tally)
    }

    fn without_recap(exit: Exit, tally: &Tally) -> Self {
        if let Some((class, place, message)) = &tally.error {
            let reason =
                Reason::Parse { class: class.clone(), place: place.clone(), message: message.clone() };
            return Self::because(Outcome::Errored, reason);
        }
        if !tally.hello {
            return Self::because(Outcome::Errored, Reason::NoCallback { exit });
        }
        if tally.stats {
            // A playbook without plays: nothing ran.
            return Self::because(Outcome::Failed, Reason::NoHosts);
        }
        Self::because(Outcome::Failed, Reason::NoStats { exit })
    }

    fn with_recap(mode: Mode, exit: Exit, tally: &Tally) -> Self {
        let of = u32::try_from(tally.hosts.len()).unwrap_or(u32::MAX);
        let count = |which: fn(&super::HostStats) -> bool| {
            u32::try_from(tally.hosts.values().filter(|it| which(it)).count()).unwrap_or(u32::MAX)
        };
        let unreachable = count(|it| it.unreachable != 0);
        let failed = count(|it| it.failed != 0 && it.unreachable == 0);
        if failed != 0 {
            return Self::because(Outcome::Failed, Reason::HostsFailed { failed, unreachable, of });
        }
        if !tally.unknown_patterns.is_empty() {
            let patterns = tally.unknown_patterns.iter().cloned().collect();
            return Self::because(Outcome::Failed, Reason::UnknownHosts { patterns });
        }
        if unreachable != 0 {
            return Self::because(Outcome::Unreachable, Reason::HostsUnreachable { unreachable, of });
        }
        if of == 0 {
            return Self::because(Outcome::Failed, Reason::NoHosts);
        }
        if exit != Exit::Code(0) {
            return Self::because(Outcome::Failed, Reason::Exit { exit });
        }
        let changed = tally.hosts.values().any(|it| it.changed != 0);
        Self::plain(match (mode, changed) {
            (_, false) => Outcome::InSync,
            (Mode::Apply, true) => Outcome::Changed,
            (Mode::Check, true) => Outcome::Drifted,
        })
    }
}
