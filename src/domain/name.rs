//! Names: of sources, stacks, hosts and runs.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A name that does not follow the rules.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` is not a name: {rule}")]
pub struct NameError {
    pub(super) given: String,
    pub(super) rule: &'static str,
}

const CONFIGURED: &str =
    "use 1 to 63 lower-case letters, digits, `-` and `_`, beginning with a letter or a digit";

fn configured(given: &str) -> Result<String, NameError> {
    let first = given.chars().next().is_some_and(|it| it.is_ascii_lowercase() || it.is_ascii_digit());
    let rest =
        given.chars().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit() || it == '-' || it == '_');
    if first && rest && given.len() <= 63 {
        Ok(given.to_owned())
    } else {
        Err(NameError { given: given.escape_debug().to_string(), rule: CONFIGURED })
    }
}

macro_rules! configured_name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
        #[serde(try_from = "String", into = "String")]
        #[schemars(extend("pattern" = "^[a-z0-9][a-z0-9_-]{0,62}$"))]
        pub struct $name(String);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = NameError;
            fn from_str(given: &str) -> Result<Self, NameError> {
                configured(given).map(Self)
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;
            fn try_from(given: String) -> Result<Self, NameError> {
                given.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

configured_name!(
    /// The operator's name of a followed Git repository.
    SourceName
);
configured_name!(
    /// The repository's name of a playbook kept in sync with an inventory. Unique within its source.
    StackName
);
configured_name!(
    /// The operator's name of somebody or something that is told of alerts.
    ReceiverName
);
configured_name!(
    /// What a token is called: by whom or what it is used.
    TokenName
);

/// A stack as the whole daemon knows it: written `source/stack`.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(try_from = "String", into = "String")]
#[schemars(extend("pattern" = "^[a-z0-9][a-z0-9_-]{0,62}/[a-z0-9][a-z0-9_-]{0,62}$"))]
pub struct StackId {
    /// The source that declares it.
    pub source: SourceName,
    /// Its name there.
    pub stack: StackName,
}

impl fmt::Display for StackId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.source, self.stack)
    }
}

impl FromStr for StackId {
    type Err = NameError;
    fn from_str(given: &str) -> Result<Self, NameError> {
        let Some((source, stack)) = given.split_once('/') else {
            return Err(NameError { given: given.escape_debug().to_string(), rule: "write `source/stack`" });
        };
        Ok(Self { source: source.parse()?, stack: stack.parse()? })
    }
}

impl TryFrom<String> for StackId {
    type Error = NameError;
    fn try_from(given: String) -> Result<Self, NameError> {
        given.parse()
    }
}

impl From<StackId> for String {
    fn from(id: StackId) -> Self {
        id.to_string()
    }
}

/// A host as the inventory names it. Ansible accepts almost any text here, so this is any text.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(transparent)]
pub struct HostName(String);

impl HostName {
    /// A host by its inventory name.
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// The name as text. It comes from an inventory: escape it before a terminal sees it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Monotonic and short, so that people can say "run 1287".
#[derive(
    Default,
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(transparent)]
pub struct RunId(pub u64);

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for RunId {
    type Err = NameError;
    fn from_str(given: &str) -> Result<Self, NameError> {
        let rule = "a run is a number, as `driftless runs` lists them";
        given.parse().map(Self).map_err(|_| NameError { given: given.escape_debug().to_string(), rule })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configured_names_are_safe_in_paths_labels_and_shells() {
        for good in ["web", "web-1", "0_a", &"a".repeat(63)] {
            assert_eq!(good.parse::<StackName>().map(|it| it.to_string()), Ok(good.to_owned()));
        }
        for bad in ["", "Web", "-web", "_x", "a/b", "a b", "ü", "..", "a\n", &"a".repeat(64)] {
            assert!(bad.parse::<StackName>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_stack_is_written_with_its_source() {
        let id: StackId = "infra/web".parse().expect("a stack");
        assert_eq!((id.source.as_str(), id.stack.as_str()), ("infra", "web"));
        assert_eq!(id.to_string(), "infra/web");
        assert!("web".parse::<StackId>().is_err());
    }
}
