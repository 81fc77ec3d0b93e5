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
mod approval;
mod backoff;
mod checks;
mod drain;
mod drift;
mod ending;
mod explain;
mod fetch;
mod heals;
mod latency;
mod ledger;
mod limit;
mod locks;
mod merge_requests;
mod previews;
mod probes;
mod recovery;
mod report;
mod source;
mod spec;
mod stack;
mod standing;
mod status;
mod wants;
mod words;

use std::collections::BTreeMap;

use crate::domain::{
    Decision, Ending, Event, Fact, Findings, Head, HostEnd, HostName, Mode, PreviewRequest, RunId, RunSpec,
    Settings, SourceFacts, SourceName, SourcePolicy, Span, StackId, StackPolicy, Timestamp, Trigger,
};

pub use limit::intersect_limits;

use backoff::Jitter;
use drain::Drain;
use ending::{Ended, Pace};
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

    fn learn(&mut self, now: Timestamp, event: Event) {
        let jitter = self.jitter;
        match event {
            Event::Tick => {}
            Event::Hinted { source } => self.with_source(&source, |it| {
                it.fetches.hint();
                it.requests.asks.hint();
            }),
            Event::Fetched { source, tip } => self.with_source(&source, |it| it.fetched(now, tip, jitter)),
            Event::FetchFailed { source, failure } => {
                self.with_source(&source, |it| it.fetch_failed(now, failure, jitter));
            }
            Event::Approved { source, commit, by: _ } => {
                self.with_source(&source, |it| it.approved(now, &commit));
            }
            Event::RunRequested { stack, request } => {
                if let Some(source) = self.sources.get_mut(&stack.source)
                    && let Some((head, policy, stack)) = source.declared_mut(&stack.stack)
                {
                    stack.requested(now, request, head, policy);
                }
            }
            Event::CancelRequested { run, by, suspend } => {
                if let Some((source, stack)) = self.live_stack(run) {
                    stack.cancelled(now, &by, suspend, source.as_ref().map(|it| &it.revision));
                }
            }
            Event::RunFinished { run, ending, hosts, findings } => {
                self.run_finished(now, run, (&ending, &hosts), &findings);
            }
            Event::Suspended { stack, by } => self.with_stack(&stack, |it| it.suspended(now, by)),
            Event::Resumed { stack, by: _ } => self.with_stack(&stack, Stack::resumed),
            Event::HostsAsked { run, question } => self.hosts_asked(now, run, &question),
            Event::Probed { stack, answered, busy } => {
                let retry_base = self.settings.retry_base;
                if let Some(stack) = probes::probed_stack(self, &stack) {
                    stack.probed(now, &answered, &busy, retry_base);
                }
            }
            Event::AirbagApproved { stack, digest, by } => {
                self.with_stack(&stack, |it| it.airbag_approved(&digest, by));
            }
            Event::RevisionApproved { stack, digest, by } => {
                self.with_stack(&stack, |it| it.revision_approved(now, &digest, by));
            }
            Event::MergeRequestsSeen { source, merge_requests } => {
                self.with_source(&source, |it| it.merge_requests_seen(now, merge_requests, jitter));
            }
            Event::ForgeFailed { source, failure } => {
                self.with_source(&source, |it| it.forge_failed(now, failure, jitter));
            }
            Event::Previewed { source, number, head, target, made } => {
                self.with_source(&source, |it| it.previewed(now, number, (head, target), made, jitter));
            }
            Event::PreviewRequested { source, number, head, by } => {
                self.with_source(&source, |it| it.preview_requested(number, PreviewRequest { by, head }));
            }
            Event::Reported { source, number, version, failure } => {
                self.with_source(&source, |it| it.reported(now, (number, version), failure.as_ref(), jitter));
            }
            Event::Reconfigured { settings } => self.reconfigured(now, settings),
            Event::ShutdownRequested => {
                let drain_timeout = self.settings.drain_timeout;
                self.drain.get_or_insert_with(|| Drain::new(now, drain_timeout));
            }
        }
    }

    fn with_source(&mut self, name: &SourceName, change: impl FnOnce(&mut Source)) {
        if let Some(source) = self.sources.get_mut(name) {
            change(source);
        }
    }

    fn with_stack(&mut self, id: &StackId, change: impl FnOnce(&mut Stack)) {
        let stack = self.sources.get_mut(&id.source).and_then(|it| it.stacks.get_mut(&id.stack));
        if let Some(stack) = stack.filter(|it| it.declared.is_some()) {
            change(stack);
        }
    }

    /// The stack that a live run is of, with the head of its source.
    fn live_stack(&mut self, run: RunId) -> Option<(&Option<Head>, &mut Stack)> {
        self.sources.values_mut().find_map(|source| {
            let live = |it: &&mut Stack| it.facts.live.as_ref().is_some_and(|it| it.run == run);
            Some((&source.facts.head, source.stacks.values_mut().find(live)?))
        })
    }

    fn run_finished(
        &mut self,
        now: Timestamp,
        run: RunId,
        (ending, hosts): (&Ending, &BTreeMap<HostName, HostEnd>),
        findings: &Findings,
    ) {
        let (retry_base, retry_max, jitter) =
            (self.settings.retry_base, self.settings.retry_max, self.jitter);
        let Some((head, stack)) = self.live_stack(run) else { return };
        let Some(id) = stack.facts.live.as_ref().map(|it| it.stack.clone()) else { return };
        let policy = head.as_ref().zip(stack.declared).and_then(|(it, at)| it.declaration.stacks.get(at));
        let pace = Pace {
            retry_base,
            retry_max,
            jitter,
            stack: &id,
            more_changes: policy.and_then(|it| it.airbag.more_changes),
            max_task_time: policy.map_or(StackPolicy::MAX_TASK_TIME, |it| it.max_task_time),
        };
        let ended = Ended { now, ending, hosts, findings, head: head.as_ref().map(|it| &it.revision) };
        let spec = stack.facts.live.clone();
        stack.finished(&ended, &pace);
        if let (Some(source), Some(spec)) = (self.sources.get_mut(&id.source), spec) {
            source.live_preview_finished(&spec, ending.outcome, hosts, findings);
            source.merge_requests_applied(&spec, ending.outcome, findings);
        }
        self.measure_applied(now, &id);
    }

    /// All stacks with their full names, declared or not.
    fn all_named_stacks(&self) -> impl Iterator<Item = (StackId, &Stack)> {
        self.sources.iter().flat_map(|(name, source)| source.named_stacks(name))
    }

    fn reconfigured(&mut self, now: Timestamp, settings: Settings) {
        let wanted: BTreeMap<&SourceName, &SourcePolicy> =
            settings.sources.iter().map(|it| (&it.name, it)).collect();
        for (name, source) in &mut self.sources {
            source.reconfigured(now, wanted.get(name).map(|it| (*it).clone()));
        }
        for (name, policy) in wanted {
            if !self.sources.contains_key(name) {
                let source = Source::new(Some(policy.clone()), SourceFacts::default(), now);
                self.sources.insert(name.clone(), source);
            }
        }
        self.settings = settings;
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
            source.order_previews(now, name, decisions);
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
