//! Checkouts of runs that have ended, until nobody waits for the disk.
//!
//! ext4 does not give the number of a file away again for a minute after it was deleted, and looks at all of them
//! for each new file (`recently_deleted`, measured: 5.9 s instead of 0.3 s for 10,000 files). Whoever removes the
//! last checkout just before he makes the next one pays for it. So they are removed when it has been quiet.

use std::collections::VecDeque;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::git::remove_checkout;

/// How long no checkout came in before the first is removed: longer than ext4 looks back.
const QUIET: Duration = Duration::from_secs(90);

/// How many may wait. The next one that comes makes the oldest go, quiet or not.
const MOST: usize = 16;

/// With less than this share of the file system free nothing waits.
const FREE_PERCENT: u64 = 20;

/// Checkouts that are to be removed, oldest first.
#[derive(Debug)]
pub(super) struct Attic {
    quiet: Duration,
    waiting: Mutex<VecDeque<PathBuf>>,
    came: Notify,
}

impl Default for Attic {
    fn default() -> Self {
        Self { quiet: QUIET, waiting: Mutex::default(), came: Notify::new() }
    }
}

impl Attic {
    /// Takes a checkout that no process uses any more, and closes it: the runs that follow are often of the same user.
    pub(super) fn put(&self, checkout: PathBuf) {
        if let Err(error) = std::fs::set_permissions(&checkout, Permissions::from_mode(0o700)) {
            tracing::warn!(path = %checkout.display(), %error, "an old checkout cannot be closed");
        }
        self.lock().push_back(checkout);
        self.came.notify_one();
    }

    /// Removes what was put here, for as long as the daemon lives.
    pub(super) async fn keep(&self) {
        let mut quiet_at = Instant::now() + self.quiet;
        loop {
            let waits = !self.lock().is_empty();
            tokio::select! {
                () = self.came.notified() => {
                    quiet_at = Instant::now() + self.quiet;
                    while let Some(path) = self.too_much() {
                        remove(path).await;
                    }
                }
                () = tokio::time::sleep_until(quiet_at), if waits => {
                    let oldest = self.lock().pop_front();
                    if let Some(path) = oldest {
                        remove(path).await;
                    }
                }
            }
        }
    }

    /// The oldest one, if it cannot wait.
    fn too_much(&self) -> Option<PathBuf> {
        let mut waiting = self.lock();
        let crowded = MOST < waiting.len() || waiting.front().is_some_and(|it| is_scarce(it));
        if crowded { waiting.pop_front() } else { None }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, VecDeque<PathBuf>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether there is little room where this lies. What cannot be found out counts as little.
fn is_scarce(path: &Path) -> bool {
    rustix::fs::statvfs(path).map_or(true, |it| it.f_bavail * 100 < it.f_blocks * FREE_PERCENT)
}

async fn remove(path: PathBuf) {
    let removed = tokio::task::spawn_blocking(move || remove_checkout(&path).map_err(|error| (path, error)));
    if let Ok(Err((path, error))) = removed.await {
        tracing::warn!(path = %path.display(), %error, "a checkout cannot be removed; it is tried again after a restart");
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn checkout(room: &Path, name: usize) -> PathBuf {
        let path = room.join(name.to_string());
        std::fs::create_dir(&path).unwrap();
        path
    }

    /// A keeper at work, and the checkouts it was given.
    fn filled(room: &Path, quiet: Duration, count: usize) -> (tokio::task::JoinHandle<()>, Vec<PathBuf>) {
        let attic = Arc::new(Attic { quiet, ..Attic::default() });
        let paths: Vec<PathBuf> = (0..count).map(|it| checkout(room, it)).collect();
        for path in &paths {
            attic.put(path.clone());
        }
        (tokio::spawn(async move { attic.keep().await }), paths)
    }

    #[tokio::test]
    async fn while_more_may_come_only_those_that_are_too_many_are_removed() {
        let room = tempfile::tempdir().unwrap();
        let (keeper, paths) = filled(room.path(), Duration::from_secs(3600), MOST + 2);
        gone(&paths[1]).await;
        assert!(!paths[0].exists(), "the oldest goes first");
        assert!(is_scarce(room.path()) || paths[2..].iter().all(|it| it.exists()));
        keeper.abort();
    }

    #[test]
    fn nobody_else_reads_what_is_put_there() {
        let room = tempfile::tempdir().unwrap();
        let path = checkout(room.path(), 1);
        std::fs::set_permissions(&path, Permissions::from_mode(0o750)).unwrap();
        Attic::default().put(path.clone());
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o700);
    }

    #[tokio::test]
    async fn when_it_is_quiet_all_are_removed() {
        let room = tempfile::tempdir().unwrap();
        let (keeper, paths) = filled(room.path(), Duration::ZERO, 3);
        for path in &paths {
            gone(path).await;
        }
        keeper.abort();
    }

    /// Removing happens on another thread.
    async fn gone(path: &Path) {
        let until = Instant::now() + Duration::from_secs(20);
        while path.exists() {
            assert!(Instant::now() < until, "{} is still there", path.display());
            tokio::task::yield_now().await;
        }
    }
}
