//! Tokens, as they are asked for and told.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::domain::{Grant, Role, Scope, Span, Timestamp, Token, TokenId, TokenName, TokenState};

/// `POST /api/v1/tokens`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenBody {
    /// What it is called. No live token may be called so.
    pub name: TokenName,
    /// What its bearer may do.
    pub role: Role,
    /// With what: sources and stacks. Absent: with everything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Vec<Grant>>", length(min = 1))]
    pub stacks: Option<BTreeSet<Grant>>,
    /// For how many seconds it is good. Absent: 90 days.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = TokenBody::SHORTEST, max = TokenBody::LONGEST))]
    pub valid_seconds: Option<u64>,
}

impl TokenBody {
    /// For how long a token is good if nothing is said, in seconds.
    pub const USUAL: u64 = 90 * 86_400;
    /// For how long at most, in seconds.
    pub const LONGEST: u64 = 366 * 86_400;
    /// For how long at least, in seconds.
    pub const SHORTEST: u64 = 60;

    /// What its bearer may act on; `None` if the list is empty, which would be a token for nothing.
    pub fn scope(&self) -> Option<Scope> {
        match &self.stacks {
            None => Some(Scope::All),
            Some(grants) if grants.is_empty() => None,
            Some(grants) => Some(Scope::Only(grants.clone())),
        }
    }

    /// For how long it is good; `None` if that is too short or too long.
    pub fn valid(&self) -> Option<Span> {
        let seconds = self.valid_seconds.unwrap_or(Self::USUAL);
        let fits = (Self::SHORTEST..=Self::LONGEST).contains(&seconds);
        i64::try_from(seconds).ok().filter(|_| fits).map(Span::from_secs)
    }
}

/// A token without what makes it work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct TokenView {
    /// The public part of its text.
    pub id: TokenId,
    /// What it is called.
    pub name: TokenName,
    /// What its bearer may do.
    pub role: Role,
    /// With what.
    pub scope: Scope,
    /// Whether it proves anything now.
    pub state: TokenState,
    /// When it was made.
    #[schemars(with = "crate::domain::schema::Time")]
    pub created_at: Timestamp,
    /// By whom.
    pub created_by: String,
    /// When it ends.
    #[schemars(with = "crate::domain::schema::Time")]
    pub expires_at: Timestamp,
    /// When it was last used, to the minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<crate::domain::schema::Time>")]
    pub used_at: Option<Timestamp>,
    /// When it was revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<crate::domain::schema::Time>")]
    pub revoked_at: Option<Timestamp>,
    /// By whom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_by: Option<String>,
}

impl TokenView {
    /// As it is at `now`.
    pub fn new(token: &Token, now: Timestamp) -> Self {
        let (revoked_at, revoked_by) = token.revoked.clone().unzip();
        Self {
            id: token.id.clone(),
            name: token.name.clone(),
            role: token.role,
            scope: token.scope.clone(),
            state: token.state(now),
            created_at: token.created_at,
            created_by: token.created_by.clone(),
            expires_at: token.expires_at,
            used_at: token.used_at,
            revoked_at,
            revoked_by,
        }
    }
}

/// A token that was just made. Nothing tells its text again.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct TokenMade {
    /// All of it: what is sent as `Authorization: Bearer …`.
    pub text: String,
    /// What it is.
    pub token: TokenView,
}

impl std::fmt::Debug for TokenMade {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenMade").field("token", &self.token).finish_non_exhaustive()
    }
}

/// All tokens: `GET /api/v1/tokens`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct TokenList {
    /// They, by name.
    pub tokens: Vec<TokenView>,
}

/// A link that signs a browser in once: `POST /api/v1/sign-in-link`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct SignInLink {
    /// Where the browser goes. The code stands behind the `#`, which no browser sends and no log has.
    pub url: String,
    /// Until when it works.
    #[schemars(with = "crate::domain::schema::Time")]
    pub expires_at: Timestamp,
}

impl std::fmt::Debug for SignInLink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SignInLink").field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_for_nothing_or_for_ever_is_not_made() {
        let body = |text: &str| serde_json::from_str::<TokenBody>(text);
        let usual = body(r#"{"name": "ci", "role": "viewer"}"#).unwrap();
        assert_eq!(usual.scope(), Some(Scope::All));
        assert_eq!(usual.valid(), Some(Span::from_hours(90 * 24)));
        let some = body(r#"{"name": "ci", "role": "viewer", "stacks": ["infra", "lab/web"]}"#).unwrap();
        assert!(matches!(some.scope(), Some(Scope::Only(grants)) if grants.len() == 2));
        assert_eq!(body(r#"{"name": "ci", "role": "viewer", "stacks": []}"#).unwrap().scope(), None);
        for seconds in [0, 59, 366 * 86_400 + 1, u64::MAX] {
            assert_eq!(TokenBody { valid_seconds: Some(seconds), ..usual.clone() }.valid(), None);
        }
        assert!(body(r#"{"name": "CI", "role": "viewer"}"#).is_err());
        assert!(body(r#"{"name": "ci", "role": "root"}"#).is_err());
        assert!(body(r#"{"name": "ci", "role": "viewer", "scope": "all"}"#).is_err());
    }
}
