//! Follows a playbook through the files that it reads.

use std::collections::{BTreeSet, VecDeque};

use memchr::memmem;

use super::files::{Context, Place, Target, Tree, is_prose, is_yaml};
use super::inventory::Settings;
use super::rules::{Found, Named};
use super::yaml::{self, Content, Node, Yaml};
use super::{Files, Refusal};

/// How many files are followed at most.
const MOST_FILES: usize = 20_000;
/// How many tasks are looked at, those of repeated aliases included.
const MOST_TASKS: usize = 500_000;
/// Larger files are not read.
const LARGEST: usize = 8 * 1024 * 1024;
const J2: &str = ".j2";
const VAULTED: &[u8] = b"$ANSIBLE_VAULT";

/// What a file is read as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Playbook,
    Tasks,
    Variables,
    /// What a role depends on.
    RoleMeta,
    Template,
    /// An inventory that is not YAML.
    Inventory,
}

pub(super) struct Walk<'a> {
    pub(super) tree: Tree<'a>,
    pub(super) settings: Settings,
    /// The path of the inventory.
    inventory: String,
    refusals: BTreeSet<Refusal>,
    waiting: VecDeque<(Place, Kind, Context)>,
    seen: BTreeSet<(Place, Kind, Context)>,
    pub(super) roles: BTreeSet<(Place, Place)>,
    /// How many tasks may still be looked at.
    pub(super) tasks_left: usize,
    /// Plays on the control node, and whether there are others.
    pub(super) local_plays: Vec<(Place, usize)>,
    pub(super) has_remote_plays: bool,
}

/// A file that is being looked at.
pub(super) struct File<'f> {
    pub(super) place: &'f Place,
    pub(super) context: &'f Context,
    pub(super) source: &'f str,
}

impl File<'_> {
    /// The directory of the file.
    pub(super) fn here(&self) -> Place {
        self.place.parent()
    }
}

impl<'a> Walk<'a> {
    pub(super) fn new(files: &'a dyn Files, roots: &[&'a dyn Files]) -> Self {
        Self {
            tree: Tree::new(files, roots),
            settings: Settings::default(),
            inventory: String::new(),
            refusals: BTreeSet::new(),
            waiting: VecDeque::new(),
            seen: BTreeSet::new(),
            roles: BTreeSet::new(),
            tasks_left: MOST_TASKS,
            local_plays: Vec::new(),
            has_remote_plays: false,
        }
    }

    pub(super) fn all(mut self, playbook: &str, inventory: &str) -> Vec<Refusal> {
        let root = Place { root: 0, path: String::new() };
        let normal = |path: &str| root.join(path).unwrap_or_else(|| Place { root: 0, path: path.to_owned() });
        let playbook = normal(playbook);
        self.inventory = normal(inventory).path;
        self.read_settings(&root);
        self.inventory(inventory, &playbook);
        self.playbook(&playbook);
        while let Some((place, kind, context)) = self.waiting.pop_front() {
            self.visit(&place, kind, &context);
        }
        if self.has_remote_plays {
            for (place, line) in std::mem::take(&mut self.local_plays) {
                self.refuse("a play on localhost beside others", &place, line);
            }
        }
        self.used_collections();
        self.refusals.into_iter().collect()
    }

    pub(super) fn refuse(&mut self, construct: impl Into<String>, place: &Place, line: usize) {
        self.refusals.insert(Refusal { path: place.path.clone(), line, construct: construct.into() });
    }

    /// Follows a playbook, with what Ansible reads beside it.
    pub(super) fn playbook(&mut self, place: &Place) {
        let context = Context { playbook: place.parent(), role: None };
        self.enter(place.clone(), Kind::Playbook, &context);
    }

    /// Has a file looked at, once for each context.
    pub(super) fn enter(&mut self, place: Place, kind: Kind, context: &Context) {
        let entry = (place, kind, context.clone());
        if self.seen.len() == MOST_FILES {
            self.refuse("more files than are followed", &entry.0, 1);
        } else if self.seen.insert(entry.clone()) {
            self.waiting.push_back(entry);
        }
    }

    /// All variables below a directory.
    pub(super) fn variables_below(&mut self, directory: &Place, context: &Context) {
        let files: Vec<Place> = self.tree.below(directory).filter(is_variables).collect();
        for file in files {
            self.enter(file, Kind::Variables, context);
        }
    }

    /// The files that a name stands for, to be read as `kind`; a name that can be anything is refused, or stands
    /// for all of that kind in the repository.
    pub(super) fn follow(&mut self, what: &str, name: &str, kind: Kind, file: &File<'_>, line: usize) {
        let directory = match kind {
            Kind::Template => "templates",
            Kind::Variables => "vars",
            _ => "tasks",
        };
        match file.context.resolve(&self.tree, name, directory, &file.here()) {
            Target::Files(found) => {
                for place in found {
                    self.enter(place, kind, file.context);
                }
            }
            Target::Missing => self.refuse(format!("{what} {name} cannot be found"), file.place, line),
            Target::Open if matches!(kind, Kind::Template | Kind::Variables) => {
                self.enter_all(kind, name, file.context);
            }
            Target::Open => self.refuse(format!("{what} with a templated name"), file.place, line),
        }
    }

    /// Everything in the repository that `name` could mean.
    fn enter_all(&mut self, kind: Kind, name: &str, context: &Context) {
        let inventory = self.inventory.clone();
        let is_read_otherwise = |it: &Place| {
            is_yaml(&it.path)
                || [".py", ".cfg"].iter().any(|end| it.path.ends_with(end))
                || it.path.strip_prefix(&inventory).is_some_and(|it| it.is_empty() || it.starts_with('/'))
        };
        let is_named_so = name.ends_with(J2);
        let is_meant = |it: &Place| match kind {
            Kind::Template if it.path.contains("templates/") || is_named_so => {
                !is_named_so || it.path.ends_with(J2)
            }
            Kind::Template => !is_prose(&it.path) && !is_read_otherwise(it),
            _ => is_yaml(&it.path),
        };
        let root = Place { root: 0, path: String::new() };
        let files: Vec<Place> =
            self.tree.below(&root).filter(|it| !it.path.starts_with(".git/") && is_meant(it)).collect();
        for place in files {
            // A file with a list cannot be read as variables: it holds tasks or plays.
            let is_list =
                || self.read(&place).and_then(|it| yaml::parse(&it).ok()).is_some_and(|it| is_list(&it));
            if kind == Kind::Template || !is_list() {
                self.enter(place, kind, context);
            }
        }
    }

    fn read(&self, place: &Place) -> Option<String> {
        let bytes = self.tree.read(place).filter(|it| it.len() <= LARGEST)?;
        String::from_utf8(bytes.into_owned()).ok()
    }

    fn visit(&mut self, place: &Place, kind: Kind, context: &Context) {
        let Some(bytes) = self.tree.read(place).filter(|it| it.len() <= LARGEST) else {
            return self.refuse("a file that cannot be read", place, 1);
        };
        if bytes.starts_with(VAULTED) {
            if kind != Kind::Variables {
                self.refuse("a vaulted file", place, 1);
            }
            return;
        }
        let source = match String::from_utf8(bytes.into_owned()) {
            Ok(it) => it,
            Err(error) if matches!(kind, Kind::Template | Kind::Inventory) => {
                String::from_utf8_lossy(error.as_bytes()).into_owned()
            }
            Err(_) => return self.refuse("a file that is not UTF-8", place, 1),
        };
        let file = File { place, context, source: &source };
        match kind {
            Kind::Template => self.template(&source, &file),
            Kind::Inventory => self.template(&super::inventory::without_comments(&source), &file),
            _ => match yaml::parse(&source) {
                Ok(yaml) => self.document(&yaml, kind, &file),
                Err(line) => self.refuse("a file that cannot be read as YAML", place, line),
            },
        }
    }

    fn template(&mut self, text: &str, file: &File<'_>) {
        let header = text.lines().next().unwrap_or_default();
        if header.starts_with("#jinja2:") && header.contains("_start_string") {
            self.refuse("other delimiters of Jinja", file.place, 1);
        }
        let line_of = |_: &str, at: usize| text[..at].matches('\n').count() + 1;
        self.found(Found::in_template(text), file, line_of);
    }

    fn document(&mut self, yaml: &Yaml, kind: Kind, file: &File<'_>) {
        for node in &yaml.texts {
            if matches!(kind, Kind::Tasks | Kind::Playbook) {
                self.named_templates(node, file);
            }
            if let Some(text) = node.text().filter(|it| it.contains('{')) {
                self.found(Found::in_template(text), file, |word, at| node.line_of(file.source, word, at));
            }
        }
        for root in &yaml.roots {
            match kind {
                Kind::Playbook => self.plays(root, file),
                Kind::Tasks => self.tasks(root, file),
                Kind::RoleMeta => self.dependencies(root, file),
                _ => {}
            }
        }
    }

    /// Takes up what was found in a text.
    pub(super) fn found(&mut self, found: Found, file: &File<'_>, line_of: impl Fn(&str, usize) -> usize) {
        for it in found.refused {
            self.refuse(it.construct, file.place, line_of(&it.word, it.at));
        }
        for Named { name, at } in found.templates {
            let line = line_of("template", at);
            self.follow("template", name.as_deref().unwrap_or("{{ }}"), Kind::Template, file, line);
        }
    }

    /// A condition, or a list of them.
    pub(super) fn condition(&mut self, node: &Node, file: &File<'_>) {
        for it in node.items() {
            self.condition(it, file);
        }
        let Some(text) = node.text() else { return };
        if super::jinja::is_template(text) {
            // What comes out is evaluated as a condition again.
            self.refuse("a templated condition", file.place, node.line);
        }
        self.found(Found::in_condition(text), file, |word, at| node.line_of(file.source, word, at));
    }

    /// Collections in the repository whose plugins can see everything, if anything names one of them.
    fn used_collections(&mut self) {
        let seen: BTreeSet<Place> = self.seen.iter().map(|it| it.0.clone()).collect();
        for (name, plugin) in self.collections_with_plugins() {
            let uses = |it: &&Place| {
                self.tree.read(it).is_some_and(|text| memmem::find(&text, name.as_bytes()).is_some())
            };
            if seen.iter().any(|it| uses(&it)) {
                self.refuse("a custom plugin", &plugin, 1);
            }
        }
    }
}

fn is_list(yaml: &Yaml) -> bool {
    yaml.roots.first().is_some_and(|it| matches!(it.content, Content::List(_)))
}

/// Whether Ansible reads a file in a directory of variables.
fn is_variables(place: &Place) -> bool {
    let name = place.name();
    !name.starts_with('.') && !name.ends_with('~') && (is_yaml(name) || !name.contains('.') || is_host(name))
}

/// A file can be named after a host: `web1.example.org`. Ansible takes it only without an ending, and an ending of
/// another kind of file is none of a host.
fn is_host(name: &str) -> bool {
    !is_prose(name)
        && ![".txt", ".bak", ".orig", ".swp", ".j2", ".py", ".sh"].iter().any(|it| name.ends_with(it))
}
