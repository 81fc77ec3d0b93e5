//! What a module takes: the type beneath `#[derive(Arguments)]`, for those who need it at run time.

use crate::value::Value;

/// The parameters of a module, or of one of its dictionaries, and the rules between them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Specification {
    /// In the order in which they are written.
    pub parameters: Vec<Parameter>,
    /// What must hold between parameters.
    pub rules: Rules,
}

impl Specification {
    /// The parameter of that name.
    pub fn get(&self, name: &str) -> Option<&Parameter> {
        self.parameters.iter().find(|it| it.name == name)
    }
}

/// One parameter.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// Its type.
    pub kind: Kind,
    /// Whether it must be given.
    pub required: bool,
    /// What it is when it is not given; nothing is `null`.
    pub default: Option<Value>,
    /// What it may be. Of a list: what each element may be.
    pub choices: Option<Vec<Value>>,
    /// Other names of it.
    pub aliases: Vec<String>,
    /// Aliases that will go.
    pub deprecated_aliases: Vec<Deprecated>,
    /// Whether its value is a secret.
    pub no_log: bool,
    /// When it will go.
    pub removal: Option<Removal>,
    /// Whether the defaults of its options hold when the dictionary is not given.
    pub apply_defaults: bool,
    /// Paragraphs in Ansible's markup.
    pub description: Vec<String>,
    /// The version of the collection in which it came.
    pub version_added: Option<String>,
}

impl Parameter {
    /// An optional parameter.
    pub fn new(name: impl Into<String>, kind: Kind) -> Self {
        Self { name: name.into(), kind, ..Self::default() }
    }
}

/// Ansible's types.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Kind {
    /// A text; anything else becomes one.
    #[default]
    Str,
    /// An integer.
    Int,
    /// A number.
    Float,
    /// A boolean, also `yes` and `off`.
    Bool,
    /// A path, in which `~` and variables of the environment are expanded.
    Path,
    /// Anything, as it came.
    Raw,
    /// A text that holds JSON; lists and dictionaries become one.
    Json,
    /// An amount of bytes, also `10M`.
    Bytes,
    /// An amount of bits, also `10Mb`.
    Bits,
    /// A list and the type of its elements; a text is split at commas.
    List(Option<Box<Self>>),
    /// A dictionary and its options; a text is read as JSON or `key=value`.
    Dict(Option<Specification>),
}

impl Kind {
    /// Its name in specifications, documentation and messages.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Str => "str",
            Self::Int => "int",
            Self::Float => "float",
            Self::Bool => "bool",
            Self::Path => "path",
            Self::Raw => "raw",
            Self::Json => "jsonarg",
            Self::Bytes => "bytes",
            Self::Bits => "bits",
            Self::List(_) => "list",
            Self::Dict(_) => "dict",
        }
    }

    /// The options of a dictionary, or of each dictionary of a list.
    pub fn options(&self) -> Option<&Specification> {
        match self {
            Self::Dict(options) => options.as_ref(),
            Self::List(Some(element)) => match element.as_ref() {
                Self::Dict(options) => options.as_ref(),
                _ => None,
            },
            _ => None,
        }
    }
}

/// When something goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Due {
    /// With a version of the collection.
    Version(String),
    /// On a day, `2027-01-31`.
    Date(String),
}

/// A parameter that will go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Removal {
    /// When.
    pub due: Due,
    /// The collection whose version is meant.
    pub collection: Option<String>,
}

/// An alias that will go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deprecated {
    /// The alias.
    pub name: String,
    /// When.
    pub due: Due,
    /// The collection whose version is meant.
    pub collection: Option<String>,
}

/// What must hold between parameters.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rules {
    /// Of each group at most one may be given.
    pub mutually_exclusive: Vec<Vec<String>>,
    /// Of each group all or none.
    pub required_together: Vec<Vec<String>>,
    /// Of each group at least one.
    pub required_one_of: Vec<Vec<String>>,
    /// If a parameter has a value, others are required.
    pub required_if: Vec<RequiredIf>,
    /// If a parameter is given, others are required.
    pub required_by: Vec<(String, Vec<String>)>,
}

/// If `parameter` is `value`, then `required` must be given.
#[derive(Clone, Debug, PartialEq)]
pub struct RequiredIf {
    /// The parameter that decides.
    pub parameter: String,
    /// The value that asks for others.
    pub value: Value,
    /// What is then required.
    pub required: Vec<String>,
    /// Whether one of them is enough.
    pub any: bool,
}
