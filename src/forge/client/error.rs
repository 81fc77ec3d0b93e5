//! What can go wrong with a forge, and what it means for people and for the core.

use std::time::Duration;

use crate::domain::outbound::ForbiddenAddress;
use crate::domain::{Failure, ForgeKind, Retry, Span};
use crate::outbound::AuthoritiesError;

/// A failure to speak to a forge. [`Failure::from`] says what must happen next. None of them holds a token; all texts
/// of the other side are escaped and cut.
#[derive(Debug, thiserror::Error)]
pub enum ForgeError {
    /// The address of the API is refused.
    #[error("the address of the forge is refused: {0}")]
    Address(&'static str),
    /// The project is not a name of one.
    #[error("`{0}` is not a project of a forge")]
    Project(String),
    /// The token cannot be sent.
    #[error("the token of the forge is empty, or holds characters that no token has")]
    Token,
    /// The certificate authorities cannot be read.
    #[error("{0}")]
    Authorities(#[from] AuthoritiesError),
    /// The name of the forge leads to where nothing of ours may go.
    #[error("the forge is at {0}")]
    ForbiddenAddress(#[from] ForbiddenAddress),
    /// The certificate of the forge is not accepted.
    #[error("the certificate of the forge is not accepted: {0}")]
    Certificate(String),
    /// The forge cannot be reached, or went away.
    #[error("the forge cannot be reached: {0}")]
    Unreachable(String),
    /// The forge was too slow.
    #[error("the forge did not answer within {} s", .0.as_secs_f64())]
    Timeout(Duration),
    /// The forge sends the client elsewhere.
    #[error("the forge redirects to another address: {0}")]
    Redirected(String),
    /// The forge asks to slow down.
    #[error("the forge asks to wait {} s before the next request", .0.as_secs())]
    RateLimited(Duration),
    /// The token is not accepted.
    #[error("{} does not accept the token", .0.title())]
    Unauthorized(ForgeKind),
    /// The token may not do this.
    #[error("{} does not let the token do this: {said}", kind.title())]
    Forbidden {
        /// Who says so.
        kind: ForgeKind,
        /// In the words of the forge.
        said: String,
    },
    /// There is no such thing, or it is hidden from this token.
    #[error("{} has no {what}, or hides it from this token", kind.title())]
    NotFound {
        /// Who says so.
        kind: ForgeKind,
        /// What was asked for.
        what: String,
        /// In the words of the forge.
        said: String,
    },
    /// The forge refuses what it was told.
    #[error("the forge answered {status}: {said}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// In the words of the forge.
        said: String,
    },
    /// The forge fails.
    #[error("the forge answered {status}: {said}")]
    Down {
        /// The HTTP status.
        status: u16,
        /// In the words of the forge.
        said: String,
    },
    /// An answer is too large.
    #[error("an answer of the forge is larger than {0} bytes")]
    TooLarge(usize),
    /// There are more pages than anybody reads.
    #[error("the forge has more than {0} pages of {1}")]
    TooMany(u32, &'static str),
    /// What is to be written is too long.
    #[error("a comment of {length} bytes is longer than the {limit} that the forge accepts")]
    TooLong {
        /// Of what was to be written.
        length: usize,
        /// Of the forge.
        limit: usize,
    },
    /// An answer is not what the documentation of the forge promises.
    #[error("the answer to {asked} is not understood: {what}")]
    NotUnderstood {
        /// What was asked for.
        asked: String,
        /// Which field, and what is wrong with it.
        what: String,
    },
}

/// What the token of a forge must be allowed to do, in the words of that forge.
pub(super) fn scopes(kind: ForgeKind) -> &'static str {
    match kind {
        ForgeKind::Github => {
            "a fine-grained token for this repository with `Pull requests: read and write`, `Commit statuses: read \
             and write` and `Metadata: read`"
        }
        ForgeKind::Gitlab => "a project access token with the role Developer and the scope `api`",
        ForgeKind::Forgejo | ForgeKind::Gitea => {
            "an access token with `read:user`, `write:repository` and `write:issue`, of an account that may write to \
             the repository"
        }
    }
}

impl ForgeError {
    fn remedy(&self) -> Option<String> {
        let text = match self {
            Self::Address(_) => "correct `forge.api` of the source".to_owned(),
            Self::Project(_) => "correct `forge.project` of the source: `owner/name`".to_owned(),
            Self::Token => "write the token alone into its file".to_owned(),
            Self::Authorities(AuthoritiesError { path: Some(path), .. }) => {
                format!("write certificates in PEM form into {}", path.display())
            }
            Self::Authorities(AuthoritiesError { path: None, .. }) => {
                "install the certificates of the system (ca-certificates), or name a `forge.ca_bundle`".to_owned()
            }
            Self::ForbiddenAddress(_) => {
                "ask the owner of the name server: somebody may want the token; a forge on this machine is named by \
                 `localhost` in `forge.api`"
                    .to_owned()
            }
            Self::Certificate(_) => {
                "name the certificate authority of the forge as `forge.ca_bundle`".to_owned()
            }
            Self::Unreachable(_) | Self::Timeout(_) | Self::Down { .. } => {
                "it is tried again by itself; check the network and the forge if it stays".to_owned()
            }
            Self::Redirected(_) => {
                "write the new address or name as `forge.api` or `forge.project`; the token is not carried elsewhere"
                    .to_owned()
            }
            Self::Unauthorized(kind) => {
                format!("it may have expired: put a new one into its file, {}", scopes(*kind))
            }
            Self::Forbidden { kind, .. } => format!("give the source {}", scopes(*kind)),
            Self::NotFound { kind, .. } => {
                format!("check `forge.project`, and give the source {}", scopes(*kind))
            }
            Self::NotUnderstood { .. } => {
                "check that `forge.kind` and `forge.api` are right, and which version of the forge it is".to_owned()
            }
            Self::TooLarge(_) | Self::TooMany(..) => "close what nobody needs any more".to_owned(),
            Self::RateLimited(_) | Self::Refused { .. } | Self::TooLong { .. } => return None,
        };
        Some(text)
    }

    fn retry(&self) -> Retry {
        match self {
            Self::RateLimited(after) => Retry::After(Span::try_from(*after).unwrap_or(Span::from_secs(3600))),
            Self::Unreachable(_) | Self::Timeout(_) | Self::Down { .. } => Retry::Soon,
            _ => Retry::UntilChanged,
        }
    }

    /// Whether the thing is not there.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::NotFound { .. })
    }
}

impl From<ForgeError> for Failure {
    fn from(error: ForgeError) -> Self {
        Self {
            retry: error.retry(),
            message: error.to_string(),
            details: Vec::new(),
            remedy: error.remedy(),
            security: matches!(error, ForgeError::ForbiddenAddress(_)),
        }
    }
}
