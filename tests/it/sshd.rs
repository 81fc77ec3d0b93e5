//! Real managed hosts: each an `sshd` of this machine on an address and a port of its own, with its own host key.
//!
//! They share the file system, so each has a directory that stands for the host; the inventory names it `room`.

use std::fs;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::world::{SOON, eventually, output};

const SSHD: &str = "/usr/sbin/sshd";

/// By this variable in its environment each process that came over one of these servers is known.
const MARK: &str = "DRIFTLESS_TEST_FLEET";

/// Some hosts, and the key that opens them. They end with it.
pub(crate) struct Fleet {
    dir: tempfile::TempDir,
    hosts: Vec<Host>,
}

struct Host {
    name: String,
    address: Ipv4Addr,
    port: u16,
    server: Option<Child>,
}

impl Fleet {
    /// Starts a server for each name and waits until it answers.
    #[track_caller]
    pub(crate) fn start(names: &[&str]) -> Self {
        assert!(Path::new(SSHD).exists(), "sshd is missing: scripts/setup installs openssh-server");
        if rustix::process::geteuid().is_root() {
            fs::create_dir_all("/run/sshd").expect("the directory that sshd locks itself into");
        }
        let dir = tempfile::Builder::new().prefix("fleet-").tempdir().expect("a directory");
        let public = key(&dir.path().join("key"));
        fs::write(dir.path().join("authorized_keys"), format!("{public}\n")).expect("written");
        let mut fleet = Self { dir, hosts: Vec::new() };
        for (number, name) in (1..).zip(names) {
            let host = Host::make(fleet.dir.path(), name, number);
            fleet.hosts.push(host);
            fleet.bring_back(name);
        }
        let known: String = fleet.hosts.iter().map(|it| it.known(fleet.dir.path())).collect();
        fs::write(fleet.path("known_hosts"), known).expect("written");
        fleet
    }

    fn path(&self, below: &str) -> PathBuf {
        self.dir.path().join(below)
    }

    /// The directory that stands for a host.
    pub(crate) fn room(&self, host: &str) -> PathBuf {
        self.path(host).join("room")
    }

    /// The address and the port of a host, as `address:port`.
    pub(crate) fn address(&self, host: &str) -> String {
        let host = self.hosts.iter().find(|it| it.name == host).expect("a host of this fleet");
        format!("{}:{}", host.address, host.port)
    }

    /// An inventory of all hosts, in YAML.
    pub(crate) fn inventory(&self) -> String {
        let all: Vec<&str> = self.hosts.iter().map(|it| it.name.as_str()).collect();
        self.inventory_of(&all)
    }

    /// An inventory of these hosts, in YAML.
    pub(crate) fn inventory_of(&self, names: &[&str]) -> String {
        let line = |Host { name, address, port, .. }: &Host| {
            let room = self.room(name);
            let room = room.display();
            format!("    {name}: {{ ansible_host: {address}, ansible_port: {port}, room: \"{room}\" }}\n")
        };
        let hosts: String =
            self.hosts.iter().filter(|it| names.contains(&it.name.as_str())).map(line).collect();
        let python = "\"{{ ansible_playbook_python }}\"";
        format!("all:\n  vars:\n    ansible_python_interpreter: {python}\n  hosts:\n{hosts}")
    }

    /// The value of `access` in the daemon's configuration.
    pub(crate) fn access(&self) -> String {
        let user = output(Command::new("id").arg("-un"));
        format!(
            "{{ ssh_key: {{ file: {} }}, known_hosts: {}, remote_user: {user} }}",
            self.path("key").display(),
            self.path("known_hosts").display()
        )
    }

    /// What the server of a host logged: who logged in, and how often.
    pub(crate) fn log(&self, host: &str) -> String {
        fs::read_to_string(self.path(host).join("log")).unwrap_or_default()
    }

    /// Ends the server of a host and its connections. What runs on the host goes on, as it would when a network is
    /// gone.
    pub(crate) fn take_away(&mut self, host: &str) {
        self.host(host).end();
    }

    /// Starts the server of a host again, on the same port with the same key.
    #[track_caller]
    pub(crate) fn bring_back(&mut self, host: &str) {
        let dir = self.path(host);
        self.host(host).begin(&dir);
    }

    fn host(&mut self, name: &str) -> &mut Host {
        self.hosts.iter_mut().find(|it| it.name == name).expect("a host of this fleet")
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        self.hosts.iter_mut().for_each(Host::end);
        let mark = format!("{MARK}={}", self.dir.path().display());
        // Children of what is killed can appear meanwhile.
        loop {
            let left = processes().filter(|it| it.is_marked(&mark)).collect::<Vec<_>>();
            if left.is_empty() {
                break;
            }
            for process in left {
                process.signal(Signal::KILL);
            }
        }
    }
}

impl Host {
    fn make(fleet: &Path, name: &str, number: u8) -> Self {
        let dir = fleet.join(name);
        fs::create_dir_all(dir.join("room")).expect("a directory");
        key(&dir.join("host_key"));
        // Tests run side by side, in processes of their own: each has its own part of the loopback network.
        let pid = std::process::id();
        let byte = |it: u32| u8::try_from(it % 250 + 1).expect("it is small");
        let address = Ipv4Addr::new(127, byte(pid / 250), byte(pid), number);
        let port = TcpListener::bind((address, 0)).and_then(|it| it.local_addr()).expect("a port").port();
        let at = |name: &str| dir.join(name).display().to_string();
        // What the user has in `.bashrc` is none of ours: bash reads it for each command unless a shell is above it.
        let config = format!(
            "ListenAddress {address}:{port}\nHostKey {}\nPidFile {}\nAuthorizedKeysFile {}\nUsePAM no\n\
             StrictModes no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n\
             PermitRootLogin prohibit-password\nSubsystem sftp internal-sftp\nMaxStartups 100\nMaxSessions 100\n\
             PrintMotd no\nPrintLastLog no\nSetEnv {MARK}={} SHLVL=2\n",
            at("host_key"),
            at("pid"),
            fleet.join("authorized_keys").display(),
            fleet.display(),
        );
        fs::write(dir.join("sshd_config"), config).expect("written");
        Self { name: name.to_owned(), address, port, server: None }
    }

    /// Its line of `known_hosts`.
    fn known(&self, fleet: &Path) -> String {
        let public = fs::read_to_string(fleet.join(&self.name).join("host_key.pub")).expect("a key");
        format!("[{}]:{} {}\n", self.address, self.port, public.trim())
    }

    #[track_caller]
    fn begin(&mut self, dir: &Path) {
        assert!(self.server.is_none(), "{} is there", self.name);
        let mut server = Command::new(SSHD)
            .args(["-D", "-f"])
            .arg(dir.join("sshd_config"))
            .arg("-E")
            .arg(dir.join("log"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("sshd starts");
        let at = (self.address, self.port);
        eventually("sshd answers", SOON, || {
            let ended = server.try_wait().expect("its status");
            let log = || fs::read_to_string(dir.join("log")).unwrap_or_default();
            assert!(ended.is_none(), "sshd of {} ended: {}", self.name, log());
            TcpStream::connect(at).ok()
        });
        self.server = Some(server);
    }

    fn end(&mut self) {
        let Some(mut server) = self.server.take() else { return };
        let listener = Pid::from_child(&server);
        // Stopped, so that no connection begins while the others are ended.
        kill_process(listener, Signal::STOP).expect("it runs");
        let mut parents = vec![listener.as_raw_nonzero().get()];
        while let Some(parent) = parents.pop() {
            for child in processes().filter(|it| it.parent == parent && it.name.starts_with("sshd")) {
                parents.push(child.pid);
                child.signal(Signal::KILL);
            }
        }
        server.kill().expect("it runs");
        server.wait().expect("it ends");
    }
}

/// Makes a pair of keys and gives the public one.
fn key(path: &Path) -> String {
    output(Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-C", "", "-f"]).arg(path));
    fs::read_to_string(path.with_extension("pub")).expect("a public key").trim().to_owned()
}

struct Process {
    pid: i32,
    parent: i32,
    name: String,
}

impl Process {
    fn read(pid: i32) -> Option<Self> {
        // `pid (name) state parent …`; the name can hold anything.
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let (name, rest) = stat.split_once('(')?.1.rsplit_once(')')?;
        let mut rest = rest.split_whitespace();
        let state = rest.next()?;
        let parent = rest.next()?.parse().ok()?;
        (state != "Z").then(|| Self { pid, parent, name: name.to_owned() })
    }

    fn is_marked(&self, mark: &str) -> bool {
        let environment = fs::read(format!("/proc/{}/environ", self.pid)).unwrap_or_default();
        environment.split(|it| *it == 0).any(|it| it == mark.as_bytes())
    }

    fn signal(&self, signal: Signal) {
        if let Some(pid) = Pid::from_raw(self.pid) {
            kill_process(pid, signal).ok(); // It may have ended by itself.
        }
    }
}

fn processes() -> impl Iterator<Item = Process> {
    let entries = fs::read_dir("/proc").expect("/proc").flatten();
    entries.filter_map(|it| Process::read(it.file_name().to_str()?.parse().ok()?))
}
