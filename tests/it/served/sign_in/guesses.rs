//! Who guesses waits, and keeps nobody else out.

use driftless::domain::Token;
use driftless::domain::token::NewToken;

use super::*;

#[tokio::test]
async fn who_guesses_waits_and_who_is_known_does_not() {
    let backend = Memory::default();
    let token = backend.token("ci", Role::Viewer, Scope::All);
    let bearer = |text: &str| {
        let value = format!("Bearer {text}").parse().expect("a header");
        move |it: &mut HeaderMap| drop(it.insert(header::AUTHORIZATION, value))
    };
    let mut here = Browser::new(&backend);
    let known = here.send(Method::GET, "/api/v1/status", "", bearer(&token)).await;
    assert_eq!(known.status, StatusCode::OK);
    let mut seen = Vec::new();
    for at in 0..20 {
        let got = here.send(Method::GET, "/api/v1/status", "", bearer(&format!("dlt_{at}"))).await;
        seen.push(got.status);
    }
    assert_eq!(seen.iter().filter(|it| **it == StatusCode::UNAUTHORIZED).count(), 6, "{seen:?}");
    assert_eq!(seen.last(), Some(&StatusCode::TOO_MANY_REQUESTS));
    let got = here.send(Method::GET, "/api/v1/status", "", bearer("dlt_x")).await;
    assert_eq!(got.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(got.text.contains("\"too_many\""), "{}", got.text);
    let wait: u32 = got.header(header::RETRY_AFTER).parse().expect("seconds");
    assert!(got.text.contains(&format!("for {wait} s")), "{wait}: {}", got.text);
    let page = here.post("/sign-in", "token=dlt_x").await;
    assert_eq!(
        (page.status, page.header(header::RETRY_AFTER)),
        (StatusCode::TOO_MANY_REQUESTS, &*wait.to_string())
    );
    // Nobody who has a token is kept out by that, and neither is who has a session that is over, or an account elsewhere.
    let other = backend.token("other", Role::Viewer, Scope::All);
    let stale =
        |it: &mut HeaderMap| drop(it.insert(header::COOKIE, HeaderValue::from_static("driftless=over")));
    let known = here.send(Method::GET, "/api/v1/status", "", bearer(&other)).await;
    assert_eq!(known.status, StatusCode::OK);
    for _ in 0..20 {
        let page = here.send(Method::GET, "/stacks/infra/web", "", stale).await;
        assert_eq!(
            (page.status, page.header(header::LOCATION)),
            (StatusCode::SEE_OTHER, "/sign-in?next=%2Fstacks%2Finfra%2Fweb")
        );
    }
    assert_eq!(here.get("/sign-in/oidc").await.status, StatusCode::SEE_OTHER);
    assert_eq!(here.post("/sign-in", &format!("token={token}")).await.status, StatusCode::SEE_OTHER);
    assert_eq!(here.get("/api/v1/status").await.status, StatusCode::OK, "the new session works");
}

#[tokio::test]
async fn who_guesses_at_a_token_that_there_is_waits_alone() {
    let backend = Memory::default();
    let other = backend.token("other", Role::Viewer, Scope::All);
    let made = |secret: u8| {
        let grant = NewToken {
            name: "ci".parse().expect("a name"),
            role: Role::Viewer,
            scope: Scope::All,
            expires_at: backend.now() + Span::from_hours(1),
            by: "ann".to_owned(),
            at: backend.now(),
        };
        // The first bytes of chance become what names the token, the others its secret.
        let mut chance = [7; 37];
        chance[5..].fill(secret);
        let (token, text) = Token::make(grant, &chance);
        (token, text.expose().to_owned())
    };
    let ((known, token), (guessed, wrong)) = (made(1), made(2));
    assert_eq!(known.id, guessed.id);
    backend.gate().add(known);
    let bearer = |text: &str| {
        let value = format!("Bearer {text}").parse().expect("a header");
        move |it: &mut HeaderMap| drop(it.insert(header::AUTHORIZATION, value))
    };
    let (mut here, mut there) = (Browser::new(&backend), Browser::at(&backend, [192, 0, 2, 8]));
    let mut seen = Vec::new();
    for _ in 0..20 {
        seen.push(here.send(Method::GET, "/api/v1/status", "", bearer(&wrong)).await.status);
    }
    assert_eq!(seen.iter().filter(|it| **it == StatusCode::UNAUTHORIZED).count(), 6, "{seen:?}");
    let status = |got: Got| got.status;
    assert_eq!(
        status(here.send(Method::GET, "/api/v1/status", "", bearer(&token)).await),
        StatusCode::TOO_MANY_REQUESTS
    );
    assert_eq!(status(here.send(Method::GET, "/api/v1/status", "", bearer(&other)).await), StatusCode::OK);
    assert_eq!(status(there.send(Method::GET, "/api/v1/status", "", bearer(&token)).await), StatusCode::OK);
    backend.pass(Span::from_mins(1));
    assert_eq!(status(here.send(Method::GET, "/api/v1/status", "", bearer(&token)).await), StatusCode::OK);
}
