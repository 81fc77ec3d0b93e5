//! Mail: one message by SMTP, encrypted or to this machine.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::time::{Duration, SystemTime};

use lettre::message::header::{ContentType, Header, HeaderName, HeaderValue};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, CertificateStore, Tls, TlsParameters};
use lettre::transport::smtp::{self};
use lettre::{Address, AsyncSmtpTransport, AsyncTransport as _, Message as Mail, Tokio1Executor};

use super::text::Message;
use super::{Endpoint, Receiver, SendError};
use crate::domain::Timestamp;
use crate::domain::outbound::is_localhost;
use crate::outbound::{AuthoritiesError, Guard, authorities, printable};

/// How the connection to a mail server is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encryption {
    /// It begins in plain and is encrypted before anything is said; without that nothing is.
    StartTls,
    /// From its first byte.
    Implicit,
    /// Not at all: only to this machine.
    None,
}

/// Tells programs that answer for people that nobody waits for their answer.
#[derive(Debug, Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

pub(super) async fn send(receiver: &Receiver, message: &Message, now: Timestamp) -> Result<(), SendError> {
    let Endpoint::Smtp { host, port, encryption, login, from, to } = &receiver.endpoint else {
        return Err(SendError::Address("it is no mail server"));
    };
    let mail = write(from, to, message, now)?;
    let literal: Option<IpAddr> = host.trim_matches(['[', ']']).parse().ok();
    let names_loopback = literal.map_or_else(|| is_localhost(host), |it| it.to_canonical().is_loopback());
    if *encryption == Encryption::None && !names_loopback {
        return Err(SendError::Address("without encryption mail goes to this machine only"));
    }
    let tls = match encryption {
        Encryption::None => Tls::None,
        Encryption::StartTls => Tls::Required(parameters(host, receiver.ca_bundle.as_deref())?),
        Encryption::Implicit => Tls::Wrapper(parameters(host, receiver.ca_bundle.as_deref())?),
    };
    // Resolved here, so that what was looked at is what is connected to; the certificate is still that of the name.
    let place = literal.map_or_else(|| host.clone(), |it| it.to_string());
    let found = tokio::net::lookup_host((place.as_str(), *port)).await;
    let found: Vec<SocketAddr> = found
        .map_err(|error| SendError::Unreachable(format!("{} is not found: {error}", printable(host, &[]))))?
        .collect();
    let found = Guard { names_loopback }.checked(found)?;
    let mut last = SendError::Unreachable("its name leads nowhere".to_owned());
    for address in found {
        let mut transport = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(address.ip().to_string())
            .port(*port)
            .timeout(Some(receiver.limits.connect))
            .tls(tls.clone());
        if let Some((user, password)) = login {
            transport = transport.credentials(Credentials::new(user.clone(), password.expose().to_owned()));
        }
        match transport.build().send(mail.clone()).await {
            Ok(_) => return Ok(()),
            Err(error) => {
                let secrets: Vec<&str> = login.iter().map(|it| it.1.expose()).collect();
                let error = failed(&error, &secrets, receiver);
                // Another address of the same name helps only where nobody answered.
                if !matches!(error, SendError::Unreachable(_) | SendError::Timeout(_)) {
                    return Err(error);
                }
                last = error;
            }
        }
    }
    Err(last)
}

fn write(from: &str, to: &[String], message: &Message, now: Timestamp) -> Result<Mail, SendError> {
    let address = |text: &str| -> Result<Address, SendError> {
        text.parse().map_err(|_| SendError::Mail(format!("`{}` is no address", printable(text, &[]))))
    };
    let from = address(from)?;
    // The same for each try, so that a mail that comes twice is recognized.
    let id = format!("<{}@{}>", message.id, from.domain());
    let mut mail = Mail::builder().from(from.into()).subject(message.title.clone()).message_id(Some(id));
    for receiver in to {
        mail = mail.to(address(receiver)?.into());
    }
    let seconds = u64::try_from(now.as_second()).unwrap_or_default();
    mail.date(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
        .header(AutoSubmitted)
        .header(ContentType::TEXT_PLAIN)
        .body(message.text.clone())
        .map_err(|error| SendError::Mail(error.to_string()))
}

fn parameters(host: &str, ca_bundle: Option<&Path>) -> Result<TlsParameters, SendError> {
    let wrong = |error: smtp::Error| AuthoritiesError {
        path: ca_bundle.map(Path::to_owned),
        what: format!("cannot be used: {}", printable(&error.to_string(), &[])),
    };
    let mut parameters = TlsParameters::builder(host.trim_matches(['[', ']']).to_owned());
    if let Some(path) = ca_bundle {
        parameters = parameters.certificate_store(CertificateStore::None);
        parameters =
            parameters.add_root_certificate(Certificate::from_pem(&authorities(path)?).map_err(wrong)?);
    }
    Ok(parameters.build_rustls().map_err(wrong)?)
}

fn failed(error: &smtp::Error, secrets: &[&str], receiver: &Receiver) -> SendError {
    use std::error::Error as _;
    let said = printable(&error.source().map_or_else(|| error.to_string(), ToString::to_string), secrets);
    if error.is_timeout() {
        return SendError::Timeout(receiver.limits.connect);
    }
    if error.is_tls() {
        return SendError::Certificate(said);
    }
    match error.status().map(u16::from) {
        Some(status) if error.is_permanent() => SendError::Refused { status, said },
        Some(status) => SendError::Down { status, said },
        None if error.is_client() => SendError::Refused { status: 0, said },
        None => SendError::Unreachable(said),
    }
}
