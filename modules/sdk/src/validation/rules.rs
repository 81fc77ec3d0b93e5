//! What must hold between parameters.

use crate::python;
use crate::specification::{Rules, Specification};
use crate::value::Map;

type Rule = fn(&Rules, &Map) -> Result<(), String>;

/// The rules that see converted values, in Ansible's order.
pub(super) const AFTER_CONVERSION: [Rule; 4] = [required_together, required_one_of, required_if, required_by];

pub(super) fn mutually_exclusive(rules: &Rules, parameters: &Map) -> Result<(), String> {
    let broken: Vec<_> = rules
        .mutually_exclusive
        .iter()
        .filter(|group| 1 < group.iter().filter(|name| parameters.contains(name)).count())
        .map(|group| group.join("|"))
        .collect();
    if broken.is_empty() {
        Ok(())
    } else {
        Err(format!("parameters are mutually exclusive: {}", broken.join(", ")))
    }
}

pub(super) fn required(specification: &Specification, parameters: &Map) -> Result<(), String> {
    let mut missing: Vec<_> = specification
        .parameters
        .iter()
        .filter(|it| it.required && !parameters.contains(&it.name))
        .map(|it| it.name.as_str())
        .collect();
    missing.sort_unstable();
    if missing.is_empty() {
        Ok(())
    } else {
        Err(format!("missing required arguments: {}", missing.join(", ")))
    }
}

fn required_together(rules: &Rules, parameters: &Map) -> Result<(), String> {
    let broken = rules.required_together.iter().find(|group| {
        let given = group.iter().filter(|name| parameters.contains(name)).count();
        given != 0 && given != group.len()
    });
    broken.map_or(Ok(()), |group| Err(format!("parameters are required together: {}", group.join(", "))))
}

fn required_one_of(rules: &Rules, parameters: &Map) -> Result<(), String> {
    let broken =
        rules.required_one_of.iter().find(|group| !group.iter().any(|name| parameters.contains(name)));
    broken.map_or(Ok(()), |group| Err(format!("one of the following is required: {}", group.join(", "))))
}

fn required_if(rules: &Rules, parameters: &Map) -> Result<(), String> {
    for rule in &rules.required_if {
        if !parameters.get(&rule.parameter).is_some_and(|it| python::equal(it, &rule.value)) {
            continue;
        }
        let missing: Vec<_> =
            rule.required.iter().filter(|name| !parameters.contains(name)).map(String::as_str).collect();
        let allowed = if rule.any { rule.required.len() } else { 1 };
        if !missing.is_empty() && allowed <= missing.len() {
            return Err(format!(
                "{} is {} but {} of the following are missing: {}",
                rule.parameter,
                python::text(&rule.value),
                if rule.any { "any" } else { "all" },
                missing.join(", ")
            ));
        }
    }
    Ok(())
}

fn required_by(rules: &Rules, parameters: &Map) -> Result<(), String> {
    let given = |name: &str| parameters.get(name).is_some_and(|it| !it.is_null());
    for (parameter, required) in &rules.required_by {
        let missing: Vec<_> = required.iter().filter(|name| !given(name)).map(String::as_str).collect();
        if given(parameter) && !missing.is_empty() {
            return Err(format!("missing parameter(s) required by '{parameter}': {}", missing.join(", ")));
        }
    }
    Ok(())
}
