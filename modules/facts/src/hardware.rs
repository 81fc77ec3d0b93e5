//! Processors, memory, firmware and uptime: the larger part of the subset `hardware`.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::{Core, SINCE_2_18};
use driftless_host::Host;

/// The facts of the subset `hardware`, without mounts and devices.
pub(crate) fn hardware(host: &Host, machine: &str, core: Core) -> Map<String, Value> {
    let mut facts = Map::new();
    if let Some(text) = host.raw("/proc/meminfo") {
        memory(&text, &mut facts);
    }
    if let Some(text) = host.raw("/proc/cpuinfo") {
        let processors = processors(&text, machine, may_be_xen(host));
        processors.facts(core, available(host), &mut facts);
    }
    facts.extend(firmware(host));
    if let Some(text) = host.text("/proc/sysinfo") {
        facts.extend(mainframe(&text));
    }
    let uptime = host.text("/proc/uptime");
    if let Some(seconds) =
        uptime.as_deref().and_then(|text| text.split(['.', ' ']).next()?.parse::<u64>().ok())
    {
        facts.insert("uptime_seconds".into(), json!(seconds));
    }
    facts
}

/// The facts that `/proc/meminfo` gives, in MiB.
fn memory(text: &str, facts: &mut Map<String, Value>) {
    let kilobytes = |line: &str| line.split_whitespace().next()?.parse::<i64>().ok();
    let found: BTreeMap<&str, i64> = text
        .lines()
        .filter_map(|line| line.split_once(':'))
        .filter_map(|(key, value)| Some((key, kilobytes(value)? / 1024)))
        .collect();
    let of = |key: &str| found.get(key).copied();
    for key in ["MemTotal", "SwapTotal", "MemFree", "SwapFree"] {
        if let Some(value) = of(key) {
            facts.insert(format!("{}_mb", key.to_lowercase()), json!(value));
        }
    }
    let less = |one: Option<i64>, other: Option<i64>| Some(one?.saturating_sub(other?));
    let (total, free) = (of("MemTotal"), of("MemFree"));
    let free_without_cache = || Some(of("Cached")?.saturating_add(free?).saturating_add(of("Buffers")?));
    facts.insert(
        "memory_mb".into(),
        json!({
            "real": {"total": total, "used": less(total, free), "free": free},
            "nocache": {"free": free_without_cache(), "used": less(total, free_without_cache())},
            "swap": {
                "total": of("SwapTotal"),
                "free": of("SwapFree"),
                "used": less(of("SwapTotal"), of("SwapFree")),
                "cached": of("SwapCached"),
            },
        }),
    );
}

/// What `/proc/cpuinfo` says.
#[derive(Debug, Default, PartialEq, Eq)]
struct Processors {
    listed: Vec<String>,
    flags: Option<Vec<String>>,
    count: u64,
    cores: u64,
    /// Threads of the first core, if it says so.
    siblings: Option<u64>,
    numbered: u64,
    /// S/390 tells threads a core; paravirtual Xen shows each processor as one core.
    threads: Option<u64>,
}

/// What is counted while the lines are read.
#[derive(Default)]
struct Count {
    listed: u64,
    vendors: u64,
    models: u64,
    numbered: u64,
    active: Option<u64>,
    sockets: Vec<(String, u64)>,
    cores: Vec<(String, u64)>,
    mainframe: u64,
    mainframe_threads: u64,
    has_vme: bool,
    has_flags: bool,
}

fn processors(text: &str, machine: &str, may_be_xen: bool) -> Processors {
    let mut found = Processors::default();
    let mut count = Count::default();
    let (mut socket, mut core) = (String::new(), String::new());
    for line in text.trim().lines() {
        let (key, value) = line.split_once(':').unwrap_or((line, ""));
        let (key, value) = (key.trim(), value.trim());
        let number = value.parse::<u64>().unwrap_or(0);
        match key {
            "flags" => {
                count.has_flags = true;
                count.has_vme |= value.contains("vme");
                found.flags = Some(value.split_whitespace().map(str::to_owned).collect());
            }
            "model name" | "Processor" | "vendor_id" | "cpu" | "Vendor" | "processor" => {
                found.listed.push(value.to_owned());
                count.listed += 1;
                count.vendors += u64::from(key == "vendor_id");
                count.models += u64::from(key == "model name");
                count.numbered += u64::from(key == "processor");
            }
            "physical id" => {
                value.clone_into(&mut socket);
                if count.sockets.iter().all(|(id, _)| *id != socket) {
                    count.sockets.push((socket.clone(), 1));
                }
            }
            "core id" => {
                value.clone_into(&mut core);
                // A core with the number of a socket is not counted anew: so it is in setup.
                if count.sockets.iter().all(|(id, _)| *id != core) {
                    put(&mut count.cores, &core, 1);
                }
            }
            "cpu cores" => put(&mut count.sockets, &socket, number),
            "siblings" => put(&mut count.cores, &core, number),
            "# processors" => count.mainframe = number,
            "max thread id" => count.mainframe_threads = number.saturating_add(1),
            "ncpus active" => count.active = Some(number),
            _ => {}
        }
    }
    let is_paravirtual = may_be_xen && count.has_flags && !count.has_vme;
    count.into_processors(found, machine, is_paravirtual)
}

fn put(entries: &mut Vec<(String, u64)>, key: &str, value: u64) {
    match entries.iter_mut().find(|(id, _)| id == key) {
        Some((_, held)) => *held = value,
        None => entries.push((key.to_owned(), value)),
    }
}

impl Count {
    fn into_processors(self, mut found: Processors, machine: &str, is_paravirtual: bool) -> Processors {
        let mut listed = self.active.unwrap_or(self.listed);
        if 0 < self.vendors && self.vendors == self.models {
            listed = self.vendors;
        }
        if ["armv", "aarch", "ppc"].iter().any(|it| machine.starts_with(it)) {
            listed = self.numbered;
        }
        found.numbered = self.numbered;
        if machine == "s390x" {
            let threads = self.mainframe_threads.max(1);
            (found.count, found.cores, found.threads) = (1, rounded(self.mainframe, threads), Some(threads));
            found.numbered = self.mainframe;
        } else if is_paravirtual {
            (found.count, found.cores, found.threads, found.numbered) = (listed, listed, Some(1), listed);
        } else {
            found.count = if self.sockets.is_empty() { listed } else { to_u64(self.sockets.len()) };
            found.cores = self.sockets.first().map_or(1, |(_, cores)| (*cores).max(1));
            found.siblings = self.cores.first().map(|(_, siblings)| *siblings);
        }
        found
    }
}

impl Processors {
    fn facts(self, core: Core, available: Option<u64>, facts: &mut Map<String, Value>) {
        let siblings = self.siblings.unwrap_or(1);
        let divide = |a: u64, b: u64| if SINCE_2_18 <= core { rounded(a, b) } else { a / b };
        let threads = self.threads.unwrap_or_else(|| divide(siblings, self.cores.max(1)));
        let all = match self.threads {
            Some(_) => self.numbered,
            None => threads.saturating_mul(self.count).saturating_mul(self.cores),
        };
        facts.insert("processor".into(), json!(self.listed));
        if SINCE_2_18 <= core
            && let Some(flags) = self.flags
        {
            facts.insert("flags".into(), json!(flags));
        }
        facts.insert("processor_count".into(), json!(self.count));
        facts.insert("processor_cores".into(), json!(self.cores));
        facts.insert("processor_threads_per_core".into(), json!(threads));
        facts.insert("processor_vcpus".into(), json!(all));
        facts.insert("processor_nproc".into(), json!(available.unwrap_or(self.numbered)));
    }
}

fn to_u64(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

/// A quotient rounded to the nearest whole number, halves to the even one, as Python rounds.
fn rounded(dividend: u64, divisor: u64) -> u64 {
    let (quotient, rest) = (dividend / divisor, dividend % divisor);
    match rest.saturating_mul(2).cmp(&divisor) {
        std::cmp::Ordering::Less => quotient,
        std::cmp::Ordering::Greater => quotient + 1,
        std::cmp::Ordering::Equal => quotient + quotient % 2,
    }
}

fn may_be_xen(host: &Host) -> bool {
    host.exists("/proc/xen")
        || host.text("/sys/hypervisor/type").is_some_and(|text| text.lines().next() == Some("xen"))
}

/// On how many processors this process may run.
fn available(host: &Host) -> Option<u64> {
    if !host.is_live() {
        return None;
    }
    rustix::thread::sched_getaffinity(None).ok().map(|set| u64::from(set.count()))
}

/// Facts about firmware, board, chassis and product: name, file of `/sys`, keyword of `dmidecode`.
const FIRMWARE: [(&str, &str, &str); 18] = [
    ("bios_date", "bios_date", "bios-release-date"),
    ("bios_vendor", "bios_vendor", "bios-vendor"),
    ("bios_version", "bios_version", "bios-version"),
    ("board_asset_tag", "board_asset_tag", "baseboard-asset-tag"),
    ("board_name", "board_name", "baseboard-product-name"),
    ("board_serial", "board_serial", "baseboard-serial-number"),
    ("board_vendor", "board_vendor", "baseboard-manufacturer"),
    ("board_version", "board_version", "baseboard-version"),
    ("chassis_asset_tag", "chassis_asset_tag", "chassis-asset-tag"),
    ("chassis_serial", "chassis_serial", "chassis-serial-number"),
    ("chassis_vendor", "chassis_vendor", "chassis-manufacturer"),
    ("chassis_version", "chassis_version", "chassis-version"),
    ("form_factor", "chassis_type", "chassis-type"),
    ("product_name", "product_name", "system-product-name"),
    ("product_serial", "product_serial", "system-serial-number"),
    ("product_uuid", "product_uuid", "system-uuid"),
    ("product_version", "product_version", "system-version"),
    ("system_vendor", "sys_vendor", "system-manufacturer"),
];

/// Kinds of chassis by their number in the standard for system management.
const FORM_FACTORS: &str = "Unknown|Other|Unknown|Desktop|Low Profile Desktop|Pizza Box|Mini Tower|Tower|Portable|\
    Laptop|Notebook|Hand Held|Docking Station|All In One|Sub Notebook|Space-saving|Lunch Box|Main Server Chassis|\
    Expansion Chassis|Sub Chassis|Bus Expansion Chassis|Peripheral Chassis|RAID Chassis|Rack Mount Chassis|\
    Sealed-case PC|Multi-system|CompactPCI|AdvancedTCA|Blade|Blade Enclosure|Tablet|Convertible|Detachable|\
    IoT Gateway|Embedded PC|Mini PC|Stick PC";

fn firmware(host: &Host) -> Map<String, Value> {
    let directory = "/sys/devices/virtual/dmi/id";
    if host.exists(&format!("{directory}/product_name")) {
        return FIRMWARE
            .iter()
            .filter_map(|(fact, file, _)| {
                let value = match host.text(&format!("{directory}/{file}")) {
                    Some(text) if *fact == "form_factor" => form_factor(&text)?,
                    Some(text) => text,
                    None => "NA".to_owned(),
                };
                Some(((*fact).to_owned(), json!(value)))
            })
            .collect();
    }
    let decode = |keyword: &str| host.output("dmidecode", &["-s", keyword]);
    let has_program = host.program("dmidecode").is_some();
    FIRMWARE
        .iter()
        .map(|(fact, _, keyword)| {
            let text = if has_program { decode(keyword) } else { None };
            let value = text
                .map_or("NA".to_owned(), |text| text.lines().filter(|line| !line.starts_with('#')).collect());
            ((*fact).to_owned(), json!(value))
        })
        .collect()
}

fn form_factor(text: &str) -> Option<String> {
    let number: usize = text.parse().ok()?;
    let name = FORM_FACTORS.split('|').nth(number);
    Some(name.map_or_else(|| format!("unknown ({text})"), str::to_owned))
}

/// What a mainframe's `/proc/sysinfo` says of vendor and product.
fn mainframe(text: &str) -> Map<String, Value> {
    let mut facts: Map<String, Value> =
        ["system_vendor", "product_version", "product_serial", "product_name", "product_uuid"]
            .into_iter()
            .map(|name| (name.to_owned(), json!("NA")))
            .collect();
    for line in text.lines() {
        let Some((key, value)) = line.split_once(':') else { continue };
        let value = value.trim_start();
        match key {
            "Manufacturer" => facts.insert("system_vendor".into(), json!(value)),
            "Type" => facts.insert("product_name".into(), json!(value)),
            "Sequence Code" => facts.insert("product_serial".into(), json!(value.trim_start_matches('0'))),
            _ => None,
        };
    }
    facts
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// One socket, two cores with two threads each.
    const LAPTOP: &str = "processor\t: 0\nvendor_id\t: GenuineIntel\nmodel name\t: i5\nphysical id\t: 0\nsiblings\t: 4\n\
        core id\t: 0\ncpu cores\t: 2\nflags\t\t: fpu vme\n\nprocessor\t: 1\nvendor_id\t: GenuineIntel\nmodel name\t: i5\n\
        physical id\t: 0\nsiblings\t: 4\ncore id\t: 1\ncpu cores\t: 2\nflags\t\t: fpu vme\n";
    const ARM: &str =
        "processor\t: 0\nBogoMIPS\t: 38\n\nprocessor\t: 1\n\nprocessor\t: 2\n\nProcessor\t: ARMv8\n";

    fn facts(text: &str, machine: &str, core: Core) -> Map<String, Value> {
        let mut facts = Map::new();
        processors(text, machine, false).facts(core, None, &mut facts);
        facts
    }

    #[test]
    fn processors_are_counted() {
        let laptop = facts(LAPTOP, "x86_64", Core::new(2, 22));
        assert_eq!(laptop["processor"], json!(["0", "GenuineIntel", "i5", "1", "GenuineIntel", "i5"]));
        assert_eq!(laptop["processor_count"], 1);
        assert_eq!(laptop["processor_cores"], 2);
        assert_eq!(laptop["processor_threads_per_core"], 2);
        assert_eq!(laptop["processor_vcpus"], 4);
        assert_eq!(laptop["flags"], json!(["fpu", "vme"]));
        let arm = facts(ARM, "aarch64", Core::new(2, 16));
        assert_eq!(arm["processor_count"], 3);
        assert_eq!(arm["processor_vcpus"], 3);
        assert!(!arm.contains_key("flags"));
    }

    #[test]
    fn paravirtual_xen_and_mainframes_count_otherwise() {
        let mut found = Map::new();
        let text = "processor: 0\nvendor_id: A\nmodel name: B\nflags: fpu\nprocessor: 1\nvendor_id: A\nmodel name: B\n";
        processors(text, "x86_64", true).facts(Core::new(2, 22), Some(2), &mut found);
        assert_eq!((&found["processor_cores"], &found["processor_vcpus"]), (&json!(2), &json!(2)));
        let text = "vendor_id : IBM/S390\n# processors : 4\nmax thread id : 1\n";
        let found = facts(text, "s390x", Core::new(2, 22));
        assert_eq!((&found["processor_cores"], &found["processor_threads_per_core"]), (&json!(2), &json!(2)));
    }

    #[test]
    fn memory_is_in_mebibytes() {
        let mut facts = Map::new();
        memory(
            "MemTotal: 2048 kB\nMemFree: 1025 kB\nCached: 0 kB\nBuffers: 0 kB\nHugePages_Total: 0\n",
            &mut facts,
        );
        assert_eq!(facts["memtotal_mb"], 2);
        assert_eq!(facts["memory_mb"]["real"], json!({"total": 2, "used": 1, "free": 1}));
        assert_eq!(facts["memory_mb"]["swap"]["used"], Value::Null);
        assert!(!facts.contains_key("swaptotal_mb"));
    }

    #[test]
    fn halves_round_to_even() {
        assert_eq!(
            [rounded(1, 2), rounded(3, 2), rounded(5, 2), rounded(4, 3), rounded(8, 4)],
            [0, 2, 2, 1, 2]
        );
        assert_eq!(form_factor("3").unwrap(), "Desktop");
        assert_eq!(form_factor("99").unwrap(), "unknown (99)");
    }

    proptest! {
        #[test]
        fn no_text_panics(lines in prop::collection::vec("(processor|core id|cpu cores|siblings|physical id|MemTotal|# processors|max thread id|Cached)?.{0,3}: ?[0-9]{0,20}", 0..20)) {
            let text = lines.join("\n");
            for machine in ["x86_64", "s390x", "aarch64"] {
                let _any = facts(&text, machine, Core::new(2, 16));
                let _any = facts(&text, machine, Core::new(2, 22));
            }
            memory(&text, &mut Map::new());
            let _any = mainframe(&text);
        }
    }
}
