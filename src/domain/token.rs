//! Tokens: what programs prove with that they may use the API.
//!
//! A token is written `dlt_ID_SECRET`. The id finds the record and is no secret; the secret has 256 bits, of which only
//! a hash is kept. The last letters are a checksum of all before, so that scanners for leaked secrets can tell a token
//! from chance.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::{Caller, NameError, Proof, Role, Scope, Secret, Timestamp, TokenName};

/// How every token begins.
pub const PREFIX: &str = "dlt_";
/// Letters of an id: 5 bytes.
const ID_LETTERS: usize = 8;
/// Letters of a secret: 32 bytes.
const SECRET_LETTERS: usize = 52;
/// Letters of a checksum: 30 bits.
const CHECKSUM_LETTERS: usize = 6;

const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// The hash of a secret of 256 bits. Guessing from it is as hard as guessing the secret, so it needs no salt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SecretHash(pub [u8; 32]);

impl SecretHash {
    /// The hash of what is written. `purpose` keeps secrets of different kinds apart.
    pub fn of(purpose: &str, text: &str) -> Self {
        let mut hash = Sha256::new();
        for part in [purpose, text] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
        Self(hash.finalize().into())
    }

    /// Whether both are the same, in a time that does not depend on where they differ.
    pub fn is(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }

    /// As 64 hexadecimal digits.
    pub fn to_hex(self) -> String {
        super::audit::AuditHash(self.0).to_string()
    }
}

/// The public part of a token.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(try_from = "String", into = "String")]
pub struct TokenId(String);

impl TokenId {
    /// It as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for TokenId {
    type Err = NameError;
    fn from_str(given: &str) -> Result<Self, NameError> {
        if given.len() == ID_LETTERS && given.bytes().all(|it| ALPHABET.contains(&it)) {
            return Ok(Self(given.to_owned()));
        }
        Err(NameError {
            given: given.escape_debug().to_string(),
            rule: "the id of a token has 8 letters `a` to `z` and digits `2` to `7`",
        })
    }
}

impl TryFrom<String> for TokenId {
    type Error = NameError;
    fn try_from(given: String) -> Result<Self, NameError> {
        given.parse()
    }
}

impl From<TokenId> for String {
    fn from(id: TokenId) -> Self {
        id.0
    }
}

/// A token as it is kept: everything but the secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Its public part.
    pub id: TokenId,
    /// What it is called.
    pub name: TokenName,
    /// The hash of all of it.
    pub hash: SecretHash,
    /// What its bearer may do.
    pub role: Role,
    /// With what.
    pub scope: Scope,
    /// When it was made.
    pub created_at: Timestamp,
    /// By whom.
    pub created_by: String,
    /// From when on it proves nothing any more.
    pub expires_at: Timestamp,
    /// When it was last used, to the minute.
    pub used_at: Option<Timestamp>,
    /// When it was revoked, and by whom.
    pub revoked: Option<(Timestamp, String)>,
}

/// Whether a token proves anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TokenState {
    /// It does.
    Live,
    /// It did until its time was over.
    Expired,
    /// It did until somebody revoked it.
    Revoked,
}

impl TokenState {
    /// The word for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }
}

impl Token {
    /// A new token from 37 bytes of chance, as its record and as the text that is shown once.
    pub fn make(grant: NewToken, chance: &[u8; 37]) -> (Self, Secret) {
        let (id, secret) = chance.split_at(5);
        let id = TokenId(letters(id));
        let text = format!("{PREFIX}{id}_{}", letters(secret));
        let text = format!("{text}{}", checksum(&text));
        let token = Self {
            id,
            name: grant.name,
            hash: hash_of(&text),
            role: grant.role,
            scope: grant.scope,
            created_at: grant.at,
            created_by: grant.by,
            expires_at: grant.expires_at,
            used_at: None,
            revoked: None,
        };
        (token, Secret::new(text))
    }

    /// Whether it proves anything at `now`.
    pub fn state(&self, now: Timestamp) -> TokenState {
        if self.revoked.is_some() {
            TokenState::Revoked
        } else if self.expires_at <= now {
            TokenState::Expired
        } else {
            TokenState::Live
        }
    }

    /// Whether this is its text.
    pub fn is(&self, text: &str) -> bool {
        self.hash.is(&hash_of(text))
    }

    /// Who its bearer is.
    pub fn caller(&self, proof: Proof) -> Caller {
        let name = format!("token:{}", self.name);
        Caller { name, role: self.role, scope: self.scope.clone(), proof }
    }
}

/// What a new token is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewToken {
    /// What it is called.
    pub name: TokenName,
    /// What its bearer may do.
    pub role: Role,
    /// With what.
    pub scope: Scope,
    /// From when on it proves nothing any more.
    pub expires_at: Timestamp,
    /// Who wants it.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

/// The id of a token, if the text is written as tokens are.
pub fn id_of(text: &str) -> Option<TokenId> {
    let (id, rest) = text.strip_prefix(PREFIX)?.split_once('_')?;
    let sound = rest.len() == SECRET_LETTERS + CHECKSUM_LETTERS
        && rest.bytes().all(|it| ALPHABET.contains(&it))
        && checksum(&text[..text.len() - CHECKSUM_LETTERS]) == rest[SECRET_LETTERS..];
    if sound { id.parse().ok() } else { None }
}

fn hash_of(text: &str) -> SecretHash {
    SecretHash::of("driftless/token", text)
}

fn checksum(text: &str) -> String {
    let mut all = letters(&Sha256::digest(text.as_bytes())[..4]);
    all.truncate(CHECKSUM_LETTERS);
    all
}

/// Five bits a letter, as in RFC 4648 without padding: no letter has to be escaped anywhere.
pub fn letters(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(5) * 8);
    for part in bytes.chunks(5) {
        let bits =
            part.iter().fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte)) << (8 * (5 - part.len()));
        let count = (part.len() * 8).div_ceil(5);
        text.extend((0..count).map(|at| char::from(ALPHABET[(bits >> (35 - 5 * at) & 31) as usize])));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant() -> NewToken {
        NewToken {
            name: "ci".parse().unwrap(),
            role: Role::Operator,
            scope: Scope::All,
            expires_at: "2027-01-01T00:00:00Z".parse().unwrap(),
            by: "ann".to_owned(),
            at: "2026-11-01T00:00:00Z".parse().unwrap(),
        }
    }

    #[test]
    fn a_token_is_known_by_its_looks_and_its_hash() {
        let chance: [u8; 37] = std::array::from_fn(|it| u8::try_from(it * 7 % 256).unwrap());
        let (token, text) = Token::make(grant(), &chance);
        let text = text.expose();
        assert_eq!(text.len(), 4 + 8 + 1 + 52 + 6);
        assert_eq!(id_of(text), Some(token.id.clone()));
        assert!(token.is(text));
        for at in 0..text.len() {
            let mut other = text.as_bytes().to_vec();
            other[at] = if other[at] == b'a' { b'b' } else { b'a' };
            let other = String::from_utf8(other).unwrap();
            assert_ne!(id_of(&other), Some(token.id.clone()), "{other}");
            assert!(!token.is(&other), "{other}");
        }
        let other = Token::make(grant(), &[7; 37]);
        assert!(!token.is(other.1.expose()) && token.id != other.0.id);
        for strange in ["", "dlt_", "dlt__", "dlt_aaaaaaaa_", "dlt_aaaaaaaa_é", "ghp_0123456789", "dlt_é_é"]
        {
            assert_eq!(id_of(strange), None, "{strange}");
        }
        assert!(!format!("{token:?}").contains(&text[13..]));
    }

    #[test]
    fn letters_are_those_of_the_standard() {
        for (bytes, text) in
            [("", ""), ("f", "my"), ("fo", "mzxq"), ("foobar", "mzxw6ytboi"), ("fooba", "mzxw6ytb")]
        {
            assert_eq!(letters(bytes.as_bytes()), text);
        }
    }

    #[test]
    fn a_token_ends_by_itself_or_by_somebody() {
        let (mut token, _) = Token::make(grant(), &[0; 37]);
        let second = super::super::Span::from_secs(1);
        assert_eq!(token.state(token.expires_at - second), TokenState::Live);
        assert_eq!(token.state(token.expires_at), TokenState::Expired);
        token.revoked = Some((token.created_at, "ann".to_owned()));
        assert_eq!(token.state(token.created_at), TokenState::Revoked);
        assert_eq!(token.caller(Proof::Token).name, "token:ci");
    }
}
