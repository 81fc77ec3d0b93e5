//! What a repository without `driftless.yml` probably means.
//!
//! A stack is inferred only where exactly one playbook and exactly one inventory can be meant. Otherwise the
//! candidates are listed and a person chooses. An inferred stack is never applied unasked.

use std::collections::BTreeSet;

use super::mask::one_line;
use super::repository::inferred_stack;
use super::tree::{FileKind, RepositoryFiles, children};
use super::yaml::{self, Content, Node};
use super::{LARGEST_FILE, REPOSITORY_FILE};
use crate::domain::{Declaration, Failure, SourceName, StackId, StackName};

/// The name of an inferred stack.
pub(super) const NAME: &str = "default";

/// Names that are a playbook even if the file cannot be parsed: Ansible then says what is wrong with it.
const PLAYBOOKS: [&str; 6] =
    ["site.yml", "site.yaml", "playbook.yml", "playbook.yaml", "main.yml", "main.yaml"];
const INVENTORIES: [&str; 4] = ["inventory", "hosts", "production", "staging"];
const ENDINGS: [&str; 4] = ["", ".yml", ".yaml", ".ini"];
/// How many files are looked into to find the playbooks.
const MOST_FILES: usize = 200;

/// What could be meant, by path.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Candidates {
    pub(super) playbooks: Vec<String>,
    pub(super) inventories: Vec<String>,
}

pub(super) fn declaration(source: &SourceName, files: &dyn RepositoryFiles) -> Result<Declaration, Failure> {
    let found = candidates(files)?;
    let mut notes = Vec::new();
    let mut stacks = Vec::new();
    if let ([playbook], [inventory]) = (found.playbooks.as_slice(), found.inventories.as_slice()) {
        let (shown_playbook, shown_inventory) = (one_line(playbook), one_line(inventory));
        notes.push(format!(
            "There is no `{REPOSITORY_FILE}`: stack `{NAME}` was inferred from `{shown_playbook}` and \
             `{shown_inventory}`. It is applied when a person asks (`driftless apply {source}/{NAME}`); `driftless \
             init` writes a `{REPOSITORY_FILE}`."
        ));
        let stack: StackName = NAME.parse().expect("`default` is a name");
        let id = StackId { source: source.clone(), stack };
        stacks.push(inferred_stack(id, playbook.clone(), inventory.clone()));
    } else {
        notes.push(count("playbook", &found.playbooks));
        notes.push(count("inventory", &found.inventories));
        notes.push(format!(
            "There is no stack: `driftless init` writes a `{REPOSITORY_FILE}` that declares one."
        ));
    }
    Ok(Declaration { stacks, inferred: true, notes })
}

fn count(what: &str, found: &[String]) -> String {
    const MOST: usize = 10;
    let mut listed: Vec<String> = found.iter().take(MOST).map(|it| format!("`{}`", one_line(it))).collect();
    if MOST < found.len() {
        listed.push(format!("{} more", found.len() - MOST));
    }
    match listed.as_slice() {
        [] => format!("No {what} was found."),
        [one] => format!("The {what} would be {one}."),
        all => format!("More than one {what} could be meant: {}.", all.join(", ")),
    }
}

pub(super) fn candidates(files: &dyn RepositoryFiles) -> Result<Candidates, Failure> {
    let paths = files.list()?;
    let mut playbooks = playbooks(files, &paths, "")?;
    if playbooks.is_empty() {
        playbooks = self::playbooks(files, &paths, "playbooks")?;
    }
    let inventories = match configured(files)? {
        Some(one) => vec![one],
        None => inventories(&paths),
    };
    Ok(Candidates { playbooks, inventories })
}

fn is_yaml(name: &str) -> bool {
    let ending = name.rsplit_once('.').map(|(_, ending)| ending);
    matches!(ending, Some("yml" | "yaml")) && !name.starts_with('.')
}

fn under(dir: &str, name: &str) -> String {
    if dir.is_empty() { name.to_owned() } else { format!("{dir}/{name}") }
}

/// The playbooks of one directory, without those that another one imports.
fn playbooks(files: &dyn RepositoryFiles, paths: &[String], dir: &str) -> Result<Vec<String>, Failure> {
    let mut found = Vec::new();
    let mut imported = BTreeSet::new();
    let named = children(paths, dir);
    let named = named.iter().filter(|(name, kind)| **kind == FileKind::File && is_yaml(name));
    for (name, _) in named.take(MOST_FILES) {
        let path = under(dir, name);
        let Some(bytes) = files.read(&path)?.filter(|it| it.len() <= LARGEST_FILE) else { continue };
        let tree = std::str::from_utf8(&bytes).ok().and_then(|it| yaml::parse(it).0);
        match tree {
            Some(tree) if is_playbook(&tree) => {
                imported.extend(imports(&tree).into_iter().map(|it| under(dir, it.trim_start_matches("./"))));
                found.push(path);
            }
            None if PLAYBOOKS.contains(name) => found.push(path),
            _ => {}
        }
    }
    found.retain(|it| !imported.contains(it));
    Ok(found)
}

/// A list of plays: each a mapping with `hosts` or an import.
fn is_playbook(tree: &Node) -> bool {
    let Content::List(items) = &tree.content else { return false };
    let is_play = |item: &Node| match &item.content {
        Content::Map(entries) => {
            entries.iter().any(|(name, _)| name.text == "hosts" || is_import(&name.text))
        }
        _ => false,
    };
    !items.is_empty() && items.iter().all(is_play)
}

fn is_import(key: &str) -> bool {
    matches!(key, "import_playbook" | "ansible.builtin.import_playbook")
}

fn imports(tree: &Node) -> Vec<&str> {
    let Content::List(items) = &tree.content else { return Vec::new() };
    let entries = items.iter().filter_map(|item| match &item.content {
        Content::Map(entries) => Some(entries),
        _ => None,
    });
    let named = entries.flatten().filter(|(name, _)| is_import(&name.text));
    named
        .filter_map(
            |(_, node)| if let Content::Scalar(it) = &node.content { Some(it.text.as_str()) } else { None },
        )
        .collect()
}

/// `inventory =` of `[defaults]` in `ansible.cfg`, if it names one thing that is in the tree.
fn configured(files: &dyn RepositoryFiles) -> Result<Option<String>, Failure> {
    let Some(bytes) = files.read("ansible.cfg")?.filter(|it| it.len() <= LARGEST_FILE) else {
        return Ok(None);
    };
    let text = String::from_utf8_lossy(&bytes);
    let mut section = "";
    for line in text.lines() {
        let line = line.trim();
        if let Some(name) = line.strip_prefix('[') {
            section = name.split(']').next().unwrap_or_default();
        }
        let Some((key, value)) = line.split_once('=').filter(|_| section == "defaults") else { continue };
        if key.trim() == "inventory" {
            let value = value.split(" ;").next().unwrap_or_default().trim();
            let path = value.trim_start_matches("./").trim_end_matches('/');
            let is_inside = (super::shape::INVENTORY.check)(path).is_ok() && files.kind(path)?.is_some();
            return Ok(is_inside.then(|| path.to_owned()));
        }
    }
    Ok(None)
}

fn inventories(paths: &[String]) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for (name, kind) in children(paths, "") {
        let (base, ending) = name.find('.').map_or((name, ""), |at| name.split_at(at));
        match kind {
            FileKind::Directory if name == "inventory" || name == "inventories" => {
                found.extend(inside(paths, name));
            }
            FileKind::Directory if INVENTORIES.contains(&name) => found.push(name.to_owned()),
            FileKind::File if INVENTORIES.contains(&base) && ENDINGS.contains(&ending) => {
                found.push(name.to_owned());
            }
            _ => {}
        }
    }
    found
}

/// A directory of inventories: itself if it is one, with a single file; else each of its entries.
fn inside(paths: &[String], dir: &str) -> Vec<String> {
    let variables = ["group_vars", "host_vars"];
    let prose = |name: &str| {
        name.starts_with('.') || name.rsplit('.').next().is_some_and(|it| matches!(it, "md" | "txt" | "rst"))
    };
    let entries: Vec<_> = children(paths, dir)
        .into_iter()
        .filter(|(name, _)| !variables.contains(name) && !prose(name))
        .collect();
    match entries.as_slice() {
        [(_, FileKind::File)] => vec![dir.to_owned()],
        _ => entries.iter().map(|(name, _)| under(dir, name)).collect(),
    }
}
