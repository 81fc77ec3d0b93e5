//! Deliveries as forges send them, and as they never would.

mod payloads;
mod proofs;
mod shapes;

use http::{HeaderMap, HeaderName, HeaderValue};

use super::proof::hexadecimal;
use super::{Receiver, WebhookError};
use crate::domain::{Delivery, DeliveryKind, MergeRequestNumber, Secret, Timestamp, WebhookProvider};

/// The secret of all tests that need no other.
const SECRET: &str = "It's a Secret to Everybody";

/// The time of all tests.
fn now() -> Timestamp {
    Timestamp::from_second(1_614_265_330).expect("a time")
}

fn receiver(provider: WebhookProvider, secret: &str) -> Receiver {
    Receiver::new(provider, &Secret::new(secret.to_owned())).expect("a receiver")
}

fn headers(all: &[(&str, &str)]) -> HeaderMap {
    all.iter()
        .map(|(name, value)| {
            let name: HeaderName = name.parse().expect("a name");
            (name, HeaderValue::from_str(value).expect("a value"))
        })
        .collect()
}

/// HMAC-SHA256, apart from the code that is tested.
fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
    use sha2::{Digest as _, Sha256};
    let mut block = [0; 64];
    if 64 < key.len() {
        block[..32].copy_from_slice(&Sha256::digest(key));
    } else {
        block[..key.len()].copy_from_slice(key);
    }
    let pad = |with: u8, rest: &[u8]| {
        let mut text = block.map(|it| it ^ with).to_vec();
        text.extend(rest);
        Sha256::digest(text).to_vec()
    };
    pad(0x5c, &pad(0x36, message))
}

/// What a forge sends along with a body that it signs with [`SECRET`].
fn signed(provider: WebhookProvider, event: &str, body: &[u8]) -> HeaderMap {
    use base64::Engine as _;
    let hex = hexadecimal(&hmac(SECRET.as_bytes(), body));
    let hub = format!("sha256={hex}");
    match provider {
        WebhookProvider::Github => headers(&[
            ("x-github-event", event),
            ("x-github-delivery", "72d3162e-cc78-11e3-81ab-4c9367dc0958"),
            ("x-hub-signature", "sha1=7d38cdd689735b008b3c702edd92eea23791c5f6"),
            ("x-hub-signature-256", &hub),
        ]),
        WebhookProvider::Forgejo | WebhookProvider::Gitea => headers(&[
            ("x-forgejo-event", event),
            ("x-forgejo-delivery", "f6266f16-1bf3-46a5-9ea4-602e06ead473"),
            ("x-forgejo-signature", &hex),
            ("x-gitea-event", event),
            ("x-gitea-delivery", "f6266f16-1bf3-46a5-9ea4-602e06ead473"),
            ("x-gitea-signature", &hex),
            ("x-gogs-event", event),
            ("x-gogs-delivery", "f6266f16-1bf3-46a5-9ea4-602e06ead473"),
            ("x-gogs-signature", &hex),
            ("x-github-event", "something_else"),
            ("x-github-delivery", "another"),
            ("x-hub-signature-256", &hub),
        ]),
        WebhookProvider::Gitlab => headers(&[
            ("x-gitlab-event", event),
            ("x-gitlab-token", SECRET),
            ("idempotency-key", "f5e5f430-f57b-4e6e-9fac-d9128cd7232f"),
            ("x-gitlab-event-uuid", "13792a34-cac6-4fda-95a8-c58e00a3954e"),
        ]),
        WebhookProvider::Bitbucket => headers(&[
            ("x-event-key", event),
            ("x-request-uuid", "e9b0ba06-0e1f-4cd6-9d8d-5d6e2a3d1ef4"),
            ("x-attempt-number", "1"),
            ("x-hub-signature", &hub),
        ]),
        WebhookProvider::Generic => {
            let message = [b"msg_1.1614265330.", body].concat();
            let signature =
                base64::engine::general_purpose::STANDARD.encode(hmac(SECRET.as_bytes(), &message));
            headers(&[
                ("webhook-id", "msg_1"),
                ("webhook-timestamp", "1614265330"),
                ("webhook-signature", &format!("v1,{signature}")),
            ])
        }
    }
}

/// What a receiver makes of it.
fn received(provider: WebhookProvider, event: &str, body: &[u8]) -> Result<Delivery, WebhookError> {
    receiver(provider, SECRET).receive(&signed(provider, event, body), body, now())
}

fn push(reference: &str) -> DeliveryKind {
    DeliveryKind::Push { reference: reference.to_owned() }
}

fn merge_request(number: u64) -> DeliveryKind {
    DeliveryKind::MergeRequest { number: MergeRequestNumber(number) }
}
