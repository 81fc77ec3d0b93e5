//! Lists of runs.

use super::outcome::ending_piece;
use crate::api::when::{ago, took};
use crate::api::{HostTotals, RunList, RunSummary};
use crate::cli::page::{Page, Piece, Tone, piece, plain};
use crate::domain::Timestamp;

/// A list of runs.
pub(in crate::cli) fn runs_page(list: &RunList, now: Timestamp) -> Page {
    let mut page = Page::default();
    if list.runs.is_empty() {
        page.line(&[plain("no run yet")]);
        return page;
    }
    run_table(&mut page, &list.runs, now);
    if let (true, Some(last)) = (list.more, list.runs.last()) {
        page.line(&[piece(Tone::Faint, format!("older ones: --before {}", last.run))]);
    }
    page
}

/// The table of runs.
pub(super) fn run_table(page: &mut Page, runs: &[RunSummary], now: Timestamp) {
    let rows = runs.iter().map(|it| row(it, now)).collect();
    let head = ["RUN", "STACK", "OUTCOME", "REVISION", "MODE", "WHY", "HOSTS", "STARTED", "TOOK"];
    page.table(&head, &[0], rows);
}

fn row(run: &RunSummary, now: Timestamp) -> Vec<Piece> {
    let began = run.started_at.unwrap_or(run.decided_at);
    let why = match &run.requested_by {
        Some(person) => format!("{person} asked"),
        None => run.trigger.words().to_owned(),
    };
    let length = run.ended_at.unwrap_or(now).duration_since(began);
    vec![
        piece(Tone::Strong, run.run.to_string()),
        plain(run.stack.to_string()),
        ending_piece(run.ending.as_ref()),
        plain(run.revision.short()),
        plain(run.mode.as_str()),
        plain(why),
        hosts(run.hosts),
        plain(ago(now, began)),
        plain(took(length)),
    ]
}

fn hosts(hosts: HostTotals) -> Piece {
    let parts: Vec<String> =
        [(hosts.changed, "changed"), (hosts.failed, "failed"), (hosts.unreachable, "unreachable")]
            .iter()
            .filter(|(count, _)| *count != 0)
            .map(|(count, what)| format!("{count} {what}"))
            .collect();
    let mut text = hosts.total.to_string();
    if !parts.is_empty() {
        text = format!("{text}: {}", parts.join(", "));
    }
    let tone = match hosts {
        HostTotals { failed: 1.., .. } => Tone::Bad,
        HostTotals { unreachable: 1.., .. } => Tone::Notice,
        _ => Tone::Plain,
    };
    piece(tone, text)
}
