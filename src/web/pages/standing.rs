//! How a stack stands, in one word: the worst that is true of it. Decides what comes first and what a filter finds.

use super::words::Tone;
use crate::domain::{StackOverview, SyncStatus};

/// How a stack stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Standing {
    /// Its last apply failed, or a task of it failed on a host.
    Failed,
    /// A person has to decide.
    Waiting,
    /// Somebody changed its hosts.
    Drifted,
    /// Hosts are owed a revision.
    Owed,
    /// Its head is not applied everywhere.
    OutOfSync,
    /// A person stopped its runs.
    Suspended,
    /// Nothing was applied yet, or too little is known.
    Unknown,
    /// As Git says.
    InSync,
}

impl Standing {
    /// Each of them, the worst first.
    pub(super) const ALL: [Self; 8] = [
        Self::Failed,
        Self::Waiting,
        Self::Drifted,
        Self::Owed,
        Self::OutOfSync,
        Self::Suspended,
        Self::Unknown,
        Self::InSync,
    ];

    /// How a stack stands.
    pub(super) fn of(stack: &StackOverview) -> Self {
        let status = &stack.status;
        let airbag = status.airbag.as_ref().is_some_and(|it| it.approved_by.is_none());
        let approval = status.approval.as_ref().is_some_and(|it| it.approved.is_none());
        if status.hosts.failed != 0 || (status.failures != 0 && status.sync != SyncStatus::InSync) {
            Self::Failed
        } else if airbag || approval || status.hold.is_some() {
            Self::Waiting
        } else if stack.drifted() != 0 {
            Self::Drifted
        } else if status.hosts.owed != 0 {
            Self::Owed
        } else if status.suspended.is_some() {
            Self::Suspended
        } else {
            match status.sync {
                SyncStatus::InSync => Self::InSync,
                SyncStatus::OutOfSync => Self::OutOfSync,
                SyncStatus::Unknown => Self::Unknown,
            }
        }
    }

    /// The word for people.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Waiting => "waits for a person",
            Self::Drifted => "drifted",
            Self::Owed => "hosts owed",
            Self::OutOfSync => "out of sync",
            Self::Suspended => "suspended",
            Self::Unknown => "unknown",
            Self::InSync => "in sync",
        }
    }

    /// The word behind a number of stacks.
    pub(super) fn after_number(self) -> &'static str {
        if self == Self::Owed { "with hosts owed" } else { self.word() }
    }

    /// The word in an address.
    pub(super) fn key(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Waiting => "waiting",
            Self::Drifted => "drifted",
            Self::Owed => "owed",
            Self::OutOfSync => "out_of_sync",
            Self::Suspended => "suspended",
            Self::Unknown => "unknown",
            Self::InSync => "in_sync",
        }
    }

    /// How bad that is.
    pub(super) fn tone(self) -> Tone {
        match self {
            Self::Failed => Tone::Bad,
            Self::Waiting | Self::Drifted | Self::Owed | Self::OutOfSync => Tone::Notice,
            Self::Suspended | Self::Unknown => Tone::Quiet,
            Self::InSync => Tone::Good,
        }
    }

    /// The class of its row.
    pub(super) fn row_class(self) -> &'static str {
        match self.tone() {
            Tone::Bad => "problem",
            Tone::Notice => "heed",
            _ => "",
        }
    }
}
