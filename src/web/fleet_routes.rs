//! The API's overviews: all stacks, one stack, sources, hosts, the daemon. Each tells a caller what is in their scope.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Extension, Path, Query, State};
use axum::http::Uri;
use axum::response::Response;
use serde::Serialize;

use super::Backend;
use super::api_routes::Stack;
use super::paging::page;
use super::reply::{Answer, Refusal, answer};
use crate::api::{
    ErrorBody, Fleet, HostList, HostQuery, HostView, NameWanted, Older, SourceList, StackView, SystemView,
    resolve_stack,
};
use crate::domain::{Caller, HostName, RunId, Scope, StackId};

/// What of the fleet a caller may see. Without a copy where that is all of it.
pub(super) fn visible(fleet: Arc<Fleet>, scope: &Scope) -> Arc<Fleet> {
    if *scope == Scope::All { fleet } else { Arc::new(fleet.within(scope)) }
}

/// What of a host a caller may see. A host of other stacks alone is as unknown as one of none.
pub(super) fn visible_host(view: HostView, scope: &Scope) -> Result<HostView, ErrorBody> {
    let view = view.within(scope);
    if view.stacks.is_empty() && view.runs.is_empty() {
        return Err(no_such_host());
    }
    Ok(view)
}

/// What is said of a host that nobody knows, and of one that this caller may not know.
pub(super) fn no_such_host() -> ErrorBody {
    ErrorBody::not_found("no stack has such a host")
        .remedy("hosts are known once a run of their stack has told of them")
}

pub(super) async fn fleet<B: Backend>(
    State(backend): State<B>,
    Extension(by): Extension<Caller>,
) -> Answer<Shared> {
    Ok(Json(Shared(visible(backend.fleet().await?, &by.scope))))
}

/// An overview that others are shown, too.
pub(super) struct Shared(Arc<Fleet>);

impl Serialize for Shared {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

pub(super) async fn stack<B: Backend>(
    State(backend): State<B>,
    Stack(stack): Stack,
    query: Result<Query<Older>, QueryRejection>,
) -> Answer<StackView> {
    let Query(query) = query?;
    answer(backend.stack_view(stack, query.before.map(RunId)).await)
}

pub(super) async fn sources<B: Backend>(
    State(backend): State<B>,
    Extension(by): Extension<Caller>,
) -> Answer<SourceList> {
    let sources = backend.source_views().await?;
    let sources = sources.into_iter().filter_map(|it| it.within(&by.scope)).collect();
    Ok(Json(SourceList { sources }))
}

pub(super) async fn hosts<B: Backend>(
    State(backend): State<B>,
    Extension(by): Extension<Caller>,
    uri: Uri,
    query: Result<Query<HostQuery>, QueryRejection>,
) -> Result<Response, Refusal> {
    let Query(query) = query?;
    let stack = named_stack(&backend, &by, query.stack.as_deref()).await?;
    let mut hosts = visible(backend.fleet().await?, &by.scope).hosts();
    let next = query.choose(stack.as_ref(), &mut hosts)?.map(|it| it.to_string());
    Ok(page(HostList { hosts, more: next.is_some() }, &uri, &[("next", "after", next)]))
}

/// The stack that a query names, perhaps by its short name, among those that the caller may see.
pub(super) async fn named_stack<B: Backend>(
    backend: &B,
    by: &Caller,
    given: Option<&str>,
) -> Result<Option<StackId>, Refusal> {
    let Some(given) = given else { return Ok(None) };
    let mut known = backend.stack_ids().await?;
    known.retain(|it| by.scope.has_stack(it));
    Ok(Some(resolve_stack(&given.parse::<NameWanted>()?, &known)?))
}

pub(super) async fn host<B: Backend>(
    State(backend): State<B>,
    Extension(by): Extension<Caller>,
    Path(host): Path<String>,
) -> Answer<HostView> {
    answer(visible_host(backend.host_view(HostName::new(host)).await?, &by.scope))
}

pub(super) async fn system<B: Backend>(
    State(backend): State<B>,
    Extension(by): Extension<Caller>,
) -> Answer<SystemView> {
    answer(backend.system_view().await.map(|it| it.within(&by.scope)))
}
