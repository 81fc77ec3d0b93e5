//! One run: why, how it ended, what it did on which host.

use std::collections::HashMap;

use super::hosts::{recap_table, some_of};
use super::outcome::{ending_piece, selection_note, what_next};
use crate::api::when::{ago, exact, took};
use crate::api::{NotableResult, RunView};
use crate::cli::page::{Page, Tone, piece, plain};
use crate::domain::{Mode, ResultStatus, Run, RuntimeSpec, TaskIdentity, Timestamp};

/// How many changes that went otherwise than predicted are shown.
const BROKEN_SHOWN: usize = 20;

/// One run.
pub(in crate::cli) fn run_page(view: &RunView, now: Timestamp) -> Page {
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
    ending(&mut page, run);
    predictions(&mut page, run);
    if !run.hosts.is_empty() {
        page.gap();
        recap_table(&mut page, &run.hosts);
    }
    notable(&mut page, &view.notable, view.run.spec.mode);
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
    if let Some(note) = selection_note(spec.selection) {
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

fn ending(page: &mut Page, run: &Run) {
    let Some(ending) = &run.ending else { return };
    page.gap();
    if let Some(reason) = &ending.reason {
        let tone = if ending.outcome.is_success() { Tone::Plain } else { Tone::Bad };
        page.line(&[piece(tone, reason.to_string())]);
    }
    if let Some(next) = what_next(ending.outcome, run.spec.mode, run.spec.selection) {
        page.line(&[plain(format!("  -> {next}"))]);
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

/// Results of one task that are the same, on one or more hosts.
struct Alike<'a> {
    task: &'a TaskIdentity,
    words: &'static str,
    hosts: Vec<&'a str>,
    items: usize,
}

fn notable(page: &mut Page, results: &[NotableResult], mode: Mode) {
    if mode == Mode::Check {
        return notable_of_check(page, results);
    }
    let failed = |it: &&NotableResult| matches!(it.status, ResultStatus::Failed | ResultStatus::Unreachable);
    let changed = |it: &&NotableResult| !failed(it) && it.changed;
    let other = |it: &&NotableResult| !failed(it) && !it.changed;
    section(page, "failed", Tone::Bad, &alike(results.iter().filter(failed), status_words));
    section(page, "changed", Tone::Notice, &alike(results.iter().filter(changed), status_words));
    section(page, "tolerated or not seen", Tone::Faint, &alike(results.iter().filter(other), status_words));
}

/// What a check saw, what it could not see, and what it did for real.
fn notable_of_check(page: &mut Page, results: &[NotableResult]) {
    let sections = [
        ("failed", Tone::Bad),
        ("would change", Tone::Notice),
        ("not seen", Tone::Notice),
        ("ran for real", Tone::Faint),
        ("other", Tone::Faint),
    ];
    for (name, tone) in sections {
        let of = results.iter().filter(|it| check_section(it) == name);
        section(page, name, tone, &alike(of, check_words));
    }
}

fn check_section(result: &NotableResult) -> &'static str {
    match result.status {
        ResultStatus::Failed | ResultStatus::Unreachable => "failed",
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
) -> Vec<Alike<'a>> {
    let mut groups: Vec<Alike<'a>> = Vec::new();
    let mut places: HashMap<(&TaskIdentity, &str), usize> = HashMap::new();
    for result in results {
        let words = words_of(result);
        let place = *places.entry((&result.task, words)).or_insert_with(|| {
            groups.push(Alike { task: &result.task, words, hosts: Vec::new(), items: 0 });
            groups.len() - 1
        });
        groups[place].items += usize::from(result.item.is_some());
        groups[place].hosts.push(result.host.as_str());
    }
    for group in &mut groups {
        group.hosts.sort_unstable();
        group.hosts.dedup();
    }
    groups
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
            1 => ", 1 item".to_owned(),
            items => format!(", {items} items"),
        };
        let words = if group.words == name { String::new() } else { format!("{}: ", group.words) };
        page.line(&[
            plain(format!("  {words}{}{items}  ", task_words(group.task))),
            piece(Tone::Faint, place_words(group.task)),
        ]);
        page.line(&[plain(format!("    {}", some_of(&group.hosts)))]);
    }
}

fn status_words(result: &NotableResult) -> &'static str {
    match result.status {
        ResultStatus::Failed => "failed",
        ResultStatus::Unreachable => "unreachable",
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
