//! How the page to sign in looks.

use askama::Template;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::api::{ErrorBody, ErrorCode};
use crate::web::reply::{Refusal, with_retry_after};

/// What these pages may do: their own style and script, and forms to us.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
    form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// The page to sign in.
#[derive(Template)]
#[template(
    ext = "html",
    source = r##"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sign in · driftless</title>
<link rel="icon" href="/assets/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/assets/app.css">
<script src="/sign-in.js" defer></script>
</head>
<body class="sign-in">
<main>
<h1>Sign in to driftless</h1>
{% if let Some(problem) = problem %}<p class="problem" role="alert">{{ problem }}</p>{% endif %}
<form id="token-form" method="post" action="/sign-in">
<input type="hidden" name="next" value="{{ next }}">
<p><label for="token">Token</label></p>
<p><input id="token" name="token" type="password" required autocomplete="off" spellcheck="false"></p>
<p><button type="submit" class="button primary">Sign in</button></p>
</form>
<form id="link-form" method="post" action="/sign-in" hidden>
<input type="hidden" name="next" value="{{ next }}">
<input type="hidden" name="code" value="">
</form>
{% if let Some(provider) = provider %}<p><a class="button" href="/sign-in/oidc?next={{ next|urlencode }}">Sign in with {{ provider }}</a></p>{% endif %}
<p>An administrator makes a token on the control node with <code>driftless tokens create NAME</code>. Who is one can
sign in there with <code>driftless sign-in</code>.</p>
</main>
</body>
</html>
"##
)]
pub(super) struct SignIn<'a> {
    /// Where to go afterwards.
    pub(super) next: &'a str,
    /// What the provider of accounts is called.
    pub(super) provider: Option<&'a str>,
    /// Why the last try failed.
    pub(super) problem: Option<&'a str>,
}

/// The page that a provider sends a browser back to: it posts what the provider said, so that the browser sends our
/// cookies along.
#[derive(Template)]
#[template(
    ext = "html",
    source = r##"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Signing in · driftless</title>
<link rel="icon" href="/assets/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/assets/app.css">
<script src="/sign-in.js" defer></script>
</head>
<body class="sign-in">
<main>
<h1>Signing in</h1>
<form id="done-form" method="post" action="/sign-in/oidc">
<input type="hidden" name="code" value="{{ code }}">
<input type="hidden" name="state" value="{{ state }}">
<p><button type="submit" class="button primary">Go on</button></p>
</form>
</main>
</body>
</html>
"##
)]
pub(super) struct Done<'a> {
    /// What the provider gives for an account.
    pub(super) code: &'a str,
    /// Whose it is.
    pub(super) state: &'a str,
}

/// Posts the code of a link, which no request has, and what a provider said; goes on where somebody who is signed in
/// came from another site, whose first request had no cookie.
const SCRIPT: &str = r##""use strict";
const done = document.getElementById("done-form");
const link = document.getElementById("link-form");
if (done) {
  done.submit();
} else if (link && location.hash.startsWith("#code=")) {
  link.elements.code.value = location.hash.slice(6);
  history.replaceState(null, "", location.pathname);
  link.submit();
} else if (link && new URLSearchParams(location.search).has("next")) {
  const next = link.elements.next.value;
  fetch(next, { redirect: "manual" }).then((answer) => {
    if (answer.ok) location.replace(next);
  }, () => {});
}
"##;

pub(super) async fn script() -> Response {
    ([(header::CONTENT_TYPE, "text/javascript; charset=utf-8")], SCRIPT).into_response()
}

/// Why a sign-in did not work, in words that do not tell what exists.
pub(super) enum Problem {
    /// Neither a token nor a code was sent.
    Nothing,
    /// The token proves nothing.
    Token,
    /// The code of the link proves nothing.
    Link,
    /// The provider does not vouch for an account that may sign in.
    Account,
    /// The form is not of a page of ours.
    Elsewhere,
    /// There is no session to end.
    NoSession,
    /// Too many failed.
    Wait(ErrorBody),
    /// The provider cannot be asked.
    Provider(String),
}

impl Problem {
    fn words(self) -> (StatusCode, String) {
        let (status, words) = match self {
            Self::Nothing => (StatusCode::BAD_REQUEST, "Enter a token."),
            Self::Token => (StatusCode::UNAUTHORIZED, "This token does not work, or not any more."),
            Self::Link => (
                StatusCode::UNAUTHORIZED,
                "This link does not work any more: it works once, for five minutes. Run `driftless sign-in` again.",
            ),
            Self::Account => (
                StatusCode::UNAUTHORIZED,
                "Your account was not accepted. The log of the daemon says why: ask an administrator.",
            ),
            Self::Elsewhere => (
                StatusCode::FORBIDDEN,
                "The request did not come from this page. If it did, `public_url` of the configuration is not the address \
                 in your browser.",
            ),
            Self::NoSession => (StatusCode::BAD_REQUEST, "You are not signed in."),
            Self::Wait(error) => return (StatusCode::TOO_MANY_REQUESTS, error.message),
            Self::Provider(words) => return (StatusCode::SERVICE_UNAVAILABLE, words),
        };
        (status, words.to_owned())
    }
}

/// The page again, with what went wrong.
pub(super) fn refused(next: &str, provider: Option<&str>, problem: Problem) -> Response {
    let seconds = if let Problem::Wait(error) = &problem { error.retry_after } else { None };
    let (status, words) = problem.words();
    with_retry_after(shown(&SignIn { next, provider, problem: Some(&words) }, status), seconds)
}

/// A page as an answer.
pub(super) fn shown(page: &impl Template, status: StatusCode) -> Response {
    match page.render() {
        Ok(html) => {
            let mut response =
                (status, [(header::CONTENT_TYPE, "text/html; charset=utf-8")], html).into_response();
            let headers = response.headers_mut();
            headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
            // Not `no-referrer`: browsers would then send `Origin: null` with the forms of these pages.
            headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
            response
        }
        Err(error) => {
            tracing::error!(%error, "a page cannot be made");
            Refusal(ErrorBody::new(ErrorCode::Internal, "the page cannot be made")).into_response()
        }
    }
}
