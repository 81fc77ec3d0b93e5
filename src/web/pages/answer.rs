//! Turns what a page shows into an answer, and errors into pages.

use askama::Template;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::context::PageContext;
use crate::api::{ErrorBody, ErrorCode};
use crate::web::reply::with_retry_after;

/// Nothing but what we serve is loaded, nothing in a page is executed, and nobody frames it.
const POLICY: &str = "default-src 'self'; script-src 'self'; style-src 'self'; object-src 'none'; \
                      base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// Headers that every page and everything beside it has.
pub(super) fn guard_page(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// What is shown to somebody of whom nothing is known.
pub(super) fn stranger(context: &PageContext) -> Response {
    let error = ErrorBody::new(ErrorCode::NotPermitted, "nobody knows who asks").remedy("sign in first");
    failed(context, &error)
}

/// A page, or why there is none. Without a caller there is none, whatever the backend said.
pub(super) fn page<T: Template>(context: &PageContext, shown: Result<T, ErrorBody>) -> Response {
    if context.caller.is_none() {
        return stranger(context);
    }
    match shown.map(|it| it.render()) {
        Ok(Ok(text)) => html(StatusCode::OK, text),
        Ok(Err(error)) => failed(context, &broken(&error)),
        Err(error) => failed(context, &error),
    }
}

fn broken(error: &askama::Error) -> ErrorBody {
    tracing::error!(%error, "a page cannot be rendered");
    ErrorBody::new(ErrorCode::Internal, "this page cannot be shown; the log of the daemon says why")
}

fn html(status: StatusCode, text: String) -> Response {
    let kind = [(header::CONTENT_TYPE, "text/html; charset=utf-8")];
    guard_page((status, kind, text).into_response())
}

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage<'a> {
    ctx: &'a PageContext,
    title: &'static str,
    error: &'a ErrorBody,
}

/// An error as a page in the frame.
pub(super) fn failed(context: &PageContext, error: &ErrorBody) -> Response {
    let title = match error.code {
        ErrorCode::BadRequest | ErrorCode::TooLarge | ErrorCode::NotJson => "This cannot be understood",
        ErrorCode::NotSignedIn | ErrorCode::TooMany => "Not signed in",
        ErrorCode::NoSuchMethod => "This is only looked at",
        ErrorCode::NotPermitted => "Not permitted",
        ErrorCode::NotFound => "There is no such thing",
        ErrorCode::Refused => "Not in the present state",
        ErrorCode::Unavailable => "Not now",
        ErrorCode::Internal => "A fault of the daemon",
    };
    let status = StatusCode::from_u16(error.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let response = match (ErrorPage { ctx: context, title, error }).render() {
        Ok(text) => html(status, text),
        Err(_) => guard_page((status, error.message.clone()).into_response()),
    };
    with_retry_after(response, error.retry_after)
}

/// Said where nothing is known of who asks.
pub(super) fn no_such_page() -> Response {
    guard_page((StatusCode::NOT_FOUND, "there is no such page\n").into_response())
}
