//! Carries notifications to their receivers: Slack and what understands its webhooks, Matrix, Microsoft Teams, signed
//! webhooks, mail.
//!
//! What must never be: a secret of a receiver in an error or in a log; a connection to an address that the operator did
//! not mean; a text from outside that mentions people, links somewhere or breaks a header. Nothing is decided here: who
//! is told what and when it is tried again comes from the core.

mod error;
mod mail;
mod target;
mod text;
mod wire;

use std::path::PathBuf;
use std::time::Duration;

use crate::domain::{Notification, Secret, Template, Timestamp};

pub use error::SendError;
pub use mail::Encryption;
use text::Message;

/// Where a receiver is, and as whom it is spoken to.
#[derive(Debug, Clone)]
pub enum Endpoint {
    /// An incoming webhook of Slack, Mattermost, Rocket.Chat and others.
    Slack {
        /// The address of the webhook, which is the secret.
        url: Secret,
    },
    /// A room of Matrix.
    Matrix {
        /// The server of the account.
        homeserver: String,
        /// The room, by its id.
        room: String,
        /// The access token of the account.
        token: Secret,
    },
    /// A workflow of Microsoft Teams that posts what a webhook receives.
    Teams {
        /// The address of the webhook, which is the secret.
        url: Secret,
    },
    /// Whoever verifies signatures as Standard Webhooks says.
    Webhook {
        /// Where it is sent.
        url: String,
        /// The key of the signature.
        secret: Secret,
    },
    /// A mail server.
    Smtp {
        /// The name of the server.
        host: String,
        /// Its port.
        port: u16,
        /// How the connection is encrypted.
        encryption: Encryption,
        /// User and password, if it wants them.
        login: Option<(String, Secret)>,
        /// Who it comes from.
        from: String,
        /// Who gets it.
        to: Vec<String>,
    },
}

/// One receiver.
#[derive(Debug, Clone)]
pub struct Receiver {
    /// Where it is.
    pub endpoint: Endpoint,
    /// How notices read.
    pub template: Template,
    /// Certificates that the server may be signed by; `None` for those of the system.
    pub ca_bundle: Option<PathBuf>,
    /// How long a try may take.
    pub limits: SendLimits,
}

/// How long a try may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SendLimits {
    /// Until the connection is there.
    pub connect: Duration,
    /// All in all.
    pub total: Duration,
}

impl Default for SendLimits {
    fn default() -> Self {
        Self { connect: Duration::from_secs(10), total: Duration::from_secs(30) }
    }
}

/// Tries once to hand a notification over. `base` is where people reach the pages, if that is known.
pub async fn send(
    receiver: &Receiver,
    notification: &Notification,
    base: Option<&str>,
    now: Timestamp,
) -> Result<(), SendError> {
    let attempt = async {
        let message = |form| Message::compose(notification, &receiver.template, base, form);
        match &receiver.endpoint {
            Endpoint::Smtp { .. } => mail::send(receiver, &message(text::Form::Mail), now).await,
            Endpoint::Webhook { .. } => wire::send(receiver, &message(text::Form::Data), now).await,
            _ => wire::send(receiver, &message(text::Form::Chat), now).await,
        }
    };
    let limit = receiver.limits.total;
    tokio::time::timeout(limit, attempt).await.unwrap_or(Err(SendError::Timeout(limit)))
}

#[cfg(test)]
mod tests;
