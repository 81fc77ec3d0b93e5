//! What is shown of merge requests. Derived from facts each time it is asked for, never set.

use std::collections::BTreeMap;

use crate::domain::{
    LivePreview, LiveStack, Merge, MergeRequestPolicy, MergeRequestState, MergeRequestStatus, PreviewLevel,
    Revision, SourceName,
};

use super::Reconciler;
use super::merge_requests::Followed;
use super::source::Source;
use super::words::counted;

impl Reconciler {
    /// How many merge requests are open, by the sources that follow them.
    pub fn open_merge_requests(&self) -> BTreeMap<SourceName, u32> {
        let follow = |it: &&Source| it.policy.as_ref().is_some_and(|it| it.merge_requests.is_some());
        let sources = self.sources.iter().filter(|(_, it)| follow(it));
        let open = |it: &Source| it.requests.all.values().filter(|it| it.is_open()).count();
        sources.map(|(name, it)| (name.clone(), u32::try_from(open(it)).unwrap_or(u32::MAX))).collect()
    }

    /// All merge requests that are followed, by source and number.
    pub fn merge_requests(&self) -> Vec<MergeRequestStatus> {
        let sources = self.sources.iter().filter_map(|(name, source)| {
            let policy = source.policy.as_ref()?.merge_requests.as_ref()?;
            Some((name, source, policy))
        });
        let all = sources.flat_map(|(name, source, policy)| {
            let head = source.head().map(|it| &it.revision);
            source.requests.all.values().map(move |it| status(name, it, policy, head))
        });
        all.collect()
    }
}

fn status(
    source: &SourceName,
    followed: &Followed,
    policy: &MergeRequestPolicy,
    head: Option<&Revision>,
) -> MergeRequestStatus {
    let facts = &followed.facts;
    let live = facts.live.as_ref().filter(|it| it.head == facts.seen.head);
    let stale = followed.is_open() && live.is_some_and(|it| head.is_none_or(|head| head.commit != it.target));
    MergeRequestStatus {
        source: source.clone(),
        facts: facts.clone(),
        standing: standing(followed, policy, live, stale),
        stale,
    }
}

fn standing(
    followed: &Followed,
    policy: &MergeRequestPolicy,
    live: Option<&LivePreview>,
    stale: bool,
) -> String {
    let facts = &followed.facts;
    match &facts.seen.state {
        MergeRequestState::Closed => return "closed".to_owned(),
        MergeRequestState::Merged { .. } => return merged(followed),
        MergeRequestState::Open => {}
    }
    if facts.seen.fork && !policy.forks {
        return "not previewed: it comes from another repository (`merge_requests.forks`)".to_owned();
    }
    let made = facts.preview.as_ref().filter(|it| it.head == facts.seen.head).map(|it| &it.made);
    let previewed = match made {
        None => return "is being previewed".to_owned(),
        Some(Err(failure)) => return format!("cannot be previewed: {failure}"),
        Some(Ok(made)) => match &made.merge {
            Merge::Conflicts { paths } => {
                let files = counted(u32::try_from(paths.len()).unwrap_or(u32::MAX), "file");
                return format!("conflicts with its target in {files}");
            }
            Merge::Clean { .. } if made.impact.runtime_changed => {
                return "changes the Ansible runtime: not previewed beyond its files".to_owned();
            }
            Merge::Clean { .. } => {
                let stacks = u32::try_from(made.impact.stacks.len()).unwrap_or(u32::MAX);
                format!("touches {}", counted(stacks, "stack"))
            }
        },
    };
    match live {
        None if policy.level < PreviewLevel::Live => previewed,
        None => format!(
            "{previewed}; not checked with the real keys: neither its author nor who approved of this head is among `merge_requests.live_for`"
        ),
        Some(live) => {
            let done = live.stacks.values().flatten().count();
            let all = |it: &LiveStack| it.prediction.changes.len() as u64 + it.prediction.left_out;
            let changes: u64 = live.stacks.values().flatten().map(all).sum();
            let word = if done < live.stacks.len() { "is being checked" } else { "checked" };
            let stale = if stale { "; stale: the target branch moved since" } else { "" };
            let changes = counted(u32::try_from(changes).unwrap_or(u32::MAX), "change");
            format!(
                "{previewed}; {word} live, {done} of {} done, {changes} predicted{stale}",
                live.stacks.len()
            )
        }
    }
}

fn merged(followed: &Followed) -> String {
    let facts = &followed.facts;
    let Some(landed) = &facts.landed else { return "merged, not admitted yet".to_owned() };
    let touched = followed.touched().len();
    let applied = facts.applied.values().filter(|it| it.outcome.is_success()).count();
    format!("merged as {}; applied by {applied} of {touched} stacks", landed.commit.short())
}
