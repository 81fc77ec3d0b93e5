//! The comment on a merge request: what it will do, who may do it, and what came of it.
//!
//! One comment, edited in place: the same input gives the same bytes, so that nothing is written again without need.
//! Texts of repositories, hosts and accounts are in it as code only ([`harmless`]), and what does not fit is left out
//! in a defined order and counted ([`fit`]).

mod diff;
mod fit;
mod fold;
mod harmless;
mod hosts;
mod impact;
mod input;
mod report;
mod sections;
mod verdict;
mod words;

#[cfg(test)]
mod tests;

pub use diff::diff_text;
pub use input::{
    AppliedResult, ApprovalsWanted, CommentInput, FailedTask, LiveResult, Merged, PreviewState,
    PreviewedChange, StackPreview, TaskLabel,
};

use std::fmt::Write as _;

use crate::domain::{CommitHash, CommitState, Coverage, PreviewLevel, SourceName};
use fit::{Block, Making, Part, Rank};
use harmless::{address, code, code_of};
use words::{count, grouped, sentence};

/// What is written to the forge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comment {
    /// The comment, in the Markdown that GitHub, GitLab, Forgejo and Gitea have in common.
    pub body: String,
    /// The commit status beside it.
    pub status: StatusLine,
}

/// A commit status: the verdict in one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusLine {
    /// In one word.
    pub state: CommitState,
    /// In one line of at most 140 characters, without a word from outside.
    pub description: String,
}

/// The first line of the comment, by which it is found again. Forges do not show it.
pub fn marker(source: &SourceName) -> String {
    format!("<!-- driftless:{source} -->")
}

/// Writes the comment, in at most `limit_bytes`. Forges count characters, of which there are never more than bytes.
pub fn render(input: &CommentInput, limit_bytes: usize) -> Comment {
    let status = verdict::status(input);
    let mut making = Making::new(limit_bytes);
    let mut block = head(input, &status, &mut making);
    block.push(sections::stacks(input, &mut making));
    block.extend(impact::files(&mut making, &input.impact));
    block.push(Part::Text(link(input)));
    let body = fit::fit(block, limit_bytes).unwrap_or_else(|| shortest(input, &status, limit_bytes));
    Comment { body, status }
}

/// Where not even that fits which is always said: the verdict and the link.
fn shortest(input: &CommentInput, status: &StatusLine, limit_bytes: usize) -> String {
    let title = sentence(&status.description);
    let mut text = format!("{}\n\n### {title}\n\n{}", marker(&input.source), link(input));
    let cut = (0..=limit_bytes.min(text.len())).rev().find(|it| text.is_char_boundary(*it));
    text.truncate(cut.unwrap_or_default());
    text
}

fn link(input: &CommentInput) -> String {
    match input.link.as_deref().and_then(address) {
        Some(link) => format!("[Full report]({link})\n"),
        // Its runs are kept longer than it is.
        None if input.merged.is_some() => "`driftless show RUN` shows all of a run.\n".to_owned(),
        None => format!("`driftless preview {} {}` shows all of it.\n", input.source, input.number),
    }
}

fn head(input: &CommentInput, status: &StatusLine, making: &mut Making) -> Block {
    let title = sentence(&status.description);
    let mut text = format!("{}\n\n### {title}\n\n", marker(&input.source));
    let coverage = input
        .stacks
        .iter()
        .filter_map(|it| it.live.as_ref())
        .fold(Coverage::default(), |sum, it| verdict::add(sum, &it.coverage));
    let of = coverage.seen() + coverage.unseen();
    if input.level == PreviewLevel::Live && input.merged.is_none() && 0 < of {
        let unseen = verdict::unseen(&coverage);
        let unseen = if unseen.is_empty() { "all of them".to_owned() } else { unseen };
        let results = count(of, "result", "results");
        write!(text, "**Coverage**: check mode saw {} of {results}; {unseen}.\n\n", grouped(coverage.seen()))
            .ok();
    }
    text.push_str(&looked_at(input));
    if let Some(why) = &input.no_sandbox {
        write!(text, "**No sandbox**: {}. What follows was only read.\n\n", code(why)).ok();
    }
    text.push_str(&approvals(input));
    let mut block = vec![Part::Text(text)];
    block.extend(conflicts(making, &input.state));
    block.extend(impact::notes(making, &input.impact));
    block
}

/// What was looked at, and how.
fn looked_at(input: &CommentInput) -> String {
    let short = |it: &CommitHash| code(it.short());
    let (head, target) = (short(&input.head), short(&input.target_commit));
    let into = code(&input.target.to_string());
    if let Some(merged) = &input.merged {
        return format!("Merged into {into} as {}.\n\n", short(&merged.commit));
    }
    let merge = format!("{head} merged into {into} at {target}");
    let how = match input.level {
        PreviewLevel::Static => "both trees were read; nothing of it was executed",
        PreviewLevel::Sandboxed => {
            "Ansible parsed it in a sandbox, without keys and network; no host was asked"
        }
        PreviewLevel::Live => {
            "check mode on the real hosts; this executed code of the merge request with the real keys"
        }
    };
    let level = input.level.as_str();
    match &input.state {
        PreviewState::Done => format!("{} preview of {merge}: {how}.\n\n", sentence(level)),
        PreviewState::Running => {
            format!("The {level} preview of {merge} is being made.\n\n")
        }
        PreviewState::Stale { why } => {
            format!("**Stale**: {}. What follows is of {merge}: {how}.\n\n", code(why))
        }
        PreviewState::Refused { why, remedy } => {
            format!("**Refused**: {}. To do: {}.\n\n", code(why), code(remedy))
        }
        PreviewState::Conflicts { .. } => {
            format!("{head} does not merge into {into} at {target}. To do: bring it up to date.\n\n")
        }
        PreviewState::RuntimeChanged => format!(
            "{merge} changes what the Ansible runtime is made of. That is not previewed, because it would run \
             packages that nobody approved: review it, and apply it with attention.\n\n"
        ),
    }
}

/// The most accounts that are named.
const ACCOUNTS_MAX: usize = 5;

/// The longest name of an account that is shown, in characters.
const ACCOUNT_MAX: usize = 40;

fn approvals(input: &CommentInput) -> String {
    let Some(wanted) = &input.approvals else { return String::new() };
    let accounts = |names: &[String]| {
        let mut shown: Vec<String> =
            names.iter().take(ACCOUNTS_MAX).map(|it| code_of(it, ACCOUNT_MAX)).collect();
        let more = names.len().saturating_sub(ACCOUNTS_MAX);
        if 0 < more {
            shown.push(count(more as u64, "more person", "more people"));
        }
        words::listed(shown)
    };
    let given = wanted.given.len();
    let mut text = format!("{given} of {}", count(u64::from(wanted.needed), "approval", "approvals"));
    if 0 < given {
        write!(text, ": {}", accounts(&wanted.given)).ok();
    }
    text.push('.');
    if (given as u64) < u64::from(wanted.needed) {
        text.push_str(" It is not applied before that, whoever merges it.");
    }
    format!("{text}\n\n")
}

fn conflicts(making: &mut Making, state: &PreviewState) -> Option<Part> {
    let PreviewState::Conflicts { paths } = state else { return None };
    let list = sections::titled(Rank::Problems, paths.len(), ("file", "files"), "**In conflict**");
    Some(making.lines(list, paths, |it| format!("- {}\n", code(it))))
}
