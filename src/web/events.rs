//! The event stream of a run: one JSON object a line, while the run is live if the caller wants.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderValue, header};
use axum::response::Response;
use http_body_util::channel::{Channel, Sender};
use serde::Deserialize;

use super::Backend;
use super::api_routes::AskedRun;
use super::reply::Refusal;
use crate::api::{EventChunk, EventLine, EventPosition};
use crate::domain::RunId;

/// How long a stream may be silent. A line then shows that it still lives, and finds out whether the caller does.
const QUIET: Duration = Duration::from_secs(15);

/// How many chunks may wait for a slow caller before the backend is not asked for more.
const AHEAD: usize = 4;

/// The query of an event stream.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EventQuery {
    #[serde(default)]
    from: u64,
    #[serde(default)]
    follow: bool,
}

pub(super) async fn events<B: Backend>(
    State(backend): State<B>,
    AskedRun(run): AskedRun,
    query: Result<Query<EventQuery>, QueryRejection>,
) -> Result<Response, Refusal> {
    let Query(query) = query?;
    let from = EventPosition(query.from);
    let first = backend.events(run, from, Duration::ZERO).await?;
    let (sender, body) = Channel::<Bytes, Infallible>::new(AHEAD);
    let stream = Stream { backend, run, follow: query.follow, sender };
    drop(tokio::spawn(stream.send(first)));
    let mut response = Response::new(Body::new(body));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    Ok(response)
}

/// One answer that is being written.
struct Stream<B> {
    backend: B,
    run: RunId,
    follow: bool,
    sender: Sender<Bytes, Infallible>,
}

impl<B: Backend> Stream<B> {
    /// Writes until nothing more comes or the caller is gone.
    async fn send(mut self, mut chunk: EventChunk) {
        loop {
            let ends = chunk.events.is_empty() && !(self.follow && chunk.live);
            let text = lines(&chunk, ends);
            if self.sender.send_data(text.into()).await.is_err() || ends {
                return;
            }
            let from = chunk.next;
            let wait = if self.follow { QUIET } else { Duration::ZERO };
            chunk = match self.backend.events(self.run, from, wait).await {
                Ok(chunk) => chunk,
                Err(error) => {
                    let mut text = String::new();
                    line(&mut text, &EventLine::Error { error });
                    // Whether the caller still listens changes nothing: this was the last line.
                    let _gone = self.sender.send_data(text.into()).await;
                    return;
                }
            };
        }
    }
}

fn lines(chunk: &EventChunk, ends: bool) -> String {
    let mut text = String::new();
    for event in &chunk.events {
        line(&mut text, &EventLine::Event { event: event.clone() });
    }
    let last = if ends {
        EventLine::End { next: chunk.next, over: !chunk.live, lost: chunk.lost }
    } else {
        EventLine::Position { next: chunk.next }
    };
    line(&mut text, &last);
    text
}

fn line(text: &mut String, line: &EventLine) {
    text.push_str(&serde_json::to_string(line).expect("plain data is JSON"));
    text.push('\n');
}
