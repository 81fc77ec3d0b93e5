//! Interfaces, their addresses and the default routes: the subset `network`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde_json::{Map, Value, json};

use crate::netlink::{Address, Netlink, Route};
use crate::offload;
use driftless_host::Host;

/// Addresses far away: the route to them is the default one.
const FAR_V4: Ipv4Addr = Ipv4Addr::new(8, 8, 8, 8);
const FAR_V6: Ipv6Addr = Ipv6Addr::new(0x2404, 0x6800, 0x400a, 0x800, 0, 0, 0, 0x1012);

/// The facts of the subset `network` that come from interfaces.
pub(crate) fn network(host: &Host) -> Map<String, Value> {
    let mut facts = Map::new();
    let Some(netlink) = Netlink::open(host.timeout()).filter(|_| host.is_live()) else { return facts };
    let addresses = netlink.addresses();
    let devices = host.names("/sys/class/net");
    let indexes: Vec<(u32, &String)> = devices
        .iter()
        .filter_map(|name| Some((host.text(&format!("/sys/class/net/{name}/ifindex"))?.parse().ok()?, name)))
        .collect();
    let name_of = |index: u32| indexes.iter().find(|(it, _)| *it == index).map(|(_, name)| name.as_str());
    let default = |address: IpAddr| default_route(netlink.route_to(address), &name_of);
    let mut interfaces = Interfaces {
        default_v4: default(FAR_V4.into()),
        default_v6: default(FAR_V6.into()),
        ..Interfaces::default()
    };
    for (index, name) in &indexes {
        if !host.is_dir(&format!("/sys/class/net/{name}")) {
            continue;
        }
        let device = device(host, name);
        interfaces.put(name, device.fact);
        let own: Vec<&Address> = addresses.iter().filter(|it| it.interface == *index).collect();
        for address in own.iter().filter(|it| !it.is_secondary) {
            interfaces.add(name, &device.address, address);
        }
        for address in own.iter().filter(|it| it.is_secondary) {
            interfaces.add(name, &device.address, address);
        }
        let offload = offload::offload(host, name);
        interfaces.of(name).extend(offload);
    }
    interfaces.into_facts(&mut facts);
    let reachable = json!({"ipv4": netlink.local_prefixes(false), "ipv6": netlink.local_prefixes(true)});
    facts.insert("locally_reachable_ips".into(), reachable);
    facts
}

/// Interface, source address and gateway of a route.
fn default_route<'a>(route: Option<Route>, name_of: &impl Fn(u32) -> Option<&'a str>) -> Map<String, Value> {
    let mut fact = Map::new();
    let Some(route) = route else { return fact };
    if let Some(gateway) = route.gateway {
        fact.insert("gateway".into(), json!(gateway));
    }
    if let Some(name) = route.interface.and_then(name_of) {
        fact.insert("interface".into(), json!(name));
    }
    if let Some(source) = route.source {
        fact.insert("address".into(), json!(source.to_string()));
    }
    fact
}

/// What is known of all interfaces so far.
#[derive(Debug, Default)]
struct Interfaces {
    /// In the order of the directory.
    known: Vec<(String, Map<String, Value>)>,
    default_v4: Map<String, Value>,
    default_v6: Map<String, Value>,
    all_v4: Vec<String>,
    all_v6: Vec<String>,
}

impl Interfaces {
    fn put(&mut self, name: &str, fact: Map<String, Value>) {
        *self.of(name) = fact;
    }

    fn of(&mut self, name: &str) -> &mut Map<String, Value> {
        let at = self.known.iter().position(|(known, _)| known == name).unwrap_or_else(|| {
            self.known.push((name.to_owned(), Map::new()));
            self.known.len() - 1
        });
        &mut self.known[at].1
    }

    /// Adds an address as `setup` does, which reads it from a line of `ip addr`.
    fn add(&mut self, device: &str, hardware: &str, address: &Address) {
        match address.own {
            IpAddr::V4(own) => self.add_v4(device, hardware, own, address),
            IpAddr::V6(own) => self.add_v6(device, hardware, own, address),
        }
    }

    fn add_v4(&mut self, device: &str, hardware: &str, own: Ipv4Addr, address: &Address) {
        let fact = v4(own, address);
        let label = address.label.as_deref().unwrap_or(device);
        if label != device {
            self.put(label, Map::new());
        }
        let interface = self.of(label);
        if !address.is_secondary && !interface.contains_key("ipv4") {
            interface.insert("ipv4".into(), fact.clone().into());
        } else {
            push(interface, "ipv4_secondaries", fact.clone());
        }
        if address.is_secondary && label != device {
            push(self.of(device), "ipv4_secondaries", fact.clone());
        }
        if self.default_v4.get("address") == Some(&fact["address"]) {
            let (mtu, kind) = self.mtu_and_type(device);
            let default = &mut self.default_v4;
            default.extend(fact);
            default.insert("macaddress".into(), json!(hardware));
            default.insert("mtu".into(), mtu);
            default.insert("type".into(), kind);
            default.insert("alias".into(), json!(label));
        }
        if own.octets()[0] != 127 {
            self.all_v4.push(own.to_string());
        }
    }

    fn add_v6(&mut self, device: &str, hardware: &str, own: Ipv6Addr, address: &Address) {
        // The word after the address names the scope, or the metric if there is one.
        let scope = if address.metric == 0 { scope(address.scope) } else { address.metric.to_string() };
        let (prefix, text) = (address.prefix.to_string(), own.to_string());
        let fact = json!({"address": text, "prefix": prefix, "scope": scope});
        if let Value::Object(fact) = fact.clone() {
            push(self.of(device), "ipv6", fact);
        }
        if self.default_v6.get("address") == Some(&fact["address"]) {
            let (mtu, kind) = self.mtu_and_type(device);
            let default = &mut self.default_v6;
            default.insert("prefix".into(), json!(prefix));
            default.insert("scope".into(), json!(scope));
            default.insert("macaddress".into(), json!(hardware));
            default.insert("mtu".into(), mtu);
            default.insert("type".into(), kind);
        }
        if own != Ipv6Addr::LOCALHOST {
            self.all_v6.push(text);
        }
    }

    fn mtu_and_type(&mut self, device: &str) -> (Value, Value) {
        let fact = self.of(device);
        let of = |key: &str| fact.get(key).cloned();
        (of("mtu").unwrap_or_default(), of("type").unwrap_or_else(|| json!("unknown")))
    }

    fn into_facts(self, facts: &mut Map<String, Value>) {
        let name = |name: &str| name.replace(':', "_");
        let names: Vec<String> = self.known.iter().map(|(it, _)| name(it)).collect();
        facts.insert("interfaces".into(), json!(names));
        for (own, fact) in self.known {
            facts.insert(name(&own), fact.into());
        }
        facts.insert("default_ipv4".into(), self.default_v4.into());
        facts.insert("default_ipv6".into(), self.default_v6.into());
        facts.insert("all_ipv4_addresses".into(), json!(self.all_v4));
        facts.insert("all_ipv6_addresses".into(), json!(self.all_v6));
    }
}

fn push(interface: &mut Map<String, Value>, key: &str, fact: Map<String, Value>) {
    if let Value::Array(list) = interface.entry(key).or_insert_with(|| json!([])) {
        list.push(fact.into());
    }
}

fn v4(own: Ipv4Addr, address: &Address) -> Map<String, Value> {
    // An address with another end stands without a prefix; a broadcast address is seen directly after the address only.
    let is_plain = address.peer.is_none();
    let prefix = if is_plain { address.prefix.min(32) } else { 32 };
    let mask = u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
    let broadcast = address.broadcast.filter(|_| is_plain && address.metric == 0);
    let fact = json!({
        "address": own.to_string(),
        "broadcast": broadcast.map_or(String::new(), |it| it.to_string()),
        "netmask": Ipv4Addr::from_bits(mask).to_string(),
        "network": Ipv4Addr::from_bits(own.to_bits() & mask).to_string(),
        "prefix": prefix.to_string(),
    });
    if let Value::Object(fact) = fact { fact } else { Map::new() }
}

fn scope(scope: u8) -> String {
    match scope {
        0 => "global".into(),
        200 => "site".into(),
        253 => "link".into(),
        254 => "host".into(),
        255 => "nowhere".into(),
        other => other.to_string(),
    }
}

/// What `/sys` says of an interface.
struct Device {
    fact: Map<String, Value>,
    /// The hardware address as it stands there, zeros included.
    address: String,
}

fn device(host: &Host, name: &str) -> Device {
    let directory = format!("/sys/class/net/{name}");
    let read = |file: &str| host.text(&format!("{directory}/{file}"));
    let exists = |file: &str| host.exists(&format!("{directory}/{file}"));
    let mut fact = Map::new();
    fact.insert("device".into(), json!(name));
    let address = read("address").unwrap_or_default();
    if !address.is_empty() && address != "00:00:00:00:00:00" {
        fact.insert("macaddress".into(), json!(address));
    }
    if let Some(mtu) = read("mtu").and_then(|text| text.parse::<i64>().ok()) {
        fact.insert("mtu".into(), json!(mtu));
    }
    if exists("operstate") {
        fact.insert("active".into(), json!(read("operstate").as_deref() != Some("down")));
    }
    let module = host.real_path(&format!("{directory}/device/driver/module"));
    if let Some(module) = module.as_ref().and_then(|path| path.file_name()) {
        fact.insert("module".into(), json!(module.to_string_lossy()));
    }
    if let Some(kind) = read("type") {
        fact.insert("type".into(), json!(kind_of(&kind)));
    }
    if exists("bridge") {
        fact.insert("type".into(), json!("bridge"));
        fact.insert("interfaces".into(), json!(host.names(&format!("{directory}/brif"))));
        fact.insert("id".into(), json!(read("bridge/bridge_id").unwrap_or_default()));
        fact.insert("stp".into(), json!(read("bridge/stp_state").as_deref() == Some("1")));
    }
    // With a primary member, setup looks for the rest in a place where it is not.
    if exists("bonding") && bonding(&read, &mut fact) {
        return Device { fact, address };
    }
    if exists("bonding_slave") {
        fact.insert("perm_macaddress".into(), json!(read("bonding_slave/perm_hwaddr").unwrap_or_default()));
    }
    if let Some(bus) = host.link_name(&format!("{directory}/device")) {
        fact.insert("pciid".into(), json!(bus));
    }
    if let Some(speed) = read("speed").and_then(|text| text.parse::<i64>().ok()) {
        fact.insert("speed".into(), json!(speed));
    }
    if let Some(flags) =
        read("flags").and_then(|text| u32::from_str_radix(text.trim_start_matches("0x"), 16).ok())
    {
        fact.insert("promisc".into(), json!(flags & 0x100 != 0));
    }
    Device { fact, address }
}

fn kind_of(number: &str) -> &'static str {
    match number {
        "1" => "ether",
        "32" => "infiniband",
        "512" => "ppp",
        "772" => "loopback",
        "65534" => "tunnel",
        _ => "unknown",
    }
}

/// The facts of a bond. Gives whether it has a primary member.
fn bonding(read: &impl Fn(&str) -> Option<String>, fact: &mut Map<String, Value>) -> bool {
    let first = |file: &str| {
        read(&format!("bonding/{file}")).and_then(|text| text.split_whitespace().next().map(str::to_owned))
    };
    fact.insert("type".into(), json!("bonding"));
    let members = read("bonding/slaves").unwrap_or_default();
    fact.insert("slaves".into(), json!(members.split_whitespace().collect::<Vec<_>>()));
    for key in ["mode", "miimon", "lacp_rate"] {
        if let Some(word) = first(key) {
            fact.insert(key.into(), json!(word));
        }
    }
    let Some(primary) = read("bonding/primary") else { return false };
    fact.insert("primary".into(), json!(primary));
    if let Some(active) = read("bonding/all_slaves_active") {
        fact.insert("all_slaves_active".into(), json!(active == "1"));
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str, prefix: u8) -> Address {
        Address {
            interface: 2,
            own: text.parse().unwrap(),
            peer: None,
            prefix,
            broadcast: None,
            metric: 0,
            scope: 0,
            label: None,
            is_secondary: false,
        }
    }

    #[test]
    fn addresses_become_facts_of_interface_and_default_route() {
        let mut interfaces = Interfaces::default();
        interfaces.default_v4.insert("address".into(), json!("10.1.2.3"));
        interfaces.put("eth0", device_with_mtu());
        let mut first = address("10.1.2.3", 20);
        first.broadcast = Some("10.1.15.255".parse().unwrap());
        interfaces.add("eth0", "02:00:00:00:00:01", &first);
        let mut second = address("10.1.2.4", 20);
        second.is_secondary = true;
        second.label = Some("eth0:1".into());
        interfaces.add("eth0", "02:00:00:00:00:01", &second);
        interfaces.add("eth0", "02:00:00:00:00:01", &address("fd00::2", 64));
        let mut facts = Map::new();
        interfaces.into_facts(&mut facts);
        assert_eq!(facts["interfaces"], json!(["eth0", "eth0_1"]));
        assert_eq!(facts["eth0"]["ipv4"]["network"], "10.1.0.0");
        assert_eq!(facts["eth0"]["ipv4"]["netmask"], "255.255.240.0");
        assert_eq!(facts["eth0"]["ipv4_secondaries"][0]["address"], "10.1.2.4");
        assert_eq!(facts["eth0_1"]["ipv4_secondaries"][0]["broadcast"], "");
        assert_eq!(
            facts["eth0"]["ipv6"][0],
            json!({"address": "fd00::2", "prefix": "64", "scope": "global"})
        );
        assert_eq!(facts["default_ipv4"]["mtu"], 1400);
        assert_eq!(facts["default_ipv4"]["alias"], "eth0");
        assert_eq!(facts["all_ipv4_addresses"], json!(["10.1.2.3", "10.1.2.4"]));
    }

    fn device_with_mtu() -> Map<String, Value> {
        Map::from_iter([("mtu".to_owned(), json!(1400))])
    }

    #[test]
    fn a_peer_and_a_metric_hide_the_broadcast_address() {
        let mut own = address("10.0.0.1", 24);
        own.broadcast = Some("10.0.0.255".parse().unwrap());
        own.metric = 100;
        assert_eq!(v4("10.0.0.1".parse().unwrap(), &own)["broadcast"], "");
        own.metric = 0;
        own.peer = Some("10.0.0.2".parse().unwrap());
        let fact = v4("10.0.0.1".parse().unwrap(), &own);
        assert_eq!((&fact["prefix"], &fact["broadcast"]), (&json!("32"), &json!("")));
        assert_eq!(v4("10.0.0.1".parse().unwrap(), &address("10.0.0.1", 0))["netmask"], "0.0.0.0");
    }
}
