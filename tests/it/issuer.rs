//! Signing in with an account of a provider, against an issuer that really signs.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair,
};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use driftless::domain::{Secret, Timestamp};
use driftless::identity::{IdentityError, Provider, ProviderSettings};

pub(crate) const PUBLIC: &str = "https://fleet.example.org";
const COME_BACK: &str = "https://fleet.example.org/sign-in/oidc/done";

/// How the issuer misbehaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Habit {
    Good,
    /// Signs with RSA.
    Rsa,
    /// Calls itself otherwise.
    OtherName,
    /// Has its token endpoint on another host.
    OtherHost,
    /// Sends whoever asks for its keys elsewhere.
    Redirects,
    /// Answers without end.
    Talks,
    /// Takes the secret in the form only.
    Form,
}

pub(crate) struct Issuer {
    pub(crate) url: String,
    habit: Habit,
    clock: fn() -> Timestamp,
    chance: SystemRandom,
    /// Keys by their name; the last one signs.
    keys: Mutex<Vec<(String, EcdsaKeyPair)>>,
    rsa: RsaKeyPair,
    /// What was asked for with a code: the hash of the verifier, and the nonce.
    codes: Mutex<HashMap<String, (String, String)>>,
}

pub(crate) type Shared = Arc<Issuer>;

impl Issuer {
    pub(crate) async fn start(habit: Habit, clock: fn() -> Timestamp) -> Shared {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let issuer = Arc::new(Self {
            url,
            habit,
            clock,
            chance: SystemRandom::new(),
            keys: Mutex::default(),
            rsa: rsa_key(),
            codes: Mutex::default(),
        });
        issuer.new_key();
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(discovery))
            .route("/keys", get(keys))
            .route("/token", post(token))
            .with_state(Arc::clone(&issuer));
        drop(tokio::spawn(async move { axum::serve(listener, router).await }));
        issuer
    }

    fn new_key(&self) {
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &self.chance);
        let document = document.expect("a key");
        let pair =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref(), &self.chance);
        let mut keys = self.keys.lock().expect("the lock");
        let name = format!("k{}", keys.len());
        keys.push((name, pair.expect("a key")));
    }

    /// What a browser does there: signs in, and comes back with a code. Returns it with the state.
    pub(crate) fn visit(&self, url: &str) -> (String, String) {
        let url = url::Url::parse(url).expect("a URL");
        assert_eq!(url.origin().ascii_serialization(), self.url);
        let asked: HashMap<String, String> = url.query_pairs().into_owned().collect();
        assert_eq!(asked["response_type"], "code");
        assert_eq!(asked["client_id"], "driftless");
        assert_eq!(asked["redirect_uri"], COME_BACK);
        assert_eq!(asked["scope"], "openid groups");
        assert_eq!(asked["code_challenge_method"], "S256");
        let mut codes = self.codes.lock().expect("the lock");
        let code = format!("code/{}+=", codes.len());
        codes.insert(code.clone(), (asked["code_challenge"].clone(), asked["nonce"].clone()));
        (code, asked["state"].clone())
    }

    fn id_token(&self, nonce: &str) -> String {
        let part = |it: &Value| URL_SAFE_NO_PAD.encode(it.to_string());
        let at = (self.clock)().as_second();
        let claims = json!({
            "iss": self.name(), "aud": ["driftless"], "sub": "s7", "nonce": nonce, "iat": at, "exp": at + 60,
            "groups": ["web", "all"], "preferred_username": "ann",
        });
        if self.habit == Habit::Rsa {
            let message = format!("{}.{}", part(&json!({ "alg": "RS256", "kid": "rsa" })), part(&claims));
            let mut signature = vec![0; self.rsa.public().modulus_len()];
            self.rsa
                .sign(&RSA_PKCS1_SHA256, &self.chance, message.as_bytes(), &mut signature)
                .expect("signed");
            return format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature));
        }
        let keys = self.keys.lock().expect("the lock");
        let (name, pair) = keys.last().expect("a key");
        let message = format!("{}.{}", part(&json!({ "alg": "ES256", "kid": name })), part(&claims));
        let signature = pair.sign(&self.chance, message.as_bytes()).expect("signed");
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    fn name(&self) -> String {
        if self.habit == Habit::OtherName { "http://127.0.0.1:1".to_owned() } else { self.url.clone() }
    }

    fn provider(&self) -> Provider {
        Provider::new(ProviderSettings {
            issuer: self.url.clone(),
            client_id: "driftless".to_owned(),
            client_secret: Secret::new("s3cret:& +".to_owned()),
            come_back: COME_BACK.to_owned(),
            scopes: vec!["groups".to_owned()],
            hosts: Vec::new(),
            ca_bundle: None,
        })
        .expect("a provider")
    }
}

fn now() -> Timestamp {
    "2026-11-01T08:00:00Z".parse().expect("a time")
}

fn rsa_key() -> RsaKeyPair {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("key.der");
    let made = std::process::Command::new("openssl")
        .args(["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-outform", "DER", "-out"])
        .arg(&file)
        .output()
        .expect("openssl");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let key = std::fs::read(file).expect("a key");
    // Which of the two forms it is depends on the version of openssl.
    RsaKeyPair::from_pkcs8(&key).or_else(|_| RsaKeyPair::from_der(&key)).expect("a key")
}

async fn discovery(State(issuer): State<Shared>) -> Json<Value> {
    let url = &issuer.url;
    let token_host = if issuer.habit == Habit::OtherHost { "https://evil.example.org" } else { url };
    let mut told = json!({
        "issuer": issuer.name(),
        "authorization_endpoint": format!("{url}/authorize?tenant=main"),
        "token_endpoint": format!("{token_host}/token"),
        "jwks_uri": format!("{url}/keys"),
    });
    if issuer.habit == Habit::Form {
        told["token_endpoint_auth_methods_supported"] = json!(["client_secret_post"]);
    }
    Json(told)
}

async fn keys(State(issuer): State<Shared>) -> Response {
    match issuer.habit {
        Habit::Redirects => return (StatusCode::FOUND, [(header::LOCATION, "/elsewhere")]).into_response(),
        Habit::Talks => return "[".repeat(1 << 20).into_response(),
        _ => {}
    }
    let ours = issuer.keys.lock().expect("the lock");
    let mut all: Vec<Value> = ours
        .iter()
        .map(|(name, pair)| {
            let point = pair.public_key().as_ref();
            let (x, y) = (URL_SAFE_NO_PAD.encode(&point[1..33]), URL_SAFE_NO_PAD.encode(&point[33..]));
            json!({ "kty": "EC", "crv": "P-256", "kid": name, "use": "sig", "x": x, "y": y })
        })
        .collect();
    let public = ring::rsa::PublicKeyComponents::<Vec<u8>>::from(issuer.rsa.public());
    let (n, e) = (URL_SAFE_NO_PAD.encode(public.n), URL_SAFE_NO_PAD.encode(public.e));
    all.push(json!({ "kty": "RSA", "kid": "rsa", "alg": "RS256", "n": n, "e": e }));
    all.push(json!({ "kty": "RSA", "kid": "enc", "use": "enc", "n": "AQAB", "e": "AQAB" }));
    all.push(json!({ "kty": "OKP", "crv": "Ed25519", "x": "AAAA" }));
    Json(json!({ "keys": all })).into_response()
}

/// Tells an ID token to who has the code, the secret and the verifier. A code works once.
async fn token(State(issuer): State<Shared>, headers: HeaderMap, body: Bytes) -> Response {
    let refused = |what: &str| {
        (StatusCode::BAD_REQUEST, Json(json!({ "error": "invalid_grant", "error_description": what })))
            .into_response()
    };
    let form: HashMap<String, String> = url::form_urlencoded::parse(&body).into_owned().collect();
    let basic = STANDARD.encode("driftless:s3cret%3A%26+%2B");
    let proof = headers.get(header::AUTHORIZATION).map(|it| it.to_str().unwrap_or_default());
    let is_us = if issuer.habit == Habit::Form {
        proof.is_none() && form.get("client_secret").is_some_and(|it| it == "s3cret:& +")
    } else {
        proof == Some(&format!("Basic {basic}")) && !form.contains_key("client_secret")
    };
    if !is_us || form.get("redirect_uri").is_none_or(|it| it != COME_BACK) {
        return refused("not our client");
    }
    let Some((challenge, nonce)) = issuer.codes.lock().expect("the lock").remove(&form["code"]) else {
        return refused("no such code");
    };
    if URL_SAFE_NO_PAD.encode(Sha256::digest(form["code_verifier"].as_bytes())) != challenge {
        return refused("another browser");
    }
    Json(json!({ "access_token": "x", "token_type": "Bearer", "id_token": issuer.id_token(&nonce) }))
        .into_response()
}

const VERIFIER: &str = "verifierverifierverifierverifierverifierverifierver1";

async fn signed_in(issuer: &Issuer, provider: &Provider) -> Result<String, IdentityError> {
    let url = provider.sign_in_url("state", "nonce", VERIFIER).await?;
    let (code, state) = issuer.visit(&url);
    assert_eq!(state, "state");
    let account = provider.account(now(), &code, "nonce", VERIFIER).await?;
    assert_eq!(account.claims.texts("groups"), ["web", "all"]);
    Ok(account.subject)
}

#[tokio::test]
async fn an_account_is_vouched_for_by_either_kind_of_key_and_secret() {
    for habit in [Habit::Good, Habit::Rsa, Habit::Form] {
        let issuer = Issuer::start(habit, now).await;
        let provider = issuer.provider();
        assert_eq!(signed_in(&issuer, &provider).await.expect("signed in"), "s7", "{habit:?}");
        // A new key is fetched when it is first seen.
        issuer.new_key();
        assert_eq!(signed_in(&issuer, &provider).await.expect("signed in"), "s7", "{habit:?}");
    }
}

#[tokio::test]
async fn a_code_is_for_one_browser_one_try_and_one_use() {
    let issuer = Issuer::start(Habit::Good, now).await;
    let provider = issuer.provider();
    let visit =
        async || issuer.visit(&provider.sign_in_url("state", "nonce", VERIFIER).await.expect("a URL")).0;
    let code = visit().await;
    let other = provider
        .account(now(), &code, "nonce", "another verifier, of another browser, that is as long")
        .await;
    assert!(
        matches!(&other, Err(IdentityError::Refused { status: 400, said }) if said.contains("another browser"))
    );
    let code = visit().await;
    let other = provider.account(now(), &code, "another nonce", VERIFIER).await;
    assert!(matches!(other, Err(IdentityError::Token(_))), "{other:?}");
    let code = visit().await;
    assert!(provider.account(now(), &code, "nonce", VERIFIER).await.is_ok());
    let again = provider.account(now(), &code, "nonce", VERIFIER).await;
    assert!(matches!(again, Err(IdentityError::Refused { .. })), "{again:?}");
    let late = visit().await;
    let hour = driftless::domain::Span::from_hours(1);
    let late = provider.account(now() + hour, &late, "nonce", VERIFIER).await;
    assert!(matches!(late, Err(IdentityError::Token("it is over"))), "{late:?}");
    provider.set_secret(Secret::new("wrong".to_owned()));
    let stranger = provider.account(now(), &visit().await, "nonce", VERIFIER).await;
    assert!(matches!(&stranger, Err(IdentityError::Refused { said, .. }) if said.contains("not our client")));
    assert!(!format!("{stranger:?} {provider:?}").contains("wrong"));
}

#[tokio::test]
async fn an_issuer_that_points_elsewhere_is_not_followed() {
    for (habit, wanted) in [
        (Habit::OtherName, "calls itself"),
        (Habit::OtherHost, "on another host than the issuer"),
        (Habit::Redirects, "answered 302"),
        (Habit::Talks, "larger than"),
    ] {
        let issuer = Issuer::start(habit, now).await;
        let error = signed_in(&issuer, &issuer.provider()).await.expect_err("refused").to_string();
        assert!(error.contains(wanted), "{habit:?}: {error}");
    }
    let nobody = unreached();
    let error = nobody.provider().sign_in_url("s", "n", VERIFIER).await.expect_err("nobody").to_string();
    assert!(error.contains("cannot be reached"), "{error}");
}

fn unreached() -> Issuer {
    Issuer {
        url: "http://127.0.0.1:1".to_owned(),
        habit: Habit::Good,
        clock: now,
        chance: SystemRandom::new(),
        keys: Mutex::default(),
        rsa: rsa_key(),
        codes: Mutex::default(),
    }
}
