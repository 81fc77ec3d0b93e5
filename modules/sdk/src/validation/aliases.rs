//! Other names, names that will go, and names that nobody knows.

use super::{Checker, Place, Problem, Unsupported};
use crate::output::Deprecation;
use crate::specification::Specification;
use crate::value::{Map, Value};

impl Checker {
    /// Copies the value of each alias to its parameter. Where both are given the alias wins, and it is warned of.
    pub(super) fn resolve_aliases(
        &mut self,
        specification: &Specification,
        parameters: &mut Map,
        place: &Place,
    ) {
        let prefix = &place.prefix;
        for parameter in &specification.parameters {
            for alias in &parameter.deprecated_aliases {
                if parameters.contains(&alias.name) {
                    let message = format!(
                        "Alias '{prefix}{}' is deprecated. See the module docs for more information",
                        alias.name
                    );
                    let deprecation = Deprecation::new(message, alias.due.clone(), alias.collection.clone());
                    self.done.deprecations.push(deprecation);
                }
            }
            for alias in &parameter.aliases {
                let Some(value) = parameters.get(alias).cloned() else { continue };
                if parameters.contains(&parameter.name) {
                    let message = format!(
                        "Both option {prefix}{} and its alias {prefix}{alias} are set.",
                        parameter.name
                    );
                    self.done.warnings.push(message);
                }
                parameters.insert(parameter.name.clone(), value);
            }
        }
    }

    pub(super) fn collect_unsupported(
        &mut self,
        specification: &Specification,
        parameters: &Map,
        place: &Place,
    ) {
        let known = |name: &str| {
            let mut all = specification.parameters.iter();
            all.any(|it| it.name == name || it.aliases.iter().any(|alias| alias == name))
        };
        let unknown: Vec<_> = parameters.keys().filter(|name| !known(name)).map(str::to_owned).collect();
        if unknown.is_empty() {
            return;
        }
        let mut names: Vec<_> = specification.parameters.iter().map(|it| it.name.clone()).collect();
        let mut aliases: Vec<_> = specification.parameters.iter().flat_map(|it| it.aliases.clone()).collect();
        names.sort();
        aliases.sort();
        aliases.dedup();
        for name in unknown {
            let mut path = place.context.clone();
            path.push(name);
            let (parameters, aliases) = (names.clone(), aliases.clone());
            self.unsupported.push(Unsupported { name: path.join("."), parameters, aliases });
        }
    }

    pub(super) fn report_unsupported(&mut self) {
        self.unsupported.sort_by(|left, right| left.name.cmp(&right.name));
        self.unsupported.dedup_by(|left, right| left.name == right.name);
        // Ansible names what one of them could be; which one depends there on the hash of its name.
        let Some(last) = self.unsupported.last() else { return };
        let names: Vec<_> = self.unsupported.iter().map(|it| it.name.as_str()).collect();
        let aliases = match last.aliases.as_slice() {
            [] => String::new(),
            aliases => format!(" ({})", aliases.join(", ")),
        };
        let message = format!(
            "{}. Supported parameters include: {}{aliases}.",
            names.join(", "),
            last.parameters.join(", ")
        );
        self.done.problems.push(Problem::Unsupported(message));
    }
}

/// Parameters that were given and will go, also in dictionaries.
pub(super) fn removals(
    specification: &Specification,
    parameters: &Map,
    prefix: &str,
    found: &mut Vec<Deprecation>,
) {
    for parameter in &specification.parameters {
        let Some(value) = parameters.get(&parameter.name) else { continue };
        let path = if prefix.is_empty() {
            parameter.name.clone()
        } else {
            format!("{prefix}[\"{}\"]", parameter.name)
        };
        if let Some(removal) = &parameter.removal {
            let message = format!("Param '{path}' is deprecated. See the module docs for more information");
            found.push(Deprecation::new(message, removal.due.clone(), removal.collection.clone()));
        }
        let Some(options) = parameter.kind.options() else { continue };
        let elements =
            if let Value::List(items) = value { items.as_slice() } else { std::slice::from_ref(value) };
        for element in elements {
            if let Value::Map(map) = element {
                removals(options, map, &path, found);
            }
        }
    }
}
