//! The rules of a configuration that other parts own.

use std::fmt;

use crate::domain::{Secret, WebhookProvider};

/// What others know better: the parts that talk to Git and run Ansible own these rules.
#[derive(Clone, Copy)]
pub struct Checks {
    /// Refuses a URL with what to do about it; the flag says whether repositories on this machine are allowed.
    pub url: fn(&str, bool) -> Result<(), String>,
    /// Refuses the name of an environment variable with what to do about it.
    pub env_name: fn(&str) -> Result<(), String>,
    /// Refuses the secret of a receiver with what to do about it.
    pub webhook_secret: fn(WebhookProvider, &Secret) -> Result<(), String>,
}

impl fmt::Debug for Checks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Checks")
    }
}
