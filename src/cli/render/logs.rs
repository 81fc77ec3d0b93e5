//! The events of a run as lines that read like Ansible's own.

use std::collections::HashMap;

use super::hosts::recap_table;
use super::run::{place_words, task_words};
use super::said::{differences, why};
use super::words::counted;
use crate::api::when::took;
use crate::cli::page::{Page, Tone, piece, plain};
use crate::domain::{ResultStatus, RunEvent, RunEventKind, Span, TaskIdentity, TaskNumber, TaskResult};

/// Makes pages of events. It remembers the tasks that began, because results name them by number.
#[derive(Debug, Default)]
pub(in crate::cli) struct EventPages {
    tasks: HashMap<TaskNumber, TaskIdentity>,
    /// The task whose heading was written last.
    current: Option<TaskNumber>,
    /// Whether differences are shown.
    diff: bool,
}

impl EventPages {
    /// With the differences themselves, if they are wanted.
    pub(in crate::cli) fn with_diff(diff: bool) -> Self {
        Self { diff, ..Self::default() }
    }

    /// The lines of some events.
    pub(in crate::cli) fn page(&mut self, events: &[RunEvent]) -> Page {
        let mut page = Page::default();
        for event in events {
            self.add(&mut page, &event.kind);
        }
        page
    }

    fn add(&mut self, page: &mut Page, event: &RunEventKind) {
        match event {
            RunEventKind::PlayStarted { name, hosts, unknown, dynamic } => {
                self.current = None;
                page.line(&[
                    piece(Tone::Strong, format!("\u{25b6} PLAY {name}")),
                    piece(Tone::Faint, format!("  {}", counted(*hosts, "host"))),
                ]);
                if !unknown.is_empty() {
                    let tone = if *dynamic { Tone::Faint } else { Tone::Bad };
                    page.line(&[piece(tone, format!("  names nothing that exists: {}", unknown.join(", ")))]);
                }
            }
            RunEventKind::TaskStarted { task, identity, handler } => {
                self.tasks.insert(*task, identity.clone());
                self.heading(page, *task, identity, if *handler { "HANDLER" } else { "TASK" });
            }
            RunEventKind::TaskEnded(result) | RunEventKind::ItemEnded(result) => self.result(page, result),
            RunEventKind::StatsPart { hosts } | RunEventKind::Stats { hosts } => {
                page.line(&[piece(Tone::Strong, "\u{25b6} RECAP")]);
                recap_table(page, &hosts.iter().cloned().collect());
            }
            other => side_event(page, other),
        }
    }

    fn heading(&mut self, page: &mut Page, number: TaskNumber, task: &TaskIdentity, kind: &str) {
        self.current = Some(number);
        page.line(&[plain(format!("{kind} {}  ", task_words(task))), piece(Tone::Faint, place_words(task))]);
    }

    /// A result. Where tasks overlap, the heading is written again, so that each result is below its own.
    fn result(&mut self, page: &mut Page, result: &TaskResult) {
        if self.current != Some(result.task)
            && let Some(task) = self.tasks.get(&result.task).cloned()
        {
            self.heading(page, result.task, &task, "TASK");
        }
        let (tone, symbol, word) = symbol(result);
        let length = Span::from_millis(i64::try_from(result.duration_ms).unwrap_or(i64::MAX));
        page.line(&[
            piece(tone, format!("  {symbol} {word:<11} ")),
            plain(format!("{}{}", result.host, details(result))),
            piece(Tone::Faint, format!("  {}", took(length))),
        ]);
        let mut lines = why(result.status, result.detail.as_deref(), result.no_log);
        if let (true, Some(detail)) = (self.diff, &result.detail) {
            lines.extend(differences(&detail.diff));
        }
        for line in lines {
            page.line(&[plain("      "), line]);
        }
    }
}

fn details(result: &TaskResult) -> String {
    let mut parts = Vec::new();
    if let Some(item) = &result.item {
        parts.push(format!("item {}", u64::from(item.index) + 1));
    }
    if let Some(host) = &result.delegated_to {
        parts.push(format!("delegated to {host}"));
    }
    for (is_so, note) in
        [(result.for_real, "for real"), (result.blind, "could not be simulated"), (result.no_log, "no_log")]
    {
        if is_so {
            parts.push(note.to_owned());
        }
    }
    if parts.is_empty() { String::new() } else { format!(" ({})", parts.join(", ")) }
}

fn symbol(result: &TaskResult) -> (Tone, &'static str, &'static str) {
    match result.status {
        ResultStatus::Failed => (Tone::Bad, "\u{2717}", "failed"),
        ResultStatus::Unreachable => (Tone::Bad, "\u{2717}", "unreachable"),
        ResultStatus::Ignored => (Tone::Notice, "!", "tolerated"),
        ResultStatus::UnreachableIgnored => (Tone::Notice, "!", "unreachable"),
        ResultStatus::Skipped => (Tone::Faint, "-", "skipped"),
        ResultStatus::Ok if result.changed => (Tone::Notice, "~", "changed"),
        ResultStatus::Ok => (Tone::Good, "\u{2713}", "ok"),
    }
}

/// What happens beside plays, tasks and results.
fn side_event(page: &mut Page, event: &RunEventKind) {
    let (tone, text) = match event {
        RunEventKind::Hello { ansible, python } => {
            (Tone::Faint, format!("ansible-core {ansible}, Python {python}"))
        }
        RunEventKind::PlaybookStarted { plays } => {
            (Tone::Faint, format!("playbook with {}", counted(*plays, "play")))
        }
        RunEventKind::NoHostsMatched => (Tone::Bad, "  no host matches this play".to_owned()),
        RunEventKind::NoHostsLeft { unknown } if unknown.is_empty() => {
            (Tone::Bad, "ERROR inventory and limit together leave no host".to_owned())
        }
        RunEventKind::NoHostsLeft { unknown } => (
            Tone::Bad,
            format!("ERROR the limit leaves no host; it names nothing that exists: {}", unknown.join(", ")),
        ),
        RunEventKind::NoHostsRemaining => (Tone::Bad, "  no host is left in this play".to_owned()),
        RunEventKind::PromptRefused { variable } => {
            (Tone::Bad, format!("  the playbook asks for `{variable}` and nobody is there to answer"))
        }
        RunEventKind::Included { path, hosts } => {
            (Tone::Faint, format!("  included {path} for {}", counted(*hosts, "host")))
        }
        RunEventKind::Notified { host, handler, .. } => {
            (Tone::Faint, format!("  \u{2192} {host} notifies {handler}"))
        }
        RunEventKind::HandlerOrphan { host, handler } => {
            (Tone::Bad, format!("  {host} notified {handler}, and there is no such handler"))
        }
        RunEventKind::Refused { why, .. } => (Tone::Bad, format!("REFUSED {why}")),
        RunEventKind::Retried { host, attempt, retries, .. } => {
            (Tone::Notice, format!("  \u{21bb} {host} tries again: attempt {attempt} of {retries} failed"))
        }
        RunEventKind::Error { class, place, message } => {
            let place = place.as_ref().map_or_else(String::new, |it| format!("{it}: "));
            (Tone::Bad, format!("ERROR {place}{}", message.as_deref().unwrap_or(class)))
        }
        RunEventKind::InventoryUnparsed { source } => {
            (Tone::Bad, format!("ERROR the inventory {source} cannot be read"))
        }
        RunEventKind::HandlerDone { .. }
        | RunEventKind::DebtPaid { .. }
        | RunEventKind::DebtOrphan { .. }
        | RunEventKind::HostsPart { .. }
        | RunEventKind::HostsAsked { .. }
        | RunEventKind::AnnouncementsMissing
        | RunEventKind::PlayStarted { .. }
        | RunEventKind::TaskStarted { .. }
        | RunEventKind::TaskEnded(_)
        | RunEventKind::ItemEnded(_)
        | RunEventKind::StatsPart { .. }
        | RunEventKind::Stats { .. } => return,
    };
    page.line(&[piece(tone, text)]);
}
