//! The small subsets: one file of the system each.

use serde_json::{Map, Value, json};

use driftless_host::Host;

pub(crate) fn apparmor(host: &Host) -> Map<String, Value> {
    let status = if host.exists("/sys/kernel/security/apparmor") { "enabled" } else { "disabled" };
    one("apparmor", json!({"status": status}))
}

pub(crate) fn fips(host: &Host) -> Map<String, Value> {
    one("fips", json!(host.text("/proc/sys/crypto/fips_enabled").as_deref() == Some("1")))
}

pub(crate) fn env(host: &Host) -> Map<String, Value> {
    one("env", json!(host.environment()))
}

pub(crate) fn iscsi(host: &Host) -> Map<String, Value> {
    let text = host.text("/etc/iscsi/initiatorname.iscsi").unwrap_or_default();
    let name = settings(&text).find_map(|line| line.strip_prefix("InitiatorName=")).unwrap_or_default();
    one("iscsi_iqn", json!(name))
}

pub(crate) fn nvme(host: &Host) -> Map<String, Value> {
    let text = host.text("/etc/nvme/hostnqn").unwrap_or_default();
    let name = settings(&text).find(|line| line.starts_with("nqn.")).unwrap_or_default();
    one("hostnqn", json!(name))
}

pub(crate) fn fibre_channel(host: &Host) -> Map<String, Value> {
    let names: Vec<String> = host
        .names("/sys/class/fc_host")
        .iter()
        .filter_map(|name| host.text(&format!("/sys/class/fc_host/{name}/port_name")))
        .flat_map(|text| text.lines().map(|line| line.chars().skip(2).collect()).collect::<Vec<String>>())
        .collect();
    one("fibre_channel_wwn", json!(names))
}

/// The load as the kernel keeps it, with more digits than `/proc/loadavg` shows.
pub(crate) fn loadavg(host: &Host) -> Map<String, Value> {
    if !host.is_live() {
        return Map::new();
    }
    let loads = rustix::system::sysinfo().loads;
    #[expect(clippy::cast_precision_loss, reason = "loads are small, and the kernel's fraction has 16 bits")]
    let load = |index: usize| loads[index] as f64 / 65536.0;
    one("loadavg", json!({"1m": load(0), "5m": load(1), "15m": load(2)}))
}

/// Whether `/` is another directory than that of the first process.
pub(crate) fn chroot(host: &Host) -> Map<String, Value> {
    use std::os::unix::fs::MetadataExt;
    if host.environment().get("debian_chroot").is_some_and(|value| !value.is_empty()) {
        return one("is_chroot", json!(true));
    }
    let Ok(own) = std::fs::metadata(host.at("/")) else { return Map::new() };
    let is_chroot = if let Ok(first) = std::fs::metadata(host.at("/proc/1/root")) {
        (own.ino(), own.dev()) != (first.ino(), first.dev())
    } else {
        // Not root, or no /proc: a file system's own root has a number that is known.
        let kind = rustix::fs::statfs("/").map_or(0, |found| u64::try_from(found.f_type).unwrap_or(0));
        own.ino() != root_inode(kind)
    };
    one("is_chroot", json!(is_chroot))
}

/// The inode of the root directory, by the magic number of the file system.
fn root_inode(magic: u64) -> u64 {
    match magic {
        0x9123_683e => 256, // btrfs
        0x5846_5342 => 128, // XFS
        _ => 2,
    }
}

pub(crate) fn selinux(host: &Host) -> Map<String, Value> {
    let mode = |text: Option<String>| match text.as_deref() {
        Some("1") => "enforcing",
        Some("0") => "permissive",
        _ => "unknown",
    };
    // The library says "enabled" when the file system is mounted and a policy is loaded.
    let is_enabled = host.exists("/sys/fs/selinux/enforce")
        && host
            .text("/proc/self/attr/current")
            .is_some_and(|context| context.trim_end_matches('\0') != "kernel");
    if !is_enabled {
        return one("selinux", json!({"status": "disabled"}));
    }
    let configuration = host.text("/etc/selinux/config").unwrap_or_default();
    let policy = host.text("/sys/fs/selinux/policyvers").and_then(|text| text.parse::<u32>().ok());
    one(
        "selinux",
        json!({
            "status": "enabled",
            "policyvers": policy.map_or(json!("unknown"), |version| json!(version)),
            "config_mode": configured(&configuration, "SELINUX=").unwrap_or("unknown"),
            "mode": mode(host.text("/sys/fs/selinux/enforce")),
            "type": configured(&configuration, "SELINUXTYPE=").unwrap_or("unknown"),
        }),
    )
}

fn configured<'a>(configuration: &'a str, key: &str) -> Option<&'a str> {
    configuration.lines().filter_map(|line| line.trim().strip_prefix(key)).next_back().map(str::trim)
}

pub(crate) fn ssh_host_keys(host: &Host) -> Map<String, Value> {
    let mut facts = Map::new();
    for directory in ["/etc/ssh", "/etc/openssh", "/etc"] {
        for kind in ["dsa", "rsa", "ecdsa", "ed25519"] {
            let Some(text) = host.text(&format!("{directory}/ssh_host_{kind}_key.pub")) else { continue };
            let mut words = text.split_whitespace();
            let (Some(name), Some(key)) = (words.next(), words.next()) else { continue };
            facts.insert(format!("ssh_host_key_{kind}_public"), json!(key));
            facts.insert(format!("ssh_host_key_{kind}_public_keytype"), json!(name));
        }
        if !facts.is_empty() {
            break;
        }
    }
    facts
}

pub(crate) fn dns(host: &Host) -> Map<String, Value> {
    one("dns", resolver(&host.text("/etc/resolv.conf").unwrap_or_default()))
}

/// What a `resolv.conf` says.
fn resolver(text: &str) -> Value {
    let mut dns = Map::new();
    for line in settings(text) {
        let mut words = line.split_whitespace();
        let Some(key) = words.next() else { continue };
        let rest: Vec<&str> = words.collect();
        match key {
            "nameserver" => {
                let known = dns.entry("nameservers").or_insert_with(|| json!([]));
                if let Value::Array(known) = known {
                    known.extend(rest.into_iter().map(Value::from));
                }
            }
            "domain" => {
                if let Some(domain) = rest.first() {
                    dns.insert(key.into(), json!(domain));
                }
            }
            "search" | "sortlist" => {
                dns.insert(key.into(), json!(rest));
            }
            "options" => {
                let options: Map<String, Value> = rest
                    .into_iter()
                    .map(|option| match option.split_once(':') {
                        Some((name, value)) if !value.is_empty() => (name.to_owned(), json!(value)),
                        Some((name, _)) => (name.to_owned(), json!(true)),
                        None => (option.to_owned(), json!(true)),
                    })
                    .collect();
                dns.insert(key.into(), Value::Object(options));
            }
            _ => {}
        }
    }
    Value::Object(dns)
}

pub(crate) fn caps(host: &Host) -> Map<String, Value> {
    let mut facts = Map::new();
    let (enforced, capabilities) = match host.output("capsh", &["--print"]) {
        Some(text) => capabilities(&text),
        None => ("N/A", json!("N/A")),
    };
    facts.insert("system_capabilities_enforced".into(), json!(enforced));
    facts.insert("system_capabilities".into(), capabilities);
    facts
}

/// The line `Current:` of `capsh --print`, read as `setup` reads it.
fn capabilities(text: &str) -> (&'static str, Value) {
    let Some(line) = text.lines().rfind(|line| line.starts_with("Current:")) else {
        return ("NA", json!([]));
    };
    if line.split(':').nth(1).is_some_and(|value| value.trim() == "=ep") {
        return ("False", json!([]));
    }
    let listed: Vec<&str> = line.split('=').nth(1).unwrap_or_default().split(',').map(str::trim).collect();
    ("True", json!(listed))
}

pub(crate) fn cmdline(host: &Host) -> Map<String, Value> {
    let mut facts = Map::new();
    if let Some(text) = host.text("/proc/cmdline") {
        let words = shell_words(&text).unwrap_or_default();
        facts.insert("cmdline".into(), last_of_each(&words));
        facts.insert("proc_cmdline".into(), all_of_each(&words));
    }
    facts
}

fn last_of_each(words: &[String]) -> Value {
    words
        .iter()
        .map(|word| match word.split_once('=') {
            Some((key, value)) => (key.to_owned(), json!(value)),
            None => (word.clone(), json!(true)),
        })
        .collect::<Map<String, Value>>()
        .into()
}

fn all_of_each(words: &[String]) -> Value {
    let mut found: Map<String, Value> = Map::new();
    for word in words {
        let Some((key, value)) = word.split_once('=') else {
            found.insert(word.clone(), json!(true));
            continue;
        };
        match found.get_mut(key) {
            Some(Value::Array(values)) => values.push(json!(value)),
            Some(first) => *first = json!([first.take(), value]),
            None => {
                found.insert(key.to_owned(), json!(value));
            }
        }
    }
    found.into()
}

/// Words of a kernel command line: a quote at the start of a word reaches to the next such quote, quotes stay.
/// Nothing if a quote has no end.
fn shell_words(text: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let end = if first == '"' || first == '\'' {
            rest[1..].find(first)? + 2
        } else {
            rest.find([' ', '\t', '\r', '\n']).unwrap_or(rest.len())
        };
        words.push(rest[..end].to_owned());
        rest = rest[end..].trim_start_matches([' ', '\t', '\r', '\n']);
    }
    Some(words)
}

/// The lines of a file that are no comments.
fn settings(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|line| !line.starts_with(['#', ';']) && !line.trim().is_empty())
}

pub(crate) fn one(name: &str, value: Value) -> Map<String, Value> {
    Map::from_iter([(name.to_owned(), value)])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn resolv_conf_is_read() {
        let text = "; c\nnameserver 10.0.0.1\nnameserver 10.0.0.2\nsearch a b\noptions ndots:2 edns0 x:\ndomain d e\n";
        assert_eq!(
            resolver(text),
            json!({"nameservers": ["10.0.0.1", "10.0.0.2"], "search": ["a", "b"], "domain": "d",
                   "options": {"ndots": "2", "edns0": true, "x": true}})
        );
    }

    #[test]
    fn the_command_line_keeps_quotes_and_repeated_keys() {
        let words = shell_words("a=1 quiet 'b c' a=2 d=\"e f\" a=3 --").unwrap();
        assert_eq!(words, ["a=1", "quiet", "'b c'", "a=2", "d=\"e", "f\"", "a=3", "--"]);
        assert_eq!(last_of_each(&words)["a"], json!("3"));
        assert_eq!(all_of_each(&words)["a"], json!(["1", "2", "3"]));
        assert_eq!(shell_words("a \"b"), None);
        assert_eq!(shell_words("\"b\"c").unwrap(), ["\"b\"", "c"]);
    }

    #[test]
    fn capabilities_are_read_as_setup_reads_them() {
        assert_eq!(capabilities("Current: =ep\n"), ("False", json!([])));
        assert_eq!(
            capabilities("x\nCurrent: =ep cap_sys_resource-ep\nBounding set =cap_chown\n"),
            ("True", json!(["ep cap_sys_resource-ep"]))
        );
        assert_eq!(capabilities("Current: =\n"), ("True", json!([""])));
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "[ -~\n\u{e9}]{0,200}") {
            let _any = resolver(&text);
            let _any = capabilities(&text);
            if let Some(words) = shell_words(&text) {
                let _any = all_of_each(&words);
                let _any = last_of_each(&words);
            }
        }
    }
}
