//! Which collectors run and which facts are returned: the arguments `gather_subset` and `filter`.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

/// A collector: the unit that `gather_subset` switches. The names are those of `setup`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names are the documentation: they are those of setup's subsets")]
pub enum Collector {
    Apparmor,
    Caps,
    Chroot,
    Cmdline,
    DateTime,
    Distribution,
    Dns,
    Env,
    FibreChannelWwn,
    Fips,
    Hardware,
    Iscsi,
    Loadavg,
    Local,
    Lsb,
    Network,
    Nvme,
    PkgMgr,
    Platform,
    Selinux,
    ServiceMgr,
    SshPubKeys,
    Systemd,
    User,
    Virtual,
}

use Collector::{
    Apparmor, Caps, Chroot, Cmdline, DateTime, Distribution, Dns, Env, FibreChannelWwn, Fips, Hardware,
    Iscsi, Loadavg, Local, Lsb, Network, Nvme, PkgMgr, Platform, Selinux, ServiceMgr, SshPubKeys, Systemd,
    User, Virtual,
};

/// Each collector with its name and the names of facts that select it as well.
const COLLECTORS: [(Collector, &str, &[&str]); 25] = [
    (Apparmor, "apparmor", &[]),
    (Caps, "caps", &["system_capabilities", "system_capabilities_enforced"]),
    (Chroot, "chroot", &["is_chroot"]),
    (Cmdline, "cmdline", &[]),
    (DateTime, "date_time", &[]),
    (
        Distribution,
        "distribution",
        &[
            "distribution_version",
            "distribution_release",
            "distribution_major_version",
            "distribution_cpe_name",
            "os_family",
        ],
    ),
    (Dns, "dns", &[]),
    (Env, "env", &[]),
    (FibreChannelWwn, "fibre_channel_wwn", &[]),
    (Fips, "fips", &[]),
    (Hardware, "hardware", &["processor", "processor_cores", "processor_count", "mounts", "devices"]),
    (Iscsi, "iscsi", &[]),
    (Loadavg, "loadavg", &[]),
    (Local, "local", &[]),
    (Lsb, "lsb", &[]),
    (
        Network,
        "network",
        &["interfaces", "default_ipv4", "default_ipv6", "all_ipv4_addresses", "all_ipv6_addresses"],
    ),
    (Nvme, "nvme", &[]),
    (PkgMgr, "pkg_mgr", &[]),
    (Platform, "platform", &["system", "kernel", "kernel_version", "machine", "architecture", "machine_id"]),
    (Selinux, "selinux", &[]),
    (ServiceMgr, "service_mgr", &[]),
    (
        SshPubKeys,
        "ssh_pub_keys",
        &[
            "ssh_host_pub_keys",
            "ssh_host_key_dsa_public",
            "ssh_host_key_rsa_public",
            "ssh_host_key_ecdsa_public",
            "ssh_host_key_ed25519_public",
        ],
    ),
    (Systemd, "systemd", &[]),
    (
        User,
        "user",
        &[
            "user_id",
            "user_uid",
            "user_gid",
            "user_gecos",
            "user_dir",
            "user_shell",
            "real_user_id",
            "effective_user_id",
            "effective_group_ids",
        ],
    ),
    (
        Virtual,
        "virtual",
        &[
            "virtualization_type",
            "virtualization_role",
            "virtualization_tech_guest",
            "virtualization_tech_host",
        ],
    ),
];

/// Subsets of `setup` that are accepted and give nothing here: they are about Python or other programs' facts.
const NOT_OFFERED: [&str; 4] = ["facter", "ohai", "python", "python_version"];

/// What is gathered unless `!min` is asked for.
const MINIMAL: [Collector; 16] = [
    Apparmor,
    Caps,
    Cmdline,
    DateTime,
    Distribution,
    Dns,
    Env,
    Fips,
    Local,
    Lsb,
    PkgMgr,
    Platform,
    Selinux,
    ServiceMgr,
    SshPubKeys,
    User,
];

/// What a collector of `setup` needs of others. They are returned as well.
const REQUIRED: [(Collector, &[Collector]); 4] = [
    (Network, &[Distribution, Platform]),
    (Hardware, &[Platform]),
    (PkgMgr, &[Distribution]),
    (ServiceMgr, &[Distribution, Platform]),
];

/// The collectors that `gather_subset` selects, or the name that is none.
///
/// The order of precedence is that of `setup`: the minimal set and all additions, without all exclusions, except what
/// was named itself.
pub(crate) fn select(gather_subset: &[String]) -> Result<BTreeSet<Collector>, String> {
    let mut added = BTreeSet::new();
    let mut excluded = BTreeSet::new();
    let mut named = BTreeSet::new();
    let all: BTreeSet<Collector> = COLLECTORS.iter().map(|(collector, ..)| *collector).collect();
    let minimal: BTreeSet<Collector> = minimal();
    added.extend(&minimal);
    if gather_subset.is_empty() {
        added.extend(&all);
    }
    for subset in gather_subset {
        match subset.as_str() {
            "all" => added.extend(&all),
            "min" => added.extend(&minimal),
            "!all" => excluded.extend(all.difference(&minimal)),
            "!min" => excluded.extend(&minimal),
            name => match name.strip_prefix('!') {
                // To leave out what is not known is no mistake.
                Some(name) => excluded.extend(find(name)),
                None if NOT_OFFERED.contains(&name) => {}
                None => {
                    let collector = find(name).ok_or_else(|| unknown(name))?;
                    added.insert(collector);
                    named.insert(collector);
                }
            },
        }
    }
    let mut chosen: BTreeSet<Collector> =
        added.into_iter().filter(|it| named.contains(it) || !excluded.contains(it)).collect();
    for (collector, required) in REQUIRED {
        if chosen.contains(&collector) {
            chosen.extend(required);
        }
    }
    Ok(chosen)
}

fn minimal() -> BTreeSet<Collector> {
    MINIMAL.into_iter().collect()
}

fn find(name: &str) -> Option<Collector> {
    COLLECTORS.iter().find(|(_, own, facts)| *own == name || facts.contains(&name)).map(|(it, ..)| *it)
}

fn unknown(name: &str) -> String {
    let mut valid: Vec<&str> = COLLECTORS
        .iter()
        .flat_map(|(_, own, facts)| std::iter::once(*own).chain(facts.iter().copied()))
        .chain(NOT_OFFERED)
        .collect();
    valid.sort_unstable();
    format!("Bad subset '{name}' given to gather_subset; allowed are all, min, {}", valid.join(", "))
}

/// The facts whose names match one of the patterns; all of them without a pattern.
pub(crate) fn filtered(facts: Map<String, Value>, patterns: &[String]) -> Map<String, Value> {
    if patterns.is_empty() || patterns == ["*"] {
        return facts;
    }
    facts.into_iter().filter(|(name, _)| patterns.iter().any(|pattern| selects(pattern, name))).collect()
}

/// Whether a pattern selects a name, as it is or with the prefix `ansible_` before it.
fn selects(pattern: &str, name: &str) -> bool {
    if pattern.is_empty() || matches(pattern, name) {
        return true;
    }
    let prefixed = ["ansible_", "facter", "ohai"].iter().any(|prefix| pattern.starts_with(prefix));
    !prefixed && matches(&format!("ansible_{pattern}"), name)
}

/// Shell-style matching as Python's `fnmatch`: `*`, `?`, `[…]`, `[!…]`; without an escape character.
///
/// It runs in time proportional to both lengths: only the last `*` is ever tried again.
pub(crate) fn matches(pattern: &str, name: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let name: Vec<char> = name.chars().collect();
    let (mut p, mut n) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        if pattern.get(p) == Some(&'*') {
            star = Some((p + 1, n));
            p += 1;
        } else if let Some(next) = one(&pattern, p, name[n]) {
            p = next;
            n += 1;
        } else if let Some((after, at)) = star {
            star = Some((after, at + 1));
            p = after;
            n = at + 1;
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|rest| *rest == '*')
}

/// Matches one character against the pattern at `p`; gives where the pattern goes on.
fn one(pattern: &[char], p: usize, character: char) -> Option<usize> {
    match pattern.get(p)? {
        '?' => Some(p + 1),
        '[' => match class(pattern, p) {
            Some((members, negated, next)) => (contains(members, character) != negated).then_some(next),
            None => (character == '[').then_some(p + 1),
        },
        literal => (*literal == character).then_some(p + 1),
    }
}

/// The members of the class that begins at `p`, whether it is negated, and where it ends. A bracket without an end is
/// a character like others, and `]` is a member where it is the first one.
fn class(pattern: &[char], p: usize) -> Option<(&[char], bool, usize)> {
    let negated = pattern.get(p + 1) == Some(&'!');
    let start = p + 1 + usize::from(negated);
    let rest = pattern.get(start + 1..)?;
    let end = start + 1 + rest.iter().position(|it| *it == ']')?;
    Some((&pattern[start..end], negated, end + 1))
}

fn contains(members: &[char], character: char) -> bool {
    let mut index = 0;
    while index < members.len() {
        if members.get(index + 1) == Some(&'-') && index + 2 < members.len() {
            if members[index] <= character && character <= members[index + 2] {
                return true;
            }
            index += 3;
        } else {
            if members[index] == character {
                return true;
            }
            index += 1;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn selected(subsets: &[&str]) -> BTreeSet<Collector> {
        select(&subsets.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn subsets_select_as_in_setup() {
        assert_eq!(selected(&[]).len(), COLLECTORS.len());
        assert_eq!(selected(&["all"]).len(), COLLECTORS.len());
        assert_eq!(selected(&["!all"]), minimal());
        assert!(selected(&["!all", "!min"]).is_empty());
        assert_eq!(selected(&["!all", "!min", "network"]), BTreeSet::from([Distribution, Network, Platform]));
        assert_eq!(selected(&["!all", "!min", "os_family"]), BTreeSet::from([Distribution]));
        assert!(!selected(&["!hardware"]).contains(&Hardware));
        assert!(selected(&["!all", "hardware"]).contains(&Hardware));
        assert!(selected(&["facter"]).contains(&Platform));
        assert!(selected(&["!nonsense"]).contains(&Platform));
        let error = select(&["hardwear".to_owned()]).unwrap_err();
        assert!(error.starts_with("Bad subset 'hardwear' given"), "{error}");
        assert!(error.contains("hardware"), "{error}");
    }

    #[test]
    fn filters_match_with_and_without_the_prefix() {
        let facts = || {
            let Value::Object(facts) = json!({"ansible_eth0": 1, "ansible_eth10": 2, "ansible_fqdn": 3})
            else {
                unreachable!()
            };
            facts
        };
        let names = |patterns: &[&str]| -> Vec<String> {
            let patterns: Vec<String> = patterns.iter().map(|it| (*it).to_owned()).collect();
            filtered(facts(), &patterns).into_iter().map(|(name, _)| name).collect()
        };
        assert_eq!(names(&[]).len(), 3);
        assert_eq!(names(&["eth[0-2]"]), ["ansible_eth0"]);
        assert_eq!(names(&["ansible_eth*"]), ["ansible_eth0", "ansible_eth10"]);
        assert_eq!(names(&["fqdn", "eth?"]), ["ansible_eth0", "ansible_fqdn"]);
        assert!(names(&["facter_*"]).is_empty());
    }

    #[test]
    fn patterns_are_those_of_fnmatch() {
        for (pattern, name, expected) in [
            ("a[!b]c", "axc", true),
            ("a[!b]c", "abc", false),
            ("a[]]c", "a]c", true),
            ("a[c", "a[c", true),
            ("*a*b", "xaxxb", true),
            ("*a*b", "xaxxbc", false),
            ("", "", true),
            ("**", "x", true),
            ("[a-", "[a-", true),
            ("[a-]", "-", true),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} on {name}");
        }
    }

    proptest! {
        #[test]
        fn any_pattern_ends(pattern in "[a*?\\[\\]!-]{0,40}", name in "[ab\\]\\[-]{0,60}") {
            let _either = matches(&pattern, &name);
        }

        #[test]
        fn a_name_matches_itself(name in "[a-z_0-9]{0,20}") {
            prop_assert!(matches(&name, &name));
        }
    }
}
