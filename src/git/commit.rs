//! What a commit says of itself. Everything in it is as its author wrote it: not checked, and cut where it is long.

use git2::{Delta, Repository};

use super::error::GitError;
use super::tree::{find_commit, shown_path};
use crate::domain::{CommitFacts, CommitHash, FileChange, Timestamp};

/// The longest subject, message and name, in characters.
const SUBJECT: usize = 300;
const BODY: usize = 16 << 10;
const NAME: usize = 100;

/// The commit; `None` if it is not there.
pub(super) fn read(
    repository: &Repository,
    commit: &CommitHash,
    with_files: bool,
) -> Result<Option<CommitFacts>, GitError> {
    let found = match find_commit(repository, commit) {
        Ok(found) => found,
        Err(GitError::CommitMissing(_)) => return Ok(None),
        Err(error) => return Err(error),
    };
    let message = String::from_utf8_lossy(found.message_bytes()).into_owned();
    let (subject, body) = message.trim().split_once('\n').unwrap_or((message.trim(), ""));
    let (author, committer) = (found.author(), found.committer());
    let name = |it: &git2::Signature<'_>| cut(String::from_utf8_lossy(it.name_bytes()).trim(), NAME);
    let (author_name, committer_name) = (name(&author), name(&committer));
    let parents = found.parent_ids().filter_map(|it| it.to_string().parse().ok()).collect();
    let (files, files_left_out) = if with_files { files(repository, &found)? } else { (Vec::new(), 0) };
    Ok(Some(CommitFacts {
        commit: commit.clone(),
        subject: cut(subject.trim(), SUBJECT),
        body: cut(body.trim(), BODY),
        authored_at: Timestamp::from_second(author.when().seconds()).unwrap_or(Timestamp::UNIX_EPOCH),
        committer: Some(committer_name).filter(|it| *it != author_name),
        author: author_name,
        parents,
        files,
        files_left_out,
    }))
}

/// The files that differ from the first parent, and how many more there are.
fn files(
    repository: &Repository,
    commit: &git2::Commit<'_>,
) -> Result<(Vec<(String, FileChange)>, u64), GitError> {
    let corrupt = |it: git2::Error| GitError::corrupt(&it);
    let tree = commit.tree().map_err(corrupt)?;
    // A parent that was not fetched is none that one can compare with.
    let before = commit.parent(0).ok().and_then(|it| it.tree().ok());
    let diff = repository.diff_tree_to_tree(before.as_ref(), Some(&tree), None).map_err(corrupt)?;
    let mut files: Vec<(String, FileChange)> = Vec::new();
    let mut left_out = 0;
    for delta in diff.deltas() {
        if CommitFacts::FILES_MAX <= files.len() {
            left_out += 1;
            continue;
        }
        let change = match delta.status() {
            Delta::Added => FileChange::Added,
            Delta::Deleted => FileChange::Deleted,
            _ => FileChange::Modified,
        };
        let side = if change == FileChange::Deleted { delta.old_file() } else { delta.new_file() };
        files.push((shown_path(side.path_bytes().unwrap_or_default()), change));
    }
    files.sort();
    Ok((files, left_out))
}

fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most - 1).chain(['\u{2026}']).collect()
}
