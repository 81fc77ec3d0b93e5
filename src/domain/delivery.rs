//! A delivery: what a forge told through a webhook. Every text in it comes from outside and is only a hint that
//! something moved: nothing of it says what runs.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{CommitHash, MergeRequestNumber};

/// Who sends deliveries, as the operator says for each receiver. It is never guessed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WebhookProvider {
    /// github.com and GitHub Enterprise Server.
    Github,
    /// gitlab.com and GitLab on a machine of one's own.
    Gitlab,
    /// Forgejo, for example codeberg.org.
    Forgejo,
    /// Gitea.
    Gitea,
    /// Bitbucket Cloud.
    Bitbucket,
    /// Whoever signs as Standard Webhooks says: a script, another forge.
    Generic,
}

impl WebhookProvider {
    /// All there are.
    pub const ALL: [Self; 6] =
        [Self::Github, Self::Gitlab, Self::Forgejo, Self::Gitea, Self::Bitbucket, Self::Generic];

    /// All there are, as they are written in the configuration.
    pub const WORDS: &'static [&'static str] =
        &["github", "gitlab", "forgejo", "gitea", "bitbucket", "generic"];

    /// How it is written in configuration, records and labels.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Github => "github",
            Self::Gitlab => "gitlab",
            Self::Forgejo => "forgejo",
            Self::Gitea => "gitea",
            Self::Bitbucket => "bitbucket",
            Self::Generic => "generic",
        }
    }

    /// The provider of that word.
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str() == word)
    }
}

impl fmt::Display for WebhookProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a delivery is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeliveryKind {
    /// The forge tries the receiver out.
    Ping,
    /// A branch was moved, made or deleted.
    Push {
        /// The name of the branch.
        reference: String,
    },
    /// Something happened to a merge request.
    MergeRequest {
        /// Its number.
        number: MergeRequestNumber,
    },
    /// Something that nobody here waits for.
    Other,
}

/// What an authentic delivery tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Its number with the forge; the same when it is sent again. Of a forge that tells none, a digest of the body.
    pub id: String,
    /// The event, as the forge calls it.
    pub event: String,
    /// What it is about.
    pub kind: DeliveryKind,
    /// The repository, as the forge calls it.
    pub repository: Option<String>,
    /// The commit that a branch or a merge request is at now.
    pub commit: Option<CommitHash>,
}

impl Delivery {
    /// Whether it concerns branches or merge requests of the repository, so that looking there is worth it.
    pub fn is_hint(&self) -> bool {
        matches!(self.kind, DeliveryKind::Push { .. } | DeliveryKind::MergeRequest { .. })
    }
}

/// What became of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DeliveryResult {
    /// It is recorded, and the source is looked at.
    Accepted,
    /// It is recorded, and concerns nothing here: a ping, an issue.
    Ignored,
    /// It was there before.
    Replayed,
    /// Nobody with the secret sent it, or nobody waits for it.
    Refused,
    /// It is authentic, and no delivery of this provider.
    Malformed,
    /// It was not read to its end: too large, too slow, too many at once, or no JSON.
    Unread,
    /// It could not be recorded.
    Failed,
}

impl DeliveryResult {
    /// All there are.
    pub const ALL: [Self; 7] = [
        Self::Accepted,
        Self::Ignored,
        Self::Replayed,
        Self::Refused,
        Self::Malformed,
        Self::Unread,
        Self::Failed,
    ];

    /// How it is written in records and labels.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Ignored => "ignored",
            Self::Replayed => "replayed",
            Self::Refused => "refused",
            Self::Malformed => "malformed",
            Self::Unread => "unread",
            Self::Failed => "failed",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_provider_has_one_word() {
        let words: Vec<_> = WebhookProvider::ALL.into_iter().map(WebhookProvider::as_str).collect();
        assert_eq!(words, WebhookProvider::WORDS);
        assert!(WebhookProvider::ALL.into_iter().all(|it| WebhookProvider::of(it.as_str()) == Some(it)));
        assert_eq!(WebhookProvider::of("GitHub"), None);
    }
}
