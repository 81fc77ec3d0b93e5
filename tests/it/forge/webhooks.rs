//! What a forge sends by itself, signed as each of them does.

use std::sync::{Arc, Mutex};

use driftless::domain::ForgeKind;
use git2::Oid;
use http_body_util::Full;
use hyper::Request;
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::net::TcpStream;

use super::project::{Project, State};
use super::server::Shared;
use super::{gitea, github, gitlab};

/// What happened.
#[derive(Debug, Clone)]
pub(super) enum Happened {
    Pushed {
        branch: String,
        before: Option<Oid>,
        after: Oid,
        by: String,
    },
    /// In the words of GitHub: `opened`, `synchronize`, `closed`, `reopened`, `approved`.
    Request {
        number: u64,
        action: &'static str,
        by: String,
    },
}

/// A delivery and what came of it.
#[derive(Debug, Clone)]
pub(crate) struct Delivery {
    pub(crate) event: String,
    /// `None` if nobody answered.
    pub(crate) status: Option<u16>,
}

#[derive(Default)]
pub(super) struct Webhooks {
    /// `http://host:port/path` and the secret.
    pub(super) receiver: Mutex<Option<(String, String)>>,
    pub(super) deliveries: Mutex<Vec<Delivery>>,
    pub(super) runtime: Mutex<Option<tokio::runtime::Handle>>,
    count: Mutex<u64>,
}

/// Sends it, if anybody wants it. The project is not locked while the receiver answers.
pub(super) fn send(shared: &Arc<Shared>, happened: &Happened) {
    let Some((url, secret)) = shared.webhooks.receiver.lock().expect("a lock").clone() else { return };
    let (event, payload) = payload(&mut shared.project.lock().expect("a lock"), happened);
    let body = payload.to_string();
    let number = {
        let mut count = shared.webhooks.count.lock().expect("a lock");
        *count += 1;
        *count
    };
    let headers = headers(shared.kind, &event, number, &body, &secret);
    let shared = shared.clone();
    let handle = shared.webhooks.runtime.lock().expect("a lock").clone().expect("a runtime");
    drop(handle.spawn(async move {
        let status = post(&url, headers, body).await;
        shared.webhooks.deliveries.lock().expect("a lock").push(Delivery { event, status });
    }));
}

async fn post(url: &str, headers: Vec<(&'static str, String)>, body: String) -> Option<u16> {
    let (authority, path) = url.strip_prefix("http://")?.split_once('/')?;
    let stream = TcpStream::connect(authority).await.ok()?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.ok()?;
    drop(tokio::spawn(connection));
    let mut request = Request::post(format!("/{path}")).header("host", authority);
    for (name, value) in headers {
        request = request.header(name, value);
    }
    let request = request.header("content-type", "application/json");
    let request = request.body(Full::new(Bytes::from(body))).expect("a request");
    Some(sender.send_request(request).await.ok()?.status().as_u16())
}

/// Forgejo and Gitea also send the headers of those before them, and of GitHub.
fn headers(
    kind: ForgeKind,
    event: &str,
    number: u64,
    body: &str,
    secret: &str,
) -> Vec<(&'static str, String)> {
    let event = event.to_owned();
    let delivery = format!("00000000-0000-4000-8000-{number:012x}");
    let signature = hmac(secret.as_bytes(), body.as_bytes());
    let github = vec![
        ("x-github-event", event.clone()),
        ("x-github-delivery", delivery.clone()),
        ("x-hub-signature-256", format!("sha256={signature}")),
    ];
    let of = |names: [&'static str; 3]| {
        names.into_iter().zip([event.clone(), delivery.clone(), signature.clone()])
    };
    let gitea = [
        ["x-gitea-event", "x-gitea-delivery", "x-gitea-signature"],
        ["x-gogs-event", "x-gogs-delivery", "x-gogs-signature"],
    ];
    match kind {
        ForgeKind::Github => github,
        ForgeKind::Gitlab => vec![
            ("x-gitlab-event", event),
            ("x-gitlab-event-uuid", delivery.clone()),
            ("x-gitlab-webhook-uuid", "00000000-0000-4000-8000-0000000000aa".to_owned()),
            ("idempotency-key", delivery),
            ("x-gitlab-instance", "https://gitlab.example.com".to_owned()),
            ("x-gitlab-token", secret.to_owned()),
        ],
        ForgeKind::Gitea => gitea.into_iter().flat_map(of).chain(github).collect(),
        ForgeKind::Forgejo => [["x-forgejo-event", "x-forgejo-delivery", "x-forgejo-signature"]]
            .into_iter()
            .chain(gitea)
            .flat_map(of)
            .chain(github)
            .collect(),
    }
}

/// HMAC-SHA256 in hexadecimal digits (RFC 2104).
fn hmac(key: &[u8], text: &[u8]) -> String {
    let mut block = [0; 64];
    if key.len() <= 64 {
        block[..key.len()].copy_from_slice(key);
    } else {
        block[..32].copy_from_slice(&Sha256::digest(key));
    }
    let with = |pad: u8, text: &[u8]| {
        let mut hash = Sha256::new();
        hash.update(block.map(|it| it ^ pad));
        hash.update(text);
        hash.finalize()
    };
    with(0x5c, &with(0x36, text)).iter().fold(String::new(), |text, it| format!("{text}{it:02x}"))
}

#[test]
fn the_example_of_github_has_the_signature_that_its_documentation_shows() {
    assert_eq!(
        hmac(b"It's a Secret to Everybody", b"Hello, World!"),
        "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    );
}

/// The name of the event, and what is told of it.
fn payload(project: &mut Project, happened: &Happened) -> (String, Value) {
    let (owner, name) = (project.owner, project.name);
    let repository =
        json!({"id": 140, "name": name, "full_name": format!("{owner}/{name}"), "private": true});
    let hex = |it: &Option<Oid>| it.map_or_else(|| "0".repeat(40), |it| it.to_string());
    match (project.kind, happened) {
        (ForgeKind::Gitlab, Happened::Pushed { branch, before, after, by }) => (
            "Push Hook".to_owned(),
            json!({
                "object_kind": "push", "event_name": "push", "before": hex(before), "after": after.to_string(),
                "ref": format!("refs/heads/{branch}"), "ref_protected": true, "checkout_sha": after.to_string(),
                "user_id": project.account(by), "user_username": by, "project_id": 15_513_260,
                "project": {"id": 15_513_260, "path_with_namespace": format!("{owner}/{name}")},
                "commits": [{"id": after.to_string()}], "total_commits_count": 1,
            }),
        ),
        (_, Happened::Pushed { branch, before, after, by }) => (
            "push".to_owned(),
            json!({
                "ref": format!("refs/heads/{branch}"), "before": hex(before), "after": after.to_string(),
                "repository": repository, "pusher": {"name": by, "login": by}, "sender": {"login": by},
                "created": before.is_none(), "deleted": false, "forced": false,
                "commits": [{"id": after.to_string()}], "head_commit": {"id": after.to_string()},
            }),
        ),
        (ForgeKind::Gitlab, Happened::Request { number, action, by }) => {
            ("Merge Request Hook".to_owned(), gitlab_request(project, *number, action, by))
        }
        (ForgeKind::Github, Happened::Request { number, action: "approved", by }) => (
            "pull_request_review".to_owned(),
            json!({
                "action": "submitted", "review": {"state": "approved", "user": {"login": by}},
                "pull_request": github::pull(project, *number, true), "repository": repository, "sender": {"login": by},
            }),
        ),
        (ForgeKind::Github, Happened::Request { number, action, by }) => (
            "pull_request".to_owned(),
            json!({
                "action": action, "number": number, "pull_request": github::pull(project, *number, false),
                "repository": repository, "sender": {"login": by},
            }),
        ),
        (_, Happened::Request { number, action, by }) => {
            let (event, action) = match *action {
                "approved" => ("pull_request_approved", "reviewed"),
                "synchronize" => ("pull_request_sync", "synchronized"),
                action => ("pull_request", action),
            };
            let payload = json!({
                "action": action, "number": number, "pull_request": gitea::pull(project, *number),
                "requested_reviewer": null, "repository": repository, "sender": {"login": by, "username": by},
                "commit_id": "", "review": null,
            });
            (event.to_owned(), payload)
        }
    }
}

fn gitlab_request(project: &mut Project, number: u64, action: &str, by: &str) -> Value {
    let by_number = project.account(by);
    let told = gitlab::request(project, number, true);
    let request = &project.requests[&number];
    let action = match (action, &request.state) {
        ("closed", State::Merged { .. }) => "merge",
        ("opened", _) => "open",
        ("closed", _) => "close",
        ("reopened", _) => "reopen",
        ("synchronize", _) => "update",
        (other, _) => other,
    };
    let mut attributes = json!({
        "id": told["id"], "iid": number, "title": request.title, "state": told["state"], "action": action,
        "source_branch": request.branch, "target_branch": "main", "draft": request.draft,
        "source_project_id": told["source_project_id"], "target_project_id": told["target_project_id"],
        "last_commit": {"id": request.head.to_string()}, "merge_commit_sha": told["merge_commit_sha"],
        "url": told["web_url"], "updated_at": told["updated_at"],
    });
    if let (true, [.., (before, _), _]) = (action == "update", request.versions.as_slice()) {
        attributes["oldrev"] = json!(before.to_string());
    }
    json!({
        "object_kind": "merge_request", "event_type": "merge_request",
        "user": {"id": by_number, "username": by},
        "project": {"id": 15_513_260, "path_with_namespace": format!("{}/{}", project.owner, project.name)},
        "object_attributes": attributes, "labels": [], "changes": {}, "reviewers": [],
    })
}
