//! Merge requests and their previews.

use super::drift::coverage_words;
use super::hosts::some_of;
use super::words::counted;
use crate::api::MergeRequestList;
use crate::cli::page::{Page, Tone, piece, plain};
use crate::domain::{
    AppliedStack, FileChange, HostsImpact, LiveStack, MergeRequest, MergeRequestState, MergeRequestStatus,
    Previewed, SandboxedStack, StackImpact, StackName, Timestamp,
};

/// So many lines are shown of each list.
const LINES: usize = 20;

/// The list.
pub(in crate::cli) fn merge_requests_page(list: &MergeRequestList, _now: Timestamp) -> Page {
    let mut page = Page::default();
    if list.merge_requests.is_empty() {
        page.line(&[plain(
            "no merge request is followed; `driftless status` says if a forge cannot be asked",
        )]);
        return page;
    }
    let rows = list.merge_requests.iter().map(|it| {
        let seen = &it.facts.seen;
        vec![
            piece(Tone::Strong, format!("{} {}", it.source, seen.number)),
            plain(&seen.author),
            plain(seen.head.short()),
            plain(seen.title.chars().take(50).collect::<String>()),
            plain(&it.standing),
        ]
    });
    page.table(&["MERGE REQUEST", "AUTHOR", "HEAD", "TITLE", ""], &[], rows.collect());
    page
}

/// One merge request with all that is known of its preview.
pub(in crate::cli) fn merge_request_page(status: &MergeRequestStatus, _now: Timestamp) -> Page {
    let mut page = Page::default();
    let (facts, seen) = (&status.facts, &status.facts.seen);
    page.line(&[
        piece(Tone::Strong, format!("{} {}", status.source, seen.number)),
        plain(format!(": {}", seen.title)),
    ]);
    let state = match &seen.state {
        MergeRequestState::Open if seen.draft => "draft".to_owned(),
        MergeRequestState::Open => "open".to_owned(),
        MergeRequestState::Closed => "closed".to_owned(),
        MergeRequestState::Merged { by, .. } => {
            by.as_ref().map_or_else(|| "merged".to_owned(), |by| format!("merged by {by}"))
        }
    };
    page.line(&[plain(format!(
        "{state}, by {}, head {}, into {}",
        seen.author,
        seen.head.short(),
        seen.target
    ))]);
    approvals(&mut page, seen);
    page.line(&[plain(&status.standing)]);
    if let Some(Ok(made)) = facts.preview.as_ref().map(|it| &it.made) {
        previewed(&mut page, made);
    }
    if let Some(live) = &facts.live {
        page.line(&[plain(format!(
            "checked with the real keys: head {} merged with {}, allowed by {}",
            live.head.short(),
            live.target.short(),
            live.allowed_by
        ))]);
        for (stack, done) in &live.stacks {
            checked(&mut page, stack, done.as_ref());
        }
    }
    for (stack, applied) in &facts.applied {
        page.line(&[plain(applied_words(stack, applied))]);
    }
    page
}

/// Who approves of it.
fn approvals(page: &mut Page, seen: &MergeRequest) {
    if !seen.approvals.is_empty() {
        let people: Vec<String> = seen
            .approvals
            .iter()
            .map(|it| match &it.commit {
                Some(commit) if *commit == seen.head => it.by.clone(),
                Some(commit) => format!("{} (of {})", it.by, commit.short()),
                None => format!("{} (of an unknown head)", it.by),
            })
            .collect();
        page.line(&[plain(format!("approved by {}", people.join(", ")))]);
    }
}

/// What a preview without keys found.
fn previewed(page: &mut Page, made: &Previewed) {
    let files = &made.impact.files;
    for (path, change) in files.iter().take(LINES) {
        let mark = match change {
            FileChange::Added => "+",
            FileChange::Modified => "~",
            FileChange::Deleted => "-",
        };
        page.line(&[plain(format!("  {mark} {path}"))]);
    }
    more(page, files.len(), made.impact.files_left_out);
    for note in &made.impact.notes {
        page.line(&[piece(Tone::Notice, note)]);
    }
    for stack in &made.impact.stacks {
        touched(page, stack);
        if let Some(it) = made.sandboxed.get(&stack.stack) {
            let problem = it.problem.as_ref().map_or_else(String::new, |it| format!("; {it}"));
            let (plays, tasks) = (counted(it.plays, "play"), counted(it.tasks, "task"));
            let version = &it.version;
            page.line(&[plain(format!(
                "  in the sandbox, ansible-core {version}: {plays}, {tasks}{problem}"
            ))]);
            listed(page, it);
        }
    }
    if let Some(why) = &made.no_sandbox {
        page.line(&[piece(Tone::Notice, format!("not tried in a sandbox: {why}"))]);
    }
}

/// What the sandbox listed: all that is kept of it, since the comment on the forge leads here.
fn listed(page: &mut Page, stack: &SandboxedStack) {
    for play in &stack.listed {
        let hosts = counted(play.hosts, "host");
        page.line(&[plain(format!("    {} ({}, {hosts})", play.name, play.pattern))]);
        for task in &play.tasks {
            page.line(&[plain(format!("      {task}"))]);
        }
    }
    if stack.left_out() != 0 {
        page.line(&[piece(Tone::Faint, format!("    and {} more plays and tasks", stack.left_out()))]);
    }
}

fn more(page: &mut Page, shown: usize, left_out: u64) {
    let more = shown.saturating_sub(LINES) as u64 + left_out;
    if more != 0 {
        page.line(&[piece(Tone::Faint, format!("  and {more} more"))]);
    }
}

fn touched(page: &mut Page, stack: &StackImpact) {
    let hosts = match &stack.hosts {
        HostsImpact::Known { names } if names.is_empty() => "no host".to_owned(),
        HostsImpact::Known { names } => {
            some_of(&names.iter().map(crate::domain::name::HostName::as_str).collect::<Vec<_>>())
        }
        HostsImpact::Unknown { why } => format!("hosts unknown: {why}"),
    };
    page.line(&[piece(Tone::Strong, stack.stack.as_str()), plain(format!(" on {hosts}"))]);
    if let Some(why) = &stack.whole {
        page.line(&[plain(format!("  all of it: {why}"))]);
    }
    for play in stack.plays.iter().take(LINES) {
        let because = some_of(&play.because.iter().map(String::as_str).collect::<Vec<_>>());
        page.line(&[plain(format!("  {} ({}:{}) because of {because}", play.name, play.path, play.line))]);
    }
    for it in stack.left_behind.iter().take(LINES) {
        page.line(&[piece(Tone::Notice, format!("  stays behind: {} ({}:{})", it.what, it.path, it.line))]);
    }
}

fn checked(page: &mut Page, stack: &StackName, done: Option<&LiveStack>) {
    let words = match done {
        None => "is being checked, or waits for it".to_owned(),
        Some(it) => format!(
            "run {} {}: changes: {}, hosts: {}, {}",
            it.run,
            it.outcome,
            it.prediction.changes.len() as u64 + it.prediction.left_out,
            it.hosts.len(),
            coverage_words(&it.coverage),
        ),
    };
    page.line(&[piece(Tone::Strong, format!("  {stack} ")), plain(words)]);
}

fn applied_words(stack: &StackName, applied: &AppliedStack) -> String {
    let run = applied.run;
    let with = if applied.with_others { ", together with other merge requests" } else { "" };
    match &applied.report {
        None => format!("{stack}: applied by run {run}, {}{with}", applied.outcome),
        Some(it) => format!(
            "{stack}: applied as previewed by run {run}, {}{with}: {} of {}; {} missing, {} different, {} extra, {} not predictable",
            applied.outcome,
            it.as_predicted,
            it.predicted(),
            it.missing.len(),
            it.different.len(),
            it.extra.len(),
            it.not_predictable
        ),
    }
}
