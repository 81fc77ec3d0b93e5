//! What is outside of a sandbox and must stay untouched: places, secrets, and somebody who listens.

use std::io::Read;
use std::net::{TcpListener, UdpSocket};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::world::eventually;

/// What every secret holds.
pub(crate) const SECRET: &str = "canary-3f9d1c77";

/// Where marks are tried and looked for, besides places of the test.
const PLACES: [&str; 15] = [
    "/",
    "/dev/shm",
    "/etc",
    "/home",
    "/mnt",
    "/opt",
    "/root",
    "/run",
    "/srv",
    "/tmp",
    "/usr/local/bin",
    "/usr/share",
    "/var/lib",
    "/var/spool/cron",
    "/var/tmp",
];

/// How many there were in this process: each has names of its own.
static COUNT: AtomicUsize = AtomicUsize::new(0);

pub(crate) struct Outside {
    dir: tempfile::TempDir,
    token: String,
    heard: Arc<Mutex<Vec<u8>>>,
    tcp: u16,
    udp: u16,
    /// The address of somebody who listens, and where a path names him.
    pub(crate) agent: PathBuf,
}

impl Outside {
    pub(crate) fn new() -> Self {
        let dir = tempfile::Builder::new().prefix("outside-").tempdir().expect("a directory");
        let number = COUNT.fetch_add(1, Ordering::SeqCst);
        let token = format!("driftless-{}-{number}", std::process::id());
        for secret in ["state/driftless.db", "keys/id_ed25519", "credentials/token"] {
            let file = dir.path().join(secret);
            std::fs::create_dir_all(file.parent().expect("a parent")).expect("a directory");
            std::fs::write(file, SECRET).expect("a secret");
        }
        let heard = Arc::<Mutex<Vec<u8>>>::default();
        let tcp = TcpListener::bind("127.0.0.1:0").expect("a listener");
        let udp = UdpSocket::bind("127.0.0.1:0").expect("a listener");
        let name = SocketAddr::from_abstract_name(&token).expect("a name");
        let abstract_ = UnixListener::bind_addr(&name).expect("a listener");
        let agent = dir.path().join("agent");
        let path = UnixListener::bind(&agent).expect("a listener");
        let it = Self {
            tcp: tcp.local_addr().expect("an address").port(),
            udp: udp.local_addr().expect("an address").port(),
            heard: heard.clone(),
            dir,
            token,
            agent,
        };
        listen(&heard, move || tcp.accept().map(|it| Box::new(it.0) as Box<dyn Read>));
        for listener in [abstract_, path] {
            listen(&heard, move || listener.accept().map(|it| Box::new(it.0) as Box<dyn Read>));
        }
        std::thread::spawn(move || {
            let mut datagram = [0; 512];
            while let Ok(read) = udp.recv(&mut datagram) {
                heard.lock().expect("a lock").extend_from_slice(&datagram[..read]);
            }
        });
        it
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        let path = self.dir.path().join(name);
        std::fs::create_dir_all(&path).expect("a directory");
        path
    }

    /// The files that must not be read.
    pub(crate) fn secrets(&self) -> Vec<String> {
        let ours = ["state/driftless.db", "keys/id_ed25519", "credentials/token"];
        ours.map(|it| self.dir.path().join(it).display().to_string()).into()
    }

    /// What `attack.py` is to do. A harmless one touches only what is the test's own.
    pub(crate) fn plan(&self, harmless: bool, further: &[&Path]) -> String {
        let mut places = vec![self.path("marks").display().to_string()];
        places.extend(further.iter().map(|it| it.display().to_string()));
        let mut secrets = self.secrets();
        if !harmless {
            places.extend(PLACES.map(str::to_owned));
            secrets.extend(["/etc/shadow", "/proc/1/environ", "/etc/sudoers"].map(str::to_owned));
        }
        serde_json::json!({
            "token": self.token, "places": places, "secrets": secrets, "tcp": self.tcp, "udp": self.udp,
            "abstract": self.token, "agent": self.agent,
        })
        .to_string()
    }

    /// The marks that were left anywhere. They are removed.
    pub(crate) fn marks(&self, further: &[&Path]) -> Vec<PathBuf> {
        let ours = self.path("marks");
        let places = PLACES.iter().map(Path::new).chain([ours.as_path()]).chain(further.iter().copied());
        let entries = places.filter_map(|it| std::fs::read_dir(it).ok()).flatten().flatten();
        let marks = entries.filter(|it| it.file_name().to_string_lossy().starts_with(&self.token));
        let marks: Vec<PathBuf> = marks.map(|it| it.path()).collect();
        for mark in &marks {
            std::fs::remove_file(mark).ok();
        }
        marks
    }

    /// What was heard up to now.
    pub(crate) fn heard(&self) -> String {
        String::from_utf8_lossy(&std::mem::take(&mut *self.heard.lock().expect("a lock"))).into_owned()
    }

    /// Waits until a vector was heard on each line.
    pub(crate) fn hears(&self, vector: &str) {
        let mut so_far = String::new();
        eventually(vector, Duration::from_secs(20), || {
            so_far.push_str(&self.heard());
            (4 <= so_far.matches(&format!("{vector} was here")).count()).then_some(())
        });
    }
}

fn listen(heard: &Arc<Mutex<Vec<u8>>>, accept: impl Fn() -> std::io::Result<Box<dyn Read>> + Send + 'static) {
    let heard = heard.clone();
    std::thread::spawn(move || {
        while let Ok(mut line) = accept() {
            let mut said = Vec::new();
            line.read_to_end(&mut said).ok();
            // Who only connects has sent something as well.
            said.push(b'\n');
            heard.lock().expect("a lock").append(&mut said);
        }
    });
}
