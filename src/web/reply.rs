//! Turns results into answers.

use axum::Json;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::api::{ErrorBody, ErrorCode};

/// The content type of an error, by RFC 9457.
pub(super) const PROBLEM: &str = "application/problem+json";

/// An error as an answer.
#[derive(Debug)]
pub(super) struct Refusal(pub(super) ErrorBody);

impl From<ErrorBody> for Refusal {
    fn from(body: ErrorBody) -> Self {
        Self(body)
    }
}

impl From<JsonRejection> for Refusal {
    fn from(rejection: JsonRejection) -> Self {
        let code = match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => ErrorCode::TooLarge,
            StatusCode::UNSUPPORTED_MEDIA_TYPE => ErrorCode::NotJson,
            _ => ErrorCode::BadRequest,
        };
        Self(ErrorBody::new(code, format!("the body is refused: {}", rejection.body_text())))
    }
}

impl From<QueryRejection> for Refusal {
    fn from(rejection: QueryRejection) -> Self {
        let text = rejection.body_text();
        let why = text.strip_prefix("Failed to deserialize query string: ").unwrap_or(&text);
        Self(ErrorBody::bad_request(format!("the query is refused: {why}")))
    }
}

impl From<crate::domain::NameError> for Refusal {
    fn from(error: crate::domain::NameError) -> Self {
        Self(ErrorBody::bad_request(error.to_string()))
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.0.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let seconds = self.0.retry_after;
        with_retry_after((status, [(header::CONTENT_TYPE, PROBLEM)], Json(self.0)).into_response(), seconds)
    }
}

/// Says when to ask again, if that is known.
pub(super) fn with_retry_after(mut response: Response, seconds: Option<u64>) -> Response {
    if let Some(seconds) = seconds {
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    response
}

/// What a handler of the API answers.
pub(super) type Answer<T> = Result<Json<T>, Refusal>;

/// A value or an error of the backend as an answer.
pub(super) fn answer<T: Serialize>(result: Result<T, ErrorBody>) -> Answer<T> {
    result.map(Json).map_err(Refusal)
}

/// Headers that every answer has, unless it says otherwise: it is not to be kept, sniffed or framed.
pub(super) fn guard_headers(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    ] {
        // A page says by itself what it needs.
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}
