//! Tokens, links and accounts with the real daemon: made on the control node, used over TCP, across a restart.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;

use serde_json::Value;

use crate::acceptance::{seed, writes};
use crate::issuer::{Habit, Issuer, PUBLIC};
use crate::world::{SOON, World, eventually};
use driftless::daemon::clock;
use driftless::domain::Session;

/// What is answered over TCP: the status, the headers as they came, and the body.
struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|it| panic!("{it}: {} {}", self.head, self.body))
    }

    /// A header, whatever the case of its name.
    fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|it| it.split_once(": "));
        lines.filter(|it| it.0.eq_ignore_ascii_case(name)).map(|it| it.1).next()
    }

    /// The first cookie that is set, as it is sent back.
    fn cookie(&self) -> String {
        let set = self.header("set-cookie").expect("a cookie");
        set.split(';').next().expect("a cookie").to_owned()
    }
}

fn listener(world: &World) -> SocketAddr {
    let status = world.json(&["status"]);
    status["url"].as_str().expect("a URL").trim_start_matches("http://").parse().expect("an address")
}

/// One request on a connection of its own.
fn ask(world: &World, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let mut stream = TcpStream::connect(listener(world)).expect("a connection");
    stream.set_read_timeout(Some(SOON)).expect("a limit");
    let headers: Vec<String> = headers.iter().map(|(name, it)| format!("{name}: {it}\r\n")).collect();
    let headers = headers.concat();
    let length = body.len();
    let head =
        format!("{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n");
    stream.write_all(format!("{head}{headers}\r\n{body}").as_bytes()).expect("sent");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("an answer");
    let (head, body) = text.split_once("\r\n\r\n").expect("a head");
    let status = head.split(' ').nth(1).and_then(|it| it.parse().ok()).expect("a status");
    Answer { status, head: head.to_owned(), body: body.to_owned() }
}

fn bearer(world: &World, token: &str, path: &str) -> Answer {
    ask(world, "GET", path, &[("Authorization", &format!("Bearer {token}"))], "")
}

/// Posts a form as a page of `origin` does.
fn form(world: &World, path: &str, origin: &str, cookie: &str, body: &str) -> Answer {
    let headers =
        [("Content-Type", "application/x-www-form-urlencoded"), ("Origin", origin), ("Cookie", cookie)];
    ask(world, "POST", path, &headers, body)
}

/// A page as a browser sees it that was signed in by a link.
#[track_caller]
pub(crate) fn page(world: &World, path: &str) -> String {
    let link = world.text(&["sign-in"]);
    let code = link.trim().split_once("/sign-in#code=").expect("a link").1;
    let cookie = form(world, "/sign-in", "http://x", "", &format!("code={code}")).cookie();
    let answer = ask(world, "GET", path, &[("Cookie", &cookie)], "");
    assert_eq!(answer.status, 200, "{path}: {} {}", answer.head, answer.body);
    answer.body
}

#[test]
fn a_token_and_a_session_outlive_a_restart_and_end_when_they_are_told() {
    let mut world = World::new();
    seed(&world.repository, &writes("one"));
    let one = world.repository.commit("One");
    world.start();
    world.run_of(&one, "changed");
    assert_eq!(ask(&world, "GET", "/api/v1/stacks", &[], "").status, 401);
    let token = world.text(&["tokens", "create", "ci", "--role", "operator"]);
    let token = token.trim();
    assert!(token.starts_with("dlt_") && !token.contains('\n'), "nothing beside it: {token}");
    assert_eq!(world.cli(&["tokens", "create", "ci"]).status.code(), Some(7), "the name is taken");
    let narrow = world.text(&["tokens", "create", "narrow", "--stacks", "other,infra/none"]);
    let stacks =
        |token: &str| bearer(&world, token, "/api/v1/stacks").json()["stacks"].as_array().map(Vec::len);
    assert_eq!((stacks(token), stacks(narrow.trim())), (Some(1), Some(0)));
    assert_eq!(bearer(&world, narrow.trim(), "/api/v1/runs").json()["runs"], serde_json::json!([]));
    assert_eq!(bearer(&world, narrow.trim(), "/api/v1/runs/1").status, 404);
    assert_eq!(bearer(&world, token, "/api/v1/runs/1").status, 200);

    let origin = "http://x";
    let link = world.text(&["sign-in"]);
    let code = link.trim().split_once("/sign-in#code=").expect("a link").1.to_owned();
    let by_link = form(&world, "/sign-in", origin, "", &format!("code={code}"));
    assert_eq!((by_link.status, by_link.header("location")), (303, Some("/")), "{}", by_link.head);
    let by_link = by_link.cookie();
    let by_token = form(&world, "/sign-in", origin, "", &format!("token={token}")).cookie();
    assert!(world.stop().success());
    world.start();
    let seen = |cookie: &str| ask(&world, "GET", "/api/v1/status", &[("Cookie", cookie)], "").status;
    assert_eq!(bearer(&world, token, "/api/v1/status").status, 200);
    assert_eq!((seen(&by_link), seen(&by_token)), (200, 200));
    assert_eq!(form(&world, "/sign-in", origin, "", &format!("code={code}")).status, 401, "it worked once");

    let csrf = Session::csrf_of(by_link.split_once('=').expect("a value").1);
    let stack = world.json(&["stacks"])["stacks"][0]["id"].as_str().expect("a stack").to_owned();
    let act = |csrf: &str| {
        let headers = [("Cookie", by_link.as_str()), ("Origin", origin), ("x-driftless-csrf", csrf)];
        ask(&world, "POST", &format!("/api/v1/stacks/{stack}/suspend"), &headers, "").status
    };
    assert_eq!((act("00"), act(&csrf)), (403, 200));
    world.text(&["tokens", "revoke", "ci"]);
    assert_eq!(bearer(&world, token, "/api/v1/status").status, 401);
    assert_eq!((seen(&by_link), seen(&by_token)), (200, 401), "the session of the token is over with it");
    let listed = world.text(&["tokens", "list"]);
    assert!(listed.contains("revoked by") && listed.contains("narrow"), "{listed}");
    nothing_tells_secrets(&world, &[token, &code]);
}

/// What was made and used is recorded, and nothing that is kept proves anything.
fn nothing_tells_secrets(world: &World, secrets: &[&str]) {
    let audit = world.text(&["audit", "export"]);
    for action in ["token_created", "token_revoked", "sign_in_link_made", "signed_in"] {
        assert!(audit.contains(&format!("\"action\":\"{action}\"")), "{action}\n{audit}");
    }
    for secret in secrets {
        let found = Command::new("grep").args(["-rlaF", secret]).arg(world.path("")).output().expect("grep");
        assert_eq!(String::from_utf8_lossy(&found.stdout), "", "a secret is in a file");
    }
}

#[test]
fn an_account_of_a_provider_may_what_its_groups_may() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.expect("a runtime");
    let issuer = runtime.block_on(Issuer::start(Habit::Good, clock::now));
    let mut world = World::new();
    seed(&world.repository, &writes("one"));
    world.repository.commit("One");
    std::fs::write(world.path("secret"), "s3cret:& +\n").expect("a secret");
    let secret = world.path("secret").display().to_string();
    world.configure(&format!(
        "public_url: {PUBLIC}\nsign_in:\n  oidc:\n    issuer: {}\n    client_id: driftless\n    \
         client_secret: {{file: {secret}}}\n    scopes: [groups]\n    roles:\n      \
         - {{claim: groups, value: web, role: viewer}}",
        issuer.url
    ));
    world.start();
    let page = ask(&world, "GET", "/sign-in", &[], "");
    assert!(page.body.contains("Sign in with your account"), "{}", page.body);
    let left = ask(&world, "GET", "/sign-in/oidc?next=/runs/7", &[], "");
    assert_eq!(left.status, 303, "{}", left.body);
    let cookie = left.cookie();
    let (code, state) = issuer.visit(left.header("location").expect("a place"));
    let coded: String = url::form_urlencoded::byte_serialize(code.as_bytes()).collect();
    let said = format!("code={coded}&state={state}");
    let done = form(&world, "/sign-in/oidc", PUBLIC, &cookie, &said);
    assert_eq!(
        (done.status, done.header("location")),
        (303, Some("/runs/7")),
        "{}\n{}",
        done.body,
        world.log()
    );
    let session = done.cookie();
    assert!(session.starts_with("__Host-driftless="), "{session}");
    let seen = ask(&world, "GET", "/api/v1/stacks", &[("Cookie", &session)], "");
    assert_eq!(seen.status, 200, "{}", seen.body);
    assert_eq!(form(&world, "/sign-in/oidc", PUBLIC, &cookie, &said).status, 401, "a code works once");
    eventually("it is recorded", SOON, || {
        world.text(&["audit", "export"]).contains("oidc:ann").then_some(())
    });
}
