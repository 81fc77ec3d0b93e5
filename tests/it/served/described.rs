//! What is served is what the OpenAPI document says: every answer fits its schema, and every error is a problem.

use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use axum::{Extension, Router};
use http_body_util::BodyExt;
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;
use jsonschema::Validator;
use serde_json::{Value, json};

use super::memory::Memory;
use super::roles::request;
use driftless::api::{Method, ROUTES, Route};
use driftless::domain::{Caller, Proof, Role, Scope};
use driftless::web::{Permission, api_router};

/// The document that is served, and the schemas in it.
struct Document(Value);

impl Document {
    fn operation(&self, route: &Route) -> &Value {
        let verb = if route.method == Method::Get { "get" } else { "post" };
        let operation = &self.0["paths"][route.path][verb];
        assert!(operation.is_object(), "{verb} {} is not described", route.path);
        operation
    }

    /// Of a schema within the document.
    fn validator(&self, schema: &Value) -> Validator {
        let mut whole = schema.clone();
        whole["components"] = self.0["components"].clone();
        jsonschema::options()
            .with_draft(jsonschema::Draft::Draft202012)
            .should_validate_formats(true)
            .build(&whole)
            .unwrap_or_else(|error| panic!("{error} in {schema}"))
    }

    fn fits(&self, schema: &Value, value: &Value, place: &str) {
        let validator = self.validator(schema);
        let wrong: Vec<String> =
            validator.iter_errors(value).map(|it| format!("{it} at {}", it.instance_path())).collect();
        assert!(wrong.is_empty(), "{place}: {wrong:#?}\n{value:#}");
    }
}

fn router(backend: &Memory) -> Router {
    let caller = Caller {
        name: "ann".to_owned(),
        role: Role::Admin,
        scope: Scope::All,
        proof: Proof::Socket { uid: 1001 },
    };
    api_router(backend.clone()).layer(Extension(Permission::Granted(caller)))
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

async fn ask(router: Router, request: Request<Body>) -> Answer {
    let response = TowerToHyperService::new(router).call(request).await.expect("an answer");
    let (parts, body) = response.into_parts();
    let is_stream = parts.headers.get("content-type").is_some_and(|it| it == "text/event-stream");
    // A stream goes on for ever.
    let body = if is_stream { Vec::new() } else { body.collect().await.expect("a body").to_bytes().to_vec() };
    Answer { status: parts.status, headers: parts.headers, body }
}

fn get(path: &str) -> Request<Body> {
    Request::builder().uri(path).body(Body::empty()).expect("a request")
}

async fn document() -> Document {
    let answer = ask(router(&Memory::default()), get("/api/v1/openapi.json")).await;
    assert_eq!(answer.status, StatusCode::OK);
    Document(serde_json::from_slice(&answer.body).expect("JSON"))
}

#[tokio::test]
async fn every_answer_fits_its_schema() {
    let document = document().await;
    for route in ROUTES.iter().filter(|it| it.is_api()) {
        let operation = document.operation(route);
        for backend in [Memory::default(), Memory::with_foreign()] {
            backend.end();
            let answer = ask(router(&backend), request(route, ("infra", "web", "7"))).await;
            let content = &operation["responses"]["200"]["content"];
            let kind = answer.headers["content-type"].to_str().expect("text");
            if answer.status != StatusCode::OK {
                // Such as a link to sign in where there is no page.
                assert_eq!(kind, "application/problem+json", "{}", route.path);
                continue;
            }
            let schema = &content[kind]["schema"];
            assert!(schema.is_object() || schema == true, "{} answers {kind}", route.path);
            if kind == "application/json" {
                let body: Value = serde_json::from_slice(&answer.body).expect("JSON");
                if schema.is_object() {
                    document.fits(schema, &body, route.path);
                }
            } else if kind == "application/x-ndjson" {
                for line in answer.body.split(|it| *it == b'\n').filter(|it| !it.is_empty()) {
                    let line: Value = serde_json::from_slice(line).expect("JSON");
                    document.fits(&schema["x-line"], &line, route.path);
                }
            }
        }
    }
}

#[tokio::test]
async fn every_example_fits_its_schema() {
    let document = document().await;
    for route in ROUTES.iter().filter(|it| it.is_api()) {
        let operation = document.operation(route);
        let body = &operation["requestBody"]["content"]["application/json"];
        let told = &operation["responses"]["200"]["content"]["application/json"];
        for content in [body, told].into_iter().filter(|it| it.get("example").is_some()) {
            document.fits(&content["schema"], &content["example"], route.path);
        }
    }
}

#[tokio::test]
async fn every_error_is_a_problem() {
    let document = document().await;
    let problem =
        &document.0["components"]["responses"]["Problem"]["content"]["application/problem+json"]["schema"];
    let post = |path: &str, kind: &str, body: &str| {
        let request = Request::builder().method("POST").uri(path).header("content-type", kind);
        request.body(Body::from(body.to_owned())).expect("a request")
    };
    let apply = "/api/v1/stacks/-/web/apply";
    let cases = [
        (get("/api/v1/nothing"), 404),
        (get("/api/v1/runs/99"), 404),
        (get("/api/v1/runs/x"), 400),
        (get("/api/v1/runs/7/events?from=18446744073709551615"), 400),
        (get("/api/v1/runs/%ff"), 400),
        (get("/api/v1/runs?count=0"), 400),
        (get("/api/v1/runs?nonsense=1"), 400),
        (get("/api/v1/runs?mode=maybe"), 400),
        (get("/api/v1/runs?since=yesterday"), 400),
        (get("/api/v1/stacks?after=x"), 400),
        (get("/api/v1/merge-requests?after=x"), 400),
        (get("/api/v1/audit?count=0"), 400),
        (get("/api/v1/stacks/-/wbe/explain"), 404),
        (post("/api/v1/status", "application/json", "{}"), 405),
        (post(apply, "application/json", "[]"), 400),
        (post(apply, "application/json", "{"), 400),
        (post(apply, "application/json", "{\"x\":1}"), 400),
        (post(apply, "text/plain", "{}"), 415),
        (post(apply, "application/json", &format!("\"{}\"", "a".repeat(100_000))), 413),
    ];
    for (request, status) in cases {
        let place = format!("{} {}", request.method(), request.uri());
        let answer = ask(router(&Memory::default()), request).await;
        let body = String::from_utf8_lossy(&answer.body).into_owned();
        assert_eq!(answer.status.as_u16(), status, "{place}: {body}");
        assert_eq!(answer.headers["content-type"], "application/problem+json", "{place}");
        let body: Value = serde_json::from_str(&body).expect("JSON");
        document.fits(problem, &body, &place);
        assert_eq!(body["status"], json!(status), "{place}");
        if status == 405 {
            assert!(answer.headers.contains_key("allow"), "{place}");
        }
    }
}

#[tokio::test]
async fn who_has_the_answer_already_is_told_so() {
    let backend = Memory::default();
    let first = ask(router(&backend), get("/api/v1/runs")).await;
    let tag = first.headers["etag"].clone();
    let mut again = get("/api/v1/runs");
    again.headers_mut().insert("if-none-match", tag.clone());
    let same = ask(router(&backend), again).await;
    assert_eq!((same.status, same.body.len()), (StatusCode::NOT_MODIFIED, 0));
    assert_eq!(same.headers["etag"], tag);
    backend.end();
    let mut changed = get("/api/v1/runs");
    changed.headers_mut().insert("if-none-match", tag);
    assert_eq!(ask(router(&backend), changed).await.status, StatusCode::OK);
}
