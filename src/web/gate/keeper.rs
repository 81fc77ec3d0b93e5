//! What the gate needs of the daemon.

use std::future::Future;

use super::{Gate, Kept};
use crate::api::ErrorBody;
use crate::domain::{Caller, RunId, StackId, Timestamp};

/// Keeps what the gate knows, and tells it what it does not know by itself.
pub trait Keeper {
    /// The gate.
    fn gate(&self) -> &Gate;
    /// The time.
    fn now(&self) -> Timestamp;
    /// 37 bytes that nobody can guess.
    fn chance(&self) -> Result<[u8; 37], ErrorBody>;
    /// Writes down what outlives the daemon, and what goes into the audit chain. Durable when this returns.
    fn keep(&self, kept: Kept) -> impl Future<Output = Result<(), ErrorBody>> + Send;
    /// The stack that a run is of; `None` if there is no such run.
    fn stack_of(&self, run: RunId) -> impl Future<Output = Result<Option<StackId>, ErrorBody>> + Send;
    /// Where a browser is sent to for signing in with an account elsewhere. Refused if the operator named no provider.
    fn provider_url(&self, attempt: Attempt) -> impl Future<Output = Result<String, ErrorBody>> + Send;
    /// Who the provider says that somebody is, and what they may.
    fn provider_answer(
        &self,
        attempt: Attempt,
        code: String,
    ) -> impl Future<Output = Result<Caller, ErrorBody>> + Send;
}

/// One try to sign in with an account elsewhere. All of it stays with the browser; only `state` and `nonce`, and a hash
/// of `verifier`, are told to the provider.
#[derive(Clone, PartialEq, Eq)]
pub struct Attempt {
    /// Comes back from the provider: whoever comes back is who went.
    pub state: String,
    /// Comes back in what the provider signs.
    pub nonce: String,
    /// Proves to the provider that we are who asked (PKCE).
    pub verifier: String,
}

impl std::fmt::Debug for Attempt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Attempt(…)")
    }
}
