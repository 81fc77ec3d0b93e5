//! Plays.

use std::rc::Rc;

use super::files::{Place, is_template_name};
use super::rules::builtin;
use super::walk::{File, Kind, Walk};
use super::yaml::Node;

/// Directories beside a playbook or in a role whose plugins can see all variables.
pub(super) const PLUGINS: [&str; 16] = [
    "action_plugins",
    "become_plugins",
    "cache_plugins",
    "callback_plugins",
    "cliconf_plugins",
    "connection_plugins",
    "filter_plugins",
    "httpapi_plugins",
    "inventory_plugins",
    "lookup_plugins",
    "netconf_plugins",
    "shell_plugins",
    "strategy_plugins",
    "terminal_plugins",
    "test_plugins",
    "vars_plugins",
];

impl Walk<'_> {
    pub(super) fn plays(&mut self, root: &Node, file: &File<'_>) {
        self.plugins_in(&file.here());
        for name in ["group_vars", "host_vars"] {
            if let Some(directory) = file.here().join(name) {
                self.variables_below(&directory, file.context);
            }
        }
        if root.items().is_empty() && !root.is_empty() {
            self.refuse("a playbook that is no list", file.place, root.line);
        }
        for node in root.items() {
            let import = node.named().find(|it| builtin(it.0) == "import_playbook");
            match import {
                Some((_, name)) => self.imported(name, node, file),
                None => self.play(node, file),
            }
        }
    }

    /// Custom plugins in a directory.
    pub(super) fn plugins_in(&mut self, directory: &Place) {
        for name in PLUGINS {
            let plugin = directory.join(name).and_then(|it| self.tree.below(&it).find(is_code));
            if let Some(plugin) = plugin {
                self.refuse("a custom plugin", &plugin, 1);
            }
        }
    }

    fn imported(&mut self, name: &Node, node: &Node, file: &File<'_>) {
        if let Some(condition) = node.get("when") {
            self.condition(condition, file);
        }
        let Some(text) = name.text() else {
            return self.refuse("import_playbook without a name", file.place, name.line);
        };
        if super::jinja::is_template(text) {
            return self.refuse("import_playbook with a templated name", file.place, name.line);
        }
        let found = file.here().join(text).filter(|it| !text.starts_with('/') && self.tree.is_file(it));
        match found.or_else(|| self.playbook_of_collection(text)) {
            Some(place) => self.playbook(&place),
            None => self.refuse(format!("playbook {text} cannot be found"), file.place, name.line),
        }
    }

    fn playbook_of_collection(&self, name: &str) -> Option<Place> {
        let (collection, playbook) = name.rsplit_once('.').filter(|it| it.0.contains('.'))?;
        self.collection_directories(collection)
            .into_iter()
            .flat_map(|it| [".yml", ".yaml"].map(|end| it.join(&format!("playbooks/{playbook}{end}"))))
            .flatten()
            .find(|it| self.tree.is_file(it))
    }

    fn play(&mut self, node: &Node, file: &File<'_>) {
        match node.get("hosts") {
            Some(hosts) => self.hosts(hosts, file),
            None => self.refuse("a play without hosts", file.place, node.line),
        }
        self.keywords(node, file);
        for (key, value) in node.named() {
            match key {
                "serial" | "max_fail_percentage" => self.refuse(key, file.place, value.line),
                "order" if value.text() != Some("inventory") => self.refuse(key, file.place, value.line),
                "strategy" if !is_plain_strategy(value.text().unwrap_or_default()) => {
                    self.refuse(key, file.place, value.line);
                }
                "roles" => self.roles_of_play(value, node, file),
                "tasks" | "pre_tasks" | "post_tasks" | "handlers" => self.tasks(value, file),
                "vars_files" => self.vars_files(value, file),
                _ => {}
            }
        }
    }

    fn vars_files(&mut self, node: &Rc<Node>, file: &File<'_>) {
        for it in node.items() {
            self.vars_files(it, file); // A list in the list: the first of them that exists.
        }
        if let Some(name) = node.text().filter(|it| !it.is_empty()) {
            self.follow("variables", name, Kind::Variables, file, node.line);
        }
    }

    /// The hosts of a play. With `--limit`, a pattern that counts hosts still counts all of them, but what it is
    /// made from may not be known.
    fn hosts(&mut self, node: &Node, file: &File<'_>) {
        let mut is_local = true;
        for text in node.each_text() {
            if super::jinja::is_template(text) {
                self.refuse("templated hosts", file.place, node.line);
            }
            for pattern in text.split([',', ';']).map(str::trim) {
                if pattern.contains('[') && !pattern.starts_with('~') {
                    self.refuse("hosts with a subscript", file.place, node.line);
                }
                is_local &= matches!(pattern, "localhost" | "127.0.0.1" | "::1");
            }
        }
        if is_local {
            self.local_plays.push((file.place.clone(), node.line));
        } else {
            self.has_remote_plays = true;
        }
    }

    /// What may stand at a play, a block, a task or a role.
    pub(super) fn keywords(&mut self, node: &Node, file: &File<'_>) {
        for (key, value) in node.named() {
            match key {
                "run_once" | "any_errors_fatal" | "delegate_facts" if !is_false(value) => {
                    self.refuse(key, file.place, value.line);
                }
                "with_inventory_hostnames" | "with_vars" => self.refuse(key, file.place, value.line),
                "when" | "failed_when" | "changed_when" | "until" => self.condition(value, file),
                "loop_control" => {
                    if let Some(condition) = value.get("break_when") {
                        self.condition(condition, file);
                    }
                }
                "apply" => self.keywords(value, file),
                _ => {}
            }
        }
    }

    /// Texts of a task that are named like templates.
    pub(super) fn named_templates(&mut self, node: &Node, file: &File<'_>) {
        let text = node.text().filter(|it| is_template_name(it));
        if let Some(text) = text {
            let target = file.context.resolve(&self.tree, text, "templates", &file.here());
            if let super::files::Target::Files(found) = target {
                for place in found {
                    self.enter(place, Kind::Template, file.context);
                }
            }
        }
    }
}

fn is_code(place: &Place) -> bool {
    !super::files::is_prose(&place.path)
        && !place.name().starts_with('.')
        && !place.path.contains("__pycache__/")
}

fn is_false(node: &Node) -> bool {
    let text = node.text().unwrap_or_default().to_ascii_lowercase();
    matches!(text.as_str(), "false" | "no" | "off" | "n" | "0")
}

pub(super) fn is_plain_strategy(name: &str) -> bool {
    matches!(builtin(name), "linear" | "free")
}
