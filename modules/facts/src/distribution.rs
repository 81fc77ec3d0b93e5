//! Which distribution this is: the subset `distribution`.
//!
//! The names and the order in which files are asked are those of `setup`, since playbooks compare with them.

use serde_json::{Map, Value, json};

use crate::Core;
use crate::release::Release;
use driftless_host::Host;

/// Files that name a distribution, in the order in which they are asked.
const FILES: [(&str, &str); 25] = [
    ("/etc/altlinux-release", "Altlinux"),
    ("/etc/oracle-release", "OracleLinux"),
    ("/etc/slackware-version", "Slackware"),
    ("/etc/centos-release", "CentOS"),
    ("/etc/redhat-release", "UnionTech"),
    ("/etc/redhat-release", "RedHat"),
    ("/etc/vmware-release", "VMwareESX"),
    ("/etc/openwrt_release", "OpenWrt"),
    ("/etc/os-release", "Amazon"),
    ("/etc/system-release", "Amazon"),
    ("/etc/alpine-release", "Alpine"),
    ("/etc/arch-release", "Archlinux"),
    ("/etc/os-release", "Archlinux"),
    ("/etc/os-release", "SUSE"),
    ("/etc/SuSE-release", "SUSE"),
    ("/etc/gentoo-release", "Gentoo"),
    ("/etc/os-release", "UnionTech"),
    ("/etc/os-release", "Debian"),
    ("/etc/lsb-release", "Debian"),
    ("/etc/lsb-release", "Mandriva"),
    ("/etc/sourcemage-release", "SMGL"),
    ("/usr/lib/os-release", "ClearLinux"),
    ("/etc/coreos/update.conf", "Coreos"),
    ("/etc/os-release", "Flatcar"),
    ("/etc/os-release", "NA"),
];

/// Files whose mere presence decides.
const MARKERS: [&str; 2] = ["/etc/vmware-release", "/etc/arch-release"];

/// Distributions by family. What is not listed is a family of its own.
const FAMILIES: [(&str, &str); 11] = [
    (
        "RedHat",
        "RedHat|RHEL|Fedora|CentOS|Scientific|SLC|Ascendos|CloudLinux|PSBM|OracleLinux|OVS|OEL|Amazon|Amzn|\
         Virtuozzo|XenServer|Alibaba|EulerOS|openEuler|AlmaLinux|Rocky|TencentOS|EuroLinux|\
         Kylin Linux Advanced Server|MIRACLE|UnionTech",
    ),
    (
        "Debian",
        "Debian|Ubuntu|Raspbian|Neon|KDE neon|Linux Mint|SteamOS|Devuan|Kali|Cumulus Linux|Pop!_OS|Parrot|\
         Pardus GNU/Linux|Uos|Deepin|OSMC|Linux Mint Debian Edition|Univention Corporate Server",
    ),
    (
        "Suse",
        "SuSE|SLES|SLED|openSUSE|openSUSE Tumbleweed|SLES_SAP|SUSE_LINUX|openSUSE Leap|ALP-Dolomite|SL-Micro|\
         openSUSE MicroOS",
    ),
    ("Archlinux", "Archlinux|Antergos|Manjaro"),
    ("Mandrake", "Mandrake|Mandriva"),
    ("Slackware", "Slackware"),
    ("Altlinux", "Altlinux"),
    ("SMGL", "SMGL"),
    ("Gentoo", "Gentoo|Funtoo"),
    ("Alpine", "Alpine"),
    ("ClearLinux", "Clear Linux OS|Clear Linux Mix"),
];

/// The facts of the subset `distribution`.
pub(crate) fn distribution(host: &Host, release: &Release, core: Core) -> Map<String, Value> {
    let mut facts = Map::new();
    let version = or_na(&release.version());
    set(&mut facts, "distribution", &or_na(&release.name()));
    set(&mut facts, "distribution_release", release.codename().as_deref().unwrap_or("NA"));
    set(&mut facts, "distribution_major_version", &or_na(version.split('.').next().unwrap_or_default()));
    set(&mut facts, "distribution_version", &version);
    for (path, name) in FILES {
        let is_marker = MARKERS.contains(&path);
        if !(host.has_content(path) || is_marker && host.at(path).is_file()) {
            continue;
        }
        if is_marker {
            set(&mut facts, "distribution", name);
            set(&mut facts, "distribution_file_path", path);
            set(&mut facts, "distribution_file_variety", name);
            break;
        }
        let text = host.text(path).unwrap_or_default();
        let guess = Guess { version: &version, id: release.id() };
        let Some(said) = parse(host, (path, name), text.trim_matches(['\'', '"', '\\']), &guess) else {
            continue;
        };
        set(&mut facts, "distribution", name);
        set(&mut facts, "distribution_file_path", path);
        set(&mut facts, "distribution_file_variety", name);
        facts.insert("distribution_file_parsed".into(), json!(true));
        facts.extend(said);
        break;
    }
    let name = facts.get("distribution").and_then(Value::as_str).unwrap_or_default();
    let family = family(name).to_owned();
    facts.insert("os_family".into(), json!(family));
    if Core::new(2, 22) <= core {
        let cpe = release.os.get("cpe_name").filter(|it| !it.is_empty());
        facts.insert("distribution_cpe_name".into(), json!(cpe));
    }
    facts
}

/// What was guessed before any file was asked.
struct Guess<'a> {
    version: &'a str,
    id: String,
}

/// The family of a distribution.
fn family(distribution: &str) -> &str {
    FAMILIES
        .iter()
        .find(|(_, members)| members.split('|').any(|it| it == distribution))
        .map_or(distribution, |(family, _)| family)
}

/// What one file says, or nothing if it is of another distribution.
fn parse(host: &Host, file: (&str, &str), text: &str, guess: &Guess<'_>) -> Option<Map<String, Value>> {
    let mut said = Map::new();
    let (path, name) = file;
    match name {
        "OracleLinux" => search("Oracle Linux", name, text, &mut said),
        "RedHat" => search("Red Hat", name, text, &mut said),
        "Altlinux" => search("ALT", name, text, &mut said),
        "SMGL" => search("Source Mage GNU/Linux", name, text, &mut said),
        "Archlinux" => text.contains("Arch Linux").then(|| set(&mut said, "distribution", name)),
        "Slackware" => slackware(text, &mut said),
        "Amazon" => amazon(path, text, &mut said),
        "OpenWrt" => openwrt(text, &mut said),
        "Alpine" => {
            set(&mut said, "distribution", name);
            set(&mut said, "distribution_version", text);
            Some(())
        }
        "SUSE" => crate::families::suse(host, path, text, guess.version, &mut said),
        "UnionTech" => crate::families::uniontech(text, &mut said),
        "Debian" => crate::families::debian(host, text, &mut said),
        "Mandriva" => mandriva(text, &mut said),
        "CentOS" => centos(text, &mut said),
        "ClearLinux" => clear_linux(text, &mut said),
        "Coreos" => coreos(text, guess, &mut said),
        "Flatcar" => flatcar(text, guess, &mut said),
        "NA" => {
            other(text, guess, &mut said);
            Some(())
        }
        _ => None,
    }?;
    Some(said)
}

/// A file that names the distribution itself or one of its family.
fn search(needle: &str, name: &str, text: &str, said: &mut Map<String, Value>) -> Option<()> {
    if text.contains(needle) {
        set(said, "distribution", name);
        set(said, "distribution_file_search_string", needle);
    } else {
        set(said, "distribution", text.split_whitespace().next()?);
    }
    Some(())
}

fn slackware(text: &str, said: &mut Map<String, Value>) -> Option<()> {
    if !text.contains("Slackware") {
        return None;
    }
    set(said, "distribution", "Slackware");
    let version = text.split_whitespace().find(|word| {
        word.split_once('.').is_some_and(|(before, after)| {
            let is_word = |part: &str| !part.is_empty() && part.chars().all(char::is_alphanumeric);
            is_word(before) && is_word(after.trim_end_matches('+'))
        })
    });
    if let Some(version) = version {
        set(said, "distribution_version", version);
    }
    Some(())
}

fn amazon(path: &str, text: &str, said: &mut Map<String, Value>) -> Option<()> {
    if !text.contains("Amazon") {
        return None;
    }
    set(said, "distribution", "Amazon");
    if path != "/etc/os-release" {
        let version = text.split_whitespace().find(|word| word.chars().all(|it| it.is_ascii_digit()));
        set(said, "distribution_version", version.unwrap_or("NA"));
        return Some(());
    }
    if let Some(version) = value(text, "VERSION_ID") {
        set(said, "distribution_version", &version);
        let (major, minor) = version.split_once('.').unwrap_or((&version, "NA"));
        set(said, "distribution_major_version", major);
        set(said, "distribution_minor_version", minor);
    }
    Some(())
}

fn openwrt(text: &str, said: &mut Map<String, Value>) -> Option<()> {
    if !text.contains("OpenWrt") {
        return None;
    }
    set(said, "distribution", "OpenWrt");
    copy(text, "DISTRIB_RELEASE", said, "distribution_version");
    copy(text, "DISTRIB_CODENAME", said, "distribution_release");
    Some(())
}

fn mandriva(text: &str, said: &mut Map<String, Value>) -> Option<()> {
    if !text.contains("Mandriva") {
        return None;
    }
    set(said, "distribution", "Mandriva");
    copy(text, "DISTRIB_RELEASE", said, "distribution_version");
    copy(text, "DISTRIB_CODENAME", said, "distribution_release");
    Some(())
}

fn centos(text: &str, said: &mut Map<String, Value>) -> Option<()> {
    if text.contains("CentOS Stream") {
        set(said, "distribution_release", "Stream");
    } else if text.contains("TencentOS Server") {
        set(said, "distribution", "TencentOS");
    } else {
        return None;
    }
    Some(())
}

fn clear_linux(text: &str, said: &mut Map<String, Value>) -> Option<()> {
    let name = value(text, "NAME").filter(|name| name.contains("Clear Linux"))?;
    set(said, "distribution", &name);
    if let Some(version) = value(text, "VERSION_ID") {
        set(said, "distribution_major_version", &version);
        set(said, "distribution_version", &version);
    }
    copy(text, "ID", said, "distribution_release");
    Some(())
}

fn coreos(text: &str, guess: &Guess<'_>, said: &mut Map<String, Value>) -> Option<()> {
    if guess.id != "coreos" || text.is_empty() {
        return None;
    }
    copy(text, "GROUP", said, "distribution_release");
    Some(())
}

fn flatcar(text: &str, guess: &Guess<'_>, said: &mut Map<String, Value>) -> Option<()> {
    if guess.id != "flatcar" || text.is_empty() {
        return None;
    }
    if let Some(version) = value(text, "VERSION") {
        set(said, "distribution_major_version", version.split('.').next().unwrap_or_default());
        set(said, "distribution_version", &version);
    }
    Some(())
}

/// Any other distribution with an `os-release`: it is called what it calls itself.
fn other(text: &str, guess: &Guess<'_>, said: &mut Map<String, Value>) {
    copy(text, "NAME", said, "distribution");
    if guess.version == "NA" {
        copy(text, "VERSION", said, "distribution_version");
    }
}

fn copy(text: &str, key: &str, said: &mut Map<String, Value>, fact: &str) {
    if let Some(value) = value(text, key) {
        set(said, fact, &value);
    }
}

/// The value of the last assignment to a key, without quotes.
pub(crate) fn value(text: &str, key: &str) -> Option<String> {
    let mut values = text.lines().filter_map(|line| line.strip_prefix(key)?.strip_prefix('='));
    values.next_back().map(|value| value.trim_matches(['\'', '"', '\\']).to_owned())
}

pub(crate) fn set(facts: &mut Map<String, Value>, name: &str, value: &str) {
    facts.insert(name.to_owned(), json!(value));
}

fn or_na(text: &str) -> String {
    if text.is_empty() { "NA".to_owned() } else { text.to_owned() }
}
