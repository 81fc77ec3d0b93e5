//! How those are spoken to whom the operator names: forges, receivers of alerts, providers of accounts.
//!
//! The operator names a machine, and people in its network answer what the name means. So each answer is looked at
//! where it is used, between resolving and connecting; nothing resolves a second time. Which addresses are let through
//! is said in [`domain::outbound`](crate::domain::outbound).

use std::error::Error;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

use crate::domain::outbound::{ForbiddenAddress, permit};

/// Certificate authorities that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthoritiesError {
    /// Their file. `None` for those of the machine.
    pub path: Option<PathBuf>,
    /// What is wrong with them.
    pub what: String,
}

impl fmt::Display for AuthoritiesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.path {
            Some(path) => write!(f, "the certificate authorities in {} {}", path.display(), self.what),
            None => write!(f, "the certificate authorities of this machine {}", self.what),
        }
    }
}

impl Error for AuthoritiesError {}

/// A client of HTTP that goes where it was told and nowhere else: no redirects, no proxy of the environment. The caller
/// sets its limits of time.
pub fn client(
    ca_bundle: Option<&Path>,
    names_loopback: bool,
) -> Result<reqwest::ClientBuilder, AuthoritiesError> {
    Ok(reqwest::Client::builder()
        .tls_backend_preconfigured(tls(ca_bundle)?)
        .dns_resolver(Guard { names_loopback })
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .referer(false)
        .user_agent(concat!("driftless/", env!("CARGO_PKG_VERSION"))))
}

/// Resolves names by the system, and lets through only what [`permit`] does. A name that leads to several places is
/// refused if one of them is.
#[derive(Debug, Clone, Copy)]
pub struct Guard {
    /// Whether the operator's own words name this machine.
    pub names_loopback: bool,
}

impl Guard {
    /// All that were found, or the first that is forbidden.
    pub fn checked(self, found: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, ForbiddenAddress> {
        found.iter().try_for_each(|it| permit(it.ip(), self.names_loopback))?;
        Ok(found)
    }
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = *self;
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let found: Addrs = Box::new(guard.checked(found)?.into_iter());
            Ok(found)
        })
    }
}

/// TLS 1.2 and 1.3 by one provider, chosen here: nothing of the process decides it. Without a file the authorities of
/// the machine are believed.
fn tls(ca_bundle: Option<&Path>) -> Result<ClientConfig, AuthoritiesError> {
    let wrong = |what: String| AuthoritiesError { path: ca_bundle.map(Path::to_owned), what };
    let mut roots = RootCertStore::empty();
    if let Some(path) = ca_bundle {
        for certificate in CertificateDer::pem_slice_iter(&authorities(path)?) {
            let certificate = certificate.map_err(|error| wrong(format!("cannot be read: {error}")))?;
            roots.add(certificate).map_err(|error| wrong(format!("cannot be used: {error}")))?;
        }
    } else {
        // Some systems have a few that rustls does not accept; the others count.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    }
    if roots.is_empty() {
        return Err(wrong("are missing: there is no certificate".to_owned()));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| wrong(format!("cannot be used: {error}")))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

/// The text of a file of certificates.
pub fn authorities(path: &Path) -> Result<Vec<u8>, AuthoritiesError> {
    std::fs::read(path).map_err(|error| AuthoritiesError {
        path: Some(path.to_owned()),
        what: format!("cannot be read: {error}"),
    })
}

/// Why there was no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoAnswer {
    /// The name leads to where nothing of ours may go.
    Forbidden(ForbiddenAddress),
    /// The certificate is not accepted, in the words of rustls.
    Certificate(String),
    /// It was too slow: to connect, or else to answer.
    Timeout {
        /// Whether there was no connection yet.
        connecting: bool,
    },
    /// It cannot be reached, or went away: all causes. The address is not among them unless the other side repeats it.
    Unreachable(String),
}

impl From<&reqwest::Error> for NoAnswer {
    fn from(error: &reqwest::Error) -> Self {
        let mut causes = Vec::new();
        let mut cause = error.source();
        while let Some(inner) = cause {
            if let Some(forbidden) = inner.downcast_ref::<ForbiddenAddress>() {
                return Self::Forbidden(*forbidden);
            }
            if let Some(tls) = inner.downcast_ref::<rustls::Error>() {
                return Self::Certificate(tls.to_string());
            }
            causes.push(inner.to_string());
            // An error of rustls hides in one of the operating system, which shows only the cause of that.
            let hidden = inner.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
            cause = match hidden {
                Some(it) => Some(it),
                None => inner.source(),
            };
        }
        causes.dedup();
        match causes.is_empty() {
            _ if error.is_timeout() => Self::Timeout { connecting: error.is_connect() },
            true => Self::Unreachable("the connection broke".to_owned()),
            false => Self::Unreachable(causes.join(": ")),
        }
    }
}

/// A text of the other side that is safe to show: short, without control characters and without these secrets.
pub fn printable(text: &str, secrets: &[&str]) -> String {
    let mut text = text.chars().take(2000).collect::<String>();
    for secret in secrets.iter().filter(|it| 4 <= it.len()) {
        text = text.replace(secret, "…");
    }
    let shown: String = text.trim().chars().take(200).flat_map(char::escape_debug).collect();
    if shown.is_empty() { "nothing more".to_owned() } else { shown }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_leads_to_metadata_or_back_to_us_is_refused() {
        let at = |text: &str| SocketAddr::new(text.parse().expect("an address"), 0);
        let far = Guard { names_loopback: false };
        for good in ["140.82.121.6", "10.1.2.3", "192.168.7.7", "100.64.0.1", "2606:50c0::1", "fd12:3456::1"]
        {
            assert!(far.checked(vec![at(good)]).is_ok(), "{good}");
        }
        for bad in [
            "169.254.169.254",
            "169.254.0.7",
            "100.100.100.200",
            "168.63.129.16",
            "192.0.0.192",
            "127.0.0.1",
            "127.9.9.9",
            "0.0.0.0",
            "0.1.2.3",
            "224.0.0.1",
            "255.255.255.255",
            "240.0.0.1",
            "::1",
            "::",
            "fe80::1",
            "ff02::1",
            "fd00:ec2::254",
            "::ffff:169.254.169.254",
            "::ffff:127.0.0.1",
            "::127.0.0.1",
            "64:ff9b::a9fe:a9fe",
            "2002:a9fe:a9fe::1",
        ] {
            assert!(far.checked(vec![at(bad)]).is_err(), "{bad}");
            assert!(far.checked(vec![at("140.82.121.6"), at(bad)]).is_err(), "{bad} among others");
        }
    }

    #[test]
    fn who_names_this_machine_reaches_only_it() {
        let near = Guard { names_loopback: true };
        let at = |text: &str| SocketAddr::new(text.parse().expect("an address"), 0);
        for good in ["127.0.0.1", "127.0.1.1", "::1", "::ffff:127.0.0.1"] {
            assert!(near.checked(vec![at(good)]).is_ok(), "{good}");
        }
        for bad in ["140.82.121.6", "10.1.2.3", "169.254.169.254", "fe80::1"] {
            assert!(near.checked(vec![at(bad)]).is_err(), "{bad}");
        }
    }

    #[test]
    fn certificates_come_from_the_machine_or_from_a_file() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("ca.pem");
        assert!(matches!(tls(Some(&path)), Err(AuthoritiesError { path: Some(_), .. })));
        std::fs::write(&path, "nothing\n").expect("written");
        assert!(matches!(tls(Some(&path)), Err(AuthoritiesError { path: Some(_), .. })));
    }
}
