//! The promises, each with its name.

use std::collections::BTreeSet;

use crate::domain::{
    Applied, ApplyPolicy, Attempt, CommitHash, Decision, Event, Lineage, Mode, Outcome, RewindPolicy,
    RunSpec, Selection, SourceName, Span, StackId, StackPolicy, SyncStatus, Timestamp, Trigger, later,
};
use crate::reconciler::stack::selection;

use super::promise;
use super::seen::{SeenStack, pause};
use super::world::World;

impl World {
    /// An event was journaled: what does an observer learn, and did the facts change as they may?
    pub(super) fn observe(&mut self, event: &Event, waiting: Option<&CommitHash>) {
        self.observe_admission(event, waiting);
        let now = self.now;
        match event {
            Event::RunRequested { stack, request } if self.policy(stack).is_some() => {
                if let Some(head) = self.head(&stack.source).cloned() {
                    self.stack(stack).requested(now, request, &head);
                }
            }
            Event::CancelRequested { run, suspend, .. } => {
                let live =
                    self.seen.stacks.iter().find(|(_, it)| it.live.as_ref().is_some_and(|it| it.run == *run));
                if let Some(id) = live.map(|(id, _)| id.clone()) {
                    let head = self.head(&id.source).cloned();
                    self.stack(&id).cancel_asked(*suspend, head.as_ref());
                }
            }
            Event::RunFinished { run, ending, hosts, findings: _ } => {
                let live =
                    self.seen.stacks.iter().find(|(_, it)| it.live.as_ref().is_some_and(|it| it.run == *run));
                let Some(id) = live.map(|(id, _)| id.clone()) else { return };
                let (head, settings) = (self.head(&id.source).cloned(), self.core.settings().clone());
                self.stack(&id).finished(now, ending, hosts, &settings, head.as_ref());
                self.check_attempt(&id);
            }
            Event::Suspended { stack, .. } if self.policy(stack).is_some() => {
                self.stack(stack).suspended = true;
            }
            Event::Resumed { stack, .. } if self.policy(stack).is_some() => {
                let stack = self.stack(stack);
                (stack.suspended, stack.held) = (false, None);
            }
            Event::Reconfigured { .. } => self.observe_reconfiguration(),
            Event::ShutdownRequested => {
                let deadline = later(now, self.core.settings().drain_timeout);
                self.seen.stopping.get_or_insert(deadline);
            }
            Event::Hinted { source } => self.seen.sources.entry(source.clone()).or_default().hinted = true,
            Event::FetchFailed { source, failure } => self.observe_failed_fetch(source, failure),
            Event::Fetched { source, .. } => {
                let seen = self.seen.sources.entry(source.clone()).or_default();
                (seen.fetching, seen.failures) = (false, 0);
                seen.not_before = (Timestamp::MIN, Timestamp::MIN);
            }
            _ => {}
        }
    }

    fn observe_reconfiguration(&mut self) {
        for stack in self.seen.stacks.values_mut() {
            stack.reconfigured(self.now);
        }
        for source in self.seen.sources.values_mut() {
            (source.stale, source.failures) = (source.fetching, 0);
            source.not_before = (Timestamp::MIN, Timestamp::MIN);
        }
    }

    fn observe_failed_fetch(&mut self, source: &SourceName, failure: &crate::domain::Failure) {
        let now = self.now;
        let poll =
            self.settings.sources.iter().find(|it| it.name == *source).map_or(Span::ZERO, |it| it.poll_every);
        let seen = self.seen.sources.entry(source.clone()).or_default();
        if !std::mem::take(&mut seen.fetching) || std::mem::take(&mut seen.stale) {
            return;
        }
        seen.failures += 1;
        let longest = Span::from_mins(15);
        let (usual, asked) = match failure.retry {
            crate::domain::Retry::Soon => (pause(Span::from_secs(5), longest, seen.failures), Span::ZERO),
            crate::domain::Retry::After(asked) => (pause(Span::from_secs(5), longest, seen.failures), asked),
            crate::domain::Retry::UntilChanged => (longest.max(poll), Span::ZERO),
        };
        seen.not_before = (later(now, usual.max(asked)), later(now, asked));
    }

    /// What does not descend from the admitted commit waits for a person; only valid declarations become heads.
    fn observe_admission(&mut self, event: &Event, waiting: Option<&CommitHash>) {
        for (name, facts) in &self.memory.sources {
            let seen = self.seen.sources.entry(name.clone()).or_default();
            let head = facts.head.as_ref().map(|it| &it.revision.commit);
            if seen.admitted == facts.admitted && seen.head.as_ref() == head {
                continue;
            }
            promise!(head.is_some() || seen.head.is_none(), "a head is never lost", "{name}");
            let remote = &self.remotes[name];
            if let Some(new) = facts.admitted.as_ref().filter(|it| seen.admitted.as_ref() != Some(it)) {
                let follows = self
                    .settings
                    .sources
                    .iter()
                    .any(|it| it.name == *name && it.rewinds == RewindPolicy::Follow);
                let descends = seen.admitted.as_ref().is_none_or(|old| remote.descends(new, old));
                let fetched = match event {
                    Event::Fetched { source, tip } => {
                        source == name
                            && tip.revision.commit == *new
                            && (descends || (follows && matches!(tip.lineage, Lineage::Rewound { .. })))
                    }
                    _ => false,
                };
                let approved = matches!(event, Event::Approved { source, commit, .. } if source == name && commit == new && waiting == Some(new));
                promise!(
                    fetched || approved,
                    "what does not descend from `admitted` waits for a person",
                    "{name}: {new}"
                );
                seen.admitted_ever.push(new.clone());
            }
            if let Some(head) = head.filter(|it| seen.head.as_ref() != Some(it)) {
                promise!(!remote.is_broken(head), "only valid declarations are followed", "{head}");
                promise!(
                    facts.admitted.as_ref() == Some(head),
                    "only admitted revisions are followed",
                    "{head}"
                );
                for (_, stack) in self.seen.stacks.iter_mut().filter(|(id, _)| id.source == *name) {
                    stack.held = None;
                    stack.refused_after = Timestamp::MIN;
                }
            }
            seen.admitted.clone_from(&facts.admitted);
            seen.head = head.cloned();
        }
    }

    /// Pauses grow, are capped and are forgotten after a success, and interruptions are not failures.
    fn check_attempt(&mut self, id: &StackId) {
        let Some(seen) = self.seen.stacks.get(id).and_then(|it| it.attempt.as_ref()) else { return };
        let kept: Option<&Attempt> = self.memory.stacks.get(id).and_then(|it| it.attempt.as_ref());
        let Some(kept) = kept else { panic!("broken promise: attempts are kept: {id}") };
        if kept.outcome.is_none() {
            return; // The next one began in the same step.
        }
        promise!(kept.failures == seen.failures, "failures are counted", "{id}: {kept:?}, seen {seen:?}");
        promise!(
            kept.outcome == seen.outcome && kept.run == seen.run,
            "attempts are kept",
            "{id}: {kept:?}, seen {seen:?}"
        );
        let Some(pause) = seen.pause else {
            promise!(kept.retry_at.is_none(), "a success is not retried", "{id}: {kept:?}");
            return;
        };
        let longest = later(seen.retry_after, pause / 10 + Span::from_millis(1));
        let in_time = kept.retry_at.is_some_and(|it| seen.retry_after <= it && it <= longest);
        promise!(
            in_time,
            "a retry is due after its pause and at most a tenth later",
            "{id}: {kept:?}, seen {seen:?}"
        );
    }

    fn head(&self, source: &SourceName) -> Option<&CommitHash> {
        self.seen.sources.get(source).and_then(|it| it.head.as_ref())
    }

    /// What is declared of a stack, if its source is configured.
    fn policy(&self, id: &StackId) -> Option<&StackPolicy> {
        self.core.settings().sources.iter().find(|it| it.name == id.source)?;
        let head = self.memory.sources.get(&id.source)?.head.as_ref()?;
        head.declaration.stacks.iter().find(|it| it.id == *id)
    }

    /// An order was given: was it allowed?
    pub(super) fn check(&mut self, decision: &Decision) {
        let stopping = self.seen.stopping;
        match decision {
            Decision::Fetch { source, admitted } => self.check_fetch(source, admitted.as_ref()),
            Decision::Start { spec, reason } => {
                promise!(!reason.is_empty(), "each run says why", "{spec:?}");
                self.check_start(spec);
                let head = self.head(&spec.stack.source).cloned();
                self.seen.last_run = spec.run.0;
                self.stack(&spec.stack).started(spec, head.as_ref());
            }
            Decision::Stop { run, cancelled, .. } => {
                let now = self.now;
                let live = self
                    .seen
                    .stacks
                    .values_mut()
                    .find(|it| it.live.as_ref().is_some_and(|it| it.run == *run));
                let Some(stack) = live else { panic!("broken promise: only live runs are ended: {run}") };
                let check = stack.live.as_ref().is_some_and(|it| it.mode == Mode::Check);
                let due = stopping.is_some_and(|deadline| check || deadline <= now) && !stack.interrupted;
                let allowed = if *cancelled { stack.cancelled } else { due };
                promise!(allowed, "a live run ends only by a person, or when the daemon stops", "{run}");
                stack.interrupted = true;
            }
            Decision::Answer { run, refusal: None, .. } => self.check_grant(*run),
            Decision::Answer { run, refusal: Some(why), .. } => self.observe_refusal(*run, why),
            Decision::Probe { .. }
            | Decision::AskForge { .. }
            | Decision::Preview { .. }
            | Decision::Report { .. } => {
                promise!(stopping.is_none(), "nothing starts while the daemon stops", "{decision:?}");
            }
            Decision::Exit => {
                let live = self.seen.stacks.values().any(|it| it.live.is_some());
                let allowed = stopping.is_some() && !live && !self.seen.exited;
                promise!(allowed, "the daemon exits once, when nothing is live", "live: {live}");
                self.seen.exited = true;
            }
        }
    }

    fn check_fetch(&mut self, source: &SourceName, admitted: Option<&CommitHash>) {
        let configured = self.core.settings().sources.iter().any(|it| it.name == *source);
        let (now, stopping) = (self.now, self.seen.stopping.is_some());
        let seen = self.seen.sources.entry(source.clone()).or_default();
        promise!(
            configured && !stopping,
            "only configured sources are fetched, while not stopping",
            "{source}"
        );
        promise!(!seen.fetching, "one fetch of a source at a time", "{source}");
        promise!(
            seen.admitted.as_ref() == admitted,
            "tips are compared with the admitted commit",
            "{source}"
        );
        let not_before = if seen.hinted { seen.not_before.1 } else { seen.not_before.0 };
        promise!(not_before <= now, "what cannot be fetched is fetched only after a pause", "{source}");
        (seen.fetching, seen.hinted, seen.stale) = (true, false, false);
    }

    fn check_start(&self, spec: &RunSpec) {
        let live = self.seen.stacks.values().filter(|it| it.live.is_some()).count();
        let most = usize::try_from(self.core.settings().max_live_runs).expect("small");
        promise!(live < most, "the run limit holds", "{live} of {most}");
        promise!(self.seen.last_run < spec.run.0, "no run number is used twice", "{}", spec.run);
        promise!(self.seen.stopping.is_none(), "nothing starts while the daemon stops", "{spec:?}");
        promise!(!self.seen.at_rest || spec.mode == Mode::Check, "what is in sync is left alone", "{spec:?}");
        let Some(policy) = self.policy(&spec.stack) else {
            panic!("broken promise: only declared stacks run: {}", spec.stack)
        };
        let source = &self.seen.sources[&spec.stack.source];
        let commit = &spec.revision.commit;
        promise!(source.admitted_ever.contains(commit), "only admitted revisions run", "{commit}");
        if let Some(seen) = self.seen.stacks.get(&spec.stack) {
            promise!(seen.live.is_none(), "one live run per stack", "{}", spec.stack);
            promise!(!seen.suspended, "never while suspended", "{}", spec.stack);
            promise!(
                seen.refused_after <= self.now,
                "a refused run is tried only after a pause",
                "{}",
                spec.stack
            );
        }
        let fresh = SeenStack::default();
        let seen = self.seen.stacks.get(&spec.stack).unwrap_or(&fresh);
        match spec.trigger {
            Trigger::Person => self.check_asked(spec, seen),
            _ => self.check_unasked(spec, seen, policy),
        }
        if spec.mode == Mode::Apply && source.head.as_ref() == Some(commit) {
            for base in &policy.depends_on {
                let id = StackId { source: spec.stack.source.clone(), stack: base.clone() };
                let base = self.seen.stacks.get(&id);
                let good_enough = |it: Outcome| it.is_success() || it == Outcome::Unreachable;
                let attempt = base.and_then(|it| it.attempt.as_ref()).filter(|it| it.commit == *commit);
                let applies = base.and_then(|it| it.live.as_ref()).is_some_and(|it| it.mode == Mode::Apply);
                let ready = attempt.and_then(|it| it.outcome).is_some_and(good_enough) && !applies;
                promise!(ready, "an apply waits for its bases", "{} for {id}", spec.stack);
            }
        }
    }

    fn check_asked(&self, spec: &RunSpec, seen: &SeenStack) {
        let asked = seen.pending.as_ref().is_some_and(|it| {
            let at_head = || self.head(&spec.stack.source) == Some(&spec.revision.commit);
            let revision = it.revision.as_ref().map_or_else(at_head, |it| *it == spec.revision);
            revision
                && it.mode == spec.mode
                && selection(it) == spec.selection
                && Some(&it.by) == spec.requested_by.as_ref()
        });
        promise!(asked, "a person's run is what a person asked for", "{spec:?}, asked {:?}", seen.pending);
        promise!(
            seen.request_after <= self.now,
            "interrupted requests are tried only after a pause",
            "{spec:?}"
        );
    }

    fn check_unasked(&self, spec: &RunSpec, seen: &SeenStack, policy: &StackPolicy) {
        let (head, commit) = (self.head(&spec.stack.source), &spec.revision.commit);
        promise!(seen.pending.is_none(), "a person's request comes first", "{spec:?}");
        promise!(spec.selection != Selection::SomeTasks, "unasked runs are of all tasks", "{spec:?}");
        if spec.mode == Mode::Check || spec.trigger == Trigger::Drift {
            return Self::check_look_or_heal(spec, seen, policy);
        }
        promise!(
            policy.apply == ApplyPolicy::OnCommit,
            "a manual stack is never applied unasked",
            "{spec:?}"
        );
        promise!(head == Some(commit), "the newest revision wins", "{spec:?}");
        promise!(seen.held.as_ref() != Some(commit), "never while held", "{spec:?}");
        let attempt = seen.attempt.as_ref().filter(|it| it.commit == *commit);
        match (spec.trigger, attempt) {
            (Trigger::NewRevision, None) => {}
            (Trigger::Retry | Trigger::OwedHosts, Some(attempt)) => {
                let waited = attempt.retry_after <= self.now || spec.trigger == Trigger::OwedHosts;
                let owed = attempt.pause.is_some() && waited;
                promise!(
                    owed,
                    "what failed is retried only after a pause, and only what failed",
                    "{attempt:?}"
                );
            }
            _ => panic!("broken promise: the trigger says why: {:?}, seen {attempt:?}", spec.trigger),
        }
    }

    /// What holds between events.
    pub(super) fn check_state(&mut self) {
        let next = self.core.next_wakeup(self.now);
        promise!(next.is_none_or(|it| self.now < it), "the daemon never spins", "{next:?} at {}", self.now);
        match self.dice.below(20) {
            0 => {
                let again = self.core.step(self.now, Event::Tick);
                let nothing = again.is_empty() && self.core.take_facts().is_empty();
                promise!(nothing, "a second look at the same facts decides nothing", "{again:?}");
            }
            1 => self.check_statuses(),
            2 => self.check_memory(),
            _ => {}
        }
    }

    fn check_statuses(&self) {
        for status in self.core.stacks(self.now) {
            let Some(seen) = self.seen.stacks.get(&status.id) else { continue };
            let applied: BTreeSet<_> = seen.hosts.iter().map(|it| seen.applied.get(it)).collect();
            let derived = match applied.first() {
                Some(Some(commit)) if applied.len() == 1 => Applied::Everywhere((*commit).clone()),
                _ if applied.iter().any(Option::is_some) => Applied::Mixed,
                _ => Applied::Nothing,
            };
            promise!(
                status.applied == derived,
                "the applied revision is what all hosts share",
                "{status:?}, seen {derived:?}"
            );
            let owed = seen.hosts.intersection(&seen.owed).count();
            promise!(
                status.hosts.owed as usize == owed,
                "owed hosts are known",
                "{status:?}, seen {:?}",
                seen.owed
            );
            let head = &status.head.commit;
            if status.sync == SyncStatus::InSync {
                let everywhere = derived == Applied::Everywhere(head.clone());
                promise!(everywhere, "in sync means applied everywhere", "{status:?}");
            }
            let next = status.next_run;
            promise!(next.is_none_or(|it| self.now < it), "what is due is not announced", "{status:?}");
            promise!(
                self.core.explain(self.now, &status.id).is_some(),
                "each stack is explained",
                "{status:?}"
            );
        }
    }
}
