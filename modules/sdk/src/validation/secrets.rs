//! Which texts are secrets, as given: before any conversion.

use std::collections::BTreeSet;

use super::conversion;
use crate::core::Core;
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
                return Err(format!(
                    "Value '{}' in the sub parameter field '{}' must be a {wanted}, not '{}'",
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
