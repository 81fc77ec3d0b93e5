//! The outline of a run: its plays and tasks in their order, how they ended on how many hosts, and how long they took.
//!
//! Added up from the events, one after the other; small, whatever the number of hosts.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::{
    HostName, ResultStatus, RunEvent, RunEventKind, Span, TaskIdentity, TaskNumber, TaskResult, Timestamp,
};

/// The most tasks that are told one by one.
const TASKS_MAX: usize = 5_000;

/// The most plays that are told one by one.
const PLAYS_MAX: usize = 1_000;

/// How many hosts that took longest are named for each task.
const SLOWEST: usize = 5;

/// How often a task ended how, over its hosts. Items of loops are not counted by themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default)]
pub struct ResultCounts {
    /// Ended well and changed nothing.
    pub ok: u32,
    /// Changed something, or would in check mode.
    pub changed: u32,
    /// Failed.
    pub failed: u32,
    /// Failed or did not answer, and the playbook tolerates that.
    pub ignored: u32,
    /// Skipped.
    pub skipped: u32,
    /// Did not answer.
    pub unreachable: u32,
    /// Could not be simulated in check mode, or rest on what could not.
    pub blind: u32,
    /// Were executed for real in check mode.
    pub for_real: u32,
}

impl ResultCounts {
    /// Counts one result, in the one number that says most of it.
    fn add(&mut self, result: &TaskResult) {
        let count = match result.status {
            ResultStatus::Failed => &mut self.failed,
            ResultStatus::Unreachable => &mut self.unreachable,
            ResultStatus::Ignored | ResultStatus::UnreachableIgnored => &mut self.ignored,
            ResultStatus::Ok | ResultStatus::Skipped if result.for_real => &mut self.for_real,
            ResultStatus::Ok | ResultStatus::Skipped if result.blind || result.tainted => &mut self.blind,
            ResultStatus::Skipped => &mut self.skipped,
            ResultStatus::Ok if result.changed => &mut self.changed,
            ResultStatus::Ok => &mut self.ok,
        };
        *count += 1;
    }

    /// All of them.
    pub fn total(&self) -> u32 {
        let well = self.ok + self.changed + self.skipped + self.for_real;
        well + self.failed + self.ignored + self.unreachable + self.blind
    }
}

/// A play.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct PlayOutline {
    /// Its name, or its host pattern.
    pub name: String,
    /// How many hosts it has.
    pub hosts: u32,
    /// When it began.
    #[schemars(with = "crate::domain::schema::Time")]
    pub at: Timestamp,
}

/// A task or handler.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct TaskOutline {
    /// Its number in the run.
    pub task: TaskNumber,
    /// The place of its play, from 0.
    pub play: u32,
    /// What it is.
    pub identity: TaskIdentity,
    /// Whether it is a handler.
    #[serde(default)]
    pub handler: bool,
    /// When it began.
    #[schemars(with = "crate::domain::schema::Time")]
    pub started_at: Timestamp,
    /// When its last result came.
    #[serde(default)]
    #[schemars(with = "Option<crate::domain::schema::Time>")]
    pub ended_at: Option<Timestamp>,
    /// How it ended.
    pub counts: ResultCounts,
    /// The time of all its hosts together, in milliseconds.
    pub total_ms: u64,
    /// The hosts that took longest, the longest first, in milliseconds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub slowest: Vec<(HostName, u64)>,
}

impl TaskOutline {
    /// From its beginning to its last result.
    pub fn took(&self) -> Span {
        self.ended_at.map_or(Span::ZERO, |it| it.duration_since(self.started_at)).max(Span::ZERO)
    }
}

/// The outline of a run.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub struct RunOutline {
    /// Its plays, in their order.
    pub plays: Vec<PlayOutline>,
    /// Its tasks, in the order in which they began.
    pub tasks: Vec<TaskOutline>,
    /// How many tasks are not told one by one.
    #[serde(default)]
    pub tasks_left_out: u64,
    /// How many results came, items not counted.
    pub results: u64,
    /// Whether all that was recorded so far is in it. If not, it is still being added up: ask again.
    pub complete: bool,
    /// Where each task stands in `tasks`.
    #[serde(skip)]
    places: HashMap<TaskNumber, usize>,
}

impl RunOutline {
    /// Takes one more event into account.
    pub fn add(&mut self, event: &RunEvent) {
        match &event.kind {
            RunEventKind::PlayStarted { name, hosts, .. } if self.plays.len() < PLAYS_MAX => {
                self.plays.push(PlayOutline { name: name.clone(), hosts: *hosts, at: event.at });
            }
            RunEventKind::TaskStarted { task, identity, handler } => {
                self.task(*task, identity, *handler, event.at);
            }
            RunEventKind::TaskEnded(result) => self.result(result, event.at),
            _ => {}
        }
    }

    fn task(&mut self, task: TaskNumber, identity: &TaskIdentity, handler: bool, at: Timestamp) {
        if self.places.contains_key(&task) {
            return;
        }
        if TASKS_MAX <= self.tasks.len() {
            self.tasks_left_out += 1;
            return;
        }
        self.places.insert(task, self.tasks.len());
        self.tasks.push(TaskOutline {
            task,
            play: u32::try_from(self.plays.len().saturating_sub(1)).unwrap_or(u32::MAX),
            identity: identity.clone(),
            handler,
            started_at: at,
            ended_at: None,
            counts: ResultCounts::default(),
            total_ms: 0,
            slowest: Vec::new(),
        });
    }

    fn result(&mut self, result: &TaskResult, at: Timestamp) {
        self.results += 1;
        let Some(task) = self.places.get(&result.task).and_then(|it| self.tasks.get_mut(*it)) else { return };
        task.ended_at = Some(at);
        task.counts.add(result);
        task.total_ms = task.total_ms.saturating_add(result.duration_ms);
        let place =
            task.slowest.iter().position(|it| it.1 < result.duration_ms).unwrap_or(task.slowest.len());
        if place < SLOWEST && result.duration_ms != 0 {
            task.slowest.insert(place, (result.host.clone(), result.duration_ms));
            task.slowest.truncate(SLOWEST);
        }
    }

    /// The tasks that took longest, the longest first.
    pub fn slowest(&self, count: usize) -> Vec<&TaskOutline> {
        let mut tasks: Vec<&TaskOutline> = self.tasks.iter().filter(|it| it.ended_at.is_some()).collect();
        tasks.sort_by_key(|it| (std::cmp::Reverse(it.took()), it.task));
        tasks.truncate(count);
        tasks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(second: i64, kind: RunEventKind) -> RunEvent {
        RunEvent { at: Timestamp::from_second(second).unwrap(), kind }
    }

    fn began(task: u32, second: i64) -> RunEvent {
        let identity = TaskIdentity { name: format!("task {task}"), ..TaskIdentity::default() };
        event(second, RunEventKind::TaskStarted { task, identity, handler: false })
    }

    fn ended(task: u32, second: i64, host: &str, duration_ms: u64, status: ResultStatus) -> RunEvent {
        let value = serde_json::json!({
            "host": host, "task": task, "status": status, "duration_ms": duration_ms, "changed": host == "web1"
        });
        event(second, RunEventKind::TaskEnded(serde_json::from_value(value).unwrap()))
    }

    #[test]
    fn tasks_are_counted_and_timed() {
        let mut outline = RunOutline::default();
        let play =
            RunEventKind::PlayStarted { name: "web".into(), hosts: 3, unknown: vec![], dynamic: false };
        for event in [
            event(10, play),
            began(1, 10),
            ended(1, 12, "web1", 2_000, ResultStatus::Ok),
            ended(1, 15, "web2", 5_000, ResultStatus::Ok),
            ended(1, 13, "web3", 3_000, ResultStatus::Failed),
            began(2, 15),
            ended(2, 16, "web2", 0, ResultStatus::Skipped),
            ended(9, 16, "web2", 0, ResultStatus::Ok),
        ] {
            outline.add(&event);
        }
        let task = &outline.tasks[0];
        assert_eq!(task.counts, ResultCounts { ok: 1, changed: 1, failed: 1, ..ResultCounts::default() });
        assert_eq!((task.counts.total(), task.total_ms, task.took()), (3, 10_000, Span::from_secs(3)));
        let slowest: Vec<&str> = task.slowest.iter().map(|it| it.0.as_str()).collect();
        assert_eq!(slowest, ["web2", "web3", "web1"]);
        assert_eq!(outline.slowest(1)[0].task, 1);
        assert_eq!((outline.results, outline.tasks[1].counts.skipped), (5, 1));
    }

    #[test]
    fn it_stays_small() {
        let mut outline = RunOutline::default();
        for task in 0..6_000 {
            outline.add(&began(task, 1));
        }
        assert_eq!((outline.tasks.len(), outline.tasks_left_out), (TASKS_MAX, 1_000));
    }
}
