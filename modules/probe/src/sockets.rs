//! Ports on which something listens, as the kernel lists them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use driftless_host::Host;
use serde_json::json;

use crate::item::Listen;
use crate::verdict::Comparison;

/// A busy host has hundreds of thousands of connections, each a line of 150 bytes.
const LIMIT_BYTES: u64 = 256 << 20;

/// The state of a TCP socket that listens, and that of a UDP socket without a peer.
const TCP_LISTENS: &str = "0A";
const UDP_LISTENS: &str = "07";

/// The sockets that listen.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Sockets {
    tcp: Vec<(IpAddr, u16)>,
    udp: Vec<(IpAddr, u16)>,
}

impl Sockets {
    pub(crate) fn read(host: &Host) -> Result<Self, String> {
        let read = |path: &str| host.raw_up_to(path, LIMIT_BYTES);
        let missing = |path: &str| format!("{path} cannot be read");
        let mut found = Self::default();
        for (path, is_required) in [("/proc/net/tcp", true), ("/proc/net/tcp6", false)] {
            match read(path) {
                Some(text) => found.tcp.extend(parse(&text, TCP_LISTENS)),
                None if is_required => return Err(missing(path)),
                None => {}
            }
        }
        for path in ["/proc/net/udp", "/proc/net/udp6"] {
            found.udp.extend(parse(&read(path).unwrap_or_default(), UDP_LISTENS));
        }
        Ok(found)
    }

    pub(crate) fn compare(&self, wanted: &Listen, comparison: &mut Comparison) {
        let sockets = if wanted.udp { &self.udp } else { &self.tcp };
        let mut addresses: Vec<IpAddr> =
            sockets.iter().filter(|(_, port)| *port == wanted.port).map(|(address, _)| *address).collect();
        addresses.sort();
        addresses.dedup();
        let is_listening = match wanted.address {
            Some(address) => addresses.contains(&address),
            None => !addresses.is_empty(),
        };
        let word = |it: bool| if it { "listening" } else { "closed" };
        let shown: Vec<String> = addresses.iter().map(ToString::to_string).collect();
        let (want, found) = (json!(word(wanted.listening)), json!(word(is_listening)));
        match wanted.address {
            Some(address) if is_listening != wanted.listening && !shown.is_empty() => {
                let reason = format!("it listens on {}, {} was asked for", shown.join(", "), address);
                comparison.different("state", want, found, reason);
            }
            _ => comparison.judged("state", want, found, is_listening == wanted.listening),
        }
        comparison.found.insert("addresses".to_owned(), json!(shown));
    }
}

/// The local addresses of sockets in a state, from a file like `/proc/net/tcp`.
fn parse(text: &str, state: &str) -> Vec<(IpAddr, u16)> {
    text.lines()
        .skip(1)
        .filter_map(|line| {
            let mut fields = line.split_ascii_whitespace().skip(1);
            let (local, _, found) = (fields.next()?, fields.next()?, fields.next()?);
            if found != state {
                return None;
            }
            let (address, port) = local.split_once(':')?;
            Some((ip(address)?, u16::from_str_radix(port, 16).ok()?))
        })
        .collect()
}

/// An address in hexadecimal: words of four bytes, each in the order of the processor.
fn ip(text: &str) -> Option<IpAddr> {
    let word = |at: usize| {
        let word = u32::from_str_radix(text.get(at * 8..at * 8 + 8)?, 16).ok()?;
        Some(word.to_ne_bytes())
    };
    match text.len() {
        8 => Some(IpAddr::V4(Ipv4Addr::from(word(0)?))),
        32 => {
            let words = [word(0)?, word(1)?, word(2)?, word(3)?];
            let bytes: [u8; 16] = words.concat().try_into().ok()?;
            Some(IpAddr::V6(Ipv6Addr::from(bytes)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;
    use crate::verdict::State::{self, AsWanted, Differs};

    const TCP: &str = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid\n\
        0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1\n\
        1: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 2\n\
        2: 0100007F:1F91 0100007F:0016 01 00000000:00000000 00:00000000 00000000     0        0 3\n";
    const TCP6: &str = "  sl\n0: 00000000000000000000000001000000:1F90 0:0 0A\n";

    #[track_caller]
    fn check(
        port: u16,
        address: Option<&str>,
        listening: bool,
        state: State,
        reason: &str,
        addresses: &Value,
    ) {
        let mut sockets = Sockets { tcp: parse(TCP, TCP_LISTENS), udp: Vec::new() };
        sockets.tcp.extend(parse(TCP6, TCP_LISTENS));
        let address = address.map(|it| it.parse().unwrap());
        let mut comparison = Comparison::default();
        sockets.compare(&Listen { port, udp: false, address, listening }, &mut comparison);
        let found = comparison.into_verdict(0, String::new(), "listen");
        assert_eq!((found.state, found.reason.as_deref().unwrap_or_default()), (state, reason));
        assert_eq!(found.found["addresses"], *addresses);
    }

    #[test]
    fn ports_are_verified() {
        check(22, None, true, AsWanted, "", &json!(["0.0.0.0"]));
        check(8080, Some("127.0.0.1"), true, AsWanted, "", &json!(["127.0.0.1", "::1"]));
        check(8080, Some("::1"), true, AsWanted, "", &json!(["127.0.0.1", "::1"]));
        check(
            22,
            Some("10.0.0.1"),
            true,
            Differs,
            "it listens on 0.0.0.0, 10.0.0.1 was asked for",
            &json!(["0.0.0.0"]),
        );
        // A connection is no listener.
        check(8081, None, true, Differs, "state is closed, wanted listening", &json!([]));
        check(8081, None, false, AsWanted, "", &json!([]));
        check(22, None, false, Differs, "state is listening, wanted closed", &json!(["0.0.0.0"]));
    }

    proptest! {
        #[test]
        fn no_table_panics(text in "(?s).{0,20}\n[0-9A-F: é]{0,80}\n") {
            let _any = parse(&text, TCP_LISTENS);
            let _any = ip(&text);
        }
    }
}
