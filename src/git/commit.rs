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

#[cfg(test)]
mod tests {
    use git2::{Oid, Signature, Time};

    use super::*;

    /// A commit with these files, each with its name as content.
    fn commit(repository: &Repository, message: &str, files: &[&str], parents: &[Oid]) -> Oid {
        let mut tree = repository.treebuilder(None).unwrap();
        for file in files {
            let blob = repository.blob(message.as_bytes()).unwrap();
            tree.insert(file, blob, 0o100_644).unwrap();
        }
        let tree = repository.find_tree(tree.write().unwrap()).unwrap();
        let author = Signature::new("Carol", "carol@example.org", &Time::new(1_780_000_000, 0)).unwrap();
        let committer = Signature::new("Bob", "bob@example.org", &Time::new(1_780_000_060, 0)).unwrap();
        let parents: Vec<_> = parents.iter().map(|it| repository.find_commit(*it).unwrap()).collect();
        let parents: Vec<_> = parents.iter().collect();
        repository.commit(None, &author, &committer, message, &tree, &parents).unwrap()
    }

    fn hash(id: Oid) -> CommitHash {
        id.to_string().parse().unwrap()
    }

    #[test]
    fn a_commit_tells_what_it_says_and_what_it_changes() {
        let dir = tempfile::tempdir().unwrap();
        let repository = Repository::init_bare(dir.path()).unwrap();
        let first = commit(&repository, "begin", &["a", "b"], &[]);
        let second = commit(&repository, "Shorter timeouts\n\nBecause.\n", &["a", "c"], &[first]);
        let facts = read(&repository, &hash(second), true).unwrap().unwrap();
        assert_eq!((facts.subject.as_str(), facts.body.as_str()), ("Shorter timeouts", "Because."));
        assert_eq!((facts.author.as_str(), facts.committer.as_deref()), ("Carol", Some("Bob")));
        assert_eq!((facts.authored_at.as_second(), facts.parents), (1_780_000_000, vec![hash(first)]));
        let changes: Vec<_> = facts.files.iter().map(|(path, change)| (path.as_str(), *change)).collect();
        let wanted = [("a", FileChange::Modified), ("b", FileChange::Deleted), ("c", FileChange::Added)];
        assert_eq!(changes, wanted);
        assert!(!format!("{:?}", read(&repository, &hash(first), true)).contains("example.org"));
        assert_eq!(read(&repository, &"ab".repeat(20).parse().unwrap(), true).unwrap(), None);
    }

    #[test]
    fn what_is_long_is_cut() {
        let dir = tempfile::tempdir().unwrap();
        let repository = Repository::init_bare(dir.path()).unwrap();
        let names: Vec<String> = (0..CommitFacts::FILES_MAX + 7).map(|it| format!("file{it:04}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let id = commit(&repository, &"\u{e9}".repeat(5_000), &names, &[]);
        let facts = read(&repository, &hash(id), true).unwrap().unwrap();
        assert_eq!((facts.subject.chars().count(), facts.files.len()), (SUBJECT, CommitFacts::FILES_MAX));
        assert_eq!(facts.files_left_out, 7);
        assert!(read(&repository, &hash(id), false).unwrap().unwrap().files.is_empty());
    }
}
