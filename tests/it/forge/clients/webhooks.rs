//! What the forge sends by itself.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::sync::mpsc;
use std::time::Duration;

use driftless::domain::ForgeKind;

use super::super::{Forge, How};
use super::at_each_forge;

at_each_forge! { what_happens_is_sent_and_signed }

/// Headers and body of each delivery; all are answered with 202.
fn receiver() -> (String, mpsc::Receiver<(String, String)>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/hooks/infra", listener.local_addr().expect("an address"));
    let (sender, receiver) = mpsc::sync_channel(64);
    drop(std::thread::spawn(move || {
        while let Ok((stream, _)) = listener.accept() {
            let mut reader = BufReader::new(stream);
            let (mut head, mut line) = (String::new(), String::new());
            while reader.read_line(&mut line).is_ok_and(|it| 2 < it) {
                head.push_str(&line.to_ascii_lowercase());
                line.clear();
            }
            let length = head.lines().find_map(|it| it.strip_prefix("content-length: ")?.parse().ok());
            let mut body = vec![0; length.unwrap_or_default()];
            reader.read_exact(&mut body).expect("a body");
            let answer = b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
            reader.get_mut().write_all(answer).expect("answered");
            if sender.send((head, String::from_utf8(body).expect("text"))).is_err() {
                return;
            }
        }
    }));
    (url, receiver)
}

async fn what_happens_is_sent_and_signed(kind: ForgeKind) {
    let forge = Forge::start(kind);
    let (url, received) = receiver();
    forge.send_webhooks_to(&url, "It's a Secret to Everybody");
    forge.push("tls", &[("site.yml", "[]\n")]);
    let number = forge.open("tls", "Serve over TLS", "jdoe");
    forge.push("tls", &[("site.yml", "[{hosts: all}]\n")]);
    forge.approve(number, "asmith");
    forge.merge(number, "asmith", How::Merge);
    let head = forge.head(number);

    let all: Vec<(String, String)> =
        (0..7).map(|_| received.recv_timeout(Duration::from_secs(20)).expect("a delivery")).collect();
    let has = |text: &str| all.iter().any(|(head, body)| head.contains(text) || body.contains(text));
    assert!(all.iter().any(|(_, body)| body.contains(head.as_str())), "the head is told");
    let own: &[&str] = match kind {
        ForgeKind::Github => {
            &["x-github-event: pull_request\r\n", "x-hub-signature-256: sha256=", "\"synchronize\""]
        }
        ForgeKind::Gitlab => {
            &["x-gitlab-event: merge request hook", "x-gitlab-token: it's a secret", "\"update\""]
        }
        ForgeKind::Forgejo => {
            &["x-forgejo-event: pull_request\r\n", "x-forgejo-signature: ", "\"synchronized\""]
        }
        ForgeKind::Gitea => &["x-gitea-event: pull_request\r\n", "x-gitea-signature: ", "\"synchronized\""],
    };
    assert!(own.iter().all(|it| has(it)), "{all:?}");
    assert!(all.iter().all(|(head, _)| head.starts_with("post /hooks/infra ")));
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    while forge.deliveries().iter().filter(|it| it.status == Some(202) && !it.event.is_empty()).count() < 7 {
        assert!(std::time::Instant::now() < deadline, "{:?}", forge.deliveries());
        std::thread::yield_now();
    }
}
