//! Why a stack did, does or does not run: the same facts in the same order as `wants` looks at them, in sentences.

use crate::domain::{ApplyPolicy, Explanation, Head, Mode, StackId, StackPolicy, Timestamp, WindowState};

use super::Reconciler;
use super::source::Source;
use super::stack::Stack;
use super::status::standing;
use super::wants::{Waiting, Want, World};
use super::words::{self, ago, counted, lasting};

impl Reconciler {
    /// Why a stack did, does or does not run; `None` for a stack that nobody declares.
    pub fn explain(&self, now: Timestamp, id: &StackId) -> Option<Explanation> {
        let world = self.world(now);
        let source = self.sources.get(&id.source)?;
        let stack = source.stacks.get(&id.stack)?;
        let Some((head, policy)) = source.declared(stack) else {
            let live = stack.facts.live.as_ref()?;
            let next = format!("run {} goes on to its end, then {id} is forgotten", live.run);
            let because = vec![format!("{} does not declare it any more", id.source)];
            return Some(Explanation { stack: id.clone(), next, because });
        };
        let next = next(now, &source.wants(stack, &world), head);
        let mut because = source_facts(source, head);
        because.extend(person_facts(now, stack));
        because.extend(stack_facts(now, stack, head, policy));
        because.extend(policy.depends_on.iter().map(
            |base| match source.lacks(base, &head.revision.commit) {
                None => format!("it depends on {base}, which is ready"),
                Some(lack) => format!("it depends on {base}, {}", words::lacking(lack, &head.revision)),
            },
        ));
        because.push(live_runs(&world));
        Some(Explanation { stack: id.clone(), next, because })
    }
}

fn next(now: Timestamp, wants: &Result<Want<'_>, Waiting<'_>>, head: &Head) -> String {
    match wants {
        Ok(want) => format!("a run in {} mode of {} starts at once", want.mode, want.revision.short()),
        Err(Waiting::Settled) => "nothing is owed: the next commit starts a run".to_owned(),
        Err(Waiting::Manual) => "nothing runs until a person asks (`driftless apply`)".to_owned(),
        Err(Waiting::Suspended { by, since }) => {
            format!("nothing runs until a person resumes it: suspended by {by} {}", ago(now, *since))
        }
        Err(Waiting::Held(hold)) => {
            let hold = format!("held {}: {}", lasting(now, hold.since), hold.reason);
            format!("nothing runs until a newer commit comes or a person resumes or applies it; {hold}")
        }
        Err(Waiting::Airbag(hold)) => {
            format!(
                "nothing is applied until a newer commit comes or a person approves it: {}",
                hold.comparison
            )
        }
        Err(waiting) => words::waiting(now, waiting, &head.revision).unwrap_or_default(),
    }
}

fn source_facts(source: &Source, head: &Head) -> Vec<String> {
    let mut facts = vec![format!("it is measured against {}", head.revision.short())];
    if let Some(admitted) = source.facts.admitted.as_ref().filter(|it| **it != head.revision.commit) {
        let problem = source.broken.as_ref().map_or_else(String::new, |it| format!(": {it}"));
        facts.push(format!("{} is newer and is not followed{problem}", admitted.short()));
    }
    if let Some(waiting) = &source.waiting {
        let short = waiting.revision.short();
        facts.push(format!(
            "{short} waits for a person, because it does not descend from the admitted commit"
        ));
    }
    if let Some((revision, failure)) = &source.refused {
        facts.push(format!("{} is not accepted: {failure}", revision.short()));
    }
    facts
}

/// When its applies may start.
fn window_facts(now: Timestamp, policy: &StackPolicy) -> Vec<String> {
    if policy.windows.is_empty() {
        return Vec::new();
    }
    let mut sentences = Vec::new();
    let windows: Vec<String> = policy.windows.windows.iter().map(ToString::to_string).collect();
    if !windows.is_empty() {
        sentences.push(format!("applies start only in its windows: {}", windows.join(", ")));
    }
    sentences.push(match policy.windows.state(now) {
        WindowState::Open { until: None } => "applies may start".to_owned(),
        WindowState::Open { until: Some(at) } => format!("applies may start until {}", words::clock(at)),
        WindowState::Closed { until: None, why } => format!("applies may not start: {why}"),
        WindowState::Closed { until: Some(at), why } => {
            format!("applies may not start before {}: {why}", words::clock(at))
        }
    });
    sentences
}

/// What persons want of it.
fn person_facts(now: Timestamp, stack: &Stack) -> Vec<String> {
    let facts = &stack.facts;
    let mut sentences = Vec::new();
    if let Some((by, since)) = &facts.suspended {
        let mut sentence =
            format!("{by} suspended it {}: nothing runs, not even on request", ago(now, *since));
        if facts.request.is_some() {
            sentence.push_str("; the request waits until it is resumed");
        }
        sentences.push(sentence);
    }
    if let Some(request) = &facts.request {
        let revision = request.revision.as_ref().map_or_else(String::new, |it| format!(" of {}", it.short()));
        let rule = match (request.mode, &request.revision) {
            (Mode::Apply, None) if request.outside_window.is_some() => {
                "that skips holds, backoff and windows, and nothing else"
            }
            (Mode::Apply, None) => "that skips holds and backoff, and nothing else",
            _ => "that skips holds, backoff and dependencies, and nothing else",
        };
        sentences.push(format!("{}{revision}; {rule}", words::request_words(request)));
    }
    if let Some(interrupted) = &facts.interrupted {
        let were = if interrupted.in_row == 1 { "was" } else { "were" };
        sentences.push(format!("{} of it in a row {were} interrupted", counted(interrupted.in_row, "run")));
    }
    if let Some(hold) = &facts.hold {
        let revision = hold.revision.short();
        sentences.push(format!("{revision} is held {}: {}", lasting(now, hold.since), hold.reason));
    }
    sentences
}

/// What was done of what is wanted.
fn stack_facts(now: Timestamp, stack: &Stack, head: &Head, policy: &StackPolicy) -> Vec<String> {
    let facts = &stack.facts;
    let mut sentences = vec![match policy.apply {
        ApplyPolicy::OnCommit => "new commits are applied as they come (`apply: on_commit`)".to_owned(),
        ApplyPolicy::Manual => "it is applied only when a person asks (`apply: manual`)".to_owned(),
    }];
    sentences.extend(window_facts(now, policy));
    let summary = stack.summary(&head.revision.commit);
    sentences.push(standing(stack, &head.revision, &summary).1);
    if let Some(attempt) = &facts.attempt {
        let (run, short, at) = (attempt.run, attempt.revision.short(), ago(now, attempt.at));
        sentences.push(match attempt.outcome {
            None => format!("run {run} began to apply {short} {at}"),
            Some(outcome) => {
                format!("the last apply, run {run} of {short}, {} {at}", words::ended(Some(outcome)))
            }
        });
        let owed = stack.attempted(&head.revision.commit) && !stack.is_held(&head.revision.commit);
        if let Some(retry_at) = attempt.retry_at.filter(|_| owed && policy.apply == ApplyPolicy::OnCommit) {
            let failures = match attempt.failures {
                0 => String::new(),
                failures => format!(", after {} in a row", counted(failures, "failure")),
            };
            sentences.push(format!("a retry is due {}{failures}", words::until(now, retry_at)));
        }
    }
    if let Some(restored) = &facts.restored {
        let next = if restored.moved {
            "and there are newer commits: drift is not corrected before it was applied"
        } else {
            "and nothing is retried or corrected before it was checked"
        };
        sentences.push(format!(
            "what is known of it was restored from a backup {}, {next}",
            ago(now, restored.at)
        ));
    }
    let counts = summary.counts;
    if counts.total != 0 {
        let (total, converged, short) = (counts.total, counts.converged, head.revision.short());
        let rest = format!("{} owed, {} failed", counts.owed, counts.failed);
        sentences.push(format!("hosts: {converged} of {total} at {short}, {rest}"));
    }
    sentences
}

fn live_runs(world: &World) -> String {
    let are = if world.live == 1 { "is" } else { "are" };
    let stopping = if world.draining { "; the daemon is stopping and starts no more" } else { "" };
    format!("{} of at most {} {are} live{stopping}", counted(world.live, "run"), world.most)
}
