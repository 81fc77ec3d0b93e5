//! Compares a tree with a table of keys and gathers all that is wrong, never only the first.

mod scalar;
mod secret;
mod variables;

use std::collections::BTreeMap;

use super::mask::{is_secret_name, one_line};
use super::report::Diagnostic;
use super::shape::{Key, Presence, Rule, Shape};
use super::suggest::nearest;
use super::value::{Content, Value};
use super::yaml::{self, Kind, Name, Node, Place};
pub(super) use scalar::default_of;

/// Advice for a secret that stands in the file itself.
const NEVER_INLINE: &str = "put it into a file that only driftless can read and write `{file: /path}`, or into a systemd credential and write `{credential: name}`";

/// What was found while comparing.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub(super) diagnostics: Vec<Diagnostic>,
    /// Places that must not be shown.
    pub(super) masks: Vec<Place>,
    /// Keys that only the operator's file has, while that of a repository is compared.
    pub(super) operators: &'static [&'static str],
}

impl Findings {
    pub(super) fn error(&mut self, message: impl Into<String>, place: &Place, help: impl Into<String>) {
        self.diagnostics.push(Diagnostic::error(message, place.clone()).help(help));
    }

    pub(super) fn warning(&mut self, message: impl Into<String>, place: &Place, help: impl Into<String>) {
        self.diagnostics.push(Diagnostic::warning(message, place.clone()).help(help));
    }

    /// Compares a whole file with its table.
    pub(super) fn file(&mut self, root: &Node, keys: &'static [Key]) -> Value {
        self.group(root, keys, "")
    }

    /// `at` is where we are, as people write it: `sources.infra`.
    fn value(&mut self, node: &Node, shape: &'static Shape, at: &str) -> Value {
        match shape {
            Shape::Group(keys) => return self.group(node, keys, at),
            Shape::OneOf(keys) => return self.one_of(node, keys, at),
            Shape::Named(rule, inner, some) => return self.named(node, (rule, inner, *some), at),
            Shape::List(item) => return self.list(node, item, at),
            Shape::Secret => return self.secret(node, at),
            Shape::Variables => return self.variables(node, at),
            _ => {}
        }
        let content = match &node.content {
            yaml::Content::Scalar(scalar) => self.scalar(scalar, &node.place, shape, at),
            yaml::Content::List(_) => self.refuse_kind("a list", node, shape, at),
            yaml::Content::Map(_) => self.refuse_kind("a mapping", node, shape, at),
        };
        Value { place: node.place.clone(), written: true, content }
    }

    fn refuse_kind(&mut self, given: &str, node: &Node, shape: &Shape, at: &str) -> Content {
        self.error(format!("{} is {given}", title(at)), &node.place, format!("expected {}", shape.what()));
        Content::Refused
    }

    fn entries<'a>(&mut self, node: &'a Node, shape: &Shape, at: &str) -> Option<&'a [(Name, Node)]> {
        match &node.content {
            yaml::Content::Map(entries) => Some(entries),
            yaml::Content::Scalar(scalar) if scalar.kind() == Kind::Null => Some(&[]),
            yaml::Content::Scalar(_) => {
                self.refuse_kind("one value", node, shape, at);
                None
            }
            yaml::Content::List(_) => {
                self.refuse_kind("a list", node, shape, at);
                None
            }
        }
    }

    fn group(&mut self, node: &Node, keys: &'static [Key], at: &str) -> Value {
        let place = node.place.clone();
        let Some(entries) = self.entries(node, &Shape::Group(keys), at) else {
            return Value { place, written: true, content: Content::Refused };
        };
        let mut values = BTreeMap::new();
        for (name, node) in entries {
            let inner = join(at, &name.text);
            match keys.iter().find(|key| key.name == name.text) {
                Some(key) if is_null(node) && !takes_nothing(&key.shape) => {
                    let help = format!("give it a value ({}), or remove the key", key.shape.what());
                    self.error(format!("`{inner}` has no value"), &name.place, help);
                    values.insert(
                        key.name,
                        Value { place: name.place.clone(), written: true, content: Content::Refused },
                    );
                }
                Some(key) => {
                    let value = self.value(node, &key.shape, &inner);
                    values.insert(key.name, value);
                }
                None => self.unknown(name, node, keys, at),
            }
        }
        for key in keys.iter().filter(|key| !entries.iter().any(|(name, _)| name.text == key.name)) {
            match absent(key, &place) {
                Some(value) => {
                    values.insert(key.name, value);
                }
                None if key.presence == Presence::Required => self.missing(key, &place, at),
                None => {}
            }
        }
        Value { place, written: true, content: Content::Group(values) }
    }

    /// A group whose keys exclude each other.
    fn one_of(&mut self, node: &Node, keys: &'static [Key], at: &str) -> Value {
        if let yaml::Content::Map(entries) = &node.content {
            let mut known = entries.iter().filter(|(name, _)| keys.iter().any(|it| it.name == name.text));
            if let (Some((one, _)), Some((other, _))) = (known.next(), known.next()) {
                let message = format!("{} says both `{}` and `{}`", title(at), one.text, other.text);
                let found = Diagnostic::error(message, other.place.clone());
                self.diagnostics
                    .push(found.context(one.place.clone(), "first here").help("keep one of them"));
            }
        }
        if self.entries(node, &Shape::OneOf(keys), at).is_none() {
            return Value { place: node.place.clone(), written: true, content: Content::Refused };
        }
        self.group(node, keys, at)
    }

    fn missing(&mut self, key: &Key, place: &Place, at: &str) {
        let message = format!("{} has no `{}`", title(at), key.name);
        let help = format!("add `{}:` with {}", key.name, key.shape.what());
        let found = if at.is_empty() {
            Diagnostic::whole(message)
        } else {
            Diagnostic::error(message, place.clone())
        };
        self.diagnostics.push(found.help(help));
    }

    fn unknown(&mut self, name: &Name, node: &Node, keys: &[Key], at: &str) {
        let shown = one_line(&name.text);
        if is_secret_name(&name.text) {
            self.mask(node);
        }
        if self.operators.contains(&name.text.as_str()) {
            let message = format!("`{shown}` is not for repositories to say");
            self.error(
                message,
                &name.place,
                "remove it; the operator says it, in the daemon's configuration",
            );
            return;
        }
        if is_secret_name(&name.text) {
            let message = format!("`{shown}` looks like a secret and is no key of {}", title(at));
            self.error(message, &name.place, NEVER_INLINE);
            return;
        }
        let names = || keys.iter().map(|key| key.name);
        let help = match nearest(&name.text, names()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => {
                format!("its keys are {}", names().map(|it| format!("`{it}`")).collect::<Vec<_>>().join(", "))
            }
        };
        self.error(format!("unknown key `{shown}` in {}", title(at)), &name.place, help);
    }

    fn named(
        &mut self,
        node: &Node,
        (rule, inner, some): (&'static Rule, &'static Shape, bool),
        at: &str,
    ) -> Value {
        let place = node.place.clone();
        let shape = Shape::Named(rule, inner, some);
        let Some(entries) = self.entries(node, &shape, at) else {
            return Value { place, written: true, content: Content::Refused };
        };
        if some && entries.is_empty() {
            self.error(
                format!("`{at}` is empty"),
                &place,
                format!("add {}, with its keys below it", rule.what),
            );
        }
        let mut values = Vec::new();
        for (name, node) in entries {
            if let Err(help) = (rule.check)(&name.text) {
                self.error(format!("`{}` is not {}", one_line(&name.text), rule.what), &name.place, help);
            }
            let value = self.value(node, inner, &join(at, &name.text));
            values.push((name.clone(), value));
        }
        Value { place, written: true, content: Content::Named(values) }
    }

    fn list(&mut self, node: &Node, item: &'static Shape, at: &str) -> Value {
        let place = node.place.clone();
        let yaml::Content::List(items) = &node.content else {
            let help = format!("write a list: `[{}]`", example(node));
            self.error(format!("{} is no list", title(at)), &place, help);
            return Value { place, written: true, content: Content::Refused };
        };
        let items = items.iter().map(|node| self.value(node, item, at)).collect();
        Value { place, written: true, content: Content::List(items) }
    }

    /// Hides every scalar of a node.
    fn mask(&mut self, node: &Node) {
        match &node.content {
            yaml::Content::Scalar(_) => self.masks.push(node.place.clone()),
            yaml::Content::List(items) => items.iter().for_each(|it| self.mask(it)),
            yaml::Content::Map(entries) => entries.iter().for_each(|(_, it)| self.mask(it)),
        }
    }
}

/// The value of a key that is not written: its default, or for a group what its keys are by default.
fn absent(key: &'static Key, place: &Place) -> Option<Value> {
    let content = match (key.presence, &key.shape) {
        (Presence::Default(text), shape) => default_of(text, shape),
        (Presence::Optional, Shape::Group(keys) | Shape::OneOf(keys))
            if keys.iter().all(|it| it.presence != Presence::Required) =>
        {
            Content::Group(keys.iter().filter_map(|key| Some((key.name, absent(key, place)?))).collect())
        }
        _ => return None,
    };
    Some(Value { place: place.clone(), written: false, content })
}

fn is_null(node: &Node) -> bool {
    matches!(&node.content, yaml::Content::Scalar(scalar) if scalar.kind() == Kind::Null)
}

/// Whether a key may stand there with nothing behind it, because all that was behind it is commented out.
fn takes_nothing(shape: &Shape) -> bool {
    matches!(shape, Shape::Group(_) | Shape::OneOf(_) | Shape::Named(..) | Shape::Variables)
}

fn title(at: &str) -> String {
    if at.is_empty() { "this file".to_owned() } else { format!("`{}`", one_line(at)) }
}

fn join(at: &str, name: &str) -> String {
    if at.is_empty() { one_line(name) } else { format!("{at}.{}", one_line(name)) }
}

fn example(node: &Node) -> String {
    match &node.content {
        yaml::Content::Scalar(scalar) => one_line(&scalar.text).replace(',', ", "),
        _ => "…".to_owned(),
    }
}
