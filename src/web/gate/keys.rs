//! The tokens, sessions and links there are, in memory. The store has tokens and sessions, too, so that they outlive
//! the daemon; links do not.

use std::collections::{BTreeMap, HashMap};

use super::limiter::ProofMark;
use crate::domain::session::{IDLE, LIFE};
use crate::domain::token::{self, NewToken};
use crate::domain::{
    Caller, Proof, Secret, SecretHash, Session, Span, Timestamp, Token, TokenId, TokenState, later,
};

/// How many sessions there may be. The one that was longest not used makes room for another.
const SESSIONS: usize = 10_000;
/// How many of them one name may have.
const SESSIONS_OF_ONE: usize = 50;
/// How many links may wait to be used.
const LINKS: usize = 100;
/// How long a link waits.
const LINK_LIFE: Span = Span::from_mins(5);
/// Uses are written down at most so often.
const NOTED_EVERY: Span = Span::from_mins(1);

/// What is to be written down, so that it outlives the daemon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kept {
    /// A token was made.
    TokenMade(Token),
    /// A token was revoked: its record says by whom and when.
    TokenRevoked(Token),
    /// A token was used.
    TokenUsed(TokenId, Timestamp),
    /// Somebody signed in.
    SessionOpened(Session),
    /// A session was used.
    SessionUsed(SecretHash, Timestamp),
    /// Somebody signed out.
    SessionClosed(Session),
    /// Somebody made a link that signs in as them.
    LinkMade(Caller),
}

/// A proof that holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proved {
    /// Who it proves.
    pub caller: Caller,
    /// The token, where one was sent or the session is of one.
    pub token: Option<TokenId>,
    /// What is to be written down, now and then.
    pub kept: Option<Kept>,
}

/// Why a proof does not hold. Only the log is told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unproved {
    /// It is not written as a token is.
    #[error("what was sent is no token")]
    NoToken,
    /// There is none like it, or there never was.
    #[error("there is no such token")]
    UnknownToken,
    /// It is over.
    #[error("the token {0} has expired")]
    Expired(TokenId),
    /// It was revoked.
    #[error("the token {0} was revoked")]
    Revoked(TokenId),
    /// There is none.
    #[error("there is no such session")]
    UnknownSession,
    /// It is over, or was signed out of: no guess.
    #[error("the session of {0} is over")]
    Over(String),
    /// The code of a link was used already, is too old, or never was one.
    #[error("there is no such link")]
    UnknownLink,
}

/// All of them.
#[derive(Debug, Default)]
pub struct Keys {
    tokens: BTreeMap<TokenId, Token>,
    sessions: HashMap<SecretHash, Session>,
    links: BTreeMap<SecretHash, (Caller, Timestamp)>,
}

impl Keys {
    /// Those that were written down.
    pub fn new(tokens: Vec<Token>, sessions: Vec<Session>) -> Self {
        Self {
            tokens: tokens.into_iter().map(|it| (it.id.clone(), it)).collect(),
            sessions: sessions.into_iter().map(|it| (it.hash, it)).collect(),
            links: BTreeMap::new(),
        }
    }

    /// The mark of the token that this text names, if there is one.
    pub(super) fn knows_token(&self, text: &str) -> Option<ProofMark> {
        let id = token::id_of(text).filter(|it| self.tokens.contains_key(it))?;
        Some(mark_of(Session::hash_of(id.as_str())))
    }

    /// The mark of the link of this code, if there is one.
    pub(super) fn knows_link(&self, code: &str) -> Option<ProofMark> {
        let hash = Session::hash_of(code);
        self.links.contains_key(&hash).then(|| mark_of(hash))
    }

    /// Who sends this token.
    pub fn by_token(&mut self, text: &str, proof: Proof, now: Timestamp) -> Result<Proved, Unproved> {
        let id = token::id_of(text).ok_or(Unproved::NoToken)?;
        let token = self.tokens.get_mut(&id).filter(|it| it.is(text)).ok_or(Unproved::UnknownToken)?;
        match token.state(now) {
            TokenState::Expired => return Err(Unproved::Expired(id)),
            TokenState::Revoked => return Err(Unproved::Revoked(id)),
            TokenState::Live => {}
        }
        let noted = token.used_at.is_some_and(|it| now.duration_since(it).abs() < NOTED_EVERY);
        let kept = (!noted).then(|| {
            token.used_at = Some(now);
            Kept::TokenUsed(id.clone(), now)
        });
        Ok(Proved { caller: token.caller(proof), token: Some(id), kept })
    }

    /// Whose session this is.
    pub fn by_session(&mut self, secret: &str, now: Timestamp) -> Result<Proved, Unproved> {
        let hash = Session::hash_of(secret);
        let session = self.sessions.get_mut(&hash).ok_or(Unproved::UnknownSession)?;
        let token = session.token.as_ref().map(|it| self.tokens.get(it));
        let token_is_live = token.is_none_or(|it| it.is_some_and(|it| it.state(now) == TokenState::Live));
        if !session.holds(now) || !token_is_live {
            return Err(Unproved::Over(session.name.clone()));
        }
        let noted = now.duration_since(session.seen_at) < NOTED_EVERY;
        let kept = (!noted).then(|| {
            session.seen_at = now;
            Kept::SessionUsed(hash, now)
        });
        Ok(Proved { caller: session.caller(), token: session.token.clone(), kept })
    }

    /// Takes a new session up.
    pub fn open(&mut self, session: Session, now: Timestamp) {
        // What is over is remembered for a while: a browser that still sends it does not guess.
        self.sessions.retain(|_, it| now.duration_since(it.seen_at) < LIFE + IDLE);
        // Whoever signs in again and again ends sessions of their own, and nobody else's.
        let of_one = self.sessions.values().filter(|it| it.name == session.name);
        let (count, oldest_of_one) = (of_one.clone().count(), of_one.min_by_key(|it| it.seen_at));
        let oldest = match oldest_of_one {
            Some(oldest) if SESSIONS_OF_ONE <= count => Some(oldest),
            _ if SESSIONS <= self.sessions.len() => self.sessions.values().min_by_key(|it| it.seen_at),
            _ => None,
        };
        if let Some(hash) = oldest.map(|it| it.hash) {
            self.sessions.remove(&hash);
        }
        self.sessions.insert(session.hash, session);
    }

    /// Ends a session; `None` if there is none.
    pub fn close(&mut self, secret: &str) -> Option<Session> {
        let session = self.sessions.get_mut(&Session::hash_of(secret))?;
        session.closed = true;
        Some(session.clone())
    }

    /// A link that signs in as the caller, from 32 bytes of chance: its code, and until when it works.
    pub fn make_link(&mut self, caller: Caller, now: Timestamp, chance: &[u8; 32]) -> (Secret, Timestamp) {
        let (session, code) = Session::open(&caller, None, now, chance);
        self.links.retain(|_, (_, until)| now < *until);
        if LINKS <= self.links.len() {
            let oldest = self.links.iter().min_by_key(|(_, (_, until))| *until).map(|(hash, _)| *hash);
            oldest.map(|it| self.links.remove(&it));
        }
        let until = later(now, LINK_LIFE);
        self.links.insert(session.hash, (caller, until));
        (code, until)
    }

    /// Who made the link with this code. It works once.
    pub fn use_link(&mut self, code: &str, now: Timestamp) -> Result<Proved, Unproved> {
        let found = self.links.remove(&Session::hash_of(code)).filter(|(_, until)| now < *until);
        let (caller, _) = found.ok_or(Unproved::UnknownLink)?;
        Ok(Proved { caller, token: None, kept: None })
    }

    /// Whether a live token is called so.
    pub fn is_taken(&self, grant: &NewToken) -> bool {
        self.tokens.values().any(|it| it.name == grant.name && it.state(grant.at) == TokenState::Live)
    }

    /// Takes a new token up.
    pub fn add(&mut self, token: Token) {
        self.tokens.insert(token.id.clone(), token);
    }

    /// Revokes the token of that id, or the live ones of that name; nothing if none is live.
    pub fn revoke(&mut self, named: &str, by: &str, now: Timestamp) -> Vec<Token> {
        let live = self.tokens.values_mut().filter(|it| it.state(now) == TokenState::Live);
        let meant = live.filter(|it| it.id.as_str() == named || it.name.as_str() == named);
        meant
            .map(|it| {
                it.revoked = Some((now, by.to_owned()));
                it.clone()
            })
            .collect()
    }

    /// All tokens, by name.
    pub fn tokens(&self) -> Vec<Token> {
        let mut tokens: Vec<Token> = self.tokens.values().cloned().collect();
        tokens.sort_by(|a, b| (&a.name, a.created_at).cmp(&(&b.name, b.created_at)));
        tokens
    }
}

fn mark_of(hash: SecretHash) -> ProofMark {
    u64::from_be_bytes(std::array::from_fn(|at| hash.0[at]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Role, Scope};

    fn now() -> Timestamp {
        "2026-11-01T08:00:00Z".parse().unwrap()
    }

    fn grant(name: &str) -> NewToken {
        NewToken {
            name: name.parse().unwrap(),
            role: Role::Operator,
            scope: Scope::All,
            expires_at: now() + Span::from_hours(24),
            by: "ann".to_owned(),
            at: now(),
        }
    }

    fn ann() -> Caller {
        Caller {
            name: "ann".to_owned(),
            role: Role::Admin,
            scope: Scope::All,
            proof: Proof::Socket { uid: 7 },
        }
    }

    #[test]
    fn a_token_lives_from_its_making_to_its_end() {
        let mut keys = Keys::default();
        let (token, text) = Token::make(grant("ci"), &[1; 37]);
        let at = |keys: &mut Keys, hours| {
            keys.by_token(text.expose(), Proof::Token, now() + Span::from_hours(hours))
        };
        assert_eq!(at(&mut keys, 0), Err(Unproved::UnknownToken));
        assert!(!keys.is_taken(&grant("ci")));
        keys.add(token.clone());
        assert!(keys.is_taken(&grant("ci")) && !keys.is_taken(&grant("cd")));
        let proved = at(&mut keys, 0).expect("it holds");
        assert_eq!((proved.caller.name.as_str(), proved.caller.role), ("token:ci", Role::Operator));
        assert_eq!(proved.kept, Some(Kept::TokenUsed(token.id.clone(), now())));
        assert_eq!(at(&mut keys, 0).expect("it holds").kept, None, "once a minute");
        assert_eq!(at(&mut keys, 24), Err(Unproved::Expired(token.id.clone())));
        assert_eq!(keys.by_token("dlt_x", Proof::Token, now()), Err(Unproved::NoToken));
        let revoked = keys.revoke("ci", "bob", now());
        assert_eq!(revoked.len(), 1);
        assert_eq!(revoked[0].revoked, Some((now(), "bob".to_owned())));
        assert_eq!(at(&mut keys, 1), Err(Unproved::Revoked(token.id)));
        assert_eq!(keys.revoke("ci", "bob", now()), Vec::new());
        assert!(!keys.is_taken(&grant("ci")));
    }

    #[test]
    fn a_session_ends_with_its_token_its_time_or_its_sign_out() {
        let mut keys = Keys::default();
        let (token, _) = Token::make(grant("ci"), &[1; 37]);
        keys.add(token.clone());
        let open = |keys: &mut Keys, token: Option<TokenId>, chance| {
            let (session, secret) = Session::open(&ann(), token, now(), &[chance; 32]);
            keys.open(session, now());
            secret
        };
        let (of_token, of_person) = (open(&mut keys, Some(token.id), 1), open(&mut keys, None, 2));
        for secret in [&of_token, &of_person] {
            let proved = keys.by_session(secret.expose(), now()).expect("it holds");
            assert_eq!(proved.caller.proof, Proof::Session);
        }
        keys.revoke("ci", "bob", now());
        assert_eq!(keys.by_session(of_token.expose(), now()), Err(Unproved::Over("ann".to_owned())));
        let half = Span::from_mins(30);
        assert!(keys.by_session(of_person.expose(), now() + half).expect("it holds").kept.is_some());
        assert!(keys.by_session(of_person.expose(), now() + half + half + half).is_err());
        assert!(keys.close(of_person.expose()).is_some());
        assert_eq!(keys.by_session(of_person.expose(), now()), Err(Unproved::Over("ann".to_owned())));
        assert_eq!(keys.by_session("guess", now()), Err(Unproved::UnknownSession));
        assert_eq!(keys.close("guess"), None);
    }

    #[test]
    fn there_are_only_so_many_sessions() {
        let mut keys = Keys::default();
        for number in 0..=SESSIONS {
            let mut chance = [0; 32];
            chance[..8].copy_from_slice(&number.to_be_bytes());
            let at = now() + Span::from_millis(i64::try_from(number).unwrap());
            let who = Caller { name: format!("ann-{number}"), ..ann() };
            keys.open(Session::open(&who, None, at, &chance).0, at);
        }
        assert_eq!(keys.sessions.len(), SESSIONS);
        assert!(keys.sessions.values().all(|it| now() < it.opened_at), "the oldest is gone");
    }

    #[test]
    fn who_signs_in_again_and_again_ends_nobody_elses_session() {
        let mut keys = Keys::default();
        let bob = Caller { name: "bob".to_owned(), ..ann() };
        let (of_bob, secret) = Session::open(&bob, None, now(), &[255; 32]);
        keys.open(of_bob, now());
        for number in 0..100 {
            keys.open(
                Session::open(&ann(), None, now() + Span::from_secs(number.into()), &[number; 32]).0,
                now(),
            );
        }
        assert_eq!(keys.sessions.len(), SESSIONS_OF_ONE + 1);
        assert!(keys.by_session(secret.expose(), now()).is_ok());
        let oldest = keys.sessions.values().filter(|it| it.name == "ann").map(|it| it.opened_at).min();
        assert_eq!(oldest, Some(now() + Span::from_secs(50)));
    }

    #[test]
    fn a_link_works_once_and_for_five_minutes() {
        let mut keys = Keys::default();
        let (code, until) = keys.make_link(ann(), now(), &[1; 32]);
        assert_eq!(until, now() + LINK_LIFE);
        assert_eq!(keys.use_link(code.expose(), now()).expect("it works").caller, ann());
        assert_eq!(keys.use_link(code.expose(), now()), Err(Unproved::UnknownLink));
        let (late, until) = keys.make_link(ann(), now(), &[2; 32]);
        assert_eq!(keys.use_link(late.expose(), until), Err(Unproved::UnknownLink));
        for number in 0..=u8::try_from(LINKS).unwrap() {
            keys.make_link(ann(), now(), &[number; 32]);
        }
        assert_eq!(keys.links.len(), LINKS);
    }
}
