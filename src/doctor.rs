//! Judges an installation: what is wrong with it, and how to mend it. Pure: `driftless doctor` gathers the facts.

mod facts;
mod judge;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub use facts::{
    AnsibleFacts, CertificateEnd, CertificateFacts, ClockFacts, DaemonFacts, DatabaseFacts, DirectoryFacts,
    Facts, FileFacts, HostFacts, PythonFacts, RoomFacts, RuntimeFacts, SourceFacts, UnitFacts, UserFacts,
};
pub use judge::{OLDEST_ANSIBLE, judge};

/// How bad something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// It is as it should be.
    Good,
    /// It could not be found out, or is worth knowing.
    Note,
    /// It works, and will not for ever, or not safely.
    Warning,
    /// It keeps driftless from working.
    Error,
}

impl Severity {
    /// The word for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What of the installation.
    pub area: String,
    /// How bad it is.
    pub severity: Severity,
    /// What was found, a sentence.
    pub what: String,
    /// How to mend it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

/// Whether something has to be mended.
pub fn is_unhealthy(findings: &[Finding]) -> bool {
    findings.iter().any(|it| Severity::Warning < it.severity)
}
