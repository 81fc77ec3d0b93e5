//! Merge requests in the object store: fetching their heads, merging them, and telling what a merge brought.
//!
//! The merge that is previewed is made here, without a work tree and without a person: the same head and target always
//! make the same commit. It is never pushed, and no reference names it: the cache drops nothing.

use std::io::Write as _;
use std::path::Path;

use git2::{MergeOptions, Oid, Repository, Signature, Time};

use super::cache::open_objects;
use super::error::GitError;
use super::tree::{self, oid};
use crate::domain::{CommitHash, FileChange, Merge, Timestamp};

/// The longest first-parent line that is told.
const LINE_MAX: usize = 500;

/// The most conflicting paths that are named.
const CONFLICTS_MAX: usize = 100;

/// Above this priority of the store, whatever it is.
const ABOVE_THE_STORE: i32 = 1000;

/// Who makes the merges.
const NAME: &str = "driftless";

/// Merges a head into a target, in the object store alone.
pub(super) fn merge(
    repository: &Repository,
    git_dir: &Path,
    (target, head): (&CommitHash, &CommitHash),
) -> Result<Merge, GitError> {
    let (ours, theirs) = (tree::find_commit(repository, target)?, tree::find_commit(repository, head)?);
    let corrupt = |it: git2::Error| GitError::corrupt(&it);
    if repository.merge_base(ours.id(), theirs.id()).is_ok_and(|base| base == ours.id()) {
        // Nothing to merge: the head descends from the target already.
        return Ok(Merge::Clean { commit: head.clone() });
    }
    // What is made goes into memory first: the store is only read, whatever is configured.
    let store = repository.odb().map_err(corrupt)?;
    let made = store.add_new_mempack_backend(ABOVE_THE_STORE).map_err(corrupt)?;
    let mut index = repository.merge_commits(&ours, &theirs, Some(&options())).map_err(corrupt)?;
    if index.has_conflicts() {
        let mut paths: Vec<String> = Vec::new();
        for conflict in index.conflicts().map_err(corrupt)? {
            let conflict = conflict.map_err(corrupt)?;
            let entry = conflict.our.or(conflict.their).or(conflict.ancestor);
            paths.extend(entry.map(|it| String::from_utf8_lossy(&it.path).into_owned()));
            if paths.len() == CONFLICTS_MAX {
                break;
            }
        }
        paths.sort();
        paths.dedup();
        return Ok(Merge::Conflicts { paths });
    }
    let tree = index.write_tree_to(repository).and_then(|it| repository.find_tree(it)).map_err(corrupt)?;
    // The same merge is the same commit, whenever it is made.
    let at = Time::new(theirs.committer().when().seconds(), 0);
    let by = Signature::new(NAME, "driftless@localhost", &at).map_err(corrupt)?;
    let message = format!("Merge {} into {}\n", head.short(), target.short());
    let commit = repository.commit(None, &by, &by, &message, &tree, &[&ours, &theirs]).map_err(corrupt)?;
    let commit = hash(commit)?;
    if tree::find_commit(&open_objects(git_dir)?, &commit).is_err() {
        let mut pack = git2::Buf::new();
        made.dump(repository, &mut pack).map_err(corrupt)?;
        keep(git_dir, &pack)?;
    }
    Ok(Merge::Clean { commit })
}

/// Adds a pack to the store.
fn keep(git_dir: &Path, pack: &[u8]) -> Result<(), GitError> {
    let packs = git_dir.join("objects/pack");
    let store = open_objects(git_dir)?;
    let add = || -> Result<(), git2::Error> {
        let store = store.odb()?;
        let mut indexer = git2::Indexer::new(Some(&store), &packs, 0o444, true)?;
        indexer.write_all(pack).map_err(|it| git2::Error::from_str(&it.to_string()))?;
        indexer.commit().map(drop)
    };
    add().map_err(|it| GitError::corrupt(&it))
}

fn options() -> MergeOptions {
    let mut options = MergeOptions::new();
    // Renames are found as the forges find them. A criss-cross history is merged by one base alone, and fast.
    options.find_renames(true);
    options
}

fn hash(id: Oid) -> Result<CommitHash, GitError> {
    id.to_string().parse().map_err(|_| GitError::Corrupt("a commit has no hash of 40 digits".to_owned()))
}

/// The first-parent line from the tip back to `base`, newest first, without `base`. `None` if `base` is not on it, or
/// too far back.
pub(super) fn line(
    repository: &Repository,
    tip: &CommitHash,
    base: &CommitHash,
) -> Result<Option<Vec<CommitHash>>, GitError> {
    let base = oid(base)?;
    let mut line = Vec::new();
    let mut at = tree::find_commit(repository, tip)?;
    while at.id() != base {
        if line.len() == LINE_MAX {
            return Ok(None);
        }
        line.push(hash(at.id())?);
        let Ok(parent) = at.parent(0) else { return Ok(None) };
        at = parent;
    }
    Ok(Some(line))
}

/// How many commits of the branch, with this one as the last and `depth` at most, hold together exactly what merging
/// `head` into what was before makes: one for a merge or a squash, several for a rebase. `None` if they do not. What is
/// made for that is written nowhere.
///
/// Of a fast-forward only the head itself is known to be of it: what is below may have been pushed before.
pub(super) fn is_merge_of(
    repository: &Repository,
    commit: &CommitHash,
    head: &CommitHash,
    depth: usize,
) -> Result<Option<usize>, GitError> {
    let corrupt = |it: git2::Error| GitError::corrupt(&it);
    let landed = tree::find_commit(repository, commit)?;
    let Ok(proposed) = tree::find_commit(repository, head) else { return Ok(None) };
    if landed.id() == proposed.id() {
        return Ok(Some(1));
    }
    let store = repository.odb().map_err(corrupt)?;
    let _trial = store.add_new_mempack_backend(ABOVE_THE_STORE).map_err(corrupt)?;
    let (rebased, _) = repository.graph_ahead_behind(proposed.id(), landed.id()).map_err(corrupt)?;
    let several = Some(rebased).filter(|it| (2..=depth).contains(it));
    for commits in several.into_iter().chain([1]) {
        let before = (0..commits).try_fold(landed.clone(), |it, _| it.parent(0));
        let Ok(before) = before else { continue };
        let Ok(mut index) = repository.merge_commits(&before, &proposed, Some(&options())) else { continue };
        if !index.has_conflicts() && index.write_tree_to(repository).map_err(corrupt)? == landed.tree_id() {
            return Ok(Some(commits));
        }
    }
    Ok(None)
}

/// The files that differ between two commits, by path. A renamed file is deleted in one place and added in another.
pub(super) fn changed(
    repository: &Repository,
    from: &CommitHash,
    to: &CommitHash,
) -> Result<Vec<(String, FileChange)>, GitError> {
    let corrupt = |it: git2::Error| GitError::corrupt(&it);
    let tree = |commit: &CommitHash| tree::find_commit(repository, commit)?.tree().map_err(corrupt);
    let (before, after) = (tree(from)?, tree(to)?);
    let mut options = git2::DiffOptions::new();
    options.include_typechange(true).ignore_submodules(true);
    let diff =
        repository.diff_tree_to_tree(Some(&before), Some(&after), Some(&mut options)).map_err(corrupt)?;
    let mut files = Vec::new();
    for delta in diff.deltas() {
        let change = match delta.status() {
            git2::Delta::Added => FileChange::Added,
            git2::Delta::Deleted => FileChange::Deleted,
            _ => FileChange::Modified,
        };
        let path = delta.new_file().path_bytes().or_else(|| delta.old_file().path_bytes());
        files.extend(path.map(|it| (String::from_utf8_lossy(it).into_owned(), change)));
    }
    files.sort();
    Ok(files)
}

/// The time that the oldest of these commits names as its own. Whoever made it could write any.
pub(super) fn oldest(repository: &Repository, commits: &[CommitHash]) -> Result<Option<Timestamp>, GitError> {
    let mut oldest = None;
    for commit in commits {
        let seconds = tree::find_commit(repository, commit)?.time().seconds();
        let at = Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH);
        oldest = Some(oldest.map_or(at, |it: Timestamp| it.min(at)));
    }
    Ok(oldest)
}
