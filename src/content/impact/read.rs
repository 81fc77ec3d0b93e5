//! Reads one file for what it leads to and what it uses.

use std::collections::{BTreeMap, HashSet};
use std::rc::Rc;

use super::super::files::{Context, Place};
use super::super::jinja::{Placed, Word, expression, expressions, is_template};
use super::super::rules::{Found, builtin};
use super::super::yaml::{Content, Node, Yaml};
use super::graph::{Facts, Follow, Graph, Key, Kind, bases, name_of};
use super::names::Loop;

/// How many tasks of a file are looked at, those of repeated aliases included.
const MOST_TASKS: usize = 100_000;

/// A file that is being read.
pub(super) struct Reading<'r, 'a> {
    pub(super) graph: &'r mut Graph<'a>,
    pub(super) path: String,
    pub(super) here: Place,
    pub(super) context: Context,
    bases: Vec<Place>,
    pub(super) facts: Facts,
    seen: HashSet<*const Node>,
    pub(super) tasks_left: usize,
    kind: Kind,
    /// `vars` of the task and of the blocks around it.
    pub(super) vars: Vec<Rc<Node>>,
    /// Whether tasks run on the control node.
    pub(super) is_local: bool,
}

impl<'r, 'a> Reading<'r, 'a> {
    pub(super) fn of(graph: &'r mut Graph<'a>, key: &Key) -> Self {
        let here = key.place.parent();
        let bases = bases(&key.context, &here, None);
        let itself = (key.place.root == 0).then(|| key.place.path.clone());
        let facts = Facts { itself, ..Facts::default() };
        Self {
            graph,
            path: key.place.path.clone(),
            here,
            context: key.context.clone(),
            bases,
            facts,
            seen: HashSet::new(),
            tasks_left: MOST_TASKS,
            kind: key.kind,
            vars: Vec::new(),
            is_local: false,
        }
    }

    /// Where something stands.
    pub(super) fn at(&self, text: &str, line: usize) -> String {
        let shown: String = text.trim().chars().take(80).collect();
        let shown = shown.replace('\n', " ");
        format!("`{shown}` in {}:{line}", self.path)
    }

    pub(super) fn document(&mut self, yaml: &Yaml) {
        for root in &yaml.roots {
            match self.kind {
                Kind::Tasks => self.tasks(root),
                Kind::RoleMeta => self.dependencies(root),
                _ => self.definitions(root),
            }
            self.texts(root);
        }
    }

    /// What all texts below a node use. Each is looked at once.
    pub(super) fn texts(&mut self, node: &Rc<Node>) {
        if !self.seen.insert(Rc::as_ptr(node)) {
            return;
        }
        match &node.content {
            Content::Text(text) => {
                if self.kind == Kind::Tasks {
                    self.paths(text);
                }
                self.mention(text, false);
                if is_template(text) {
                    self.template(text, node.line);
                }
            }
            Content::Opaque => {}
            Content::List(items) => items.iter().for_each(|it| self.texts(it)),
            Content::Map(entries) => {
                for (key, value) in entries {
                    if let Some(key) = key.text() {
                        self.keyword(key, value);
                    }
                    self.texts(key);
                    self.texts(value);
                }
            }
        }
    }

    /// Keywords that hold an expression without braces, or make one host decide for others.
    fn keyword(&mut self, key: &str, value: &Rc<Node>) {
        match key {
            "when" | "failed_when" | "changed_when" | "until" | "break_when" | "that" | "var" => {
                for text in value.each_text() {
                    let words = expression(text);
                    self.words(&words, value.line);
                    self.take(Found::in_condition(text), value.line);
                }
            }
            "run_once" | "delegate_facts" => self.facts.looks_around = true,
            "register" => {
                if let Some(name) = value.text() {
                    self.facts.defines.push((name.to_owned(), None));
                    self.facts.sets.insert(name.to_owned());
                }
            }
            _ => {}
        }
    }

    /// Files that a text names.
    pub(super) fn mention(&mut self, text: &str, is_file: bool) {
        let found = self.graph.mentioned(text, &self.bases, is_file);
        self.facts.uses.extend(found);
    }

    fn paths(&mut self, text: &str) {
        let signs = |it: char| it.is_whitespace() || "\"'=,()[]{}|;<>`".contains(it);
        for word in text.split(signs).filter(|it| it.starts_with('/') && 1 < it.len()) {
            self.facts.paths.insert(word.trim_end_matches('/').to_owned());
        }
    }

    /// A text with expressions between braces.
    pub(super) fn template(&mut self, text: &str, line: usize) {
        let header = text.lines().next().unwrap_or_default();
        if header.starts_with("#jinja2:") && header.contains("_start_string") {
            self.facts.anything.push(format!("{} has other delimiters of Jinja", self.path));
        }
        for it in expressions(text) {
            self.words(&it.words, line);
        }
        self.take(Found::in_template(text), line);
    }

    /// Takes up what the rules of narrowing find: what looks at other hosts, and other templates.
    fn take(&mut self, found: Found, line: usize) {
        self.facts.looks_around |= !found.refused.is_empty();
        for it in found.templates {
            let text = it.name.unwrap_or_else(|| "{{ 1 }}".to_owned());
            self.follow(&text, &Loop::default(), Some(Kind::Template), line);
        }
    }

    fn words(&mut self, words: &[Placed<'_>], line: usize) {
        for (index, (word, _)) in words.iter().enumerate() {
            match word {
                Word::Name(name) => {
                    let calls = words.get(index + 1).is_some_and(|it| it.0 == Word::Sign('('));
                    if calls && matches!(*name, "lookup" | "query" | "q") {
                        self.lookup(&words[index + 2..], line);
                    }
                    self.facts.words.insert((*name).to_owned());
                }
                Word::Text(text) => {
                    self.facts.words.insert((*text).to_owned());
                    self.mention(text, true);
                }
                Word::Sign(_) => {}
            }
        }
    }

    /// Lookups read files of the control node.
    fn lookup(&mut self, arguments: &[Placed<'_>], line: usize) {
        let Some((Word::Text(plugin), _)) = arguments.first() else {
            let how = format!("a lookup whose plugin is not written out in {}:{line}", self.path);
            return self.facts.anything.push(how);
        };
        let plugin = builtin(plugin);
        match plugin {
            "pipe" | "lines" | "filetree" => {
                self.facts.anything.push(format!("lookup('{plugin}') in {}:{line}", self.path));
            }
            "file" | "template" | "fileglob" | "csvfile" | "ini" | "unvault" | "first_found" => {
                let argument = argument(&arguments[1..]);
                if plugin == "first_found"
                    && let [Word::Name(name), ..] = argument.as_slice()
                {
                    let how = format!("{{{{ lookup('first_found', {name}) }}}}");
                    let repeated = Loop { vars: self.vars.clone(), ..Loop::default() };
                    return self.uses(&how, &repeated, line);
                }
                match argument.as_slice() {
                    [Word::Text(name)] => self.uses(name, &Loop::default(), line),
                    words if words.iter().all(|it| !matches!(it, Word::Name(_))) => {
                        for word in words {
                            if let Word::Text(name) = word {
                                self.uses(name, &Loop::default(), line);
                            }
                        }
                    }
                    [Word::Name(name)] if *name != "item" => {
                        self.uses(&format!("{{{{ {name} }}}}"), &Loop::default(), line);
                    }
                    words => self.open_lookup(plugin, words, line),
                }
            }
            _ if plugin.contains('.') || OTHER_LOOKUPS.contains(&plugin) => {}
            _ => {
                let how =
                    format!("lookup('{plugin}'), which is not one of Ansible's own, in {}:{line}", self.path);
                self.facts.anything.push(how);
            }
        }
    }

    /// `'a/' ~ x ~ '.pem'`: what is written out of it can be compared.
    fn open_lookup(&mut self, plugin: &str, words: &[Word<'_>], line: usize) {
        let mut text = String::new();
        for word in words {
            match word {
                Word::Text(part) => text.push_str(part),
                Word::Name("item") => text.push_str("{{ item }}"),
                Word::Name(name) if words.len() <= 7 => {
                    text.push_str("{{ ");
                    text.push_str(name);
                    text.push_str(" }}");
                }
                Word::Sign('~' | '+') => {}
                _ => {
                    return self.facts.anything.push(format!("lookup('{plugin}') in {}:{line}", self.path));
                }
            }
        }
        self.uses(&text, &Loop::default(), line);
    }

    /// A name of a file that is used, not read.
    pub(super) fn uses(&mut self, text: &str, repeated: &Loop, line: usize) {
        let how = self.at(text, line);
        let name = name_of(text, repeated, (&self.context, &self.here), None, how);
        self.mention(text, true);
        self.facts.names.push(name);
    }

    /// A name of a file that is read, or of a role.
    pub(super) fn follow(&mut self, text: &str, repeated: &Loop, kind: Option<Kind>, line: usize) {
        let how = self.at(text, line);
        let name = name_of(text, repeated, (&self.context, &self.here), kind, how);
        let follow = Follow { name, kind, context: self.context.clone(), here: self.here.clone() };
        if !is_template(text)
            && let Some(found) = self.graph.targets(&follow, text)
        {
            return self.facts.next.extend(found);
        }
        if kind.is_some() {
            self.facts.names.push(follow.name.clone());
        }
        self.facts.follows.push(follow);
    }

    /// All variables that are written below a node, at any depth.
    pub(super) fn definitions(&mut self, node: &Rc<Node>) {
        let mut seen = HashSet::new();
        let mut waiting = vec![Rc::clone(node)];
        let mut texts: BTreeMap<String, Vec<Option<String>>> = BTreeMap::new();
        while let Some(node) = waiting.pop() {
            if !seen.insert(Rc::as_ptr(&node)) {
                continue;
            }
            waiting.extend(node.items().iter().cloned());
            for (key, value) in node.named() {
                let values = texts.entry(key.to_owned()).or_default();
                match &value.content {
                    Content::Text(text) => values.push(Some(text.clone())),
                    Content::Opaque => values.push(None),
                    Content::List(items) => {
                        values.extend(items.iter().filter_map(|it| it.text()).map(|it| Some(it.to_owned())));
                    }
                    Content::Map(_) => {}
                }
                waiting.push(Rc::clone(value));
            }
        }
        for (name, values) in texts {
            self.facts.defines.extend(values.into_iter().map(|it| (name.clone(), it)));
        }
    }
}

/// The words of the first argument behind the name of a plugin.
fn argument<'w>(words: &[Placed<'w>]) -> Vec<Word<'w>> {
    let mut depth = 0_usize;
    let mut found = Vec::new();
    for (word, _) in words.iter().skip(1) {
        match word {
            Word::Sign('(' | '[' | '{') => depth += 1,
            Word::Sign(')' | ']' | '}') if 0 < depth => depth -= 1,
            Word::Sign(')' | ',') if depth == 0 => break,
            _ => {}
        }
        found.push(*word);
    }
    if let [Word::Sign('['), inner @ .., Word::Sign(']')] = found.as_slice() {
        return inner.to_vec();
    }
    found
}

/// Lookups of Ansible that read no files of the repository.
const OTHER_LOOKUPS: [&str; 20] = [
    "config",
    "dict",
    "env",
    "indexed_items",
    "inventory_hostnames",
    "items",
    "list",
    "nested",
    "password",
    "random_choice",
    "sequence",
    "subelements",
    "together",
    "url",
    "varnames",
    "vars",
    "dig",
    "passwordstore",
    "hashi_vault",
    "keyring",
];
