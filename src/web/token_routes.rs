//! The routes of tokens and of links to sign in.

use axum::Json;
use axum::extract::{Extension, Path, State};

use super::Backend;
use super::api_routes::{Wanted, body};
use super::gate::Kept;
use super::reply::{Answer, Refusal};
use crate::api::{ErrorBody, SignInLink, TokenBody, TokenList, TokenMade, TokenView};
use crate::domain::token::NewToken;
use crate::domain::{Caller, Token, later};

pub(super) async fn tokens<B: Backend>(State(backend): State<B>) -> Json<TokenList> {
    let now = backend.now();
    let tokens = backend.gate().with_keys(|it| it.tokens());
    Json(TokenList { tokens: tokens.iter().map(|it| TokenView::new(it, now)).collect() })
}

pub(super) async fn make<B: Backend>(
    State(backend): State<B>,
    Extension(by): Extension<Caller>,
    wanted: Wanted,
) -> Answer<TokenMade> {
    let body: TokenBody = body(wanted)?;
    let refused = |what: String| Refusal(ErrorBody::bad_request(what));
    let scope = body.scope().ok_or_else(|| refused("`stacks` is empty: a token for nothing".to_owned()))?;
    let valid = body.valid().ok_or_else(|| {
        refused(format!("`valid_seconds` goes from {} to {}", TokenBody::SHORTEST, TokenBody::LONGEST))
    })?;
    let now = backend.now();
    let grant = NewToken {
        name: body.name,
        role: body.role,
        scope,
        expires_at: later(now, valid),
        by: by.name,
        at: now,
    };
    if backend.gate().with_keys(|it| it.is_taken(&grant)) {
        let error = ErrorBody::refused(format!("a live token is called `{}`", grant.name));
        return Err(error.remedy("take another name, or revoke that one first").into());
    }
    let (token, text) = Token::make(grant, &backend.chance()?);
    // First the record: a token that is known to nobody else would be lost with the daemon.
    backend.keep(Kept::TokenMade(token.clone())).await?;
    backend.gate().add(token.clone());
    Ok(Json(TokenMade { text: text.expose().to_owned(), token: TokenView::new(&token, now) }))
}

pub(super) async fn revoke<B: Backend>(
    State(backend): State<B>,
    Path(named): Path<String>,
    Extension(by): Extension<Caller>,
) -> Answer<TokenList> {
    let now = backend.now();
    let revoked = backend.gate().with_keys(|it| it.revoke(&named, &by.name, now));
    if revoked.is_empty() {
        let error = ErrorBody::not_found("no live token has this id or name");
        return Err(error.remedy("`driftless tokens list` shows them").into());
    }
    for token in &revoked {
        // It works no more whatever happens now.
        backend.keep(Kept::TokenRevoked(token.clone())).await.map_err(|error| {
            let message = format!("`{}` is revoked only until a restart: {}", token.name, error.message);
            Refusal(ErrorBody { message, ..error })
        })?;
    }
    Ok(Json(TokenList { tokens: revoked.iter().map(|it| TokenView::new(it, now)).collect() }))
}

pub(super) async fn sign_in_link<B: Backend>(
    State(backend): State<B>,
    Extension(by): Extension<Caller>,
) -> Answer<SignInLink> {
    let settings = backend.gate().settings();
    let Some(url) = settings.public_url.as_deref().or(settings.local_url.as_deref()) else {
        return Err(ErrorBody::refused("there is no page to sign in at").into());
    };
    let chance = backend.chance()?;
    let chance = chance.first_chunk().expect("37 bytes begin with 32");
    backend.keep(Kept::LinkMade(by.clone())).await?;
    let (code, expires_at) = backend.gate().with_keys(|it| it.make_link(by, backend.now(), chance));
    Ok(Json(SignInLink { url: format!("{url}/sign-in#code={}", code.expose()), expires_at }))
}
