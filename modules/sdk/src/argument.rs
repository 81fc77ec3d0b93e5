//! How values become fields.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::documentation::About;
use crate::failure::Failure;
use crate::python;
use crate::specification::{Kind, Specification};
use crate::value::{Map, Value};

/// What a module takes, as a struct. Made by `#[derive(Arguments)]`.
pub trait Arguments: Sized {
    /// The parameters and the rules between them.
    fn specification() -> Specification;

    /// What the documentation says besides the parameters.
    fn about() -> About {
        About::default()
    }

    /// Makes the struct from validated parameters.
    fn from_parameters(parameters: Map) -> Result<Self, Failure>;
}

/// A type that a field of [`Arguments`] can have.
pub trait Argument: Sized {
    /// Ansible's type.
    fn kind() -> Kind;

    /// What it may be, if that is limited.
    fn choices() -> Option<Vec<Value>> {
        None
    }

    /// Whether it may be left out without a default.
    const OPTIONAL: bool = false;

    /// Makes it from a value that was converted to [`Argument::kind`].
    fn from_value(value: Value) -> Result<Self, Unfit>;

    /// The value of a default, for the specification.
    fn into_value(self) -> Value;
}

/// A value that is not what the field can hold, such as a negative number for an unsigned one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfit(String);

impl Unfit {
    /// With what is wrong, in a form that completes "value of x …".
    pub fn new(problem: impl Into<String>) -> Self {
        Self(problem.into())
    }

    fn expected(what: &str, value: &Value) -> Self {
        Self(format!("must be {what}, got: {}", python::text(value)))
    }

    /// As the failure of the parameter with that name.
    pub fn of(self, name: &str) -> Failure {
        Failure::new(format!("value of {name} {}", self.0))
    }
}

/// Takes a parameter out of validated ones and makes a field of it. For the derive macro.
#[doc(hidden)]
pub fn take<T: Argument>(parameters: &mut Map, name: &str) -> Result<T, Failure> {
    T::from_value(parameters.remove(name).unwrap_or_default()).map_err(|unfit| unfit.of(name))
}

/// Makes a nested struct. For the derive macro.
#[doc(hidden)]
pub fn nested<T: Arguments>(value: Value) -> Result<T, Unfit> {
    match value {
        Value::Map(map) => {
            T::from_parameters(map).map_err(|failure| Unfit(format!("does not fit: {}", failure.message())))
        }
        other => Err(Unfit::expected("a dictionary", &other)),
    }
}

impl Argument for String {
    fn kind() -> Kind {
        Kind::Str
    }

    fn from_value(value: Value) -> Result<Self, Unfit> {
        match value {
            Value::String(text) => Ok(text),
            other => Err(Unfit::expected("a text", &other)),
        }
    }

    fn into_value(self) -> Value {
        self.into()
    }
}

impl Argument for PathBuf {
    fn kind() -> Kind {
        Kind::Path
    }

    fn from_value(value: Value) -> Result<Self, Unfit> {
        String::from_value(value).map(Self::from)
    }

    fn into_value(self) -> Value {
        self.to_string_lossy().into_owned().into()
    }
}

impl Argument for bool {
    fn kind() -> Kind {
        Kind::Bool
    }

    fn from_value(value: Value) -> Result<Self, Unfit> {
        match value {
            Value::Bool(truth) => Ok(truth),
            other => Err(Unfit::expected("a boolean", &other)),
        }
    }

    fn into_value(self) -> Value {
        self.into()
    }
}

impl Argument for f64 {
    fn kind() -> Kind {
        Kind::Float
    }

    fn from_value(value: Value) -> Result<Self, Unfit> {
        match value {
            Value::Float(number) => Ok(number),
            other => Err(Unfit::expected("a number", &other)),
        }
    }

    fn into_value(self) -> Value {
        self.into()
    }
}

macro_rules! integers {
    ($($integer:ty)*) => {$(
        impl Argument for $integer {
            fn kind() -> Kind {
                Kind::Int
            }

            fn from_value(value: Value) -> Result<Self, Unfit> {
                let number = whole(value)?;
                Self::try_from(number).map_err(|_| {
                    Unfit(format!("must be from {} to {}, got: {number}", Self::MIN, Self::MAX))
                })
            }

            fn into_value(self) -> Value {
                self.into()
            }
        }
    )*};
}
integers!(i8 i16 i32 i64 u8 u16 u32 u64);

fn whole(value: Value) -> Result<i128, Unfit> {
    match value {
        Value::Int(number) => Ok(number),
        // In Python a boolean is an integer, so Ansible lets it through.
        Value::Bool(truth) => Ok(i128::from(truth)),
        other => Err(Unfit::expected("an integer", &other)),
    }
}

/// Anything, `null` too.
impl Argument for Value {
    fn kind() -> Kind {
        Kind::Raw
    }

    fn from_value(value: Value) -> Result<Self, Unfit> {
        Ok(value)
    }

    fn into_value(self) -> Value {
        self
    }
}

/// A dictionary without options, in order.
impl Argument for Map {
    fn kind() -> Kind {
        Kind::Dict(None)
    }

    fn from_value(value: Value) -> Result<Self, Unfit> {
        match value {
            Value::Map(map) => Ok(map),
            other => Err(Unfit::expected("a dictionary", &other)),
        }
    }

    fn into_value(self) -> Value {
        self.into()
    }
}

/// A dictionary with any keys and values of one type. Ansible does not convert these values, so they must fit.
impl<T: Argument> Argument for BTreeMap<String, T> {
    fn kind() -> Kind {
        Kind::Dict(None)
    }

    fn from_value(value: Value) -> Result<Self, Unfit> {
        let entries = Map::from_value(value)?.into_iter();
        entries
            .map(|(key, value)| match T::from_value(value) {
                Ok(value) => Ok((key, value)),
                Err(Unfit(problem)) => Err(Unfit(format!("at {key} {problem}"))),
            })
            .collect()
    }

    fn into_value(self) -> Value {
        Value::Map(self.into_iter().map(|(key, value)| (key, value.into_value())).collect())
    }
}

impl<T: Argument> Argument for Vec<T> {
    fn kind() -> Kind {
        Kind::List(match T::kind() {
            Kind::Raw => None,
            // Ansible does not look into lists of lists.
            Kind::List(_) => Some(Box::new(Kind::List(None))),
            element => Some(Box::new(element)),
        })
    }

    fn choices() -> Option<Vec<Value>> {
        T::choices()
    }

    fn from_value(value: Value) -> Result<Self, Unfit> {
        match value {
            Value::List(items) => items.into_iter().map(T::from_value).collect(),
            other => Err(Unfit::expected("a list", &other)),
        }
    }

    fn into_value(self) -> Value {
        Value::List(self.into_iter().map(Argument::into_value).collect())
    }
}

impl<T: Argument> Argument for Option<T> {
    fn kind() -> Kind {
        T::kind()
    }

    fn choices() -> Option<Vec<Value>> {
        T::choices()
    }

    const OPTIONAL: bool = true;

    fn from_value(value: Value) -> Result<Self, Unfit> {
        if value.is_null() { Ok(None) } else { T::from_value(value).map(Some) }
    }

    fn into_value(self) -> Value {
        self.map_or(Value::Null, Argument::into_value)
    }
}

/// An amount of bytes; the playbook may say `10M`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bytes(pub u64);

/// An amount of bits; the playbook may say `10Mb`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bits(pub u64);

macro_rules! amounts {
    ($($amount:ident)*) => {$(
        impl Argument for $amount {
            fn kind() -> Kind {
                Kind::$amount
            }

            fn from_value(value: Value) -> Result<Self, Unfit> {
                u64::from_value(value).map(Self)
            }

            fn into_value(self) -> Value {
                self.0.into()
            }
        }
    )*};
}
amounts!(Bytes Bits);

/// A text that holds JSON; the playbook may give a structure.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Json(pub String);

impl Argument for Json {
    fn kind() -> Kind {
        Kind::Json
    }

    fn from_value(value: Value) -> Result<Self, Unfit> {
        String::from_value(value).map(Self)
    }

    fn into_value(self) -> Value {
        self.0.into()
    }
}
