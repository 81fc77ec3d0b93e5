//! The repository over HTTP: `git http-backend`, as all forges of this kind have something like it.

use std::path::Path;
use std::process::Stdio;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, WWW_AUTHENTICATE};
use hyper::{Response, StatusCode};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

/// A request to the repository.
pub(super) struct GitAsk<'a> {
    pub(super) method: &'a str,
    pub(super) path: &'a str,
    pub(super) query: &'a str,
    pub(super) headers: &'a HeaderMap,
    pub(super) body: Bytes,
}

/// The user name does not matter where the password is a token, at none of the forges.
pub(super) fn is_welcome(headers: &HeaderMap, token: &str) -> bool {
    use base64::Engine as _;
    let header = headers.get(AUTHORIZATION).and_then(|it| it.to_str().ok()).unwrap_or_default();
    let Some(pair) = header.strip_prefix("Basic ") else { return false };
    let pair = base64::engine::general_purpose::STANDARD.decode(pair).unwrap_or_default();
    String::from_utf8_lossy(&pair).split_once(':').is_some_and(|(_, password)| password == token)
}

pub(super) fn unwelcome() -> Response<Full<Bytes>> {
    let response = Response::builder().status(StatusCode::UNAUTHORIZED);
    response.header(WWW_AUTHENTICATE, "Basic realm=\"forge\"").body(Full::default()).expect("a response")
}

/// Runs the program and turns what it says into a response.
pub(super) async fn serve(root: &Path, ask: GitAsk<'_>) -> Response<Full<Bytes>> {
    let text = |name| ask.headers.get(name).and_then(|it| it.to_str().ok()).unwrap_or_default().to_owned();
    let mut child = Command::new("git")
        .arg("http-backend")
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_PROJECT_ROOT", root)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("REMOTE_USER", "somebody")
        .env("REMOTE_ADDR", "127.0.0.1")
        .env("PATH_INFO", ask.path)
        .env("QUERY_STRING", ask.query)
        .env("REQUEST_METHOD", ask.method)
        .env("CONTENT_TYPE", text(CONTENT_TYPE.as_str()))
        .env("CONTENT_LENGTH", ask.body.len().to_string())
        .env("HTTP_CONTENT_ENCODING", text(CONTENT_ENCODING.as_str()))
        .env("GIT_PROTOCOL", text("git-protocol"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("git");
    let mut input = child.stdin.take().expect("a pipe");
    let body = ask.body.clone();
    let (written, output) = tokio::join!(
        async move {
            let written = input.write_all(&body).await;
            drop(input);
            written
        },
        child.wait_with_output()
    );
    drop(written);
    let output = output.expect("git http-backend").stdout;
    let end = output.windows(4).position(|it| it == b"\r\n\r\n").expect("a head and a body");
    let mut response = Response::builder();
    for line in String::from_utf8_lossy(&output[..end]).lines() {
        let (name, value) = line.split_once(": ").expect("a header");
        response = match (name, value.split(' ').next().and_then(|it| it.parse::<u16>().ok())) {
            ("Status", Some(status)) => response.status(status),
            _ => response.header(name, value),
        };
    }
    response.body(Full::new(Bytes::copy_from_slice(&output[end + 4..]))).expect("a response")
}
