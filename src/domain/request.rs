//! What a person asks for.

use serde::{Deserialize, Serialize};

use super::{Mode, Revision};

/// A person's request for a run of a stack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Request {
    /// Check or apply.
    pub mode: Mode,
    /// Who asked, as the operating system names them.
    pub by: String,
    /// Another revision than the head; it has been admitted before or is an ancestor of what was.
    #[serde(default)]
    pub revision: Option<Revision>,
    /// Only these hosts: intersected with the limit of the stack.
    #[serde(default)]
    pub limit: Option<String>,
    /// Only tasks with these tags, instead of the tags of the stack.
    #[serde(default)]
    pub tags: Vec<String>,
    /// Why it must not wait for a window: the person's own words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outside_window: Option<String>,
}
