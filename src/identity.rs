//! A provider of accounts that speaks OIDC: where a browser is sent, and who the provider says that it is.
//!
//! The authorization code flow with PKCE, `state` and `nonce`. The operator names the issuer; where the provider says
//! that its doors are must be on the same scheme, host and port, or on a host that the operator names as well, so that
//! the secret travels there only. The page where the browser goes may be elsewhere: it sees no secret. No redirect is
//! followed.
//!
//! An ID token is believed if it is signed with RS256 or ES256 by a key that the provider publishes, and is for us, from
//! the issuer, of this try, and not over. Signatures are verified by *ring*, which rustls brings anyway: a library for
//! all that a JWT may be would bring algorithms that must never be accepted here.

mod error;
mod token;
mod wire;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use url::Url;

use crate::domain::{Secret, Timestamp};

pub use error::IdentityError;
use token::{Expected, Key};
use wire::Wire;

/// The provider, and who we are to it.
#[derive(Debug, Clone)]
pub struct ProviderSettings {
    /// It, as it names itself.
    pub issuer: String,
    /// What we are called there.
    pub client_id: String,
    /// What we prove that with.
    pub client_secret: Secret,
    /// Where it sends browsers back to.
    pub come_back: String,
    /// What is asked for beside `openid`.
    pub scopes: Vec<String>,
    /// Further hosts that its doors may be on.
    pub hosts: Vec<String>,
    /// Certificate authorities, instead of the machine's.
    pub ca_bundle: Option<PathBuf>,
}

/// What the provider says of somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The name that the provider never gives to another.
    pub subject: String,
    /// All that the ID token says.
    pub claims: Claims,
}

/// The claims of an ID token.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Claims(pub Value);

impl Claims {
    /// The texts of a claim: one, or those of a list. Anything else is no text.
    pub fn texts(&self, name: &str) -> Vec<&str> {
        match self.0.get(name) {
            Some(Value::String(text)) if !text.is_empty() => vec![text],
            Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        }
    }
}

/// What a provider says of itself.
#[derive(Debug, Clone, Deserialize)]
struct Discovered {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    #[serde(default)]
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
}

/// What the token endpoint answers, as far as it is used.
#[derive(Deserialize)]
struct Tokens {
    id_token: String,
}

/// A provider, with what it said of itself.
#[derive(Debug)]
pub struct Provider {
    settings: ProviderSettings,
    wire: Wire,
    secret: Mutex<Secret>,
    discovered: Mutex<Option<Arc<Discovered>>>,
    keys: Mutex<Arc<Vec<Key>>>,
}

impl Provider {
    /// Nothing is sent yet.
    pub fn new(settings: ProviderSettings) -> Result<Self, IdentityError> {
        let wire = Wire::new(&settings.issuer, settings.hosts.clone(), settings.ca_bundle.as_deref())?;
        let secret = Mutex::new(settings.client_secret.clone());
        Ok(Self { settings, wire, secret, discovered: Mutex::default(), keys: Mutex::default() })
    }

    /// Proves who we are with another secret from now on.
    pub fn set_secret(&self, secret: Secret) {
        *self.secret.lock().unwrap_or_else(PoisonError::into_inner) = secret;
    }

    /// Where a browser is sent.
    pub async fn sign_in_url(
        &self,
        state: &str,
        nonce: &str,
        verifier: &str,
    ) -> Result<String, IdentityError> {
        let discovered = self.discovered().await?;
        let mut url = self.wire.door(&discovered.authorization_endpoint)?;
        let scopes: Vec<&str> =
            std::iter::once("openid").chain(self.settings.scopes.iter().map(String::as_str)).collect();
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.settings.client_id)
            .append_pair("redirect_uri", &self.settings.come_back)
            .append_pair("scope", &scopes.join(" "))
            .append_pair("state", state)
            .append_pair("nonce", nonce)
            .append_pair("code_challenge", &challenge(verifier))
            .append_pair("code_challenge_method", "S256");
        Ok(url.into())
    }

    /// Who the browser is that came back with this code.
    pub async fn account(
        &self,
        now: Timestamp,
        code: &str,
        nonce: &str,
        verifier: &str,
    ) -> Result<Account, IdentityError> {
        let discovered = self.discovered().await?;
        let tokens = self.exchange(&discovered, code, verifier).await?;
        let expected =
            Expected { issuer: &discovered.issuer, client_id: &self.settings.client_id, nonce, now };
        let known = Arc::clone(&self.keys.lock().unwrap_or_else(PoisonError::into_inner));
        match token::read(&tokens.id_token, &known, &expected) {
            // A key that is not known yet may be new.
            Err(IdentityError::UnknownKey) => {
                let keys = Arc::new(self.wire.keys(&discovered.jwks_uri).await?);
                *self.keys.lock().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&keys);
                token::read(&tokens.id_token, &keys, &expected)
            }
            other => other,
        }
    }

    async fn exchange(&self, at: &Discovered, code: &str, verifier: &str) -> Result<Tokens, IdentityError> {
        let secret = self.secret.lock().unwrap_or_else(PoisonError::into_inner).clone();
        // What OpenID Connect takes for granted where a provider says nothing; all but very few can do it.
        let basic = at
            .token_endpoint_auth_methods_supported
            .as_ref()
            .is_none_or(|it| it.iter().any(|it| it == "client_secret_basic"));
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &self.settings.come_back),
            ("code_verifier", verifier),
        ];
        if !basic {
            form.extend([
                ("client_id", self.settings.client_id.as_str()),
                ("client_secret", secret.expose()),
            ]);
        }
        let proof = basic.then_some((self.settings.client_id.as_str(), &secret));
        self.wire.post(&at.token_endpoint, &form, proof).await
    }

    async fn discovered(&self) -> Result<Arc<Discovered>, IdentityError> {
        let known = self.discovered.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(known) = known {
            return Ok(known);
        }
        let found: Discovered = self.wire.discover(&self.settings.issuer).await?;
        if found.issuer != self.settings.issuer {
            return Err(IdentityError::OtherIssuer(shorten(&found.issuer)));
        }
        let found = Arc::new(found);
        *self.discovered.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&found));
        Ok(found)
    }
}

/// The hash of a verifier, as PKCE sends it.
fn challenge(verifier: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()))
}

/// A text of the other side, for a message: one line, not long.
fn shorten(text: &str) -> String {
    text.chars().take(200).map(|it| if it.is_control() { '\u{fffd}' } else { it }).collect()
}

/// Whether two addresses have scheme, host and port in common.
fn same_origin(one: &Url, other: &Url) -> bool {
    one.origin() == other.origin() && one.origin().is_tuple()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_is_that_of_the_standard() {
        // RFC 7636, appendix B.
        let challenge = challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
        assert_eq!(challenge, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }

    #[test]
    fn only_texts_are_texts() {
        let claims = Claims(serde_json::json!({
            "one": "a", "many": ["a", 7, "b"], "number": 7, "none": null, "map": {"a": 1}, "empty": "",
        }));
        assert_eq!(claims.texts("one"), ["a"]);
        assert_eq!(claims.texts("many"), ["a", "b"]);
        for name in ["number", "none", "map", "empty", "absent"] {
            assert_eq!(claims.texts(name), [""; 0], "{name}");
        }
    }
}
