//! How deliveries are let in: what they must be, and how much of them there may be at once.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::memory::{LARGEST_DELIVERY, Memory};
use driftless::web::{bind_tcp, serve_tcp};

/// The head of a delivery that the daemon in memory believes.
const HEAD: &str = "POST /webhooks/infra HTTP/1.1\r\nHost: x\r\nX-Proof: secret\r\n";
const JSON: &str = "Content-Type: application/json\r\n";

async fn start() -> (std::net::SocketAddr, Memory) {
    let listener = bind_tcp("127.0.0.1:0".parse().expect("an address"), false).await.expect("a listener");
    let (address, backend) = (listener.local_addr().expect("an address"), Memory::default());
    drop(tokio::spawn(serve_tcp(listener, backend.clone(), std::future::pending())));
    (address, backend)
}

async fn answer(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    // A connection that is cut after the answer is an answer all the same.
    let read = tokio::time::timeout(Duration::from_secs(30), stream.read_to_end(&mut answer)).await;
    let _cut = read.expect("in time");
    String::from_utf8_lossy(&answer).into_owned()
}

async fn send(address: std::net::SocketAddr, text: impl AsRef<[u8]>) -> String {
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    let _refused_early = stream.write_all(text.as_ref()).await;
    answer(&mut stream).await
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or("none")
}

#[tokio::test]
async fn only_json_as_it_was_signed_is_read() {
    let (address, backend) = start().await;
    let with = |headers: &str, body: &str| {
        send(address, format!("{HEAD}{headers}Content-Length: {}\r\n\r\n{body}", body.len()))
    };
    let mut told = String::new();
    for headers in [
        "",
        "Content-Type: application/x-www-form-urlencoded\r\n",
        "Content-Type: text/json\r\n",
        "Content-Type: application/jsonp\r\n",
        "Content-Type: application/json\r\nContent-Encoding: gzip\r\n",
        "Content-Type: application/json\r\nContent-Encoding: identity\r\n",
    ] {
        told = with(headers, "{}").await;
        assert_eq!(status(&told), "415", "{headers} {told}");
    }
    assert!(told.contains("without a Content-Encoding"), "{told}");
    assert!(backend.acted().is_empty());
    for headers in [JSON, "content-type: Application/JSON; charset=utf-8\r\n"] {
        assert_eq!(status(&with(headers, "{}").await), "202");
    }
    assert_eq!(status(&send(address, "GET /webhooks/infra HTTP/1.1\r\nHost: x\r\n\r\n").await), "405");
    assert_eq!(status(&send(address, "PUT /webhooks/infra HTTP/1.1\r\nHost: x\r\n\r\n").await), "405");
    for path in ["/webhooks", "/webhooks/", "/webhooks/infra/x"] {
        let text = format!("POST {path} HTTP/1.1\r\nHost: x\r\n{JSON}Content-Length: 2\r\n\r\n{{}}");
        assert_eq!(status(&send(address, &text).await), "404", "{path}");
    }
    assert_eq!(backend.acted().len(), 2);
}

#[tokio::test]
async fn a_body_ends_at_the_limit_however_it_comes() {
    let (address, backend) = start().await;
    let body = |size: usize| "a".repeat(size);
    let whole = |size: usize| format!("{HEAD}{JSON}Content-Length: {size}\r\n\r\n{}", body(size));
    let chunked = |size: usize| {
        let half = body(size / 2);
        let chunk = format!("{:x}\r\n{half}\r\n", half.len());
        format!("{HEAD}{JSON}Transfer-Encoding: chunked\r\n\r\n{chunk}{chunk}0\r\n\r\n")
    };
    for text in [whole(LARGEST_DELIVERY), chunked(LARGEST_DELIVERY)] {
        assert_eq!(status(&send(address, &text).await), "202");
    }
    for text in [
        // Told beforehand, nothing of it is waited for.
        format!("{HEAD}{JSON}Content-Length: 104857600\r\n\r\n"),
        format!("{HEAD}{JSON}Content-Length: {}\r\n\r\n", LARGEST_DELIVERY + 1),
        chunked(LARGEST_DELIVERY + 2),
    ] {
        assert_eq!(status(&send(address, &text).await), "413");
    }
    let told = format!("a forge hints at infra in {LARGEST_DELIVERY} bytes");
    assert_eq!(backend.acted(), [told.clone(), told]);
    let many = (0..200).fold(String::new(), |text, it| format!("{text}X-{it}: a\r\n"));
    let long = format!("X-Long: {}\r\n", "a".repeat(64 * 1024));
    for headers in [many, long] {
        let told = send(address, &format!("{HEAD}{JSON}{headers}Content-Length: 2\r\n\r\n{{}}")).await;
        assert!(["431", "400", "none"].contains(&status(&told)), "{told}");
    }
    for strange in ["-1", "18446744073709551616", "1, 2", "x"] {
        let told = send(address, &format!("{HEAD}{JSON}Content-Length: {strange}\r\n\r\n{{}}")).await;
        assert_eq!(status(&told), "400", "{strange}");
    }
    assert_eq!(backend.acted().len(), 2);
}

#[tokio::test]
async fn those_who_never_finish_leave_places_for_others_and_are_cut_off() {
    let (address, backend) = start().await;
    let begun = std::time::Instant::now();
    let mut slow = JoinSet::new();
    for _ in 0..48 {
        let mut stream = TcpStream::connect(address).await.expect("a connection");
        let text = format!("{HEAD}{JSON}Content-Length: 1000\r\n\r\n{{");
        stream.write_all(text.as_bytes()).await.expect("sent");
        slow.spawn(async move { answer(&mut stream).await });
    }
    // As soon as all of them are waited for there is no room for one more, but still for those who look.
    let mut told = String::new();
    while status(&told) != "503" {
        told = send(address, &format!("{HEAD}{JSON}Content-Length: 2\r\n\r\n{{}}")).await;
        assert!(begun.elapsed() < Duration::from_secs(9), "{told}");
    }
    assert!(told.to_lowercase().contains("retry-after: 5"), "{told}");
    assert_eq!(status(&send(address, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await), "200");
    for told in slow.join_all().await {
        assert_eq!(status(&told), "408", "{told}");
    }
    let took = begun.elapsed();
    assert!(Duration::from_secs(9) < took && took < Duration::from_secs(25), "{took:?}");
    let before = backend.acted().len();
    assert_eq!(status(&send(address, &format!("{HEAD}{JSON}Content-Length: 2\r\n\r\n{{}}")).await), "202");
    assert_eq!(backend.acted().len(), before + 1);
}
