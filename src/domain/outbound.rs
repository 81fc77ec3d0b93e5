//! Which addresses may be connected to by those who speak to machines that the operator names: forges, receivers of
//! alerts. Whoever resolves a name asks this between resolving and connecting.
//!
//! - Link-local addresses, those where clouds keep the metadata of a machine, and those that are no machine at all are
//!   never spoken to.
//! - This machine is spoken to only if the operator's own words name it: `localhost` or a loopback address. Then
//!   nothing else is, so that what is not encrypted stays inside.
//! - Private networks are fine: most servers that people run themselves are there, and their certificate proves who
//!   they are.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An address that must not be connected to. It travels through HTTP clients as a cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ForbiddenAddress {
    /// The address.
    pub address: IpAddr,
    /// What is there.
    pub what: &'static str,
}

impl fmt::Display for ForbiddenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is {}", self.address, self.what)
    }
}

impl std::error::Error for ForbiddenAddress {}

/// Whether an address may be connected to.
pub fn permit(address: IpAddr, names_loopback: bool) -> Result<(), ForbiddenAddress> {
    let real = embedded(address);
    let refuse = |what| Err(ForbiddenAddress { address, what });
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

/// Whether a name means this machine, whatever name servers say.
pub fn is_localhost(name: &str) -> bool {
    let name = name.trim_end_matches('.');
    name == "localhost" || name.ends_with(".localhost")
}
