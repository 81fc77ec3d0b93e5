//! Payloads of every shape, from senders who have the secret: refused or ignored, never a panic.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

/// How many cases each property is tried with; `scripts/campaign webhooks N` gives more.
fn cases() -> u32 {
    #[expect(clippy::disallowed_methods, reason = "the test's own input, given by scripts/campaign")]
    std::env::var("DRIFTLESS_WEBHOOK_CASES").ok().map_or(256, |it| it.parse().expect("a number"))
}

/// Does not panic, and what it tells can be kept.
fn survives(provider: WebhookProvider, event: &str, body: &[u8]) -> Option<Delivery> {
    match received(provider, event, body) {
        Ok(delivery) => {
            let texts = [Some(&delivery.id), Some(&delivery.event), delivery.repository.as_ref()];
            for text in texts.into_iter().flatten() {
                assert!(text.len() <= 512 && !text.chars().any(char::is_control), "{delivery:?}");
            }
            if let DeliveryKind::Push { reference } = &delivery.kind {
                assert!(reference.len() <= 512 && !reference.chars().any(char::is_control), "{delivery:?}");
            }
            Some(delivery)
        }
        Err(WebhookError::Malformed(_)) => None,
        Err(WebhookError::NotAuthentic) => panic!("a signed delivery was not believed"),
    }
}

/// What a field is replaced by.
fn wrong() -> Vec<Value> {
    let deep = (0..100).fold(json!(1), |inner, _| json!([inner]));
    let deep_object = (0..100).fold(json!(1), |inner, _| json!({"a": inner}));
    vec![
        Value::Null,
        json!([]),
        json!([1, [2], {"a": 3}]),
        json!({}),
        json!(0),
        json!(-1),
        json!(u64::MAX),
        json!(1e308),
        json!(true),
        json!(""),
        json!("refs/heads/\u{0}\u{1b}[31m\u{202e}"),
        json!("refs/heads/".to_owned() + &"a".repeat(2000)),
        deep,
        deep_object,
    ]
}

/// Calls `each` with every document that has one place of `of` replaced or left out.
fn replaced(of: &Value, each: &mut dyn FnMut(&Value)) {
    fn places(of: &Value, at: &str, found: &mut Vec<String>) {
        found.push(at.to_owned());
        match of {
            Value::Object(entries) => {
                for (name, inner) in entries {
                    places(inner, &format!("{at}/{}", name.replace('~', "~0").replace('/', "~1")), found);
                }
            }
            Value::Array(items) => {
                for (number, inner) in items.iter().enumerate().take(3) {
                    places(inner, &format!("{at}/{number}"), found);
                }
            }
            _ => {}
        }
    }
    let mut found = Vec::new();
    places(of, "", &mut found);
    let wrong = wrong();
    let mut document = of.clone();
    for place in found {
        for other in &wrong {
            let original = std::mem::replace(document.pointer_mut(&place).expect("a place"), other.clone());
            each(&document);
            *document.pointer_mut(&place).expect("a place") = original;
        }
    }
    assert_eq!(&document, of);
}

#[test]
fn every_field_may_be_something_else() {
    let mut tried = 0;
    let mut try_all = |provider, event: &str, payload: &[u8]| {
        let document: Value = serde_json::from_slice(payload).expect("JSON");
        replaced(&document, &mut |it| {
            tried += 1;
            survives(provider, event, it.to_string().as_bytes());
        });
    };
    for (provider, event, file) in payloads::OTHERS {
        let path = format!("{}/tests/fixtures/webhooks/{file}", env!("CARGO_MANIFEST_DIR"));
        try_all(provider, event, &std::fs::read(path).expect("a fixture"));
    }
    // Of GitHub, one of each kind that is read, the shortest.
    for wanted in ["ping", "push", "pull_request", "pull_request_review"] {
        let recorded = payloads::recorded().into_iter().filter(|(event, _)| event == wanted);
        let (event, payload) = recorded.min_by_key(|(_, it)| it.len()).expect("one");
        try_all(WebhookProvider::Github, &event, &payload);
    }
    assert!(5_000 < tried, "{tried}");
}

#[test]
fn what_is_read_of_a_push_is_a_branch_or_nothing() {
    for other in wrong() {
        let body = json!({"ref": other, "after": other, "repository": {"full_name": other}}).to_string();
        let delivery = survives(WebhookProvider::Github, "push", body.as_bytes()).expect("it is authentic");
        assert_eq!(
            (delivery.kind, delivery.commit, delivery.repository),
            (DeliveryKind::Other, None, None),
            "{body}"
        );
    }
    for other in wrong() {
        let body = json!({"number": other, "pull_request": {"number": other}}).to_string();
        let delivery = survives(WebhookProvider::Github, "pull_request", body.as_bytes()).expect("authentic");
        let known = other.as_u64().filter(|it| *it != 0).map_or(DeliveryKind::Other, merge_request);
        assert_eq!(delivery.kind, known, "{body}");
    }
}

#[test]
fn depth_costs_nothing() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        for depth in [10, 127, 128, 200_000] {
            let nested = open.repeat(depth) + "1" + &close.repeat(depth);
            for body in [format!("{{\"ref\":{nested}}}"), format!("{{\"other\":{nested}}}"), nested.clone()] {
                survives(WebhookProvider::Github, "push", body.as_bytes());
                survives(WebhookProvider::Bitbucket, "repo:push", body.as_bytes());
            }
            let unfinished = format!("{{\"push\":{{\"changes\":{}", open.repeat(depth));
            survives(WebhookProvider::Bitbucket, "repo:push", unfinished.as_bytes());
        }
    }
    let wide =
        format!("{{\"push\":{{\"changes\":[{}1]}}}}", "{\"new\":{\"type\":\"branch\"}},".repeat(100_000));
    survives(WebhookProvider::Bitbucket, "repo:push", wide.as_bytes());
}

fn any_json() -> impl Strategy<Value = Value> {
    let names = prop_oneof![
        "[a-z_]{1,8}",
        prop::sample::select(vec![
            "ref",
            "after",
            "repository",
            "full_name",
            "number",
            "pull_request",
            "head",
            "sha",
            "object_kind",
            "object_attributes",
            "iid",
            "last_commit",
            "id",
            "project",
            "path_with_namespace",
            "push",
            "changes",
            "new",
            "old",
            "type",
            "name",
            "target",
            "hash",
            "pullrequest",
            "event",
            "commit",
        ])
        .prop_map(str::to_owned),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,40}".prop_map(Value::from),
        "refs/heads/.{0,20}".prop_map(Value::from),
        Just(json!("branch")),
        Just(json!("push")),
    ];
    leaf.prop_recursive(6, 128, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
            prop::collection::btree_map(names.clone(), inner, 0..8)
                .prop_map(|it| Value::Object(it.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_document_is_survived(document in any_json(), which in 0..6_usize, event in 0..4_usize) {
        let event = ["push", "pull_request", "repo:push", "pullrequest:created"][event];
        survives(WebhookProvider::ALL[which], event, document.to_string().as_bytes());
    }

    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..300), which in 0..6_usize) {
        survives(WebhookProvider::ALL[which], "push", &bytes);
    }

    #[test]
    fn a_payload_with_some_bytes_changed_is_survived(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        which in 0..10_usize,
    ) {
        let (provider, event, file) = payloads::OTHERS[which];
        let path = format!("{}/tests/fixtures/webhooks/{file}", env!("CARGO_MANIFEST_DIR"));
        let mut body = std::fs::read(path).expect("a fixture");
        for (at, byte) in changes {
            let at = at.index(body.len());
            body[at] = byte;
        }
        survives(provider, event, &body);
    }

    #[test]
    fn no_headers_are_believed_or_panic(
        values in prop::collection::vec(prop::collection::vec(0x20..0x7f_u8, 0..100), 6),
        which in 0..6_usize,
    ) {
        let names = [
            "x-hub-signature-256", "x-hub-signature", "x-gitea-signature", "x-gitlab-token", "webhook-id",
            "webhook-signature",
        ];
        let texts: Vec<String> = values.into_iter().map(|it| String::from_utf8(it).expect("ASCII")).collect();
        let all: Vec<(&str, &str)> = names.into_iter().zip(texts.iter().map(String::as_str)).collect();
        let mut given = headers(&all);
        given.insert("webhook-timestamp", HeaderValue::from_static("1614265330"));
        let told = receiver(WebhookProvider::ALL[which], SECRET).receive(&given, b"{}", now());
        prop_assert_eq!(told, Err(WebhookError::NotAuthentic));
    }
}
