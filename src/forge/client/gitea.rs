//! Forgejo and Gitea, which speak the same: `/api/swagger` of each server, `modules/structs/pull.go` and
//! `pull_review.go` in the sources of both.

use reqwest::Method;
use serde::{Deserialize, Serialize};

use super::error::ForgeError;
use super::github::word;
use super::wire::{Account, Wire};
use crate::domain::{
    Approval, CommitHash, CommitStatus, MergeRequest, MergeRequestNumber, MergeRequestState, Reference,
    Timestamp,
};

/// A pull request, the same in a list and alone.
#[derive(Debug, Deserialize)]
struct Pull {
    number: MergeRequestNumber,
    title: String,
    user: Option<Account>,
    head: Branch,
    base: Branch,
    /// Not told by old versions: there the title says it.
    draft: Option<bool>,
    state: String,
    merged: bool,
    merge_commit_sha: Option<CommitHash>,
    merged_by: Option<Account>,
    html_url: String,
    updated_at: Timestamp,
}

#[derive(Debug, Deserialize)]
struct Branch {
    #[serde(rename = "ref")]
    name: String,
    sha: String,
    repo_id: i64,
}

/// A review, as `GET …/pulls/{index}/reviews` lists them.
#[derive(Debug, Deserialize)]
struct Review {
    id: u64,
    /// `null` if a team was asked.
    user: Option<Account>,
    state: String,
    commit_id: Option<String>,
    /// Whether what is proposed has changed since.
    stale: bool,
    /// Whether the person may write, or is named by the protection of the branch: only such approvals count for the
    /// forge, too.
    official: bool,
    dismissed: bool,
}

#[derive(Debug, Serialize)]
struct Status<'a> {
    state: &'static str,
    context: &'a str,
    description: &'a str,
    target_url: &'a str,
}

pub(super) async fn merge_requests(
    wire: &Wire,
    target: &Reference,
    since: Option<Timestamp>,
) -> Result<Vec<MergeRequest>, ForgeError> {
    let mut pulls = listed(wire, target, "open", |_| false).await?;
    if let Some(since) = since {
        let old = |some: &[Pull]| some.last().is_some_and(|it| it.updated_at < since);
        let closed = listed(wire, target, "closed", old).await?;
        pulls.extend(closed.into_iter().filter(|it| since <= it.updated_at));
    }
    // What changes while pages are read moves to the first, and something else is on two; what is closed meanwhile is
    // on both lists, and the later one is right.
    pulls.reverse();
    pulls.sort_by_key(|it| it.number);
    pulls.dedup_by_key(|it| it.number);
    let mut all = Vec::new();
    for pull in pulls {
        let approvals = approvals(wire, pull.number).await?;
        all.push(pull.told(target.clone(), approvals)?);
    }
    Ok(all)
}

async fn listed(
    wire: &Wire,
    target: &Reference,
    state: &str,
    enough: impl Fn(&[Pull]) -> bool,
) -> Result<Vec<Pull>, ForgeError> {
    let list = wire.project.endpoint("pull requests of the project").at("pulls");
    // Old versions do not know `base_branch` and list all.
    let list = list.query("state", state).query("sort", "recentupdate").query("base_branch", target);
    let mut pulls: Vec<Pull> = wire.list(&list, enough).await?;
    pulls.retain(|it| it.base.name == target.as_str());
    Ok(pulls)
}

pub(super) async fn merge_request(
    wire: &Wire,
    number: MergeRequestNumber,
) -> Result<MergeRequest, ForgeError> {
    let pull: Pull = wire.get(&wire.project.endpoint("pull request").at("pulls").at(&number)).await?;
    let target = pull.base.name.parse().map_err(|error| not_understood("base.ref", &error))?;
    let approvals = approvals(wire, number).await?;
    pull.told(target, approvals)
}

fn not_understood(field: &str, error: &impl std::fmt::Display) -> ForgeError {
    ForgeError::NotUnderstood { asked: "pull request".to_owned(), what: format!("{field}: {error}") }
}

impl Pull {
    fn told(self, target: Reference, approvals: Vec<Approval>) -> Result<MergeRequest, ForgeError> {
        let title = self.title.trim_start().to_ascii_uppercase();
        let draft = self.draft.unwrap_or_else(|| title.starts_with("WIP:") || title.starts_with("[WIP]"));
        let state = if self.merged {
            MergeRequestState::Merged { commit: self.merge_commit_sha, by: self.merged_by.map(Account::name) }
        } else if self.state == "open" {
            MergeRequestState::Open
        } else {
            MergeRequestState::Closed
        };
        Ok(MergeRequest {
            number: self.number,
            title: self.title,
            author: self.user.map_or_else(|| "Ghost".to_owned(), Account::name),
            head: self.head.sha.parse().map_err(|error| not_understood("head.sha", &error))?,
            target,
            // The repository of a fork that is gone has the number -1 or 0.
            fork: self.head.repo_id != self.base.repo_id,
            draft,
            state,
            approvals,
            url: self.html_url,
            updated_at: self.updated_at,
        })
    }
}

/// Of each person the latest review that says yes or no counts, if it was not dismissed, is of somebody who may, and is
/// of what is proposed now.
async fn approvals(wire: &Wire, number: MergeRequestNumber) -> Result<Vec<Approval>, ForgeError> {
    let list = wire.project.endpoint("reviews of the pull request").at("pulls").at(&number).at("reviews");
    let mut reviews: Vec<Review> = wire.list(&list, |_| false).await?;
    reviews.sort_by_key(|it| it.id);
    let mut latest: Vec<(String, Review)> = Vec::new();
    for review in reviews {
        let (Some(user), "APPROVED" | "REQUEST_CHANGES") = (review.user.clone(), review.state.as_str())
        else {
            continue;
        };
        let name = user.name();
        latest.retain(|(other, _)| *other != name);
        latest.push((name, review));
    }
    let in_force = |it: &Review| it.state == "APPROVED" && it.official && !it.dismissed && !it.stale;
    Ok(latest
        .into_iter()
        .filter(|(_, it)| in_force(it))
        .map(|(by, it)| Approval { by, commit: it.commit_id.and_then(|it| it.parse().ok()) })
        .collect())
}

pub(super) async fn set_status(
    wire: &Wire,
    commit: &CommitHash,
    status: &CommitStatus,
) -> Result<(), ForgeError> {
    let body = Status {
        state: word(status.state),
        context: &status.context,
        description: &status.description,
        target_url: status.target_url.as_deref().unwrap_or_default(),
    };
    let endpoint = wire.project.endpoint("commit").at("statuses").at(commit);
    wire.write::<serde::de::IgnoredAny>(Method::POST, &endpoint, &body).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shapes_of_the_sources_are_understood() {
        let text = include_str!("../../../tests/fixtures/forge/gitea-pull.json");
        let pull: Pull = serde_json::from_str(text).expect("it is understood");
        let told = pull.told("main".parse().expect("a branch"), Vec::new()).expect("a merge request");
        assert_eq!((told.number.0, told.author.as_str(), told.fork, told.draft), (12, "jdoe", false, false));
        let old = text.replace("\"draft\": false,", "").replace("Serve over", "WIP: serve over");
        let pull: Pull = serde_json::from_str(&old).expect("it is understood");
        assert!(pull.told("main".parse().expect("a branch"), Vec::new()).expect("a merge request").draft);
        let review = include_str!("../../../tests/fixtures/forge/gitea-review.json");
        let review: Review = serde_json::from_str(review).expect("it is understood");
        assert!(review.official && !review.stale && !review.dismissed, "{review:?}");
    }
}
