//! What of the machine is there in a sandbox: programs, libraries, and of `/etc` what they cannot do without.

use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use super::arguments::Mount;
use super::{CHECKOUT, RunAs};

/// Besides `/usr`, where programs and libraries are found. On most systems each is a link into it.
const ROOTS: [&str; 6] = ["/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"];

/// What the loader, Python and the resolver of names read. Nothing of it is secret.
const SETTINGS: [&str; 10] = [
    "/etc/alternatives",
    "/etc/crypto-policies",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/localtime",
    "/etc/os-release",
    "/etc/pki/tls/openssl.cnf",
    "/etc/ssl/openssl.cnf",
    "/etc/timezone",
];

/// What a live preview reads in addition, to reach hosts.
const NETWORK: [&str; 15] = [
    "/etc/ca-certificates",
    "/etc/gai.conf",
    "/etc/group",
    "/etc/host.conf",
    "/etc/hosts",
    "/etc/krb5.conf",
    "/etc/nsswitch.conf",
    "/etc/pki/ca-trust",
    "/etc/pki/tls/certs",
    "/etc/protocols",
    "/etc/resolv.conf",
    "/etc/services",
    "/etc/ssh/ssh_config",
    "/etc/ssh/ssh_config.d",
    "/etc/ssh/ssh_known_hosts",
];

/// The only users and hosts that there are without a network.
const PASSWD: &str = "root:x:0:0::/:/usr/sbin/nologin\nnobody:x:65534:65534::/tmp:/usr/sbin/nologin\n";
const GROUP: &str = "root:x:0:\nnogroup:x:65534:\n";
const HOSTS: &str = "127.0.0.1 localhost\n::1 localhost\n";
const NSSWITCH: &str = "passwd: files\ngroup: files\nhosts: files\n";

/// Programs, libraries and their settings.
pub(super) fn base() -> Vec<Mount> {
    let mut mounts = vec![Mount::Read("/usr".into())];
    for root in ROOTS.map(PathBuf::from) {
        match fs::read_link(&root) {
            Ok(target) => mounts.push(Mount::Link(root, target)),
            Err(_) => mounts.push(Mount::ReadIfThere(root)),
        }
    }
    mounts.extend(SETTINGS.map(|it| Mount::ReadIfThere(it.into())));
    // Debian's Python reads a file of its own there at each start.
    let python = fs::read_dir("/etc").into_iter().flatten().flatten().map(|it| it.path());
    let python = python.filter(|it| it.to_str().is_some_and(|it| it.starts_with("/etc/python3")));
    mounts.extend(python.map(Mount::Read));
    mounts
}

/// A world of one user and one host.
pub(super) fn alone() -> [Mount; 4] {
    [("/etc/passwd", PASSWD), ("/etc/group", GROUP), ("/etc/hosts", HOSTS), ("/etc/nsswitch.conf", NSSWITCH)]
        .map(|(at, text)| Mount::File(at, text.to_owned()))
}

/// Root, nobody, and the user of a run under his own name with another home.
pub(super) fn users(run_as: Option<RunAs>, home: &Path) -> String {
    let process = (nix::unistd::geteuid().as_raw(), nix::unistd::getegid().as_raw());
    let (uid, gid) = run_as.map_or(process, |it| (it.uid, it.gid));
    let name = nix::unistd::User::from_uid(uid.into()).ok().flatten().map(|it| it.name);
    let name = name.filter(|it| !it.contains([':', '\n'])).unwrap_or_else(|| "driftless-preview".to_owned());
    // The first line that fits is taken.
    format!("{name}:x:{uid}:{gid}::{}:/usr/sbin/nologin\n{PASSWD}", home.display())
}

/// The groups and hosts of the machine.
pub(super) fn connected() -> impl Iterator<Item = Mount> {
    let certificates = ["/etc/ssl/certs"];
    NETWORK.into_iter().chain(certificates).map(|it| Mount::ReadIfThere(it.into()))
}

/// Where a Python and all that it needs is, as far as that is not below `/usr`: its virtual environment, and the
/// installation that the environment was made from.
pub(super) fn of_python(python: &Path) -> io::Result<Vec<Mount>> {
    let mut places = Vec::new();
    let mut link = python.to_owned();
    // As many links as the kernel would follow.
    for _ in 0..40 {
        add_place(&mut places, &link)?;
        if let Some(home) = home_of(&link) {
            add_place(&mut places, &home.join("python"))?;
        }
        match fs::read_link(&link) {
            Ok(target) => link = link.parent().unwrap_or(Path::new("/")).join(target),
            Err(_) => break,
        }
    }
    add_place(&mut places, &python.canonicalize()?)?;
    Ok(places.into_iter().map(Mount::Read).collect())
}

/// Adds the directory that holds `bin/python`.
fn add_place(places: &mut Vec<PathBuf>, python: &Path) -> io::Result<()> {
    let Some(place) = python.parent().and_then(Path::parent) else { return Ok(()) };
    if place.starts_with("/usr") || place == Path::new("/") || places.iter().any(|it| it == place) {
        return Ok(());
    }
    // `/opt/bin/python` would open all of `/opt`, and `/home/bin/python` worse.
    if place.components().filter(|it| matches!(it, Component::Normal(_))).count() < 2 {
        let text = format!("{} is too close to the root to be shown to a preview", python.display());
        return Err(io::Error::other(text));
    }
    if Path::new(CHECKOUT).ancestors().any(|it| it != Path::new("/") && place.starts_with(it)) {
        return Err(io::Error::other(format!("{} is where a preview has the repository", python.display())));
    }
    places.push(place.to_owned());
    Ok(())
}

/// The installation that a virtual environment was made from.
fn home_of(python: &Path) -> Option<PathBuf> {
    let settings = fs::read_to_string(python.parent()?.parent()?.join("pyvenv.cfg")).ok()?;
    let home = settings.lines().find_map(|it| it.split_once('=').filter(|(key, _)| key.trim() == "home"))?;
    Some(PathBuf::from(home.1.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn an_environment_is_found_with_the_installation_that_it_came_from() {
        let dir = tempfile::tempdir().unwrap();
        let (venv, base) = (dir.path().join("venv"), dir.path().join("py/3.13"));
        for place in [&venv, &base] {
            fs::create_dir_all(place.join("bin")).unwrap();
        }
        fs::write(base.join("bin/python3.13"), "").unwrap();
        symlink(base.join("bin/python3.13"), venv.join("bin/python3")).unwrap();
        symlink("python3", venv.join("bin/python")).unwrap();
        fs::write(venv.join("pyvenv.cfg"), format!("home = {}\nversion = 3\n", base.join("bin").display()))
            .unwrap();
        let found = of_python(&venv.join("bin/python")).unwrap();
        assert_eq!(found, [Mount::Read(venv), Mount::Read(base)]);
        assert_eq!(of_python(Path::new("/usr/bin/env")).unwrap(), []);
    }

    #[test]
    fn nothing_wide_is_shown_for_the_sake_of_a_program() {
        let mut places = Vec::new();
        for wide in ["/opt/bin/python", "/srv/bin/python", "/home/python3/python", "/driftless/x/bin/python"]
        {
            assert!(add_place(&mut places, Path::new(wide)).is_err(), "{wide}");
        }
        add_place(&mut places, Path::new("/bin/python")).unwrap();
        add_place(&mut places, Path::new("/opt/ansible/bin/python")).unwrap();
        assert_eq!(places, [Path::new("/opt/ansible")]);
    }

    #[test]
    fn what_is_secret_is_not_there() {
        for mount in base().into_iter().chain(connected()) {
            if let Mount::Read(path) | Mount::ReadIfThere(path) = mount {
                for secret in [
                    "/etc/shadow",
                    "/root",
                    "/proc/1",
                    "/var/lib/x",
                    "/home/x",
                    "/etc/ssl/private/key",
                    "/etc/ssh/ssh_host_ed25519_key",
                    "/run/x",
                    "/etc/driftless/x",
                ] {
                    assert!(!Path::new(secret).starts_with(&path), "{}", path.display());
                }
            }
        }
    }
}
