//! The parts of the comment that speak of what came of it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::fit::{Block, Making, Part, Rank};
use super::harmless::code;
use super::hosts::named;
use super::input::{AppliedResult, TaskLabel};
use super::sections::{label, titled};
use super::verdict::as_previewed;
use super::words::{count, sentence};
use crate::domain::{PredictedChange, PredictionReport, TaskKey};

/// What came of one stack.
pub(super) fn stack(making: &mut Making, it: &AppliedResult, block: &mut Block) {
    let mut text = match it.ended {
        None => "Not applied yet".to_owned(),
        Some((run, outcome)) => {
            let word = if outcome.is_success() { "Applied" } else { "**Not applied**" };
            format!("{word} by run {run}, {}", code(outcome.as_str()))
        }
    };
    if !it.note.is_empty() {
        write!(text, ": {}", code(&it.note)).ok();
    }
    text.push('.');
    if let Some(report) = &it.report {
        write!(text, " {}.", sentence(&as_previewed(&[report]))).ok();
    }
    text.push_str("\n\n");
    block.push(Part::Text(text));
    if let Some(report) = &it.report {
        compared(making, report, block);
    }
}

fn compared(making: &mut Making, report: &PredictionReport, block: &mut Block) {
    let lists = [
        (&report.missing, "**Missing**: previewed, and not done"),
        (&report.different, "**Different**: done with another content than previewed"),
        (&report.extra, "**Extra**: done, and not previewed"),
    ];
    for (changes, title) in lists.into_iter().filter(|it| !it.0.is_empty()) {
        let mut by_task: BTreeMap<&TaskKey, Vec<&PredictedChange>> = BTreeMap::new();
        for it in changes {
            by_task.entry(&it.task).or_default().push(it);
        }
        let list = titled(Rank::Report, by_task.len(), ("task", "tasks"), title);
        block.push(making.lines(list, by_task, |(key, changes)| line(report, key, &changes)));
    }
}

fn line(report: &PredictionReport, key: &TaskKey, changes: &[&PredictedChange]) -> String {
    let task = match report.tasks.get(key) {
        Some(task) => label(&TaskLabel::from(task)),
        None => code(key.as_str()),
    };
    // Of items only a digest is known.
    let items = changes.iter().filter(|it| !it.item.is_empty()).count();
    let items =
        if items == 0 { String::new() } else { format!(", {}", count(items as u64, "item", "items")) };
    format!("- {task} on {}{items}\n", named(changes.iter().map(|it| &it.host)))
}
