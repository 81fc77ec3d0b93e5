//! What the operator says of TLS.

use std::path::PathBuf;

use super::access::{Lender, SecretSource};
use super::operator_keys::{PATH, required};
use super::shape::{Key, Shape};
use super::value::Value;

/// The keys of `tls`.
pub(super) static TLS: &[Key] = &[
    required(
        "certificate",
        PATH,
        "The certificate, and behind it those that it was signed by, as PEM. Read again when it changes.",
    ),
    required("key", Shape::Secret, "The private key of the certificate, as PEM. Read again when it changes."),
];

/// How the TCP listener speaks TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsConfig {
    /// The certificate and those that it was signed by.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: SecretSource,
}

impl TlsConfig {
    pub(super) fn of(value: &Value, lender: &Lender<'_>) -> Option<Self> {
        let tls = value.get("tls")?;
        Some(Self { certificate: tls.path("certificate")?, key: lender.secret(tls, "key")? })
    }
}
