//! How many strangers of one network may be connected: one of them does not keep all others out.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use super::gate::Network;

/// How many connections one network may have that proved nothing. Half of what there is for all.
const STRANGERS: u32 = 32;

/// Counts the strangers of each network. This machine is not counted: proxies are there, and through them all others.
#[derive(Debug, Clone, Default)]
pub(super) struct Networks(Arc<Mutex<HashMap<Network, u32>>>);

impl Networks {
    /// A place for one more; nothing if the network has too many.
    pub(super) fn place(&self, address: IpAddr) -> Option<NetworkPlace> {
        if address.to_canonical().is_loopback() {
            return Some(NetworkPlace(None));
        }
        let network = Network::from(address);
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = all.entry(network).or_default();
        if STRANGERS <= *count {
            return None;
        }
        *count += 1;
        Some(NetworkPlace(Some((self.clone(), network))))
    }
}

/// A place of one stranger. It ends with the value.
#[derive(Debug)]
pub(super) struct NetworkPlace(Option<(Networks, Network)>);

impl Drop for NetworkPlace {
    fn drop(&mut self) {
        let Some((networks, network)) = self.0.take() else { return };
        let mut all = networks.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = all.get_mut(&network) {
            *count -= 1;
            if *count == 0 {
                all.remove(&network);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_network_leaves_places_to_others() {
        let networks = Networks::default();
        let at = |text: &str| networks.place(text.parse().expect("an address"));
        let mut held: Vec<NetworkPlace> = (0..STRANGERS).map_while(|_| at("192.0.2.7")).collect();
        assert_eq!(held.len(), STRANGERS as usize);
        assert!(at("192.0.2.7").is_none() && at("::ffff:192.0.2.7").is_none());
        assert!(at("192.0.2.8").is_some() && at("2001:db8::1").is_some());
        assert!((0..1000).all(|_| at("127.0.0.1").is_some_and(|it| {
            std::mem::forget(it);
            true
        })));
        held.pop();
        held.extend(at("192.0.2.7"));
        assert!(at("192.0.2.7").is_none());
        drop(held);
        assert!(networks.0.lock().expect("no panic").is_empty());
    }
}
