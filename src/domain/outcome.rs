//! How a run ended, computed from exit status *and* events, because neither alone can be trusted.
//!
//! `ansible-playbook` exits 0 when no host matched, 4 for both an unreachable host and a parse error, 2 for both a
//! failed host and a bad option (measured, `ansible-facts` 0 and 1.6).

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{HostEnd, Mode, Tally};

/// How a run ended, in one word.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
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
    /// It was not allowed to begin, or to begin a further play. No failure, no retry counted.
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

    /// The words for people.
    pub fn words(self) -> &'static str {
        match self {
            Self::InSync => "in sync",
            Self::TimedOut => "timed out",
            one_word => one_word.as_str(),
        }
    }

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

    /// Whether neither the playbook nor its hosts are why it ended.
    pub fn ended_by_others(self) -> bool {
        matches!(self, Self::Cancelled | Self::Interrupted | Self::Refused)
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
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
    /// Hosts were there, and no task was for any of them.
    NothingRan {
        /// How many hosts.
        hosts: u32,
    },
    /// Some hosts did not get to the end of each of their plays, although none of them failed.
    HostsUnfinished {
        /// How many.
        unfinished: u32,
        /// Of how many.
        of: u32,
    },
    /// Ansible itself stopped after its first play had begun: what came before it was done.
    Broke {
        /// Ansible's class of error.
        class: String,
        /// `file:line`.
        place: Option<String>,
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
    /// It asked for hosts that it may not touch now.
    Refused {
        /// Why, as a sentence.
        why: String,
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
            Self::NothingRan { hosts } => {
                let which =
                    if *hosts == 1 { "the one host".to_owned() } else { format!("any of {hosts} hosts") };
                write!(f, "no task ran on {which}; check `tags`, `skip_tags` and the tasks of the playbook")
            }
            Self::HostsUnfinished { unfinished, of } => {
                write!(f, "{unfinished} of {of} hosts did not get to the end of the playbook")
            }
            Self::Broke { class, place } => {
                f.write_str("ansible stopped before the end of the playbook: ")?;
                if let Some(place) = place {
                    write!(f, "{place}: ")?;
                }
                write!(f, "{class}; results are incomplete")
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
            Self::Refused { why } => f.write_str(why),
            Self::Setup { failure } => failure.fmt(f),
        }
    }
}

/// How the process of a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Ending {
    /// In one word.
    pub outcome: Outcome,
    /// Why, where the word does not say it all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// What else a person should know: that the run changed its own checkout, for example. A sentence each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

impl Ending {
    /// An ending without more to say.
    pub fn plain(outcome: Outcome) -> Self {
        Self { outcome, reason: None, notes: Vec::new() }
    }

    /// An ending with its reason.
    pub fn because(outcome: Outcome, reason: Reason) -> Self {
        Self { outcome, reason: Some(reason), notes: Vec::new() }
    }

    /// The ending of a run that was left to end by itself.
    ///
    /// What is nearest to the cause comes first: what made the run impossible, then what failed on hosts, then what
    /// was not there to run on. Green needs all of it: hosts, results on them, Ansible's recap without a failure,
    /// each host at its end, and exit status 0.
    pub fn judge(mode: Mode, exit: Exit, tally: &Tally) -> Self {
        if let Some(why) = &tally.refused {
            // Nothing comes after a refusal, and nothing that came before it is the cause of the end.
            return Self::because(Outcome::Refused, Reason::Refused { why: why.clone() });
        }
        if let Some(variable) = &tally.prompt {
            return Self::because(tally.not_started(), Reason::Prompt { variable: variable.clone() });
        }
        if let Some(source) = tally.unparsed_inventories.first() {
            return Self::because(tally.not_started(), Reason::Inventory { source: source.clone() });
        }
        if tally.no_hosts_left {
            return Self::because(Outcome::Failed, tally.no_hosts());
        }
        if tally.stats { Self::with_recap(mode, exit, tally) } else { Self::without_recap(exit, tally) }
    }

    fn without_recap(exit: Exit, tally: &Tally) -> Self {
        let Some((class, place, message)) = &tally.error else {
            let reason = if tally.hello { Reason::NoStats { exit } } else { Reason::NoCallback { exit } };
            return Self::because(if tally.hello { Outcome::Failed } else { Outcome::Errored }, reason);
        };
        let (class, place) = (class.clone(), place.clone());
        if tally.plays == 0 {
            let message = message.clone();
            return Self::because(Outcome::Errored, Reason::Parse { class, place, message });
        }
        Self::because(Outcome::Failed, Reason::Broke { class, place })
    }

    fn with_recap(mode: Mode, exit: Exit, tally: &Tally) -> Self {
        let of = u32::try_from(tally.hosts.len()).unwrap_or(u32::MAX);
        let count = |which: HostEnd| {
            let ends = tally.hosts.values().filter(|it| tally.host_end(**it) == which);
            u32::try_from(ends.count()).unwrap_or(u32::MAX)
        };
        let (failed, unreachable) = (count(HostEnd::Failed), count(HostEnd::Unreachable));
        if failed != 0 {
            return Self::because(Outcome::Failed, Reason::HostsFailed { failed, unreachable, of });
        }
        if of == 0 || !tally.unknown_patterns.is_empty() {
            return Self::because(Outcome::Failed, tally.no_hosts());
        }
        if unreachable != 0 {
            return Self::because(Outcome::Unreachable, Reason::HostsUnreachable { unreachable, of });
        }
        let unfinished = count(HostEnd::Unfinished);
        if unfinished != 0 {
            return Self::because(Outcome::Failed, Reason::HostsUnfinished { unfinished, of });
        }
        if exit != Exit::Code(0) {
            return Self::because(Outcome::Failed, Reason::Exit { exit });
        }
        if tally.results == 0 {
            return Self::because(Outcome::Failed, Reason::NothingRan { hosts: of });
        }
        Self::plain(match mode {
            Mode::Apply if tally.hosts.values().any(|it| it.changed != 0) => Outcome::Changed,
            // Ansible's counts include `add_host` and the like, handlers, and what rests on blind tasks.
            Mode::Check if tally.would_change != 0 => Outcome::Drifted,
            Mode::Apply | Mode::Check => Outcome::InSync,
        })
    }
}

impl Tally {
    /// The outcome of a run that something outside its hosts prevented: errored, unless plays had begun before.
    fn not_started(&self) -> Outcome {
        if self.plays == 0 { Outcome::Errored } else { Outcome::Failed }
    }

    fn no_hosts(&self) -> Reason {
        if self.unknown_patterns.is_empty() {
            return Reason::NoHosts;
        }
        Reason::UnknownHosts { patterns: self.unknown_patterns.iter().cloned().collect() }
    }
}

#[cfg(test)]
mod tests;
