//! What only the tree of the commit, or the whole of `driftless.yml`, can tell.

use std::collections::BTreeMap;

use super::check::Findings;
use super::mask::one_line;
use super::report::Diagnostic;
use super::repository::doubtful_variables;
use super::suggest::nearest;
use super::tree::{FileKind, RepositoryFiles};
use super::value::Value;
use super::yaml::{Name, Place};
use crate::domain::Failure;

pub(super) struct Rules<'a> {
    pub(super) findings: &'a mut Findings,
    pub(super) files: &'a dyn RepositoryFiles,
}

impl Rules<'_> {
    pub(super) fn apply(&mut self, value: &Value) -> Result<(), Failure> {
        if let Some(ansible) = value.get("ansible") {
            self.runtime(ansible)?;
        }
        let stacks = value.named("stacks");
        for (name, stack) in stacks {
            self.in_tree(stack.get("playbook"), false)?;
            self.in_tree(stack.get("inventory"), true)?;
            doubtful_variables(&one_line(&name.text), stack, self.findings);
            self.heals_without_checks(name, stack);
        }
        self.dependencies(stacks);
        Ok(())
    }

    fn runtime(&mut self, ansible: &Value) -> Result<(), Failure> {
        let system = ansible.text("core") == Some("system");
        for key in ["requirements", "galaxy"] {
            let Some(value) = ansible.get(key) else { continue };
            if system {
                let message = format!("`{key}` needs an Ansible that driftless installs");
                let help =
                    "add `core:` with an exact version; the Ansible of the control node is not changed";
                self.findings.error(message, &value.place, help);
            }
            self.in_tree(Some(value), false)?;
        }
        Ok(())
    }

    /// Whether a path is in the tree, and is what it should be.
    fn in_tree(&mut self, value: Option<&Value>, directory: bool) -> Result<(), Failure> {
        let Some((value, path)) = value.and_then(|it| Some((it, it.as_text()?))) else { return Ok(()) };
        let shown = one_line(path);
        match self.files.kind(path)? {
            Some(FileKind::File | FileKind::Symlink) => {}
            Some(FileKind::Directory) if directory => {}
            Some(FileKind::Directory) => {
                self.findings.error(format!("`{shown}` is a directory"), &value.place, "name a file in it");
            }
            Some(FileKind::Submodule) => {
                let help = "submodules are not checked out: name a file of the repository itself";
                self.findings.error(format!("`{shown}` is a submodule"), &value.place, help);
            }
            None => {
                let help = match self.near(path, directory)? {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => "add it to the repository, or correct the path".to_owned(),
                };
                self.findings.error(format!("`{shown}` is not in the repository"), &value.place, help);
            }
        }
        Ok(())
    }

    fn near(&self, path: &str, directory: bool) -> Result<Option<String>, Failure> {
        let mut known = self.files.list()?;
        if directory {
            let parents = |path: &String| path.rsplit_once('/').map(|(dir, _)| dir.to_owned());
            known.extend(known.iter().filter_map(parents).collect::<std::collections::BTreeSet<_>>());
        }
        let file_name = |it: &str| it.rsplit('/').next().unwrap_or_default().to_owned();
        // The same name in another directory is the more probable mistake, then a typing error.
        let moved = known.iter().find(|it| file_name(it) == file_name(path));
        let near = || nearest(path, known.iter().map(String::as_str)).map(str::to_owned);
        Ok(moved.cloned().or_else(near).map(|it| one_line(&it)))
    }

    /// Drift is corrected only after it was seen.
    fn heals_without_checks(&mut self, name: &Name, stack: &Value) {
        let unchecked = stack.get("check").is_some_and(|it| it.is_never("every"));
        if unchecked && stack.text("heal") == Some("corrective") {
            let message = format!("Stack `{}` heals drift, and nobody looks for any", one_line(&name.text));
            let help = "give `check` an interval or a cron line; `driftless plan` looks once";
            self.findings.warning(message, &name.place, help);
        }
    }

    fn dependencies(&mut self, stacks: &[(Name, Value)]) {
        let names = || stacks.iter().map(|(name, _)| name.text.as_str());
        for (name, stack) in stacks {
            for item in stack.list("depends_on") {
                let Some(on) = item.as_text().filter(|on| !names().any(|it| it == *on)) else { continue };
                let others = names().filter(|it| *it != name.text);
                let help = match nearest(on, others) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => "only stacks of the same repository can be depended on".to_owned(),
                };
                self.findings.error(format!("there is no stack `{}`", one_line(on)), &item.place, help);
            }
        }
        let edges = stacks.iter().map(|(name, stack)| (name.text.as_str(), edges(stack))).collect();
        self.findings.diagnostics.extend(cycles(&edges));
    }
}

/// The stacks that one depends on, and where that is written.
fn edges(stack: &Value) -> Vec<(&str, &Place)> {
    stack.list("depends_on").iter().filter_map(|it| Some((it.as_text()?, &it.place))).collect()
}

/// One diagnostic for each dependency that closes a cycle.
fn cycles(edges: &BTreeMap<&str, Vec<(&str, &Place)>>) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let mut done = std::collections::BTreeSet::new();
    for start in edges.keys() {
        // The way from `start`, and how many dependencies of each stack on it were looked at.
        let mut way: Vec<(&str, usize)> = vec![(start, 0)];
        while let Some((stack, next)) = way.last().copied() {
            let dependency = edges.get(stack).filter(|_| !done.contains(stack)).and_then(|it| it.get(next));
            let Some((on, place)) = dependency else {
                done.insert(stack);
                way.pop();
                continue;
            };
            if let Some(last) = way.last_mut() {
                last.1 += 1;
            }
            match way.iter().position(|(it, _)| it == on) {
                Some(at) => {
                    let ring =
                        way[at..].iter().map(|(it, _)| *it).chain([*on]).collect::<Vec<_>>().join(" → ");
                    let message = format!("stacks depend on each other in a circle: {ring}");
                    found.push(
                        Diagnostic::error(message, (*place).clone()).help("remove one of these dependencies"),
                    );
                }
                None => way.push((on, 0)),
            }
        }
    }
    found
}
