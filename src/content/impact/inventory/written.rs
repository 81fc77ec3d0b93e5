//! Inventories in YAML.

use std::rc::Rc;

use super::super::super::yaml::{Content, Node};
use super::super::digest::Digests;
use super::Inventory;

/// What Ansible does not read in a directory of inventories.
pub(in super::super) const IGNORED: [&str; 13] = [
    "~", ".orig", ".bak", ".cfg", ".retry", ".pyc", ".pyo", ".swp", ".rpm", ".md", ".txt", ".rst", ".gitkeep",
];

/// How many groups are looked at, those of repeated aliases included.
const MOST_GROUPS: usize = 100_000;

/// Takes up what an inventory says, or tells why it is not understood.
pub(super) fn take(
    inventory: &mut Inventory,
    root: &Rc<Node>,
    digests: &mut Digests<'_>,
    path: &str,
) -> Result<(), String> {
    if root.is_empty() {
        return Ok(());
    }
    if root.get("plugin").is_some_and(|it| it.text().is_some()) {
        return Err(format!("{path} asks a plugin for the hosts"));
    }
    if root.entries().is_empty() {
        return Err(format!("{path} is not understood"));
    }
    let mut left = MOST_GROUPS;
    for (key, value) in root.entries() {
        let Some(name) = key.text() else { return Err(format!("{path}:{} is not understood", key.line)) };
        group(inventory, name, value, digests, &mut left)
            .ok_or_else(|| format!("{path}:{} is not understood", value.line))?;
    }
    Ok(())
}

fn group(
    inventory: &mut Inventory,
    name: &str,
    node: &Rc<Node>,
    digests: &mut Digests<'_>,
    left: &mut usize,
) -> Option<()> {
    *left = left.checked_sub(1)?;
    inventory.group(name);
    if node.is_empty() {
        return Some(());
    }
    if !matches!(node.content, Content::Map(_)) {
        return None;
    }
    for (key, value) in node.entries() {
        match key.text()? {
            "hosts" => {
                for (host, variables) in members(value)? {
                    let said = variables.filter(|it| !it.is_empty()).map(|it| shown(&digests.digest(it)));
                    inventory.add_pattern(&host, name, &said.unwrap_or_default()).ok()?;
                }
            }
            "children" => {
                for (child, below) in members(value)? {
                    inventory.group(name).children.insert(child.clone());
                    match below {
                        Some(below) => group(inventory, &child, below, digests, left)?,
                        None => drop(inventory.group(&child)),
                    }
                }
            }
            "vars" => {
                let said = shown(&digests.digest(value));
                inventory.group(name).variables.push(said);
            }
            _ => {} // Ansible warns and goes on.
        }
    }
    Some(())
}

/// A name, and what is said of it.
type Member<'n> = (String, Option<&'n Rc<Node>>);

/// Names, each with what is said of it.
fn members(node: &Rc<Node>) -> Option<Vec<Member<'_>>> {
    match &node.content {
        _ if node.is_empty() => Some(Vec::new()),
        Content::Text(name) => Some(vec![(name.clone(), None)]),
        Content::Map(entries) => {
            entries.iter().map(|(key, value)| Some((key.text()?.to_owned(), Some(value)))).collect()
        }
        _ => None,
    }
}

fn shown(digest: &[u8; 32]) -> String {
    use std::fmt::Write as _;
    digest.iter().fold(String::with_capacity(64), |mut text, it| {
        let _written = write!(text, "{it:02x}");
        text
    })
}
