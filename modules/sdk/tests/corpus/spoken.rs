//! A specification in Ansible's own words: the dictionary that a Python module gives to `AnsibleModule`.

use driftless_module::specification::{Due, Kind, Parameter, Rules, Specification};
use driftless_module::{Map, Value};

pub(crate) fn specification(specification: &Specification) -> Value {
    Value::Map(specification.parameters.iter().map(|it| (it.name.clone(), parameter(it))).collect())
}

fn parameter(parameter: &Parameter) -> Value {
    let mut map = Map::new();
    map.insert("type", parameter.kind.name());
    if let Kind::List(Some(element)) = &parameter.kind {
        map.insert("elements", element.name());
    }
    if parameter.required {
        map.insert("required", true);
    }
    if let Some(default) = &parameter.default {
        map.insert("default", default.clone());
    }
    if let Some(choices) = &parameter.choices {
        map.insert("choices", choices.clone());
    }
    if !parameter.aliases.is_empty() {
        map.insert("aliases", parameter.aliases.clone());
    }
    if !parameter.deprecated_aliases.is_empty() {
        let aliases = parameter.deprecated_aliases.iter().map(|alias| {
            let mut map = Map::new();
            map.insert("name", alias.name.clone());
            due(&mut map, &alias.due, ["version", "date"]);
            insert_some(&mut map, "collection_name", alias.collection.as_ref());
            Value::Map(map)
        });
        map.insert("deprecated_aliases", Value::List(aliases.collect()));
    }
    if let Some(removal) = &parameter.removal {
        due(&mut map, &removal.due, ["removed_in_version", "removed_at_date"]);
        insert_some(&mut map, "removed_from_collection", removal.collection.as_ref());
    }
    if parameter.no_log {
        map.insert("no_log", true);
    }
    if parameter.apply_defaults {
        map.insert("apply_defaults", true);
    }
    if let Some(options) = parameter.kind.options() {
        map.insert("options", specification(options));
        for (key, value) in rules(&options.rules) {
            map.insert(key, value);
        }
    }
    Value::Map(map)
}

fn due(map: &mut Map, due: &Due, [version, date]: [&str; 2]) {
    match due {
        Due::Version(it) => map.insert(version, it.clone()),
        Due::Date(it) => map.insert(date, it.clone()),
    }
}

fn insert_some(map: &mut Map, key: &str, text: Option<&String>) {
    if let Some(text) = text {
        map.insert(key, text.clone());
    }
}

pub(crate) fn rules(rules: &Rules) -> Map {
    let mut map = Map::new();
    for (key, groups) in [
        ("mutually_exclusive", &rules.mutually_exclusive),
        ("required_together", &rules.required_together),
        ("required_one_of", &rules.required_one_of),
    ] {
        if !groups.is_empty() {
            map.insert(key, groups.clone());
        }
    }
    if !rules.required_if.is_empty() {
        let conditions = rules.required_if.iter().map(|it| {
            let required = Value::from(it.required.clone());
            Value::List(vec![it.parameter.clone().into(), it.value.clone(), required, it.any.into()])
        });
        map.insert("required_if", Value::List(conditions.collect()));
    }
    if !rules.required_by.is_empty() {
        let pairs = rules.required_by.iter().map(|(key, names)| (key.clone(), names.clone().into()));
        map.insert("required_by", Value::Map(pairs.collect()));
    }
    map
}
