//! The clients of forges, against the forge for tests, each story at each of the four.

mod comments;
mod configured;
mod faults;
mod reading;
mod repository;
mod webhooks;

use driftless::domain::{
    CommitState, CommitStatus, ForgeKind, MergeRequest, MergeRequestNumber, Reference, Secret,
};
use driftless::forge::{Client, ForgeLimits, ForgeSettings};

use super::Forge;

/// One story as a test for each forge.
macro_rules! at_each_forge {
    ($($name:ident)*) => {$(
        mod $name {
            use driftless::domain::ForgeKind;

            #[tokio::test]
            async fn github() {
                super::$name(ForgeKind::Github).await;
            }

            #[tokio::test]
            async fn gitlab() {
                super::$name(ForgeKind::Gitlab).await;
            }

            #[tokio::test]
            async fn forgejo() {
                super::$name(ForgeKind::Forgejo).await;
            }

            #[tokio::test]
            async fn gitea() {
                super::$name(ForgeKind::Gitea).await;
            }
        }
    )*};
}
use at_each_forge;

at_each_forge! { a_verdict_is_shown_beside_a_commit }

fn settings(forge: &Forge) -> ForgeSettings {
    ForgeSettings {
        kind: forge.kind(),
        api: forge.api_url(),
        project: forge.project(),
        token: Secret::new(forge.token().to_owned()),
        ca_bundle: Some(forge.ca_bundle().to_owned()),
        limits: ForgeLimits::default(),
    }
}

fn client(forge: &Forge) -> Client {
    Client::new(&settings(forge)).expect("a client")
}

fn main() -> Reference {
    "main".parse().expect("a branch")
}

async fn read(client: &Client, number: u64) -> MergeRequest {
    client.merge_request(MergeRequestNumber(number)).await.expect("a merge request")
}

async fn a_verdict_is_shown_beside_a_commit(kind: ForgeKind) {
    let forge = Forge::start(kind);
    let client = client(&forge);
    let commit = forge.push("tls", &[("site.yml", "[]\n")]);
    let mut status = CommitStatus {
        state: CommitState::Pending,
        context: "driftless/infra".to_owned(),
        description: "looking at it ".repeat(30),
        target_url: Some(format!("https://driftless.example.org/{}", "x".repeat(300))),
    };
    client.set_status(&commit, &status).await.expect("shown");
    // GitLab has no way from a state to itself; that is no failure.
    client.set_status(&commit, &status).await.expect("shown");
    for (state, words) in [
        (CommitState::Success, ["success", "success"]),
        (CommitState::Failure, ["failure", "failed"]),
        (CommitState::Error, ["error", "failed"]),
        (CommitState::Pending, ["pending", "pending"]),
    ] {
        status.state = state;
        client.set_status(&commit, &status).await.expect("shown");
        let shown = forge.statuses(&commit);
        let newest = shown.last().expect("a status");
        assert_eq!(newest.state, words[usize::from(kind == ForgeKind::Gitlab)]);
        assert_eq!((newest.context.as_str(), newest.by.as_str()), ("driftless/infra", super::BOT));
        let length = newest.description.chars().count();
        assert!(newest.description.ends_with('…') && length == kind.status_description_limit(), "{length}");
        // GitLab takes no longer address, and a status without one is better than none.
        assert_eq!(newest.target_url.is_none(), kind == ForgeKind::Gitlab);
    }
    // At GitLab a commit that is on no branch of the project has no place for it.
    let elsewhere = forge.push_to_fork("eve", "mine", &[("mine.yml", "[]\n")]);
    client.set_status(&elsewhere, &status).await.expect("no failure");
    assert_eq!(forge.statuses(&elsewhere).is_empty(), kind == ForgeKind::Gitlab);
    let ids: Vec<u64> = forge.statuses(&commit).iter().map(|it| it.id).collect();
    assert!(ids.is_sorted() && 4 < ids.len(), "{ids:?}");
}
