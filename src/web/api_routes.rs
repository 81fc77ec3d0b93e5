//! The API: checks who asks and what they wrote, then hands it to the backend.

use axum::Router;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{DefaultBodyLimit, Extension, FromRequestParts, Json, Path, Query, Request, State};
use axum::http::Uri;
use axum::http::request::Parts;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::Backend;
use super::accounts::Permission;
use super::alert_routes::{alerts, test_alert};
use super::audit_routes::{audit, erase};
use super::backup_routes::backup;
use super::events::events;
use super::fleet_routes::{fleet, host, hosts, named_stack, sources, stack, system};
use super::gate::Aim;
use super::news::news;
use super::paging::page;
use super::reply::{Answer, Refusal, answer, guard_headers};
use super::routes::routes;
use super::streams::Streams;
use super::token_routes::{self, sign_in_link, tokens};
use crate::api::{
    ActionReply, ApplyBody, ApproveBody, ApproveHostsBody, CancelBody, ErrorBody, ErrorCode, Explanation,
    Listener, MergeRequestQuery, Method, PREFIX, PlanBody, PreviewBody, Route, RunQuery, RunView, StackList,
    StackQuery, Status, document,
};
use crate::domain::{Caller, DriftReport, RunId, SourceName, StackId};

/// The largest body that is read. The largest that means something is far smaller.
pub(super) const BODY_BYTES: usize = 64 * 1024;

/// How many streams the unix socket serves at once: it has more places than that.
const STREAMS: usize = 48;

/// The routes of the unix socket. Who asks comes as an extension of the request, a [`Permission`], put there by the
/// listener; a request without one is refused.
pub fn api_router<B: Backend>(backend: B) -> Router {
    routes(&backend, Listener::is_socket)
        .fallback(no_such_route)
        .method_not_allowed_fallback(no_such_method)
        .layer(DefaultBodyLimit::max(BODY_BYTES))
        .layer(Extension(Streams::new(STREAMS)))
        .layer(middleware::from_fn(only_administrators))
        .with_state(backend)
}

pub(super) fn handler<B: Backend>(route: &Route) -> Option<MethodRouter<B>> {
    let path = route.path.strip_prefix(PREFIX)?;
    Some(match (route.method, path) {
        (Method::Get, "/status") => get(status::<B>),
        (Method::Get, "/stacks") => get(stacks::<B>),
        (Method::Get, "/fleet") => get(fleet::<B>),
        (Method::Get, "/stacks/{source}/{stack}") => get(stack::<B>),
        (Method::Get, "/sources") => get(sources::<B>),
        (Method::Get, "/hosts") => get(hosts::<B>),
        (Method::Get, "/hosts/{host}") => get(host::<B>),
        (Method::Get, "/system") => get(system::<B>),
        (Method::Get, "/stacks/{source}/{stack}/explain") => get(explain::<B>),
        (Method::Get, "/stacks/{source}/{stack}/drift") => get(drift::<B>),
        (Method::Post, "/stacks/{source}/{stack}/plan") => post(plan::<B>),
        (Method::Post, "/stacks/{source}/{stack}/approve") => post(approve_hosts::<B>),
        (Method::Post, "/stacks/{source}/{stack}/apply") => post(apply::<B>),
        (Method::Post, "/stacks/{source}/{stack}/suspend") => post(suspend::<B>),
        (Method::Post, "/stacks/{source}/{stack}/resume") => post(resume::<B>),
        (Method::Get, "/runs") => get(runs::<B>),
        (Method::Get, "/runs/{run}") => get(run::<B>),
        (Method::Get, "/runs/{run}/events") => get(events::<B>),
        (Method::Get, "/events") => get(news::<B>),
        (Method::Get, "/openapi.json") => get(openapi),
        (Method::Post, "/runs/{run}/cancel") => post(cancel::<B>),
        (Method::Get, "/merge-requests") => get(merge_requests::<B>),
        (Method::Post, "/sources/{source}/merge-requests/{number}/preview") => post(preview::<B>),
        (Method::Post, "/sources/{source}/approve") => post(approve::<B>),
        (Method::Get, "/alerts") => get(alerts::<B>),
        (Method::Post, "/alerts/test") => post(test_alert::<B>),
        (Method::Get, "/audit") => get(audit::<B>),
        (Method::Post, "/backup") => post(backup::<B>),
        (Method::Post, "/audit/erase") => post(erase::<B>),
        (Method::Get, "/tokens") => get(tokens::<B>),
        (Method::Post, "/tokens") => post(token_routes::make::<B>),
        (Method::Post, "/tokens/{token}/revoke") => post(token_routes::revoke::<B>),
        (Method::Post, "/sign-in-link") => post(sign_in_link::<B>),
        (Method::Get, path) => return super::record_routes::handler::<B>(path),
        (Method::Post, _) => return None,
    })
}

/// Lets administrators through and hands on who they are. Everything on the socket passes here, unknown routes too.
async fn only_administrators(mut request: Request, next: Next) -> Response {
    let response = match request.extensions_mut().remove::<Permission>() {
        Some(Permission::Granted(caller)) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Some(Permission::Denied(name)) => Refusal(denied(&name)).into_response(),
        None => Refusal(ErrorBody::new(ErrorCode::NotPermitted, "nobody knows who asks")).into_response(),
    };
    guard_headers(response)
}

fn denied(name: &str) -> ErrorBody {
    ErrorBody::new(ErrorCode::NotPermitted, format!("{name} may not use this daemon")).remedy(format!(
        "ask an administrator to add {name} to the group of driftless administrators in /etc/group, or use sudo"
    ))
}

pub(super) async fn no_such_route() -> Refusal {
    Refusal(ErrorBody::not_found("there is no such route").remedy("docs/api.md lists the routes"))
}

pub(super) async fn no_such_method() -> Refusal {
    let error = ErrorBody::new(ErrorCode::NoSuchMethod, "this route does not take this method");
    Refusal(error.remedy("GET looks, POST acts"))
}

/// The stack that a path names. The gate found it, in the scope of the caller.
pub(super) struct Stack(pub(super) StackId);

/// The run that a path names. The gate saw that it is in the scope of the caller.
pub(super) struct AskedRun(pub(super) RunId);

/// The source that a path names. The gate saw that it is in the scope of the caller.
pub(super) struct AskedSource(pub(super) SourceName);

macro_rules! aimed_at {
    ($name:ident, $aim:ident) => {
        impl<S: Send + Sync> FromRequestParts<S> for $name {
            type Rejection = Refusal;
            async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Refusal> {
                match parts.extensions.get::<Aim>() {
                    Some(Aim::$aim(it)) => Ok(Self(it.clone())),
                    _ => Err(Refusal(ErrorBody::new(ErrorCode::Internal, "the gate did not look at this"))),
                }
            }
        }
    };
}

aimed_at!(Stack, Stack);
aimed_at!(AskedRun, Run);
aimed_at!(AskedSource, Source);

async fn status<B: Backend>(
    State(backend): State<B>,
    Extension(caller): Extension<Caller>,
) -> Answer<Status> {
    answer(backend.status().await.map(|it| it.seen_by(&caller.scope)))
}

async fn stacks<B: Backend>(
    State(backend): State<B>,
    Extension(caller): Extension<Caller>,
    uri: Uri,
    query: Result<Query<StackQuery>, QueryRejection>,
) -> Result<Response, Refusal> {
    let Query(query) = query?;
    let mut stacks = backend.stacks().await?;
    stacks.retain(|it| caller.scope.has_stack(&it.id));
    let next = query.choose(&mut stacks)?.map(|it| it.to_string());
    Ok(page(StackList { stacks }, &uri, &[("next", "after", next)]))
}

async fn explain<B: Backend>(State(backend): State<B>, Stack(stack): Stack) -> Answer<Explanation> {
    answer(backend.explain(stack).await)
}

/// A body: a JSON object. It may be left out, which means all defaults.
pub(super) type Wanted = Result<Option<Json<Map<String, Value>>>, JsonRejection>;

/// Reads a body. Only an object is one: a list of values without names would be read by their order.
pub(super) fn body<T: DeserializeOwned>(wanted: Wanted) -> Result<T, Refusal> {
    let mut fields = Value::Object(wanted?.map(|Json(it)| it).unwrap_or_default());
    with_whole_numbers(&mut fields);
    serde_json::from_value(fields)
        .map_err(|error| ErrorBody::bad_request(format!("the body is refused: {error}")).into())
}

/// JSON has one kind of number: `5.0` is 5.
fn with_whole_numbers(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(with_whole_numbers),
        Value::Object(fields) => fields.values_mut().for_each(with_whole_numbers),
        Value::Number(number) if number.is_f64() => {
            let whole = number.as_f64().filter(|it| it.fract() == 0.0 && it.abs() < 1e15);
            if let Some(whole) = whole.and_then(|it| format!("{it:.0}").parse::<i64>().ok()) {
                *value = whole.into();
            }
        }
        _ => {}
    }
}

async fn apply<B: Backend>(
    State(backend): State<B>,
    Stack(stack): Stack,
    Extension(by): Extension<Caller>,
    wanted: Wanted,
) -> Answer<ActionReply> {
    let body: ApplyBody = body(wanted)?;
    body.check()?;
    answer(backend.apply(stack, body, by).await)
}

async fn drift<B: Backend>(State(backend): State<B>, Stack(stack): Stack) -> Answer<DriftReport> {
    answer(backend.drift(stack).await)
}

async fn plan<B: Backend>(
    State(backend): State<B>,
    Stack(stack): Stack,
    Extension(by): Extension<Caller>,
    wanted: Wanted,
) -> Answer<ActionReply> {
    let body: PlanBody = body(wanted)?;
    body.check()?;
    answer(backend.plan(stack, body, by).await)
}

async fn approve_hosts<B: Backend>(
    State(backend): State<B>,
    Stack(stack): Stack,
    Extension(by): Extension<Caller>,
    wanted: Wanted,
) -> Answer<ActionReply> {
    answer(backend.approve_hosts(stack, body::<ApproveHostsBody>(wanted)?, by).await)
}

async fn suspend<B: Backend>(
    State(backend): State<B>,
    Stack(stack): Stack,
    Extension(by): Extension<Caller>,
) -> Answer<ActionReply> {
    answer(backend.suspend(stack, by).await)
}

async fn resume<B: Backend>(
    State(backend): State<B>,
    Stack(stack): Stack,
    Extension(by): Extension<Caller>,
) -> Answer<ActionReply> {
    answer(backend.resume(stack, by).await)
}

async fn runs<B: Backend>(
    State(backend): State<B>,
    Extension(caller): Extension<Caller>,
    uri: Uri,
    query: Result<Query<RunQuery>, QueryRejection>,
) -> Result<Response, Refusal> {
    let Query(query) = query?;
    let stack = named_stack(&backend, &caller, query.stack.as_deref()).await?;
    let back = query.after.is_some();
    let list = backend.runs(query.filter(stack, caller.scope)?).await?;
    let older = list.runs.last().filter(|_| list.more || back).map(|it| it.run.to_string());
    let newer = list.runs.first().map(|it| it.run.to_string());
    Ok(page(list, &uri, &[("next", "before", older), ("prev", "after", newer)]))
}

async fn openapi() -> Json<Value> {
    Json(document(env!("CARGO_PKG_VERSION")))
}

async fn run<B: Backend>(State(backend): State<B>, AskedRun(run): AskedRun) -> Answer<RunView> {
    answer(backend.run(run).await)
}

async fn cancel<B: Backend>(
    State(backend): State<B>,
    AskedRun(run): AskedRun,
    Extension(by): Extension<Caller>,
    wanted: Wanted,
) -> Answer<ActionReply> {
    answer(backend.cancel(run, body::<CancelBody>(wanted)?, by).await)
}

async fn merge_requests<B: Backend>(
    State(backend): State<B>,
    Extension(caller): Extension<Caller>,
    uri: Uri,
    query: Result<Query<MergeRequestQuery>, QueryRejection>,
) -> Result<Response, Refusal> {
    let Query(query) = query?;
    let mut list = backend.merge_requests().await?;
    // They are of a source as a whole, and show all that they touch.
    list.merge_requests.retain(|it| caller.scope.has_source(&it.source));
    let next = query.choose(&mut list.merge_requests)?;
    Ok(page(list, &uri, &[("next", "after", next)]))
}

async fn preview<B: Backend>(
    State(backend): State<B>,
    AskedSource(source): AskedSource,
    Path((_, number)): Path<(String, String)>,
    Extension(by): Extension<Caller>,
    wanted: Wanted,
) -> Answer<ActionReply> {
    answer(backend.preview(source, number.parse()?, body::<PreviewBody>(wanted)?, by).await)
}

async fn approve<B: Backend>(
    State(backend): State<B>,
    AskedSource(source): AskedSource,
    Extension(by): Extension<Caller>,
    wanted: Wanted,
) -> Answer<ActionReply> {
    answer(backend.approve(source, body::<ApproveBody>(wanted)?, by).await)
}
