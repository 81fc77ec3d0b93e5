//! Merge requests in the object store.

use super::support::{Repository, Workshop, source};
use crate::domain::{CommitHash, Merge, MergeRequestNumber};
use crate::git::GitError;

const NUMBER: MergeRequestNumber = MergeRequestNumber(12);
const REFERENCE: &str = "refs/pull/12/head";

/// A repository whose `main` has three commits, and a merge request that began at the second.
struct Project {
    workshop: Workshop,
    repository: Repository,
    target: CommitHash,
    head: CommitHash,
}

fn project() -> Project {
    let workshop = Workshop::new();
    let repository = workshop.repository("remote");
    repository.write("site.yml", "- hosts: all\n");
    repository.write("other.yml", "1\n");
    repository.commit("one");
    repository.git(["checkout", "-q", "-b", "change"]);
    repository.write("web.yml", "new\n");
    repository.commit("first of the change");
    repository.write("web.yml", "newer\n");
    let head = repository.commit("second of the change");
    repository.git(["update-ref", REFERENCE, head.as_str()]);
    repository.git(["checkout", "-q", "main"]);
    repository.git(["branch", "-q", "-D", "change"]);
    repository.write("other.yml", "2\n");
    let target = repository.commit("two");
    Project { workshop, repository, target, head }
}

impl Project {
    async fn preview(&self) -> Result<Merge, GitError> {
        let remote = self.repository.remote();
        self.workshop.git.merge_request(&remote, NUMBER, REFERENCE, (&self.head, &self.target)).await
    }

    fn is_merge(&self, commit: &CommitHash) -> Option<usize> {
        self.workshop.git.is_merge_of(&source(), commit, &self.head, 5).expect("readable")
    }

    async fn landed(&self) -> CommitHash {
        self.workshop.fetch(&self.repository, Some(&self.target)).await.expect("a fetch").revision.commit
    }
}

#[tokio::test]
async fn the_result_of_the_merge_is_previewed_and_always_the_same_commit() {
    let project = project();
    project.workshop.fetch(&project.repository, None).await.expect("a fetch");
    let Merge::Clean { commit } = project.preview().await.expect("a merge") else { panic!("no conflict") };
    let read = |path: &str| project.workshop.git.read_file(&source(), &commit, path).expect("readable");
    assert_eq!(read("other.yml").as_deref(), Some(b"2\n".as_slice()), "what the target has since");
    assert_eq!(read("web.yml").as_deref(), Some(b"newer\n".as_slice()), "what the head brings");
    assert_eq!(project.preview().await.expect("a merge"), Merge::Clean { commit: commit.clone() });
    let checkout = project.workshop.checkout(&commit, "merged").await.expect("a checkout");
    assert!(checkout.changed_files().expect("readable").is_empty());
}

#[tokio::test]
async fn conflicts_are_named_and_a_moved_head_is_not_taken_for_the_one_that_was_asked_for() {
    let project = project();
    project.repository.write("web.yml", "theirs\n");
    let target = project.repository.commit("three");
    project.workshop.fetch(&project.repository, None).await.expect("a fetch");
    let project = Project { target, ..project };
    assert_eq!(
        project.preview().await.expect("an answer"),
        Merge::Conflicts { paths: vec!["web.yml".to_owned()] }
    );
    let gone: CommitHash = "c".repeat(40).parse().expect("a hash");
    let remote = project.repository.remote();
    let asked = project.workshop.git.merge_request(&remote, NUMBER, REFERENCE, (&gone, &project.target));
    assert!(matches!(asked.await, Err(GitError::CommitMissing(it)) if it == gone));
}

#[tokio::test]
async fn a_tree_that_may_not_be_laid_out_is_not_previewed() {
    let project = project();
    let lfs = project.repository.blob(
        b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 1\n",
    );
    let tree =
        project.repository.git_with_input(["mktree"], format!("100644 blob {lfs}\tbig.bin\n").as_bytes());
    let head = project.repository.git(["commit-tree", &tree, "-p", project.head.as_str(), "-m", "lfs"]);
    project.repository.git(["update-ref", REFERENCE, &head]);
    project.workshop.fetch(&project.repository, None).await.expect("a fetch");
    let project = Project { head: head.parse().expect("a hash"), ..project };
    assert!(
        matches!(project.preview().await, Err(GitError::Refused(_) | GitError::Corrupt(_))) || {
            // Or the deletions conflict before anybody looks.
            matches!(project.preview().await, Ok(Merge::Conflicts { .. }))
        }
    );
}

#[tokio::test]
async fn a_landed_commit_is_the_proposal_only_if_it_holds_that_and_nothing_else() {
    for how in ["merge", "squash", "rebase", "ff", "evil merge", "evil squash", "pushed"] {
        let project = project();
        let repository = &project.repository;
        project.workshop.fetch(repository, None).await.expect("a fetch");
        project.preview().await.expect("a merge");
        let head = project.head.as_str();
        match how {
            "merge" => drop(repository.git(["merge", "-q", "--no-ff", "-m", "merge", head])),
            "squash" => {
                repository.git(["merge", "-q", "--squash", head]);
                repository.commit("squashed");
            }
            "rebase" => {
                repository.git(["checkout", "-q", "-b", "rebased", head]);
                repository.git(["rebase", "-q", "main"]);
                repository.git(["checkout", "-q", "main"]);
                repository.git(["merge", "-q", "--ff-only", "rebased"]);
            }
            "ff" => {
                repository.git(["checkout", "-q", "-B", "main", head]);
            }
            "evil merge" => {
                repository.git(["merge", "-q", "--no-ff", "--no-commit", head]);
                repository.write("site.yml", "- hosts: all, others\n");
                repository.commit("merge");
            }
            "evil squash" => {
                repository.git(["merge", "-q", "--squash", head]);
                repository.write("more.yml", "more\n");
                repository.commit("squashed");
            }
            _ => drop(repository.commit("pushed")),
        }
        let landed = project.landed().await;
        let commits = match how {
            "merge" | "squash" | "ff" => Some(1),
            "rebase" => Some(2),
            _ => None,
        };
        assert_eq!(project.is_merge(&landed), commits, "{how}");
    }
}

#[tokio::test]
async fn the_line_is_that_of_first_parents_back_to_what_was_admitted() {
    let project = project();
    let repository = &project.repository;
    let first = project.target.clone();
    repository.git(["merge", "-q", "--no-ff", "-m", "merge", project.head.as_str()]);
    let merged = repository.head();
    let pushed = repository.commit("pushed");
    project.workshop.fetch(repository, None).await.expect("a fetch");
    let line = |base: &CommitHash| project.workshop.git.line(&source(), &pushed, base).expect("readable");
    assert_eq!(line(&first), Some(vec![pushed.clone(), merged]));
    assert_eq!(line(&pushed), Some(Vec::new()));
    assert_eq!(line(&project.head), None, "not on the line");
}
