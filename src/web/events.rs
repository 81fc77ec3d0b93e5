//! The events of a run, while it is live if the caller wants: one JSON object a line, or server-sent events.

use std::time::Duration;

use axum::Extension;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use tokio::time::Instant;

use super::Backend;
use super::api_routes::AskedRun;
use super::reply::Refusal;
use super::streams::{EVENT_STREAM, Gone, LONGEST, Listening, Pen, QUIET, write_event, write_id};
use crate::api::{ErrorBody, EventChunk, EventLine, EventPosition, EventQuery};
use crate::domain::{Caller, Proof, RunId};

/// The content type of one JSON object a line.
const LINES: &str = "application/x-ndjson";

pub(super) async fn events<B: Backend>(
    State(backend): State<B>,
    AskedRun(run): AskedRun,
    Extension(caller): Extension<Caller>,
    listening: Listening,
    query: Result<Query<EventQuery>, QueryRejection>,
) -> Result<Response, Refusal> {
    let Query(query) = query?;
    let manner = if listening.wants_events { Manner::Events } else { Manner::Lines };
    // A browser that comes back repeats the first query and says in a header where it was.
    let back = listening.last_event_id.as_deref().filter(|_| manner == Manner::Events);
    let from = match back {
        Some(given) => given.parse().map_err(|_| {
            ErrorBody::bad_request("`Last-Event-ID` is no position of this stream").remedy("leave it out")
        })?,
        None => query.from,
    };
    if EventPosition::LARGEST < from {
        return Err(ErrorBody::bad_request("there is no such position").into());
    }
    let follow = query.follow || manner == Manner::Events;
    let first = backend.events(run, EventPosition(from), Duration::ZERO).await?;
    if back.is_some() && first.events.is_empty() && !first.live {
        // To a browser this means: do not come back.
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let place = if follow { Some(listening.place()?) } else { None };
    let (pen, response) = Pen::new(manner.content_type(), place);
    // What a token opened does not outlive it by much: whoever comes back proves again who they are.
    let here = matches!(caller.proof, Proof::Socket { .. });
    let until = (manner == Manner::Events || !here).then(|| Instant::now() + LONGEST);
    drop(tokio::spawn(Stream { backend, run, follow, manner, until, pen }.send(first)));
    Ok(response)
}

/// How events are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    Lines,
    Events,
}

/// One answer that is being written.
struct Stream<B> {
    backend: B,
    run: RunId,
    follow: bool,
    manner: Manner,
    /// When the caller is to come back.
    until: Option<Instant>,
    pen: Pen,
}

impl<B: Backend> Stream<B> {
    async fn send(mut self, first: EventChunk) {
        let done = self.write(first).await;
        if done.is_err() && self.manner == Manner::Lines {
            let error =
                ErrorBody::unavailable("a newer stream of the same caller took the place of this one");
            let error = error.remedy("close streams that nobody reads, and go on at the last position");
            self.pen.try_last(self.manner.error(error));
        }
    }

    /// Writes until nothing more comes or nobody wants it any more. A browser that loses its place simply comes back.
    async fn write(&mut self, mut chunk: EventChunk) -> Result<(), Gone> {
        loop {
            let ends = chunk.events.is_empty() && !(self.follow && chunk.live);
            let is_old = self.until.is_some_and(|it| it <= Instant::now());
            let text = self.manner.chunk(&chunk, ends || (is_old && self.manner == Manner::Lines));
            self.pen.write(text).await?;
            if ends || is_old {
                return Ok(());
            }
            let wait = if self.follow { QUIET } else { Duration::ZERO };
            chunk = match self.pen.wait(self.backend.events(self.run, chunk.next, wait)).await? {
                Ok(chunk) => chunk,
                Err(error) => return self.pen.write(self.manner.error(error)).await,
            };
        }
    }
}

impl Manner {
    fn content_type(self) -> &'static str {
        match self {
            Self::Lines => LINES,
            Self::Events => EVENT_STREAM,
        }
    }

    fn chunk(self, chunk: &EventChunk, ends: bool) -> String {
        match self {
            Self::Lines => lines(chunk, ends),
            Self::Events => server_sent(chunk, ends),
        }
    }

    fn error(self, error: ErrorBody) -> String {
        let mut text = String::new();
        match self {
            Self::Lines => line(&mut text, &EventLine::Error { error }),
            Self::Events => write_event(&mut text, "broken", &error),
        }
        text
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

/// All events of a part are one: a connection that breaks within it repeats or loses none.
fn server_sent(chunk: &EventChunk, ends: bool) -> String {
    let mut text = String::new();
    let next = chunk.next.0.to_string();
    if !chunk.events.is_empty() {
        text.extend(["id: ", &next, "\n"]);
        write_event(&mut text, "events", &chunk.events);
    } else if !ends {
        write_id(&mut text, &next);
    }
    if ends {
        text.extend(["id: ", &next, "\n"]);
        let end = json!({ "next": chunk.next, "over": !chunk.live, "lost": chunk.lost });
        write_event(&mut text, "end", &end);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{RunEvent, RunEventKind, Timestamp};

    #[test]
    fn a_part_is_one_event_and_the_last_one_says_so() {
        let event = RunEvent { at: Timestamp::UNIX_EPOCH, kind: RunEventKind::NoHostsMatched };
        let mut chunk =
            EventChunk { events: vec![event.clone(), event], next: EventPosition(96), live: true, lost: 0 };
        let one = r#"{"at":0,"event":"no_hosts_matched"}"#;
        assert_eq!(server_sent(&chunk, false), format!("id: 96\nevent: events\ndata: [{one},{one}]\n\n"));
        chunk.events.clear();
        assert_eq!(server_sent(&chunk, false), "id: 96\n\n");
        chunk.live = false;
        let end = r#"{"lost":0,"next":96,"over":true}"#;
        assert_eq!(server_sent(&chunk, true), format!("id: 96\nevent: end\ndata: {end}\n\n"));
    }
}
