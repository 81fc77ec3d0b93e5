//! The one object that a module prints, and what is taken out of it.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use serde::Serialize;
use serde_json::{Map, Value as Json};

use crate::context::Context;
use crate::specification::Due;
use crate::value::Map as Parameters;

/// What stands where a secret was, as in Ansible's own modules.
pub const HIDDEN: &str = "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER";

/// Something that was used and will go, as Ansible takes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Deprecation {
    /// What it is.
    pub msg: String,
    /// The version of the collection with which it goes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The day on which it goes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub date: Option<String>,
    /// The collection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub collection_name: Option<String>,
}

impl Deprecation {
    pub(crate) fn new(msg: String, due: Due, collection_name: Option<String>) -> Self {
        let (version, date) = match due {
            Due::Version(version) => (Some(version), None),
            Due::Date(date) => (None, Some(date)),
        };
        Self { msg, version, date, collection_name }
    }
}

/// Secrets of the running module, for what is said when it panics.
static SECRETS: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Remembers secrets.
pub(crate) fn remember(secrets: impl IntoIterator<Item = String>) {
    SECRETS.lock().unwrap_or_else(PoisonError::into_inner).extend(secrets);
}

/// All secrets that were remembered.
pub(crate) fn secrets() -> BTreeSet<String> {
    SECRETS.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// Adds what every result has, and takes secrets out of all of it.
pub(crate) fn complete(
    mut result: Map<String, Json>,
    context: &Context,
    parameters: Parameters,
    mut secrets: BTreeSet<String>,
) -> Map<String, Json> {
    let told = std::mem::take(&mut *context.told());
    secrets.extend(told.secrets);
    for (key, value) in told.returned {
        result.entry(key).or_insert(value);
    }
    if !told.facts.is_empty() {
        result.insert("ansible_facts".to_owned(), Json::Object(told.facts));
    }
    if !told.warnings.is_empty() {
        result.insert("warnings".to_owned(), Json::from(told.warnings));
    }
    if let Ok(Json::Array(list)) = serde_json::to_value(&told.deprecations)
        && !list.is_empty()
    {
        result.insert("deprecations".to_owned(), Json::Array(list));
    }
    if context.inject_invocation {
        let arguments: Json = crate::value::Value::Map(parameters).into();
        result.insert("invocation".to_owned(), serde_json::json!({ "module_args": arguments }));
    }
    let mut result = hide(result, &secrets);
    // From here on Ansible hides them in everything that it shows, also of other tasks.
    if context.core.takes_secrets() && !secrets.is_empty() {
        result.insert("_ansible_new_secrets".to_owned(), secrets.into_iter().collect());
    }
    result
}

/// Takes secrets out of all values. Keys stay as they are.
pub(crate) fn hide(result: Map<String, Json>, secrets: &BTreeSet<String>) -> Map<String, Json> {
    // Longer ones first: a secret may be part of another.
    let mut secrets: Vec<&str> = secrets.iter().map(String::as_str).filter(|it| !it.is_empty()).collect();
    if secrets.is_empty() {
        return result;
    }
    secrets.sort_by_key(|it| std::cmp::Reverse(it.len()));
    result.into_iter().map(|(key, value)| (key, without(value, &secrets))).collect()
}

fn without(value: Json, secrets: &[&str]) -> Json {
    match value {
        Json::String(text) if secrets.contains(&text.as_str()) => HIDDEN.into(),
        Json::String(text) => {
            let text = secrets
                .iter()
                .filter(|it| text.contains(**it))
                .fold(text.clone(), |text, secret| text.replace(secret, "********"));
            Json::String(text)
        }
        Json::Number(number) => {
            let text = number.to_string();
            if secrets.iter().any(|it| text.contains(it)) { HIDDEN.into() } else { Json::Number(number) }
        }
        Json::Array(items) => items.into_iter().map(|it| without(it, secrets)).collect(),
        Json::Object(map) => map.into_iter().map(|(key, it)| (key, without(it, secrets))).collect(),
        Json::Null | Json::Bool(_) => value,
    }
}
