//! The API's overviews: all stacks, one stack, sources, hosts, the daemon. Each tells a caller what is in their scope.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Extension, Path, Query, State};
use serde::Serialize;

use super::Backend;
use super::api_routes::Stack;
use super::reply::{Answer, answer};
use crate::api::{ErrorBody, Fleet, HostList, HostView, Older, SourceList, StackView, SystemView};
use crate::domain::{Caller, HostName, RunId, Scope};

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
) -> Answer<HostList> {
    Ok(Json(HostList { hosts: visible(backend.fleet().await?, &by.scope).hosts() }))
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
