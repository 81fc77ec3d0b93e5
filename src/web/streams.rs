//! What answers that go on have in common: how many there may be, how long each lives, and how an event is written.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Extension, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use http_body_util::channel::{Channel, Sender};
use serde::Serialize;

use crate::api::ErrorBody;
use crate::domain::Caller;

/// How long a stream may be silent. A line then shows that it still lives, and finds out whether the caller does.
pub(super) const QUIET: Duration = Duration::from_secs(15);
/// How long a stream of server-sent events goes on. Browsers come back by themselves, and who may no longer look is
/// found out then.
pub(super) const LONGEST: Duration = Duration::from_secs(5 * 60);
/// How long a caller may leave what was sent unread.
const UNREAD: Duration = Duration::from_secs(60);
/// How many parts may wait for a slow caller before the backend is not asked for more.
const AHEAD: usize = 4;
/// How many streams one caller may have.
const OF_ONE: usize = 32;

/// The content type of server-sent events.
pub(super) const EVENT_STREAM: &str = "text/event-stream";
/// What a browser sends when it comes back.
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// The streams of one listener.
#[derive(Debug, Clone)]
pub(super) struct Streams {
    open: Arc<Mutex<HashMap<String, usize>>>,
    /// How many there may be at once: the other places of the listener are for short answers.
    most: usize,
}

/// A stream's place among them. Given back when it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    streams: Streams,
    name: String,
}

impl Streams {
    /// At most so many.
    pub(super) fn new(most: usize) -> Self {
        Self { open: Arc::default(), most }
    }

    /// A place for one more stream of this caller.
    pub(super) fn place(&self, name: &str) -> Result<Place, ErrorBody> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let of_one = open.get(name).copied().unwrap_or_default();
        if OF_ONE <= of_one || self.most <= open.values().sum() {
            return Err(ErrorBody::unavailable("too many streams are open")
                .remedy("close some, or ask again after some seconds"));
        }
        open.insert(name.to_owned(), of_one + 1);
        Ok(Place { streams: self.clone(), name: name.to_owned() })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.streams.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.name) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.name);
            }
        }
    }
}

/// Somebody who wants a stream.
pub(super) struct Listening {
    /// Who.
    pub(super) by: Caller,
    /// Whether server-sent events are asked for rather than lines.
    pub(super) wants_events: bool,
    /// Where the caller was when its connection broke, in its own words.
    pub(super) last_event_id: Option<String>,
    streams: Streams,
}

impl Listening {
    /// A place for the stream.
    pub(super) fn place(&self) -> Result<Place, ErrorBody> {
        self.streams.place(&self.by.name)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Listening {
    type Rejection = Response;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        let Extension(by) =
            Extension::from_request_parts(parts, state).await.map_err(IntoResponse::into_response)?;
        let Extension(streams) =
            Extension::from_request_parts(parts, state).await.map_err(IntoResponse::into_response)?;
        let last_event_id = parts.headers.get(LAST_EVENT_ID).and_then(|it| it.to_str().ok());
        Ok(Self {
            by,
            wants_events: wants_events(&parts.headers),
            last_event_id: last_event_id.filter(|it| !it.is_empty()).map(ToOwned::to_owned),
            streams,
        })
    }
}

/// The writing end of an answer.
pub(super) struct Pen {
    sender: Sender<Bytes, Infallible>,
    _place: Option<Place>,
}

/// The caller is gone, or reads too slowly.
#[derive(Debug)]
pub(super) struct Gone;

impl Pen {
    /// An answer of this type, and what writes it.
    pub(super) fn new(content_type: &'static str, place: Option<Place>) -> (Self, Response) {
        let (sender, body) = Channel::<Bytes, Infallible>::new(AHEAD);
        let mut response = Response::new(Body::new(body));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        // A proxy that collects answers would hold events back.
        headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
        (Self { sender, _place: place }, response)
    }

    /// Writes; waits while the caller is slow, but not for ever.
    pub(super) async fn write(&mut self, text: String) -> Result<(), Gone> {
        match tokio::time::timeout(UNREAD, self.sender.send_data(text.into())).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Gone),
        }
    }
}

/// Whether server-sent events are asked for rather than lines.
fn wants_events(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|it| it.to_str().ok());
    accepted
        .flat_map(|it| it.split(','))
        .any(|it| it.split(';').next().unwrap_or_default().trim() == EVENT_STREAM)
}

/// One event. JSON has no line breaks.
pub(super) fn write_event(text: &mut String, name: &str, data: &impl Serialize) {
    let data = serde_json::to_string(data).expect("plain data is JSON");
    text.extend(["event: ", name, "\ndata: ", &data, "\n\n"]);
}

/// Where to go on. Without an event it shows that the stream lives.
pub(super) fn write_id(text: &mut String, id: &str) {
    text.extend(["id: ", id, "\n\n"]);
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: usize = 40;

    #[test]
    fn one_caller_cannot_take_all_streams_and_gives_them_back() {
        let streams = Streams::new(ALL);
        let mut places: Vec<Place> = (0..OF_ONE).map(|_| streams.place("ann").expect("a place")).collect();
        assert!(streams.place("ann").is_err());
        places.extend((OF_ONE..ALL).map(|it| streams.place(&format!("bot{it}")).expect("a place")));
        assert!(streams.place("eve").is_err(), "all are taken");
        places.clear();
        assert!(streams.place("ann").is_ok());
        assert!(streams.open.lock().unwrap().is_empty());
    }

    #[test]
    fn browsers_ask_for_events_by_the_accept_header() {
        let accepts = |it: &'static str| {
            wants_events(&HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static(it))]))
        };
        assert!(accepts("text/event-stream") && accepts("text/html, text/event-stream;q=0.9"));
        assert!(!accepts("*/*") && !accepts("application/x-ndjson") && !wants_events(&HeaderMap::new()));
    }
}
