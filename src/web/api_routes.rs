//! The API: checks who asks and what they wrote, then hands it to the backend.

use axum::Router;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{DefaultBodyLimit, Extension, FromRequestParts, Json, Path, Query, Request, State};
use axum::http::request::Parts;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::Backend;
use super::accounts::Permission;
use super::alert_routes::{alerts, test_alert};
use super::audit_routes::{audit, erase};
use super::backup_routes::backup;
use super::events::events;
use super::reply::{Answer, Refusal, answer, guard_headers};
use crate::api::{
    ActionReply, ApplyBody, ApproveBody, ApproveHostsBody, CancelBody, ErrorBody, ErrorCode, Explanation,
    Listener, MergeRequestList, Method, NameWanted, PREFIX, PlanBody, PreviewBody, ROUTES, Route, RunFilter,
    RunList, RunView, StackList, Status, resolve_stack,
};
use crate::domain::{Caller, DriftReport, RunId, SourceName, StackId};

/// The largest body that is read. The largest that means something is far smaller.
const BODY_BYTES: usize = 64 * 1024;

/// The routes of the API. Who asks comes as an extension of the request, a [`Permission`], put there by the listener;
/// a request without one is refused.
pub fn api_router<B: Backend>(backend: B) -> Router {
    let served = ROUTES.iter().filter(|it| it.listener == Listener::Socket);
    served
        .fold(Router::new(), |router, route| {
            let handler = handler::<B>(route).expect("each route of the socket in the table has a handler");
            router.route(route.path, handler)
        })
        .fallback(no_such_route)
        .method_not_allowed_fallback(no_such_method)
        .layer(DefaultBodyLimit::max(BODY_BYTES))
        .layer(middleware::from_fn(only_administrators))
        .with_state(backend)
}

fn handler<B: Backend>(route: &Route) -> Option<MethodRouter<B>> {
    let path = route.path.strip_prefix(PREFIX)?;
    Some(match (route.method, path) {
        (Method::Get, "/status") => get(status::<B>),
        (Method::Get, "/stacks") => get(stacks::<B>),
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
        (Method::Post, "/runs/{run}/cancel") => post(cancel::<B>),
        (Method::Get, "/merge-requests") => get(merge_requests::<B>),
        (Method::Post, "/sources/{source}/merge-requests/{number}/preview") => post(preview::<B>),
        (Method::Post, "/sources/{source}/approve") => post(approve::<B>),
        (Method::Get, "/alerts") => get(alerts::<B>),
        (Method::Post, "/alerts/test") => post(test_alert::<B>),
        (Method::Get, "/audit") => get(audit::<B>),
        (Method::Post, "/backup") => post(backup::<B>),
        (Method::Post, "/audit/erase") => post(erase::<B>),
        _ => return None,
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

async fn no_such_route() -> Refusal {
    Refusal(ErrorBody::not_found("there is no such route").remedy("docs/api.md lists the routes"))
}

async fn no_such_method() -> Refusal {
    Refusal(ErrorBody::bad_request("this route does not take this method").remedy("GET looks, POST acts"))
}

/// The stack that a path names.
struct Stack(StackId);

impl<B: Backend> FromRequestParts<B> for Stack {
    type Rejection = Refusal;
    async fn from_request_parts(parts: &mut Parts, backend: &B) -> Result<Self, Refusal> {
        let Path((source, stack)) = Path::<(String, String)>::from_request_parts(parts, backend)
            .await
            .map_err(|it| Refusal(ErrorBody::bad_request(it.body_text())))?;
        let wanted = NameWanted::from_path(&source, &stack)?;
        Ok(Self(resolve_stack(&wanted, &backend.stack_ids().await?)?))
    }
}

/// The run that a path names.
pub(super) struct AskedRun(pub(super) RunId);

impl<B: Backend> FromRequestParts<B> for AskedRun {
    type Rejection = Refusal;
    async fn from_request_parts(parts: &mut Parts, backend: &B) -> Result<Self, Refusal> {
        let Path(run) = Path::<String>::from_request_parts(parts, backend)
            .await
            .map_err(|it| Refusal(ErrorBody::bad_request(it.body_text())))?;
        Ok(Self(run.parse()?))
    }
}

async fn status<B: Backend>(State(backend): State<B>) -> Answer<Status> {
    answer(backend.status().await)
}

async fn stacks<B: Backend>(State(backend): State<B>) -> Answer<StackList> {
    answer(backend.stacks().await.map(|stacks| StackList { stacks }))
}

async fn explain<B: Backend>(State(backend): State<B>, Stack(stack): Stack) -> Answer<Explanation> {
    answer(backend.explain(stack).await)
}

/// A body: a JSON object. It may be left out, which means all defaults.
pub(super) type Wanted = Result<Option<Json<Map<String, Value>>>, JsonRejection>;

/// Reads a body. Only an object is one: a list of values without names would be read by their order.
pub(super) fn body<T: DeserializeOwned>(wanted: Wanted) -> Result<T, Refusal> {
    let fields = wanted?.map(|Json(it)| it).unwrap_or_default();
    serde_json::from_value(Value::Object(fields))
        .map_err(|error| ErrorBody::bad_request(format!("the body is refused: {error}")).into())
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

/// The query of a list of runs.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RunQuery {
    stack: Option<String>,
    before: Option<u64>,
    count: Option<u32>,
}

async fn runs<B: Backend>(
    State(backend): State<B>,
    query: Result<Query<RunQuery>, QueryRejection>,
) -> Answer<RunList> {
    let Query(query) = query?;
    let count = query.count.unwrap_or(RunFilter::USUAL);
    if !(1..=RunFilter::MOST).contains(&count) {
        return Err(ErrorBody::bad_request(format!("`count` goes from 1 to {}", RunFilter::MOST)).into());
    }
    let stack = match query.stack {
        Some(given) => Some(resolve_stack(&given.parse::<NameWanted>()?, &backend.stack_ids().await?)?),
        None => None,
    };
    answer(backend.runs(RunFilter { stack, before: query.before.map(RunId), count }).await)
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

async fn merge_requests<B: Backend>(State(backend): State<B>) -> Answer<MergeRequestList> {
    answer(backend.merge_requests().await)
}

async fn preview<B: Backend>(
    State(backend): State<B>,
    Path((source, number)): Path<(String, String)>,
    Extension(by): Extension<Caller>,
    wanted: Wanted,
) -> Answer<ActionReply> {
    let refused = |it: crate::domain::NameError| Refusal::from(it);
    let (source, number) = (source.parse().map_err(refused)?, number.parse().map_err(refused)?);
    answer(backend.preview(source, number, body::<PreviewBody>(wanted)?, by).await)
}

async fn approve<B: Backend>(
    State(backend): State<B>,
    Path(source): Path<String>,
    Extension(by): Extension<Caller>,
    wanted: Wanted,
) -> Answer<ActionReply> {
    let source: SourceName = source.parse().map_err(|it: crate::domain::NameError| Refusal::from(it))?;
    answer(backend.approve(source, body::<ApproveBody>(wanted)?, by).await)
}
