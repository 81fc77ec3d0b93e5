//! Hosts that did not answer are asked now and then, cheaply, and so are hosts on which something may be left.

use std::collections::BTreeSet;

use crate::domain::{
    Decision, HostName, Mode, Outcome, RunId, Selection, Span, StackId, StackPolicy, Timestamp, Trigger,
    later,
};

use super::Reconciler;
use super::backoff::doubled;
use super::heals::limit_of;
use super::spec;
use super::stack::Stack;
use super::wants::Want;

/// The longest pause between two probes of hosts that do not answer.
const LONGEST: Span = Span::from_mins(15);

/// The first pause, and the longest one while hosts are locked because something may be left there.
const DOUBTFUL: (Span, Span) = (Span::from_secs(5), Span::from_mins(1));

impl Stack {
    /// When hosts are to be asked whether they are there.
    pub(super) fn probe_at(&self) -> Option<Timestamp> {
        let wanted = !self.probing && self.declared.is_some() && self.facts.suspended.is_none();
        let in_doubt = !self.facts.locks.quarantine.is_empty();
        let owed = self.facts.live.is_none() && self.owes_unreachable() && self.facts.probe.back.is_empty();
        self.facts.probe.at.filter(|_| wanted && (in_doubt || owed))
    }

    /// Whether the last apply did not reach hosts, and nothing else is wrong with it.
    pub(super) fn owes_unreachable(&self) -> bool {
        let Some(attempt) = &self.facts.attempt else { return false };
        let reached = |it: Outcome| it.is_success() && attempt.retry_at.is_some();
        attempt.outcome.is_some_and(|it| it == Outcome::Unreachable || reached(it))
    }

    fn probe_hosts(&self) -> BTreeSet<HostName> {
        let owed = self.ledger.known(self.facts.last_full_run).filter(|(_, it)| it.owed_since.is_some());
        let mut hosts: BTreeSet<HostName> = owed.map(|(host, _)| host.clone()).collect();
        if self.facts.live.is_some() || !self.owes_unreachable() {
            hosts.clear();
        }
        hosts.extend(self.facts.locks.quarantine.iter().flat_map(|it| it.hosts.keys().cloned()));
        hosts
    }

    /// A probe came back.
    pub(super) fn probed(
        &mut self,
        now: Timestamp,
        answered: &BTreeSet<HostName>,
        busy: &BTreeSet<HostName>,
        retry_base: Span,
    ) {
        if !std::mem::take(&mut self.probing) {
            return;
        }
        self.changed = true;
        for doubt in &mut self.facts.locks.quarantine {
            doubt.hosts.retain(|host, _| !answered.contains(host) || busy.contains(host));
        }
        self.facts.locks.quarantine.retain(|it| !it.hosts.is_empty());
        let owed = self.ledger.known(self.facts.last_full_run).filter(|(_, it)| it.owed_since.is_some());
        let back: BTreeSet<HostName> =
            owed.filter(|(host, _)| answered.contains(*host)).map(|(host, _)| host.clone()).collect();
        let probe = &mut self.facts.probe;
        if back.is_empty() {
            probe.silent = probe.silent.saturating_add(1);
        } else {
            (probe.silent, probe.back, probe.back_at) = (0, back, Some(now));
        }
        let (first, longest) =
            if self.facts.locks.quarantine.is_empty() { (retry_base, LONGEST) } else { DOUBTFUL };
        probe.at = Some(later(now, doubled(first, longest, probe.silent)));
    }

    /// An apply did not reach hosts: they are asked after a pause.
    pub(super) fn probe_later(&mut self, at: Timestamp) {
        let probe = &mut self.facts.probe;
        (probe.silent, probe.at) = (0, Some(at));
        probe.back.clear();
    }
}

impl Reconciler {
    /// Begins the probes that are due.
    pub(super) fn start_probes(&mut self, now: Timestamp, decisions: &mut Vec<Decision>) {
        let next_run = RunId(self.next_run);
        for source in self.sources.values_mut() {
            let due: Vec<_> = source
                .stacks
                .iter()
                .filter(|(_, it)| it.probe_at().is_some_and(|at| at <= now))
                .filter_map(|(name, it)| Some((name.clone(), source.declared(it)?.1.clone())))
                .collect();
            for (name, policy) in due {
                let Some(stack) = source.stacks.get_mut(&name) else { continue };
                let hosts = stack.probe_hosts();
                match probe(next_run, stack, &policy, &hosts) {
                    Some(decision) => {
                        stack.probing = true;
                        decisions.push(decision);
                    }
                    // Hosts that cannot be named are caught up by a run of the whole stack, after the same pause.
                    None => stack.probed_in_vain(now, hosts),
                }
                stack.changed = true;
            }
        }
    }
}

impl Stack {
    fn probed_in_vain(&mut self, now: Timestamp, hosts: BTreeSet<HostName>) {
        self.facts.probe.at = None;
        if !hosts.is_empty() {
            (self.facts.probe.back, self.facts.probe.back_at) = (hosts, Some(now));
        }
    }
}

fn probe(run: RunId, stack: &Stack, policy: &StackPolicy, hosts: &BTreeSet<HostName>) -> Option<Decision> {
    let limit = limit_of(policy, hosts)?;
    let revision = &stack.facts.attempt.as_ref()?.revision;
    let want = Want {
        mode: Mode::Check,
        trigger: Trigger::OwedHosts,
        revision,
        request: None,
        hosts: Some(hosts.clone()),
        merge_request: None,
    };
    let mut spec = spec::spec(run, &want, stack, policy)?;
    (spec.limit, spec.selection) = (Some(limit), Selection::SomeHosts);
    let names: Vec<&str> = hosts.iter().take(5).map(HostName::as_str).collect();
    let more = if 5 < hosts.len() { ", …" } else { "" };
    let reason = format!("can {}{more} be reached, and is nothing under way there?", names.join(", "));
    Some(Decision::Probe { spec: Box::new(spec), hosts: hosts.clone(), reason })
}

/// The stack that a probe was of.
pub(super) fn probed_stack<'a>(core: &'a mut Reconciler, id: &StackId) -> Option<&'a mut Stack> {
    core.sources.get_mut(&id.source)?.stacks.get_mut(&id.stack)
}
