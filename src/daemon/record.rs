//! What is told of recorded runs: the store's words in the API's types.

use std::time::Duration;

use tokio::time::Instant;

use crate::api::{self, EventChunk, EventPosition, HostTotals, NotableResult, RunList, RunSummary, RunView};
use crate::domain::{Run, RunEvent, RunId};
use crate::store::{RunFilter, Store, StoreError};

use super::shown;

/// How often a follower looks for new events: they are flushed about once a second.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Runs, newest first.
pub(super) async fn list(store: &Store, asked: api::RunFilter) -> Result<RunList, StoreError> {
    let count = usize::try_from(asked.count).unwrap_or(usize::MAX);
    let newer = asked.choice.after.is_some();
    let filter = RunFilter {
        stack: asked.stack,
        scope: asked.scope,
        limit: asked.count.saturating_add(1),
        before: asked.before,
        choice: asked.choice,
        hosts: false,
    };
    let mut runs = counted(store, filter).await?;
    let more = count < runs.len();
    if newer && more {
        runs.remove(0);
    }
    runs.truncate(count);
    Ok(RunList { runs, more })
}

/// Runs with their counts, without reading each of their hosts.
pub(super) async fn counted(store: &Store, filter: RunFilter) -> Result<Vec<RunSummary>, StoreError> {
    let runs = store.runs(RunFilter { hosts: false, ..filter }).await?;
    let counts = store.run_counts(runs.iter().map(|it| it.spec.run).collect()).await?;
    let summaries = runs.iter().zip(counts).map(|(run, it)| {
        let (changed, failed, unreachable) = (it.changed, it.failed, it.unreachable);
        let hosts = HostTotals { total: it.total, changed, failed, unreachable };
        RunSummary { hosts, ..RunSummary::from(run) }
    });
    Ok(summaries.collect())
}

/// The number of the newest run.
pub(super) async fn newest(store: &Store) -> Result<Option<RunId>, StoreError> {
    let filter = RunFilter { limit: 1, hosts: false, ..RunFilter::default() };
    Ok(store.runs(filter).await?.first().map(|it| it.spec.run))
}

/// These runs, as far as they are recorded.
pub(super) async fn summaries(store: &Store, runs: &[RunId]) -> Result<Vec<RunSummary>, StoreError> {
    let mut found = Vec::new();
    for run in runs {
        found.extend(store.run(*run).await?.as_ref().map(RunSummary::from));
    }
    Ok(found)
}

/// All that is told of one run.
pub(super) async fn view(store: &Store, run: RunId) -> Result<Option<RunView>, StoreError> {
    let Some(recorded) = store.run(run).await? else { return Ok(None) };
    let results = store.results(run).await?;
    let notable = results.into_iter().map(|(task, result)| NotableResult::new(task, &result)).collect();
    let events_expired = expired(store, &recorded).await?;
    Ok(Some(RunView { run: shown::run(recorded), notable, events_expired }))
}

/// A run that was started and is over had events; where there are none, they are not kept any more.
async fn expired(store: &Store, run: &Run) -> Result<bool, StoreError> {
    if run.is_live() || run.started_at.is_none() {
        return Ok(false);
    }
    let (store, run) = (store.clone(), run.spec.run);
    blocking(move || Ok(store.events(run, 0)?.is_none())).await
}

/// Events from a position on; waits for more of a live run, at most for `wait`.
pub(super) async fn events(
    store: &Store,
    run: RunId,
    from: EventPosition,
    wait: Duration,
) -> Result<Option<EventChunk>, StoreError> {
    let until = Instant::now() + wait;
    loop {
        // First whether it is live, then its events: a run that ends in between is read once more.
        let Some(recorded) = store.run(run).await? else { return Ok(None) };
        let live = recorded.is_live();
        let reading = store.clone();
        let (events, next) = blocking(move || part(&reading, run, from)).await?;
        if !events.is_empty() || !live || until <= Instant::now() {
            return Ok(Some(EventChunk { events, next, live, lost: recorded.events_lost }));
        }
        tokio::time::sleep(LOOK_EVERY.min(until.duration_since(Instant::now()))).await;
    }
}

fn part(
    store: &Store,
    run: RunId,
    from: EventPosition,
) -> Result<(Vec<RunEvent>, EventPosition), StoreError> {
    let Some(mut reader) = store.events(run, from.0)? else { return Ok((Vec::new(), from)) };
    let events = reader.next_events()?.unwrap_or_default();
    Ok((events, EventPosition(reader.offset())))
}

async fn blocking<T: Send + 'static>(
    read: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    tokio::task::spawn_blocking(read).await.map_err(|_| StoreError::Closed)?
}
