//! What Ansible would read: playbooks, roles, variables, templates and inventories of a tree, without running any.

use std::borrow::Cow;

mod arguments;
mod files;
mod jinja;
mod rules;
mod yaml;

pub mod impact;
pub mod narrowing;

/// A tree of files, read without asking whether they changed meanwhile. Paths are relative to its root, with `/`
/// between their parts.
pub trait Files {
    /// The paths of all files.
    fn paths(&self) -> Vec<String>;
    /// The content of a file; `None` if it cannot be read.
    fn read(&self, path: &str) -> Option<Cow<'_, [u8]>>;
    /// The symbolic links, each with what it leads to, relative to the root as well.
    fn links(&self) -> Vec<(String, String)> {
        Vec::new()
    }
}
