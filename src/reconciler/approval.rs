//! Where a person has to approve of a revision: what it would do is looked at, shown, and approved as it is.
//!
//! An approval is of one commit, one set of changes and one set of hosts. When a newer look finds anything else, it
//! lapses.

use std::collections::BTreeSet;

use crate::domain::{
    ApprovalFacts, ApprovalPolicy, HostEnd, HostName, Mode, Prediction, Question, Revision, RunSpec,
    Selection, Span, StackPolicy, Timestamp, Trigger, later,
};

use super::ending::{Ended, Pace};
use super::stack::Stack;
use super::wants::{Waiting, Want};

/// How old a look may be when its apply starts. An older one is repeated before.
const FRESH: Span = Span::from_mins(15);

impl Stack {
    /// What keeps an apply from starting without the approval that it needs.
    pub(super) fn lacks_approval(
        &self,
        want: &Want<'_>,
        policy: &StackPolicy,
        now: Timestamp,
    ) -> Result<(), Waiting<'_>> {
        // Corrections and hosts that are owed get what was approved before.
        let corrects = matches!(want.trigger, Trigger::Drift | Trigger::OwedHosts);
        if policy.approval == ApprovalPolicy::None || corrects {
            return Ok(());
        }
        let looked = self.facts.approval.as_deref().filter(|it| it.revision.commit == want.revision.commit);
        let approved = looked.is_some_and(|it| it.approved.is_some());
        let tried = self.attempted(&want.revision.commit);
        if approved && (tried || looked.is_some_and(|it| now < later(it.at, FRESH))) {
            return Ok(());
        }
        Err(Waiting::Approval { looked, look: looked.is_none() || approved })
    }

    /// The check that a person needs to see before.
    pub(super) fn approval_check<'a>(
        &'a self,
        revision: &'a Revision,
        waiting: &Waiting<'_>,
        now: Timestamp,
    ) -> Option<Want<'a>> {
        let Waiting::Approval { look: true, .. } = waiting else { return None };
        if self.facts.check.retry_at.is_some_and(|it| now < it) || self.paused_until(now).is_some() {
            return None;
        }
        let (mode, trigger) = (Mode::Check, Trigger::Approval);
        Some(Want { mode, trigger, revision, request: None, hosts: None, merge_request: None })
    }

    /// The check came to its end: what would the revision do?
    pub(super) fn approval_looked(&mut self, ended: &Ended<'_>, pace: &Pace<'_>, spec: &RunSpec) {
        if !super::ledger::told_all(ended.ending, ended.hosts) {
            return self.check_failed(ended, pace, spec, None);
        }
        (self.facts.check.failures, self.facts.check.retry_at) = (0, None);
        let prediction = Prediction::of(ended.findings, &self.tasks.flapping(), &self.tasks.unreliable());
        let hosts: BTreeSet<HostName> = ended.hosts.keys().cloned().collect();
        let unseen = ended.hosts.iter().filter(|(_, end)| **end != HostEnd::Converged);
        let shown = hosts
            .iter()
            .cloned()
            .chain(unseen.map(|(it, _)| HostName::new(format!("{} unseen", it.as_str()))));
        let digest = prediction.digest(&spec.revision.commit, &shown.collect());
        let before = self.facts.approval.take().filter(|it| it.revision == spec.revision);
        let same = before.as_ref().is_some_and(|it| it.digest == digest);
        let approved = before.and_then(|it| it.approved);
        self.facts.approval = Some(Box::new(ApprovalFacts {
            revision: spec.revision.clone(),
            run: spec.run,
            at: ended.now,
            digest,
            changes: prediction.changes.len() as u64 + prediction.left_out,
            hosts,
            coverage: ended.findings.coverage,
            lapsed: approved.is_some() && !same,
            approved: approved.filter(|_| same),
        }));
    }

    /// A person approves of what was shown.
    pub(super) fn revision_approved(&mut self, now: Timestamp, digest: &str, by: String) {
        if let Some(shown) = self.facts.approval.as_mut().filter(|it| it.digest == digest) {
            shown.approved.get_or_insert((by, now));
            shown.lapsed = false;
            self.refused_until = None;
            self.changed = true;
        }
    }

    /// What differs between the hosts that a run asks for and those that a person approved of.
    pub(super) fn unapproved_hosts(&self, question: &Question, policy: &StackPolicy) -> Option<String> {
        let live = self.facts.live.as_ref()?;
        let corrects = matches!(live.trigger, Trigger::Drift | Trigger::OwedHosts);
        if policy.approval == ApprovalPolicy::None || live.mode == Mode::Check || corrects {
            return None;
        }
        let approved = self.facts.approval.as_deref();
        let Some(approved) = approved.filter(|it| it.revision == live.revision && it.approved.is_some())
        else {
            return Some("nobody approved of this revision".to_owned());
        };
        let asked: BTreeSet<&HostName> = question.hosts.keys().collect();
        if let Some(new) = asked.iter().find(|it| !approved.hosts.contains(**it)) {
            return Some(format!("{} is not among the hosts that were approved", new.as_str()));
        }
        let whole = live.selection == Selection::Full && question.play.is_none();
        let gone = approved.hosts.iter().find(|it| whole && !asked.contains(*it))?;
        Some(format!("{} was approved and is not among the hosts any more", gone.as_str()))
    }

    /// The approval does not hold any more: it has to be looked again.
    pub(super) fn approval_lapses(&mut self) {
        if self.facts.approval.take().is_some() {
            self.changed = true;
        }
    }
}
