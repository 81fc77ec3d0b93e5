//! Signing in with an account of a provider: sends the browser there and takes it back.
//!
//! Nothing is remembered here meanwhile: the try stays with the browser, in a cookie that no script reads. The provider
//! sends the browser back from another site, so the first request has no cookie; the page that answers it posts what
//! the provider said, and that has. So, too, no GET changes anything.

use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use subtle::ConstantTimeEq as _;

use super::page::{Done, Problem, refused, shown};
use super::{cookie, cookie_of, enter, field, form_of_ours, local_path, sent_on, too_many};
use crate::api::ErrorBody;
use crate::domain::token::letters;
use crate::web::Backend;
use crate::web::gate::{Attempt, Network, Peer};

/// How long somebody may take at the provider, in seconds.
const ATTEMPT_SECONDS: i64 = 600;
/// What a provider may send, in bytes.
const LONGEST: usize = 4096;

/// Sends the browser to the provider.
pub(super) async fn leave<B: Backend>(State(backend): State<B>, peer: Peer, request: Request) -> Response {
    let next = field(request.uri().query().unwrap_or_default().as_bytes(), "next");
    let next = local_path(next.as_deref());
    let settings = backend.gate().settings();
    let provider = settings.provider.as_deref();
    if let Err(wait) = backend.gate().may_try(backend.now(), Network::from(peer.address)) {
        return refused(next, provider, Problem::Wait(too_many(wait)));
    }
    match go(&backend).await {
        Ok((attempt, url)) => {
            let Attempt { state, nonce, verifier } = attempt;
            let next: String = url::form_urlencoded::byte_serialize(next.as_bytes()).collect();
            let value = format!("{state}~{nonce}~{verifier}~{next}");
            sent_on(&url, [cookie(settings.attempt_cookie(), &value, ATTEMPT_SECONDS, settings.secure)])
        }
        Err(error) => refused(next, provider, Problem::Provider(error.to_string())),
    }
}

async fn go<B: Backend>(backend: &B) -> Result<(Attempt, String), ErrorBody> {
    let word = || backend.chance().map(|it| letters(&it[..32]));
    let attempt = Attempt { state: word()?, nonce: word()?, verifier: word()? };
    let url = backend.provider_url(attempt.clone()).await?;
    Ok((attempt, url))
}

/// Where the provider sends the browser back to.
pub(super) async fn come_back(request: Request) -> Response {
    let query = request.uri().query().unwrap_or_default().as_bytes();
    let sent = |name| field(query, name).filter(|it| it.len() <= LONGEST);
    match (sent("code"), sent("state")) {
        (Some(code), Some(state)) => shown(&Done { code: &code, state: &state }, StatusCode::OK),
        _ => refused("/", None, Problem::Account),
    }
}

/// Signs in as who the provider says, if the browser that comes back is the one that went.
pub(super) async fn sign_in<B: Backend>(
    State(backend): State<B>,
    peer: Peer,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let settings = backend.gate().settings();
    let provider = settings.provider.as_deref();
    if let Err(problem) = form_of_ours(&headers, settings.public_url.as_deref()) {
        return refused("/", provider, problem);
    }
    let (now, from) = (backend.now(), Network::from(peer.address));
    if let Err(wait) = backend.gate().may_try(now, from) {
        return refused("/", provider, Problem::Wait(too_many(wait)));
    }
    let kept = cookie_of(&headers, settings.attempt_cookie()).and_then(attempt_of);
    let (Some((attempt, next)), Some(code), Some(state)) =
        (kept, field(&body, "code"), field(&body, "state"))
    else {
        return refused("/", provider, Problem::Account);
    };
    if !bool::from(attempt.state.as_bytes().ct_eq(state.as_bytes())) || LONGEST < code.len() {
        backend.gate().failed(now, from);
        return refused("/", provider, Problem::Account);
    }
    match backend.provider_answer(attempt, code).await {
        Ok(caller) => {
            peer.proved.send_replace(true);
            let mut response = enter(&backend, &caller, None, local_path(Some(&next))).await;
            let over = cookie(settings.attempt_cookie(), "", 0, settings.secure);
            if let Ok(over) = over.parse() {
                response.headers_mut().append(header::SET_COOKIE, over);
            }
            response
        }
        Err(error) => {
            backend.gate().failed(now, from);
            tracing::warn!(%error, "a sign-in by the provider is refused");
            refused("/", provider, Problem::Account)
        }
    }
}

/// Reads what [`leave`] gave the browser.
fn attempt_of(cookie: &str) -> Option<(Attempt, String)> {
    let mut parts = cookie.split('~').map(str::to_owned);
    let attempt = Attempt { state: parts.next()?, nonce: parts.next()?, verifier: parts.next()? };
    let next = parts.next()?;
    let whole = [&attempt.state, &attempt.nonce, &attempt.verifier].iter().all(|it| it.len() == 52);
    let next = field(format!("next={next}").as_bytes(), "next")?;
    (whole && parts.next().is_none()).then_some((attempt, next))
}
