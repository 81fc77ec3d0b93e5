//! The cache is disposable: whatever happens to it, the next fetch or checkout makes it right.

use std::path::PathBuf;
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};

use super::support::{Repository, Workshop, source};
use crate::domain::{CommitHash, Failure, Lineage, Retry};
use crate::git::GitError;

/// A repository with a file that does not compress, fetched once.
async fn fetched(workshop: &Workshop) -> (Repository, CommitHash) {
    let repository = workshop.repository("remote");
    let mut state = 1u64;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state.to_be_bytes()[0]
    })
    .take(40_000)
    .collect();
    repository.write("noise", &noise);
    let commit = repository.commit("a");
    workshop.fetch(&repository, None).await.expect("a fetch");
    (repository, commit)
}

fn packs(workshop: &Workshop) -> Vec<PathBuf> {
    let dir = std::fs::read_dir(workshop.cache().join("objects/pack")).expect("packs");
    dir.flatten().map(|it| it.path()).filter(|it| it.extension().is_some_and(|it| it == "pack")).collect()
}

fn overwrite(path: &PathBuf, at: usize) {
    let mut bytes = std::fs::read(path).expect("a file");
    let end = (at + 64).min(bytes.len());
    bytes[at..end].iter_mut().for_each(|it| *it ^= 0x5a);
    std::fs::remove_file(path).expect("removed");
    std::fs::write(path, bytes).expect("written");
}

#[tokio::test]
async fn locks_and_halves_of_a_killed_git_are_removed() {
    let workshop = Workshop::new();
    let (repository, a) = fetched(&workshop).await;
    let left = [
        "refs/driftless/web/main.lock",
        "packed-refs.lock",
        "shallow.lock",
        "objects/pack/tmp_pack_x",
        "objects/info/commit-graphs.lock",
        "HEAD.lock",
    ];
    for name in left {
        std::fs::write(workshop.cache().join(name), "").expect("a leftover");
    }
    std::fs::create_dir(workshop.path("cache/.web.fresh.git")).expect("a leftover");
    let b = repository.commit("b");
    let fetched = workshop.fetch(&repository, Some(&a)).await.expect("a fetch");
    assert_eq!((fetched.revision.commit, fetched.lineage), (b, Lineage::Descendant { of: a }));
    for name in left {
        assert!(!workshop.cache().join(name).exists(), "{name}");
    }
    assert!(!workshop.path("cache/.web.fresh.git").exists());
}

#[tokio::test]
async fn a_corrupt_pack_is_found_by_the_checkout_and_mended() {
    let workshop = Workshop::new();
    let (repository, commit) = fetched(&workshop).await;
    let pack = packs(&workshop).remove(0);
    overwrite(&pack, 5_000);
    // Git does not look: the fetch goes well.
    workshop.fetch(&repository, Some(&commit)).await.expect("a fetch");
    let checkout = workshop.checkout(&commit, "checkout").await.expect("a checkout");
    assert_eq!(
        std::fs::read(checkout.path().join("noise")).expect("a file"),
        std::fs::read(repository.path.join("noise")).expect("a file")
    );
}

#[tokio::test]
async fn a_cache_that_lost_its_packs_is_fetched_anew() {
    let workshop = Workshop::new();
    // main: a - b
    let (repository, a) = fetched(&workshop).await;
    for pack in packs(&workshop) {
        std::fs::remove_file(pack.with_extension("idx")).expect("removed");
        std::fs::remove_file(pack).expect("removed");
    }
    let b = repository.commit("b");
    let fetched = workshop.fetch(&repository, Some(&a)).await.expect("a fetch");
    assert_eq!((fetched.revision.commit, fetched.lineage), (b, Lineage::Descendant { of: a }));
}

#[tokio::test]
async fn a_half_lost_history_is_not_taken_for_a_rewritten_one() {
    let workshop = Workshop::new();
    // main: a - b, each in a pack of its own; the pack of a is lost
    let (repository, a) = fetched(&workshop).await;
    let first = packs(&workshop).remove(0);
    let b = repository.commit("b");
    workshop.fetch(&repository, Some(&a)).await.expect("a fetch");
    std::fs::remove_file(first.with_extension("idx")).expect("removed");
    std::fs::remove_file(first).expect("removed");
    let fetched = workshop.fetch(&repository, Some(&a)).await.expect("a fetch");
    assert_eq!((fetched.revision.commit, fetched.lineage), (b, Lineage::Descendant { of: a }));
}

#[tokio::test]
async fn garbage_in_the_place_of_the_cache_is_replaced() {
    let workshop = Workshop::new();
    let (repository, a) = fetched(&workshop).await;
    let spoil: [&dyn Fn(); 5] = [
        &|| std::fs::write(workshop.cache().join("config"), "[core").expect("written"),
        &|| std::fs::write(workshop.cache().join("HEAD"), "\0\0").expect("written"),
        &|| std::fs::write(workshop.cache().join("refs/driftless/web/main"), "garbage").expect("written"),
        &|| std::fs::remove_dir_all(workshop.cache().join("objects")).expect("removed"),
        &|| {
            std::fs::remove_dir_all(workshop.cache()).expect("removed");
            std::fs::write(workshop.cache(), "no directory").expect("written");
        },
    ];
    for (number, spoil) in spoil.iter().enumerate() {
        spoil();
        let fetched = workshop.fetch(&repository, Some(&a)).await;
        let fetched = fetched.unwrap_or_else(|error| panic!("{number}: {error:?}"));
        assert_eq!((fetched.revision.commit, fetched.lineage), (a.clone(), Lineage::Same), "{number}");
        workshop.checkout(&a, &format!("checkout{number}")).await.expect("a checkout");
    }
}

#[tokio::test]
async fn an_admitted_commit_that_was_rewound_survives_a_new_cache() {
    let workshop = Workshop::new();
    let repository = workshop.repository("remote");
    // main: a - b, b admitted, then reset to a; the cache is lost
    let a = repository.commit("a");
    let b = repository.commit("b");
    workshop.fetch(&repository, None).await.expect("a fetch");
    repository.git(["reset", "-q", "--hard", a.as_str()]);
    std::fs::remove_dir_all(workshop.cache()).expect("removed");
    let fetched = workshop.fetch(&repository, Some(&b)).await.expect("a fetch");
    assert_eq!((fetched.revision.commit, fetched.lineage), (a.clone(), Lineage::Rewound { from: b.clone() }));
    workshop.checkout(&b, "checkout").await.expect("it is still there");
    // The other side forgot it: honest, and not fetched anew for each poll.
    repository.git(["reflog", "expire", "--expire=now", "--all"]);
    repository.git(["prune", "--expire=now"]);
    std::fs::remove_dir_all(workshop.cache()).expect("removed");
    for _ in 0..2 {
        let fetched = workshop.fetch(&repository, Some(&b)).await.expect("a fetch");
        assert_eq!(fetched.lineage, Lineage::Rewound { from: b.clone() });
    }
    let inode = |workshop: &Workshop| {
        use std::os::unix::fs::MetadataExt as _;
        workshop.cache().metadata().expect("a cache").ino()
    };
    let before = inode(&workshop);
    workshop.fetch(&repository, Some(&b)).await.expect("a fetch");
    assert_eq!(inode(&workshop), before);
    let failure = Failure::from(workshop.checkout(&b, "gone").await.expect_err("gone"));
    assert_eq!(failure.retry, Retry::UntilChanged);
    assert!(workshop.git.read_file(&source(), &a, "x").expect("a read").is_none());
}

#[tokio::test]
async fn two_daemons_do_not_share_a_cache() {
    let workshop = Workshop::new();
    let (repository, _) = fetched(&workshop).await;
    let other = std::fs::File::open(workshop.path("cache/web.lock")).expect("the lock");
    flock(&other, FlockOperation::LockExclusive).expect("locked");
    let mut remote = repository.remote();
    remote.limits.connect = Duration::from_millis(100);
    let error = workshop.git.fetch(&remote, None).await.expect_err("in use");
    assert!(matches!(error, GitError::Busy(_)), "{error:?}");
    assert_eq!(Failure::from(error).retry, Retry::Soon);
    drop(other);
    workshop.fetch(&repository, None).await.expect("a fetch");
}

#[tokio::test]
async fn a_repository_of_another_user_is_followed() {
    if !super::support::root() {
        return;
    }
    let workshop = Workshop::new();
    let repository = workshop.repository("remote");
    let a = repository.commit("a");
    super::hostile::chown(&repository.path, 65534);
    let fetched = workshop.fetch(&repository, None).await.expect("a fetch");
    assert_eq!(fetched.revision.commit, a);
    let bare = Repository { path: workshop.path("bare.git") };
    let path = bare.path.to_str().expect("text");
    std::process::Command::new("git")
        .args(["-c", "safe.directory=*", "init", "-q", "--bare", "-b", "main", path])
        .status()
        .expect("git");
    super::hostile::chown(&repository.path, 0);
    repository.git(["push", "-q", path, "main"]);
    super::hostile::chown(&bare.path, 65534);
    let fetched = workshop.fetch(&bare, None).await.expect("a fetch");
    assert_eq!(fetched.revision.commit, a);
}
