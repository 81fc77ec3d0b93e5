//! Deliveries of any shape: never a panic, never believed without a signature, and what is read of one can be kept.
//!
//! An input reads like a request: a line with the provider, lines with headers, an empty line, the body.
//! `scripts/lib/webhook_corpus.py` makes some of what forges really sent.
#![no_main]

use base64::Engine as _;
use driftless::domain::{Delivery, DeliveryKind, Secret, Timestamp, WebhookProvider};
use driftless::forge::webhook::{Receiver, WebhookError};
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::{HeaderMap, HeaderName, HeaderValue};
use libfuzzer_sys::{Corpus, fuzz_target};
use sha2::Sha256;

const SECRET: &str = "c9c1e6e0c7a94c6c8f6e0a1d5d8fbb14";
const NOW: i64 = 1_614_265_330;

fuzz_target!(|input: &[u8]| -> Corpus {
    let Some((provider, mut headers, body)) = request(input) else { return Corpus::Reject };
    let now = Timestamp::from_second(NOW).expect("a time");
    let receiver = Receiver::new(provider, &Secret::new(SECRET.to_owned())).expect("a receiver");

    // Nobody who guesses has the secret.
    assert_eq!(receiver.receive(&headers, body, now), Err(WebhookError::NotAuthentic));
    assert_eq!(Receiver::nobody().receive(&headers, body, now), Err(WebhookError::NotAuthentic));

    sign(provider, &mut headers, body);
    let received = receiver.receive(&headers, body, now);
    match &received {
        Ok(delivery) => can_be_kept(delivery),
        Err(WebhookError::Malformed(_)) => {}
        Err(WebhookError::NotAuthentic) => panic!("a signed delivery was not believed"),
    }
    assert_eq!(receiver.receive(&headers, body, now), received, "twice the same delivery");
    assert_eq!(Receiver::nobody().receive(&headers, body, now), Err(WebhookError::NotAuthentic));
    Corpus::Keep
});

/// Provider, headers and body; nothing if it does not begin with a provider.
fn request(input: &[u8]) -> Option<(WebhookProvider, HeaderMap, &[u8])> {
    let (name, mut rest) = line(input)?;
    let provider = WebhookProvider::ALL.into_iter().find(|it| it.to_string().as_bytes() == name)?;
    let mut headers = HeaderMap::new();
    loop {
        let (header, after) = line(rest)?;
        rest = after;
        if header.is_empty() {
            return Some((provider, headers, rest));
        }
        let colon = header.iter().position(|it| *it == b':')?;
        let (name, value) = (&header[..colon], header[colon + 1..].trim_ascii());
        headers.append(HeaderName::from_bytes(name).ok()?, HeaderValue::from_bytes(value).ok()?);
    }
}

fn line(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = text.iter().position(|it| *it == b'\n')?;
    Some((&text[..end], &text[end + 1..]))
}

/// As the provider signs it.
fn sign(provider: WebhookProvider, headers: &mut HeaderMap, body: &[u8]) {
    let mac = |parts: &[&[u8]]| {
        let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).expect("a key of any length");
        parts.iter().for_each(|it| mac.update(it));
        mac.finalize().into_bytes()
    };
    let hex = |prefix: &str| mac(&[body]).iter().fold(prefix.to_owned(), |all, it| format!("{all}{it:02x}"));
    let mut set = |name: &'static str, value: String| {
        headers.insert(name, value.parse().expect("a header"));
    };
    match provider {
        WebhookProvider::Github => set("x-hub-signature-256", hex("sha256=")),
        WebhookProvider::Bitbucket => set("x-hub-signature", hex("sha256=")),
        WebhookProvider::Forgejo => set("x-forgejo-signature", hex("")),
        WebhookProvider::Gitea => set("x-gitea-signature", hex("")),
        WebhookProvider::Gitlab => set("x-gitlab-token", SECRET.to_owned()),
        WebhookProvider::Generic => {
            let id = match headers.get_all("webhook-id").iter().count() {
                1 => headers["webhook-id"].as_bytes().to_vec(),
                _ => b"msg_1".to_vec(),
            };
            let signed = mac(&[&id, b".", NOW.to_string().as_bytes(), b".", body]);
            let signature = base64::engine::general_purpose::STANDARD.encode(signed);
            headers.insert("webhook-id", HeaderValue::from_bytes(&id).expect("it was one"));
            headers.insert("webhook-timestamp", NOW.into());
            headers.insert("webhook-signature", format!("v1,{signature}").parse().expect("a header"));
        }
    }
}

/// What is kept in the database and shown to people is short and has no control characters.
fn can_be_kept(delivery: &Delivery) {
    let reference = match &delivery.kind {
        DeliveryKind::Push { reference } => Some(reference),
        _ => None,
    };
    let texts = [Some(&delivery.id), Some(&delivery.event), delivery.repository.as_ref(), reference];
    for text in texts.into_iter().flatten() {
        assert!(!text.is_empty() || text == &delivery.event, "{delivery:?}");
        assert!(text.len() <= 512 && !text.chars().any(char::is_control), "{delivery:?}");
    }
    if let DeliveryKind::MergeRequest { number } = &delivery.kind {
        assert_ne!(number.0, 0, "{delivery:?}");
    }
}
