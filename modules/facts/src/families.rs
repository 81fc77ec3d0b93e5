//! Distributions whose release files need more than a line of reading: those of Debian's family, SUSE, `UnionTech`.

use serde_json::{Map, Value};

use crate::distribution::{set, value};
use driftless_host::Host;

type Facts = Map<String, Value>;

/// Debian and what is derived from it, by words in `os-release` or `lsb-release`.
pub(crate) fn debian(host: &Host, text: &str, said: &mut Facts) -> Option<()> {
    let has = |word: &str| text.contains(word);
    if has("Debian") || has("Raspbian") {
        set(said, "distribution", "Debian");
        if let Some(release) = value(text, "PRETTY_NAME").and_then(|name| in_parentheses(&name)) {
            set(said, "distribution_release", &release);
        }
        let version = host.text("/etc/debian_version").unwrap_or_default();
        version.lines().filter_map(minor_version).for_each(|it| set(said, "distribution_minor_version", it));
    } else if has("Ubuntu") {
        set(said, "distribution", "Ubuntu");
    } else if has("SteamOS") {
        set(said, "distribution", "SteamOS");
    } else if has("Kali") || has("Parrot") {
        set(said, "distribution", if has("Kali") { "Kali" } else { "Parrot" });
        assign(said, "distribution_release", value(text, "DISTRIB_RELEASE"));
    } else if has("Devuan") {
        set(said, "distribution", "Devuan");
        assign(
            said,
            "distribution_release",
            value(text, "PRETTY_NAME").and_then(|name| in_parentheses(&name)),
        );
        let version = value(text, "VERSION_ID");
        assign(said, "distribution_major_version", version.clone());
        assign(said, "distribution_version", version);
    } else if has("Cumulus") {
        set(said, "distribution", "Cumulus Linux");
        versions(text, said);
        assign(said, "distribution_release", value(text, "VERSION"));
    } else if has("Mint") {
        set(said, "distribution", "Linux Mint");
        versions(text, said);
    } else if has("UOS") || has("Uos") || has("uos") || has("Deepin") || has("deepin") {
        let is_uos = has("UOS") || has("Uos") || has("uos");
        if is_uos && platform_is_uel(text) {
            return None;
        }
        set(said, "distribution", if is_uos { "Uos" } else { "Deepin" });
        assign(said, "distribution_release", value(text, "VERSION_CODENAME"));
        versions(text, said);
    } else if has("LMDE") {
        set(said, "distribution", "Linux Mint Debian Edition");
    } else {
        return None;
    }
    Some(())
}

/// `UnionTech`'s server, which is of Red Hat's family.
pub(crate) fn uniontech(text: &str, said: &mut Facts) -> Option<()> {
    let line =
        ["UnionTech OS Server release", "UOS Server release"].iter().find_map(|it| text.split_once(it));
    if line.is_none() && !platform_is_uel(text) {
        return None;
    }
    set(said, "distribution", "UnionTech");
    let released = text.split_once("release").map_or("", |(_, rest)| rest.trim_start());
    let release = value(text, "VERSION_CODENAME").or_else(|| in_parentheses(released));
    assign(said, "distribution_release", release);
    let version = value(text, "VERSION_ID").or_else(|| released.split_whitespace().next().map(str::to_owned));
    if let Some(version) = version {
        set(said, "distribution_major_version", version.split('.').next().unwrap_or_default());
        set(said, "distribution_version", &version);
    }
    Some(())
}

fn platform_is_uel(text: &str) -> bool {
    value(text, "PLATFORM_ID").is_some_and(|it| it.starts_with("platform:uel"))
}

/// SUSE Linux Enterprise, openSUSE and their kin.
pub(crate) fn suse(host: &Host, path: &str, text: &str, guessed: &str, said: &mut Facts) -> Option<()> {
    let lower = text.to_lowercase();
    if !lower.contains("suse") {
        return None;
    }
    if path == "/etc/os-release" {
        assign(said, "distribution", value(text, "NAME"));
        suse_version(text, &lower, said);
    } else {
        old_suse(text, &lower, guessed, said);
    }
    let product = match value(text, "VARIANT_ID").as_deref() {
        Some("server-sap" | "sles-sap") => Some("SLES_SAP"),
        Some("transactional") => Some("SL-Micro"),
        Some(_) => None,
        None => base_product(host),
    };
    if let Some(name) = product {
        set(said, "distribution", name);
    }
    Some(())
}

/// Version and service pack of a SUSE with `os-release`.
fn suse_version(text: &str, lower: &str, said: &mut Facts) {
    let Some(id) = value(text, "VERSION_ID") else { return };
    let is_digit = |it: char| it.is_ascii_digit();
    let major = id.split(|it| !is_digit(it)).next().unwrap_or_default();
    if major.is_empty() {
        return;
    }
    let rest = id[major.len()..].strip_prefix('.');
    let minor = rest.map_or("", |rest| rest.split(|it| !is_digit(it)).next().unwrap_or_default());
    let version = if rest.is_some() { format!("{major}.{minor}") } else { major.to_owned() };
    set(said, "distribution_version", &version);
    set(said, "distribution_major_version", major);
    if lower.contains("open") {
        set(said, "distribution_release", minor);
    } else if lower.contains("enterprise") {
        set(said, "distribution_release", if minor.is_empty() { "0" } else { minor });
    }
}

/// A SUSE before `os-release`.
fn old_suse(text: &str, lower: &str, guessed: &str, said: &mut Facts) {
    let field = |key: &str| {
        text.lines()
            .find_map(|line| Some(line.split_once(key)?.1.trim_start().strip_prefix('=')?.trim().to_owned()))
    };
    if lower.contains("open") {
        assign(said, "distribution", text.split_whitespace().next().map(str::to_owned));
        assign(said, "distribution_release", field("CODENAME"));
    } else if lower.contains("enterprise") {
        if text.contains("Server") {
            set(said, "distribution", "SLES");
        } else if text.contains("Desktop") {
            set(said, "distribution", "SLED");
        }
        if let Some(level) = field("PATCHLEVEL") {
            set(said, "distribution_version", &format!("{guessed}.{level}"));
            set(said, "distribution_release", &level);
        }
    }
}

fn base_product(host: &Host) -> Option<&'static str> {
    let link = "/etc/products.d/baseproduct";
    host.link_name(link)?;
    let product = host.real_path(link)?;
    let product = product.to_str()?;
    if product.ends_with("SLES_SAP.prod") {
        Some("SLES_SAP")
    } else if product.ends_with("SL-Micro.prod") {
        Some("SL-Micro")
    } else {
        None
    }
}

/// Version and its first part from `VERSION_ID`.
fn versions(text: &str, said: &mut Facts) {
    if let Some(version) = value(text, "VERSION_ID") {
        set(said, "distribution_major_version", version.split('.').next().unwrap_or_default());
        set(said, "distribution_version", &version);
    }
}

fn assign(said: &mut Facts, fact: &str, value: Option<String>) {
    if let Some(value) = value {
        set(said, fact, &value);
    }
}

/// What stands in the first parentheses.
fn in_parentheses(text: &str) -> Option<String> {
    let (_, rest) = text.split_once('(')?;
    let (inside, _) = rest.split_once(')')?;
    (!inside.is_empty()).then(|| inside.to_owned())
}

/// The part after the first dot between digits: `11` of `12.11`.
fn minor_version(line: &str) -> Option<&str> {
    let line = line.trim();
    line.match_indices('.').find_map(|(at, _)| {
        let before = line[..at].ends_with(|it: char| it.is_ascii_digit());
        let rest = &line[at + 1..];
        let end = rest.find(|it: char| !it.is_ascii_digit()).unwrap_or(rest.len());
        (before && end != 0).then(|| &rest[..end])
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::distribution::distribution;
    use crate::release::Release;
    use driftless_module::Core;

    /// The facts of a root directory with these files.
    fn of(files: &[(&str, &str)]) -> Facts {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path.trim_start_matches('/'));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let host = Host::recorded(root.path(), BTreeMap::new());
        distribution(&host, &Release::read(&host), Core::new(2, 22))
    }

    #[track_caller]
    fn check(files: &[(&str, &str)], expected: &[(&str, &str)]) {
        let found = of(files);
        for (fact, value) in expected {
            assert_eq!(found.get(*fact), Some(&json!(value)), "{fact} of {found:?}");
        }
    }

    #[test]
    fn distributions_are_named_as_playbooks_expect() {
        let name = "distribution";
        let version = "distribution_version";
        let family = "os_family";
        check(
            &[
                (
                    "/etc/os-release",
                    "ID=\"rocky\"\nNAME=\"Rocky Linux\"\nVERSION_ID=\"9.4\"\nVERSION=\"9.4 (Blue Onyx)\"\n",
                ),
                ("/etc/redhat-release", "Rocky Linux release 9.4 (Blue Onyx)\n"),
            ],
            &[(name, "Rocky"), (version, "9.4"), (family, "RedHat"), ("distribution_release", "Blue Onyx")],
        );
        check(
            &[
                (
                    "/etc/os-release",
                    "ID=ubuntu\nID_LIKE=debian\nNAME=\"Ubuntu\"\nVERSION_ID=\"24.04\"\nVERSION_CODENAME=noble\nPRETTY_NAME=\"Ubuntu 24.04.1 LTS\"\n",
                ),
                ("/etc/debian_version", "trixie/sid\n"),
            ],
            &[(name, "Ubuntu"), (version, "24.04"), (family, "Debian"), ("distribution_release", "noble")],
        );
        check(
            &[("/etc/alpine-release", "3.20.1\n"), ("/etc/os-release", "ID=alpine\nVERSION_ID=3.20.1\n")],
            &[(name, "Alpine"), (version, "3.20.1"), (family, "Alpine"), ("distribution_major_version", "3")],
        );
        check(
            &[(
                "/etc/os-release",
                "NAME=\"SLES\"\nID=\"sles\"\nVERSION_ID=\"15.5\"\nPRETTY_NAME=\"SUSE Linux Enterprise Server 15 SP5\"\n",
            )],
            &[(name, "SLES"), (version, "15.5"), (family, "Suse"), ("distribution_release", "5")],
        );
        check(&[("/etc/arch-release", "")], &[(name, "Archlinux"), (family, "Archlinux")]);
        check(
            &[("/etc/os-release", "ID=nixos\nNAME=NixOS\nVERSION_ID=24.05\n")],
            &[(name, "NixOS"), (version, "24.05"), (family, "NixOS")],
        );
        check(
            &[("/etc/os-release", "ID=amzn\nNAME=\"Amazon Linux\"\nVERSION_ID=\"2023\"\n")],
            &[(name, "Amazon"), (version, "2023"), ("distribution_minor_version", "NA"), (family, "RedHat")],
        );
        check(&[], &[(name, "OtherLinux"), (version, "NA"), ("distribution_release", "NA")]);
    }

    proptest! {
        #[test]
        fn no_release_file_panics(text in "(?s)(Debian|SUSE|UOS|Cumulus|suse open|enterprise)?.{0,80}(VERSION_ID=.{0,9})?\n?.{0,40}") {
            let root = tempfile::tempdir().unwrap();
            let host = Host::recorded(root.path(), BTreeMap::new());
            let mut said = Facts::new();
            let _any = debian(&host, &text, &mut said);
            let _any = suse(&host, "/etc/os-release", &text, "1", &mut said);
            let _any = suse(&host, "/etc/SuSE-release", &text, "1", &mut said);
            let _any = uniontech(&text, &mut said);
            let _any = minor_version(&text);
        }
    }
}
