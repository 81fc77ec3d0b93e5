//! What the files say of checks, heals, locks and records, and how the operator outranks a repository.

use std::collections::BTreeMap;

use super::limits::Limits;
use super::operator::StackOverride;
use super::shape::host_and_port;
use super::units::show_span;
use super::value::Value;
use crate::domain::{AirbagPolicy, CheckSchedule, LockKey, Span, StackPolicy};

/// What is kept out of records, beside what is always.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Redact {
    /// Patterns of files on hosts whose diffs are not kept.
    pub paths: Vec<String>,
    /// Further names whose value is a secret.
    pub names: Vec<String>,
}

impl Redact {
    pub(super) fn of(value: &Value) -> Self {
        Self { paths: value.texts("paths"), names: value.texts("names") }
    }
}

/// What the operator says of the airbag of one stack. `None` leaves it to the general limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AirbagOverride {
    /// As in [`AirbagPolicy`].
    pub fewer_percent: Option<u32>,
    /// As in [`AirbagPolicy`].
    pub max_hosts: Option<u32>,
    /// As in [`AirbagPolicy`].
    pub more_changes: Option<u32>,
}

impl AirbagOverride {
    pub(super) fn of(value: &Value) -> Self {
        Self {
            fewer_percent: value.count("fewer"),
            max_hosts: value.count("max_hosts"),
            more_changes: value.count("more_changes"),
        }
    }

    /// These, and what they leave open as in the general limit.
    pub(super) fn over(self, general: AirbagPolicy) -> AirbagPolicy {
        AirbagPolicy {
            fewer_percent: self.fewer_percent.unwrap_or(general.fewer_percent),
            max_hosts: self.max_hosts.or(general.max_hosts),
            more_changes: self.more_changes.or(general.more_changes),
        }
    }
}

/// When checks are due; `None` if nothing is said, or it was refused.
pub(super) fn check_schedule(value: &Value) -> Option<CheckSchedule> {
    if let Some(line) = value.text("cron") {
        return Some(CheckSchedule::Cron(Box::new(line.parse().ok()?)));
    }
    if value.is_never("every") {
        return Some(CheckSchedule::Never);
    }
    value.duration("every").map(CheckSchedule::Every)
}

/// What a key of `aliases` stands for, in the one form of an address.
pub(super) fn alias_key(text: &str) -> Option<String> {
    let (address, port) = host_and_port(text)?;
    Some(LockKey::address(address, port).as_str().to_owned())
}

/// The names of machines by their addresses.
pub(super) fn aliases(value: &Value) -> BTreeMap<String, String> {
    let entries = value.named("aliases").iter();
    entries.filter_map(|(key, name)| Some((alias_key(&key.text)?, name.as_text()?.to_owned()))).collect()
}

/// Puts what the operator says in the place of what the repository says, and says so where it differs.
pub(super) fn outrank(
    stack: &mut StackPolicy,
    operator: Option<&StackOverride>,
    limits: &Limits,
    notes: &mut Vec<String>,
) {
    let nothing = StackOverride::default();
    let operator = operator.unwrap_or(&nothing);
    let name = stack.id.stack.clone();
    let mut note = |key: &str, by_operator: String, by_repository: String| {
        if by_operator != by_repository {
            notes.push(format!(
                "Stack `{name}`: `{key}` is `{by_operator}` by the operator, the repository says `{by_repository}`."
            ));
        }
    };
    if let Some(apply) = operator.apply {
        note("apply", apply.as_str().to_owned(), stack.apply.as_str().to_owned());
        stack.apply = apply;
    }
    stack.approval = operator.approval;
    if let Some(heal) = operator.heal {
        note("heal", heal.as_str().to_owned(), stack.heal.as_str().to_owned());
        stack.heal = heal;
    }
    if let Some(check) = &operator.check {
        note("check", check_words(check), check_words(&stack.check));
        stack.check.clone_from(check);
    }
    stack.daily_heals = operator.daily_heals.unwrap_or(limits.daily_heals);
    stack.airbag = operator.airbag.over(limits.airbag);
    stack.max_task_time = operator.max_task_time.unwrap_or(limits.max_task_time);
    stack.forks = operator.forks.or(stack.forks);
    outrank_timeout(stack, operator.timeout, limits.timeout, notes);
}

fn outrank_timeout(stack: &mut StackPolicy, operator: Option<Span>, longest: Span, notes: &mut Vec<String>) {
    if let Some(timeout) = operator {
        stack.timeout = timeout;
        return;
    }
    if longest < stack.timeout && stack.timeout != Span::MAX {
        notes.push(format!(
            "Stack `{}`: `timeout` is {}, the most that the operator allows; the repository says {}.",
            stack.id.stack,
            show_span(longest),
            show_span(stack.timeout),
        ));
    }
    stack.timeout = stack.timeout.min(longest);
}

/// As it is written in the file.
fn check_words(schedule: &CheckSchedule) -> String {
    match schedule {
        CheckSchedule::Never => "every: never".to_owned(),
        CheckSchedule::Every(span) => format!("every: {}", show_span(*span)),
        CheckSchedule::Cron(line) => format!("cron: {line}"),
    }
}
