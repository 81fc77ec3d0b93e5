//! Thin clients of GitHub, GitLab, Forgejo and Gitea: read merge requests with their approvals, write a commit status,
//! write one comment.
//!
//! Nothing is followed to where an answer points: all addresses are built from the one that the operator gave, so the
//! token travels to that scheme, host and port only.

mod address;
mod comment;
mod error;
mod gitea;
mod github;
mod gitlab;
mod memory;
mod pace;
mod wire;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::domain::{
    CommitHash, CommitStatus, ForgeKind, MergeRequest, MergeRequestNumber, Reference, Secret, Timestamp,
};

pub use error::ForgeError;
use wire::Wire;

/// Which forge is spoken to, and as whom.
#[derive(Debug, Clone)]
pub struct ForgeSettings {
    /// What speaks at the other end.
    pub kind: ForgeKind,
    /// Where its API begins: `https://api.github.com`, `https://gitlab.example.org/api/v4`,
    /// `https://codeberg.org/api/v1`. Plain `http` only to this machine.
    pub api: String,
    /// The project: `owner/name`, at GitLab with all its groups.
    pub project: String,
    /// The access token.
    pub token: Secret,
    /// Certificate authorities, instead of the machine's.
    pub ca_bundle: Option<PathBuf>,
    /// How long and how large an answer may be.
    pub limits: ForgeLimits,
}

/// What one request may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ForgeLimits {
    /// Until the connection is there.
    pub connect: Duration,
    /// All in all, with the whole answer.
    pub total: Duration,
    /// The largest answer, in bytes.
    pub answer: usize,
}

impl Default for ForgeLimits {
    fn default() -> Self {
        Self { connect: Duration::from_secs(10), total: Duration::from_secs(30), answer: 16 * 1024 * 1024 }
    }
}

/// A client of one project at one forge. Cheap to clone; clones share connections, remembered answers and the pace.
#[derive(Debug, Clone)]
pub struct Client {
    wire: Arc<Wire>,
}

impl Client {
    /// A client. Nothing is sent yet.
    pub fn new(settings: &ForgeSettings) -> Result<Self, ForgeError> {
        Ok(Self { wire: Arc::new(Wire::new(settings)?) })
    }

    /// What it speaks to.
    pub fn kind(&self) -> ForgeKind {
        self.wire.kind
    }

    /// Speaks with another token from now on. A changed secret counts without a restart.
    pub fn set_token(&self, token: &Secret) -> Result<(), ForgeError> {
        self.wire.set_token(token)
    }

    /// All open merge requests into a branch, and those that were merged or closed since then.
    pub async fn merge_requests(
        &self,
        target: &Reference,
        since: Option<Timestamp>,
    ) -> Result<Vec<MergeRequest>, ForgeError> {
        // Some forges tell whole seconds only: what changed later in that second must not be missed.
        let since = since.and_then(|it| Timestamp::from_second(it.as_second()).ok());
        match self.wire.kind {
            ForgeKind::Github => github::merge_requests(&self.wire, target, since).await,
            ForgeKind::Gitlab => gitlab::merge_requests(&self.wire, target, since).await,
            ForgeKind::Forgejo | ForgeKind::Gitea => gitea::merge_requests(&self.wire, target, since).await,
        }
    }

    /// One merge request, as it is now.
    pub async fn merge_request(&self, number: MergeRequestNumber) -> Result<MergeRequest, ForgeError> {
        match self.wire.kind {
            ForgeKind::Github => github::merge_request(&self.wire, number).await,
            ForgeKind::Gitlab => gitlab::merge_request(&self.wire, number).await,
            ForgeKind::Forgejo | ForgeKind::Gitea => gitea::merge_request(&self.wire, number).await,
        }
    }

    /// Shows a verdict beside a commit.
    pub async fn set_status(&self, commit: &CommitHash, status: &CommitStatus) -> Result<(), ForgeError> {
        let limit = self.wire.kind.status_description_limit();
        let status = CommitStatus { description: cut(&status.description, limit), ..status.clone() };
        match self.wire.kind {
            ForgeKind::Github => github::set_status(&self.wire, commit, &status).await,
            ForgeKind::Gitlab => gitlab::set_status(&self.wire, commit, &status).await,
            ForgeKind::Forgejo | ForgeKind::Gitea => gitea::set_status(&self.wire, commit, &status).await,
        }
    }

    /// Makes the one comment of ours say this: the one that begins with `marker` and is by our own account is edited
    /// in place, else one is created. `marker` is an HTML comment, which the forge does not show.
    pub async fn write_comment(
        &self,
        number: MergeRequestNumber,
        marker: &str,
        body: &str,
    ) -> Result<(), ForgeError> {
        comment::write(&self.wire, number, marker, body).await
    }
}

/// The first characters of a text, with an ellipsis where something was cut.
fn cut(text: &str, limit: usize) -> String {
    if text.chars().count() <= limit {
        return text.to_owned();
    }
    text.chars().take(limit.saturating_sub(1)).chain(['…']).collect()
}
