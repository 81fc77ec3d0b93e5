//! Slack, Matrix, Teams and signed webhooks.

use serde_json::json;

use super::server::{Behaviour, Server};
use super::*;
use crate::domain::{Failure, Retry, Span};

fn slack(base: &str) -> Receiver {
    receiver(Endpoint::Slack { url: secret(format!("{base}/hooks/{CANARY}")) })
}

fn matrix(base: &str) -> Receiver {
    receiver(Endpoint::Matrix {
        homeserver: base.to_owned(),
        room: "!abc/d:example.org".to_owned(),
        token: secret(CANARY.to_owned()),
    })
}

fn teams(base: &str) -> Receiver {
    receiver(Endpoint::Teams { url: secret(format!("{base}/workflows/x?sig={CANARY}")) })
}

fn webhook(base: &str) -> Receiver {
    receiver(Endpoint::Webhook { url: format!("{base}/in"), secret: secret(CANARY.to_owned()) })
}

async fn sent(receiver: &Receiver, summary: &str) -> Result<(), SendError> {
    send(receiver, &notification(summary), BASE, now()).await
}

#[tokio::test]
async fn slack_gets_text_in_which_nobody_is_mentioned() {
    let server = Server::fine().await;
    sent(&slack(&server.base), "<!channel> & @here [x](https://evil.example)").await.expect("sent");
    let asked = server.only();
    assert_eq!(asked.line, format!("POST /hooks/{CANARY} HTTP/1.1"));
    let text = asked.json()["text"].as_str().expect("a text").to_owned();
    assert!(
        text.starts_with("[critical] &lt;!channel&gt; &amp; @\u{200b}here [x]\u{200b}(https:\u{200b}/"),
        "{text}"
    );
    assert!(text.ends_with("https://driftless.example/runs/7"), "{text}");
    assert_eq!(asked.json()["mrkdwn"], json!(false));
}

#[tokio::test]
async fn matrix_gets_the_same_transaction_at_each_try() {
    let server = Server::fine().await;
    for _ in 0..2 {
        sent(&matrix(&server.base), "the apply failed").await.expect("sent");
    }
    let asked = server.asked();
    assert_eq!(asked[0].line, asked[1].line);
    let id = notification("x").id;
    let path = "/_matrix/client/v3/rooms/!abc%2Fd:example.org/send/m.room.message";
    assert_eq!(asked[0].line, format!("PUT {path}/{id} HTTP/1.1"));
    assert_eq!(asked[0].headers["authorization"], format!("Bearer {CANARY}"));
    let body = asked[0].json();
    assert_eq!((&body["msgtype"], &body["m.mentions"]), (&json!("m.text"), &json!({})));
    assert!(body["body"].as_str().expect("a text").contains("2 of 3 hosts failed"));
    assert_eq!(body.get("formatted_body"), None);
}

#[tokio::test]
async fn teams_gets_a_card_without_markdown() {
    let server = Server::start(Behaviour::Answer(202, "", String::new())).await;
    sent(&teams(&server.base), "**bold** <at>all</at>").await.expect("sent");
    let card = server.only().json()["attachments"][0]["content"].clone();
    assert_eq!(card["type"], json!("AdaptiveCard"));
    let kinds: Vec<_> =
        card["body"].as_array().expect("blocks").iter().map(|it| it["type"].clone()).collect();
    assert!(kinds.iter().all(|it| it == "RichTextBlock"), "{kinds:?}");
    assert_eq!(card["body"][0]["inlines"][0]["text"], json!("[critical] **bold** <at>all</at>"));
    assert_eq!(card["actions"][0]["url"], json!("https://driftless.example/runs/7"));
    assert_eq!(card.get("msteams"), None, "there is nobody to mention");
}

#[tokio::test]
async fn a_webhook_is_signed_over_id_time_and_body() {
    use base64::Engine as _;
    use hmac::{Hmac, KeyInit as _, Mac as _};

    let server = Server::fine().await;
    sent(&webhook(&server.base), "the apply failed").await.expect("sent");
    let asked = server.only();
    let header = |name: &str| asked.headers[name].clone();
    assert_eq!(header("webhook-id"), notification("x").id);
    assert_eq!(header("webhook-timestamp"), "1790000000");
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(CANARY.as_bytes()).expect("a key");
    mac.update(format!("{}.1790000000.{}", header("webhook-id"), asked.body).as_bytes());
    let signature = base64::engine::general_purpose::STANDARD.encode(mac.finalize().into_bytes());
    assert_eq!(header("webhook-signature"), format!("v1,{signature}"));
    let body = asked.json();
    assert_eq!(body["type"], json!("driftless.alerts"));
    let notice = &body["data"]["notices"][0];
    assert_eq!(
        (&notice["kind"], &notice["subject"], &notice["state"]),
        (&json!("apply_failed"), &json!("infra/web"), &json!("raised"))
    );
    assert_eq!(notice["id"], json!("apply_failed infra/web"), "the same when it is over");
    assert_eq!(notice["url"], json!("https://driftless.example/runs/7"));
}

/// What each answer means, for every protocol; and that no error shows the secret, even if the answer does.
#[tokio::test]
async fn failures_are_told_without_the_secret_and_say_when_to_try_again() {
    let echo = || format!("no such hook: /hooks/{CANARY}");
    for (status, headers, retry) in [
        (500, "", Retry::Soon),
        (502, "", Retry::Soon),
        (429, "retry-after: 17\r\n", Retry::After(Span::from_secs(17))),
        (429, "", Retry::After(Span::from_mins(1))),
        (503, "retry-after: 5\r\n", Retry::After(Span::from_secs(5))),
        (400, "", Retry::UntilChanged),
        (401, "", Retry::UntilChanged),
        (403, "", Retry::UntilChanged),
        (404, "", Retry::UntilChanged),
        (302, "location: http://127.0.0.1:1/elsewhere\r\n", Retry::UntilChanged),
    ] {
        let server = Server::start(Behaviour::Answer(status, headers, echo())).await;
        for receiver in
            [slack(&server.base), matrix(&server.base), teams(&server.base), webhook(&server.base)]
        {
            let error = sent(&receiver, "x").await.expect_err("a failure");
            let printed = format!("{error:?}");
            let failure = Failure::from(error);
            assert_eq!(failure.retry, retry, "{status}: {failure}");
            let is_secret = !matches!(receiver.endpoint, Endpoint::Webhook { .. } | Endpoint::Teams { .. });
            assert!(!is_secret || !format!("{printed}{failure}").contains(CANARY), "{printed}");
        }
        assert_eq!(server.asked().len(), 4, "a redirect is not followed");
    }
    let busy = json!({ "errcode": "M_LIMIT_EXCEEDED", "error": "slow down", "retry_after_ms": 2500 });
    let server = Server::start(Behaviour::Answer(429, "", busy.to_string())).await;
    let failure = Failure::from(sent(&matrix(&server.base), "x").await.expect_err("busy"));
    assert_eq!(failure.retry, Retry::After(Span::from_millis(2500)));
}

#[tokio::test]
async fn who_does_not_answer_is_left_alone_in_time() {
    let server = Server::start(Behaviour::Hang).await;
    let error = sent(&hasty(slack(&server.base)), "x").await.expect_err("it hangs");
    assert!(matches!(error, SendError::Timeout(_)), "{error:?}");
    let server = Server::start(Behaviour::Close).await;
    let error = sent(&slack(&server.base), "x").await.expect_err("it closes");
    assert!(matches!(error, SendError::Unreachable(_)), "{error:?}");
    assert!(!format!("{error:?}{error}").contains(CANARY), "{error:?}");
    let huge = Server::start(Behaviour::Answer(500, "", "x".repeat(1 << 20))).await;
    let error = sent(&slack(&huge.base), "x").await.expect_err("it fails");
    assert!(error.to_string().len() < 400, "{error}");
}

#[tokio::test]
async fn nobody_is_spoken_to_at_forbidden_addresses() {
    for url in ["http://169.254.169.254/latest", "https://[::ffff:169.254.169.254]/", "http://10.0.0.1/x"] {
        let error = sent(&slack(url), "x").await.expect_err("refused");
        assert!(matches!(error, SendError::ForbiddenAddress(_) | SendError::Address(_)), "{error:?}");
    }
    // A name of this machine that its words do not tell: the guard is asked after it was resolved.
    let host = std::fs::read_to_string("/etc/hostname").unwrap_or_default();
    let resolved = tokio::net::lookup_host((host.trim(), 9)).await.map(Iterator::collect::<Vec<_>>);
    if let Ok(found) = resolved
        && found.iter().all(|it| it.ip().is_loopback())
    {
        let error = sent(&slack(&format!("https://{}:9", host.trim())), "x").await.expect_err("refused");
        assert!(matches!(error, SendError::ForbiddenAddress(_)), "{error:?}");
    }
}
