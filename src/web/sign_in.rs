//! The page to sign in, and what it does.
//!
//! No secret stands in a path or a query, which logs and histories have: a token and the code of a link are posted, and
//! the provider's code, which stands in a query for a moment, works only together with a cookie.

mod page;
mod provider;

use axum::body::Bytes;
use axum::extract::{Extension, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};

use super::Backend;
use super::gate::{
    Csrf, Kept, Network, Offer, Peer, Proved, Refused, cookie_of, has_csrf, is_own, local_path, too_many,
};
use crate::api::{Method, Route};
use crate::domain::session::LIFE;
use crate::domain::{Caller, TokenId};

use page::{Problem, SignIn, refused, shown};

/// Where a session ends.
pub(super) const SIGN_OUT: &str = "/sign-out";

/// The content type of a form.
const FORM: &[u8] = b"application/x-www-form-urlencoded";

/// What answers a route of these.
pub(super) fn handler<B: Backend>(route: &Route) -> Option<MethodRouter<B>> {
    Some(match (route.method, route.path) {
        (Method::Get, "/sign-in") => get(sign_in_page::<B>),
        (Method::Get, "/sign-in.js") => get(page::script),
        (Method::Post, "/sign-in") => post(sign_in::<B>),
        (Method::Get, "/sign-in/oidc") => get(provider::leave::<B>),
        (Method::Get, "/sign-in/oidc/done") => get(provider::come_back),
        (Method::Post, "/sign-in/oidc") => post(provider::sign_in::<B>),
        (Method::Post, SIGN_OUT) => post(sign_out::<B>),
        _ => return None,
    })
}

async fn sign_in_page<B: Backend>(State(backend): State<B>, request: Request) -> Response {
    let next = field(request.uri().query().unwrap_or_default().as_bytes(), "next");
    let settings = backend.gate().settings();
    let page =
        SignIn { next: local_path(next.as_deref()), provider: settings.provider.as_deref(), problem: None };
    shown(&page, StatusCode::OK)
}

async fn sign_in<B: Backend>(
    State(backend): State<B>,
    peer: Peer,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let next = field(&body, "next");
    let next = local_path(next.as_deref());
    let settings = backend.gate().settings();
    let provider = settings.provider.as_deref();
    if let Err(problem) = form_of_ours(&headers, settings.public_url.as_deref()) {
        return refused(next, provider, problem);
    }
    let (token, code) = (field(&body, "token"), field(&body, "code"));
    let offer = match (&token, &code) {
        (Some(token), None) => Offer::SignIn(token.trim()),
        (None, Some(code)) => Offer::Link(code),
        _ => return refused(next, provider, Problem::Nothing),
    };
    match backend.gate().prove(backend.now(), Network::from(peer.address), offer) {
        Ok(Proved { caller, token, kept }) => {
            peer.proved.send_replace(true);
            if let Some(kept) = kept
                && let Err(error) = backend.keep(kept).await
            {
                tracing::debug!(%error, "the use of a token is not recorded");
            }
            enter(&backend, &caller, token, next).await
        }
        Err(Refused::Wait(wait)) => refused(next, provider, Problem::Wait(too_many(wait))),
        Err(Refused::Unproved(why)) => {
            tracing::info!("a sign-in is refused: {why}");
            refused(next, provider, if code.is_some() { Problem::Link } else { Problem::Token })
        }
    }
}

/// A form that one of our pages sent.
fn form_of_ours(headers: &HeaderMap, public: Option<&str>) -> Result<(), Problem> {
    let form = headers.get(header::CONTENT_TYPE).is_some_and(|it| it.as_bytes().starts_with(FORM));
    if form && is_own(headers, public) { Ok(()) } else { Err(Problem::Elsewhere) }
}

/// Begins a session and sends the browser on.
async fn enter<B: Backend>(backend: &B, who: &Caller, token: Option<TokenId>, next: &str) -> Response {
    let settings = backend.gate().settings();
    let chance = match backend.chance() {
        Ok(chance) => chance,
        Err(error) => return super::reply::Refusal(error).into_response(),
    };
    let chance = chance.first_chunk().expect("37 bytes begin with 32");
    let (session, secret) = backend.gate().open_session(who, token, backend.now(), chance);
    if let Err(error) = backend.keep(Kept::SessionOpened(session)).await {
        // On a full disk somebody has to look, too. What is done is recorded or refused by itself.
        tracing::error!(%error, "{} signed in, which is not recorded; the session ends with the daemon", who.name);
    }
    let cookie = cookie(settings.session_cookie(), secret.expose(), LIFE.as_secs(), settings.secure);
    sent_on(next, [cookie])
}

async fn sign_out<B: Backend>(
    State(backend): State<B>,
    Extension(Csrf(csrf)): Extension<Csrf>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let settings = backend.gate().settings();
    let name = settings.session_cookie();
    let Some(secret) = cookie_of(&headers, name).filter(|_| !csrf.is_empty()) else {
        return refused("/", None, Problem::NoSession);
    };
    let own = is_own(&headers, settings.public_url.as_deref());
    // By the header, or by a field of a form where there is no script.
    if !own || !(has_csrf(&headers, &csrf) || field(&body, "csrf").is_some_and(|it| it == csrf)) {
        return refused("/", None, Problem::Elsewhere);
    }
    if let Some(session) = backend.gate().with_keys(|it| it.close(secret))
        && let Err(error) = backend.keep(Kept::SessionClosed(session)).await
    {
        tracing::error!(%error, "a sign-out is not recorded: the session would be back after a restart");
    }
    sent_on("/sign-in", [cookie(name, "", 0, settings.secure)])
}

/// A cookie that no script reads and no other site sends.
fn cookie(name: &str, value: &str, seconds: i64, secure: bool) -> String {
    let secure = if secure { "; Secure" } else { "" };
    format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}")
}

/// Sends a browser on with a GET, with these cookies.
fn sent_on(to: &str, cookies: impl IntoIterator<Item = String>) -> Response {
    let mut response = (StatusCode::SEE_OTHER, [(header::LOCATION, to)]).into_response();
    for cookie in cookies {
        if let Ok(value) = HeaderValue::from_str(&cookie) {
            response.headers_mut().append(header::SET_COOKIE, value);
        }
    }
    response
}

/// A field of a form or a query; nothing if it is empty or there twice.
fn field(form: &[u8], name: &str) -> Option<String> {
    let mut found = url::form_urlencoded::parse(form).filter(|(key, _)| key == name);
    let (_, value) = found.next()?;
    (found.next().is_none() && !value.is_empty()).then(|| value.into_owned())
}
