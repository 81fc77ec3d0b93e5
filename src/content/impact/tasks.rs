//! Tasks, handlers, blocks and roles.

use std::rc::Rc;

use super::super::arguments::Arguments;
use super::super::jinja::is_template;
use super::super::rules::builtin;
use super::super::yaml::{Content, Node};
use super::graph::{Follow, Key, Kind, name_of};
use super::names::Loop;
use super::read::Reading;

/// What stands at a task beside its module.
const KEYWORDS: [&str; 51] = [
    "action",
    "always",
    "any_errors_fatal",
    "args",
    "async",
    "become",
    "become_exe",
    "become_flags",
    "become_method",
    "become_user",
    "block",
    "changed_when",
    "check_mode",
    "collections",
    "connection",
    "debugger",
    "delay",
    "delegate_facts",
    "delegate_to",
    "diff",
    "environment",
    "failed_when",
    "ignore_errors",
    "ignore_unreachable",
    "listen",
    "local_action",
    "loop",
    "loop_control",
    "module_defaults",
    "name",
    "no_log",
    "notify",
    "poll",
    "port",
    "register",
    "remote_user",
    "rescue",
    "retries",
    "run_once",
    "tags",
    "throttle",
    "timeout",
    "until",
    "vars",
    "when",
    "role",
    "apply",
    "public",
    "allow_duplicates",
    "rolespec_validate",
    "with",
];

/// Modules that read no files of the control node, even if they run there.
const HARMLESS: [&str; 22] = [
    "add_host",
    "assert",
    "async_status",
    "debug",
    "fail",
    "file",
    "find",
    "gather_facts",
    "getent",
    "group",
    "group_by",
    "include_role",
    "meta",
    "package_facts",
    "pause",
    "ping",
    "service",
    "set_fact",
    "set_stats",
    "setup",
    "user",
    "wait_for",
];

/// Modules that run a program, which can read any file.
const COMMANDS: [&str; 14] = [
    "command",
    "shell",
    "raw",
    "expect",
    "make",
    "terraform",
    "script",
    "docker_image",
    "podman_image",
    "docker_compose",
    "docker_compose_v2",
    "helm",
    "synchronize",
    "pip",
];

impl Reading<'_, '_> {
    pub(super) fn tasks(&mut self, list: &Rc<Node>) {
        if !list.is_empty() && !matches!(list.content, Content::List(_)) {
            let how = format!("tasks that are no list in {}:{}", self.path, list.line);
            self.facts.anything.push(how);
        }
        for node in list.items() {
            self.task(node);
        }
    }

    fn task(&mut self, node: &Rc<Node>) {
        let Some(left) = self.tasks_left.checked_sub(1) else {
            return self.facts.anything.push(format!("{} has more tasks than are followed", self.path));
        };
        self.tasks_left = left;
        if node.entries().is_empty() {
            if !node.is_empty() {
                let how = format!("a task that is not understood in {}:{}", self.path, node.line);
                self.facts.anything.push(how);
            }
            return;
        }
        let (was_local, outer) = (self.is_local, self.vars.len());
        if let Some(vars) = node.get("vars") {
            self.vars.push(Rc::clone(vars));
            self.definitions(vars);
        }
        self.is_local |= runs_locally(node);
        let repeated = Loop::of(node, self.vars.clone());
        for (key, value) in node.named() {
            match key {
                "block" | "rescue" | "always" => self.tasks(value),
                "action" | "local_action" => self.action(value, node, &repeated),
                _ if KEYWORDS.contains(&key) || key.starts_with("with_") => {}
                _ => self.module(key, &Arguments::of(value, node.get("args")), (node, value), &repeated),
            }
        }
        for (key, value) in node.named() {
            match key {
                "with_fileglob" | "with_first_found" | "with_file" | "with_template" => {
                    for text in value.each_text() {
                        self.uses(text, &Loop::default(), value.line);
                    }
                }
                "with_filetree" | "with_lines" | "with_ini" | "with_csvfile" => {
                    let how = self.at(key, value.line);
                    self.facts.anything.push(how);
                }
                _ => {}
            }
        }
        self.texts(node);
        self.is_local = was_local;
        self.vars.truncate(outer);
    }

    /// `action: module key=value` or `action: {module: …}`.
    fn action(&mut self, value: &Rc<Node>, node: &Rc<Node>, repeated: &Loop) {
        let (name, arguments) = match value.text() {
            Some(text) => {
                let (name, rest) = text.trim().split_once(char::is_whitespace).unwrap_or((text.trim(), ""));
                let mut arguments = Arguments::of(value, node.get("args"));
                arguments.take_inline(rest);
                (Some(name), arguments)
            }
            None => (value.get("module").and_then(|it| it.text()), Arguments::of(value, node.get("args"))),
        };
        if let Some(name) = name.filter(|it| !is_template(it)) {
            self.module(name, &arguments, (node, value), repeated);
        } else {
            let how = format!("an action that is not written out in {}:{}", self.path, value.line);
            self.facts.anything.push(how);
        }
    }

    fn module(
        &mut self,
        name: &str,
        arguments: &Arguments<'_>,
        (task, value): (&Rc<Node>, &Rc<Node>),
        repeated: &Loop,
    ) {
        let line = arguments.line;
        let short = builtin(name);
        match short {
            "add_host" | "group_by" => self.facts.makes_hosts = true,
            "include_tasks" | "import_tasks" | "include" => {
                if value.get("apply").is_some_and(|it| runs_locally(it)) {
                    let how = format!("tasks on the control node, included in {}:{line}", self.path);
                    self.facts.anything.push(how);
                }
                self.included(&["file", "_raw_params"], Kind::Tasks, arguments, repeated);
            }
            "include_vars" => self.include_vars(arguments, repeated),
            "include_role" | "import_role" => match arguments.get("name").or_else(|| arguments.get("role")) {
                Some(role) => {
                    for from in ["tasks_from", "handlers_from", "vars_from", "defaults_from"] {
                        if arguments.get(from).is_some_and(|it| it.contains("..")) {
                            let how = format!("{from} outside of the role in {}:{line}", self.path);
                            self.facts.anything.push(how);
                        }
                    }
                    self.role(&role, &[], repeated, line);
                }
                None => self.facts.anything.push(format!("{name} without a name in {}:{line}", self.path)),
            },
            "set_fact" => {
                self.definitions(value);
                self.facts.sets.extend(value.named().map(|it| it.0.to_owned()));
                for (key, text) in &arguments.inline {
                    self.facts.defines.push((key.clone(), Some(text.clone())));
                    self.facts.sets.insert(key.clone());
                }
            }
            _ => {}
        }
        self.sources(short, arguments, value, repeated);
        self.things(short, arguments, task, repeated);
    }

    /// The files of the control node that a module reads.
    fn sources(&mut self, module: &str, arguments: &Arguments<'_>, value: &Rc<Node>, repeated: &Loop) {
        let line = arguments.line;
        let last = module.rsplit('.').next().unwrap_or_default();
        let is_yes = |key: &str| {
            let text = arguments.get(key).unwrap_or_default().to_ascii_lowercase();
            matches!(text.as_str(), "yes" | "true" | "on" | "1" | "y" | "t")
        };
        let is_template_module = matches!(last, "template" | "win_template");
        let has_whole =
            value.text().is_some_and(|it| it.trim().starts_with("{{") && it.trim().ends_with("}}"));
        if has_whole && (is_template_module || matches!(last, "copy" | "win_copy" | "unarchive" | "tree")) {
            let how = format!("arguments that are made from variables in {}:{line}", self.path);
            self.facts.anything.push(how);
        }
        if is_template_module {
            for key in ["variable_start_string", "block_start_string", "comment_start_string"] {
                if arguments.get(key).is_some() {
                    let how = format!("other delimiters of Jinja in {}:{line}", self.path);
                    self.facts.anything.push(how);
                }
            }
            if let Some(source) = arguments.get("src") {
                self.follow(&source, repeated, Some(Kind::Template), line);
            }
        } else if last == "script" {
            let command = arguments.get("cmd").unwrap_or_else(|| arguments.free.clone());
            let program = super::super::arguments::words(&command).first().map(|it| (*it).to_owned());
            self.uses(&program.unwrap_or_default(), repeated, line);
        } else if !matches!(last, "file" | "mount" | "fetch" | "win_file") && !is_yes("remote_src") {
            let is_remote = last == "assemble" && arguments.get("remote_src").is_none();
            for source in arguments.get("src").into_iter().filter(|_| !is_remote) {
                self.uses(&source, repeated, line);
            }
        }
        self.template_argument(arguments, repeated);
        self.local_sources(last, value, repeated);
    }

    /// What a module reads if the task runs on the control node.
    fn local_sources(&mut self, module: &str, value: &Rc<Node>, repeated: &Loop) {
        if COMMANDS.contains(&module) {
            let how = format!("{}, on the control node", self.at(module, value.line));
            let list =
                if self.is_local { &mut self.facts.anything } else { &mut self.facts.anything_if_local };
            return list.push(how);
        }
        if HARMLESS.contains(&module) {
            return;
        }
        let mut texts: Vec<&str> = value.each_text().collect();
        texts.extend(value.named().flat_map(|it| it.1.each_text()));
        for text in texts.into_iter().filter(|it| is_template(it)).take(50) {
            let how = self.at(text, value.line);
            let name = name_of(text, repeated, (&self.context, &self.here), None, how);
            let list = if self.is_local { &mut self.facts.names } else { &mut self.facts.names_if_local };
            list.push(name);
        }
    }

    /// A module that fills in a template by itself: a name, a list of names, or mappings with a `path`.
    fn template_argument(&mut self, arguments: &Arguments<'_>, repeated: &Loop) {
        let Some(node) = arguments.named.get("template") else { return };
        let paths = node.items().iter().chain(std::iter::once(*node)).filter_map(|it| it.get("path"));
        let names: Vec<String> =
            node.each_text().chain(paths.filter_map(|it| it.text())).map(str::to_owned).collect();
        for name in names {
            self.follow(&name, repeated, Some(Kind::Template), arguments.line);
        }
    }

    fn included(&mut self, keys: &[&str], kind: Kind, arguments: &Arguments<'_>, repeated: &Loop) {
        let free = Some(arguments.free.trim().to_owned()).filter(|it| !it.is_empty());
        if let Some(name) = keys.iter().find_map(|it| arguments.get(it)).or(free) {
            self.follow(&name, repeated, Some(kind), arguments.line);
        } else {
            let how = format!("an include without a name in {}:{}", self.path, arguments.line);
            self.facts.anything.push(how);
        }
    }

    fn include_vars(&mut self, arguments: &Arguments<'_>, repeated: &Loop) {
        let from = self.facts.next.len();
        if let Some(directory) = arguments.get("dir") {
            self.uses(&directory, repeated, arguments.line);
            let bases = super::graph::bases(&self.context, &self.here, Some(Kind::Variables));
            let found: Vec<_> = bases.iter().filter_map(|it| it.join(&directory)).collect();
            for file in found.iter().flat_map(|it| self.graph.tree.below(it).collect::<Vec<_>>()) {
                let context = self.context.clone();
                self.facts.next.push(Key { place: file, kind: Kind::Variables, context });
            }
        } else {
            self.included(&["file", "_raw_params"], Kind::Variables, arguments, repeated);
        }
        // What is read so stays for the plays that follow.
        for key in self.facts.next.get(from..).unwrap_or_default().to_vec() {
            let found = self.graph.facts(&key);
            self.facts.sets.extend(found.defines.iter().map(|it| it.0.clone()));
        }
    }

    /// What a role depends on, in its `meta/main.yml`.
    pub(super) fn dependencies(&mut self, root: &Rc<Node>) {
        let collections: Vec<String> =
            root.get("collections").into_iter().flat_map(|it| it.each_text()).map(str::to_owned).collect();
        for node in root.get("dependencies").into_iter().flat_map(|it| it.items()) {
            self.named_role(node, &collections);
        }
    }

    /// A role in a list of roles.
    pub(super) fn named_role(&mut self, node: &Rc<Node>, collections: &[String]) {
        self.definitions(node);
        let name = node.text().or_else(|| ["role", "name", "src"].iter().find_map(|it| node.get(it)?.text()));
        if let Some(name) = name.map(str::to_owned) {
            self.role(&name, collections, &Loop::default(), node.line);
        } else {
            let how = format!("a role without a name in {}:{}", self.path, node.line);
            self.facts.anything.push(how);
        }
    }

    fn role(&mut self, name: &str, collections: &[String], repeated: &Loop, line: usize) {
        if is_template(name) {
            return self.follow(name, repeated, None, line);
        }
        let found = self.graph.roles(name, collections, &self.context);
        if found.is_empty() {
            let how = format!("the role {name}, which is not in the repository, in {}:{line}", self.path);
            self.facts.anything.push(how);
        }
        for place in found {
            let context = self.context.clone();
            self.facts.next.push(Key { place, kind: Kind::Role, context });
        }
    }
}

impl Follow {
    /// What is said if it stays open.
    pub(super) fn why(&self) -> String {
        format!("{}, which can be anything", self.name.how)
    }
}

/// Whether a task, a block or a play runs on the control node, or may.
pub(super) fn runs_locally(node: &Node) -> bool {
    let is_local = |it: &str| matches!(it, "localhost" | "127.0.0.1" | "::1") || is_template(it);
    node.get("local_action").is_some()
        || node.get("delegate_to").and_then(|it| it.text()).is_some_and(is_local)
        || node
            .get("connection")
            .and_then(|it| it.text())
            .is_some_and(|it| builtin(it) == "local" || is_template(it))
}
