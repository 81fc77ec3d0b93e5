//! Addresses and routes, asked of the kernel itself over netlink: what the program `ip` would print.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};

const ERROR: u16 = 2;
const DONE: u16 = 3;
const NEW_ADDRESS: u16 = 20;
const GET_ADDRESS: u16 = 22;
const NEW_ROUTE: u16 = 24;
const GET_ROUTE: u16 = 26;
const REQUEST: u16 = 1;
const DUMP: u16 = 0x300;

const INET: u8 = 2;
const INET6: u8 = 10;
const SECONDARY: u32 = 1;
const TABLE_LOCAL: u32 = 255;
const CLONED: u32 = 0x200;
const TYPE_UNICAST: u8 = 1;
const TYPE_LOCAL: u8 = 2;

/// More than any kernel sends at once.
const BUFFER_BYTES: usize = 64 << 10;
/// Enough for a router with all routes in its local table; a bound all the same.
const MESSAGES_LIMIT: usize = 100_000;

/// An address of an interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) interface: u32,
    pub(crate) own: IpAddr,
    /// The other end, if it has an address of its own.
    pub(crate) peer: Option<IpAddr>,
    pub(crate) prefix: u8,
    pub(crate) broadcast: Option<IpAddr>,
    pub(crate) metric: u32,
    pub(crate) scope: u8,
    pub(crate) label: Option<String>,
    pub(crate) is_secondary: bool,
}

/// A route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Route {
    kind: u8,
    flags: u32,
    table: u32,
    prefix: u8,
    destination: Option<IpAddr>,
    pub(crate) interface: Option<u32>,
    /// The next hop, or `inet6` if a next hop of IPv6 carries IPv4, which is what `setup` reads there.
    pub(crate) gateway: Option<String>,
    pub(crate) source: Option<IpAddr>,
}

/// A question to the kernel.
#[derive(Debug)]
pub(crate) struct Netlink {
    socket: OwnedFd,
}

impl Netlink {
    pub(crate) fn open(timeout: Duration) -> Option<Self> {
        let family = AddressFamily::NETLINK;
        let socket = rustix::net::socket_with(family, SocketType::RAW, SocketFlags::CLOEXEC, None).ok()?;
        set_socket_timeout(&socket, Timeout::Recv, Some(timeout)).ok()?;
        rustix::net::bind(&socket, &SocketAddrNetlink::new(0, 0)).ok()?;
        Some(Self { socket })
    }

    /// The addresses of all interfaces, those of IPv4 first.
    pub(crate) fn addresses(&self) -> Vec<Address> {
        let body = [0; 8];
        let messages = self.ask(GET_ADDRESS, REQUEST | DUMP, &body);
        messages
            .iter()
            .filter(|(kind, _)| *kind == NEW_ADDRESS)
            .filter_map(|(_, body)| address(body))
            .collect()
    }

    /// The prefixes that are the host's own, in the order of the kernel.
    pub(crate) fn local_prefixes(&self, is_v6: bool) -> Vec<String> {
        let mut body = [0; 12];
        body[0] = if is_v6 { INET6 } else { INET };
        let mut found = Vec::new();
        let messages = self.ask(GET_ROUTE, REQUEST | DUMP, &body);
        for route in
            messages.iter().filter(|(kind, _)| *kind == NEW_ROUTE).filter_map(|(_, body)| route(body))
        {
            let is_listed =
                route.table == TABLE_LOCAL && route.kind == TYPE_LOCAL && route.flags & CLONED == 0;
            let prefix = route.local_prefix();
            if is_listed && !found.contains(&prefix) {
                found.push(prefix);
            }
        }
        found
    }

    /// The route that leads to an address.
    pub(crate) fn route_to(&self, address: IpAddr) -> Option<Route> {
        let (family, octets) = match address {
            IpAddr::V4(it) => (INET, it.octets().to_vec()),
            IpAddr::V6(it) => (INET6, it.octets().to_vec()),
        };
        let length = u16::try_from(octets.len()).ok()?;
        let mut body = vec![0; 12];
        body[0] = family;
        body[1] = u8::try_from(length * 8).ok()?;
        body.extend((length + 4).to_ne_bytes());
        body.extend(1_u16.to_ne_bytes());
        body.extend(octets);
        let messages = self.ask(GET_ROUTE, REQUEST, &body);
        let (_, body) = messages.iter().find(|(kind, _)| *kind == NEW_ROUTE)?;
        route(body).filter(|route| route.kind == TYPE_UNICAST)
    }

    /// Sends one request and reads until its answer ends.
    fn ask(&self, kind: u16, flags: u16, body: &[u8]) -> Vec<(u16, Vec<u8>)> {
        let mut request = Vec::new();
        request.extend(u32::try_from(16 + body.len()).unwrap_or(16).to_ne_bytes());
        request.extend(kind.to_ne_bytes());
        request.extend(flags.to_ne_bytes());
        request.extend(1_u32.to_ne_bytes());
        request.extend(0_u32.to_ne_bytes());
        request.extend(body);
        let kernel = SocketAddrNetlink::new(0, 0);
        if rustix::net::sendto(&self.socket, &request, SendFlags::empty(), &kernel).is_err() {
            return Vec::new();
        }
        let mut found = Vec::new();
        let mut buffer = vec![0; BUFFER_BYTES];
        while found.len() < MESSAGES_LIMIT {
            let Ok((length, _)) = rustix::net::recv(&self.socket, buffer.as_mut_slice(), RecvFlags::empty())
            else {
                break;
            };
            if length == 0 {
                break;
            }
            let (messages, is_done) = messages(buffer.get(..length).unwrap_or_default());
            found.extend(messages);
            if is_done || flags & DUMP == 0 {
                break;
            }
        }
        found
    }
}

impl Route {
    fn local_prefix(&self) -> String {
        let Some(destination) = self.destination else { return "default".to_owned() };
        let is_host = self.prefix == if destination.is_ipv4() { 32 } else { 128 };
        if is_host { destination.to_string() } else { format!("{destination}/{}", self.prefix) }
    }
}

/// The messages in a datagram, and whether the last one said that there are no more.
fn messages(mut datagram: &[u8]) -> (Vec<(u16, Vec<u8>)>, bool) {
    let mut found = Vec::new();
    while let (Some(length), Some(kind)) = (u32_at(datagram, 0), u16_at(datagram, 4)) {
        let length = usize::try_from(length).unwrap_or(0);
        let Some(body) = datagram.get(16..length) else { break };
        if kind == DONE || kind == ERROR {
            return (found, true);
        }
        found.push((kind, body.to_vec()));
        datagram = datagram.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    (found, false)
}

/// The attributes of a message, from where its fixed part ends.
fn attributes(mut rest: &[u8]) -> Vec<(u16, &[u8])> {
    let mut found = Vec::new();
    while let (Some(length), Some(kind)) = (u16_at(rest, 0), u16_at(rest, 2)) {
        let length = usize::from(length);
        let Some(value) = rest.get(4..length) else { break };
        found.push((kind & 0x3fff, value));
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    found
}

fn address(body: &[u8]) -> Option<Address> {
    let [_, prefix, flags, scope, ..] = *body else { return None };
    let interface = u32_at(body, 4)?;
    let mut flags = u32::from(flags);
    let (mut far, mut local, mut broadcast, mut label, mut metric) = (None, None, None, None, 0);
    for (kind, value) in attributes(body.get(8..)?) {
        match kind {
            1 => far = ip(value),
            2 => local = ip(value),
            3 => label = text(value),
            4 => broadcast = ip(value),
            8 => flags = u32_at(value, 0)?,
            9 => metric = u32_at(value, 0)?,
            _ => {}
        }
    }
    let own = local.or(far)?;
    Some(Address {
        interface,
        own,
        peer: far.filter(|it| *it != own),
        prefix,
        broadcast,
        metric,
        scope,
        label,
        is_secondary: flags & SECONDARY != 0,
    })
}

fn route(body: &[u8]) -> Option<Route> {
    let [_, prefix, _, _, table, _, _, kind, ..] = *body else { return None };
    let flags = u32_at(body, 8)?;
    let mut found = Route {
        kind,
        flags,
        table: u32::from(table),
        prefix,
        destination: None,
        interface: None,
        gateway: None,
        source: None,
    };
    for (kind, value) in attributes(body.get(12..)?) {
        match kind {
            1 => found.destination = ip(value),
            4 => found.interface = u32_at(value, 0),
            5 => found.gateway = ip(value).map(|it| it.to_string()),
            7 => found.source = ip(value),
            15 => found.table = u32_at(value, 0)?,
            18 => found.gateway = Some("inet6".to_owned()),
            _ => {}
        }
    }
    Some(found)
}

fn ip(value: &[u8]) -> Option<IpAddr> {
    let v4 = || <[u8; 4]>::try_from(value).map(|it| IpAddr::V4(Ipv4Addr::from(it)));
    let v6 = || <[u8; 16]>::try_from(value).map(|it| IpAddr::V6(Ipv6Addr::from(it)));
    v4().or_else(|_| v6()).ok()
}

fn text(value: &[u8]) -> Option<String> {
    let end = value.iter().position(|it| *it == 0).unwrap_or(value.len());
    String::from_utf8(value[..end].to_vec()).ok()
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
        let mut bytes = u16::try_from(value.len() + 4).unwrap().to_ne_bytes().to_vec();
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(value);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    #[test]
    fn an_address_with_a_peer_is_read() {
        let mut body = vec![INET, 24, 0, 0];
        body.extend(7_u32.to_ne_bytes());
        body.extend(attribute(1, &[10, 0, 0, 2]));
        body.extend(attribute(2, &[10, 0, 0, 1]));
        body.extend(attribute(3, b"ppp0\0"));
        body.extend(attribute(8, &1_u32.to_ne_bytes()));
        let found = address(&body).unwrap();
        assert_eq!(found.own.to_string(), "10.0.0.1");
        assert_eq!(found.peer.unwrap().to_string(), "10.0.0.2");
        assert_eq!((found.interface, found.label.as_deref(), found.is_secondary), (7, Some("ppp0"), true));
    }

    #[test]
    fn the_kernel_answers() {
        let Some(netlink) = Netlink::open(Duration::from_secs(5)) else { return };
        let loopback = netlink.addresses().into_iter().find(|it| it.own.to_string() == "127.0.0.1");
        assert_eq!(loopback.unwrap().prefix, 8);
        assert!(netlink.local_prefixes(false).contains(&"127.0.0.0/8".to_owned()));
    }

    proptest! {
        #[test]
        fn no_datagram_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _any = messages(&bytes);
            let _any = address(&bytes);
            let _any = route(&bytes);
        }

        #[test]
        fn lengths_never_loop(lengths in prop::collection::vec(0_u16..40, 0..40)) {
            let bytes: Vec<u8> = lengths.iter().flat_map(|it| it.to_ne_bytes()).collect();
            let _any = messages(&bytes);
            let _any = attributes(&bytes);
        }
    }
}
