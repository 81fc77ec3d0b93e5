//! The parts of the comment that speak of what reading both trees told.

use super::fit::{Block, List, Making, Part, Rank};
use super::harmless::{code, code_of};
use super::hosts::named;
use super::sections::titled;
use super::words::{count, sentence};
use crate::domain::{FileChange, HostsImpact, Impact, LeftBehind, PlayImpact, StackImpact};

/// The most files that are named as the cause of one play.
const CAUSES_MAX: usize = 5;

/// The longest of such names, in characters.
const CAUSE_MAX: usize = 100;

/// What is touched of one stack. Where check mode ran, the hosts are known better from there.
pub(super) fn stack(making: &mut Making, impact: &StackImpact, ran: bool, block: &mut Block) {
    if !ran {
        block.push(Part::Text(hosts(&impact.hosts)));
    }
    if let Some(why) = &impact.whole {
        block.push(Part::Text(format!("Everything of this stack counts as touched: {}.\n\n", code(why))));
    }
    if !impact.left_behind.is_empty() {
        let title = "**Stays behind** on the hosts, because no task removes it";
        let list = titled(Rank::LeftBehind, impact.left_behind.len(), ("thing", "things"), title);
        block.push(making.lines(list, &impact.left_behind, left_behind));
    }
    if !impact.plays.is_empty() {
        let plays = count(impact.plays.len() as u64, "play is", "plays are");
        let list = folded(impact.plays.len() as u64, ("play", "plays"), &format!("{plays} touched"));
        block.push(making.lines(list, &impact.plays, play));
    }
}

fn hosts(impact: &HostsImpact) -> String {
    match impact {
        HostsImpact::Known { names } if names.is_empty() => "Touches no host.\n\n".to_owned(),
        HostsImpact::Known { names } => {
            let hosts = count(names.len() as u64, "host", "hosts");
            format!("Touches {hosts}: {}\n\n", named(names))
        }
        HostsImpact::Unknown { why } => format!("Which hosts it touches is not known: {}.\n\n", code(why)),
    }
}

fn left_behind(it: &LeftBehind) -> String {
    let place = format!("{}:{}", it.path, it.line);
    format!("- {}, made by {} ({})\n", code(&it.what), code(&it.task), code(&place))
}

fn play(it: &PlayImpact) -> String {
    let place = format!("{}:{}", it.path, it.line);
    let mut line = format!("- {} ({}) on {}", code(&it.name), code(&place), code(&it.pattern));
    let mut causes: Vec<String> =
        it.because.iter().take(CAUSES_MAX).map(|it| code_of(it, CAUSE_MAX)).collect();
    let more = it.because.len().saturating_sub(CAUSES_MAX);
    if 0 < more {
        causes.push(count(more as u64, "more file", "more files"));
    }
    if !causes.is_empty() {
        line.push_str(", because of ");
        line.push_str(&super::words::listed(causes));
    }
    line.push('\n');
    line
}

/// A list that is folded until somebody opens it.
pub(super) fn folded(total: u64, noun: (&'static str, &'static str), summary: &str) -> List {
    let mut list = List::new(Rank::Impact, total, noun);
    list.open = format!("<details><summary>{summary}</summary>\n\n");
    list.close = "\n</details>\n\n";
    list.instead = format!("{}.\n\n", sentence(summary));
    list
}

/// What a person should know beside the stacks.
pub(super) fn notes(making: &mut Making, impact: &Impact) -> Option<Part> {
    if impact.notes.is_empty() {
        return None;
    }
    let title = format!("**{}**", sentence(&count(impact.notes.len() as u64, "note", "notes")));
    let list = titled(Rank::Problems, impact.notes.len(), ("note", "notes"), &title);
    Some(making.lines(list, &impact.notes, |it| format!("- {}\n", code(it))))
}

/// The changed files.
pub(super) fn files(making: &mut Making, impact: &Impact) -> Option<Part> {
    let total = impact.files.len() as u64 + impact.files_left_out;
    if total == 0 {
        return None;
    }
    let list = folded(total, ("file", "files"), &count(total, "changed file", "changed files"));
    Some(making.lines(list, &impact.files, |(path, change)| {
        let word = match change {
            FileChange::Added => "added",
            FileChange::Modified => "modified",
            FileChange::Deleted => "deleted",
        };
        format!("- {word} {}\n", code(path))
    }))
}
