//! The gate: who asks, and whether they may. Every request passes [`guard`] of its route, and what a route demands is
//! in the table of routes and nowhere else.
//!
//! On the unix socket the kernel says who asks. Over TCP a program sends a token as `Authorization: Bearer …`, a browser
//! the cookie of a session; what a browser does beside looking must also come from one of our own pages.
//!
//! What must never be: a guess that is looked at after too many failed; somebody who is kept out because others guess; an
//! answer that tells what exists from what the caller may not see; a secret in a log.

mod guard;
mod keeper;
mod keys;
mod limiter;
mod origin;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use crate::domain::{Caller, Proof, Secret, Session, Span, Timestamp, Token, TokenId};

pub(super) use guard::{Aim, cookie_of, guard, identify, too_many};
pub use guard::{Csrf, Peer};
pub use keeper::{Attempt, Keeper};
pub use keys::{Kept, Keys, Proved, Unproved};
pub use limiter::{Limiter, Network, ProofMark};
pub(super) use origin::{has_csrf, is_own, local_path};

/// What the operator says of the gate.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GateSettings {
    /// Where browsers reach us, as scheme, host and port: `https://fleet.example.org`. `None`: nobody said.
    pub public_url: Option<String>,
    /// Where we listen, as a URL, for links that are opened on this machine.
    pub local_url: Option<String>,
    /// Whether browsers reach us by https alone.
    pub secure: bool,
    /// What the provider of accounts is called on the page to sign in; `None` if there is none.
    pub provider: Option<String>,
}

impl GateSettings {
    /// The name of the cookie of a session. With the prefix no other host, and no page without TLS, can set it.
    pub(super) fn session_cookie(&self) -> &'static str {
        if self.secure { "__Host-driftless" } else { "driftless" }
    }

    /// The name of the cookie that keeps a try to sign in with an account elsewhere.
    pub(super) fn attempt_cookie(&self) -> &'static str {
        if self.secure { "__Host-driftless-attempt" } else { "driftless-attempt" }
    }
}

/// What is offered as a proof.
#[derive(Debug, Clone, Copy)]
pub(super) enum Offer<'a> {
    /// A token that a program sends with its request.
    Token(&'a str),
    /// A token that somebody signs in with.
    SignIn(&'a str),
    /// The cookie of a session.
    Session(&'a str),
    /// The code of a link.
    Link(&'a str),
}

/// Why somebody is not let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refused {
    /// Too many proofs failed; so long none is looked at.
    Wait(Span),
    /// The proof does not hold.
    Unproved(Unproved),
}

/// Tokens, sessions and failures, all in memory.
#[derive(Debug)]
pub struct Gate {
    inside: Mutex<Inside>,
    settings: RwLock<Arc<GateSettings>>,
}

#[derive(Debug)]
struct Inside {
    keys: Keys,
    limiter: Limiter,
    /// Of tries to sign in by the provider of accounts: who guesses at tokens does not keep them out.
    at_provider: Limiter,
}

impl Gate {
    /// The gate with what was written down.
    pub fn new(settings: GateSettings, keys: Keys, now: Timestamp) -> Self {
        let (limiter, at_provider) = (Limiter::new(now), Limiter::new(now));
        let inside = Mutex::new(Inside { keys, limiter, at_provider });
        Self { inside, settings: RwLock::new(Arc::new(settings)) }
    }

    /// What the operator says now.
    pub fn configure(&self, settings: GateSettings) {
        *self.settings.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(settings);
    }

    pub(super) fn settings(&self) -> Arc<GateSettings> {
        Arc::clone(&self.settings.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at a proof, if not too many failed.
    pub(super) fn prove(&self, now: Timestamp, from: Network, offer: Offer<'_>) -> Result<Proved, Refused> {
        let Inside { keys, limiter, .. } = &mut *self.inside();
        let (known, proof) = match offer {
            // Browsers send what they have for as long as they have it. That is no guess, and costs one hash.
            Offer::Session(secret) => return keys.by_session(secret, now).map_err(Refused::Unproved),
            Offer::Link(code) => (keys.knows_link(code), Proof::Session),
            Offer::Token(text) => (keys.knows_token(text), Proof::Token),
            Offer::SignIn(text) => (keys.knows_token(text), Proof::Session),
        };
        limiter.ask(now, from, known).map_err(Refused::Wait)?;
        let proved = match offer {
            Offer::Link(code) => keys.use_link(code, now),
            Offer::Token(text) | Offer::SignIn(text) | Offer::Session(text) => {
                keys.by_token(text, proof, now)
            }
        };
        match (&proved, known) {
            (Ok(_), Some(mark)) => limiter.held(from, mark),
            // Who was somebody until now does not guess.
            (Ok(_), None) | (Err(Unproved::Expired(_) | Unproved::Revoked(_)), _) => {}
            (Err(_), _) => limiter.failed(now, from, known),
        }
        proved.map_err(Refused::Unproved)
    }

    /// Whether somebody may try to sign in by the provider from there.
    pub(super) fn may_try(&self, now: Timestamp, from: Network) -> Result<(), Span> {
        self.inside().at_provider.ask(now, from, None)
    }

    /// It was tried, and failed.
    pub(super) fn failed(&self, now: Timestamp, from: Network) {
        self.inside().at_provider.failed(now, from, None);
    }

    /// Begins a session of somebody who proved who they are.
    pub(super) fn open_session(
        &self,
        who: &Caller,
        token: Option<TokenId>,
        now: Timestamp,
        chance: &[u8; 32],
    ) -> (Session, Secret) {
        let (session, secret) = Session::open(who, token, now, chance);
        self.inside().keys.open(session.clone(), now);
        (session, secret)
    }

    /// Does something with the tokens, sessions and links.
    pub(super) fn with_keys<T>(&self, with: impl FnOnce(&mut Keys) -> T) -> T {
        with(&mut self.inside().keys)
    }

    /// Takes a token up: it works from now on.
    pub fn add(&self, token: Token) {
        self.with_keys(|it| it.add(token));
    }
}
