//! Server-sent events, as a browser reads them.

use std::collections::VecDeque;
use std::time::Duration;

use driftless::api::EventPosition;
use driftless::domain::RunId;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

use super::{Server, kind};

/// A browser that listens to one stream.
struct Browser {
    stream: UnixStream,
    seen: String,
}

impl Browser {
    async fn open(server: &Server, path: &str, last_event_id: Option<&str>) -> Self {
        let mut stream = UnixStream::connect(&server.socket).await.expect("a connection");
        let back = last_event_id.map_or_else(String::new, |it| format!("Last-Event-ID: {it}\r\n"));
        let head =
            format!("GET {path} HTTP/1.1\r\nHost: driftless\r\nAccept: text/event-stream\r\n{back}\r\n");
        stream.write_all(head.as_bytes()).await.expect("sent");
        Self { stream, seen: String::new() }
    }

    /// Reads on until all of this came, in this order, and forgets it.
    async fn sees(&mut self, parts: &[&str]) {
        loop {
            let mut at = 0;
            let found = parts.iter().all(|part| match self.seen[at..].find(part) {
                Some(found) => {
                    at += found + part.len();
                    true
                }
                None => false,
            });
            if found {
                self.seen.drain(..at);
                return;
            }
            let mut part = [0; 4096];
            let read = tokio::time::timeout(Duration::from_secs(10), self.stream.read(&mut part));
            let read =
                read.await.unwrap_or_else(|_| panic!("{parts:?} did not come; there is {}", self.seen));
            let read = read.expect("it can be read");
            assert_ne!(read, 0, "{parts:?} did not come before the end; there is {}", self.seen);
            self.seen.push_str(std::str::from_utf8(&part[..read]).expect("ASCII"));
        }
    }
}

#[tokio::test]
async fn news_comes_as_it_happens_and_goes_on_where_the_connection_broke() {
    let server = Server::start();
    let mut browser = Browser::open(&server, "/api/v1/events", None).await;
    browser.sees(&["200 OK", "content-type: text/event-stream", "retry: ", "id: 1-0\n\n"]).await;
    server.backend.tell(2);
    let changed = "event: stack_changed\ndata: {\"news\":\"stack_changed\",\"stack\":\"infra/web\"}\n\n";
    browser.sees(&[changed, "id: 1-2\n\n"]).await;
    drop(browser);
    server.backend.tell(1);
    let mut back = Browser::open(&server, "/api/v1/events?after=1-0", Some("1-2")).await;
    back.sees(&[changed, "id: 1-3\n\n"]).await;
    let mut stranger = Browser::open(&server, "/api/v1/events", Some("9-9")).await;
    stranger.sees(&["event: resync\n", "id: 1-3\n\n"]).await;
    server.stop().await;
}

#[tokio::test]
async fn a_run_is_followed_and_its_end_is_told_once() {
    let server = Server::start();
    let path = "/api/v1/runs/7/events";
    server.backend.tell(2);
    let mut browser = Browser::open(&server, path, None).await;
    let event = "{\"at\":0,\"event\":\"no_hosts_matched\"}";
    browser.sees(&["200 OK", &format!("id: 200\nevent: events\ndata: [{event},{event}]\n\n")]).await;
    drop(browser);
    server.backend.tell(1);
    let mut back = Browser::open(&server, path, Some("200")).await;
    back.sees(&["200 OK", &format!("id: 300\nevent: events\ndata: [{event}]\n\n")]).await;
    server.backend.end();
    back.sees(&["id: 300\nevent: end\ndata: {\"lost\":0,\"next\":300,\"over\":true}\n\n"]).await;
    let mut again = Browser::open(&server, path, Some("300")).await;
    again.sees(&["204 No Content"]).await;
    let mut wrong = Browser::open(&server, path, Some("nonsense")).await;
    wrong.sees(&["400 Bad Request"]).await;
    server.stop().await;
}

#[tokio::test]
async fn the_newest_stream_takes_the_place_of_the_oldest_which_ends_cleanly() {
    let server = Server::start();
    let mut open = VecDeque::new();
    for _ in 0..32 {
        let mut browser = Browser::open(&server, "/api/v1/events", None).await;
        browser.sees(&["200 OK", "id: 1-0\n\n"]).await;
        open.push_back(browser);
    }
    for _ in 0..3 {
        let mut browser = Browser::open(&server, "/api/v1/events", None).await;
        browser.sees(&["200 OK", "id: 1-0\n\n"]).await;
        open.push_back(browser);
        // The last chunk of a whole answer.
        open.pop_front().expect("the oldest").sees(&["0\r\n\r\n"]).await;
    }
    let mut lines = server.client().events(RunId(7), EventPosition(0), true).await.expect("a stream");
    assert_eq!(kind(&mut lines).await, "position 0");
    open.pop_front().expect("the oldest").sees(&["0\r\n\r\n"]).await;
    server.backend.tell(1);
    for browser in &mut open {
        browser.sees(&["event: stack_changed", "id: 1-1\n\n"]).await;
    }
    let _status: serde_json::Value = server.client().get("/status").await.expect("an answer");
    for _ in 0..32 {
        let mut browser = Browser::open(&server, "/api/v1/events", None).await;
        browser.sees(&["200 OK", "id: 1-1\n\n"]).await;
        open.push_back(browser);
        drop(open.pop_front());
    }
    assert_eq!([kind(&mut lines).await, kind(&mut lines).await], ["event", "position 100"]);
    let told = kind(&mut lines).await;
    assert!(told.contains("a newer stream") && told.contains("go on at the last position"), "{told}");
    assert!(lines.next().await.expect("the end").is_none());
    server.stop().await;
}

#[tokio::test]
async fn a_closed_connection_gives_its_place_back_at_once() {
    let server = Server::start();
    for path in ["/api/v1/events", "/api/v1/runs/7/events"] {
        let mut open = Vec::new();
        for _ in 0..8 {
            let mut browser = Browser::open(&server, path, None).await;
            browser.sees(&["200 OK", "id: "]).await;
            open.push(browser);
        }
        drop(open);
        // Much sooner than a silent stream would find out by writing.
        let unheard = tokio::time::timeout(Duration::from_secs(10), server.backend.unheard());
        unheard.await.expect("nobody is waited for any more");
    }
    server.stop().await;
}
