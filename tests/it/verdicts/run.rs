//! One run of many cases in one process: each is a play of its own, and between them failed hosts are let in again.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use driftless::ansible::decode::{Decoder, Line};
use driftless::domain::{HostName, RunEventKind, TaskIdentity, TaskNumber, TaskResult, Verdict};
use serde_json::json;

use super::table::{Place, Said, prepare};

const NONCE: &str = "00";

/// The launcher reads its order from descriptor 3, where a test can put nothing; so the order comes by stdin.
const BY_STDIN: &str = "import os, sys\nos.dup2(0, 3)\nos.dup2(os.open(os.devnull, os.O_RDONLY), 0)\n\
                        os.execv(sys.executable, [sys.executable, '-I', '-B', sys.argv[1]])\n";

/// These end the whole playbook, or keep a host out for good.
const LAST: [&str; 3] = ["any-errors-fatal", "max-fail", "unreachable"];

pub(super) fn playbooks() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("playbooks/verdicts")
}

/// What check mode says of these cases with the ansible-core of an environment.
pub(super) fn check(environment: &Path, cases: &[&str]) -> Said {
    let (together, alone): (Vec<&str>, Vec<&str>) = cases.iter().partition(|it| !LAST.contains(it));
    let mut said = Said { version: String::new(), verdicts: BTreeMap::new() };
    for batch in [together].into_iter().chain(alone.into_iter().map(|it| vec![it])) {
        let mut listener = Listener { said, ..Listener::default() };
        for line in stream(environment, &batch).lines() {
            match Decoder::new(NONCE).decode(line.as_bytes()) {
                Line::Event(event) => listener.hear(event.kind),
                other => panic!("a stray line: {line}: {other:?}"),
            }
        }
        said = listener.said;
    }
    said
}

/// The events of one process.
fn stream(environment: &Path, cases: &[&str]) -> String {
    let dir = tempfile::Builder::new().prefix("verdicts-").tempdir().expect("a directory");
    let (checkout, room) = (dir.path().join("checkout"), dir.path().join("room"));
    let copied = Command::new("cp").arg("-r").arg(playbooks()).arg(&checkout).status().expect("cp starts");
    assert!(copied.success());
    prepare(&room, cases);
    fs::write(checkout.join("site.yml"), site(cases)).expect("written");

    let python = environment.join("bin/python");
    let launcher = Path::new(env!("CARGO_MANIFEST_DIR")).join("python/launcher.py");
    let extra = json!({"room": room}).to_string();
    let argv = ["--inventory=hosts.ini", "--extra-vars", &extra, "--check", "--diff", "--", "site.yml"];
    let order = json!({"nonce": NONCE, "argv": argv, "checkout": checkout, "item_key": "00".repeat(16)});
    let mut child = Command::new(python)
        .args(["-I", "-c", BY_STDIN])
        .arg(launcher)
        .current_dir(&checkout)
        .env_clear()
        .env("PATH", format!("{}/bin:/usr/sbin:/usr/bin:/sbin:/bin", environment.display()))
        .env("HOME", dir.path())
        .env("LC_ALL", "C.UTF-8")
        .env("ANSIBLE_HOME", dir.path().join("ansible"))
        .env("ANSIBLE_REMOTE_TMP", dir.path().join("remote"))
        .env("ANSIBLE_NOCOLOR", "1")
        .env("ANSIBLE_PIPELINING", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the launcher starts");
    writeln!(child.stdin.take().expect("its stdin"), "{order}").expect("the order is read");
    let done = child.wait_with_output().expect("it ends");
    let log = String::from_utf8_lossy(&done.stderr);
    // 2: a host failed, 4: a host was unreachable. Cases mean both to happen.
    assert!(matches!(done.status.code(), Some(0 | 2 | 4)), "{}: {log}", environment.display());
    let events = String::from_utf8(done.stdout).expect("events are ASCII");
    assert!(events.contains("\"event\":\"stats\""), "{}: {log}", environment.display());
    events
}

fn site(cases: &[&str]) -> String {
    let mut site = String::new();
    for case in cases {
        write!(
            site,
            "- ansible.builtin.import_playbook: {case}.yml\n- name: between\n  hosts: [pair, localhost]\n  \
             gather_facts: false\n  tasks:\n    - ansible.builtin.meta: clear_host_errors\n"
        )
        .expect("a string takes everything");
    }
    site
}

/// What the product makes of a stream: its decoder reads it, and its results are asked for their verdicts.
#[derive(Default)]
struct Listener {
    said: Said,
    case: String,
    tasks: BTreeMap<TaskNumber, TaskIdentity>,
    /// How many results of a whole task there were.
    ended: BTreeMap<(String, String, HostName), usize>,
}

impl Listener {
    fn hear(&mut self, event: RunEventKind) {
        match event {
            RunEventKind::Hello { ansible, .. } => {
                self.said.version = ansible.split('.').take(2).collect::<Vec<_>>().join(".");
            }
            RunEventKind::PlayStarted { name, .. } => self.case = name,
            RunEventKind::TaskStarted { task, identity, .. } => drop(self.tasks.insert(task, identity)),
            RunEventKind::ItemEnded(result) | RunEventKind::TaskEnded(result) => self.ended(&result),
            RunEventKind::Error { .. } => panic!("{event:?}"),
            _ => {}
        }
    }

    fn ended(&mut self, result: &TaskResult) {
        let task = &self.tasks[&result.task];
        let name = if task.name.is_empty() { &task.action } else { &task.name };
        let before = self.ended.entry((self.case.clone(), name.clone(), result.host.clone())).or_default();
        let place = Place {
            case: self.case.clone(),
            task: if *before == 0 { name.clone() } else { format!("{name} ({})", *before + 1) },
            host: result.host.to_string(),
            item: result.item.as_ref().map(|it| u64::from(it.index)),
        };
        *before += usize::from(place.item.is_none());
        let verdict = result.verdict(&task.action).map_or("none", Verdict::as_str);
        let verdict = format!("{verdict}{}", if result.tainted { " tainted" } else { "" });
        let twice = self.said.verdicts.insert(place, verdict);
        assert!(twice.is_none(), "told twice: {result:?}");
    }
}
