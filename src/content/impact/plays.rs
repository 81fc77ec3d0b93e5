//! The plays of a playbook and of those that it imports.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::super::files::{Context, Place, is_yaml};
use super::super::jinja::is_template;
use super::super::rules::builtin;
use super::super::yaml::{self, Content, Node};
use super::digest::Digests;
use super::graph::{Facts, Graph, Key, Kind};
use super::read::Reading;
use super::tasks::runs_locally;

/// How many plays are looked at, those of playbooks that are imported twice included.
const MOST_PLAYS: usize = 2_000;
/// How many playbooks are read, those that are imported twice included.
const MOST_PLAYBOOKS: usize = 1_000;
/// How deep playbooks may import each other.
const DEEPEST: usize = 32;

/// What tells a play from the others: its file, name, pattern, and which of several like that it is.
pub(super) type PlayKey = (String, String, String, usize);

/// A play.
#[derive(Debug)]
pub(super) struct Play {
    pub(super) key: PlayKey,
    pub(super) line: usize,
    /// What it says, and what the imports on the way to it say.
    pub(super) digest: Vec<[u8; 32]>,
    /// Whether its tasks run on the control node.
    pub(super) is_local: bool,
    /// What stands in it.
    pub(super) facts: Rc<Facts>,
}

/// All plays, in order, and what could not be understood.
#[derive(Debug, Default)]
pub(super) struct Plays {
    pub(super) list: Vec<Play>,
    /// Why the playbook may use any file.
    pub(super) anything: Vec<String>,
    /// The playbooks.
    pub(super) files: BTreeSet<String>,
    /// The directories of the playbooks.
    pub(super) directories: BTreeSet<Place>,
    counts: BTreeMap<(String, String, String), usize>,
    /// How many playbooks were read.
    read: usize,
}

impl Plays {
    pub(super) fn read(graph: &mut Graph<'_>, playbook: &str) -> Self {
        let mut plays = Self::default();
        let root = Place { root: 0, path: String::new() };
        match root.join(playbook).filter(|it| graph.tree.is_file(it)) {
            Some(place) => plays.playbook(graph, &place, &[], 0),
            None => plays.anything.push(format!("the playbook {playbook} cannot be found")),
        }
        plays
    }

    fn playbook(&mut self, graph: &mut Graph<'_>, place: &Place, imports: &[[u8; 32]], depth: usize) {
        self.read += 1;
        if DEEPEST < depth || MOST_PLAYBOOKS < self.read {
            return self.anything.push(format!("{} is imported again and again", place.path));
        }
        if place.root == 0 {
            self.files.insert(place.path.clone());
            self.directories.insert(place.parent());
        }
        let path = &place.path;
        let bytes = graph.tree.read(place).map(std::borrow::Cow::into_owned);
        let Some(text) =
            bytes.filter(|it| it.len() <= super::LARGEST).and_then(|it| String::from_utf8(it).ok())
        else {
            return self.anything.push(format!("{path} cannot be read"));
        };
        let yaml = match yaml::parse(&text) {
            Ok(yaml) => yaml,
            Err(line) => return self.anything.push(format!("{path} cannot be read as YAML (line {line})")),
        };
        let mut digests = Digests::of(&text);
        for root in &yaml.roots {
            if !matches!(root.content, Content::List(_)) && !root.is_empty() {
                self.anything.push(format!("{path} is no list of plays"));
            }
            for node in root.items() {
                if MOST_PLAYS <= self.list.len() || MOST_PLAYBOOKS < self.read {
                    return self.anything.push("more plays than are looked at".to_owned());
                }
                let mut said = imports.to_vec();
                said.push(digests.digest(node));
                match node.named().find(|it| builtin(it.0) == "import_playbook") {
                    Some((_, name)) => self.imported(graph, name, place, (&said, depth)),
                    None => self.play(graph, node, place, said),
                }
            }
        }
    }

    fn imported(
        &mut self,
        graph: &mut Graph<'_>,
        name: &Node,
        from: &Place,
        (said, depth): (&[[u8; 32]], usize),
    ) {
        let at = format!("{}:{}", from.path, name.line);
        let Some(text) = name.text().filter(|it| !is_template(it)) else {
            return self.anything.push(format!("an import_playbook with a templated name in {at}"));
        };
        let found = from.parent().join(text).filter(|it| !text.starts_with('/') && graph.tree.is_file(it));
        match found.or_else(|| of_collection(graph, text)) {
            Some(place) => self.playbook(graph, &place, said, depth + 1),
            None => self.anything.push(format!("the playbook {text} cannot be found, imported in {at}")),
        }
    }

    fn play(&mut self, graph: &mut Graph<'_>, node: &Rc<Node>, place: &Place, digest: Vec<[u8; 32]>) {
        let Some(hosts) = node.get("hosts") else {
            let how = format!("a play without hosts in {}:{}", place.path, node.line);
            return self.anything.push(how);
        };
        let pattern = hosts.each_text().collect::<Vec<_>>().join(",");
        let name = node.get("name").and_then(|it| it.text()).unwrap_or(&pattern).to_owned();
        let id = (place.path.clone(), name, pattern);
        let count = self.counts.entry(id.clone()).or_default();
        *count += 1;
        let key = (id.0, id.1, id.2, *count);
        let is_local = runs_locally(node)
            || key.2.split([',', ':']).any(|it| matches!(it.trim(), "localhost" | "127.0.0.1"));
        let context = Context { playbook: place.parent(), role: None };
        let file = Key { place: place.clone(), kind: Kind::Tasks, context };
        let mut reading = Reading::of(graph, &file);
        // The file itself counts by what the play in it says.
        reading.facts.itself = None;
        reading.play(node, is_local);
        let facts = Rc::new(reading.facts);
        self.list.push(Play { key, line: node.line, digest, is_local, facts });
    }
}

impl Reading<'_, '_> {
    fn play(&mut self, node: &Rc<Node>, is_local: bool) {
        self.is_local = is_local;
        let collections: Vec<String> =
            node.get("collections").into_iter().flat_map(|it| it.each_text()).map(str::to_owned).collect();
        if let Some(vars) = node.get("vars") {
            self.definitions(vars);
            self.vars.push(Rc::clone(vars));
        }
        for (key, value) in node.named() {
            match key {
                "roles" => value.items().iter().for_each(|it| self.named_role(it, &collections)),
                "tasks" | "pre_tasks" | "post_tasks" | "handlers" => self.tasks(value),
                "vars_files" => self.vars_files(value),
                "vars_prompt" => {
                    for name in value.items().iter().filter_map(|it| it.get("name")?.text()) {
                        self.facts.defines.push((name.to_owned(), None));
                    }
                }
                _ => {}
            }
        }
        self.texts(node);
    }

    fn vars_files(&mut self, node: &Rc<Node>) {
        for it in node.items() {
            self.vars_files(it); // A list in the list: the first of them that exists.
        }
        if let Some(name) = node.text().filter(|it| !it.is_empty()).map(str::to_owned) {
            self.follow(&name, &super::names::Loop::default(), Some(Kind::Variables), node.line);
        }
    }
}

fn of_collection(graph: &Graph<'_>, name: &str) -> Option<Place> {
    let (collection, playbook) = name.rsplit_once('.').filter(|it| it.0.contains('.'))?;
    let ends = [".yml", ".yaml"];
    let found =
        ends.iter().flat_map(|end| graph.in_collection(collection, &format!("playbooks/{playbook}{end}")));
    found.into_iter().find(|it| graph.tree.is_file(it))
}

/// The files with variables of groups and hosts in a directory.
pub(super) fn variables_in(graph: &Graph<'_>, directory: &Place) -> Vec<Key> {
    let context = Context { playbook: directory.clone(), role: None };
    let places = ["group_vars", "host_vars"].iter().filter_map(|it| directory.join(it));
    places
        .flat_map(|it| graph.tree.below(&it).collect::<Vec<_>>())
        .filter(|it| is_yaml(&it.path) || !super::sort::is_docs(&it.path))
        .map(|place| Key { place, kind: Kind::Variables, context: context.clone() })
        .collect()
}
