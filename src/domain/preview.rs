//! The preview of a merge request: what is to be previewed how, and what came of it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{
    CommitHash, Coverage, Failure, Findings, HostName, Impact, MergeRequest, Outcome, Prediction,
    PredictionReport, Revision, RunId, SourceName, Span, StackName, TaskCounts, TaskIdentity, TaskKey,
    Timestamp,
};

/// How far a preview may go.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Default,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum PreviewLevel {
    /// Both trees are read; nothing of the change is executed.
    #[default]
    Static,
    /// Ansible lists its tasks in a sandbox without keys and network.
    Sandboxed,
    /// Check mode with the real keys: code of the change is executed with the rights of the stack.
    Live,
}

impl PreviewLevel {
    /// The word in configuration and comments.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Static => "static",
            Self::Sandboxed => "sandboxed",
            Self::Live => "live",
        }
    }
}

/// What the operator says of the merge requests of a source, as far as the core decides by it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct MergeRequestPolicy {
    /// How long after an answer of the forge it is asked again, before jitter.
    #[schemars(with = "crate::domain::schema::Length")]
    pub poll_every: Span,
    /// How far previews go at most.
    pub level: PreviewLevel,
    /// Accounts whose word allows a live preview: of what they wrote, and of what they approved as it is.
    pub live_for: BTreeSet<String>,
    /// Whether merge requests from other repositories are previewed.
    pub forks: bool,
    /// Whether results are written to the forge.
    pub report: bool,
}

/// What came of merging a merge request with its target, in memory of the control node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "merge", rename_all = "snake_case")]
pub enum Merge {
    /// The tree that merging would make, as a commit of our own that nobody else has.
    Clean {
        /// The commit.
        commit: CommitHash,
    },
    /// These files conflict.
    Conflicts {
        /// Their paths.
        paths: Vec<String>,
    },
}

/// What a sandbox told of one stack.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub struct SandboxedStack {
    /// The version of ansible-core.
    pub version: String,
    /// How many plays there are.
    pub plays: u32,
    /// How many tasks there are.
    pub tasks: u32,
    /// What is wrong, or why it could not be tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// Lines of the repository's `ansible.cfg` that are not used in previews.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ignored: Vec<String>,
    /// The plays with their tasks, as far as they are kept: the counts above are of all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub listed: Vec<SandboxedPlay>,
}

/// A play, as Ansible listed it in a sandbox. All of it is text of whoever wrote the merge request.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub struct SandboxedPlay {
    /// Its name, or its host pattern where it has none.
    pub name: String,
    /// Its host pattern.
    pub pattern: String,
    /// How many hosts the pattern matches.
    pub hosts: u32,
    /// The names of its tasks, behind that of their role, without what is included while it runs.
    pub tasks: Vec<String>,
}

impl SandboxedStack {
    /// How many names of plays and tasks are kept: the facts of a merge request are written whole.
    const NAMES_MAX: usize = 200;

    /// The longest name that is kept, in characters.
    const NAME_MAX: usize = 200;

    /// Keeps the first of these plays and tasks, and counts all of them.
    #[must_use]
    pub fn with_plays(mut self, plays: impl IntoIterator<Item = SandboxedPlay>) -> Self {
        let mut room = Self::NAMES_MAX;
        let counted = |it: usize| u32::try_from(it).unwrap_or(u32::MAX);
        for mut play in plays {
            self.plays = self.plays.saturating_add(1);
            self.tasks = self.tasks.saturating_add(counted(play.tasks.len()));
            if room == 0 {
                continue;
            }
            play.tasks.truncate(room - 1);
            room -= 1 + play.tasks.len();
            [&mut play.name, &mut play.pattern].into_iter().chain(&mut play.tasks).for_each(shorten);
            self.listed.push(play);
        }
        self
    }

    /// How many plays and tasks are not in the list. Previews of older versions have none.
    pub fn left_out(&self) -> u64 {
        if self.listed.is_empty() {
            return 0;
        }
        let kept = self.listed.iter().map(|it| 1 + it.tasks.len() as u64).sum();
        (u64::from(self.plays) + u64::from(self.tasks)).saturating_sub(kept)
    }
}

fn shorten(name: &mut String) {
    if let Some((cut, _)) = name.char_indices().nth(SandboxedStack::NAME_MAX) {
        name.truncate(cut);
        name.push('…');
    }
}

/// What a preview without keys found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Previewed {
    /// The merge.
    #[serde(flatten)]
    pub merge: Merge,
    /// What it touches.
    #[serde(default)]
    pub impact: Impact,
    /// What the sandbox told, by stack. Empty at the level `static`.
    #[serde(default)]
    pub sandboxed: BTreeMap<StackName, SandboxedStack>,
    /// Why the sandbox told nothing although it should have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_sandbox: Option<String>,
}

/// The preview of one head against one target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct PreviewFacts {
    /// The head of the merge request.
    pub head: CommitHash,
    /// The commit that it was merged with.
    pub target: CommitHash,
    /// How far it went.
    pub level: PreviewLevel,
    /// When it was made.
    #[schemars(with = "crate::domain::schema::Time")]
    pub at: Timestamp,
    /// What it found, or why it could not be made.
    pub made: Result<Previewed, Failure>,
}

/// Check mode with the real keys of the result of a merge, stack by stack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct LivePreview {
    /// The head that was trusted.
    pub head: CommitHash,
    /// The commit that it was merged with.
    pub target: CommitHash,
    /// The merge.
    pub result: Revision,
    /// Whose word allowed it.
    pub allowed_by: String,
    /// Whether that person asked for a preview of exactly this head. Else it is allowed as long as the head is trusted.
    #[serde(default)]
    pub asked: bool,
    /// Since when.
    #[schemars(with = "crate::domain::schema::Time")]
    pub since: Timestamp,
    /// The stacks that are checked; `None` until the check has ended.
    pub stacks: BTreeMap<StackName, Option<LiveStack>>,
}

/// How a live check of one stack ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct LiveStack {
    /// The run.
    pub run: RunId,
    /// How it ended.
    pub outcome: Outcome,
    /// How much it could see.
    pub coverage: Coverage,
    /// Its hosts.
    pub hosts: BTreeSet<HostName>,
    /// What it predicts.
    pub prediction: Prediction,
    /// The tasks that something else is to be said about: blind, resting on blind ones, run for real, failed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unseen: Vec<(TaskIdentity, TaskCounts)>,
    /// Tasks that report a change each time, this time too. They are no part of the prediction.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flapping: Vec<TaskIdentity>,
}

impl LiveStack {
    /// The most tasks that are kept of each list.
    const TASKS_MAX: usize = 200;

    /// What a check found. Tasks that are known to flap are named and predict nothing; `unreliable` are those whose check
    /// is not believed.
    pub fn of(
        run: RunId,
        outcome: Outcome,
        hosts: BTreeSet<HostName>,
        findings: &Findings,
        (flapping, unreliable): (&BTreeSet<TaskKey>, &BTreeSet<TaskKey>),
    ) -> Self {
        let unseen = |it: &TaskCounts| it.blind + it.tainted + it.for_real + it.failed != 0;
        let unseen = findings.tasks.iter().filter(|(_, it)| unseen(it));
        let flaps =
            findings.tasks.iter().filter(|(task, it)| it.changed != 0 && flapping.contains(&task.key()));
        Self {
            run,
            outcome,
            coverage: findings.coverage,
            hosts,
            prediction: Prediction::of(findings, flapping, unreliable),
            unseen: unseen.take(Self::TASKS_MAX).cloned().collect(),
            flapping: flaps.take(Self::TASKS_MAX).map(|(task, _)| task.clone()).collect(),
        }
    }
}

/// What became of a merged change on the hosts of one stack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct AppliedStack {
    /// The apply.
    pub run: RunId,
    /// How it ended.
    pub outcome: Outcome,
    /// How it compares with the preview; `None` if there was no live one.
    pub report: Option<PredictionReport>,
    /// Whether other merge requests were applied by the same run.
    #[serde(default)]
    pub with_others: bool,
}

/// A person asks for a live preview of one head.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct PreviewRequest {
    /// Who.
    pub by: String,
    /// Of exactly this head.
    pub head: CommitHash,
}

/// Where a merge request was merged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Landed {
    /// The commit that brought it.
    pub commit: CommitHash,
    /// When it was admitted.
    #[schemars(with = "crate::domain::schema::Time")]
    pub at: Timestamp,
}

/// What is kept of a merge request that is followed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct MergeRequestFacts {
    /// As the forge told it last.
    pub seen: MergeRequest,
    /// The newest preview without keys.
    #[serde(default)]
    pub preview: Option<PreviewFacts>,
    /// The newest live one.
    #[serde(default)]
    pub live: Option<LivePreview>,
    /// What a person asked for and did not get yet.
    #[serde(default)]
    pub asked: Option<PreviewRequest>,
    /// Whether the followed branch has it.
    #[serde(default)]
    pub landed: Option<Landed>,
    /// What became of it, by stack.
    #[serde(default)]
    pub applied: BTreeMap<StackName, AppliedStack>,
    /// Grows with everything that is worth telling.
    #[serde(default)]
    pub version: u64,
    /// The version that the forge was told last.
    #[serde(default)]
    pub told: u64,
}

impl MergeRequestFacts {
    /// Of a merge request that was just seen.
    pub fn new(seen: MergeRequest) -> Self {
        Self {
            seen,
            preview: None,
            live: None,
            asked: None,
            landed: None,
            applied: BTreeMap::new(),
            version: 0,
            told: 0,
        }
    }
}

/// What is shown of a merge request. Always derived from facts, never stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct MergeRequestStatus {
    /// Its source.
    pub source: SourceName,
    /// What is known of it.
    pub facts: MergeRequestFacts,
    /// Where it stands and what happens next, as a sentence.
    pub standing: String,
    /// Whether the live preview was made against another target than there is now.
    pub stale: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn play(name: &str, tasks: usize) -> SandboxedPlay {
        let tasks = (0..tasks).map(|it| format!("task {it}")).collect();
        SandboxedPlay { name: name.to_owned(), pattern: "all".to_owned(), hosts: 2, tasks }
    }

    #[test]
    fn of_what_a_sandbox_lists_the_first_names_are_kept_and_all_are_counted() {
        let long = "ü".repeat(5000);
        let plays = [play(&long, 150), play("second", 100), play("third", 7)];
        let stack = SandboxedStack::default().with_plays(plays);
        assert_eq!((stack.plays, stack.tasks), (3, 257));
        let kept: Vec<usize> = stack.listed.iter().map(|it| it.tasks.len()).collect();
        assert_eq!(kept, [150, 48], "200 names with those of the plays");
        assert_eq!(stack.left_out(), 60);
        let longest = stack.listed[0].name.chars().count();
        assert!(longest == SandboxedStack::NAME_MAX + 1 && stack.listed[0].name.ends_with('…'));
        let small = SandboxedStack::default().with_plays([play("only", 3)]);
        assert_eq!((small.left_out(), small.listed[0].tasks.len()), (0, 3));
    }

    #[test]
    fn what_an_older_version_kept_of_a_sandbox_is_read() {
        let old = r#"{"version":"2.18.0","plays":2,"tasks":9}"#;
        let stack: SandboxedStack = serde_json::from_str(old).unwrap();
        assert_eq!((stack.plays, stack.tasks, stack.listed.len(), stack.left_out()), (2, 9, 0, 0));
        assert_eq!(serde_json::to_string(&stack).unwrap(), old);
    }
}
