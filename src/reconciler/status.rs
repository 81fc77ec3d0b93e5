//! What is shown. Derived from facts each time it is asked for, never set.

use crate::domain::{
    Applied, ApplyPolicy, Attempt, CheckSchedule, CommitHash, Failure, HostLedger, Outcome, Revision,
    RunSpec, SourceName, SourceStatus, StackId, StackPolicy, StackStatus, SyncStatus, Timestamp,
};

use super::Reconciler;
use super::ledger::Summary;
use super::source::Source;
use super::stack::Stack;
use super::wants::{Waiting, World};
use super::words::{self, counted, part};

impl Reconciler {
    /// All configured sources.
    pub fn sources(&self) -> Vec<SourceStatus> {
        let configured = self.sources.iter().filter(|(_, it)| it.policy.is_some());
        configured.map(|(name, source)| self.source_status(name, source)).collect()
    }

    fn source_status(&self, name: &SourceName, source: &Source) -> SourceStatus {
        let waiting = source.waiting.as_ref().map(|it| it.revision.clone());
        let admitted = source.facts.admitted.as_ref();
        let rewound = waiting.as_ref().map(|it| not_a_descendant(name, it, admitted));
        let refused = source.refused.as_ref().map(|(_, lack)| lack.clone());
        SourceStatus {
            name: name.clone(),
            head: source.head().map(|it| it.revision.clone()),
            admitted: admitted.cloned(),
            waiting,
            refused: source.refused.as_ref().map(|(revision, _)| revision.clone()),
            problem: source.fetches.problem.clone().or(refused).or(rewound).or_else(|| source.broken.clone()),
            forge_problem: source.requests.asks.problem.clone(),
            fetch_failures: source.fetches.failures,
            fetched_at: source.fetches.fetched_at,
            next_fetch: source.fetches.due_at().filter(|_| self.drain.is_none()),
            notes: source.declaration().map(|it| it.notes.clone()).unwrap_or_default(),
        }
    }

    /// All declared stacks, and those that are not declared any more while a run of them is live.
    pub fn stacks(&self, now: Timestamp) -> Vec<StackStatus> {
        let world = self.world(now);
        let stacks = self.sources.iter().flat_map(|(name, source)| {
            source.named_stacks(name).filter_map(move |(id, stack)| stack_status(&id, source, stack, &world))
        });
        stacks.collect()
    }

    /// The names of these alone, which costs little.
    pub fn stack_ids(&self) -> Vec<StackId> {
        let names = self.sources.iter().flat_map(|(name, source)| {
            let there = |stack: &Stack| source.declared(stack).is_some() || stack.facts.live.is_some();
            source.named_stacks(name).filter_map(move |(id, stack)| there(stack).then_some(id))
        });
        names.collect()
    }

    /// One of them.
    pub(super) fn stack(&self, now: Timestamp, id: &StackId) -> Option<StackStatus> {
        let source = self.sources.get(&id.source)?;
        stack_status(id, source, source.stacks.get(&id.stack)?, &self.world(now))
    }
}

fn not_a_descendant(name: &SourceName, waiting: &Revision, admitted: Option<&CommitHash>) -> Failure {
    let admitted = admitted.map_or("nothing", CommitHash::short);
    Failure::until_changed(format!(
        "{} does not descend from {admitted}: history was rewritten",
        waiting.short()
    ))
    .remedy(format!("if that was intended: driftless approve {name} {}", waiting.commit))
    .security()
}

fn stack_status(id: &StackId, source: &Source, stack: &Stack, world: &World) -> Option<StackStatus> {
    let Some((head, policy)) = source.declared(stack) else {
        let live = stack.facts.live.as_ref()?;
        let reason = format!("{id} is not declared any more; run {} goes on to its end", live.run);
        let summary = stack.summary(&live.revision.commit);
        let sync = (SyncStatus::Unknown, reason);
        return Some(compose(stack, policy_of(live), &live.revision, summary, sync));
    };
    let summary = stack.summary(&head.revision.commit);
    let wants = source.wants(stack, world);
    let waiting = wants.as_ref().err();
    let (sync, standing) = standing(stack, &head.revision, &summary);
    let next = match waiting {
        Some(Waiting::Manual) if sync == SyncStatus::InSync => None,
        Some(waiting) => words::waiting(world.now, waiting, &head.revision),
        None => Some("starts at once".to_owned()),
    };
    let reason = next.map_or_else(|| standing.clone(), |next| format!("{standing}; {next}"));
    let status = compose(stack, policy.clone(), &head.revision, summary, (sync, reason));
    Some(StackStatus { next_run: waiting.and_then(Waiting::until), ..status })
}

fn compose(
    stack: &Stack,
    policy: StackPolicy,
    head: &Revision,
    summary: Summary,
    (sync, reason): (SyncStatus, String),
) -> StackStatus {
    let facts = &stack.facts;
    StackStatus {
        id: policy.id.clone(),
        policy,
        sync,
        reason,
        head: head.clone(),
        attempted: facts.attempt.as_ref().map(|it| it.revision.clone()),
        applied: summary.applied,
        hosts: summary.counts,
        live: facts.live.clone(),
        request: facts.request.clone(),
        suspended: facts.suspended.clone(),
        hold: facts.hold.clone(),
        airbag: facts.locks.airbag.clone(),
        predictions: facts.predictions,
        approval: facts.approval.as_deref().cloned(),
        failures: facts.attempt.as_ref().map_or(0, |it| it.failures),
        next_run: None,
        last_success: facts.last_success,
    }
}

/// What is known of a stack that is not declared any more, from its live run.
fn policy_of(live: &RunSpec) -> StackPolicy {
    StackPolicy {
        limit: live.limit.clone(),
        tags: live.tags.clone(),
        skip_tags: live.skip_tags.clone(),
        extra_vars: live.extra_vars.clone(),
        forks: live.forks,
        apply: ApplyPolicy::Manual,
        check: CheckSchedule::Never,
        timeout: live.timeout,
        runtime: live.runtime.clone(),
        ..StackPolicy::new(live.stack.clone(), &live.playbook, &live.inventory)
    }
}

/// Whether the hosts are as the head says, and what says so.
pub(super) fn standing(stack: &Stack, head: &Revision, summary: &Summary) -> (SyncStatus, String) {
    let (sync, sentence) = at_head(stack, head, summary);
    let changed =
        |it: &HostLedger| it.changes.iter().any(|it| stack.tasks.class(it).is_drift() && it.present);
    let drifted = stack.ledger.drifted().filter(|(_, it)| changed(it)).count();
    match u32::try_from(drifted).unwrap_or(u32::MAX) {
        0 => (sync, sentence),
        drifted => {
            let were = if drifted == 1 { "was" } else { "were" };
            let sync = if sync == SyncStatus::InSync { SyncStatus::OutOfSync } else { sync };
            (sync, format!("{sentence}; {} {were} changed since", counted(drifted, "host")))
        }
    }
}

/// Whether the hosts are at the head.
fn at_head(stack: &Stack, head: &Revision, summary: &Summary) -> (SyncStatus, String) {
    let (applied, counts) = (&summary.applied, summary.counts);
    let short = head.short();
    let Some(attempt) = &stack.facts.attempt else {
        return (SyncStatus::Unknown, format!("{short} was never applied"));
    };
    if attempt.revision.commit != head.commit {
        let sync = if *applied == Applied::Nothing { SyncStatus::Unknown } else { SyncStatus::OutOfSync };
        return (sync, format!("{short} is not applied; {} was attempted last", attempt.revision.short()));
    }
    let everywhere = summary.clean && *applied == Applied::Everywhere(head.commit.clone());
    let Some(outcome) = attempt.outcome else {
        let succeeded =
            |it: &Attempt| it.revision.commit == head.commit && it.outcome.is_some_and(Outcome::is_success);
        return match applied {
            _ if everywhere && stack.before.as_ref().is_some_and(succeeded) => (
                SyncStatus::InSync,
                format!("{short} is applied on {} and is applied again", part(counts, counts.converged)),
            ),
            Applied::Nothing => (SyncStatus::Unknown, format!("{short} is being applied for the first time")),
            _ => (SyncStatus::OutOfSync, format!("{short} is being applied")),
        };
    };
    (sync(outcome, everywhere, applied), attempt_sentence(attempt, outcome, summary))
}

fn sync(outcome: Outcome, everywhere: bool, applied: &Applied) -> SyncStatus {
    match outcome {
        _ if outcome.is_success() && everywhere => SyncStatus::InSync,
        _ if outcome.is_success() && *applied == Applied::Nothing => SyncStatus::Unknown,
        _ if outcome.is_success() => SyncStatus::OutOfSync,
        Outcome::Failed | Outcome::Unreachable => SyncStatus::OutOfSync,
        _ => SyncStatus::Unknown,
    }
}

/// How the last apply of the whole stack went.
pub(super) fn attempt_sentence(attempt: &Attempt, outcome: Outcome, summary: &Summary) -> String {
    let counts = summary.counts;
    let (short, run) = (attempt.revision.short(), attempt.run);
    let owed = if counts.owed == 0 { String::new() } else { format!(", {} owed", counts.owed) };
    let failed = if counts.failed == 0 { String::new() } else { format!(", {} failed since", counts.failed) };
    match outcome {
        _ if outcome.is_success()
            && !summary.clean
            && [counts.total, 0, 0] == [counts.converged, counts.owed, counts.failed] =>
        {
            format!(
                "{short} is applied on {}, but something else was tried since",
                part(counts, counts.converged)
            )
        }
        _ if outcome.is_success() => {
            format!("{short} is applied on {}{owed}{failed}", part(counts, counts.converged))
        }
        Outcome::Unreachable => format!("{short} is applied on {}{owed}", part(counts, counts.converged)),
        Outcome::Failed if 0 < counts.failed => {
            format!("{} failed in run {run} of {short}{owed}", part(counts, counts.failed))
        }
        _ => {
            let times = match attempt.failures {
                0 | 1 => String::new(),
                times => format!(", {} in a row did not succeed", counted(times, "run")),
            };
            let ended = words::ended(Some(outcome));
            let why = attempt.why.as_ref().map_or_else(String::new, |it| format!(": {it}"));
            format!("run {run} of {short} {ended}{why}{times}")
        }
    }
}
