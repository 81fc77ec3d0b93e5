//! How far a live run is, from its events.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use super::render::task_words;
use crate::api::when::took;
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

    /// The line that is written again and again, with how many hosts have ended the task.
    pub(super) fn line(&self, elapsed: Duration) -> String {
        let mut line = self.heading(elapsed);
        if let Some(current) = self.current {
            let done = self.done.get(&current).copied().unwrap_or(0);
            line = format!("{line}, {done} of {} hosts done", self.play_hosts);
        }
        line
    }

    /// The line that is written once, when a play or a task begins.
    pub(super) fn heading(&self, elapsed: Duration) -> String {
        let elapsed = took(Span::try_from(elapsed).unwrap_or(Span::MAX));
        if self.play.is_empty() {
            return format!("[{elapsed}] ansible starts");
        }
        let mut parts = vec![format!("[{elapsed}] {}", self.play)];
        if self.current.is_some() {
            parts.push(format!("task {}: {}", self.tasks_begun, task_words(&self.task)));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{TaskResult, Timestamp};

    fn event(kind: RunEventKind) -> RunEvent {
        RunEvent { at: Timestamp::UNIX_EPOCH, kind }
    }

    fn ended(host: &str, status: ResultStatus, changed: bool) -> RunEvent {
        event(RunEventKind::TaskEnded(TaskResult {
            host: HostName::new(host),
            task: 1,
            item: None,
            status,
            changed,
            duration_ms: 0,
            module: String::new(),
            for_real: false,
            blind: false,
            no_log: false,
            delegated_to: None,
            items: 0,
            satisfied: false,
            tainted: false,
            diff_digest: String::new(),
            detail: None,
        }))
    }

    #[test]
    fn the_line_says_how_far_a_run_is() {
        let at = Duration::from_secs(12);
        let mut progress = Progress::default();
        assert_eq!(progress.line(at), "[12s] ansible starts");
        let play = RunEventKind::PlayStarted {
            name: "web servers".to_owned(),
            hosts: 3,
            unknown: Vec::new(),
            dynamic: false,
        };
        assert!(progress.add(&event(play)));
        assert_eq!(progress.line(at), "[12s] web servers");
        let task =
            TaskIdentity { name: "write".to_owned(), action: "copy".to_owned(), ..TaskIdentity::default() };
        assert!(progress.add(&event(RunEventKind::TaskStarted { task: 1, identity: task, handler: false })));
        assert!(!progress.add(&ended("web1", ResultStatus::Ok, true)));
        assert!(!progress.add(&ended("web2", ResultStatus::Failed, false)));
        assert_eq!(progress.heading(at), "[12s] web servers, task 1: write (copy), 1 changed, 1 failed");
        assert_eq!(
            progress.line(at),
            "[12s] web servers, task 1: write (copy), 1 changed, 1 failed, 2 of 3 hosts done"
        );
        assert!(!progress.add(&ended("web3", ResultStatus::Unreachable, false)));
        assert!(progress.line(at).ends_with("1 unreachable, 3 of 3 hosts done"));
    }
}
