//! The forge as others see it: one address over TLS with the API and the repository.

use std::sync::{Arc, Mutex};

use driftless::domain::ForgeKind;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, IF_NONE_MATCH, LOCATION};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::answer::{Answer, Ask};
use super::backend::{self, GitAsk};
use super::project::Project;
use super::weather::{Fault, Weather};
use super::webhooks::Webhooks;
use super::{gitea, github, gitlab};

/// The token of the bot.
pub(super) const TOKEN: &str = "forge-t0ken-of-the-bot";

/// A request of the API, as it was seen.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    /// `GET /repos/acme/infra/pulls?state=open`, without what the API begins with.
    pub(crate) line: String,
    /// The status of the answer; 0 if there was none.
    pub(crate) status: u16,
}

pub(super) struct Shared {
    pub(super) kind: ForgeKind,
    pub(super) dir: tempfile::TempDir,
    pub(super) token: &'static str,
    pub(super) address: String,
    pub(super) project: Mutex<Project>,
    pub(super) weather: Mutex<Weather>,
    pub(super) seen: Mutex<Vec<Seen>>,
    pub(super) webhooks: Webhooks,
}

impl Shared {
    /// What the API begins with.
    pub(super) fn prefix(&self) -> &'static str {
        match self.kind {
            // As on a GitHub of one's own.
            ForgeKind::Github => "/api/v3",
            ForgeKind::Gitlab => "/api/v4",
            ForgeKind::Forgejo | ForgeKind::Gitea => "/api/v1",
        }
    }
}

/// Serves until the runtime ends.
pub(super) async fn serve(shared: Arc<Shared>, listener: TcpListener, tls: TlsAcceptor) {
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let (shared, tls) = (shared.clone(), tls.clone());
        drop(tokio::spawn(async move {
            let Ok(stream) = tls.accept(stream).await else { return };
            let service = service_fn(move |request| {
                let shared = shared.clone();
                async move { respond(&shared, request).await }
            });
            let connection = hyper::server::conn::http1::Builder::new();
            // A connection that breaks is the business of the client.
            drop(connection.serve_connection(TokioIo::new(stream), service).await);
        }));
    }
}

/// An error cuts the connection.
async fn respond(shared: &Arc<Shared>, request: Request<Incoming>) -> std::io::Result<Response<Full<Bytes>>> {
    let (head, body) = request.into_parts();
    let Ok(body) = body.collect().await else { return Err(std::io::ErrorKind::ConnectionReset.into()) };
    let body = body.to_bytes();
    let method = head.method.as_str();
    let (path, query) = (head.uri.path(), head.uri.query().unwrap_or_default());
    if path.starts_with("/acme/infra.git/") {
        if !backend::is_welcome(&head.headers, shared.token) {
            return Ok(backend::unwelcome());
        }
        let ask = GitAsk { method, path, query, headers: &head.headers, body };
        let response = backend::serve(shared.dir.path(), ask).await;
        if path.ends_with("/git-receive-pack") && method == "POST" {
            super::pushed(shared, "somebody");
        }
        return Ok(response);
    }
    let target = head.uri.path_and_query().map_or(path, |it| it.as_str());
    let target = target.strip_prefix(shared.prefix()).unwrap_or("/nowhere");
    let place = {
        let mut seen = shared.seen.lock().expect("a lock");
        seen.push(Seen { line: format!("{method} {target}"), status: 0 });
        seen.len() - 1
    };
    let response = api(shared, method, target, &head.headers, &body).await?;
    shared.seen.lock().expect("a lock")[place].status = response.status().as_u16();
    Ok(response)
}

async fn api(
    shared: &Arc<Shared>,
    method: &str,
    target: &str,
    headers: &HeaderMap,
    body: &[u8],
) -> std::io::Result<Response<Full<Bytes>>> {
    let fault = shared.weather.lock().expect("a lock").next();
    let mut without = None;
    match fault {
        Some(Fault::Reset) => return Err(std::io::ErrorKind::ConnectionReset.into()),
        Some(Fault::Silence) => return std::future::pending().await,
        Some(Fault::Slow(time)) => tokio::time::sleep(time).await,
        Some(Fault::Without(field)) => without = Some(field),
        Some(fault) => return Ok(disturbed(shared, &fault, target)),
        None => {}
    }
    let ask = Ask::new(method, target, body);
    let mut answer = if is_welcome(shared, headers) {
        let mut project = shared.project.lock().expect("a lock");
        project.refresh();
        let largest = shared.weather.lock().expect("a lock").largest_page.unwrap_or(usize::MAX);
        let api = format!("{}{}", shared.address, shared.prefix());
        match shared.kind {
            ForgeKind::Github => github::answer(&mut project, &ask, &api, largest),
            ForgeKind::Gitlab => gitlab::answer(&mut project, &ask, &api, largest),
            ForgeKind::Forgejo | ForgeKind::Gitea => gitea::answer(&mut project, &ask, &api, largest),
        }
    } else {
        match shared.kind {
            ForgeKind::Github => github::refused(401, "Bad credentials"),
            ForgeKind::Gitlab => gitlab::refused(401, "401 Unauthorized"),
            ForgeKind::Forgejo | ForgeKind::Gitea => {
                gitea::refused(401, "user does not exist [uid: 0, name: ]")
            }
        }
    };
    if let Some(field) = without {
        remove(&mut answer.body, field);
    }
    let actions =
        shared.weather.lock().expect("a lock").actions(&format!("{method} /{}", ask.path.join("/")));
    for action in actions {
        action(&mut shared.project.lock().expect("a lock"));
    }
    Ok(tagged(shared.kind, &answer, method, headers))
}

fn is_welcome(shared: &Shared, headers: &HeaderMap) -> bool {
    let token = shared.token;
    let (name, value) = match shared.kind {
        ForgeKind::Github => (AUTHORIZATION.as_str(), format!("Bearer {token}")),
        ForgeKind::Gitlab => ("private-token", token.to_owned()),
        ForgeKind::Forgejo | ForgeKind::Gitea => (AUTHORIZATION.as_str(), format!("token {token}")),
    };
    headers.get(name).is_some_and(|it| it.as_bytes() == value.as_bytes())
}

/// GitHub and GitLab tag what they answer, and say "not modified" to who has it already.
fn tagged(kind: ForgeKind, answer: &Answer, method: &str, headers: &HeaderMap) -> Response<Full<Bytes>> {
    let mut response = Response::builder().status(answer.status);
    for (name, value) in &answer.headers {
        response = response.header(*name, value);
    }
    let limits = match kind {
        ForgeKind::Github => [("x-ratelimit-limit", "5000"), ("x-ratelimit-remaining", "4987")],
        _ => [("ratelimit-limit", "2000"), ("ratelimit-remaining", "1998")],
    };
    if matches!(kind, ForgeKind::Github | ForgeKind::Gitlab) {
        response = limits.into_iter().fold(response, |all, (name, value)| all.header(name, value));
        if method == "GET" && answer.status == 200 {
            let tag = answer.tag();
            response = response.header("etag", &tag);
            if headers.get(IF_NONE_MATCH).is_some_and(|it| it.as_bytes() == tag.as_bytes()) {
                return response.status(304).body(Full::default()).expect("a response");
            }
        }
    }
    let body = if answer.status == 204 { String::new() } else { answer.body.to_string() };
    response.header(CONTENT_TYPE, "application/json; charset=utf-8").body(body.into()).expect("a response")
}

fn disturbed(shared: &Shared, fault: &Fault, target: &str) -> Response<Full<Bytes>> {
    let response = Response::builder();
    match fault {
        Fault::Status(status) => response.status(*status).body("<html><h1>Oh</h1></html>".into()),
        Fault::Redirect(to) => response
            .status(301)
            .header(LOCATION, format!("{to}{target}"))
            .body("{\"message\":\"Moved Permanently\"}".into()),
        Fault::Huge(size) => response.body(format!("[\"{}\"]", "a".repeat(*size)).into()),
        Fault::Text(text) => response.body(text.clone().into()),
        Fault::SecondaryRateLimit => response.status(403).body(
            "{\"message\":\"You have exceeded a secondary rate limit. Please wait a few minutes.\"}".into(),
        ),
        Fault::RateLimit(seconds) => {
            let now = shared.project.lock().expect("a lock").now().as_second();
            let reset = now + i64::try_from(*seconds).expect("a short time");
            match shared.kind {
                ForgeKind::Github => response
                    .status(403)
                    .header("x-ratelimit-remaining", "0")
                    .header("x-ratelimit-reset", reset.to_string())
                    .body("{\"message\":\"API rate limit exceeded for user ID 7.\"}".into()),
                ForgeKind::Gitlab => response
                    .status(429)
                    .header("ratelimit-remaining", "0")
                    .header("ratelimit-reset", reset.to_string())
                    .header("retry-after", seconds.to_string())
                    .body("Retry later\n".into()),
                // A proxy in front.
                ForgeKind::Forgejo | ForgeKind::Gitea => response
                    .status(429)
                    .header("retry-after", seconds.to_string())
                    .body("<html><h1>429 Too Many Requests</h1></html>".into()),
            }
        }
        Fault::Reset | Fault::Silence | Fault::Slow(_) | Fault::Without(_) => unreachable!("answered before"),
    }
    .expect("a response")
}

fn remove(value: &mut serde_json::Value, field: &str) {
    match value {
        serde_json::Value::Array(items) => items.iter_mut().for_each(|it| remove(it, field)),
        serde_json::Value::Object(map) => {
            map.remove(field);
            map.values_mut().for_each(|it| remove(it, field));
        }
        _ => {}
    }
}
