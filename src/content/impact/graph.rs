//! What each file that Ansible reads leads to.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::rc::Rc;

use super::super::Files;
use super::super::files::{Context, Place, Target, Tree, is_yaml};
use super::super::yaml;
use super::LARGEST;
use super::names::{Loop, Name};
use super::read::Reading;
use super::settings::Settings;
use super::things::RawThing;

/// How many files are looked at in one tree, each again for each playbook directory and role.
const MOST_FILES: usize = 50_000;
/// How many words of texts are compared with the names of files.
const MOST_WORDS: usize = 20_000_000;

/// What a file is read as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Kind {
    Tasks,
    Variables,
    /// What a role depends on.
    RoleMeta,
    Template,
    /// An inventory that is not YAML.
    Text,
    /// The directory of a role.
    Role,
}

/// A file, or the directory of a role, and who reads it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) place: Place,
    pub(super) kind: Kind,
    pub(super) context: Context,
}

/// A name that leads to something once its variables are known.
#[derive(Debug, Clone)]
pub(super) struct Follow {
    pub(super) name: Name,
    /// `None` for the name of a role.
    pub(super) kind: Option<Kind>,
    pub(super) context: Context,
    pub(super) here: Place,
}

/// What was found in a file.
#[derive(Debug, Default)]
pub(super) struct Facts {
    /// What is read next.
    pub(super) next: Vec<Key>,
    /// Names that are made from variables, of what is read next.
    pub(super) follows: Vec<Follow>,
    /// The file itself.
    pub(super) itself: Option<String>,
    /// Files and directories that are used as they are.
    pub(super) uses: BTreeSet<String>,
    /// Directories of roles.
    pub(super) roles: BTreeSet<String>,
    /// Files that are used, by names that are made from variables or do not exist.
    pub(super) names: Vec<Name>,
    /// Why it may use any file.
    pub(super) anything: Vec<String>,
    /// The same, of tasks that read the control node only where they run there.
    pub(super) anything_if_local: Vec<String>,
    /// Names in arguments that mean files of the control node only where the task runs there.
    pub(super) names_if_local: Vec<Name>,
    /// What its tasks make.
    pub(super) things: Vec<RawThing>,
    /// Absolute paths that it mentions.
    pub(super) paths: BTreeSet<String>,
    /// Values of variables; `None` if it cannot be known.
    pub(super) defines: Vec<(String, Option<String>)>,
    /// Variables that outlive the play.
    pub(super) sets: BTreeSet<String>,
    /// Variables that are used.
    pub(super) words: BTreeSet<String>,
    /// Whether something looks at other hosts than its own.
    pub(super) looks_around: bool,
    /// Whether it makes hosts or groups.
    pub(super) makes_hosts: bool,
}

/// One tree, and what was found in it.
pub(super) struct Graph<'a> {
    pub(super) tree: Tree<'a>,
    pub(super) settings: Settings,
    /// All names of files and directories.
    names: HashSet<String>,
    known: HashMap<(Place, Kind, Place, Option<Place>), Rc<Facts>>,
    words_left: usize,
}

impl<'a> Graph<'a> {
    pub(super) fn of(files: &'a dyn Files, roots: &[&'a dyn Files]) -> Self {
        let tree = Tree::new(files, roots);
        let root = Place { root: 0, path: String::new() };
        let names =
            tree.below(&root).flat_map(|it| it.path.split('/').map(str::to_owned).collect::<Vec<_>>());
        let names = names.collect();
        let settings = Settings::read(&tree);
        Self { tree, settings, names, known: HashMap::new(), words_left: MOST_WORDS }
    }

    /// What a file leads to. A file that cannot be read or understood may use anything.
    pub(super) fn facts(&mut self, key: &Key) -> Rc<Facts> {
        let id = (key.place.clone(), key.kind, key.context.playbook.clone(), key.context.role.clone());
        if let Some(known) = self.known.get(&id) {
            return Rc::clone(known);
        }
        let facts = if self.known.len() < MOST_FILES {
            self.look(key)
        } else {
            Facts { anything: vec!["more files are read than are followed".to_owned()], ..Facts::default() }
        };
        let facts = Rc::new(facts);
        self.known.insert(id, Rc::clone(&facts));
        facts
    }

    fn look(&mut self, key: &Key) -> Facts {
        if key.kind == Kind::Role {
            return self.role(key);
        }
        let path = &key.place.path;
        let itself = (key.place.root == 0).then(|| path.clone());
        let cannot = |why: &str| Facts {
            anything: vec![format!("{path} {why}")],
            itself: itself.clone(),
            ..Facts::default()
        };
        let Some(bytes) = self.tree.read(&key.place).map(std::borrow::Cow::into_owned) else {
            return cannot("cannot be read");
        };
        if LARGEST < bytes.len() {
            return cannot("is too large to be read");
        }
        if bytes.starts_with(b"$ANSIBLE_VAULT") {
            // Variables of a vault are values; tasks could be anything.
            return if key.kind == Kind::Variables {
                Facts { itself, ..Facts::default() }
            } else {
                cannot("is vaulted")
            };
        }
        let text = match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) if matches!(key.kind, Kind::Template | Kind::Text) => {
                String::from_utf8_lossy(error.as_bytes()).into_owned()
            }
            Err(_) => return cannot("is not UTF-8"),
        };
        let mut reading = Reading::of(self, key);
        match key.kind {
            Kind::Template | Kind::Text => reading.template(&text, 1),
            _ => match yaml::parse(&text) {
                Ok(yaml) => reading.document(&yaml),
                Err(line) => return cannot(&format!("cannot be read as YAML (line {line})")),
            },
        }
        reading.facts
    }

    /// All that a role can run, whether something includes it or not.
    fn role(&mut self, key: &Key) -> Facts {
        let mut facts = Facts::default();
        let context = Context { role: Some(key.place.clone()), ..key.context.clone() };
        if key.place.root == 0 {
            facts.roles.insert(key.place.path.clone());
        }
        for file in self.tree.below(&key.place) {
            let inside = file.path.get(key.place.path.len()..).unwrap_or_default().trim_start_matches('/');
            let kind = match inside.split('/').next().unwrap_or_default() {
                "tasks" | "handlers" if is_yaml(&file.path) || file.name() == "main" => Kind::Tasks,
                "templates" => Kind::Template,
                "defaults" | "vars" if is_yaml(&file.path) || !file.name().contains('.') => Kind::Variables,
                "meta" if matches!(file.name(), "main.yml" | "main.yaml" | "main.json" | "main") => {
                    Kind::RoleMeta
                }
                _ => continue,
            };
            facts.next.push(Key { place: file, kind, context: context.clone() });
        }
        facts
    }

    /// The directories of a role by its name: in all places that Ansible looks in, not only the first one.
    pub(super) fn roles(&self, name: &str, collections: &[String], context: &Context) -> Vec<Place> {
        let mut places = Vec::new();
        if let Some((collection, role)) = name.rsplit_once('.').filter(|it| it.0.contains('.')) {
            places.extend(self.in_collection(collection, &format!("roles/{role}")));
        }
        for collection in collections {
            places.extend(self.in_collection(collection, &format!("roles/{name}")));
        }
        let repository = Place { root: 0, path: String::new() };
        if !name.starts_with(['/', '~']) {
            let mut directories: Vec<Place> = context.role.iter().map(Place::parent).collect();
            directories.extend(context.playbook.join("roles"));
            directories.extend(self.settings.roles_path.iter().filter_map(|it| repository.join(it)));
            directories.push(context.playbook.clone());
            directories.extend((1..self.tree.roots()).map(|root| Place { root, path: String::new() }));
            places.extend(directories.iter().filter_map(|it| it.join(name)));
        }
        places.sort();
        places.dedup();
        let parts = ["tasks", "handlers", "defaults", "vars", "meta", "templates", "files", "library"];
        places.retain(|place| {
            parts.iter().any(|it| place.join(it).is_some_and(|it| self.tree.is_directory(&it)))
        });
        places
    }

    /// A path in a collection, in all places where the collection may be.
    pub(super) fn in_collection(&self, collection: &str, path: &str) -> Vec<Place> {
        let inside = format!("ansible_collections/{}/{path}", collection.replacen('.', "/", 1));
        let repository = Place { root: 0, path: String::new() };
        let mut parents = vec![repository.clone()];
        parents.extend(repository.join("collections"));
        parents.extend(self.settings.collections_path.iter().filter_map(|it| repository.join(it)));
        parents.extend((1..self.tree.roots()).map(|root| Place { root, path: String::new() }));
        parents.iter().filter_map(|it| it.join(&inside)).collect()
    }

    /// What a name without variables leads to, or `None` if there is nothing.
    pub(super) fn targets(&self, follow: &Follow, name: &str) -> Option<Vec<Key>> {
        let Some(kind) = follow.kind else {
            let places = self.roles(name, &[], &follow.context);
            let keys = places.into_iter().map(|place| Key {
                place,
                kind: Kind::Role,
                context: follow.context.clone(),
            });
            return Some(keys.collect::<Vec<_>>()).filter(|it| !it.is_empty());
        };
        let directory = match kind {
            Kind::Template => "templates",
            Kind::Variables => "vars",
            _ => "tasks",
        };
        match follow.context.resolve(&self.tree, name, directory, &follow.here) {
            Target::Files(found) => {
                let context = follow.context.clone();
                Some(found.into_iter().map(|place| Key { place, kind, context: context.clone() }).collect())
            }
            Target::Missing | Target::Open => None,
        }
    }

    /// The files and directories that the words of a text name. A word without a slash names a directory only where
    /// a file must be meant.
    pub(super) fn mentioned(&mut self, text: &str, bases: &[Place], is_file: bool) -> Vec<String> {
        let mut found = Vec::new();
        let signs = |it: char| it.is_whitespace() || "\"'=,()[]{}|:;<>%`".contains(it);
        let whole = text.trim();
        let parts = if whole.contains(signs) && !whole.contains('\n') { Some((0, whole)) } else { None };
        let mut at = 0;
        let words = text.split(signs).map(|word| {
            let start = at;
            at += word.len() + 1;
            (start, word)
        });
        for (start, word) in words.chain(parts) {
            let after_template =
                start.checked_sub(1).and_then(|it| text.as_bytes().get(it)).is_some_and(|it| *it == b'}');
            let word = if after_template { word.trim_start_matches('/') } else { word };
            let trimmed = word.trim_end_matches(['/', '.']);
            let last = trimmed.rsplit('/').next().unwrap_or_default();
            if last.len() < 2 || word.starts_with(['/', '~']) {
                continue;
            }
            let Some(left) = self.words_left.checked_sub(1) else { return found };
            self.words_left = left;
            if self.names.contains(last) {
                let is_path = word.contains('/') || is_file;
                found.extend(bases.iter().filter_map(|it| it.join(trimmed)).filter_map(|it| {
                    let is_used = self.tree.is_file(&it) || is_path && self.tree.is_directory(&it);
                    (it.root == 0 && is_used).then_some(it.path)
                }));
            }
        }
        found
    }

    /// Whether all words could be looked at.
    pub(super) fn is_exhausted(&self) -> bool {
        self.words_left == 0
    }
}

/// The directories in which files are looked up that a file in `here` names.
pub(super) fn bases(context: &Context, here: &Place, kind: Option<Kind>) -> Vec<Place> {
    let mut near = vec![here.clone()];
    if here.name() == "tasks" || here.name() == "handlers" {
        near.push(here.parent());
    }
    near.extend(context.role.clone());
    near.push(context.playbook.clone());
    near.push(Place { root: 0, path: String::new() });
    let kinds: &[&str] = match kind {
        Some(Kind::Tasks) => &["tasks", "handlers"],
        Some(Kind::Variables) => &["vars"],
        Some(Kind::Template) => &["templates"],
        _ => &["files", "templates", "tasks", "vars"],
    };
    let more: Vec<Place> = near.iter().flat_map(|base| kinds.iter().filter_map(|it| base.join(it))).collect();
    near.extend(more);
    near.sort();
    near.dedup();
    near
}

/// A name, ready to be compared with paths.
pub(super) fn name_of(
    text: &str,
    repeated: &Loop,
    (context, here): (&Context, &Place),
    kind: Option<Kind>,
    how: String,
) -> Name {
    let (base, pieces) = super::names::pieces(text, repeated, context);
    let bases = base.map_or_else(|| bases(context, here, kind), |it| vec![it]);
    Name { pieces, bases, how }
}
