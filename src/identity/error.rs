//! What can go wrong with a provider of accounts.

use crate::domain::outbound::ForbiddenAddress;
use crate::outbound::AuthoritiesError;

/// A failure to learn who somebody is. None of them holds a secret; texts of the other side are escaped and cut.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// An address is refused: of the issuer, or one that the issuer tells.
    #[error("the address `{address}` of the provider is refused: {why}")]
    Address {
        /// The address.
        address: String,
        /// Why.
        why: &'static str,
    },
    /// The name leads to where nothing of ours may go.
    #[error("the provider is at {0}")]
    Forbidden(#[from] ForbiddenAddress),
    /// The certificate authorities cannot be read.
    #[error("{0}")]
    Authorities(#[from] AuthoritiesError),
    /// The certificate of the provider is not accepted.
    #[error("the certificate of the provider is not accepted: {0}")]
    Certificate(String),
    /// The provider cannot be reached, or went away.
    #[error("the provider cannot be reached: {0}")]
    Unreachable(String),
    /// The provider says no.
    #[error("the provider answered {status}: {said}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// In its words.
        said: String,
    },
    /// The answer is not what OIDC says.
    #[error("the answer of the provider is not understood: {0}")]
    Strange(String),
    /// The answer is too large.
    #[error("the answer of the provider is larger than {0} bytes")]
    Large(usize),
    /// Another provider answers there.
    #[error("the provider calls itself `{0}`, not as `issuer` says")]
    OtherIssuer(String),
    /// The ID token is signed by a key that the provider does not publish.
    #[error("the ID token is signed by a key that the provider does not publish")]
    UnknownKey,
    /// The ID token is not believed.
    #[error("the ID token is not believed: {0}")]
    Token(&'static str),
}
