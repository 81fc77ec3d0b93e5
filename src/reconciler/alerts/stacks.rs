//! The conditions of one stack.

use super::conditions::{Sight, condition};
use crate::domain::{
    AlertKind, AlertPolicy, AlertSeverity, AlertSubject, ApprovalPolicy, DriftFacts, Outcome, StackStatus,
};
use crate::reconciler::{LastApply, words};

/// How many hosts are named.
const NAMED: usize = 5;

pub(super) fn look(
    sight: &mut Sight,
    stack: &StackStatus,
    last_apply: Option<&LastApply>,
    drift: Option<&DriftFacts>,
    policy: &AlertPolicy,
) {
    apply_failed(sight, stack, last_apply);
    held(sight, stack, policy);
    if let Some(facts) = drift {
        drifted(sight, stack, facts);
        owed(sight, stack, facts, policy);
    }
}

fn subject(stack: &StackStatus) -> AlertSubject {
    AlertSubject::Stack(stack.id.clone())
}

fn page(stack: &StackStatus) -> String {
    format!("/stacks/{}", stack.id)
}

/// An apply that failed. Hosts that did not answer have not: whether they are away for too long is told by itself.
fn apply_failed(sight: &mut Sight, stack: &StackStatus, last: Option<&LastApply>) {
    let kind = AlertKind::ApplyFailed;
    let Some((last, outcome)) = last.and_then(|it| Some((it, it.outcome?))) else {
        // An apply that has begun is no success yet.
        return sight.unclear(kind, subject(stack));
    };
    if outcome.is_success() {
        let summary = format!("{}: the apply of {} succeeded", stack.id, last.revision.short());
        return sight.over(kind, subject(stack), summary, 0);
    }
    if outcome == Outcome::Unreachable || outcome.ended_by_others() {
        // No failure, and no success either.
        return sight.unclear(kind, subject(stack));
    }
    let (revision, ended) = (last.revision.short(), words::ended(Some(outcome)));
    let summary = format!("the apply of {revision} to {} {ended}", stack.id);
    let mut found = condition(AlertSeverity::Critical, summary, format!("/runs/{}", last.run));
    found.details.push(last.words.clone());
    found.details.push(format!("`driftless show {}` tells what happened on which host", last.run));
    found.instance = last.revision.commit.to_string();
    sight.found(kind, subject(stack), found);
}

/// What waits for a person. A hold after a cancelled run is told when it grows old: who cancelled knows of it.
fn held(sight: &mut Sight, stack: &StackStatus, policy: &AlertPolicy) {
    let id = &stack.id;
    let airbag = stack.airbag.as_ref().filter(|it| it.approved_by.is_none());
    let asks = stack.policy.approval == ApprovalPolicy::Person;
    let approval = stack.approval.as_ref().filter(|it| asks && it.approved.is_none());
    let mut found = if let Some(airbag) = airbag {
        let summary = format!("an apply of {} to {id} waits for a person", airbag.revision.short());
        let mut found = condition(AlertSeverity::Warning, summary, page(stack));
        found.details.push(airbag.comparison.clone());
        found.instance.clone_from(&airbag.digest);
        found.since = Some(airbag.since);
        found
    } else if let Some(approval) = approval {
        let summary =
            format!("{} waits for a person before it is applied to {id}", approval.revision.short());
        let mut found = condition(AlertSeverity::Warning, summary, page(stack));
        found.details.push(format!("changes: {}, hosts: {}", approval.changes, approval.hosts.len()));
        found.instance.clone_from(&approval.digest);
        found.since = Some(approval.at);
        found
    } else if let Some(hold) = &stack.hold {
        let summary = format!("{} is held at {id}", hold.revision.short());
        let mut found = condition(AlertSeverity::Warning, summary, page(stack));
        found.details.push(hold.reason.clone());
        found.details.push(format!("it goes on with a newer commit, or by `driftless resume {id}`"));
        found.instance = hold.revision.commit.to_string();
        found.since = Some(hold.since);
        found.after = policy.held_longer_than;
        return sight.found(AlertKind::Held, subject(stack), found);
    } else {
        let summary = format!("nothing of {id} waits for a person any more");
        return sight.over(AlertKind::Held, subject(stack), summary, 0);
    };
    found.details.push(format!("`driftless approve {id}` shows it and how to accept it"));
    sight.found(AlertKind::Held, subject(stack), found);
}

fn drifted(sight: &mut Sight, stack: &StackStatus, facts: &DriftFacts) {
    let kind = AlertKind::Drift;
    let names: Vec<&str> =
        facts.hosts.iter().filter(|(_, it)| it.drifted_tasks != 0).map(|(host, _)| host.as_str()).collect();
    if names.is_empty() {
        let summary = format!("nothing that somebody changed on the hosts of {} is left", stack.id);
        return sight.over(kind, subject(stack), summary, facts.heals.0);
    }
    let hosts = if names.len() == 1 { "1 host".to_owned() } else { format!("{} hosts", names.len()) };
    let mut found =
        condition(AlertSeverity::Warning, format!("{hosts} of {} drifted", stack.id), page(stack));
    found.details.push(some_of(&names));
    found.details.push(format!("`driftless drift {}` shows what differs", stack.id));
    found.since = facts.check.as_ref().map(|it| it.at);
    found.heals = facts.heals.0;
    sight.found(kind, subject(stack), found);
}

fn owed(sight: &mut Sight, stack: &StackStatus, facts: &DriftFacts, policy: &AlertPolicy) {
    let kind = AlertKind::HostsOwed;
    let Some(since) = facts.owed_since else {
        return sight.over(kind, subject(stack), format!("no host of {} is owed a revision", stack.id), 0);
    };
    let names: Vec<&str> =
        facts.hosts.iter().filter(|(_, it)| it.owed_since.is_some()).map(|(host, _)| host.as_str()).collect();
    let (hosts, are) = if names.len() == 1 {
        ("1 host".to_owned(), "is")
    } else {
        (format!("{} hosts", names.len()), "are")
    };
    let summary = format!("{hosts} of {} {are} owed a revision", stack.id);
    let mut found = condition(AlertSeverity::Warning, summary, page(stack));
    found.details.push(some_of(&names));
    found
        .details
        .push("they get it when they answer; `driftless hosts` shows since when they are owed it".to_owned());
    found.since = Some(since);
    found.after = policy.owed_longer_than;
    sight.found(kind, subject(stack), found);
}

fn some_of(names: &[&str]) -> String {
    let shown = names.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(NAMED) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
