//! What can go wrong on the way to a receiver, and what it means.

use std::time::Duration;

use crate::domain::outbound::ForbiddenAddress;
use crate::domain::{Failure, Retry, Span};
use crate::outbound::AuthoritiesError;

/// A failure to hand a notification over. [`Failure::from`] says what must happen next. None of them holds a secret; all
/// texts of the other side are escaped and cut.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// The address of the receiver is refused.
    #[error("the address of the receiver is refused: {0}")]
    Address(&'static str),
    /// A secret of the receiver cannot be sent.
    #[error("the secret of the receiver is not one: {0}")]
    Secret(&'static str),
    /// A mail address is none, or what was made of it is no mail.
    #[error("the mail cannot be written: {0}")]
    Mail(String),
    /// The certificate authorities cannot be read.
    #[error("{0}")]
    Authorities(#[from] AuthoritiesError),
    /// The name of the receiver leads to where nothing of ours may go.
    #[error("the receiver is at {0}")]
    ForbiddenAddress(#[from] ForbiddenAddress),
    /// Its certificate is not accepted.
    #[error("the certificate of the receiver is not accepted: {0}")]
    Certificate(String),
    /// It cannot be reached, or went away.
    #[error("the receiver cannot be reached: {0}")]
    Unreachable(String),
    /// It was too slow.
    #[error("the receiver did not answer within {} s", .0.as_secs_f64())]
    Timeout(Duration),
    /// It sends us elsewhere.
    #[error("the receiver redirects to another address")]
    Redirected,
    /// It asks to slow down.
    #[error("the receiver asks to wait {} s", .0.as_secs())]
    Busy(Duration),
    /// It fails, and may recover.
    #[error("the receiver answered {status}: {said}")]
    Down {
        /// The status of HTTP or SMTP.
        status: u16,
        /// In its words.
        said: String,
    },
    /// It refuses what it was told, or does not know us.
    #[error("the receiver answered {status}: {said}")]
    Refused {
        /// The status of HTTP or SMTP.
        status: u16,
        /// In its words.
        said: String,
    },
}

impl SendError {
    fn remedy(&self) -> Option<&'static str> {
        Some(match self {
            Self::Address(_) => "correct the address of the receiver",
            Self::Secret(_) => "write the secret alone into its file",
            Self::Mail(_) => "correct `from` and `to` of the receiver",
            Self::Authorities(AuthoritiesError { path: Some(_), .. }) => {
                "write certificates in PEM form into the `ca_bundle`"
            }
            Self::Authorities(AuthoritiesError { path: None, .. }) => {
                "install the certificates of the system (ca-certificates), or name a `ca_bundle`"
            }
            Self::ForbiddenAddress(_) => {
                "ask the owner of the name server; a receiver on this machine is named by `localhost`"
            }
            Self::Certificate(_) => "name the certificate authority of the receiver as its `ca_bundle`",
            Self::Redirected => "write the address at which it ends",
            Self::Refused { status: 401 | 403 | 535, .. } => "put a valid secret into its file",
            Self::Refused { status: 404 | 410, .. } => {
                "it may have been removed: make a new webhook or invite the account, and name it"
            }
            Self::Refused { .. } => "look at the configuration of the receiver",
            Self::Unreachable(_) | Self::Timeout(_) | Self::Busy(_) | Self::Down { .. } => return None,
        })
    }

    fn retry(&self) -> Retry {
        match self {
            Self::Busy(after) => Retry::After(Span::try_from(*after).unwrap_or(Span::from_hours(1))),
            Self::Unreachable(_) | Self::Timeout(_) | Self::Down { .. } => Retry::Soon,
            _ => Retry::UntilChanged,
        }
    }
}

impl From<SendError> for Failure {
    fn from(error: SendError) -> Self {
        Self {
            retry: error.retry(),
            message: error.to_string(),
            details: Vec::new(),
            remedy: error.remedy().map(str::to_owned),
            security: matches!(error, SendError::ForbiddenAddress(_)),
        }
    }
}
