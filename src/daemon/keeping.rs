//! Keeps what the gate knows: tokens and sessions in the store, what was done in the audit chain. And asks the provider
//! of accounts.

use std::sync::{Arc, Mutex, PoisonError};

use serde_json::json;

use crate::api::{ErrorBody, ErrorCode};
use crate::config::OidcConfig;
use crate::domain::audit::{AuditAction, AuditDraft};
use crate::domain::{Caller, Proof, Role, RunId, Scope, Session, StackId, Timestamp, Token};
use crate::identity::{Account, Claims, IdentityError, Provider, ProviderSettings};
use crate::web::{Attempt, Gate, GateSettings, Keeper, Kept, Keys};

use super::clock;
use super::desk::{Desk, store_error};
use super::hands::Tools;

/// Where the provider sends a browser back to.
const COME_BACK: &str = "/sign-in/oidc/done";
/// The longest name of somebody that is recorded.
const LONGEST_NAME: usize = 128;

/// The gate, and what stands behind it.
pub(super) struct Keeping {
    gate: Gate,
    tools: Arc<Tools>,
    provider: Mutex<Option<(OidcConfig, Arc<Provider>)>>,
}

impl Keeping {
    /// Reads tokens and sessions. `url` is where the daemon listens.
    pub(super) async fn begin(tools: Arc<Tools>, url: Option<String>) -> anyhow::Result<Self> {
        let now = clock::now();
        let (tokens, sessions) = tools.store.access(now).await?;
        let config = tools.config();
        let settings = GateSettings {
            secure: config.tls.is_some()
                || config.public_url.as_ref().is_some_and(|it| it.starts_with("https:")),
            public_url: config.public_url.clone(),
            local_url: url,
            provider: config.sign_in.oidc.as_ref().map(|it| it.name.clone()),
        };
        let gate = Gate::new(settings, Keys::new(tokens, sessions), now);
        Ok(Self { gate, tools, provider: Mutex::default() })
    }

    /// The provider as it is configured now. It is kept for what it said of itself.
    fn provider(&self) -> Result<(OidcConfig, Arc<Provider>), ErrorBody> {
        let config = self.tools.config();
        let (Some(oidc), Some(public)) = (&config.sign_in.oidc, &config.public_url) else {
            return Err(ErrorBody::refused("no provider of accounts is configured"));
        };
        let failed = |it: crate::domain::Failure| ErrorBody::from_failure(ErrorCode::Unavailable, it);
        let secret = oidc.client_secret.read().map_err(failed)?;
        let mut kept = self.provider.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, provider)) = kept.as_ref().filter(|(config, _)| config == oidc) {
            provider.set_secret(secret);
            return Ok((oidc.clone(), Arc::clone(provider)));
        }
        let settings = ProviderSettings {
            issuer: oidc.issuer.clone(),
            client_id: oidc.client_id.clone(),
            client_secret: secret,
            come_back: format!("{public}{COME_BACK}"),
            scopes: oidc.scopes.clone(),
            hosts: oidc.hosts.clone(),
            ca_bundle: oidc.ca_bundle.clone(),
        };
        let provider = Arc::new(Provider::new(settings).map_err(|it| unavailable(&it))?);
        *kept = Some((oidc.clone(), Arc::clone(&provider)));
        Ok((oidc.clone(), provider))
    }
}

fn unavailable(error: &IdentityError) -> ErrorBody {
    ErrorBody::unavailable(error.to_string())
}

impl Keeper for Desk {
    fn gate(&self) -> &Gate {
        &self.keeping.gate
    }

    fn now(&self) -> Timestamp {
        clock::now()
    }

    fn chance(&self) -> Result<[u8; 37], ErrorBody> {
        let mut chance = [0; 37];
        getrandom::fill(&mut chance)
            .map_err(|_| ErrorBody::unavailable("the system has no chance to give; see its log"))?;
        Ok(chance)
    }

    async fn keep(&self, kept: Kept) -> Result<(), ErrorBody> {
        let store = &self.store;
        let now = clock::now();
        let done = match kept {
            Kept::TokenMade(token) => {
                let by = token.created_by.clone();
                let record = record_of_token(AuditAction::TokenCreated, &token, &by);
                store.token_made(token, record).await
            }
            Kept::TokenRevoked(token) => {
                let by = token.revoked.as_ref().map_or_else(String::new, |(_, by)| by.clone());
                let record = record_of_token(AuditAction::TokenRevoked, &token, &by);
                store.token_revoked(token, record).await
            }
            Kept::TokenUsed(id, at) => store.token_used(id, at).await,
            Kept::SessionOpened(session) => {
                let record = record_of_session(AuditAction::SignedIn, &session);
                store.session_opened(session, record).await
            }
            Kept::SessionUsed(hash, at) => store.session_used(hash, at).await,
            Kept::SessionClosed(session) => {
                let record = record_of_session(AuditAction::SignedOut, &session);
                store.session_closed(session.hash, now, record).await
            }
            Kept::LinkMade(caller) => {
                let record =
                    AuditDraft::new(AuditAction::SignInLinkMade, "daemon").personal("actor", caller.name);
                store.audit(now, vec![record]).await
            }
        };
        done.map_err(|it| store_error(&it))
    }

    async fn stack_of(&self, run: RunId) -> Result<Option<StackId>, ErrorBody> {
        self.store.stack_of(run).await.map_err(|it| store_error(&it))
    }

    async fn provider_url(&self, attempt: Attempt) -> Result<String, ErrorBody> {
        let (_, provider) = self.keeping.provider()?;
        let url = provider.sign_in_url(&attempt.state, &attempt.nonce, &attempt.verifier).await;
        url.map_err(|it| unavailable(&it))
    }

    async fn provider_answer(&self, attempt: Attempt, code: String) -> Result<Caller, ErrorBody> {
        let (config, provider) = self.keeping.provider()?;
        let account = provider.account(clock::now(), &code, &attempt.nonce, &attempt.verifier).await;
        caller_of(&config, &account.map_err(|it| unavailable(&it))?)
    }
}

/// Who somebody is here, by the first rule that fits.
fn caller_of(config: &OidcConfig, account: &Account) -> Result<Caller, ErrorBody> {
    let claims: &Claims = &account.claims;
    let named = claims.texts(&config.name_claim).first().map_or(account.subject.as_str(), |it| *it);
    // Recorded and shown: one line, not too long, and not to be taken for somebody of the control node.
    let plain: String = named.chars().filter(|it| !it.is_control()).take(LONGEST_NAME).collect();
    let name = format!("oidc:{plain}");
    let rule = config.roles.iter().find(|it| claims.texts(&it.claim).contains(&it.value.as_str()));
    let Some(rule) = rule else {
        let error =
            ErrorBody::new(ErrorCode::NotPermitted, format!("no rule of `sign_in.oidc.roles` fits {name}"));
        return Err(error.remedy("add a rule with a claim that the provider puts into the ID token"));
    };
    Ok(Caller { name, role: rule.role, scope: rule.scope.clone(), proof: Proof::Session })
}

fn record_of_token(action: AuditAction, token: &Token, by: &str) -> AuditDraft {
    let mut record =
        AuditDraft::new(action, "daemon").personal("actor", by).personal("token", token.name.as_str());
    record.detail = json!({
        "id": token.id,
        "role": token.role,
        "scope": words(&token.scope),
        "expires_at": token.expires_at.to_string(),
    });
    record
}

fn record_of_session(action: AuditAction, session: &Session) -> AuditDraft {
    let mut record = AuditDraft::new(action, "daemon").personal("actor", session.name.as_str());
    let role: Role = session.role;
    record.detail = json!({ "role": role, "scope": words(&session.scope) });
    record
}

/// What is in a scope; nothing for everything.
fn words(scope: &Scope) -> Vec<String> {
    match scope {
        Scope::All => Vec::new(),
        Scope::Only(grants) => grants.iter().map(ToString::to_string).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{RoleRule, SecretSource};

    #[test]
    fn the_first_rule_that_fits_says_who_may_what() {
        let rule = |claim: &str, value: &str, role, scope| RoleRule {
            claim: claim.to_owned(),
            value: value.to_owned(),
            role,
            scope,
        };
        let web = Scope::Only(["infra/web".parse().unwrap()].into());
        let config = OidcConfig {
            issuer: "https://id.example.org".to_owned(),
            client_id: "driftless".to_owned(),
            client_secret: SecretSource::file("/nonexistent".into()),
            name: "your account".to_owned(),
            name_claim: "preferred_username".to_owned(),
            scopes: Vec::new(),
            roles: vec![
                rule("email", "root@example.org", Role::Admin, Scope::All),
                rule("groups", "web", Role::Operator, web.clone()),
                rule("groups", "all", Role::Viewer, Scope::All),
            ],
            hosts: Vec::new(),
            ca_bundle: None,
        };
        let account =
            |claims: serde_json::Value| Account { subject: "s7".to_owned(), claims: Claims(claims) };
        let caller = |claims| caller_of(&config, &account(claims));
        let ann = caller(json!({ "preferred_username": "a\u{1b}nn", "groups": ["all", "web"] })).unwrap();
        assert_eq!((ann.name.as_str(), ann.role, ann.scope), ("oidc:ann", Role::Operator, web));
        let bob = caller(json!({ "groups": "all" })).unwrap();
        assert_eq!((bob.name.as_str(), bob.role), ("oidc:s7", Role::Viewer));
        let root = caller(json!({ "email": "root@example.org", "groups": ["all"] })).unwrap();
        assert_eq!(root.role, Role::Admin);
        for nobody in [
            json!({}),
            json!({ "groups": ["al"] }),
            json!({ "groups": ["all,x"] }),
            json!({ "groups": { "all": true } }),
            json!({ "email": ["x"], "groups": null }),
        ] {
            assert!(caller(nobody.clone()).is_err(), "{nobody}");
        }
    }
}
