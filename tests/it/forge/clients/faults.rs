//! What goes wrong, and what comes of it.

use std::time::Duration;

use driftless::domain::{Failure, ForgeKind, MergeRequestNumber, Retry, Secret};
use driftless::forge::{Client, ForgeError, ForgeSettings};

use super::super::{Fault, Forge};
use super::{at_each_forge, client, main, settings};

at_each_forge! {
    a_forge_that_asks_to_wait_is_not_asked_meanwhile
    a_passing_fault_passes
    an_answer_that_is_not_understood_names_the_field
    an_answer_without_end_is_not_read
    a_redirect_is_not_followed_and_the_token_stays
    a_token_that_is_refused_needs_a_person
    what_is_not_there_needs_a_person
    a_certificate_of_nobody_known_is_not_spoken_to
    no_error_shows_the_token
}

async fn failure(client: &Client) -> Failure {
    client.merge_requests(&main(), None).await.expect_err("a failure").into()
}

async fn a_forge_that_asks_to_wait_is_not_asked_meanwhile(kind: ForgeKind) {
    let forge = Forge::start(kind);
    let client = client(&forge);
    forge.rate_limit(1, 40);
    let failure = failure(&client).await;
    let Retry::After(wait) = failure.retry else { panic!("{failure:?}") };
    // The clock of the answer has whole seconds.
    assert!((38..=41).contains(&wait.as_secs()), "{failure:?}");
    assert_eq!(forge.requests().len(), 1);
    for _ in 0..3 {
        let error = client.merge_request(MergeRequestNumber(1)).await.expect_err("it waits");
        assert!(
            matches!(error, ForgeError::RateLimited(left) if left <= Duration::from_secs(41)),
            "{error:?}"
        );
    }
    assert_eq!(forge.requests().len(), 0);

    let other = super::client(&forge);
    forge.rate_limit(1, 1);
    assert!(matches!(self::failure(&other).await.retry, Retry::After(_)));
    eventually(|| async { other.merge_requests(&main(), None).await.is_ok() }).await;
    if kind == ForgeKind::Github {
        forge.faults([Fault::SecondaryRateLimit]);
        let failure = self::failure(&other).await;
        assert_eq!(failure.retry, Retry::After(jiff::SignedDuration::from_secs(60)));
    }
}

/// Waits for a condition with a deadline.
async fn eventually<F: Future<Output = bool>>(condition: impl Fn() -> F) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    let mut looks = tokio::time::interval(Duration::from_millis(20));
    while !condition().await {
        assert!(tokio::time::Instant::now() < deadline, "it did not come to pass");
        looks.tick().await;
    }
}

async fn a_passing_fault_passes(kind: ForgeKind) {
    let forge = Forge::start(kind);
    let mut impatient = settings(&forge);
    impatient.limits.total = Duration::from_secs(2);
    let client = Client::new(&impatient).expect("a client");
    client.merge_requests(&main(), None).await.expect("a list");
    for (fault, expected) in [
        (Fault::Status(500), "500"),
        (Fault::Status(502), "502"),
        (Fault::Status(504), "504"),
        (Fault::Reset, "cannot be reached"),
        (Fault::Silence, "within 2 s"),
        (Fault::Slow(Duration::from_secs(60)), "within 2 s"),
    ] {
        // A broken connection may be tried once more by the library; the forge breaks that, too.
        forge.faults([fault.clone()]);
        let failure = failure(&client).await;
        assert_eq!(failure.retry, Retry::Soon, "{fault:?}: {failure}");
        assert!(failure.message.contains(expected) && failure.remedy.is_some(), "{fault:?}: {failure}");
        client.merge_requests(&main(), None).await.expect("it passed");
    }
    forge.faults([Fault::Slow(Duration::from_millis(50))]);
    client.merge_requests(&main(), None).await.expect("slow is not too slow");
    drop(forge);
    let failure = failure(&client).await;
    assert_eq!(failure.retry, Retry::Soon, "{failure}");
}

async fn an_answer_that_is_not_understood_names_the_field(kind: ForgeKind) {
    let forge = Forge::start(kind);
    forge.push("tls", &[("site.yml", "[]\n")]);
    let number = MergeRequestNumber(forge.open("tls", "Serve over TLS", "jdoe"));
    let client = client(&forge);
    let fields = match kind {
        ForgeKind::Gitlab => ["iid", "title", "author", "state", "target_branch", "web_url", "updated_at"],
        _ => ["number", "title", "head", "base", "state", "html_url", "updated_at"],
    };
    for field in fields {
        forge.faults([Fault::Without(field)]);
        let error = client.merge_request(number).await.expect_err("not understood");
        let failure = Failure::from(error);
        assert_eq!(failure.retry, Retry::UntilChanged);
        assert!(failure.message.contains(&format!("missing field `{field}`")), "{failure}");
    }
    for text in ["", "<html>", "null", "[]", "{}", "7", "{\"number\":{}}", "\"x\"", "[[[[", "{\"number\":-1}"]
    {
        forge.faults([Fault::Text(text.to_owned())]);
        let error = client.merge_request(number).await.expect_err("not understood");
        assert!(matches!(error, ForgeError::NotUnderstood { .. }), "{text}: {error:?}");
        forge.faults([Fault::Text(text.to_owned())]);
        // An empty list is a list.
        assert!(text == "[]" || client.merge_requests(&main(), None).await.is_err(), "{text}");
        forge.requests();
    }
}

async fn an_answer_without_end_is_not_read(kind: ForgeKind) {
    let forge = Forge::start(kind);
    let mut settings = settings(&forge);
    settings.limits.answer = 64 * 1024;
    let client = Client::new(&settings).expect("a client");
    forge.faults([Fault::Huge(64 * 1024 * 1024)]);
    let error = client.merge_requests(&main(), None).await.expect_err("too large");
    assert!(matches!(error, ForgeError::TooLarge(65_536)), "{error:?}");
    client.merge_requests(&main(), None).await.expect("the next one is fine");
}

async fn a_redirect_is_not_followed_and_the_token_stays(kind: ForgeKind) {
    let forge = Forge::start(kind);
    let client = client(&forge);
    let elsewhere = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    elsewhere.set_nonblocking(true).expect("set");
    let port = elsewhere.local_addr().expect("an address").port();
    let own = Forge::start(kind);
    for to in [
        format!("http://127.0.0.1:{port}"),
        format!("https://127.0.0.1:{port}"),
        own.api_url(),
        "https://169.254.169.254".to_owned(),
        "/other".to_owned(),
    ] {
        forge.faults([Fault::Redirect(to.clone())]);
        let error = client.merge_requests(&main(), None).await.expect_err("elsewhere");
        assert!(matches!(&error, ForgeError::Redirected(place) if place.starts_with(&to)), "{error:?}");
        assert_eq!(Failure::from(error).retry, Retry::UntilChanged);
    }
    let came = elsewhere.accept().expect_err("nobody comes");
    assert_eq!((came.kind(), own.requests().len()), (std::io::ErrorKind::WouldBlock, 0));
    assert_eq!(forge.requests().len(), 5);
}

async fn a_token_that_is_refused_needs_a_person(kind: ForgeKind) {
    let forge = Forge::start(kind);
    let client = client(&forge);
    client.set_token(&Secret::new("expired-t0ken".to_owned())).expect("a token");
    let failure = failure(&client).await;
    assert_eq!(failure.retry, Retry::UntilChanged);
    let text = failure.to_string();
    assert!(text.contains("does not accept the token") && text.contains("token"), "{text}");
    assert!(!text.contains("expired-t0ken"), "{text}");
    client.set_token(&Secret::new(forge.token().to_owned())).expect("a token");
    client.merge_requests(&main(), None).await.expect("it counts at once");

    forge.faults([Fault::Status(403)]);
    let failure = self::failure(&client).await;
    assert_eq!(failure.retry, Retry::UntilChanged);
    assert!(failure.remedy.is_some_and(|it| it.contains("write") || it.contains("`api`")));
    for bad in ["", "two\nlines", "ü", "with space"] {
        assert!(matches!(client.set_token(&Secret::new(bad.to_owned())), Err(ForgeError::Token)), "{bad:?}");
    }
}

async fn what_is_not_there_needs_a_person(kind: ForgeKind) {
    let forge = Forge::start(kind);
    let elsewhere = ForgeSettings { project: "acme/other".to_owned(), ..settings(&forge) };
    let failure = failure(&Client::new(&elsewhere).expect("a client")).await;
    assert_eq!(failure.retry, Retry::UntilChanged);
    assert!(failure.message.contains("of the project"), "{failure}");
    let error = client(&forge).merge_request(MergeRequestNumber(99)).await.expect_err("there is none");
    assert!(matches!(error, ForgeError::NotFound { .. }), "{error:?}");
    for api in
        ["https://169.254.169.254/api/v4", "http://gitlab.example.org/api/v4", "https://[::ffff:a9fe:a9fe]/"]
    {
        let settings = ForgeSettings { api: api.to_owned(), ..settings(&forge) };
        assert!(Client::new(&settings).is_err(), "{api}");
    }
}

async fn a_certificate_of_nobody_known_is_not_spoken_to(kind: ForgeKind) {
    let (forge, other) = (Forge::start(kind), Forge::start(kind));
    let settings = ForgeSettings { ca_bundle: Some(other.ca_bundle().to_owned()), ..settings(&forge) };
    let error = Client::new(&settings).expect("a client").merge_requests(&main(), None).await;
    let error = error.expect_err("a certificate of another authority");
    assert!(matches!(error, ForgeError::Certificate(_)), "{error:?}");
    assert_eq!(Failure::from(error).retry, Retry::UntilChanged);
    assert!(forge.requests().is_empty());
    // It is the same machine, but another name than that of the certificate.
    let settings =
        ForgeSettings { api: forge.api_url().replace("127.0.0.1", "127.0.0.2"), ..super::settings(&forge) };
    let error = Client::new(&settings).expect("a client").merge_requests(&main(), None).await;
    assert!(error.is_err());
}

async fn no_error_shows_the_token(kind: ForgeKind) {
    let forge = Forge::start(kind);
    let client = client(&forge);
    let told = format!("{{\"message\":\"bad: {} \\u001b[31m\"}}", forge.token());
    forge.faults([Fault::Text(told.clone()), Fault::Redirect(format!("https://x/{}", forge.token()))]);
    for _ in 0..2 {
        let error = client.merge_requests(&main(), None).await.expect_err("an error");
        let text = format!("{error} {error:?}");
        let text = format!("{text} {}", Failure::from(error));
        assert!(!text.contains(forge.token()) && !text.contains('\u{1b}'), "{text}");
    }
    assert!(!format!("{client:?} {:?}", settings(&forge)).contains(forge.token()));
}
