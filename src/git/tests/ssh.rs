//! A real OpenSSH server on this machine.

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::support::{Repository, Workshop, eventually, remote_at};
use crate::domain::{Failure, Retry};
use crate::git::{GitError, Remote};

/// The server, its key and a key that it accepts.
struct Server {
    process: Child,
    port: u16,
    dir: PathBuf,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.process.kill().expect("it runs");
        self.process.wait().expect("it ends");
    }
}

fn key(path: &Path) -> String {
    let output = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(path).output();
    assert!(output.expect("ssh-keygen").status.success());
    let public = std::fs::read_to_string(path.with_extension("pub")).expect("a public key");
    public.split(' ').take(2).collect::<Vec<_>>().join(" ")
}

impl Server {
    async fn start(workshop: &Workshop) -> Self {
        let program = Path::new("/usr/sbin/sshd");
        assert!(program.exists(), "sshd is missing: scripts/setup installs openssh-server");
        let dir = workshop.path("sshd");
        std::fs::create_dir(&dir).expect("a directory");
        if rustix::process::geteuid().is_root() {
            std::fs::create_dir_all("/run/sshd").expect("the directory that sshd locks itself into");
        }
        key(&dir.join("host"));
        std::fs::write(dir.join("authorized"), key(&dir.join("client"))).expect("written");
        key(&dir.join("stranger"));
        let port = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port();
        let at = |name: &str| dir.join(name).display().to_string();
        // What the user has in `.bashrc` is none of ours: bash reads it for each command unless a shell is above it.
        let config = format!(
            "Port {port}\nListenAddress 127.0.0.1\nHostKey {}\nAuthorizedKeysFile {}\nPidFile none\nUsePAM no\n\
             StrictModes no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin yes\nSetEnv SHLVL=2\n",
            at("host"),
            at("authorized")
        );
        std::fs::write(dir.join("config"), config).expect("written");
        let log = std::fs::File::create(dir.join("log")).expect("a log");
        let process = Command::new(program)
            .args(["-D", "-e", "-f"])
            .arg(dir.join("config"))
            .stdin(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("sshd");
        eventually("sshd answers", || TcpStream::connect(("127.0.0.1", port)).is_ok()).await;
        Self { process, port, dir }
    }

    /// The line of `known_hosts` for a public key in a file.
    fn known(&self, key: &str) -> String {
        let public = std::fs::read_to_string(self.dir.join(key).with_extension("pub")).expect("a key");
        format!("[127.0.0.1]:{} {public}", self.port)
    }

    fn fingerprint(&self) -> String {
        let output = Command::new("ssh-keygen").arg("-lf").arg(self.dir.join("host.pub")).output();
        let text = String::from_utf8(output.expect("ssh-keygen").stdout).expect("text");
        text.split(' ').nth(1).expect("a fingerprint").to_owned()
    }

    fn remote(&self, repository: &Repository) -> Remote {
        let user = Command::new("id").arg("-un").output().expect("id").stdout;
        let user = String::from_utf8(user).expect("text");
        let (user, port, path) = (user.trim(), self.port, repository.path.display());
        let mut remote = remote_at(&format!("ssh://{user}@127.0.0.1:{port}{path}"));
        remote.access.ssh_key = Some(self.dir.join("client"));
        remote.access.known_hosts = Some(self.dir.join("known_hosts"));
        remote
    }
}

/// How many ssh processes keep a connection open for the workshop.
fn connections(workshop: &Workshop) -> usize {
    let run_dir = workshop.path("run").display().to_string();
    let processes = std::fs::read_dir("/proc").expect("processes").flatten();
    let lines = processes.filter_map(|it| std::fs::read(it.path().join("cmdline")).ok());
    let lines = lines.map(|it| String::from_utf8_lossy(&it).into_owned());
    lines.filter(|it| it.contains("[mux]") && it.contains(&run_dir)).count()
}

#[tokio::test]
async fn a_source_is_followed_over_one_connection() {
    let workshop = Workshop::new();
    let server = Server::start(&workshop).await;
    let repository = workshop.repository("remote");
    let a = repository.commit("a");
    let remote = server.remote(&repository);
    std::fs::write(server.dir.join("known_hosts"), server.known("host")).expect("written");
    let fetched = workshop.git.fetch(&remote, None).await.expect("a fetch");
    assert_eq!(fetched.revision.commit, a);
    let b = repository.commit("b");
    let fetched = workshop.git.fetch(&remote, Some(&a)).await.expect("a fetch");
    assert_eq!(fetched.revision.commit, b);
    let log = std::fs::read_to_string(server.dir.join("log")).expect("a log");
    assert_eq!(log.matches("Accepted publickey").count(), 1, "{log}");

    assert_eq!(connections(&workshop), 1);

    let mut missing = remote.clone();
    missing.reference = "missing".parse().expect("a branch");
    let error = workshop.git.fetch(&missing, None).await.expect_err("no such branch");
    assert!(matches!(&error, GitError::NoSuchBranch { existing, .. } if *existing == ["main"]), "{error:?}");
    std::fs::rename(&repository.path, workshop.path("elsewhere")).expect("renamed");
    let error = workshop.git.fetch(&remote, None).await.expect_err("no repository");
    assert!(matches!(error, GitError::NoRepository(_)), "{error:?}");
    workshop.git.close_connections().await;
    eventually("the connection is closed", || connections(&workshop) == 0).await;
}

#[tokio::test]
async fn an_unknown_host_key_is_shown_and_the_remedy_works() {
    let workshop = Workshop::new();
    let server = Server::start(&workshop).await;
    let repository = workshop.repository("remote");
    repository.commit("a");
    let remote = server.remote(&repository);
    let error = workshop.git.fetch(&remote, None).await.expect_err("an unknown host");
    assert!(matches!(error, GitError::HostKeyUnknown { .. }), "{error:?}");
    let failure = Failure::from(error);
    assert!(failure.message.contains(&server.fingerprint()), "{failure}");
    assert!(failure.retry == Retry::UntilChanged && !failure.security);
    // What the remedy says is what helps.
    let remedy = failure.remedy.expect("a remedy");
    let (_, command) = remedy.split_once("run `").expect("a command");
    let command = command.trim_end_matches('`');
    let wanted =
        format!("ssh-keyscan -p {} 127.0.0.1 >> {}", server.port, server.dir.join("known_hosts").display());
    assert_eq!(command, wanted);
    let done = Command::new("sh").args(["-c", command]).stderr(Stdio::null()).status().expect("a shell");
    assert!(done.success());
    workshop.git.fetch(&remote, None).await.expect("a fetch");
    workshop.git.close_connections().await;
}

#[tokio::test]
async fn a_changed_host_key_may_be_an_attack() {
    let workshop = Workshop::new();
    let server = Server::start(&workshop).await;
    let repository = workshop.repository("remote");
    repository.commit("a");
    std::fs::write(server.dir.join("known_hosts"), server.known("stranger")).expect("written");
    let error = workshop.git.fetch(&server.remote(&repository), None).await.expect_err("another key");
    assert!(matches!(error, GitError::HostKeyChanged { .. }), "{error:?}");
    let failure = Failure::from(error);
    assert!(failure.security && failure.message.contains(&server.fingerprint()), "{failure}");
    let known = std::fs::read_to_string(server.dir.join("known_hosts")).expect("read");
    assert_eq!(known, server.known("stranger"), "nothing was accepted by itself");
}

#[tokio::test]
async fn a_key_that_is_not_accepted_is_said() {
    let workshop = Workshop::new();
    let server = Server::start(&workshop).await;
    let repository = workshop.repository("remote");
    repository.commit("a");
    std::fs::write(server.dir.join("known_hosts"), server.known("host")).expect("written");
    let mut remote = server.remote(&repository);
    remote.access.ssh_key = Some(server.dir.join("stranger"));
    let error = workshop.git.fetch(&remote, None).await.expect_err("refused");
    assert!(matches!(error, GitError::Authentication(_)), "{error:?}");
    assert_eq!(Failure::from(error).retry, Retry::UntilChanged);
}
