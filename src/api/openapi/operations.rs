//! What each route takes and tells.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::Value;

use crate::api::{
    ActionReply, AlertList, AlertTestBody, ApplyBody, ApproveBody, ApproveHostsBody, AuditList, AuditQuery,
    AuditStanding, BackupBody, CancelBody, CommitView, EraseBody, EventLine, EventQuery, Explanation,
    LogPart, LogPosition, MergeRequestList, MergeRequestQuery, MergeRequestView, Method, News, NewsQuery,
    PREFIX, PlanBody, PreviewBody, RunList, RunQuery, RunView, SignInLink, StackList, StackQuery, Status,
    TaskQuery, TaskResults, TokenBody, TokenList, TokenMade,
};
use crate::api::{Fleet, HostList, HostQuery, HostView, Older, SourceList, StackView, SystemView};
use crate::domain::{DriftReport, RunOutline};

/// Makes the schema of a type.
pub(super) type Of = fn(&mut SchemaGenerator) -> Schema;

/// What one route takes and tells.
pub(super) struct Operation {
    /// Its name, which programs call it by.
    pub(super) id: &'static str,
    /// What may stand behind the `?`, whole.
    pub(super) query: Option<Of>,
    pub(super) body: Option<Body>,
    pub(super) told: Told,
    /// An answer.
    pub(super) example: Option<&'static str>,
}

/// What is sent along.
#[derive(Clone, Copy)]
pub(super) struct Body {
    pub(super) schema: Of,
    /// Whether it may be left out.
    pub(super) required: bool,
    pub(super) example: &'static str,
}

/// What is told.
#[derive(Clone, Copy)]
pub(super) enum Told {
    Json(Of),
    /// One JSON object a line, or server-sent events.
    Events(Of),
    /// Server-sent events.
    News(Of),
    /// A file.
    File,
}

fn schema<T: JsonSchema>(schemas: &mut SchemaGenerator) -> Schema {
    schemas.subschema_for::<T>()
}

fn whole<T: JsonSchema>(schemas: &mut SchemaGenerator) -> Schema {
    T::json_schema(schemas)
}

fn tells<T: JsonSchema>(id: &'static str) -> Operation {
    Operation { id, query: None, body: None, told: Told::Json(schema::<T>), example: None }
}

fn acts(id: &'static str) -> Operation {
    let example = r#"{"message":"an apply of infra/web is asked for","by":"ann","after":7}"#;
    Operation { example: Some(example), ..tells::<ActionReply>(id) }
}

impl Operation {
    fn asked<Q: JsonSchema>(self) -> Self {
        Self { query: Some(whole::<Q>), ..self }
    }

    /// With a body that may be left out.
    fn with<B: JsonSchema>(self, example: &'static str) -> Self {
        Self { body: Some(Body { schema: schema::<B>, required: false, example }), ..self }
    }

    /// With a body.
    fn needs<B: JsonSchema>(self, example: &'static str) -> Self {
        Self { body: Some(Body { schema: schema::<B>, required: true, example }), ..self }
    }

    fn like(self, example: &'static str) -> Self {
        Self { example: Some(example), ..self }
    }

    fn streams(self, told: Told) -> Self {
        Self { told, ..self }
    }
}

const RUNS: &str = r#"{"runs":[{"run":7,"stack":"infra/web",
    "revision":"main@sha1:4f2a9c01d74f2a9c01d74f2a9c01d74f2a9c01d7","mode":"apply","trigger":"new_revision",
    "selection":"full","decided_at":"2026-11-23T13:38:00Z","started_at":"2026-11-23T13:38:00Z",
    "ended_at":"2026-11-23T13:39:12Z","ending":{"outcome":"changed"},
    "hosts":{"total":3,"changed":2,"failed":0,"unreachable":0}}],"more":false}"#;

/// The operation of a route of the API.
pub(super) fn operation(method: Method, path: &str) -> Option<Operation> {
    let path = path.strip_prefix(PREFIX)?;
    of_stacks_and_runs(method, path).or_else(|| of_all_else(method, path))
}

fn of_stacks_and_runs(method: Method, path: &str) -> Option<Operation> {
    Some(match (method, path) {
        (Method::Get, "/status") => tells::<Status>("status"),
        (Method::Get, "/stacks") => tells::<StackList>("stacks").asked::<StackQuery>(),
        (Method::Get, "/fleet") => tells::<Fleet>("fleet"),
        (Method::Get, "/stacks/{source}/{stack}") => tells::<StackView>("stack").asked::<Older>(),
        (Method::Get, "/sources") => tells::<SourceList>("sources"),
        (Method::Get, "/hosts") => tells::<HostList>("hosts").asked::<HostQuery>(),
        (Method::Get, "/hosts/{host}") => tells::<HostView>("host"),
        (Method::Get, "/system") => tells::<SystemView>("system"),
        (Method::Get, "/stacks/{source}/{stack}/explain") => tells::<Explanation>("explain"),
        (Method::Get, "/stacks/{source}/{stack}/drift") => tells::<DriftReport>("drift"),
        (Method::Post, "/stacks/{source}/{stack}/apply") => {
            acts("apply").with::<ApplyBody>(r#"{"limit":"web1","tags":["certificates"]}"#)
        }
        (Method::Post, "/stacks/{source}/{stack}/plan") => {
            acts("plan").with::<PlanBody>(r#"{"limit":"web1"}"#)
        }
        (Method::Post, "/stacks/{source}/{stack}/approve") => {
            acts("approve_hosts").needs::<ApproveHostsBody>(r#"{"digest":"5d41402abc4b2a76"}"#)
        }
        (Method::Post, "/stacks/{source}/{stack}/suspend") => acts("suspend"),
        (Method::Post, "/stacks/{source}/{stack}/resume") => acts("resume"),
        (Method::Get, "/runs") => tells::<RunList>("runs").asked::<RunQuery>().like(RUNS),
        (Method::Get, "/runs/{run}") => tells::<RunView>("run"),
        (Method::Get, "/runs/{run}/events") => {
            tells::<Value>("run_events").asked::<EventQuery>().streams(Told::Events(schema::<EventLine>))
        }
        (Method::Get, "/openapi.json") => tells::<Value>("openapi"),
        (Method::Get, "/events") => {
            tells::<Value>("events").asked::<NewsQuery>().streams(Told::News(schema::<News>))
        }
        (Method::Post, "/runs/{run}/cancel") => acts("cancel").with::<CancelBody>(r#"{"suspend":false}"#),
        (Method::Post, "/sources/{source}/approve") => {
            acts("approve").needs::<ApproveBody>(r#"{"commit":"4f2a9c01d74f2a9c01d74f2a9c01d74f2a9c01d7"}"#)
        }
        (Method::Get, "/merge-requests") => {
            tells::<MergeRequestList>("merge_requests").asked::<MergeRequestQuery>()
        }
        (Method::Post, "/sources/{source}/merge-requests/{number}/preview") => {
            acts("preview").needs::<PreviewBody>(r#"{"head":"4f2a9c01d74f2a9c01d74f2a9c01d74f2a9c01d7"}"#)
        }
        _ => return None,
    })
}

fn of_all_else(method: Method, path: &str) -> Option<Operation> {
    Some(match (method, path) {
        (Method::Get, "/alerts") => tells::<AlertList>("alerts"),
        (Method::Post, "/alerts/test") => acts("test_alert").needs::<AlertTestBody>(r#"{"receiver":"ops"}"#),
        (Method::Post, "/backup") => {
            tells::<Value>("backup").with::<BackupBody>(r#"{"logs":true,"key":false}"#).streams(Told::File)
        }
        (Method::Get, "/runs/{run}/tasks") => tells::<RunOutline>("outline"),
        (Method::Get, "/runs/{run}/tasks/{task}") => {
            tells::<TaskResults>("task_results").asked::<TaskQuery>()
        }
        (Method::Get, "/runs/{run}/log") => tells::<LogPart>("raw_log").asked::<LogPosition>(),
        (Method::Get, "/sources/{source}/commits/{commit}") => tells::<CommitView>("commit"),
        (Method::Get, "/sources/{source}/merge-requests/{number}") => {
            tells::<MergeRequestView>("merge_request")
        }
        (Method::Get, "/audit/standing") => tells::<AuditStanding>("audit_standing"),
        (Method::Get, "/audit") => tells::<AuditList>("audit").asked::<AuditQuery>(),
        (Method::Post, "/audit/erase") => acts("erase").needs::<EraseBody>(r#"{"name":"alice"}"#),
        (Method::Get, "/tokens") => tells::<TokenList>("tokens"),
        (Method::Post, "/tokens") => tells::<TokenMade>("make_token")
            .needs::<TokenBody>(r#"{"name":"ci","role":"operator","stacks":["infra/web"]}"#),
        (Method::Post, "/tokens/{token}/revoke") => tells::<TokenList>("revoke_token"),
        (Method::Post, "/sign-in-link") => tells::<SignInLink>("sign_in_link"),
        _ => return None,
    })
}
