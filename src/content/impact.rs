//! What a change of the repository touches, from reading both trees. No Ansible is asked, so this may be done for
//! anybody's change.
//!
//! What is not understood counts as everything: a name that is made from what is not known can be any file, a play
//! with such a name is touched by any change. Nothing here panics, and everything is bounded: what is too large or too
//! deep to be read counts as not understood.

use std::collections::{BTreeMap, BTreeSet};

use super::Files;
use crate::domain::{FileChange, Impact, StackImpact, StackName, StackPolicy};

mod compare;
mod digest;
mod graph;
mod hosts;
mod inventory;
mod names;
mod plays;
mod read;
mod settings;
mod sort;
mod stack;
mod tasks;
mod things;

use compare::{Changes, Comparison};
use graph::Graph;
use settings::Declared;
use stack::Reading;
use things::Things;

/// Larger files are not read.
const LARGEST: usize = 8 * 1024 * 1024;
/// How many changed files are listed.
const MOST_LISTED: usize = 1_000;
/// How many things of one stack are listed.
const MOST_LEFT_BEHIND: usize = 500;

/// What has to be known of a stack. It is what the target branch declares, for both trees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StackInput {
    /// Its name.
    pub name: StackName,
    /// The playbook, relative to the root of the repository.
    pub playbook: String,
    /// The inventory file or directory, relative to the root of the repository, or names of hosts with commas.
    pub inventory: String,
    /// Ansible's `--limit`.
    pub limit: Option<String>,
    /// Extra variables.
    pub extra_vars: BTreeMap<String, serde_json::Value>,
}

impl From<&StackPolicy> for StackInput {
    fn from(stack: &StackPolicy) -> Self {
        Self {
            name: stack.id.stack.clone(),
            playbook: stack.playbook.clone(),
            inventory: stack.inventory.clone(),
            limit: stack.limit.clone(),
            extra_vars: stack.extra_vars.clone(),
        }
    }
}

/// What the change from `before` to `after` touches of the stacks.
///
/// `roots` are further trees, the same for both: directories with roles, and those with `ansible_collections`. A role
/// that is nowhere can use any file. Tags are not looked at: a play counts whatever tags it has.
pub fn impact(
    before: &dyn Files,
    after: &dyn Files,
    roots: &[&dyn Files],
    changed: &[(String, FileChange)],
    stacks: &[StackInput],
) -> Impact {
    let mut files = changed.to_vec();
    files.sort();
    files.dedup();
    let mut old = Graph::of(before, roots);
    let mut new = Graph::of(after, roots);
    let both = [Declared::read(before), Declared::read(after)];
    let difference = Changes::of(&files, (before, after), &both);
    let readings: Vec<(Reading, Reading)> =
        stacks.iter().map(|it| (Reading::of(&mut old, it), Reading::of(&mut new, it))).collect();
    let mut made = Things::default();
    for (_, after) in &readings {
        after.things(&mut made);
    }
    let mut notes = difference.notes();
    let mut impacts: Vec<StackImpact> = Vec::new();
    for (stack, (before, after)) in stacks.iter().zip(&readings) {
        let settings = [&old.settings, &new.settings];
        let comparison = Comparison { before, after, changes: &difference, settings };
        let Some(mut impact) = comparison.impact(&stack.name, &made) else { continue };
        let left = impact.left_behind.len().saturating_sub(MOST_LEFT_BEHIND);
        if 0 < left {
            impact.left_behind.truncate(MOST_LEFT_BEHIND);
            notes.push(format!(
                "{left} more things of the stack {} are left behind than are listed.",
                stack.name
            ));
        }
        impacts.push(impact);
    }
    impacts.sort_by(|one, other| one.stack.cmp(&other.stack));
    let files_left_out = files.len().saturating_sub(MOST_LISTED);
    files.truncate(MOST_LISTED);
    Impact {
        files,
        files_left_out: u64::try_from(files_left_out).unwrap_or(u64::MAX),
        stacks: impacts,
        notes,
        runtime_changed: difference.is_runtime_changed(),
    }
}

/// The names of a set, as far as a sentence bears them.
fn some_of(names: &BTreeSet<String>) -> String {
    let shown: Vec<&str> = names.iter().take(3).map(String::as_str).collect();
    match names.len().saturating_sub(3) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

#[cfg(test)]
mod tests;
