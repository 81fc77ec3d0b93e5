//! What commits say of themselves. Their authors can write anything there.

use serde::{Deserialize, Serialize};

use super::{CommitHash, FileChange, Timestamp};

/// What a commit says of itself. Names of people without their addresses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct CommitFacts {
    /// Its hash.
    pub commit: CommitHash,
    /// The first line of its message.
    pub subject: String,
    /// The rest of its message.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub body: String,
    /// Who wrote it, as the commit says.
    pub author: String,
    /// When, as the commit says.
    #[schemars(with = "crate::domain::schema::Time")]
    pub authored_at: Timestamp,
    /// Who made the commit of it, where that is somebody else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub committer: Option<String>,
    /// What it descends from directly.
    pub parents: Vec<CommitHash>,
    /// The files that differ from its first parent, in the order of their paths.
    pub files: Vec<(String, FileChange)>,
    /// How many more differ than are listed.
    #[serde(default)]
    pub files_left_out: u64,
}

impl CommitFacts {
    /// The most files that are listed.
    pub const FILES_MAX: usize = 500;
}
