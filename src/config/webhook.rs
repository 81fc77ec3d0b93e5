//! What the operator says of webhooks: who may tell that a source moved, and with which secret.

use std::path::Path;

use super::access::{Lender, SecretSource};
use super::check::Findings;
use super::checks::Checks;
use super::shape::{Key, Presence, Shape};
use super::units::{KIB, MIB};
use super::value::{Pointer, Value};
use crate::domain::WebhookProvider;

/// The receiver of one source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// Who sends there.
    pub provider: WebhookProvider,
    /// The secret that both sides have. It was there and not empty when the file was read.
    pub secret: SecretSource,
}

impl Webhook {
    /// Of one source; `None` if it has none.
    pub(super) fn of(source: &Value, lender: &Lender<'_>) -> Option<Self> {
        let value = source.get("webhook")?;
        let provider = WebhookProvider::of(value.text("provider")?)?;
        Some(Self { provider, secret: lender.secret(value, "secret")? })
    }
}

/// The keys of `sources.<source>.webhook`.
pub(super) static WEBHOOK: &[Key] = &[
    Key {
        name: "provider",
        shape: Shape::Choice(WebhookProvider::WORDS),
        presence: Presence::Required,
        about: "Who sends the deliveries. `generic` is whoever signs as Standard Webhooks says.",
    },
    Key {
        name: "secret",
        shape: Shape::Secret,
        presence: Presence::Required,
        about: "The secret that the forge was told as well. Without one, or with an empty one, driftless does not start. Of GitLab either the secret token or, beginning with `whsec_`, the signing token. A changed file counts after a reload, a changed credential after a restart.",
    },
];

/// The keys of `webhooks`.
pub(super) static WEBHOOKS: &[Key] = &[Key {
    name: "body_limit",
    shape: Shape::Size(KIB, 25 * MIB),
    presence: Presence::Default("1MiB"),
    about: "The largest delivery that is read. A push with very many commits can be larger: it is then seen by the next poll.",
}];

/// A secret that everybody would know is refused before anything is listened to.
pub(super) fn check(
    findings: &mut Findings,
    source: &Value,
    checks: &Checks,
    credentials_dir: Option<&Path>,
) {
    let Some(webhook) = source.get("webhook") else { return };
    let provider = webhook.text("provider").and_then(WebhookProvider::of);
    let Some((secret, pointer)) = webhook.get("secret").and_then(|it| Some((it, it.as_pointer()?))) else {
        return;
    };
    if let (Pointer::Credential(name), None) = (pointer, credentials_dir) {
        // Only the service has its credentials. Started without them, it does not come up.
        let message = format!("the credential `{name}` can be looked at only by the service itself");
        let help = "nothing is to be done if `LoadCredential=` of the unit has it";
        findings.warning(message, &secret.place, help);
        return;
    }
    match SecretSource::new(pointer.clone(), credentials_dir).read() {
        Err(failure) => {
            let help = failure.remedy.unwrap_or_default();
            findings.error(failure.message, &secret.place, help);
        }
        Ok(text) => {
            if let Some(Err(help)) = provider.map(|it| (checks.webhook_secret)(it, &text)) {
                findings.error("the secret of this receiver is refused", &secret.place, help);
            }
        }
    }
}
