//! Repositories that want more than to be followed. Nothing of them is executed, nothing is written outside, and
//! what is laid out is the commit.

use std::os::unix::fs::PermissionsExt as _;

use super::support::{Repository, Workshop, root, source};
use crate::domain::{CommitHash, Failure, Lineage};
use crate::git::{GitError, Reason};

/// A program in the workshop that leaves a mark when somebody runs it.
fn trap(workshop: &Workshop) -> (String, impl Fn()) {
    let (program, mark) = (workshop.path("trap"), workshop.path("EXECUTED"));
    std::fs::write(&program, format!("#!/bin/sh\ntouch {}\nexit 1\n", mark.display())).expect("a script");
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).expect("a mode");
    (program.to_str().expect("text").to_owned(), move || assert!(!mark.exists(), "it was executed"))
}

fn refusal(checks: Result<(), Failure>) -> Failure {
    checks.expect_err("refused")
}

/// A tree with one file under a name, made without git's own checks.
fn tree_with(repository: &Repository, mode: &str, kind: &str, id: &str, name: &[u8]) -> CommitHash {
    let mut line = format!("{mode} {kind} {id}\t").into_bytes();
    line.extend_from_slice(name);
    line.push(0);
    repository.commit_tree(&line)
}

#[tokio::test]
async fn branches_that_look_like_options_or_commands_stay_names() {
    let workshop = Workshop::new();
    let (program, untouched) = trap(&workshop);
    let repository = workshop.repository("remote");
    let commit = repository.commit("a");
    for name in [
        format!("--upload-pack={program}"),
        format!("$({program})"),
        ";id".into(),
        "{{x}}".into(),
        "-x".into(),
        "\u{202e}x".into(),
        "\"><img".into(),
    ] {
        let file = repository.path.join(".git/refs/heads").join(name.trim_start_matches('/'));
        std::fs::create_dir_all(file.parent().expect("a parent")).expect("a directory");
        std::fs::write(file, format!("{commit}\n")).expect("a ref");
    }
    let fetched = workshop.fetch(&repository, None).await.expect("a fetch");
    assert_eq!(fetched.revision.commit, commit);
    let refs = workshop.cache().join("refs");
    let top: Vec<_> = std::fs::read_dir(&refs).expect("refs").flatten().map(|it| it.file_name()).collect();
    assert!(top.iter().all(|it| it == "driftless" || it == "heads"), "{top:?}");
    assert_eq!(std::fs::read_dir(refs.join("heads")).expect("heads").count(), 0);

    let mut remote = repository.remote();
    remote.reference = "missing".parse().expect("a branch");
    let failure = Failure::from(workshop.git.fetch(&remote, None).await.expect_err("no such branch"));
    let remedy = failure.remedy.expect("a remedy");
    assert!(!remedy.contains('\u{202e}') && !remedy.contains(char::is_control), "{remedy}");
    untouched();
}

#[tokio::test]
async fn trees_with_names_that_no_honest_tool_makes_are_refused() {
    for name in [".git", ".GIT", "git~1", ".g\u{200c}it", "..", "."] {
        let workshop = Workshop::new();
        let repository = workshop.repository("remote");
        let id = repository.blob(b"[core]\n\tfsmonitor = id\n");
        let inner =
            repository.git_with_input(["mktree", "-z"], format!("100644 blob {id}\tconfig\0").as_bytes());
        tree_with(&repository, "040000", "tree", &inner, name.as_bytes());
        let error = workshop.fetch(&repository, None).await.expect_err("refused by git");
        assert!(matches!(error, GitError::HostileObject(_)), "{name}: {error:?}");
        assert!(Failure::from(error).security, "{name}");
    }
    for (name, reason) in [("nul.yml", Reason::Device), ("a\nb", Reason::Name)] {
        let workshop = Workshop::new();
        let repository = workshop.repository("remote");
        let id = repository.blob(b"x");
        let commit = tree_with(&repository, "100644", "blob", &id, name.as_bytes());
        let fetched = workshop.fetch(&repository, None).await.expect("a fetch");
        let failure = refusal(fetched.repository_checks);
        assert!(failure.message.ends_with(&reason.to_string()), "{failure}");
        let error = workshop.checkout(&commit, "checkout").await.expect_err("refused");
        assert!(matches!(error, GitError::Refused(ref it) if it.reason == reason), "{error:?}");
        assert!(!workshop.path("checkout").exists());
    }
}

#[tokio::test]
async fn symlinks_out_of_the_tree_are_refused() {
    for (links, refused) in [
        (&[("shadow", "/etc/shadow")][..], "shadow"),
        (&[("dir/up", "../../x")], "dir/up"),
        // Each by itself stays inside; together they do not.
        (&[("a/b/up", "../.."), ("x", "a/b/up/../y")], "x"),
        (&[("loop", "loop/x")], "loop"),
    ] {
        let workshop = Workshop::new();
        let repository = workshop.repository("remote");
        for (path, target) in links {
            let path = repository.path.join(path);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
            std::os::unix::fs::symlink(target, path).expect("a symlink");
        }
        let commit = repository.commit("a");
        let fetched = workshop.fetch(&repository, None).await.expect("a fetch");
        let failure = refusal(fetched.repository_checks);
        assert_eq!(failure.message, format!("`{refused}` is a symlink that leads out of the repository"));
        assert!(failure.remedy.is_some());
        workshop.checkout(&commit, "checkout").await.expect_err("refused");
        assert!(!workshop.path("checkout").exists());
    }
    let workshop = Workshop::new();
    let repository = workshop.repository("remote");
    repository.write("roles/x/file", "content");
    std::os::unix::fs::symlink("roles/x", repository.path.join("y")).expect("a symlink");
    std::os::unix::fs::symlink("../../y/file", repository.path.join("roles/x/again")).expect("a symlink");
    let commit = repository.commit("inside");
    let checkout = workshop.fetch_and_checkout(&repository).await.expect("a checkout");
    assert_eq!(std::fs::read(checkout.path().join("roles/x/again")).expect("a file"), b"content");
    let read = workshop.git.read_file(&source(), &commit, "y/again").expect("a read");
    assert_eq!(read, Some(b"content".to_vec()));
}

#[tokio::test]
async fn submodules_and_lfs_pointers_are_refused_with_their_path() {
    let workshop = Workshop::new();
    let repository = workshop.repository("remote");
    let commit = repository.commit("a");
    let link = tree_with(&repository, "160000", "commit", commit.as_str(), b"roles-x");
    let fetched = workshop.fetch(&repository, None).await.expect("a fetch");
    let failure = refusal(fetched.repository_checks);
    assert_eq!(failure.message, "`roles-x` is a submodule, and submodules are not followed");
    assert!(failure.remedy.is_some_and(|it| it.contains("requirements")) && !failure.security);
    workshop.checkout(&link, "checkout").await.expect_err("refused");

    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n";
    repository.write("files/big.bin", pointer);
    repository.git(["reset", "-q", "--hard", commit.as_str()]);
    repository.write("files/big.bin", pointer);
    let bare = repository.commit("a pointer that no attribute names");
    let fetched = workshop.fetch(&repository, None).await.expect("a fetch");
    assert_eq!(fetched.repository_checks, Ok(()));
    let error = workshop.checkout(&bare, "checkout").await.expect_err("refused");
    assert!(matches!(error, GitError::Refused(ref it) if it.reason == Reason::Lfs), "{error:?}");
    assert!(!workshop.path("checkout").exists());

    repository.write(".gitattributes", "*.bin filter=lfs diff=lfs merge=lfs -text\n");
    repository.git(["-c", "filter.lfs.clean=cat", "-c", "filter.lfs.required=false", "add", "-A"]);
    repository.commit("now named");
    let fetched = workshop.fetch(&repository, None).await.expect("a fetch");
    let failure = refusal(fetched.repository_checks);
    assert!(failure.message.starts_with("`files/big.bin` is a Git LFS pointer"), "{failure}");
}

#[tokio::test]
async fn replacements_and_grafts_have_no_say() {
    let workshop = Workshop::new();
    let repository = workshop.repository("remote");
    // main: a - b, and refs/replace says that b is x
    repository.write("site.yml", "good");
    let a = repository.commit("a");
    let b = repository.commit("b");
    repository.write("site.yml", "EVIL");
    repository.git(["checkout", "-q", "--orphan", "x"]);
    let x = repository.commit("x");
    repository.git(["replace", b.as_str(), x.as_str()]);
    let fetched = workshop.fetch(&repository, Some(&a)).await.expect("a fetch");
    assert_eq!(
        (fetched.revision.commit, fetched.lineage),
        (b.clone(), Lineage::Descendant { of: a.clone() })
    );
    assert!(!workshop.cache().join("refs/replace").exists());
    assert!(workshop.git.read_file(&source(), &x, "site.yml").is_err(), "nothing but main was fetched");

    // Even planted in the cache they say nothing.
    std::fs::create_dir_all(workshop.cache().join("refs/replace")).expect("a directory");
    std::fs::write(workshop.cache().join("refs/replace").join(b.as_str()), format!("{a}\n")).expect("a ref");
    std::fs::write(workshop.cache().join("info"), "").expect("in the way of info/grafts");
    std::fs::remove_file(workshop.cache().join("info")).expect("removed");
    std::fs::create_dir_all(workshop.cache().join("info")).expect("a directory");
    std::fs::write(workshop.cache().join("info/grafts"), format!("{b}\n")).expect("a graft");
    std::fs::write(workshop.cache().join("info/attributes"), "* eol=crlf export-ignore\n")
        .expect("attributes");
    assert!(workshop.git.is_ancestor(&source(), &a, &b).expect("history"));
    let checkout = workshop.checkout(&b, "checkout").await.expect("a checkout");
    assert_eq!(std::fs::read(checkout.path().join("site.yml")).expect("a file"), b"good");
}

#[tokio::test]
async fn the_configuration_and_hooks_of_a_repository_are_not_executed() {
    let workshop = Workshop::new();
    let (program, untouched) = trap(&workshop);
    let repository = workshop.repository("remote");
    // What is inside looks like a repository with a program of its own.
    repository.write("sub/HEAD", "ref: refs/heads/main\n");
    repository.write("sub/config", format!("[core]\n\tbare = true\n\tfsmonitor = {program}\n"));
    repository.write("sub/objects/x", "");
    repository.write("sub/refs/x", "");
    repository.write(".gitattributes", "* filter=evil diff=evil\n");
    let commit = repository.commit("a");
    for hook in
        ["post-checkout", "pre-receive", "update", "post-update", "reference-transaction", "pre-auto-gc"]
    {
        std::fs::create_dir_all(repository.path.join(".git/hooks")).expect("a directory");
        std::fs::copy(&program, repository.path.join(".git/hooks").join(hook)).expect("a hook");
    }
    for (key, value) in [
        ("core.fsmonitor", program.as_str()),
        ("core.sshCommand", &program),
        ("core.alternateRefsCommand", &program),
        ("uploadpack.packObjectsHook", &program),
        ("core.hooksPath", ".git/hooks"),
        ("core.pager", &program),
        ("filter.evil.smudge", &program),
        ("filter.evil.process", &program),
        ("diff.external", &program),
        ("credential.helper", &program),
        ("core.gitProxy", &program),
        ("core.editor", &program),
    ] {
        repository.git(["config", key, value]);
    }
    if root() {
        chown(&repository.path, 65534);
    }
    workshop.fetch(&repository, None).await.expect("a fetch");
    let checkout = workshop.checkout(&commit, "checkout").await.expect("a checkout");
    assert!(checkout.path().join("sub/config").exists());
    assert_eq!(checkout.changed_files().expect("read again"), []);
    untouched();
}

#[tokio::test]
async fn a_repository_that_wants_to_fetch_what_it_lacks_is_not_obeyed() {
    let workshop = Workshop::new();
    let (program, untouched) = trap(&workshop);
    let repository = workshop.repository("remote");
    repository.write("file", "content");
    repository.commit("a");
    let blob = repository.git(["rev-parse", "HEAD:file"]);
    std::fs::remove_file(repository.path.join(".git/objects").join(&blob[..2]).join(&blob[2..]))
        .expect("removed");
    for (key, value) in [
        ("core.repositoryFormatVersion", "1"),
        ("extensions.partialClone", "origin"),
        ("remote.origin.promisor", "true"),
        ("remote.origin.url", repository.path.to_str().expect("text")),
        ("remote.origin.uploadpack", &program),
    ] {
        repository.git(["config", key, value]);
    }
    workshop.fetch(&repository, None).await.expect_err("it lacks a file");
    untouched();
}

#[tokio::test]
async fn hostile_submodule_declarations_are_refused() {
    let workshop = Workshop::new();
    let (program, untouched) = trap(&workshop);
    for url in [format!("ext::{program}"), format!("-u{program}")] {
        let repository = workshop.repository(&format!("remote{}", url.len()));
        let text = format!("[submodule \"x\"]\n\tpath = x\n\turl = {url}\n\tupdate = !{program}\n");
        repository.write(".gitmodules", text);
        let commit = repository.commit("a");
        match workshop.fetch(&repository, None).await {
            Err(GitError::HostileObject(_)) => {}
            Err(other) => panic!("{other:?}"),
            Ok(_) => drop(workshop.checkout(&commit, "checkout").await.expect("only a file").remove()),
        }
    }
    untouched();
}

/// Gives everything below a directory to another user.
pub(super) fn chown(path: &std::path::Path, id: u32) {
    std::os::unix::fs::lchown(path, Some(id), Some(id)).expect("an owner");
    if path.is_dir() && !path.is_symlink() {
        for entry in std::fs::read_dir(path).expect("a directory") {
            chown(&entry.expect("an entry").path(), id);
        }
    }
}
