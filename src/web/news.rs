//! `GET /api/v1/events`: what changes, as server-sent events.

use std::time::Duration;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::Response;
use tokio::time::Instant;

use super::Backend;
use super::reply::Refusal;
use super::streams::{EVENT_STREAM, Gone, LONGEST, Listening, Pen, QUIET, write_event, write_id};
use crate::api::{News, NewsChunk, NewsPosition, NewsQuery};
use crate::domain::Scope;

/// How long a browser waits before it comes back, in milliseconds.
const COME_BACK: &str = "retry: 2000\n";

/// A browser that comes back says where it was in a header and repeats the first query, so the header counts.
fn asked_place(last_event_id: Option<&str>, after: Option<&str>) -> Option<NewsPosition> {
    let given = last_event_id.or(after)?;
    // What was never a place here is as old as can be: the answer is to look at everything.
    Some(given.parse().unwrap_or(NewsPosition { epoch: 0, number: 0 }))
}

pub(super) async fn news<B: Backend>(
    State(backend): State<B>,
    listening: Listening,
    query: Result<Query<NewsQuery>, QueryRejection>,
) -> Result<Response, Refusal> {
    let Query(query) = query?;
    let first = backend
        .news(asked_place(listening.last_event_id.as_deref(), query.after.as_deref()), Duration::ZERO)
        .await?;
    let (pen, response) = Pen::new(EVENT_STREAM, Some(listening.place()?));
    drop(tokio::spawn(send(backend, listening.by.scope, pen, first)));
    Ok(response)
}

/// Writes until nobody wants it any more, the stream is old, or the daemon stops.
async fn send<B: Backend>(backend: B, scope: Scope, mut pen: Pen, mut chunk: NewsChunk) -> Result<(), Gone> {
    let until = Instant::now() + LONGEST;
    let mut text = COME_BACK.to_owned();
    loop {
        write_chunk(&mut text, &chunk, &scope);
        pen.write(std::mem::take(&mut text)).await?;
        if until <= Instant::now() {
            return Ok(());
        }
        match pen.wait(backend.news(Some(chunk.next), QUIET)).await? {
            Ok(next) => chunk = next,
            // The daemon stops. Who comes back finds it started again, and is told to look at everything.
            Err(_) => return Ok(()),
        }
    }
}

/// The place comes last: who was told of it was told of all before.
fn write_chunk(text: &mut String, chunk: &NewsChunk, scope: &Scope) {
    for news in chunk.news.iter().filter(|it| it.is_for(scope)) {
        write_event(text, News::as_str(news), news);
    }
    write_id(text, &chunk.next.to_string());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunk_tells_what_is_in_scope_and_where_to_go_on() {
        let stack = |it: &str| News::StackChanged { stack: it.parse().unwrap() };
        let next = NewsPosition { epoch: 5, number: 9 };
        let chunk = NewsChunk { news: vec![stack("infra/web"), stack("lab/db"), News::Resync], next };
        let mut text = String::new();
        write_chunk(&mut text, &chunk, &Scope::Only(["infra".parse().unwrap()].into()));
        assert_eq!(
            text,
            "event: stack_changed\ndata: {\"news\":\"stack_changed\",\"stack\":\"infra/web\"}\n\n\
             event: resync\ndata: {\"news\":\"resync\"}\n\nid: 5-9\n\n"
        );
    }

    #[test]
    fn the_place_of_a_browser_that_comes_back_counts() {
        let place = |number| Some(NewsPosition { epoch: 5, number });
        assert_eq!(asked_place(None, Some("5-1")), place(1));
        assert_eq!(asked_place(Some("5-7"), Some("5-1")), place(7));
        assert_eq!(asked_place(Some("nonsense"), None), Some(NewsPosition { epoch: 0, number: 0 }));
        assert_eq!(asked_place(None, None), None);
    }
}
