//! Extra variables as literal values.
//!
//! Ansible evaluates what looks like a template in an extra variable, in the file of `--extra-vars @file` too: a
//! commit message `{{ lookup('pipe', …) }}` executed (measured). A string under the key `__ansible_unsafe` is not
//! evaluated, in no supported version.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::CommandError;

const MARK: &str = "__ansible_unsafe";

/// The contents of the file: the variables with each string in them marked.
pub(super) fn literal(variables: &BTreeMap<String, Value>) -> Result<Value, CommandError> {
    let mut all = Map::new();
    for (name, value) in variables {
        if !is_identifier(name) {
            return Err(CommandError::Variable(name.escape_debug().to_string()));
        }
        all.insert(name.clone(), mark(name, value)?);
    }
    Ok(Value::Object(all))
}

fn mark(variable: &str, value: &Value) -> Result<Value, CommandError> {
    Ok(match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
        Value::String(text) => {
            let mut marked = Map::new();
            marked.insert(MARK.to_owned(), Value::String(text.clone()));
            Value::Object(marked)
        }
        Value::Array(items) => {
            Value::Array(items.iter().map(|it| mark(variable, it)).collect::<Result<_, _>>()?)
        }
        Value::Object(entries) => {
            let mut marked = Map::new();
            for (key, value) in entries {
                // `__ansible_vault`, `__ansible_unsafe`, `__ansible_type`: marks of Ansible's own, in all versions.
                if key.starts_with("__ansible_") {
                    let key = key.escape_debug().to_string();
                    return Err(CommandError::Key { variable: variable.to_owned(), key });
                }
                marked.insert(key.clone(), mark(variable, value)?);
            }
            Value::Object(marked)
        }
    })
}

fn is_identifier(name: &str) -> bool {
    name.starts_with(|it: char| it.is_ascii_alphabetic() || it == '_')
        && name.chars().all(|it| it.is_ascii_alphanumeric() || it == '_')
        && !name.starts_with("__ansible_")
}
