//! What can be said when a run is asked for.

use clap::Args;

use crate::api::{NameWanted, RevisionAsked, check_limit, check_reason, check_tag};
use crate::domain::RunId;

/// Arguments of `plan`.
#[derive(Debug, Args)]
pub struct PlanArguments {
    /// The stack: `source/stack`, or only its name where that is unique
    pub stack: NameWanted,
    /// Only these hosts, of those that the stack has anyway
    #[arg(long, value_name = "PATTERN", value_parser = limit, allow_hyphen_values = true)]
    pub limit: Option<String>,
    /// Show the differences themselves
    #[arg(long)]
    pub diff: bool,
    /// Only ask; do not wait for the run
    #[arg(long)]
    pub no_wait: bool,
}

pub(super) const APPLY_RULES: &str = "\
Rules:
  --revision  The commit must be the admitted one of the source or an
              ancestor of it. Afterwards the head is held: it is applied again
              when a newer commit comes, or by `driftless resume`.
  --limit     Intersected with the limit of the stack, so it can only make
              the run smaller. Only the hosts that it reaches are recorded as
              applied; the others stay as they were.
  --tags      Used instead of the tags of the stack. Because the rest of the
              playbook did not run, it counts as applied on no host.";

/// Arguments of `apply`.
#[derive(Debug, Args)]
pub struct ApplyArguments {
    /// The stack: `source/stack`, or only its name where that is unique
    pub stack: NameWanted,
    /// Another commit than the head; it must be admitted, and the head is held afterwards
    #[arg(long, value_name = "COMMIT")]
    pub revision: Option<RevisionText>,
    /// Only these hosts, of those that the stack has anyway; only they are recorded as applied
    #[arg(long, value_name = "PATTERN", value_parser = limit, allow_hyphen_values = true)]
    pub limit: Option<String>,
    /// Only tasks with these tags; the run then counts as applied nowhere
    #[arg(long, value_name = "TAG", value_delimiter = ',', value_parser = tag, allow_hyphen_values = true)]
    pub tags: Vec<String>,
    /// Do not wait for an apply window or the end of a freeze; the reason is kept with the run
    #[arg(long, value_name = "REASON", value_parser = reason)]
    pub outside_window: Option<String>,
    /// Only ask; do not wait for the run
    #[arg(long)]
    pub no_wait: bool,
}

fn reason(given: &str) -> Result<String, crate::api::ErrorBody> {
    check_reason(given).map(|()| given.to_owned())
}

fn limit(given: &str) -> Result<String, crate::api::ErrorBody> {
    check_limit(given).map(|()| given.to_owned())
}

/// A commit, or the digest of an apply that waits for a person.
pub(super) fn waiting(given: &str) -> Result<String, crate::api::ErrorBody> {
    let of_changes = given.strip_prefix("changes-").is_some_and(|it| it.parse::<RunId>().is_ok());
    if of_changes { Ok(given.to_owned()) } else { given.parse::<RevisionText>().map(|it| it.0) }
}

fn tag(given: &str) -> Result<String, crate::api::ErrorBody> {
    check_tag(given).map(|()| given.to_owned())
}

/// A revision as it was written, in a form that is understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevisionText(pub String);

impl std::str::FromStr for RevisionText {
    type Err = crate::api::ErrorBody;
    fn from_str(given: &str) -> Result<Self, Self::Err> {
        given.parse::<RevisionAsked>().map(|_| Self(given.to_owned()))
    }
}
