//! Makes routers of the table of routes: each route with its handler, behind its guard.

use axum::Router;
use axum::middleware;
use axum::routing::MethodRouter;

use super::gate::guard;
use super::paging::tag;
use super::{Backend, api_routes, open_routes, pages, sign_in};
use crate::api::{Listener, Method, ROUTES, Route};

/// The routes that a listener serves.
pub(super) fn routes<B: Backend>(backend: &B, served: fn(Listener) -> bool) -> Router<B> {
    ROUTES.iter().filter(|it| served(it.listener)).fold(Router::new(), |router, route| {
        let mut handler = handler::<B>(route).expect("each route of the table has a handler");
        if route.is_api() && route.method == Method::Get {
            handler = handler.route_layer(middleware::from_fn(tag));
        }
        // On the method alone: what is no route is answered by the router, whoever asks.
        let guarded =
            handler.route_layer(middleware::from_fn_with_state((backend.clone(), route), guard::<B>));
        router.route(route.path, guarded)
    })
}

fn handler<B: Backend>(route: &Route) -> Option<MethodRouter<B>> {
    api_routes::handler(route)
        .or_else(|| sign_in::handler(route))
        .or_else(|| pages::handler(route))
        .or_else(|| open_routes::handler(route))
}
