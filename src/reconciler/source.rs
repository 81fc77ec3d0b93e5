//! What is known of one source, and which tips are admitted.

use std::collections::BTreeMap;

use crate::domain::{
    CommitHash, Declaration, Failure, Head, Lineage, Revision, RewindPolicy, SourceFacts, SourceName,
    SourcePolicy, StackId, StackName, StackPolicy, Timestamp, Tip,
};

use super::admission;
use super::backoff::Jitter;
use super::fetch::{Fetches, Flight};
use super::merge_requests::MergeRequests;
use super::stack::Stack;

/// A source with its stacks: those that its head declares, and the facts of those it declared once.
#[derive(Debug)]
pub(super) struct Source {
    /// `None` when the operator does not configure it any more; its facts are kept.
    pub(super) policy: Option<SourcePolicy>,
    pub(super) facts: SourceFacts,
    pub(super) stacks: BTreeMap<StackName, Stack>,
    pub(super) fetches: Fetches,
    pub(super) requests: MergeRequests,
    /// A tip that lacks what the operator asks for, and what that is. Found again by the next fetch.
    pub(super) refused: Option<(Revision, Failure)>,
    /// A tip that does not descend from the admitted commit. Found again by the next fetch after a restart.
    pub(super) waiting: Option<Tip>,
    /// What is wrong with the declaration of the admitted commit, if anything is.
    pub(super) broken: Option<Failure>,
    /// The commit that was admitted last, and when; since this daemon started.
    pub(super) seen: Option<(CommitHash, Timestamp)>,
    /// Whether the facts were changed since they were last told.
    pub(super) changed: bool,
}

impl Source {
    pub(super) fn new(policy: Option<SourcePolicy>, facts: SourceFacts, now: Timestamp) -> Self {
        Self {
            policy,
            facts,
            stacks: BTreeMap::new(),
            fetches: Fetches::new(now),
            requests: MergeRequests::new(now),
            refused: None,
            waiting: None,
            broken: None,
            seen: None,
            changed: false,
        }
    }

    pub(super) fn head(&self) -> Option<&Head> {
        self.facts.head.as_ref()
    }

    /// What is wanted of a stack, if the head declares it.
    pub(super) fn declared(&self, stack: &Stack) -> Option<(&Head, &StackPolicy)> {
        let head = self.head()?;
        Some((head, head.declaration.stacks.get(stack.declared?)?))
    }

    /// The same, to change the stack.
    pub(super) fn declared_mut(&mut self, name: &StackName) -> Option<(&Head, &StackPolicy, &mut Stack)> {
        let head = self.facts.head.as_ref()?;
        let stack = self.stacks.get_mut(name)?;
        Some((head, head.declaration.stacks.get(stack.declared?)?, stack))
    }

    pub(super) fn fetched(&mut self, now: Timestamp, tip: Tip, jitter: Jitter) {
        // Nobody asked (a late or repeated answer), or it answers an older configuration.
        let Flight::Live { admitted } = self.fetches.landed() else { return };
        let Some(policy) = &self.policy else { return };
        if admitted != self.facts.admitted {
            self.fetches.hint(); // A person approved another commit meanwhile: compare again.
            return;
        }
        if tip.revision.reference != policy.reference || !is_compared_with(&tip, admitted.as_ref()) {
            let failure = Failure::soon("the fetch answered for another branch or another admitted commit");
            self.fetches.failed(now, failure, policy.poll_every, (jitter, policy.name.as_str()));
            return;
        }
        let salt = u64::try_from(now.as_millisecond()).unwrap_or(0);
        self.fetches.succeeded(now, jitter.around(policy.poll_every, policy.name.as_str(), salt));
        let lack = admission::refusal(policy.admission, policy.rewinds, admitted.as_ref(), &tip);
        let asks = matches!(tip.lineage, Lineage::Rewound { .. }) && policy.rewinds == RewindPolicy::Ask;
        self.fetched_since_restore(&tip.revision.commit);
        self.sight(now, &tip);
        if lack.is_some() {
            self.requests.asks.hint();
        }
        let refusal = tip.trust.as_ref().err().cloned().or(lack);
        self.refused = refusal.map(|it| (tip.revision.clone(), it));
        if self.refused.is_some() {
            // What waited before is not what the reference names any more.
            self.waiting = None;
        } else if asks {
            self.waiting = Some(tip);
        } else {
            self.admit(now, tip);
        }
    }

    pub(super) fn fetch_failed(&mut self, now: Timestamp, failure: Failure, jitter: Jitter) {
        let Flight::Live { .. } = self.fetches.landed() else { return };
        if let Some(policy) = &self.policy {
            self.fetches.failed(now, failure, policy.poll_every, (jitter, policy.name.as_str()));
        }
    }

    /// A person accepts the tip that waits, if it is the one that was shown.
    pub(super) fn approved(&mut self, now: Timestamp, commit: &CommitHash) {
        if let Some(tip) = self.waiting.take_if(|tip| tip.revision.commit == *commit) {
            self.admit(now, tip);
        }
    }

    fn admit(&mut self, now: Timestamp, tip: Tip) {
        if self.facts.admitted.as_ref() != Some(&tip.revision.commit) {
            self.seen = Some((tip.revision.commit.clone(), now));
        }
        self.waiting = None;
        self.remember_line(&tip);
        if self.facts.admitted.as_ref() != Some(&tip.revision.commit) {
            self.facts.admitted = Some(tip.revision.commit.clone());
            self.changed = true;
        }
        match tip.declaration {
            Ok(declaration) => {
                self.broken = None;
                let head = Head { revision: tip.revision, declaration };
                if self.facts.head.as_ref() != Some(&head) {
                    self.move_head(head);
                }
            }
            // The stacks stay as known, at the head that was valid.
            Err(failure) => self.broken = Some(failure),
        }
        self.land(now);
    }

    /// Keeps the newest commits of the first-parent line, for what was merged by them.
    fn remember_line(&mut self, tip: &Tip) {
        if self.facts.recent.first() == Some(&tip.revision.commit) {
            return;
        }
        let mut recent: Vec<CommitHash> = tip.line.iter().map(|it| it.commit.clone()).collect();
        if recent.is_empty() {
            recent.push(tip.revision.commit.clone());
        }
        // What is not on the line that is followed now is forgotten.
        if matches!(tip.lineage, Lineage::Descendant { .. } | Lineage::Same) {
            recent.append(&mut self.facts.recent);
        }
        recent.truncate(SourceFacts::RECENT_MAX);
        self.facts.recent = recent;
        self.changed = true;
    }

    fn move_head(&mut self, head: Head) {
        let old = self.facts.head.as_ref().map(|it| &it.revision.commit);
        if old != Some(&head.revision.commit) {
            for stack in self.stacks.values_mut() {
                stack.head_moved(old);
            }
        }
        self.facts.head = Some(head);
        self.changed = true;
        self.declare();
    }

    /// The operator's word changed.
    pub(super) fn reconfigured(&mut self, now: Timestamp, policy: Option<SourcePolicy>) {
        let reference = |it: &Option<SourcePolicy>| it.as_ref().map(|it| it.reference.clone());
        if reference(&self.policy) != reference(&policy) {
            self.waiting = None;
            self.broken = None;
            self.refused = None;
            self.facts.recent.clear();
            self.fetches.problem = None;
        }
        self.policy = policy;
        self.fetches.reconfigured();
        self.requests.asks.reconfigured();
        for stack in self.stacks.values_mut() {
            stack.reconfigured(now);
        }
        self.declare();
    }

    /// Connects each stack with its place in the head's declaration.
    pub(super) fn declare(&mut self) {
        for stack in self.stacks.values_mut() {
            stack.declared = None;
        }
        let (Some(policy), Some(head)) = (&self.policy, &self.facts.head) else { return };
        let declared = head.declaration.stacks.iter().enumerate();
        for (place, stack_policy) in declared.filter(|(_, it)| it.id.source == policy.name) {
            if !self.stacks.contains_key(&stack_policy.id.stack) {
                self.stacks.insert(stack_policy.id.stack.clone(), Stack::default());
            }
            if let Some(stack) = self.stacks.get_mut(&stack_policy.id.stack) {
                stack.declared = Some(place);
                stack.policy_changed(stack_policy);
            }
        }
    }

    /// Why nothing of a commit may run, although it was admitted once: its signatures do not count any more.
    pub(super) fn distrusts(&self, commit: &CommitHash) -> Option<&Failure> {
        let admitted = self.facts.admitted.as_ref() == Some(commit);
        self.refused.as_ref().filter(|(it, _)| admitted && it.commit == *commit).map(|(_, failure)| failure)
    }

    /// When a commit was admitted, if this daemon saw it.
    pub(super) fn seen_at(&self, commit: &CommitHash) -> Option<Timestamp> {
        self.seen.as_ref().filter(|(it, _)| it == commit).map(|(_, at)| *at)
    }

    /// The declaration that is shown: what it has to say about itself.
    pub(super) fn declaration(&self) -> Option<&Declaration> {
        self.head().map(|it| &it.declaration)
    }

    /// The stacks with their full names.
    pub(super) fn named_stacks<'a>(
        &'a self,
        name: &'a SourceName,
    ) -> impl Iterator<Item = (StackId, &'a Stack)> {
        self.stacks.iter().map(|(stack, it)| (StackId { source: name.clone(), stack: stack.clone() }, it))
    }
}

fn is_compared_with(tip: &Tip, admitted: Option<&CommitHash>) -> bool {
    match &tip.lineage {
        Lineage::First => admitted.is_none(),
        Lineage::Same => admitted == Some(&tip.revision.commit),
        Lineage::Descendant { of: base } | Lineage::Rewound { from: base } => admitted == Some(base),
    }
}
