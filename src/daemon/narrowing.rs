//! Whether an apply of a part of a stack's hosts would do there what one of all of them does.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use crate::ansible::runtime::Runtime;
use crate::content::{Files, narrowing};
use crate::domain::{Findings, HostEnd, HostName, Mode, NarrowingRefusal, RunSpec};
use crate::git::Checkout;

/// The most files of one tree that are looked at. A tree with more is not narrowed.
const FILES_MAX: usize = 100_000;

/// For which constructs it would not; `None` if nobody needs to know, or nobody could look.
///
/// It is asked for as long as the tree is there: after a check that predicts changes, since these may be healed, and
/// after an apply that did not reach all hosts, since those are caught up.
pub(super) async fn narrowing_of(
    spec: &RunSpec,
    checkout: &Checkout,
    runtime: &Runtime,
    findings: &Findings,
    hosts: &std::collections::BTreeMap<HostName, HostEnd>,
) -> Option<Vec<NarrowingRefusal>> {
    if !is_needed(spec.mode, findings, hosts.values()) {
        return None;
    }
    let tree = Tree(checkout.path().to_owned());
    let roots: Vec<Tree> =
        [&runtime.roles_path, &runtime.collections_path].into_iter().flatten().cloned().map(Tree).collect();
    let (playbook, inventory) = (spec.playbook.clone(), spec.inventory.clone());
    let looked = tokio::task::spawn_blocking(move || {
        let roots: Vec<&dyn Files> = roots.iter().map(|it| it as &dyn Files).collect();
        narrowing::refusals(&tree, &playbook, &inventory, &roots)
    });
    let refusals = looked.await.ok()?.into_iter().take(REFUSALS_MAX);
    Some(
        refusals
            .map(|it| NarrowingRefusal {
                construct: it.construct,
                path: it.path,
                line: u32::try_from(it.line).unwrap_or(u32::MAX),
            })
            .collect(),
    )
}

/// The most reasons that are kept: one is enough.
const REFUSALS_MAX: usize = 20;

/// A directory as a tree of files.
struct Tree(PathBuf);

impl Files for Tree {
    fn paths(&self) -> Vec<String> {
        let mut found = Vec::new();
        let mut waiting = vec![self.0.clone()];
        while let Some(directory) = waiting.pop() {
            let Ok(entries) = std::fs::read_dir(&directory) else { continue };
            for entry in entries.flatten() {
                let path = entry.path();
                // What a link leads to counts under the name of the link; a link to a directory is not followed.
                if entry.file_type().is_ok_and(|it| it.is_dir()) {
                    waiting.push(path);
                } else if let Some(name) = relative(&self.0, &path) {
                    found.push(name);
                }
                if found.len() == FILES_MAX {
                    return found;
                }
            }
        }
        found
    }

    fn read(&self, path: &str) -> Option<Cow<'_, [u8]>> {
        std::fs::read(self.0.join(path)).ok().map(Cow::Owned)
    }
}

fn relative(root: &Path, path: &Path) -> Option<String> {
    path.strip_prefix(root).ok()?.to_str().map(str::to_owned)
}

fn is_needed<'a>(mode: Mode, findings: &Findings, mut ends: impl Iterator<Item = &'a HostEnd>) -> bool {
    match mode {
        Mode::Check => !findings.changes.is_empty(),
        Mode::Apply => ends.any(|it| *it == HostEnd::Unreachable),
    }
}
