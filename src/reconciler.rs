//! Decides. Pure: facts in, decisions out.
//!
//! [`Reconciler::step`] learns one fact and then decides from all facts; [`Reconciler::next_wakeup`] is the only timer
//! that the daemon needs. Nothing here reads a clock, does I/O or draws randomness: time and seed are arguments, so
//! the same inputs give the same decisions, and every question of policy is a test.
//!
//! What the daemon owes the core in return: each [`Decision::Fetch`] is answered by one `Fetched` or `FetchFailed`,
//! each [`Decision::Start`] by one `RunFinished`, whatever happens to source or stack meanwhile; and after a restart,
//! each run of [`Reconciler::live_runs`] by a `RunFinished` as soon as nothing is left of it.

mod admission;
mod airbag;
pub mod alerts;
mod applies;
mod approval;
mod backoff;
mod checks;
mod drain;
mod drift;
mod ending;
mod explain;
mod fetch;
mod fleet;
mod heals;
mod latency;
mod learning;
mod ledger;
mod limit;
mod locks;
mod merge_requests;
mod previews;
mod probes;
mod recovery;
mod report;
mod restored;
mod sightings;
mod source;
mod spec;
mod stack;
mod standing;
mod status;
mod wants;
mod words;

use std::collections::BTreeMap;

use crate::domain::{
    Decision, Event, Fact, Mode, RunId, RunSpec, Settings, SourceName, Span, StackId, Timestamp, Trigger,
};

pub use applies::LastApply;
pub use limit::intersect_limits;

use backoff::Jitter;
use drain::Drain;
use source::Source;
use stack::Stack;
use wants::{Waiting, Want, World};

/// How often waiting stacks are looked at again within one step.
const ROUNDS: usize = 8;

/// The core: all that is known, and what follows from it.
#[derive(Debug)]
pub struct Reconciler {
    settings: Settings,
    jitter: Jitter,
    sources: BTreeMap<SourceName, Source>,
    next_run: u64,
    next_run_changed: bool,
    drain: Option<Drain>,
    /// Whether the disk has room for new runs, as far as was told.
    room: bool,
    /// Answers to runs that asked, not yet given.
    answers: Vec<Decision>,
    /// Whether locks were let go of since waiting stacks were looked at.
    locks_moved: bool,
    /// When it last decided: what was due then was dealt with, what came due later was not.
    decided_at: Timestamp,
}

impl Reconciler {
    /// Takes in one fact and returns what to do about it, in order.
    ///
    /// Late, repeated and unknown events change nothing.
    #[must_use = "decisions that are dropped are lost"]
    pub fn step(&mut self, now: Timestamp, event: Event) -> Vec<Decision> {
        self.learn(now, event);
        self.decide(now)
    }

    /// When to send the next [`Event::Tick`] if nothing happens before. Always later than `now`.
    ///
    /// A deadline that has passed was weighed by the last [`Reconciler::step`]; what still blocks it (the run limit, a
    /// missing base) ends with an event, not with time.
    pub fn next_wakeup(&self, now: Timestamp) -> Option<Timestamp> {
        let next = match &self.drain {
            Some(drain) => self.has_undrained_apply().then_some(drain.deadline),
            None => self.next_fetch().into_iter().chain(self.next_deadline()).min(),
        };
        let soonest = now.saturating_add(Span::from_millis(1)).unwrap_or(now);
        next.map(|it| it.max(soonest))
    }

    /// What must be kept of what changed since this was last asked. The daemon journals it together with the event
    /// and the decisions, in one transaction.
    #[must_use = "facts that are dropped are forgotten after a restart"]
    pub fn take_facts(&mut self) -> Vec<Fact> {
        let mut facts = Vec::new();
        for (name, source) in &mut self.sources {
            if std::mem::take(&mut source.changed) {
                facts.push(Fact::Source { name: name.clone(), facts: source.facts.clone() });
            }
            facts.extend(source.requests.take_facts(name));
            for (stack_name, stack) in &mut source.stacks {
                let id = || StackId { source: name.clone(), stack: stack_name.clone() };
                if std::mem::take(&mut stack.changed) {
                    facts.push(Fact::Stack { id: id(), facts: Box::new(stack.facts.clone()) });
                }
                let lines = stack.ledger.take_changed().into_iter();
                facts.extend(lines.map(|(host, ledger)| Fact::Host { stack: id(), host, ledger }));
                let tasks = stack.tasks.take_changed().into_iter();
                facts.extend(tasks.map(|(task, it)| Fact::Task { stack: id(), task, facts: it }));
            }
        }
        if std::mem::take(&mut self.next_run_changed) {
            facts.push(Fact::NextRun { run: RunId(self.next_run) });
        }
        facts
    }

    /// What the operator says, as the core knows it.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The runs that were started and have not finished, of stacks declared or not.
    pub fn live_runs(&self) -> Vec<&RunSpec> {
        self.all_stacks().filter_map(|it| it.facts.live.as_ref()).collect()
    }

    fn all_stacks(&self) -> impl Iterator<Item = &Stack> {
        self.sources.values().flat_map(|it| it.stacks.values())
    }

    fn decide(&mut self, now: Timestamp) -> Vec<Decision> {
        self.decided_at = now;
        let mut decisions = Vec::new();
        if self.drain.is_some() {
            self.order_drain(now);
        }
        self.sources.values_mut().for_each(Source::stop_stale_previews);
        self.pass_on_stops(&mut decisions);
        decisions.append(&mut self.answers);
        if self.drain.is_some() {
            self.look_at_locks(now);
            self.exit_once(&mut decisions);
        } else {
            self.start_fetches(now, &mut decisions);
            self.follow_merge_requests(now, &mut decisions);
            // Who finds hosts taken may let others go that somebody else waits for.
            for _ in 0..ROUNDS {
                self.look_at_locks(now);
                self.start_runs(now, &mut decisions);
                if !std::mem::take(&mut self.locks_moved) {
                    break;
                }
            }
            self.start_probes(now, &mut decisions);
        }
        decisions
    }

    fn start_fetches(&mut self, now: Timestamp, decisions: &mut Vec<Decision>) {
        let configured = self.sources.iter_mut().filter(|(_, it)| it.policy.is_some());
        for (name, source) in configured.filter(|(_, it)| it.fetches.due_at().is_some_and(|at| at <= now)) {
            let admitted = source.facts.admitted.clone();
            source.fetches.began(admitted.clone());
            decisions.push(Decision::Fetch { source: name.clone(), admitted });
        }
    }

    fn follow_merge_requests(&mut self, now: Timestamp, decisions: &mut Vec<Decision>) {
        for (name, source) in &mut self.sources {
            source.ask_forge(now, name, decisions);
            source.forget_merge_requests(now);
            if self.room {
                source.order_previews(now, name, decisions);
            }
        }
    }

    /// Whoever waits longest gets the next free place; a person who waits for a change goes first.
    fn start_runs(&mut self, now: Timestamp, decisions: &mut Vec<Decision>) {
        let mut world = self.world(now);
        let mut candidates = Vec::new();
        for (source_place, source) in self.sources.values_mut().enumerate() {
            let owing: Vec<Option<bool>> =
                source.stacks.values().map(|it| goes_first(&source.wants(it, &world))).collect();
            for (place, (stack, first)) in source.stacks.values_mut().zip(owing).enumerate() {
                stack.waits_since = first.map(|_| stack.waits_since.unwrap_or(now));
                if let (Some(first), Some(since)) = (first, stack.waits_since) {
                    let since = stack.lock_since.map_or(since, |it| it.min(since));
                    candidates.push((!first, since, source_place, place));
                }
            }
        }
        candidates.sort_unstable();
        for (_, _, source, stack) in candidates {
            match self.start_run(&world, source, stack) {
                Started::Run(decision) => decisions.push(decision),
                Started::Nothing => continue,
                Started::NoPlace => break,
            }
            world.live += 1;
        }
    }

    /// Starts what the stack at this place wants, if it still wants it after those before it were started.
    fn start_run(&mut self, world: &World, source: usize, stack: usize) -> Started {
        let Some(source) = self.sources.values_mut().nth(source) else { return Started::Nothing };
        let Some((name, stack)) = source.stacks.iter().nth(stack) else { return Started::Nothing };
        let want = match source.wants(stack, world) {
            Ok(want) => want,
            Err(Waiting::RunLimit { .. }) => return Started::NoPlace,
            Err(_) => return Started::Nothing,
        };
        let Some((head, policy)) = source.declared(stack) else { return Started::Nothing };
        let Some(spec) = spec::spec(RunId(self.next_run), &want, stack, policy) else {
            return Started::Nothing;
        };
        let reason = words::start_reason(world.now, &want, stack, policy);
        let (head, name, policy) = (head.revision.commit.clone(), name.clone(), policy.clone());
        let hosts = want.hosts;
        if !self.take_known_locks(world.now, &policy.id, &spec, hosts.as_ref()) {
            return Started::Nothing;
        }
        self.next_run += 1;
        self.next_run_changed = true;
        let stack = self.sources.get_mut(&policy.id.source).and_then(|it| it.stacks.get_mut(&name));
        if let Some(stack) = stack {
            if spec.mode == Mode::Apply && spec.trigger == Trigger::Drift {
                stack.heal_began(world.now, &spec, &policy);
            }
            stack.plan_narrowing(&spec, hosts.as_ref());
            stack.started(world.now, spec.clone(), &head);
        }
        Started::Run(Decision::Start { spec: Box::new(spec), reason })
    }

    fn world(&self, now: Timestamp) -> World {
        let live = self.all_stacks().filter(|it| it.facts.live.is_some()).count();
        World {
            now,
            live: u32::try_from(live).unwrap_or(u32::MAX),
            most: self.settings.max_live_runs.max(1),
            draining: self.drain.is_some(),
            room: self.room,
            jitter: self.jitter,
        }
    }

    fn next_fetch(&self) -> Option<Timestamp> {
        let configured = self.sources.values().filter(|it| it.policy.is_some());
        let due = configured.flat_map(|it| it.fetches.due_at().into_iter().chain(it.preview_deadlines()));
        due.filter(|it| self.decided_at < *it).min()
    }

    fn next_deadline(&self) -> Option<Timestamp> {
        let world = self.world(self.decided_at);
        let all = self
            .sources
            .values()
            .flat_map(|source| source.stacks.values().flat_map(move |it| source.deadlines(it, &world)));
        all.filter(|it| self.decided_at < *it).min()
    }
}

/// What came of a stack that wanted a run.
enum Started {
    Run(Decision),
    /// It does not want it any more.
    Nothing,
    /// As many runs are live as may be.
    NoPlace,
}

/// Whether a stack owes a run now, and whether that run goes before others.
fn goes_first(wants: &Result<Want<'_>, Waiting<'_>>) -> Option<bool> {
    match wants {
        Ok(want) => Some(want.goes_first()),
        Err(Waiting::RunLimit { first }) => Some(*first),
        Err(_) => None,
    }
}

#[cfg(test)]
mod tests;
