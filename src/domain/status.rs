//! What is shown of sources and stacks. Always derived from facts, never stored.

use serde::{Deserialize, Serialize};

use super::{
    CommitHash, Failure, Hold, Request, Revision, RunSpec, SourceName, StackId, StackPolicy, Timestamp,
};

/// Whether the hosts are as Git says they should be, as far as driftless knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SyncStatus {
    /// The head is applied on every host.
    InSync,
    /// It is not.
    OutOfSync,
    /// Nothing was applied yet, or the last result says too little.
    Unknown,
}

impl SyncStatus {
    /// Every status, for tables and documentation.
    pub const ALL: [Self; 3] = [Self::InSync, Self::OutOfSync, Self::Unknown];

    /// The value of the metrics label `sync`, and the word in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InSync => "in_sync",
            Self::OutOfSync => "out_of_sync",
            Self::Unknown => "unknown",
        }
    }
}

/// The revision that the hosts of a stack share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "applied", content = "commit", rename_all = "snake_case")]
pub enum Applied {
    /// No apply of the whole stack told of its hosts yet, or none of them has a revision.
    Nothing,
    /// All hosts share this one.
    Everywhere(CommitHash),
    /// They differ.
    Mixed,
}

/// Counts of a stack's hosts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct HostCounts {
    /// All hosts of the last full run.
    pub total: u32,
    /// Those with the head applied.
    pub converged: u32,
    /// Those that are owed a revision.
    pub owed: u32,
    /// Those that failed.
    pub failed: u32,
}

/// What is shown of a source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceStatus {
    /// Its name.
    pub name: SourceName,
    /// The newest admitted revision with a valid declaration.
    pub head: Option<Revision>,
    /// The last admitted commit.
    pub admitted: Option<CommitHash>,
    /// A tip that waits for a person, because it does not descend from the admitted commit.
    pub waiting: Option<Revision>,
    /// What is wrong: the last fetch, or the declaration.
    pub problem: Option<Failure>,
    /// How many fetches in a row failed.
    pub fetch_failures: u32,
    /// When a fetch last succeeded, since this daemon started.
    pub fetched_at: Option<Timestamp>,
    /// When the next fetch is due.
    pub next_fetch: Option<Timestamp>,
    /// What the declaration has to say.
    pub notes: Vec<String>,
}

/// What is shown of a stack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StackStatus {
    /// Its name.
    pub id: StackId,
    /// What is wanted of it.
    pub policy: StackPolicy,
    /// In sync or not.
    pub sync: SyncStatus,
    /// Why, as a sentence.
    pub reason: String,
    /// What it is measured against.
    pub head: Revision,
    /// The revision of the last apply of the whole stack.
    pub attempted: Option<Revision>,
    /// The revision that its hosts share.
    pub applied: Applied,
    /// Its hosts, counted.
    pub hosts: HostCounts,
    /// The live run.
    pub live: Option<RunSpec>,
    /// A request that waits.
    pub request: Option<Request>,
    /// Whether it is suspended, by whom and since when.
    pub suspended: Option<(String, Timestamp)>,
    /// A revision that waits for a person or a newer commit.
    pub hold: Option<Hold>,
    /// How many applies of the attempted revision failed in a row.
    pub failures: u32,
    /// When the next apply is due by the clock, if one is.
    pub next_run: Option<Timestamp>,
    /// When an apply of the whole stack last succeeded.
    pub last_success: Option<Timestamp>,
}

/// Why a stack did, does or does not run, in sentences.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    /// The stack.
    pub stack: StackId,
    /// What happens next, in one sentence.
    pub next: String,
    /// The facts that lead there, one sentence each, in the order in which the rules look at them.
    pub because: Vec<String>,
}
