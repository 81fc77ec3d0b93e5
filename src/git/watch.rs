//! Watches repositories of this machine, so that a push or commit to a followed branch is seen at once. What it
//! sends are hints: losing or repeating one costs time and nothing else, and polling goes on beside it.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use notify::event::{AccessKind, AccessMode, CreateKind, EventKind};
use notify::{Event, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::mpsc;

use super::local::{self, RefValue};
use crate::domain::{Reference, SourceName};

/// One push makes several changes; they are looked at together.
const TOGETHER: Duration = Duration::from_millis(2);

/// A new directory of branches is looked at again after this: what happened in it before it was watched is unseen.
const SECOND_LOOK: Duration = Duration::from_millis(100);

/// Watching cannot be started at all.
#[derive(Debug, thiserror::Error)]
#[error("failed to start watching files")]
pub struct WatchError(#[source] Box<dyn std::error::Error + Send + Sync>);

/// Sends the name of a source whenever its branch may have moved.
#[derive(Debug)]
pub struct Watcher {
    shared: Arc<Shared>,
    /// Never locked together with the state: its thread takes the state's lock while this one waits for it.
    notify: Mutex<RecommendedWatcher>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    woken: Condvar,
}

#[derive(Debug, Default)]
struct State {
    sources: BTreeMap<SourceName, Followed>,
    /// To be looked at now.
    touched: BTreeSet<SourceName>,
    /// To be looked at then.
    later: BTreeMap<SourceName, Instant>,
    closed: bool,
}

#[derive(Debug)]
struct Followed {
    path: PathBuf,
    reference: Reference,
    armed: Option<Armed>,
    /// What the branch named when it was looked at last.
    seen: Option<RefValue>,
}

/// What is watched for one source.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Armed {
    common_dir: PathBuf,
    /// Devices and inodes of `common_dir` and its `refs/heads`: a repository made anew has others.
    identity: [(u64, u64); 2],
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn touch(&self, name: &SourceName) {
        self.state().touched.insert(name.clone());
        self.woken.notify_one();
    }

    /// Takes a change of the file system in.
    fn notice(&self, event: notify::Result<Event>) {
        let mut state = self.state();
        let State { sources, touched, later, .. } = &mut *state;
        match event {
            Ok(event) if event.need_rescan() => touched.extend(sources.keys().cloned()),
            Ok(event) if is_change(event.kind) => {
                let new_directory = event.kind == EventKind::Create(CreateKind::Folder);
                let concerned = |it: &Followed| {
                    let dir = it.armed.as_ref().map(|it| it.common_dir.as_path());
                    dir.is_some_and(|dir| event.paths.iter().any(|path| path.starts_with(dir)))
                };
                for (name, _) in sources.iter().filter(|(_, it)| concerned(it)) {
                    touched.insert(name.clone());
                    if new_directory {
                        later.insert(name.clone(), Instant::now() + SECOND_LOOK);
                    }
                }
            }
            Ok(_) => return,
            // Something was missed, nobody knows what.
            Err(_) => touched.extend(sources.keys().cloned()),
        }
        drop(state);
        self.woken.notify_one();
    }

    /// Waits until sources are to be looked at; `None` when it is over.
    fn next(&self) -> Option<BTreeSet<SourceName>> {
        let mut state = self.state();
        loop {
            if state.closed {
                return None;
            }
            let now = Instant::now();
            let due: Vec<SourceName> =
                state.later.iter().filter(|(_, at)| **at <= now).map(|(name, _)| name.clone()).collect();
            for name in due {
                state.later.remove(&name);
                state.touched.insert(name);
            }
            if !state.touched.is_empty() {
                drop(state);
                std::thread::sleep(TOGETHER);
                return Some(std::mem::take(&mut self.state().touched));
            }
            let pause = state.later.values().min().map_or(Duration::from_secs(60), |at| *at - now);
            let waited = self.woken.wait_timeout(state, pause);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Whether the branch names something else than when it was looked at last. Not sure means yes.
    fn moved(&self, name: &SourceName) -> bool {
        let place = match self.state().sources.get(name) {
            Some(it) => it.armed.as_ref().map(|armed| (armed.common_dir.clone(), it.reference.clone())),
            None => return false,
        };
        let value = place.map_or(RefValue::Unknown, |(dir, reference)| local::read_branch(&dir, &reference));
        let mut state = self.state();
        let Some(followed) = state.sources.get_mut(name) else { return false };
        let same = value != RefValue::Unknown && followed.seen.as_ref() == Some(&value);
        followed.seen = Some(value);
        !same
    }
}

impl Watcher {
    /// Starts watching nothing. A full channel makes it wait: hints for the same source become one meanwhile, and
    /// none is lost.
    pub fn new(hints: mpsc::Sender<SourceName>) -> Result<Self, WatchError> {
        let shared = Arc::new(Shared::default());
        let noticing = Arc::clone(&shared);
        let notify = notify::recommended_watcher(move |event| noticing.notice(event))
            .map_err(|it| WatchError(it.into()))?;
        let looking = Arc::clone(&shared);
        std::thread::Builder::new()
            .name("git-watch".to_owned())
            .spawn(move || {
                while let Some(touched) = looking.next() {
                    for name in touched {
                        if looking.moved(&name) && hints.blocking_send(name).is_err() {
                            return;
                        }
                    }
                }
            })
            .map_err(|it| WatchError(it.into()))?;
        Ok(Self { shared, notify: Mutex::new(notify) })
    }

    /// Watches the branch of a repository of this machine, which need not exist yet. Replaces what was watched for
    /// the source before.
    pub fn follow(&self, name: &SourceName, path: &Path, reference: &Reference) {
        self.forget(name);
        let (path, reference) = (path.to_owned(), reference.clone());
        let followed = Followed { path, reference, armed: None, seen: None };
        self.shared.state().sources.insert(name.clone(), followed);
        self.rearm();
    }

    /// Ends watching for a source.
    pub fn forget(&self, name: &SourceName) {
        let removed = self.shared.state().sources.remove(name);
        if let Some(armed) = removed.and_then(|it| it.armed) {
            self.disarm(&armed);
        }
    }

    /// Whether a source is being watched now.
    pub fn is_watching(&self, name: &SourceName) -> bool {
        self.shared.state().sources.get(name).is_some_and(|it| it.armed.is_some())
    }

    /// Looks again at what could not be watched so far, and at what was replaced. Cheap: a few reads for each source.
    pub fn rearm(&self) {
        let followed: Vec<(SourceName, PathBuf, Option<Armed>)> = {
            let state = self.shared.state();
            state.sources.iter().map(|(name, it)| (name.clone(), it.path.clone(), it.armed.clone())).collect()
        };
        for (name, path, armed) in followed {
            let wanted = locate(&path);
            if wanted == armed {
                continue;
            }
            if let Some(followed) = self.shared.state().sources.get_mut(&name) {
                followed.armed = None;
            }
            if let Some(armed) = &armed {
                self.disarm(armed);
            }
            let now = wanted.filter(|it| self.arm(it));
            if let Some(followed) = self.shared.state().sources.get_mut(&name) {
                // What happened before it was watched is unknown.
                followed.seen = None;
                followed.armed = now;
            }
            self.shared.touch(&name);
        }
    }

    fn arm(&self, armed: &Armed) -> bool {
        let mut notify = self.notify.lock().unwrap_or_else(PoisonError::into_inner);
        let watched = places(armed).iter().try_for_each(|(path, mode)| notify.watch(path, *mode));
        if let Err(error) = &watched {
            tracing::debug!(path = %armed.common_dir.display(), %error, "cannot be watched, and is polled instead");
        }
        watched.is_ok()
    }

    /// Ends watching, except where a source still needs it.
    fn disarm(&self, armed: &Armed) {
        let needed = self
            .shared
            .state()
            .sources
            .values()
            .any(|it| it.armed.as_ref().is_some_and(|it| it.common_dir == armed.common_dir));
        if needed {
            return;
        }
        let mut notify = self.notify.lock().unwrap_or_else(PoisonError::into_inner);
        for (path, _) in places(armed) {
            // It is gone already where the directory is.
            drop(notify.unwatch(&path));
        }
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.shared.state().closed = true;
        self.shared.woken.notify_all();
    }
}

/// Where changes of references show: the list of packed ones, and the files of loose ones.
fn places(armed: &Armed) -> [(PathBuf, RecursiveMode); 2] {
    [
        (armed.common_dir.clone(), RecursiveMode::NonRecursive),
        (armed.common_dir.join("refs"), RecursiveMode::Recursive),
    ]
}

fn locate(path: &Path) -> Option<Armed> {
    let common_dir = local::common_dir(path)?;
    let identity = |path: &Path| std::fs::metadata(path).ok().map(|it| (it.dev(), it.ino()));
    let identity = [identity(&common_dir)?, identity(&common_dir.join("refs"))?];
    Some(Armed { common_dir, identity })
}

/// Reading is no change; looking at a branch would be followed by looking at it again, for ever.
fn is_change(kind: EventKind) -> bool {
    match kind {
        EventKind::Access(access) => access == AccessKind::Close(AccessMode::Write),
        _ => true,
    }
}
