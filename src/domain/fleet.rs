//! What is told of all stacks and hosts at once: enough for an overview, cheap enough to be asked for all the time.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{
    ChangeClass, CommitHash, Findings, HostLedger, HostName, LastCheck, LockKey, Mode, Outcome, RunId,
    StackId, StackStatus, Timestamp, Trigger,
};

/// What one line says of a commit. Its texts are of whoever wrote it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct CommitLine {
    /// Its hash.
    pub commit: CommitHash,
    /// The first line of its message, at most [`CommitLine::LONGEST`] characters of it.
    pub subject: String,
    /// The name of its author.
    pub author: String,
    /// When it was committed, as it says itself.
    #[schemars(with = "crate::domain::schema::Time")]
    pub at: Timestamp,
}

impl CommitLine {
    /// How much of a subject or a name is kept, in characters.
    pub const LONGEST: usize = 200;
}

/// How a host of a stack stands, in one word: the worst that is true of it.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum HostState {
    /// A task failed on it in the last apply that included it.
    Failed,
    /// It is owed a revision: it did not answer, or a run ended before it was through.
    Owed,
    /// Somebody changed it since.
    Drifted,
    /// A handler was notified and did not run.
    Pending,
    /// It has another revision than the head.
    Behind,
    /// It has the head, and nothing else is known.
    InSync,
    /// Nothing was applied on it yet.
    Unknown,
}

impl HostState {
    /// Every state, the worst first.
    pub const ALL: [Self; 7] =
        [Self::Failed, Self::Owed, Self::Drifted, Self::Pending, Self::Behind, Self::InSync, Self::Unknown];

    /// The word in JSON and in addresses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Owed => "owed",
            Self::Drifted => "drifted",
            Self::Pending => "pending",
            Self::Behind => "behind",
            Self::InSync => "in_sync",
            Self::Unknown => "unknown",
        }
    }

    /// How a host stands, measured against the head. `drifted` says whether somebody changed it.
    pub fn of(line: &HostLedger, head: &CommitHash, drifted: bool) -> Self {
        match line {
            HostLedger { failed: true, .. } => Self::Failed,
            HostLedger { owed_since: Some(_), .. } => Self::Owed,
            _ if drifted => Self::Drifted,
            HostLedger { pending, .. } if !pending.is_empty() => Self::Pending,
            HostLedger { applied: None, .. } => Self::Unknown,
            HostLedger { applied: Some(applied), .. } if applied == head => Self::InSync,
            HostLedger { .. } => Self::Behind,
        }
    }
}

/// One host of one stack, for a map.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct HostMark {
    /// The host.
    pub host: HostName,
    /// How it stands.
    pub state: HostState,
    /// Since when it is owed a revision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<crate::domain::schema::Time>")]
    pub owed_since: Option<Timestamp>,
    /// When it last answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<crate::domain::schema::Time>")]
    pub last_seen: Option<Timestamp>,
}

/// A stack with all that an overview says of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct StackOverview {
    /// What is shown of it anywhere.
    #[serde(flatten)]
    pub status: StackStatus,
    /// When the next check is due.
    #[schemars(with = "Option<crate::domain::schema::Time>")]
    pub next_check: Option<Timestamp>,
    /// The last check of the whole stack that got to its end.
    pub check: Option<LastCheck>,
    /// How many checks in a row did not get to their end.
    pub check_failures: u32,
    /// On how many hosts something differs, by class. A host with two classes is in both.
    pub drifted_hosts: BTreeMap<ChangeClass, u32>,
    /// How many tasks report changes that nobody made.
    pub flapping_tasks: u32,
    /// Since when the host that waits longest is owed a revision.
    #[schemars(with = "Option<crate::domain::schema::Time>")]
    pub owed_since: Option<Timestamp>,
    /// Its hosts: those of the last full run.
    pub marks: Vec<HostMark>,
    /// Since when it waits for machines that somebody else has.
    #[schemars(with = "Option<crate::domain::schema::Time>")]
    pub lock_wait_since: Option<Timestamp>,
    /// The machines that it has locked now, and those that it leaves locked.
    pub locks: Vec<HeldLock>,
}

impl StackOverview {
    /// On how many hosts somebody changed something.
    pub fn drifted(&self) -> usize {
        self.marks.iter().filter(|it| it.state == HostState::Drifted).count()
    }
}

/// One machine that is locked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct HeldLock {
    /// The machine.
    pub key: LockKey,
    /// The run that has it, or left something there.
    pub run: Option<RunId>,
    /// Whether nobody else may look either.
    pub exclusive: bool,
    /// Until when it stays locked at the latest, because something of a run may be left there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<crate::domain::schema::Time>")]
    pub doubtful_until: Option<Timestamp>,
}

/// What a check of its hosts saw, in counts: enough for a place in a chart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub struct CheckCounts {
    /// On how many hosts something differed, whoever is the cause.
    pub differing_hosts: u32,
    /// How many results it could evaluate.
    pub seen: u64,
    /// How many it could not.
    pub unseen: u64,
}

impl CheckCounts {
    /// Of what a run found out.
    pub fn of(findings: &Findings) -> Self {
        let hosts: BTreeSet<&HostName> = findings.changes.iter().map(|it| &it.host).collect();
        Self {
            differing_hosts: u32::try_from(hosts.len()).unwrap_or(u32::MAX),
            seen: findings.coverage.seen(),
            unseen: findings.coverage.unseen(),
        }
    }
}

/// One of the last runs of a stack: enough for a bar in a chart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct RunMark {
    /// Its number.
    pub run: RunId,
    /// Check or apply.
    pub mode: Mode,
    /// Why it was started.
    pub trigger: Trigger,
    /// How it ended; `None` while it is live.
    pub outcome: Option<Outcome>,
    /// When the decision to start it was recorded.
    #[schemars(with = "crate::domain::schema::Time")]
    pub decided_at: Timestamp,
    /// When `ansible-playbook` was started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<crate::domain::schema::Time>")]
    pub started_at: Option<Timestamp>,
    /// When nothing of it was left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<crate::domain::schema::Time>")]
    pub ended_at: Option<Timestamp>,
    /// What it saw, of a check that got to its end; absent where that was not kept yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check: Option<CheckCounts>,
}

/// What one run did on one host, by Ansible's own counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct HostRun {
    /// The stack that it was of.
    pub stack: StackId,
    /// The run.
    #[serde(flatten)]
    pub run: RunMark,
    /// What it did there.
    pub stats: super::HostStats,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_that_is_true_of_a_host_is_said() {
        let head: CommitHash = "ab".repeat(20).parse().unwrap();
        let old: CommitHash = "cd".repeat(20).parse().unwrap();
        let mut line = HostLedger::default();
        assert_eq!(HostState::of(&line, &head, false), HostState::Unknown);
        line.applied = Some(old);
        assert_eq!(HostState::of(&line, &head, false), HostState::Behind);
        line.applied = Some(head.clone());
        assert_eq!(HostState::of(&line, &head, false), HostState::InSync);
        assert_eq!(HostState::of(&line, &head, true), HostState::Drifted);
        line.owed_since = Some(Timestamp::UNIX_EPOCH);
        assert_eq!(HostState::of(&line, &head, true), HostState::Owed);
        line.failed = true;
        assert_eq!(HostState::of(&line, &head, true), HostState::Failed);
        assert!(HostState::Failed < HostState::Owed && HostState::Owed < HostState::InSync);
    }
}
