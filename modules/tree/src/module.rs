//! The module as Ansible sees it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use driftless_module::Value;
use driftless_module::prelude::*;
use serde::Serialize;

use crate::apply::apply;
use crate::contents::Pack;
use crate::faults::Faults;
use crate::observe::{Limits, Scope, Texts, observe, texts};
use crate::observed::Observed;
use crate::owners;
use crate::path::TreePath;
use crate::pattern::Patterns;
use crate::plan::{Action as How, Change, DifferenceKind, plan};
use crate::root::Root;
use crate::wanted::Wanted;

/// So many differences are told one by one, the rest only counted.
const MOST_TOLD: usize = 10_000;

/// What is shown of files with `--diff`: of each as much as Ansible shows, and no more than this together.
const SHOWN: Limits = Limits { each: 104_448, together: 1 << 20 };

/// Makes a directory on the host equal to a directory of the repository
///
/// Contents, modes, owners and symbolic links become those of the source, and what is not in the source is removed if that is
/// asked for. Only what differs is sent, in one task, whatever the number of files.
///
/// Everything new is written beside its place first and moved there when all of it is on the disk. An interruption leaves
/// each file old or new, and the next run completes and removes what was left. If the disk becomes full, nothing changes.
///
/// Symbolic links below O(dest) are never followed.
#[derive(Arguments)]
#[arguments(
    author("The driftless project"),
    version_added = "0.1.0",
    notes(
        "Hard links, devices, pipes and sockets in the source are refused or copied as plain files; on the host they are replaced.",
        "Access control lists, extended attributes and SELinux contexts are not managed. A file that is replaced gets those that new files get in its directory."
    ),
    see_also("ansible.builtin.copy", "ansible.posix.synchronize"),
    examples = include_str!("../examples.yml")
)]
pub struct Tree {
    /// The directory on the control node. A relative path is looked for as in M(ansible.builtin.copy), in C(files) of a role
    /// or beside the playbook.
    src: String,
    /// The directory on the host, an absolute path. It is made if it is not there, with those above it. It must not be a
    /// symbolic link itself.
    dest: PathBuf,
    /// Whether what is not in the source is removed, except what O(exclude) names.
    #[argument(default = false, aliases("purge"))]
    delete: bool,
    /// Patterns of what is neither sent nor changed nor removed. One without a slash is compared with each name, one with a
    /// slash with the path below the directory. V(*) and V(?) stand for anything but a slash, V(**) for anything.
    exclude: Option<Vec<String>>,
    /// Patterns, as in O(exclude), of files that are rendered as templates on the control node. Their names lose V(.j2) at
    /// the end. To leave templates out instead, name them in O(exclude).
    templates: Option<Vec<String>>,
    /// The permissions of files. V(git) gives files that their owner may execute V(0755), others V(0644), which is what
    /// Git keeps; V(preserve) those of the source; else an octal number.
    #[argument(default = "git")]
    mode: Value,
    /// The permissions of directories, an octal number, or V(preserve) for those of the source. If it is not given, new ones
    /// get V(0755), and those that are there keep theirs.
    directory_mode: Option<Value>,
    /// The user, by name or number, to whom everything shall belong. If it is not given, owners stay as they are.
    owner: Option<String>,
    /// The group, by name or number, to which everything shall belong. If it is not given, groups stay as they are.
    group: Option<String>,
    /// What the tree shall be like. Set by the part of this module on the control node.
    manifest: Option<String>,
    /// The contents of files that differ. Set by the part of this module on the control node.
    pack: Option<String>,
    /// The same, in a file. Set by the part of this module on the control node.
    pack_file: Option<PathBuf>,
    /// Which files they are of. Set by the part of this module on the control node.
    pack_index: Option<String>,
}

/// What is known before anything is decided.
pub struct Seen {
    wanted: Wanted,
    tree: Observed,
    texts: Texts,
    /// Whether the controller has yet to send what is needed.
    first: bool,
}

/// What the task returns.
#[derive(Serialize, Returned)]
pub struct Told {
    /// The directory.
    pub dest: String,
    /// What is different at which path, and so is or would be changed.
    pub changes: Vec<TellChange>,
    /// How many changes are not told one by one, since there are more than 10,000.
    pub changes_omitted: u64,
    /// How many changes there are of each kind.
    pub counts: BTreeMap<String, u64>,
    /// For the part of this module on the control node.
    #[returned(when = "never to a playbook")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub needed: Option<Vec<String>>,
    /// For the part of this module on the control node.
    #[returned(when = "never to a playbook")]
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub texts: Texts,
}

/// One difference.
#[derive(Serialize, Returned)]
pub struct TellChange {
    /// Relative to O(dest), which is C(.) itself.
    pub path: String,
    /// C(created), C(type) (a file instead of a directory), C(content), C(link), C(mode), C(owner), C(group), C(removed), or
    /// C(leftover) (what an interrupted run left was removed).
    pub kind: String,
    /// How it was: a digest, a mode, a name.
    pub before: Option<String>,
    /// How it is, or would be.
    pub after: Option<String>,
}

impl Module for Tree {
    const NAME: &'static str = "tree";
    type Observed = Seen;
    type Change = Change;
    type Returned = Told;

    fn observe(&self, context: &Context) -> Result<Seen, Failure> {
        let dest = self.destination()?;
        let wanted = self.wanted()?;
        let faults = Faults::none();
        let root = Root::open(dest, &faults).map_err(|it| unusable(dest, &it))?;
        let excluded = Patterns::new(self.exclude.iter().flatten());
        let scope = Scope { delete: self.delete, excluded };
        let tree = observe(root.as_ref(), &wanted, &scope).map_err(|it| Failure::new(it.to_string()))?;
        let mut before = Texts::new();
        if let Some(root) = root.filter(|_| context.diff && context.check_mode) {
            // What is blocked is told by `plan`, which comes next.
            let changes = plan(&wanted, &tree, self.delete).unwrap_or_default();
            before = texts(&root, shown(&changes), SHOWN);
        }
        Ok(Seen { wanted, tree, texts: before, first: context.check_mode })
    }

    fn plan(&self, seen: &Seen) -> Result<Vec<Change>, Failure> {
        plan(&seen.wanted, &seen.tree, self.delete).map_err(|reasons| {
            let shown = reasons.iter().take(10).map(String::as_str).collect::<Vec<_>>().join(". ");
            let more = reasons.len().saturating_sub(10);
            let more = if more == 0 { String::new() } else { format!(". And {more} more, see blocked") };
            Failure::new(format!("Nothing was changed in {}. {shown}{more}.", self.dest.display()))
                .with("blocked", reasons)
        })
    }

    fn apply(&self, changes: Vec<Change>, _: &Context) -> Result<(), Failure> {
        let index = self.pack_index.as_deref().map_or(Ok(Vec::new()), serde_json::from_str);
        let index: Vec<(TreePath, u64)> = index.explain("the index of the contents cannot be read")?;
        let pack = match (&self.pack, &self.pack_file) {
            (Some(text), _) => Pack::inline(text, index),
            (None, Some(path)) => {
                Pack::file(path, index).explain(format_args!("cannot read {}", path.display()))?
            }
            (None, None) => Pack::empty(),
        };
        apply(self.destination()?, &changes, pack, &Faults::none())
            .map_err(|it| Failure::new(format!("{}: {it}", self.dest.display())))
    }

    fn returned(&self, seen: &Seen, changes: &[Change]) -> Told {
        let mut counts = BTreeMap::new();
        let mut told = Vec::new();
        let mut names = owners::Names::default();
        let each = changes.iter().flat_map(|change| change.differences.iter().map(move |it| (change, it)));
        for (change, difference) in each {
            *counts.entry(difference.kind.to_string()).or_default() += 1;
            if told.len() < MOST_TOLD {
                let name = |it: &Option<String>, names: &mut owners::Names| {
                    it.as_ref().map(|it| match difference.kind {
                        DifferenceKind::Owner => names.user(it),
                        DifferenceKind::Group => names.group(it),
                        _ => it.clone(),
                    })
                };
                told.push(TellChange {
                    path: change.path.to_string(),
                    kind: difference.kind.to_string(),
                    before: name(&difference.before, &mut names),
                    after: name(&difference.after, &mut names),
                });
            }
        }
        let all: u64 = counts.values().sum();
        Told {
            dest: self.dest.display().to_string(),
            changes_omitted: all - told.len() as u64,
            changes: told,
            counts,
            needed: seen.first.then(|| needed(changes)),
            texts: seen.texts.clone(),
        }
    }
}

impl Tree {
    fn destination(&self) -> Result<&Path, Failure> {
        if !self.dest.is_absolute() {
            return Err(Failure::new(format!("dest must be an absolute path, not {}", self.dest.display())));
        }
        if self.delete && self.dest.parent().is_none() {
            return Err(Failure::new(
                "With dest: / and delete: true everything else on the host would be removed.",
            ));
        }
        Ok(&self.dest)
    }

    fn wanted(&self) -> Result<Wanted, Failure> {
        let manifest = self.manifest.as_deref().explain(
            "There is no manifest. This module works only through its action plugin: call it as driftless.core.tree.",
        )?;
        let lines = serde_json::from_str(manifest).explain("the manifest cannot be read")?;
        let uid = self.owner.as_deref().map(owners::user).transpose()?;
        let gid = self.group.as_deref().map(owners::group).transpose()?;
        Wanted::new(lines, uid, gid).map_err(Failure::new)
    }
}

fn unusable(dest: &Path, error: &std::io::Error) -> Failure {
    let dest = dest.display();
    Failure::new(format!(
        "cannot open {dest}: {error}; dest must be a directory, not a file or a symbolic link"
    ))
}

/// The files whose contents must be sent, in the order in which they are needed.
fn needed(changes: &[Change]) -> Vec<String> {
    let puts = changes.iter().filter(|it| matches!(it.action, How::Put { .. }));
    puts.map(|it| it.path.to_string()).collect()
}

/// The files whose present text `--diff` shows.
fn shown(changes: &[Change]) -> impl Iterator<Item = &TreePath> {
    let told = |it: &&Change| {
        let kinds: BTreeSet<_> = it.differences.iter().map(|it| it.kind).collect();
        let removed = it.differences.iter().any(|it| it.before.as_deref() == Some("file"));
        kinds.contains(&DifferenceKind::Content) || removed
    };
    changes.iter().filter(told).map(|it| &it.path)
}
