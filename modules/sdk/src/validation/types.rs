//! Types, elements and choices.

use super::{Checker, Place, conversion};
use crate::python;
use crate::specification::{Kind, Parameter, Specification};
use crate::value::{Map, Value};

/// What Ansible takes for a boolean; in this order it is told.
pub(super) const TRUE: [&str; 6] = ["y", "yes", "on", "1", "true", "t"];
pub(super) const FALSE: [&str; 6] = ["n", "no", "off", "0", "false", "f"];

impl Checker {
    pub(super) fn convert(&mut self, specification: &Specification, parameters: &mut Map, place: &Place) {
        for parameter in &specification.parameters {
            let Some(value) = parameters.get_mut(&parameter.name) else { continue };
            if value.is_null() && !parameter.required && !has_default(parameter) {
                continue;
            }
            let given = std::mem::take(value);
            match conversion::convert(&parameter.kind, given.clone(), self.core) {
                Ok(Value::List(items)) => {
                    let items = self.convert_elements(parameter, items, place);
                    parameters.insert(parameter.name.clone(), Value::List(items));
                }
                Ok(converted) => *value = converted,
                Err(reason) => {
                    let found_in = match place.context.as_slice() {
                        [] => String::new(),
                        context => format!(" found in '{}'.", context.join(" -> ")),
                    };
                    let message = format!(
                        "argument '{}' is of type {}{found_in} and we were unable to convert to {}: {reason}",
                        parameter.name,
                        self.type_name(&given),
                        parameter.kind.name()
                    );
                    *value = given;
                    self.problem(message);
                }
            }
        }
    }

    /// Converts what can be converted; the rest is named and left out.
    fn convert_elements(&mut self, parameter: &Parameter, items: Vec<Value>, place: &Place) -> Vec<Value> {
        let Kind::List(Some(kind)) = &parameter.kind else { return items };
        let mut converted = Vec::with_capacity(items.len());
        for item in items {
            let type_name = self.type_name(&item);
            match conversion::convert(kind, item, self.core) {
                Ok(item) => converted.push(item),
                Err(reason) => {
                    let found_in = match place.context.as_slice() {
                        [] => String::new(),
                        context => format!(" found in '{}'", context.join(" -> ")),
                    };
                    self.problem(format!(
                        "Elements value for option '{}'{found_in} is of type {type_name} and we were unable to convert \
                         to {}: {reason}",
                        parameter.name,
                        kind.name()
                    ));
                }
            }
        }
        converted
    }

    fn type_name(&self, value: &Value) -> String {
        if self.core.has_data_tagging() { python::type_name(value).to_owned() } else { python::class(value) }
    }

    pub(super) fn check_choices(
        &mut self,
        specification: &Specification,
        parameters: &mut Map,
        place: &Place,
    ) {
        for parameter in &specification.parameters {
            let Some(choices) = &parameter.choices else { continue };
            let Some(value) = parameters.get_mut(&parameter.name) else { continue };
            if let Err(message) = check_choice(&parameter.name, choices, value) {
                self.problem(message + &place.found_in());
            }
        }
    }
}

fn has_default(parameter: &Parameter) -> bool {
    parameter.default.as_ref().is_some_and(|it| !it.is_null())
}

fn check_choice(name: &str, choices: &[Value], value: &mut Value) -> Result<(), String> {
    let is_choice = |value: &Value| choices.iter().any(|it| python::equal(it, value));
    let told = || choices.iter().map(python::text).collect::<Vec<_>>().join(", ");
    if let Value::List(items) = value {
        let others: Vec<_> = items.iter().filter(|it| !is_choice(it)).map(python::text).collect();
        if others.is_empty() {
            return Ok(());
        }
        return Err(format!(
            "value of {name} must be one or more of: {}. Got no match for: {}",
            told(),
            others.join(", ")
        ));
    }
    if is_choice(value) {
        return Ok(());
    }
    // YAML reads `no` as a boolean, which became the text `False`: it is turned back if only one choice can be meant.
    let meant = match value.as_str() {
        Some("False") => only_one_of(&FALSE, false, choices),
        Some("True") => only_one_of(&TRUE, true, choices),
        _ => None,
    };
    if let Some(meant) = meant {
        *value = meant.clone();
        return Ok(());
    }
    Err(format!("value of {name} must be one of: {}, got: {}", told(), python::text(value)))
}

fn only_one_of<'a>(words: &[&str], truth: bool, choices: &'a [Value]) -> Option<&'a Value> {
    let fits = |choice: &Value| match choice {
        Value::String(text) => words.contains(&text.as_str()),
        other => python::equal(other, &Value::Bool(truth)),
    };
    let mut meant: Vec<&Value> = Vec::new();
    for choice in choices.iter().filter(|it| fits(it)) {
        if !meant.iter().any(|it| python::equal(it, choice)) {
            meant.push(choice);
        }
    }
    if let [one] = meant.as_slice() { Some(one) } else { None }
}
