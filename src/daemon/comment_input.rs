//! What is known of a merge request, as the comment wants it: facts of the core, and results from the record.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::domain::{
    HostName, ItemId, LivePreview, LiveStack, Merge, MergeRequestFacts, MergeRequestStatus, PreviewFacts,
    PreviewLevel, ResultStatus, SourceName, SourcePolicy, StackName, TaskCounts, TaskIdentity, TaskKey,
    TaskResult,
};
use crate::forge::comment::{
    AppliedResult, ApprovalsWanted, CommentInput, FailedTask, LiveResult, Merged, PreviewState,
    PreviewedChange, StackPreview, TaskLabel, diff_text,
};
use crate::store::Store;

/// What the facts of the merge request do not say.
pub(super) struct Surroundings<'a> {
    pub(super) source: &'a SourceName,
    pub(super) policy: &'a SourcePolicy,
    pub(super) standing: Option<&'a MergeRequestStatus>,
    pub(super) link: Option<String>,
}

/// All that the comment says.
pub(super) async fn input(
    store: &Store,
    around: &Surroundings<'_>,
    facts: &MergeRequestFacts,
) -> CommentInput {
    let seen = &facts.seen;
    let live = facts.live.as_ref().filter(|it| it.head == seen.head);
    let preview = facts.preview.as_ref().filter(|it| it.head == seen.head);
    let made = preview.and_then(|it| it.made.as_ref().ok());
    let mut stacks = Vec::new();
    let names = made.into_iter().flat_map(|it| it.impact.stacks.iter().map(|it| &it.stack));
    let names: BTreeSet<&StackName> = names.chain(live.iter().flat_map(|it| it.stacks.keys())).collect();
    for name in names {
        let sandboxed = made.and_then(|it| it.sandboxed.get(name)).cloned();
        let done = live.and_then(|it| it.stacks.get(name)?.as_ref());
        let live = match done {
            Some(done) => Some(live_result(store, done).await),
            None => None,
        };
        stacks.push(StackPreview { stack: name.clone(), sandboxed, live });
    }
    let level = match (live, preview.map(|it| it.level)) {
        (Some(_), _) => PreviewLevel::Live,
        (None, level) => level.unwrap_or(PreviewLevel::Static),
    };
    let target = live.map(|it| &it.target).or(preview.map(|it| &it.target));
    CommentInput {
        source: around.source.clone(),
        number: seen.number,
        head: seen.head.clone(),
        target: seen.target.clone(),
        target_commit: target.cloned().unwrap_or_else(|| seen.head.clone()),
        level,
        state: state(around, preview, live),
        no_sandbox: made.and_then(|it| it.no_sandbox.clone()),
        impact: made.map(|it| it.impact.clone()).unwrap_or_default(),
        stacks,
        approvals: around.policy.admission.approvals.map(|needed| approvals(facts, needed)),
        merged: merged(facts),
        link: around.link.clone(),
    }
}

fn state(
    around: &Surroundings<'_>,
    preview: Option<&PreviewFacts>,
    live: Option<&LivePreview>,
) -> PreviewState {
    let Some(preview) = preview else { return PreviewState::Running };
    let made = match &preview.made {
        Err(failure) => {
            return PreviewState::Refused {
                why: failure.message.clone(),
                remedy: failure.remedy.clone().unwrap_or_else(|| "push a commit without it".to_owned()),
            };
        }
        Ok(made) => made,
    };
    if let Merge::Conflicts { paths } = &made.merge {
        return PreviewState::Conflicts { paths: paths.clone() };
    }
    if made.impact.runtime_changed {
        return PreviewState::RuntimeChanged;
    }
    match live {
        Some(live) if live.stacks.values().any(Option::is_none) => PreviewState::Running,
        Some(_) if around.standing.is_some_and(|it| it.stale) => PreviewState::Stale {
            why: format!("the target branch moved to {} since", preview.target.short()),
        },
        _ => PreviewState::Done,
    }
}

fn approvals(facts: &MergeRequestFacts, needed: u32) -> ApprovalsWanted {
    let given = facts.seen.others_who_approve().into_iter().map(str::to_owned).collect();
    ApprovalsWanted { needed, given }
}

/// Labels of tasks, each once, by what they are known by.
#[derive(Default)]
struct Labels {
    labels: Vec<TaskLabel>,
    places: BTreeMap<TaskKey, u32>,
}

impl Labels {
    fn place(&mut self, task: &TaskIdentity) -> u32 {
        let next = u32::try_from(self.labels.len()).unwrap_or(u32::MAX);
        *self.places.entry(task.key()).or_insert_with(|| {
            self.labels.push(task.into());
            next
        })
    }
}

/// What check mode said of one stack. Differences come from the record, as far as they are there.
async fn live_result(store: &Store, live: &LiveStack) -> LiveResult {
    let results = store.results(live.run).await.unwrap_or_default();
    let ending = store.run(live.run).await.ok().flatten().and_then(|it| it.ending);
    let mut labels = Labels::default();
    // In the order of the playbook.
    for (task, _) in &results {
        labels.place(task);
    }
    let changes = changes(live, &results, &mut labels);
    // In the order of the playbook, too, as far as the keys of tasks allow: by where they stand.
    let mut left_out: Vec<(&TaskIdentity, u64)> = Vec::new();
    for (task, count) in &live.prediction.left_out_tasks {
        left_out.extend(live.prediction.tasks.get(task).map(|it| (it, *count)));
    }
    left_out.sort_by_key(|(task, _)| (&task.path, task.line, &task.name));
    let left_out_tasks = left_out.into_iter().map(|(task, count)| (labels.place(task), count)).collect();
    let flapping = live.flapping.iter().map(|it| labels.place(it)).collect();
    let counted = |labels: &mut Labels, of: fn(&TaskCounts) -> u32| -> Vec<(u32, u64)> {
        let tasks = live.unseen.iter().filter(|(_, it)| of(it) != 0);
        tasks.map(|(task, it)| (labels.place(task), u64::from(of(it)))).collect()
    };
    let blind = counted(&mut labels, |it| it.blind);
    let tainted = counted(&mut labels, |it| it.tainted);
    let ran_for_real = counted(&mut labels, |it| it.for_real);
    let failed = results.iter().filter(|(_, it)| it.status == ResultStatus::Failed);
    let failed = failed.map(|(task, result)| FailedTask {
        task: labels.place(task),
        message: result.detail.as_ref().map(|it| it.msg.clone()).unwrap_or_default(),
        host: result.host.clone(),
    });
    let failed = failed.collect();
    let unreachable = results.iter().filter(|(_, it)| it.status == ResultStatus::Unreachable);
    LiveResult {
        run: live.run,
        outcome: live.outcome,
        reason: ending.and_then(|it| it.reason).map(|it| it.to_string()),
        coverage: live.coverage,
        hosts: live.hosts.len() as u64,
        changes,
        changes_left_out: live.prediction.left_out,
        left_out_tasks,
        left_out_hosts: live.prediction.left_out_hosts.clone(),
        blind,
        tainted,
        ran_for_real,
        failed,
        unreachable: unreachable.map(|(_, it)| it.host.clone()).collect(),
        flapping,
        tasks: labels.labels,
    }
}

/// What would change, with what was told of its content.
fn changes(
    live: &LiveStack,
    results: &[(TaskIdentity, TaskResult)],
    labels: &mut Labels,
) -> Vec<PreviewedChange> {
    let mut details: BTreeMap<(HostName, TaskKey, String), &TaskResult> = BTreeMap::new();
    for (task, result) in results.iter().filter(|(_, it)| it.changed) {
        details.insert((result.host.clone(), task.key(), item_key(result.item.as_ref())), result);
    }
    // The same text is the same for many hosts: it is written and folded once.
    let mut texts: BTreeMap<String, Arc<str>> = BTreeMap::new();
    let mut changes = Vec::new();
    for change in &live.prediction.changes {
        let Some(task) = live.prediction.tasks.get(&change.task) else { continue };
        let place = (change.host.clone(), change.task.clone(), change.item.clone());
        let result = details.get(&place);
        let diff = result.and_then(|it| diff_text(&it.detail.as_ref()?.diff));
        let diff = diff.map(|it| Arc::clone(texts.entry(it.clone()).or_insert_with(|| it.into())));
        changes.push(PreviewedChange {
            host: change.host.clone(),
            task: labels.place(task),
            item: result.map(|it| item_words(it.item.as_ref())).unwrap_or_default(),
            diff,
            no_log: result.is_some_and(|it| it.no_log),
        });
    }
    changes
}

/// As a change names its item.
fn item_key(item: Option<&ItemId>) -> String {
    item.map(|it| if it.digest.is_empty() { it.index.to_string() } else { it.digest.clone() })
        .unwrap_or_default()
}

/// As people name it.
fn item_words(item: Option<&ItemId>) -> String {
    item.map(|it| it.index.to_string()).unwrap_or_default()
}

fn merged(facts: &MergeRequestFacts) -> Option<Merged> {
    let landed = facts.landed.as_ref()?;
    let touched = facts.preview.as_ref().and_then(|it| it.made.as_ref().ok());
    let touched = touched.into_iter().flat_map(|it| it.impact.stacks.iter().map(|it| &it.stack));
    let names: BTreeSet<&StackName> = touched.chain(facts.applied.keys()).collect();
    let stacks = names.into_iter().map(|name| {
        let applied = facts.applied.get(name);
        let with_others = applied.is_some_and(|it| it.with_others);
        AppliedResult {
            stack: name.clone(),
            ended: applied.map(|it| (it.run, it.outcome)),
            note: match (applied, with_others) {
                (Some(_), true) => "applied together with other merge requests".to_owned(),
                _ => String::new(),
            },
            report: applied.and_then(|it| it.report.clone()),
        }
    });
    Some(Merged { commit: landed.commit.clone(), stacks: stacks.collect() })
}

#[cfg(test)]
mod tests;
