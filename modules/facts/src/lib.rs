//! The module `driftless.core.facts`: what `ansible.builtin.setup` says of a Linux host, with the same names and the same
//! values, without Python and in a fraction of the time.
//!
//! Collectors read the host through [`Host`]. What they read is taken apart by functions of texts and bytes, which the
//! tests feed with recordings and with noise. The few facts whose shape moved between versions of ansible-core have the
//! shape of the version that asks: [`Core`].

mod devices;
mod distribution;
mod families;
mod hardware;
mod local;
mod managers;
pub mod module;
mod mounts;
mod netlink;
mod network;
mod offload;
mod platform;
mod release;
mod subset;
mod system;
mod time;
mod virtualization;
mod zone;

use std::collections::BTreeSet;
use std::thread;
use std::time::Duration;

use driftless_module::Core;
use serde_json::{Map, Value, json};

use crate::release::Release;
pub use crate::subset::Collector;
pub use driftless_host::Host;

/// From this version on, facts about processors, mounts and devices have another shape.
const SINCE_2_18: Core = Core::new(2, 18);

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Request {
    /// Subsets as in `setup`; empty means all.
    pub gather_subset: Vec<String>,
    /// Patterns for the names of facts; empty means all.
    pub filter: Vec<String>,
    /// The directory of local facts.
    pub fact_path: String,
    /// The version that the shape of facts follows.
    pub core: Core,
    /// The time since 1970.
    pub now: Duration,
}

/// What was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Gathered {
    /// The facts by their names, with the prefix `ansible_`.
    pub facts: Map<String, Value>,
    /// What could not be told, in sentences.
    pub warnings: Vec<String>,
}

/// Gathers facts of a host. The error names a subset that does not exist.
pub fn gather(host: &Host, request: &Request) -> Result<Gathered, String> {
    let collectors = subset::select(&request.gather_subset)?;
    let (mut facts, warnings) = collect(host, request, &collectors);
    facts = facts
        .into_iter()
        .map(|(name, value)| (format!("ansible_{}", name.replace('-', "_")), value))
        .collect();
    let subsets =
        if request.gather_subset.is_empty() { vec!["all".to_owned()] } else { request.gather_subset.clone() };
    facts.insert("gather_subset".into(), json!(subsets));
    facts.insert("module_setup".into(), json!(true));
    Ok(Gathered { facts: subset::filtered(facts, &request.filter), warnings })
}

/// Runs the collectors. Those that may wait for programs or for the network run beside the others.
fn collect(
    host: &Host,
    request: &Request,
    chosen: &BTreeSet<Collector>,
) -> (Map<String, Value>, Vec<String>) {
    use Collector::{Caps, Hardware, Local, Network, Platform, Systemd, Virtual};
    let core = request.core;
    let has = |collector: Collector| chosen.contains(&collector);
    thread::scope(|scope| {
        let caps = has(Caps).then(|| scope.spawn(|| system::caps(host)));
        let named = scope.spawn(|| named(host, request, chosen));
        // Version 2.16 did not have it.
        let has_systemd = has(Systemd) && Core::new(2, 17) <= core;
        let systemd = has_systemd.then(|| scope.spawn(|| managers::systemd(host)));
        let network = has(Network).then(|| scope.spawn(|| network::network(host)));
        let platform = has(Platform).then(|| scope.spawn(|| platform::platform(host)));
        let volumes = has(Hardware).then(|| scope.spawn(|| devices::lvm(host, core)));
        let mounts = has(Hardware).then(|| scope.spawn(|| mounts::mounts(host, core)));
        let virtualization = has(Virtual).then(|| scope.spawn(|| virtualization::virtualization(host)));
        let mut facts = small(host, request, chosen);
        let mut warnings = Vec::new();
        if has(Hardware) {
            let machine = rustix::system::uname().machine().to_string_lossy().into_owned();
            facts.extend(hardware::hardware(host, &machine, core));
            facts.extend(devices::devices(host, core));
        }
        if has(Local) {
            let (local, problems) = local::local(host, &request.fact_path);
            facts.extend(local);
            warnings.extend(problems);
        }
        for running in [caps, systemd, network, platform, virtualization, Some(named)].into_iter().flatten() {
            facts.extend(running.join().unwrap_or_default());
        }
        if let Some(volumes) = volumes.and_then(|running| running.join().ok()) {
            facts.insert("lvm".into(), volumes);
        }
        if let Some((mounts, problems)) = mounts.and_then(|running| running.join().ok()) {
            facts.insert("mounts".into(), mounts);
            warnings.extend(problems);
        }
        (facts, warnings)
    })
}

/// The collectors that need to know the distribution.
fn named(host: &Host, request: &Request, chosen: &BTreeSet<Collector>) -> Map<String, Value> {
    use Collector::{Distribution, Lsb, PkgMgr, ServiceMgr};
    let mut facts = Map::new();
    if ![Distribution, Lsb, PkgMgr, ServiceMgr].iter().any(|it| chosen.contains(it)) {
        return facts;
    }
    let release = Release::read(host);
    let distribution = distribution::distribution(host, &release, request.core);
    let of = |name: &str| distribution.get(name).and_then(Value::as_str).unwrap_or_default();
    if chosen.contains(&PkgMgr) {
        facts.extend(managers::packages(host, of("os_family")));
    }
    if chosen.contains(&ServiceMgr) {
        facts.extend(managers::services(host, of("distribution")));
    }
    if chosen.contains(&Lsb) {
        facts.extend(release.lsb_facts(host));
    }
    if chosen.contains(&Distribution) {
        facts.extend(distribution);
    }
    facts
}

/// The collectors that read a file or two.
fn small(host: &Host, request: &Request, chosen: &BTreeSet<Collector>) -> Map<String, Value> {
    let mut facts = Map::new();
    for collector in chosen {
        facts.extend(match collector {
            Collector::Apparmor => system::apparmor(host),
            Collector::Chroot => system::chroot(host),
            Collector::Cmdline => system::cmdline(host),
            Collector::DateTime => time::date_time(host, request.now),
            Collector::Dns => system::dns(host),
            Collector::Env => system::env(host),
            Collector::FibreChannelWwn => system::fibre_channel(host),
            Collector::Fips => system::fips(host),
            Collector::Iscsi => system::iscsi(host),
            Collector::Loadavg => system::loadavg(host),
            Collector::Nvme => system::nvme(host),
            Collector::Selinux => system::selinux(host),
            Collector::SshPubKeys => system::ssh_host_keys(host),
            Collector::User => platform::user(host),
            _ => Map::new(),
        });
    }
    facts
}
