//! What is read in what forges send.

use super::*;

fn fixture(name: &str) -> Vec<u8> {
    let path = format!("{}/tests/fixtures/webhooks/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// What GitHub sent: event and payload.
pub(super) fn recorded() -> Vec<(String, Vec<u8>)> {
    let text = zstd::decode_all(fixture("octokit.jsonl.zst").as_slice()).expect("a compressed text");
    let lines = text.split(|it| *it == b'\n').filter(|it| !it.is_empty());
    let read = |line: &[u8]| {
        let line: serde_json::Value = serde_json::from_slice(line).expect("JSON");
        (line["event"].as_str().expect("an event").to_owned(), line["payload"].to_string().into_bytes())
    };
    lines.map(read).collect()
}

/// The deliveries of the other forges: provider, event, file.
pub(super) const OTHERS: [(WebhookProvider, &str, &str); 10] = [
    (WebhookProvider::Gitlab, "Push Hook", "gitlab-push.json"),
    (WebhookProvider::Gitlab, "Merge Request Hook", "gitlab-merge-request.json"),
    (WebhookProvider::Gitlab, "Tag Push Hook", "gitlab-tag-push.json"),
    (WebhookProvider::Forgejo, "push", "forgejo-push.json"),
    (WebhookProvider::Forgejo, "pull_request", "forgejo-pull-request.json"),
    (WebhookProvider::Gitea, "push", "forgejo-push.json"),
    (WebhookProvider::Gitea, "pull_request_approved", "forgejo-pull-request.json"),
    (WebhookProvider::Bitbucket, "repo:push", "bitbucket-push.json"),
    (WebhookProvider::Bitbucket, "repo:push", "bitbucket-branch-deleted.json"),
    (WebhookProvider::Bitbucket, "pullrequest:updated", "bitbucket-pull-request.json"),
];

#[test]
fn all_that_github_sent_is_understood() {
    let all = recorded();
    assert!(400 < all.len(), "{}", all.len());
    let mut hints = 0;
    for (event, payload) in &all {
        let delivery =
            received(WebhookProvider::Github, event, payload).unwrap_or_else(|it| panic!("{event}: {it}"));
        assert_eq!((delivery.event.as_str(), delivery.id.len()), (event.as_str(), 36));
        let value: serde_json::Value = serde_json::from_slice(payload).expect("JSON");
        let full_name = value["repository"]["full_name"].as_str();
        assert_eq!(delivery.repository.as_deref(), full_name, "{event}");
        let kind = match event.as_str() {
            "ping" => DeliveryKind::Ping,
            "push" => match value["ref"].as_str().expect("a reference").strip_prefix("refs/heads/") {
                Some(branch) => push(branch),
                None => DeliveryKind::Other,
            },
            _ if event.starts_with("pull_request") => {
                merge_request(value["pull_request"]["number"].as_u64().expect("a number"))
            }
            _ => DeliveryKind::Other,
        };
        hints += usize::from(delivery.is_hint());
        assert_eq!(delivery.kind, kind, "{event}");
    }
    assert!(50 < hints && hints < all.len() / 2, "{hints} of {}", all.len());
}

#[test]
fn all_that_the_others_send_is_understood() {
    let told = OTHERS.map(|(provider, event, file)| {
        let delivery = received(provider, event, &fixture(file)).unwrap_or_else(|it| panic!("{file}: {it}"));
        assert_eq!(
            (delivery.event.as_str(), delivery.repository.as_deref()),
            (event, Some("acme/infra")),
            "{file}"
        );
        (delivery.kind, delivery.commit.map(|it| it.short().to_owned()))
    });
    let commit = |it: &str| Some(it.to_owned());
    let main = || push("main");
    assert_eq!(
        told,
        [
            (main(), commit("da1560886d")),
            (merge_request(12), commit("da1560886d")),
            (DeliveryKind::Other, None),
            (main(), commit("bffeb74224")),
            (merge_request(12), commit("bffeb74224")),
            (main(), commit("bffeb74224")),
            (merge_request(12), commit("bffeb74224")),
            (main(), commit("709d658dc5")),
            (push("tls"), None),
            (merge_request(12), None),
        ]
        .map(|(kind, commit)| (kind, commit.map(|it: String| it))),
    );
}

#[test]
fn others_say_what_they_mean_in_a_few_words() {
    let told =
        |body: &str| received(WebhookProvider::Generic, "", body.as_bytes()).map(|it| (it.kind, it.commit));
    assert_eq!(told(r#"{"event":"ping"}"#), Ok((DeliveryKind::Ping, None)));
    let hash = "ab".repeat(20);
    let body =
        format!(r#"{{"event":"push","ref":"refs/heads/main","commit":"{hash}","repository":"acme/infra"}}"#);
    assert_eq!(told(&body), Ok((push("main"), Some(hash.parse().expect("a commit")))));
    assert_eq!(told(r#"{"event":"merge_request","number":7}"#), Ok((merge_request(7), None)));
    assert_eq!(told(r#"{"event":"release"}"#), Ok((DeliveryKind::Other, None)));
    assert!(matches!(told("{}"), Err(WebhookError::Malformed(_))));
}

#[test]
fn a_delivery_is_known_by_its_id_or_by_its_body() {
    let body = br#"{"ref":"refs/heads/main"}"#;
    let id = |change: &dyn Fn(&mut HeaderMap)| {
        let mut given = signed(WebhookProvider::Github, "push", body);
        change(&mut given);
        receiver(WebhookProvider::Github, SECRET).receive(&given, body, now()).expect("a delivery").id
    };
    assert_eq!(id(&|_| ()), "72d3162e-cc78-11e3-81ab-4c9367dc0958");
    let of_body = id(&|it| drop(it.remove("x-github-delivery")));
    assert_eq!(of_body.len(), "sha256:".len() + 64);
    let with = |value: &str| {
        let value = HeaderValue::from_bytes(value.as_bytes()).expect("a value");
        id(&|it| drop(it.insert("x-github-delivery", value.clone())))
    };
    assert_eq!(with(""), of_body);
    for strange in ["../../etc/passwd", "a b", "<script>", "\u{202e}", &"a".repeat(129)] {
        assert!(with(strange).starts_with("sha256:") && with(strange) != of_body, "{strange}");
    }
    assert_eq!(with(&"a".repeat(128)).len(), 128);
    // Gitea has its own id, whatever it sends for receivers that were made for others.
    let gitea = received(WebhookProvider::Gitea, "push", body).expect("a delivery");
    assert_eq!((gitea.id.as_str(), gitea.event.as_str()), ("f6266f16-1bf3-46a5-9ea4-602e06ead473", "push"));
    let gitlab =
        received(WebhookProvider::Gitlab, "Push Hook", br#"{"object_kind":"push"}"#).expect("a delivery");
    assert_eq!(gitlab.id, "f5e5f430-f57b-4e6e-9fac-d9128cd7232f");
}

#[test]
fn what_is_no_delivery_is_malformed_only_to_those_with_the_secret() {
    for body in
        ["", "null", "[]", "7", "\"x\"", "{", "{} {}", "{\"a\":1,}", "ref=refs%2Fheads%2Fmain", "\u{feff}{}"]
    {
        let told = received(WebhookProvider::Github, "push", body.as_bytes());
        assert!(matches!(told, Err(WebhookError::Malformed(_))), "{body}: {told:?}");
        let unsigned =
            receiver(WebhookProvider::Github, SECRET).receive(&HeaderMap::new(), body.as_bytes(), now());
        assert_eq!(unsigned, Err(WebhookError::NotAuthentic), "{body}");
    }
    for event in ["", &"a".repeat(65), "\u{e9}"] {
        let mut given = signed(WebhookProvider::Github, "push", b"{}");
        given.insert("x-github-event", HeaderValue::from_bytes(event.as_bytes()).expect("a value"));
        let told = receiver(WebhookProvider::Github, SECRET).receive(&given, b"{}", now());
        assert!(
            matches!(told, Err(WebhookError::Malformed(_)) | Ok(Delivery { kind: DeliveryKind::Other, .. })),
            "{told:?}"
        );
    }
}
