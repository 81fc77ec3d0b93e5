//! Room on the disk: looked at again and again, so that no run starts that would fill it.
//!
//! Live runs go on: what they tell is kept in bounded buffers, and the ballast of the store is for their ends. Reading
//! goes on. Whether a run may start is decided by the core.

use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use crate::config::Config;
use crate::domain::Event;
use crate::store::Space;

use super::desk::Flags;
use super::hands::Tools;

/// How often it is looked.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Looks for as long as the daemon lives, and tells the core what is new. While there is too little room it is told each
/// time: a core that was rebuilt meanwhile has to know.
pub(super) async fn keep(tools: Arc<Tools>) {
    let mut ticks = tokio::time::interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if let Some(event) = look(&tools).await {
            tools.inbox.send(event).await;
        }
    }
}

/// Looks once. What the core is to be told.
pub(super) async fn look(tools: &Arc<Tools>) -> Option<Event> {
    let config = tools.config();
    let was = shortage(&tools.flags).is_some();
    // A network file system may be slow to answer.
    let found = tokio::task::spawn_blocking(move || lack(&config, was)).await.ok()?;
    let scarce = found.is_some();
    match (was, &found) {
        (false, Some(why)) => {
            tracing::error!("no run starts: {why}");
            tools.flags.full.notify_one();
        }
        (true, None) => tracing::info!("there is room on the disk again"),
        _ => {}
    }
    *tools.flags.room.lock().unwrap_or_else(PoisonError::into_inner) = found;
    (was || scarce).then_some(Event::RoomSeen { enough: !scarce })
}

/// Why no run starts, if there is too little room.
pub(super) fn shortage(flags: &Flags) -> Option<String> {
    flags.room.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// Whether there is so little room that a run would fill it, although the core was not told yet. Not knowing counts as
/// room: writing will tell.
pub(super) fn is_short(config: &Config) -> bool {
    let half = config.limits.free_disk / 2;
    [&config.paths.state_dir, &config.paths.cache_dir]
        .into_iter()
        .any(|dir| Space::of(dir, half).is_ok_and(|it| !it.is_enough()))
}

fn lack(config: &Config, was: bool) -> Option<String> {
    let paths = &config.paths;
    [("state_dir", &paths.state_dir), ("cache_dir", &paths.cache_dir)].into_iter().find_map(|(key, dir)| {
        // What cannot be found out will be told by writing.
        let space = Space::of(dir, config.limits.free_disk).ok()?;
        space.lack(was).map(|it| sentence(key, dir, &it))
    })
}

fn sentence(key: &str, dir: &Path, lack: &str) -> String {
    format!(
        "the disk of `{key}` ({}) is nearly full: {lack}; free some, or keep less (`retention`), \
         or lower `limits.free_disk`",
        dir.display()
    )
}

/// Whether the daemon only reads because there is too little room, or its journal cannot be written.
pub(super) fn only_reads(flags: &Flags) -> bool {
    shortage(flags).is_some() || !flags.writable.load(Ordering::Relaxed)
}
