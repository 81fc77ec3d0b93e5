//! The audit chain, as it is asked for and told.

use serde::{Deserialize, Serialize};

use crate::domain::{AuditRecord, RunId, Timestamp};

/// The query of `GET /api/v1/audit`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AuditQuery {
    /// Only of this stack or source, or `daemon`.
    #[serde(default)]
    pub object: Option<String>,
    /// Only of this run.
    #[serde(default)]
    pub run: Option<RunId>,
    /// Only since then.
    #[serde(default)]
    #[schemars(with = "Option<crate::domain::schema::Time>")]
    pub since: Option<Timestamp>,
    /// Only from this record on.
    #[serde(default)]
    pub from: Option<u64>,
    /// Only of what this person did, by the whole name that is recorded.
    #[serde(default)]
    pub actor: Option<String>,
    /// Only before this record: to page from the newest on.
    #[serde(default)]
    pub before: Option<u64>,
    /// At most so many.
    #[serde(default)]
    #[schemars(range(min = 1, max = 1000))]
    pub count: Option<u32>,
    /// The last ones instead of the first ones.
    #[serde(default)]
    pub newest: bool,
}

impl AuditQuery {
    /// The most records of one answer.
    pub const MOST: u32 = 1_000;
}

/// Records, the older ones first.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub struct AuditList {
    /// Them.
    pub records: Vec<AuditRecord>,
    /// Those that are not written as records are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unreadable: Vec<UnreadableRecord>,
}

/// A record that is not written as records are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct UnreadableRecord {
    /// Its number.
    pub seq: u64,
    /// What is wrong with it.
    pub what: String,
}

/// `POST /api/v1/audit/erase`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EraseBody {
    /// The name of a person, as records have it.
    #[schemars(length(max = 256), regex(pattern = r"\S"))]
    pub name: String,
}
