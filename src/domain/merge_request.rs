//! A merge request: how people propose a change to the followed branch. GitHub, Forgejo and Gitea call it a pull
//! request.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{CommitHash, NameError, Reference, Timestamp};

/// The number of a merge request within its project, as people say it: `!12`, or `#12` where the forge writes it so.
#[derive(Default, Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MergeRequestNumber(pub u64);

impl fmt::Display for MergeRequestNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for MergeRequestNumber {
    type Err = NameError;
    fn from_str(given: &str) -> Result<Self, NameError> {
        let rule = "a merge request is a number, as the forge shows it";
        given
            .trim_start_matches(['!', '#'])
            .parse()
            .map(Self)
            .map_err(|_| NameError { given: given.escape_debug().to_string(), rule })
    }
}

/// Where a merge request is in its life.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum MergeRequestState {
    /// It may still change.
    Open,
    /// It was closed without being merged.
    Closed,
    /// It was merged.
    Merged {
        /// The commit that brought it into the target branch: a merge, a squash, or the last of its own commits.
        /// `None` if the forge does not tell.
        commit: Option<CommitHash>,
        /// Who merged it, by the name of his account.
        by: Option<String>,
    },
}

/// Somebody with an account on the forge approves of a merge request.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Approval {
    /// The name of the account.
    pub by: String,
    /// The head that the person looked at. `None` if the forge does not tell: such an approval is bound to nothing.
    pub commit: Option<CommitHash>,
}

/// A merge request, as its forge tells it. All texts come from outside: they are data, never words of ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MergeRequest {
    /// Its number.
    pub number: MergeRequestNumber,
    /// Its title. Anybody may have written it.
    pub title: String,
    /// Who opened it, by the name of the account.
    pub author: String,
    /// The newest commit that it proposes.
    pub head: CommitHash,
    /// The branch that it is to be merged into.
    pub target: Reference,
    /// Whether its head is in another repository than its target.
    pub fork: bool,
    /// Whether its author says that it is not ready.
    pub draft: bool,
    /// Open, closed or merged.
    #[serde(flatten)]
    pub state: MergeRequestState,
    /// Those who approve of it now, one approval a person; nobody whose approval was dismissed or withdrawn.
    pub approvals: Vec<Approval>,
    /// Its page on the forge.
    pub url: String,
    /// When anything of it changed last, by the clock of the forge.
    pub updated_at: Timestamp,
}
