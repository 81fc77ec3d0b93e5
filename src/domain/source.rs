//! A Git repository followed at a reference: what the operator wants, what is known, what a fetch brought.

use serde::{Deserialize, Serialize};

use super::{
    CommitHash, Failure, MergeRequest, MergeRequestPolicy, Reference, Revision, Sighting, SourceName, Span,
    StackPolicy,
};

/// What happens when a followed branch moves to something that does not descend from `admitted`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RewindPolicy {
    /// It waits for a person (`driftless approve`).
    #[default]
    Ask,
    /// It is followed like any other commit.
    Follow,
}

/// What the operator says of a source, as far as the core decides by it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct SourcePolicy {
    /// The operator's name for it.
    pub name: SourceName,
    /// The followed branch or tag.
    pub reference: Reference,
    /// How long after a fetch the next one is due, before jitter.
    #[schemars(with = "crate::domain::schema::Length")]
    pub poll_every: Span,
    /// What to do with rewritten history.
    pub rewinds: RewindPolicy,
    /// What else a commit needs before it is admitted.
    #[serde(default)]
    pub admission: AdmissionPolicy,
    /// How merge requests are followed, if they are.
    #[serde(default)]
    pub merge_requests: Option<MergeRequestPolicy>,
}

impl SourcePolicy {
    /// A source of which nothing is said but its name and its branch: every default.
    pub fn new(name: SourceName, reference: Reference) -> Self {
        Self {
            name,
            reference,
            poll_every: Span::from_mins(1),
            rewinds: RewindPolicy::Ask,
            admission: AdmissionPolicy::default(),
            merge_requests: None,
        }
    }
}

/// What a commit needs before it is admitted, beside descending from what was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default)]
pub struct AdmissionPolicy {
    /// Each commit since the admitted one was merged through a merge request that so many people approved of, its
    /// author not counted. `None`: commits may also be pushed.
    pub approvals: Option<u32>,
}

/// How one commit of the first-parent line came to the branch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Landing {
    /// The commit.
    pub commit: CommitHash,
    /// The merge request that it was merged through, as the forge tells it.
    #[serde(default)]
    pub merge_request: Option<Box<MergeRequest>>,
    /// Whether the commit holds what merging that head makes, and nothing else.
    #[serde(default)]
    pub as_proposed: bool,
}

/// How a fetched tip relates to the revision that was admitted when the fetch was decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "lineage", rename_all = "snake_case")]
pub enum Lineage {
    /// Nothing was admitted before.
    First,
    /// The tip is the admitted commit.
    Same,
    /// The tip descends from the admitted commit.
    Descendant {
        /// The admitted commit it was compared with.
        of: CommitHash,
    },
    /// The tip does not descend from the admitted commit: a force-push, a reset, a branch made anew.
    Rewound {
        /// The admitted commit it was compared with.
        from: CommitHash,
    },
}

/// What the repository declares at one revision, merged with what the operator says: all its stacks.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Declaration {
    /// The stacks, in the order of their names.
    pub stacks: Vec<StackPolicy>,
    /// Whether `driftless.yml` was absent and the stack was inferred from the files.
    #[serde(default)]
    pub inferred: bool,
    /// Why there is no stack, or what a person should know: several playbooks that could be meant, for example.
    #[serde(default)]
    pub notes: Vec<String>,
}

/// What a successful fetch brought.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Tip {
    /// The commit that the reference names now.
    pub revision: Revision,
    /// How it relates to the admitted commit.
    pub lineage: Lineage,
    /// What is declared there, or why that cannot be read.
    pub declaration: Result<Declaration, Failure>,
    /// The first-parent line from the tip back to the admitted commit, newest first; the tip alone where nothing was
    /// admitted or the line is too long to be told.
    #[serde(default)]
    pub line: Vec<Landing>,
    /// The tag object by which the reference names it, where an annotated tag is followed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<CommitHash>,
    /// Whether it is signed as the operator wants it, or why it is not accepted.
    #[serde(default = "trusted")]
    pub trust: Result<(), Failure>,
}

/// What counts for a tip of a journal from before signatures were looked at.
#[expect(clippy::unnecessary_wraps, reason = "it is what the field holds")]
fn trusted() -> Result<(), Failure> {
    Ok(())
}

/// An admitted revision whose declaration is valid: what the stacks are measured against.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Head {
    /// The revision.
    pub revision: Revision,
    /// Its stacks.
    pub declaration: Declaration,
}

/// What is kept of a source across restarts.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub struct SourceFacts {
    /// The last revision accepted: the base of the fast-forward rule. Never forgotten.
    pub admitted: Option<CommitHash>,
    /// The newest admitted revision with a valid declaration.
    pub head: Option<Head>,
    /// When tips were first seen: those that were admitted and are still of use, and the newest others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sightings: Vec<Sighting>,
    /// The newest admitted commits of the first-parent line, newest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub recent: Vec<CommitHash>,
}

impl SourceFacts {
    /// How many of the newest admitted commits are kept.
    pub const RECENT_MAX: usize = 300;
}
