//! What `ansible.cfg` and `driftless.yml` say, as far as it matters here.

use std::collections::BTreeSet;

use super::super::Files;
use super::super::files::{Place, Tree};
use super::super::yaml;
use super::digest::Digests;

/// What `ansible.cfg` says.
#[derive(Debug, Default)]
pub(super) struct Settings {
    /// In the repository.
    pub(super) roles_path: Vec<String>,
    /// In the repository.
    pub(super) collections_path: Vec<String>,
    /// Files and directories of the repository that it names: plugins, passwords, inventories.
    pub(super) named: BTreeSet<String>,
}

impl Settings {
    pub(super) fn read(tree: &Tree<'_>) -> Self {
        let root = Place { root: 0, path: String::new() };
        let place = Place { root: 0, path: "ansible.cfg".to_owned() };
        let mut settings = Self::default();
        let Some(bytes) = tree.read(&place).filter(|it| it.len() <= super::LARGEST) else { return settings };
        for line in String::from_utf8_lossy(&bytes).lines().filter(|it| !it.starts_with(['#', ';'])) {
            let Some((key, value)) = line.split_once('=') else { continue };
            let value = value.split(" ;").next().unwrap_or_default().trim();
            let values: Vec<String> = value
                .split([':', ','])
                .filter_map(|it| root.join(it.trim().trim_start_matches("{{CWD}}/")))
                .map(|it| it.path)
                .collect();
            match key.trim() {
                "roles_path" => settings.roles_path = values,
                "collections_path" | "collections_paths" => settings.collections_path = values,
                "inventory" | "role_skeleton" => {}
                _ => settings.named.extend(values.into_iter().filter(|it| !it.is_empty())),
            }
        }
        settings
    }
}

/// What the `ansible` section of `driftless.yml` declares.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Declared {
    /// Its digest, nothing where there is none; `None` if the file is not understood.
    section: Option<Vec<u8>>,
    /// The files that it names.
    pub(super) files: BTreeSet<String>,
}

impl Declared {
    pub(super) fn read(files: &dyn Files) -> Self {
        let Some(bytes) = files.read("driftless.yml").filter(|it| it.len() <= super::LARGEST) else {
            return Self { section: Some(Vec::new()), files: BTreeSet::new() };
        };
        let Ok(text) = std::str::from_utf8(&bytes) else { return Self::default() };
        let Ok(yaml) = yaml::parse(text) else { return Self::default() };
        let section = yaml.roots.first().and_then(|it| it.get("ansible"));
        let root = Place { root: 0, path: String::new() };
        let named = section.into_iter().flat_map(|it| {
            ["requirements", "galaxy"].into_iter().filter_map(|key| root.join(it.get(key)?.text()?))
        });
        Self {
            files: named.map(|it| it.path).collect(),
            section: Some(section.map(|it| Digests::of(text).digest(it).to_vec()).unwrap_or_default()),
        }
    }

    /// Whether both declare the same, and are understood.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.section.is_some() && self.section == other.section
    }
}
