//! Whom we speak to: which certificates are accepted, and to which addresses a name may lead.
//!
//! The operator names the forge, and people in its network answer what the name means. So each answer is looked at
//! where it is used, between resolving and connecting; nothing resolves a second time.
//!
//! - Link-local addresses, those where clouds keep the metadata of a machine, and those that are no machine at all are
//!   never a forge.
//! - This machine is spoken to only if the operator's own words name it: `localhost` or a loopback address. Then
//!   nothing else is, so that plain http stays inside.
//! - Private networks are fine: most forges that people run themselves are there, and their certificate proves who
//!   they are.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

use super::error::ForgeError;

/// An address that must not be connected to. It travels through reqwest as a cause.
#[derive(Debug, Clone, Copy)]
pub(super) struct Forbidden {
    address: IpAddr,
    what: &'static str,
}

impl fmt::Display for Forbidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is {}", self.address, self.what)
    }
}

impl std::error::Error for Forbidden {}

impl From<Forbidden> for ForgeError {
    fn from(it: Forbidden) -> Self {
        Self::ForbiddenAddress { address: it.address.to_string(), what: it.what }
    }
}

/// Whether an address may be connected to.
pub(super) fn permit(address: IpAddr, names_loopback: bool) -> Result<(), Forbidden> {
    let real = embedded(address);
    let refuse = |what| Err(Forbidden { address, what });
    if is_metadata(real) {
        return refuse("an address where clouds keep the secrets of machines");
    }
    let (link_local, nowhere) = match real {
        IpAddr::V4(it) => (
            it.is_link_local(),
            it.octets()[0] == 0 || it.is_multicast() || it.is_broadcast() || 240 <= it.octets()[0],
        ),
        IpAddr::V6(it) => (it.is_unicast_link_local(), it.is_unspecified() || it.is_multicast()),
    };
    if link_local {
        return refuse("a link-local address");
    }
    if nowhere {
        return refuse("no address of a machine");
    }
    match (real.is_loopback(), names_loopback) {
        (true, false) => refuse("this machine, though its name does not say so"),
        (false, true) => refuse("not this machine, though its name says so"),
        _ => Ok(()),
    }
}

/// Amazon and others (also below `fd00:ec2::`), Alibaba, Oracle, Azure, Google.
fn is_metadata(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(it) => [
            Ipv4Addr::new(169, 254, 169, 254),
            Ipv4Addr::new(100, 100, 100, 200),
            Ipv4Addr::new(192, 0, 0, 192),
            Ipv4Addr::new(168, 63, 129, 16),
        ]
        .contains(&it),
        IpAddr::V6(it) => {
            it.segments()[..2] == [0xfd00, 0x0ec2] || it == Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)
        }
    }
}

/// The IPv4 address that an IPv6 address leads to: mapped, compatible, 6to4 or through NAT64.
fn embedded(address: IpAddr) -> IpAddr {
    let IpAddr::V6(it) = address else { return address };
    let segments = it.segments();
    let v4 = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        IpAddr::V4(Ipv4Addr::new(a, b, c, d))
    };
    match segments {
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => address,
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        | [0x2002, high, low, ..] => v4(high, low),
        _ => address,
    }
}

/// Resolves names by the system, and lets through only what [`permit`] does. A name that leads to several places is
/// refused if one of them is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Guard {
    pub(super) names_loopback: bool,
}

impl Guard {
    fn checked(self, found: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, Forbidden> {
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
