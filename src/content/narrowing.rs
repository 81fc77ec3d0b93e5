//! Says whether an apply may be narrowed to some of its hosts.
//!
//! It may where nothing that Ansible reads for a host looks at the other hosts of the run: `--limit h1` would make a
//! cluster file with one member. What is not understood, not found or not readable counts as a reason against it.
//!
//! What is followed from the playbook: imported playbooks, roles with what they depend on (all of their tasks,
//! handlers, variables and templates), task files, variables, templates; variables of groups and hosts beside
//! playbook and inventory; the inventory; `ansible.cfg`. The content of vaulted *variables* is not known; they are
//! taken for plain values.

use std::fmt;

use super::{Files, arguments, files, jinja, rules, yaml};

mod inventory;
mod playbook;
mod roles;
mod tasks;
mod walk;

/// A reason against narrowing, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Refusal {
    /// The path of the file in its tree.
    pub path: String,
    /// The line, from 1.
    pub line: usize,
    /// What is used there: `hostvars`, `run_once`, `role x cannot be found`.
    pub construct: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {}:{}", self.construct, self.path, self.line)
    }
}

/// All reasons why an apply of `playbook` to `inventory` must not be narrowed, in the order of paths and lines; it
/// may if there are none.
///
/// `roots` are further trees: directories with roles, and those with `ansible_collections`.
pub fn refusals(files: &dyn Files, playbook: &str, inventory: &str, roots: &[&dyn Files]) -> Vec<Refusal> {
    walk::Walk::new(files, roots).all(playbook, inventory)
}

#[cfg(test)]
mod tests;
