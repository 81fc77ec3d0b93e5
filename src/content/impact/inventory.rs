//! Inventories as they are written: INI and YAML. What must be run to know its hosts is not known.

use std::collections::{BTreeMap, BTreeSet};

use super::super::files::{Place, Tree, is_yaml};
use super::super::yaml;
use super::digest::Digests;

mod ini;
mod range;
mod written;

pub(super) use written::IGNORED;

/// Hosts and groups.
#[derive(Debug, Default)]
pub(super) struct Inventory {
    /// In the order in which they are first named.
    pub(super) hosts: Vec<String>,
    known: BTreeSet<String>,
    pub(super) groups: BTreeMap<String, Group>,
    /// What is said of a host at its own line.
    variables: BTreeMap<String, Vec<String>>,
    /// The files that it is made of.
    pub(super) files: Vec<Place>,
    /// Whether some hosts may be the control node itself.
    pub(super) is_local: bool,
}

/// A group.
#[derive(Debug, Default)]
pub(super) struct Group {
    /// Its own, without those of its children.
    pub(super) hosts: Vec<String>,
    members: BTreeSet<String>,
    pub(super) children: BTreeSet<String>,
    variables: Vec<String>,
}

/// How many hosts an inventory may have, those of ranges counted one by one.
const MOST_HOSTS: usize = 100_000;
/// How many memberships of hosts in groups are looked at.
const MOST_MEMBERSHIPS: usize = 5_000_000;

impl Inventory {
    /// The inventory at a path of the repository, or why it is not known.
    pub(super) fn read(tree: &Tree<'_>, path: &str) -> Result<Self, String> {
        let mut inventory = Self::default();
        if path.contains(',') {
            for name in path.split(',').map(str::trim).filter(|it| !it.is_empty()) {
                inventory.add_pattern(name, "ungrouped", "")?;
            }
            inventory.finish();
            return Ok(inventory);
        }
        let root = Place { root: 0, path: String::new() };
        let place = root.join(path).filter(|_| !path.starts_with(['/', '~']));
        let Some(place) = place else { return Err(format!("the inventory {path} is not in the repository")) };
        let files = inventory_files(tree, &place);
        if files.is_empty() {
            return Err(format!("the inventory {path} cannot be found"));
        }
        for file in files {
            inventory.take(tree, &file)?;
            inventory.files.push(file);
        }
        inventory.finish();
        Ok(inventory)
    }

    fn take(&mut self, tree: &Tree<'_>, file: &Place) -> Result<(), String> {
        let path = &file.path;
        let Some(bytes) = tree.read(file) else { return Err(format!("{path} cannot be read")) };
        if bytes.starts_with(b"$ANSIBLE_VAULT") {
            return Err(format!("{path} is vaulted"));
        }
        let Ok(text) = std::str::from_utf8(&bytes) else { return Err(format!("{path} is not UTF-8")) };
        if text.starts_with("#!") {
            return Err(format!("{path} is a program"));
        }
        if text.len() > super::LARGEST {
            return Err(format!("{path} is too large to be read"));
        }
        self.is_local |= text.contains("ansible_connection") && text.contains("local");
        if !is_yaml(path) {
            return ini::take(self, text, path);
        }
        let yaml = yaml::parse(text).map_err(|line| format!("{path}:{line} cannot be read as YAML"))?;
        let mut digests = Digests::of(text);
        match yaml.roots.as_slice() {
            [] => Ok(()),
            [root] => written::take(self, root, &mut digests, path),
            _ => Err(format!("{path} has more than one document")),
        }
    }

    /// Groups that only exist as children of others, and loops.
    fn finish(&mut self) {
        let children: BTreeSet<String> = self.groups.values().flat_map(|it| it.children.clone()).collect();
        for child in &children {
            self.groups.entry(child.clone()).or_default();
        }
        let top: Vec<String> =
            self.groups.keys().filter(|it| !children.contains(*it) && *it != "all").cloned().collect();
        self.groups.entry("all".to_owned()).or_default().children.extend(top);
        self.groups.entry("ungrouped".to_owned()).or_default();
        // A host that is in no other group.
        let grouped: BTreeSet<&str> = self
            .groups
            .iter()
            .filter(|it| it.0 != "all" && it.0 != "ungrouped")
            .flat_map(|it| it.1.hosts.iter().map(String::as_str))
            .collect();
        let lone: Vec<String> =
            self.hosts.iter().filter(|it| !grouped.contains(it.as_str())).cloned().collect();
        let lone_members = lone.iter().cloned().collect();
        if let Some(group) = self.groups.get_mut("ungrouped") {
            group.hosts = lone;
            group.members = lone_members;
        }
    }

    pub(super) fn has_host(&self, name: &str) -> bool {
        self.known.contains(name)
    }

    fn group(&mut self, name: &str) -> &mut Group {
        self.groups.entry(name.to_owned()).or_default()
    }

    /// Adds the hosts that a name with ranges stands for.
    fn add_pattern(&mut self, pattern: &str, group: &str, variables: &str) -> Result<(), String> {
        let left = MOST_HOSTS.saturating_sub(self.hosts.len());
        for name in
            range::expand(pattern, left).ok_or("the inventory names too many hosts, or a bad range")?
        {
            if self.known.insert(name.clone()) {
                self.hosts.push(name.clone());
            }
            if !variables.is_empty() {
                self.variables.entry(name.clone()).or_default().push(variables.to_owned());
            }
            let group = self.group(group);
            if group.members.insert(name.clone()) {
                group.hosts.push(name);
            }
        }
        Ok(())
    }

    /// The hosts of a group and of all groups below it.
    pub(super) fn members(&self, group: &str) -> BTreeSet<&str> {
        if group == "all" {
            return self.hosts.iter().map(String::as_str).collect();
        }
        let mut found = BTreeSet::new();
        for name in self.below(group) {
            if let Some(group) = self.groups.get(name) {
                found.extend(group.hosts.iter().map(String::as_str));
            }
        }
        found
    }

    /// A group and all groups below it.
    fn below<'i>(&'i self, group: &'i str) -> BTreeSet<&'i str> {
        let mut seen = BTreeSet::from([group]);
        let mut waiting = vec![group];
        while let Some(name) = waiting.pop() {
            for child in self.groups.get(name).into_iter().flat_map(|it| &it.children) {
                if seen.insert(child) {
                    waiting.push(child);
                }
            }
        }
        seen
    }

    /// Everything that the inventory says of each host: its own variables, its groups and theirs. `None` if that is
    /// too much.
    pub(super) fn profiles(&self) -> Option<BTreeMap<&str, Vec<&str>>> {
        let mut profiles: BTreeMap<&str, Vec<&str>> =
            self.hosts.iter().map(|it| (it.as_str(), Vec::new())).collect();
        for (host, variables) in &self.variables {
            profiles.entry(host).or_default().extend(variables.iter().map(String::as_str));
        }
        let mut left = MOST_MEMBERSHIPS;
        for (name, group) in &self.groups {
            for host in self.members(name) {
                left = left.checked_sub(1 + group.variables.len())?;
                let profile = profiles.entry(host).or_default();
                profile.push(name);
                profile.extend(group.variables.iter().map(String::as_str));
            }
        }
        Some(profiles)
    }
}

/// The files of an inventory in the order in which Ansible reads them.
fn inventory_files(tree: &Tree<'_>, place: &Place) -> Vec<Place> {
    if tree.is_file(place) {
        return vec![place.clone()];
    }
    let base = if place.path.is_empty() { 0 } else { place.path.len() + 1 };
    let is_read = |it: &Place| {
        let inside = it.path.get(base..).unwrap_or_default();
        inside.split('/').all(|part| {
            !part.starts_with('.')
                && !matches!(part, "group_vars" | "host_vars" | "vars_plugins")
                && !IGNORED.iter().any(|end| part.ends_with(end))
        })
    };
    tree.below(place).filter(is_read).collect()
}
