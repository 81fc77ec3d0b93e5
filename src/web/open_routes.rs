//! The TCP listener: what the table of routes has for it, and metrics, health and a few lines of text, which are for
//! everybody and show no more than metrics do.

use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use axum::{Extension, Router};

use super::Backend;
use super::api_routes::{self, BODY_BYTES};
use super::gate::{Peer, identify};
use super::reply::{Refusal, guard_headers};
use super::routes::routes;
use super::streams::Streams;
use super::webhooks::{Intake, receive};
use crate::api::{Listener, Method, PREFIX, Route};

/// The content type of the text format of Prometheus.
const METRICS_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// How many streams TCP serves at once: there are more places than that for those who proved who they are.
const STREAMS: usize = 128;

/// The routes of the TCP listener. Who is at the other end comes as an extension of the request, a [`Peer`], put there
/// by the listener; without one, nobody is let in where a proof is asked for.
pub fn open_router<B: Backend>(backend: B) -> Router {
    routes(&backend, Listener::is_tcp)
        .fallback(no_such_route::<B>)
        .method_not_allowed_fallback(no_such_method::<B>)
        .layer(DefaultBodyLimit::max(BODY_BYTES))
        .layer(Extension(Intake::new()))
        .layer(Extension(Streams::new(STREAMS)))
        .layer(middleware::from_fn(guard))
        .with_state(backend)
}

/// Who proved nothing learns nothing of the API, not even what is there.
async fn stranger<B: Backend>(backend: &B, request: Request) -> Option<Response> {
    if !request.uri().path().starts_with(PREFIX) {
        return None;
    }
    let (parts, _) = request.into_parts();
    identify(backend, &parts).await.err().map(|it| Refusal(it).into_response())
}

async fn no_such_route<B: Backend>(State(backend): State<B>, request: Request) -> Response {
    let is_api = request.uri().path().starts_with(PREFIX);
    match stranger(&backend, request).await {
        Some(refusal) => refusal,
        None if is_api => api_routes::no_such_route().await.into_response(),
        None => (StatusCode::NOT_FOUND, FRONT).into_response(),
    }
}

async fn no_such_method<B: Backend>(State(backend): State<B>, request: Request) -> Response {
    let is_api = request.uri().path().starts_with(PREFIX);
    match stranger(&backend, request).await {
        Some(refusal) => refusal,
        None if is_api => api_routes::no_such_method().await.into_response(),
        None => StatusCode::METHOD_NOT_ALLOWED.into_response(),
    }
}

pub(super) fn handler<B: Backend>(route: &Route) -> Option<MethodRouter<B>> {
    Some(match (route.method, route.path) {
        (Method::Get, "/metrics") => get(metrics::<B>),
        (Method::Get, "/healthz") => get(health::<B>),
        (Method::Get, "/readyz") => get(ready::<B>),
        (Method::Post, "/webhooks/{source}") => post(receive::<B>),
        _ => return None,
    })
}

async fn guard(request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<Peer>().cloned();
    let mut response = guard_headers(next.run(request).await);
    if peer.is_none_or(|it| !*it.proved.borrow()) {
        // Strangers have few places: none stays for another request.
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

const FRONT: &str = concat!(
    "driftless ",
    env!("CARGO_PKG_VERSION"),
    "\n\n/metrics  metrics for Prometheus\n/healthz  whether the loop turns\n/readyz   whether work is done\n\
     /webhooks/SOURCE  deliveries of a forge\n\
     /sign-in  a page to sign in\n/api/v1   the API, with a token\n\n\
     On the control node: `driftless status`.\n"
);

async fn metrics<B: Backend>(State(backend): State<B>) -> Response {
    ([(header::CONTENT_TYPE, METRICS_TYPE)], backend.metrics().await).into_response()
}

async fn health<B: Backend>(State(backend): State<B>) -> Response {
    said(backend.health().await)
}

async fn ready<B: Backend>(State(backend): State<B>) -> Response {
    said(backend.ready().await)
}

fn said(result: Result<(), String>) -> Response {
    match result {
        Ok(()) => "ok\n".into_response(),
        Err(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")).into_response(),
    }
}
