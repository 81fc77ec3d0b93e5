//! Whom we speak to: which certificates are accepted, and to which addresses a name may lead.
//!
//! The operator names the forge, and people in its network answer what the name means. So each answer is looked at
//! where it is used, between resolving and connecting; nothing resolves a second time. Which addresses are let through
//! is said in [`outbound`](crate::domain::outbound).

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

use super::error::ForgeError;
use crate::domain::outbound::{ForbiddenAddress, permit};

impl From<ForbiddenAddress> for ForgeError {
    fn from(it: ForbiddenAddress) -> Self {
        Self::ForbiddenAddress { address: it.address.to_string(), what: it.what }
    }
}

/// Resolves names by the system, and lets through only what [`permit`] does. A name that leads to several places is
/// refused if one of them is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Guard {
    pub(super) names_loopback: bool,
}

impl Guard {
    fn checked(self, found: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, ForbiddenAddress> {
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
pub(super) fn tls(ca_bundle: Option<&Path>) -> Result<ClientConfig, ForgeError> {
    let roots = match ca_bundle {
        Some(path) => bundle(path)?,
        None => system()?,
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| ForgeError::Authorities { path: None, what: format!("cannot be used: {error}") })?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

fn bundle(path: &Path) -> Result<RootCertStore, ForgeError> {
    let wrong = |what: String| ForgeError::Authorities { path: Some(path.to_owned()), what };
    let text = std::fs::read(path).map_err(|error| wrong(format!("cannot be read: {error}")))?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&text) {
        let certificate = certificate.map_err(|error| wrong(format!("cannot be read: {error}")))?;
        roots.add(certificate).map_err(|error| wrong(format!("cannot be used: {error}")))?;
    }
    if roots.is_empty() { Err(wrong("have no certificate in their file".to_owned())) } else { Ok(roots) }
}

fn system() -> Result<RootCertStore, ForgeError> {
    let mut roots = RootCertStore::empty();
    // Some systems have a few that rustls does not accept; the others count.
    let (added, _) = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if added == 0 {
        return Err(ForgeError::Authorities { path: None, what: "of this machine are missing".to_owned() });
    }
    Ok(roots)
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
        assert!(matches!(tls(Some(&path)), Err(ForgeError::Authorities { path: Some(_), .. })));
        std::fs::write(&path, "nothing\n").expect("written");
        assert!(matches!(tls(Some(&path)), Err(ForgeError::Authorities { path: Some(_), .. })));
    }
}
