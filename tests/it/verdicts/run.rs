//! One run of many cases in one process: each is a play of its own, and between them failed hosts are let in again.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::table::{Place, Said, prepare};

const NONCE: &str = "00";

/// The launcher reads its order from descriptor 3, where a test can put nothing; so the order comes by stdin.
const BY_STDIN: &str = "import os, sys\nos.dup2(0, 3)\nos.dup2(os.open(os.devnull, os.O_RDONLY), 0)\n\
                        os.execv(sys.executable, [sys.executable, '-I', '-B', sys.argv[1]])\n";

/// These end the whole playbook, or keep a host out for good.
const LAST: [&str; 3] = ["any-errors-fatal", "max-fail", "unreachable"];

/// Modules that change nothing on a host.
const NEVER_COUNT: [&str; 13] = [
    "add_host",
    "debug",
    "group_by",
    "import_playbook",
    "import_role",
    "import_tasks",
    "include",
    "include_role",
    "include_tasks",
    "include_vars",
    "meta",
    "set_fact",
    "set_stats",
];

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
            let json = line.strip_prefix(NONCE).unwrap_or_else(|| panic!("a stray line: {line}"));
            listener.hear(&serde_json::from_str(json).expect("an event"));
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

#[derive(Default)]
struct Listener {
    said: Said,
    case: String,
    tasks: BTreeMap<u64, Value>,
    /// How many results of a whole task there were.
    ended: BTreeMap<(String, String, String), usize>,
}

impl Listener {
    fn hear(&mut self, event: &Value) {
        match text(event, "event") {
            "hello" => {
                let version = text(event, "ansible");
                self.said.version = version.split('.').take(2).collect::<Vec<_>>().join(".");
            }
            "play_started" => text(event, "name").clone_into(&mut self.case),
            "task_started" => {
                self.tasks.insert(number(event, "task"), event.clone());
            }
            "item_ended" | "task_ended" => self.ended(event),
            "error" => panic!("{event}"),
            _ => {}
        }
    }

    fn ended(&mut self, result: &Value) {
        let task = &self.tasks[&number(result, "task")];
        let action = text(task, "action");
        let name = Some(text(task, "name")).filter(|it| !it.is_empty()).unwrap_or(action);
        let host = text(result, "host");
        let before = self.ended.entry((self.case.clone(), name.to_owned(), host.to_owned())).or_default();
        let place = Place {
            case: self.case.clone(),
            task: if *before == 0 { name.to_owned() } else { format!("{name} ({})", *before + 1) },
            host: host.to_owned(),
            item: result.get("item").map(|it| number(it, "index")),
        };
        *before += usize::from(place.item.is_none());
        let tainted = if flag(result, "tainted") { " tainted" } else { "" };
        let verdict = format!("{}{tainted}", verdict(result, action));
        let twice = self.said.verdicts.insert(place, verdict);
        assert!(twice.is_none(), "told twice: {result}");
    }
}

/// The verdict of one result. This stands for `TaskResult::verdict`: once the events have their new fields and that
/// function is there, the line is to be decoded and it is to be asked.
fn verdict(result: &Value, action: &str) -> &'static str {
    let module = Some(text(result, "module")).filter(|it| !it.is_empty()).unwrap_or(action);
    let short = module.trim_start_matches("ansible.builtin.").trim_start_matches("ansible.legacy.");
    if NEVER_COUNT.contains(&short) || 0 < number(result, "items") {
        return "none";
    }
    match text(result, "status") {
        "failed" | "ignored" => "failed",
        "ok" | "skipped" if flag(result, "for_real") => "ran_for_real",
        "ok" | "skipped" if flag(result, "blind") => "blind",
        "skipped" if flag(result, "satisfied") => "unchanged",
        "skipped" => "skipped",
        "ok" if flag(result, "changed") => "would_change",
        "ok" => "unchanged",
        _ => "none",
    }
}

fn text<'a>(of: &'a Value, key: &str) -> &'a str {
    of.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn number(of: &Value, key: &str) -> u64 {
    of.get(key).and_then(Value::as_u64).unwrap_or_default()
}

fn flag(of: &Value, key: &str) -> bool {
    of.get(key).and_then(Value::as_bool).unwrap_or_default()
}
