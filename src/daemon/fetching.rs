//! One fetch, from the decision to the event that it ended.

use std::sync::Arc;

use crate::config::{Config, FileKind, RepositoryFiles};
use crate::domain::{CommitHash, Declaration, Event, Failure, Lineage, Revision, SourceName, Tip};
use crate::git::{Claim, EntryKind, Fetched, Git, TreeEntry};

use super::hands::Tools;
use super::{access, forging, signatures};

/// Fetches and tells the core what came of it, whatever happens.
pub(super) async fn fetch(tools: Arc<Tools>, source: SourceName, admitted: Option<CommitHash>) {
    // A closed semaphore is not one of ours; without a permit the fetch only is not counted.
    let permit = tools.fetches.acquire().await;
    let task = tokio::spawn(attempt(Arc::clone(&tools), source.clone(), admitted));
    let result = task.await.unwrap_or_else(|_panicked| {
        Err(Failure::soon("the machinery of the fetch broke off")
            .remedy("please report it with the daemon's log"))
    });
    drop(permit);
    tools.metrics.fetched(&source, result.is_ok());
    let event = match result {
        Ok(tip) => Event::Fetched { source, tip },
        Err(failure) => {
            tracing::warn!(%source, security = failure.security, "failed to fetch: {failure}");
            Event::FetchFailed { source, failure }
        }
    };
    tools.inbox.send(event).await;
}

async fn attempt(
    tools: Arc<Tools>,
    source: SourceName,
    admitted: Option<CommitHash>,
) -> Result<Tip, Failure> {
    let config = tools.config();
    let Some(configured) = config.sources.get(&source) else {
        return Err(Failure::until_changed(format!("source {source} is not configured any more")));
    };
    let remote = access::remote(&config, configured)?;
    let fetched = tools.git.fetch(&remote, admitted.as_ref()).await?;
    let declaration = match &fetched.repository_checks {
        Err(refused) => Err(refused.clone()),
        Ok(()) => declared(&tools.git, Arc::clone(&config), source.clone(), fetched.revision.clone()).await,
    };
    if let (Err(failure), true) = (&declaration, fetched.lineage != Lineage::Same) {
        tracing::warn!(%source, revision = %fetched.revision.short(), "what is declared cannot be used: {failure}");
    }
    let trust = judged(&tools, &source, &fetched, admitted.as_ref()).await?;
    if let Err(failure) = &trust {
        tracing::warn!(%source, revision = %fetched.revision.short(), "what was fetched is not accepted: {failure}");
    }
    let (commit, configured) = (&fetched.revision.commit, &config.sources[&source]);
    let line = forging::line(&tools, configured, &remote, commit, admitted.as_ref()).await?;
    let Fetched { revision, tag, lineage, .. } = fetched;
    Ok(Tip { revision, lineage, declaration, line, tag, trust })
}

/// Whether what was fetched is signed as the operator wants it. What was admitted before is judged by what it was
/// compared with then.
async fn judged(
    tools: &Tools,
    source: &SourceName,
    fetched: &Fetched,
    admitted: Option<&CommitHash>,
) -> Result<Result<(), Failure>, Failure> {
    let base = if fetched.lineage == Lineage::Same { None } else { admitted.cloned() };
    let (revision, tag) = (fetched.revision.clone(), fetched.tag.clone());
    signatures::judge(tools, source, Claim { revision, tag, base }).await
}

/// What is declared at a revision, merged with what the operator says now.
async fn declared(
    git: &Arc<Git>,
    config: Arc<Config>,
    source: SourceName,
    revision: Revision,
) -> Result<Declaration, Failure> {
    let git = Arc::clone(git);
    let read = move || {
        let files = Tree {
            git: &git,
            source: &source,
            commit: &revision.commit,
            entries: std::sync::OnceLock::new(),
        };
        config.declaration(&source, &files)
    };
    tokio::task::spawn_blocking(read)
        .await
        .unwrap_or_else(|_panicked| Err(Failure::soon("reading the declaration broke off")))
}

/// The files of one commit, listed at most once.
struct Tree<'a> {
    git: &'a Git,
    source: &'a SourceName,
    commit: &'a CommitHash,
    entries: std::sync::OnceLock<Vec<TreeEntry>>,
}

impl Tree<'_> {
    fn entries(&self) -> Result<&[TreeEntry], Failure> {
        if let Some(entries) = self.entries.get() {
            return Ok(entries);
        }
        let entries = self.git.list(self.source, self.commit)?;
        Ok(self.entries.get_or_init(|| entries))
    }
}

impl RepositoryFiles for Tree<'_> {
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, Failure> {
        Ok(self.git.read_file(self.source, self.commit, path)?)
    }

    fn kind(&self, path: &str) -> Result<Option<FileKind>, Failure> {
        let below = format!("{path}/");
        for entry in self.entries()? {
            let Some(name) = entry.path.to_str() else { continue };
            if name == path {
                return Ok(Some(match entry.kind {
                    EntryKind::Symlink => FileKind::Symlink,
                    _ => FileKind::File,
                }));
            }
            if name.starts_with(&below) {
                return Ok(Some(FileKind::Directory));
            }
        }
        Ok(None)
    }

    fn list(&self) -> Result<Vec<String>, Failure> {
        Ok(self.entries()?.iter().filter_map(|it| it.path.to_str().map(str::to_owned)).collect())
    }
}
