//! What an authentic delivery hints at, by provider.

use http::HeaderMap;
use sha2::{Digest as _, Sha256};

use super::WebhookError;
use super::pick::Picked;
use super::proof::{hexadecimal, one};
use crate::domain::{CommitHash, Delivery, DeliveryKind, MergeRequestNumber, WebhookProvider};

/// A longer id is kept as its digest.
const LONGEST_ID: usize = 128;
/// A longer name of an event is none.
const LONGEST_EVENT: usize = 64;

/// How the deliveries of a provider are read.
struct Reading {
    /// Headers with the id; the first that is there counts.
    ids: &'static [&'static str],
    /// Headers with the event; the first that is there counts.
    events: &'static [&'static str],
    /// All values that are looked at.
    paths: &'static [&'static str],
    repository: &'static str,
    about: fn(&str, &Picked) -> About,
}

/// What it is about, and the commit that it names.
type About = (DeliveryKind, Option<CommitHash>);

/// GitHub, and the two that send what GitHub sends.
const HUB_PATHS: &[&str] =
    &["ref", "after", "repository.full_name", "number", "pull_request.number", "pull_request.head.sha"];

static GITHUB: Reading = Reading {
    ids: &["x-github-delivery"],
    events: &["x-github-event"],
    paths: HUB_PATHS,
    repository: "repository.full_name",
    about: hub,
};

/// Forgejo and Gitea also send the headers of GitHub and Gogs; their own come first.
static FORGEJO: Reading = Reading {
    ids: &["x-forgejo-delivery", "x-gitea-delivery"],
    events: &["x-forgejo-event", "x-gitea-event"],
    ..GITHUB
};

static GITEA: Reading = Reading { ids: &["x-gitea-delivery"], events: &["x-gitea-event"], ..GITHUB };

static GITLAB: Reading = Reading {
    ids: &["webhook-id", "idempotency-key", "x-gitlab-event-uuid"],
    events: &["x-gitlab-event"],
    paths: &[
        "object_kind",
        "event_name",
        "ref",
        "after",
        "project.path_with_namespace",
        "object_attributes.iid",
        "object_attributes.last_commit.id",
    ],
    repository: "project.path_with_namespace",
    about: gitlab,
};

static BITBUCKET: Reading = Reading {
    ids: &["x-request-uuid"],
    events: &["x-event-key"],
    paths: &[
        "repository.full_name",
        "push.changes.#.new.type",
        "push.changes.#.new.name",
        "push.changes.#.new.target.hash",
        "push.changes.#.old.type",
        "push.changes.#.old.name",
        "pullrequest.id",
        "pullrequest.source.commit.hash",
    ],
    repository: "repository.full_name",
    about: bitbucket,
};

/// What `docs/webhooks.md` says that others may send.
static GENERIC: Reading = Reading {
    ids: &["webhook-id"],
    events: &[],
    paths: &["event", "repository", "ref", "commit", "number"],
    repository: "repository",
    about: generic,
};

/// Reads a delivery that was proven to be authentic.
pub(super) fn read(
    provider: WebhookProvider,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Delivery, WebhookError> {
    let reading = match provider {
        WebhookProvider::Github => &GITHUB,
        WebhookProvider::Gitlab => &GITLAB,
        WebhookProvider::Forgejo => &FORGEJO,
        WebhookProvider::Gitea => &GITEA,
        WebhookProvider::Bitbucket => &BITBUCKET,
        WebhookProvider::Generic => &GENERIC,
    };
    let picked = Picked::from_object(body, reading.paths)
        .map_err(|_| WebhookError::Malformed("the body is no JSON object"))?;
    let event = match reading.events {
        [] => picked.text("event"),
        names => first(headers, names).and_then(|it| std::str::from_utf8(it).ok()),
    };
    let event = event
        .filter(|it| it.len() <= LONGEST_EVENT && it.bytes().all(|it| (0x20..0x7f).contains(&it)))
        .ok_or(WebhookError::Malformed("the delivery does not say its event"))?;
    let (kind, commit) = (reading.about)(event, &picked);
    Ok(Delivery {
        id: id(first(headers, reading.ids), body),
        event: event.to_owned(),
        kind,
        repository: picked.text(reading.repository).map(str::to_owned),
        commit,
    })
}

/// The value of the first of these headers that is there.
fn first<'a>(headers: &'a HeaderMap, names: &[&str]) -> Option<&'a [u8]> {
    names.iter().find(|it| headers.contains_key(**it)).and_then(|it| one(headers, it))
}

/// The id as the forge tells it. A strange one is kept as its digest, of none the digest of the body is kept: what is
/// sent twice is seen all the same.
fn id(told: Option<&[u8]>, body: &[u8]) -> String {
    let plain = |it: &u8| it.is_ascii_alphanumeric() || b"-_.:{}".contains(it);
    match told {
        Some(id) if !id.is_empty() && id.len() <= LONGEST_ID && id.iter().all(plain) => {
            String::from_utf8_lossy(id).into_owned()
        }
        told => {
            let digest = Sha256::digest(told.filter(|it| !it.is_empty()).unwrap_or(body));
            format!("sha256:{}", hexadecimal(&digest))
        }
    }
}

/// A commit; zeroes stand for none.
fn commit(picked: &Picked, path: &str) -> Option<CommitHash> {
    picked.text(path).filter(|it| it.bytes().any(|it| it != b'0')).and_then(|it| it.parse().ok())
}

/// A push of a branch; of anything else, nothing that concerns us.
fn push(picked: &Picked, path: &str) -> DeliveryKind {
    match picked.text(path).and_then(|it| it.strip_prefix("refs/heads/")).filter(|it| !it.is_empty()) {
        Some(branch) => DeliveryKind::Push { reference: branch.to_owned() },
        None => DeliveryKind::Other,
    }
}

fn merge_request(number: Option<u64>) -> DeliveryKind {
    number.map_or(DeliveryKind::Other, |it| DeliveryKind::MergeRequest { number: MergeRequestNumber(it) })
}

fn hub(event: &str, picked: &Picked) -> About {
    match event {
        "ping" => (DeliveryKind::Ping, None),
        "push" => (push(picked, "ref"), commit(picked, "after")),
        // `pull_request_review` and others, which Gitea names `pull_request_approved` and so on.
        _ if event.starts_with("pull_request") => {
            let number = picked.number("pull_request.number").or_else(|| picked.number("number"));
            (merge_request(number), commit(picked, "pull_request.head.sha"))
        }
        _ => (DeliveryKind::Other, None),
    }
}

/// Hooks of a whole GitLab name some events only in `event_name`.
fn gitlab(_event: &str, picked: &Picked) -> About {
    match picked.text("object_kind").or_else(|| picked.text("event_name")) {
        Some("push") => (push(picked, "ref"), commit(picked, "after")),
        Some("merge_request") => {
            let number = picked.number("object_attributes.iid");
            (merge_request(number), commit(picked, "object_attributes.last_commit.id"))
        }
        _ => (DeliveryKind::Other, None),
    }
}

fn bitbucket(event: &str, picked: &Picked) -> About {
    match event {
        "repo:push" => branch_of_changes(picked),
        _ if event.starts_with("pullrequest:") => {
            let number = picked.number("pullrequest.id");
            (merge_request(number), commit(picked, "pullrequest.source.commit.hash"))
        }
        _ => (DeliveryKind::Other, None),
    }
}

/// The first branch among what was pushed. Of a deleted one only `old` tells.
fn branch_of_changes(picked: &Picked) -> About {
    for at in Picked::items("push.changes") {
        for side in ["new", "old"] {
            if picked.text(&format!("{at}{side}.type")) == Some("branch")
                && let Some(name) = picked.text(&format!("{at}{side}.name"))
            {
                let reference = name.to_owned();
                return (DeliveryKind::Push { reference }, commit(picked, &format!("{at}new.target.hash")));
            }
        }
    }
    (DeliveryKind::Other, None)
}

fn generic(event: &str, picked: &Picked) -> About {
    match event {
        "ping" => (DeliveryKind::Ping, None),
        "push" => (push(picked, "ref"), commit(picked, "commit")),
        "merge_request" => (merge_request(picked.number("number")), commit(picked, "commit")),
        _ => (DeliveryKind::Other, None),
    }
}
