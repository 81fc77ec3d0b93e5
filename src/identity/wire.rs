//! One request and its answer: with a limit of time and size, without redirects, to the provider alone.

use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{RequestBuilder, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use url::{Host, Url, form_urlencoded};

use super::error::IdentityError;
use super::token::Key;
use super::{same_origin, shorten};
use crate::domain::Secret;
use crate::domain::outbound::{is_localhost, permit};
use crate::outbound::{self, NoAnswer};

const CONNECT: Duration = Duration::from_secs(5);
const TOTAL: Duration = Duration::from_secs(15);
/// The largest answer that is read, in bytes.
const ANSWER: usize = 256 * 1024;

/// The connection to one provider.
#[derive(Debug)]
pub(super) struct Wire {
    issuer: Url,
    hosts: Vec<String>,
    http: reqwest::Client,
}

#[derive(Deserialize)]
struct KeyList {
    keys: Vec<serde_json::Value>,
}

impl Wire {
    pub(super) fn new(
        issuer: &str,
        hosts: Vec<String>,
        ca_bundle: Option<&Path>,
    ) -> Result<Self, IdentityError> {
        let (issuer, names_loopback) = address(issuer)?;
        let http = outbound::client(ca_bundle, names_loopback)?
            .connect_timeout(CONNECT)
            .timeout(TOTAL)
            .build()
            .map_err(|error| unreachable(&error))?;
        Ok(Self { issuer, hosts, http })
    }

    /// What the issuer says of itself.
    pub(super) async fn discover<T: DeserializeOwned>(&self, issuer: &str) -> Result<T, IdentityError> {
        let text = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
        let url = self.ours(&text)?;
        answer(self.http.get(url)).await
    }

    /// The keys that the provider signs with, as far as they are of a kind that is accepted.
    pub(super) async fn keys(&self, uri: &str) -> Result<Vec<Key>, IdentityError> {
        let list: KeyList = answer(self.http.get(self.ours(uri)?)).await?;
        Ok(list.keys.iter().filter_map(Key::read).collect())
    }

    /// Posts a form, with a user and a password if the provider takes these.
    pub(super) async fn post<T: DeserializeOwned>(
        &self,
        uri: &str,
        form: &[(&str, &str)],
        proof: Option<(&str, &Secret)>,
    ) -> Result<T, IdentityError> {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let mut request = self
            .http
            .post(self.ours(uri)?)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(body);
        if let Some((user, password)) = proof {
            // RFC 6749, 2.3.1: both are written as in a form first.
            let coded = |it: &str| form_urlencoded::byte_serialize(it.as_bytes()).collect::<String>();
            let text = STANDARD.encode(format!("{}:{}", coded(user), coded(password.expose())));
            let mut value = HeaderValue::from_str(&format!("Basic {text}"))
                .map_err(|_| IdentityError::Token("the client secret cannot be sent"))?;
            value.set_sensitive(true);
            request = request.header(AUTHORIZATION, value);
        }
        answer(request).await
    }

    /// An address that we speak to ourselves: where the issuer is, and nowhere else.
    fn ours(&self, text: &str) -> Result<Url, IdentityError> {
        let (url, _) = address(text)?;
        let named = || {
            let host =
                url.host_str().is_some_and(|it| self.hosts.iter().any(|host| host.eq_ignore_ascii_case(it)));
            host && url.scheme() == "https" && url.port().is_none()
        };
        if same_origin(&url, &self.issuer) || named() {
            return Ok(url);
        }
        let why =
            "it is on another host than the issuer; if that is right, name the host in `sign_in.oidc.hosts`";
        Err(IdentityError::Address { address: shorten(text), why })
    }

    /// An address that a browser is sent to.
    #[expect(clippy::unused_self, reason = "it is of this provider")]
    pub(super) fn door(&self, text: &str) -> Result<Url, IdentityError> {
        address(text).map(|(url, _)| url)
    }
}

/// Reads an address, and whether it names this machine itself. Plain http is for this machine alone.
fn address(text: &str) -> Result<(Url, bool), IdentityError> {
    let refused = |why| IdentityError::Address { address: shorten(text), why };
    let url = Url::parse(text).map_err(|_| refused("it is not a URL"))?;
    if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
        return Err(refused("it has more than scheme, host and path"));
    }
    let literal = match url.host() {
        Some(Host::Ipv4(it)) => Some(IpAddr::V4(it)),
        Some(Host::Ipv6(it)) => Some(IpAddr::V6(it)),
        Some(Host::Domain(_)) => None,
        None => return Err(refused("it has no host")),
    };
    let names_loopback = match (literal, url.domain()) {
        (Some(address), _) => address.to_canonical().is_loopback(),
        (None, name) => name.is_some_and(is_localhost),
    };
    if let Some(literal) = literal {
        permit(literal, names_loopback)?;
    }
    match url.scheme() {
        "https" => Ok((url, names_loopback)),
        "http" if names_loopback => Ok((url, names_loopback)),
        _ => Err(refused("it does not begin with `https://`")),
    }
}

async fn answer<T: DeserializeOwned>(request: RequestBuilder) -> Result<T, IdentityError> {
    let mut response =
        request.header(ACCEPT, "application/json").send().await.map_err(|it| unreachable(&it))?;
    let status = response.status();
    let mut body = Vec::new();
    while let Some(part) = response.chunk().await.map_err(|it| unreachable(&it))? {
        if ANSWER < body.len() + part.len() {
            return Err(IdentityError::Large(ANSWER));
        }
        body.extend_from_slice(&part);
    }
    if status != StatusCode::OK {
        return Err(IdentityError::Refused { status: status.as_u16(), said: said(&body) });
    }
    serde_json::from_slice(&body).map_err(|it| IdentityError::Strange(it.to_string()))
}

/// What an answer says went wrong: the two fields of OAuth, never the whole body.
fn said(body: &[u8]) -> String {
    let value: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let words = ["error", "error_description"].map(|it| value[it].as_str().unwrap_or_default());
    shorten(words.join(" ").trim())
}

fn unreachable(error: &reqwest::Error) -> IdentityError {
    match NoAnswer::from(error) {
        NoAnswer::Forbidden(address) => address.into(),
        NoAnswer::Certificate(what) => IdentityError::Certificate(shorten(&what)),
        NoAnswer::Timeout { .. } => IdentityError::Unreachable("it is too slow".to_owned()),
        NoAnswer::Unreachable(what) => IdentityError::Unreachable(shorten(&what)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_where_the_issuer_is_anything_is_asked() {
        let hosts = vec!["keys.example.org".to_owned()];
        let wire = Wire::new("https://id.example.org/realms/main", hosts, None);
        // A machine without certificates has no provider either.
        let Ok(wire) = wire else { return };
        assert!(wire.ours("https://id.example.org/token").is_ok());
        assert!(wire.ours("https://keys.example.org/jwks").is_ok());
        assert!(wire.ours("https://keys.example.org:444/jwks").is_err());
        for other in [
            "http://id.example.org/token",
            "https://id.example.org:8443/token",
            "https://evil.org/token",
            "https://id.example.org@evil.org/token",
            "file:///etc/passwd",
            "https://169.254.169.254/latest",
            "token",
        ] {
            assert!(wire.ours(other).is_err(), "{other}");
        }
        assert!(wire.door("https://login.example.org/authorize").is_ok());
        assert!(wire.door("javascript:alert(1)").is_err());
        for issuer in
            ["http://id.example.org", "https://169.254.169.254", "https://user:pw@id.example.org", "id"]
        {
            assert!(Wire::new(issuer, Vec::new(), None).is_err(), "{issuer}");
        }
    }

    #[test]
    fn an_error_is_told_in_its_two_fields_and_no_more() {
        let body = br#"{"error":"invalid_grant","error_description":"gone\u001b[31m","code":"secret"}"#;
        assert_eq!(said(body), "invalid_grant gone\u{fffd}[31m");
        assert_eq!(said(b"<html>secret</html>"), "");
    }
}
