//! Tasks, handlers and blocks.

use std::rc::Rc;

use super::arguments::Arguments;
use super::jinja::is_template;
use super::rules::builtin;
use super::walk::{File, Kind, Walk};
use super::yaml::{Content, Node};

/// What `meta` does for one host at a time; everything else it decides for all hosts by the first one.
const META_OF_ONE_HOST: [&str; 6] =
    ["noop", "reset_connection", "end_host", "end_role", "flush_handlers", "role_complete"];

impl Walk<'_> {
    pub(super) fn tasks(&mut self, list: &Node, file: &File<'_>) {
        if !list.is_empty() && !matches!(list.content, Content::List(_)) {
            self.refuse("tasks that are no list", file.place, list.line);
        }
        for node in list.items() {
            self.task(node, file);
        }
    }

    fn task(&mut self, node: &Node, file: &File<'_>) {
        if self.tasks_left == 0 {
            return self.refuse("more tasks than are followed", file.place, node.line);
        }
        self.tasks_left -= 1;
        if node.entries().is_empty() {
            if !node.is_empty() {
                self.refuse("a task that is not understood", file.place, node.line);
            }
            return;
        }
        self.keywords(node, file);
        for (key, value) in node.named() {
            match key {
                "block" | "rescue" | "always" => self.tasks(value, file),
                "action" | "local_action" => self.action(value, node, file),
                "with_template" => {
                    for name in value.each_text() {
                        self.follow("template", name, Kind::Template, file, value.line);
                    }
                }
                _ => self.module(key, &Arguments::of(value, node.get("args")), file),
            }
        }
    }

    /// `action: module key=value` or `action: {module: …}`.
    fn action(&mut self, value: &Rc<Node>, node: &Node, file: &File<'_>) {
        let (name, arguments) = match value.text() {
            Some(text) => {
                let (name, rest) = text.trim().split_once(char::is_whitespace).unwrap_or((text.trim(), ""));
                let mut arguments = Arguments::of(value, node.get("args"));
                arguments.take_inline(rest);
                (name, arguments)
            }
            None => match value.get("module").and_then(|it| it.text()) {
                Some(name) => (name, Arguments::of(value, node.get("args"))),
                None => return self.refuse("an action without a module", file.place, value.line),
            },
        };
        if is_template(name) {
            return self.refuse("a templated action", file.place, value.line);
        }
        self.module(name, &arguments, file);
    }

    fn module(&mut self, name: &str, arguments: &Arguments<'_>, file: &File<'_>) {
        let line = arguments.line;
        match builtin(name) {
            short @ ("add_host" | "group_by") => self.refuse(short, file.place, line),
            "include" => self.refuse("include", file.place, line),
            "meta" => {
                let action = arguments.free.trim();
                if !META_OF_ONE_HOST.contains(&action) {
                    self.refuse(format!("meta: {action}"), file.place, line);
                }
            }
            short @ ("include_tasks" | "import_tasks") => {
                self.named_file(short, &["file", "_raw_params"], Kind::Tasks, arguments, file);
            }
            "include_vars" => self.include_vars(arguments, file),
            "include_role" | "import_role" => match arguments.get("name").or_else(|| arguments.get("role")) {
                Some(role) => {
                    for from in ["tasks_from", "handlers_from", "vars_from", "defaults_from"] {
                        if arguments.get(from).is_some_and(|it| it.contains("..")) {
                            self.refuse(format!("{from} outside of the role"), file.place, line);
                        }
                    }
                    self.role(&role, &[], file, line);
                }
                None => self.refuse(format!("{name} without a name"), file.place, line),
            },
            "template" | "win_template" | "ansible.windows.win_template" => {
                for delimiter in ["variable_start_string", "block_start_string", "comment_start_string"] {
                    if arguments.get(delimiter).is_some() {
                        self.refuse("other delimiters of Jinja", file.place, line);
                    }
                }
                self.named_file("template", &["src"], Kind::Template, arguments, file);
            }
            "k8s" | "kubernetes.core.k8s" | "community.kubernetes.k8s" => {
                self.template_argument(arguments, file);
            }
            "debug" => self.condition_arguments("var", arguments, file),
            "assert" => self.condition_arguments("that", arguments, file),
            _ => {}
        }
    }

    /// Follows the file that one of the arguments names.
    fn named_file(
        &mut self,
        what: &str,
        keys: &[&str],
        kind: Kind,
        arguments: &Arguments<'_>,
        file: &File<'_>,
    ) {
        let free =
            Some(arguments.free.trim().to_owned()).filter(|it| !it.is_empty() && kind != Kind::Template);
        match keys.iter().find_map(|it| arguments.get(it)).or(free) {
            Some(name) => self.follow(what, &name, kind, file, arguments.line),
            None => self.refuse(format!("{what} without a name"), file.place, arguments.line),
        }
    }

    fn include_vars(&mut self, arguments: &Arguments<'_>, file: &File<'_>) {
        let Some(directory) = arguments.get("dir") else {
            return self.named_file(
                "include_vars",
                &["file", "_raw_params"],
                Kind::Variables,
                arguments,
                file,
            );
        };
        let here = file.here();
        let role = file.context.role.clone();
        let bases = [Some(here.clone()), Some(here.parent()), role, Some(file.context.playbook.clone())];
        let candidates = bases
            .into_iter()
            .flatten()
            .flat_map(|it| [it.join(&directory), it.join("vars").and_then(|it| it.join(&directory))]);
        let found: Vec<_> = candidates.flatten().filter(|it| self.tree.is_directory(it)).collect();
        if found.is_empty() || is_template(&directory) || directory.starts_with('/') {
            self.refuse(
                format!("include_vars: directory {directory} cannot be found"),
                file.place,
                arguments.line,
            );
        }
        for directory in found {
            self.variables_below(&directory, file.context);
        }
    }

    /// A module that fills in a template by itself: a name, a list of names, or mappings with a `path`.
    fn template_argument(&mut self, arguments: &Arguments<'_>, file: &File<'_>) {
        let Some(node) = arguments.named.get("template") else {
            if let Some(name) = arguments.get("template") {
                self.follow("template", &name, Kind::Template, file, arguments.line);
            }
            return;
        };
        let paths = node.items().iter().chain(std::iter::once(*node)).filter_map(|it| it.get("path"));
        let names: Vec<&str> = node.each_text().chain(paths.filter_map(|it| it.text())).collect();
        for name in names {
            self.follow("template", name, Kind::Template, file, arguments.line);
        }
    }

    /// Arguments that are expressions without braces.
    fn condition_arguments(&mut self, key: &str, arguments: &Arguments<'_>, file: &File<'_>) {
        if let Some(node) = arguments.named.get(key) {
            self.condition(node, file);
        } else if let Some(text) = arguments.inline.get(key) {
            let line = arguments.line;
            self.found(super::rules::Found::in_condition(text), file, |_, _| line);
        }
    }
}
