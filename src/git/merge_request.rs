//! Merge requests: what is asked of a repository for them.

use std::sync::Arc;

use tokio::task::spawn_blocking;

use super::error::GitError;
use super::transport::Transport;
use super::{Git, Remote, merge, tree};
use crate::domain::{CommitHash, FileChange, Merge, MergeRequestNumber, SourceName, Timestamp};

impl Git {
    /// Fetches the head of a merge request, which the forge keeps under `reference`, and merges it into `target`. A
    /// head that moved meanwhile is an error, and so is a merge whose tree may not be laid out.
    pub async fn merge_request(
        &self,
        remote: &Remote,
        number: MergeRequestNumber,
        reference: &str,
        (head, target): (&CommitHash, &CommitHash),
    ) -> Result<Merge, GitError> {
        self.fetch_head(remote, number, reference, head).await?;
        let (cache, source) = (self.cache(&remote.name), self.source(&remote.name));
        let _turn = Arc::clone(&source.turn).lock_owned().await;
        let (head, target) = (head.clone(), target.clone());
        let merged = spawn_blocking(move || -> Result<Merge, GitError> {
            let objects = cache.objects()?;
            if tree::find_commit(&objects, &head).is_err() {
                return Err(GitError::CommitMissing(head));
            }
            let merge = merge::merge(&objects, &cache.path(), (&target, &head))?;
            if let Merge::Clean { commit } = &merge {
                let tree = tree::walk(&objects, commit)?;
                tree::check_lfs(&objects, &tree)?;
            }
            Ok(merge)
        });
        merged.await.map_err(|_| GitError::Worker)?
    }

    /// The first-parent line from the tip back to `base`, newest first, without `base` (blocks for the time of the
    /// read). `None` if `base` is not on it, or too far back.
    pub fn line(
        &self,
        source: &SourceName,
        tip: &CommitHash,
        base: &CommitHash,
    ) -> Result<Option<Vec<CommitHash>>, GitError> {
        merge::line(&self.cache(source).objects()?, tip, base)
    }

    /// How many commits of the branch, with this one as the last and `depth` at most, hold exactly what merging `head`
    /// makes (blocks for the time of the merge): one for a merge or a squash, several for a rebase. `None` if they do
    /// not.
    pub fn is_merge_of(
        &self,
        source: &SourceName,
        commit: &CommitHash,
        head: &CommitHash,
        depth: usize,
    ) -> Result<Option<usize>, GitError> {
        merge::is_merge_of(&self.cache(source).objects()?, commit, head, depth)
    }

    /// Fetches the head of a merge request, if it is not there yet.
    pub async fn fetch_head(
        &self,
        remote: &Remote,
        number: MergeRequestNumber,
        reference: &str,
        head: &CommitHash,
    ) -> Result<(), GitError> {
        let source = self.source(&remote.name);
        let _turn = Arc::clone(&source.turn).lock_owned().await;
        if self.cache(&remote.name).objects().is_ok_and(|it| tree::find_commit(&it, head).is_ok()) {
            return Ok(());
        }
        let transport = Transport::open(&self.inner.settings, remote).await?;
        let into = format!("refs/driftless/{}/merge-requests/{number}/head", remote.name);
        transport.fetch_reference(reference, &into).await
    }

    /// The files that differ between two commits, by path (blocks for the time of the read). A renamed file is deleted
    /// in one place and added in another.
    pub fn changed(
        &self,
        source: &SourceName,
        from: &CommitHash,
        to: &CommitHash,
    ) -> Result<Vec<(String, FileChange)>, GitError> {
        merge::changed(&self.cache(source).objects()?, from, to)
    }

    /// The time that the oldest of these commits names as its own (blocks for the time of the read).
    pub fn oldest(&self, source: &SourceName, commits: &[CommitHash]) -> Result<Option<Timestamp>, GitError> {
        merge::oldest(&self.cache(source).objects()?, commits)
    }
}
