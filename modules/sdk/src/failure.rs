//! How a module fails.

use std::fmt;

use serde::Serialize;
use serde_json::{Map, Value};

/// Why a module cannot do what it was asked, as the person reads it who ran the playbook: what happened, then what to do.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    message: String,
    details: Map<String, Value>,
}

impl Failure {
    /// A failure with its message, `msg` in the result.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), details: Map::new() }
    }

    /// Adds a key to the failed result, such as `rc` or `stderr`. What cannot be JSON is left out.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Serialize) -> Self {
        if let Ok(value) = serde_json::to_value(value) {
            self.details.insert(key.to_owned(), value);
        }
        self
    }

    /// The message.
    pub fn message(&self) -> &str {
        &self.message
    }

    pub(crate) fn into_result(self) -> Map<String, Value> {
        let mut result = self.details;
        result.insert("failed".to_owned(), Value::Bool(true));
        result.insert("msg".to_owned(), Value::String(self.message));
        result
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

/// Says what was tried when something went wrong.
pub trait Explain<T> {
    /// `cannot read /etc/hosts` becomes `cannot read /etc/hosts: Permission denied (os error 13)`.
    fn explain(self, tried: impl fmt::Display) -> Result<T, Failure>;
}

impl<T, E: fmt::Display> Explain<T> for Result<T, E> {
    fn explain(self, tried: impl fmt::Display) -> Result<T, Failure> {
        self.map_err(|error| Failure::new(format!("{tried}: {error}")))
    }
}

impl<T> Explain<T> for Option<T> {
    fn explain(self, tried: impl fmt::Display) -> Result<T, Failure> {
        self.ok_or_else(|| Failure::new(tried.to_string()))
    }
}
