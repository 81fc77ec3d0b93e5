//! The bare repository of a project: people push to it and forges merge in it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use git2::{IndexEntry, IndexTime, Oid, Repository, Signature};

/// How a merge request is merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    /// With a commit of two parents.
    Merge,
    /// With one commit of all changes.
    Squash,
    /// By moving the branch.
    FastForward,
}

pub(super) struct Bare {
    pub(super) path: PathBuf,
    repository: Repository,
}

impl Bare {
    pub(super) fn init(path: &Path) -> Self {
        let mut options = git2::RepositoryInitOptions::new();
        let repository = Repository::init_opts(path, options.bare(true).initial_head("main")).expect("made");
        let mut config = repository.config().expect("its configuration");
        config.set_bool("http.receivepack", true).expect("set");
        config.set_bool("uploadpack.allowReachableSHA1InWant", true).expect("set");
        Self { path: path.to_owned(), repository }
    }

    pub(super) fn head(&self, reference: &str) -> Option<Oid> {
        self.repository.refname_to_id(reference).ok()
    }

    /// The branches with their tips.
    pub(super) fn branches(&self) -> BTreeMap<String, Oid> {
        let found = self.repository.references_glob("refs/heads/*").expect("references");
        let named = |it: git2::Reference<'_>| {
            let name = it.name().expect("text").strip_prefix("refs/heads/").expect("a branch").to_owned();
            Some((name, it.target()?))
        };
        found.filter_map(|it| named(it.expect("a reference"))).collect()
    }

    pub(super) fn set(&self, reference: &str, commit: Oid) {
        drop(self.repository.reference(reference, commit, true, "set").expect("a reference"));
    }

    /// A commit that writes files onto `parent`; one without text is deleted, and one that begins like a program is one.
    pub(super) fn commit(
        &self,
        parent: Option<Oid>,
        files: &[(&str, Option<&str>)],
        (author, message): (&str, &str),
    ) -> Oid {
        let parent = parent.map(|it| self.repository.find_commit(it).expect("the parent"));
        let mut index = git2::Index::new().expect("an index");
        if let Some(parent) = &parent {
            index.read_tree(&parent.tree().expect("its tree")).expect("read");
        }
        for (path, text) in files {
            match text {
                Some(text) => {
                    let id = self.repository.blob(text.as_bytes()).expect("a blob");
                    index.add(&entry(path, id, text.starts_with("#!"))).expect("added");
                }
                None => index.remove(Path::new(path), 0).expect("removed"),
            }
        }
        let tree = index.write_tree_to(&self.repository).expect("a tree");
        let parents: Vec<Oid> = parent.iter().map(git2::Commit::id).collect();
        self.write(tree, &parents, (author, message))
    }

    /// Brings `head` into `target`. The commit that did it, and how the target was before.
    pub(super) fn merge(&self, target: &str, head: Oid, how: How, (who, title): (&str, &str)) -> (Oid, Oid) {
        let before = self.head(target).expect("a target");
        let find = |id| self.repository.find_commit(id).expect("a commit");
        let mut index =
            self.repository.merge_commits(&find(before), &find(head), None).expect("they can be merged");
        assert!(!index.has_conflicts(), "the merge request has conflicts");
        let made = match how {
            How::FastForward => {
                assert!(
                    before == head || self.repository.graph_descendant_of(head, before).expect("a graph"),
                    "it cannot be fast-forwarded"
                );
                head
            }
            How::Merge | How::Squash => {
                let tree = index.write_tree_to(&self.repository).expect("a tree");
                let both = [before, head];
                let parents = if how == How::Merge { &both[..] } else { &both[..1] };
                self.write(tree, parents, (who, title))
            }
        };
        self.set(target, made);
        (made, before)
    }

    /// The commits of `head` that are not in `target`.
    pub(super) fn ahead(&self, head: Oid, target: &str) -> usize {
        let mut walk = self.repository.revwalk().expect("a walk");
        walk.push(head).expect("a start");
        if let Some(target) = self.head(target) {
            walk.hide(target).expect("an end");
        }
        walk.count()
    }

    /// Whether a branch has the commit.
    pub(super) fn is_on_a_branch(&self, commit: Oid) -> bool {
        let reaches = |tip| self.repository.graph_descendant_of(tip, commit).unwrap_or(false);
        self.branches().into_values().any(|tip| tip == commit || reaches(tip))
    }

    /// Whether two commits have the same files.
    pub(super) fn same_tree(&self, one: Oid, other: Oid) -> bool {
        let tree = |id| self.repository.find_commit(id).expect("a commit").tree_id();
        tree(one) == tree(other)
    }

    fn write(&self, tree: Oid, parents: &[Oid], (who, message): (&str, &str)) -> Oid {
        let tree = self.repository.find_tree(tree).expect("the tree");
        let parents: Vec<_> =
            parents.iter().map(|it| self.repository.find_commit(*it).expect("a parent")).collect();
        let parents: Vec<_> = parents.iter().collect();
        let who = Signature::now(who, &format!("{who}@example.org")).expect("a signature");
        self.repository.commit(None, &who, &who, message, &tree, &parents).expect("a commit")
    }
}

fn entry(path: &str, id: Oid, is_program: bool) -> IndexEntry {
    let no_time = IndexTime::new(0, 0);
    IndexEntry {
        ctime: no_time,
        mtime: no_time,
        dev: 0,
        ino: 0,
        mode: if is_program { 0o100_755 } else { 0o100_644 },
        uid: 0,
        gid: 0,
        file_size: 0,
        id,
        flags: 0,
        flags_extended: 0,
        path: path.as_bytes().to_vec(),
    }
}
