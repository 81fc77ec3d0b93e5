//! Which runs somebody wants to see.

use serde::{Deserialize, Serialize};

use super::{HostName, Mode, Outcome, RunId, SourceName, Timestamp, Trigger};

/// Which runs are wanted. What is absent says nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RunChoice {
    /// Of a stack of this source.
    pub source: Option<SourceName>,
    /// In this mode.
    pub mode: Option<Mode>,
    /// That ended so.
    pub outcome: Option<Outcome>,
    /// That were started because of this.
    pub trigger: Option<Trigger>,
    /// That had this host.
    pub host: Option<HostName>,
    /// Of a commit whose hash begins so.
    pub commit: Option<String>,
    /// Decided on not before this.
    pub since: Option<Timestamp>,
    /// Decided on before this.
    pub until: Option<Timestamp>,
    /// That are live, or that are over.
    pub live: Option<bool>,
    /// With a greater number; the ones next to it come then, still newest first.
    pub after: Option<RunId>,
}
