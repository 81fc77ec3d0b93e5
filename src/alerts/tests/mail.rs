//! Mail.

use base64::Engine as _;

use super::smtp::{MailServer, Speech, certificate};
use super::*;
use crate::domain::{Failure, Retry};

fn smtp(host: &str, port: u16, encryption: Encryption) -> Receiver {
    receiver(Endpoint::Smtp {
        host: host.to_owned(),
        port,
        encryption,
        login: Some(("driftless".to_owned(), secret(CANARY.to_owned()))),
        from: "driftless@example.org".to_owned(),
        to: vec!["ops@example.org".to_owned(), "anna@example.org".to_owned()],
    })
}

async fn sent(receiver: &Receiver, summary: &str) -> Result<(), SendError> {
    send(receiver, &notification(summary), BASE, now()).await
}

/// The lines of the mail, without the commands around it.
fn mail(heard: &[String]) -> &[String] {
    let from = heard.iter().position(|it| it == "DATA").expect("a mail") + 1;
    let to = heard.iter().rposition(|it| it == ".").expect("its end");
    &heard[from..to]
}

#[tokio::test]
async fn a_mail_has_one_subject_and_no_header_from_outside() {
    let server = MailServer::start(Speech::Plain, "250 fine\r\n").await;
    let receiver = smtp("127.0.0.1", server.port, Encryption::None);
    sent(&receiver, "broken\r\nBcc: eve@evil.example\n\n.\r\nMAIL FROM:<x>").await.expect("sent");
    let heard = server.heard();
    let recipients: Vec<_> = heard.iter().filter(|it| it.starts_with("RCPT")).collect();
    assert_eq!(recipients, ["RCPT TO:<ops@example.org>", "RCPT TO:<anna@example.org>"]);
    let mail = mail(&heard);
    let end = mail.iter().position(String::is_empty).expect("the end of the headers");
    let headers = &mail[..end];
    let names: Vec<_> =
        headers.iter().filter(|it| !it.starts_with(' ')).filter_map(|it| it.split(':').next()).collect();
    for expected in ["From", "To", "Subject", "Message-ID", "Date", "Auto-Submitted", "Content-Type"] {
        assert_eq!(names.iter().filter(|it| **it == expected).count(), 1, "{expected}: {names:?}");
    }
    assert!(!names.contains(&"Bcc") && !heard.iter().any(|it| it == "MAIL FROM:<x>"), "{heard:?}");
    let id = format!("Message-ID: <{}@example.org>", notification("x").id);
    assert!(headers.contains(&id), "{headers:?}");
}

#[tokio::test]
async fn nothing_is_said_before_the_connection_is_encrypted() {
    let dir = tempfile::tempdir().expect("a directory");
    let (authority, tls) = certificate(dir.path());
    for (speech, encryption) in
        [(Speech::StartTls(tls.clone()), Encryption::StartTls), (Speech::Implicit(tls), Encryption::Implicit)]
    {
        let server = MailServer::start(speech, "250 fine\r\n").await;
        let receiver = smtp("localhost", server.port, encryption);
        // An authority that nobody named is not believed.
        let error = sent(&receiver, "x").await.expect_err("not trusted");
        assert!(
            !server.heard().iter().any(|it| it.starts_with("AUTH") || it.starts_with("MAIL")),
            "{error:?}"
        );
        let receiver = Receiver { ca_bundle: Some(authority.clone()), ..receiver };
        sent(&receiver, "the apply failed").await.expect("sent");
        let heard = server.heard();
        assert!(mail(&heard).iter().any(|it| it.contains("2 of 3 hosts failed")), "{heard:?}");
        let login = base64::engine::general_purpose::STANDARD.encode(format!("\0driftless\0{CANARY}"));
        assert!(heard.contains(&format!("AUTH PLAIN {login}")), "{heard:?}");
    }
    // A server that cannot be encrypted gets nothing.
    let server = MailServer::start(Speech::Plain, "250 fine\r\n").await;
    let receiver = smtp("localhost", server.port, Encryption::StartTls);
    sent(&receiver, "x").await.expect_err("it has no STARTTLS");
    assert!(!server.heard().iter().any(|it| it.starts_with("AUTH") || it.starts_with("MAIL")));
    let receiver = smtp("mail.example.org", 25, Encryption::None);
    assert!(matches!(sent(&receiver, "x").await, Err(SendError::Address(_))));
}

#[tokio::test]
async fn failures_of_mail_say_when_to_try_again_and_hide_the_password() {
    for (answer, retry) in [
        ("451 4.7.1 greylisted, come back\r\n", Retry::Soon),
        ("550 5.1.1 no such user\r\n", Retry::UntilChanged),
    ] {
        let server = MailServer::start(Speech::Plain, answer).await;
        let error = sent(&smtp("127.0.0.1", server.port, Encryption::None), "x").await.expect_err("refused");
        let failure = Failure::from(error);
        assert_eq!(failure.retry, retry, "{failure}");
    }
    let server = MailServer::start(Speech::Mute, "").await;
    let receiver = hasty(smtp("127.0.0.1", server.port, Encryption::None));
    let failure = Failure::from(sent(&receiver, "x").await.expect_err("it is mute"));
    assert_eq!(failure.retry, Retry::Soon, "{failure}");
    let port = server.port;
    drop(server);
    let receiver = smtp("127.0.0.1", port, Encryption::None);
    let error = sent(&receiver, "x").await.expect_err("nobody is there");
    assert!(!format!("{error:?}{error}").contains(CANARY), "{error:?}");
    let receiver = smtp("169.254.169.254", 25, Encryption::StartTls);
    assert!(matches!(sent(&receiver, "x").await, Err(SendError::ForbiddenAddress(_))));
}
