//! What the operator says of how long records are kept.

use super::value::Value;
use crate::domain::Span;

/// How long records are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retention {
    /// Runs.
    pub age: Span,
    /// All records together, in bytes.
    pub size: u64,
    /// The journal of events and decisions.
    pub journal: Span,
    /// What Ansible told, event by event.
    pub events: Span,
    /// Raw logs.
    pub raw_log: Span,
}

impl Retention {
    pub(super) fn of(value: &Value) -> Option<Self> {
        Some(Self {
            age: value.duration("age")?,
            size: value.size("size")?,
            journal: value.duration("journal")?,
            events: value.duration("events")?,
            raw_log: value.duration("raw_log")?,
        })
    }
}
