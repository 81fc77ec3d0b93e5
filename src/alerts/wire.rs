//! One request over HTTP: no redirects, no proxies, a limit of time and size.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{Method, Response, StatusCode, Url};
use serde_json::{Value, json};
use sha2::Sha256;

use super::target::Target;
use super::text::Message;
use super::{Endpoint, Receiver, SendError};
use crate::domain::{Secret, Timestamp};
use crate::outbound::{self, NoAnswer, printable};

/// So much of an answer is read: it is only of interest when it says what is wrong.
const ANSWER: usize = 4096;

/// Without a word of how long to wait.
const UNSAID: Duration = Duration::from_secs(60);

/// How a signing key is written.
const SIGNING_KEY: &str = "whsec_";

/// What is sent.
struct Parcel {
    method: Method,
    target: Target,
    headers: HeaderMap,
    body: String,
    /// What must not come back in an error.
    secrets: Vec<String>,
}

impl Parcel {
    fn post(url: &str, body: &Value) -> Result<Self, SendError> {
        let target = Target::parse(url)?;
        // The parts of a path are the secret of incoming webhooks.
        let parts = target.url.path_segments().into_iter().flatten().chain(target.url.query());
        let secrets = parts.filter(|it| 4 <= it.len()).map(str::to_owned).collect();
        Ok(Self { method: Method::POST, headers: HeaderMap::new(), body: body.to_string(), secrets, target })
    }
}

pub(super) async fn send(receiver: &Receiver, message: &Message, now: Timestamp) -> Result<(), SendError> {
    let parcel = match &receiver.endpoint {
        Endpoint::Slack { url } => Parcel::post(url.expose(), &slack(message))?,
        Endpoint::Teams { url } => Parcel::post(url.expose(), &teams(message))?,
        Endpoint::Matrix { homeserver, room, token } => matrix(homeserver, room, token, message)?,
        Endpoint::Webhook { url, secret } => webhook(url, secret, message, now)?,
        Endpoint::Smtp { .. } => return Err(SendError::Address("it is a mail server")),
    };
    let client = outbound::client(receiver.ca_bundle.as_deref(), parcel.target.names_loopback)?
        .connect_timeout(receiver.limits.connect)
        .timeout(receiver.limits.total)
        .build()
        .map_err(|error| failed(receiver, &error))?;
    let Parcel { method, target, headers, body, secrets } = parcel;
    let request =
        client.request(method, target.url).headers(headers).header(CONTENT_TYPE, "application/json");
    let response = request.body(body).send().await.map_err(|error| failed(receiver, &error))?;
    judge(receiver, response, &secrets).await
}

/// What understands the webhooks of Slack may also understand Markdown and mentions in plain text: these are broken
/// already. `<`, `>` and `&` are what Slack itself looks for.
fn slack(message: &Message) -> Value {
    let text = message.text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    json!({ "text": text, "mrkdwn": false, "unfurl_links": false, "unfurl_media": false })
}

/// An adaptive card of which nothing is read as Markdown.
fn teams(message: &Message) -> Value {
    let run = |text: &str, weight: &str| {
        let inlines = json!([{ "type": "TextRun", "text": text, "weight": weight }]);
        json!({ "type": "RichTextBlock", "inlines": inlines })
    };
    let mut body = vec![run(&message.title, "bolder")];
    body.extend(message.text.lines().map(|it| run(it, "default")));
    let mut card = json!({
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": body,
    });
    if let Some(link) = &message.link {
        card["actions"] = json!([{ "type": "Action.OpenUrl", "title": "Open", "url": link }]);
    }
    let attachment = json!({ "contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": null, "content": card });
    json!({ "type": "message", "attachments": [attachment] })
}

/// The id is that of the transaction: the server drops what it has already.
fn matrix(homeserver: &str, room: &str, token: &Secret, message: &Message) -> Result<Parcel, SendError> {
    let mut target = Target::parse(homeserver)?;
    let path = ["_matrix", "client", "v3", "rooms", room, "send", "m.room.message", &message.id];
    // A segment of dots would be dropped.
    if path.iter().any(|it| matches!(*it, "" | "." | "..")) {
        return Err(SendError::Address("the room is not one"));
    }
    target
        .url
        .path_segments_mut()
        .map_err(|()| SendError::Address("it has no path"))?
        .pop_if_empty()
        .extend(path);
    let body = json!({ "msgtype": "m.text", "body": message.text, "m.mentions": {} });
    let mut headers = HeaderMap::new();
    headers.insert(AUTHORIZATION, bearer(token)?);
    let secrets = vec![token.expose().to_owned()];
    Ok(Parcel { method: Method::PUT, target, headers, body: body.to_string(), secrets })
}

fn bearer(token: &Secret) -> Result<HeaderValue, SendError> {
    let token = token.expose();
    if token.is_empty() || !token.bytes().all(|it| it.is_ascii_graphic()) {
        return Err(SendError::Secret("it has characters that no token has"));
    }
    let wrong = SendError::Secret("it cannot be sent");
    let mut value = HeaderValue::try_from(format!("Bearer {token}")).map_err(|_| wrong)?;
    value.set_sensitive(true);
    Ok(value)
}

/// Standard Webhooks: id, time and body are signed.
fn webhook(url: &str, secret: &Secret, message: &Message, now: Timestamp) -> Result<Parcel, SendError> {
    let body = json!({ "type": "driftless.alerts", "timestamp": now, "data": message.data });
    let mut parcel = Parcel::post(url, &body)?;
    let signature = sign(secret, &message.id, now, &parcel.body)?;
    let at = now.as_second().to_string();
    for (name, value) in
        [("webhook-id", &message.id), ("webhook-timestamp", &at), ("webhook-signature", &signature)]
    {
        let value = HeaderValue::try_from(value).map_err(|_| SendError::Address("its id cannot be sent"))?;
        parcel.headers.insert(HeaderName::from_static(name), value);
    }
    Ok(parcel)
}

fn sign(secret: &Secret, id: &str, now: Timestamp, body: &str) -> Result<String, SendError> {
    let key = match secret.expose().strip_prefix(SIGNING_KEY) {
        Some(text) => {
            STANDARD.decode(text).map_err(|_| SendError::Secret("after `whsec_` stands no base64"))?
        }
        None => secret.expose().as_bytes().to_vec(),
    };
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).map_err(|_| SendError::Secret("it is no key"))?;
    mac.update(format!("{id}.{}.{body}", now.as_second()).as_bytes());
    Ok(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
}

/// What the answer means.
async fn judge(receiver: &Receiver, mut response: Response, secrets: &[String]) -> Result<(), SendError> {
    let status = response.status();
    if status.is_success() {
        return Ok(());
    }
    let wait = retry_after(response.headers());
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| failed(receiver, &error))? {
        body.extend_from_slice(&chunk[..chunk.len().min(ANSWER - body.len())]);
        if ANSWER <= body.len() {
            break;
        }
    }
    let text = String::from_utf8_lossy(&body);
    let json: Option<Value> = serde_json::from_slice(&body).ok();
    // Matrix tells both in its JSON.
    let words = json.as_ref().and_then(|it| it.get("error").or_else(|| it.get("message"))?.as_str());
    let asked = json.as_ref().and_then(|it| it.get("retry_after_ms")?.as_u64()).map(Duration::from_millis);
    let secrets: Vec<&str> = secrets.iter().map(String::as_str).collect();
    let said = printable(words.unwrap_or(&text), &secrets);
    Err(match status {
        StatusCode::TOO_MANY_REQUESTS => SendError::Busy(wait.or(asked).unwrap_or(UNSAID)),
        StatusCode::SERVICE_UNAVAILABLE if wait.is_some() => SendError::Busy(wait.unwrap_or(UNSAID)),
        status if status.is_redirection() => SendError::Redirected,
        status if status.is_server_error() || matches!(status.as_u16(), 408 | 409 | 423 | 425) => {
            SendError::Down { status: status.as_u16(), said }
        }
        status => SendError::Refused { status: status.as_u16(), said },
    })
}

/// In seconds. A date is rare, and waiting a minute for it is fine.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    // Some write fractions.
    let whole = text.split('.').next().unwrap_or(text);
    Some(whole.parse().map_or(UNSAID, Duration::from_secs))
}

fn failed(receiver: &Receiver, error: &reqwest::Error) -> SendError {
    let limits = receiver.limits;
    // The address may be the secret.
    let address = error.url().map(Url::as_str).unwrap_or_default();
    match NoAnswer::from(error) {
        NoAnswer::Forbidden(address) => address.into(),
        NoAnswer::Certificate(what) => SendError::Certificate(printable(&what, &[])),
        NoAnswer::Timeout { connecting: true } => SendError::Timeout(limits.connect),
        NoAnswer::Timeout { connecting: false } => SendError::Timeout(limits.total),
        NoAnswer::Unreachable(what) => SendError::Unreachable(printable(&what, &[address])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification of Standard Webhooks.
    #[test]
    fn a_signature_is_the_one_of_the_standard() {
        let secret = Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned());
        let at = Timestamp::from_second(1_614_265_330).expect("a time");
        let signed = sign(&secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", at, r#"{"test": 2432232314}"#);
        assert_eq!(signed.expect("signed"), "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        assert!(sign(&Secret::new("whsec_!".to_owned()), "a", at, "").is_err());
    }

    #[test]
    fn only_what_is_encrypted_or_here_is_spoken_to() {
        for good in [
            "https://hooks.slack.com/x",
            "http://localhost:8065/hooks/x",
            "http://127.0.0.1/x",
            "https://10.0.0.7/",
        ] {
            assert!(Target::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "hooks.slack.com",
            "http://chat.example/hooks/x",
            "https://169.254.169.254/x",
            "https://2852039166/x",
            "https://[fe80::1]/x",
            "https://a:b@chat.example/",
            "ftp://chat.example/",
            "file:///etc/passwd",
            "http://0.0.0.0/",
        ] {
            assert!(Target::parse(bad).is_err(), "{bad}");
        }
    }
}
