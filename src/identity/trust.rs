//! Whom we speak to: which certificates are accepted, and to which addresses a name may lead.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

use super::error::IdentityError;
use crate::domain::outbound::permit;

/// Resolves names by the system, and lets through only what may be connected to. A name that leads to several places is
/// refused if one of them is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Guard {
    pub(super) names_loopback: bool,
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let names_loopback = self.names_loopback;
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            found.iter().try_for_each(|it| permit(it.ip(), names_loopback))?;
            let found: Addrs = Box::new(found.into_iter());
            Ok(found)
        })
    }
}

/// TLS 1.2 and 1.3 by one provider, chosen here: nothing of the process decides it.
pub(super) fn tls(ca_bundle: Option<&Path>) -> Result<ClientConfig, IdentityError> {
    let roots = match ca_bundle {
        Some(path) => bundle(path)?,
        None => system()?,
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| IdentityError::Authorities(format!("cannot be used: {error}")))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

fn bundle(path: &Path) -> Result<RootCertStore, IdentityError> {
    let wrong = |what: String| IdentityError::Authorities(format!("of {} {what}", path.display()));
    let text = std::fs::read(path).map_err(|error| wrong(format!("cannot be read: {error}")))?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&text) {
        let certificate = certificate.map_err(|error| wrong(format!("cannot be read: {error}")))?;
        roots.add(certificate).map_err(|error| wrong(format!("cannot be used: {error}")))?;
    }
    if roots.is_empty() { Err(wrong("have no certificate in their file".to_owned())) } else { Ok(roots) }
}

fn system() -> Result<RootCertStore, IdentityError> {
    let mut roots = RootCertStore::empty();
    // Some systems have a few that rustls does not accept; the others count.
    let (added, _) = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if added == 0 {
        return Err(IdentityError::Authorities("of this machine are missing".to_owned()));
    }
    Ok(roots)
}
