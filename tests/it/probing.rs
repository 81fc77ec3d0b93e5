//! The playbook of probes against a real sshd: who answers, and whether something is left there.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use driftless::ansible::collection::PROBE;
use driftless::domain::{ResultStatus, RunEventKind, TaskResult};
use rustix::process::geteuid;

use crate::guardian::eventually;
use crate::room::{Room, limits, runtime_access};
use crate::world::ansible_environments;

/// A machine of its own, as far as its processes go: others run Ansible on this one.
struct Server {
    process: Child,
    port: u16,
    dir: PathBuf,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

fn key(path: &Path) -> String {
    let made = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(path).status();
    assert!(made.unwrap().success());
    fs::read_to_string(path.with_extension("pub")).unwrap()
}

impl Server {
    fn start(dir: &Path) -> Self {
        if geteuid().is_root() {
            fs::create_dir_all("/run/sshd").unwrap(); // sshd locks itself into it.
        }
        let host = key(&dir.join("host"));
        fs::write(dir.join("authorized"), key(&dir.join("client"))).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        fs::write(dir.join("known_hosts"), format!("[127.0.0.1]:{port} {host}")).unwrap();
        // What the user has in `.bashrc` is none of ours: bash reads it for each command unless a shell is above it.
        let config = format!(
            "Port {port}\nListenAddress 127.0.0.1\nHostKey {0}/host\nAuthorizedKeysFile {0}/authorized\nPidFile none\n\
             UsePAM no\nStrictModes no\nPasswordAuthentication no\nPermitRootLogin yes\nSetEnv SHLVL=2\n",
            dir.display()
        );
        fs::write(dir.join("config"), config).unwrap();
        let mut command = Command::new(if geteuid().is_root() { "unshare" } else { "/usr/sbin/sshd" });
        if geteuid().is_root() {
            command.args(["--pid", "--fork", "--kill-child=KILL", "--mount-proc", "/usr/sbin/sshd"]);
        }
        command.args(["-D", "-e", "-f"]).arg(dir.join("config"));
        let log = fs::File::create(dir.join("log")).unwrap();
        let process = command.stdin(Stdio::null()).stderr(log).spawn().unwrap();
        eventually("sshd answers", || TcpStream::connect(("127.0.0.1", port)).is_ok());
        Self { process, port, dir: dir.to_owned() }
    }

    /// Something that goes on there, over a connection of its own.
    fn task(&self) -> Child {
        let user = Command::new("id").arg("-un").output().unwrap().stdout;
        let mut client = Command::new("ssh")
            .args(["-F", "none", "-o", "BatchMode=yes", "-o"])
            .arg(format!("UserKnownHostsFile={}/known_hosts", self.dir.display()))
            .arg("-i")
            .arg(self.dir.join("client"))
            .args(["-p", &self.port.to_string()])
            .arg(format!("{}@127.0.0.1", String::from_utf8(user).unwrap().trim()))
            .arg("echo ready; exec sleep 1000")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(client.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
        client
    }
}

/// What each host said to a probe.
fn probed(room: &Room, number: u64, environment: &Path) -> BTreeMap<String, String> {
    let live = room.start(number, &runtime_access(environment), limits());
    let events = live.events.clone();
    live.end();
    let said = |it: &TaskResult| match (it.status, &it.detail) {
        (ResultStatus::Ok, Some(said)) => {
            // What the shell of the user prints first is not the answer: a login greets, pyenv complains.
            let answer =
                said.stdout.lines().find(|line| line.starts_with("driftless-probe:")).unwrap_or(&said.stdout);
            answer.split(char::is_numeric).next().unwrap_or("").trim().to_owned()
        }
        (status, _) => format!("{status:?}"),
    };
    let events = events.lock().unwrap();
    let results = events.iter().filter_map(|event| match &event.kind {
        RunEventKind::TaskEnded(result) => Some((result.host.to_string(), said(result))),
        _ => None,
    });
    let results: BTreeMap<String, String> = results.collect();
    let log = fs::read_to_string(room.path(&format!("{number}.log"))).unwrap_or_default();
    assert!(!results.is_empty(), "{log}");
    results
}

#[test]
fn hosts_say_whether_they_answer_and_whether_something_is_left_there() {
    for environment in ansible_environments() {
        let dir = tempfile::tempdir().unwrap();
        let server = Server::start(dir.path());
        let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let hosts = format!(
            "h1 ansible_host=127.0.0.1 ansible_port={}\ngone ansible_host=127.0.0.1 ansible_port={gone}\nhere ansible_connection=local\n",
            server.port
        );
        let mut room = Room::new(&[("site/.driftless-probe.yml", PROBE), ("hosts", &hosts)]);
        // What stands beside the playbook of the stack counts.
        let remote = format!("ansible_ssh_private_key_file: {}\n", dir.path().join("client").display());
        room.add(&[("site/group_vars/all.yml", &remote)]);
        room.spec.playbook = "site/.driftless-probe.yml".to_owned();
        room.access.known_hosts = Some(dir.path().join("known_hosts"));
        let expect = |said: &str| -> BTreeMap<String, String> {
            [("h1", said), ("gone", "UnreachableIgnored"), ("here", "Skipped")]
                .map(|(host, said)| (host.to_owned(), said.to_owned()))
                .into()
        };
        let at = environment.display();
        if !geteuid().is_root() {
            // Without a process table of its own the host may be busy with anything.
            assert!(probed(&room, 1, &environment)["h1"].starts_with("driftless-probe:"), "{at}");
            continue;
        }
        assert_eq!(probed(&room, 1, &environment), expect("driftless-probe: idle"), "{at}");
        let mut task = server.task();
        assert_eq!(
            probed(&room, 2, &environment),
            expect("driftless-probe: idle"),
            "its connection lives: {at}"
        );
        task.kill().unwrap();
        task.wait().unwrap();
        let log = || fs::read_to_string(dir.path().join("log")).unwrap_or_default();
        eventually("sshd sees that the connection is gone", || log().contains("Connection closed by"));
        let busy = probed(&room, 3, &environment);
        assert_eq!(busy, expect("driftless-probe: busy"), "{at}");
    }
}
