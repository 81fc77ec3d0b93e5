//! One run: why, how it ended, what it did on which host.

use std::collections::HashMap;

use super::hosts::{recap_table, some_of};
use super::outcome::{ending_piece, selection_note, what_next};
use super::said::{differences, why};
use super::words::counted;
use crate::api::when::{ago, exact, took};
use crate::api::{NotableResult, RunView};
use crate::cli::page::{Page, Piece, Tone, piece, plain};
use crate::domain::{Mode, ResultStatus, Run, RunId, RuntimeSpec, TaskIdentity, Timestamp};

/// So many different things that hosts said of one task are shown.
const SAYINGS: usize = 5;

/// What is shown of a run beside what always is.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::cli) struct Shown {
    /// The differences themselves.
    pub(in crate::cli) diff: bool,
    /// Whether what comes after it is still to come.
    pub(in crate::cli) next: Next,
}

/// Whether what comes after a run is still to come.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::cli) enum Next {
    /// It is the newest one of its stack and mode.
    #[default]
    Due,
    /// This newer one came after it.
    Newer(RunId),
    /// Nobody knows.
    Unknown,
}

/// How many changes that went otherwise than predicted are shown.
const BROKEN_SHOWN: usize = 20;

/// One run.
pub(in crate::cli) fn run_page(view: &RunView, shown: Shown, now: Timestamp) -> Page {
    let run = &view.run;
    let mut page = Page::default();
    page.line(&[
        piece(Tone::Strong, format!("run {}", run.spec.run)),
        plain(format!("  {}  ", run.spec.stack)),
        ending_piece(run.ending.as_ref()),
    ]);
    origin(&mut page, run);
    page.field("started", started(run, now));
    place(&mut page, run);
    ending(&mut page, run, shown.next);
    predictions(&mut page, run);
    if !run.hosts.is_empty() {
        page.gap();
        recap_table(&mut page, &run.hosts);
    }
    notable(&mut page, &view.notable, run.spec.mode, shown);
    left_out(&mut page, view);
    page
}

fn origin(page: &mut Page, run: &Run) {
    let spec = &run.spec;
    page.field("revision", spec.revision.to_string());
    let attempt = match spec.failures_before {
        0 => String::new(),
        before => format!(", attempt {}", before.saturating_add(1)),
    };
    page.field("mode", format!("{} ({}{attempt})", spec.mode, spec.trigger.words()));
    if !run.reason.is_empty() {
        page.field("why", &run.reason);
    }
    if let Some(person) = &spec.requested_by {
        page.field("asked by", person);
    }
}

fn started(run: &Run, now: Timestamp) -> String {
    match (run.started_at, run.ended_at) {
        (Some(started), Some(ended)) => {
            let length = took(ended.duration_since(started));
            format!("{} ({}), took {length}", exact(started), ago(now, started))
        }
        (Some(started), None) => {
            format!("{}, running for {}", exact(started), took(now.duration_since(started)))
        }
        (None, Some(ended)) => format!("never; it ended {}", ago(now, ended)),
        (None, None) => format!("not yet; decided {}", ago(now, run.decided_at)),
    }
}

fn place(page: &mut Page, run: &Run) {
    let spec = &run.spec;
    page.field("playbook", format!("{} on {}", spec.playbook, spec.inventory));
    if let Some(limit) = &spec.limit {
        page.field("limit", limit);
    }
    if !spec.tags.is_empty() {
        page.field("tags", spec.tags.join(", "));
    }
    if !spec.skip_tags.is_empty() {
        page.field("skip tags", spec.skip_tags.join(", "));
    }
    if let Some(note) = selection_note(spec.selection, spec.mode) {
        page.field("covers", note);
    }
    let wanted = match &spec.runtime {
        RuntimeSpec::System => "of the system",
        RuntimeSpec::Managed { .. } => "managed",
    };
    let version = run
        .ansible_version
        .as_deref()
        .map_or_else(|| "ansible".to_owned(), |it| format!("ansible-core {it}"));
    let hash = run.runtime.as_deref().map_or_else(String::new, |it| format!(", runtime {it}"));
    page.field("ansible", format!("{version}, {wanted}{hash}"));
}

fn ending(page: &mut Page, run: &Run, next: Next) {
    let Some(ending) = &run.ending else { return };
    page.gap();
    if let Some(reason) = &ending.reason {
        let tone = if ending.outcome.is_success() { Tone::Plain } else { Tone::Bad };
        page.line(&[piece(tone, reason.to_string())]);
    }
    let usual = what_next(ending.outcome, run.spec.mode, run.spec.selection);
    match (usual, next) {
        (Some(usual), Next::Due) => page.line(&[plain(format!("  -> {usual}"))]),
        (Some(_), Next::Newer(newer)) => {
            page.line(&[plain(format!("  -> run {newer} of this stack is newer: `driftless show {newer}`"))]);
        }
        (Some(_), Next::Unknown) | (None, _) => {}
    }
}

/// How it compares with the previews of what it applied.
fn predictions(page: &mut Page, run: &Run) {
    for it in &run.predictions {
        page.gap();
        let (number, title) = (it.merge_request, &it.title);
        let others = if it.with_others { ", with other merge requests" } else { "" };
        let Some(compared) = &it.compared else {
            page.line(&[plain(format!("it applied !{number} {title}{others}; there was no live preview"))]);
            continue;
        };
        let tone = if compared.holds() { Tone::Good } else { Tone::Notice };
        page.line(&[plain(format!("it applied !{number} {title}{others}, ")), piece(tone, compared.words())]);
        for broken in compared.broken.iter().take(BROKEN_SHOWN) {
            let task = task_words(&broken.task);
            page.line(&[plain(format!("  {}: {task} on {}", broken.kind.words(), broken.host))]);
        }
        if BROKEN_SHOWN < compared.broken.len() {
            page.line(&[piece(Tone::Faint, "  more with --output json")]);
        }
    }
}

/// Results of one task that ended the same, on one or more hosts.
struct Alike<'a> {
    task: &'a TaskIdentity,
    words: &'static str,
    items: usize,
    said: Vec<Said<'a>>,
}

/// What some hosts said of a task, in the same words.
struct Said<'a> {
    lines: Vec<Piece>,
    hosts: Vec<&'a str>,
}

const FAILED: &str = "failed";
const AWAY: &str = "did not answer";

fn notable(page: &mut Page, results: &[NotableResult], mode: Mode, shown: Shown) {
    let (section_of, words): (fn(&NotableResult) -> &'static str, _) = match mode {
        Mode::Check => (check_section, check_words as fn(&NotableResult) -> &'static str),
        Mode::Apply => (apply_section, status_words as fn(&NotableResult) -> &'static str),
    };
    let sections = [
        (FAILED, Tone::Bad),
        (AWAY, Tone::Bad),
        ("changed", Tone::Notice),
        ("would change", Tone::Notice),
        ("not seen", Tone::Notice),
        ("ran for real", Tone::Faint),
        ("tolerated or not seen", Tone::Faint),
        ("other", Tone::Faint),
    ];
    for (name, tone) in sections {
        let of = results.iter().filter(|it| section_of(it) == name);
        section(page, name, tone, &alike(of, words, shown.diff));
    }
}

fn apply_section(result: &NotableResult) -> &'static str {
    match result.status {
        ResultStatus::Failed => FAILED,
        ResultStatus::Unreachable => AWAY,
        _ if result.changed => "changed",
        _ => "tolerated or not seen",
    }
}

/// Where a check tells it: what it saw, what it could not see, and what it did for real.
pub(super) fn check_section(result: &NotableResult) -> &'static str {
    match result.status {
        ResultStatus::Failed => FAILED,
        ResultStatus::Unreachable => AWAY,
        ResultStatus::Ok | ResultStatus::Skipped if result.for_real => "ran for real",
        ResultStatus::Ok | ResultStatus::Skipped if result.blind || result.tainted => "not seen",
        ResultStatus::Ok if result.changed => "would change",
        _ => "other",
    }
}

fn check_words(result: &NotableResult) -> &'static str {
    match result.status {
        ResultStatus::Ok | ResultStatus::Skipped if result.for_real => {
            if result.changed {
                "changed for real"
            } else {
                "ran for real"
            }
        }
        ResultStatus::Ok | ResultStatus::Skipped if result.blind => "check mode is blind",
        ResultStatus::Ok | ResultStatus::Skipped if result.tainted => "rests on what was not seen",
        ResultStatus::Ok if result.changed => "would change",
        _ => status_words(result),
    }
}

fn alike<'a>(
    results: impl Iterator<Item = &'a NotableResult>,
    words_of: fn(&NotableResult) -> &'static str,
    diff: bool,
) -> Vec<Alike<'a>> {
    let mut groups: Vec<Alike<'a>> = Vec::new();
    let mut places: HashMap<(&TaskIdentity, &str), usize> = HashMap::new();
    let mut sayings: HashMap<(usize, Vec<Piece>), usize> = HashMap::new();
    for result in results {
        let words = words_of(result);
        let place = *places.entry((&result.task, words)).or_insert_with(|| {
            groups.push(Alike { task: &result.task, words, items: 0, said: Vec::new() });
            groups.len() - 1
        });
        let group = &mut groups[place];
        group.items += usize::from(result.item.is_some());
        let lines = lines_of(result, diff);
        let saying = *sayings.entry((place, lines.clone())).or_insert_with(|| {
            group.said.push(Said { lines, hosts: Vec::new() });
            group.said.len() - 1
        });
        group.said[saying].hosts.push(result.host.as_str());
    }
    for said in groups.iter_mut().flat_map(|it| &mut it.said) {
        said.hosts.sort_unstable();
        said.hosts.dedup();
    }
    groups
}

fn lines_of(result: &NotableResult, diff: bool) -> Vec<Piece> {
    let mut lines = why(result.status, result.detail.as_deref(), result.no_log);
    if let (true, Some(detail)) = (diff, &result.detail) {
        lines.extend(differences(&detail.diff));
    }
    lines
}

fn section(page: &mut Page, name: &'static str, tone: Tone, groups: &[Alike<'_>]) {
    if groups.is_empty() {
        return;
    }
    page.gap();
    page.line(&[piece(tone, name)]);
    for group in groups {
        let items = match group.items {
            0 => String::new(),
            items => format!(", {}", counted(items as u64, "item")),
        };
        let words = if group.words == name { String::new() } else { format!("{}: ", group.words) };
        page.line(&[
            plain(format!("  {words}{}{items}  ", task_words(group.task))),
            piece(Tone::Faint, place_words(group.task)),
        ]);
        sayings(page, &group.said);
    }
}

/// Who said what; of many different things only the first ones.
fn sayings(page: &mut Page, all: &[Said<'_>]) {
    for said in all.iter().take(SAYINGS) {
        page.line(&[plain(format!("    {}", some_of(&said.hosts)))]);
        for line in &said.lines {
            page.line(&[plain("      "), line.clone()]);
        }
    }
    let mut others: Vec<&str> = all.iter().skip(SAYINGS).flat_map(|it| it.hosts.iter().copied()).collect();
    if !others.is_empty() {
        others.sort_unstable();
        others.dedup();
        let text = format!("    {}: other words; --output json has all", some_of(&others));
        page.line(&[piece(Tone::Faint, text)]);
    }
}

fn status_words(result: &NotableResult) -> &'static str {
    match result.status {
        ResultStatus::Failed => FAILED,
        ResultStatus::Unreachable => AWAY,
        ResultStatus::Ignored => "failed, tolerated",
        ResultStatus::UnreachableIgnored => "unreachable, tolerated",
        _ if result.for_real && result.changed => "changed for real",
        _ if result.blind => "could not be simulated",
        _ if result.changed => "changed",
        ResultStatus::Skipped => "skipped",
        ResultStatus::Ok => "ok",
    }
}

/// `web : install nginx (apt)`, with the role before it.
pub(in crate::cli) fn task_words(task: &TaskIdentity) -> String {
    let role = task.role.as_ref().map_or_else(String::new, |it| format!("{it} : "));
    if task.name.is_empty() {
        format!("{role}{}", task.action)
    } else {
        format!("{role}{} ({})", task.name, task.action)
    }
}

/// `roles/web/tasks/main.yml:12`.
pub(super) fn place_words(task: &TaskIdentity) -> String {
    if task.path.is_empty() { String::new() } else { format!("{}:{}", task.path, task.line) }
}

fn left_out(page: &mut Page, view: &RunView) {
    let run = &view.run;
    let mut notes = run.ending.as_ref().map(|it| it.notes.clone()).unwrap_or_default();
    if run.results_left_out != 0 {
        let count = run.results_left_out;
        notes
            .push(format!("{count} more results are not listed; `driftless logs {}` has them", run.spec.run));
    }
    if run.events_lost != 0 {
        notes.push(format!("{} events could not be recorded; what is above is not all", run.events_lost));
    }
    if view.events_expired {
        notes.push("its events are not kept any more".to_owned());
    }
    if !notes.is_empty() {
        page.gap();
    }
    for note in notes {
        page.line(&[piece(Tone::Notice, note)]);
    }
}
