//! Drift and hosts: what differs, whose doing it is, what a host is owed.

use std::collections::{BTreeMap, BTreeSet};

use crate::api::when::ago;
use crate::api::{NotableResult, RunView};
use crate::cli::page::{Page, Piece, Tone, piece, plain};
use crate::domain::{
    ChangeClass, Coverage, Diff, Drift, DriftReport, HostName, HostStatus, LastCheck, Outcome, Selection,
    TaskFacts, TaskIdentity, TaskKey, Timestamp,
};

use super::run::{Shown, check_section, place_words, run_page, task_words};
use super::words::counted;

/// The differences themselves, by host, task and loop item.
pub(in crate::cli) type Diffs = BTreeMap<(HostName, TaskKey, String), Vec<Diff>>;

/// How many hosts are named before the rest is counted.
const HOSTS_NAMED: usize = 5;

/// What differs, of some stacks: identical hosts together.
pub(in crate::cli) fn drift_page(reports: &[DriftReport], diffs: &Diffs, now: Timestamp) -> Page {
    let mut page = Page::default();
    if reports.is_empty() {
        page.line(&[plain("no stack yet: `driftless status` shows what the sources say")]);
    }
    for report in reports {
        page.gap();
        page.line(&[piece(Tone::Strong, report.stack.to_string()), plain(": "), verdict(report, now)]);
        differences(&mut page, report, diffs, now);
        if let Some(correction) = &report.correction {
            page.line(&[plain(format!("  {correction}"))]);
        }
        for task in &report.tasks {
            doubts(&mut page, task);
        }
    }
    page
}

/// A check that ended, and what it means for its stack.
pub(in crate::cli) fn plan_page(view: &RunView, report: &DriftReport, shown: Shown, now: Timestamp) -> Page {
    let mut page = run_page(view, shown, now);
    let is_last = report.check.as_ref().is_some_and(|it| it.run == view.run.spec.run);
    let verdict = if is_last { Some(verdict(report, now)) } else { verdict_of_part(view, report, now) };
    if let Some(verdict) = verdict {
        page.gap();
        page.line(&[piece(Tone::Strong, report.stack.to_string()), plain(": "), verdict]);
    }
    page
}

/// What a check of some hosts says. The report, which is of the whole stack, knows which tasks it cannot rely on.
fn verdict_of_part(view: &RunView, report: &DriftReport, now: Timestamp) -> Option<Piece> {
    let (run, at) = (&view.run, view.run.ended_at?);
    let judged =
        matches!(run.ending.as_ref()?.outcome, Outcome::InSync | Outcome::Drifted | Outcome::Unreachable);
    if run.spec.selection != Selection::SomeHosts || !judged {
        return None;
    }
    let doubted = |it: &&NotableResult, of: fn(&TaskFacts) -> bool| {
        report.tasks.iter().any(|facts| of(facts) && facts.identity.key() == it.task.key())
    };
    let flaps = |it: &&NotableResult| doubted(it, |facts| facts.flapping_since.is_some());
    let of = |name| view.notable.iter().filter(move |it| check_section(it) == name);
    let differing: BTreeSet<_> = of("would change").filter(|it| !flaps(it)).map(|it| &it.host).collect();
    let flapping: BTreeSet<_> = of("would change").filter(flaps).map(|it| it.task.key()).collect();
    let unreliable = report.tasks.iter().filter(|it| it.unreliable_since.is_some()).count();
    let away = run.hosts.values().filter(|it| it.unreachable != 0).count();
    let unseen = [
        (flapping.len() as u64, "task", "flapping"),
        (unreliable as u64, "task", "unreliable in check"),
        (of("not seen").count() as u64, "result", "not seen"),
        (run.results_left_out, "result", "not listed"),
        (away as u64, "host", "unseen"),
    ];
    let unseen: Vec<String> = unseen
        .iter()
        .filter(|(count, ..)| *count != 0)
        .map(|(count, what, how)| format!("{} {how}", counted(*count, what)))
        .collect();
    let unseen = unseen.join(", ");
    let when = format!("checked at {} {} (run {})", run.spec.revision.short(), ago(now, at), run.spec.run);
    let all = run.hosts.len();
    Some(match (differing.len(), unseen.is_empty()) {
        (0, true) => piece(Tone::Good, format!("clean on the hosts that were checked; {when}")),
        (0, false) => piece(Tone::Notice, format!("clean as far as visible, {unseen}; {when}")),
        (hosts, true) => piece(Tone::Bad, format!("{hosts} of {all} checked hosts differ; {when}")),
        (hosts, false) => {
            piece(Tone::Bad, format!("{hosts} of {all} checked hosts differ, {unseen}; {when}"))
        }
    })
}

/// What the last check says, in words that are no stronger than what it saw.
fn verdict(report: &DriftReport, now: Timestamp) -> Piece {
    let Some(check) = &report.check else {
        return piece(Tone::Faint, "never checked");
    };
    let when = format!("checked at {} {} (run {})", check.revision.short(), ago(now, check.at), check.run);
    // What never comes to rest is a defect of the playbook, and no difference of a host.
    let differs = |it: &&HostStatus| it.drift.iter().any(|it| it.class != ChangeClass::Flapping);
    let hosts = report.hosts.iter().filter(differs).count();
    let all = report.hosts.len();
    match hosts {
        0 if check.changes_left_out != 0 => piece(Tone::Bad, format!("differs, {when}")),
        0 => match unseen(report, check) {
            None => piece(Tone::Good, format!("clean, {when}")),
            Some(unseen) => piece(Tone::Notice, format!("clean as far as visible, {unseen}; {when}")),
        },
        _ => {
            let unseen = unseen(report, check).map_or_else(String::new, |it| format!(", {it}"));
            piece(Tone::Bad, format!("{hosts} of {all} hosts differ{unseen}; {when}"))
        }
    }
}

/// How much a check could see: `everything seen`, `12 blind, 2 tainted`.
pub(in crate::cli) fn coverage_words(coverage: &Coverage) -> String {
    let counted = [
        (coverage.blind, "blind"),
        (coverage.tainted, "tainted"),
        (coverage.unreliable, "unreliable"),
        (coverage.ran_for_real, "ran for real"),
    ];
    let parts =
        counted.iter().filter(|(count, _)| *count != 0).map(|(count, what)| format!("{count} {what}"));
    let parts: Vec<String> = parts.collect();
    if parts.is_empty() { "everything seen".to_owned() } else { parts.join(", ") }
}

/// Why "clean" would be too much to say, even where nothing differs.
fn unseen(report: &DriftReport, check: &LastCheck) -> Option<String> {
    let coverage = &check.coverage;
    let mut parts = Vec::new();
    match report.tasks.iter().filter(|it| it.flapping_since.is_some()).count() {
        0 => {}
        tasks => parts.push(format!("{} flapping", counted(tasks as u64, "task"))),
    }
    let counts =
        [(coverage.blind, "blind"), (coverage.tainted, "tainted"), (coverage.unreliable, "unreliable")];
    parts.extend(
        counts.iter().filter(|(count, _)| *count != 0).map(|(count, what)| format!("{count} {what}")),
    );
    if check.unseen_hosts != 0 {
        parts.push(format!("{} unseen", counted(check.unseen_hosts, "host")));
    }
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// What makes differences of several hosts one: class, task, loop item, wanted content.
type Same<'a> = (ChangeClass, TaskKey, &'a str, &'a str);

/// Differences that are the same on several hosts are told once.
fn differences(page: &mut Page, report: &DriftReport, diffs: &Diffs, now: Timestamp) {
    let mut same: BTreeMap<Same<'_>, Vec<(&HostName, &Drift)>> = BTreeMap::new();
    for host in &report.hosts {
        for it in &host.drift {
            // What flaps wants another content each time.
            let digest = if it.class == ChangeClass::Flapping { "" } else { it.digest.as_str() };
            let key = (it.class, it.task.key(), it.item.as_str(), digest);
            same.entry(key).or_default().push((&host.host, it));
        }
    }
    for ((class, key, item, _), hosts) in same {
        let Some((first, drift)) = hosts.first() else { continue };
        let named: Vec<&str> = hosts.iter().take(HOSTS_NAMED).map(|(host, _)| host.as_str()).collect();
        let more = hosts.len().saturating_sub(HOSTS_NAMED);
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        let since = drift.onsets.last().map_or_else(String::new, |at| format!(", since {}", ago(now, *at)));
        let times = match drift.onsets.len() {
            0 | 1 => String::new(),
            times => format!(", {times} times"),
        };
        let item = if item.is_empty() { "" } else { " (an item of its loop)" };
        page.line(&[
            plain("  "),
            class_piece(class),
            plain(format!("  {}{item} on {}{more}{since}{times}", placed(&drift.task), named.join(", "))),
        ]);
        let known = diffs.get(&((*first).clone(), key, drift.item.clone()));
        for line in known.map_or_else(Vec::new, |it| super::said::differences(it)) {
            page.line(&[plain("      "), line]);
        }
    }
}

/// A task with its file and line, if they are known.
fn placed(task: &TaskIdentity) -> String {
    let place = place_words(task);
    if place.is_empty() {
        return task_words(task);
    }
    let name = if task.name.is_empty() { &task.action } else { &task.name };
    format!("{name} ({place})")
}

fn class_piece(class: ChangeClass) -> Piece {
    let tone = match class {
        ChangeClass::Intended => Tone::Notice,
        ChangeClass::Corrective | ChangeClass::Recurring => Tone::Bad,
        ChangeClass::Flapping => Tone::Faint,
    };
    piece(tone, class.as_str())
}

/// What is to be said about a task, whatever differs.
fn doubts(page: &mut Page, task: &TaskFacts) {
    let what = placed(&task.identity);
    let mut say = |tone, word: &str, text: String| {
        page.line(&[plain("  "), piece(tone, word), plain(format!("  {what}: {text}"))]);
    };
    if task.flapping_since.is_some() {
        say(
            Tone::Notice,
            "flapping",
            "reports a change each time: a defect of the playbook, never corrected".to_owned(),
        );
    }
    if task.unreliable_since.is_some() {
        let module = &task.identity.action;
        say(
            Tone::Notice,
            "unreliable in check",
            format!("check and apply of `{module}` disagree; counted as blind"),
        );
    }
    if task.blind != 0 {
        say(Tone::Faint, "blind", format!("check mode cannot see it ({})", counted(task.blind, "result")));
    }
    if task.for_real != 0 {
        say(
            Tone::Faint,
            "ran for real",
            format!("`check_mode: false` ({})", counted(task.for_real, "result")),
        );
    }
}

/// The hosts of a stack.
pub(in crate::cli) fn hosts_page(report: &DriftReport, now: Timestamp) -> Page {
    let mut page = Page::default();
    if report.hosts.is_empty() {
        page.line(&[plain("no apply of the whole stack told of its hosts yet")]);
        return page;
    }
    let rows = report.hosts.iter().map(|it| row(it, report, now)).collect();
    page.table(&["HOST", "APPLIED", "WHEN", "SEEN", "CHECKED", "DIFFERS", "OWED, LOCKED"], &[], rows);
    page
}

fn row(host: &HostStatus, report: &DriftReport, now: Timestamp) -> Vec<Piece> {
    let when = |at: Option<Timestamp>| plain(at.map_or_else(|| "never".to_owned(), |at| ago(now, at)));
    let wanted = report.revision.as_ref().map(|it| &it.commit);
    let applied = match &host.applied {
        None => piece(Tone::Notice, "nothing"),
        Some(commit) => {
            let tone = if Some(commit) == wanted { Tone::Good } else { Tone::Notice };
            piece(tone, commit.short())
        }
    };
    let drifted = host.drift.iter().filter(|it| it.class != ChangeClass::Flapping).count();
    let differs = match drifted {
        0 => plain(""),
        1 => piece(Tone::Bad, "1 task"),
        count => piece(Tone::Bad, format!("{count} tasks")),
    };
    vec![
        piece(Tone::Strong, host.host.as_str()),
        applied,
        when(host.applied_at),
        when(host.last_seen),
        when(host.checked_at),
        differs,
        owed(host, now),
    ]
}

fn owed(host: &HostStatus, now: Timestamp) -> Piece {
    let mut parts = Vec::new();
    if let Some(since) = host.owed_since {
        parts.push(format!("a revision, since {}", ago(now, since)));
    }
    if host.failed {
        parts.push("failed".to_owned());
    }
    let handlers: Vec<&str> = host.pending.iter().map(|it| it.handler.as_str()).collect();
    if !handlers.is_empty() {
        parts.push(format!("handlers: {}", handlers.join(", ")));
    }
    parts.extend(host.locked.clone());
    let tone = if host.failed { Tone::Bad } else { Tone::Notice };
    piece(tone, parts.join("; "))
}
