//! What the runs of an estate tell.

use std::collections::BTreeMap;

use driftless::domain::{HostName, HostStats, Mode, RunEvent, Span, Timestamp, later};
use serde_json::{Value, json};

/// How a run goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Nothing is to be done.
    Calm,
    /// Some hosts differ.
    Differs,
    /// A task fails on one host.
    Fails,
    /// One host does not answer.
    Misses,
}

impl Fate {
    /// How the newest run of a stack went. Problems are rare, as they are where this is used.
    pub(crate) fn of(stack: u32, mode: Mode) -> Self {
        match (mode, stack % 100) {
            (_, 17) => Self::Fails,
            (Mode::Apply, 41) => Self::Misses,
            (Mode::Check, 3 | 23 | 53 | 73 | 93) => Self::Differs,
            (Mode::Apply, it) if it % 2 == 0 => Self::Differs,
            _ => Self::Calm,
        }
    }
}

/// Names of tasks with their module; one of the last can fail.
const TASKS: [(&str, &str); 12] = [
    ("Create the user of the service", "ansible.builtin.user"),
    ("Install packages", "ansible.builtin.apt"),
    ("Write the configuration", "ansible.builtin.template"),
    ("Write the list of upstreams", "ansible.builtin.template"),
    ("Copy the certificate", "ansible.builtin.copy"),
    ("Set limits of the kernel", "ansible.posix.sysctl"),
    ("Rotate logs", "ansible.builtin.template"),
    ("Install the timer", "ansible.builtin.copy"),
    ("Open the port in the firewall", "ansible.builtin.template"),
    ("Ask the service for its version", "ansible.builtin.command"),
    ("Start the service", "ansible.builtin.service"),
    ("Wait until it answers", "ansible.builtin.uri"),
];

/// The task that differs, and the one that fails, by their places.
const DIFFERING: usize = 2;
const FAILING: usize = 10;

/// The events of a run, one task after the other.
pub(crate) fn events(hosts: &[String], mode: Mode, fate: Fate, begin: Timestamp) -> Vec<Vec<RunEvent>> {
    let mut at = begin;
    let mut event = |mut value: Value| -> RunEvent {
        at = later(at, Span::from_millis(3));
        value["at"] = json!(at.as_millisecond());
        serde_json::from_value(value).expect("an event")
    };
    let mut told = vec![vec![
        event(json!({"event": "hello", "ansible": "2.19.4", "python": "3.12.8"})),
        event(json!({"event": "playbook_started", "plays": 1})),
        event(json!({"event": "play_started", "name": "Everything of it", "hosts": hosts.len()})),
    ]];
    let mut recap: BTreeMap<&str, HostStats> = BTreeMap::new();
    for (task, (name, action)) in TASKS.iter().enumerate() {
        let mut batch = vec![event(json!({
            "event": "task_started", "task": task, "path": "roles/service/tasks/main.yml", "line": task * 6 + 1,
            "role": "service", "action": action, "name": name, "occurrence": 0,
        }))];
        for (host, name) in hosts.iter().enumerate() {
            let stats = recap.entry(name).or_default();
            if stats.failed + stats.unreachable > 0 {
                continue;
            }
            batch.push(event(result(task, host, name, mode, fate, stats)));
        }
        told.push(batch);
    }
    let counts: Vec<(HostName, HostStats)> =
        recap.into_iter().map(|(host, it)| (HostName::new(host), it)).collect();
    let parts = counts.chunks(500).map(|it| event(json!({"event": "stats_part", "hosts": it}))).collect();
    told.push(parts);
    told.push(vec![event(json!({"event": "stats", "hosts": []}))]);
    told
}

/// What a host tells of a task, counted.
fn result(task: usize, host: usize, name: &str, mode: Mode, fate: Fate, stats: &mut HostStats) -> Value {
    let mut told = json!({
        "event": "task_ended", "host": name, "task": task, "status": "ok", "module": TASKS[task].1,
        "duration_ms": 40 + (host * 37 + task * 211) % 1700,
    });
    let is_command = TASKS[task].1.ends_with("command");
    if fate == Fate::Misses && host == 1 && task == 0 {
        stats.unreachable += 1;
        told["status"] = json!("unreachable");
        told["detail"] = json!({"msg": format!("ssh: connect to host {name} port 22: No route to host")});
    } else if fate == Fate::Fails && host == 0 && task == FAILING {
        stats.failed += 1;
        told["status"] = json!("failed");
        told["detail"] =
            json!({"msg": "Unable to start service: Job for it failed because the control process exited"});
    } else if mode == Mode::Check && is_command {
        stats.skipped += 1;
        told["status"] = json!("skipped");
        told["blind"] = json!(true);
    } else {
        stats.ok += 1;
        if fate == Fate::Differs && task == DIFFERING && host.is_multiple_of(5) {
            stats.changed += 1;
            told["changed"] = json!(true);
            told["diff_digest"] = json!(format!("{host:08x}{task:08x}"));
            told["detail"] = json!({"diff": [{
                "path": "/etc/service/service.conf",
                "before": "listen 80;\nworkers 4;\ntimeout 30s;\n",
                "after": format!("listen 8080;\nworkers {};\ntimeout 30s;\n", 4 + host % 8),
            }]});
        }
    }
    told
}
