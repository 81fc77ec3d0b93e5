//! Signing in and out, and what a session is good for.

mod guesses;

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::{Extension, Router};
use http_body_util::BodyExt;
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;

use super::memory::Memory;
use driftless::api::SignInLink;
use driftless::domain::{Caller, Proof, Role, Scope, Session, Span};
use driftless::web::{GateSettings, Keeper as _, Kept, Peer, Permission, api_router, open_router};

/// A browser at an address of its own.
struct Browser {
    router: Router,
    cookies: Vec<(String, String)>,
}

/// What it gets.
struct Got {
    status: StatusCode,
    headers: HeaderMap,
    text: String,
}

impl Got {
    fn header(&self, name: header::HeaderName) -> &str {
        self.headers.get(name).map_or("", |it| it.to_str().expect("text"))
    }
}

impl Browser {
    fn at(backend: &Memory, address: [u8; 4]) -> Self {
        let router = open_router(backend.clone()).layer(Extension(Peer::new(address.into())));
        Self { router, cookies: Vec::new() }
    }

    fn new(backend: &Memory) -> Self {
        Self::at(backend, [192, 0, 2, 7])
    }

    /// Sends a request as a browser does from a page of ours, changed by `change`, and keeps the cookies.
    async fn send(
        &mut self,
        method: Method,
        path: &str,
        body: &str,
        change: impl FnOnce(&mut HeaderMap),
    ) -> Got {
        let mut request = Request::builder().method(&method).uri(path).body(Body::from(body.to_owned()));
        let request = request.as_mut().expect("a request");
        let headers = request.headers_mut();
        headers.insert(header::HOST, "127.0.0.1:9847".parse().expect("a header"));
        if method == Method::POST {
            let form = if path.starts_with("/api") {
                "application/json"
            } else {
                "application/x-www-form-urlencoded"
            };
            headers.insert(header::CONTENT_TYPE, form.parse().expect("a header"));
            headers.insert(header::ORIGIN, "http://127.0.0.1:9847".parse().expect("a header"));
            headers.insert("sec-fetch-site", "same-origin".parse().expect("a header"));
        }
        if !self.cookies.is_empty() {
            let cookies: Vec<String> = self.cookies.iter().map(|(name, it)| format!("{name}={it}")).collect();
            headers.insert(header::COOKIE, cookies.join("; ").parse().expect("a header"));
        }
        change(headers);
        let request = std::mem::take(request);
        let response = TowerToHyperService::new(self.router.clone()).call(request).await.expect("an answer");
        let (parts, body) = response.into_parts();
        for cookie in parts.headers.get_all(header::SET_COOKIE) {
            let (name, rest) = cookie.to_str().expect("text").split_once('=').expect("a cookie");
            let value = rest.split(';').next().unwrap_or_default().to_owned();
            self.cookies.retain(|(it, _)| it != name);
            if !value.is_empty() {
                self.cookies.push((name.to_owned(), value));
            }
        }
        let bytes = body.collect().await.expect("a body").to_bytes();
        Got {
            status: parts.status,
            headers: parts.headers,
            text: String::from_utf8_lossy(&bytes).into_owned(),
        }
    }

    async fn get(&mut self, path: &str) -> Got {
        self.send(Method::GET, path, "", |_| ()).await
    }

    async fn post(&mut self, path: &str, body: &str) -> Got {
        self.send(Method::POST, path, body, |_| ()).await
    }

    /// The secret of the session, and what its pages send along.
    fn session(&self) -> (String, String) {
        let (_, secret) = self.cookies.iter().find(|it| it.0 == "driftless").expect("a session");
        (secret.clone(), Session::csrf_of(secret))
    }

    /// Acts as a page of ours does.
    async fn act(&mut self, path: &str) -> Got {
        let (_, csrf) = self.session();
        let put = |it: &mut HeaderMap| drop(it.insert("x-driftless-csrf", csrf.parse().expect("a header")));
        self.send(Method::POST, path, "{}", put).await
    }
}

/// What is done to the headers of a request.
type Change = Box<dyn FnOnce(&mut HeaderMap)>;

const APPLY: &str = "/api/v1/stacks/-/web/apply";

#[tokio::test]
async fn a_token_signs_a_browser_in_until_it_signs_out() {
    let backend = Memory::default();
    let token = backend.token("ann-laptop", Role::Operator, Scope::All);
    let mut browser = Browser::new(&backend);
    assert_eq!(browser.get("/api/v1/status").await.status, StatusCode::UNAUTHORIZED);
    let page = browser.get("/sign-in?next=/runs/7").await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.text.contains(r#"name="next" value="/runs/7""#), "{}", page.text);
    assert!(page.header(header::CONTENT_SECURITY_POLICY).contains("script-src 'self'"));
    let got = browser.post("/sign-in", &format!("token={token}&next=/runs/7")).await;
    assert_eq!((got.status, got.header(header::LOCATION)), (StatusCode::SEE_OTHER, "/runs/7"));
    let cookie = got.header(header::SET_COOKIE);
    assert!(cookie.starts_with("driftless=") && !cookie.contains(&token), "{cookie}");
    assert!(cookie.ends_with("; Path=/; Max-Age=43200; HttpOnly; SameSite=Strict"), "{cookie}");
    assert!(matches!(&backend.kept()[1], Kept::SessionOpened(it) if it.name == "token:ann-laptop"));
    assert_eq!(browser.get("/api/v1/status").await.status, StatusCode::OK);
    assert_eq!(browser.act(APPLY).await.status, StatusCode::OK);
    assert_eq!(backend.acted(), ["token:ann-laptop applies infra/web limit  tags "]);
    assert_eq!(browser.act("/api/v1/tokens").await.status, StatusCode::FORBIDDEN, "an operator");

    let kept = browser.cookies.clone();
    assert_eq!(browser.post("/sign-out", "").await.status, StatusCode::FORBIDDEN, "of another page");
    let (_, csrf) = browser.session();
    let out = browser.post("/sign-out", &format!("csrf={csrf}")).await;
    assert_eq!((out.status, out.header(header::LOCATION)), (StatusCode::SEE_OTHER, "/sign-in"));
    assert!(browser.cookies.is_empty());
    browser.cookies = kept;
    assert_eq!(browser.get("/api/v1/status").await.status, StatusCode::UNAUTHORIZED, "it is over there, too");
}

#[tokio::test]
async fn what_does_not_come_from_our_page_changes_nothing() {
    let backend = Memory::default();
    let token = backend.token("ann", Role::Admin, Scope::All);
    let mut browser = Browser::new(&backend);
    let elsewhere = |it: &mut HeaderMap| {
        it.insert(header::ORIGIN, "http://evil.org".parse().expect("a header"));
        it.remove("sec-fetch-site");
    };
    let form = format!("token={token}");
    assert_eq!(browser.send(Method::POST, "/sign-in", &form, elsewhere).await.status, StatusCode::FORBIDDEN);
    assert!(browser.cookies.is_empty(), "nobody else signs this browser in");
    browser.post("/sign-in", &form).await;
    let (_, csrf) = browser.session();
    for route in driftless::api::ROUTES {
        if route.method != driftless::api::Method::Post || !route.is_api() || !route.listener.is_tcp() {
            continue;
        }
        let filled = route.path.replace("{source}", "infra").replace("{stack}", "web").replace("{run}", "7");
        let path = filled.replace("{number}", "12").replace("{token}", "ann");
        let lacks: [(&str, Change); 5] = [
            ("the word of the page", Box::new(|_| ())),
            (
                "the right word",
                Box::new(|it| drop(it.insert("x-driftless-csrf", "00".parse().expect("a header")))),
            ),
            ("our origin", {
                let csrf = csrf.clone();
                Box::new(move |it| {
                    it.insert("x-driftless-csrf", csrf.parse().expect("a header"));
                    it.insert(header::ORIGIN, "http://127.0.0.1:9848".parse().expect("a header"));
                })
            }),
            ("our site", {
                let csrf = csrf.clone();
                Box::new(move |it| {
                    it.insert("x-driftless-csrf", csrf.parse().expect("a header"));
                    it.insert("sec-fetch-site", "same-site".parse().expect("a header"));
                })
            }),
            ("any origin", {
                let csrf = csrf.clone();
                Box::new(move |it| {
                    it.insert("x-driftless-csrf", csrf.parse().expect("a header"));
                    it.remove("sec-fetch-site");
                    it.remove(header::ORIGIN);
                })
            }),
        ];
        for (what, change) in lacks {
            let got = browser.send(Method::POST, &path, "{}", change).await;
            assert_eq!(got.status, StatusCode::FORBIDDEN, "{path} without {what}: {}", got.text);
        }
    }
    assert!(backend.acted().is_empty());
    assert!(backend.kept().iter().all(|it| !matches!(it, Kept::TokenMade(_) | Kept::TokenRevoked(_))));
    assert_eq!(browser.act(APPLY).await.status, StatusCode::OK, "the session itself is good");
}

#[tokio::test]
async fn a_session_ends_with_its_token_and_its_time() {
    let backend = Memory::default();
    let token = backend.token("ann", Role::Viewer, Scope::All);
    let (mut idle, mut busy) = (Browser::new(&backend), Browser::new(&backend));
    for browser in [&mut idle, &mut busy] {
        browser.post("/sign-in", &format!("token={token}")).await;
    }
    for _ in 0..3 {
        backend.pass(Span::from_mins(50));
        assert_eq!(busy.get("/api/v1/status").await.status, StatusCode::OK);
    }
    assert_eq!(
        idle.get("/api/v1/status").await.status,
        StatusCode::UNAUTHORIZED,
        "an hour without a request"
    );
    backend.pass(Span::from_mins(30));
    let admin = backend.token("root", Role::Admin, Scope::All);
    let bearer = |it: &mut HeaderMap| {
        it.insert(header::AUTHORIZATION, format!("Bearer {admin}").parse().expect("a header"));
    };
    let mut program = Browser::new(&backend);
    let revoked = program.send(Method::POST, "/api/v1/tokens/ann/revoke", "{}", bearer).await;
    assert_eq!(revoked.status, StatusCode::OK, "{}", revoked.text);
    assert!(!revoked.text.contains("dlt_"), "{}", revoked.text);
    assert_eq!(busy.get("/api/v1/status").await.status, StatusCode::UNAUTHORIZED);
    // What was revoked, what has expired and what never was look the same.
    let mut told = Vec::new();
    let expired = backend.token("old", Role::Viewer, Scope::All);
    backend.pass(Span::from_hours(25));
    for token in [&token, &expired, &"dlt_aaaaaaaa_x".to_owned()] {
        let bearer = |it: &mut HeaderMap| {
            it.insert(header::AUTHORIZATION, format!("Bearer {token}").parse().expect("a header"));
        };
        let got = program.send(Method::GET, "/api/v1/status", "", bearer).await;
        told.push((got.status, got.text));
    }
    assert!(told.iter().all(|it| *it == told[0]) && told[0].0 == StatusCode::UNAUTHORIZED, "{told:?}");
}

#[tokio::test]
async fn a_link_of_the_control_node_works_once() {
    let backend = Memory::default();
    let caller = Caller {
        name: "ann".to_owned(),
        role: Role::Admin,
        scope: Scope::All,
        proof: Proof::Socket { uid: 1001 },
    };
    let link = async || {
        let router = api_router(backend.clone()).layer(Extension(Permission::Granted(caller.clone())));
        let mut socket = Browser { router, cookies: Vec::new() };
        let got = socket.post("/api/v1/sign-in-link", "{}").await;
        let link: SignInLink = serde_json::from_str(&got.text).expect("a link");
        let (page, code) = link.url.split_once("#code=").expect("a code that is not sent");
        assert_eq!(page, "http://127.0.0.1:9847/sign-in");
        code.to_owned()
    };
    let code = link().await;
    let mut browser = Browser::new(&backend);
    let got = browser.post("/sign-in", &format!("code={code}")).await;
    assert_eq!((got.status, got.header(header::LOCATION)), (StatusCode::SEE_OTHER, "/"));
    assert_eq!(browser.act(APPLY).await.status, StatusCode::OK);
    assert!(backend.acted()[0].starts_with("ann applies"), "{:?}", backend.acted());
    let again = Browser::new(&backend).post("/sign-in", &format!("code={code}")).await;
    assert_eq!(again.status, StatusCode::UNAUTHORIZED);
    let late = link().await;
    backend.pass(Span::from_mins(5));
    let late = Browser::new(&backend).post("/sign-in", &format!("code={late}")).await;
    assert_eq!(late.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn an_account_elsewhere_signs_in_the_browser_that_went_there() {
    let backend = Memory::default();
    let mut browser = Browser::new(&backend);
    let left = browser.get("/sign-in/oidc?next=/stacks/infra/web").await;
    assert_eq!(left.status, StatusCode::SEE_OTHER);
    let (_, state) = left.header(header::LOCATION).split_once("?state=").expect("a state");
    let state = state.to_owned();
    let page = browser.get(&format!("/sign-in/oidc/done?code=good&state={state}")).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.text.contains(r#"action="/sign-in/oidc""#) && page.text.contains(&state), "{}", page.text);
    assert!(backend.kept().is_empty(), "no GET signs in");
    for (who, form) in [
        ("another try", format!("code=good&state={}", "a".repeat(52))),
        ("a code that the provider does not know", format!("code=bad&state={state}")),
        ("no state", "code=good".to_owned()),
    ] {
        let got = browser.post("/sign-in/oidc", &form).await;
        assert_eq!(got.status, StatusCode::UNAUTHORIZED, "{who}");
    }
    let stolen = Browser::new(&backend).post("/sign-in/oidc", &format!("code=good&state={state}")).await;
    assert_eq!(stolen.status, StatusCode::UNAUTHORIZED, "another browser");
    let got = browser.post("/sign-in/oidc", &format!("code=good&state={state}")).await;
    assert_eq!((got.status, got.header(header::LOCATION)), (StatusCode::SEE_OTHER, "/stacks/infra/web"));
    assert_eq!(browser.cookies.len(), 1, "the try is over");
    assert_eq!(browser.get("/api/v1/status").await.status, StatusCode::OK);
    assert_eq!(browser.act(APPLY).await.status, StatusCode::FORBIDDEN, "a viewer");
}

#[tokio::test]
async fn behind_https_the_cookie_is_bound_to_it() {
    let backend = Memory::default();
    backend.gate().configure(GateSettings {
        public_url: Some("https://fleet.example.org".to_owned()),
        secure: true,
        ..GateSettings::default()
    });
    let token = backend.token("ann", Role::Viewer, Scope::All);
    let mut browser = Browser::new(&backend);
    let form = format!("token={token}&next=//evil.org");
    assert_eq!(browser.post("/sign-in", &form).await.status, StatusCode::FORBIDDEN, "from another address");
    let public = |it: &mut HeaderMap| {
        it.insert(header::ORIGIN, "https://fleet.example.org".parse().expect("a header"));
    };
    let got = browser.send(Method::POST, "/sign-in", &form, public).await;
    assert_eq!(
        (got.status, got.header(header::LOCATION)),
        (StatusCode::SEE_OTHER, "/"),
        "not to another site"
    );
    let cookie = got.header(header::SET_COOKIE);
    assert!(cookie.starts_with("__Host-driftless=") && cookie.ends_with("; Secure"), "{cookie}");
    assert_eq!(browser.get("/api/v1/status").await.status, StatusCode::OK);
    // Without the prefix, another host of the domain could have set it.
    let (_, secret) = browser.cookies.remove(0);
    browser.cookies = vec![("driftless".to_owned(), secret)];
    assert_eq!(browser.get("/api/v1/status").await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn the_page_shows_text_as_text() {
    let backend = Memory::default();
    let mut browser = Browser::new(&backend);
    for path in [
        "/sign-in?next=/%22%3E%3Cscript%3Ealert(1)%3C/script%3E",
        "/sign-in/oidc/done?code=%22%3E%3Cscript%3E&state=%3Cimg%20src=x%3E",
        "/sign-in/oidc/done?error=%3Cscript%3E",
    ] {
        let got = browser.get(path).await;
        assert!(!got.text.contains("<script>") && !got.text.contains("<img"), "{path}: {}", got.text);
    }
}
