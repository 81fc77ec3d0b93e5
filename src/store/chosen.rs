//! Finds the runs that somebody chose. Each condition has an index that ends with the number of the run, so that the
//! newest ones come without sorting.

use rusqlite::types::Value;

use super::columns::{count, nanos};
use super::runs::RunFilter;
use super::scope::condition;

/// The commit of a run, exactly as the index `runs_by_commit` has it.
const COMMIT: &str = "substr(json_extract(spec, '$.revision'), -40)";

/// What goes behind `WHERE`, the order, and the values of the parameters.
pub(super) struct Chosen {
    pub(super) conditions: String,
    /// Whether the newest of them come first. Otherwise they are to be turned around.
    pub(super) newest_first: bool,
    pub(super) values: Vec<Value>,
}

/// The runs of a filter.
pub(super) fn chosen(filter: &RunFilter) -> Chosen {
    let mut it = Conditions::default();
    let choice = &filter.choice;
    // Not by an index, for the reason below.
    it.add(&condition(&filter.scope, "+stack"), []);
    it.add("id < ?", [Value::from(filter.before.map_or(i64::MAX, |it| count(it.0)))]);
    if let Some(stack) = &filter.stack {
        it.add("stack = ?", [Value::from(stack.to_string())]);
    }
    if let Some(source) = &choice.source {
        // `0` comes next to `/`. Not by the index of stacks: it would give them stack by stack, to be sorted. From the
        // newest on, the page is soon full.
        it.add("+stack > ? AND +stack < ?", [format!("{source}/").into(), format!("{source}0").into()]);
    }
    if let Some(mode) = choice.mode {
        it.add("mode = ?", [mode.as_str().to_owned().into()]);
    }
    if let Some(outcome) = choice.outcome {
        it.add("outcome = ?", [outcome.as_str().to_owned().into()]);
    }
    if let Some(trigger) = choice.trigger {
        it.add("trigger = ?", [trigger.as_str().to_owned().into()]);
    }
    if let Some(host) = &choice.host {
        it.add("id IN (SELECT run FROM run_hosts WHERE host = ?)", [host.as_str().to_owned().into()]);
    }
    if let Some(commit) = &choice.commit {
        // `g` comes after all digits of a hash.
        let last = format!("{commit}g");
        it.add(&format!("{COMMIT} >= ? AND {COMMIT} < ?"), [commit.clone().into(), last.into()]);
    }
    if let Some(since) = choice.since {
        // Numbers grow with time, so the first one since then is where to stop. A clock that was set back makes the
        // second condition needed.
        let since = nanos(since);
        it.add(
            "id >= (SELECT ifnull(min(id), 9e18) FROM runs WHERE decided_at >= ?) AND decided_at >= ?",
            [since.into(), since.into()],
        );
    }
    if let Some(until) = choice.until {
        let until = nanos(until);
        it.add(
            "id <= (SELECT ifnull(max(id), 0) FROM runs WHERE decided_at < ?) AND decided_at < ?",
            [until.into(), until.into()],
        );
    }
    match choice.live {
        Some(true) => it.add("ending IS NULL", []),
        Some(false) => it.add("ending IS NOT NULL", []),
        None => {}
    }
    if let Some(after) = choice.after {
        it.add("id > ?", [count(after.0).into()]);
    }
    Chosen {
        conditions: it.conditions.join(" AND "),
        newest_first: choice.after.is_none(),
        values: it.values,
    }
}

#[derive(Default)]
struct Conditions {
    conditions: Vec<String>,
    values: Vec<Value>,
}

impl Conditions {
    fn add<const N: usize>(&mut self, condition: &str, values: [Value; N]) {
        self.conditions.push(condition.to_owned());
        self.values.extend(values);
    }
}
