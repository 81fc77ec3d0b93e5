//! The promises, judged by what is true.

use std::collections::BTreeMap;

use crate::domain::{
    ApplyPolicy, Decision, Event, MergeRequestFacts, MergeRequestNumber, MergeRequestState, Mode, Outcome,
    PreviewLevel, RefusalCause, RunId, RunSpec, StackId, Trigger,
};

use super::super::simulation::promise;
use super::world::{Look, World, infra};

impl World {
    fn requests(&self) -> impl Iterator<Item = (&MergeRequestNumber, &MergeRequestFacts)> {
        self.memory.merge_requests.get(&infra()).into_iter().flatten()
    }

    fn request(&self, number: MergeRequestNumber) -> Option<&MergeRequestFacts> {
        self.memory.merge_requests.get(&infra())?.get(&number)
    }

    /// An event was remembered: what does an observer know now?
    pub(super) fn observe(&mut self, event: &Event) {
        match event {
            Event::MergeRequestsSeen { merge_requests, .. } => {
                let (_, stale) = self.asks.remove(0);
                for told in merge_requests.iter().filter(|_| !stale) {
                    let known = self.request(told.number).map(|it| &it.seen);
                    let taken =
                        known == Some(told) || (known.is_none() && told.state != MergeRequestState::Open);
                    promise!(taken, "what the forge says is known", "{told:?}, known {known:?}");
                }
            }
            Event::ForgeFailed { .. } => drop(self.asks.remove(0)),
            Event::Previewed { .. } => drop(self.previews.remove(0)),
            Event::PreviewRequested { number, head, .. } => {
                let open = |it: &MergeRequestFacts| {
                    it.seen.state == MergeRequestState::Open && it.seen.head == *head
                };
                if self.policy().level == PreviewLevel::Live && self.request(*number).is_some_and(open) {
                    self.asked.insert((*number, head.clone()));
                }
            }
            Event::RunFinished { run, ending, hosts, findings } => {
                let Some(ended) = self.runs.remove(run) else { return };
                let told = !hosts.is_empty()
                    && matches!(ending.outcome, Outcome::Drifted | Outcome::Failed | Outcome::Unreachable);
                if ended.spec.trigger == Trigger::Approval && told {
                    let changes = findings.changes.first().and_then(|it| it.digest.parse().ok());
                    let unseen = if ending.outcome == Outcome::Drifted { 0 } else { 100 };
                    let hosts = hosts.keys().cloned().collect();
                    let changes = changes.unwrap_or(0) + unseen;
                    self.looked(
                        &ended.spec,
                        Look { commit: ended.spec.revision.commit.clone(), changes, hosts },
                    );
                }
            }
            Event::RevisionApproved { .. } => {
                if let Some((stack, saw)) = self.approves.take()
                    && let Some((look, approved)) = self.looks.get_mut(&stack)
                {
                    *approved |= *look == saw;
                    if *look != saw {
                        self.lived.note("late approval of something else");
                    }
                }
            }
            Event::Reconfigured { .. } => self.asks.iter_mut().for_each(|it| it.1 = true),
            Event::Fetched { .. } => self.observe_admission(),
            _ => {}
        }
        self.expect_reports();
    }

    fn looked(&mut self, spec: &RunSpec, look: Look) {
        let stack = spec.stack.stack.clone();
        let approved = self.looks.get(&stack).is_some_and(|(before, approved)| *approved && *before == look);
        self.looks.insert(stack, (look, approved));
    }

    /// Each commit since the admitted one truly is what enough people approved of.
    fn observe_admission(&mut self) {
        let Some(facts) = self.memory.sources.get(&infra()) else { return };
        let refused = self.core.sources().into_iter().any(|it| it.refused.is_some());
        if refused {
            self.lived.note("refused tip");
        }
        let Some(admitted) = facts.admitted.clone().filter(|it| self.admitted.as_ref() != Some(it)) else {
            return;
        };
        if let (Some(before), Some(wanted)) = (&self.admitted, self.settings.sources[0].admission.approvals) {
            let line = self.forge.line(&admitted, before);
            promise!(line.is_some(), "what is admitted comes after what was", "{admitted} after {before}");
            let bad = line.into_iter().flatten().find(|it| !self.forge.is_approved(it, wanted));
            promise!(bad.is_none(), "nothing unapproved is admitted", "{bad:?} before {admitted}");
        }
        self.lived.note("admitted");
        self.admitted_ever.insert(admitted.clone());
        self.admitted = Some(admitted);
    }

    /// What landed and touched a stack will have to be told.
    fn expect_reports(&mut self) {
        let mut expected = Vec::new();
        for (number, it) in self.requests() {
            let made = it.preview.as_ref().and_then(|it| it.made.as_ref().ok());
            if let Some(made) = made.filter(|_| it.landed.is_some()) {
                expected.push((*number, made.impact.stacks.iter().map(|it| it.stack.clone()).collect()));
            }
        }
        self.expected.extend(expected);
    }

    /// An order was given: was it allowed?
    pub(super) fn check(&mut self, decision: &Decision) {
        match decision {
            Decision::Start { spec, .. } if spec.mode == Mode::Apply => self.check_apply(spec),
            Decision::Start { spec, .. } if spec.trigger == Trigger::MergeRequest => {
                let kept = self.why_not(spec);
                promise!(kept.is_none(), "only trusted heads are checked with keys", "{kept:?}: {spec:?}");
                self.lived.note("live preview");
            }
            Decision::Answer { run, refusal: None, .. } => self.check_grant(*run),
            Decision::Answer { run, refusal: Some(RefusalCause::Approval { .. }), .. } => {
                let stack = self.runs.get(run).map(|it| it.spec.stack.stack.clone());
                if let Some((_, approved)) = stack.and_then(|it| self.looks.get_mut(&it)) {
                    *approved = false;
                }
                self.lived.note("approval lapsed at the hosts");
            }
            Decision::Stop { run, .. } => self.observe_stop(*run),
            Decision::Preview { number, head, target, level, .. } => {
                let flying = self.previews.iter().any(|it| it.0 == *number);
                promise!(!flying, "one preview of a merge request at a time", "{number} {head}");
                let known = self.request(*number).map(|it| &it.seen);
                let right = known.is_some_and(|it| {
                    it.state == MergeRequestState::Open
                        && it.head == *head
                        && (self.policy().forks || !it.fork)
                        && *level < PreviewLevel::Live
                });
                promise!(right, "only open ones are previewed, forks where allowed", "{number} {known:?}");
                promise!(self.admitted.as_ref() == Some(target), "merged with what is admitted", "{target}");
            }
            _ => {}
        }
    }

    fn check_apply(&mut self, spec: &RunSpec) {
        let commit = &spec.revision.commit;
        promise!(self.admitted_ever.contains(commit), "only what was admitted is applied", "{spec:?}");
        promise!(spec.merge_request.is_none(), "a merge request is never applied", "{spec:?}");
        let newest = self.admitted.as_ref() == Some(commit) || spec.trigger == Trigger::OwedHosts;
        promise!(newest, "the newest revision wins", "{spec:?}");
        self.lived.note("applied");
    }

    /// A run is let at its hosts.
    fn check_grant(&mut self, run: RunId) {
        let Some(it) = self.runs.get(&run) else { return };
        let spec = &it.spec;
        let corrects = matches!(spec.trigger, Trigger::Drift | Trigger::OwedHosts);
        let stack = &spec.stack.stack;
        if spec.mode == Mode::Check || corrects || !self.persons.contains(stack.as_str()) {
            return;
        }
        let look = self.looks.get(stack);
        let asked = &self.state[stack].1;
        let kept = look.is_some_and(|(look, approved)| {
            *approved && look.commit == spec.revision.commit && look.hosts == *asked
        });
        promise!(kept, "what is applied was approved by a person as it is", "{spec:?}: {asked:?}, {look:?}");
        self.lived.note("applied with approval");
    }

    /// Why a head may not be checked with keys, by what was told.
    fn why_not(&self, spec: &RunSpec) -> Option<String> {
        let Some((number, head, _)) = self.forge.results.get(&spec.revision.commit) else {
            return Some("nobody previewed it".to_owned());
        };
        let Some(facts) = self.request(*number).filter(|_| spec.merge_request == Some(*number)) else {
            return Some("it is not known".to_owned());
        };
        let (seen, policy) = (&facts.seen, self.policy());
        let approved = seen.approvals.iter().filter(|it| it.commit.as_ref() == Some(head)).map(|it| &it.by);
        let trusted = approved.chain([&seen.author]).any(|it| policy.live_for.contains(it));
        let checks = [
            (seen.head == *head, "another head"),
            (seen.state == MergeRequestState::Open, "not open"),
            (policy.forks || !seen.fork, "a fork"),
            (policy.level == PreviewLevel::Live, "no live previews"),
            (trusted || self.asked.contains(&(*number, head.clone())), "not trusted"),
        ];
        checks.into_iter().find(|(kept, _)| !kept).map(|(_, why)| why.to_owned())
    }

    fn observe_stop(&mut self, run: RunId) {
        let Some(it) = self.runs.get_mut(&run) else { return };
        it.stopped = true;
        let why = self.runs.get(&run).and_then(|it| self.why_not(&it.spec));
        self.lived.note("live preview stopped");
        if why.as_deref() == Some("not trusted") {
            self.lived.note("trust withdrawn");
        }
    }

    /// What holds after each step.
    pub(super) fn check_state(&mut self) {
        let next = self.core.next_wakeup(self.now);
        promise!(next.is_none_or(|it| self.now < it), "the daemon never spins", "{next:?} at {}", self.now);
        for it in self.runs.values().filter(|it| it.spec.trigger == Trigger::MergeRequest && !it.stopped) {
            let why = self.why_not(&it.spec);
            promise!(why.is_none(), "what is not trusted any more is stopped", "{why:?}: {:?}", it.spec);
        }
        let live: BTreeMap<&StackId, &RunSpec> =
            self.memory.stacks.iter().filter_map(|(id, it)| Some((id, it.live.as_ref()?))).collect();
        for (number, it) in self.requests().filter(|(_, it)| it.seen.state == MergeRequestState::Closed) {
            let held = live.values().any(|it| it.merge_request == Some(*number))
                || self.previews.iter().any(|it| it.0 == *number);
            promise!(held, "nothing is left of what was closed", "{it:?}");
        }
        for (id, it) in &self.memory.stacks {
            let held = live.contains_key(id) || it.check.verify.is_some();
            promise!(
                held || it.locks.keys.is_empty(),
                "who does not run holds nothing",
                "{id}: {:?}",
                it.locks
            );
        }
        if self.dice.chance(10) {
            let kept = |core: &crate::reconciler::Reconciler| {
                let all = core.merge_requests();
                all.into_iter().map(|it| (it.source, it.facts, it.standing, it.stale)).collect::<Vec<_>>()
            };
            let (now, then) = (kept(&self.core), kept(&self.rebuilt()));
            promise!(now == then, "nothing is lost by a restart", "{now:?}\n{then:?}");
            let again = self.rebuilt().next_wakeup(self.now);
            promise!(again.is_none_or(|it| self.now < it), "the daemon never spins", "{again:?}");
        }
        debug_assert!(self.core.stacks(self.now).iter().all(|it| it.policy.apply == ApplyPolicy::OnCommit));
    }
}
