//! Reading a host: files, directories and programs, each with a bound on size and time.
//!
//! Modules that look at a host do it through [`Host`], so a test can give them a directory with recorded files in place of
//! `/`.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::Read;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// No file or output that facts are made of comes near this.
const SIZE_LIMIT_BYTES: u64 = 4 << 20;

/// Directories that are searched for programs although `PATH` may not name them.
const SYSTEM_PROGRAMS: [&str; 3] = ["/sbin", "/usr/sbin", "/usr/local/sbin"];

/// A host, or a recording of one.
#[derive(Debug, Clone)]
pub struct Host {
    root: PathBuf,
    environment: BTreeMap<String, String>,
    timeout: Duration,
}

impl Host {
    /// The host on which this program runs. `timeout` bounds each program that is run and each file system that is
    /// asked for its size.
    pub fn new(environment: BTreeMap<String, String>, timeout: Duration) -> Self {
        Self { root: PathBuf::from("/"), environment, timeout }
    }

    /// A directory with recorded files. Programs are not run there.
    pub fn recorded(root: &Path, environment: BTreeMap<String, String>) -> Self {
        Self { root: root.to_owned(), environment, timeout: Duration::from_secs(10) }
    }

    /// Whether this is the host itself, not a recording: only then the kernel may be asked.
    pub fn is_live(&self) -> bool {
        self.root == Path::new("/")
    }

    /// The environment of this process.
    pub fn environment(&self) -> &BTreeMap<String, String> {
        &self.environment
    }

    /// How long one program or one file system may take.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Where an absolute path of the host is.
    pub fn at(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }

    /// The text of a file without white space around it. Nothing if it cannot be read, is empty or is not UTF-8, which
    /// is what `setup` makes of such files.
    pub fn text(&self, path: &str) -> Option<String> {
        let text = self.raw(path)?;
        let text = text.trim();
        if text.is_empty() { None } else { Some(text.to_owned()) }
    }

    /// The text of a file as it is, up to 4 MiB.
    pub fn raw(&self, path: &str) -> Option<String> {
        self.raw_up_to(path, SIZE_LIMIT_BYTES)
    }

    /// The text of a file as it is, for files that may be longer.
    pub fn raw_up_to(&self, path: &str, limit_bytes: u64) -> Option<String> {
        // Some files of /sys block until something happens; a FIFO would block for ever.
        let flags = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).ok()?;
        let file = OpenOptions::new().read(true).custom_flags(flags).open(self.at(path)).ok()?;
        String::from_utf8(bounded(file, limit_bytes)?).ok()
    }

    /// Whether a path leads to something.
    pub fn exists(&self, path: &str) -> bool {
        self.at(path).exists()
    }

    /// Whether a path leads to a directory.
    pub fn is_dir(&self, path: &str) -> bool {
        self.at(path).is_dir()
    }

    /// Whether a path leads to a regular file that has content.
    pub fn has_content(&self, path: &str) -> bool {
        self.at(path).metadata().is_ok_and(|found| found.is_file() && found.len() != 0)
    }

    /// The last component of what a link says.
    pub fn link_name(&self, path: &str) -> Option<String> {
        let target = fs::read_link(self.at(path)).ok()?;
        Some(target.file_name()?.to_string_lossy().into_owned())
    }

    /// The path that all links of a path lead to.
    pub fn real_path(&self, path: &str) -> Option<PathBuf> {
        fs::canonicalize(self.at(path)).ok()
    }

    /// What is in a directory, in the directory's own order. Hidden names are left out.
    pub fn names(&self, directory: &str) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.at(directory)) else { return Vec::new() };
        entries
            .flatten()
            .filter_map(|entry| entry.file_name().into_string().ok())
            .filter(|name| !name.starts_with('.'))
            .collect()
    }

    /// Where a program is: `PATH`, then the directories of system programs.
    pub fn program(&self, name: &str) -> Option<PathBuf> {
        let path = self.environment.get("PATH").map_or("", String::as_str);
        path.split(':')
            .chain(SYSTEM_PROGRAMS)
            .filter(|directory| directory.starts_with('/'))
            .map(|directory| self.at(directory).join(name))
            .find(|program| {
                program.metadata().is_ok_and(|it| it.is_file() && it.permissions().mode() & 0o111 != 0)
            })
    }

    /// What a program prints, if it is there and succeeds in time.
    pub fn output(&self, name: &str, arguments: &[&str]) -> Option<String> {
        let program = self.program(name)?;
        let (succeeded, text) = self.run(&program, arguments)?;
        succeeded.then_some(text)
    }

    /// Runs a program without input and gives whether it succeeded and what it printed.
    pub fn run(&self, program: &Path, arguments: &[&str]) -> Option<(bool, String)> {
        if !self.is_live() {
            return None;
        }
        let mut child = Command::new(program)
            .args(arguments)
            .env("LC_ALL", "C")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let stdout = child.stdout.take()?;
        let (send, receive) = mpsc::sync_channel(1);
        let _reader = thread::spawn(move || send.send(bounded(stdout, SIZE_LIMIT_BYTES)));
        let deadline = Instant::now() + self.timeout;
        let read = receive.recv_timeout(self.timeout).ok().flatten();
        let status = match read {
            Some(_) => wait_until(&mut child, deadline),
            None => None,
        };
        let Some(status) = status else {
            let _gone = child.kill();
            let _reaped = child.wait();
            return None;
        };
        Some((status.success(), String::from_utf8_lossy(&read?).into_owned()))
    }
}

/// The status of a child that closed its output: it ends at once, or it is no program that we wait for.
fn wait_until(child: &mut std::process::Child, deadline: Instant) -> Option<std::process::ExitStatus> {
    loop {
        if let Some(status) = child.try_wait().ok()? {
            return Some(status);
        }
        if deadline < Instant::now() {
            return None;
        }
        thread::sleep(Duration::from_micros(200));
    }
}

/// All of a file or pipe, or nothing if it is too long or fails.
fn bounded(source: impl Read, limit_bytes: u64) -> Option<Vec<u8>> {
    let mut content = Vec::new();
    source.take(limit_bytes.saturating_add(1)).read_to_end(&mut content).ok()?;
    (u64::try_from(content.len()).ok()? <= limit_bytes).then_some(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn here(timeout: Duration) -> Host {
        Host::new(BTreeMap::from([("PATH".to_owned(), "relative:/usr/bin:/bin".to_owned())]), timeout)
    }

    #[test]
    fn programs_are_bounded_in_time_and_output() {
        let host = here(Duration::from_millis(300));
        assert_eq!(host.output("echo", &["a b"]).unwrap(), "a b\n");
        assert_eq!(host.output("false", &[]), None);
        assert_eq!(host.output("no-such-program", &[]), None);
        let before = Instant::now();
        assert_eq!(host.output("sleep", &["60"]), None);
        assert!(before.elapsed() < Duration::from_secs(20));
        assert_eq!(here(Duration::from_secs(10)).output("head", &["-c", "5000000", "/dev/zero"]), None);
    }

    #[test]
    fn files_are_bounded_and_never_block() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("a"), " text \n").unwrap();
        fs::write(root.path().join("empty"), "\n").unwrap();
        fs::write(root.path().join("binary"), [0xff, 0xfe]).unwrap();
        rustix::fs::mknodat(
            rustix::fs::CWD,
            root.path().join("fifo"),
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RUSR,
            0,
        )
        .unwrap();
        let host = Host::recorded(root.path(), BTreeMap::new());
        assert_eq!(host.text("/a").unwrap(), "text");
        assert_eq!(host.text("/empty"), None);
        assert_eq!(host.text("/binary"), None);
        assert_eq!(host.text("/fifo"), None);
        assert_eq!(host.raw_up_to("/a", 3), None);
        assert_eq!(host.output("echo", &["x"]), None);
    }
}
