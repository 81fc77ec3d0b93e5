//! Who may do what: every route of the table, for every role and scope, on both listeners.
//!
//! What is expected is written down here once more, by hand: a route that is not in the list fails the test, and so does
//! one whose demands were changed only in the table.

mod expected;

use std::net::{IpAddr, Ipv4Addr};

use axum::body::Body;
use axum::http::{Request, StatusCode};
use axum::{Extension, Router};
use http_body_util::BodyExt;
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;

use self::expected::{EXPECTED, For};
use super::memory::Memory;
use driftless::api::{ErrorBody, ErrorCode, Listener, Method, ROUTES, Route};
use driftless::domain::{Caller, Grant, Proof, Role, Scope};
use driftless::web::{Keeper as _, Kept, Peer, Permission, api_router, open_router};

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Who {
    /// Nobody that is known: a stranger over TCP, another user of this machine on the socket.
    Nobody,
    /// Somebody with a token that does not work.
    Pretender,
    /// The listener did not say who asks: a fault, which must fail closed.
    Unknown,
    /// Somebody with a role and a scope.
    Known(Role, Scope),
}

/// What is asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    /// `infra/web`, and what is of it.
    Own,
    /// `lab/db`, and what is of it.
    Foreign,
    /// What there is not.
    Nothing,
}

fn scopes() -> [Scope; 3] {
    let only = |it: &str| Scope::Only([it.parse::<Grant>().expect("a grant")].into());
    [Scope::All, only("infra"), only("infra/web")]
}

fn everybody() -> Vec<Who> {
    let known = Role::ALL.into_iter().flat_map(|role| scopes().map(|scope| Who::Known(role, scope)));
    [Who::Nobody, Who::Pretender, Who::Unknown].into_iter().chain(known).collect()
}

/// The router of a listener, and the token that the caller sends, if the listener wants one.
fn router(listener: Listener, who: &Who, backend: &Memory) -> (Router, Option<String>) {
    if listener == Listener::Socket {
        let router = api_router(backend.clone());
        let permission = match who {
            Who::Unknown => return (router, None),
            Who::Nobody | Who::Pretender => Permission::Denied("ann".to_owned()),
            Who::Known(role, scope) => Permission::Granted(Caller {
                name: "ann".to_owned(),
                role: *role,
                scope: scope.clone(),
                proof: Proof::Socket { uid: 1001 },
            }),
        };
        return (router.layer(Extension(permission)), None);
    }
    let router = open_router(backend.clone());
    let token = match who {
        Who::Known(role, scope) => Some(backend.token("caller", *role, scope.clone())),
        Who::Pretender => {
            let other = Memory::default();
            // So that chance gives it another token than all that are made here.
            (0..100).for_each(|_| drop(other.chance()));
            Some(other.token("caller", Role::Admin, Scope::All))
        }
        Who::Nobody | Who::Unknown => None,
    };
    let peer = Peer::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7)));
    (if *who == Who::Unknown { router } else { router.layer(Extension(peer)) }, token)
}

/// A request that the route understands.
pub(super) fn request(route: &Route, what: Named) -> Request<Body> {
    let (source, stack, run) = what;
    let path = route
        .path
        .replace("{source}", source)
        .replace("{stack}", stack)
        .replace("{run}", run)
        .replace("{number}", "12")
        .replace("{commit}", &"ab".repeat(20))
        .replace("{task}", "0")
        .replace("{host}", "web1")
        .replace("{file}", "app.css")
        .replace("{token}", "doomed");
    let (method, body) = match route.method {
        Method::Get => ("GET", String::new()),
        Method::Post if route.path.ends_with("{stack}/approve") => {
            ("POST", "{\"digest\":\"00ff\"}".to_owned())
        }
        Method::Post if path.ends_with("/preview") => {
            ("POST", format!("{{\"head\":\"{}\"}}", "ab".repeat(20)))
        }
        Method::Post if path.ends_with("/approve") => {
            ("POST", format!("{{\"commit\":\"{}\"}}", "ab".repeat(20)))
        }
        Method::Post if path.ends_with("/test") => ("POST", "{\"receiver\":\"ops\"}".to_owned()),
        Method::Post if path.ends_with("/erase") => ("POST", "{\"name\":\"alice\"}".to_owned()),
        Method::Post if path.ends_with("/alerts/test") => ("POST", "{\"receiver\":\"ops\"}".to_owned()),
        Method::Post if path.ends_with("/tokens") => {
            ("POST", "{\"name\":\"new\",\"role\":\"viewer\"}".to_owned())
        }
        Method::Post => ("POST", "{}".to_owned()),
    };
    let request = Request::builder().method(method).uri(path).header("content-type", "application/json");
    request.body(Body::from(body)).expect("a request")
}

/// Source, stack and run of a path.
pub(super) type Named = (&'static str, &'static str, &'static str);

impl What {
    fn names(self) -> Named {
        match self {
            Self::Own => ("infra", "web", "7"),
            Self::Foreign => ("lab", "db", "8"),
            Self::Nothing => ("nil", "no", "9"),
        }
    }
}

pub(super) async fn answer(router: Router, request: Request<Body>) -> (StatusCode, Vec<u8>) {
    let response = TowerToHyperService::new(router).call(request).await.expect("an answer");
    let status = response.status();
    for header in ["cache-control", "x-content-type-options", "content-security-policy"] {
        assert!(response.headers().contains_key(header), "no {header}");
    }
    let content_type = response.headers().get("content-type").cloned();
    if content_type.is_some_and(|it| it == "text/event-stream") {
        // It goes on for ever.
        return (status, Vec::new());
    }
    (status, response.into_body().collect().await.expect("a body").to_bytes().to_vec())
}

fn name(route: &Route) -> String {
    format!("{} {}", if route.method == Method::Get { "GET" } else { "POST" }, route.path)
}

/// The status that somebody is to get.
fn expected(route: &Route, listener: Listener, expected: For, who: &Who, what: What) -> u16 {
    let tcp = listener == Listener::Tcp;
    let page = route.is_page() || expected == For::Session;
    let wanted = match expected {
        For::Everybody(status) => return status,
        For::Senders => return 401,
        For::Session => Role::Viewer,
        For::Stack(role)
        | For::Source(role)
        | For::Run(role)
        | For::Listed(role)
        | For::Same(role)
        | For::Daemon(role) => role,
    };
    let (role, scope) = match who {
        // A page sends strangers to the page to sign in; who sends a token is no browser.
        Who::Nobody if tcp && page => return 303,
        Who::Nobody | Who::Pretender if tcp => return 401,
        Who::Nobody | Who::Pretender | Who::Unknown => return 403,
        Who::Known(role, scope) => (*role, scope),
    };
    if role < wanted {
        return 403;
    }
    let (source, stack, _) = what.names();
    let has_stack = scope.has_stack(&format!("{source}/{stack}").parse().expect("a stack"));
    match expected {
        For::Stack(_) | For::Run(_) if !has_stack || what == What::Nothing => 404,
        For::Source(_) if !scope.has_source(&source.parse().expect("a source")) => 404,
        // Whether a source exists is for the backend to say; the one here lets all acts happen.
        For::Source(_) if what == What::Nothing && route.method == Method::Get => 404,
        For::Daemon(_) if *scope != Scope::All => 403,
        For::Session => 400,
        _ => 200,
    }
}

#[tokio::test]
async fn every_route_is_open_to_those_it_is_for_and_to_nobody_else() {
    let mut asked = 0;
    for route in ROUTES {
        let place = name(route);
        let mut known = EXPECTED.iter().filter(|it| it.0 == place);
        let (Some((_, wanted)), None) = (known.next(), known.next()) else {
            panic!("write down in EXPECTED who `{place}` is for");
        };
        for listener in [Listener::Socket, Listener::Tcp] {
            if !served(route, listener) {
                continue;
            }
            for who in everybody() {
                for what in [What::Own, What::Foreign, What::Nothing] {
                    one(route, listener, *wanted, &who, what).await;
                    asked += 1;
                }
            }
        }
    }
    assert_eq!(EXPECTED.len(), ROUTES.len(), "EXPECTED has what is no route any more");
    println!("{asked} requests");
    assert!(1500 < asked);
}

async fn one(route: &Route, listener: Listener, wanted: For, who: &Who, what: What) {
    let place = format!("{} on {listener:?} by {who:?} about {what:?}", name(route));
    let backend = Memory::with_foreign();
    backend.end();
    backend.token("doomed", Role::Viewer, Scope::All);
    let (router, token) = router(listener, who, &backend);
    let mut request = request(route, what.names());
    if let Some(token) = token {
        request.headers_mut().insert("authorization", format!("Bearer {token}").parse().expect("a header"));
    }
    let (status, body) = answer(router, request).await;
    let text = String::from_utf8_lossy(&body);
    assert_eq!(status.as_u16(), expected(route, listener, wanted, who, what), "{place}: {text}");
    let error =
        || serde_json::from_slice::<ErrorBody>(&body).unwrap_or_else(|it| panic!("{place}: {it}: {text}"));
    match status.as_u16() {
        _ if !route.is_api() => {}
        401 => assert_eq!(error().code, ErrorCode::NotSignedIn, "{place}"),
        403 => assert_eq!(error().code, ErrorCode::NotPermitted, "{place}"),
        404 => assert_eq!(error().code, ErrorCode::NotFound, "{place}"),
        _ => {}
    }
    if let (For::Listed(_), Who::Known(_, Scope::Only(_)), 200) = (wanted, who, status.as_u16()) {
        // The letters alone are in `label` and `available`.
        let foreign = ["\"lab\"", "lab/", ">lab<"].iter().any(|it| text.contains(it));
        assert!(!foreign, "{place} tells of what is foreign: {text}");
        assert!(!text.contains("daemon\""), "{place} tells of the daemon: {text}");
    }
    // What is done is done by those who may, and nothing is done by GET.
    let acts = route.is_api() && route.method == Method::Post && status == 200;
    let acted = backend.acted().len();
    let used = |it: &Kept| !matches!(it, Kept::TokenUsed(..));
    let kept = backend.kept().iter().filter(|it| used(it)).count();
    assert_eq!(acted + kept, usize::from(acts), "{place}");
}

fn served(route: &Route, listener: Listener) -> bool {
    if listener == Listener::Socket { route.listener.is_socket() } else { route.listener.is_tcp() }
}

#[tokio::test]
async fn what_is_foreign_is_told_as_what_does_not_exist() {
    let viewer = Who::Known(Role::Admin, scopes()[1].clone());
    for route in ROUTES.iter().filter(|it| it.is_api() && it.listener == Listener::Both) {
        let backend = Memory::with_foreign();
        let mut told = Vec::new();
        for what in [What::Foreign, What::Nothing] {
            let (router, token) = router(Listener::Tcp, &viewer, &backend);
            let mut request = request(route, what.names());
            let value = format!("Bearer {}", token.expect("a token")).parse().expect("a header");
            request.headers_mut().insert("authorization", value);
            let (status, body) = answer(router, request).await;
            let (source, stack, run) = what.names();
            let text = String::from_utf8_lossy(&body).replace(&format!("`{source}`"), "`it`");
            let text = text.replace(&format!("{source}/{stack}"), "it").replace(&format!("run {run}"), "it");
            told.push((status, text));
        }
        if route.path.contains("{source}") || route.path.contains("{run}") {
            assert_eq!(told[0].0, StatusCode::NOT_FOUND, "{}", route.path);
            assert_eq!(told[0], told[1], "{}", route.path);
        }
    }
}

#[tokio::test]
async fn no_route_is_served_by_the_other_listener_or_method() {
    let admin = Who::Known(Role::Admin, Scope::All);
    for route in ROUTES {
        let backend = Memory::with_foreign();
        for listener in [Listener::Socket, Listener::Tcp] {
            let (router, token) = router(listener, &admin, &backend);
            let mut request = request(route, What::Own.names());
            if let Some(token) = token {
                let value = format!("Bearer {token}").parse().expect("a header");
                request.headers_mut().insert("authorization", value);
            }
            if served(route, listener) {
                let post = route.method == Method::Get;
                let other = if post { http::Method::POST } else { http::Method::GET };
                *request.method_mut() = other.clone();
                let both = ROUTES.iter().filter(|it| it.path == route.path).count() == 2;
                let (code, _) = answer(router, request).await;
                assert!(code.is_client_error() || both, "{}: {code}", route.path);
            } else {
                let (code, _) = answer(router, request).await;
                assert_eq!(code, StatusCode::NOT_FOUND, "{}", route.path);
            }
        }
        assert!(backend.acted().is_empty(), "{}", route.path);
    }
}

#[tokio::test]
async fn unknown_paths_tell_strangers_nothing() {
    let backend = Memory::default();
    let admin = Who::Known(Role::Admin, Scope::All);
    for (listener, who, wanted) in [
        (Listener::Socket, &admin, StatusCode::NOT_FOUND),
        (Listener::Socket, &Who::Nobody, StatusCode::FORBIDDEN),
        (Listener::Tcp, &admin, StatusCode::NOT_FOUND),
        (Listener::Tcp, &Who::Nobody, StatusCode::UNAUTHORIZED),
        (Listener::Tcp, &Who::Pretender, StatusCode::UNAUTHORIZED),
    ] {
        let (router, token) = router(listener, who, &backend);
        let mut request = Request::builder().uri("/api/v1/secrets").body(Body::empty()).expect("a request");
        if let Some(token) = token {
            let value = format!("Bearer {token}").parse().expect("a header");
            request.headers_mut().insert("authorization", value);
        }
        assert_eq!(answer(router, request).await.0, wanted, "{listener:?} {who:?}");
    }
}

#[test]
fn the_routes_are_documented() {
    let page = include_str!("../../../docs/api.md");
    for route in ROUTES {
        let method = if route.method == Method::Get { "GET" } else { "POST" };
        let row = if route.is_api() {
            format!("| {method} | `{}` | {} |", route.path, route.about)
        } else {
            format!("| `{}` | {} |", route.path, route.about)
        };
        assert!(page.contains(&row), "docs/api.md lacks the line\n{row}");
    }
    for code in ErrorCode::ALL {
        let row = format!("| `{}` | {} |", code.as_str(), code.status());
        assert!(page.contains(&row), "docs/api.md lacks the line\n{row}");
    }
}
