//! What the operator says of merge requests.

use super::operator_keys::{optional, with_default};
use super::shape::{self, Key, Shape};
use super::value::Value;
use crate::domain::{MergeRequestPolicy, PreviewLevel};

/// The keys of `merge_requests`.
pub(super) static MERGE_REQUESTS: &[Key] = &[
    with_default(
        "previews",
        Shape::Choice(&["static", "sandboxed", "live"]),
        "static",
        "How far previews go at most: `static` reads both trees and executes nothing of them; `sandboxed` lets Ansible list its tasks in a sandbox without keys and network; `live` is check mode with the real keys, which executes code of the merge request, for those whom `live_for` names.",
    ),
    optional(
        "live_for",
        Shape::List(&Shape::Text(&shape::ACCOUNT)),
        "Accounts on the forge whose merge requests, and those that they approved of as they are, are checked live.",
    ),
    with_default(
        "forks",
        Shape::Switch,
        "false",
        "Preview merge requests whose head is in another repository.",
    ),
    with_default("report", Shape::Switch, "true", "Write the comment and the commit status."),
];

/// How merge requests are followed, where a forge is named.
pub(super) fn merge_request_policy(value: &Value) -> Option<MergeRequestPolicy> {
    let poll_every = value.get("forge")?.duration("poll")?;
    let said = value.get("merge_requests");
    Some(MergeRequestPolicy {
        poll_every,
        level: match said.and_then(|it| it.text("previews")) {
            Some("live") => PreviewLevel::Live,
            Some("sandboxed") => PreviewLevel::Sandboxed,
            _ => PreviewLevel::Static,
        },
        live_for: said.map(|it| it.texts("live_for").into_iter().collect()).unwrap_or_default(),
        forks: said.and_then(|it| it.switch("forks")).unwrap_or(false),
        report: said.and_then(|it| it.switch("report")).unwrap_or(true),
    })
}
