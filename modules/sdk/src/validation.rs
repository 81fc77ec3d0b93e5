//! Checks and converts arguments as Ansible's own `AnsibleModule` does, in the same order and with the same messages.

use std::collections::BTreeSet;

use crate::core::Core;
use crate::output::Deprecation;
use crate::python;
use crate::specification::{Kind, Parameter, Specification};
use crate::value::{Map, Value};

mod aliases;
mod conversion;
mod literal;
mod path;
mod rules;
mod secrets;
mod size;
mod types;

pub(crate) use secrets::mask;

/// Ansible's integers have no limit; ours end here, at 2 to the power of 127.
const WIDEST: f64 = 170_141_183_460_469_231_731_687_303_715_884_105_728.0;

/// What came of the arguments.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Validation {
    /// The converted parameters, with defaults and `null` for what was not given. Aliases stay beside their parameter.
    pub parameters: Map,
    /// What is wrong, in Ansible's order. A module reports the first.
    pub problems: Vec<Problem>,
    /// Texts that nothing may show.
    pub secrets: BTreeSet<String>,
    /// What was used and will go.
    pub deprecations: Vec<Deprecation>,
    /// What was given twice.
    pub warnings: Vec<String>,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// Parameters that the module does not have. Ansible can be told to ignore it, and names the module in the message.
    Unsupported(String),
    /// Anything else.
    Other(String),
}

impl Problem {
    /// The message as `AnsibleModule` has it in its list.
    pub fn message(&self) -> &str {
        match self {
            Self::Unsupported(message) | Self::Other(message) => message,
        }
    }
}

/// Validates arguments, without any `_ansible_` key, as that version of ansible-core does.
pub fn validate(specification: &Specification, arguments: Map, core: Core) -> Validation {
    let mut checker = Checker { core, done: Validation::default(), unsupported: Vec::new() };
    let mut parameters = arguments;
    checker.options(specification, &mut parameters, &Place::top());
    checker.report_unsupported();
    checker.done.parameters = parameters;
    checker.done
}

/// Where in the arguments we are.
#[derive(Clone)]
struct Place {
    /// The names of the dictionaries above.
    context: Vec<String>,
    /// The same with indices, `rules[2].`.
    prefix: String,
}

impl Place {
    fn top() -> Self {
        Self { context: Vec::new(), prefix: String::new() }
    }

    fn is_top(&self) -> bool {
        self.context.is_empty()
    }

    fn below(&self, parameter: &str, index: Option<usize>) -> Self {
        let mut context = self.context.clone();
        context.push(parameter.to_owned());
        let index = index.map(|it| format!("[{it}]")).unwrap_or_default();
        Self { context, prefix: format!("{}{parameter}{index}.", self.prefix) }
    }

    /// ` found in a -> b`, or nothing at the top.
    fn found_in(&self) -> String {
        if self.is_top() { String::new() } else { format!(" found in {}", self.context.join(" -> ")) }
    }
}

/// A parameter that no specification has, and what there is instead.
struct Unsupported {
    name: String,
    parameters: Vec<String>,
    aliases: Vec<String>,
}

struct Checker {
    core: Core,
    done: Validation,
    unsupported: Vec<Unsupported>,
}

impl Checker {
    fn problem(&mut self, message: String) {
        self.done.problems.push(Problem::Other(message));
    }

    /// One level of options: of the module, or of one dictionary.
    fn options(&mut self, specification: &Specification, parameters: &mut Map, place: &Place) {
        self.resolve_aliases(specification, parameters, place);
        match secrets::of(specification, parameters, self.core) {
            Ok(secrets) => self.done.secrets.extend(secrets),
            Err(problem) => self.problem(problem),
        }
        if place.is_top() {
            aliases::removals(specification, parameters, "", &mut self.done.deprecations);
        }
        self.collect_unsupported(specification, parameters, place);
        self.check(rules::mutually_exclusive(&specification.rules, parameters), place);
        self.set_defaults(specification, parameters);
        self.check(rules::required(specification, parameters), place);
        self.convert(specification, parameters, place);
        self.check_choices(specification, parameters, place);
        for rule in rules::AFTER_CONVERSION {
            self.check(rule(&specification.rules, parameters), place);
        }
        set_nulls(specification, parameters);
        self.sub_options(specification, parameters, place);
    }

    fn check(&mut self, result: Result<(), String>, place: &Place) {
        if let Err(message) = result {
            self.problem(message + &place.found_in());
        }
    }

    fn set_defaults(&mut self, specification: &Specification, parameters: &mut Map) {
        for parameter in &specification.parameters {
            let Some(default) = parameter.default.as_ref().filter(|it| !it.is_null()) else { continue };
            if parameters.contains(&parameter.name) {
                continue;
            }
            if parameter.no_log && python::truthy(default) {
                secrets::texts(default, &mut self.done.secrets);
            }
            parameters.insert(parameter.name.clone(), default.clone());
        }
    }

    fn sub_options(&mut self, specification: &Specification, parameters: &mut Map, place: &Place) {
        for parameter in &specification.parameters {
            let Some(options) = parameter.kind.options() else { continue };
            let Some(value) = parameters.get_mut(&parameter.name) else { continue };
            if value.is_null() {
                if !parameter.apply_defaults {
                    continue;
                }
                *value = Value::Map(Map::new());
            }
            self.dictionaries(parameter, options, value, place);
        }
    }

    fn dictionaries(
        &mut self,
        parameter: &Parameter,
        options: &Specification,
        value: &mut Value,
        place: &Place,
    ) {
        let is_list = matches!(parameter.kind, Kind::List(_));
        let elements = match value {
            Value::List(items) => items.as_mut_slice(),
            other => std::slice::from_mut(other),
        };
        for (index, element) in elements.iter_mut().enumerate() {
            let Value::Map(inner) = element else {
                self.problem(format!("value of '{}' must be of type dict or list of dicts", parameter.name));
                continue;
            };
            let below = place.below(&parameter.name, is_list.then_some(index));
            self.options(options, inner, &below);
        }
    }
}

fn set_nulls(specification: &Specification, parameters: &mut Map) {
    for parameter in &specification.parameters {
        if !parameters.contains(&parameter.name) {
            parameters.insert(parameter.name.clone(), Value::Null);
        }
    }
}
