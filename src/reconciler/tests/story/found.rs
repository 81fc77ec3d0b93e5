//! What a run of a story found out, asked for, and what a probe brought.

use std::collections::BTreeSet;

use crate::domain::{
    AskedPlay, Change, Findings, HostName, LockKey, NarrowingRefusal, PendingHandler, Question, RunId,
    TaskCounts, TaskIdentity, Timestamp,
};

/// `change:copy@h1` a task that changed or would, `same:copy` one that ran and did not, `blind:shell`, `narrow:safe`,
/// `narrow:hostvars`, `flight:h1`, `owes:restart@h1`, `paid:restart@h1`, `begun`.
pub(super) fn findings(run: RunId, words: &[&str]) -> Findings {
    let mut findings = Findings { begun: true, ..Findings::default() };
    for word in words {
        let (what, value) = word.split_once(':').unwrap_or((word, ""));
        match (what, value.split_once('@').unwrap_or((value, ""))) {
            ("change", (name, host)) => {
                let task = task(&mut findings, name);
                let counts = &mut findings.tasks[task as usize].1;
                (counts.ok, counts.changed) = (counts.ok + 1, counts.changed + 1);
                findings.coverage.would_change += 1;
                let (item, digest) = (String::new(), String::new());
                findings.changes.push(Change { task, host: HostName::new(host), item, digest });
            }
            ("same", (name, _)) => {
                let task = task(&mut findings, name);
                findings.tasks[task as usize].1.ok += 1;
                findings.coverage.unchanged += 1;
            }
            ("blind", (name, _)) => {
                let task = task(&mut findings, name);
                findings.tasks[task as usize].1.blind += 1;
                findings.coverage.blind += 1;
            }
            ("narrow", ("safe", _)) => findings.narrowing = Some(Vec::new()),
            ("narrow", (construct, _)) => {
                let (construct, path) = (construct.to_owned(), "site.yml".to_owned());
                findings.narrowing = Some(vec![NarrowingRefusal { construct, path, line: 3 }]);
            }
            ("flight", (host, _)) => findings.in_flight.push(HostName::new(host)),
            ("owes", (handler, host)) => {
                let debt = debt(run, handler);
                findings.pending.entry(HostName::new(host)).or_default().push(debt);
            }
            ("paid", (handler, host)) => findings.paid.push((HostName::new(host), debt(run, handler))),
            _ => panic!("nothing that can be found: {word}"),
        }
    }
    findings
}

fn task(findings: &mut Findings, name: &str) -> u32 {
    let identity = TaskIdentity {
        path: "site.yml".to_owned(),
        line: 7,
        action: "copy".to_owned(),
        name: name.to_owned(),
        ..TaskIdentity::default()
    };
    let place = findings.tasks.iter().position(|(it, _)| *it == identity).unwrap_or_else(|| {
        findings.tasks.push((identity, TaskCounts::default()));
        findings.tasks.len() - 1
    });
    u32::try_from(place).expect("few tasks")
}

fn debt(_run: RunId, handler: &str) -> PendingHandler {
    PendingHandler {
        handler: handler.to_owned(),
        play: 0,
        section: 1,
        dynamic: false,
        task: TaskIdentity::default(),
        run: RunId(1),
        since: Timestamp::UNIX_EPOCH,
    }
}

/// `start` or a number of the play, then hosts (`h1`, `h1=10.0.0.1`), then perhaps `everything PATTERN`.
pub(super) fn question(number: &str, play: &str, words: &[&str]) -> Question {
    let (hosts, plays) = match words.iter().position(|it| *it == "everything") {
        Some(at) => (&words[..at], &words[at + 1..]),
        None => (words, &[][..]),
    };
    let hosts: Vec<(HostName, LockKey)> = hosts
        .iter()
        .map(|it| {
            let (name, address) = it.split_once('=').unwrap_or((it, it));
            (HostName::new(name), LockKey::address(address, None))
        })
        .collect();
    let count = u32::try_from(hosts.len()).expect("few hosts");
    let play_of =
        |pattern: &&str, everything| AskedPlay { pattern: (*pattern).to_owned(), hosts: count, everything };
    let plays = if plays.is_empty() {
        vec![play_of(&"web", false)]
    } else {
        plays.iter().map(|it| play_of(it, true)).collect()
    };
    Question {
        number: number.parse().expect("a number"),
        play: play.parse().ok(),
        plays: if play == "start" { plays } else { Vec::new() },
        hosts: hosts.into_iter().collect(),
        inventory: count,
    }
}

/// Hosts that answered; after `busy` those on which something is under way.
pub(super) fn probed(words: &[&str]) -> (BTreeSet<HostName>, BTreeSet<HostName>) {
    let at = words.iter().position(|it| *it == "busy").unwrap_or(words.len());
    let hosts =
        |words: &[&str]| words.iter().filter(|it| **it != "busy").map(|it| HostName::new(*it)).collect();
    (hosts(words), hosts(&words[at..]))
}
