//! Structures: keys say what is secret.

use serde_json::{Map, Value};

use super::names::{Names, is_harmless};
use super::{REDACTED, Redactor};

/// No result of Ansible is nested deeper.
const DEEPEST: usize = 128;

pub(super) fn redact(redactor: &Redactor, value: &mut Value) {
    within(redactor, value, DEEPEST);
}

fn within(redactor: &Redactor, value: &mut Value, depth: usize) {
    match value {
        Value::Array(_) | Value::Object(_) if depth == 0 => *value = Value::from(REDACTED),
        Value::String(text) => {
            if let std::borrow::Cow::Owned(redacted) = redactor.redacted(text) {
                *text = redacted;
            }
        }
        Value::Number(number) => {
            if !redactor.find(number.to_string().as_bytes()).is_empty() {
                *value = Value::from(REDACTED);
            }
        }
        Value::Array(items) => {
            let mut follows_option = false;
            for item in items {
                let is_option = item.as_str().is_some_and(|it| is_option(it, &redactor.names));
                if follows_option && !is_option {
                    hide("", item);
                }
                follows_option = is_option;
                within(redactor, item, depth - 1);
            }
        }
        Value::Object(entries) => {
            let named = names_secret(entries, &redactor.names);
            let old = std::mem::take(entries);
            for (key, mut value) in old {
                if redactor.names.is_secret(key.as_bytes()) || named && key == "value" {
                    hide(&key, &mut value);
                } else {
                    within(redactor, &mut value, depth - 1);
                }
                entries.insert(redactor.redacted(&key).into_owned(), value);
            }
        }
        Value::Null | Value::Bool(_) => {}
    }
}

/// Replaces the value of a name, unless it tells nothing.
fn hide(name: &str, value: &mut Value) {
    let is_seen = match value {
        Value::String(text) => is_harmless(name.as_bytes(), text.as_bytes()),
        Value::Null | Value::Bool(_) => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(entries) => entries.is_empty(),
        Value::Number(_) => false,
    };
    if !is_seen {
        *value = Value::from(REDACTED);
    }
}

/// Whether the next word of a command line is a secret.
fn is_option(word: &str, names: &Names) -> bool {
    word.starts_with('-') && !word.contains(['=', ' ', '\n']) && names.is_secret(word.as_bytes())
}

/// `{"name": "DB_PASSWORD", "value": "…"}`.
fn names_secret(entries: &Map<String, Value>, names: &Names) -> bool {
    ["name", "key"]
        .iter()
        .any(|it| entries.get(*it).and_then(Value::as_str).is_some_and(|it| names.is_secret(it.as_bytes())))
}
