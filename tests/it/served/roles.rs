//! Who may do what: every route of the table, for every role, on both listeners.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use axum::{Extension, Router};
use http_body_util::BodyExt;
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;

use super::memory::Memory;
use driftless::api::{Access, ErrorBody, ErrorCode, Listener, Method, ROUTES, Route};
use driftless::domain::{Caller, Proof, Role as Granted, Scope};
use driftless::web::{Permission, api_router, open_router};

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Administrator,
    Other,
    /// The listener did not say who asks: a fault, which must fail closed.
    Unknown,
}

fn router(listener: Listener, role: Role, backend: &Memory) -> Router {
    let caller = Caller {
        name: "ann".to_owned(),
        role: Granted::Admin,
        scope: Scope::All,
        proof: Proof::Socket { uid: 1001 },
    };
    let router = match listener {
        Listener::Socket => api_router(backend.clone()),
        Listener::Tcp => open_router(backend.clone()),
    };
    match role {
        Role::Administrator => router.layer(Extension(Permission::Granted(caller))),
        Role::Other => router.layer(Extension(Permission::Denied("ann".to_owned()))),
        Role::Unknown => router,
    }
}

/// A request that the route understands.
fn request(route: &Route) -> Request<Body> {
    let path = route
        .path
        .replace("{source}", "infra")
        .replace("{stack}", "web")
        .replace("{run}", "7")
        .replace("{number}", "12");
    let (method, body) = match route.method {
        Method::Get => ("GET", String::new()),
        Method::Post if path.ends_with("/web/approve") => ("POST", "{\"digest\":\"00ff\"}".to_owned()),
        Method::Post if path.ends_with("/preview") => {
            ("POST", format!("{{\"head\":\"{}\"}}", "ab".repeat(20)))
        }
        Method::Post if path.ends_with("/approve") => {
            ("POST", format!("{{\"commit\":\"{}\"}}", "ab".repeat(20)))
        }
        Method::Post if path.ends_with("/test") => ("POST", "{\"receiver\":\"ops\"}".to_owned()),
        Method::Post if path.ends_with("/erase") => ("POST", "{\"name\":\"alice\"}".to_owned()),
        Method::Post => ("POST", "{}".to_owned()),
    };
    let request = Request::builder().method(method).uri(path).header("content-type", "application/json");
    request.body(Body::from(body)).expect("a request")
}

async fn status(router: Router, request: Request<Body>) -> (StatusCode, Vec<u8>) {
    let response = TowerToHyperService::new(router).call(request).await.expect("an answer");
    let status = response.status();
    for header in ["cache-control", "x-content-type-options", "content-security-policy"] {
        assert!(response.headers().contains_key(header), "no {header}");
    }
    (status, response.into_body().collect().await.expect("a body").to_bytes().to_vec())
}

#[tokio::test]
async fn every_route_is_open_to_those_it_is_for_and_to_nobody_else() {
    for route in ROUTES {
        for role in [Role::Administrator, Role::Other, Role::Unknown] {
            let backend = Memory::default();
            backend.end();
            let (status, body) = status(router(route.listener, role, &backend), request(&route)).await;
            let place = format!("{:?} {} as {role:?}", route.method, route.path);
            if route.listener == Listener::Socket && role != Role::Administrator {
                assert_eq!(status, StatusCode::FORBIDDEN, "{place}");
                let error: ErrorBody = serde_json::from_slice(&body).expect("an error");
                assert_eq!(error.code, ErrorCode::NotPermitted, "{place}");
                assert_eq!(error.remedy.is_some(), role == Role::Other, "{place}");
            } else if route.access == Access::Senders {
                // Whoever asks: without a proof nothing is done, and nothing is told.
                assert_eq!(status, StatusCode::UNAUTHORIZED, "{place}");
            } else if route.path == "/readyz" {
                assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{place}");
            } else {
                assert_eq!(status, StatusCode::OK, "{place}: {}", String::from_utf8_lossy(&body));
            }
            let may_act = matches!(route.access, Access::Role(_))
                && route.method == Method::Post
                && role == Role::Administrator;
            assert_eq!(backend.acted().len(), usize::from(may_act), "{place}");
        }
    }
}

#[tokio::test]
async fn no_route_is_served_by_the_other_listener_or_method() {
    for route in ROUTES {
        let backend = Memory::default();
        let other = if route.listener == Listener::Socket { Listener::Tcp } else { Listener::Socket };
        let (code, _) = status(router(other, Role::Administrator, &backend), request(&route)).await;
        assert_eq!(code, StatusCode::NOT_FOUND, "{}", route.path);

        let mut wrong = request(&route);
        let post = route.method == Method::Get;
        *wrong.method_mut() = if post { http::Method::POST } else { http::Method::GET };
        let (code, _) = status(router(route.listener, Role::Administrator, &backend), wrong).await;
        assert!(code.is_client_error(), "{}: {code}", route.path);
        assert!(backend.acted().is_empty(), "{}", route.path);
    }
}

#[tokio::test]
async fn unknown_paths_tell_strangers_nothing() {
    let backend = Memory::default();
    for (role, wanted) in [(Role::Administrator, StatusCode::NOT_FOUND), (Role::Other, StatusCode::FORBIDDEN)]
    {
        let request = Request::builder().uri("/api/v1/secrets").body(Body::empty()).expect("a request");
        assert_eq!(status(router(Listener::Socket, role, &backend), request).await.0, wanted);
    }
}

#[test]
fn the_routes_are_documented() {
    let page = include_str!("../../../docs/api.md");
    for route in ROUTES {
        let row = match (route.listener, route.method) {
            (Listener::Socket, Method::Get) => format!("| GET | `{}` | {} |", route.path, route.about),
            (Listener::Socket, Method::Post) => format!("| POST | `{}` | {} |", route.path, route.about),
            (Listener::Tcp, _) => format!("| `{}` | {} |", route.path, route.about),
        };
        assert!(page.contains(&row), "docs/api.md lacks the line\n{row}");
    }
    for code in ErrorCode::ALL {
        let row = format!("| `{}` | {} |", code.as_str(), code.status());
        assert!(page.contains(&row), "docs/api.md lacks the line\n{row}");
    }
}
