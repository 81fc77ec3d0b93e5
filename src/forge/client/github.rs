//! GitHub: `docs.github.com/en/rest`, in the version that `X-GitHub-Api-Version` names.

use reqwest::Method;
use serde::{Deserialize, Serialize};

use super::address::Endpoint;
use super::error::ForgeError;
use super::wire::{Account, Wire};
use crate::domain::{
    Approval, CommitHash, CommitState, CommitStatus, MergeRequest, MergeRequestNumber, MergeRequestState,
    Reference, Timestamp,
};

/// A pull request, as `GET /repos/{owner}/{repo}/pulls` lists it. Asked for by its number it also says `merged_by`.
#[derive(Debug, Deserialize)]
struct Pull {
    number: MergeRequestNumber,
    title: String,
    /// `null` if the account is gone.
    user: Option<Account>,
    head: Branch,
    base: Branch,
    #[serde(default)]
    draft: bool,
    state: String,
    merged_at: Option<Timestamp>,
    /// Before the merge, that of a merge that GitHub tried by itself.
    merge_commit_sha: Option<CommitHash>,
    merged_by: Option<Account>,
    html_url: String,
    updated_at: Timestamp,
}

#[derive(Debug, Deserialize)]
struct Branch {
    #[serde(rename = "ref")]
    name: String,
    sha: CommitHash,
    /// `null` if the repository is gone, which only that of a fork can be.
    repo: Option<Repository>,
}

#[derive(Debug, Deserialize)]
struct Repository {
    id: u64,
}

/// A review, as `GET …/pulls/{number}/reviews` lists them: the oldest first.
#[derive(Debug, Deserialize)]
struct Review {
    user: Option<Account>,
    state: String,
    commit_id: Option<CommitHash>,
}

/// What a person may do: `GET …/collaborators/{username}/permission`. `maintain` is told as `write`, `triage` as
/// `read`.
#[derive(Debug, Deserialize)]
struct Permission {
    permission: String,
}

#[derive(Debug, Serialize)]
struct Status<'a> {
    state: &'static str,
    context: &'a str,
    description: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    target_url: Option<&'a str>,
}

pub(super) async fn merge_requests(
    wire: &Wire,
    target: &Reference,
    since: Option<Timestamp>,
) -> Result<Vec<MergeRequest>, ForgeError> {
    let mut all = Vec::new();
    for pull in listed(wire, target, "open", |_| false).await? {
        let approvals = approvals(wire, pull.number).await?;
        all.push(pull.told(target.clone(), approvals));
    }
    let Some(since) = since else { return Ok(all) };
    let old = |some: &[Pull]| some.last().is_some_and(|it| it.updated_at < since);
    for pull in listed(wire, target, "closed", old).await? {
        let is_seen = all.iter().any(|it| it.number == pull.number);
        if since <= pull.updated_at && !is_seen {
            all.push(merge_request(wire, pull.number).await?);
        }
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
    let list =
        list.query("state", state).query("base", target).query("sort", "updated").query("direction", "desc");
    let mut pulls: Vec<Pull> = wire.list(&list, enough).await?;
    pulls.retain(|it| it.base.name == target.as_str());
    // What changes while pages are read moves to the first, and something else is on two.
    pulls.sort_by_key(|it| it.number);
    pulls.dedup_by_key(|it| it.number);
    Ok(pulls)
}

pub(super) async fn merge_request(
    wire: &Wire,
    number: MergeRequestNumber,
) -> Result<MergeRequest, ForgeError> {
    let pull: Pull = wire.get(&wire.project.endpoint("pull request").at("pulls").at(&number)).await?;
    let target =
        pull.base.name.parse().map_err(|error| not_understood("pull request", "base.ref", &error))?;
    let approvals = approvals(wire, number).await?;
    Ok(pull.told(target, approvals))
}

fn not_understood(asked: &str, field: &str, error: &impl std::fmt::Display) -> ForgeError {
    ForgeError::NotUnderstood { asked: asked.to_owned(), what: format!("{field}: {error}") }
}

impl Pull {
    fn told(self, target: Reference, approvals: Vec<Approval>) -> MergeRequest {
        let repository = |it: &Branch| it.repo.as_ref().map(|it| it.id);
        let state = if self.merged_at.is_some() {
            MergeRequestState::Merged { commit: self.merge_commit_sha, by: self.merged_by.map(Account::name) }
        } else if self.state == "open" {
            MergeRequestState::Open
        } else {
            MergeRequestState::Closed
        };
        MergeRequest {
            number: self.number,
            title: self.title,
            author: self.user.map_or_else(|| "ghost".to_owned(), Account::name),
            fork: repository(&self.head).is_none() || repository(&self.head) != repository(&self.base),
            head: self.head.sha,
            target,
            draft: self.draft,
            state,
            approvals,
            url: self.html_url,
            updated_at: self.updated_at,
        }
    }
}

/// Of each person the latest review that says yes or no counts. On a public repository everybody may approve; as
/// GitHub's own branch protection does, only those count who may write.
async fn approvals(wire: &Wire, number: MergeRequestNumber) -> Result<Vec<Approval>, ForgeError> {
    let list = wire.project.endpoint("reviews of the pull request").at("pulls").at(&number).at("reviews");
    let reviews: Vec<Review> = wire.list(&list, |_| false).await?;
    let mut latest: Vec<(String, bool, Option<CommitHash>)> = Vec::new();
    for review in reviews {
        let (Some(user), "APPROVED" | "CHANGES_REQUESTED" | "DISMISSED") =
            (review.user, review.state.as_str())
        else {
            continue;
        };
        let name = user.name();
        latest.retain(|(other, ..)| *other != name);
        latest.push((name, review.state == "APPROVED", review.commit_id));
    }
    let mut approvals = Vec::new();
    for (by, _, commit) in latest.into_iter().filter(|(_, is_approval, _)| *is_approval) {
        if may_write(wire, &by).await? {
            approvals.push(Approval { by, commit });
        }
    }
    Ok(approvals)
}

async fn may_write(wire: &Wire, login: &str) -> Result<bool, ForgeError> {
    let endpoint: Endpoint =
        wire.project.endpoint("permission of a reviewer").at("collaborators").at(login).at("permission");
    match wire.get::<Permission>(&endpoint).await {
        Ok(it) => Ok(matches!(it.permission.as_str(), "admin" | "write")),
        Err(error) if error.is_not_found() => Ok(false),
        Err(error) => Err(error),
    }
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
        target_url: status.target_url.as_deref(),
    };
    let endpoint = wire.project.endpoint("commit").at("statuses").at(commit);
    wire.write::<serde::de::IgnoredAny>(Method::POST, &endpoint, &body).await.map(drop)
}

/// Forgejo and Gitea have the same words.
pub(super) fn word(state: CommitState) -> &'static str {
    match state {
        CommitState::Pending => "pending",
        CommitState::Success => "success",
        CommitState::Failure => "failure",
        CommitState::Error => "error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    macro_rules! fixture {
        ($name:literal, $kind:ty) => {
            serde_json::from_str::<$kind>(include_str!(concat!(
                "../../../tests/fixtures/forge/github-",
                $name,
                ".json"
            )))
            .expect("it is understood")
        };
    }

    #[test]
    fn the_examples_of_github_are_understood() {
        let pull = fixture!("pull", Pull);
        assert_eq!(pull.merged_by.as_ref().map(|it| it.clone().name()), Some("octocat".to_owned()));
        assert_eq!((pull.number.0, pull.base.name.as_str()), (1347, "master"));
        let told = pull.told("master".parse().expect("a branch"), Vec::new());
        assert!(matches!(told.state, MergeRequestState::Merged { commit: Some(_), by: Some(_) }), "{told:?}");
        assert_eq!(told.url, "https://github.com/octocat/Hello-World/pull/1347");
        assert_eq!(fixture!("pull-item", Pull).user.map(Account::name), Some("octocat".to_owned()));
        let review = fixture!("review", Review);
        assert_eq!((review.state.as_str(), review.commit_id.is_some()), ("APPROVED", true));
        assert_eq!(fixture!("permission", Permission).permission, "admin");
        assert_eq!(fixture!("user", Account).id, 1);
    }

    #[test]
    fn what_is_gone_is_told_as_null() {
        let mut pull: serde_json::Value =
            serde_json::from_str(include_str!("../../../tests/fixtures/forge/github-pull.json"))
                .expect("JSON");
        (pull["user"], pull["head"]["repo"]) = (serde_json::Value::Null, serde_json::Value::Null);
        let pull: Pull = serde_json::from_value(pull).expect("it is understood");
        let told = pull.told("master".parse().expect("a branch"), Vec::new());
        assert_eq!((told.author.as_str(), told.fork), ("ghost", true));
    }
}
