//! What is shown of sources and stacks. Always derived from facts, never stored.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{
    AirbagHold, ApprovalFacts, ChangeClass, CommitHash, Failure, Hold, HostChange, HostLedger, HostName,
    LastCheck, Latencies, PredictionTotals, Request, Revision, RunSpec, Scope, SourceName, StackFacts,
    StackId, StackPolicy, TaskFacts, TaskKey, Timestamp,
};

/// Whether the hosts are as Git says they should be, as far as driftless knows.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum SyncStatus {
    /// The head is applied on every host.
    InSync,
    /// It is not.
    OutOfSync,
    /// Nothing was applied yet, or the last result says too little.
    Unknown,
}

impl SyncStatus {
    /// Every status, for tables and documentation.
    pub const ALL: [Self; 3] = [Self::InSync, Self::OutOfSync, Self::Unknown];

    /// The value of the metrics label `sync`, and the word in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InSync => "in_sync",
            Self::OutOfSync => "out_of_sync",
            Self::Unknown => "unknown",
        }
    }
}

/// The revision that the hosts of a stack share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "applied", content = "commit", rename_all = "snake_case")]
pub enum Applied {
    /// No apply of the whole stack told of its hosts yet, or none of them has a revision.
    Nothing,
    /// All hosts share this one.
    Everywhere(CommitHash),
    /// They differ.
    Mixed,
}

/// Counts of a stack's hosts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub struct HostCounts {
    /// All hosts of the last full run.
    pub total: u32,
    /// Those with the head applied.
    pub converged: u32,
    /// Those that are owed a revision.
    pub owed: u32,
    /// Those that failed.
    pub failed: u32,
    /// Those on which a handler was notified and did not run.
    #[serde(default)]
    pub pending: u32,
}

/// What is shown of a source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct SourceStatus {
    /// Its name.
    pub name: SourceName,
    /// The newest admitted revision with a valid declaration.
    pub head: Option<Revision>,
    /// The last admitted commit.
    pub admitted: Option<CommitHash>,
    /// A tip that waits for a person, because it does not descend from the admitted commit.
    pub waiting: Option<Revision>,
    /// A tip that is not admitted, because it is not signed as the operator wants it.
    #[serde(default)]
    pub refused: Option<Revision>,
    /// What is wrong: the last fetch, the signatures, or the declaration.
    pub problem: Option<Failure>,
    /// Why its forge could not be asked the last time. Nothing but merge requests waits for it.
    #[serde(default)]
    pub forge_problem: Option<Failure>,
    /// How many fetches in a row failed.
    pub fetch_failures: u32,
    /// When a fetch last succeeded, since this daemon started.
    #[schemars(with = "Option<crate::domain::schema::Time>")]
    pub fetched_at: Option<Timestamp>,
    /// When the next fetch is due.
    #[schemars(with = "Option<crate::domain::schema::Time>")]
    pub next_fetch: Option<Timestamp>,
    /// What the declaration has to say.
    pub notes: Vec<String>,
}

impl SourceStatus {
    /// What of it a scope may see; nothing if none of its stacks is in it. What is wrong with the whole source, and what
    /// its declaration has to say, may name stacks that are not.
    #[must_use]
    pub fn within(mut self, scope: &Scope) -> Option<Self> {
        if !scope.has_source(&self.name) {
            self.notes.clear();
            self.problem = self.problem.map(|_| Failure::soon("the source has a problem"));
            self.forge_problem = self.forge_problem.map(|_| Failure::soon("its forge could not be asked"));
        }
        scope.touches_source(&self.name).then_some(self)
    }
}

/// What is shown of a stack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct StackStatus {
    /// Its name.
    pub id: StackId,
    /// What is wanted of it.
    pub policy: StackPolicy,
    /// In sync or not.
    pub sync: SyncStatus,
    /// Why, as a sentence.
    pub reason: String,
    /// What it is measured against.
    pub head: Revision,
    /// The revision of the last apply of the whole stack.
    pub attempted: Option<Revision>,
    /// The revision that its hosts share.
    pub applied: Applied,
    /// Its hosts, counted.
    pub hosts: HostCounts,
    /// The live run.
    pub live: Option<RunSpec>,
    /// A request that waits.
    pub request: Option<Request>,
    /// Whether it is suspended, by whom and since when.
    #[schemars(with = "Option<(String, crate::domain::schema::Time)>")]
    pub suspended: Option<(String, Timestamp)>,
    /// A revision that waits for a person or a newer commit.
    pub hold: Option<Hold>,
    /// An apply that waits for a person, because its hosts or its changes are not what they were.
    #[serde(default)]
    pub airbag: Option<AirbagHold>,
    /// What a person has to approve of, or approved of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<ApprovalFacts>,
    /// How often applies did what previews of merge requests had promised.
    #[serde(default)]
    pub predictions: PredictionTotals,
    /// How many applies of the attempted revision failed in a row.
    pub failures: u32,
    /// When the next apply is due by the clock, if one is.
    #[schemars(with = "Option<crate::domain::schema::Time>")]
    pub next_run: Option<Timestamp>,
    /// When an apply of the whole stack last succeeded.
    #[schemars(with = "Option<crate::domain::schema::Time>")]
    pub last_success: Option<Timestamp>,
}

/// Why a stack did, does or does not run, in sentences.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Explanation {
    /// The stack.
    pub stack: StackId,
    /// What happens next, in one sentence.
    pub next: String,
    /// The facts that lead there, one sentence each, in the order in which the rules look at them.
    pub because: Vec<String>,
}

/// What a check of a whole stack found, in one word.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum CheckResult {
    /// Nothing differs, and everything was seen.
    Clean,
    /// Nothing differs of what could be seen.
    CleanAsFarAsVisible,
    /// Something differs.
    Differs,
}

impl CheckResult {
    /// Every result, for tables and documentation.
    pub const ALL: [Self; 3] = [Self::Clean, Self::CleanAsFarAsVisible, Self::Differs];

    /// The value of the metrics label `result`, and the word in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Clean => "clean",
            Self::CleanAsFarAsVisible => "clean_as_far_as_visible",
            Self::Differs => "differs",
        }
    }
}

impl LastCheck {
    /// What it found.
    pub fn result(&self) -> CheckResult {
        if self.coverage.would_change != 0 || self.changes_left_out != 0 {
            CheckResult::Differs
        } else if self.coverage.is_full() && self.unseen_hosts == 0 {
            CheckResult::Clean
        } else {
            CheckResult::CleanAsFarAsVisible
        }
    }
}

/// What is told of the drift of a stack, of what its hosts are owed, and of how fast it follows Git: the numbers, not
/// the differences themselves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct DriftFacts {
    /// The stack.
    pub stack: StackId,
    /// The last check of the whole stack that got to its end.
    pub check: Option<LastCheck>,
    /// How many checks in a row did not get to their end.
    pub check_failures: u32,
    /// On how many hosts something differs, by class. A host with two classes is in both.
    pub drifted_hosts: BTreeMap<ChangeClass, u32>,
    /// How many tasks would change something on at least one host, by class.
    pub drifted_tasks: BTreeMap<ChangeClass, u32>,
    /// How many tasks report changes that nobody made.
    pub flapping_tasks: u32,
    /// How many heals left nothing to correct, and how many did not.
    pub heals: (u64, u64),
    /// Since when the host that waits longest is owed a revision.
    #[schemars(with = "Option<crate::domain::schema::Time>")]
    pub owed_since: Option<Timestamp>,
    /// How many handlers are owed, over all hosts.
    pub pending_handlers: u32,
    /// How many hosts stay locked because something of an earlier run may be left there.
    pub quarantined_hosts: u32,
    /// Whether an apply waits for a person because its hosts or changes are not what they were.
    pub airbag_held: bool,
    /// Since when a run waits for machines that somebody else has. Known while the daemon lives, so it is for its
    /// core to say.
    #[schemars(with = "Option<crate::domain::schema::Time>")]
    pub lock_wait_since: Option<Timestamp>,
    /// How fast it follows Git.
    pub latencies: Latencies,
    /// Each host by itself.
    pub hosts: BTreeMap<HostName, HostFacts>,
}

/// What is told of one host of a stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub struct HostFacts {
    /// When an apply or a check last got to its end on it.
    #[schemars(with = "Option<crate::domain::schema::Time>")]
    pub last_success: Option<Timestamp>,
    /// How many tasks would correct something that somebody changed on it.
    pub drifted_tasks: u32,
    /// Since when it is owed a revision.
    #[schemars(with = "Option<crate::domain::schema::Time>")]
    pub owed_since: Option<Timestamp>,
}

impl DriftFacts {
    /// Counts it from the facts: those of the stack, of the tasks that something is to be said about, and the ledger
    /// of the hosts that it has now. `class` tells whose doing a difference is.
    pub fn count<'a>(
        stack: StackId,
        facts: &StackFacts,
        tasks: impl IntoIterator<Item = &'a TaskFacts>,
        ledger: impl IntoIterator<Item = (&'a HostName, &'a HostLedger)>,
        class: impl Fn(&HostChange) -> ChangeClass,
    ) -> Self {
        let mut drifted_hosts = BTreeMap::new();
        let mut drifted: BTreeMap<ChangeClass, BTreeSet<&TaskKey>> = BTreeMap::new();
        let mut hosts = BTreeMap::new();
        let (mut owed_since, mut pending_handlers) = (None, 0);
        for (host, line) in ledger {
            let present = line.changes.iter().filter(|it| it.present);
            let classed: BTreeSet<(ChangeClass, &TaskKey)> =
                present.map(|it| (class(it), &it.task)).collect();
            for class in classed.iter().map(|(class, _)| *class).collect::<BTreeSet<_>>() {
                *drifted_hosts.entry(class).or_default() += 1;
            }
            for (class, task) in &classed {
                drifted.entry(*class).or_default().insert(task);
            }
            let corrective: BTreeSet<_> =
                classed.iter().filter(|(class, _)| class.is_drift()).map(|it| it.1).collect();
            owed_since = owed_since.into_iter().chain(line.owed_since).min();
            pending_handlers += number(line.pending.len());
            let last_success = line.applied_at.max(line.checked_at);
            let facts = HostFacts {
                last_success,
                drifted_tasks: number(corrective.len()),
                owed_since: line.owed_since,
            };
            hosts.insert(host.clone(), facts);
        }
        Self {
            stack,
            check: facts.check.last.clone(),
            check_failures: facts.check.failures,
            drifted_hosts,
            drifted_tasks: drifted.into_iter().map(|(class, tasks)| (class, number(tasks.len()))).collect(),
            flapping_tasks: number(tasks.into_iter().filter(|it| it.flapping_since.is_some()).count()),
            heals: (facts.heal.healed, facts.heal.not_healed),
            owed_since,
            pending_handlers,
            quarantined_hosts: number(facts.locks.quarantine.iter().map(|it| it.hosts.len()).sum()),
            airbag_held: facts.locks.airbag.as_ref().is_some_and(|it| it.approved_by.is_none()),
            lock_wait_since: None,
            latencies: facts.latencies.clone(),
            hosts,
        }
    }
}

fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::new(second, 0).unwrap()
    }

    fn change(task: &str, item: &str, present: bool, class: ChangeClass) -> HostChange {
        HostChange {
            task: serde_json::from_value(task.into()).unwrap(),
            item: item.to_owned(),
            digest: String::new(),
            present,
            corrective: class != ChangeClass::Intended,
            run: super::super::RunId(1),
            onsets: vec![at(1); if class == ChangeClass::Recurring { 2 } else { 1 }],
            heals: Vec::new(),
        }
    }

    fn class(change: &HostChange) -> ChangeClass {
        match change {
            HostChange { corrective: false, .. } => ChangeClass::Intended,
            HostChange { onsets, .. } if 1 < onsets.len() => ChangeClass::Recurring,
            _ => ChangeClass::Corrective,
        }
    }

    #[test]
    fn drift_is_counted_by_host_and_by_task() {
        use ChangeClass::{Corrective, Intended, Recurring};
        let line = |changes: Vec<HostChange>| HostLedger { changes, ..HostLedger::default() };
        let mut ledger: BTreeMap<HostName, HostLedger> = BTreeMap::new();
        let two_items = vec![change("a", "1", true, Corrective), change("a", "2", true, Corrective)];
        ledger.insert(HostName::new("h1"), line(two_items));
        let both = vec![change("a", "1", true, Recurring), change("b", "", true, Intended)];
        ledger.insert(HostName::new("h2"), HostLedger { owed_since: Some(at(7)), ..line(both) });
        let gone = line(vec![change("b", "", false, Corrective)]);
        let times = HostLedger { applied_at: Some(at(3)), checked_at: Some(at(9)), ..gone };
        ledger.insert(HostName::new("h3"), HostLedger { owed_since: Some(at(5)), ..times });

        let id: StackId = "infra/web".parse().unwrap();
        let facts = DriftFacts::count(id, &StackFacts::default(), [], &ledger, class);
        assert_eq!(facts.drifted_hosts, [(Intended, 1), (Corrective, 1), (Recurring, 1)].into());
        assert_eq!(facts.drifted_tasks, [(Intended, 1), (Corrective, 1), (Recurring, 1)].into());
        assert_eq!(facts.owed_since, Some(at(5)));
        let tasks: Vec<u32> = facts.hosts.values().map(|it| it.drifted_tasks).collect();
        assert_eq!(tasks, [1, 1, 0]);
        assert_eq!(facts.hosts[&HostName::new("h3")].last_success, Some(at(9)));
    }

    #[test]
    fn clean_is_said_only_of_what_was_seen() {
        let mut check = LastCheck {
            run: super::super::RunId(1),
            revision: format!("main@sha1:{}", "ab".repeat(20)).parse().unwrap(),
            at: at(1),
            coverage: super::super::Coverage { unchanged: 9, ..super::super::Coverage::default() },
            unseen_hosts: 0,
            changes_left_out: 0,
        };
        assert_eq!(check.result(), CheckResult::Clean);
        check.unseen_hosts = 1;
        assert_eq!(check.result(), CheckResult::CleanAsFarAsVisible);
        check.unseen_hosts = 0;
        check.coverage.tainted = 1;
        assert_eq!(check.result(), CheckResult::CleanAsFarAsVisible);
        check.coverage.would_change = 1;
        assert_eq!(check.result(), CheckResult::Differs);
    }
}
