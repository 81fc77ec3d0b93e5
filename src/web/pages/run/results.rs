//! The results that people look for, folded: what is the same on many hosts is told once.

use std::collections::HashMap;

use super::facts::{place_words, task_words};
use crate::api::{NotableResult, RunView};
use crate::domain::{Detail, Mode, ResultStatus, RunOutline, TaskIdentity, TaskNumber};
use crate::web::pages::markup::{Markup, Tag};
use crate::web::pages::words::{Given, Tone, counted};
use crate::web::pages::{ansi, diff};

/// The most tasks of one section, ways in which a task ended, and hosts that are named of each.
const TASKS: usize = 60;
const WAYS: usize = 8;
const HOSTS: usize = 30;

/// How many rows of differences are shown on one page; what comes later is shown on the page of its task.
const ROWS: usize = 3_000;

/// How many lines of what a task said are shown.
const LINES: usize = 40;

/// What the filter asks for.
pub(super) struct Asked<'a> {
    pub(super) host: &'a str,
    pub(super) status: &'a str,
    pub(super) text: &'a str,
}

/// The mark of a task among the results of one tone, for links to it.
pub(in crate::web::pages) fn result_id(tone: impl Given<Tone>, key: &str) -> String {
    format!("result-{}-{key}", tone.given().class())
}

/// The sections, the worst first.
#[derive(Debug, Default)]
pub(super) struct Results {
    pub(super) sections: Vec<Section>,
}

/// Results of one kind.
#[derive(Debug)]
pub(super) struct Section {
    pub(super) title: &'static str,
    pub(super) about: &'static str,
    pub(super) tone: Tone,
    pub(super) tasks: Vec<TaskGroup>,
    pub(super) tasks_left_out: usize,
    pub(super) results: usize,
}

impl Section {
    /// How many results it has, in words.
    pub(super) fn count(&self) -> String {
        counted(self.results as u64, "result")
    }
}

/// One task.
#[derive(Debug)]
pub(super) struct TaskGroup {
    pub(super) key: String,
    pub(super) name: String,
    pub(super) action: String,
    pub(super) place: String,
    pub(super) number: Option<TaskNumber>,
    pub(super) ways: Vec<Way>,
    pub(super) ways_left_out: usize,
    pub(super) hosts: usize,
}

/// Hosts on which it ended in the same way.
#[derive(Debug)]
pub(super) struct Way {
    pub(super) words: String,
    pub(super) hosts: Vec<String>,
    pub(super) hosts_left_out: usize,
    pub(super) said: Option<Markup>,
    pub(super) open: bool,
}

/// How results are told: by the section, by what is said of them.
struct Kind {
    title: &'static str,
    about: &'static str,
    tone: Tone,
    status: &'static str,
}

const FAILED: Kind = Kind { title: "Failed", about: "", tone: Tone::Bad, status: "failed" };
const CHANGED: Kind = Kind { title: "Changed", about: "", tone: Tone::Notice, status: "changed" };
const WOULD: Kind =
    Kind { title: "Would change", about: "An apply would do this.", tone: Tone::Notice, status: "changed" };
const BLIND: Kind = Kind {
    title: "Not seen",
    about: "Check mode could not say what these would do.",
    tone: Tone::Notice,
    status: "blind",
};
const REAL: Kind = Kind {
    title: "Ran for real",
    about: "The playbook executes these even in check mode.",
    tone: Tone::Quiet,
    status: "real",
};
const OTHER: Kind = Kind {
    title: "Tolerated",
    about: "Failed, and the playbook goes on.",
    tone: Tone::Quiet,
    status: "other",
};

fn kinds(mode: Mode) -> [&'static Kind; 5] {
    let changed = if mode == Mode::Check { &WOULD } else { &CHANGED };
    [&FAILED, changed, &BLIND, &REAL, &OTHER]
}

/// The place of the kind of a result in [`kinds`].
fn kind(result: &NotableResult) -> usize {
    match result.status {
        ResultStatus::Failed | ResultStatus::Unreachable => 0,
        ResultStatus::Ok | ResultStatus::Skipped if result.for_real => 3,
        ResultStatus::Ok | ResultStatus::Skipped if result.blind || result.tainted => 2,
        ResultStatus::Ok if result.changed => 1,
        _ => 4,
    }
}

/// How it ended, in words, where the section does not say it.
pub(in crate::web::pages) fn result_words(result: &NotableResult, mode: Mode) -> &'static str {
    match result.status {
        ResultStatus::Failed => "failed",
        ResultStatus::Unreachable => "did not answer",
        ResultStatus::Ignored => "failed, tolerated",
        ResultStatus::UnreachableIgnored => "did not answer, tolerated",
        _ if result.for_real && result.changed => "changed for real",
        _ if result.for_real => "ran for real",
        _ if result.blind => "check mode is blind",
        _ if result.tainted => "rests on what was not seen",
        ResultStatus::Ok if result.changed && mode == Mode::Check => "would change",
        ResultStatus::Ok if result.changed => "changed",
        ResultStatus::Skipped => "skipped",
        ResultStatus::Ok => "ok",
    }
}

impl Asked<'_> {
    fn wants(&self, result: &NotableResult, kind: &Kind) -> bool {
        let has =
            |text: &str, part: &str| part.is_empty() || text.to_lowercase().contains(&part.to_lowercase());
        let status = self.status.is_empty()
            || self.status == kind.status
            || (self.status == "unreachable" && result.status == ResultStatus::Unreachable);
        let task = || {
            has(&task_words(&result.task), self.text)
                || has(&place_words(&result.task), self.text)
                || has(&result.task.action, self.text)
        };
        status && has(result.host.as_str(), self.host) && (self.text.is_empty() || task())
    }
}

impl Results {
    pub(super) fn of(view: &RunView, outline: Option<&RunOutline>, asked: &Asked<'_>) -> Self {
        let mode = view.run.spec.mode;
        let kinds = kinds(mode);
        let mut sorted: [Vec<&NotableResult>; 5] = Default::default();
        for result in &view.notable {
            let place = kind(result);
            if asked.wants(result, kinds[place]) {
                sorted[place].push(result);
            }
        }
        let numbers: HashMap<&TaskIdentity, TaskNumber> =
            outline.iter().flat_map(|it| &it.tasks).map(|it| (&it.identity, it.task)).collect();
        let mut rows = ROWS;
        let sections = kinds.iter().zip(sorted).filter(|(_, results)| !results.is_empty());
        let sections = sections.map(|(kind, results)| section(kind, &results, mode, &numbers, &mut rows));
        Self { sections: sections.collect() }
    }
}

fn section(
    kind: &Kind,
    results: &[&NotableResult],
    mode: Mode,
    numbers: &HashMap<&TaskIdentity, TaskNumber>,
    rows: &mut usize,
) -> Section {
    let mut order: Vec<(&TaskIdentity, Vec<&NotableResult>)> = Vec::new();
    let mut places: HashMap<&TaskIdentity, usize> = HashMap::new();
    for result in results {
        let place = *places.entry(&result.task).or_insert_with(|| {
            order.push((&result.task, Vec::new()));
            order.len() - 1
        });
        order[place].1.push(result);
    }
    let tasks_left_out = order.len().saturating_sub(TASKS);
    let tasks = order.into_iter().take(TASKS).map(|(task, results)| {
        let open = kind.status == "failed" || results.len() <= 3;
        group(task, &results, mode, numbers.get(task).copied(), (rows, open))
    });
    Section {
        title: kind.title,
        about: kind.about,
        tone: kind.tone,
        tasks: tasks.collect(),
        tasks_left_out,
        results: results.len(),
    }
}

fn group(
    task: &TaskIdentity,
    results: &[&NotableResult],
    mode: Mode,
    number: Option<TaskNumber>,
    (rows, open): (&mut usize, bool),
) -> TaskGroup {
    let mut order: Vec<(&NotableResult, Vec<String>)> = Vec::new();
    // What they said can be long: by its text only within one way of ending.
    let mut places: HashMap<(&'static str, String), usize> = HashMap::new();
    for result in results {
        let said = result.detail.as_ref().map(|it| serde_json::to_string(it).unwrap_or_default());
        let key = (result_words(result, mode), said.unwrap_or_default());
        let place = *places.entry(key).or_insert_with(|| {
            order.push((result, Vec::new()));
            order.len() - 1
        });
        order[place].1.push(host_words(result));
    }
    let mut hosts: Vec<&str> = results.iter().map(|it| it.host.as_str()).collect();
    hosts.sort_unstable();
    hosts.dedup();
    order.sort_by_key(|(_, hosts)| std::cmp::Reverse(hosts.len()));
    let ways_left_out = order.len().saturating_sub(WAYS);
    let ways = order.into_iter().take(WAYS).map(|(first, mut named)| {
        let count = named.len();
        named.sort_unstable();
        named.truncate(HOSTS);
        Way {
            words: way_words(first, mode, count),
            hosts_left_out: count - named.len(),
            hosts: named,
            said: said(first, rows),
            open,
        }
    });
    TaskGroup {
        key: task.key().to_string(),
        name: task_words(task),
        action: task.action.clone(),
        place: place_words(task),
        number,
        ways: ways.collect(),
        ways_left_out,
        hosts: hosts.len(),
    }
}

fn way_words(result: &NotableResult, mode: Mode, count: usize) -> String {
    let what = if result.item.is_some() { "item" } else { "host" };
    format!("{} on {}", result_words(result, mode), counted(count as u64, what))
}

fn host_words(result: &NotableResult) -> String {
    let mut words = result.host.to_string();
    if let Some(item) = result.item {
        words.extend([" (item ", &(u64::from(item) + 1).to_string(), ")"]);
    }
    if let Some(host) = &result.delegated_to {
        words.extend([" (delegated to ", host.as_str(), ")"]);
    }
    words
}

/// What a result said, while there is room for it.
fn said(result: &NotableResult, rows: &mut usize) -> Option<Markup> {
    if result.no_log {
        return Some(Tag::new("p").class("muted").text("What it said is hidden by no_log."));
    }
    let detail = result.detail.as_deref()?;
    if *rows == 0 {
        return Some(
            Tag::new("p")
                .class("muted")
                .text("There is much on this page: the page of the task shows what it said."),
        );
    }
    Some(detail_markup(detail, rows))
}

/// Messages, output and differences of one result.
pub(in crate::web::pages) fn detail_markup(detail: &Detail, rows: &mut usize) -> Markup {
    let mut all = Markup::default();
    let mut text = |name: &str, text: &str| {
        if !text.is_empty() {
            let label = Tag::new("h4").text(name);
            all.push(&label);
            all.push(&ansi::markup::block(text, LINES));
        }
    };
    // Modules repeat what they wrote in their message.
    let repeats = detail.msg == detail.stdout || detail.msg == detail.stderr;
    text("message", if repeats { "" } else { &detail.msg });
    text("standard output", &detail.stdout);
    text("standard error", &detail.stderr);
    if let Some(code) = detail.rc.filter(|it| *it != 0) {
        all.push(&Tag::new("p").class("muted").text(&format!("exit status {code}")));
    }
    let mut left_out = 0_u64;
    for it in &detail.diff {
        if *rows == 0 {
            left_out += 1;
            continue;
        }
        let shown = diff::shown(it);
        *rows = rows.saturating_sub(shown.rows.len() + 1);
        all.push(&shown.markup());
    }
    if left_out != 0 {
        let words = format!("{} more are not shown", counted(left_out, "difference"));
        all.push(&Tag::new("p").class("muted").text(&words));
    }
    if detail.cut {
        all.push(&Tag::new("p").class("muted").text("It said more than is kept."));
    }
    Tag::new("div").class("said").around(&all)
}
