//! Settings of the kernel and mounted file systems.

use serde_json::json;

use crate::item::Mount;
use crate::sources::Sources;
use crate::verdict::Comparison;

pub(crate) fn sysctl(name: &str, wanted: &str, sources: &Sources<'_>, comparison: &mut Comparison) {
    let path = format!("/proc/sys/{}", path_of(name));
    if !sources.host.exists(&path) {
        let reason = format!("the kernel has no setting {name}");
        return comparison.different("value", json!(wanted), json!(null), reason);
    }
    match sources.host.raw(&path) {
        Some(found) => {
            let (wanted, found) = (words(wanted), words(&found));
            comparison.property("value", wanted, found);
        }
        None => comparison.unknown("value", json!(wanted), format!("{path} cannot be read")),
    }
}

/// The path of a setting. Dots separate, unless the first separator is a slash: `net/ipv4/conf/eth0.1/forwarding`.
fn path_of(name: &str) -> String {
    if name.find('/') < name.find('.') && name.contains('/') {
        return name.to_owned();
    }
    let swap = |it| match it {
        '.' => '/',
        '/' => '.',
        other => other,
    };
    name.chars().map(swap).collect()
}

/// Words with one space between: settings of several numbers have tabs.
fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// One line of `/proc/self/mountinfo`.
#[derive(Debug, PartialEq, Eq)]
struct Mounted {
    point: String,
    options: Vec<String>,
    kind: String,
    source: String,
}

pub(crate) fn mount(wanted: &Mount, sources: &Sources<'_>, comparison: &mut Comparison) {
    let word = |mounted: bool| if mounted { "mounted" } else { "unmounted" };
    let Some(table) = sources.host.raw_up_to("/proc/self/mountinfo", 64 << 20) else {
        let reason = "/proc/self/mountinfo cannot be read".to_owned();
        return comparison.unknown("state", json!(word(wanted.mounted)), reason);
    };
    let path = if wanted.path == "/" { "/" } else { wanted.path.trim_end_matches('/') };
    // What was mounted last hides the others.
    let found = table.lines().rev().filter_map(parse).find(|it| it.point == path);
    comparison.property("state", word(wanted.mounted), word(found.is_some()));
    let Some(found) = found.filter(|_| wanted.mounted) else { return };
    if let Some(source) = &wanted.source {
        let is_same = *source == found.source || device(source, sources).is_some_and(|it| it == found.source);
        comparison.judged("src", json!(source), json!(found.source), is_same);
    }
    if let Some(kind) = &wanted.kind {
        comparison.property("fstype", kind.as_str(), found.kind.as_str());
    }
    if let Some(options) = &wanted.options {
        // `defaults` stands for nothing in particular.
        let is_in_force = |option: &String| option == "defaults" || found.options.contains(option);
        let is_same = options.iter().all(is_in_force);
        comparison.judged("opts", json!(options), json!(found.options), is_same);
    }
}

/// The device that `UUID=…`, `LABEL=…` or a link below `/dev` means.
fn device(source: &str, sources: &Sources<'_>) -> Option<String> {
    let path = match source.split_once('=') {
        Some(("UUID", uuid)) => format!("/dev/disk/by-uuid/{uuid}"),
        Some(("LABEL", label)) => format!("/dev/disk/by-label/{label}"),
        Some(("PARTUUID", uuid)) => format!("/dev/disk/by-partuuid/{uuid}"),
        _ => source.to_owned(),
    };
    sources.host.real_path(&path)?.to_str().map(str::to_owned)
}

fn parse(line: &str) -> Option<Mounted> {
    let (own, of_system) = line.split_once(" - ")?;
    let mut own = own.split(' ').skip(4);
    let (point, options) = (own.next()?, own.next()?);
    let mut of_system = of_system.split(' ');
    let (kind, source, more) = (of_system.next()?, of_system.next()?, of_system.next().unwrap_or_default());
    let mut all: Vec<String> = options.split(',').map(str::to_owned).collect();
    // Options of the file system count as well, except that `rw` and `ro` are the mount's own.
    let more = more.split(',').filter(|it| !matches!(*it, "rw" | "ro" | ""));
    for option in more {
        if all.iter().all(|known| known != option) {
            all.push(option.to_owned());
        }
    }
    Some(Mounted { point: unescaped(point), options: all, kind: kind.to_owned(), source: unescaped(source) })
}

/// Replaces the escapes for space, tab, newline and backslash.
fn unescaped(text: &str) -> String {
    [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")]
        .into_iter()
        .fold(text.to_owned(), |text, (escape, character)| text.replace(escape, character))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;
    use crate::tests::verdict;
    use crate::verdict::State::{self, AsWanted, Differs, Unknown};

    const TABLE: &str = "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw,errors=remount-ro\n\
        30 22 0:40 / /mnt/a\\040b ro,nosuid - tmpfs tmpfs rw,size=1024k\n\
        31 30 0:41 / /mnt/a\\040b rw - tmpfs over rw\n";

    #[track_caller]
    fn check(item: &Value, state: State, reason: &str) {
        let root = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("proc/self/mountinfo", TABLE);
        write("proc/sys/net/ipv4/ip_forward", "1\n");
        write("proc/sys/net/ipv4/tcp_rmem", "4096\t131072\t6291456\n");
        write("proc/sys/net/ipv4/conf/eth0.1/forwarding", "0\n");
        write("etc/secret", "x");
        let found = verdict(root.path(), item.clone());
        assert_eq!((found.state, found.reason.as_deref().unwrap_or_default()), (state, reason), "{found:?}");
    }

    #[test]
    fn settings_are_verified() {
        check(&json!({"sysctl": {"name": "net.ipv4.ip_forward", "value": 1}}), AsWanted, "");
        check(&json!({"sysctl": {"name": "net.ipv4.ip_forward", "value": true}}), AsWanted, "");
        check(
            &json!({"sysctl": {"name": "net.ipv4.ip_forward", "value": "0"}}),
            Differs,
            "value is 1, wanted 0",
        );
        check(
            &json!({"sysctl": {"name": "net.ipv4.tcp_rmem", "value": "4096 131072 6291456"}}),
            AsWanted,
            "",
        );
        check(&json!({"sysctl": {"name": "net.ipv4.conf.eth0/1.forwarding", "value": 0}}), AsWanted, "");
        check(&json!({"sysctl": {"name": "net/ipv4/conf/eth0.1/forwarding", "value": 0}}), AsWanted, "");
        let reason = "the kernel has no setting net.ipv4.no";
        check(&json!({"sysctl": {"name": "net.ipv4.no", "value": 0}}), Differs, reason);
        check(
            &json!({"sysctl": {"name": "net.ipv4", "value": 0}}),
            Unknown,
            "/proc/sys/net/ipv4 cannot be read",
        );
    }

    #[test]
    fn mounts_are_verified() {
        check(
            &json!({"mount": {"path": "/", "src": "/dev/sda1", "fstype": "ext4", "opts": "rw,errors=remount-ro"}}),
            AsWanted,
            "",
        );
        check(&json!({"mount": {"path": "/mnt/a b/", "src": "over"}}), AsWanted, "");
        check(&json!({"mount": {"path": "/", "fstype": "xfs"}}), Differs, "fstype is ext4, wanted xfs");
        check(
            &json!({"mount": {"path": "/", "opts": ["noexec"]}}),
            Differs,
            "opts is [\"rw\",\"relatime\",\"errors=remount-ro\"], wanted [\"noexec\"]",
        );
        check(&json!({"mount": "/srv"}), Differs, "state is unmounted, wanted mounted");
        check(&json!({"mount": {"path": "/srv", "state": "unmounted"}}), AsWanted, "");
    }

    #[test]
    fn a_name_cannot_leave_the_settings() {
        assert_eq!(path_of("net.ipv4.ip_forward"), "net/ipv4/ip_forward");
        let item = json!({"sysctl": {"name": "net/../../../etc/secret", "value": "x"}});
        assert!(crate::manifest::parse(vec![item]).is_err());
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "\\PC{0,60}( - )?\\PC{0,20}") {
            let _any = parse(&text);
            let _any = path_of(&text);
            let _any = unescaped(&text);
        }
    }
}
