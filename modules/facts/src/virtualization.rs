//! Containers and virtual machines: the subset `virtual`.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use driftless_host::Host;

const KIND: &str = "virtualization_type";
const ROLE: &str = "virtualization_role";

/// What is found out step by step. The first finding names type and role, all findings are technologies.
#[derive(Debug, Default)]
struct Findings {
    kind: Option<String>,
    role: Option<&'static str>,
    is_found: bool,
    guest: BTreeSet<String>,
    host: BTreeSet<String>,
}

impl Findings {
    fn guest(&mut self, technology: &str, kind: &str) {
        self.guest.insert(technology.to_owned());
        self.found(kind, "guest");
    }

    fn host(&mut self, technology: &str) {
        self.host.insert(technology.to_owned());
        self.found(technology, "host");
    }

    fn found(&mut self, kind: &str, role: &'static str) {
        if !self.is_found {
            (self.kind, self.role, self.is_found) = (Some(kind.to_owned()), Some(role), true);
        }
    }
}

/// The facts of the subset `virtual`.
pub(crate) fn virtualization(host: &Host) -> Map<String, Value> {
    let mut found = Findings::default();
    let cgroups = host.text("/proc/1/cgroup").unwrap_or_default();
    by_cgroup(&cgroups, &mut found);
    by_first_process(&host.raw("/proc/1/environ").unwrap_or_default(), &mut found);
    by_files(host, &mut found);
    by_firmware(host, &mut found);
    by_kernel(host, &mut found);
    by_modules(host, &mut found);
    if host.exists("/dev/kvm") {
        found.host("kvm");
    }
    let mut facts = Map::new();
    facts.insert(KIND.into(), json!(found.kind.as_deref().unwrap_or("NA")));
    facts.insert(ROLE.into(), json!(found.role.unwrap_or("NA")));
    facts.insert("virtualization_tech_guest".into(), json!(found.guest));
    facts.insert("virtualization_tech_host".into(), json!(found.host));
    facts
}

fn by_cgroup(text: &str, found: &mut Findings) {
    for line in text.lines() {
        let is_docker = line.split("/docker").skip(1).any(|rest| {
            let scope = rest.strip_prefix('-').and_then(|rest| rest.split_once(".scope"));
            rest.starts_with('/')
                || scope.is_some_and(|(id, _)| !id.is_empty() && id.bytes().all(|it| it.is_ascii_hexdigit()))
        });
        if is_docker {
            found.guest("docker", "docker");
        }
        if line.contains("/lxc/") || line.contains("/machine.slice/machine-lxc") {
            found.guest("lxc", "lxc");
        }
        if line.contains("/system.slice/containerd.service") {
            found.guest("containerd", "containerd");
        }
    }
}

/// The first process of a container is told in its environment which kind it is of.
fn by_first_process(environment: &str, found: &mut Findings) {
    for variable in environment.split('\0') {
        if variable.contains("container=lxc") {
            found.guest("lxc", "lxc");
        }
        if variable.contains("container=podman") {
            found.guest("podman", "podman");
        }
        if variable.strip_prefix("container=").is_some_and(|kind| !kind.is_empty()) {
            found.guest("container", "container");
        }
    }
}

fn by_files(host: &Host, found: &mut Findings) {
    if host.exists("/proc/vz") && !host.exists("/proc/lve") {
        if host.exists("/proc/bc") { found.host("openvz") } else { found.guest("openvz", "openvz") }
    }
    let named = host.text("/run/systemd/container");
    if let Some(kind) = &named {
        found.guest(kind, kind);
    }
    if host.exists("/.dockerenv") || host.exists("/.dockerinit") {
        found.guest("docker", "docker");
    }
    let containers = ["docker", "lxc", "podman", "openvz", "containerd"];
    if named.is_some() || containers.iter().any(|kind| found.guest.contains(*kind)) {
        found.guest.insert("container".to_owned());
    }
    if host.exists("/proc/xen") {
        let is_host = host.text("/proc/xen/capabilities").is_some_and(|text| text.contains("control_d"));
        // A guest of Xen is named by its type only.
        if is_host { found.host("xen") } else { found.found("xen", "guest") }
    }
}

/// Vendors and products of virtual firmware.
fn by_firmware(host: &Host, found: &mut Findings) {
    let read = |file: &str| host.text(&format!("/sys/devices/virtual/dmi/id/{file}")).unwrap_or_default();
    let (product, vendor, bios) = (read("product_name"), read("sys_vendor"), read("bios_vendor"));
    if matches!(product.as_str(), "KVM" | "KVM Server" | "Bochs" | "AHV" | "CloudStack KVM Hypervisor") {
        found.guest("kvm", "kvm");
    }
    match vendor.as_str() {
        "oVirt" => found.guest("oVirt", "oVirt"),
        "Red Hat" if read("product_family") == "RHV" => found.guest("RHV", "RHV"),
        "Red Hat" if product == "RHEV Hypervisor" => found.guest("RHEV", "RHEV"),
        _ => {}
    }
    if product.starts_with("VMware") {
        found.guest("VMware", "VMware");
    }
    match product.as_str() {
        "OpenStack Compute" | "OpenStack Nova" => found.guest("openstack", "openstack"),
        "BHYVE" => found.guest("bhyve", "bhyve"),
        _ => {}
    }
    match bios.as_str() {
        "Xen" => found.guest("xen", "xen"),
        "innotek GmbH" => found.guest("virtualbox", "virtualbox"),
        "Amazon EC2" | "DigitalOcean" | "Hetzner" | "Linode" => found.guest("kvm", "kvm"),
        _ => {}
    }
    match vendor.as_str() {
        "QEMU" | "Amazon EC2" | "DigitalOcean" | "Google" | "Scaleway" | "Nutanix" => {
            found.guest("kvm", "kvm");
        }
        "KubeVirt" => found.guest("KubeVirt", "KubeVirt"),
        "Microsoft Corporation" => found.guest("VirtualPC", "VirtualPC"),
        "Parallels Software International Inc." => found.guest("parallels", "parallels"),
        "OpenStack Foundation" => found.guest("openstack", "openstack"),
        _ => {}
    }
}

fn by_kernel(host: &Host, found: &mut Findings) {
    for line in host.text("/proc/self/status").unwrap_or_default().lines() {
        let number = line.strip_prefix("VxID:").map(str::trim).unwrap_or_default();
        if number.starts_with(|it: char| it.is_ascii_digit()) {
            if number.starts_with('0') {
                found.host("linux_vserver");
            } else {
                found.guest("linux_vserver", "linux_vserver");
            }
        }
    }
    for line in host.text("/proc/cpuinfo").unwrap_or_default().lines() {
        let (key, value) = line.split_once(':').unwrap_or((line, ""));
        match key.trim() {
            "model name" if value.contains("QEMU Virtual CPU") => found.guest("kvm", "kvm"),
            "model name" if value.contains("UML") => found.guest("uml", "uml"),
            "vendor_id" if value.contains("User Mode Linux") => found.guest("uml", "uml"),
            "vendor_id" if value.contains("PowerVM Lx86") => found.guest("powervm_lx86", "powervm_lx86"),
            "vendor_id" if value.contains("IBM/S390") => mainframe(host, found),
            "machine" if value.contains("CHRP IBM pSeries (emulated by qemu)") => found.guest("kvm", "kvm"),
            _ => {}
        }
    }
}

/// A mainframe is always a partition, and often more than that.
fn mainframe(host: &Host, found: &mut Findings) {
    let was_found = found.is_found;
    found.guest.insert("PR/SM".to_owned());
    let text = host.output("lscpu", &[]);
    let hypervisor = text.as_deref().map_or(Some("ibm_systemz"), |text| {
        text.lines()
            .find_map(|line| line.split_once(':').filter(|(key, _)| key.trim() == "Hypervisor"))
            .map(|it| it.1.trim())
    });
    let kind = hypervisor.unwrap_or("PR/SM");
    found.guest.insert(kind.to_owned());
    if !was_found {
        found.found(kind, if kind == "PR/SM" { "LPAR" } else { "guest" });
    }
}

fn by_modules(host: &Host, found: &mut Findings) {
    let text = host.text("/proc/modules").unwrap_or_default();
    let modules: BTreeSet<&str> = text.lines().filter_map(|line| line.split(' ').next()).collect();
    if modules.contains("kvm") {
        let is_manager = host.is_dir("/rhev") && manages_virtual_machines(host);
        found.host.insert("kvm".to_owned());
        if is_manager {
            found.host.insert("RHEV".to_owned());
        }
        found.found(if is_manager { "RHEV" } else { "kvm" }, "host");
    }
    if modules.contains("vboxdrv") {
        found.host("virtualbox");
    }
    if modules.contains("virtio") {
        found.host.insert("kvm".to_owned());
        found.found("kvm", "guest");
    }
    if host.program("dmidecode").is_some() {
        let text = host.output("dmidecode", &["-s", "system-product-name"]).unwrap_or_default();
        let name: String = text.lines().filter(|line| !line.starts_with('#')).map(str::trim).collect();
        if name.starts_with("VMware") {
            found.guest("VMware", "VMware");
        }
        if text.contains("BHYVE") {
            found.guest("bhyve", "bhyve");
        }
    }
}

fn manages_virtual_machines(host: &Host) -> bool {
    let processes =
        host.names("/proc").into_iter().filter(|name| name.starts_with(|it: char| it.is_ascii_digit()));
    processes
        .filter_map(|name| host.text(&format!("/proc/{name}/comm")))
        .any(|name| matches!(name.as_str(), "vdsm" | "vdsmd"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;

    use super::*;

    fn of(files: &[(&str, &str)]) -> Map<String, Value> {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path.trim_start_matches('/'));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        virtualization(&Host::recorded(root.path(), BTreeMap::new()))
    }

    #[track_caller]
    fn check(files: &[(&str, &str)], kind: &str, role: &str, guest: &[&str], host: &[&str]) {
        let found = of(files);
        assert_eq!(found[KIND], kind);
        assert_eq!(found[ROLE], role);
        assert_eq!(found["virtualization_tech_guest"], json!(guest));
        assert_eq!(found["virtualization_tech_host"], json!(host));
    }

    #[test]
    fn guests_and_hosts_are_told_apart() {
        check(&[], "NA", "NA", &[], &[]);
        check(
            &[("/.dockerenv", ""), ("/dev/kvm", "")],
            "docker",
            "guest",
            &["container", "docker"],
            &["kvm"],
        );
        check(
            &[("/proc/1/cgroup", "0::/docker-0a1b.scope\n")],
            "docker",
            "guest",
            &["container", "docker"],
            &[],
        );
        check(&[("/proc/1/environ", "A=1\0container=lxc\0")], "lxc", "guest", &["container", "lxc"], &[]);
        check(
            &[("/run/systemd/container", "systemd-nspawn\n")],
            "systemd-nspawn",
            "guest",
            &["container", "systemd-nspawn"],
            &[],
        );
        check(&[("/sys/devices/virtual/dmi/id/sys_vendor", "QEMU\n")], "kvm", "guest", &["kvm"], &[]);
        check(
            &[("/sys/devices/virtual/dmi/id/product_name", "VMware7,1\n")],
            "VMware",
            "guest",
            &["VMware"],
            &[],
        );
        check(&[("/proc/modules", "kvm 1 0 - Live 0\nkvm_intel 1\n")], "kvm", "host", &[], &["kvm"]);
        check(
            &[("/proc/cpuinfo", "model name\t: QEMU Virtual CPU version 2.5+\n")],
            "kvm",
            "guest",
            &["kvm"],
            &[],
        );
        check(&[("/proc/xen/capabilities", "control_d\n")], "xen", "host", &[], &["xen"]);
    }
}
