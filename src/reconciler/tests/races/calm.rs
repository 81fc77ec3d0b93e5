//! It calms down: the operator and the people put things right, everything succeeds, and what was merged is applied
//! and told.

use std::collections::BTreeSet;

use crate::domain::{
    AppliedStack, Event, MergeRequestPolicy, MergeRequestState, PreviewLevel, Span, SyncStatus, later,
};

use super::super::simulation::promise;
use super::forge::{How, PEOPLE, STACKS};
use super::world::{World, infra, settings};

impl World {
    pub(super) fn calm_down(&mut self) {
        self.tell(|| "-- it calms down".to_owned());
        self.stormy = false;
        self.put_right();
        let policy = MergeRequestPolicy {
            poll_every: Span::from_mins(1),
            level: PreviewLevel::Live,
            live_for: PEOPLE.iter().map(|it| (*it).to_owned()).collect(),
            forks: true,
            report: true,
        };
        self.reconfigure(settings(Some(2), policy));
        let deadline = later(self.now, Span::from_hours(2));
        self.come_to_rest();
        let number = self.forge.open("alice", false, STACKS.to_vec());
        self.come_to_rest();
        let head = self.forge.proposals[&number].head.clone();
        for by in ["bob", "carol"] {
            self.forge.approve(number, by, head.clone());
        }
        self.forge.merge(number, true);
        self.come_to_rest();
        let late = self.now;
        promise!(late < deadline, "when it is calm everything is done", "not within two hours");
        promise!(self.expected.contains_key(&number), "what was merged landed", "{number}");
        for (number, stacks) in &self.expected {
            let told = self.told.get(number).map(|it| &it.applied);
            let good = |it: &AppliedStack| it.outcome.is_success();
            let all = told.is_some_and(|told| stacks.iter().all(|it| told.get(it).is_some_and(good)));
            promise!(all, "what was merged is applied and told", "{number}: {stacks:?}, told {told:?}");
            self.lived.note("applied report");
        }
        promise!(
            self.core.merge_requests().iter().any(|it| it.facts.seen.number == number),
            "what is done stays readable",
            "{number}"
        );
        self.now = later(self.now, Span::from_hours(8 * 24));
        self.come_to_rest();
        // What was merged and taken back with its branch may still come back.
        let done: Vec<_> =
            self.core.merge_requests().into_iter().filter(|it| it.facts.landed.is_some()).collect();
        promise!(done.is_empty(), "what is done is not followed for longer than a week", "{done:?}");
    }

    /// What nobody can approve of is taken back, everything else gets its approvals or is closed.
    fn put_right(&mut self) {
        let first = self.admitted.clone();
        let mut line = first.and_then(|it| self.forge.line(&self.forge.tip, &it)).unwrap_or_default();
        while let Some(commit) = line.pop() {
            let (before, how) = self.forge.commits[&commit].clone();
            if !matches!(how, How::Merged { as_proposed: true, .. }) {
                self.tell(|| format!("-- main goes back to before {commit}"));
                self.forge.tip = before.expect("the first commit is not judged");
                break;
            }
        }
        let numbers: Vec<_> = self.forge.proposals.keys().copied().collect();
        for number in numbers {
            let proposal = self.forge.proposals.get_mut(&number).expect("it is there");
            if proposal.state == MergeRequestState::Open {
                proposal.state = MergeRequestState::Closed;
            }
            let head = proposal.head.clone();
            for by in PEOPLE {
                self.forge.approve(number, by, head.clone());
            }
        }
    }

    fn come_to_rest(&mut self) {
        self.feed(&Event::Hinted { source: infra() });
        for _ in 0..600 {
            if !self.goes_on() {
                if self.is_at_rest() {
                    return;
                }
                self.sleep();
            }
        }
        let (sources, stacks) = (self.core.sources(), self.core.stacks(self.now));
        let all = self.core.merge_requests();
        promise!(false, "when it is calm everything is done", "{sources:#?}\n{stacks:#?}\n{all:#?}");
    }

    /// Whatever is under way ends well.
    fn goes_on(&mut self) -> bool {
        if !self.runs.is_empty() {
            self.run_goes_on();
        } else if !self.fetches.is_empty() {
            self.fetch_ends();
        } else if !self.asks.is_empty() {
            self.forge_answers();
        } else if !self.previews.is_empty() {
            self.preview_ends();
        } else if !self.reports.is_empty() {
            self.report_ends();
        } else {
            return self.approve_what_waits();
        }
        true
    }

    fn approve_what_waits(&mut self) -> bool {
        self.approving.clear();
        self.somebody_looks();
        let waits: BTreeSet<_> = self
            .memory
            .stacks
            .iter()
            .filter(|(_, it)| it.approval.as_ref().is_some_and(|it| it.approved.is_none()))
            .map(|(id, _)| id.stack.clone())
            .collect();
        let seen = std::mem::take(&mut self.approving);
        let Some((stack, digest, look)) = seen.into_iter().find(|it| waits.contains(&it.0)) else {
            return false;
        };
        self.somebody_approves_of(&stack, digest, &look);
        true
    }

    fn is_at_rest(&self) -> bool {
        let facts = self.memory.sources.get(&infra());
        let at_tip = facts.is_some_and(|it| it.admitted.as_ref() == Some(&self.forge.tip));
        let stacks = self.core.stacks(self.now);
        let requests = self.core.merge_requests();
        at_tip
            && stacks.len() == STACKS.len()
            && stacks.iter().all(|it| it.sync == SyncStatus::InSync)
            && requests.iter().all(|it| it.facts.version == it.facts.told)
            && requests.iter().all(|it| self.forge.told(it.facts.seen.number) == it.facts.seen)
            && self.forge.proposals.iter().all(|(number, it)| {
                it.state != MergeRequestState::Open
                    || requests.iter().any(|known| {
                        known.facts.seen.number == *number
                            && known
                                .facts
                                .live
                                .as_ref()
                                .is_some_and(|it| it.stacks.values().all(Option::is_some))
                    })
            })
    }
}
