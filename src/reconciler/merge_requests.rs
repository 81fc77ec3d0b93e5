//! Which merge requests are followed, and what became of those that were merged.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::{
    AppliedStack, CommitHash, Decision, Fact, Failure, Findings, Landed, MergeRequest, MergeRequestFacts,
    MergeRequestNumber, MergeRequestState, Mode, Outcome, Retry, RunId, RunPrediction, RunSpec, Selection,
    SourceName, Span, StackName, Timestamp, Trigger, later,
};

use super::backoff::{Jitter, doubled};
use super::fetch::{Fetches, Flight};
use super::source::Source;

/// How long a merged one is kept, whatever became of it: people follow the link of its comment, and compare.
const KEPT_AFTER_MERGE: Span = Span::from_hours(7 * 24);

/// The most that are kept of one source. Beyond, those that landed go first, then the lowest numbers.
const FOLLOWED_MAX: usize = 500;

const FIRST_PAUSE: Span = Span::from_secs(5);
const LONGEST_PAUSE: Span = Span::from_mins(15);

/// The merge requests of one source.
#[derive(Debug)]
pub(super) struct MergeRequests {
    /// When the forge is asked.
    pub(super) asks: Fetches,
    pub(super) all: BTreeMap<MergeRequestNumber, Followed>,
    /// Those that are not followed any more, not yet told.
    pub(super) removed: Vec<MergeRequestNumber>,
    /// How runs compare with previews, not yet told.
    pub(super) compared: Vec<(RunId, RunPrediction)>,
    /// Those that landed, with the commits that brought them, not yet told.
    pub(super) landed: Vec<(MergeRequest, CommitHash)>,
}

/// One that is followed.
#[derive(Debug)]
pub(super) struct Followed {
    pub(super) facts: MergeRequestFacts,
    /// Whether the facts were changed since they were last told.
    pub(super) changed: bool,
    pub(super) previews: Effort,
    pub(super) reports: Effort,
}

/// Something that is tried until it succeeds. Forgotten when the daemon ends.
#[derive(Debug)]
pub(super) struct Effort {
    /// Whether a try is under way.
    pub(super) flying: bool,
    failures: u32,
    /// Not before this.
    pub(super) at: Timestamp,
}

impl Effort {
    pub(super) fn new() -> Self {
        Self { flying: false, failures: 0, at: Timestamp::MIN }
    }

    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        !self.flying && self.at <= now
    }

    /// What failed may succeed now. A try that is under way goes on: there is one at a time.
    pub(super) fn forgive(&mut self) {
        (self.failures, self.at) = (0, Timestamp::MIN);
    }

    pub(super) fn succeeded(&mut self, at: Timestamp) {
        *self = Self { flying: false, failures: 0, at };
    }

    pub(super) fn failed(&mut self, now: Timestamp, failure: &Failure, spread: (Jitter, &str)) {
        self.failures = self.failures.saturating_add(1);
        let pause = match failure.retry {
            Retry::Soon => doubled(FIRST_PAUSE, LONGEST_PAUSE, self.failures),
            Retry::After(asked) => doubled(FIRST_PAUSE, LONGEST_PAUSE, self.failures).max(asked),
            Retry::UntilChanged => LONGEST_PAUSE,
        };
        let (jitter, name) = spread;
        (self.flying, self.at) = (false, later(now, jitter.at_least(pause, name, u64::from(self.failures))));
    }
}

impl Followed {
    pub(super) fn new(facts: MergeRequestFacts) -> Self {
        Self { facts, changed: false, previews: Effort::new(), reports: Effort::new() }
    }

    /// Something happened that the forge should be told.
    pub(super) fn touch(&mut self) {
        self.facts.version += 1;
        self.changed = true;
    }

    pub(super) fn is_open(&self) -> bool {
        self.facts.seen.state == MergeRequestState::Open
    }

    /// The forge tells it anew.
    fn seen(&mut self, seen: MergeRequest) {
        if self.facts.seen == seen {
            return;
        }
        if self.facts.seen.head != seen.head {
            self.facts.asked = None;
            self.previews.forgive();
        }
        // What is said of one that landed is known and not worth telling any more.
        let open = self.facts.landed.is_none();
        if open && (self.facts.seen.approvals != seen.approvals || self.facts.seen.state != seen.state) {
            self.facts.version += 1;
        }
        self.facts.seen = seen;
        self.changed = true;
    }

    /// Whether it is neither open nor was merged lately.
    fn is_over(&self, now: Timestamp) -> bool {
        match &self.facts.seen.state {
            MergeRequestState::Open => false,
            MergeRequestState::Closed => true,
            MergeRequestState::Merged { .. } => {
                let since = self.facts.landed.as_ref().map_or(self.facts.seen.updated_at, |it| it.at);
                later(since, KEPT_AFTER_MERGE) <= now
            }
        }
    }

    /// Whether an apply of this stack is to be told of it: a stack that it touches, as far as that is known.
    fn concerns(&self, stack: &StackName) -> bool {
        let made = self.facts.preview.as_ref().is_some_and(|it| it.made.is_ok());
        !made || self.touched().contains(stack)
    }

    /// Whether a stack was applied with it, and it went well.
    fn applied_well(&self, stack: &StackName) -> bool {
        self.facts.applied.get(stack).is_some_and(|it| it.outcome.is_success())
    }

    /// The stacks that its preview said it touches.
    pub(super) fn touched(&self) -> BTreeSet<StackName> {
        let made = self.facts.preview.as_ref().and_then(|it| it.made.as_ref().ok());
        made.into_iter().flat_map(|it| it.impact.stacks.iter().map(|it| it.stack.clone())).collect()
    }
}

impl MergeRequests {
    pub(super) fn new(now: Timestamp) -> Self {
        Self {
            asks: Fetches::new(now),
            all: BTreeMap::new(),
            removed: Vec::new(),
            compared: Vec::new(),
            landed: Vec::new(),
        }
    }

    /// What is to be kept of what changed.
    pub(super) fn take_facts(&mut self, source: &SourceName) -> Vec<Fact> {
        let fact = |number, facts| Fact::MergeRequest { source: source.clone(), number, facts };
        let mut facts: Vec<Fact> = self.removed.drain(..).map(|it| fact(it, None)).collect();
        let compared = self.compared.drain(..);
        facts.extend(compared.map(|(run, it)| Fact::RunPrediction { run, prediction: Box::new(it) }));
        facts.extend(self.landed.drain(..).map(|(request, commit)| Fact::Landed {
            source: source.clone(),
            request: Box::new(request),
            commit,
        }));
        for (number, followed) in &mut self.all {
            if std::mem::take(&mut followed.changed) {
                facts.push(fact(*number, Some(Box::new(followed.facts.clone()))));
            }
        }
        facts
    }
}

impl Source {
    /// Asks the forge, if it is time.
    pub(super) fn ask_forge(&mut self, now: Timestamp, name: &SourceName, decisions: &mut Vec<Decision>) {
        let follows = self.policy.as_ref().is_some_and(|it| it.merge_requests.is_some());
        if !follows || self.requests.asks.due_at().is_none_or(|at| now < at) {
            return;
        }
        self.requests.asks.began(None);
        let unsettled = self.requests.all.iter().filter(|(_, it)| it.facts.landed.is_none());
        decisions.push(Decision::AskForge {
            source: name.clone(),
            known: unsettled.map(|(number, _)| *number).collect(),
            since: self.requests.asks.fetched_at,
        });
    }

    /// The forge told of merge requests.
    pub(super) fn merge_requests_seen(&mut self, now: Timestamp, told: Vec<MergeRequest>, jitter: Jitter) {
        let Flight::Live { .. } = self.requests.asks.landed() else { return };
        let Some(policy) = &self.policy else { return };
        let Some(asking) = &policy.merge_requests else { return };
        let salt = u64::try_from(now.as_millisecond()).unwrap_or(0);
        self.requests.asks.succeeded(now, jitter.around(asking.poll_every, policy.name.as_str(), salt));
        let mut listed = BTreeSet::new();
        for seen in told.into_iter().filter(|it| it.target == policy.reference) {
            listed.insert(seen.number);
            match self.requests.all.get_mut(&seen.number) {
                Some(followed) => followed.seen(seen),
                None if seen.state == MergeRequestState::Open => {
                    let mut followed = Followed::new(MergeRequestFacts::new(seen));
                    followed.changed = true;
                    self.requests.all.insert(followed.facts.seen.number, followed);
                }
                None => {}
            }
        }
        // Which is not told of any more, or goes elsewhere now, is nothing of ours.
        for (number, followed) in &mut self.requests.all {
            if followed.is_open() && !listed.contains(number) {
                followed.facts.seen.state = MergeRequestState::Closed;
                followed.changed = true;
            }
        }
        self.land(now);
    }

    /// The forge could not be asked. What is known stays, and nothing else waits for it.
    pub(super) fn forge_failed(&mut self, now: Timestamp, failure: Failure, jitter: Jitter) {
        let Flight::Live { .. } = self.requests.asks.landed() else { return };
        let Some(policy) = &self.policy else { return };
        let Some(asking) = &policy.merge_requests else { return };
        self.requests.asks.failed(now, failure, asking.poll_every, (jitter, policy.name.as_str()));
    }

    /// What was merged and is admitted has landed.
    pub(super) fn land(&mut self, now: Timestamp) {
        let recent = &self.facts.recent;
        for followed in self.requests.all.values_mut().filter(|it| it.facts.landed.is_none()) {
            let MergeRequestState::Merged { commit, .. } = &followed.facts.seen.state else { continue };
            // A forge that fast-forwards may name no commit: then the head itself is on the branch.
            let landed = commit.iter().chain([&followed.facts.seen.head]).find(|it| recent.contains(it));
            if let Some(commit) = landed.cloned() {
                self.requests.landed.push((followed.facts.seen.clone(), commit.clone()));
                followed.facts.landed = Some(Landed { commit, at: now });
                followed.touch();
            }
        }
        self.note_earlier_applies();
    }

    /// What landed may be on the hosts already: a forge that was slow to tell, hosts that were caught up since. How it
    /// compares with the preview is not known then, unless it was told before.
    fn note_earlier_applies(&mut self) {
        let place = |commit: &CommitHash| self.facts.recent.iter().position(|it| it == commit);
        for followed in self.requests.all.values_mut() {
            let Some(landed) = followed.facts.landed.as_ref().and_then(|it| place(&it.commit)) else {
                continue;
            };
            for name in followed.touched() {
                let attempt = self.stacks.get(&name).and_then(|it| it.facts.attempt.as_ref());
                let Some((attempt, outcome)) = attempt.and_then(|it| Some((it, it.outcome?))) else {
                    continue;
                };
                let covers = place(&attempt.revision.commit).is_some_and(|it| it <= landed);
                let known = followed.facts.applied.get(&name);
                let news = outcome.is_success() && !followed.applied_well(&name)
                    || outcome == Outcome::Unreachable && known.is_none();
                if covers && news {
                    let with_others = known.is_some_and(|it| it.with_others);
                    let report = known.and_then(|it| it.report.clone());
                    let applied = AppliedStack { run: attempt.run, outcome, report, with_others };
                    let prediction = RunPrediction::new(&followed.facts.seen, &applied);
                    self.requests.compared.push((attempt.run, prediction));
                    followed.facts.applied.insert(name, applied);
                    followed.touch();
                }
            }
        }
    }

    /// Nobody looks at these any more.
    pub(super) fn forget_merge_requests(&mut self, now: Timestamp) {
        let live: BTreeSet<MergeRequestNumber> =
            self.stacks.values().filter_map(|it| it.facts.live.as_ref()?.merge_request).collect();
        let too_many = self.requests.all.len().saturating_sub(FOLLOWED_MAX);
        let mut first: Vec<(bool, MergeRequestNumber)> = Vec::new();
        if too_many != 0 {
            // Those that landed are only looked up. Then the oldest go.
            let all = self.requests.all.iter();
            first = all.map(|(number, it)| (it.facts.landed.is_none(), *number)).collect();
            first.sort_unstable();
            first.truncate(too_many);
        }
        let removed = &mut self.requests.removed;
        self.requests.all.retain(|number, followed| {
            let over = followed.is_over(now) || first.iter().any(|(_, it)| it == number);
            let goes = over && !live.contains(number) && !followed.previews.flying;
            if goes {
                removed.push(*number);
            }
            !goes
        });
    }

    /// An apply of the whole stack ended: what had landed before is on the hosts now, or was tried.
    pub(super) fn merge_requests_applied(&mut self, spec: &RunSpec, outcome: Outcome, findings: &Findings) {
        let covers = spec.mode == Mode::Apply
            && spec.selection == Selection::Full
            && spec.trigger != Trigger::Drift
            && findings.begun;
        let Some(at) = self.facts.recent.iter().position(|it| *it == spec.revision.commit) else { return };
        if !covers {
            return self.note_earlier_applies();
        }
        let Some(stack) = self.stacks.get_mut(&spec.stack.stack) else { return };
        let flapping = stack.tasks.flapping();
        let before: &[CommitHash] = &self.facts.recent[at..];
        let due = |it: &&mut Followed| {
            let landed = it.facts.landed.as_ref().is_some_and(|it| before.contains(&it.commit));
            landed && it.concerns(&spec.stack.stack) && !it.applied_well(&spec.stack.stack)
        };
        let mut reported: Vec<&mut Followed> = self.requests.all.values_mut().filter(due).collect();
        let with_others = 1 < reported.len();
        for followed in &mut reported {
            let predicted = followed.facts.live.as_ref().filter(|it| it.head == followed.facts.seen.head);
            let predicted = predicted.and_then(|it| it.stacks.get(&spec.stack.stack)?.as_ref());
            // What did not get to its end promised nothing.
            let predicted = predicted.filter(|it| it.outcome.is_success());
            let report = predicted.map(|it| it.prediction.compare(findings, &flapping));
            if let Some(report) = &report {
                let totals = &mut stack.facts.predictions;
                totals.as_predicted += report.as_predicted;
                totals.missing += report.missing.len() as u64;
                totals.different += report.different.len() as u64;
                totals.extra += report.extra.len() as u64;
                totals.not_predictable += report.not_predictable;
                stack.changed = true;
            }
            let applied = AppliedStack { run: spec.run, outcome, report, with_others };
            self.requests.compared.push((spec.run, RunPrediction::new(&followed.facts.seen, &applied)));
            followed.facts.applied.insert(spec.stack.stack.clone(), applied);
            followed.touch();
        }
        self.note_earlier_applies();
    }
}
