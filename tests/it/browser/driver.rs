//! `chromedriver`, one for each browser, and the commands of its own.

use std::io::{BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use fantoccini::wd::WebDriverCompatibleCommand;
use http::Method;
use serde_json::{Value, json};
use url::{ParseError, Url};

use crate::world::{SOON, eventually};

/// The process, on a port that it chose. It and its browser end with this.
#[derive(Debug)]
pub(super) struct Driver {
    child: Child,
    /// Where it listens.
    pub(super) url: String,
    /// What the browser keeps, and what its processes are known by.
    profile: tempfile::TempDir,
}

impl Driver {
    #[track_caller]
    pub(super) fn start() -> Self {
        let profile = tempfile::Builder::new().prefix("driftless-chromium-").tempdir().expect("a directory");
        let mut child = Command::new("chromedriver")
            .arg("--port=0")
            .env("HOME", profile.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .unwrap_or_else(|error| panic!("no chromedriver to test with ({error}): run `scripts/setup`"));
        let said = BufReader::new(child.stdout.take().expect("it says where it listens"));
        let told = "started successfully on port ";
        let line = said
            .lines()
            .map_while(Result::ok)
            .find(|it| it.contains(told))
            .expect("chromedriver says where it listens");
        let port = line.split(told).nth(1).expect("a port").trim_end_matches('.');
        Self { child, url: format!("http://127.0.0.1:{port}"), profile }
    }

    /// Where the browser keeps its things.
    pub(super) fn profile(&self) -> String {
        self.profile.path().display().to_string()
    }

    /// Processes of the browser.
    fn processes(&self) -> Vec<i32> {
        let mark = self.profile();
        let own = i32::try_from(self.child.id()).unwrap_or_default();
        let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
        entries
            .filter_map(|it| it.file_name().to_str()?.parse().ok())
            .filter(|pid| *pid != own)
            .filter(|pid| {
                let words = std::fs::read(PathBuf::from(format!("/proc/{pid}/cmdline"))).unwrap_or_default();
                String::from_utf8_lossy(&words).contains(&mark)
            })
            .collect()
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
        let gone = || {
            let left = self.processes();
            for pid in left.iter().filter_map(|it| rustix::process::Pid::from_raw(*it)) {
                // An error means that it is gone.
                rustix::process::kill_process(pid, rustix::process::Signal::KILL).ok();
            }
            left.is_empty().then_some(())
        };
        if std::thread::panicking() {
            gone();
        } else {
            eventually("the browser is gone", SOON, gone);
        }
    }
}

/// A command of chromedriver's own.
#[derive(Debug)]
pub(super) struct Own {
    path: &'static str,
    body: Value,
}

impl Own {
    /// One of the protocol of developer tools.
    pub(super) fn devtools(command: &str, parameters: &Value) -> Self {
        Self { path: "goog/cdp/execute", body: json!({ "cmd": command, "params": parameters }) }
    }

    /// What was logged since this was asked last: `browser` is the console, `performance` what went over the network.
    pub(super) fn log(kind: &str) -> Self {
        Self { path: "se/log", body: json!({ "type": kind }) }
    }
}

impl WebDriverCompatibleCommand for Own {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, ParseError> {
        base.join(&format!("session/{}/{}", session.unwrap_or_default(), self.path))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        (Method::POST, Some(self.body.to_string()))
    }
}
