//! What Prometheus reads. Anybody may ask, so all who ask meanwhile get one answer.

use std::sync::atomic::Ordering;
use std::time::Instant;

use crate::metrics::Snapshot;

use super::desk::Desk;
use super::{room, trail};

/// The last answer, and when it was begun.
pub(super) type Scraped = tokio::sync::Mutex<Option<(Instant, String)>>;

/// The metrics as text. What is answered was begun after it was asked for, and never two are made at once: it takes
/// questions to the core, to the store, and to the disk.
pub(super) async fn metrics(desk: &Desk) -> String {
    let asked = Instant::now();
    let mut kept = desk.showing.scraped.lock().await;
    if let Some((begun, text)) = &*kept
        && asked <= *begun
    {
        return text.clone();
    }
    let begun = Instant::now();
    let text = render(desk).await;
    *kept = Some((begun, text.clone()));
    text
}

async fn render(desk: &Desk) -> String {
    let Ok(overview) = desk.overview().await else { return String::new() };
    let live = overview.live.len();
    let snapshot = Snapshot {
        live_runs: u32::try_from(live).unwrap_or(u32::MAX),
        run_limit: overview.run_limit,
        sources: overview.sources,
        receivers: desk.receiving.sources(),
        stacks: overview.stacks,
        merge_requests: overview.merge_requests,
        drift: desk.inbox.ask(|core, _| core.drift_facts()).await.unwrap_or_default(),
        totals: desk.store.totals().await.ok(),
        last_ends: desk.store.last_ends().await.unwrap_or_default(),
        ready: desk.readiness().ready,
        journal_writable: desk.flags.writable.load(Ordering::Relaxed),
        room: room::shortage(&desk.flags).is_none(),
        free_bytes: desk.store.space().ok().map(|it| it.available_bytes),
        store_bytes: desk.store.bytes().await.unwrap_or_default(),
        audit: trail::facts(&desk.store, &desk.flags).await,
        alerts: desk.alerts.totals().await,
    };
    desk.metrics.render(&snapshot).unwrap_or_else(|error| {
        tracing::error!(error = &error as &dyn std::error::Error, "the metrics cannot be told");
        String::new()
    })
}
