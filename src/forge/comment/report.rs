//! The parts of the comment that speak of what came of it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::fit::{Block, Making, Part, Rank};
use super::harmless::code;
use super::hosts::named;
use super::impact::folded;
use super::input::{AppliedStack, ComparedChange, Comparison};
use super::sections::{task, titled};
use super::verdict::{as_previewed, numbers};
use super::words::{count, sentence};
use crate::domain::HostName;

/// What came of one stack.
pub(super) fn stack(making: &mut Making, it: &AppliedStack, block: &mut Block) {
    let mut text = match it.ended {
        None => "Not applied yet".to_owned(),
        Some((run, outcome)) => {
            let word = if outcome.is_success() { "Applied" } else { "**Not applied**" };
            format!("{word} by run {run}, {}", code(outcome.as_str()))
        }
    };
    if !it.note.is_empty() {
        text.push_str(": ");
        text.push_str(&code(&it.note));
    }
    text.push('.');
    if let Some(comparison) = &it.comparison {
        write!(text, " {}.", sentence(&as_previewed(numbers(comparison)))).ok();
    }
    text.push_str("\n\n");
    block.push(Part::Text(text));
    if let Some(comparison) = &it.comparison {
        compared(making, comparison, block);
    }
}

fn compared(making: &mut Making, it: &Comparison, block: &mut Block) {
    let lists = [
        (&it.missing, "**Missing**: previewed, and not done"),
        (&it.different, "**Different**: done with another content than previewed"),
        (&it.extra, "**Extra**: done, and not previewed"),
        (
            &it.not_predictable,
            "**Not predictable**: done by tasks that check mode says nothing reliable about",
        ),
    ];
    for (changes, title) in lists.into_iter().filter(|it| !it.0.is_empty()) {
        let by_task = by_task(changes);
        let list = titled(Rank::Report, by_task.len(), ("task", "tasks"), title);
        block.push(making.lines(list, by_task, |change| line(it, change)));
    }
    if !it.as_predicted.is_empty() {
        let by_task = by_task(&it.as_predicted);
        let changes = count(it.as_predicted.len() as u64, "change", "changes");
        let list = folded(by_task.len() as u64, ("task", "tasks"), &format!("{changes} as previewed"));
        block.push(making.lines(list, by_task, |change| line(it, change)));
    }
}

type ByTask<'a> = BTreeMap<(u32, &'a str), Vec<&'a HostName>>;

fn by_task(changes: &[ComparedChange]) -> ByTask<'_> {
    let mut by_task = ByTask::new();
    for it in changes {
        by_task.entry((it.task, &it.item)).or_default().push(&it.host);
    }
    by_task
}

fn line(of: &Comparison, ((place, item), hosts): ((u32, &str), Vec<&HostName>)) -> String {
    let item = if item.is_empty() { String::new() } else { format!(", item {}", code(item)) };
    format!("- {}{item} on {}\n", task(&of.tasks, place), named(hosts))
}
