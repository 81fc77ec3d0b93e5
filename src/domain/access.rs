//! Who asks, and what they may see and do.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{NameError, SourceName, StackId};

/// What somebody may do. Each role may do what those before it may.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Looks.
    Viewer,
    /// Also asks for checks and applies, approves, suspends, resumes and cancels.
    Operator,
    /// Also gives access to others, erases names from the audit chain and makes backups.
    Admin,
}

impl Role {
    /// Every role, the least first.
    pub const ALL: [Self; 3] = [Self::Viewer, Self::Operator, Self::Admin];

    /// The word in configuration, on the command line and in records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = NameError;
    fn from_str(given: &str) -> Result<Self, NameError> {
        Self::ALL.into_iter().find(|it| it.as_str() == given).ok_or_else(|| NameError {
            given: given.escape_debug().to_string(),
            rule: "a role is `viewer`, `operator` or `admin`",
        })
    }
}

/// One thing that somebody may see and act on: `infra` is all of a source, `infra/web` one stack.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, schemars::JsonSchema)]
#[schemars(with = "String", extend("pattern" = "^[a-z0-9][a-z0-9_-]{0,62}(/[a-z0-9][a-z0-9_-]{0,62})?$"))]
pub enum Grant {
    /// A source with all its stacks and merge requests.
    Source(SourceName),
    /// One stack.
    Stack(StackId),
}

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Source(source) => source.fmt(f),
            Self::Stack(stack) => stack.fmt(f),
        }
    }
}

impl FromStr for Grant {
    type Err = NameError;
    fn from_str(given: &str) -> Result<Self, NameError> {
        if given.contains('/') { given.parse().map(Self::Stack) } else { given.parse().map(Self::Source) }
    }
}

impl Serialize for Grant {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Grant {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// What a role holds for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Everything.
    All,
    /// These alone. What is of no stack and no source, such as the daemon itself, is not among them.
    Only(BTreeSet<Grant>),
}

impl Scope {
    /// Whether this stack is in it.
    pub fn has_stack(&self, stack: &StackId) -> bool {
        match self {
            Self::All => true,
            Self::Only(grants) => grants.iter().any(|it| match it {
                Grant::Source(source) => *source == stack.source,
                Grant::Stack(one) => one == stack,
            }),
        }
    }

    /// Whether all of this source is in it: its head, its merge requests, all its stacks.
    pub fn has_source(&self, source: &SourceName) -> bool {
        match self {
            Self::All => true,
            Self::Only(grants) => grants.contains(&Grant::Source(source.clone())),
        }
    }

    /// Whether anything of this source is in it.
    pub fn touches_source(&self, source: &SourceName) -> bool {
        match self {
            Self::All => true,
            Self::Only(grants) => grants.iter().any(|it| match it {
                Grant::Source(one) => one == source,
                Grant::Stack(stack) => stack.source == *source,
            }),
        }
    }
}

/// How somebody proved who they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// The kernel says that they are this user of the control node.
    Socket {
        /// The number of the user.
        uid: u32,
    },
    /// They sent a token of this name with the request.
    Token,
    /// They signed in, and their browser sent the cookie of that session.
    Session,
}

/// Somebody who asks, as far as it was proved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The name that is recorded with what they do.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// With what.
    pub scope: Scope,
    /// How they proved it.
    pub proof: Proof,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_may_do_what_those_before_it_may() {
        assert!(Role::Viewer < Role::Operator && Role::Operator < Role::Admin);
        for role in Role::ALL {
            assert_eq!(role.as_str().parse(), Ok(role));
        }
        assert!("Admin".parse::<Role>().is_err());
    }

    #[test]
    fn a_scope_has_what_it_names_and_nothing_beside_it() {
        let grants = ["infra", "lab/web"].map(|it| it.parse::<Grant>().unwrap());
        let scope = Scope::Only(grants.into());
        let stack = |it: &str| it.parse::<StackId>().unwrap();
        let source = |it: &str| it.parse::<SourceName>().unwrap();
        assert!(scope.has_stack(&stack("infra/anything")) && scope.has_stack(&stack("lab/web")));
        assert!(!scope.has_stack(&stack("lab/db")) && !scope.has_stack(&stack("other/web")));
        assert!(scope.has_source(&source("infra")) && !scope.has_source(&source("lab")));
        assert!(scope.touches_source(&source("lab")) && !scope.touches_source(&source("other")));
        assert!(Scope::All.has_stack(&stack("other/web")));
        let json = serde_json::to_string(&scope).unwrap();
        assert_eq!(json, r#"{"only":["infra","lab/web"]}"#);
        assert_eq!(serde_json::from_str::<Scope>(&json).unwrap(), scope);
    }
}
