//! What the operator says of signatures.

use super::check::Findings;
use super::operator_keys::{optional, with_default};
use super::shape::{self, Key, Shape};
use super::value::Value;
use crate::domain::{SignaturePolicy, SignatureRules};

/// The keys of `signatures`.
pub(super) static SIGNATURES: &[Key] = &[
    with_default(
        "policy",
        Shape::Choice(&["off", "tip", "range"]),
        "off",
        "What has to be signed before it is admitted: nothing; what the reference names, the newest commit or the tag; or that and each commit since the admitted one.",
    ),
    with_default(
        "first_parent",
        Shape::Switch,
        "false",
        "With `range`, look of a merge only at the side that it was made on: whoever signs the merge, the forge for example, vouches for what it merges.",
    ),
    optional(
        "allowed_signers",
        Shape::Text(&shape::ABSOLUTE),
        "The SSH keys that may sign, as `ssh-keygen` and Git read them.",
    ),
    optional(
        "revoked_keys",
        Shape::Text(&shape::ABSOLUTE),
        "SSH keys that may not sign any more: public keys, one a line, or a list made by `ssh-keygen -k`.",
    ),
    optional(
        "keyring",
        Shape::Text(&shape::ABSOLUTE),
        "The OpenPGP keys that may sign, as `gpg --export` writes them, without `--armor`.",
    ),
];

/// The rules of a source. What is not written is off.
pub(super) fn signature_rules(value: &Value) -> SignatureRules {
    let Some(said) = value.get("signatures") else { return SignatureRules::default() };
    SignatureRules {
        policy: match said.text("policy") {
            Some("tip") => SignaturePolicy::Tip,
            Some("range") => SignaturePolicy::Range,
            _ => SignaturePolicy::Off,
        },
        first_parent: said.switch("first_parent").unwrap_or(false),
        allowed_signers: said.path("allowed_signers"),
        revoked_keys: said.path("revoked_keys"),
        keyring: said.path("keyring"),
    }
}

/// Without keys nothing could ever be admitted.
pub(super) fn check_signatures(source: &Value, findings: &mut Findings) {
    let Some(said) = source.get("signatures") else { return };
    let Some(policy) = said.written("policy").filter(|it| it.as_text().is_some_and(|it| it != "off")) else {
        return;
    };
    if said.get("allowed_signers").is_none() && said.get("keyring").is_none() {
        let help = "name the keys of those who may sign: `allowed_signers:` for SSH, `keyring:` for OpenPGP";
        findings.error("nobody may sign", &policy.place, help);
    }
}
