//! Reads the operator's configuration again. A bad one is refused and the old one stays.

use std::path::PathBuf;

use crate::config::{Config, Report};

use super::access;

/// What is needed to read the configuration again.
pub(super) struct Reloading {
    pub(super) file: PathBuf,
    pub(super) credentials: Option<PathBuf>,
}

impl Reloading {
    /// Reads it, and says what of it only a restart brings about.
    pub(super) fn read(&self, old: &Config) -> Result<Config, Report> {
        let new = Config::load(&self.file, self.credentials.as_deref(), &access::CHECKS)?;
        if !new.warnings.is_empty() {
            tracing::warn!("{}", new.warnings);
        }
        for change in Config::changes(old, &new) {
            tracing::warn!("{change}");
        }
        tracing::info!(sources = new.sources.len(), "the configuration was read again");
        Ok(new)
    }
}
