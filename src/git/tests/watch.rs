//! Changes of repositories of this machine are hinted at once.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::timeout;

use super::support::{Repository, Workshop, root};
use crate::domain::{Reference, SourceName};
use crate::git::watch::Watcher;

fn name(text: &str) -> SourceName {
    text.parse().expect("a name")
}

fn main() -> Reference {
    "main".parse().expect("a branch")
}

async fn hint(hints: &mut mpsc::Receiver<SourceName>) -> String {
    let hint = timeout(Duration::from_secs(20), hints.recv()).await.expect("a hint in time");
    hint.expect("a watcher").to_string()
}

/// A watcher of one source, whose first hint, that of the beginning, has been taken.
async fn watching(repository: &Repository, reference: &Reference) -> (Watcher, mpsc::Receiver<SourceName>) {
    let (sender, mut hints) = mpsc::channel(8);
    let watcher = Watcher::new(sender).expect("a watcher");
    watcher.follow(&name("web"), &repository.path, reference);
    assert!(watcher.is_watching(&name("web")));
    assert_eq!(hint(&mut hints).await, "web");
    (watcher, hints)
}

#[tokio::test]
async fn a_commit_is_seen() {
    let workshop = Workshop::new();
    let repository = workshop.repository("remote");
    repository.commit("a");
    let (_watcher, mut hints) = watching(&repository, &main()).await;
    for _ in 0..3 {
        repository.commit("next");
        assert_eq!(hint(&mut hints).await, "web");
    }
    // Packed, then moved by a loose file, then deleted.
    repository.git(["pack-refs", "--all"]);
    repository.commit("again");
    assert_eq!(hint(&mut hints).await, "web");
    repository.git(["checkout", "-q", "--detach"]);
    repository.git(["branch", "-D", "main"]);
    assert_eq!(hint(&mut hints).await, "web");
}

#[tokio::test]
async fn a_push_to_a_bare_repository_of_another_user_is_seen() {
    let workshop = Workshop::new();
    let repository = workshop.repository("clone");
    repository.commit("a");
    let bare = workshop.repository("bare");
    std::fs::remove_dir_all(bare.path.join(".git")).expect("removed");
    bare.git(["init", "-q", "--bare", "-b", "main", "."]);
    let path = bare.path.to_str().expect("text").to_owned();
    repository.git(["push", "-q", &path, "main"]);
    if root() {
        super::hostile::chown(&bare.path, 65534);
    }
    let (_watcher, mut hints) = watching(&bare, &main()).await;
    if root() {
        super::hostile::chown(&bare.path, 0);
    }
    repository.commit("b");
    repository.git(["push", "-q", &path, "main"]);
    assert_eq!(hint(&mut hints).await, "web");
}

#[tokio::test]
async fn a_nested_branch_is_seen_when_it_is_made() {
    let workshop = Workshop::new();
    let repository = workshop.repository("remote");
    repository.commit("a");
    let nested: Reference = "release/2.19/stable".parse().expect("a branch");
    let (_watcher, mut hints) = watching(&repository, &nested).await;
    repository.git(["branch", "release/2.19/stable"]);
    assert_eq!(hint(&mut hints).await, "web");
}

#[tokio::test]
async fn a_linked_work_tree_is_followed_to_its_repository() {
    let workshop = Workshop::new();
    let repository = workshop.repository("remote");
    repository.commit("a");
    let linked = Repository { path: workshop.path("linked") };
    repository.git(["worktree", "add", "-q", "-b", "side", linked.path.to_str().expect("text")]);
    let (_watcher, mut hints) = watching(&linked, &"side".parse().expect("a branch")).await;
    let commit = linked.commit("b");
    assert_eq!(hint(&mut hints).await, "web");
    let mut remote = linked.remote();
    remote.reference = "side".parse().expect("a branch");
    assert_eq!(workshop.git.fetch(&remote, None).await.expect("a fetch").revision.commit, commit);
}

#[tokio::test]
async fn other_branches_do_not_matter() {
    let workshop = Workshop::new();
    let (one, two) = (workshop.repository("one"), workshop.repository("two"));
    one.commit("a");
    two.commit("a");
    let (sender, mut hints) = mpsc::channel(8);
    let watcher = Watcher::new(sender).expect("a watcher");
    for (source, repository) in [("one", &one), ("two", &two)] {
        watcher.follow(&name(source), &repository.path, &main());
        assert_eq!(hint(&mut hints).await, source);
    }
    one.git(["checkout", "-q", "-b", "other"]);
    one.commit("b");
    one.git(["pack-refs", "--all"]);
    two.commit("b");
    assert_eq!(hint(&mut hints).await, "two");
}

#[tokio::test]
async fn a_repository_may_come_later_and_be_replaced() {
    let workshop = Workshop::new();
    let (sender, mut hints) = mpsc::channel(8);
    let watcher = Watcher::new(sender).expect("a watcher");
    let path = workshop.path("remote");
    watcher.follow(&name("web"), &path, &main());
    assert!(!watcher.is_watching(&name("web")));
    watcher.rearm();
    for _ in 0..3 {
        let repository = workshop.repository("remote");
        repository.commit("a");
        watcher.rearm();
        assert!(watcher.is_watching(&name("web")));
        assert_eq!(hint(&mut hints).await, "web");
        repository.commit("b");
        assert_eq!(hint(&mut hints).await, "web");
        std::fs::remove_dir_all(&path).expect("removed");
        watcher.rearm();
        assert!(!watcher.is_watching(&name("web")));
        // The end of it is hinted too, once or twice.
        assert_eq!(hint(&mut hints).await, "web");
        while timeout(Duration::from_millis(200), hints.recv()).await.is_ok() {}
    }
    watcher.forget(&name("web"));
    watcher.rearm();
}

#[tokio::test]
async fn no_source_is_lost_when_the_channel_is_full() {
    let workshop = Workshop::new();
    let (sender, mut hints) = mpsc::channel(1);
    let watcher = Watcher::new(sender).expect("a watcher");
    let sources: Vec<String> = (0..10).map(|it| format!("s{it}")).collect();
    let repositories: Vec<Repository> = sources.iter().map(|it| workshop.repository(it)).collect();
    for (source, repository) in sources.iter().zip(&repositories) {
        repository.commit("a");
        watcher.follow(&name(source), &repository.path, &main());
    }
    let mut seen = std::collections::BTreeSet::new();
    while seen.len() < 10 {
        seen.insert(hint(&mut hints).await);
    }
    for repository in &repositories {
        repository.commit("b");
        repository.commit("c");
    }
    seen.clear();
    while seen.len() < 10 {
        seen.insert(hint(&mut hints).await);
    }
}
