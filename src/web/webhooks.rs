//! Takes deliveries of webhooks in, within bounds that hold for all callers together, and hands them on unread.
//!
//! Everything here is the same for each name in the path: whether there is such a receiver is not looked at before a
//! delivery is whole, so that nobody can find out.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::extract::rejection::PathRejection;
use axum::extract::{Extension, Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use http_body_util::BodyExt as _;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::Backend;

/// How many deliveries are taken in at once. Fewer than there may be connections, so that a flood of them leaves
/// places for those who look at metrics and health.
const AT_ONCE: usize = 48;

/// How many bytes of bodies are held at once, of all deliveries together. A delivery has its whole length set aside
/// before it is read, so that none waits for another that waits for it.
const BUFFERED: u32 = 16 << 20;

/// How long a body may take, the wait for room included.
const BODY: Duration = Duration::from_secs(10);

/// What became of a delivery, for the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WebhookAnswer {
    /// It is recorded durably, and the source is being looked at.
    Accepted,
    /// It is recorded, and concerns nothing here.
    Ignored,
    /// It was there before.
    Replayed,
    /// There is no such receiver, or the sender does not have its secret.
    NotAuthentic,
    /// It is authentic and makes no sense, for this reason.
    Malformed(&'static str),
    /// It could not be recorded.
    Unavailable,
}

impl IntoResponse for WebhookAnswer {
    fn into_response(self) -> Response {
        let (status, text) = match self {
            Self::Accepted => (StatusCode::ACCEPTED, "the source is being looked at"),
            Self::Ignored => (StatusCode::OK, "nothing is to be done for this event"),
            Self::Replayed => (StatusCode::OK, "this delivery was here before"),
            Self::NotAuthentic => (
                StatusCode::UNAUTHORIZED,
                "no such receiver, or not signed with its secret; see the log of driftless",
            ),
            Self::Malformed(why) => (StatusCode::BAD_REQUEST, why),
            Self::Unavailable => {
                (StatusCode::SERVICE_UNAVAILABLE, "the delivery cannot be recorded now; send it again later")
            }
        };
        (status, format!("{text}\n")).into_response()
    }
}

/// Why a delivery was not read to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unread {
    NoJson,
    Encoded,
    TooLarge,
    TooSlow,
    Broken,
    TooMany,
}

impl IntoResponse for Unread {
    fn into_response(self) -> Response {
        let (status, text) = match self {
            Self::NoJson => {
                (StatusCode::UNSUPPORTED_MEDIA_TYPE, "send application/json; set that as the content type")
            }
            Self::Encoded => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "send the body without a Content-Encoding"),
            Self::TooLarge => {
                (StatusCode::PAYLOAD_TOO_LARGE, "the body is larger than `webhooks.body_limit` of driftless")
            }
            Self::TooSlow => (StatusCode::REQUEST_TIMEOUT, "the body did not come in time"),
            Self::Broken => (StatusCode::BAD_REQUEST, "the body broke off"),
            Self::TooMany => {
                (StatusCode::SERVICE_UNAVAILABLE, "too many deliveries at once; send it again later")
            }
        };
        let mut response = (status, format!("{text}\n")).into_response();
        if self == Self::TooMany {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
        }
        response
    }
}

/// The room for deliveries that are being read.
#[derive(Debug)]
pub(super) struct Intake {
    places: Semaphore,
    bytes: Semaphore,
}

impl Intake {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self { places: Semaphore::new(AT_ONCE), bytes: Semaphore::new(BUFFERED as usize) })
    }

    /// The body, and the room that it takes until it is dropped.
    async fn read(&self, body: Body, limit: usize) -> Result<(Vec<u8>, SemaphorePermit<'_>), Unread> {
        let length = body.size_hint().exact().map(|it| usize::try_from(it).unwrap_or(usize::MAX));
        if length.is_some_and(|it| limit < it) {
            return Err(Unread::TooLarge);
        }
        // One that may be larger than all the room has it for itself.
        let wanted = u32::try_from(length.unwrap_or(limit)).map_or(BUFFERED, |it| it.min(BUFFERED));
        let read = async {
            let room = self.bytes.acquire_many(wanted).await.map_err(|_closed| Unread::TooMany)?;
            Ok((collect(body, limit, length.unwrap_or_default()).await?, room))
        };
        tokio::time::timeout(BODY, read).await.unwrap_or(Err(Unread::TooSlow))
    }
}

/// Reads until the end or the limit.
async fn collect(body: Body, limit: usize, expected: usize) -> Result<Vec<u8>, Unread> {
    let mut bytes = Vec::with_capacity(expected);
    let mut body = pin!(body);
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| Unread::Broken)?.into_data() else { continue };
        if limit < bytes.len() + data.len() {
            return Err(Unread::TooLarge);
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes)
}

/// Only JSON is signed as it is sent: of a form, some forges sign what is in it.
fn readable(headers: &HeaderMap) -> Result<(), Unread> {
    if headers.contains_key(header::CONTENT_ENCODING) {
        return Err(Unread::Encoded);
    }
    let kind = headers.get(header::CONTENT_TYPE).and_then(|it| it.to_str().ok()).unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/json") { Ok(()) } else { Err(Unread::NoJson) }
}

/// `POST /webhooks/{source}`.
pub(super) async fn receive<B: Backend>(
    State(backend): State<B>,
    Extension(intake): Extension<Arc<Intake>>,
    source: Result<Path<String>, PathRejection>,
    request: Request,
) -> Response {
    // What cannot be read is the name of no receiver.
    let source = source.map(|Path(it)| it).unwrap_or_default();
    match taken(&backend, &intake, &source, request).await {
        Ok(answer) => answer.into_response(),
        Err(unread) => {
            backend.webhook_unread(&source);
            unread.into_response()
        }
    }
}

async fn taken<B: Backend>(
    backend: &B,
    intake: &Intake,
    source: &str,
    request: Request,
) -> Result<WebhookAnswer, Unread> {
    let _place = intake.places.try_acquire().map_err(|_| Unread::TooMany)?;
    readable(request.headers())?;
    let (head, body) = request.into_parts();
    let (body, _room) = intake.read(body, backend.webhook_body_limit()).await?;
    Ok(backend.webhook(source, head.headers, body).await)
}
