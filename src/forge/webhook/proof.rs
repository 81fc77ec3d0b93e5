//! Who sent it. The same work is done for each delivery, whatever is wrong with it: one HMAC over the whole body, and
//! comparisons whose time does not depend on where two texts differ.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::HeaderMap;
use sha2::{Digest as _, Sha256};
use subtle::{Choice, ConstantTimeEq as _};

use super::{CLOCK_SECONDS, WebhookSecretError};
use crate::domain::{Secret, Timestamp, WebhookProvider};

type HmacSha256 = Hmac<Sha256>;

/// How a signing key is written.
const SIGNING_KEY: &str = "whsec_";

/// So many signatures of one delivery are looked at: an old and a new key, while keys are changed.
const SIGNATURES: usize = 4;

/// How a delivery proves that its sender has the secret.
#[derive(Clone)]
pub(super) struct Proof {
    form: Form,
    key: HmacSha256,
}

#[derive(Clone)]
enum Form {
    /// A header with a prefix and the HMAC of the body in lower-case hexadecimal digits. The first header that is
    /// there counts.
    Hex { headers: &'static [&'static str], prefix: &'static str },
    /// A header with the secret itself, of which the digest is known.
    Token { digest: [u8; 32] },
    /// Standard Webhooks: id, time and body are signed.
    Standard,
    /// Nobody has the secret.
    Nobody,
}

impl fmt::Debug for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Proof(…)")
    }
}

impl Proof {
    pub(super) fn new(provider: WebhookProvider, secret: &Secret) -> Result<Self, WebhookSecretError> {
        let text = secret.expose();
        if text.trim().is_empty() {
            return Err(WebhookSecretError::Empty);
        }
        if text.chars().any(char::is_control) {
            return Err(WebhookSecretError::Control);
        }
        let signing = text
            .strip_prefix(SIGNING_KEY)
            .map(|rest| STANDARD.decode(rest).map_err(|_| WebhookSecretError::SigningKey));
        let plain = text.as_bytes();
        Ok(match (provider, signing) {
            (WebhookProvider::Gitlab | WebhookProvider::Generic, Some(key)) => {
                let key = key?;
                if key.is_empty() {
                    return Err(WebhookSecretError::Empty);
                }
                Self { form: Form::Standard, key: keyed(&key) }
            }
            (WebhookProvider::Generic, None) => Self { form: Form::Standard, key: keyed(plain) },
            (WebhookProvider::Gitlab, None) => {
                Self { form: Form::Token { digest: Sha256::digest(plain).into() }, key: keyed(plain) }
            }
            (WebhookProvider::Github, _) => hex(plain, &["x-hub-signature-256"], "sha256="),
            (WebhookProvider::Bitbucket, _) => hex(plain, &["x-hub-signature"], "sha256="),
            // What they send for receivers made for GitHub is not looked at.
            (WebhookProvider::Forgejo, _) => hex(plain, &["x-forgejo-signature", "x-gitea-signature"], ""),
            (WebhookProvider::Gitea, _) => hex(plain, &["x-gitea-signature"], ""),
        })
    }

    pub(super) fn nobody() -> Self {
        Self { form: Form::Nobody, key: keyed(b"nobody has this key, and no comparison with it counts") }
    }

    /// Whether the sender has the secret.
    pub(super) fn holds(&self, headers: &HeaderMap, body: &[u8], now: Timestamp) -> bool {
        let mut mac = self.key.clone();
        let standard = Standard::of(headers);
        if let (Form::Standard | Form::Nobody, Some(it)) = (&self.form, &standard) {
            mac.update(it.id);
            mac.update(b".");
            mac.update(it.timestamp);
            mac.update(b".");
        }
        mac.update(body);
        let mac = mac.finalize().into_bytes();
        let proven = match &self.form {
            Form::Hex { headers: names, prefix } => {
                let expected = format!("{prefix}{}", hexadecimal(&mac));
                let given =
                    names.iter().find(|it| headers.contains_key(**it)).and_then(|it| one(headers, it));
                expected.as_bytes().ct_eq(given.unwrap_or_default())
            }
            Form::Token { digest } => {
                // Digests of both, so that not even the length of the secret can be told from the time.
                let given = one(headers, "x-gitlab-token").unwrap_or_default();
                digest.ct_eq(&<[u8; 32]>::from(Sha256::digest(given)))
            }
            Form::Standard => standard.as_ref().map_or(Choice::from(0), |it| it.proven(&mac, now)),
            Form::Nobody => {
                standard.as_ref().map_or(Choice::from(0), |it| it.proven(&mac, now)) & Choice::from(0)
            }
        };
        proven.into()
    }
}

fn hex(secret: &[u8], headers: &'static [&'static str], prefix: &'static str) -> Proof {
    Proof { form: Form::Hex { headers, prefix }, key: keyed(secret) }
}

fn keyed(secret: &[u8]) -> HmacSha256 {
    HmacSha256::new_from_slice(secret).expect("HMAC takes keys of any length")
}

/// In lower-case digits.
pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    let digit = |it: u8| char::from(b"0123456789abcdef"[usize::from(it & 0xf)]);
    bytes.iter().flat_map(|it| [digit(it >> 4), digit(*it)]).collect()
}

/// The value of a header that is there exactly once. Two of them could be read by two programs in two ways.
pub(super) fn one<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a [u8]> {
    let mut all = headers.get_all(name).iter();
    let first = all.next()?;
    all.next().is_none().then(|| first.as_bytes())
}

/// The headers of Standard Webhooks.
struct Standard<'a> {
    id: &'a [u8],
    timestamp: &'a [u8],
    signatures: &'a [u8],
}

impl<'a> Standard<'a> {
    fn of(headers: &'a HeaderMap) -> Option<Self> {
        Some(Self {
            id: one(headers, "webhook-id")?,
            timestamp: one(headers, "webhook-timestamp")?,
            signatures: one(headers, "webhook-signature")?,
        })
    }

    /// Whether one of the signatures is this one, and the time is now.
    fn proven(&self, mac: &[u8], now: Timestamp) -> Choice {
        let expected = format!("v1,{}", STANDARD.encode(mac));
        let signed = self
            .signatures
            .split(|it| *it == b' ')
            .take(SIGNATURES)
            .fold(Choice::from(0), |found, it| found | expected.as_bytes().ct_eq(it));
        signed & Choice::from(u8::from(self.is_now(now)))
    }

    fn is_now(&self, now: Timestamp) -> bool {
        let text = std::str::from_utf8(self.timestamp).ok();
        let digits = text.filter(|it| !it.is_empty() && it.bytes().all(|it| it.is_ascii_digit()));
        let seconds = digits.and_then(|it| it.parse::<i64>().ok());
        seconds.is_some_and(|it| it.abs_diff(now.as_second()) <= CLOCK_SECONDS.unsigned_abs())
    }
}
