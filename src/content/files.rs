//! The files that a run may read, and what a name written in one of them stands for.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::Files;
use super::jinja::{Word, expression, is_template};
use super::rules::is_refused;

/// A file: in the repository (root 0) or in one of the other roots.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Place {
    pub(super) root: usize,
    pub(super) path: String,
}

impl Place {
    /// The directory that the file is in.
    pub(super) fn parent(&self) -> Self {
        Self { root: self.root, path: self.path.rsplit_once('/').map_or("", |it| it.0).to_owned() }
    }

    pub(super) fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }

    /// What lies in this directory under a relative name; `None` if that leads out of the root.
    pub(super) fn join(&self, name: &str) -> Option<Self> {
        let mut parts: Vec<&str> = self.path.split('/').filter(|it| !it.is_empty()).collect();
        for part in name.split('/') {
            match part {
                "" | "." => {}
                ".." => drop(parts.pop()?),
                _ => parts.push(part),
            }
        }
        Some(Self { root: self.root, path: parts.join("/") })
    }
}

/// Everything that can be read.
pub(super) struct Tree<'a> {
    sources: Vec<&'a dyn Files>,
    paths: Vec<BTreeSet<String>>,
}

impl<'a> Tree<'a> {
    pub(super) fn new(repository: &'a dyn Files, roots: &[&'a dyn Files]) -> Self {
        let sources: Vec<_> = std::iter::once(repository).chain(roots.iter().copied()).collect();
        let paths = sources.iter().map(|it| it.paths().into_iter().collect()).collect();
        Self { sources, paths }
    }

    /// The number of roots, the repository included.
    pub(super) fn roots(&self) -> usize {
        self.sources.len()
    }

    pub(super) fn is_file(&self, place: &Place) -> bool {
        self.paths[place.root].contains(&place.path)
    }

    pub(super) fn is_directory(&self, place: &Place) -> bool {
        self.below(place).next().is_some()
    }

    /// The files below a directory, at any depth.
    pub(super) fn below(&self, directory: &Place) -> impl Iterator<Item = Place> {
        let root = directory.root;
        let prefix = if directory.path.is_empty() { String::new() } else { format!("{}/", directory.path) };
        let from = self.paths[root].range(prefix.clone()..);
        from.take_while(move |it| it.starts_with(&prefix)).map(move |it| Place { root, path: it.clone() })
    }

    pub(super) fn read(&self, place: &Place) -> Option<Cow<'_, [u8]>> {
        self.sources[place.root].read(&place.path)
    }
}

/// Where names are looked up.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Context {
    /// The directory of the playbook.
    pub(super) playbook: Place,
    /// The directory of the role that names something.
    pub(super) role: Option<Place>,
}

/// What a name stands for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Target {
    Files(Vec<Place>),
    /// Nothing that can be read.
    Missing,
    /// It is made from what is not known before the run.
    Open,
}

/// A part of a name.
#[derive(Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    /// A fact about the host: a name without a slash.
    Fact,
}

impl Context {
    /// The files that `name` may stand for in a file in the directory `here`: those of all places that Ansible
    /// looks in, `kind` being the directory for such files (`templates`, `tasks`, `vars`).
    pub(super) fn resolve(&self, tree: &Tree<'_>, name: &str, kind: &str, here: &Place) -> Target {
        let Some((base, parts)) = self.parts(name) else { return Target::Open };
        let whole: String =
            parts.iter().map(|it| if let Part::Text(it) = it { it.as_str() } else { "*" }).collect();
        if base.is_none() && whole.starts_with(['/', '~']) {
            return Target::Missing;
        }
        let groups = base.map_or_else(|| self.bases(kind, here), |it| vec![vec![it]]);
        let mut found = BTreeSet::new();
        for base in groups.iter().flatten() {
            if let [Part::Text(name)] = parts.as_slice() {
                found.extend(base.join(name).filter(|it| tree.is_file(it)));
            }
        }
        for bases in &groups {
            // Where a role has files for some facts, those for others are there as well.
            if found.is_empty() && parts.contains(&Part::Fact) {
                found.extend(bases.iter().filter_map(|it| it.join(&whole)).flat_map(|it| fitting(tree, &it)));
            }
        }
        if found.is_empty() { Target::Missing } else { Target::Files(found.into_iter().collect()) }
    }

    /// All directories in which a name is looked up: those around the file and its role, and that of the playbook.
    fn bases(&self, kind: &str, here: &Place) -> Vec<Vec<Place>> {
        let mut near = vec![here.clone()];
        if here.name() == "tasks" || here.name() == "handlers" {
            near.push(here.parent());
        }
        near.extend(self.role.clone());
        let with_kind = |bases: Vec<Place>| {
            let more: Vec<Place> = bases.iter().filter_map(|it| it.join(kind)).collect();
            bases.into_iter().chain(more).collect()
        };
        vec![with_kind(near), with_kind(vec![self.playbook.clone()])]
    }

    /// The directory that a name begins with, if it is one of Ansible's own, and the parts of the rest; `None` if
    /// one of them can be anything.
    fn parts(&self, name: &str) -> Option<(Option<Place>, Vec<Part>)> {
        if name.contains("{%") || name.contains("{#") || name.contains('*') {
            return None;
        }
        let mut base = None;
        let mut parts = Vec::new();
        let mut rest = name;
        while let Some((text, after)) = rest.split_once("{{") {
            let (inside, after) = after.split_once("}}")?;
            let words = expression(inside);
            if !text.is_empty() {
                parts.push(Part::Text(text.to_owned()));
            }
            match words.as_slice() {
                [(Word::Name("role_path"), _)] if parts.is_empty() => base = Some(self.role.clone()?),
                [(Word::Name("playbook_dir"), _)] if parts.is_empty() => base = Some(self.playbook.clone()),
                [(Word::Name(fact), _), ..] if fact.starts_with("ansible_") && !is_refused(fact) => {
                    parts.push(Part::Fact);
                }
                _ => return None,
            }
            rest = after;
        }
        parts.push(Part::Text(rest.to_owned()));
        Some((base, parts))
    }
}

/// The files whose paths fit a pattern.
fn fitting(tree: &Tree<'_>, pattern: &Place) -> Vec<Place> {
    let fixed = pattern.path.split('*').next().unwrap_or_default();
    let directory = Place { root: pattern.root, path: fixed.to_owned() }.parent();
    tree.below(&directory).filter(|it| fits(&pattern.path, &it.path)).collect()
}

/// Whether a path fits a pattern in which `*` stands for a part of a name.
fn fits(pattern: &str, path: &str) -> bool {
    let (patterns, names) = (pattern.split('/'), path.split('/'));
    patterns.clone().count() == names.clone().count() && patterns.zip(names).all(|it| name_fits(it.0, it.1))
}

fn name_fits(pattern: &str, name: &str) -> bool {
    let mut pieces = pattern.split('*');
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else { return false };
    let pieces: Vec<&str> = pieces.collect();
    let Some((last, between)) = pieces.split_last() else { return rest.is_empty() };
    for piece in between {
        let Some(at) = rest.find(piece) else { return false };
        rest = &rest[at + piece.len()..];
    }
    rest.ends_with(last)
}

/// Whether a file is YAML by its name.
pub(super) fn is_yaml(path: &str) -> bool {
    [".yml", ".yaml", ".json"].iter().any(|it| path.ends_with(it))
}

/// Whether a name is that of a template: only then a text of a task may be one.
pub(super) fn is_template_name(name: &str) -> bool {
    !is_template(name)
        && !name.contains(char::is_whitespace)
        && [".j2", ".jinja", ".jinja2"].iter().any(|it| name.ends_with(it))
}

/// Whether a file only explains something.
pub(super) fn is_prose(path: &str) -> bool {
    [".md", ".rst", ".adoc"].iter().any(|it| path.ends_with(it))
}
