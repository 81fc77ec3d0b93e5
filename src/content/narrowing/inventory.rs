//! The inventory, variables of groups and hosts, and `ansible.cfg`.

use super::files::{Context, Place, is_yaml};
use super::playbook::is_plain_strategy;
use super::walk::{Kind, Walk};

/// What a directory of inventories may hold beside them.
const IGNORED: [&str; 13] = [
    "~", ".orig", ".bak", ".cfg", ".retry", ".pyc", ".pyo", ".swp", ".rpm", ".md", ".txt", ".rst", ".gitkeep",
];

/// What `ansible.cfg` says, as far as it matters here.
#[derive(Debug, Default)]
pub(super) struct Settings {
    /// In the repository.
    pub(super) roles_path: Vec<String>,
    /// In the repository.
    pub(super) collections_path: Vec<String>,
}

impl Walk<'_> {
    pub(super) fn read_settings(&mut self, root: &Place) {
        let Some(place) = root.join("ansible.cfg").filter(|it| self.tree.is_file(it)) else { return };
        let Some(text) = self.tree.read(&place).map(|it| String::from_utf8_lossy(&it).into_owned()) else {
            return self.refuse("a file that cannot be read", &place, 1);
        };
        let mut section = "";
        for (index, line) in text.lines().enumerate() {
            if let Some(name) = line.strip_prefix('[') {
                section = name.split(']').next().unwrap_or_default();
            }
            let Some((key, value)) = line.split_once('=').filter(|_| !line.starts_with(['#', ';'])) else {
                continue;
            };
            if section == "defaults" {
                let value = value.split(" ;").next().unwrap_or_default().trim();
                self.setting(key.trim(), value, &place, index + 1);
            }
        }
    }

    fn setting(&mut self, key: &str, value: &str, place: &Place, line: usize) {
        let paths = || value.split(':').map(|it| it.trim().trim_start_matches("./").to_owned());
        match key {
            "roles_path" => self.settings.roles_path = paths().collect(),
            "collections_path" | "collections_paths" => self.settings.collections_path = paths().collect(),
            "strategy" if !is_plain_strategy(value) => self.refuse("strategy", place, line),
            "any_errors_fatal"
                if !matches!(value.to_ascii_lowercase().as_str(), "false" | "no" | "0" | "off") =>
            {
                self.refuse("any_errors_fatal", place, line);
            }
            "vars_plugins" | "action_plugins" | "lookup_plugins" | "filter_plugins" | "test_plugins"
            | "strategy_plugins" | "callback_plugins" | "connection_plugins" | "inventory_plugins"
            | "cache_plugins" | "become_plugins" | "shell_plugins" | "terminal_plugins"
            | "cliconf_plugins" | "httpapi_plugins" | "netconf_plugins" => {
                self.plugin_paths(value, place, line);
            }
            _ => {}
        }
    }

    /// Plugins that come from anywhere else than from Ansible's own directories.
    fn plugin_paths(&mut self, value: &str, place: &Place, line: usize) {
        for path in value.split(':').map(str::trim).filter(|it| !it.is_empty()) {
            let is_usual = ["~/.ansible/", "/usr/share/ansible/", "{{ ANSIBLE_HOME"]
                .iter()
                .any(|it| path.starts_with(it));
            let directory = place.parent().join(path);
            let is_absent = !path.starts_with(['/', '~', '$', '{'])
                && directory.is_some_and(|it| !self.tree.is_directory(&it));
            if !is_usual && !is_absent {
                self.refuse("a custom plugin", place, line);
            }
        }
    }

    pub(super) fn inventory(&mut self, inventory: &str, playbook: &Place) {
        let root = Place { root: 0, path: String::new() };
        if inventory.contains(',') {
            return; // Names of hosts.
        }
        let context = Context { playbook: playbook.parent(), role: None };
        let Some(place) = root.join(inventory).filter(|_| !inventory.starts_with('/')) else {
            return self.refuse(format!("inventory {inventory} cannot be found"), playbook, 1);
        };
        if self.tree.is_file(&place) {
            for name in ["group_vars", "host_vars"] {
                if let Some(directory) = place.parent().join(name) {
                    self.variables_below(&directory, &context);
                }
            }
            return self.enter_inventory(place, &context);
        }
        let files: Vec<Place> = self.tree.below(&place).collect();
        if files.is_empty() {
            self.refuse(format!("inventory {inventory} cannot be found"), playbook, 1);
        }
        for file in files {
            let below = format!("/{}", file.path);
            if below.contains("/group_vars/") || below.contains("/host_vars/") {
                continue;
            }
            if !file.name().starts_with('.') && !IGNORED.iter().any(|it| file.name().ends_with(it)) {
                self.enter_inventory(file, &context);
            }
        }
        let mut directories: Vec<Place> = Vec::new();
        for file in self.tree.below(&place) {
            for name in ["group_vars", "host_vars"] {
                if let Some((before, _)) = format!("/{}", file.path).split_once(&format!("/{name}/")) {
                    let path = format!("{before}/{name}");
                    directories.extend(root.join(&path));
                }
            }
        }
        directories.sort();
        directories.dedup();
        for directory in directories {
            self.variables_below(&directory, &context);
        }
    }

    fn enter_inventory(&mut self, place: Place, context: &Context) {
        let kind = if is_yaml(&place.path) { Kind::Variables } else { Kind::Inventory };
        self.enter(place, kind, context);
    }
}

/// An inventory in INI without its comments; the lines stay where they are.
pub(super) fn without_comments(text: &str) -> String {
    let lines = text.split('\n').map(|it| if it.trim_start().starts_with(['#', ';']) { "" } else { it });
    lines.collect::<Vec<_>>().join("\n")
}
