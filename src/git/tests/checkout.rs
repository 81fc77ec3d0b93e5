//! What is laid out on disk: the commit, byte for byte, and nothing else.

use std::collections::BTreeMap;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use super::support::{Workshop, root, source};
use crate::git::DifferenceKind::{Added, Modified, Removed};
use crate::git::{GitError, Owner, remove_checkout};

/// Everything below a directory: for files their bytes and mode, for symlinks their target, for directories their
/// mode.
fn everything(dir: &Path) -> BTreeMap<PathBuf, (Vec<u8>, u32)> {
    let mut found = BTreeMap::new();
    let mut open = vec![dir.to_owned()];
    while let Some(next) = open.pop() {
        for entry in std::fs::read_dir(next).expect("a directory") {
            let path = entry.expect("an entry").path();
            let metadata = path.symlink_metadata().expect("metadata");
            let mode = metadata.permissions().mode() & 0o7777;
            let content = if metadata.is_symlink() {
                std::fs::read_link(&path).expect("a target").into_os_string().into_encoded_bytes()
            } else if metadata.is_dir() {
                open.push(path.clone());
                Vec::new()
            } else {
                std::fs::read(&path).expect("a file")
            };
            let mode = if metadata.is_symlink() { 0 } else { mode };
            found.insert(path.strip_prefix(dir).expect("below").to_owned(), (content, mode));
        }
    }
    found
}

#[tokio::test]
async fn attributes_have_no_say() {
    let workshop = Workshop::new();
    let repository = workshop.repository("remote");
    let attributes = b"*.txt text eol=crlf\nsecret.yml export-ignore\nstamp export-subst\nident ident\n\
        filtered filter=evil\nutf text working-tree-encoding=UTF-16\n* diff=evil merge=evil\n";
    let files: &[(&str, &[u8])] = &[
        (".gitattributes", attributes),
        ("a.txt", b"one\ntwo\n"),
        ("crlf", b"one\r\ntwo\r\n"),
        ("secret.yml", b"kept: true\n"),
        ("stamp", b"$Format:%H$\n"),
        ("ident", b"$Id$\n"),
        ("filtered", b"as it is\n"),
        ("utf", "gr\u{fc}n\n".as_bytes()),
        ("deep/er/binary", b"\0\xff\xfe\n"),
        ("empty", b""),
    ];
    for (path, content) in files {
        let id = repository.blob(content);
        repository.git(["update-index", "--add", "--cacheinfo", &format!("100644,{id},{path}")]);
    }
    let script = repository.blob(b"#!/bin/sh\n");
    repository.git(["update-index", "--add", "--cacheinfo", &format!("100755,{script},run.sh")]);
    let target = repository.blob(b"../a.txt");
    repository.git(["update-index", "--add", "--cacheinfo", &format!("120000,{target},deep/link")]);
    let tree = repository.git(["write-tree"]);
    repository.commit_tree_id(&tree);
    repository.git(["config", "filter.evil.smudge", "sed s/as/was/"]);

    let checkout = workshop.fetch_and_checkout(&repository).await.expect("a checkout");
    let mut wanted: BTreeMap<PathBuf, (Vec<u8>, u32)> =
        files.iter().map(|(path, content)| (path.into(), (content.to_vec(), 0o440))).collect();
    wanted.insert("run.sh".into(), (b"#!/bin/sh\n".to_vec(), 0o550));
    wanted.insert("deep/link".into(), (b"../a.txt".to_vec(), 0));
    wanted.insert("deep".into(), (Vec::new(), 0o550));
    wanted.insert("deep/er".into(), (Vec::new(), 0o550));
    assert_eq!(everything(checkout.path()), wanted);
    assert_eq!(checkout.files(), 12);
    assert_eq!(checkout.changed_files().expect("read again"), []);
    let path = checkout.path().to_owned();
    checkout.remove().expect("removed");
    assert!(!path.exists());
    remove_checkout(&path).expect("none there is no error");
}

#[tokio::test]
async fn a_group_can_read_and_not_write() {
    if !root() {
        return;
    }
    let workshop = Workshop::new();
    let repository = workshop.repository("remote");
    repository.write("roles/x/run.sh", "x");
    repository.git(["add", "-A"]);
    repository.git(["update-index", "--chmod=+x", "roles/x/run.sh"]);
    repository.write("site.yml", "y");
    let commit = repository.commit("a");
    workshop.fetch(&repository, None).await.expect("a fetch");
    let dest = workshop.path("checkout");
    let made =
        workshop.git.checkout(&source(), &commit, &dest, Owner::Group(65534)).await.expect("a checkout");
    for (path, mode) in [("", 0o750), ("roles", 0o750), ("site.yml", 0o640)] {
        let metadata = made.path().join(path).metadata().expect("metadata");
        assert_eq!((metadata.mode() & 0o7777, metadata.gid(), metadata.uid()), (mode, 65534, 0), "{path}");
    }
    assert_eq!(made.changed_files().expect("read again"), []);
}

#[tokio::test]
async fn what_a_run_changed_is_found() {
    let workshop = Workshop::new();
    let repository = workshop.repository("remote");
    for name in ["changed", "removed", "mode", "kind", "dir/inner", "kept", "replaced/inner"] {
        repository.write(name, name);
    }
    repository.git(["add", "-A"]);
    let checkout = {
        repository.commit("a");
        workshop.fetch_and_checkout(&repository).await.expect("a checkout")
    };
    let at = |name: &str| checkout.path().join(name);
    let mode = |name: &str, mode| {
        std::fs::set_permissions(at(name), std::fs::Permissions::from_mode(mode)).expect("a mode");
    };
    for dir in ["", "dir", "replaced"] {
        mode(dir, 0o750);
    }
    mode("changed", 0o640);
    std::fs::write(at("changed"), "CHANGED").expect("written"); // as long as before
    mode("changed", 0o440);
    std::fs::remove_file(at("removed")).expect("removed");
    mode("mode", 0o777);
    std::fs::remove_file(at("kind")).expect("removed");
    std::os::unix::fs::symlink("kept", at("kind")).expect("a symlink");
    std::fs::write(at("dir/extra"), "x").expect("written");
    std::fs::create_dir(at("more")).expect("a directory");
    std::fs::remove_dir_all(at("replaced")).expect("removed");
    std::os::unix::fs::symlink("/etc", at("replaced")).expect("a symlink");
    for dir in ["", "dir"] {
        mode(dir, 0o550);
    }
    let found = checkout.changed_files().expect("read again");
    let found: Vec<_> = found.iter().map(|it| (it.path.to_str().expect("text"), it.kind)).collect();
    let wanted = [
        ("changed", Modified),
        ("dir/extra", Added),
        ("kind", Modified),
        ("mode", Modified),
        ("more", Added),
        ("removed", Removed),
        ("replaced", Added),
        ("replaced", Removed),
        ("replaced/inner", Removed),
    ];
    assert_eq!(found, wanted);
}

#[tokio::test]
async fn a_checkout_is_never_made_in_place() {
    let workshop = Workshop::new();
    let repository = workshop.repository("remote");
    repository.write("site.yml", "x");
    let commit = repository.commit("a");
    let first = workshop.fetch_and_checkout(&repository).await.expect("a checkout");
    let error = workshop.checkout(&commit, "checkout").await.expect_err("it is there");
    assert!(matches!(error, GitError::Io { .. }), "{error:?}");
    assert_eq!(first.changed_files().expect("untouched"), []);
}

#[tokio::test]
async fn many_files_on_two_threads_are_all_there() {
    let workshop = Workshop::new();
    let repository = workshop.repository("remote");
    for number in 0..1500 {
        repository.write(&format!("d{}/e{}/f{number}", number % 7, number % 31), format!("{number}\n"));
    }
    let commit = repository.commit("a");
    let checkout = workshop.fetch_and_checkout(&repository).await.expect("a checkout");
    let files = workshop.git.list(&source(), &commit).expect("a list");
    assert_eq!((files.len(), checkout.files()), (1500, 1500));
    for file in files {
        let number = file.path.file_name().and_then(|it| it.to_str()).expect("text")[1..].to_owned();
        assert_eq!(std::fs::read_to_string(checkout.path().join(&file.path)).expect("a file"), number + "\n");
    }
}
