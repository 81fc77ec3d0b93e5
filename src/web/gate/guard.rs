//! The one place where requests are let through or refused.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr};

use axum::extract::{FromRequestParts, RawPathParams, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method as Verb, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::sync::watch;

use super::{Network, Offer, Proved, Refused, has_csrf, is_own};
use crate::api::{Access, ErrorBody, ErrorCode, NameWanted, Route, Subject, resolve_stack};
use crate::domain::{Caller, RunId, Scope, Session, SourceName, Span, StackId, Timestamp};
use crate::web::Backend;
use crate::web::pages::refused;
use crate::web::reply::Refusal;

/// Who is at the other end of a connection over TCP.
#[derive(Debug, Clone)]
pub struct Peer {
    /// Their address. Kept as long as the connection, and in the limiter.
    pub address: IpAddr,
    /// Told when they proved who they are.
    pub proved: watch::Sender<bool>,
}

impl Peer {
    /// A peer that proved nothing yet.
    pub fn new(address: IpAddr) -> Self {
        Self { address, proved: watch::Sender::new(false) }
    }
}

impl Default for Peer {
    fn default() -> Self {
        Self::new(Ipv4Addr::UNSPECIFIED.into())
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Peer {
    type Rejection = Infallible;
    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get::<Self>().cloned().unwrap_or_default())
    }
}

/// What a page of a session has to send along with what it does. Empty for callers who are no browser.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Csrf(pub String);

/// What a route is about, in the scope of the caller. Handlers take it from here, so none forgets to look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::web) enum Aim {
    /// This stack, which exists.
    Stack(StackId),
    /// This source. Whether it exists is not known.
    Source(SourceName),
    /// This run. Whether it exists is known only if the caller may not see all.
    Run(RunId),
}

/// Lets a request through to the handler of a route, with [`Caller`], [`Csrf`] and what it is about, or refuses it.
pub(in crate::web) async fn guard<B: Backend>(
    State((backend, route)): State<(B, &'static Route)>,
    request: Request,
    next: Next,
) -> Response {
    if !matches!(route.access, Access::Role(_)) {
        return next.run(request).await;
    }
    let (mut parts, body) = request.into_parts();
    match admit(&backend, route, &mut parts).await {
        Ok(()) => next.run(Request::from_parts(parts, body)).await,
        Err(refusal) => refuse(*refusal, route, &parts, backend.now()),
    }
}

async fn admit<B: Backend>(backend: &B, route: &Route, parts: &mut Parts) -> Result<(), Box<ErrorBody>> {
    let Access::Role(role) = route.access else { return Ok(()) };
    let (caller, csrf) = identify(backend, parts).await?;
    if caller.role < role {
        let message = format!("{} is {} and may not do this", caller.name, caller.role);
        return Err(Box::new(not_permitted(message).remedy(format!("it takes the role {role}"))));
    }
    // Signing out looks by itself: its page may have no script.
    let acts = parts.method != Verb::GET && parts.method != Verb::HEAD;
    if let Some(csrf) = &csrf
        && acts
        && route.path != super::super::sign_in::SIGN_OUT
    {
        own(backend, &parts.headers, csrf)?;
    }
    aim(backend, route, &caller, parts).await?;
    parts.extensions.insert(Csrf(csrf.unwrap_or_default()));
    parts.extensions.insert(caller);
    Ok(())
}

fn own<B: Backend>(backend: &B, headers: &HeaderMap, csrf: &str) -> Result<(), ErrorBody> {
    if !is_own(headers, backend.gate().settings().public_url.as_deref()) {
        return Err(not_permitted("the request does not come from a page of this daemon")
            .remedy("if it does, `public_url` of the configuration is not where browsers reach it"));
    }
    if !has_csrf(headers, csrf) {
        return Err(not_permitted("the request lacks what only pages of this session know")
            .remedy("load the page again; programs use a token instead of a session"));
    }
    Ok(())
}

/// Who asks, and what their pages send along if it is a browser.
pub(in crate::web) async fn identify<B: Backend>(
    backend: &B,
    parts: &Parts,
) -> Result<(Caller, Option<String>), ErrorBody> {
    if let Some(caller) = parts.extensions.get::<Caller>() {
        return Ok((caller.clone(), None));
    }
    let Some(peer) = parts.extensions.get::<Peer>() else {
        return Err(not_permitted("nobody knows who asks"));
    };
    let settings = backend.gate().settings();
    let offered = offered(&parts.headers, settings.session_cookie())?;
    let Some(offer) = offered else {
        return Err(not_signed_in("this is only for those who prove who they are"));
    };
    let csrf = match offer {
        Offer::Session(secret) => Some(Session::csrf_of(secret)),
        _ => None,
    };
    let now = backend.now();
    match backend.gate().prove(now, Network::from(peer.address), offer) {
        Ok(Proved { caller, kept, .. }) => {
            if let Some(kept) = kept
                && let Err(error) = backend.keep(kept).await
            {
                // Only the time of the last use is lost.
                tracing::debug!(%error, "the use of a token or session is not recorded");
            }
            peer.proved.send_replace(true);
            Ok((caller, csrf))
        }
        Err(Refused::Wait(wait)) => Err(too_many(wait)),
        Err(Refused::Unproved(why)) => {
            tracing::info!("a caller is not let in: {why}");
            Err(not_signed_in("what was sent proves nothing (any more)"))
        }
    }
}

/// What the headers offer: a token before a session, and never two of one kind.
fn offered<'a>(headers: &'a HeaderMap, cookie: &str) -> Result<Option<Offer<'a>>, ErrorBody> {
    let mut sent = headers.get_all(header::AUTHORIZATION).iter();
    if let Some(first) = sent.next() {
        let token = first.to_str().ok().and_then(|it| {
            let (scheme, token) = it.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
        });
        return match (token, sent.next()) {
            (Some(token), None) => Ok(Some(Offer::Token(token))),
            _ => Err(not_signed_in("the header `Authorization` is not `Bearer` and a token")),
        };
    }
    Ok(cookie_of(headers, cookie).map(Offer::Session))
}

/// The value of a cookie; nothing if it is there twice, since one of them would be somebody else's.
pub(in crate::web) fn cookie_of<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|it| it.to_str().ok());
    let mut found = lines
        .flat_map(|it| it.split(';'))
        .filter_map(|it| it.trim().split_once('='))
        .filter(|(key, _)| *key == name)
        .map(|(_, value)| value);
    let first = found.next()?;
    found.next().is_none().then_some(first)
}

/// Finds out what the path names, if it is in the scope of the caller. What is not is told as what does not exist.
async fn aim<B: Backend>(
    backend: &B,
    route: &Route,
    caller: &Caller,
    parts: &mut Parts,
) -> Result<(), Box<ErrorBody>> {
    let all = caller.scope == Scope::All;
    let aim = match route.subject {
        Subject::Listed | Subject::Nothing => return Ok(()),
        Subject::Daemon if all => return Ok(()),
        Subject::Daemon => {
            return Err(not_permitted(format!("{} may act on some stacks only", caller.name)).into());
        }
        Subject::Stack => {
            let wanted = NameWanted::from_path(&named(parts, "source").await?, &named(parts, "stack").await?);
            let mut known = backend.stack_ids().await?;
            known.retain(|it| caller.scope.has_stack(it));
            Aim::Stack(resolve_stack(&wanted.map_err(bad_name)?, &known)?)
        }
        Subject::Source => {
            let source: SourceName = named(parts, "source").await?.parse().map_err(bad_name)?;
            if !caller.scope.has_source(&source) {
                return Err(ErrorBody::not_found(format!("there is no source `{source}`")).into());
            }
            Aim::Source(source)
        }
        Subject::Run => {
            let run: RunId = named(parts, "run").await?.parse().map_err(bad_name)?;
            if !all && !backend.stack_of(run).await?.is_some_and(|it| caller.scope.has_stack(&it)) {
                let error = ErrorBody::not_found(format!("there is no run {run}"));
                return Err(error.remedy("`driftless runs` lists them").into());
            }
            Aim::Run(run)
        }
    };
    parts.extensions.insert(aim);
    Ok(())
}

#[expect(clippy::needless_pass_by_value, reason = "it is handed to `map_err`")]
fn bad_name(error: crate::domain::NameError) -> ErrorBody {
    ErrorBody::bad_request(error.to_string())
}

/// A parameter of the path.
async fn named(parts: &mut Parts, name: &str) -> Result<String, ErrorBody> {
    let parameters = RawPathParams::from_request_parts(parts, &())
        .await
        .map_err(|it| ErrorBody::bad_request(it.body_text()))?;
    let found = parameters.iter().find(|(key, _)| *key == name).map(|(_, value)| value.to_owned());
    found.ok_or_else(|| ErrorBody::new(ErrorCode::Internal, format!("the route names no `{name}`")))
}

fn not_permitted(message: impl Into<String>) -> ErrorBody {
    ErrorBody::new(ErrorCode::NotPermitted, message)
}

fn not_signed_in(message: &str) -> ErrorBody {
    ErrorBody::new(ErrorCode::NotSignedIn, message)
        .remedy("send a token as `Authorization: Bearer …`, or sign in; see docs/access.md")
}

/// Nobody is looked at before that time is over.
pub(in crate::web) fn too_many(wait: Span) -> ErrorBody {
    let seconds = wait.as_secs().max(0).unsigned_abs() + 1;
    ErrorBody::new(ErrorCode::TooMany, format!("too many proofs failed; none is looked at for {seconds} s"))
        .remedy("wait; on the control node `driftless` works all the while")
        .retry_after(seconds)
}

/// A refusal as its caller reads it: a program as JSON, a browser without a session at the page to sign in.
fn refuse(error: ErrorBody, route: &Route, parts: &Parts, now: Timestamp) -> Response {
    let bearer = parts.headers.contains_key(header::AUTHORIZATION);
    if !route.is_api() && error.code == ErrorCode::NotSignedIn && !bearer {
        let wanted = parts.uri.path_and_query().map_or("/", |it| it.as_str());
        let next = if parts.method == Verb::GET { super::local_path(Some(wanted)) } else { "/" };
        let next: String = url::form_urlencoded::byte_serialize(next.as_bytes()).collect();
        return (StatusCode::SEE_OTHER, [(header::LOCATION, format!("/sign-in?next={next}"))])
            .into_response();
    }
    if route.is_page() && !bearer {
        return refused(&parts.uri, now, &error);
    }
    let code = error.code;
    let mut response = Refusal(error).into_response();
    if code == ErrorCode::NotSignedIn {
        let challenge = HeaderValue::from_static("Bearer realm=\"driftless\"");
        response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    }
    response
}
