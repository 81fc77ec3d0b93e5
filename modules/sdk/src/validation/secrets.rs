//! Which texts are secrets, as given: before any conversion.

use std::collections::BTreeSet;

use super::conversion;
use crate::core::Core;
use crate::output::HIDDEN;
use crate::python;
use crate::specification::{Kind, Specification};
use crate::value::{Map, Value};

/// The secrets among parameters, also in dictionaries, which may still be texts.
pub(super) fn of(
    specification: &Specification,
    parameters: &Map,
    core: Core,
) -> Result<BTreeSet<String>, String> {
    let mut found = BTreeSet::new();
    for parameter in &specification.parameters {
        let Some(value) = parameters.get(&parameter.name) else { continue };
        if parameter.no_log && python::truthy(value) {
            texts(value, &mut found);
        }
        let Some(options) = parameter.kind.options().filter(|_| !value.is_null()) else { continue };
        let elements =
            if let Value::List(items) = value { items.as_slice() } else { std::slice::from_ref(value) };
        let wanted = if matches!(parameter.kind, Kind::List(_)) { "list" } else { "dict" };
        for element in elements {
            let read;
            let element = if let Value::String(text) = element {
                read = conversion::dictionary(text, core)?;
                &read
            } else {
                element
            };
            let Value::Map(map) = element else {
                // Older versions have it misspelt.
                let verb = if core.reads_strictly() { "be" } else { "by" };
                return Err(format!(
                    "Value '{}' in the sub parameter field '{}' must {verb} a {wanted}, not '{}'",
                    python::text(element),
                    parameter.name,
                    python::type_name(element)
                ));
            };
            found.extend(of(options, map, core)?);
        }
    }
    Ok(found)
}

/// All texts and numbers of a value.
pub(super) fn texts(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Null | Value::Bool(_) => {}
        Value::String(text) if text.is_empty() => {}
        Value::Int(_) | Value::Float(_) | Value::String(_) => {
            found.insert(python::text(value));
        }
        Value::List(items) => items.iter().for_each(|it| texts(it, found)),
        Value::Map(map) => map.iter().for_each(|(_, it)| texts(it, found)),
    }
}

/// Hides the values of secret parameters by their name, since a conversion may have made another text of them.
pub(crate) fn mask(specification: &Specification, parameters: &mut Map) {
    for parameter in &specification.parameters {
        for name in std::iter::once(&parameter.name).chain(&parameter.aliases) {
            let Some(value) = parameters.get_mut(name) else { continue };
            if parameter.no_log {
                mask_texts(value);
            } else if let Some(options) = parameter.kind.options() {
                match value {
                    Value::Map(map) => mask(options, map),
                    Value::List(items) => items.iter_mut().for_each(|it| {
                        if let Value::Map(map) = it {
                            mask(options, map);
                        }
                    }),
                    _ => {}
                }
            }
        }
    }
}

fn mask_texts(value: &mut Value) {
    match value {
        Value::Null | Value::Bool(_) => {}
        Value::List(items) => items.iter_mut().for_each(mask_texts),
        Value::Map(map) => map.iter_mut().for_each(|(_, it)| mask_texts(it)),
        Value::Int(_) | Value::Float(_) | Value::String(_) => *value = HIDDEN.into(),
    }
}
