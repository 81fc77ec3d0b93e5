//! From the bytes that Ansible sends to the object that it reads.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use serde_json::{Map, Value as Json};

use crate::context::Context;
use crate::documentation::{About, Documentation, ReturnValue, Shape};
use crate::failure::Failure;
use crate::module::{Action, Diff, Inspection, Module, Returned};
use crate::output;
use crate::specification::Specification;
use crate::validation::{Problem, Validation, mask, validate};
use crate::value::{Map as Parameters, Value};

/// A module as an entry of the program: see [`module`], [`inspection`] and [`action`].
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    name: &'static str,
    shape: Shape,
    specification: fn() -> Specification,
    about: fn() -> About,
    returned: fn() -> Vec<ReturnValue>,
    run: Run,
}

type Run = fn(Parameters, &Context) -> Result<Map<String, Json>, Failure>;

impl Entry {
    /// The last part of the module's name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// What the module takes.
    pub fn specification(&self) -> Specification {
        (self.specification)()
    }

    /// The file that `ansible-doc` reads, to be put beside the plugin as `<name>.yml`.
    pub fn documentation(&self) -> String {
        Documentation {
            name: self.name,
            shape: self.shape,
            about: &(self.about)(),
            specification: &(self.specification)(),
            returned: &(self.returned)(),
        }
        .to_yaml()
    }
}

/// The entry of a [`Module`].
pub fn module<M: Module>() -> Entry {
    Entry {
        name: M::NAME,
        shape: Shape::Module,
        specification: M::specification,
        about: M::about,
        returned: M::Returned::documentation,
        run: run_module::<M>,
    }
}

/// The entry of an [`Inspection`].
pub fn inspection<M: Inspection>() -> Entry {
    Entry {
        name: M::NAME,
        shape: Shape::Inspection,
        specification: M::specification,
        about: M::about,
        returned: M::Returned::documentation,
        run: |parameters, context| {
            let returned = M::from_parameters(parameters)?.inspect(context)?;
            result(false, &returned)
        },
    }
}

/// The entry of an [`Action`].
pub fn action<M: Action>() -> Entry {
    Entry {
        name: M::NAME,
        shape: Shape::Action,
        specification: M::specification,
        about: M::about,
        returned: M::Returned::documentation,
        run: |parameters, context| {
            let returned = M::from_parameters(parameters)?.act(context)?;
            let changed = context.told().changed;
            result(changed, &returned)
        },
    }
}

fn run_module<M: Module>(parameters: Parameters, context: &Context) -> Result<Map<String, Json>, Failure> {
    let module = M::from_parameters(parameters)?;
    let observed = module.observe(context)?;
    let plan = module.plan(&observed)?;
    let changed = !plan.is_empty();
    // All of the result is made before anything is done, so check mode cannot say anything else.
    let mut result = result(changed, &module.returned(&observed, &plan))?;
    if context.diff {
        add_diffs(&mut result, &module.diff(&observed, &plan));
    }
    if changed && !context.check_mode {
        module.apply(plan, context)?;
    }
    Ok(result)
}

fn result(changed: bool, returned: &impl Returned) -> Result<Map<String, Json>, Failure> {
    let mut map = match serde_json::to_value(returned) {
        Ok(Json::Object(map)) => map,
        Ok(Json::Null) => Map::new(),
        Ok(_) => {
            return Err(Failure::new(
                "The module returned something that is not a dictionary. Please report it.",
            ));
        }
        Err(error) => {
            return Err(Failure::new(format!("The module returned something that is not JSON: {error}")));
        }
    };
    map.insert("changed".to_owned(), Json::Bool(changed));
    Ok(map)
}

fn add_diffs(result: &mut Map<String, Json>, diffs: &[Diff]) {
    let diff = match diffs {
        [] => return,
        [one] => serde_json::to_value(one),
        many => serde_json::to_value(many),
    };
    if let Ok(diff) = diff {
        result.insert("diff".to_owned(), diff);
    }
}

/// Runs the module that the arguments name. Whatever happens, the answer is an object that Ansible understands.
pub(crate) fn run(entries: &[Entry], input: &[u8]) -> Map<String, Json> {
    let mut arguments = match read(input) {
        Ok(arguments) => arguments,
        Err(failure) => return failure.into_result(),
    };
    let context = Context::take(&mut arguments, if let [only] = entries { only.name } else { "" });
    let entry = match choose(entries, &context.module_name) {
        Ok(entry) => entry,
        Err(failure) => return failure.into_result(),
    };
    let specification = entry.specification();
    let validation = validate(&specification, arguments, context.core);
    output::remember(validation.secrets.iter().cloned());
    let Validation { mut parameters, problems, secrets, deprecations, warnings } = validation;
    {
        let mut told = context.told();
        told.warnings = warnings;
        told.deprecations = deprecations;
    }
    let result = catch_unwind(AssertUnwindSafe(|| answer(entry, &problems, &parameters, &context)))
        .unwrap_or_else(|panic| Err(panicked(panic.as_ref())));
    mask(&specification, &mut parameters);
    output::complete(result.unwrap_or_else(Failure::into_result), &context, parameters, secrets)
}

fn answer(
    entry: &Entry,
    problems: &[Problem],
    parameters: &Parameters,
    context: &Context,
) -> Result<Map<String, Json>, Failure> {
    match problems.first() {
        None => {}
        Some(Problem::Unsupported(_)) if context.ignore_unknown_options => {}
        Some(Problem::Unsupported(message)) => {
            let name = &context.module_name;
            return Err(Failure::new(format!("Unsupported parameters for ({name}) module: {message}")));
        }
        Some(Problem::Other(message)) => return Err(Failure::new(message.clone())),
    }
    if context.check_mode && entry.shape == Shape::Action {
        let message = format!("remote module ({}) does not support check mode", context.module_name);
        return Ok(Map::from_iter([
            ("skipped".to_owned(), Json::Bool(true)),
            ("msg".to_owned(), Json::String(message)),
        ]));
    }
    (entry.run)(parameters.clone(), context)
}

fn read(input: &[u8]) -> Result<Parameters, Failure> {
    let broken = |error: serde_json::Error| {
        // The text of the error may hold a piece of an argument; the place is enough.
        Failure::new(format!(
            "The arguments of the module are not a JSON object (line {}, column {}). Ansible writes them to a file that is \
             its first argument, or to its standard input.",
            error.line(),
            error.column()
        ))
    };
    let mut arguments: Parameters = serde_json::from_slice(input).map_err(broken)?;
    // As modules are started by hand, and by some connections.
    if arguments.len() == 1
        && let Some(Value::Map(inner)) = arguments.get_mut("ANSIBLE_MODULE_ARGS")
    {
        return Ok(std::mem::take(inner));
    }
    Ok(arguments)
}

fn choose<'a>(entries: &'a [Entry], full_name: &str) -> Result<&'a Entry, Failure> {
    let name = full_name.rsplit('.').next().unwrap_or_default();
    match entries {
        // A single module may be installed under any name.
        [only] => Ok(only),
        _ => entries.iter().find(|it| it.name == name).ok_or_else(|| {
            let known: Vec<_> = entries.iter().map(|it| it.name).collect();
            Failure::new(format!(
                "This program holds no module {name:?}, but {}. Ansible names the module in _ansible_module_name.",
                known.join(", ")
            ))
        }),
    }
}

/// What a panic says, without the place in the code: that is on standard error.
pub(crate) fn panicked(panic: &(dyn Any + Send)) -> Failure {
    let said = panic.downcast_ref::<&str>().copied();
    let said = said.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message");
    Failure::new(format!("The module has a defect and stopped: {said}. Please report it."))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Named<const FIRST: bool>;

    impl<const FIRST: bool> crate::Arguments for Named<FIRST> {
        fn specification() -> Specification {
            Specification::default()
        }

        fn from_parameters(_: Parameters) -> Result<Self, Failure> {
            Ok(Self)
        }
    }

    impl<const FIRST: bool> Inspection for Named<FIRST> {
        const NAME: &'static str = if FIRST { "first" } else { "second" };
        type Returned = ();

        fn inspect(&self, context: &Context) -> Result<(), Failure> {
            context.add("is", Self::NAME);
            Ok(())
        }
    }

    fn both(input: &str) -> Map<String, Json> {
        run(&[inspection::<Named<true>>(), inspection::<Named<false>>()], input.as_bytes())
    }

    #[test]
    fn ansible_names_the_module() {
        assert_eq!(both(r#"{"_ansible_module_name": "my.own.second"}"#)["is"], "second");
        assert_eq!(both(r#"{"_ansible_module_name": "first"}"#)["is"], "first");
        let inner = r#"{"ANSIBLE_MODULE_ARGS": {"_ansible_module_name": "first"}}"#;
        assert_eq!(both(inner)["is"], "first");
        let unknown = both(r#"{"_ansible_module_name": "my.own.third"}"#);
        assert_eq!(unknown["failed"], true);
        assert!(unknown["msg"].as_str().unwrap().contains("no module \"third\", but first, second."));
        let only = run(&[inspection::<Named<true>>()], br#"{"_ansible_module_name": "renamed"}"#);
        assert_eq!(only["is"], "first");
    }

    #[test]
    fn broken_input_is_a_failure_that_shows_none_of_it() {
        for input in ["", "secret", "[1]", "{\"token\": \"secret\"", "{\"token\": secret}", "\u{feff}{}"] {
            let result = both(input);
            assert_eq!(result["failed"], true, "{input}");
            let message = result["msg"].as_str().unwrap();
            assert!(message.contains("not a JSON object") && !message.contains("secret"), "{message}");
        }
        assert_eq!(run(&[inspection::<Named<true>>()], b"{\"a\": \"\xff\"}")["failed"], true);
    }
}
