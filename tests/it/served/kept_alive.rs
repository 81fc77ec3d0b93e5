//! How long connections over TCP last: those of strangers for one request, those of who is known for many.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::memory::Memory;
use driftless::domain::{Role, Scope};
use driftless::web::{bind_tcp, serve_tcp};

async fn start(backend: &Memory) -> SocketAddr {
    let listener = bind_tcp("127.0.0.1:0".parse().expect("an address"), false).await.expect("a listener");
    let address = listener.local_addr().expect("an address");
    drop(tokio::spawn(serve_tcp(listener, backend.clone(), std::future::pending())));
    address
}

/// One connection.
struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    async fn open(address: SocketAddr) -> Self {
        Self { stream: TcpStream::connect(address).await.expect("a connection"), buffer: Vec::new() }
    }

    async fn send(&mut self, path: &str, token: Option<&str>) {
        let proof = token.map_or_else(String::new, |it| format!("Authorization: Bearer {it}\r\n"));
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\n{proof}\r\n");
        self.stream.write_all(request.as_bytes()).await.expect("sent");
    }

    /// What came up to this text; an empty text means to the end of the connection.
    async fn until(&mut self, end: &str) -> String {
        let read = async {
            loop {
                let found = self.buffer.windows(end.len().max(1)).position(|it| it == end.as_bytes());
                if let Some(at) = found.filter(|_| !end.is_empty()) {
                    let rest = self.buffer.split_off(at + end.len());
                    return std::mem::replace(&mut self.buffer, rest);
                }
                let mut part = [0; 4096];
                let count = self.stream.read(&mut part).await.expect("bytes");
                if count == 0 {
                    return std::mem::take(&mut self.buffer);
                }
                self.buffer.extend_from_slice(&part[..count]);
            }
        };
        let bytes = tokio::time::timeout(Duration::from_secs(10), read).await.expect("in time");
        String::from_utf8(bytes).expect("text")
    }
}

#[tokio::test]
async fn a_stranger_gets_one_answer_and_who_is_known_many() {
    let backend = Memory::default();
    let address = start(&backend).await;
    let mut stranger = Connection::open(address).await;
    stranger.send("/metrics", None).await;
    let answer = stranger.until("").await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("connection: close"), "{answer}");
    let mut pretender = Connection::open(address).await;
    pretender.send("/api/v1/stacks", Some("dlt_nonsense")).await;
    let answer = pretender.until("").await;
    assert!(answer.starts_with("HTTP/1.1 401") && answer.contains("connection: close"), "{answer}");
    assert!(answer.contains("www-authenticate: Bearer"), "{answer}");

    let token = backend.token("ci", Role::Viewer, Scope::All);
    let mut known = Connection::open(address).await;
    for _ in 0..3 {
        known.send("/api/v1/stacks/-/web/explain", Some(&token)).await;
        let answer = known.until("}").await;
        assert!(answer.starts_with("HTTP/1.1 200") && !answer.contains("connection: close"), "{answer}");
    }
}

#[tokio::test]
async fn a_stream_goes_on_while_strangers_take_all_their_places() {
    let backend = Memory::default();
    let address = start(&backend).await;
    let token = backend.token("ci", Role::Viewer, Scope::All);
    let mut known = Connection::open(address).await;
    known.send("/api/v1/runs/7/events?follow=true", Some(&token)).await;
    known.until("\"position\"").await;
    let mut strangers = Vec::new();
    for _ in 0..64 {
        strangers.push(Connection::open(address).await);
    }
    backend.tell(2);
    known.until("no_hosts_matched").await;
    backend.end();
    known.until("\"end\"").await;
    known.until("0\r\n\r\n").await;
    known.send("/api/v1/stacks/-/web/explain", Some(&token)).await;
    assert!(known.until("}").await.contains("HTTP/1.1 200"), "it has a place of its own");
}
