//! Correcting drift and catching hosts up: when, on which hosts, and whether some of the hosts are enough.

use std::collections::BTreeSet;

use crate::domain::{
    HealPolicy, HostChange, HostName, Mode, NarrowPlan, Outcome, OwedVerify, RunSpec, Selection, Span,
    StackPolicy, Timestamp, Trigger, later,
};

use super::checks::heal_pause;
use super::ending::{Ended, Pace};
use super::limit::intersect_limits;
use super::stack::Stack;
use super::wants::{Waiting, Want};

const DAY: Span = Span::from_hours(24);

/// The longest list of hosts that is handed to Ansible as a limit.
const LIMIT_BYTES: usize = 60_000;

/// What may be corrected now.
#[derive(Debug, Default)]
struct Healable {
    hosts: BTreeSet<HostName>,
    /// When the first difference that was corrected too often today may be corrected again.
    capped_until: Option<Timestamp>,
    /// Whether something differs on a host that the last check did not reach.
    unseen: bool,
}

impl Stack {
    /// The correction that is due, or the check that must come before it.
    pub(super) fn heal_due<'a>(&'a self, policy: &StackPolicy, now: Timestamp) -> Option<Want<'a>> {
        if !self.may_heal(policy, now) || self.facts.heal.retry_at.is_some_and(|it| now < it) {
            return None;
        }
        let healable = self.healable(policy, now);
        if healable.hosts.is_empty() {
            return None;
        }
        let revision = &self.facts.attempt.as_ref()?.revision;
        let (mode, trigger) = (Mode::Apply, Trigger::Drift);
        let want = Want { mode, trigger, revision, request: None, hosts: None, merge_request: None };
        Some(self.narrowed(want, policy, healable.hosts))
    }

    /// Why drift that is there is not corrected now.
    pub(super) fn heal_waiting(&self, policy: &StackPolicy, now: Timestamp) -> Option<Waiting<'static>> {
        if !self.may_heal(policy, now) {
            return None;
        }
        let healable = self.healable(policy, now);
        if healable.hosts.is_empty() {
            return healable.capped_until.map(|until| Waiting::HealCapped { until });
        }
        self.facts.heal.retry_at.filter(|it| now < *it).map(|until| Waiting::HealBackoff { until })
    }

    /// Whether drift of this stack is to be corrected at all: at a revision that was applied, is not held, and was
    /// checked.
    fn may_heal(&self, policy: &StackPolicy, now: Timestamp) -> bool {
        let Some(attempt) = &self.facts.attempt else { return false };
        let commit = &attempt.revision.commit;
        let good = |it: Outcome| it.is_success() || it == Outcome::Unreachable;
        let checked = self.facts.check.last.as_ref().is_some_and(|it| it.revision.commit == *commit);
        policy.heal == HealPolicy::Corrective
            && self.facts.restored.is_none()
            && attempt.outcome.is_some_and(good)
            && checked
            && self.facts.check.verify.is_none()
            && !self.is_held(commit)
            && self.airbag_holds(commit).is_none()
            && self.paused_until(now).is_none()
    }

    /// Whether nothing can be corrected because the last check did not get to the hosts that differ.
    pub(super) fn heals_only_unseen(&self, policy: &StackPolicy, now: Timestamp) -> bool {
        let healable = self.healable(policy, now);
        healable.unseen && healable.hosts.is_empty() && healable.capped_until.is_none()
    }

    /// The hosts on which something may be corrected now.
    pub(super) fn healable_hosts(&self, policy: &StackPolicy, now: Timestamp) -> BTreeSet<HostName> {
        self.healable(policy, now).hosts
    }

    fn healable(&self, policy: &StackPolicy, now: Timestamp) -> Healable {
        let mut healable = Healable::default();
        let last = self.facts.check.last.as_ref().map(|it| it.at);
        for (host, line) in self.ledger.drifted().filter(|(_, it)| it.owed_since.is_none()) {
            for change in line.changes.iter().filter(|it| self.is_to_be_healed(it)) {
                if line.checked_at < last {
                    healable.unseen = true;
                    continue;
                }
                match capped_until(change, policy.daily_heals, now) {
                    None => drop(healable.hosts.insert(host.clone())),
                    Some(until) => {
                        healable.capped_until = Some(healable.capped_until.map_or(until, |it| it.min(until)));
                    }
                }
            }
        }
        healable
    }

    fn is_to_be_healed(&self, change: &HostChange) -> bool {
        change.present
            && change.corrective
            && !self.tasks.is_flapping(&change.task)
            && !self.tasks.is_unreliable(&change.task)
    }

    /// An apply of owed hosts that are back: narrowed where that is safe.
    pub(super) fn catch_up<'a>(&'a self, want: Want<'a>, policy: &StackPolicy) -> Want<'a> {
        let back = &self.facts.probe.back;
        let narrowing = self.narrowing_is_safe(want.revision, policy, back);
        let checked = self.facts.check.last.as_ref().is_some_and(|it| {
            it.revision.commit == want.revision.commit
                && self.facts.probe.back_at.is_some_and(|at| at <= it.at)
        });
        if narrowing.is_ok() && !checked {
            return Want { mode: Mode::Check, ..want };
        }
        self.narrowed(want, policy, back.clone())
    }

    /// The want, narrowed to these hosts where the rule for narrowed applies holds; else as it is. Before a narrowed
    /// apply comes a narrowed check.
    fn narrowed<'a>(&'a self, want: Want<'a>, policy: &StackPolicy, hosts: BTreeSet<HostName>) -> Want<'a> {
        if self.narrowing_is_safe(want.revision, policy, &hosts).is_err() {
            return want;
        }
        let last = self.facts.check.last.as_ref().map(|it| it.run);
        let plan = self.facts.heal.narrow.as_ref().filter(|it| {
            it.hosts == hosts
                && it.commit == want.revision.commit
                && Some(it.check) == last
                && it.trigger == want.trigger
        });
        match plan {
            Some(NarrowPlan { checked: true, refused: None, .. }) => Want { hosts: Some(hosts), ..want },
            Some(NarrowPlan { checked: true, .. }) => want,
            _ => Want { mode: Mode::Check, hosts: Some(hosts), ..want },
        }
    }

    /// Whether an apply of these hosts alone gives what an apply of all would give them; if not, why.
    pub(super) fn narrowing_is_safe(
        &self,
        revision: &crate::domain::Revision,
        policy: &StackPolicy,
        hosts: &BTreeSet<HostName>,
    ) -> Result<(), String> {
        let all = self.ledger.known(self.facts.last_full_run).count();
        if all <= hosts.len() {
            return Err("these are all its hosts".to_owned());
        }
        match &self.facts.check.narrowing {
            Some((commit, refusals)) if *commit == revision.commit => match refusals.as_slice() {
                [] => {}
                [first, ..] => return Err(format!("the result may depend on other hosts: {first}")),
            },
            _ => return Err("nobody looked whether the result depends on other hosts".to_owned()),
        }
        if policy.limit.as_deref().is_some_and(|it| it.contains('[')) {
            return Err("its limit takes hosts by their place".to_owned());
        }
        limit_of(policy, hosts).map(|_| ()).ok_or_else(|| "these hosts cannot be named in a limit".to_owned())
    }

    /// A narrowed check is about to begin: what it is compared with.
    pub(super) fn plan_narrowing(&mut self, spec: &RunSpec, hosts: Option<&BTreeSet<HostName>>) {
        let (Some(hosts), Some(check)) = (hosts, &self.facts.check.last) else { return };
        if spec.mode == Mode::Check && matches!(spec.trigger, Trigger::Drift | Trigger::OwedHosts) {
            self.facts.heal.narrow = Some(NarrowPlan {
                hosts: hosts.clone(),
                commit: spec.revision.commit.clone(),
                trigger: spec.trigger,
                check: check.run,
                checked: false,
                refused: None,
            });
        }
    }

    /// A correction begins.
    pub(super) fn heal_began(&mut self, now: Timestamp, spec: &RunSpec, policy: &StackPolicy) {
        let hosts = self.healable(policy, now).hosts;
        self.ledger.heal_began(now, &hosts);
        self.facts.heal.retry_at = None;
        if spec.selection == Selection::Full {
            self.facts.heal.narrow = None;
        }
    }

    /// A correction ended. Whether it helped is known only after the check that follows it.
    pub(super) fn heal_finished(&mut self, ended: &Ended<'_>, pace: &Pace<'_>, spec: &RunSpec) {
        self.facts.heal.narrow = None;
        let outcome = ended.ending.outcome;
        if outcome.ended_by_others() {
            return;
        }
        let changed = self.facts.check.verify.as_ref().is_some_and(|it| it.apply == spec.run);
        if !outcome.is_success() || !changed {
            self.heal_failed(ended.now, pace, spec);
        }
    }

    /// Hosts that were to be corrected, or caught up, do not answer the check that comes first.
    pub(super) fn narrowed_check_unreached(&mut self, now: Timestamp, pace: &Pace<'_>, spec: &RunSpec) {
        self.facts.heal.narrow = None;
        if spec.trigger == Trigger::OwedHosts {
            return self.probe_later(later(now, pace.after_failures(spec, 1)));
        }
        self.heal_put_off(now, pace, spec);
    }

    /// A correction is tried later: its hosts do not answer, or do not differ any more.
    pub(super) fn heal_put_off(&mut self, now: Timestamp, pace: &Pace<'_>, spec: &RunSpec) {
        let heal = &mut self.facts.heal;
        heal.narrow = None;
        heal.failures = heal.failures.saturating_add(1);
        heal.retry_at = Some(later(now, heal_pause(pace, spec, heal.failures)));
    }

    fn heal_failed(&mut self, now: Timestamp, pace: &Pace<'_>, spec: &RunSpec) {
        self.facts.heal.not_healed += 1;
        self.facts.heal.last = Some((false, now));
        self.heal_put_off(now, pace, spec);
    }

    /// The check after an apply has ended: is there anything left that was to be corrected?
    pub(super) fn heal_verified(
        &mut self,
        now: Timestamp,
        pace: &Pace<'_>,
        spec: &RunSpec,
        owed: &OwedVerify,
    ) {
        if !owed.heal {
            return;
        }
        let left = self.ledger.drifted().any(|(host, line)| {
            owed.hosts.as_ref().is_none_or(|it| it.contains(host))
                && line.changes.iter().any(|it| self.is_to_be_healed(it))
        });
        if left {
            return self.heal_failed(now, pace, spec);
        }
        let heal = &mut self.facts.heal;
        (heal.failures, heal.retry_at, heal.last) = (0, None, Some((true, now)));
        heal.healed += 1;
    }
}

/// When a difference that was corrected too often within a day may be corrected again.
fn capped_until(change: &HostChange, daily: u32, now: Timestamp) -> Option<Timestamp> {
    let day_ago = now.saturating_sub(DAY).unwrap_or(Timestamp::MIN);
    let recent: Vec<&Timestamp> = change.heals.iter().filter(|it| day_ago < **it).collect();
    let spare = (recent.len() + 1).checked_sub(daily as usize).filter(|it| *it != 0)?;
    match recent.get(spare - 1) {
        Some(at) => Some(later(**at, DAY)),
        None => Some(later(now, DAY)), // Nothing is corrected at all.
    }
}

/// The stack's limit, narrowed to these hosts; `None` if that cannot be said in one pattern.
pub(super) fn limit_of(policy: &StackPolicy, hosts: &BTreeSet<HostName>) -> Option<String> {
    let plain = |it: &HostName| {
        let text = it.as_str();
        text.starts_with(|it: char| it.is_ascii_alphanumeric() || it == '_')
            && text.chars().all(|it| it.is_ascii_alphanumeric() || "._-".contains(it))
    };
    if hosts.is_empty() || !hosts.iter().all(plain) {
        return None;
    }
    let names: Vec<&str> = hosts.iter().map(HostName::as_str).collect();
    let limit = intersect_limits(policy.limit.as_deref(), Some(&names.join(","))).ok()??;
    (limit.len() <= LIMIT_BYTES).then_some(limit)
}
