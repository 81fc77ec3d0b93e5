//! What starts services and what installs packages: the subsets `service_mgr`, `systemd` and `pkg_mgr`.

use serde_json::{Map, Value, json};

use crate::system::one;
use driftless_host::Host;

/// Programs by the package manager that they belong to. The last one that is there counts.
const PACKAGE_MANAGERS: [(&str, &str); 22] = [
    ("/usr/bin/rpm-ostree", "atomic_container"),
    ("/usr/bin/yum", "dnf"),
    ("/usr/bin/dnf-3", "dnf"),
    ("/usr/bin/dnf5", "dnf5"),
    ("/usr/bin/apt-get", "apt"),
    ("/usr/bin/zypper", "zypper"),
    ("/usr/sbin/urpmi", "urpmi"),
    ("/usr/bin/pacman", "pacman"),
    ("/bin/opkg", "opkg"),
    ("/usr/pkg/bin/pkgin", "pkgin"),
    ("/opt/local/bin/pkgin", "pkgin"),
    ("/opt/tools/bin/pkgin", "pkgin"),
    ("/usr/local/bin/brew", "homebrew"),
    ("/opt/homebrew/bin/brew", "homebrew"),
    ("/sbin/apk", "apk"),
    ("/usr/sbin/pkg", "pkgng"),
    ("/usr/bin/emerge", "portage"),
    ("/usr/bin/pkg", "pkg5"),
    ("/usr/bin/xbps-install", "xbps"),
    ("/usr/local/sbin/pkg", "pkgng"),
    ("/usr/bin/swupd", "swupd"),
    ("/usr/sbin/sorcery", "sorcery"),
];

/// The fact `pkg_mgr`, which depends on the family of the distribution.
pub(crate) fn packages(host: &Host, family: &str) -> Map<String, Value> {
    let is_asked = |path: &str| family != "Altlinux" || path != "/usr/bin/pkg";
    let found = PACKAGE_MANAGERS.iter().rev().find(|(path, _)| is_asked(path) && host.exists(path));
    let mut name = found.map_or("unknown", |(_, name)| name);
    match family {
        "RedHat" => name = red_hat(host),
        "Debian" => name = "apt",
        "Altlinux" if name == "apt" => name = "apt_rpm",
        _ => {}
    }
    if name == "apt" && host.exists("/usr/bin/rpm") {
        let owner = host.run(&host.at("/usr/bin/rpm"), &["-q", "--whatprovides", "/usr/bin/apt-get"]);
        if owner.is_some_and(|(succeeded, _)| succeeded) {
            name = "apt_rpm";
        }
    }
    one("pkg_mgr", json!(name))
}

fn red_hat(host: &Host) -> &'static str {
    if host.exists("/run/ostree-booted") {
        return "atomic_container";
    }
    let program = ["/usr/bin/dnf", "/usr/bin/microdnf"].into_iter().find(|path| host.exists(path));
    match program {
        Some(path) if host.real_path(path) == Some(host.at("/usr/bin/dnf5")) => "dnf5",
        Some(_) => "dnf",
        // Releases before 8, on which current versions of setup do not run.
        None if host.exists("/usr/bin/yum") => "yum",
        None => "unknown",
    }
}

/// The fact `service_mgr`.
pub(crate) fn services(host: &Host, distribution: &str) -> Map<String, Value> {
    let first = host.text("/proc/1/comm").or_else(|| host.link_name("/sbin/init"));
    let first = first.as_deref().and_then(|name| name.rsplit('/').next()).map(str::trim);
    // `init` can be anything, and a shell is the first process of a container.
    let name = match first.filter(|name| *name != "init" && !name.ends_with("sh")) {
        Some("procd") => "openwrt_init",
        Some("runit-init") => "runit",
        Some("svscan") => "svc",
        Some("openrc-init") => "openrc",
        Some(name) => name,
        None => by_traces(host, distribution),
    };
    one("service_mgr", json!(name))
}

fn by_traces(host: &Host, distribution: &str) -> &'static str {
    let has_program = |name: &str| host.program(name).is_some();
    match distribution {
        "OpenWrt" => return "openwrt_init",
        "SMGL" => return "simpleinit_msb",
        _ => {}
    }
    let is_installed = || host.link_name("/sbin/init").as_deref() == Some("systemd");
    if runs_systemd(host) {
        "systemd"
    } else if has_program("initctl") && host.exists("/etc/init") {
        "upstart"
    } else if host.exists("/sbin/openrc") {
        "openrc"
    } else if has_program("systemctl") && is_installed() {
        "systemd"
    } else if host.exists("/etc/init.d") {
        "sysvinit"
    } else if host.exists("/etc/dinit.d") {
        "dinit"
    } else {
        "service"
    }
}

fn runs_systemd(host: &Host) -> bool {
    let traces = ["/run/systemd/system", "/dev/.run/systemd", "/dev/.systemd"];
    host.program("systemctl").is_some() && traces.iter().any(|path| host.exists(path))
}

/// The fact `systemd`: its version and what it was built with.
pub(crate) fn systemd(host: &Host) -> Map<String, Value> {
    if !runs_systemd(host) {
        return Map::new();
    }
    host.output("systemctl", &["--version"]).and_then(|text| version(&text)).unwrap_or_default()
}

fn version(text: &str) -> Option<Map<String, Value>> {
    let version: u32 = text.split(' ').nth(1)?.parse().ok()?;
    let features = text.split('\n').nth(1)?;
    Some(one("systemd", json!({"version": version, "features": features})))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;

    use super::*;

    fn host(files: &[(&str, &str)]) -> (tempfile::TempDir, Host) {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path.trim_start_matches('/'));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let host = Host::recorded(root.path(), BTreeMap::new());
        (root, host)
    }

    #[test]
    fn package_managers_follow_the_family() {
        let of = |files: &[&str], family: &str| {
            let files: Vec<(&str, &str)> = files.iter().map(|path| (*path, "")).collect();
            packages(&host(&files).1, family)["pkg_mgr"].as_str().unwrap().to_owned()
        };
        assert_eq!(of(&[], "Other"), "unknown");
        let (_root, red_hat) = host(&[("/usr/bin/dnf-3", ""), ("/usr/bin/dnf", "")]);
        assert_eq!(packages(&red_hat, "RedHat")["pkg_mgr"], "dnf");
        assert_eq!(of(&[], "Debian"), "apt");
    }

    #[test]
    fn a_shell_as_first_process_says_nothing() {
        let (_root, container) = host(&[("/proc/1/comm", "bash\n"), ("/etc/init.d/x", "")]);
        assert_eq!(services(&container, "Debian")["service_mgr"], "sysvinit");
        let (_root, booted) = host(&[("/proc/1/comm", "systemd\n")]);
        assert_eq!(services(&booted, "Debian")["service_mgr"], "systemd");
    }

    #[test]
    fn the_version_of_systemd_is_read() {
        let found = version("systemd 252 (252.38-1)\n+PAM +AUDIT\n").unwrap();
        assert_eq!(found["systemd"], json!({"version": 252, "features": "+PAM +AUDIT"}));
        assert!(version("").is_none());
    }
}
