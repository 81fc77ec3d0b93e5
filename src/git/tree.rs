//! Reading the tree of a commit from the object store.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use git2::{ObjectType, Oid, Repository};

use super::error::GitError;
use super::policy::{self, Reason, Refusal, Symlinks};
use crate::domain::CommitHash;

/// The largest file that is read into memory as a whole to be looked into.
const READ_LIMIT: usize = 16 * 1024 * 1024;

/// What a path in a tree is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryKind {
    /// A file.
    File,
    /// A file that Git marks executable.
    Executable,
    /// A symlink; it leads to somewhere in the same tree.
    Symlink,
}

/// One path in a tree that is not a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeEntry {
    /// Relative to the root of the repository.
    pub path: PathBuf,
    /// What it is.
    pub kind: EntryKind,
    pub(super) oid: Oid,
}

/// A tree that follows the policy.
#[derive(Debug, Default)]
pub(super) struct Tree {
    /// Directories, each after the one it is in.
    pub(super) directories: Vec<PathBuf>,
    /// Everything else, in the order of the tree.
    pub(super) entries: Vec<TreeEntry>,
    /// The symlinks.
    pub(super) symlinks: Symlinks,
}

/// The id of an object by its full hash.
pub(super) fn oid(commit: &CommitHash) -> Result<Oid, GitError> {
    Oid::from_str(commit.as_str()).map_err(|it| GitError::corrupt(&it))
}

/// Reads the whole tree of a commit and refuses it if a path, a symlink or the size breaks the policy.
pub(super) fn walk(repository: &Repository, commit: &CommitHash) -> Result<Tree, GitError> {
    let found = find_commit(repository, commit)?;
    let mut tree = Tree::default();
    let mut path = Vec::new();
    let mut visited = 0;
    descend(repository, found.tree_id(), &mut path, &mut tree, &mut visited)?;
    policy::check_symlinks(&tree.symlinks)?;
    Ok(tree)
}

fn descend(
    repository: &Repository,
    id: Oid,
    path: &mut Vec<u8>,
    into: &mut Tree,
    visited: &mut usize,
) -> Result<(), GitError> {
    let tree = repository.find_tree(id).map_err(|it| GitError::corrupt(&it))?;
    let mut names = HashSet::with_capacity(tree.len());
    let outer = path.len();
    for entry in &tree {
        let name = entry.name_bytes();
        if outer > 0 {
            path.push(b'/');
        }
        path.extend_from_slice(name);
        let refuse = |reason| GitError::from(Refusal::new(path, reason));
        policy::check_name(name).and_then(|()| policy::check_path(path)).map_err(refuse)?;
        *visited += 1;
        if *visited > policy::ENTRIES {
            return Err(refuse(Reason::TooMany));
        }
        if !names.insert(name.to_vec()) {
            return Err(refuse(Reason::Twice));
        }
        match entry.filemode_raw() & 0o170_000 {
            0o040_000 => {
                into.directories.push(policy::relative(path));
                descend(repository, entry.id(), path, into, visited)?;
            }
            0o160_000 => return Err(refuse(Reason::Submodule)),
            0o120_000 => {
                let target = blob(repository, entry.id())?;
                into.symlinks.insert(path.clone(), target);
                into.entries.push(new_entry(path, EntryKind::Symlink, entry.id()));
            }
            0o100_000 => {
                let kind =
                    if entry.filemode_raw() & 0o100 == 0 { EntryKind::File } else { EntryKind::Executable };
                into.entries.push(new_entry(path, kind, entry.id()));
            }
            _ => return Err(refuse(Reason::Kind)),
        }
        path.truncate(outer);
    }
    Ok(())
}

fn new_entry(path: &[u8], kind: EntryKind, oid: Oid) -> TreeEntry {
    TreeEntry { path: policy::relative(path), kind, oid }
}

/// Whether what the tree says of Git LFS is true of its files. Reads files only where `.gitattributes` names LFS.
pub(super) fn check_lfs(repository: &Repository, tree: &Tree) -> Result<(), GitError> {
    let attributes =
        tree.entries.iter().filter(|it| it.path.file_name().is_some_and(|it| it == ".gitattributes"));
    let mut named = false;
    for entry in attributes {
        let text = blob(repository, entry.oid)?;
        named = named || memchr::memmem::find(&text, b"filter=lfs").is_some();
    }
    if !named {
        return Ok(());
    }
    let odb = repository.odb().map_err(|it| GitError::corrupt(&it))?;
    for entry in tree.entries.iter().filter(|it| it.kind != EntryKind::Symlink) {
        let (size, _) = odb.read_header(entry.oid).map_err(|it| GitError::corrupt(&it))?;
        if size <= 1024 && policy::is_lfs_pointer(&blob(repository, entry.oid)?) {
            return Err(Refusal::new(entry.path.as_os_str().as_encoded_bytes(), Reason::Lfs).into());
        }
    }
    Ok(())
}

/// Reads one file of a commit, also through symlinks of the tree. `None` if there is no such file.
pub(super) fn read_file(
    repository: &Repository,
    commit: &CommitHash,
    path: &Path,
) -> Result<Option<Vec<u8>>, GitError> {
    let root = find_commit(repository, commit)?.tree().map_err(|it| GitError::corrupt(&it))?;
    let mut wanted = path.as_os_str().as_encoded_bytes().to_vec();
    let mut symlinks = Symlinks::new();
    // Each round learns one symlink on the way and resolves the path again.
    for _ in 0..40 {
        let Some(resolved) = policy::resolve(&symlinks, b"", &wanted) else { return Ok(None) };
        wanted.clone_from(&resolved);
        match step_through(repository, &root, &resolved)? {
            Step::File(content) => return Ok(Some(content)),
            Step::Symlink(at, target) => drop(symlinks.insert(at, target)),
            Step::Nothing => return Ok(None),
        }
    }
    Ok(None)
}

enum Step {
    File(Vec<u8>),
    Symlink(Vec<u8>, Vec<u8>),
    Nothing,
}

fn step_through(repository: &Repository, root: &git2::Tree<'_>, path: &[u8]) -> Result<Step, GitError> {
    let mut tree = root.clone();
    let mut passed: Vec<u8> = Vec::new();
    let mut names = path.split(|it| *it == b'/').peekable();
    while let Some(name) = names.next() {
        if !passed.is_empty() {
            passed.push(b'/');
        }
        passed.extend_from_slice(name);
        let Some(entry) = tree.get_name_bytes(name).map(|it| it.to_owned()) else { return Ok(Step::Nothing) };
        match entry.filemode_raw() & 0o170_000 {
            0o120_000 => return Ok(Step::Symlink(passed, blob(repository, entry.id())?)),
            0o040_000 if names.peek().is_some() => {
                tree = repository.find_tree(entry.id()).map_err(|it| GitError::corrupt(&it))?;
            }
            0o100_000 if names.peek().is_none() => return Ok(Step::File(blob(repository, entry.id())?)),
            _ => return Ok(Step::Nothing),
        }
    }
    Ok(Step::Nothing)
}

fn blob(repository: &Repository, id: Oid) -> Result<Vec<u8>, GitError> {
    let odb = repository.odb().map_err(|it| GitError::corrupt(&it))?;
    let (size, kind) = odb.read_header(id).map_err(|it| GitError::corrupt(&it))?;
    if kind != ObjectType::Blob || size > READ_LIMIT {
        return Err(GitError::Corrupt(format!("{id} is not a small file")));
    }
    Ok(odb.read(id).map_err(|it| GitError::corrupt(&it))?.data().to_vec())
}

/// The commit; an object of another kind is as good as none.
pub(super) fn find_commit<'a>(
    repository: &'a Repository,
    commit: &CommitHash,
) -> Result<git2::Commit<'a>, GitError> {
    repository.find_commit(oid(commit)?).map_err(|error| match error.code() {
        git2::ErrorCode::NotFound => GitError::CommitMissing(commit.clone()),
        _ => GitError::corrupt(&error),
    })
}

/// A path for messages: escaped, so that a terminal and a log line stay what they are.
pub(super) fn shown_path(path: &[u8]) -> String {
    String::from_utf8_lossy(path).chars().take(200).collect::<String>().escape_debug().to_string()
}
