//! Everything that the run of a stack would read from one tree.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::rc::Rc;

use super::super::files::{Place, is_yaml};
use super::StackInput;
use super::graph::{Facts, Follow, Graph, Key, Kind};
use super::hosts::matching;
use super::inventory::Inventory;
use super::names::{ANY, Definitions, Name, PART};
use super::plays::{Play, Plays, variables_in};
use super::things::Things;

/// How often names are looked up again with what was found behind them.
const MOST_ROUNDS: usize = 8;

/// What a stack reads.
pub(super) struct Reading {
    pub(super) plays: Vec<Play>,
    pub(super) uses: Vec<Uses>,
    /// Why the whole stack may use any file.
    pub(super) anything: Vec<String>,
    /// The playbooks.
    pub(super) files: BTreeSet<String>,
    /// Directories with `group_vars` and `host_vars`.
    pub(super) variables: BTreeSet<String>,
    pub(super) inventory: Result<Inventory, String>,
    definitions: Definitions,
    /// The same for all plays: variables of hosts, and the inventory.
    shared: Vec<Rc<Facts>>,
    limit: Option<String>,
    /// The path of the inventory.
    path: String,
}

/// What a play uses.
#[derive(Default)]
pub(super) struct Uses {
    facts: Vec<Rc<Facts>>,
    files: HashSet<String>,
    roles: HashSet<String>,
    /// Globs, from the root of the repository, each with what is written and where.
    globs: Vec<(String, String)>,
    /// Why it may use any file.
    pub(super) anything: Option<String>,
    pub(super) looks_around: bool,
    pub(super) makes_hosts: bool,
    pub(super) sets: BTreeSet<String>,
    pub(super) words: BTreeSet<String>,
}

impl Reading {
    pub(super) fn of(graph: &mut Graph<'_>, stack: &StackInput) -> Self {
        let Plays { list: plays, anything, files, directories, .. } = Plays::read(graph, &stack.playbook);
        let inventory = Inventory::read(&graph.tree, &stack.inventory);
        let root = Place { root: 0, path: String::new() };
        let mut variables = directories;
        if let Some(place) = root.join(&stack.inventory).filter(|_| !stack.inventory.contains(',')) {
            let below = graph.tree.below(&place).filter_map(|it| {
                let (before, _) =
                    it.path.split_once("/group_vars/").or_else(|| it.path.split_once("/host_vars/"))?;
                Some(Place { root: 0, path: before.to_owned() })
            });
            variables.extend(below.collect::<Vec<_>>());
            variables.insert(if graph.tree.is_file(&place) { place.parent() } else { place });
        }
        let shared = shared(graph, &variables, inventory.as_ref().ok());
        let is_local = inventory.as_ref().is_ok_and(|it| it.is_local);
        let mut reading = Self {
            plays,
            uses: Vec::new(),
            anything,
            files,
            variables: variables.into_iter().map(|it| it.path).collect(),
            inventory,
            definitions: Definitions::default(),
            shared,
            limit: stack.limit.clone(),
            path: stack.inventory.trim_end_matches('/').trim_start_matches("./").to_owned(),
        };
        reading.follow(graph, stack);
        for (uses, play) in reading.uses.iter_mut().zip(&reading.plays) {
            uses.settle(&reading.shared, &reading.definitions, play.is_local || is_local);
        }
        if graph.is_exhausted() {
            reading.anything.push("more text is read than is looked at".to_owned());
        }
        reading
    }

    /// Follows each play through all files that it reads, until no name leads to more.
    fn follow(&mut self, graph: &mut Graph<'_>, stack: &StackInput) {
        let mut starts: Vec<Vec<Key>> = self.plays.iter().map(|it| it.facts.next.clone()).collect();
        for round in 0..MOST_ROUNDS {
            self.uses = self.plays.iter().zip(&starts).map(|it| Uses::reached(graph, it.0, it.1)).collect();
            self.define(stack);
            let is_last = round + 1 == MOST_ROUNDS;
            let mut is_done = true;
            for (uses, starts) in self.uses.iter_mut().zip(&mut starts) {
                let follows: Vec<Follow> = uses.facts.iter().flat_map(|it| it.follows.clone()).collect();
                for follow in follows {
                    match found(graph, &follow, &self.definitions) {
                        Some(keys) => {
                            for key in keys.into_iter().filter(|it| !uses.has(graph, it)) {
                                is_done = false;
                                starts.push(key);
                            }
                        }
                        None => {
                            uses.anything.get_or_insert_with(|| follow.why());
                        }
                    }
                }
                if is_last && !is_done {
                    uses.anything.get_or_insert_with(|| "names that lead on and on".to_owned());
                }
            }
            if is_done {
                return;
            }
        }
    }

    fn define(&mut self, stack: &StackInput) {
        let mut definitions = Definitions::new(self.inventory.is_err());
        let mut seen = HashSet::new();
        for facts in self.uses.iter().flat_map(|it| &it.facts).chain(&self.shared) {
            if seen.insert(Rc::as_ptr(facts)) {
                for (name, value) in &facts.defines {
                    definitions.add(name, value.as_deref());
                }
            }
        }
        for (name, value) in &stack.extra_vars {
            definitions.add(name, value.as_str());
        }
        self.definitions = definitions;
    }

    /// The hosts of a pattern in the inventory; `None` if that cannot be known.
    pub(super) fn hosts(&self, pattern: &str) -> Option<BTreeSet<String>> {
        let inventory = self.inventory.as_ref().ok()?;
        let mut hosts = matching(inventory, pattern);
        if let Some(limit) = self.limit.as_ref().filter(|it| !it.contains('@')) {
            let limit = matching(inventory, limit);
            hosts.retain(|it| limit.contains(it));
        }
        Some(hosts)
    }

    /// All hosts of all plays; `None` if that cannot be known.
    pub(super) fn all_hosts(&self) -> Option<BTreeSet<String>> {
        let mut all = BTreeSet::new();
        for play in &self.plays {
            if super::super::jinja::is_template(&play.key.2) {
                return None;
            }
            all.extend(self.hosts(&play.key.2)?);
        }
        Some(all)
    }

    /// Whether a path is the inventory, or below it.
    pub(super) fn is_below_inventory(&self, path: &str) -> bool {
        path.strip_prefix(self.path.as_str()).is_some_and(|it| it.is_empty() || it.starts_with('/'))
    }

    pub(super) fn path_of_inventory(&self) -> String {
        self.path.clone()
    }

    pub(super) fn things(&self, things: &mut Things) {
        let mut seen = HashSet::new();
        for facts in self.uses.iter().flat_map(|it| &it.facts) {
            if seen.insert(Rc::as_ptr(facts)) {
                facts.things.iter().for_each(|it| things.add(it, &self.definitions));
                things.mention(&facts.paths);
            }
        }
    }
}

/// Variables of groups and hosts, and what the inventory says.
fn shared(
    graph: &mut Graph<'_>,
    directories: &BTreeSet<Place>,
    inventory: Option<&Inventory>,
) -> Vec<Rc<Facts>> {
    let mut keys: Vec<Key> = directories.iter().flat_map(|it| variables_in(graph, it)).collect();
    let context =
        super::super::files::Context { playbook: Place { root: 0, path: String::new() }, role: None };
    for place in inventory.iter().flat_map(|it| &it.files) {
        let kind = if is_yaml(&place.path) { Kind::Variables } else { Kind::Text };
        keys.push(Key { place: place.clone(), kind, context: context.clone() });
    }
    keys.iter().map(|it| graph.facts(it)).collect()
}

/// What a name with variables leads to, once they are known; `None` if it can lead anywhere.
fn found(graph: &Graph<'_>, follow: &Follow, definitions: &Definitions) -> Option<Vec<Key>> {
    let mut keys = Vec::new();
    for glob in definitions.globs(&follow.name.pieces) {
        if glob.contains(ANY) {
            // What is found by such a name leads on only if it is code.
            match follow.kind {
                Some(Kind::Variables | Kind::Template) => continue,
                _ => return None,
            }
        }
        let name = glob.replace(PART, "{{ ansible_fact }}");
        let name = if follow.name.pieces.is_empty() { String::new() } else { name };
        match graph.targets(follow, &name) {
            Some(found) => keys.extend(found),
            None if follow.kind.is_none() => return None,
            None => {}
        }
    }
    Some(keys)
}

impl Uses {
    fn reached(graph: &mut Graph<'_>, play: &Play, starts: &[Key]) -> Self {
        let mut uses = Self { facts: vec![Rc::clone(&play.facts)], ..Self::default() };
        let mut seen: HashSet<*const Facts> = HashSet::new();
        let mut waiting: Vec<Key> = starts.to_vec();
        while let Some(key) = waiting.pop() {
            let facts = graph.facts(&key);
            if seen.insert(Rc::as_ptr(&facts)) {
                waiting.extend(facts.next.iter().cloned());
                uses.facts.push(facts);
            }
        }
        uses
    }

    fn has(&self, graph: &mut Graph<'_>, key: &Key) -> bool {
        let facts = graph.facts(key);
        self.facts.iter().any(|it| Rc::ptr_eq(it, &facts))
    }

    /// Gathers what its files use.
    fn settle(&mut self, shared: &[Rc<Facts>], definitions: &Definitions, is_local: bool) {
        let mut globs = BTreeMap::new();
        let own = self.facts.len();
        for (index, facts) in self.facts.iter().chain(shared).enumerate() {
            self.files.extend(facts.uses.iter().cloned());
            // Variables are of some hosts: their own files are looked at one by one.
            self.files.extend(facts.itself.iter().filter(|_| index < own).cloned());
            self.roles.extend(facts.roles.iter().cloned());
            self.looks_around |= facts.looks_around;
            self.makes_hosts |= facts.makes_hosts;
            self.sets.extend(facts.sets.iter().cloned());
            self.words.extend(facts.words.iter().cloned());
            let local = facts.anything_if_local.iter().filter(|_| is_local);
            if let Some(why) = facts.anything.iter().chain(local).next() {
                self.anything.get_or_insert_with(|| why.clone());
            }
            let local = facts.names_if_local.iter().filter(|_| is_local);
            for name in facts.names.iter().chain(local) {
                add_globs(name, definitions, &mut globs);
            }
        }
        self.globs = globs.into_iter().collect();
    }

    /// How the play uses a file, if it does; `work` counts what is compared.
    pub(super) fn use_of(&self, path: &str, is_docs: bool, work: &mut usize) -> Option<String> {
        let parents = || path.match_indices('/').map(|(at, _)| &path[..at]);
        if self.files.contains(path) || parents().any(|it| self.files.contains(it)) {
            return Some(path.to_owned());
        }
        if !is_docs && parents().any(|it| self.roles.contains(it)) {
            return Some(path.to_owned());
        }
        for (glob, how) in &self.globs {
            *work = work.saturating_sub(glob.len() * path.len());
            let is_open = glob.ends_with([ANY, PART, '*']);
            let fits = |it: &str| super::names::fits(glob, it);
            if !(is_docs && is_open) && (fits(path) || parents().any(fits)) {
                return Some(if glob.chars().all(|it| it == ANY) {
                    format!("{path}: {how} can be any file")
                } else {
                    format!("{path}: {how}")
                });
            }
        }
        self.anything.as_ref().filter(|_| !is_docs).map(|why| format!("{path}: {why}"))
    }

    /// Whether a directory is that of a role that the play uses.
    pub(super) fn has_role(&self, directory: &str) -> bool {
        self.roles.contains(directory)
    }
}

/// Adds what a name can be, from the root of the repository.
fn add_globs(name: &Name, definitions: &Definitions, globs: &mut BTreeMap<String, String>) {
    for glob in definitions.globs(&name.pieces) {
        // A set of characters stands for any one.
        let glob = match (glob.split_once('['), glob.split_once(']')) {
            (Some((before, _)), Some((_, after))) => format!("{before}?{after}"),
            _ => glob,
        };
        if glob.starts_with(ANY) {
            globs.entry(glob).or_insert_with(|| name.how.clone());
            continue;
        }
        if glob.starts_with(['/', '~']) {
            continue;
        }
        for base in &name.bases {
            if let Some(place) = base.join(&glob).filter(|it| it.root == 0 && !it.path.is_empty()) {
                globs.entry(place.path).or_insert_with(|| name.how.clone());
            }
        }
    }
}
