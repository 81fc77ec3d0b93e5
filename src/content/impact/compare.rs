//! Compares what a stack reads from both trees, file by file.

use std::collections::{BTreeMap, BTreeSet};

use super::super::Files;
use super::super::jinja::is_template;
use super::settings::{Declared, Settings};
use super::sort::{is_docs, is_runtime, variables_of, whole};
use super::stack::Reading;
use super::things::Things;
use super::{MOST_LISTED, some_of};
use crate::domain::{FileChange, HostName, HostsImpact, LeftBehind, StackImpact, StackName};

mod plays;

use plays::{Pair, pairs};

/// How many characters of names are compared with each other.
const MOST_WORK: usize = 2_000_000_000;

/// The changed files.
pub(super) struct Changes {
    files: Vec<Changed>,
    is_runtime_changed: bool,
    /// What symbolic links lead to, with the links.
    links: BTreeMap<String, String>,
}

struct Changed {
    path: String,
    is_docs: bool,
    is_runtime: bool,
}

impl Changes {
    pub(super) fn of(
        files: &[(String, FileChange)],
        (before, after): (&dyn Files, &dyn Files),
        declared: &[Declared; 2],
    ) -> Self {
        let named = |path: &str| declared.iter().any(|it| it.files.contains(path));
        let mut links = BTreeMap::new();
        for (link, target) in before.links().into_iter().chain(after.links()) {
            links.insert(link.clone(), link.clone());
            links.insert(target, link);
        }
        let files: Vec<Changed> = files
            .iter()
            .map(|(path, _)| Changed {
                is_docs: is_docs(path),
                is_runtime: is_runtime(path) || named(path),
                path: path.clone(),
            })
            .collect();
        let has_declaration = files.iter().any(|it| it.path == "driftless.yml");
        let is_runtime_changed =
            files.iter().any(|it| it.is_runtime) || has_declaration && !declared[0].is_same(&declared[1]);
        Self { files, is_runtime_changed, links }
    }

    pub(super) fn is_runtime_changed(&self) -> bool {
        self.is_runtime_changed
    }

    /// What a person should know beside the stacks.
    pub(super) fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if self.files.iter().any(|it| it.path == "driftless.yml") {
            notes.push("`driftless.yml` changes: what it says takes effect after merging.".to_owned());
        }
        let runtime: BTreeSet<String> =
            self.files.iter().filter(|it| it.is_runtime).map(|it| it.path.clone()).collect();
        if self.is_runtime_changed {
            let by = if runtime.is_empty() { "`driftless.yml`".to_owned() } else { some_of(&runtime) };
            notes.push(format!("The Ansible runtime changes with {by}: it is not installed for a preview."));
        }
        notes
    }

    /// The link by which a file is read under another name.
    fn link(&self, path: &str) -> Option<&String> {
        let parents = path.match_indices('/').map(|(at, _)| &path[..at]);
        std::iter::once(path).chain(parents).find_map(|it| self.links.get(it))
    }
}

/// A stack in both trees.
pub(super) struct Comparison<'c> {
    pub(super) before: &'c Reading,
    pub(super) after: &'c Reading,
    pub(super) changes: &'c Changes,
    pub(super) settings: [&'c Settings; 2],
}

impl Comparison<'_> {
    /// What is touched of the stack; `None` if nothing is.
    pub(super) fn impact(&self, stack: &StackName, made: &Things) -> Option<StackImpact> {
        let mut pairs = pairs(self.before, self.after);
        let mut whole = self.whole();
        let mut work = MOST_WORK;
        for file in &self.changes.files {
            self.touch(file, &mut pairs, &mut work);
            if work == 0 {
                whole.insert("more is to be compared than is looked at".to_owned());
                break;
            }
        }
        Self::changed_plays(&mut pairs);
        self.changed_hosts(&mut pairs);
        plays::spread(&mut pairs);
        let left_behind = self.left_behind(made);
        let is_touched = |it: &&Pair<'_>| !it.because.is_empty();
        if whole.is_empty() && !pairs.iter().any(|it| is_touched(&it)) && left_behind.is_empty() {
            return None;
        }
        let hosts = self.hosts(&pairs, !whole.is_empty());
        Some(StackImpact {
            stack: stack.clone(),
            whole: (!whole.is_empty()).then(|| some_of(&whole)),
            plays: pairs.iter().filter(is_touched).map(Pair::shown).collect(),
            hosts,
            left_behind,
        })
    }

    /// Why everything of the stack is touched.
    fn whole(&self) -> BTreeSet<String> {
        let mut why = BTreeSet::new();
        if self.changes.is_runtime_changed {
            why.insert("the Ansible runtime changes".to_owned());
        }
        for Changed { path, is_docs, .. } in &self.changes.files {
            if let Some(link) = self.changes.link(path) {
                why.insert(format!("{path} is read through the symbolic link {link}"));
            }
            let mut parents =
                std::iter::once(path.as_str()).chain(path.match_indices('/').map(|(at, _)| &path[..at]));
            if parents.any(|it| self.settings.iter().any(|settings| settings.named.contains(it))) {
                why.insert(format!("ansible.cfg names {path}"));
            }
            if !is_docs {
                why.extend(whole(path).filter(|_| !self.is_in_unused_role(path)));
                let anything = self.before.anything.iter().chain(&self.after.anything);
                why.extend(anything.take(1).cloned());
            }
        }
        let order = |reading: &Reading, other: &Reading| -> Vec<_> {
            let known: BTreeSet<_> = other.plays.iter().map(|it| &it.key).collect();
            reading.plays.iter().map(|it| it.key.clone()).filter(|it| known.contains(it)).collect()
        };
        if order(self.before, self.after) != order(self.after, self.before) {
            why.insert("the plays are in another order".to_owned());
        }
        why
    }

    /// Whether a plugin lies in a role that no play of the stack uses.
    fn is_in_unused_role(&self, path: &str) -> bool {
        let Some((before, _)) = path.split_once("/library/").or_else(|| {
            let at = path.find("_plugins/").or_else(|| path.find("/module_utils/"))?;
            Some((path[..at].rsplit_once('/')?.0, ""))
        }) else {
            return false;
        };
        let role = before.strip_suffix("/module_utils").unwrap_or(before);
        let is_role = role.rsplit_once('/').is_some_and(|it| it.0 == "roles" || it.0.ends_with("/roles"))
            || role.starts_with("roles/") && role.matches('/').count() == 1;
        let mut uses = self.before.uses.iter().chain(&self.after.uses);
        is_role && !uses.any(|it| it.has_role(role) || it.anything.is_some())
    }

    /// Notes which plays use a file.
    fn touch(&self, file: &Changed, pairs: &mut [Pair<'_>], work: &mut usize) {
        let is_variables = self.variables(file, pairs);
        let is_playbook = self.before.files.contains(&file.path) || self.after.files.contains(&file.path);
        for pair in pairs {
            let mut how = pair.uses().filter_map(|it| it.use_of(&file.path, file.is_docs, work));
            // What is said for one play or some hosts counts where it is said, if nothing else leads there.
            let is_own = is_variables || is_playbook || self.is_inventory(&file.path);
            if let Some(how) = how.next().filter(|it| !is_own || *it == file.path) {
                pair.because.insert(how);
                pair.is_all = true;
            }
        }
    }

    fn is_inventory(&self, path: &str) -> bool {
        [self.before, self.after].iter().any(|reading| {
            let files = reading.inventory.as_ref().map(|it| it.files.as_slice()).unwrap_or_default();
            files.iter().any(|it| it.path == path)
        })
    }

    /// Notes whose variables a file holds. Whether it holds variables at all.
    fn variables(&self, file: &Changed, pairs: &mut [Pair<'_>]) -> bool {
        let Some((directory, is_group, names)) = variables_of(&file.path) else { return false };
        let readings = [self.before, self.after];
        if file.is_docs || !readings.iter().any(|it| it.variables.contains(&directory)) {
            return false;
        }
        for pair in pairs.iter_mut() {
            let (is_all, hosts) = owners(&readings, is_group, &names);
            let is_everybody = is_all || pair.looks_around() || self.makes_hosts();
            let meant: BTreeSet<String> = match (pair.hosts(self.before, self.after), hosts) {
                (Some(hosts), Some(owners)) if !is_everybody => {
                    hosts.intersection(&owners).cloned().collect()
                }
                (_, Some(owners)) if owners.is_empty() && !is_all && !self.makes_hosts() => continue,
                _ => {
                    pair.because.insert(file.path.clone());
                    pair.is_all = true;
                    continue;
                }
            };
            if !meant.is_empty() {
                pair.because.insert(file.path.clone());
                pair.hosts.extend(meant);
            }
        }
        true
    }

    /// Notes which plays say something else.
    fn changed_plays(pairs: &mut [Pair<'_>]) {
        for pair in pairs {
            let is_same = match (pair.before, pair.after) {
                (Some((one, _)), Some((other, _))) => one.digest == other.digest,
                _ => false,
            };
            if !is_same {
                pair.because.insert(pair.key.0.clone());
                pair.is_all = true;
            }
        }
    }

    /// Notes which plays have hosts of which the inventory says something else.
    fn changed_hosts(&self, pairs: &mut [Pair<'_>]) {
        let is_below = |path: &str| self.is_inventory(path) || self.is_unread_inventory(path);
        let paths: BTreeSet<String> =
            self.changes.files.iter().map(|it| it.path.clone()).filter(|it| is_below(it)).collect();
        if paths.is_empty() {
            return;
        }
        let profiles = match (&self.before.inventory, &self.after.inventory) {
            (Ok(one), Ok(other)) => one.profiles().zip(other.profiles()),
            _ => None,
        };
        let changed: Option<BTreeSet<String>> = profiles.map(|(one, other)| {
            let names = one.keys().chain(other.keys());
            names.filter(|it| one.get(*it) != other.get(*it)).map(|it| (*it).to_owned()).collect()
        });
        for pair in pairs {
            let moved = pair.moved_hosts(self.before, self.after);
            let hosts = pair.hosts(self.before, self.after);
            let meant: Option<BTreeSet<String>> = match (&changed, hosts, moved) {
                (Some(changed), Some(hosts), Some(moved)) => {
                    Some(hosts.intersection(changed).cloned().chain(moved).collect())
                }
                _ => None,
            };
            let is_any = changed.as_ref().is_none_or(|it| !it.is_empty());
            match meant {
                Some(meant)
                    if meant.is_empty() && !(is_any && (pair.looks_around() || self.makes_hosts())) => {}
                Some(meant) if !pair.looks_around() && !self.makes_hosts() => {
                    pair.because.extend(paths.iter().cloned());
                    pair.hosts.extend(meant);
                }
                _ => {
                    pair.because.extend(paths.iter().cloned());
                    pair.is_all = true;
                }
            }
        }
    }

    /// Whether a task of the stack makes hosts or groups, for whichever play that follows.
    fn makes_hosts(&self) -> bool {
        self.before.uses.iter().chain(&self.after.uses).any(|it| it.makes_hosts)
    }

    /// Whether a file may be part of an inventory that cannot be read.
    fn is_unread_inventory(&self, path: &str) -> bool {
        [self.before, self.after].iter().any(|it| it.inventory.is_err() && it.is_below_inventory(path))
    }

    fn hosts(&self, pairs: &[Pair<'_>], is_whole: bool) -> HostsImpact {
        let touched: Vec<&Pair<'_>> = pairs.iter().filter(|it| is_whole || !it.because.is_empty()).collect();
        for reading in [self.before, self.after] {
            if let (Err(why), false) = (&reading.inventory, touched.is_empty() && !is_whole) {
                return HostsImpact::Unknown { why: why.clone() };
            }
        }
        if self.makes_hosts() && !touched.is_empty() {
            return HostsImpact::Unknown { why: "tasks of the stack make hosts or groups".to_owned() };
        }
        let mut names: BTreeSet<HostName> = BTreeSet::new();
        for pair in touched {
            if is_template(&pair.key.2) {
                let why = format!("the hosts of the play {} are made from variables", pair.key.1);
                return HostsImpact::Unknown { why };
            }
            let all = pair.hosts(self.before, self.after).unwrap_or_default();
            let hosts = if is_whole || pair.is_all { all } else { pair.hosts.clone() };
            names.extend(hosts.into_iter().map(HostName::new));
        }
        HostsImpact::Known { names }
    }

    /// What stays on the hosts, and the hosts that are left with everything on them.
    fn left_behind(&self, made: &Things) -> Vec<LeftBehind> {
        if !self.after.anything.is_empty() {
            return Vec::new(); // What is made now is not known.
        }
        let mut things = Things::default();
        self.before.things(&mut things);
        let mut left = things.left_behind(made);
        left.sort();
        if let (Some(before), Some(after)) = (self.before.all_hosts(), self.after.all_hosts()) {
            for host in before.difference(&after).take(MOST_LISTED) {
                left.push(LeftBehind {
                    what: format!("everything on the host {host}"),
                    task: "the stack no longer has the host".to_owned(),
                    path: self.before.path_of_inventory(),
                    line: 1,
                });
            }
        }
        left
    }
}

/// The hosts that variables belong to: all of them, or these; `None` if that cannot be known.
fn owners(readings: &[&Reading; 2], is_group: bool, names: &[String]) -> (bool, Option<BTreeSet<String>>) {
    if is_group && names.iter().any(|it| it == "all") {
        return (true, None);
    }
    let mut owners = BTreeSet::new();
    for reading in readings {
        let Ok(inventory) = &reading.inventory else { return (false, None) };
        for name in names {
            if is_group {
                owners.extend(inventory.members(name).into_iter().map(str::to_owned));
            } else {
                owners.insert(name.clone());
            }
        }
    }
    (false, Some(owners))
}
