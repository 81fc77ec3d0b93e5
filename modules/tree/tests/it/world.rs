//! Small random trees, on paper and on the disk. What is expected is computed here, apart from the module's own code.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt, lchown, symlink};
use std::path::{Path, PathBuf};

use base64::{Engine, engine::general_purpose::STANDARD};
use driftless_tree::apply::apply;
use driftless_tree::contents::Pack;
use driftless_tree::faults::Faults;
use driftless_tree::observe::{Scope, observe};
use driftless_tree::path::{TreePath, is_temporary};
use driftless_tree::pattern::Patterns;
use driftless_tree::plan::{Action, Change, plan};
use driftless_tree::problem::Problem;
use driftless_tree::root::Root;
use driftless_tree::wanted::{Digest, Entry, Line, Wanted};
use flate2::{Compression, write::ZlibEncoder};
use proptest::collection::vec;
use proptest::prelude::*;
use rustix::fs::{CWD, FileType, Mode, mknodat};
use sha2::{Digest as _, Sha256};

/// What is at one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Node {
    Directory { mode: u32 },
    File { mode: u32, bytes: Vec<u8> },
    Link { target: String },
    Pipe,
}

impl Node {
    fn word(&self) -> &'static str {
        match self {
            Self::Directory { .. } => "directory",
            Self::File { .. } => "file",
            Self::Link { .. } => "link",
            Self::Pipe => "special file",
        }
    }
}

/// Paths below the root, and what is there.
pub(crate) type Tree = BTreeMap<PathBuf, Node>;

/// The same with owners, as it is read from the disk.
pub(crate) type Snapshot = BTreeMap<PathBuf, (Node, u32, u32)>;

/// A task: how the host is, and what is asked for.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub(crate) there: Tree,
    pub(crate) wanted: Tree,
    pub(crate) delete: bool,
    pub(crate) excluded: Vec<&'static str>,
    /// Owner and group that are asked for; only asked for where the tests run as root.
    pub(crate) owners: (Option<u32>, Option<u32>),
    /// Whether existing directories keep their modes.
    pub(crate) keep: bool,
}

fn node(special: bool) -> impl Strategy<Value = Node> {
    let mode = prop_oneof![Just(0o644), Just(0o600), Just(0o755), Just(0o4711)];
    let bytes = prop_oneof![Just(Vec::new()), vec(0..3_u8, 1..4), Just(vec![7; 70_000])];
    prop_oneof![
        3 => prop_oneof![Just(0o755), Just(0o700), Just(0o555)].prop_map(|mode| Node::Directory { mode }),
        5 => (mode, bytes).prop_map(|(mode, bytes)| Node::File { mode, bytes }),
        2 => prop_oneof![Just("a"), Just("../.."), Just("/etc")].prop_map(|it| Node::Link { target: it.to_owned() }),
        u32::from(special) => Just(Node::Pipe),
    ]
}

fn tree(special: bool) -> impl Strategy<Value = Tree> {
    let name = prop_oneof![Just("a"), Just("b"), Just("c d")];
    vec((vec(name, 1..4), node(special)), 0..12).prop_map(|entries| {
        let mut tree = Tree::new();
        for (names, node) in entries {
            let path: PathBuf = names.iter().collect();
            let above: Vec<_> = path.ancestors().skip(1).filter(|it| !it.as_os_str().is_empty()).collect();
            if above.iter().all(|it| matches!(tree.get(*it), None | Some(Node::Directory { .. }))) {
                for it in above {
                    tree.entry(it.to_owned()).or_insert(Node::Directory { mode: 0o755 });
                }
                tree.entry(path).or_insert(node);
            }
        }
        tree
    })
}

pub(crate) fn case() -> impl Strategy<Value = Case> {
    let excluded = prop_oneof![
        4 => Just(vec![]),
        1 => Just(vec!["b"]),
        1 => Just(vec!["a/*"]),
        1 => Just(vec!["**/c d"]),
    ];
    let id = || prop_oneof![2 => Just(None), 1 => Just(Some(0)), 1 => Just(Some(4711))];
    (tree(true), tree(false), any::<bool>(), excluded, (id(), id()), any::<bool>()).prop_map(
        |(there, wanted, delete, excluded, owners, keep)| {
            let patterns = Patterns::new(&excluded);
            let wanted = wanted.into_iter().filter(|(path, _)| !patterns.exclude(&tree_path(path))).collect();
            let owners = if is_root() { owners } else { (None, None) };
            Case { there, wanted, delete, excluded, owners, keep }
        },
    )
}

/// A directory to work in: in memory where that can be, since each file is brought to its disk.
pub(crate) fn room() -> tempfile::TempDir {
    let builder = || tempfile::Builder::new();
    builder().tempdir_in("/dev/shm").or_else(|_| builder().tempdir()).expect("a directory")
}

pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

pub(crate) fn tree_path(path: &Path) -> TreePath {
    TreePath::try_from(path.to_str().expect("it is UTF-8").to_owned()).expect("it is plain")
}

impl Case {
    /// Writes how the host is.
    pub(crate) fn write(&self, dir: &Path) {
        fs::create_dir(dir).expect("made");
        for (path, node) in &self.there {
            let path = dir.join(path);
            match node {
                Node::Directory { .. } => fs::create_dir(&path).expect("made"),
                Node::File { bytes, .. } => fs::write(&path, bytes).expect("written"),
                Node::Link { target } => symlink(target, &path).expect("linked"),
                Node::Pipe => mknodat(CWD, &path, FileType::Fifo, Mode::RUSR, 0).expect("made"),
            }
        }
        for (path, node) in self.there.iter().rev() {
            if let Node::Directory { mode } | Node::File { mode, .. } = node {
                fs::set_permissions(dir.join(path), fs::Permissions::from_mode(*mode)).expect("set");
            }
        }
        fs::set_permissions(dir, fs::Permissions::from_mode(0o755)).expect("set");
        if is_root() {
            for (path, _) in self.there.iter().take(2) {
                let path = dir.join(path);
                let about = fs::symlink_metadata(&path).expect("it is there");
                lchown(&path, Some(4711), Some(0)).expect("given away");
                if !about.is_symlink() {
                    // Giving a file away clears some bits of its mode.
                    fs::set_permissions(&path, about.permissions()).expect("set again");
                }
            }
        }
    }

    pub(crate) fn wanted(&self) -> Wanted {
        let mut lines =
            vec![Line { path: TreePath::root(), entry: Entry::Directory { mode: 0o755, keep: self.keep } }];
        lines.extend(self.wanted.iter().map(|(path, node)| {
            let entry = match node {
                Node::Directory { mode } => Entry::Directory { mode: *mode, keep: self.keep },
                Node::File { mode, bytes } => Entry::File {
                    mode: *mode,
                    size: bytes.len() as u64,
                    digest: Digest(Sha256::digest(bytes).into()),
                },
                Node::Link { target } => Entry::Link { target: target.clone() },
                Node::Pipe => unreachable!("no pipe is wanted"),
            };
            Line { path: tree_path(path), entry }
        }));
        Wanted::new(lines, self.owners.0, self.owners.1).expect("it is a tree")
    }

    /// What a check run says.
    pub(crate) fn plan(&self, dir: &Path) -> Result<Vec<Change>, Vec<String>> {
        let faults = Faults::none();
        let scope = Scope { delete: self.delete, excluded: Patterns::new(&self.excluded) };
        let root = Root::open(dir, &faults).expect("it can be opened");
        let observed = observe(root.as_ref(), &self.wanted(), &scope).expect("it can be read");
        plan(&self.wanted(), &observed, self.delete)
    }

    pub(crate) fn apply(&self, dir: &Path, changes: &[Change], faults: &Faults) -> Result<(), Problem> {
        let (text, files) = self.pack(changes);
        apply(dir, changes, Pack::inline(&text, files), faults)
    }

    /// What the controller sends after it was told what is needed.
    fn pack(&self, changes: &[Change]) -> (String, Vec<(TreePath, u64)>) {
        let mut pack = ZlibEncoder::new(Vec::new(), Compression::fast());
        let mut files = Vec::new();
        for change in changes.iter().filter(|it| matches!(it.action, Action::Put { .. })) {
            let Some(Node::File { bytes, .. }) = self.wanted.get(change.path.as_path()) else {
                unreachable!("only files are put")
            };
            pack.write_all(bytes).expect("written");
            files.push((change.path.clone(), bytes.len() as u64));
        }
        (STANDARD.encode(pack.finish().expect("finished")), files)
    }

    pub(crate) fn excludes(&self, path: &Path) -> bool {
        Patterns::new(&self.excluded).exclude(&tree_path(path))
    }
}

/// Reads a directory, leaving out what an interrupted run left. The root has the empty path.
pub(crate) fn snapshot(dir: &Path) -> Snapshot {
    let mut snapshot = Snapshot::new();
    read(dir, Path::new(""), &mut snapshot);
    snapshot
}

fn read(dir: &Path, path: &Path, snapshot: &mut Snapshot) {
    let full = dir.join(path);
    let Ok(about) = fs::symlink_metadata(&full) else { return };
    let mode = about.mode() & 0o7777;
    let node = if about.is_dir() {
        Node::Directory { mode }
    } else if about.is_file() {
        Node::File { mode, bytes: fs::read(&full).expect("it can be read") }
    } else if about.is_symlink() {
        Node::Link { target: fs::read_link(&full).expect("read").to_str().expect("UTF-8").to_owned() }
    } else {
        Node::Pipe
    };
    snapshot.insert(path.to_owned(), (node, about.uid(), about.gid()));
    if about.is_dir() {
        for name in names(&full).into_iter().filter(|it| !is_temporary(it)) {
            read(dir, &path.join(name), snapshot);
        }
    }
}

fn names(dir: &Path) -> Vec<OsString> {
    fs::read_dir(dir).expect("it can be listed").map(|it| it.expect("an entry").file_name()).collect()
}

/// Whether an interrupted run left something anywhere.
pub(crate) fn has_leftovers(dir: &Path) -> bool {
    names(dir).iter().any(|name| {
        let path = dir.join(name);
        let directory = fs::symlink_metadata(&path).expect("it is there").is_dir();
        is_temporary(name) || (directory && has_leftovers(&path))
    })
}

/// How two snapshots differ: path, kind, before, after.
pub(crate) type Told = BTreeSet<(String, String, Option<String>, Option<String>)>;

pub(crate) fn difference(before: &Snapshot, after: &Snapshot) -> Told {
    let mut told = Told::new();
    let paths: BTreeSet<_> = before.keys().chain(after.keys()).collect();
    for path in paths {
        let name = if path.as_os_str().is_empty() { ".".to_owned() } else { path.display().to_string() };
        let mut add = |kind: &str, before: Option<String>, after: Option<String>| {
            if before != after {
                told.insert((name.clone(), kind.to_owned(), before, after));
            }
        };
        let some = |it: &str| Some(it.to_owned());
        match (before.get(path), after.get(path)) {
            (None, Some(new)) => add("created", None, some(new.0.word())),
            (Some(old), None) => add("removed", some(old.0.word()), None),
            (Some(old), Some(new)) if old.0.word() != new.0.word() => {
                add("type", some(old.0.word()), some(new.0.word()));
            }
            (Some(old), Some(new)) => {
                add("owner", Some(old.1.to_string()), Some(new.1.to_string()));
                add("group", Some(old.2.to_string()), Some(new.2.to_string()));
                for (kind, at) in [("mode", 0), ("content", 1), ("link", 2)] {
                    add(kind, parts(&old.0)[at].clone(), parts(&new.0)[at].clone());
                }
            }
            (None, None) => unreachable!("it is of one of them"),
        }
    }
    told
}

/// Mode, contents and target.
fn parts(node: &Node) -> [Option<String>; 3] {
    let written = |mode: &u32| Some(format!("{mode:04o}"));
    match node {
        Node::Directory { mode } => [written(mode), None, None],
        Node::File { mode, bytes } => {
            let digest = Digest(Sha256::digest(bytes).into());
            [written(mode), Some(format!("sha256:{digest}")), None]
        }
        Node::Link { target } => [None, None, Some(target.clone())],
        Node::Pipe => [None, None, None],
    }
}

/// What a plan says.
pub(crate) fn told(changes: &[Change]) -> Told {
    let each = |it: &Change| {
        let path = it.path.to_string();
        it.differences
            .iter()
            .map(|it| (path.clone(), it.kind.to_string(), it.before.clone(), it.after.clone()))
            .collect::<Vec<_>>()
    };
    changes.iter().flat_map(each).collect()
}
