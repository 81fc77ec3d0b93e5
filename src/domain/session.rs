//! Sessions: somebody signed in with a browser, for a day of work at most.

use super::token::letters;
use super::{Caller, Proof, Role, Scope, Secret, SecretHash, Span, Timestamp, TokenId};

/// How long a session holds at most.
pub const LIFE: Span = Span::from_hours(12);
/// How long it holds without being used.
pub const IDLE: Span = Span::from_hours(1);

/// One session, without the secret that the browser keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// The hash of the secret.
    pub hash: SecretHash,
    /// The name that is recorded with what is done.
    pub name: String,
    /// What may be done.
    pub role: Role,
    /// With what.
    pub scope: Scope,
    /// The token that was signed in with: the session ends with it.
    pub token: Option<TokenId>,
    /// When it began.
    pub opened_at: Timestamp,
    /// When it was last used.
    pub seen_at: Timestamp,
    /// Whether it was signed out of.
    pub closed: bool,
}

impl Session {
    /// A new session of somebody, from 32 bytes of chance, and the secret for the browser.
    pub fn open(who: &Caller, token: Option<TokenId>, now: Timestamp, chance: &[u8; 32]) -> (Self, Secret) {
        let secret = letters(chance);
        let session = Self {
            hash: Self::hash_of(&secret),
            name: who.name.clone(),
            role: who.role,
            scope: who.scope.clone(),
            token,
            opened_at: now,
            seen_at: now,
            closed: false,
        };
        (session, Secret::new(secret))
    }

    /// By what the session of a secret is found.
    pub fn hash_of(secret: &str) -> SecretHash {
        SecretHash::of("driftless/session", secret)
    }

    /// What a page of the session sends along to prove that it is one of ours. Other sites do not know the secret that
    /// it is made of, and it does not tell the secret.
    pub fn csrf_of(secret: &str) -> String {
        SecretHash::of("driftless/csrf", secret).to_hex()
    }

    /// Whether it holds at `now`.
    pub fn holds(&self, now: Timestamp) -> bool {
        // A clock that was set back does not make a session last longer than its life.
        !self.closed && now.duration_since(self.opened_at) < LIFE && now.duration_since(self.seen_at) < IDLE
    }

    /// Who it is of.
    pub fn caller(&self) -> Caller {
        let (name, scope) = (self.name.clone(), self.scope.clone());
        Caller { name, role: self.role, scope, proof: Proof::Session }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_ends_after_an_idle_hour_and_after_twelve_hours() {
        let start: Timestamp = "2026-11-01T08:00:00Z".parse().unwrap();
        let who = Caller {
            name: "ann".to_owned(),
            role: Role::Viewer,
            scope: Scope::All,
            proof: Proof::Socket { uid: 1 },
        };
        let (mut session, secret) = Session::open(&who, None, start, &[9; 32]);
        assert_eq!(Session::hash_of(secret.expose()), session.hash);
        assert_ne!(Session::csrf_of(secret.expose()), session.hash.to_hex());
        let minute = Span::from_mins(1);
        assert!(session.holds(start + IDLE - minute) && !session.holds(start + IDLE));
        session.seen_at = start + LIFE - minute;
        assert!(session.holds(start + LIFE - minute) && !session.holds(start + LIFE));
        session.closed = true;
        assert!(!session.holds(start));
        assert_eq!(session.caller().proof, Proof::Session);
    }
}
