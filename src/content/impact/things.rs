//! What tasks make on hosts, and what of it a change leaves behind.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::super::arguments::Arguments;
use super::super::jinja::is_template;
use super::super::yaml::Node;
use super::names::{Definitions, Loop, Over, variable_of};
use super::read::Reading;
use crate::domain::LeftBehind;

/// Something that a task makes or removes, as it is written.
#[derive(Debug, Clone)]
pub(super) struct RawThing {
    word: &'static str,
    names: Vec<String>,
    /// What stands before each name: the file of a line.
    within: Option<String>,
    repeated: Loop,
    task: String,
    path: String,
    line: usize,
    pub(super) is_removal: bool,
}

/// Modules by the last part of their names, the word for what they make, and the arguments that name it.
const MAKERS: [(&[&str], &str, &[&str]); 30] = [
    (
        &["copy", "template", "get_url", "assemble", "win_copy", "win_template", "win_get_url"],
        "file",
        &["dest"],
    ),
    (&["file", "win_file"], "file", &["path", "dest", "name"]),
    (&["tree"], "directory", &["dest"]),
    (&["git", "subversion", "hg"], "checkout", &["dest"]),
    (&["unarchive", "win_unzip"], "unpacked archive", &["dest"]),
    (&["lineinfile"], "line", &["line"]),
    (&["blockinfile"], "block", &["marker", "path", "dest", "name"]),
    (&["ini_file"], "option", &["option"]),
    (&["user", "win_user"], "user", &["name"]),
    (&["group", "win_group"], "group", &["name"]),
    (
        &[
            "package",
            "apt",
            "dnf",
            "dnf5",
            "yum",
            "apk",
            "zypper",
            "pacman",
            "homebrew",
            "win_chocolatey",
            "pkgng",
            "openbsd_pkg",
        ],
        "package",
        &["name", "pkg", "package", "deb"],
    ),
    (&["pip"], "Python package", &["name"]),
    (&["npm", "gem", "snap", "flatpak", "cargo"], "package", &["name"]),
    (
        &["service", "systemd", "systemd_service", "sysvinit", "runit", "win_service", "openrc"],
        "service",
        &["name", "service", "unit"],
    ),
    (&["cron", "win_scheduled_task"], "cron job", &["name"]),
    (&["mount"], "mount", &["path", "name"]),
    (&["sysctl"], "sysctl", &["name", "key"]),
    (&["docker_container", "podman_container"], "container", &["name"]),
    (&["docker_network", "podman_network"], "container network", &["name"]),
    (&["docker_volume", "podman_volume"], "container volume", &["name", "volume_name"]),
    (&["apt_repository"], "package repository", &["repo"]),
    (&["yum_repository", "deb822_repository"], "package repository", &["name"]),
    (&["authorized_key"], "authorized key of", &["user"]),
    (&["firewalld"], "firewall rule", &["service", "port", "rich_rule", "source"]),
    (&["ufw"], "firewall rule", &["port", "name", "to_port"]),
    (&["modprobe"], "kernel module", &["name"]),
    (&["mysql_db", "postgresql_db", "mongodb_db"], "database", &["name", "db"]),
    (&["mysql_user", "postgresql_user", "mongodb_user"], "database user", &["name", "user"]),
    (&["known_hosts"], "known host", &["name", "host"]),
    (&["htpasswd", "nmcli", "lvol", "alternatives"], "entry", &["name", "conn_name", "lv", "username"]),
];

/// How many things of one task are told apart.
const MOST_NAMES: usize = 200;

impl Reading<'_, '_> {
    /// What a module makes.
    pub(super) fn things(
        &mut self,
        module: &str,
        arguments: &Arguments<'_>,
        task: &Rc<Node>,
        repeated: &Loop,
    ) {
        let last = module.rsplit('.').next().unwrap_or_default();
        let Some((_, word, keys)) = MAKERS.iter().find(|it| it.0.contains(&last)) else { return };
        let names = keys.iter().map(|it| texts(arguments, it)).find(|it| !it.is_empty()).unwrap_or_default();
        let state = arguments.get("state").unwrap_or_default().to_ascii_lowercase();
        let is_off = |key: &str| {
            let text = arguments.get(key).unwrap_or_default().to_ascii_lowercase();
            matches!(text.as_str(), "no" | "false" | "off" | "0")
        };
        let is_removal = match *word {
            "service" => is_off("enabled") || state == "stopped" && arguments.get("enabled").is_none(),
            _ => matches!(state.as_str(), "absent" | "removed" | "unmounted" | "disabled"),
        };
        // A restart makes nothing.
        let is_passing = *word == "service"
            && arguments.get("enabled").is_none()
            && matches!(state.as_str(), "restarted" | "reloaded" | "")
            || last == "file" && matches!(state.as_str(), "touch");
        let within = ["path", "dest", "destfile", "name"].iter().find_map(|it| arguments.get(it));
        let within = within.filter(|_| matches!(*word, "line" | "option"));
        let names = match arguments.get("src").as_deref().and_then(|it| it.rsplit('/').next()) {
            Some(source) if *word == "file" => names.into_iter().map(|it| in_directory(it, source)).collect(),
            _ => names,
        };
        if names.is_empty() || is_passing {
            return;
        }
        let name = task.get("name").and_then(|it| it.text()).map_or_else(|| module.to_owned(), str::to_owned);
        self.facts.things.push(RawThing {
            word,
            names,
            within,
            repeated: repeated.clone(),
            task: name,
            path: self.path.clone(),
            line: task.line,
            is_removal,
        });
    }
}

/// `dest: /etc/` means a file in it, named as the source is.
fn in_directory(name: String, source: &str) -> String {
    if name.ends_with('/') && !source.is_empty() { format!("{name}{source}") } else { name }
}

/// The texts of an argument: one, or those of a list, or of a list in one text.
fn texts(arguments: &Arguments<'_>, key: &str) -> Vec<String> {
    let lists = |text: &str| -> Vec<String> {
        if matches!(key, "name" | "pkg") && !is_template(text) && text.contains(',') {
            return text.split(',').map(|it| it.trim().to_owned()).collect();
        }
        vec![text.to_owned()]
    };
    match arguments.named.get(key) {
        Some(node) => node.each_text().filter(|it| !it.is_empty()).flat_map(lists).take(MOST_NAMES).collect(),
        None => arguments.get(key).iter().flat_map(|it| lists(it)).take(MOST_NAMES).collect(),
    }
}

/// Everything that the tasks of a tree make, remove and mention.
#[derive(Debug, Default)]
pub(super) struct Things {
    made: BTreeMap<(&'static str, String), LeftBehind>,
    removed: BTreeSet<(&'static str, String)>,
    mentioned: BTreeSet<String>,
}

impl Things {
    pub(super) fn mention(&mut self, paths: &BTreeSet<String>) {
        self.mentioned.extend(paths.iter().cloned());
    }

    /// Adds a thing with its names filled in as far as they are known.
    pub(super) fn add(&mut self, thing: &RawThing, definitions: &Definitions) {
        let within = thing.within.as_ref().map(|it| filled(it, &thing.repeated, definitions));
        for name in thing.names.iter().flat_map(|it| filled(it, &thing.repeated, definitions)) {
            for file in within.clone().unwrap_or_else(|| vec![String::new()]) {
                let name = named(thing.word, &name, &file);
                let key = (thing.word, name.clone());
                if thing.is_removal {
                    self.removed.insert(key);
                    continue;
                }
                self.made.entry(key).or_insert_with(|| LeftBehind {
                    what: format!("{} {name}", thing.word).chars().take(300).collect(),
                    task: thing.task.clone(),
                    path: thing.path.clone(),
                    line: u32::try_from(thing.line).unwrap_or(u32::MAX),
                });
            }
        }
    }

    /// What this tree makes and `after` neither makes nor removes nor mentions.
    pub(super) fn left_behind(&self, after: &Self) -> Vec<LeftBehind> {
        let is_left = |(word, name): &(&'static str, String)| {
            let key = (*word, name.clone());
            if after.made.contains_key(&key) || after.removed.contains(&key) {
                return false;
            }
            let path = if matches!(*word, "line" | "option") {
                name.rsplit_once(" in ").map_or("", |it| it.1)
            } else {
                name.as_str()
            };
            let is_file = |path: &str| {
                ["file", "directory", "checkout", "unpacked archive"].iter().any(|word| {
                    let key = (*word, path.to_owned());
                    after.removed.contains(&key) || after.made.contains_key(&key)
                })
            };
            // A path, a path that it is in, or the file of a line.
            let is_gone_with = path.starts_with('/')
                && (is_file(path)
                    || after.mentioned.contains(path) && !matches!(*word, "line" | "option")
                    || path
                        .match_indices('/')
                        .skip(1)
                        .any(|(at, _)| after.removed.contains(&("file", path[..at].to_owned()))));
            !is_gone_with
        };
        self.made.iter().filter(|it| is_left(it.0)).map(|it| it.1.clone()).collect()
    }
}

fn named(word: &str, name: &str, file: &str) -> String {
    let name = name.trim();
    let name = match word {
        // Versions: `nginx=1.24`, `requests>=2`.
        "package" | "Python package" => {
            name.split(['=', '>', '<', '~', '!']).next().unwrap_or_default().trim()
        }
        "service" => name.strip_suffix(".service").unwrap_or(name),
        "file" | "directory" if 1 < name.len() => name.trim_end_matches('/'),
        _ => name,
    };
    if file.is_empty() { name.to_owned() } else { format!("{name} in {file}") }
}

/// A text with the items and variables that are known; as it is written where they are not.
fn filled(text: &str, repeated: &Loop, definitions: &Definitions) -> Vec<String> {
    let mut found = vec![text.to_owned()];
    for _ in 0..4 {
        let next: Vec<String> = found.iter().flat_map(|it| filled_once(it, repeated, definitions)).collect();
        if next == found || MOST_NAMES < next.len() {
            return found;
        }
        found = next;
    }
    found
}

/// With the first expression that is known replaced by each of its values.
fn filled_once(text: &str, repeated: &Loop, definitions: &Definitions) -> Vec<String> {
    let mut from = 0;
    while let Some(start) = text[from..].find("{{").map(|it| from + it) {
        let Some(end) = text[start..].find("}}").map(|it| start + it + 2) else { break };
        let values = values(&text[start..end], repeated, definitions);
        let is_same = values.iter().any(|it| it == &text[start..end]);
        if !values.is_empty() && !is_same {
            return values.iter().map(|it| format!("{}{it}{}", &text[..start], &text[end..])).collect();
        }
        from = end;
    }
    vec![text.to_owned()]
}

/// What an expression can be; nothing if that is not known.
fn values(expression: &str, repeated: &Loop, definitions: &Definitions) -> Vec<String> {
    let inside = expression.trim_start_matches("{{").trim_end_matches("}}").trim();
    let is_item = inside == repeated.variable;
    let attribute = inside.strip_prefix(repeated.variable.as_str()).and_then(|it| it.strip_prefix('.'));
    let of_variable = |name: &str| -> Vec<String> {
        definitions.texts(name).unwrap_or_default().into_iter().map(str::to_owned).collect()
    };
    match &repeated.over {
        Over::Items(items) if is_item => all(items.iter().map(|it| it.text())),
        Over::Items(items) if attribute.is_some() => {
            all(items.iter().map(|it| it.get(attribute.unwrap_or_default()).and_then(|it| it.text())))
        }
        Over::Variable(name) if is_item => of_variable(name),
        Over::Variable(_) if attribute.is_some() => of_variable(attribute.unwrap_or_default()),
        _ => variable_of(expression).map_or_else(Vec::new, |it| of_variable(&it)),
    }
}

fn all<'t>(texts: impl Iterator<Item = Option<&'t str>>) -> Vec<String> {
    let texts: Option<Vec<String>> = texts.take(MOST_NAMES).map(|it| it.map(str::to_owned)).collect();
    texts.unwrap_or_default()
}
