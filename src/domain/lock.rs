//! Which machine a host is, who works on it, and what a run asks before it touches one.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::HostName;

/// A machine, whatever inventories call it. Two stacks with the same key are about the same machine.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(transparent)]
pub struct LockKey(String);

impl LockKey {
    /// The control node: `localhost`, and every host whose connection is local.
    pub fn control_node() -> Self {
        Self("localhost".to_owned())
    }

    /// The name that the operator gave to what inventories call differently.
    pub fn alias(name: &str) -> Self {
        Self(name.to_ascii_lowercase())
    }

    /// The key of an address: without a port it is that of ssh.
    pub fn address(address: &str, port: Option<u16>) -> Self {
        let address = address.trim_matches(['[', ']']).to_ascii_lowercase();
        match port {
            None | Some(22) => Self(address),
            Some(port) if address.contains(':') => Self(format!("[{address}]:{port}")),
            Some(port) => Self(format!("{address}:{port}")),
        }
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for LockKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A play as a run is about to begin it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct AskedPlay {
    /// Its host pattern, as written.
    pub pattern: String,
    /// How many hosts it has.
    pub hosts: u32,
    /// Whether these are all hosts of the inventory, and there is more than one.
    #[serde(default)]
    pub everything: bool,
}

/// What a run asks before it touches hosts: at its start with the hosts of all plays, then at each play.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Question {
    /// Its number within the run, from 1.
    pub number: u32,
    /// Which play is about to begin; `None` at the start.
    pub play: Option<u32>,
    /// All plays, at the start.
    #[serde(default)]
    pub plays: Vec<AskedPlay>,
    /// The hosts, with what has to be locked for each.
    pub hosts: BTreeMap<HostName, LockKey>,
    /// How many hosts the inventory has.
    pub inventory: u32,
}

/// Why a run was not allowed to begin, or to begin a play.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "refusal", rename_all = "snake_case")]
pub enum RefusalCause {
    /// Another run works on a host. It is due again as soon as that one has ended.
    Locked {
        /// What is locked.
        key: LockKey,
        /// By whom, as a sentence.
        holder: String,
    },
    /// The hosts are not what they were: a person has to look.
    Airbag {
        /// What is different, as a sentence.
        comparison: String,
    },
    /// The hosts are not those that a person approved of.
    Approval {
        /// What is different, as a sentence.
        comparison: String,
    },
    /// A newer revision came meanwhile.
    Superseded,
    /// The stack is not declared any more, suspended, or the daemon is stopping.
    Moot,
}

impl fmt::Display for RefusalCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Locked { key, holder } => write!(f, "{key} is locked: {holder}"),
            Self::Airbag { comparison } => write!(f, "{comparison}; a person has to approve it"),
            Self::Approval { comparison } => {
                write!(f, "{comparison}; the approval does not hold any more")
            }
            Self::Superseded => f.write_str("a newer revision came meanwhile"),
            Self::Moot => f.write_str("it is not wanted any more"),
        }
    }
}

/// What the operator wants held until a person looked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default)]
pub struct AirbagPolicy {
    /// Hold an apply that has fewer hosts than the last one by more than so many percent. 100 turns it off.
    pub fewer_percent: u32,
    /// Hold an apply to more hosts than this.
    pub max_hosts: Option<u32>,
    /// Hold an apply after a check that predicts more than so many times the changes that are usual.
    pub more_changes: Option<u32>,
}

impl Default for AirbagPolicy {
    fn default() -> Self {
        Self { fewer_percent: 30, max_hosts: None, more_changes: None }
    }
}

/// An apply that waits for a person, because its hosts or its changes are not what they were.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct AirbagHold {
    /// What was to be applied.
    pub revision: super::Revision,
    /// What is different, as a sentence.
    pub comparison: String,
    /// Digest of the hosts and plays that were asked for: what a person approves.
    pub digest: String,
    /// The run that was refused.
    pub run: super::RunId,
    /// Since when.
    #[schemars(with = "crate::domain::schema::Time")]
    pub since: super::Timestamp,
    /// Who approved it; then it is tried again, and passes if it asks for the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved_by: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_machine_has_one_key() {
        let key = |address: &str, port| LockKey::address(address, port).to_string();
        assert_eq!(key("Web1.example.org", None), "web1.example.org");
        assert_eq!(key("web1.example.org", Some(22)), "web1.example.org");
        assert_eq!(key("10.0.0.1", Some(2222)), "10.0.0.1:2222");
        assert_eq!(key("[FE80::1]", None), "fe80::1");
        assert_eq!(key("fe80::1", Some(2222)), "[fe80::1]:2222");
        assert_eq!(LockKey::alias("Web1"), LockKey::address("web1", None));
    }
}
