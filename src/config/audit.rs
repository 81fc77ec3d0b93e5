//! What the operator says of the audit chain.

use std::path::PathBuf;

use super::access::{Lender, SecretSource};
use super::operator_keys::{optional, with_default};
use super::shape::{self, Key, Shape};
use super::units::{DAY, SECOND};
use super::value::Value;
use crate::domain::Span;

/// The keys of `audit`.
pub(super) static AUDIT: &[Key] = &[
    optional(
        "key",
        Shape::Secret,
        "The key that signs checkpoints: 32 bytes in base64, as `openssl rand -base64 32` makes them. Absent: one that is made in `state_dir`.",
    ),
    optional(
        "previous_key",
        Shape::Secret,
        "The key before `key`. It signs once that the new one follows it; after that it can be destroyed.",
    ),
    with_default(
        "checkpoint_every",
        Shape::Duration(SECOND, DAY),
        "10m",
        "How long records wait for a checkpoint that vouches for them.",
    ),
    with_default(
        "checkpoint_records",
        Shape::Count(1, 1_000_000),
        "100",
        "How many records wait for a checkpoint that vouches for them.",
    ),
    optional(
        "checkpoint_dir",
        Shape::Text(&shape::ABSOLUTE),
        "A directory whose file `audit-checkpoints` every checkpoint is appended to. Ship it to where this machine cannot change it.",
    ),
];

/// The audit chain, as the operator wants it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditConfig {
    /// The key that signs checkpoints; `None` is the one of the state directory.
    pub key: Option<SecretSource>,
    /// The key before it.
    pub previous_key: Option<SecretSource>,
    /// How long records wait for a checkpoint.
    pub checkpoint_every: Span,
    /// How many records wait for a checkpoint.
    pub checkpoint_records: u64,
    /// Where checkpoints are appended to a file.
    pub checkpoint_dir: Option<PathBuf>,
}

impl AuditConfig {
    pub(super) fn of(value: &Value, lender: &Lender<'_>) -> Option<Self> {
        Some(Self {
            key: lender.secret(value, "key"),
            previous_key: lender.secret(value, "previous_key"),
            checkpoint_every: value.duration("checkpoint_every")?,
            checkpoint_records: value.count("checkpoint_records")?,
            checkpoint_dir: value.path("checkpoint_dir"),
        })
    }
}
