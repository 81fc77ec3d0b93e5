//! What a person may ask for, and the answer.

use serde::{Deserialize, Serialize};

use super::{ErrorBody, RevisionAsked, check_limit, check_reason, check_tags};
use crate::domain::{CommitHash, RunId};

// What `super::value` accepts, for those who ask the schema first.
/// Of a limit: terms that begin with a letter, a digit or `*`, perhaps behind `!` or `&`. Other forms that Ansible knows
/// are accepted, too.
const LIMIT: &str = r"^[!&]?[A-Za-z0-9*][A-Za-z0-9._*?\[\]-]*([,:][!&]?[A-Za-z0-9*][A-Za-z0-9._*?\[\]-]*)*$";
/// Of a tag.
const TAG: &str = r"^[A-Za-z0-9_][A-Za-z0-9_.:-]{0,99}$";
/// Of a reason: one line that says something.
const REASON: &str =
    r"^[^\u0000-\u001f\u007f-\u009f]*[^\s\u0000-\u001f\u007f-\u009f][^\u0000-\u001f\u007f-\u009f]*$";
/// Of a revision: a commit or its beginning, or a commit on a reference.
const REVISION: &str = r"^([0-9a-fA-F]{7,40}|[A-Za-z0-9_][A-Za-z0-9_-]{0,60}(/[A-Za-z0-9_][A-Za-z0-9_-]{0,60}){0,2}@sha1:[0-9a-fA-F]{40})$";

/// `POST /api/v1/stacks/{source}/{stack}/apply`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ApplyBody {
    /// Another revision than the head, in one of the forms of [`RevisionAsked`]. It must be the admitted one or an
    /// ancestor of it. The head is held afterwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = REVISION))]
    pub revision: Option<String>,
    /// Only these hosts, intersected with the limit of the stack. Only their ledger lines move.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = LIMIT), length(max = 1000))]
    pub limit: Option<String>,
    /// Only tasks with these tags. The run counts as applied on no host.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50), inner(regex(pattern = TAG)))]
    pub tags: Vec<String>,
    /// Why it must not wait for an apply window or the end of a freeze: one line, which is kept with the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = REASON), length(max = 200))]
    pub outside_window: Option<String>,
}

impl ApplyBody {
    /// Refuses values that could mean something else than a revision, hosts and tags. Nothing else may reach a
    /// command line.
    pub fn check(&self) -> Result<(), ErrorBody> {
        if let Some(revision) = &self.revision {
            revision.parse::<RevisionAsked>()?;
        }
        if let Some(limit) = &self.limit {
            check_limit(limit)?;
        }
        if let Some(reason) = &self.outside_window {
            check_reason(reason)?;
        }
        check_tags(&self.tags)
    }
}

/// `POST /api/v1/stacks/{source}/{stack}/plan`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlanBody {
    /// Only these hosts, intersected with the limit of the stack.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = LIMIT), length(max = 1000))]
    pub limit: Option<String>,
}

impl PlanBody {
    /// Refuses a limit that could mean something else than hosts.
    pub fn check(&self) -> Result<(), ErrorBody> {
        self.limit.as_deref().map_or(Ok(()), check_limit)
    }
}

/// `POST /api/v1/stacks/{source}/{stack}/approve`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ApproveHostsBody {
    /// The digest of what waits, as it was shown. Another one is refused: what was not seen is not approved.
    pub digest: String,
}

/// `POST /api/v1/sources/{source}/merge-requests/{number}/preview`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PreviewBody {
    /// The full hash of the head, as it was shown. Another one is refused: what was not seen is not trusted.
    pub head: CommitHash,
}

/// `POST /api/v1/runs/{run}/cancel`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CancelBody {
    /// Whether the stack is suspended as well.
    #[serde(default)]
    pub suspend: bool,
}

/// `POST /api/v1/sources/{source}/approve`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ApproveBody {
    /// The full hash of the commit that waits. Another one is refused: what was not seen is not approved.
    pub commit: CommitHash,
}

/// `POST /api/v1/backup`. The answer is the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BackupBody {
    /// Whether events and raw logs of runs are wanted, too.
    #[serde(default = "yes")]
    pub logs: bool,
    /// Whether the key of variables is wanted, too. Then the file tells their values.
    #[serde(default)]
    pub key: bool,
}

fn yes() -> bool {
    true
}

/// The answer to an action: it was recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ActionReply {
    /// What happens now, as a sentence.
    pub message: String,
    /// Who acted, as the daemon recorded it.
    pub by: String,
    /// The run that was started, ended or concerned, if there is one already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunId>,
    /// The newest run of all when the action was recorded: a run that answers it has a greater number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<RunId>,
}
