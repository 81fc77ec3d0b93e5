//! A small world for tests of the whole program: a directory with a Git repository, a configuration, the real
//! daemon and the real `ansible-playbook`.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// How long a test waits for something that should happen soon. Generous: the machine may be busy.
pub(crate) const SOON: Duration = Duration::from_secs(60);

/// Where the daemon looks for programs, behind `bin` of its world.
const SEARCH_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The environments with ansible-core that `scripts/test` made.
///
/// Tests with real Ansible do not skip: without environments they fail and say how to get them.
pub(crate) fn ansible_environments() -> Vec<PathBuf> {
    #[expect(clippy::disallowed_methods, reason = "the test's own input, given by scripts/test")]
    let given = std::env::var("DRIFTLESS_TEST_ANSIBLE").unwrap_or_default();
    let found: Vec<PathBuf> = given.split(':').filter(|it| !it.is_empty()).map(PathBuf::from).collect();
    assert!(!found.is_empty(), "no Ansible to test with: run `scripts/test`, or set DRIFTLESS_TEST_ANSIBLE");
    found
}

/// One of them, the last that is named: on a full machine the oldest.
pub(crate) fn some_ansible() -> PathBuf {
    ansible_environments().pop().expect("at least one environment")
}

/// The newest of them.
pub(crate) fn newest_ansible() -> PathBuf {
    ansible_environments().into_iter().max().expect("at least one environment")
}

/// The oldest, the newest, and one between them.
pub(crate) fn three_versions() -> Vec<PathBuf> {
    let mut all = ansible_environments();
    all.sort();
    let (first, middle, last) = (0, all.len() / 2, all.len() - 1);
    let mut chosen = vec![all[first].clone(), all[middle].clone(), all[last].clone()];
    chosen.dedup();
    chosen
}

/// Waits until `condition` gives something, or fails with `what` and the last words of the daemon.
#[track_caller]
pub(crate) fn eventually<T>(what: &str, within: Duration, mut condition: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(it) = condition() {
            return it;
        }
        assert!(begun.elapsed() < within, "waited {within:?} in vain: {what}");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

/// Runs a program to its end and gives its standard output; fails with its standard error.
#[track_caller]
pub(crate) fn output(command: &mut Command) -> String {
    let done = command.output().expect("the program starts");
    assert!(done.status.success(), "{command:?} failed: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8_lossy(&done.stdout).trim().to_owned()
}

/// A Git repository that a test commits to as a person would.
pub(crate) struct Repository {
    pub(crate) path: PathBuf,
}

impl Repository {
    pub(crate) fn create(path: PathBuf) -> Self {
        std::fs::create_dir_all(&path).expect("a directory");
        let repository = Self { path };
        repository.git(&["init", "-q", "-b", "main"]);
        repository
    }

    /// Git, deaf to the configuration of whoever runs the tests.
    #[track_caller]
    pub(crate) fn git(&self, args: &[&str]) -> String {
        output(
            Command::new("git")
                .args([
                    "-c",
                    "user.name=Test",
                    "-c",
                    "user.email=test@example.com",
                    "-c",
                    "commit.gpgsign=false",
                ])
                .args(args)
                .current_dir(&self.path)
                .env("GIT_CONFIG_GLOBAL", "/dev/null")
                .env("GIT_CONFIG_NOSYSTEM", "1"),
        )
    }

    pub(crate) fn write(&self, path: &str, content: &str) {
        let file = self.path.join(path);
        std::fs::create_dir_all(file.parent().expect("a parent")).expect("a directory");
        std::fs::write(file, content).expect("a file");
    }

    /// Commits everything and gives the full hash.
    #[track_caller]
    pub(crate) fn commit(&self, message: &str) -> String {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "--allow-empty", "-m", message]);
        self.head()
    }

    pub(crate) fn head(&self) -> String {
        self.git(&["rev-parse", "HEAD"])
    }
}

/// The daemon with its directories.
pub(crate) struct World {
    dir: tempfile::TempDir,
    pub(crate) repository: Repository,
    daemon: Option<Child>,
    ansible: PathBuf,
    extra_config: String,
    program: PathBuf,
}

impl World {
    /// With some ansible-core.
    pub(crate) fn new() -> Self {
        Self::with_ansible(&some_ansible())
    }

    pub(crate) fn with_ansible(environment: &Path) -> Self {
        let dir = tempfile::Builder::new().prefix("driftless-").tempdir().expect("a directory");
        let repository = Repository::create(dir.path().join("repository"));
        let program = PathBuf::from(env!("CARGO_BIN_EXE_driftless"));
        let ansible = environment.to_owned();
        Self { dir, repository, daemon: None, ansible, extra_config: String::new(), program }
    }

    /// With another program as the daemon: one that is installed somewhere.
    pub(crate) fn with_program(&mut self, program: PathBuf) -> &mut Self {
        self.program = program;
        self
    }

    /// Adds lines to the configuration, at top level.
    pub(crate) fn configure(&mut self, lines: &str) -> &mut Self {
        self.extra_config = format!("{lines}\n");
        self
    }

    pub(crate) fn path(&self, below: &str) -> PathBuf {
        self.dir.path().join(below)
    }

    pub(crate) fn config_file(&self) -> PathBuf {
        self.path("config.yml")
    }

    /// What the tests configure unless they say otherwise: one source, quick retries.
    pub(crate) fn write_config(&self) {
        let base = self.dir.path().display();
        let sources = if self.extra_config.contains("sources:") {
            String::new()
        } else {
            format!("sources:\n  infra:\n    url: {base}/repository\n")
        };
        let limits = if self.extra_config.contains("limits:") {
            String::new()
        } else {
            "limits:\n  retry: { base: 1s, max: 4s }\n  drain: 5s\n".to_owned()
        };
        let text = format!(
            "state_dir: {base}/state\ncache_dir: {base}/cache\nrun_dir: {base}/run\nlisten: 127.0.0.1:0\n\
             system_ansible: {}/bin/ansible-playbook\n{sources}{limits}{}",
            self.ansible.display(),
            self.extra_config
        );
        std::fs::write(self.config_file(), text).expect("a configuration");
    }

    /// Starts the daemon and waits until its API answers.
    #[track_caller]
    pub(crate) fn start(&mut self) -> &mut Self {
        self.write_config();
        self.spawn();
        eventually("the API answers", SOON, || self.try_json(&["status"]));
        self
    }

    /// Starts the daemon without waiting.
    pub(crate) fn spawn(&mut self) {
        let log =
            std::fs::OpenOptions::new().create(true).append(true).open(self.path("log")).expect("a log");
        let child = Command::new(&self.program)
            .args(["--config", &self.config_file().display().to_string(), "serve"])
            .env_clear()
            .env("PATH", format!("{}:{SEARCH_PATH}", self.path("bin").display()))
            .env("HOME", self.dir.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("the daemon starts");
        self.daemon = Some(child);
    }

    /// What the daemon logged so far.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    /// The number of the daemon's process.
    pub(crate) fn pid(&self) -> u32 {
        self.daemon.as_ref().expect("a daemon").id()
    }

    pub(crate) fn signal(&self, name: &str) {
        output(Command::new("kill").args([&format!("-{name}"), &self.pid().to_string()]));
    }

    /// `kill -9`, without any chance to tidy up.
    pub(crate) fn kill(&mut self) {
        let mut daemon = self.daemon.take().expect("a daemon");
        daemon.kill().expect("it is killed");
        daemon.wait().expect("it is gone");
    }

    /// SIGTERM, and its exit status once it ended by itself.
    #[track_caller]
    pub(crate) fn stop(&mut self) -> std::process::ExitStatus {
        self.signal("TERM");
        let mut daemon = self.daemon.take().expect("a daemon");
        eventually("the daemon stops", SOON, || daemon.try_wait().expect("its status"))
    }

    /// The command line, against this daemon.
    pub(crate) fn cli(&self, args: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_driftless"))
            .arg("--socket")
            .arg(self.path("run/driftless.sock"))
            .args(args)
            .stdin(Stdio::null())
            .output()
            .expect("the command line starts")
    }

    /// Its standard output; fails if it fails.
    #[track_caller]
    pub(crate) fn text(&self, args: &[&str]) -> String {
        let done = self.cli(args);
        let error = String::from_utf8_lossy(&done.stderr);
        assert!(
            done.status.success(),
            "{args:?} ended with {:?}: {error}\n{}",
            done.status.code(),
            self.log()
        );
        String::from_utf8_lossy(&done.stdout).into_owned()
    }

    /// Its JSON; fails if it fails.
    #[track_caller]
    pub(crate) fn json(&self, args: &[&str]) -> Value {
        self.try_json(args).unwrap_or_else(|| panic!("{args:?} gave no JSON\n{}", self.log()))
    }

    pub(crate) fn try_json(&self, args: &[&str]) -> Option<Value> {
        let done = self.cli(&[&["--output", "json"], args].concat());
        done.status.success().then(|| serde_json::from_slice(&done.stdout).ok()).flatten()
    }

    /// All runs, newest first.
    pub(crate) fn runs(&self) -> Vec<Value> {
        self.json(&["runs", "--count", "1000"])["runs"].as_array().cloned().unwrap_or_default()
    }

    /// All applies, newest first: what changes hosts, without the checks that look at them.
    pub(crate) fn applies(&self) -> Vec<Value> {
        self.runs().into_iter().filter(|it| it["mode"] == "apply").collect()
    }

    /// Waits for a run of this commit that ended with this outcome.
    #[track_caller]
    pub(crate) fn run_of(&self, commit: &str, outcome: &str) -> Value {
        let revision = format!("main@sha1:{commit}");
        let begun = Instant::now();
        loop {
            let runs = self.runs();
            let found = runs
                .iter()
                .find(|it| it["revision"] == revision.as_str() && it["ending"]["outcome"] == outcome);
            if let Some(run) = found {
                return run.clone();
            }
            assert!(begun.elapsed() < SOON, "no run of {commit} ended {outcome}: {runs:#?}\n{}", self.log());
            std::thread::park_timeout(Duration::from_millis(20));
        }
    }

    /// `/metrics`, or another path of the HTTP listener.
    #[track_caller]
    pub(crate) fn http(&self, path: &str) -> String {
        let status = self.json(&["status"]);
        let url = status["url"].as_str().expect("the address that the daemon listens on");
        http_get(url.trim_start_matches("http://"), path)
    }

    /// The value of one series, labels and all as Prometheus writes them.
    #[track_caller]
    pub(crate) fn metric(&self, series: &str) -> Option<f64> {
        let text = self.http("/metrics");
        text.lines().find_map(|it| it.strip_prefix(series)?.trim().parse().ok())
    }

    /// Processes whose command line or environment names this world's directory, except the daemon itself.
    pub(crate) fn processes(&self) -> Vec<String> {
        let mark = self.dir.path().display().to_string();
        let daemon = self.daemon.as_ref().map(Child::id);
        let mut found = Vec::new();
        for entry in std::fs::read_dir("/proc").expect("/proc").flatten() {
            let Some(pid) = entry.file_name().to_str().and_then(|it| it.parse::<u32>().ok()) else {
                continue;
            };
            let read = |what: &str| std::fs::read(entry.path().join(what)).unwrap_or_default();
            let words = String::from_utf8_lossy(&read("cmdline")).replace('\0', " ");
            let environment = String::from_utf8_lossy(&read("environ")).into_owned();
            if Some(pid) != daemon && (words.contains(&mark) || environment.contains(&mark)) {
                found.push(format!("{pid} {words}"));
            }
        }
        found
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some(mut daemon) = self.daemon.take() {
            // The test is over either way; its guardians end what is left.
            drop(daemon.kill());
            drop(daemon.wait());
        }
        if std::thread::panicking() {
            last_words(&self.log());
        }
    }
}

#[expect(clippy::print_stdout, reason = "shown only beside the failure of a test")]
fn last_words(log: &str) {
    let lines: Vec<&str> = log.lines().collect();
    println!("--- the daemon's last words ---\n{}", lines[lines.len().saturating_sub(40)..].join("\n"));
}

/// A plain HTTP GET; gives the body.
#[track_caller]
pub(crate) fn http_get(address: &str, path: &str) -> String {
    use std::io::{Read as _, Write as _};
    let mut stream = std::net::TcpStream::connect(address).expect("the listener answers");
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").expect("a request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default()
}
