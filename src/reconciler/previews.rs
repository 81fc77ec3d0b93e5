//! Which merge request is previewed how far, and what the forge is told.
//!
//! What is trusted is one head. A newer push ends what was begun for it and has to be trusted again.

use crate::domain::{
    Decision, Failure, Findings, HostEnd, HostName, LivePreview, LiveStack, Merge, MergeRequest,
    MergeRequestNumber, MergeRequestPolicy, Mode, Outcome, PreviewFacts, PreviewLevel, PreviewRequest,
    Previewed, Retry, Revision, RunSpec, SourceName, Span, StackName, Timestamp, Trigger, later,
};
use std::collections::BTreeMap;

use super::backoff::Jitter;
use super::merge_requests::{Effort, Followed};
use super::source::Source;
use super::stack::StopOrder;
use super::wants::Want;

/// The shortest time between two reports of one merge request.
const REPORT_PAUSE: Span = Span::from_secs(5);

/// Whose word allows a live preview of this head: the author's, or that of somebody who approved of exactly it.
fn trusted<'a>(seen: &'a MergeRequest, policy: &MergeRequestPolicy) -> Option<&'a str> {
    let mut people = std::iter::once(seen.author.as_str()).chain(seen.approvers());
    people.find(|it| policy.live_for.contains(*it))
}

/// Whether a live preview may begin or go on, by what is known now.
fn is_allowed(followed: &Followed, live: &LivePreview, policy: &MergeRequestPolicy) -> bool {
    let seen = &followed.facts.seen;
    policy.level == PreviewLevel::Live
        && is_previewed(followed, policy)
        && live.head == seen.head
        && (live.asked || trusted(seen, policy).is_some())
}

/// Whether it is previewed at all.
fn is_previewed(followed: &Followed, policy: &MergeRequestPolicy) -> bool {
    followed.is_open() && (policy.forks || !followed.facts.seen.fork)
}

impl Source {
    fn request_policy(&self) -> Option<&MergeRequestPolicy> {
        self.policy.as_ref()?.merge_requests.as_ref()
    }

    /// Orders what is to be previewed, and what is to be told.
    pub(super) fn order_previews(
        &mut self,
        now: Timestamp,
        name: &SourceName,
        decisions: &mut Vec<Decision>,
    ) {
        let Some(policy) = self.request_policy().cloned() else { return };
        self.begin_live_previews(now, &policy);
        let head = self.facts.head.clone();
        for (number, followed) in &mut self.requests.all {
            if let Some(head) = &head
                && is_previewed(followed, &policy)
                && followed.previews.is_due(now)
                && !is_made(followed, &head.revision)
            {
                followed.previews.flying = true;
                decisions.push(Decision::Preview {
                    source: name.clone(),
                    number: *number,
                    head: followed.facts.seen.head.clone(),
                    target: head.revision.commit.clone(),
                    level: policy.level.min(PreviewLevel::Sandboxed),
                    stacks: head.declaration.stacks.clone(),
                });
            }
            let news = followed.facts.version != followed.facts.told;
            if policy.report && news && followed.reports.is_due(now) {
                followed.reports.flying = true;
                decisions.push(Decision::Report {
                    source: name.clone(),
                    number: *number,
                    version: followed.facts.version,
                    facts: Box::new(followed.facts.clone()),
                });
            }
        }
    }

    /// When something of merge requests is due although nothing happens.
    pub(super) fn preview_deadlines(&self) -> impl Iterator<Item = Timestamp> {
        let asked = self.request_policy().is_some();
        let efforts = self.requests.all.values().flat_map(|it| [&it.previews, &it.reports]);
        let efforts = efforts.filter(|it| !it.flying).map(|it| it.at);
        efforts.chain(self.requests.asks.due_at()).filter(move |_| asked)
    }

    /// A preview without keys came back.
    pub(super) fn previewed(
        &mut self,
        now: Timestamp,
        number: MergeRequestNumber,
        of: (crate::domain::CommitHash, crate::domain::CommitHash),
        made: Result<Box<Previewed>, Failure>,
        jitter: Jitter,
    ) {
        let level =
            self.request_policy().map_or(PreviewLevel::Static, |it| it.level.min(PreviewLevel::Sandboxed));
        let Some(followed) = self.requests.all.get_mut(&number) else { return };
        if !std::mem::take(&mut followed.previews.flying) {
            return; // Nobody asked: a late or repeated answer.
        }
        let (head, target) = of;
        if followed.facts.seen.head != head {
            followed.previews = Effort::new(); // What was pushed meanwhile is previewed at once.
            return;
        }
        match &made {
            Ok(_) => followed.previews.succeeded(now),
            Err(failure) => {
                let name = number.to_string();
                followed.previews.failed(now, failure, (jitter, &name));
                if failure.retry == Retry::Soon {
                    self.requests.asks.hint(); // Its head may have moved meanwhile.
                    return;
                }
            }
        }
        let brings_nothing = |it: &Previewed| it.impact.files.is_empty() && it.impact.files_left_out == 0;
        if let Some(before) = followed.facts.preview.as_mut().filter(|it| it.head == head)
            && made.as_ref().is_ok_and(|it| brings_nothing(it))
        {
            // The target has it already, and the forge tells so later: what it brought is what was seen before.
            before.target = target;
            followed.changed = true;
            return;
        }
        let facts = PreviewFacts { head, target, level, at: now, made: made.map(|it| *it) };
        let same =
            |old: &PreviewFacts| (&old.made, &old.head, old.level) == (&facts.made, &facts.head, level);
        if followed.facts.preview.as_ref().is_some_and(same) {
            followed.changed = true; // Only the target moved: nothing that is worth telling.
        } else {
            followed.touch();
        }
        followed.facts.preview = Some(facts);
    }

    /// A person asks for a live preview of the head that was shown.
    pub(super) fn preview_requested(&mut self, number: MergeRequestNumber, request: PreviewRequest) {
        let allowed = self.request_policy().is_some_and(|it| it.level == PreviewLevel::Live);
        let Some(followed) = self.requests.all.get_mut(&number) else { return };
        if allowed && followed.is_open() && followed.facts.seen.head == request.head {
            followed.facts.asked = Some(request);
            followed.changed = true;
        }
    }

    /// Begins live previews of heads that are trusted and were not checked yet.
    fn begin_live_previews(&mut self, now: Timestamp, policy: &MergeRequestPolicy) {
        let Some(head) = &self.facts.head else { return };
        if policy.level != PreviewLevel::Live {
            return;
        }
        let stacks = &self.stacks;
        for (number, followed) in &mut self.requests.all {
            let Some((allowed_by, asked)) = live_wanted(followed, policy, &head.revision) else { continue };
            let Some(Merge::Clean { commit }) = previewable(followed, &head.revision) else { continue };
            if stacks
                .values()
                .any(|it| it.facts.live.as_ref().is_some_and(|it| it.merge_request == Some(*number)))
            {
                continue; // What was begun for another head or target ends first.
            }
            let Ok(reference) = format!("merge-requests/{number}").parse() else { continue };
            let touched = followed.touched().into_iter();
            let declared = |it: &StackName| stacks.get(it).is_some_and(|it| it.declared.is_some());
            followed.facts.live = Some(LivePreview {
                head: followed.facts.seen.head.clone(),
                target: head.revision.commit.clone(),
                result: Revision { reference, commit: commit.clone() },
                allowed_by,
                asked,
                since: now,
                stacks: touched.filter(declared).map(|it| (it, None)).collect(),
            });
            followed.facts.asked = None;
            followed.touch();
        }
    }

    /// The check run that a live preview of this stack needs.
    pub(super) fn preview_due<'a>(&'a self, stack: &StackName) -> Option<Want<'a>> {
        let (policy, head) = (self.request_policy()?, self.facts.head.as_ref()?);
        self.requests.all.iter().find_map(|(number, followed)| {
            let live = followed.facts.live.as_ref()?;
            // One that has not begun is made anew where the target moved, if it can be merged there at all.
            let begun = live.stacks.values().any(Option::is_some) || live.target == head.revision.commit;
            let wanted = live.stacks.get(stack)?.is_none() && begun && is_allowed(followed, live, policy);
            wanted.then_some(Want {
                mode: Mode::Check,
                trigger: Trigger::MergeRequest,
                revision: &live.result,
                request: None,
                hosts: None,
                merge_request: Some(*number),
            })
        })
    }

    /// Ends live checks whose merge request was closed, merged or pushed to, or is not trusted any more.
    pub(super) fn stop_stale_previews(&mut self) {
        let policy = self.request_policy().cloned();
        let requests = &self.requests.all;
        for stack in self.stacks.values_mut().filter(|it| it.order.is_none()) {
            let Some(live) = &stack.facts.live else { continue };
            let Some(number) = live.merge_request else { continue };
            let Some(reason) = why_stale(requests.get(&number), policy.as_ref(), live, number) else {
                continue;
            };
            stack.order = Some(StopOrder { cancelled: true, reason, told: false, set_hold: false });
        }
        let Some(policy) = policy else { return };
        // What was ended like this was not looked at. It begins anew when it is trusted again.
        for followed in self.requests.all.values_mut().filter(|it| it.is_open()) {
            let live = followed.facts.live.as_ref().filter(|it| it.head == followed.facts.seen.head);
            let ended = live.is_some_and(|it| {
                it.stacks.values().any(Option::is_none) && !is_allowed(followed, it, &policy)
            });
            if ended {
                followed.facts.live = None;
                followed.touch();
            }
        }
    }

    /// A live check of one stack ended.
    pub(super) fn live_preview_finished(
        &mut self,
        spec: &RunSpec,
        outcome: Outcome,
        hosts: &BTreeMap<HostName, HostEnd>,
        findings: &Findings,
    ) {
        // What was not its own doing is done again.
        if matches!(outcome, Outcome::Interrupted | Outcome::Refused) {
            return;
        }
        let Some(stack) = self.stacks.get(&spec.stack.stack) else { return };
        let doubts = (&stack.tasks.flapping(), &stack.tasks.unreliable());
        let found = LiveStack::of(spec.run, outcome, hosts.keys().cloned().collect(), findings, doubts);
        let Some(followed) = spec.merge_request.and_then(|it| self.requests.all.get_mut(&it)) else { return };
        let live = followed.facts.live.as_mut().filter(|it| it.result == spec.revision);
        let Some(place) = live.and_then(|it| it.stacks.get_mut(&spec.stack.stack)) else { return };
        *place = Some(found);
        followed.touch();
    }

    /// The forge was told, or could not be.
    pub(super) fn reported(
        &mut self,
        now: Timestamp,
        (number, version): (MergeRequestNumber, u64),
        failure: Option<&Failure>,
        jitter: Jitter,
    ) {
        let Some(followed) = self.requests.all.get_mut(&number) else { return };
        if !std::mem::take(&mut followed.reports.flying) {
            return;
        }
        match failure {
            None => {
                followed.reports.succeeded(later(now, REPORT_PAUSE));
                followed.facts.told = version;
                followed.changed = true;
            }
            Some(failure) => followed.reports.failed(now, failure, (jitter, &number.to_string())),
        }
    }
}

/// Whether there is a preview of the present head against the present target, good or bad for now.
fn is_made(followed: &Followed, target: &Revision) -> bool {
    let preview = followed.facts.preview.as_ref();
    preview.is_some_and(|it| it.head == followed.facts.seen.head && it.target == target.commit)
}

/// The merge that may be checked: what is shown as a change of the runtime is not installed.
fn previewable<'a>(followed: &'a Followed, target: &Revision) -> Option<&'a Merge> {
    let made = followed.facts.preview.as_ref().filter(|_| is_made(followed, target))?.made.as_ref().ok()?;
    (!made.impact.runtime_changed).then_some(&made.merge)
}

/// Whose word asks for a live preview that is not there, and whether somebody asked for it by hand.
fn live_wanted(
    followed: &Followed,
    policy: &MergeRequestPolicy,
    target: &Revision,
) -> Option<(String, bool)> {
    if !is_previewed(followed, policy) {
        return None;
    }
    let seen = &followed.facts.seen;
    if let Some(asked) = followed.facts.asked.as_ref().filter(|it| it.head == seen.head) {
        return Some((asked.by.clone(), true));
    }
    let allowed_by = trusted(seen, policy)?;
    let enough = followed.facts.live.as_ref().is_some_and(|it| {
        let begun = it.stacks.values().any(Option::is_some) || it.stacks.is_empty();
        it.head == seen.head && (begun || it.target == target.commit)
    });
    (!enough).then(|| (allowed_by.to_owned(), false))
}

fn why_stale(
    followed: Option<&Followed>,
    policy: Option<&MergeRequestPolicy>,
    live: &RunSpec,
    number: MergeRequestNumber,
) -> Option<String> {
    let Some(followed) = followed else {
        return Some(format!("merge request {number} is not followed any more"));
    };
    if !followed.is_open() {
        return Some(format!("merge request {number} is not open any more"));
    }
    let preview = followed.facts.live.as_ref();
    if preview.is_some_and(|it| it.head != followed.facts.seen.head || it.result != live.revision) {
        return Some(format!("merge request {number} has another head"));
    }
    let allowed = preview.zip(policy).is_some_and(|(preview, policy)| is_allowed(followed, preview, policy));
    (!allowed).then(|| format!("live previews of merge request {number} are not allowed any more"))
}
