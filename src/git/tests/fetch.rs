//! What a fetch brings, and what it says when it brings nothing.

use super::support::{Workshop, source};
use crate::domain::{Failure, Lineage, Retry};
use crate::git::GitError;

#[tokio::test]
async fn a_first_fetch_then_a_descendant() {
    let workshop = Workshop::new();
    let repository = workshop.repository("remote");
    repository.write("site.yml", "- hosts: all\n");
    // main: a
    let a = repository.commit("a");
    let first = workshop.fetch(&repository, None).await.expect("a fetch");
    assert_eq!((first.revision.commit, first.lineage), (a.clone(), Lineage::First));
    let again = workshop.fetch(&repository, Some(&a)).await.expect("a fetch");
    assert_eq!(again.lineage, Lineage::Same);
    // main: a - b - c
    repository.write("site.yml", "- hosts: web\n");
    repository.commit("b");
    let c = repository.commit("c");
    let third = workshop.fetch(&repository, Some(&a)).await.expect("a fetch");
    assert_eq!(
        (third.revision.commit.clone(), third.lineage),
        (c.clone(), Lineage::Descendant { of: a.clone() })
    );
    assert_eq!(third.repository_checks, Ok(()));
    assert!(workshop.git.is_ancestor(&source(), &a, &c).expect("history"));
    assert!(!workshop.git.is_ancestor(&source(), &c, &a).expect("history"));
    let read = |commit| workshop.git.read_file(&source(), commit, "site.yml").expect("a read");
    assert_eq!(read(&a), Some(b"- hosts: all\n".to_vec()));
    assert_eq!(read(&c), Some(b"- hosts: web\n".to_vec()));
    assert_eq!(workshop.git.read_file(&source(), &c, "no/such/file").expect("a read"), None);
}

#[tokio::test]
async fn a_rewound_branch_is_told_from_a_descendant() {
    let workshop = Workshop::new();
    let repository = workshop.repository("remote");
    // main: a - b, then reset to a, then a - c
    let a = repository.commit("a");
    let b = repository.commit("b");
    workshop.fetch(&repository, None).await.expect("a fetch");
    repository.git(["reset", "-q", "--hard", a.as_str()]);
    let rewound = workshop.fetch(&repository, Some(&b)).await.expect("a fetch");
    assert_eq!((rewound.revision.commit, rewound.lineage), (a.clone(), Lineage::Rewound { from: b.clone() }));
    let c = repository.commit("c");
    let diverged = workshop.fetch(&repository, Some(&b)).await.expect("a fetch");
    assert_eq!((diverged.revision.commit, diverged.lineage), (c, Lineage::Rewound { from: b.clone() }));
    // The admitted commit is kept, so that it can still be run.
    workshop.checkout(&b, "old").await.expect("a checkout");
}

#[tokio::test]
async fn what_is_missing_is_told_apart() {
    let workshop = Workshop::new();
    let repository = workshop.repository("remote");
    assert!(matches!(workshop.fetch(&repository, None).await, Err(GitError::Empty)));
    repository.commit("a");
    repository.git(["branch", "-m", "main", "trunk"]);
    for name in ["b1", "b2", "b3", "b4", "b5", "b6"] {
        repository.git(["branch", name]);
    }
    let error = workshop.fetch(&repository, None).await.expect_err("no such branch");
    let failure = Failure::from(error);
    assert_eq!(failure.retry, Retry::UntilChanged);
    assert_eq!(failure.message, "the repository has no branch `main`");
    assert!(failure.remedy.as_deref().is_some_and(|it| it.contains("b1, b2") && it.contains("and 2 more")));

    std::fs::remove_dir_all(repository.path.join(".git")).expect("removed");
    let failure = Failure::from(workshop.fetch(&repository, None).await.expect_err("no repository"));
    assert!(failure.message.contains("holds no repository"), "{failure}");
    std::fs::remove_dir_all(&repository.path).expect("removed");
    let failure = Failure::from(workshop.fetch(&repository, None).await.expect_err("no directory"));
    assert!(failure.message.contains("is not a directory"), "{failure}");
}

#[tokio::test]
async fn a_deleted_branch_that_comes_back_is_compared_with_what_was_admitted() {
    let workshop = Workshop::new();
    let repository = workshop.repository("remote");
    // main: a - b; main deleted; main: x (unrelated)
    repository.commit("a");
    let b = repository.commit("b");
    workshop.fetch(&repository, None).await.expect("a fetch");
    repository.git(["checkout", "-q", "--orphan", "other"]);
    let x = repository.commit("x");
    repository.git(["branch", "-D", "main"]);
    let error = workshop.fetch(&repository, Some(&b)).await.expect_err("deleted");
    assert!(matches!(error, GitError::NoSuchBranch { .. }), "{error:?}");
    repository.git(["branch", "main"]);
    let back = workshop.fetch(&repository, Some(&b)).await.expect("a fetch");
    assert_eq!((back.revision.commit, back.lineage), (x, Lineage::Rewound { from: b }));
}

#[tokio::test]
async fn a_followed_branch_can_change_its_name_and_place() {
    let workshop = Workshop::new();
    let repository = workshop.repository("remote");
    let a = repository.commit("a");
    repository.git(["branch", "-m", "main", "x"]);
    let mut remote = repository.remote();
    remote.reference = "x".parse().expect("a branch");
    assert_eq!(workshop.git.fetch(&remote, None).await.expect("a fetch").revision.commit, a);
    repository.git(["branch", "-m", "x", "x-old"]);
    repository.git(["checkout", "-q", "-b", "x/y"]);
    let b = repository.commit("b");
    // `x` as a file stood in the way of `x/y`.
    remote.reference = "x/y".parse().expect("a branch");
    assert_eq!(workshop.git.fetch(&remote, None).await.expect("a fetch").revision.commit, b);
    // Another repository under the same name starts anew.
    let other = workshop.repository("other");
    let c = other.commit("c");
    assert_eq!(workshop.fetch(&other, None).await.expect("a fetch").revision.commit, c);
    assert!(matches!(workshop.git.read_file(&source(), &b, "x"), Err(GitError::CommitMissing(_))));
}

#[tokio::test]
async fn a_branch_that_names_no_commit_is_refused() {
    let workshop = Workshop::new();
    let repository = workshop.repository("remote");
    repository.commit("a");
    let blob = repository.blob(b"no commit");
    std::fs::write(repository.path.join(".git/refs/heads/main"), format!("{blob}\n")).expect("a ref");
    let error = workshop.fetch(&repository, None).await.expect_err("no commit");
    assert!(matches!(error, GitError::NotACommit(_)), "{error:?}");
}

#[tokio::test]
async fn a_shallow_clone_is_refused_with_its_remedy() {
    let workshop = Workshop::new();
    let repository = workshop.repository("remote");
    repository.commit("a");
    repository.commit("b");
    let url = format!("file://{}", repository.path.display());
    let shallow = super::support::Repository { path: workshop.path("shallow") };
    repository.git(["clone", "-q", "--depth", "1", &url, shallow.path.to_str().expect("text")]);
    let failure = Failure::from(workshop.fetch(&shallow, None).await.expect_err("shallow"));
    assert!(failure.remedy.as_deref().is_some_and(|it| it.contains("--unshallow")), "{failure}");
}

#[tokio::test]
async fn git_that_is_not_installed_is_said() {
    let mut workshop = Workshop::new();
    workshop.use_program(std::path::Path::new("/nonexistent/git"));
    let repository = workshop.repository("remote");
    repository.commit("a");
    let failure = Failure::from(workshop.fetch(&repository, None).await.expect_err("no git"));
    assert!(failure.message.contains("/nonexistent/git"), "{failure}");
    assert_eq!(failure.retry, Retry::UntilChanged);
}

#[tokio::test]
async fn many_fetches_are_packed_together() {
    let workshop = Workshop::new();
    let repository = workshop.repository("remote");
    let packs = || {
        let dir = std::fs::read_dir(workshop.cache().join("objects/pack")).expect("packs");
        dir.filter(|it| it.as_ref().is_ok_and(|it| it.path().extension().is_some_and(|it| it == "pack")))
            .count()
    };
    let first = repository.commit("0");
    for number in 0..52 {
        repository.write("file", number.to_string());
        repository.commit("next");
        workshop.fetch(&repository, None).await.expect("a fetch");
    }
    // A fetch waits for the packing that the one before began.
    workshop.fetch(&repository, None).await.expect("a fetch");
    assert!(packs() < 20, "{} packs", packs());
    assert!(workshop.git.is_ancestor(&source(), &first, &repository.head()).expect("history"));
}
