//! A merge request: how people propose a change to the followed branch. GitHub, Forgejo and Gitea call it a pull
//! request.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{CommitHash, NameError, Reference, Timestamp};

/// The number of a merge request within its project, as people say it: `!12`, or `#12` where the forge writes it so.
#[derive(
    Default,
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
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

/// What a forge is, as far as talking to it goes.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum ForgeKind {
    /// github.com and GitHub Enterprise Server.
    Github,
    /// gitlab.com and GitLab on a machine of one's own.
    Gitlab,
    /// Forgejo, for example codeberg.org.
    Forgejo,
    /// Gitea.
    Gitea,
}

impl ForgeKind {
    /// All there are, as they are written in the configuration.
    pub const WORDS: &'static [&'static str] = &["github", "gitlab", "forgejo", "gitea"];

    /// How it is written in configuration and labels.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Github => "github",
            Self::Gitlab => "gitlab",
            Self::Forgejo => "forgejo",
            Self::Gitea => "gitea",
        }
    }

    /// How people call it.
    pub fn title(self) -> &'static str {
        match self {
            Self::Github => "GitHub",
            Self::Gitlab => "GitLab",
            Self::Forgejo => "Forgejo",
            Self::Gitea => "Gitea",
        }
    }

    /// The reference in the target's repository that always points to the head of a merge request, also when that
    /// is in a fork or its branch was deleted.
    pub fn merge_request_ref(self, number: MergeRequestNumber) -> String {
        match self {
            Self::Gitlab => format!("refs/merge-requests/{number}/head"),
            Self::Github | Self::Forgejo | Self::Gitea => format!("refs/pull/{number}/head"),
        }
    }

    /// The longest comment that is accepted, in bytes. GitHub refuses more than 65,536 characters, GitLab more than
    /// 1,000,000; Forgejo and Gitea name no limit, but their databases and proxies have one: they are treated as GitHub.
    pub fn comment_limit(self) -> usize {
        match self {
            Self::Gitlab => 250_000,
            Self::Github | Self::Forgejo | Self::Gitea => 65_536,
        }
    }

    /// The longest description of a commit status, in characters: 140 at GitHub, 255 elsewhere.
    pub fn status_description_limit(self) -> usize {
        match self {
            Self::Github => 140,
            Self::Gitlab | Self::Forgejo | Self::Gitea => 255,
        }
    }
}

impl fmt::Display for ForgeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ForgeKind {
    type Err = NameError;
    fn from_str(given: &str) -> Result<Self, NameError> {
        match given {
            "github" => Ok(Self::Github),
            "gitlab" => Ok(Self::Gitlab),
            "forgejo" => Ok(Self::Forgejo),
            "gitea" => Ok(Self::Gitea),
            _ => Err(NameError {
                given: given.escape_debug().to_string(),
                rule: "a forge is `github`, `gitlab`, `forgejo` or `gitea`",
            }),
        }
    }
}

/// What a forge shows beside a commit, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CommitState {
    /// It is being looked at.
    Pending,
    /// All is well.
    Success,
    /// The change is not as it should be.
    Failure,
    /// It could not be looked at.
    Error,
}

/// A verdict of ours beside a commit. One for each context: a later one takes the place of an earlier one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct CommitStatus {
    /// In one word.
    pub state: CommitState,
    /// Whose verdict it is, among all statuses of the commit: `driftless/infra`.
    pub context: String,
    /// In one line. What is beyond the limit of the forge is cut.
    pub description: String,
    /// Where more is said.
    pub target_url: Option<String>,
}

/// Where a merge request is in its life.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
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
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Approval {
    /// The name of the account.
    pub by: String,
    /// The head that the person looked at. `None` if the forge does not tell: such an approval is bound to nothing.
    pub commit: Option<CommitHash>,
}

impl MergeRequest {
    /// Who approves of the head that it has now, each person once, its author among them if the forge lets him.
    pub fn approvers(&self) -> BTreeSet<&str> {
        let of_head = self.approvals.iter().filter(|it| it.commit.as_ref() == Some(&self.head));
        of_head.map(|it| it.by.as_str()).collect()
    }

    /// The same without its author: those whose approval counts where approvals are wanted.
    pub fn others_who_approve(&self) -> BTreeSet<&str> {
        self.approvers().into_iter().filter(|it| *it != self.author).collect()
    }
}

/// A merge request, as its forge tells it. All texts come from outside: they are data, never words of ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
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
    #[schemars(with = "crate::domain::schema::Time")]
    pub updated_at: Timestamp,
}
