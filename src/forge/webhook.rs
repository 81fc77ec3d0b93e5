//! Webhooks: proves who sent a delivery, over the exact bytes of the body and before anything of it is read, then
//! takes out of it what it hints at.
//!
//! Pure: the time is an argument, and nothing is kept. All that differs between the providers is in
//! [`proof`] (headers and signatures) and in [`payload`] (where a payload says what).

mod payload;
mod pick;
mod proof;

#[cfg(test)]
mod tests;

use http::HeaderMap;

use crate::domain::{Delivery, Secret, Timestamp, WebhookProvider};

use proof::Proof;

/// How far the clock of the sender may be from ours, in seconds, where the time is signed.
pub const CLOCK_SECONDS: i64 = 300;

/// A secret that no receiver can be made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WebhookSecretError {
    /// There is nothing in it, so that everybody would know it.
    #[error("is empty: write a long random text into it, for example of `openssl rand -hex 32`")]
    Empty,
    /// It could not be what the forge was told.
    #[error("has control characters: it must hold the secret alone, in one line")]
    Control,
    /// It begins like a signing key and is none.
    #[error("begins with `whsec_` like a signing key, and what follows is not base64: copy the whole key")]
    SigningKey,
}

/// A delivery that is not let in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WebhookError {
    /// It is not signed by somebody who has the secret. Which part of it is wrong is said to nobody.
    #[error("the delivery is not authentic")]
    NotAuthentic,
    /// Somebody with the secret sent what is no delivery of this provider.
    #[error("{0}")]
    Malformed(&'static str),
}

/// Receives the deliveries of one source.
#[derive(Debug, Clone)]
pub struct Receiver {
    provider: WebhookProvider,
    proof: Proof,
}

impl Receiver {
    /// For deliveries of this provider, signed with this secret. A `gitlab` secret that begins with `whsec_` is a
    /// signing key, any other one is the token that GitLab sends along; a `generic` one that begins with `whsec_` is
    /// base64, any other one is the key as it is.
    pub fn new(provider: WebhookProvider, secret: &Secret) -> Result<Self, WebhookSecretError> {
        Ok(Self { provider, proof: Proof::new(provider, secret)? })
    }

    /// The receiver of a source that has none: it refuses everything, with the same work as others.
    pub fn nobody() -> Self {
        Self { provider: WebhookProvider::Generic, proof: Proof::nobody() }
    }

    /// Whose deliveries these are.
    pub fn provider(&self) -> WebhookProvider {
        self.provider
    }

    /// Proves who sent a delivery, and reads it. `body` is what came, byte by byte.
    pub fn receive(
        &self,
        headers: &HeaderMap,
        body: &[u8],
        now: Timestamp,
    ) -> Result<Delivery, WebhookError> {
        if !self.proof.holds(headers, body, now) {
            return Err(WebhookError::NotAuthentic);
        }
        payload::read(self.provider, headers, body)
    }
}
