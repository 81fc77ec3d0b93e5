//! JSON Schemas (draft 2020-12) for editors, made from the tables of keys.
//!
//! They are as strict as a schema can be and never stricter than the checks: what a schema refuses, the checks refuse.

use serde_json::{Map, Value, json};

use super::check::default_of;
use super::operator_keys::OPERATOR;
use super::repository_keys::REPOSITORY;
use super::shape::{Key, Presence, Shape};
use super::units::{SIZE_PATTERN, SPAN_PATTERN};
use super::value::Content;

/// The schema of the operator's file.
pub fn operator_schema() -> Value {
    file("driftless: the operator's configuration", OPERATOR)
}

/// The schema of `driftless.yml`.
pub fn repository_schema() -> Value {
    file("driftless.yml: the stacks of a repository", REPOSITORY)
}

fn file(title: &str, keys: &'static [Key]) -> Value {
    let mut schema = group(keys);
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema".into();
    schema["title"] = title.into();
    schema
}

fn group(keys: &'static [Key]) -> Value {
    let properties: Map<String, Value> =
        keys.iter().map(|key| (key.name.to_owned(), property(key))).collect();
    let needed: Vec<&str> =
        keys.iter().filter(|it| it.presence == Presence::Required).map(|it| it.name).collect();
    let mut schema = json!({ "type": "object", "properties": properties, "additionalProperties": false });
    if needed.is_empty() {
        schema["type"] = nothing_or_object();
    } else {
        schema["required"] = needed.into();
    }
    schema
}

/// What may stand there with all its keys commented out.
fn nothing_or_object() -> Value {
    json!(["object", "null"])
}

fn property(key: &'static Key) -> Value {
    let mut schema = shape(&key.shape);
    schema["description"] = key.about.into();
    if let Presence::Default(text) = key.presence {
        schema["default"] = match (&key.shape, default_of(text, &key.shape)) {
            (Shape::Switch, Content::Switch(it)) => it.into(),
            (Shape::Count(..), Content::Count(it)) => it.into(),
            _ => text.into(),
        };
    }
    schema
}

fn shape(shape: &'static Shape) -> Value {
    match shape {
        Shape::Group(keys) => group(keys),
        Shape::OneOf(keys) => {
            let mut schema = group(keys);
            schema["maxProperties"] = 1.into();
            schema
        }
        Shape::Named(rule, inner, some) => {
            let mut schema = json!({
                "type": "object",
                "propertyNames": { "pattern": rule.pattern },
                "additionalProperties": self::shape(inner),
            });
            if *some {
                schema["minProperties"] = 1.into();
            } else {
                schema["type"] = nothing_or_object();
            }
            schema
        }
        Shape::List(item) => json!({ "type": "array", "items": self::shape(item) }),
        Shape::Text(rule) => json!({ "type": "string", "pattern": rule.pattern }),
        Shape::Choice(words) => json!({ "type": "string", "enum": words }),
        Shape::Switch => json!({ "type": "boolean" }),
        Shape::Count(least, most) => json!({ "type": "integer", "minimum": least, "maximum": most }),
        Shape::Duration(..) => {
            json!({ "type": "string", "pattern": SPAN_PATTERN, "examples": ["90s", "30m", "1h 15m", "14d"] })
        }
        Shape::Interval(..) => {
            let pattern = format!("^never$|{SPAN_PATTERN}");
            json!({ "type": "string", "pattern": pattern, "examples": ["30m", "1h", "1d", "never"] })
        }
        Shape::Percent => json!({ "type": "string", "pattern": "^[0-9]{1,3}%$", "examples": ["30%"] }),
        Shape::Size(..) => {
            json!({ "type": "string", "pattern": SIZE_PATTERN, "examples": ["500MiB", "2GiB"] })
        }
        Shape::Secret => json!({
            "type": "object",
            "properties": {
                "file": { "type": "string", "pattern": "^/", "description": "The file that holds the secret." },
                "credential": {
                    "type": "string",
                    "pattern": "^[A-Za-z0-9_][A-Za-z0-9._-]{0,254}$",
                    "description": "The name of a systemd credential, as in `LoadCredential=`.",
                },
            },
            "additionalProperties": false,
            "minProperties": 1,
            "maxProperties": 1,
        }),
        Shape::Variables => json!({
            "type": nothing_or_object(),
            "propertyNames": { "pattern": "^[A-Za-z_][A-Za-z0-9_]*$" },
        }),
    }
}
