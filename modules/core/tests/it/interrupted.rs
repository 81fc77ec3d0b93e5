//! `tree` killed at random moments, for real.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::os::fd::AsFd;
use std::os::unix::fs::symlink;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use base64::{Engine, engine::general_purpose::STANDARD};
use driftless_tree::wanted::Digest;
use flate2::{Compression, write::ZlibEncoder};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

const PROGRAM: &str = env!("CARGO_BIN_EXE_driftless-modules");
const TIMES: u32 = 200;

/// Paths and what is there: contents of a file, the text of a link, or nothing for a directory.
type Tree = BTreeMap<PathBuf, Node>;

#[derive(Clone, PartialEq, Eq)]
enum Node {
    Directory,
    File(Vec<u8>),
    Link(PathBuf),
}

/// Files that change, appear, vanish, and become directories and links, and the other way round.
fn trees() -> (Tree, Tree) {
    let file = |text: &str, number: usize| {
        Node::File(format!("{text} {number}\n").repeat(9 << (number % 12)).into())
    };
    let (mut old, mut new) = (Tree::new(), Tree::new());
    for tree in [&mut old, &mut new] {
        for directory in ["stays", "stays/deep", "other"] {
            tree.insert(directory.into(), Node::Directory);
        }
    }
    for number in 0..24 {
        old.insert(format!("stays/{number}").into(), file("old", number));
        new.insert(format!("stays/{number}").into(), file("new", number));
        old.insert(format!("stays/deep/gone-{number}").into(), file("old", number));
        new.insert(format!("other/new-{number}").into(), file("new", number));
    }
    for number in 0..4 {
        old.insert(format!("to-directory-{number}").into(), file("old", number));
        new.insert(format!("to-directory-{number}").into(), Node::Directory);
        new.insert(format!("to-directory-{number}/in").into(), file("new", number));
        old.insert(format!("to-file-{number}").into(), Node::Directory);
        old.insert(format!("to-file-{number}/in").into(), file("old", number));
        new.insert(format!("to-file-{number}").into(), file("new", number));
        old.insert(format!("link-{number}").into(), Node::Link("stays".into()));
        new.insert(format!("link-{number}").into(), Node::Link("other".into()));
    }
    (old, new)
}

fn write(tree: &Tree, dir: &Path) {
    fs::create_dir(dir).expect("made");
    for (path, node) in tree {
        let path = dir.join(path);
        match node {
            Node::Directory => fs::create_dir(path).expect("made"),
            Node::File(bytes) => fs::write(path, bytes).expect("written"),
            Node::Link(target) => symlink(target, path).expect("linked"),
        }
    }
}

fn read(dir: &Path) -> Tree {
    let mut tree = Tree::new();
    let mut waiting = vec![PathBuf::new()];
    while let Some(above) = waiting.pop() {
        for entry in fs::read_dir(dir.join(&above)).expect("listed") {
            let entry = entry.expect("an entry");
            let path = above.join(entry.file_name());
            let kind = entry.file_type().expect("its type");
            let node = if kind.is_dir() {
                waiting.push(path.clone());
                Node::Directory
            } else if kind.is_symlink() {
                Node::Link(fs::read_link(entry.path()).expect("read"))
            } else {
                Node::File(fs::read(entry.path()).expect("read"))
            };
            tree.insert(path, node);
        }
    }
    tree
}

/// What the controller sends, with the contents of all files.
fn arguments(tree: &Tree, dest: &Path) -> Vec<u8> {
    let mut manifest = vec![json!({"path": "", "kind": "directory", "mode": 0o755})];
    let mut pack = ZlibEncoder::new(Vec::new(), Compression::fast());
    let mut index = Vec::new();
    for (path, node) in tree {
        manifest.push(match node {
            Node::Directory => json!({"path": path, "kind": "directory", "mode": 0o755}),
            Node::Link(target) => json!({"path": path, "kind": "link", "target": target}),
            Node::File(bytes) => {
                pack.write_all(bytes).expect("compressed");
                index.push(json!([path, bytes.len()]));
                let digest = Digest(Sha256::digest(bytes).into()).to_string();
                json!({"path": path, "kind": "file", "mode": 0o644, "size": bytes.len(), "digest": digest})
            }
        });
    }
    let pack = STANDARD.encode(pack.finish().expect("compressed"));
    let arguments = json!({
        "_ansible_module_name": "driftless.core.tree", "_ansible_check_mode": false, "_ansible_version": "2.21.0",
        "src": "unused", "dest": dest, "delete": true,
        "manifest": Value::from(manifest).to_string(), "pack": pack, "pack_index": Value::from(index).to_string(),
    });
    arguments.to_string().into_bytes()
}

/// Runs the module and kills it after a while, unless it has ended by then. Gives its result if it has.
fn run(arguments: &[u8], room: &Path, until: Option<Duration>) -> Option<Value> {
    let input = room.join("arguments");
    fs::write(&input, arguments).expect("written");
    let mut child = Command::new(PROGRAM)
        .stdin(fs::File::open(&input).expect("opened"))
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    if let Some(until) = until {
        let until = Timespec::try_from(until).expect("a short while");
        let output = child.stdout.as_ref().expect("it is piped");
        poll(&mut [PollFd::from_borrowed_fd(output.as_fd(), PollFlags::IN)], Some(&until)).expect("polled");
        child.kill().expect("it is not waited for yet");
    }
    let done = child.wait_with_output().expect("it ends");
    if done.status.signal().is_some() {
        return None;
    }
    Some(serde_json::from_slice(&done.stdout).expect("one JSON object"))
}

#[test]
fn killed_at_random_moments_it_leaves_each_file_old_or_new() {
    let (old, new) = trees();
    let room = tempfile::Builder::new()
        .tempdir_in("/dev/shm")
        .or_else(|_| tempfile::tempdir())
        .expect("a directory");
    let room = room.path();
    let dir = room.join("dest");
    let arguments = arguments(&new, &dir);

    let whole = (0..5).map(|_| {
        write(&old, &dir);
        let begun = Instant::now();
        let result = run(&arguments, room, None).expect("it ends by itself");
        let took = begun.elapsed();
        assert_eq!(result["changed"], true, "{result}");
        assert!(read(&dir) == new);
        fs::remove_dir_all(&dir).expect("removed");
        took
    });
    let whole = whole.min().expect("there are some");

    let (mut killed, mut halfway) = (0, 0);
    let mut chance = 88_172_645_463_325_252_u64;
    for _ in 0..TIMES {
        // Xorshift: which moments it is does not matter, but that they are spread does.
        chance ^= chance << 13;
        chance ^= chance >> 7;
        chance ^= chance << 17;
        write(&old, &dir);
        let part = u32::try_from(chance % 1000).expect("it is small");
        if run(&arguments, room, Some(whole * part / 1000)).is_none() {
            killed += 1;
        }
        let now = read(&dir);
        halfway += u32::from(now != old && now != new);
        old_or_new(&old, &new, &now);

        let result = run(&arguments, room, None).expect("it ends by itself");
        assert_ne!(result["failed"], true, "{result}");
        assert!(read(&dir) == new, "the second run did not complete: {result}");
        let result = run(&arguments, room, None).expect("it ends by itself");
        assert_eq!(result["changed"], false, "{result}");
        fs::remove_dir_all(&dir).expect("removed");
    }
    assert!(TIMES / 4 < killed, "only {killed} of {TIMES} were killed before their end");
    assert!(TIMES / 20 < halfway, "only {halfway} of {TIMES} were in the middle of their work");
    println!("{TIMES} runs: {killed} killed before their end, {halfway} with some of the work done");
}

/// What is there under a name of its own is what was there or what shall be. Temporary names may hold anything.
fn old_or_new(old: &Tree, new: &Tree, now: &Tree) {
    let temporary =
        |path: &Path| path.iter().any(|it| it.as_encoded_bytes().starts_with(b".driftless-tree."));
    for (path, node) in now.iter().filter(|(path, _)| !temporary(path)) {
        let known = old.get(path) == Some(node) || new.get(path) == Some(node);
        assert!(known, "{} is neither old nor new", path.display());
    }
    let stays = |path: &&PathBuf| old.contains_key(*path) && new.contains_key(*path);
    for path in old.keys().filter(stays) {
        assert!(now.contains_key(path), "{} is gone", path.display());
    }
}
