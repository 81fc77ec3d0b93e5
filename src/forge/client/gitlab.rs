//! GitLab: `docs.gitlab.com/api`, the pages "Merge requests", "Merge request approvals" and "Commits".

use reqwest::Method;
use serde::{Deserialize, Serialize};

use super::error::ForgeError;
use super::wire::{Account, Wire};
use crate::domain::{
    Approval, CommitHash, CommitState, CommitStatus, MergeRequest, MergeRequestNumber, MergeRequestState,
    Reference, Timestamp,
};

/// The longest address that a status links to (gitlab-org/gitlab#501079).
const TARGET_URL_LIMIT: usize = 255;

/// A merge request, the same in a list and alone.
#[derive(Debug, Deserialize)]
struct Request {
    iid: MergeRequestNumber,
    title: String,
    author: Account,
    /// `null` as long as it proposes no commit.
    sha: Option<CommitHash>,
    target_branch: String,
    /// `null` if the fork is gone.
    source_project_id: Option<u64>,
    target_project_id: u64,
    /// Before GitLab 14 it was called `work_in_progress`, which is still told beside it.
    draft: Option<bool>,
    work_in_progress: Option<bool>,
    state: String,
    merge_commit_sha: Option<CommitHash>,
    squash_commit_sha: Option<CommitHash>,
    /// Before GitLab 14.7 it was called `merged_by`, which is still told beside it.
    merge_user: Option<Account>,
    merged_by: Option<Account>,
    web_url: String,
    updated_at: Timestamp,
}

/// `GET …/merge_requests/:iid/approvals`, which editions without approval rules have too.
#[derive(Debug, Deserialize)]
struct Approvals {
    approved_by: Vec<Approver>,
}

#[derive(Debug, Deserialize)]
struct Approver {
    user: Account,
    /// Since GitLab 18.5 (gitlab-org/gitlab!204605).
    approved_at: Option<Timestamp>,
}

/// A push to a merge request: `GET …/merge_requests/:iid/versions`.
#[derive(Debug, Deserialize)]
struct Version {
    head_commit_sha: CommitHash,
    created_at: Timestamp,
}

#[derive(Debug, Serialize)]
struct Status<'a> {
    state: &'static str,
    name: &'a str,
    description: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    target_url: Option<&'a str>,
}

pub(super) async fn merge_requests(
    wire: &Wire,
    target: &Reference,
    since: Option<Timestamp>,
) -> Result<Vec<MergeRequest>, ForgeError> {
    let mut requests = listed(wire, target, "opened", None).await?;
    if since.is_some() {
        // `locked` is one that is being merged at this moment.
        for state in ["locked", "merged", "closed"] {
            requests.extend(listed(wire, target, state, since).await?);
        }
    }
    // What changes while pages are read is on two; the later one is right.
    requests.reverse();
    requests.sort_by_key(|it| it.iid);
    requests.dedup_by_key(|it| it.iid);
    let mut all = Vec::new();
    for request in requests.into_iter().filter(|it| it.sha.is_some()) {
        let approvals = approvals(wire, request.iid).await?;
        all.push(request.told(target.clone(), approvals)?);
    }
    Ok(all)
}

async fn listed(
    wire: &Wire,
    target: &Reference,
    state: &str,
    since: Option<Timestamp>,
) -> Result<Vec<Request>, ForgeError> {
    let list = wire.project.endpoint("merge requests of the project").at("merge_requests");
    let list = list.query("state", state).query("target_branch", target);
    let list = list.query("order_by", "updated_at").query("sort", "desc");
    let list = match since {
        Some(since) => list.query("updated_after", &since),
        None => list,
    };
    let mut requests: Vec<Request> = wire.list(&list, |_| false).await?;
    requests.retain(|it| it.target_branch == target.as_str());
    Ok(requests)
}

pub(super) async fn merge_request(
    wire: &Wire,
    number: MergeRequestNumber,
) -> Result<MergeRequest, ForgeError> {
    let endpoint = wire.project.endpoint("merge request").at("merge_requests").at(&number);
    let request: Request = wire.get(&endpoint).await?;
    let target = request.target_branch.parse().map_err(|error| not_understood("target_branch", &error))?;
    let approvals = approvals(wire, number).await?;
    request.told(target, approvals)
}

fn not_understood(field: &str, error: &impl std::fmt::Display) -> ForgeError {
    ForgeError::NotUnderstood { asked: "merge request".to_owned(), what: format!("{field}: {error}") }
}

impl Request {
    fn told(self, target: Reference, approvals: Vec<Approval>) -> Result<MergeRequest, ForgeError> {
        let Some(head) = self.sha else { return Err(not_understood("sha", &"it proposes no commit")) };
        let state = match self.state.as_str() {
            "merged" => MergeRequestState::Merged {
                // A fast-forward has neither.
                commit: self.merge_commit_sha.or(self.squash_commit_sha).or_else(|| Some(head.clone())),
                by: self.merge_user.or(self.merged_by).map(Account::name),
            },
            "closed" => MergeRequestState::Closed,
            _ => MergeRequestState::Open,
        };
        Ok(MergeRequest {
            number: self.iid,
            title: self.title,
            author: self.author.name(),
            head,
            target,
            fork: self.source_project_id != Some(self.target_project_id),
            draft: self.draft.or(self.work_in_progress).unwrap_or(false),
            state,
            approvals,
            url: self.web_url,
            updated_at: self.updated_at,
        })
    }
}

/// GitLab does not tell which commit was approved, but when. The last push before that is what was approved. Pushes
/// are read after approvals, so that none is missing.
async fn approvals(wire: &Wire, number: MergeRequestNumber) -> Result<Vec<Approval>, ForgeError> {
    let request = |what| wire.project.endpoint(what).at("merge_requests").at(&number);
    let found: Approvals = wire.get(&request("approvals of the merge request").at("approvals")).await?;
    let is_dated = found.approved_by.iter().any(|it| it.approved_at.is_some());
    let versions: Vec<Version> = if is_dated {
        wire.list(&request("versions of the merge request").at("versions"), |_| false).await?
    } else {
        Vec::new()
    };
    // In the same instant the approval is taken as that of the push before.
    let at = |time: Timestamp| {
        let before = versions.iter().filter(|it| it.created_at < time);
        before.max_by_key(|it| it.created_at).map(|it| it.head_commit_sha.clone())
    };
    let mut approvals: Vec<Approval> = Vec::new();
    for approver in found.approved_by {
        let by = approver.user.name();
        if !approvals.iter().any(|it| it.by == by) {
            approvals.push(Approval { by, commit: approver.approved_at.and_then(at) });
        }
    }
    Ok(approvals)
}

pub(super) async fn set_status(
    wire: &Wire,
    commit: &CommitHash,
    status: &CommitStatus,
) -> Result<(), ForgeError> {
    let body = Status {
        state: match status.state {
            CommitState::Pending => "pending",
            CommitState::Success => "success",
            CommitState::Failure | CommitState::Error => "failed",
        },
        name: &status.context,
        description: &status.description,
        target_url: status.target_url.as_deref().filter(|it| it.len() <= TARGET_URL_LIMIT),
    };
    let endpoint = wire.project.endpoint("commit").at("statuses").at(commit);
    match wire.write::<serde::de::IgnoredAny>(Method::POST, &endpoint, &body).await {
        // It says so already. A status of GitLab is a machine that has no way from a state to itself.
        Err(ForgeError::Refused { status: 400, said })
            if said.starts_with("Cannot transition status via") =>
        {
            Ok(())
        }
        // The head of a merge request from a fork is on no branch of the project, and a status belongs to a branch
        // (`lib/api/commit_statuses.rb`). There is no place to show it.
        Err(ForgeError::NotFound { said, .. }) if said.contains("References for commit") => Ok(()),
        result => result.map(drop),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shapes_of_the_documentation_are_understood() {
        for text in [
            include_str!("../../../tests/fixtures/forge/gitlab-merge-request.json"),
            include_str!("../../../tests/fixtures/forge/gitlab-merge-request-item.json"),
        ] {
            let request: Request = serde_json::from_str(text).expect("it is understood");
            let told = request.told("main".parse().expect("a branch"), Vec::new()).expect("a merge request");
            assert_eq!((told.number.0, told.author.as_str(), told.fork), (133, "jdoe", false));
            let empty = text.replace("\"e82eb4a098e32c796079ca3915e07487fc4db24c\"", "null");
            let request: Request = serde_json::from_str(&empty).expect("it is understood");
            let error = request.told("main".parse().expect("a branch"), Vec::new()).expect_err("no commit");
            assert!(error.to_string().contains("sha"), "{error}");
        }
        let approvals = include_str!("../../../tests/fixtures/forge/gitlab-approvals.json");
        let approvals: Approvals = serde_json::from_str(approvals).expect("it is understood");
        assert!(approvals.approved_by[0].approved_at.is_some());
        let version = include_str!("../../../tests/fixtures/forge/gitlab-version.json");
        serde_json::from_str::<Version>(version).expect("it is understood");
    }
}
