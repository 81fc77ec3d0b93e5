//! Reads the conditions off what is known. Pure, and without memory: what was told before is for [`super::tell`].

use std::collections::{BTreeMap, BTreeSet};

use super::stacks;
use crate::domain::{
    AlertKey, AlertKind, AlertPolicy, AlertSeverity, AlertSubject, CommitHash, Condition, DriftFacts,
    Failure, MergeRequestState, MergeRequestStatus, PreviewLevel, SourceStatus, Span, StackStatus, Timestamp,
    later,
};
use crate::reconciler::LastApply;

/// How long the preview of a merge request is news.
const NEWS_FOR: Span = Span::from_hours(24);

/// How many lines of what a failure shows are told.
const SHOWN: usize = 20;

/// All that alerts are read off.
#[derive(Debug, Clone, Default)]
pub struct View {
    /// All sources.
    pub sources: Vec<SourceStatus>,
    /// All stacks.
    pub stacks: Vec<StackStatus>,
    /// Their drift.
    pub drift: Vec<DriftFacts>,
    /// How their last applies went.
    pub applies: Vec<LastApply>,
    /// The merge requests that are followed.
    pub merge_requests: Vec<MergeRequestStatus>,
    /// Whether the audit chain held when it was last verified, else what is wrong; `None` if it was not verified yet.
    pub chain: Option<Result<(), String>>,
}

/// What a look found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sight {
    /// The conditions that are there.
    pub conditions: BTreeMap<AlertKey, Condition>,
    /// Of these nothing can be said now: what was told of them stays as it is.
    pub unclear: BTreeSet<AlertKey>,
    /// How it is over, for those that are not there: one line each.
    pub over: BTreeMap<AlertKey, Over>,
}

/// How something is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Over {
    /// In one line.
    pub summary: String,
    /// How often the stack was healed until now, for drift.
    pub heals: u64,
}

impl Sight {
    pub(super) fn found(&mut self, kind: AlertKind, subject: AlertSubject, condition: Condition) {
        self.conditions.insert(AlertKey { kind, subject }, condition);
    }

    pub(super) fn unclear(&mut self, kind: AlertKind, subject: AlertSubject) {
        self.unclear.insert(AlertKey { kind, subject });
    }

    pub(super) fn over(&mut self, kind: AlertKind, subject: AlertSubject, summary: String, heals: u64) {
        self.over.insert(AlertKey { kind, subject }, Over { summary, heals });
    }
}

pub(super) fn condition(severity: AlertSeverity, summary: String, link: String) -> Condition {
    Condition {
        severity,
        summary,
        details: Vec::new(),
        link,
        instance: String::new(),
        since: None,
        after: Span::ZERO,
        lasting: true,
        heals: 0,
    }
}

/// Looks at everything.
pub fn look(now: Timestamp, view: &View, policy: &AlertPolicy) -> Sight {
    let mut sight = Sight::default();
    for source in &view.sources {
        unreachable(&mut sight, source, policy);
        refused(&mut sight, source);
        rewound(&mut sight, source);
    }
    let applies: BTreeMap<_, _> = view.applies.iter().map(|it| (&it.stack, it)).collect();
    let drift: BTreeMap<_, _> = view.drift.iter().map(|it| (&it.stack, it)).collect();
    for stack in &view.stacks {
        let apply = applies.get(&stack.id).copied();
        stacks::look(&mut sight, stack, apply, drift.get(&stack.id).copied(), policy);
    }
    for request in &view.merge_requests {
        previewed(&mut sight, now, request);
    }
    chain(&mut sight, view.chain.as_ref());
    sight
}

/// A repository that cannot be fetched. Whatever else depends on the remote goes on from the last good commit, so this
/// is all that is told of it, however long it takes.
fn unreachable(sight: &mut Sight, source: &SourceStatus, policy: &AlertPolicy) {
    let (kind, subject) = (AlertKind::SourceUnreachable, AlertSubject::Source(source.name.clone()));
    if source.fetch_failures == 0 {
        // Before the first fetch of this life nothing is known.
        if source.fetched_at.is_none() {
            return sight.unclear(kind, subject);
        }
        return sight.over(kind, subject, format!("{} can be fetched again", source.name), 0);
    }
    let failure = source.problem.as_ref();
    let is_attack = failure.is_some_and(|it| it.security);
    let severity = if is_attack { AlertSeverity::Critical } else { AlertSeverity::Warning };
    let mut found = condition(severity, format!("{} cannot be fetched", source.name), "/system".to_owned());
    // What may be an attack is not waited for.
    found.after = if is_attack { Span::ZERO } else { policy.unreachable_longer_than };
    if let Some(failure) = failure {
        found.summary = format!("{}: {}", found.summary, failure.message);
        say_more(&mut found, failure);
    }
    found.details.push("checks and heals go on at the last admitted commit".to_owned());
    sight.found(kind, subject, found);
}

fn say_more(found: &mut Condition, failure: &Failure) {
    found.details.extend(failure.remedy.clone());
    found.details.extend(failure.details.iter().filter(|it| !it.is_empty()).take(SHOWN).cloned());
}

/// A commit that cannot be used although it was fetched.
fn refused(sight: &mut Sight, source: &SourceStatus) {
    let (kind, subject) = (AlertKind::SourceRefused, AlertSubject::Source(source.name.clone()));
    if source.fetch_failures != 0 || source.fetched_at.is_none() {
        return sight.unclear(kind, subject);
    }
    if source.waiting.is_some() {
        // It is told as what waits for a person; nothing of this kind is mended by that.
        return sight.unclear(kind, subject);
    }
    let Some(failure) = &source.problem else {
        return sight.over(kind, subject, format!("the newest commit of {} is followed", source.name), 0);
    };
    let severity = if failure.security { AlertSeverity::Critical } else { AlertSeverity::Warning };
    let commit = source.refused.as_ref().map(|it| &it.commit).or(source.admitted.as_ref());
    let commit = commit.map_or("the newest commit", CommitHash::short);
    let summary = format!("{commit} of {} is not followed: {}", source.name, failure.message);
    let mut found = condition(severity, summary, "/system".to_owned());
    say_more(&mut found, failure);
    found.instance = source.refused.as_ref().map_or_else(String::new, |it| it.commit.to_string());
    sight.found(kind, subject, found);
}

/// Rewritten history waits for a person.
fn rewound(sight: &mut Sight, source: &SourceStatus) {
    let (kind, subject) = (AlertKind::Held, AlertSubject::Source(source.name.clone()));
    let Some(waiting) = &source.waiting else {
        if source.fetched_at.is_none() {
            return sight.unclear(kind, subject);
        }
        return sight.over(
            kind,
            subject,
            format!("nothing of {} waits for a person any more", source.name),
            0,
        );
    };
    let summary = format!(
        "{} waits for a person: it does not descend from what was followed of {}",
        waiting.short(),
        source.name
    );
    let mut found = condition(AlertSeverity::Critical, summary, "/system".to_owned());
    found.details.push(format!("accept it by `driftless approve {} {}`", source.name, waiting.commit));
    found.instance = waiting.commit.to_string();
    sight.found(kind, subject, found);
}

fn previewed(sight: &mut Sight, now: Timestamp, status: &MergeRequestStatus) {
    let (facts, seen) = (&status.facts, &status.facts.seen);
    if seen.state != MergeRequestState::Open {
        return;
    }
    let live = facts.live.as_ref().filter(|it| it.head == seen.head);
    let (what, level, at) = match (live, &facts.preview) {
        (Some(live), _) if live.stacks.values().any(Option::is_none) => return,
        (Some(live), _) => {
            let changes: u64 = live
                .stacks
                .values()
                .flatten()
                .map(|it| it.prediction.changes.len() as u64 + it.prediction.left_out)
                .sum();
            (Ok(format!("stacks: {}, changes: {changes}", live.stacks.len())), PreviewLevel::Live, live.since)
        }
        (None, Some(preview)) if preview.head == seen.head => {
            let made =
                preview.made.as_ref().map(|it| format!("stacks that it touches: {}", it.impact.stacks.len()));
            (made.map_err(|it| it.message.clone()), preview.level, preview.at)
        }
        _ => return,
    };
    if later(at, NEWS_FOR) <= now {
        return;
    }
    let name = format!("{}!{}", status.source, seen.number.0);
    let (severity, summary) = match &what {
        Ok(what) => (AlertSeverity::Info, format!("the preview of {name} is ready: {what}")),
        Err(why) => (AlertSeverity::Warning, format!("the preview of {name} failed: {why}")),
    };
    let mut found =
        condition(severity, summary, format!("/sources/{}/merge-requests/{}", status.source, seen.number.0));
    found.details = vec![format!("{} by {}", seen.title, seen.author), status.standing.clone()];
    found.instance = format!("{} {}", seen.head, level.as_str());
    found.since = Some(at);
    found.lasting = false;
    let subject = AlertSubject::MergeRequest(status.source.clone(), seen.number);
    sight.found(AlertKind::PreviewReady, subject, found);
}

fn chain(sight: &mut Sight, verdict: Option<&Result<(), String>>) {
    let (kind, subject) = (AlertKind::ChainBroken, AlertSubject::Daemon);
    match verdict {
        None => sight.unclear(kind, subject),
        Some(Ok(())) => sight.over(kind, subject, "the audit chain holds".to_owned(), 0),
        Some(Err(words)) => {
            let summary = format!("the audit chain does not hold: {words}");
            let mut found = condition(AlertSeverity::Critical, summary, "/audit".to_owned());
            found
                .details
                .push("`driftless audit verify` says more; nothing is signed until it holds".to_owned());
            sight.found(kind, subject, found);
        }
    }
}
