//! Block devices and volume groups: the facts `devices`, `device_links`, `lvm`.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::{Core, SINCE_2_18};
use driftless_host::Host;

/// Names of devices by kind of link and by the device that they lead to.
type Links = Vec<(&'static str, BTreeMap<String, Vec<String>>)>;

/// The facts `devices` and `device_links`.
pub(crate) fn devices(host: &Host, core: Core) -> Map<String, Value> {
    let links = links(host, core);
    let mut facts = Map::new();
    facts.insert("devices".into(), json!({}));
    if !host.is_dir("/sys/block") {
        return facts;
    }
    let worldwide = worldwide_names(host);
    let mut pci = Pci { host, listed: None };
    let devices: Map<String, Value> = host
        .names("/sys/block")
        .into_iter()
        .map(|name| {
            let mut fact = device(host, &name, &links, core);
            if let Some(worldwide) = worldwide.get(&name) {
                fact.insert("wwn".into(), json!(worldwide));
            }
            fact.insert("host".into(), json!(pci.controller(&name)));
            (name, Value::Object(fact))
        })
        .collect();
    facts.insert("devices".into(), devices.into());
    let links: Map<String, Value> =
        links.into_iter().map(|(kind, names)| (kind.to_owned(), json!(names))).collect();
    facts.insert("device_links".into(), links.into());
    facts
}

fn links(host: &Host, core: Core) -> Links {
    let mut links = vec![
        ("ids", links_in(host, "/dev/disk/by-id")),
        ("uuids", links_in(host, "/dev/disk/by-uuid")),
        ("labels", links_in(host, "/dev/disk/by-label")),
        ("masters", masters(host)),
    ];
    if Core::new(2, 22) <= core {
        links.push(("paths", links_in(host, "/dev/disk/by-path")));
    }
    links
}

fn links_in(host: &Host, directory: &str) -> BTreeMap<String, Vec<String>> {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for name in host.names(directory) {
        if let Some(target) = host.link_name(&format!("{directory}/{name}")) {
            found.entry(target).or_default().push(name);
        }
    }
    for names in found.values_mut() {
        names.sort();
    }
    found
}

fn masters(host: &Host) -> BTreeMap<String, Vec<String>> {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for master in host.names("/sys/block") {
        for part in host.names(&format!("/sys/block/{master}/slaves")) {
            found.entry(part).or_default().push(master.clone());
        }
    }
    for names in found.values_mut() {
        names.sort();
    }
    found
}

fn worldwide_names(host: &Host) -> BTreeMap<String, String> {
    let directory = "/dev/disk/by-id";
    host.names(directory)
        .into_iter()
        .filter_map(|link| {
            let name = link.strip_prefix("wwn-")?.to_owned();
            Some((host.link_name(&format!("{directory}/{link}"))?, name))
        })
        .collect()
}

fn device(host: &Host, name: &str, links: &Links, core: Core) -> Map<String, Value> {
    let directory = format!("/sys/block/{name}");
    let read = |file: &str| host.text(&format!("{directory}/{file}"));
    let is_link = host.link_name(&directory).is_some();
    let has_device = || host.names(&directory).iter().any(|it| it.contains("device"));
    let mut fact = Map::new();
    fact.insert("virtual".into(), json!(u8::from(is_link || !has_device())));
    fact.insert("links".into(), links_of(links, name));
    for key in ["vendor", "model", "sas_address", "sas_device_handle"] {
        fact.insert(key.into(), json!(read(&format!("device/{key}"))));
    }
    if let Some(serial) = serial(host, name) {
        fact.insert("serial".into(), json!(serial));
    }
    fact.insert("removable".into(), json!(read("removable")));
    let has_no_discard = SINCE_2_18 <= core && read("queue/discard_max_hw_bytes").as_deref() == Some("0");
    let discard = if has_no_discard { Some("0".to_owned()) } else { read("queue/discard_granularity") };
    fact.insert("support_discard".into(), json!(discard));
    let partitions: Map<String, Value> = host
        .names(&directory)
        .into_iter()
        .filter(|it| is_partition(name, it))
        .map(|it| (it.clone(), partition(host, name, &it, links, core)))
        .collect();
    fact.insert("partitions".into(), partitions.into());
    fact.insert("rotational".into(), json!(read("queue/rotational")));
    let scheduler = read("queue/scheduler").unwrap_or_default();
    fact.insert("scheduler_mode".into(), json!(chosen(&scheduler)));
    let size = Size::read(host, &directory, core);
    fact.insert("sectorsize".into(), size.sector.clone());
    fact.insert("sectors".into(), if core < SINCE_2_18 { size.raw.clone() } else { json!(size.sectors) });
    fact.insert("size".into(), json!(human(size.bytes)));
    fact.insert("holders".into(), json!(holders(host, &directory)));
    fact
}

/// How large a device is.
struct Size {
    sector: Value,
    raw: Value,
    sectors: u64,
    bytes: u64,
}

impl Size {
    fn read(host: &Host, directory: &str, core: Core) -> Self {
        let read = |file: &str| host.text(&format!("{directory}/{file}"));
        let sector = read("queue/logical_block_size").or_else(|| read("queue/hw_sector_size"));
        let bytes_a_sector =
            sector.as_deref().and_then(|it| it.parse().ok()).filter(|it| *it != 0).unwrap_or(512_u64);
        let raw = read("size");
        // The kernel counts in 512 bytes, whatever a sector of the device has.
        let blocks: u64 = raw.as_deref().and_then(|it| it.parse().ok()).unwrap_or(0);
        let sectors = blocks.saturating_mul(512) / bytes_a_sector;
        let bytes = if core < SINCE_2_18 {
            blocks.saturating_mul(512)
        } else {
            sectors.saturating_mul(bytes_a_sector)
        };
        Self {
            sector: sector.map_or(json!(512), |it| json!(it)),
            raw: raw.map_or(json!(0), |it| json!(it)),
            sectors,
            bytes,
        }
    }
}

fn links_of(links: &Links, name: &str) -> Value {
    let of = |names: &BTreeMap<String, Vec<String>>| json!(names.get(name).cloned().unwrap_or_default());
    links.iter().map(|(kind, names)| ((*kind).to_owned(), of(names))).collect::<Map<String, Value>>().into()
}

fn partition(host: &Host, device: &str, name: &str, links: &Links, core: Core) -> Value {
    let directory = format!("/sys/block/{device}/{name}");
    let size = Size::read(host, &directory, core);
    let uuids = links.iter().find(|(kind, _)| *kind == "uuids").and_then(|(_, names)| names.get(name));
    json!({
        "links": links_of(links, name),
        "start": host.text(&format!("{directory}/start")).map_or(json!(0), |it| json!(it)),
        "sectorsize": size.sector,
        "sectors": if core < SINCE_2_18 { size.raw } else { json!(size.sectors) },
        "size": human(size.bytes),
        "uuid": uuids.and_then(|names| names.first()),
        "holders": holders(host, &directory),
    })
}

/// Whether a directory below a device is one of its partitions: `sda1`, `nvme0n1p1`.
fn is_partition(device: &str, name: &str) -> bool {
    let Some(rest) = name.strip_prefix(device) else { return false };
    let digits = rest.strip_prefix('p').unwrap_or(rest);
    !digits.is_empty() && digits.bytes().all(|it| it.is_ascii_digit())
}

fn holders(host: &Host, directory: &str) -> Vec<String> {
    host.names(&format!("{directory}/holders"))
        .into_iter()
        .filter(|name| name.starts_with("dm-"))
        .map(|name| host.text(&format!("{directory}/holders/{name}/dm/name")).unwrap_or(name))
        .collect()
}

fn serial(host: &Host, name: &str) -> Option<String> {
    if host.program("sg_inq").is_none() {
        return host.text(&format!("/sys/block/{name}/device/serial"));
    }
    let text = host.output("sg_inq", &[&format!("/dev/{name}")])?;
    let (_, rest) = text.split_once("nit serial number:").or_else(|| text.split_once("Serial number:"))?;
    let word: String =
        rest.trim_start().chars().take_while(|it| it.is_alphanumeric() || *it == '_').collect();
    (!word.is_empty()).then_some(word)
}

/// The scheduler in brackets.
fn chosen(schedulers: &str) -> &str {
    let inside = schedulers.split_once('[').and_then(|(_, rest)| rest.rsplit_once(']'));
    inside.map_or("", |(name, _)| name)
}

/// A size with two digits behind the point, in the largest unit that fits.
fn human(bytes: u64) -> String {
    let units = [(60, "EB"), (50, "PB"), (40, "TB"), (30, "GB"), (20, "MB"), (10, "KB")];
    let (shift, unit) = units.into_iter().find(|(shift, _)| 1 << shift <= bytes).unwrap_or((0, "Bytes"));
    #[expect(clippy::cast_precision_loss, reason = "two digits behind the point are shown")]
    let value = bytes as f64 / (1_u64 << shift) as f64;
    format!("{value:.2} {unit}")
}

/// What `lspci` says of the controllers of devices. It is asked only if a device is behind one.
struct Pci<'a> {
    host: &'a Host,
    listed: Option<String>,
}

impl Pci<'_> {
    fn controller(&mut self, name: &str) -> String {
        let path = std::fs::read_link(self.host.at(&format!("/sys/block/{name}"))).unwrap_or_default();
        let path = path.to_string_lossy();
        let Some(address) = path.split('/').rev().skip(1).find(|it| is_pci_address(it)) else {
            return String::new();
        };
        let listed =
            self.listed.get_or_insert_with(|| self.host.output("lspci", &["-D"]).unwrap_or_default());
        let line = listed.lines().find_map(|line| line.strip_prefix(address)?.strip_prefix(' '));
        line.unwrap_or_default().to_owned()
    }
}

/// Whether this is domain, bus, slot and function: `0000:00:1f.2`.
fn is_pci_address(text: &str) -> bool {
    let bytes = text.as_bytes();
    let is_hex = |range: std::ops::Range<usize>| bytes[range].iter().all(u8::is_ascii_hexdigit);
    bytes.len() == 12
        && (bytes[4], bytes[7], bytes[10]) == (b':', b':', b'.')
        && is_hex(0..4)
        && is_hex(5..7)
        && is_hex(8..10)
        && is_hex(11..12)
}

/// The fact `lvm`: volume groups, logical and physical volumes, asked of their programs if they are there.
pub(crate) fn lvm(host: &Host, core: Core) -> Value {
    if host.program("vgs").is_none() || !rustix::process::getuid().is_root() {
        return json!("N/A");
    }
    let options = ["--noheadings", "--nosuffix", "--units", "g", "--separator", ","];
    let rows = |program: &str| -> Vec<Vec<String>> {
        let text = host.output(program, &options).unwrap_or_default();
        text.lines().map(|line| line.trim().split(',').map(str::to_owned).collect()).collect()
    };
    volumes(&rows("vgs"), &rows("lvs"), &rows("pvs"), core)
}

fn volumes(groups: &[Vec<String>], logical: &[Vec<String>], physical: &[Vec<String>], core: Core) -> Value {
    let (mut vgs, mut lvs, mut pvs) = (Map::new(), Map::new(), Map::new());
    let has_volumes_in_groups = Core::new(2, 21) <= core;
    for row in groups {
        if let [name, pv, lv, .., size, free] = row.as_slice() {
            let mut group = json!({"size_g": size, "free_g": free, "num_lvs": lv, "num_pvs": pv});
            if has_volumes_in_groups {
                group["lvs"] = json!({});
            }
            vgs.insert(name.clone(), group);
        }
    }
    for row in logical {
        if let [name, group, _, size, ..] = row.as_slice() {
            lvs.insert(name.clone(), json!({"size_g": size, "vg": group}));
            if has_volumes_in_groups && let Some(group) = vgs.get_mut(group) {
                group["lvs"][name] = json!({"size_g": size});
            }
        }
    }
    for row in physical {
        if let [name, group, _, _, size, free, ..] = row.as_slice() {
            pvs.insert(name.clone(), json!({"size_g": size, "free_g": free, "vg": group}));
        }
    }
    json!({"lvs": lvs, "vgs": vgs, "pvs": pvs})
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_and_sizes_are_those_of_setup() {
        assert!(is_partition("sda", "sda1") && is_partition("nvme0n1", "nvme0n1p12"));
        assert!(
            !is_partition("sda", "sda") && !is_partition("sda", "sdab1") && !is_partition("sda", "queue")
        );
        assert_eq!(chosen("none [mq-deadline] kyber"), "mq-deadline");
        assert_eq!(chosen("none"), "");
        assert_eq!(human(0), "0.00 Bytes");
        assert_eq!(human(274_877_906_944), "256.00 GB");
        assert_eq!(human(1536), "1.50 KB");
        assert!(
            is_pci_address("0000:00:1f.2")
                && !is_pci_address("0000:00:1f-2")
                && !is_pci_address("é000:00:1f.")
        );
    }

    #[test]
    fn volumes_are_read() {
        let row = |text: &str| vec![text.split(',').map(str::to_owned).collect::<Vec<_>>()];
        let found = volumes(
            &row("vg0,1,2,0,wz--n-,9.00,1.00"),
            &row("root,vg0,-wi-ao----,8.00,,,"),
            &row("/dev/sda2,vg0,lvm2,a--,9.00,1.00"),
            Core::new(2, 22),
        );
        assert_eq!(found["vgs"]["vg0"]["lvs"], json!({"root": {"size_g": "8.00"}}));
        assert_eq!(found["vgs"]["vg0"]["num_lvs"], "2");
        assert_eq!(found["pvs"]["/dev/sda2"], json!({"size_g": "9.00", "free_g": "1.00", "vg": "vg0"}));
    }

    proptest! {
        #[test]
        fn no_name_panics(device in "\\PC{0,8}", name in "\\PC{0,14}", bytes: u64) {
            let _any = is_partition(&device, &name);
            let _any = is_pci_address(&name);
            let _any = chosen(&name);
            let _any = human(bytes);
        }
    }
}
