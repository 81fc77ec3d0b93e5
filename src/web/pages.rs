//! The pages: what a team looks at. HTML that is whole without JavaScript, made from the same answers as the API.
//!
//! Served by the TCP listener behind its gate: who asks comes as an extension of the request, a
//! [`Caller`](crate::domain::Caller); a request without one is refused here as well. Nothing is ever marked as safe but
//! what [`Markup`](markup::Markup) made: text of others is escaped by the templates.

mod acts;
mod ansi;
mod answer;
mod assets;
mod audit;
mod chart;
mod commit;
mod context;
mod diff;
mod fleet;
mod hosts;
mod markup;
mod merge_request;
mod merge_requests;
mod paging;
mod run;
mod run_log;
mod run_task;
mod runs;
mod stack;
mod standing;
mod system;
mod words;

#[cfg(test)]
mod tests;

use axum::http::Uri;
use axum::response::Response;
use axum::routing::{MethodRouter, get};

use super::Backend;
use crate::api::{ErrorBody, Route};
use crate::domain::Timestamp;

/// A page that says why another is not shown.
pub(super) fn refused(uri: &Uri, now: Timestamp, error: &ErrorBody) -> Response {
    answer::failed(&context::PageContext::new(None, None, now, uri), error)
}

/// What shows a page, or what pages are made of.
pub(super) fn handler<B: Backend>(route: &Route) -> Option<MethodRouter<B>> {
    Some(match route.path {
        "/" => get(fleet::page::<B>),
        "/stacks/{source}/{stack}" => get(stack::page::<B>),
        "/hosts" => get(hosts::list::<B>),
        "/hosts/{host}" => get(hosts::page::<B>),
        "/system" => get(system::page::<B>),
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
