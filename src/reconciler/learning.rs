//! What each event changes of what is known. What follows from it is decided afterwards, from everything.

use std::collections::BTreeMap;

use crate::domain::{
    Ending, Event, Findings, Head, HostEnd, HostName, PreviewRequest, RunId, Settings, SourceFacts,
    SourceName, SourcePolicy, StackId, StackPolicy, Timestamp,
};

use super::drain::Drain;
use super::ending::{Ended, Pace};
use super::source::Source;
use super::stack::Stack;
use super::{Reconciler, probes};

impl Reconciler {
    pub(super) fn learn(&mut self, now: Timestamp, event: Event) {
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
            Event::MergeRequestsSeen { .. }
            | Event::ForgeFailed { .. }
            | Event::Previewed { .. }
            | Event::PreviewRequested { .. }
            | Event::Reported { .. } => self.learn_of_merge_requests(now, event),
            Event::Reconfigured { settings } => self.reconfigured(now, settings),
            Event::Restored { made: _ } => self.restored(now),
            Event::RoomSeen { enough } => self.room = enough,
            Event::ShutdownRequested => {
                let drain_timeout = self.settings.drain_timeout;
                self.drain.get_or_insert_with(|| Drain::new(now, drain_timeout));
            }
        }
    }

    fn learn_of_merge_requests(&mut self, now: Timestamp, event: Event) {
        let jitter = self.jitter;
        match event {
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
            _ => {}
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
    pub(super) fn live_stack(&mut self, run: RunId) -> Option<(&Option<Head>, &mut Stack)> {
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
    pub(super) fn all_named_stacks(&self) -> impl Iterator<Item = (StackId, &Stack)> {
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
}
