//! What answers that go on have in common: how many there may be, how long each lives, and how an event is written.

use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{Extension, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use http_body_util::channel::{Channel, Sender};
use hyper::body::Frame;
use serde::Serialize;
use tokio::sync::watch;

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
    open: Arc<Mutex<Open>>,
    /// How many there may be at once: the other places of the listener are for short answers.
    most: usize,
}

/// Those that are open, by caller and by age. A stream whose sender is dropped ends.
#[derive(Debug, Default)]
struct Open {
    of: HashMap<String, BTreeMap<u64, watch::Sender<()>>>,
    next: u64,
}

/// A stream's place among them. Given back when one of its two ends is dropped.
#[derive(Debug)]
struct Place {
    streams: Streams,
    name: String,
    number: u64,
}

/// A place that was just taken: for the end that is read, for the end that writes, and the word to the latter that the
/// place is no longer its own.
#[derive(Debug)]
pub(super) struct Taken {
    reading: Place,
    writing: Place,
    over: watch::Receiver<()>,
}

impl Streams {
    /// At most so many.
    pub(super) fn new(most: usize) -> Self {
        Self { open: Arc::default(), most }
    }

    /// A place for one more stream of this caller. Where there is none, the oldest of this caller ends: whoever turns
    /// pages or comes back has no use for it, while the newest is looked at.
    fn place(&self, name: &str) -> Result<Taken, ErrorBody> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let all: usize = open.of.values().map(BTreeMap::len).sum();
        let number = open.next;
        open.next += 1;
        let own = open.of.entry(name.to_owned()).or_default();
        let is_full = OF_ONE <= own.len() || self.most <= all;
        if is_full && own.pop_first().is_none() {
            open.of.remove(name);
            return Err(ErrorBody::unavailable("others have too many streams open")
                .remedy("ask again after some seconds"));
        }
        let (sender, over) = watch::channel(());
        own.insert(number, sender);
        let place = || Place { streams: self.clone(), name: name.to_owned(), number };
        Ok(Taken { reading: place(), writing: place(), over })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.streams.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = open.of.get_mut(&self.name) {
            own.remove(&self.number);
            if own.is_empty() {
                open.of.remove(&self.name);
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
    pub(super) fn place(&self) -> Result<Taken, ErrorBody> {
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
    /// Of an answer that goes on: its place, and the word that it is no longer its own.
    held: Option<(Place, watch::Receiver<()>)>,
}

/// The caller is gone, reads too slowly, or has a newer stream in the place of this one.
#[derive(Debug)]
pub(super) struct Gone;

impl Pen {
    /// An answer of this type, and what writes it.
    pub(super) fn new(content_type: &'static str, place: Option<Taken>) -> (Self, Response) {
        let (sender, channel) = Channel::<Bytes, Infallible>::new(AHEAD);
        let (held, body) = match place {
            Some(Taken { reading, writing, over }) => {
                (Some((writing, over)), Body::new(Held { channel, _place: reading }))
            }
            None => (None, Body::new(channel)),
        };
        let mut response = Response::new(body);
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        // A proxy that collects answers would hold events back.
        headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
        (Self { sender, held }, response)
    }

    /// Writes; waits while the caller is slow, but not for ever.
    pub(super) async fn write(&mut self, text: String) -> Result<(), Gone> {
        let Self { sender, held } = self;
        match wanted(held, tokio::time::timeout(UNREAD, sender.send_data(text.into()))).await? {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Gone),
        }
    }

    /// Writes last words, if there is room for them.
    pub(super) fn try_last(&mut self, text: String) {
        // Where there is none, nobody reads them.
        let _unread = self.sender.try_send(Frame::data(text.into()));
    }

    /// Waits for what is to be written next, as long as somebody wants it.
    pub(super) async fn wait<T>(&mut self, next: impl Future<Output = T>) -> Result<T, Gone> {
        wanted(&mut self.held, next).await
    }
}

/// Does this as long as the place is its own.
async fn wanted<T>(
    held: &mut Option<(Place, watch::Receiver<()>)>,
    work: impl Future<Output = T>,
) -> Result<T, Gone> {
    let Some((_, over)) = held else { return Ok(work.await) };
    tokio::select! {
        biased;
        // Nothing is ever sent: it is over when the sender is dropped.
        _over = over.changed() => Err(Gone),
        done = work => Ok(done),
    }
}

/// The end of an answer that is read. The listener drops it as soon as the connection is closed.
struct Held {
    channel: Channel<Bytes, Infallible>,
    _place: Place,
}

impl HttpBody for Held {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Pin::new(&mut self.channel).poll_frame(cx)
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
    use std::collections::VecDeque;

    use super::*;

    const ALL: usize = 40;

    fn is_over(taken: &Taken) -> bool {
        taken.over.has_changed().is_err()
    }

    #[test]
    fn the_newest_stream_of_a_caller_takes_the_place_of_the_oldest_and_nobody_elses() {
        let streams = Streams::new(ALL);
        let of_others = |it| streams.place(&format!("bot{it}")).expect("a place");
        let mut others: Vec<Taken> = (OF_ONE..ALL).map(of_others).collect();
        let mut own: VecDeque<Taken> = (0..OF_ONE).map(|_| streams.place("ann").expect("a place")).collect();
        assert!(!own.iter().chain(&others).any(is_over), "there is room for all");
        assert!(streams.place("eve").is_err(), "all are taken");
        for _ in 0..2 * OF_ONE {
            own.push_back(streams.place("ann").expect("the place of the oldest"));
            assert!(is_over(&own.pop_front().expect("the oldest")));
        }
        assert!(!own.iter().chain(&others).any(is_over), "the others stay");
        others.push(streams.place("bot39").expect("its own place"));
        assert_eq!(others.iter().filter(|it| is_over(it)).count(), 1);
        own.clear();
        drop(streams.place("eve").expect("there is room again"));
        others.clear();
        assert!(streams.open.lock().unwrap().of.is_empty());
    }

    #[tokio::test]
    async fn a_place_is_given_back_when_either_end_is_dropped() {
        let streams = Streams::new(ALL);
        let count = || streams.open.lock().unwrap().of.len();
        let (mut pen, response) = Pen::new(EVENT_STREAM, Some(streams.place("ann").expect("a place")));
        assert_eq!(count(), 1);
        drop(response);
        assert_eq!(count(), 0, "the connection was closed");
        assert!(
            pen.wait(std::future::pending::<()>()).await.is_err() && pen.write(String::new()).await.is_err()
        );
        let (pen, response) = Pen::new(EVENT_STREAM, Some(streams.place("ann").expect("a place")));
        drop(pen);
        assert_eq!(count(), 0, "nothing more is written, though it may still be read");
        drop(response);
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
