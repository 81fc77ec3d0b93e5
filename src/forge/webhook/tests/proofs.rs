//! Who is believed: published vectors, and everything that is one bit beside them.

use http::{HeaderMap, HeaderName, HeaderValue};

use super::super::WebhookSecretError;
use super::super::proof::Proof;
use super::*;

/// Whether the sender is believed, whatever the body is.
fn holds(provider: WebhookProvider, secret: &str, headers: &HeaderMap, body: &[u8], now: Timestamp) -> bool {
    let proof = Proof::new(provider, &Secret::new(secret.to_owned())).expect("a proof");
    proof.holds(headers, body, now)
}

/// The example in the documentation of Standard Webhooks.
const STANDARD_SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const STANDARD_BODY: &[u8] = br#"{"test": 2432232314}"#;

fn standard() -> HeaderMap {
    headers(&[
        ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
        ("webhook-timestamp", "1614265330"),
        ("webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
    ])
}

/// The example in the documentation of GitHub.
const GITHUB_BODY: &[u8] = b"Hello, World!";
const GITHUB_DIGEST: &str = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";

#[test]
fn published_examples_are_believed() {
    let hub = format!("sha256={GITHUB_DIGEST}");
    for (provider, name, value) in [
        (WebhookProvider::Github, "x-hub-signature-256", hub.as_str()),
        (WebhookProvider::Bitbucket, "x-hub-signature", &hub),
        (WebhookProvider::Gitea, "x-gitea-signature", GITHUB_DIGEST),
        (WebhookProvider::Forgejo, "x-forgejo-signature", GITHUB_DIGEST),
        (WebhookProvider::Forgejo, "x-gitea-signature", GITHUB_DIGEST),
        (WebhookProvider::Gitlab, "x-gitlab-token", SECRET),
    ] {
        assert!(holds(provider, SECRET, &headers(&[(name, value)]), GITHUB_BODY, now()), "{provider} {name}");
    }
    for provider in [WebhookProvider::Generic, WebhookProvider::Gitlab] {
        assert!(holds(provider, STANDARD_SECRET, &standard(), STANDARD_BODY, now()), "{provider}");
    }
}

/// RFC 4231, test cases 1 to 7 without 5, whose output is cut. Keys that are no text are left to [`hmac`], which is
/// checked by them and then checks the rest.
#[test]
fn the_vectors_of_rfc_4231_hold() {
    let long = "Test Using Larger Than Block-Size Key - Hash Key First";
    let longer = "This is a test using a larger than block-size key and a larger than block-size data. The key needs \
                  to be hashed before being used by the HMAC algorithm.";
    let counted: Vec<u8> = (1..=25).collect();
    let cases: [(&[u8], &[u8], &str); 6] = [
        (&[0x0b; 20], b"Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
        (
            b"Jefe",
            b"what do ya want for nothing?",
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        ),
        (&[0xaa; 20], &[0xdd; 50], "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"),
        (&counted, &[0xcd; 50], "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"),
        (&[0xaa; 131], long.as_bytes(), "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"),
        (&[0xaa; 131], longer.as_bytes(), "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"),
    ];
    for (key, message, digest) in cases {
        assert_eq!(hexadecimal(&hmac(key, message)), digest);
    }
    let jefe = headers(&[("x-gitea-signature", cases[1].2)]);
    assert!(holds(WebhookProvider::Gitea, "Jefe", &jefe, cases[1].1, now()));
}

/// Each header and the body with each bit flipped in turn.
fn flipped(given: &HeaderMap, body: &[u8], names: &[&'static str]) -> Vec<(HeaderMap, Vec<u8>)> {
    let bits = |bytes: &[u8]| -> Vec<Vec<u8>> {
        let flip = |at: usize| {
            let mut bytes = bytes.to_vec();
            bytes[at / 8] ^= 1 << (at % 8);
            bytes
        };
        (0..bytes.len() * 8).map(flip).collect()
    };
    let mut all: Vec<_> = bits(body).into_iter().map(|it| (given.clone(), it)).collect();
    for name in names {
        let value = given[*name].as_bytes().to_vec();
        // What no header may hold is refused before it gets here.
        for value in bits(&value).into_iter().filter_map(|it| HeaderValue::from_bytes(&it).ok()) {
            let mut other = given.clone();
            other.insert(HeaderName::from_static(name), value);
            all.push((other, body.to_vec()));
        }
    }
    all
}

#[test]
fn no_bit_of_a_signature_or_a_body_can_be_another() {
    let hub = format!("sha256={GITHUB_DIGEST}");
    let one = |name: &str, value: &str| headers(&[(name, value)]);
    let cases = [
        (
            WebhookProvider::Github,
            SECRET,
            one("x-hub-signature-256", &hub),
            GITHUB_BODY,
            &["x-hub-signature-256"][..],
        ),
        (WebhookProvider::Bitbucket, SECRET, one("x-hub-signature", &hub), GITHUB_BODY, &["x-hub-signature"]),
        (
            WebhookProvider::Gitea,
            SECRET,
            one("x-gitea-signature", GITHUB_DIGEST),
            GITHUB_BODY,
            &["x-gitea-signature"],
        ),
        (
            WebhookProvider::Forgejo,
            SECRET,
            one("x-forgejo-signature", GITHUB_DIGEST),
            GITHUB_BODY,
            &["x-forgejo-signature"],
        ),
        (
            WebhookProvider::Generic,
            STANDARD_SECRET,
            standard(),
            STANDARD_BODY,
            &["webhook-id", "webhook-timestamp", "webhook-signature"],
        ),
        (
            WebhookProvider::Gitlab,
            STANDARD_SECRET,
            standard(),
            STANDARD_BODY,
            &["webhook-id", "webhook-signature"],
        ),
        // A token signs nothing, so that only its own bits count.
        (WebhookProvider::Gitlab, SECRET, one("x-gitlab-token", SECRET), b"", &["x-gitlab-token"]),
    ];
    for (provider, secret, given, body, names) in cases {
        assert!(holds(provider, secret, &given, body, now()), "{provider}");
        let all = flipped(&given, body, names);
        assert!(150 < all.len(), "{provider}: {}", all.len());
        for (headers, body) in all {
            assert!(!holds(provider, secret, &headers, &body, now()), "{provider} {headers:?} {body:?}");
        }
    }
}

#[test]
fn what_is_missing_empty_weak_or_there_twice_proves_nothing() {
    let hub = format!("sha256={GITHUB_DIGEST}");
    let upper = format!("sha256={}", GITHUB_DIGEST.to_uppercase());
    let cut = &hub[..hub.len() - 2];
    for given in [
        headers(&[]),
        headers(&[("x-hub-signature-256", "")]),
        headers(&[("x-hub-signature-256", "sha256=")]),
        headers(&[("x-hub-signature-256", GITHUB_DIGEST)]),
        headers(&[("x-hub-signature-256", &upper)]),
        headers(&[("x-hub-signature-256", cut)]),
        headers(&[("x-hub-signature-256", &format!("{hub} "))]),
        headers(&[("x-hub-signature-256", &format!("{hub},{hub}"))]),
        // The weak one of old, and that of others.
        headers(&[("x-hub-signature", "sha1=01dc10d0c83e72ed246219cdd91669667fe2ca59")]),
        headers(&[("x-hub-signature", &hub)]),
        headers(&[("x-gitea-signature", GITHUB_DIGEST)]),
        headers(&[("x-gitlab-token", SECRET)]),
    ] {
        assert!(!holds(WebhookProvider::Github, SECRET, &given, GITHUB_BODY, now()), "{given:?}");
    }
    let mut twice = headers(&[("x-hub-signature-256", &hub)]);
    twice.append("x-hub-signature-256", HeaderValue::from_static("sha256="));
    assert!(!holds(WebhookProvider::Github, SECRET, &twice, GITHUB_BODY, now()));
    // With the own header wrong, that of another does not help.
    let mixed = headers(&[("x-forgejo-signature", "00"), ("x-gitea-signature", GITHUB_DIGEST)]);
    assert!(!holds(WebhookProvider::Forgejo, SECRET, &mixed, GITHUB_BODY, now()));
    let hub_alone = headers(&[("x-hub-signature-256", &hub), ("x-github-event", "push")]);
    assert!(!holds(WebhookProvider::Gitea, SECRET, &hub_alone, GITHUB_BODY, now()));
    let nobody = Receiver::nobody();
    assert_eq!(nobody.receive(&standard(), STANDARD_BODY, now()), Err(WebhookError::NotAuthentic));
}

#[test]
fn a_signed_time_is_near_to_now() {
    let believed = |seconds: i64| {
        let then = Timestamp::from_second(1_614_265_330 + seconds).expect("a time");
        holds(WebhookProvider::Generic, STANDARD_SECRET, &standard(), STANDARD_BODY, then)
    };
    assert!([-300, 0, 300].into_iter().all(believed));
    assert!([-301, 301, 1_000_000, -1_614_265_330].into_iter().all(|it| !believed(it)));
    for strange in
        ["", "-1614265330", "+1614265330", " 1614265330", "1614265330.0", "99999999999999999999", "x"]
    {
        let mut given = standard();
        given.insert("webhook-timestamp", HeaderValue::from_str(strange).expect("a value"));
        assert!(!holds(WebhookProvider::Generic, STANDARD_SECRET, &given, STANDARD_BODY, now()), "{strange}");
    }
}

#[test]
fn while_keys_are_changed_one_of_some_signatures_is_enough() {
    let good = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
    let believed = |signatures: &str| {
        let mut given = standard();
        given.insert("webhook-signature", HeaderValue::from_str(signatures).expect("a value"));
        holds(WebhookProvider::Generic, STANDARD_SECRET, &given, STANDARD_BODY, now())
    };
    assert!(believed(&format!(
        "v1,AAAA v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg== {good}"
    )));
    assert!(!believed(&format!("v1,AAAA v1,AAAA v1,AAAA v1,AAAA {good}")), "not any number of guesses");
    assert!(!believed(&good.replace("v1,", "v2,")));
    assert!(!believed(good.trim_end_matches('=')));
}

#[test]
fn secrets_that_are_none_make_no_receiver() {
    let error = |provider, text: &str| Receiver::new(provider, &Secret::new(text.to_owned())).err();
    for provider in WebhookProvider::ALL {
        assert_eq!(error(provider, ""), Some(WebhookSecretError::Empty));
        assert_eq!(error(provider, " "), Some(WebhookSecretError::Empty));
        assert_eq!(error(provider, "a\nb"), Some(WebhookSecretError::Control));
        assert_eq!(error(provider, "a"), None);
    }
    for provider in [WebhookProvider::Gitlab, WebhookProvider::Generic] {
        assert_eq!(error(provider, "whsec_"), Some(WebhookSecretError::Empty));
        assert_eq!(error(provider, "whsec_not base64"), Some(WebhookSecretError::SigningKey));
    }
    assert_eq!(error(WebhookProvider::Github, "whsec_not base64"), None, "there it is a text like any other");
    let shown = format!("{:?}", receiver(WebhookProvider::Github, "hunter2"));
    assert!(!shown.contains("hunter2"), "{shown}");
}

/// A name that has no receiver, a wrong signature, a missing one: the same work. Half as much or twice as much would be
/// an HMAC that is left out or done twice.
#[test]
fn whatever_is_wrong_takes_as_long() {
    let body = vec![b'a'; 1 << 20];
    let signed = signed(WebhookProvider::Github, "push", &body);
    let wrong = headers(&[("x-hub-signature-256", "sha256=00")]);
    let (github, gitlab) =
        (receiver(WebhookProvider::Github, SECRET), receiver(WebhookProvider::Gitlab, SECRET));
    let generic = receiver(WebhookProvider::Generic, SECRET);
    let nobody = Receiver::nobody();
    let ways =
        [(&github, &signed), (&github, &wrong), (&nobody, &signed), (&gitlab, &signed), (&generic, &wrong)];
    let mut shortest = [std::time::Duration::MAX; 5];
    for _ in 0..15 {
        for (at, (receiver, headers)) in ways.iter().enumerate() {
            let begun = std::time::Instant::now();
            assert!(receiver.receive(headers, &body, now()).is_err());
            shortest[at] = shortest[at].min(begun.elapsed());
        }
    }
    let (quick, slow) = (shortest.iter().min().expect("some"), shortest.iter().max().expect("some"));
    assert!(*slow < *quick * 2, "{shortest:?}");
}
