//! Follows repositories and lays out verified checkouts.
//!
//! The `git` program talks to servers ([`transport`]), hermetic and with hard limits of time. Everything else, what
//! descends from what and what is in a tree, is read in this process from the object store alone, so that what is
//! compared, checked out and recorded is one commit.

mod access;
mod cache;
mod checkout;
mod command;
mod commit;
mod compare;
mod diagnose;
mod error;
mod history;
mod line;
mod local;
mod merge;
mod merge_request;
mod policy;
mod process;
mod signature;
mod transport;
mod tree;
mod trust;
mod url;
mod verifier;
pub mod watch;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::OnceCell;
use tokio::task::spawn_blocking;

pub use access::{GitAccess, HttpCredential};
pub use checkout::{Checkout, Owner, remove_checkout};
pub use compare::{Difference, DifferenceKind};
pub use error::{GitError, Phase};
pub use policy::{Reason, Refusal};
pub use tree::{EntryKind, TreeEntry};
pub use trust::{Claim, Distrust, Untrusted};
pub use url::{RemoteUrl, UrlError};

use crate::domain::{CommitFacts, CommitHash, Failure, Lineage, Reference, Revision, SourceName};
use cache::Cache;
use transport::Transport;

/// Where things are.
#[derive(Debug, Clone)]
pub struct GitSettings {
    /// Caches of the sources. May be lost at any time.
    pub cache_dir: PathBuf,
    /// Short-lived files: configuration for git and ssh with credentials in it, sockets of ssh. Best a short path on
    /// a file system in memory; above 41 bytes ssh connections are not shared between polls.
    pub run_dir: PathBuf,
    /// The git program: a path, or a name that is looked for in the usual directories.
    pub git_program: PathBuf,
    /// An empty directory that git takes for its home.
    pub home: PathBuf,
}

/// How long git may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Until the other side says anything.
    pub connect: Duration,
    /// Between two signs of progress.
    pub stall: Duration,
    /// From beginning to end.
    pub total: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        let (connect, stall, total) = (10, 30, 15 * 60);
        Self {
            connect: Duration::from_secs(connect),
            stall: Duration::from_secs(stall),
            total: Duration::from_secs(total),
        }
    }
}

/// A source as this module knows it.
#[derive(Debug, Clone)]
pub struct Remote {
    /// The operator's name for it.
    pub name: SourceName,
    /// Where it is.
    pub url: RemoteUrl,
    /// The followed branch or tag.
    pub reference: Reference,
    /// How it is reached.
    pub access: GitAccess,
    /// How long that may take.
    pub limits: Limits,
}

/// What a fetch brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// The commit that the reference names now.
    pub revision: Revision,
    /// The tag object by which it names it, if it is an annotated tag.
    pub tag: Option<CommitHash>,
    /// How that relates to the admitted commit.
    pub lineage: Lineage,
    /// Whether its tree may be laid out: no submodule, LFS pointer, hostile path or symlink that leads out.
    pub repository_checks: Result<(), Failure>,
}

/// All followed repositories. Cheap to clone; every clone is the same.
#[derive(Debug, Clone)]
pub struct Git {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    settings: GitSettings,
    sources: Mutex<HashMap<SourceName, Arc<Source>>>,
    /// What the git program says of itself, once it was asked.
    version: OnceCell<String>,
}

/// What is remembered of one source while the daemon runs.
#[derive(Debug, Default)]
struct Source {
    /// Who fetches, one at a time.
    turn: Arc<tokio::sync::Mutex<()>>,
    memory: Mutex<Memory>,
}

#[derive(Debug, Default)]
struct Memory {
    /// How it was reached last, for mending its cache.
    remote: Option<Remote>,
    /// How many fetches in a row failed in a way that has no name.
    strikes: u32,
    /// The result of the checks of one commit; they cannot change.
    checked: Option<(CommitHash, Result<(), Failure>)>,
    /// Signatures that were found good.
    judged: trust::Judged,
    /// An admitted commit that a cache fetched anew does not have: it is gone, not lost.
    gone: Option<CommitHash>,
}

impl Source {
    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Git {
    /// Follows nothing yet, and touches nothing.
    pub fn new(settings: GitSettings) -> Self {
        Self { inner: Arc::new(Inner { settings, sources: Mutex::default(), version: OnceCell::new() }) }
    }

    /// Brings a source up to date and compares its tip with the admitted commit. A damaged cache is fetched anew.
    pub async fn fetch(&self, remote: &Remote, admitted: Option<&CommitHash>) -> Result<Fetched, GitError> {
        let source = self.source(&remote.name);
        let turn = Arc::clone(&source.turn).lock_owned().await;
        source.memory().remote = Some(remote.clone());
        let transport = Transport::open(&self.inner.settings, remote).await?;
        let mut result = match transport.update().await {
            Ok(tip) => self.examine(remote, &source, tip, admitted).await,
            Err(error) => Err(error),
        };
        if self.should_renew(&source, &remote.name, &result) {
            tracing::warn!(source = %remote.name, error = ?result.as_ref().err(), "the cache is fetched anew");
            let tip = transport.renew(admitted).await?;
            result = self.examine(remote, &source, tip, admitted).await;
            if let Ok(Fetched { lineage: Lineage::Rewound { from }, .. }) = &result {
                source.memory().gone = Some(from.clone());
            }
        }
        if result.is_ok() && transport.wants_repack() {
            // Off the way: the next fetch waits for it, this one does not.
            tokio::spawn(async move {
                transport.repack().await;
                drop(turn);
            });
        }
        result
    }

    /// The version of the git program, which is asked once; `None` if it does not say.
    pub async fn version(&self) -> Option<String> {
        let asked = async || transport::version(&self.inner.settings).await.ok_or(());
        self.inner.version.get_or_try_init(asked).await.ok().cloned()
    }

    /// Asks a source whether it answers and has what is followed. Nothing is fetched.
    pub async fn reach(&self, remote: &Remote) -> Result<(), GitError> {
        Transport::open(&self.inner.settings, remote).await?.reach().await
    }

    /// Lays out the tree of a commit at `dest`, which must not exist, and verifies it. A damaged cache is fetched
    /// anew, and a commit that is not there fetched by its hash, if the source was fetched since the start.
    pub async fn checkout(
        &self,
        source: &SourceName,
        commit: &CommitHash,
        dest: &Path,
        owner: Owner,
    ) -> Result<Checkout, GitError> {
        let first = self.checkout_once(source, commit, dest, owner).await;
        let Err(error @ (GitError::Corrupt(_) | GitError::CommitMissing(_))) = first else { return first };
        let known = self.source(source);
        let Some(remote) = known.memory().remote.clone() else { return Err(error) };
        tracing::warn!(%source, %commit, %error, "the cache is mended for a checkout");
        {
            let _turn = known.turn.lock().await;
            let transport = Transport::open(&self.inner.settings, &remote).await?;
            if error.is_damage() {
                transport.renew(Some(commit)).await?;
            } else if transport.fetch_commit(commit).await.is_err() {
                return Err(error);
            }
        }
        self.checkout_once(source, commit, dest, owner).await
    }

    /// One file of a commit, at most 16 MiB (blocks for the time of the read), also through symlinks of the tree. `None` if there is no such file.
    pub fn read_file(
        &self,
        source: &SourceName,
        commit: &CommitHash,
        path: impl AsRef<Path>,
    ) -> Result<Option<Vec<u8>>, GitError> {
        tree::read_file(&self.cache(source).objects()?, commit, path.as_ref())
    }

    /// All files and symlinks of a commit, in the order of the tree.
    pub fn list(&self, source: &SourceName, commit: &CommitHash) -> Result<Vec<TreeEntry>, GitError> {
        Ok(tree::walk(&self.cache(source).objects()?, commit)?.entries)
    }

    /// Whether `ancestor` is `commit` itself or one of its ancestors.
    pub fn is_ancestor(
        &self,
        source: &SourceName,
        ancestor: &CommitHash,
        commit: &CommitHash,
    ) -> Result<bool, GitError> {
        history::is_ancestor(&self.cache(source).objects()?, ancestor, commit)
    }

    /// The one commit whose hash begins with `prefix`; `None` if there is none, or several.
    pub fn find_by_prefix(&self, source: &SourceName, prefix: &str) -> Result<Option<CommitHash>, GitError> {
        Ok(history::find_by_prefix(&self.cache(source).objects()?, prefix))
    }

    /// What a commit says of itself; `None` if it is not there. Its files are compared with its first parent only if
    /// that is asked for.
    pub fn commit(
        &self,
        source: &SourceName,
        commit: &CommitHash,
        with_files: bool,
    ) -> Result<Option<CommitFacts>, GitError> {
        commit::read(&self.cache(source).objects()?, commit, with_files)
    }

    /// Ends the ssh connections that are kept open between polls. To be called when the daemon ends; without it they
    /// end by themselves after five minutes.
    pub async fn close_connections(&self) {
        transport::hang_up(&self.inner.settings.run_dir, None).await;
    }

    fn source(&self, name: &SourceName) -> Arc<Source> {
        let mut sources = self.inner.sources.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(sources.entry(name.clone()).or_default())
    }

    fn cache(&self, name: &SourceName) -> Cache {
        Cache::new(&self.inner.settings.cache_dir, name)
    }

    async fn checkout_once(
        &self,
        source: &SourceName,
        commit: &CommitHash,
        dest: &Path,
        owner: Owner,
    ) -> Result<Checkout, GitError> {
        let (git_dir, commit, dest) = (self.cache(source).path(), commit.clone(), dest.to_owned());
        let written = spawn_blocking(move || checkout::write(&git_dir, &commit, &dest, owner));
        written.await.map_err(|_| GitError::Worker)?
    }

    /// Whether a fetch ended in a way that a cache fetched anew may mend.
    fn should_renew(&self, source: &Source, name: &SourceName, result: &Result<Fetched, GitError>) -> bool {
        let mut memory = source.memory();
        memory.strikes = if matches!(result, Err(GitError::Other(_))) { memory.strikes + 1 } else { 0 };
        match result {
            Err(error) => error.is_damage() || memory.strikes == 2,
            // All ancestors were fetched with the tip, unless a part of the cache was lost. Rather ask once more
            // than tell a person of a rewritten history that was a broken disk.
            Ok(Fetched { lineage: Lineage::Rewound { from }, .. }) if memory.gone.as_ref() != Some(from) => {
                let objects = self.cache(name).objects();
                !objects.is_ok_and(|it| tree::find_commit(&it, from).is_ok())
            }
            Ok(_) => false,
        }
    }

    async fn examine(
        &self,
        remote: &Remote,
        source: &Source,
        tip: CommitHash,
        admitted: Option<&CommitHash>,
    ) -> Result<Fetched, GitError> {
        let checked = source.memory().checked.clone();
        let (cache, admitted, reference) =
            (self.cache(&remote.name), admitted.cloned(), remote.reference.clone());
        let examined = spawn_blocking(move || -> Result<Fetched, GitError> {
            let objects = cache.objects()?;
            let Some((commit, tag)) = signature::peel(&objects, &reference, &tip)? else {
                return Err(GitError::NotACommit(reference));
            };
            let lineage = history::lineage(&objects, &commit, admitted.as_ref())?;
            let repository_checks = match checked {
                Some((known, checks)) if known == commit => checks,
                _ => checks(&objects, &commit)?,
            };
            Ok(Fetched { revision: Revision { reference, commit }, tag, lineage, repository_checks })
        });
        let fetched = examined.await.map_err(|_| GitError::Worker)??;
        source.memory().checked = Some((fetched.revision.commit.clone(), fetched.repository_checks.clone()));
        Ok(fetched)
    }
}

/// What a tree that may not be laid out is refused for; a tree that cannot be read is an error.
fn checks(objects: &git2::Repository, tip: &CommitHash) -> Result<Result<(), Failure>, GitError> {
    match tree::walk(objects, tip).and_then(|tree| tree::check_lfs(objects, &tree)) {
        Ok(()) => Ok(Ok(())),
        Err(error @ GitError::Refused(_)) => Ok(Err(error.into())),
        Err(error) => Err(error),
    }
}
