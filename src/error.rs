//! How the program ends: named exit codes.
//!
//! Scripts rely on them: a code may come, none changes its meaning. `docs/command-line.md` lists them all.

use crate::domain::Outcome;

/// How the program ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum ExitCode {
    /// All that was asked for was done.
    Success = 0,
    /// The run failed.
    RunFailed = 1,
    /// The command line cannot be understood.
    Usage = 2,
    /// The daemon does not answer.
    NoDaemon = 3,
    /// The caller may not do this.
    NotPermitted = 4,
    /// There is no such thing.
    NotFound = 5,
    /// A configuration is not valid.
    Configuration = 6,
    /// It cannot be done in the present state.
    Refused = 7,
    /// Hosts did not answer in the run.
    HostsUnreachable = 8,
    /// The run reached one of its limits.
    RunTimedOut = 9,
    /// The run was cancelled.
    RunCancelled = 10,
    /// Ansible could not run at all.
    RunErrored = 11,
    /// The daemon stopped or died during the run.
    RunInterrupted = 12,
    /// The daemon cannot do it at the moment.
    Unavailable = 13,
    /// The audit chain or a checkpoint of it does not hold.
    AuditFaulty = 14,
    /// A backup is not whole, or not one at all.
    BackupFaulty = 15,
    /// Something is wrong with the installation.
    Unhealthy = 16,
    /// A fault of the program.
    Internal = 70,
    /// The caller stopped waiting.
    Detached = 130,
}

impl ExitCode {
    /// Every code, for documentation.
    pub const ALL: [Self; 19] = [
        Self::Success,
        Self::RunFailed,
        Self::Usage,
        Self::NoDaemon,
        Self::NotPermitted,
        Self::NotFound,
        Self::Configuration,
        Self::Refused,
        Self::HostsUnreachable,
        Self::RunTimedOut,
        Self::RunCancelled,
        Self::RunErrored,
        Self::RunInterrupted,
        Self::Unavailable,
        Self::AuditFaulty,
        Self::BackupFaulty,
        Self::Unhealthy,
        Self::Internal,
        Self::Detached,
    ];

    /// The number.
    pub fn number(self) -> u8 {
        self as u8
    }

    /// The name, as documentation writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::RunFailed => "run failed",
            Self::Usage => "usage",
            Self::NoDaemon => "no daemon",
            Self::NotPermitted => "not permitted",
            Self::NotFound => "not found",
            Self::Configuration => "configuration",
            Self::Refused => "refused",
            Self::HostsUnreachable => "hosts unreachable",
            Self::RunTimedOut => "run timed out",
            Self::RunCancelled => "run cancelled",
            Self::RunErrored => "run errored",
            Self::RunInterrupted => "run interrupted",
            Self::Unavailable => "unavailable",
            Self::AuditFaulty => "audit faulty",
            Self::BackupFaulty => "backup faulty",
            Self::Unhealthy => "unhealthy",
            Self::Internal => "internal",
            Self::Detached => "detached",
        }
    }

    /// What it means, in one sentence.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Success => "All that was asked for was done; a run that was waited for succeeded.",
            Self::RunFailed => {
                "The run that was waited for failed: a host failed, or there was no host at all."
            }
            Self::Usage => "The command line cannot be understood, or a value in it is not allowed.",
            Self::NoDaemon => "The daemon does not answer: it does not run, or it uses another socket.",
            Self::NotPermitted => "The caller may not use the daemon or a file.",
            Self::NotFound => "There is no such stack, run or source.",
            Self::Configuration => "A configuration is not valid, or cannot be read.",
            Self::Refused => {
                "It cannot be done in the present state, for example cancelling a run that has ended."
            }
            Self::HostsUnreachable => {
                "No host failed in the run that was waited for, but some did not answer."
            }
            Self::RunTimedOut => "The run that was waited for reached a limit of time, silence or output.",
            Self::RunCancelled => "The run that was waited for was cancelled by a person.",
            Self::RunErrored => {
                "Ansible could not run at all: a parse error, a missing inventory, a broken runtime."
            }
            Self::RunInterrupted => "The daemon stopped or died during the run that was waited for.",
            Self::Unavailable => {
                "The daemon cannot do it at the moment: it stops, or cannot write its journal."
            }
            Self::AuditFaulty => "The audit chain, or a checkpoint that it was compared with, does not hold.",
            Self::BackupFaulty => "A backup is damaged, incomplete, of a newer driftless, or none at all.",
            Self::Unhealthy => "The doctor found something that has to be mended.",
            Self::Internal => "A fault of driftless itself.",
            Self::Detached => "The caller stopped waiting with Ctrl-C; the run goes on.",
        }
    }
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code.number())
    }
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::InSync | Outcome::Changed | Outcome::Drifted => Self::Success,
            Outcome::Failed => Self::RunFailed,
            Outcome::Unreachable => Self::HostsUnreachable,
            Outcome::TimedOut => Self::RunTimedOut,
            Outcome::Cancelled => Self::RunCancelled,
            Outcome::Errored => Self::RunErrored,
            Outcome::Interrupted => Self::RunInterrupted,
            Outcome::Refused => Self::Refused,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_exit_code_is_documented() {
        let page = include_str!("../docs/command-line.md");
        for code in ExitCode::ALL {
            let row = format!("| {} | {} | {} |", code.number(), code.name(), code.sentence());
            assert!(page.contains(&row), "docs/command-line.md lacks the line\n{row}");
        }
    }

    #[test]
    fn no_number_has_two_meanings_and_only_success_is_zero() {
        let mut numbers: Vec<_> = ExitCode::ALL.iter().map(|it| it.number()).collect();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), ExitCode::ALL.len());
        for outcome in Outcome::ALL {
            assert_eq!(ExitCode::from(outcome) == ExitCode::Success, outcome.is_success(), "{outcome}");
        }
    }
}
