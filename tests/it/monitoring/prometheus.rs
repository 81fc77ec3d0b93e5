//! A real Prometheus, for one test: on loopback, with its data in a directory that goes with it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

/// The process and where it answers.
pub(crate) struct Prometheus {
    child: Child,
    address: String,
    _data: tempfile::TempDir,
}

impl Prometheus {
    /// One that reads these targets each second, as the job `driftless`, and evaluates these rules.
    pub(crate) fn scraping(targets: &[SocketAddr], rules: &Path) -> Self {
        let data = tempfile::tempdir().expect("a directory");
        let targets: Vec<String> = targets.iter().map(|it| format!("{:?}", it.to_string())).collect();
        let config = format!(
            "global: {{ scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s }}\n\
             rule_files: [\"{}\"]\n\
             scrape_configs:\n  - job_name: driftless\n    static_configs: [{{ targets: [{}] }}]\n",
            rules.display(),
            targets.join(", ")
        );
        let file = data.path().join("prometheus.yml");
        std::fs::write(&file, config).expect("a configuration");
        let mut child = Command::new("prometheus")
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", data.path().join("data").display()))
            .arg("--web.listen-address=127.0.0.1:0")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("Debian's prometheus starts; scripts/setup installs it");
        let mut log = BufReader::new(child.stderr.take().expect("its log"));
        let address = listening_on(&mut log);
        // It goes on to log, and must not wait for somebody to read that.
        drop(std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink())));
        Self { child, address, _data: data }
    }

    /// The samples that a query gives now.
    pub(crate) fn query(&self, query: &str) -> Vec<Value> {
        let path = format!("/api/v1/query?query={}", encoded(query));
        let answer = self.get(&path).unwrap_or_default();
        assert!(answer["status"] != "error", "{query}: {}", answer["error"]);
        answer["data"]["result"].as_array().cloned().unwrap_or_default()
    }

    /// The numbers that a query gives now; what is not a number is left out.
    pub(crate) fn numbers(&self, query: &str) -> Vec<f64> {
        let samples = self.query(query);
        let values = samples.iter().filter_map(|it| it["value"][1].as_str()?.parse::<f64>().ok());
        values.filter(|it| it.is_finite()).collect()
    }

    /// Each rule with its health: `ok` once it was evaluated.
    pub(crate) fn rules(&self) -> Vec<(String, String)> {
        let answer = self.get("/api/v1/rules").unwrap_or_default();
        let groups = answer["data"]["groups"].as_array().cloned().unwrap_or_default();
        let rules = groups.iter().flat_map(|it| it["rules"].as_array().cloned().unwrap_or_default());
        let text = |it: &Value| it.as_str().unwrap_or_default().to_owned();
        rules.map(|it| (text(&it["name"]), text(&it["health"]))).collect()
    }

    /// `None` while it does not answer.
    fn get(&self, path: &str) -> Option<Value> {
        let mut stream = TcpStream::connect(&self.address).ok()?;
        // In HTTP/1.0 the answer ends with the connection.
        write!(stream, "GET {path} HTTP/1.0\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        serde_json::from_str(answer.split_once("\r\n\r\n")?.1).ok()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        // The test is over; nothing of its data is wanted.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Reads its log until it says where it listens.
fn listening_on(log: &mut impl std::io::BufRead) -> String {
    let mut said = String::new();
    for line in log.lines() {
        let line = line.expect("text");
        if line.contains("Listening on")
            && let Some((_, address)) = line.split_once("address=")
        {
            return address.trim().to_owned();
        }
        said = said + &line + "\n";
    }
    panic!("Prometheus ended before it listened:\n{said}");
}

fn encoded(text: &str) -> String {
    let plain = |it: u8| it.is_ascii_alphanumeric() || b"-_.".contains(&it);
    text.bytes().map(|it| if plain(it) { char::from(it).to_string() } else { format!("%{it:02X}") }).collect()
}
