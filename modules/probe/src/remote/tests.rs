use std::net::TcpListener;

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::tests::verdict;
use crate::verdict::State::{self, AsWanted, Differs, Unknown};
use crate::verdict::Verdict;

/// A server that gives one answer and hangs up. Gives its port.
fn server(answer: &'static [u8]) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0; 1024];
        let _length = stream.read(&mut request).unwrap();
        stream.write_all(answer).unwrap();
    });
    port
}

/// A port on which nobody listens.
fn closed() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn of(item: Value) -> Verdict {
    verdict(tempfile::tempdir().unwrap().path(), item)
}

#[track_caller]
fn check(item: Value, state: State, reason: &str) {
    let found = of(item);
    let said = found.reason.clone().unwrap_or_default();
    assert_eq!(found.state, state, "{found:?}");
    assert!(said.contains(reason), "{said}");
}

#[test]
fn answers_of_http_are_verified() {
    const PLAIN: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
    const CHUNKED: &[u8] =
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\n\r\n";
    let url = |answer| format!("http://127.0.0.1:{}/health", server(answer));
    check(json!({"http": url(PLAIN)}), AsWanted, "");
    check(json!({"http": {"url": url(PLAIN), "contains": "ell"}}), AsWanted, "");
    check(json!({"http": {"url": url(CHUNKED), "contains": "hello"}}), AsWanted, "");
    check(json!({"http": {"url": url(PLAIN), "contains": "bye"}}), Differs, "contains is false, wanted bye");
    check(
        json!({"http": {"url": url(PLAIN), "status": [204, 301]}}),
        Differs,
        "status is 200, wanted [204,301]",
    );
    check(json!({"http": url(b"HTTP/1.0 503 x\r\n\r\n")}), Differs, "status is 503, wanted [200]");
    check(json!({"http": url(b"SSH-2.0-OpenSSH\r\n")}), Differs, "does not answer as HTTP");
    check(json!({"http": format!("http://127.0.0.1:{}", closed())}), Differs, "refused");
    check(json!({"http": "http://no.such.host.invalid/"}), Unknown, "cannot be resolved");
}

#[test]
fn ports_of_other_hosts_are_verified() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let open = listener.local_addr().unwrap().port();
    check(json!({"tcp": {"port": open}}), AsWanted, "");
    check(json!({"tcp": {"port": open, "state": "closed"}}), Differs, "state is open, wanted closed");
    check(json!({"tcp": {"host": "127.0.0.1", "port": closed()}}), Differs, "refused");
    check(json!({"tcp": {"port": closed(), "state": "closed"}}), AsWanted, "");
}

#[test]
fn a_server_that_says_nothing_is_given_up() {
    // It accepts into its queue and never answers.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let began = Instant::now();
    check(
        json!({"http": {"url": format!("http://127.0.0.1:{port}/"), "timeout": 1}}),
        Differs,
        "no answer within 1 s",
    );
    check(
        json!({"certificate": {"host": "127.0.0.1", "port": port, "timeout": 1}}),
        Unknown,
        "sent no certificate",
    );
    assert!(began.elapsed() < Duration::from_secs(20));
}

#[test]
fn certificates_of_servers_are_read() {
    check(
        json!({"certificate": {"host": "127.0.0.1", "port": server(b"HTTP/1.1 400 x\r\n\r\n")}}),
        Unknown,
        "as one of TLS",
    );
    check(
        json!({"certificate": {"host": "127.0.0.1", "port": server(b"\x15\x03\x03\x00\x02\x02\x46")}}),
        Unknown,
        "TLS 1.3",
    );
    check(json!({"certificate": {"host": "127.0.0.1", "port": closed()}}), Unknown, "refused");
}

#[test]
fn many_are_asked_beside_each_other_and_each_has_its_verdict() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (open, closed) = (listener.local_addr().unwrap().port(), closed());
    let items: Vec<(usize, Wanted)> = crate::manifest::parse(
        (0..150)
            .map(|index| json!({"tcp": if index % 3 == 0 { open } else { closed }}))
            .map(|it| json!({"tcp": {"port": it["tcp"]}}))
            .collect(),
    )
    .unwrap()
    .into_iter()
    .map(|item| item.wanted)
    .enumerate()
    .collect();
    let mut found = compare(items, 0, Instant::now() + Duration::from_secs(60));
    found.sort_by_key(|(number, _)| *number);
    assert_eq!(found.len(), 150);
    for (number, comparison) in found {
        assert_eq!(comparison.differs.is_empty(), number % 3 == 0, "{number}");
    }
}

proptest! {
    #[test]
    fn no_answer_panics(bytes in prop::collection::vec(any::<u8>(), 0..60), text in "(?s)HTTP/1.1 [0-9]{0,4}\r\n(transfer-encoding: chunked\r\n)?\r\n[0-9a-f;]{0,6}\r\n.{0,20}") {
        for answer in [bytes.as_slice(), text.as_bytes()] {
            let _any = status(answer);
            let _any = body(answer);
            let _any = is_complete(answer);
        }
    }
}
