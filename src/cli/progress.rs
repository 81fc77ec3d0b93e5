//! How far a live run is, from its events.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use super::render::task_words;
use super::when::took;
use crate::domain::{HostName, ResultStatus, RunEvent, RunEventKind, Span, TaskIdentity, TaskNumber};

/// How far a live run is.
#[derive(Debug, Default)]
pub(super) struct Progress {
    play: String,
    play_hosts: u32,
    current: Option<TaskNumber>,
    task: TaskIdentity,
    tasks_begun: u32,
    /// How many hosts have ended each task that was begun and not yet left behind.
    done: HashMap<TaskNumber, u32>,
    failed: BTreeSet<HostName>,
    unreachable: BTreeSet<HostName>,
    changes: u64,
}

impl Progress {
    /// Takes an event into account. Whether a play or a task began, so that there is something new to say.
    pub(super) fn add(&mut self, event: &RunEvent) -> bool {
        match &event.kind {
            RunEventKind::PlayStarted { name, hosts, .. } => {
                self.play.clone_from(name);
                self.play_hosts = *hosts;
                self.current = None;
                self.done.clear();
                true
            }
            RunEventKind::TaskStarted { task, identity, .. } => {
                self.current = Some(*task);
                self.task = identity.clone();
                self.tasks_begun += 1;
                self.done.clear();
                true
            }
            RunEventKind::TaskEnded(result) => {
                *self.done.entry(result.task).or_default() += 1;
                self.changes += u64::from(result.changed && result.status != ResultStatus::Skipped);
                match result.status {
                    ResultStatus::Failed => drop(self.failed.insert(result.host.clone())),
                    ResultStatus::Unreachable => drop(self.unreachable.insert(result.host.clone())),
                    _ => {}
                }
                false
            }
            _ => false,
        }
    }

    /// The line for people.
    pub(super) fn line(&self, elapsed: Duration) -> String {
        let elapsed = took(Span::try_from(elapsed).unwrap_or(Span::MAX));
        if self.play.is_empty() {
            return format!("[{elapsed}] ansible starts");
        }
        let mut parts = vec![format!("[{elapsed}] {}", self.play)];
        if let Some(current) = self.current {
            let done = self.done.get(&current).copied().unwrap_or(0);
            parts.push(format!("task {}: {}", self.tasks_begun, task_words(&self.task)));
            parts.push(format!("{done} of {} hosts done", self.play_hosts));
        }
        for (count, what) in [
            (self.changes, "changed"),
            (self.failed.len() as u64, "failed"),
            (self.unreachable.len() as u64, "unreachable"),
        ] {
            if count != 0 {
                parts.push(format!("{count} {what}"));
            }
        }
        parts.join(", ")
    }
}
