//! The verdict: one line of ours, without a word from outside.

use std::collections::{BTreeSet, HashSet};

use super::StatusLine;
use super::input::{CommentInput, LiveResult, Merged, PreviewState};
use super::words::{count, grouped, some};
use crate::domain::{CommitState, Coverage, HostsImpact, Impact, Outcome, PredictionReport, PreviewLevel};

/// The longest description of a commit status, in characters: that of GitHub.
const DESCRIPTION_MAX: usize = 140;

/// The verdict on all of it.
pub(super) fn status(input: &CommentInput) -> StatusLine {
    let (state, mut description) = match &input.merged {
        Some(merged) => applied(merged),
        None => previewed(input),
    };
    if let Some(wanted) = input.approvals.as_ref().filter(|_| input.merged.is_none()) {
        let given = wanted.given.len() as u64;
        if given < u64::from(wanted.needed) {
            description = format!("{description}; {given} of {} approvals", wanted.needed);
        }
    }
    if let Some((cut, _)) = description.char_indices().nth(DESCRIPTION_MAX) {
        let (last, _) = description[..cut].char_indices().next_back().unwrap_or_default();
        description.truncate(last);
        description.push('…');
    }
    StatusLine { state, description }
}

fn previewed(input: &CommentInput) -> (CommitState, String) {
    match &input.state {
        PreviewState::Running => (CommitState::Pending, "preview is being made".to_owned()),
        PreviewState::Stale { .. } => (CommitState::Pending, "preview is stale".to_owned()),
        PreviewState::Refused { .. } => {
            (CommitState::Failure, "not previewed: this merge is refused".to_owned())
        }
        PreviewState::Conflicts { paths } => {
            let files = count(paths.len() as u64, "file", "files");
            (CommitState::Failure, format!("not previewed: conflicts with the target branch in {files}"))
        }
        // Nobody can make it previewed, so that waiting would be for ever.
        PreviewState::RuntimeChanged => (CommitState::Success, "runtime change, not previewed".to_owned()),
        PreviewState::Done => match input.level {
            PreviewLevel::Static => (CommitState::Success, format!("not run; {}", touches(&input.impact))),
            PreviewLevel::Sandboxed => sandboxed(input),
            PreviewLevel::Live => live(input),
        },
    }
}

/// `touches 40 hosts in 2 stacks`.
pub(super) fn touches(impact: &Impact) -> String {
    if impact.stacks.is_empty() {
        return "touches no stack".to_owned();
    }
    let stacks = count(impact.stacks.len() as u64, "stack", "stacks");
    let mut names = BTreeSet::new();
    let mut unknown = false;
    for stack in &impact.stacks {
        match &stack.hosts {
            HostsImpact::Known { names: hosts } => names.extend(hosts),
            HostsImpact::Unknown { .. } => unknown = true,
        }
    }
    let hosts = names.len() as u64;
    match (hosts, unknown) {
        (0, true) => format!("touches unknown hosts in {stacks}"),
        (_, true) => format!("touches {} and unknown ones in {stacks}", count(hosts, "host", "hosts")),
        (_, false) => format!("touches {} in {stacks}", count(hosts, "host", "hosts")),
    }
}

fn sandboxed(input: &CommentInput) -> (CommitState, String) {
    let results: Vec<_> = input.stacks.iter().filter_map(|it| it.sandboxed.as_ref()).collect();
    let stacks = count(results.len() as u64, "stack", "stacks");
    let wrong = results.iter().filter(|it| it.problem.is_some()).count();
    if 0 < wrong {
        return (CommitState::Failure, format!("not run; Ansible cannot use {wrong} of {stacks}"));
    }
    let tasks = results.iter().map(|it| u64::from(it.tasks)).sum();
    let tasks = count(tasks, "task", "tasks");
    let touches = touches(&input.impact);
    if results.is_empty() {
        return (CommitState::Success, format!("not run; {touches}"));
    }
    (CommitState::Success, format!("not run; syntax is right, {tasks}; {touches}"))
}

fn live(input: &CommentInput) -> (CommitState, String) {
    let results: Vec<&LiveResult> = input.stacks.iter().filter_map(|it| it.live.as_ref()).collect();
    if results.is_empty() {
        return (CommitState::Success, format!("nothing to check; {}", touches(&input.impact)));
    }
    let bad = results.iter().filter(|it| !it.outcome.is_success()).count();
    let state = worst(results.iter().map(|it| it.outcome));
    let mut text = would_change(&results);
    if 0 < bad {
        let of = count(results.len() as u64, "stack", "stacks");
        text = format!("check did not succeed in {bad} of {of}; {text}");
    }
    (state, text)
}

/// The state of the worst of them. What the merge request is to blame for is worse than what it is not.
fn worst(outcomes: impl Iterator<Item = Outcome>) -> CommitState {
    let severity = |outcome: Outcome| match outcome {
        Outcome::InSync | Outcome::Changed | Outcome::Drifted => 0,
        Outcome::Unreachable
        | Outcome::TimedOut
        | Outcome::Cancelled
        | Outcome::Interrupted
        | Outcome::Refused => 1,
        Outcome::Failed | Outcome::Errored => 2,
    };
    match outcomes.map(severity).max() {
        None | Some(0) => CommitState::Success,
        Some(1) => CommitState::Error,
        Some(_) => CommitState::Failure,
    }
}

/// `would change 3 tasks on 40 hosts; 12 blind`, and never "nothing" without saying what was not seen.
pub(super) fn would_change(results: &[&LiveResult]) -> String {
    let mut hosts = HashSet::new();
    let mut tasks = 0;
    for result in results {
        let left_out = result.left_out_tasks.iter().map(|(task, _)| *task);
        tasks += result.changes.iter().map(|it| it.task).chain(left_out).collect::<HashSet<_>>().len() as u64;
        hosts.extend(result.changes.iter().map(|it| &it.host).chain(&result.left_out_hosts));
    }
    let coverage = results.iter().fold(Coverage::default(), |sum, it| add(sum, &it.coverage));
    let unreachable: usize = results.iter().map(|it| it.unreachable.len()).sum();
    let told = |it: &LiveResult| it.left_out_tasks.iter().map(|(_, count)| count).sum::<u64>();
    let left_out = results.iter().any(|it| told(it) < it.changes_left_out);
    let complete = coverage.is_full() && unreachable == 0 && results.iter().all(|it| it.outcome.is_success());
    let changes = match (tasks, left_out) {
        (0, false) if complete => "nothing would change".to_owned(),
        (0, false) => "nothing would change as far as visible".to_owned(),
        _ => {
            let least = if left_out { "at least " } else { "" };
            let hosts = count(hosts.len() as u64, "host", "hosts");
            format!("would change {least}{} on {hosts}", count(tasks, "task", "tasks"))
        }
    };
    let doubts = [
        unseen(&coverage),
        some(coverage.ran_for_real, "ran for real"),
        some(coverage.failed, "failed"),
        if unreachable == 0 {
            String::new()
        } else {
            format!("{} not reached", count(unreachable as u64, "host", "hosts"))
        },
    ];
    let doubts: Vec<String> = doubts.into_iter().filter(|it| !it.is_empty()).collect();
    if doubts.is_empty() { changes } else { format!("{changes}; {}", doubts.join(", ")) }
}

/// `12 blind, 3 tainted`.
pub(super) fn unseen(coverage: &Coverage) -> String {
    let parts = [
        some(coverage.blind, "blind"),
        some(coverage.tainted, "tainted"),
        some(coverage.unreliable, "unreliable"),
    ];
    parts.into_iter().filter(|it| !it.is_empty()).collect::<Vec<_>>().join(", ")
}

pub(super) fn add(a: Coverage, b: &Coverage) -> Coverage {
    Coverage {
        would_change: a.would_change + b.would_change,
        unchanged: a.unchanged + b.unchanged,
        blind: a.blind + b.blind,
        tainted: a.tainted + b.tainted,
        unreliable: a.unreliable + b.unreliable,
        ran_for_real: a.ran_for_real + b.ran_for_real,
        skipped: a.skipped + b.skipped,
        failed: a.failed + b.failed,
    }
}

fn applied(merged: &Merged) -> (CommitState, String) {
    let of = merged.stacks.len() as u64;
    if of == 0 {
        return (CommitState::Success, "merged; touches no stack".to_owned());
    }
    let stacks = count(of, "stack", "stacks");
    let ended: Vec<Outcome> = merged.stacks.iter().filter_map(|it| it.ended.map(|it| it.1)).collect();
    let bad = ended.iter().filter(|it| !it.is_success()).count();
    let done = ended.len() as u64;
    let state = worst(ended.iter().copied());
    let compared = compared(merged);
    let compared = if compared.is_empty() { String::new() } else { format!(" {compared}") };
    if 0 < bad {
        return (
            state,
            format!("apply did not succeed in {bad} of {stacks};{compared}").trim_end_matches(';').to_owned(),
        );
    }
    if done < of {
        return (CommitState::Pending, format!("merged; applied to {} of {stacks}", grouped(done)));
    }
    (state, format!("applied{compared}"))
}

fn compared(merged: &Merged) -> String {
    let reports: Vec<&PredictionReport> = merged.stacks.iter().filter_map(|it| it.report.as_ref()).collect();
    if reports.is_empty() { String::new() } else { as_previewed(&reports) }
}

/// `as previewed: 41 of 43, 2 extra`.
pub(super) fn as_previewed(reports: &[&PredictionReport]) -> String {
    let sum = |of: fn(&PredictionReport) -> u64| reports.iter().map(|it| of(it)).sum::<u64>();
    let (same, of) = (sum(|it| it.as_predicted), sum(PredictionReport::predicted));
    let mut text = format!("as previewed: {} of {}", grouped(same), grouped(of));
    let extra = sum(|it| it.extra.len() as u64);
    for it in [some(extra, "extra"), some(sum(|it| it.not_predictable), "not predictable")] {
        if !it.is_empty() {
            text.push_str(", ");
            text.push_str(&it);
        }
    }
    text
}
