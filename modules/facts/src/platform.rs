//! What the kernel says of itself, the names of the host, and who runs this.

use serde_json::{Map, Value, json};

use driftless_host::Host;

/// The facts of the subset `platform`.
pub(crate) fn platform(host: &Host) -> Map<String, Value> {
    let mut facts = Map::new();
    let (system, node, release, version, machine) = uname(host);
    facts.insert("system".into(), json!(system));
    facts.insert("kernel".into(), json!(release));
    facts.insert("kernel_version".into(), json!(version));
    facts.insert("machine".into(), json!(machine));
    let fqdn = full_name(host, &node);
    let domain = fqdn.split_once('.').map_or("", |(_, domain)| domain);
    facts.insert("domain".into(), json!(domain));
    facts.insert("hostname".into(), json!(node.split('.').next().unwrap_or_default()));
    facts.insert("nodename".into(), json!(node));
    let bits = userspace_bits(host);
    architecture(&machine, bits, &mut facts);
    facts.insert("fqdn".into(), json!(fqdn));
    let id = ["/var/lib/dbus/machine-id", "/etc/machine-id"].iter().find_map(|path| host.text(path));
    if let Some(id) = id.as_deref().and_then(|text| text.lines().next()) {
        facts.insert("machine_id".into(), json!(id));
    }
    facts
}

/// System, node name, release, version and machine, from the kernel or from a recording's `/proc/sys/kernel`.
fn uname(host: &Host) -> (String, String, String, String, String) {
    if host.is_live() {
        let found = rustix::system::uname();
        let text = |part: &std::ffi::CStr| part.to_string_lossy().into_owned();
        return (
            text(found.sysname()),
            text(found.nodename()),
            text(found.release()),
            text(found.version()),
            text(found.machine()),
        );
    }
    let read = |name: &str| host.text(&format!("/proc/sys/kernel/{name}")).unwrap_or_default();
    (read("ostype"), read("hostname"), read("osrelease"), read("version"), read("arch"))
}

/// The machine that Ansible calls an architecture, and that of the programs on it.
fn architecture(machine: &str, bits: &str, facts: &mut Map<String, Value>) {
    let is_old_intel = ["i386", "i486", "i586", "i686", "i86pc"].iter().any(|it| machine.contains(it));
    let architecture = if is_old_intel { "i386" } else { machine };
    facts.insert("architecture".into(), json!(architecture));
    facts.insert("userspace_bits".into(), json!(bits));
    if machine == "x86_64" || is_old_intel {
        let userspace = if bits == "64" { "x86_64" } else { "i386" };
        facts.insert("userspace_architecture".into(), json!(userspace));
    }
}

/// Whether the host's own programs have 32 or 64 bits: its shell says it, since this program may differ from them.
fn userspace_bits(host: &Host) -> &'static str {
    use std::io::Read;
    let mut start = [0_u8; 5];
    let read = std::fs::File::open(host.at("/bin/sh")).and_then(|mut shell| shell.read_exact(&mut start));
    match (read, start) {
        (Ok(()), [0x7f, b'E', b'L', b'F', 1]) => "32",
        _ => "64",
    }
}

/// The host's name with its domain, as resolved by the host itself: its address and back.
fn full_name(host: &Host, node: &str) -> String {
    let hosts = host.raw("/etc/hosts").unwrap_or_default();
    let services = host.raw("/etc/nsswitch.conf").unwrap_or_default();
    if files_come_first(&services)
        && let Some(name) = name_in_hosts(&hosts, node)
    {
        return name;
    }
    let found = host.output("getent", &["ahosts", node]);
    let address = found.as_deref().and_then(|text| text.split_whitespace().next());
    let names = address.and_then(|address| host.output("getent", &["hosts", address]));
    let names: Vec<&str> = names
        .as_deref()
        .unwrap_or_default()
        .lines()
        .next()
        .map_or(Vec::new(), |line| line.split_whitespace().skip(1).collect());
    preferred(&names).unwrap_or(node).to_owned()
}

/// Whether `/etc/hosts` is asked before anything else.
fn files_come_first(services: &str) -> bool {
    let line = services.lines().find_map(|line| line.trim().strip_prefix("hosts:"));
    line.is_none_or(|sources| sources.split_whitespace().next() == Some("files"))
}

/// The name that `/etc/hosts` gives to a node's only address. With several addresses the resolver's order decides,
/// which is left to it.
fn name_in_hosts(hosts: &str, node: &str) -> Option<String> {
    let entries: Vec<Vec<&str>> = hosts
        .lines()
        .map(|line| line.split('#').next().unwrap_or_default().split_whitespace().collect())
        .filter(|words: &Vec<&str>| 1 < words.len())
        .collect();
    let named = |words: &&Vec<&str>| words[1..].iter().any(|name| name.eq_ignore_ascii_case(node));
    let mut addresses: Vec<&str> = entries.iter().filter(named).map(|words| words[0]).collect();
    addresses.dedup();
    let [address] = addresses[..] else { return None };
    let entry = entries.iter().find(|words| words[0] == address)?;
    Some(preferred(&entry[1..])?.to_owned())
}

/// The first name with a domain, else the first one.
fn preferred<'a>(names: &[&'a str]) -> Option<&'a str> {
    names.iter().find(|name| name.contains('.')).or(names.first()).copied()
}

/// The facts of the subset `user`.
pub(crate) fn user(host: &Host) -> Map<String, Value> {
    let mut facts = Map::new();
    let (uid, euid, gid) = ids();
    let named = ["LOGNAME", "USER", "LNAME", "USERNAME"]
        .iter()
        .find_map(|name| host.environment().get(*name).filter(|value| !value.is_empty()));
    let by_id = || entry(host, &uid.to_string());
    let Some(entry) = named.and_then(|name| entry(host, name)).or_else(by_id) else { return facts };
    facts.insert("user_id".into(), json!(named.map_or(entry.name.as_str(), String::as_str)));
    facts.insert("user_uid".into(), json!(entry.uid));
    facts.insert("user_gid".into(), json!(entry.gid));
    facts.insert("user_gecos".into(), json!(entry.gecos));
    facts.insert("user_dir".into(), json!(entry.directory));
    facts.insert("user_shell".into(), json!(entry.shell));
    facts.insert("real_user_id".into(), json!(uid));
    facts.insert("effective_user_id".into(), json!(euid));
    facts.insert("real_group_id".into(), json!(gid));
    facts.insert("effective_group_id".into(), json!(gid));
    facts
}

fn ids() -> (u32, u32, u32) {
    use rustix::process::{geteuid, getgid, getuid};
    (getuid().as_raw(), geteuid().as_raw(), getgid().as_raw())
}

/// A line of `/etc/passwd`.
#[derive(Debug, PartialEq, Eq)]
struct User {
    name: String,
    uid: u32,
    gid: u32,
    gecos: String,
    directory: String,
    shell: String,
}

/// The user with a name or number: from the file, else from what else the host asks (LDAP, systemd).
fn entry(host: &Host, key: &str) -> Option<User> {
    let file = host.raw("/etc/passwd").unwrap_or_default();
    find_user(&file, key).or_else(|| find_user(&host.output("getent", &["passwd", key])?, key))
}

fn find_user(file: &str, key: &str) -> Option<User> {
    file.lines().find_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        let [name, _, uid, gid, gecos, directory, shell] = fields[..] else { return None };
        if name != key && uid != key {
            return None;
        }
        Some(User {
            name: name.to_owned(),
            uid: uid.parse().ok()?,
            gid: gid.parse().ok()?,
            gecos: gecos.to_owned(),
            directory: directory.to_owned(),
            shell: shell.to_owned(),
        })
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_name_is_looked_up_there_and_back() {
        let hosts = "127.0.0.1 localhost # x\n127.0.1.1\tweb1 web1.example.org\n10.0.0.1 db\n10.0.0.2 db\n";
        assert_eq!(name_in_hosts(hosts, "web1").unwrap(), "web1.example.org");
        assert_eq!(name_in_hosts("127.0.0.1 localhost\n127.0.0.1 vm\n", "vm").unwrap(), "localhost");
        assert_eq!(name_in_hosts(hosts, "db"), None);
        assert_eq!(name_in_hosts(hosts, "other"), None);
    }

    #[test]
    fn the_order_of_name_services_is_respected() {
        assert!(files_come_first("hosts: files dns\n"));
        assert!(files_come_first("passwd: db\n"));
        assert!(!files_come_first("hosts:\tmyhostname files\n"));
    }

    #[test]
    fn users_are_found_by_name_and_number() {
        let file = "root:x:0:0:root:/root:/bin/bash\n+::::::\nbad\nweb:x:33:34:a,b:/srv:/bin/false\n";
        assert_eq!(find_user(file, "0").unwrap().name, "root");
        assert_eq!(find_user(file, "web").unwrap().gid, 34);
        assert_eq!(find_user(file, "+"), None);
    }

    proptest! {
        #[test]
        fn no_hosts_file_panics(text in ".{0,200}", node in "\\PC{0,10}") {
            let _any = name_in_hosts(&text, &node);
            let _any = find_user(&text, &node);
            let _any = files_come_first(&text);
        }
    }
}
