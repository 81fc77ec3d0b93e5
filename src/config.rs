//! Reads what operators and repositories write: strictly, all errors at once, each with its place and what to do.
//!
//! The tables in `operator_keys` and `repository_keys` say which keys there are. Checks, defaults, suggestions, the
//! JSON Schemas and the tables in the docs are made from them, so they cannot disagree. On top of the tables,
//! `operator` and `repository` check what only the whole file or the tree of a commit can tell.

mod access;
mod alert_keys;
mod alerts;
mod audit;
mod check;
mod checks;
mod drift;
mod forge;
mod inferred;
mod limit_keys;
mod limits;
mod mask;
mod merge_requests;
mod operator;
mod operator_keys;
mod operator_rules;
mod reference;
mod report;
mod repository;
mod repository_keys;
mod repository_rules;
mod retention;
mod schema;
mod secrets;
mod shape;
mod sign_in;
mod signatures;
mod stack_keys;
mod starter;
mod suggest;
mod tls;
mod tree;
mod units;
mod value;
mod webhook;
mod windows;
mod yaml;

pub use access::{Access, Credentials, SecretSource};
pub use alerts::{AlertConfig, ReceiverConfig, ReceiverKind};
pub use audit::AuditConfig;
pub use checks::Checks;
pub use drift::{AirbagOverride, Redact};
pub use forge::ForgeConfig;
pub use limits::{FetchLimits, Limits, RunLimits, TreeLimits};
pub use operator::{Config, Paths, SourceConfig, StackOverride};
pub use reference::{
    KeyRow, operator_key_rows, operator_reference, repository_key_rows, repository_reference,
};
pub use report::{Diagnostic, Finding, Report, Severity};
pub use repository::repository_declaration;
pub use retention::Retention;
pub use schema::{operator_schema, repository_schema};
pub use sign_in::{OidcConfig, RoleRule, SignIn};
pub use starter::{operator_starter, starter};
pub use tls::TlsConfig;
pub use tree::{FileKind, RepositoryFiles};
pub use units::{show_size, show_span};
pub use webhook::Webhook;
pub use windows::WindowsOverride;

/// The name of the repository's file, at its root.
pub const REPOSITORY_FILE: &str = "driftless.yml";

/// The operator's file, unless another one is given.
pub const OPERATOR_FILE: &str = "/etc/driftless/config.yml";

/// The largest configuration file that is read, in bytes.
const LARGEST_FILE: usize = 1024 * 1024;

#[cfg(test)]
mod tests;
