//! What is done now and then: retention, and room on the disk.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::git::watch::Watcher;
use crate::store::RetentionPolicy;

use super::clock::now;
use super::hands::Tools;

/// How often old records are removed.
const RETAIN_EVERY: Duration = Duration::from_secs(600);

/// Removes what outlived its retention, every ten minutes.
pub(super) async fn keep(tools: Arc<Tools>) {
    let mut ticks = tokio::time::interval(RETAIN_EVERY);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = tools.flags.full.notified() => {}
        }
        let config = tools.config();
        let policy = RetentionPolicy {
            max_age: config.retention.age,
            max_bytes: config.retention.size,
            journal_max_age: config.retention.journal,
            events_max_age: config.retention.events,
            raw_max_age: config.retention.raw_log,
        };
        match tools.store.retain(now(), policy).await {
            Ok(removed) if removed.bytes == 0 && removed.runs == 0 => {}
            Ok(removed) => {
                tracing::info!(runs = removed.runs, bytes = removed.bytes, "old records were removed");
            }
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "old records cannot be removed");
            }
        }
    }
}

/// How often repositories that were not there, or were replaced, are looked for.
const REARM_EVERY: Duration = Duration::from_secs(2);

/// Watches again what could not be watched: a repository that is back is seen before its next poll, which backs off.
pub(super) async fn rearm(watcher: Arc<Watcher>) {
    let mut ticks = tokio::time::interval(REARM_EVERY);
    loop {
        ticks.tick().await;
        let watcher = Arc::clone(&watcher);
        // A panic in there leaves polling, which is enough.
        drop(tokio::task::spawn_blocking(move || watcher.rearm()).await);
    }
}

/// The control group of this process, if it was delegated: then each run gets one below it.
///
/// Delegated means here that this process may make groups in it; asking is cheaper than believing the unit file.
pub(super) fn delegated_cgroup() -> Option<PathBuf> {
    let own = std::fs::read_to_string("/proc/self/cgroup").ok()?;
    let path = own.lines().find_map(|it| it.strip_prefix("0::/"))?;
    // At the root nothing was delegated: that is the machine's own.
    let group = (!path.is_empty()).then(|| PathBuf::from("/sys/fs/cgroup").join(path))?;
    let probe = group.join("driftless-probe");
    std::fs::create_dir(&probe).ok()?;
    std::fs::remove_dir(&probe).ok()?;
    Some(group)
}
