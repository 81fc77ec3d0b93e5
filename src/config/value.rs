//! What a file says, after every key and value was checked against its table.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::yaml::{Name, Place};
use crate::domain::Span;

/// A checked value and where it is written.
#[derive(Debug, Clone)]
pub(super) struct Value {
    pub(super) place: Place,
    /// Whether it stands in the file; otherwise it is the default.
    pub(super) written: bool,
    pub(super) content: Content,
}

#[derive(Debug, Clone)]
pub(super) enum Content {
    Group(BTreeMap<&'static str, Value>),
    Named(Vec<(Name, Value)>),
    List(Vec<Value>),
    Text(String),
    Duration(Span),
    Never,
    Size(u64),
    Count(u64),
    Switch(bool),
    Secret(Pointer),
    Variables(BTreeMap<String, serde_json::Value>),
    /// It was refused; the diagnostic is already written.
    Refused,
}

/// Where a secret is, as it is written in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Pointer {
    File(PathBuf),
    Credential(String),
}

/// Getters by key. `None` means absent or refused: the caller either has a default in the table, or leaves out what
/// cannot be built, since a refusal ends in an error anyway.
impl Value {
    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        match &self.content {
            Content::Group(values) => values.get(key),
            _ => None,
        }
    }

    pub(super) fn written(&self, key: &str) -> Option<&Self> {
        self.get(key).filter(|it| it.written)
    }

    pub(super) fn text(&self, key: &str) -> Option<&str> {
        self.get(key)?.as_text()
    }

    pub(super) fn as_text(&self) -> Option<&str> {
        match &self.content {
            Content::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn owned(&self, key: &str) -> Option<String> {
        self.text(key).map(str::to_owned)
    }

    pub(super) fn path(&self, key: &str) -> Option<PathBuf> {
        self.text(key).map(PathBuf::from)
    }

    pub(super) fn duration(&self, key: &str) -> Option<Span> {
        match self.get(key)?.content {
            Content::Duration(span) => Some(span),
            _ => None,
        }
    }

    pub(super) fn is_never(&self, key: &str) -> bool {
        self.get(key).is_some_and(|it| matches!(it.content, Content::Never))
    }

    pub(super) fn size(&self, key: &str) -> Option<u64> {
        match self.get(key)?.content {
            Content::Size(bytes) => Some(bytes),
            _ => None,
        }
    }

    pub(super) fn count<Number: TryFrom<u64>>(&self, key: &str) -> Option<Number> {
        match self.get(key)?.content {
            Content::Count(count) => Number::try_from(count).ok(),
            _ => None,
        }
    }

    pub(super) fn switch(&self, key: &str) -> Option<bool> {
        match self.get(key)?.content {
            Content::Switch(it) => Some(it),
            _ => None,
        }
    }

    pub(super) fn named(&self, key: &str) -> &[(Name, Self)] {
        match self.get(key).map(|it| &it.content) {
            Some(Content::Named(entries)) => entries,
            _ => &[],
        }
    }

    pub(super) fn list(&self, key: &str) -> &[Self] {
        match self.get(key).map(|it| &it.content) {
            Some(Content::List(items)) => items,
            _ => &[],
        }
    }

    pub(super) fn texts(&self, key: &str) -> Vec<String> {
        self.list(key).iter().filter_map(Self::as_text).map(str::to_owned).collect()
    }

    pub(super) fn variables(&self, key: &str) -> BTreeMap<String, serde_json::Value> {
        match self.get(key).map(|it| &it.content) {
            Some(Content::Variables(variables)) => variables.clone(),
            _ => BTreeMap::new(),
        }
    }

    pub(super) fn as_pointer(&self) -> Option<&Pointer> {
        match &self.content {
            Content::Secret(pointer) => Some(pointer),
            _ => None,
        }
    }
}
