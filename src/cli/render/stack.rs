//! Stacks and explanations.

use super::outcome::sync_piece;
use crate::api::when::ago;
use crate::api::{Explanation, StackList};
use crate::cli::page::{Page, Piece, Tone, piece, plain};
use crate::domain::{Applied, HostCounts, StackStatus, Timestamp};

/// All stacks.
pub(in crate::cli) fn stacks_page(list: &StackList, now: Timestamp) -> Page {
    let mut page = Page::default();
    stack_table(&mut page, &list.stacks, now);
    page
}

/// The table of stacks, or a line that says that there is none.
pub(super) fn stack_table(page: &mut Page, stacks: &[StackStatus], now: Timestamp) {
    if stacks.is_empty() {
        page.line(&[plain("no stack yet: `driftless status` shows what the sources say")]);
        return;
    }
    let rows = stacks.iter().map(|it| row(it, now)).collect();
    page.table(&["STACK", "SYNC", "HEAD", "APPLIED", "HOSTS", "SUCCEEDED", "NOW"], &[], rows);
}

fn row(stack: &StackStatus, now: Timestamp) -> Vec<Piece> {
    vec![
        piece(Tone::Strong, stack.id.to_string()),
        sync_piece(stack.sync),
        plain(stack.head.short()),
        applied(stack),
        hosts(stack.hosts),
        plain(stack.last_success.map_or_else(|| "never".to_owned(), |at| ago(now, at))),
        activity(stack, now),
    ]
}

fn applied(stack: &StackStatus) -> Piece {
    match &stack.applied {
        Applied::Nothing => piece(Tone::Faint, "nothing"),
        Applied::Everywhere(commit) if *commit == stack.head.commit => piece(Tone::Good, "head"),
        Applied::Everywhere(commit) => piece(Tone::Notice, commit.short()),
        Applied::Mixed => piece(Tone::Notice, "mixed"),
    }
}

fn hosts(hosts: HostCounts) -> Piece {
    let mut parts = vec![format!("{}/{}", hosts.converged, hosts.total)];
    if hosts.failed != 0 {
        parts.push(format!("{} failed", hosts.failed));
    }
    if hosts.owed != 0 {
        parts.push(format!("{} owed", hosts.owed));
    }
    let tone = match hosts {
        HostCounts { failed: 1.., .. } => Tone::Bad,
        HostCounts { owed: 1.., .. } => Tone::Notice,
        _ => Tone::Plain,
    };
    piece(tone, parts.join(", "))
}

/// What is going on, most important first.
fn activity(stack: &StackStatus, now: Timestamp) -> Piece {
    if let Some(live) = &stack.live {
        return piece(Tone::Strong, format!("run {} is live ({})", live.run, live.mode));
    }
    if let Some((by, since)) = &stack.suspended {
        return piece(Tone::Notice, format!("suspended by {by} {}", ago(now, *since)));
    }
    if let Some(request) = &stack.request {
        return piece(Tone::Notice, format!("waits to start: {} asked", request.by));
    }
    if let Some(hold) = &stack.hold {
        return piece(Tone::Notice, format!("held at {}: {}", hold.revision.short(), hold.reason));
    }
    plain(&stack.reason)
}

/// Why a stack did, does or does not run.
pub(in crate::cli) fn explanation_page(explanation: &Explanation, _now: Timestamp) -> Page {
    let mut page = Page::default();
    page.line(&[piece(Tone::Strong, format!("{}: ", explanation.stack)), plain(&explanation.next)]);
    if !explanation.because.is_empty() {
        page.line(&[piece(Tone::Faint, "because")]);
    }
    for fact in &explanation.because {
        page.line(&[plain(format!("  - {fact}"))]);
    }
    page
}
