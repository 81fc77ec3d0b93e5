//! Outlines of runs, added up from their events once and kept, and the results of single tasks.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::api::{ErrorBody, TaskFilter};
use crate::domain::{
    ResultStatus, RunEvent, RunEventKind, RunId, RunOutline, TaskNumber, TaskOutline, TaskResult,
};
use crate::store::{Store, StoreError};

use super::store_error;

/// How many outlines are kept.
const KEPT: usize = 24;

/// How long one who asks waits. Adding up goes on after that, for those who ask again.
const PATIENCE: Duration = Duration::from_millis(80);

/// Outlines by run, the last one that was asked for at the end.
#[derive(Default)]
pub(super) struct Outlines(Mutex<Vec<(RunId, Arc<Mutex<Reading>>)>>);

/// How far the events of a run are added up.
#[derive(Default)]
struct Reading {
    outline: RunOutline,
    position: u64,
}

impl Reading {
    fn go_on(&mut self, store: &Store, run: RunId) -> Result<RunOutline, StoreError> {
        self.outline.complete = false;
        if let Some(mut reader) = store.events(run, self.position)? {
            while let Some(events) = reader.next_events()? {
                for it in &events {
                    self.outline.add(it);
                }
                self.position = reader.offset();
            }
        }
        self.outline.complete = true;
        Ok(self.outline.clone())
    }
}

impl Outlines {
    pub(super) async fn of(&self, store: &Store, run: RunId, live: bool) -> Result<RunOutline, ErrorBody> {
        let reading = self.reading(run);
        // Of a run that is over nothing comes any more.
        if !live
            && let Ok(known) = reading.try_lock()
            && known.outline.complete
        {
            return Ok(known.outline.clone());
        }
        let store = store.clone();
        let task = tokio::task::spawn_blocking(move || {
            // Whoever reads already does it for all.
            let Ok(mut reading) = reading.try_lock() else { return Ok(RunOutline::default()) };
            reading.go_on(&store, run)
        });
        match tokio::time::timeout(PATIENCE, task).await {
            Ok(Ok(Ok(outline))) => Ok(outline),
            Ok(Ok(Err(error))) => Err(store_error(&error)),
            Ok(Err(_)) => Err(store_error(&StoreError::Closed)),
            Err(_) => Ok(RunOutline::default()),
        }
    }

    fn reading(&self, run: RunId) -> Arc<Mutex<Reading>> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = kept.iter().position(|it| it.0 == run).map(|it| kept.remove(it));
        let found = found.unwrap_or_else(|| (run, Arc::default()));
        kept.push(found.clone());
        if KEPT < kept.len() {
            kept.remove(0);
        }
        found.1
    }
}

/// Results of one task, whether there are more, and the task itself as far as it was met.
type Found = (Vec<TaskResult>, bool, Option<TaskOutline>);

/// The results of one task that a filter leaves. Reads the events of the run once.
pub(super) fn results(
    store: &Store,
    run: RunId,
    task: TaskNumber,
    filter: &TaskFilter,
) -> Result<Found, StoreError> {
    let Some(mut reader) = store.events(run, 0)? else { return Ok((Vec::new(), false, None)) };
    let mut only = RunOutline::default();
    let (mut found, mut passed) = (Vec::new(), 0);
    let most = usize::try_from(filter.count).unwrap_or(usize::MAX);
    // Lines of other tasks are told by their number, without reading them as events.
    let mark = format!("\"task\":{task},");
    let end = format!("\"task\":{task}}}");
    while let Some(lines) = reader.next_lines()? {
        for line in
            lines.split(|it| *it == b'\n').filter(|it| has(it, mark.as_bytes()) || has(it, end.as_bytes()))
        {
            let Ok(event) = serde_json::from_slice::<RunEvent>(line) else { continue };
            if number(&event.kind) != Some(task) {
                continue;
            }
            only.add(&event);
            let (RunEventKind::TaskEnded(result) | RunEventKind::ItemEnded(result)) = event.kind else {
                continue;
            };
            if !wants(filter, &result) {
                continue;
            }
            passed += 1;
            if passed <= filter.skip {
                continue;
            }
            if most <= found.len() {
                return Ok((found, true, only.tasks.pop()));
            }
            found.push(result);
        }
    }
    Ok((found, false, only.tasks.pop()))
}

fn has(line: &[u8], mark: &[u8]) -> bool {
    memchr::memmem::find(line, mark).is_some()
}

fn number(kind: &RunEventKind) -> Option<TaskNumber> {
    match kind {
        RunEventKind::TaskStarted { task, .. } => Some(*task),
        RunEventKind::TaskEnded(result) | RunEventKind::ItemEnded(result) => Some(result.task),
        _ => None,
    }
}

fn wants(filter: &TaskFilter, result: &TaskResult) -> bool {
    let changed = result.changed && result.status != ResultStatus::Skipped;
    filter.status.is_none_or(|it| it == result.status)
        && (!filter.changed || changed)
        && filter.host.as_ref().is_none_or(|it| *it == result.host)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{HostName, TaskIdentity, Timestamp};
    use crate::store::{EventLog, StoreSettings};

    fn record(log: &mut EventLog, task: u32, hosts: u32) {
        let at = Timestamp::from_second(1_780_000_000 + i64::from(task)).unwrap();
        let kind = RunEventKind::TaskStarted { task, identity: TaskIdentity::default(), handler: false };
        log.append(&RunEvent { at, kind });
        for host in 0..hosts {
            let result = serde_json::json!({
                "host": format!("web{host}"), "task": task, "status": "ok", "changed": host % 2 == 0
            });
            let kind = RunEventKind::TaskEnded(serde_json::from_value(result).unwrap());
            log.append(&RunEvent { at, kind });
        }
        log.flush();
    }

    #[tokio::test]
    async fn outlines_are_gone_on_with_and_tasks_are_found_page_by_page() {
        let dir = tempfile::tempdir().unwrap();
        let settings = StoreSettings { ballast_bytes: 0, ..StoreSettings::default() };
        let (store, _) = Store::open(dir.path(), settings).unwrap();
        let run = RunId(1);
        let mut log = EventLog::create(dir.path(), run).unwrap();
        let outlines = Outlines::default();
        record(&mut log, 1, 40);
        let complete = async |live| loop {
            let outline = outlines.of(&store, run, live).await.unwrap();
            if outline.complete {
                return outline;
            }
        };
        assert_eq!(complete(true).await.results, 40);
        record(&mut log, 12, 10);
        log.finish();
        let outline = complete(true).await;
        assert_eq!((outline.results, outline.tasks.len()), (50, 2));
        assert_eq!(complete(false).await, outline);

        let filter = TaskFilter { changed: true, skip: 2, count: 3, ..TaskFilter::default() };
        let (found, more, task) = results(&store, run, 1, &filter).unwrap();
        let hosts: Vec<&str> = found.iter().map(|it| it.host.as_str()).collect();
        assert_eq!((hosts, more), (vec!["web4", "web6", "web8"], true));
        assert_eq!(task.map(|it| it.task), Some(1));
        let one = TaskFilter { host: Some(HostName::new("web9")), count: 9, ..TaskFilter::default() };
        assert_eq!(results(&store, run, 12, &one).unwrap().0.len(), 1);
        assert!(results(&store, run, 2, &one).unwrap().0.is_empty());
        store.close().await;
    }
}
