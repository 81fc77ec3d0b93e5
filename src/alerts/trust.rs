//! Whom we speak to: which addresses a name may lead to, and which certificates are accepted.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use url::Host;

use super::SendError;
use crate::domain::outbound::{ForbiddenAddress, is_localhost, permit};

/// An address of the operator, and whether it names this machine in so many words.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub(super) url: Url,
    pub(super) names_loopback: bool,
}

impl Target {
    /// Refuses what is neither encrypted nor on this machine.
    pub(super) fn parse(text: &str) -> Result<Self, SendError> {
        let url = Url::parse(text.trim()).map_err(|_| SendError::Address("it is not a URL"))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(SendError::Address("it has a user or a password"));
        }
        let host = url.host().ok_or(SendError::Address("it has no host"))?;
        let (literal, names_loopback) = match host {
            Host::Ipv4(it) => (Some(IpAddr::V4(it)), it.is_loopback()),
            Host::Ipv6(it) => (Some(IpAddr::V6(it)), IpAddr::V6(it).to_canonical().is_loopback()),
            Host::Domain(name) => (None, is_localhost(name)),
        };
        if let Some(address) = literal {
            permit(address, names_loopback)?;
        }
        match url.scheme() {
            "https" => {}
            "http" if names_loopback => {}
            "http" => return Err(SendError::Address("plain http shows it to the network: write `https://`")),
            _ => return Err(SendError::Address("it does not begin with `https://`")),
        }
        Ok(Self { url, names_loopback })
    }
}

/// Resolves names by the system, and lets through only what may be connected to. A name that leads to several places is
/// refused if one of them is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Guard {
    pub(super) names_loopback: bool,
}

impl Guard {
    pub(super) fn checked(self, found: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, ForbiddenAddress> {
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

/// TLS 1.2 and 1.3 by one provider, chosen here: nothing of the process decides it.
pub(super) fn tls(ca_bundle: Option<&Path>) -> Result<ClientConfig, SendError> {
    let wrong = |what: String| SendError::Authorities { path: ca_bundle.map(Path::to_owned), what };
    let mut roots = RootCertStore::empty();
    if let Some(path) = ca_bundle {
        let text = read(path)?;
        for certificate in CertificateDer::pem_slice_iter(&text) {
            let certificate = certificate.map_err(|error| wrong(format!("cannot be read: {error}")))?;
            roots.add(certificate).map_err(|error| wrong(format!("cannot be used: {error}")))?;
        }
    } else {
        // Some systems have a few that rustls does not accept; the others count.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    }
    if roots.is_empty() {
        return Err(wrong("are missing".to_owned()));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| wrong(format!("cannot be used: {error}")))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

/// The text of a file of certificates.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, SendError> {
    std::fs::read(path).map_err(|error| SendError::Authorities {
        path: Some(path.to_owned()),
        what: format!("cannot be read: {error}"),
    })
}
