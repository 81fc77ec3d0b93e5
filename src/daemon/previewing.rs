//! Previews without keys: the merge is made, both trees are read, and Ansible lists its tasks in a sandbox where the
//! operator allows it. Nothing of the change gets a key, and `driftless.yml` counts as the target has it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::content::Files;
use crate::content::impact::{StackInput, impact};
use crate::domain::{
    CommitHash, Event, Failure, Impact, Merge, MergeRequestNumber, PreviewLevel, Previewed, SandboxedStack,
    SourceName, StackName, StackPolicy,
};
use crate::git::{EntryKind, Git};

use super::access;
use super::forging::{broken, configured};
use super::hands::Tools;
use super::sandboxing;

/// What is to be previewed.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    pub(super) source: SourceName,
    pub(super) number: MergeRequestNumber,
    pub(super) head: CommitHash,
    pub(super) target: CommitHash,
    pub(super) level: PreviewLevel,
    pub(super) stacks: Vec<StackPolicy>,
}

/// Makes the preview and tells the core what came of it, whatever happens.
pub(super) async fn preview(tools: Arc<Tools>, wanted: Wanted) {
    // A closed semaphore is not one of ours; without a permit the preview only is not counted.
    let permit = tools.previews.acquire().await;
    let task = tokio::spawn(attempt(Arc::clone(&tools), wanted.clone()));
    let made = task.await.unwrap_or_else(|_panicked| Err(broken()));
    drop(permit);
    let Wanted { source, number, head, target, .. } = wanted;
    tools.metrics.previewed(&source, made.is_ok());
    if let Err(failure) = &made {
        tracing::warn!(%source, %number, head = head.short(), "failed to preview: {failure}");
    }
    let made = made.map(Box::new);
    tools.inbox.send(Event::Previewed { source, number, head, target, made }).await;
}

async fn attempt(tools: Arc<Tools>, wanted: Wanted) -> Result<Previewed, Failure> {
    let config = tools.config();
    let source = configured(&config, &wanted.source)?;
    let forge = source
        .forge
        .as_ref()
        .ok_or_else(|| Failure::until_changed(format!("source {} names no forge any more", wanted.source)))?;
    let remote = access::remote(&config, source)?;
    let reference = forge.kind.merge_request_ref(wanted.number);
    let both = (&wanted.head, &wanted.target);
    let merge = tools.git.merge_request(&remote, wanted.number, &reference, both).await?;
    let Merge::Clean { commit } = &merge else {
        return Ok(Previewed {
            merge,
            impact: Impact::default(),
            sandboxed: BTreeMap::new(),
            no_sandbox: None,
        });
    };
    let impact = touched(&tools, &wanted, commit.clone()).await?;
    let wants_sandbox = wanted.level >= PreviewLevel::Sandboxed && !impact.runtime_changed;
    let (sandboxed, no_sandbox) = if wants_sandbox && !impact.stacks.is_empty() {
        match sandboxing::listed(&tools, source, &wanted, &impact, commit).await {
            Ok(sandboxed) => (sandboxed, None),
            Err(failure) => (BTreeMap::new(), Some(failure.to_string())),
        }
    } else {
        (BTreeMap::<StackName, SandboxedStack>::new(), None)
    };
    Ok(Previewed { merge, impact, sandboxed, no_sandbox })
}

/// What the change touches, by both trees.
async fn touched(tools: &Arc<Tools>, wanted: &Wanted, result: CommitHash) -> Result<Impact, Failure> {
    let (git, wanted) = (Arc::clone(&tools.git), wanted.clone());
    let read = tokio::task::spawn_blocking(move || {
        let changed = git.changed(&wanted.source, &wanted.target, &result)?;
        let before = CommitFiles { git: &git, source: &wanted.source, commit: &wanted.target };
        let after = CommitFiles { git: &git, source: &wanted.source, commit: &result };
        let stacks: Vec<StackInput> = wanted.stacks.iter().map(StackInput::from).collect();
        Ok::<_, Failure>(impact(&before, &after, &[], &changed, &stacks))
    });
    read.await.map_err(|_| broken())?
}

/// The tree of a commit, read from the object store.
struct CommitFiles<'a> {
    git: &'a Git,
    source: &'a SourceName,
    commit: &'a CommitHash,
}

impl Files for CommitFiles<'_> {
    fn paths(&self) -> Vec<String> {
        let entries = self.git.list(self.source, self.commit).unwrap_or_default();
        let files =
            entries.into_iter().filter(|it| it.kind != EntryKind::Symlink || it.path.to_str().is_some());
        files.filter_map(|it| it.path.to_str().map(str::to_owned)).collect()
    }

    fn read(&self, path: &str) -> Option<Cow<'_, [u8]>> {
        self.git.read_file(self.source, self.commit, path).ok().flatten().map(Cow::Owned)
    }
}
