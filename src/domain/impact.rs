//! What a change of the repository touches, as far as reading both trees tells: no Ansible is asked.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{HostName, StackName};

/// How a file differs between two trees.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum FileChange {
    /// Only the new tree has it.
    Added,
    /// Both have it, with other content, kind or mode.
    Modified,
    /// Only the old tree has it.
    Deleted,
}

/// What a change touches.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Impact {
    /// The changed files by path, in the order of the paths.
    pub files: Vec<(String, FileChange)>,
    /// How many more files changed than are listed.
    #[serde(default)]
    pub files_left_out: u64,
    /// What of it concerns which stack: only stacks that it touches, in the order of their names.
    pub stacks: Vec<StackImpact>,
    /// What a person should know beside that, one sentence each: a changed `driftless.yml`, changed requirements.
    #[serde(default)]
    pub notes: Vec<String>,
    /// Whether it changes what the Ansible runtime is made of (requirements, collections to install): such a
    /// change is shown and not previewed, because installing it would run its packages.
    #[serde(default)]
    pub runtime_changed: bool,
}

/// What a change touches of one stack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct StackImpact {
    /// The stack.
    pub stack: StackName,
    /// Why everything of the stack counts as touched; `None` if the plays below are all.
    pub whole: Option<String>,
    /// The plays that are touched, in the order of the playbook.
    pub plays: Vec<PlayImpact>,
    /// The hosts that are touched.
    pub hosts: HostsImpact,
    /// What the change deletes from the code, and nobody removes from the hosts.
    pub left_behind: Vec<LeftBehind>,
}

/// A play that a change touches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct PlayImpact {
    /// Its name, or its host pattern where it has none.
    pub name: String,
    /// Its file, relative to the root of the repository.
    pub path: String,
    /// Its line, from 1.
    pub line: u32,
    /// Its host pattern as written.
    pub pattern: String,
    /// The changed files that it uses, each with how: `roles/web/templates/a.j2`, `group_vars/web.yml`.
    pub because: Vec<String>,
}

/// The hosts that a change touches, by the inventory of the target branch and that of the change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "hosts", rename_all = "snake_case")]
pub enum HostsImpact {
    /// These, and no others.
    Known {
        /// Their names.
        names: BTreeSet<HostName>,
    },
    /// The inventory cannot be read without running it, or the pattern depends on variables.
    Unknown {
        /// Why, as a fragment.
        why: String,
    },
}

/// Something that a task of the old tree made and no task of the new one mentions: it stays on the hosts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
pub struct LeftBehind {
    /// What it is: `file /etc/foo.conf`, `service bar`, `package nginx`.
    pub what: String,
    /// The name of the deleted task, or its action.
    pub task: String,
    /// Where it stood in the old tree.
    pub path: String,
    /// Its line there, from 1.
    pub line: u32,
}
