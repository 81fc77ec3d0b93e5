//! What a check predicted, and how an apply compares with it.
//!
//! A change is known by its host, its task (without the line, which moves with each edit above it), its loop item and
//! a digest of the content that is wanted. What a check cannot predict is no promise, so it cannot be broken: changes
//! of tasks that were blind, rested on blind ones, ran for real, or whose check is not believed.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{CommitHash, Findings, HostName, TaskIdentity, TaskKey};

/// One change, wherever its task stands now.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
pub struct PredictedChange {
    /// The host.
    pub host: HostName,
    /// The task.
    pub task: TaskKey,
    /// The loop item; empty without a loop.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub item: String,
    /// Digest of the content that is wanted; empty where the module told none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub digest: String,
}

/// What a check run of a whole stack predicts.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Prediction {
    /// The changes, in order, each once.
    pub changes: BTreeSet<PredictedChange>,
    /// How many more there are than are kept.
    #[serde(default)]
    pub left_out: u64,
    /// Of which tasks those are, and how many of each.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub left_out_tasks: BTreeMap<TaskKey, u64>,
    /// The hosts of those.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub left_out_hosts: BTreeSet<HostName>,
    /// Tasks of which the check could not say what they do.
    #[serde(default)]
    pub unpredictable: BTreeSet<TaskKey>,
    /// The tasks that `changes`, `unpredictable` and `left_out_tasks` name.
    #[serde(default)]
    pub tasks: BTreeMap<TaskKey, TaskIdentity>,
}

/// How an apply compares with what was predicted.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub struct PredictionReport {
    /// Changes that happened as predicted.
    pub as_predicted: u64,
    /// Predicted, and nothing was changed.
    pub missing: Vec<PredictedChange>,
    /// Changed, to something else.
    pub different: Vec<PredictedChange>,
    /// Changed, and not predicted.
    pub extra: Vec<PredictedChange>,
    /// Changes of tasks of which the check could say nothing.
    pub not_predictable: u64,
    /// The tasks that the lists name.
    #[serde(default)]
    pub tasks: BTreeMap<TaskKey, TaskIdentity>,
}

impl Prediction {
    /// The most changes that are kept one by one.
    const CHANGES_MAX: usize = 20_000;

    /// What a check run found, without the tasks that are known to flap; `unreliable` are those whose check is not
    /// believed.
    pub fn of(findings: &Findings, flapping: &BTreeSet<TaskKey>, unreliable: &BTreeSet<TaskKey>) -> Self {
        let keys: Vec<TaskKey> = findings.tasks.iter().map(|(identity, _)| identity.key()).collect();
        let (left_out, left_out_tasks) = left_out(findings, &keys, flapping);
        let mut prediction = Self { left_out, ..Self::default() };
        if left_out != 0 {
            prediction.left_out_hosts.clone_from(&findings.left_out_hosts);
        }
        let of_left_out = |it: &TaskKey| left_out_tasks.contains_key(it);
        let named = findings.tasks.iter().zip(&keys).filter(|(_, key)| of_left_out(key));
        prediction.tasks.extend(named.map(|((identity, _), key)| (key.clone(), identity.clone())));
        prediction.left_out_tasks = left_out_tasks;
        for ((identity, counts), key) in findings.tasks.iter().zip(&keys) {
            let unseen = counts.blind + counts.tainted + counts.for_real != 0;
            if unseen || unreliable.contains(key) {
                prediction.unpredictable.insert(key.clone());
                prediction.tasks.insert(key.clone(), identity.clone());
            }
        }
        for (change, task) in changes(findings, &keys) {
            if flapping.contains(&change.task) {
                continue;
            }
            if Self::CHANGES_MAX <= prediction.changes.len() {
                prediction.left_out += 1;
                *prediction.left_out_tasks.entry(change.task.clone()).or_default() += 1;
                prediction.left_out_hosts.insert(change.host);
                prediction.tasks.insert(change.task, task.clone());
                continue;
            }
            prediction.tasks.insert(change.task.clone(), task.clone());
            prediction.changes.insert(change);
        }
        prediction
    }

    /// A digest of the commit, the changes and the hosts: two predictions with the same one promise the same of it.
    pub fn digest(&self, commit: &CommitHash, hosts: &BTreeSet<HostName>) -> String {
        let mut hash = Sha256::new();
        hash.update(b"driftless prediction 1\0");
        let mut add = |parts: &[&str]| {
            for part in parts {
                hash.update((part.len() as u64).to_le_bytes());
                hash.update(part.as_bytes());
            }
        };
        add(&["commit", commit.as_str()]);
        for host in hosts {
            add(&["host", host.as_str()]);
        }
        for it in &self.changes {
            add(&["change", it.host.as_str(), it.task.as_str(), &it.item, &it.digest]);
        }
        for task in &self.unpredictable {
            add(&["unpredictable", task.as_str()]);
        }
        add(&["left out", &self.left_out.to_string()]);
        super::change::short_hex(&hash.finalize())
    }

    /// Compares with what an apply changed. Tasks that flap are left out.
    pub fn compare(&self, actual: &Findings, flapping: &BTreeSet<TaskKey>) -> PredictionReport {
        let mut report = PredictionReport::default();
        let keys: Vec<TaskKey> = actual.tasks.iter().map(|(identity, _)| identity.key()).collect();
        let mut identities: BTreeMap<&TaskKey, &TaskIdentity> = self.tasks.iter().collect();
        let place = |it: &PredictedChange| (it.host.clone(), it.task.clone(), it.item.clone());
        let mut open: BTreeMap<_, &PredictedChange> = self.changes.iter().map(|it| (place(it), it)).collect();
        for ((identity, _), key) in actual.tasks.iter().zip(&keys) {
            identities.insert(key, identity);
        }
        let (unseen, unseen_tasks) = left_out(actual, &keys, flapping);
        let unseen_untold = is_untold(unseen, &unseen_tasks);
        let untold = is_untold(self.left_out, &self.left_out_tasks);
        for (change, _) in changes(actual, &keys) {
            if flapping.contains(&change.task) {
                continue;
            }
            match open.remove(&place(&change)) {
                // Where one of them tells no content, that it changed is all that can be compared.
                Some(predicted)
                    if predicted.digest == change.digest
                        || predicted.digest.is_empty()
                        || change.digest.is_empty() =>
                {
                    report.as_predicted += 1;
                }
                Some(_) => report.different.push(change),
                None if self.unpredictable.contains(&change.task)
                    || untold
                    || self.left_out_tasks.contains_key(&change.task) =>
                {
                    report.not_predictable += 1;
                }
                None => report.extra.push(change),
            }
        }
        report.missing = open
            .into_values()
            .filter(|it| {
                !flapping.contains(&it.task) && !unseen_untold && !unseen_tasks.contains_key(&it.task)
            })
            .cloned()
            .collect();
        report.not_predictable += unseen;
        let named = report.missing.iter().chain(&report.different).chain(&report.extra);
        report.tasks =
            named.filter_map(|it| Some((it.task.clone(), (*identities.get(&it.task)?).clone()))).collect();
        report
    }
}

impl PredictionReport {
    /// How many changes were predicted.
    pub fn predicted(&self) -> u64 {
        self.as_predicted + (self.missing.len() + self.different.len()) as u64
    }

    /// Whether the apply did what was promised and nothing else.
    pub fn holds(&self) -> bool {
        self.missing.is_empty() && self.different.is_empty() && self.extra.is_empty()
    }
}

/// How many changes are not told one by one, in all and by task, without those that are not compared. A record of an
/// older driftless says only how many.
fn left_out(
    findings: &Findings,
    keys: &[TaskKey],
    flapping: &BTreeSet<TaskKey>,
) -> (u64, BTreeMap<TaskKey, u64>) {
    let told: u64 = findings.left_out_tasks.iter().map(|(_, count)| count).sum();
    let mut all = findings.changes_left_out.saturating_sub(told);
    let mut tasks = BTreeMap::new();
    for (place, count) in &findings.left_out_tasks {
        let Some(key) = keys.get(*place as usize) else { continue };
        if !findings.handlers.contains(place) && !flapping.contains(key) {
            all += count;
            *tasks.entry(key.clone()).or_default() += count;
        }
    }
    (all, tasks)
}

/// Whether changes of any task may be among those that are not told one by one.
fn is_untold(all: u64, tasks: &BTreeMap<TaskKey, u64>) -> bool {
    tasks.values().sum::<u64>() < all
}

/// Changes with the keys of their tasks, without those of handlers: they follow from others, and a check cannot see
/// them.
fn changes<'a>(
    findings: &'a Findings,
    keys: &'a [TaskKey],
) -> impl Iterator<Item = (PredictedChange, &'a TaskIdentity)> {
    let changes = findings.changes.iter().filter(|it| !findings.handlers.contains(&it.task));
    changes.filter_map(|it| {
        let (identity, _) = findings.tasks.get(it.task as usize)?;
        let change = PredictedChange {
            host: it.host.clone(),
            task: keys.get(it.task as usize)?.clone(),
            item: it.item.clone(),
            digest: it.digest.clone(),
        };
        Some((change, identity))
    })
}

#[cfg(test)]
mod tests;
