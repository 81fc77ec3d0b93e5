//! What one line says of a commit.

use git2::Repository;

use super::tree::oid;
use super::{Git, GitError};
use crate::domain::{CommitHash, CommitLine, SourceName, Timestamp};

impl Git {
    /// What these commits say (blocks for the time of the reads). Those that are not there, or are none, are left out.
    pub fn lines(&self, source: &SourceName, commits: &[CommitHash]) -> Result<Vec<CommitLine>, GitError> {
        let objects = self.cache(source).objects()?;
        Ok(commits.iter().filter_map(|it| line(&objects, it)).collect())
    }
}

fn line(objects: &Repository, commit: &CommitHash) -> Option<CommitLine> {
    let found = objects.find_commit(oid(commit).ok()?).ok()?;
    let first = found.message_bytes().split(|it| *it == b'\n').find(|it| !it.trim_ascii().is_empty());
    let author = found.author();
    Some(CommitLine {
        commit: commit.clone(),
        subject: short(first.unwrap_or_default()),
        author: short(author.name_bytes()),
        at: Timestamp::from_second(found.time().seconds()).unwrap_or(Timestamp::UNIX_EPOCH),
    })
}

/// What is text of it, and not more than a line holds.
fn short(bytes: &[u8]) -> String {
    // Four bytes a character at most: what lies behind is never looked at.
    let head = &bytes[..bytes.len().min(CommitLine::LONGEST * 4)];
    String::from_utf8_lossy(head).trim().chars().take(CommitLine::LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_one_line_of_text() {
        assert_eq!(short(b"  Serve pages  "), "Serve pages");
        assert_eq!(short(b"caf\xe9"), "caf\u{fffd}");
        assert_eq!(short("é".repeat(1000).as_bytes()).chars().count(), CommitLine::LONGEST);
    }
}
