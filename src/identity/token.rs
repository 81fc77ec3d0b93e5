//! ID tokens: signatures and what they must say.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{self, RsaPublicKeyComponents, UnparsedPublicKey};
use serde::Deserialize;
use serde_json::Value;

use super::error::IdentityError;
use super::{Account, Claims};
use crate::domain::{Span, Timestamp};

/// How much clocks may differ.
const LEEWAY: Span = Span::from_secs(60);
/// How old a token may be: it was made for this sign-in.
const OLDEST: Span = Span::from_mins(15);
/// The longest token that is read, in bytes.
const LONGEST: usize = 64 * 1024;

/// A key that the provider signs with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Key {
    id: Option<String>,
    material: Material,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Material {
    /// RS256: the modulus and the exponent.
    Rsa(Vec<u8>, Vec<u8>),
    /// ES256: the point, not compressed.
    P256(Vec<u8>),
}

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    alg: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

impl Key {
    /// A key of a list, if it is of a kind that is accepted, and for signatures.
    pub(super) fn read(value: &Value) -> Option<Self> {
        let jwk: Jwk = serde_json::from_value(value.clone()).ok()?;
        let bytes = |it: Option<String>| URL_SAFE_NO_PAD.decode(it?).ok();
        if jwk.usage.is_some_and(|it| it != "sig") {
            return None;
        }
        let (material, algorithm) = match jwk.kty.as_str() {
            "RSA" => (Material::Rsa(bytes(jwk.n)?, bytes(jwk.e)?), "RS256"),
            "EC" if jwk.crv.as_deref() == Some("P-256") => {
                let (x, y) = (bytes(jwk.x)?, bytes(jwk.y)?);
                if (x.len(), y.len()) != (32, 32) {
                    return None;
                }
                (Material::P256([&[4], x.as_slice(), &y].concat()), "ES256")
            }
            _ => return None,
        };
        jwk.alg.is_none_or(|it| it == algorithm).then_some(Self { id: jwk.kid, material })
    }

    fn signed(&self, algorithm: &str, message: &[u8], signature: &[u8]) -> bool {
        let verified = match (&self.material, algorithm) {
            (Material::Rsa(n, e), "RS256") => RsaPublicKeyComponents { n, e }.verify(
                &signature::RSA_PKCS1_2048_8192_SHA256,
                message,
                signature,
            ),
            (Material::P256(point), "ES256") => {
                UnparsedPublicKey::new(&signature::ECDSA_P256_SHA256_FIXED, point).verify(message, signature)
            }
            _ => return false,
        };
        verified.is_ok()
    }
}

/// What a token must say.
#[derive(Debug, Clone, Copy)]
pub(super) struct Expected<'a> {
    pub(super) issuer: &'a str,
    pub(super) client_id: &'a str,
    pub(super) nonce: &'a str,
    pub(super) now: Timestamp,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    /// What must be understood. Nothing is.
    crit: Option<Value>,
}

/// Who a token is of, if it is believed.
pub(super) fn read(text: &str, keys: &[Key], expected: &Expected<'_>) -> Result<Account, IdentityError> {
    let wrong = IdentityError::Token;
    if LONGEST < text.len() {
        return Err(wrong("it is too long"));
    }
    let (message, signature) = text.rsplit_once('.').ok_or(wrong("it has not three parts"))?;
    let (header, claims) = message.split_once('.').ok_or(wrong("it has not three parts"))?;
    let part = |it: &str| URL_SAFE_NO_PAD.decode(it).map_err(|_| wrong("a part of it is not base64"));
    let head: Header =
        serde_json::from_slice(&part(header)?).map_err(|_| wrong("its head is not understood"))?;
    if head.crit.is_some() {
        return Err(wrong("its head asks for what is not understood"));
    }
    if !["RS256", "ES256"].contains(&head.alg.as_str()) {
        return Err(wrong("it is not signed with RS256 or ES256"));
    }
    let signature = part(signature)?;
    // Without the name of a key, any that is published may have signed.
    let mut meant = keys.iter().filter(|it| head.kid.is_none() || it.id == head.kid).peekable();
    if meant.peek().is_none() {
        return Err(IdentityError::UnknownKey);
    }
    if !meant.any(|it| it.signed(&head.alg, message.as_bytes(), &signature)) {
        return Err(wrong("its signature is wrong"));
    }
    let claims =
        serde_json::from_slice(&part(claims)?).map_err(|_| wrong("its claims are not understood"))?;
    check(&claims, expected)?;
    let subject = claims["sub"].as_str().filter(|it| !it.is_empty()).ok_or(wrong("it is of nobody"))?;
    Ok(Account { subject: subject.to_owned(), claims: Claims(claims) })
}

/// The rules of OIDC Core, 3.1.3.7.
fn check(claims: &Value, expected: &Expected<'_>) -> Result<(), IdentityError> {
    let wrong = |what| Err(IdentityError::Token(what));
    if claims["iss"].as_str() != Some(expected.issuer) {
        return wrong("it is from another issuer");
    }
    let (for_us, others) = match &claims["aud"] {
        Value::String(one) => (one == expected.client_id, false),
        Value::Array(all) => (all.iter().any(|it| it == expected.client_id), 1 < all.len()),
        _ => (false, false),
    };
    if !for_us {
        return wrong("it is for somebody else");
    }
    let party = &claims["azp"];
    if (others || !party.is_null()) && party.as_str() != Some(expected.client_id) {
        return wrong("it was made for somebody else");
    }
    if claims["nonce"].as_str() != Some(expected.nonce) {
        return wrong("it is of another try to sign in");
    }
    let at = |name: &str| claims[name].as_i64().and_then(|it| Timestamp::from_second(it).ok());
    let (Some(issued), Some(expires)) = (at("iat"), at("exp")) else {
        return wrong("it does not say when it was made and when it ends");
    };
    let now = expected.now;
    if expires.duration_since(now) <= -LEEWAY {
        return wrong("it is over");
    }
    if LEEWAY < issued.duration_since(now) || at("nbf").is_some_and(|it| LEEWAY < it.duration_since(now)) {
        return wrong("it is from the future: compare the clocks of both machines");
    }
    if OLDEST < now.duration_since(issued) {
        return wrong("it is too old: compare the clocks of both machines");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use ring::rand::SystemRandom;
    use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
    use serde_json::json;

    use super::*;

    /// Somebody who signs, and what they publish.
    struct Signer {
        pair: EcdsaKeyPair,
        chance: SystemRandom,
    }

    impl Signer {
        fn new() -> Self {
            let chance = SystemRandom::new();
            let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &chance).unwrap();
            let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref(), &chance)
                .unwrap();
            Self { pair, chance }
        }

        fn published(&self) -> Value {
            let point = self.pair.public_key().as_ref();
            let (x, y) = (URL_SAFE_NO_PAD.encode(&point[1..33]), URL_SAFE_NO_PAD.encode(&point[33..]));
            json!({ "kty": "EC", "crv": "P-256", "kid": "k1", "use": "sig", "alg": "ES256", "x": x, "y": y })
        }

        fn sign(&self, head: &Value, claims: &Value) -> String {
            let part = |it: &Value| URL_SAFE_NO_PAD.encode(it.to_string());
            let message = format!("{}.{}", part(head), part(claims));
            let signature = self.pair.sign(&self.chance, message.as_bytes()).unwrap();
            format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
        }
    }

    fn now() -> Timestamp {
        "2026-11-01T08:00:00Z".parse().unwrap()
    }

    fn claims() -> Value {
        let at = now().as_second();
        json!({
            "iss": "https://id.example.org", "aud": "driftless", "sub": "s7", "nonce": "n",
            "iat": at, "exp": at + 300, "groups": ["web"],
        })
    }

    fn read_it(text: &str, keys: &[Key]) -> Result<Account, IdentityError> {
        let expected =
            Expected { issuer: "https://id.example.org", client_id: "driftless", nonce: "n", now: now() };
        read(text, keys, &expected)
    }

    #[test]
    fn a_token_that_is_ours_is_believed_and_no_other() {
        let signer = Signer::new();
        let keys = [Key::read(&signer.published()).unwrap()];
        let head = json!({ "alg": "ES256", "kid": "k1" });
        let account = read_it(&signer.sign(&head, &claims()), &keys).expect("it is believed");
        assert_eq!((account.subject.as_str(), account.claims.texts("groups")), ("s7", vec!["web"]));
        let at = now().as_second();
        for (key, value) in [
            ("iss", json!("https://id.example.org/")),
            ("iss", json!(null)),
            ("aud", json!("other")),
            ("aud", json!(["other"])),
            ("aud", json!(["driftless", "other"])),
            ("azp", json!("other")),
            ("nonce", json!("m")),
            ("nonce", json!(null)),
            ("exp", json!(at - 61)),
            ("exp", json!("tomorrow")),
            ("iat", json!(at + 120)),
            ("iat", json!(at - 3600)),
            ("iat", json!(null)),
            ("nbf", json!(at + 120)),
            ("sub", json!("")),
            ("sub", json!(7)),
        ] {
            let mut wrong = claims();
            wrong[key] = value.clone();
            assert!(read_it(&signer.sign(&head, &wrong), &keys).is_err(), "{key}: {value}");
        }
        let mut many = claims();
        many["aud"] = json!(["driftless", "other"]);
        many["azp"] = json!("driftless");
        assert!(read_it(&signer.sign(&head, &many), &keys).is_ok());
    }

    #[test]
    fn what_is_not_signed_by_a_published_key_is_not_believed() {
        let (signer, other) = (Signer::new(), Signer::new());
        let keys = [Key::read(&signer.published()).unwrap()];
        let head = json!({ "alg": "ES256", "kid": "k1" });
        let good = signer.sign(&head, &claims());
        assert!(read_it(&other.sign(&head, &claims()), &keys).is_err());
        assert!(read_it(&good, &[]).is_err_and(|it| matches!(it, IdentityError::UnknownKey)));
        for head in [
            json!({ "alg": "none" }),
            json!({ "alg": "HS256", "kid": "k1" }),
            json!({ "alg": "RS256", "kid": "k1" }),
            json!({ "alg": "es256", "kid": "k1" }),
            json!({ "alg": "ES256", "kid": "k2" }),
            json!({ "alg": "ES256", "kid": "k1", "crit": ["exp"] }),
            json!({ "kid": "k1" }),
        ] {
            assert!(read_it(&signer.sign(&head, &claims()), &keys).is_err(), "{head}");
        }
        let (message, signature) = good.rsplit_once('.').unwrap();
        let mut edited = claims();
        edited["groups"] = json!(["admins"]);
        let edited = URL_SAFE_NO_PAD.encode(edited.to_string());
        let (head, _) = message.split_once('.').unwrap();
        for text in [
            format!("{message}."),
            format!("{head}.{edited}.{signature}"),
            format!("{message}.{signature}A"),
            message.to_owned(),
            String::new(),
            "..".to_owned(),
            format!("{message}.{signature}.{signature}"),
        ] {
            assert!(read_it(&text, &keys).is_err(), "{text}");
        }
        // Without the name of a key, the published ones are tried.
        assert!(read_it(&signer.sign(&json!({ "alg": "ES256" }), &claims()), &keys).is_ok());
    }

    #[test]
    fn only_keys_for_signatures_of_the_right_kind_are_taken() {
        let good = Signer::new().published();
        for (key, value) in [
            ("use", json!("enc")),
            ("alg", json!("ES384")),
            ("crv", json!("P-384")),
            ("kty", json!("oct")),
            ("x", json!("AAAA")),
            ("y", json!(null)),
        ] {
            let mut wrong = good.clone();
            wrong[key] = value.clone();
            assert_eq!(Key::read(&wrong), None, "{key}: {value}");
        }
        assert!(Key::read(&good).is_some());
        assert_eq!(Key::read(&json!(7)), None);
    }
}
