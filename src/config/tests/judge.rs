//! A small judge of JSON Schemas: exactly the words that our schemas use. A word that it does not know is an error,
//! so that no part of a schema goes unjudged.

use std::cell::RefCell;
use std::collections::HashMap;

use regex_automata::dfa::{Automaton as _, dense};
use regex_automata::util::syntax;
use regex_automata::{Input, MatchKind};
use serde_json::Value;

/// Words that say nothing about what is valid.
const REMARKS: [&str; 5] = ["$schema", "title", "description", "default", "examples"];

pub(super) fn accepts(schema: &Value, given: &Value) -> bool {
    let words = schema.as_object().expect("a schema is an object");
    words.iter().all(|(word, rule)| match (word.as_str(), given) {
        (word, _) if REMARKS.contains(&word) => true,
        ("type", _) => types(rule).iter().any(|it| is(it, given)),
        ("enum", _) => rule.as_array().expect("a list").contains(given),
        ("pattern", Value::String(text)) => matches(rule, text),
        ("minimum", Value::Number(it)) => it.as_f64() >= rule.as_f64(),
        ("maximum", Value::Number(it)) => it.as_f64() <= rule.as_f64(),
        ("items", Value::Array(items)) => items.iter().all(|it| accepts(rule, it)),
        ("required", Value::Object(it)) => types(rule).iter().all(|name| it.contains_key(*name)),
        ("minProperties", Value::Object(it)) => rule.as_u64() <= Some(it.len() as u64),
        ("maxProperties", Value::Object(it)) => rule.as_u64() >= Some(it.len() as u64),
        ("properties", Value::Object(it)) => {
            it.iter().all(|(name, it)| rule.get(name).is_none_or(|rule| accepts(rule, it)))
        }
        ("additionalProperties", Value::Object(it)) => {
            let known =
                |name: &String| words.get("properties").is_some_and(|known| known.get(name).is_some());
            let mut others = it.iter().filter(|(name, _)| !known(name));
            others.all(|(_, it)| *rule != Value::Bool(false) && accepts(rule, it))
        }
        ("propertyNames", Value::Object(it)) => it.keys().all(|name| accepts(rule, &name.as_str().into())),
        (
            "pattern"
            | "minimum"
            | "maximum"
            | "items"
            | "required"
            | "minProperties"
            | "maxProperties"
            | "properties"
            | "additionalProperties"
            | "propertyNames",
            _,
        ) => true,
        (word, _) => panic!("the judge does not know `{word}`"),
    })
}

fn types(rule: &Value) -> Vec<&str> {
    match rule {
        Value::String(one) => vec![one],
        Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
        _ => panic!("{rule} names no types"),
    }
}

fn is(name: &str, given: &Value) -> bool {
    match name {
        "null" => given.is_null(),
        "boolean" => given.is_boolean(),
        "object" => given.is_object(),
        "array" => given.is_array(),
        "string" => given.is_string(),
        "integer" => given.is_i64() || given.is_u64() || given.as_f64().is_some_and(|it| it.fract() == 0.0),
        _ => panic!("the judge does not know the type `{name}`"),
    }
}

thread_local! {
    /// Each pattern is built once.
    static BUILT: RefCell<HashMap<String, dense::DFA<Vec<u32>>>> = RefCell::default();
}

/// As in a schema, a pattern may match anywhere, unless it says otherwise.
fn matches(pattern: &Value, text: &str) -> bool {
    let pattern = pattern.as_str().expect("a pattern is a text");
    BUILT.with_borrow_mut(|built| {
        let dfa = built.entry(pattern.to_owned()).or_insert_with(|| build(pattern));
        dfa.try_search_fwd(&Input::new(text)).expect("a search").is_some()
    })
}

fn build(pattern: &str) -> dense::DFA<Vec<u32>> {
    let bytes = syntax::Config::new().unicode(false).utf8(false);
    let config = dense::Config::new().match_kind(MatchKind::All);
    dense::Builder::new().configure(config).syntax(bytes).build(pattern).expect("a pattern")
}
