//! What is told of runs.

use serde::{Deserialize, Serialize};

use super::ErrorBody;
use crate::domain::{
    Detail, Ending, HostName, Mode, ResultStatus, Revision, Run, RunChoice, RunEvent, RunId, Scope,
    Selection, StackId, TaskIdentity, TaskResult, Timestamp, Trigger,
};

/// Which runs are wanted, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunFilter {
    /// Only of this stack.
    pub stack: Option<StackId>,
    /// Only of stacks in this scope: what the caller may see.
    pub scope: Scope,
    /// Only with a smaller number: to page on.
    pub before: Option<RunId>,
    /// Which of them.
    pub choice: RunChoice,
    /// How many at most, from 1 to [`RunFilter::MOST`].
    pub count: u32,
}

impl RunFilter {
    /// How many runs are told if nobody says otherwise.
    pub const USUAL: u32 = 20;
    /// How many runs are told at most.
    pub const MOST: u32 = 1000;
}

/// A run's hosts, counted by Ansible's own counts per host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub struct HostTotals {
    /// All of them.
    pub total: u32,
    /// Those on which something changed.
    pub changed: u32,
    /// Those on which a task failed.
    pub failed: u32,
    /// Those that did not answer.
    pub unreachable: u32,
}

/// One line of a list of runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct RunSummary {
    /// Its number.
    pub run: RunId,
    /// The stack it is of.
    pub stack: StackId,
    /// The revision that was checked out.
    pub revision: Revision,
    /// Check or apply.
    pub mode: Mode,
    /// Why it was started.
    pub trigger: Trigger,
    /// Who asked, where a person did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requested_by: Option<String>,
    /// Which part of the stack it covers.
    pub selection: Selection,
    /// When the decision to start it was recorded.
    #[schemars(with = "crate::domain::schema::Time")]
    pub decided_at: Timestamp,
    /// When `ansible-playbook` was started.
    #[serde(default)]
    #[schemars(with = "Option<crate::domain::schema::Time>")]
    pub started_at: Option<Timestamp>,
    /// When nothing of it was left.
    #[serde(default)]
    #[schemars(with = "Option<crate::domain::schema::Time>")]
    pub ended_at: Option<Timestamp>,
    /// How it ended; `null` while it is live.
    #[serde(default)]
    pub ending: Option<Ending>,
    /// Its hosts, counted.
    pub hosts: HostTotals,
}

impl From<&Run> for RunSummary {
    fn from(run: &Run) -> Self {
        let count = |which: fn(&crate::domain::HostStats) -> bool| {
            u32::try_from(run.hosts.values().filter(|it| which(it)).count()).unwrap_or(u32::MAX)
        };
        Self {
            run: run.spec.run,
            stack: run.spec.stack.clone(),
            revision: run.spec.revision.clone(),
            mode: run.spec.mode,
            trigger: run.spec.trigger,
            requested_by: run.spec.requested_by.clone(),
            selection: run.spec.selection,
            decided_at: run.decided_at,
            started_at: run.started_at,
            ended_at: run.ended_at,
            ending: run.ending.clone(),
            hosts: HostTotals {
                total: count(|_| true),
                changed: count(|it| it.changed != 0),
                failed: count(|it| it.failed != 0 && it.unreachable == 0),
                unreachable: count(|it| it.unreachable != 0),
            },
        }
    }
}

/// Runs, newest first: `GET /api/v1/runs`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct RunList {
    /// They.
    pub runs: Vec<RunSummary>,
    /// Whether there are older ones; ask for those `before` the last one here.
    #[serde(default)]
    pub more: bool,
}

/// A result that a person wants to see: something changed, failed, or could not be said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct NotableResult {
    /// The host.
    pub host: HostName,
    /// The task.
    pub task: TaskIdentity,
    /// Position of the loop item, from 0, where the result is of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<u32>,
    /// How it ended.
    pub status: ResultStatus,
    /// Whether it changed something, or would have in check mode.
    #[serde(default)]
    pub changed: bool,
    /// Whether check mode could not simulate it.
    #[serde(default)]
    pub blind: bool,
    /// Whether it was executed for real although the run is in check mode.
    #[serde(default)]
    pub for_real: bool,
    /// Whether its content is hidden by `no_log`.
    #[serde(default)]
    pub no_log: bool,
    /// Wall time in milliseconds.
    #[serde(default)]
    pub duration_ms: u64,
    /// The host that it was delegated to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delegated_to: Option<HostName>,
    /// Whether it rests on what check mode could not simulate.
    #[serde(default)]
    pub tainted: bool,
    /// What it said, redacted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<Box<Detail>>,
}

impl NotableResult {
    /// A result together with what its task is.
    pub fn new(task: TaskIdentity, result: &TaskResult) -> Self {
        Self {
            host: result.host.clone(),
            task,
            item: result.item.as_ref().map(|it| it.index),
            status: result.status,
            changed: result.changed,
            blind: result.blind,
            for_real: result.for_real,
            no_log: result.no_log,
            duration_ms: result.duration_ms,
            delegated_to: result.delegated_to.clone(),
            tainted: result.tainted,
            detail: result.detail.clone(),
        }
    }
}

/// All that is told of one run: `GET /api/v1/runs/{run}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct RunView {
    /// What is recorded of it, with the sentence that says why it was started.
    pub run: Run,
    /// Changed, failed and unreachable results, in the order in which they came; `run.results_left_out` counts those
    /// that are not here.
    #[serde(default)]
    pub notable: Vec<NotableResult>,
    /// Whether the event stream is gone because it outlived its retention. The recap is kept longer.
    #[serde(default)]
    pub events_expired: bool,
}

/// A place in the event stream of a run. 0 is its beginning; every other value was told by the daemon and means
/// nothing to anybody else.
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
#[serde(transparent)]
pub struct EventPosition(pub u64);

impl EventPosition {
    /// No stream is that long.
    pub const LARGEST: u64 = 1 << 53;
}

/// A part of a run's event stream, as the daemon hands it to the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventChunk {
    /// The events from the position that was asked for, at most a few hundred. None means: no more for now.
    pub events: Vec<RunEvent>,
    /// Where to go on.
    pub next: EventPosition,
    /// Whether the run was live when the events were read. No events of a run that is not live means: that was all.
    pub live: bool,
    /// How many events could not be recorded so far.
    pub lost: u64,
}

/// One line of `GET /api/v1/runs/{run}/events`. The last one is `end` or `error`; if neither came, the connection
/// broke and the client goes on at the last position that it was told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "line", rename_all = "snake_case")]
pub enum EventLine {
    /// An event.
    Event {
        /// It.
        event: RunEvent,
    },
    /// All events before this position were told. Comes after each part, and when nothing happened for a while.
    Position {
        /// Where to go on after a broken connection.
        next: EventPosition,
    },
    /// Nothing more comes in this answer.
    End {
        /// Where to go on.
        next: EventPosition,
        /// Whether the run is over, so that nothing more will ever come.
        over: bool,
        /// How many events could not be recorded.
        lost: u64,
    },
    /// The stream broke on the side of the daemon.
    Error {
        /// Why.
        error: ErrorBody,
    },
}
