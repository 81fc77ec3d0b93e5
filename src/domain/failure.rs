//! What went wrong, reduced to what must happen next.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Span;

/// What must happen before the same thing may be tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Retry {
    /// A passing fault: try again with the usual backoff.
    Soon,
    /// The other side said when: try again not before this long.
    After(#[schemars(with = "super::schema::Length")] Span),
    /// Trying again cannot help until somebody changes the repository, the configuration or the machine.
    UntilChanged,
}

/// A failure as the core and people see it: the consequence and a sentence, never the cause's type.
///
/// Adapters turn their own errors into this at their border. `message` says what failed; `remedy` what to do
/// about it; `details` shows it where there is room. None of them ever holds a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Failure {
    /// What must happen before another try.
    pub retry: Retry,
    /// What went wrong, a lower-case fragment without a full stop, in one line.
    pub message: String,
    /// What else there is to see, one line each: where in a file, for example.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub details: Vec<String>,
    /// What to do about it, if anything can be said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
    /// Whether somebody may be attacking: a changed host key, a rewritten history, a tree that is not its commit.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub security: bool,
}

impl Failure {
    /// A failure that is worth another try soon.
    pub fn soon(message: impl Into<String>) -> Self {
        let (message, details) = (message.into(), Vec::new());
        Self { retry: Retry::Soon, message, details, remedy: None, security: false }
    }

    /// A failure that stays until somebody changes something.
    pub fn until_changed(message: impl Into<String>) -> Self {
        Self { retry: Retry::UntilChanged, ..Self::soon(message) }
    }

    /// The same failure with a remedy.
    #[must_use]
    pub fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    /// The same failure with what a text says besides, line by line.
    #[must_use]
    pub fn details(mut self, text: &str) -> Self {
        self.details = text.lines().map(|it| it.trim_end().to_owned()).collect();
        self
    }

    /// The same failure, marked as one that may be an attack.
    #[must_use]
    pub fn security(mut self) -> Self {
        self.security = true;
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.remedy {
            Some(remedy) => write!(f, " ({remedy})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Failure {}
