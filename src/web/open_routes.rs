//! What TCP serves: metrics, health, a few lines of text, and the receivers of webhooks. Nothing here shows more than
//! metrics do, and nobody acts who has not the secret of a receiver.

use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use axum::{Extension, Router};

use super::Backend;
use super::pages::pages_router;
use super::reply::guard_headers;
use super::webhooks::{Intake, receive};
use crate::api::{Listener, Method, ROUTES, Route};

/// The content type of the text format of Prometheus.
const METRICS_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The routes of the TCP listener.
pub fn open_router<B: Backend>(backend: B) -> Router {
    let served = ROUTES.iter().filter(|it| it.listener == Listener::Tcp && !it.is_page());
    let pages = pages_router(backend.clone());
    served
        .fold(Router::new(), |router, route| {
            let handler = handler::<B>(route).expect("each route of TCP in the table has a handler");
            router.route(route.path, handler)
        })
        .fallback(|| async { (StatusCode::NOT_FOUND, FRONT) })
        .layer(Extension(Intake::new()))
        .layer(middleware::from_fn(guard))
        .with_state(backend)
        .merge(pages)
}

fn handler<B: Backend>(route: &Route) -> Option<MethodRouter<B>> {
    Some(match (route.method, route.path) {
        (Method::Get, "/metrics") => get(metrics::<B>),
        (Method::Get, "/healthz") => get(health::<B>),
        (Method::Get, "/readyz") => get(ready::<B>),
        (Method::Post, "/webhooks/{source}") => post(receive::<B>),
        _ => return None,
    })
}

async fn guard(request: Request, next: Next) -> Response {
    guard_headers(next.run(request).await)
}

const FRONT: &str = concat!(
    "driftless ",
    env!("CARGO_PKG_VERSION"),
    "\n\n/metrics  metrics for Prometheus\n/healthz  whether the loop turns\n/readyz   whether work is done\n\
     /webhooks/SOURCE  deliveries of a forge\n\n\
     Everything else is on the control node: `driftless status`.\n"
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
