//! Roles and collections.

use std::rc::Rc;

use super::files::{Context, Place, is_yaml};
use super::jinja::is_template;
use super::walk::{File, Kind, Walk};
use super::yaml::Node;

impl Walk<'_> {
    /// `roles:` of a play.
    pub(super) fn roles_of_play(&mut self, list: &Node, play: &Node, file: &File<'_>) {
        let collections = play.get("collections").map(|it| it.each_text().map(str::to_owned).collect());
        let collections: Vec<String> = collections.unwrap_or_default();
        for node in list.items() {
            self.named_role(node, &collections, file);
        }
    }

    /// What a role depends on, in its `meta/main.yml`.
    pub(super) fn dependencies(&mut self, root: &Node, file: &File<'_>) {
        let collections = root.get("collections").map(|it| it.each_text().map(str::to_owned).collect());
        let collections: Vec<String> = collections.unwrap_or_default();
        for node in root.get("dependencies").into_iter().flat_map(|it| it.items()) {
            self.named_role(node, &collections, file);
        }
    }

    fn named_role(&mut self, node: &Rc<Node>, collections: &[String], file: &File<'_>) {
        self.keywords(node, file);
        let name = node.text().or_else(|| ["role", "name", "src"].iter().find_map(|it| node.get(it)?.text()));
        match name {
            Some(name) => self.role(name, collections, file, node.line),
            None => self.refuse("a role without a name", file.place, node.line),
        }
    }

    /// Follows a role by its name.
    pub(super) fn role(&mut self, name: &str, collections: &[String], file: &File<'_>, line: usize) {
        if is_template(name) {
            return self.refuse("a role with a templated name", file.place, line);
        }
        let found: Vec<Place> = self.places_of_role(name, collections, file.context);
        let found: Vec<Place> = found.into_iter().filter(|it| self.is_role(it)).collect();
        if found.is_empty() {
            self.refuse(format!("role {name} cannot be found"), file.place, line);
        }
        for role in found {
            self.enter_role(&role, file.context);
        }
    }

    fn is_role(&self, place: &Place) -> bool {
        ["tasks", "handlers", "defaults", "vars", "meta", "templates", "files", "library"]
            .iter()
            .any(|it| place.join(it).is_some_and(|it| self.tree.is_directory(&it)))
    }

    /// Where a role may be: of all places that Ansible looks in, not only the first one.
    fn places_of_role(&self, name: &str, collections: &[String], context: &Context) -> Vec<Place> {
        let mut places = Vec::new();
        if let Some((collection, role)) = name.rsplit_once('.').filter(|it| it.0.contains('.')) {
            let directories = self.collection_directories(collection);
            places.extend(directories.iter().filter_map(|it| it.join(&format!("roles/{role}"))));
        }
        for collection in collections {
            let directories = self.collection_directories(collection);
            places.extend(directories.iter().filter_map(|it| it.join(&format!("roles/{name}"))));
        }
        if name.starts_with(['/', '~']) {
            return places;
        }
        let repository = Place { root: 0, path: String::new() };
        let mut directories: Vec<Place> = context.role.iter().map(Place::parent).collect();
        directories.extend(context.playbook.join("roles"));
        directories.extend(self.settings.roles_path.iter().filter_map(|it| repository.join(it)));
        directories.push(context.playbook.clone());
        directories.extend((1..self.tree.roots()).map(|root| Place { root, path: String::new() }));
        places.extend(directories.iter().filter_map(|it| it.join(name)));
        places.sort();
        places.dedup();
        places
    }

    /// Where a collection may be.
    pub(super) fn collection_directories(&self, name: &str) -> Vec<Place> {
        let path = format!("ansible_collections/{}", name.replacen('.', "/", 1));
        let repository = Place { root: 0, path: String::new() };
        let mut parents = vec![repository.clone()];
        parents.extend(repository.join("collections"));
        parents.extend(self.settings.collections_path.iter().filter_map(|it| repository.join(it)));
        parents.extend((1..self.tree.roots()).map(|root| Place { root, path: String::new() }));
        parents.iter().filter_map(|it| it.join(&path)).collect()
    }

    /// All that a role can run, whether something includes it or not.
    fn enter_role(&mut self, role: &Place, context: &Context) {
        if !self.roles.insert((role.clone(), context.playbook.clone())) {
            return;
        }
        let context = Context { role: Some(role.clone()), ..context.clone() };
        if role.root == 0 {
            self.plugins_in(role);
        }
        for (name, kind) in [("tasks", Kind::Tasks), ("handlers", Kind::Tasks), ("templates", Kind::Template)]
        {
            let directory = role.join(name);
            let files: Vec<Place> = directory.iter().flat_map(|it| self.tree.below(it)).collect();
            for file in files {
                if kind == Kind::Template || is_yaml(&file.path) || file.name() == "main" {
                    self.enter(file, kind, &context);
                }
            }
        }
        for name in ["defaults", "vars"] {
            if let Some(directory) = role.join(name) {
                self.variables_below(&directory, &context);
            }
        }
        for name in ["main.yml", "main.yaml", "main.json", "main"] {
            if let Some(file) = role.join(&format!("meta/{name}")).filter(|it| self.tree.is_file(it)) {
                self.enter(file, Kind::RoleMeta, &context);
            }
        }
    }

    /// Collections of the repository that have plugins which can see all variables: a name and one such file.
    pub(super) fn collections_with_plugins(&self) -> Vec<(String, Place)> {
        let repository = Place { root: 0, path: String::new() };
        let mut found: Vec<(String, Place)> = Vec::new();
        for file in self.tree.below(&repository) {
            let Some((_, inside)) = file.path.split_once("ansible_collections/") else { continue };
            let parts: Vec<&str> = inside.split('/').collect();
            if let [namespace, name, "plugins", kind, _, ..] = parts.as_slice() {
                let is_harmless =
                    matches!(*kind, "modules" | "module_utils" | "doc_fragments" | "plugin_utils");
                let collection = format!("{namespace}.{name}");
                if !is_harmless && is_python(&file.path) && found.last().is_none_or(|it| it.0 != collection) {
                    found.push((collection, file));
                }
            }
        }
        found
    }
}

fn is_python(path: &str) -> bool {
    path.rsplit_once('.').is_some_and(|it| it.1 == "py")
}
