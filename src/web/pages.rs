//! The pages: what a team looks at. HTML that is whole without JavaScript, made from the same answers as the API.
//!
//! Built from the rows of [`ROUTES`] that are pages, so a page that is not in the table is not served. Who asks comes as
//! an extension of the request, a [`Caller`](crate::domain::Caller); a request without one is refused. Nothing is ever
//! marked as safe but what [`Markup`](markup::Markup) made: text of others is escaped by the templates.

mod ansi;
mod answer;
mod assets;
mod audit;
mod commit;
mod context;
mod diff;
mod markup;
mod merge_request;
mod merge_requests;
mod run;
mod run_log;
mod run_task;
mod runs;
mod words;

use axum::Router;
use axum::routing::{MethodRouter, get};

use super::Backend;
use crate::api::{ROUTES, Route};

/// The pages and what they are made of. Whoever nests this says who asks: see [`Csrf`] for what comes beside it.
pub fn pages_router<B: Backend>(backend: B) -> Router {
    let served = ROUTES.iter().filter(|it| it.is_page());
    served
        .fold(Router::new(), |router, route| {
            let handler = handler::<B>(route).expect("each page in the table has a handler");
            router.route(route.path, handler)
        })
        .with_state(backend)
}

pub(super) fn handler<B: Backend>(route: &Route) -> Option<MethodRouter<B>> {
    Some(match route.path {
        "/" => get(answer::nothing_yet::<B>),
        "/runs" => get(runs::runs::<B>),
        "/runs/{run}" => get(run::run::<B>),
        "/runs/{run}/tasks/{task}" => get(run_task::run_task::<B>),
        "/runs/{run}/log" => get(run_log::run_log::<B>),
        "/merge-requests" => get(merge_requests::merge_requests::<B>),
        "/sources/{source}/merge-requests/{number}" => get(merge_request::merge_request::<B>),
        "/sources/{source}/commits/{commit}" => get(commit::commit::<B>),
        "/audit" => get(audit::audit::<B>),
        "/assets/{file}" => get(assets::asset),
        _ => return None,
    })
}
