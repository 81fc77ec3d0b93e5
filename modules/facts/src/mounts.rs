//! Mounted file systems with their sizes: the fact `mounts`.

use std::collections::BTreeMap;
use std::sync::mpsc;
use std::thread;
use std::time::Instant;

use serde_json::{Map, Value, json};

use crate::{Core, SINCE_2_18};
use driftless_host::Host;

/// One line of `/proc/mounts`.
#[derive(Debug, PartialEq, Eq)]
struct Mount {
    device: String,
    point: String,
    kind: String,
    options: String,
    dump: u64,
    pass: u64,
}

/// The fact `mounts`, and a warning for each file system that did not answer in time.
pub(crate) fn mounts(host: &Host, core: Core) -> (Value, Vec<String>) {
    let table = ["/etc/mtab", "/proc/mounts"].iter().find_map(|path| host.raw(path)).unwrap_or_default();
    let bound = bind_mounts(&host.raw("/proc/self/mountinfo").unwrap_or_default());
    let mut listed = Vec::new();
    for mut mount in parse(&table) {
        let is_bind_in_table = mount.options.split_once("bind").is_some_and(|(_, rest)| rest.contains('"'));
        if bound.contains(&mount.point) && !is_bind_in_table {
            mount.options.push_str(",bind");
        }
        // What is mounted over another mount hides it.
        listed.retain(|it: &Mount| it.point != mount.point);
        listed.push(mount);
    }
    let devices: Vec<&str> = listed.iter().map(|mount| mount.device.as_str()).collect();
    let uuids = uuids(host, &devices);
    let (sizes, warnings) = sizes(host, &listed);
    let facts = listed
        .iter()
        .map(|mount| {
            let mut fact = mount.fact(core);
            match sizes.get(&mount.point) {
                Some(size) => {
                    fact.extend(size.clone());
                    fact.insert("uuid".into(), json!(uuids.get(&mount.device).map_or("N/A", String::as_str)));
                }
                None => {
                    fact.insert("note".into(), json!("Could not get extra information due to timeout"));
                }
            }
            Value::Object(fact)
        })
        .collect();
    (facts, warnings)
}

impl Mount {
    fn fact(&self, core: Core) -> Map<String, Value> {
        let mut fact = Map::new();
        fact.insert("mount".into(), json!(self.point));
        fact.insert("device".into(), json!(self.device));
        fact.insert("fstype".into(), json!(self.kind));
        fact.insert("options".into(), json!(self.options));
        if SINCE_2_18 <= core {
            fact.insert("dump".into(), json!(self.dump));
            fact.insert("passno".into(), json!(self.pass));
        }
        fact
    }
}

/// The mounts of devices and of file systems of other hosts.
fn parse(table: &str) -> Vec<Mount> {
    table
        .lines()
        .filter_map(|line| {
            let fields: Vec<String> = line.split_whitespace().map(unescaped).collect();
            let [device, point, kind, options, rest @ ..] = fields.as_slice() else { return None };
            let is_device = device.starts_with(['/', '\\']) || device.contains(":/");
            if !is_device || kind == "none" {
                return None;
            }
            let number = |index: usize| rest.get(index).and_then(|text| text.parse().ok()).unwrap_or(0);
            Some(Mount {
                device: device.clone(),
                point: point.clone(),
                kind: kind.clone(),
                options: options.clone(),
                dump: number(0),
                pass: number(1),
            })
        })
        .collect()
}

/// The mount points of which not the whole file system is mounted: bind mounts and subvolumes.
fn bind_mounts(mountinfo: &str) -> Vec<String> {
    mountinfo
        .lines()
        .filter_map(|line| {
            let mut fields = line.split(' ').skip(3);
            let (root, point) = (fields.next()?, fields.next()?);
            // The namespace files of /proc have roots like `net:[4026531840]`.
            (root != "/").then(|| unescaped(point))
        })
        .collect()
}

/// Replaces `\040` and the like by their characters.
pub(crate) fn unescaped(text: &str) -> String {
    let mut found = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        found.push_str(&rest[..at]);
        let octal = rest.get(at + 1..at + 4).filter(|digits| digits.bytes().all(|it| it.is_ascii_digit()));
        let character = octal.and_then(|digits| u32::from_str_radix(digits, 8).ok()).and_then(char::from_u32);
        found.push(character.unwrap_or('\\'));
        rest = &rest[at + if character.is_some() { 4 } else { 1 }..];
    }
    found.push_str(rest);
    found
}

type Sizes = BTreeMap<String, Map<String, Value>>;

/// The sizes of file systems. Each is asked in a thread of its own: a file system of a host that is gone answers never.
fn sizes(host: &Host, mounts: &[Mount]) -> (Sizes, Vec<String>) {
    let (send, receive) = mpsc::sync_channel(mounts.len());
    for mount in mounts {
        let (send, point, path) = (send.clone(), mount.point.clone(), host.at(&mount.point));
        let _asked = thread::spawn(move || {
            let size = rustix::fs::statvfs(path).map(|found| size(&found)).unwrap_or_default();
            send.send((point, size))
        });
    }
    drop(send);
    let deadline = Instant::now() + host.timeout();
    let mut found = Sizes::new();
    while found.len() < mounts.len() {
        let Ok((point, size)) = receive.recv_timeout(deadline.saturating_duration_since(Instant::now()))
        else {
            break;
        };
        found.insert(point, size);
    }
    let late = mounts.iter().filter(|mount| !found.contains_key(&mount.point));
    let warnings =
        late.map(|mount| format!("Timeout exceeded when getting mount info for {}", mount.point)).collect();
    (found, warnings)
}

fn size(found: &rustix::fs::StatVfs) -> Map<String, Value> {
    [
        ("size_total", found.f_frsize.saturating_mul(found.f_blocks)),
        ("size_available", found.f_frsize.saturating_mul(found.f_bavail)),
        ("block_size", found.f_bsize),
        ("block_total", found.f_blocks),
        ("block_available", found.f_bavail),
        ("block_used", found.f_blocks.saturating_sub(found.f_bavail)),
        ("inode_total", found.f_files),
        ("inode_available", found.f_favail),
        ("inode_used", found.f_files.saturating_sub(found.f_favail)),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), json!(value)))
    .collect()
}

/// The identifiers of the file systems on devices: as udev noted them, else as `lsblk` finds them.
fn uuids(host: &Host, devices: &[&str]) -> BTreeMap<String, String> {
    let local: Vec<&&str> = devices.iter().filter(|it| it.starts_with("/dev/")).collect();
    let noted: BTreeMap<String, String> = local
        .iter()
        .filter_map(|device| Some(((**device).to_owned(), noted_by_udev(host, device)?)))
        .collect();
    if noted.len() == local.len() || host.is_dir("/run/udev/data") {
        return noted;
    }
    let arguments = ["--list", "--noheadings", "--paths", "--output", "NAME,UUID", "--exclude", "2"];
    host.output("lsblk", &arguments).map_or(noted, |text| listed_uuids(&text))
}

fn noted_by_udev(host: &Host, device: &str) -> Option<String> {
    use std::os::unix::fs::MetadataExt;
    let number = std::fs::metadata(host.at(device)).ok()?.rdev();
    let (major, minor) = (rustix::fs::major(number), rustix::fs::minor(number));
    let text = host.raw(&format!("/run/udev/data/b{major}:{minor}"))?;
    text.lines().find_map(|line| line.strip_prefix("E:ID_FS_UUID=")).map(str::to_owned)
}

fn listed_uuids(text: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for line in text.lines() {
        if let Some((name, uuid)) = line.trim().rsplit_once(char::is_whitespace) {
            found.entry(name.trim().to_owned()).or_insert_with(|| uuid.to_owned());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn devices_and_remote_file_systems_are_listed() {
        let table = "/dev/sda1 / ext4 rw,relatime 0 1\nproc /proc proc rw 0 0\nnas:/a\\040b /mnt/a\\040b nfs4 rw 0 0\n\
            /dev/sdb1 none none rw 0 0\nshort line\n";
        let mounts = parse(table);
        assert_eq!(mounts.iter().map(|it| it.point.as_str()).collect::<Vec<_>>(), ["/", "/mnt/a b"]);
        assert_eq!((mounts[0].dump, mounts[0].pass), (0, 1));
        assert_eq!(mounts[1].device, "nas:/a b");
    }

    #[test]
    fn bind_mounts_are_those_of_a_part() {
        let text = "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n30 22 8:1 /srv/x /mnt/a\\040b rw shared:1 - ext4 /dev/sda1 rw\n";
        assert_eq!(bind_mounts(text), ["/mnt/a b"]);
    }

    #[test]
    fn identifiers_of_lsblk_are_read() {
        let found = listed_uuids("/dev/sda   \n/dev/sda1 32caaec3\n/dev/mapper/a b 5f\n/dev/sda1 other\n");
        assert_eq!(found["/dev/sda1"], "32caaec3");
        assert_eq!(found["/dev/mapper/a b"], "5f");
        assert_eq!(found.len(), 2);
    }

    proptest! {
        #[test]
        fn no_table_panics(text in "(?s)[ -~\n\u{e9}\\\\0-9]{0,200}") {
            let _any = parse(&text);
            let _any = bind_mounts(&text);
            let _any = listed_uuids(&text);
            let _any = unescaped(&text);
        }
    }
}
