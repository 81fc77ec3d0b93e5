//! The command line of bubblewrap, from a description of what code in the sandbox sees. Pure.
//!
//! The root is empty to begin with. What is not mounted is not there, and in the end the root itself is closed to
//! writing: only what is said to be writable is.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::filter::Filter;

/// One argument of bubblewrap.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Argument {
    /// As it is.
    Text(String),
    /// The number of a descriptor from which this can be read.
    Contents(String),
    /// The number of a descriptor from which the filter of system calls can be read.
    Filter(Filter),
}

impl From<&str> for Argument {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

/// Something in the file system of a sandbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Mount {
    /// A path of the machine, at the same place.
    Read(PathBuf),
    /// The same, if it is there.
    ReadIfThere(PathBuf),
    /// A path of the machine, at another place.
    ReadAt(PathBuf, &'static str),
    /// A path of the machine that may be written.
    Write(PathBuf),
    /// An empty directory in memory that may be written, of so many bytes.
    Empty(PathBuf, u64),
    /// A file that says this.
    File(&'static str, String),
    /// A link: where it is, and where it leads.
    Link(PathBuf, PathBuf),
}

/// What code in a sandbox sees, and as whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Profile {
    /// In the order in which it is mounted: what comes later hides what came before.
    pub(super) mounts: Vec<Mount>,
    /// User and group inside; `None` leaves those outside.
    pub(super) identity: Option<u32>,
    /// Whether it may use the network of the machine.
    pub(super) network: bool,
    /// Its whole environment; `None` hands on that of bubblewrap.
    pub(super) environment: Option<BTreeMap<String, String>>,
    /// Its working directory.
    pub(super) directory: PathBuf,
    /// Bytes of shared memory.
    pub(super) shared_memory: u64,
}

impl Profile {
    /// The arguments of bubblewrap that run a command so.
    pub(super) fn arguments(&self, program: &Path, args: &[String]) -> Vec<Argument> {
        let mut list = List::default();
        // Each by its name: `--unshare-all` goes on without a namespace for users where there can be none.
        list.add([
            "--unshare-user",
            "--unshare-ipc",
            "--unshare-pid",
            "--unshare-uts",
            "--unshare-cgroup-try",
        ]);
        if !self.network {
            list.add(["--unshare-net"]);
        }
        list.add(["--die-with-parent", "--new-session", "--cap-drop", "ALL"]);
        if let Some(id) = self.identity {
            list.add(["--uid", &id.to_string(), "--gid", &id.to_string()]);
        }
        if let Some(environment) = &self.environment {
            list.add(["--clearenv"]);
            for (name, value) in environment {
                list.add(["--setenv", name, value]);
            }
        }
        // Files of the kernel look at the user alone: to root they stay writable, whatever was dropped (measured).
        list.add(["--proc", "/proc", "--remount-ro", "/proc", "--dev", "/dev"]);
        list.empty(Path::new("/dev/shm"), self.shared_memory);
        list.add(["--remount-ro", "/dev"]);
        for mount in &self.mounts {
            list.mount(mount);
        }
        list.add(["--remount-ro", "/", "--chdir"]);
        list.path(&self.directory);
        let filter = if self.network { Filter::Network } else { Filter::Closed };
        list.0.extend(["--seccomp".into(), Argument::Filter(filter)]);
        list.add(["--"]);
        list.path(program);
        list.0.extend(args.iter().map(|it| Argument::Text(it.clone())));
        list.0
    }
}

#[derive(Default)]
struct List(Vec<Argument>);

impl List {
    fn add<const N: usize>(&mut self, words: [&str; N]) {
        self.0.extend(words.map(Argument::from));
    }

    /// Paths of ours are UTF-8: they are made of configuration, which is text.
    fn path(&mut self, path: &Path) {
        self.0.push(Argument::Text(path.display().to_string()));
    }

    fn bind(&mut self, how: &str, from: &Path, to: &Path) {
        self.add([how]);
        self.path(from);
        self.path(to);
    }

    fn empty(&mut self, at: &Path, bytes: u64) {
        self.add(["--size", &bytes.to_string(), "--tmpfs"]);
        self.path(at);
    }

    fn mount(&mut self, mount: &Mount) {
        match mount {
            Mount::Read(path) => self.bind("--ro-bind", path, path),
            Mount::ReadIfThere(path) => self.bind("--ro-bind-try", path, path),
            Mount::ReadAt(from, to) => self.bind("--ro-bind", from, Path::new(to)),
            Mount::Write(path) => self.bind("--bind", path, path),
            Mount::Empty(at, bytes) => self.empty(at, *bytes),
            Mount::Link(at, target) => self.bind("--symlink", target, at),
            Mount::File(at, text) => {
                self.add(["--perms", "0444", "--ro-bind-data"]);
                self.0.push(Argument::Contents(text.clone()));
                self.add([at]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile() -> Profile {
        Profile {
            mounts: vec![
                Mount::Read("/usr".into()),
                Mount::Link("/bin".into(), "usr/bin".into()),
                Mount::ReadAt("/var/lib/x/checkout".into(), "/work"),
                Mount::File("/etc/hosts", "127.0.0.1 localhost\n".to_owned()),
                Mount::Empty("/tmp".into(), 4096),
            ],
            identity: Some(65534),
            network: false,
            environment: Some(BTreeMap::from([("HOME".to_owned(), "/tmp".to_owned())])),
            directory: "/work".into(),
            shared_memory: 1024,
        }
    }

    fn words(profile: &Profile) -> String {
        let arguments = profile.arguments(Path::new("/usr/bin/id"), &["-u".to_owned()]);
        let words = arguments.iter().map(|it| match it {
            Argument::Text(text) => text.clone(),
            Argument::Contents(text) => format!("<{}>", text.len()),
            Argument::Filter(filter) => format!("<{filter:?}>"),
        });
        words.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_sandbox_is_closed_on_all_sides() {
        assert_eq!(
            words(&profile()),
            "--unshare-user --unshare-ipc --unshare-pid --unshare-uts --unshare-cgroup-try --unshare-net \
             --die-with-parent --new-session --cap-drop ALL --uid 65534 --gid 65534 --clearenv \
             --setenv HOME /tmp --proc /proc --remount-ro /proc --dev /dev --size 1024 --tmpfs /dev/shm --remount-ro /dev \
             --ro-bind /usr /usr --symlink usr/bin /bin --ro-bind /var/lib/x/checkout /work \
             --perms 0444 --ro-bind-data <20> /etc/hosts --size 4096 --tmpfs /tmp \
             --remount-ro / --chdir /work --seccomp <Closed> -- /usr/bin/id -u"
        );
    }

    #[test]
    fn a_live_one_keeps_network_identity_and_environment_and_nothing_else() {
        let live = Profile { network: true, identity: None, environment: None, ..profile() };
        let words = words(&live);
        for gone in ["--unshare-net", "--uid", "--clearenv", "--setenv"] {
            assert!(!words.contains(gone), "{gone}: {words}");
        }
        for kept in ["--unshare-user", "--unshare-pid", "--cap-drop ALL", "--remount-ro /", "<Network>"] {
            assert!(words.contains(kept), "{kept}: {words}");
        }
    }
}
