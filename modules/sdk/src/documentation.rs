//! What `ansible-doc` reads, written from the types.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::specification::{Due, Kind, Parameter, Specification};
use crate::value::Value;

mod yaml;

use yaml::Yaml;

/// What the documentation of a module says besides its parameters. `#[derive(Arguments)]` fills it from the comment and the
/// attributes of the struct.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// One line, without a full stop.
    pub short_description: String,
    /// Paragraphs in Ansible's markup.
    pub description: Vec<String>,
    /// Who wrote it, `Name (@handle)`.
    pub author: Vec<String>,
    /// The version of the collection in which it came.
    pub version_added: Option<String>,
    /// What it needs on the host.
    pub requirements: Vec<String>,
    /// What to know.
    pub notes: Vec<String>,
    /// Full names of modules to look at.
    pub see_also: Vec<String>,
    /// Tasks, as YAML.
    pub examples: String,
}

/// A key of the result.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ReturnValue {
    /// Its name.
    pub name: String,
    /// Paragraphs in Ansible's markup.
    pub description: Vec<String>,
    /// When it is returned: `always`, `success`, `changed`, or words.
    pub returned: String,
    /// Its type.
    pub kind: ReturnKind,
    /// An example of it.
    pub sample: Option<Value>,
}

/// The type of a key of the result.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ReturnKind {
    /// Ansible's name of the type.
    pub name: &'static str,
    /// Of a list: the name of the type of its elements.
    pub elements: Option<&'static str>,
    /// Of dictionaries: their keys.
    pub contains: Vec<ReturnValue>,
}

/// A type that a field of what a module returns can have.
pub trait ReturnType {
    /// How the documentation describes it.
    fn kind() -> ReturnKind;
}

macro_rules! return_types {
    ($($name:literal: $($type:ty)*;)*) => {$($(
        impl ReturnType for $type {
            fn kind() -> ReturnKind {
                ReturnKind { name: $name, ..ReturnKind::default() }
            }
        }
    )*)*};
}
return_types! {
    "str": String &str;
    "path": PathBuf;
    "bool": bool;
    "int": i8 i16 i32 i64 u8 u16 u32 u64 usize;
    "float": f64;
    "raw": serde_json::Value Value;
    "dict": serde_json::Map<String, serde_json::Value> crate::value::Map;
}

impl<T: ReturnType> ReturnType for Option<T> {
    fn kind() -> ReturnKind {
        T::kind()
    }
}

impl<T: ReturnType> ReturnType for Vec<T> {
    fn kind() -> ReturnKind {
        let element = T::kind();
        ReturnKind { name: "list", elements: Some(element.name), contains: element.contains }
    }
}

impl<T> ReturnType for BTreeMap<String, T> {
    fn kind() -> ReturnKind {
        ReturnKind { name: "dict", ..ReturnKind::default() }
    }
}

/// How far check mode and diff mode go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Module,
    Inspection,
    Action,
}

/// All that the documentation is made of.
pub(crate) struct Documentation<'a> {
    pub(crate) name: &'a str,
    pub(crate) shape: Shape,
    pub(crate) about: &'a About,
    pub(crate) specification: &'a Specification,
    pub(crate) returned: &'a [ReturnValue],
}

impl Documentation<'_> {
    /// The file beside the plugin, `tree.yml`: `DOCUMENTATION`, `EXAMPLES` and `RETURN`.
    pub(crate) fn to_yaml(&self) -> String {
        let mut file = vec![("DOCUMENTATION".to_owned(), Yaml::Map(self.documentation()))];
        if !self.about.examples.trim().is_empty() {
            file.push(("EXAMPLES".to_owned(), Yaml::Block(self.about.examples.clone())));
        }
        file.push(("RETURN".to_owned(), return_values(self.returned)));
        yaml::document(&file)
    }

    fn documentation(&self) -> Vec<(String, Yaml)> {
        let about = self.about;
        let mut description = about.description.clone();
        if description.is_empty() {
            description.push(format!("{}.", about.short_description.trim_end_matches('.')));
        }
        let mut map = vec![
            pair("module", self.name),
            pair("short_description", about.short_description.trim_end_matches('.')),
            ("description".to_owned(), Yaml::texts(&description)),
        ];
        if let Some(version) = &about.version_added {
            map.push(pair("version_added", version));
        }
        for (key, texts) in
            [("requirements", &about.requirements), ("notes", &about.notes), ("author", &about.author)]
        {
            if !texts.is_empty() {
                map.push((key.to_owned(), Yaml::texts(texts)));
            }
        }
        if !about.see_also.is_empty() {
            let modules = about.see_also.iter().map(|it| Yaml::Map(vec![pair("module", it)])).collect();
            map.push(("seealso".to_owned(), Yaml::List(modules)));
        }
        map.push(("attributes".to_owned(), self.attributes()));
        map.push(("options".to_owned(), options(self.specification)));
        map
    }

    fn attributes(&self) -> Yaml {
        let (check, diff) = match self.shape {
            Shape::Module => ("full", "full"),
            Shape::Inspection => ("full", "none"),
            Shape::Action => ("none", "none"),
        };
        let attribute = |name: &str, support: &str, description: &str| {
            (name.to_owned(), Yaml::Map(vec![pair("support", support), pair("description", description)]))
        };
        Yaml::Map(vec![
            attribute(
                "check_mode",
                check,
                "Can run in check mode and say what would change, without changing it.",
            ),
            attribute("diff_mode", diff, "Shows in diff mode what changes, or would change in check mode."),
        ])
    }
}

fn pair(key: &str, text: &str) -> (String, Yaml) {
    (key.to_owned(), Yaml::text(text))
}

fn options(specification: &Specification) -> Yaml {
    Yaml::Map(specification.parameters.iter().map(|it| (it.name.clone(), option(it))).collect())
}

fn option(parameter: &Parameter) -> Yaml {
    let mut map = vec![("description".to_owned(), Yaml::texts(&parameter.description))];
    map.push(pair("type", documented_name(&parameter.kind)));
    if let Kind::List(Some(element)) = &parameter.kind {
        map.push(pair("elements", documented_name(element)));
    }
    if parameter.required {
        map.push(("required".to_owned(), Yaml::Value(Value::Bool(true))));
    }
    if let Some(default) = parameter.default.as_ref().filter(|it| !it.is_null()) {
        map.push(("default".to_owned(), Yaml::Value(default.clone())));
    }
    if let Some(choices) = &parameter.choices {
        map.push(("choices".to_owned(), Yaml::List(choices.iter().cloned().map(Yaml::Value).collect())));
    }
    if !parameter.aliases.is_empty() {
        map.push(("aliases".to_owned(), Yaml::texts(&parameter.aliases)));
    }
    if let Some(version) = &parameter.version_added {
        map.push(pair("version_added", version));
    }
    if let Some(removal) = &parameter.removal {
        let (key, when) = match &removal.due {
            Due::Version(version) => ("removed_in", version),
            Due::Date(date) => ("removed_at_date", date),
        };
        let mut deprecated = vec![pair(key, when)];
        deprecated.push(pair("why", "It is deprecated."));
        deprecated.push(pair("alternative", "See the description of the module."));
        if let Some(collection) = &removal.collection {
            deprecated.push(pair("removed_from_collection", collection));
        }
        map.push(("deprecated".to_owned(), Yaml::Map(deprecated)));
    }
    if let Some(inner) = parameter.kind.options() {
        map.push(("suboptions".to_owned(), options(inner)));
    }
    Yaml::Map(map)
}

/// The documentation calls `jsonarg` by its other name.
fn documented_name(kind: &Kind) -> &'static str {
    if matches!(kind, Kind::Json) { "json" } else { kind.name() }
}

fn return_values(values: &[ReturnValue]) -> Yaml {
    Yaml::Map(values.iter().map(|it| (it.name.clone(), return_value(it))).collect())
}

fn return_value(value: &ReturnValue) -> Yaml {
    let mut map = vec![
        ("description".to_owned(), Yaml::texts(&value.description)),
        pair("returned", &value.returned),
        pair("type", value.kind.name),
    ];
    if let Some(elements) = value.kind.elements {
        map.push(pair("elements", elements));
    }
    if let Some(sample) = &value.sample {
        map.push(("sample".to_owned(), Yaml::Value(sample.clone())));
    }
    if !value.kind.contains.is_empty() {
        map.push(("contains".to_owned(), return_values(&value.kind.contains)));
    }
    Yaml::Map(map)
}
