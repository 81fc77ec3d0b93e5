use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use super::*;
use crate::domain::HostsImpact;

mod corpus;
mod hostile;
mod patterns;

/// Files in memory, and symbolic links among them.
#[derive(Debug, Clone, Default)]
pub(super) struct Memory {
    pub(super) files: BTreeMap<String, Vec<u8>>,
    pub(super) links: Vec<(String, String)>,
}

impl Memory {
    pub(super) fn of(files: &[(&str, &str)]) -> Self {
        let files = files.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec()));
        Self { files: files.collect(), links: Vec::new() }
    }

    pub(super) fn with(&self, files: &[(&str, &str)]) -> Self {
        let mut all = self.clone();
        all.files.extend(Self::of(files).files);
        all
    }
}

impl Files for Memory {
    fn paths(&self) -> Vec<String> {
        self.files.keys().cloned().collect()
    }

    fn read(&self, path: &str) -> Option<Cow<'_, [u8]>> {
        self.files.get(path).map(|it| Cow::Borrowed(it.as_slice()))
    }

    fn links(&self) -> Vec<(String, String)> {
        self.links.clone()
    }
}

/// How two trees differ.
pub(super) fn changed(before: &Memory, after: &Memory) -> Vec<(String, FileChange)> {
    let mut found = BTreeMap::new();
    for (path, text) in &before.files {
        match after.files.get(path) {
            None => drop(found.insert(path.clone(), FileChange::Deleted)),
            Some(other) if other != text => drop(found.insert(path.clone(), FileChange::Modified)),
            Some(_) => {}
        }
    }
    let added = after.files.keys().filter(|it| !before.files.contains_key(*it));
    found.extend(added.map(|it| (it.clone(), FileChange::Added)));
    found.into_iter().collect()
}

/// A stack of `site.yml` and an inventory.
pub(super) fn stack(name: &str, inventory: &str) -> StackInput {
    StackInput {
        name: name.parse().unwrap(),
        playbook: "site.yml".to_owned(),
        inventory: inventory.to_owned(),
        limit: None,
        extra_vars: BTreeMap::new(),
    }
}

/// An impact as the corpus writes it.
pub(super) fn shown(impact: &Impact) -> String {
    let mut text = String::new();
    for stack in &impact.stacks {
        let hosts = match &stack.hosts {
            HostsImpact::Known { names } if names.is_empty() => "no hosts".to_owned(),
            HostsImpact::Known { names } => {
                names.iter().map(|it| it.as_str().to_owned()).collect::<Vec<_>>().join(" ")
            }
            HostsImpact::Unknown { why } => format!("unknown hosts: {why}"),
        };
        writeln!(text, "{}: {hosts}", stack.stack).unwrap();
        if let Some(whole) = &stack.whole {
            writeln!(text, "  everything: {whole}").unwrap();
        }
        for play in &stack.plays {
            writeln!(
                text,
                "  play {} ({}:{}): {}",
                play.name,
                play.path,
                play.line,
                play.because.join(" · ")
            )
            .unwrap();
        }
        for left in &stack.left_behind {
            writeln!(text, "  left: {} ({}, {}:{})", left.what, left.task, left.path, left.line).unwrap();
        }
    }
    for note in &impact.notes {
        writeln!(text, "note: {note}").unwrap();
    }
    if impact.runtime_changed {
        text.push_str("runtime changed\n");
    }
    if text.is_empty() { "nothing\n".to_owned() } else { text }
}

pub(super) fn fixtures() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/impact")
}
