//! Where everything is on disk. Nothing else in the program joins these paths.

use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use crate::domain::{RunId, SourceName, StackId};

/// The directories of one daemon.
#[derive(Debug, Clone)]
pub(super) struct Places {
    state: PathBuf,
    cache: PathBuf,
    run: PathBuf,
}

/// The user that the runs of a source belong to, if it is another than the daemon's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RunUser {
    pub(super) uid: u32,
    pub(super) gid: u32,
}

impl Places {
    pub(super) fn new(state: &Path, cache: &Path, run: &Path) -> Self {
        Self { state: state.to_owned(), cache: cache.to_owned(), run: run.to_owned() }
    }

    /// Database and event files: the daemon's alone.
    pub(super) fn store(&self) -> PathBuf {
        self.state.join("store")
    }

    /// Git caches: the daemon's alone.
    pub(super) fn git(&self) -> PathBuf {
        self.cache.join("git")
    }

    /// Sockets of multiplexed ssh connections to Git servers. Short, since a socket's path has at most 108 bytes.
    pub(super) fn git_sockets(&self) -> PathBuf {
        self.run.join("git")
    }

    /// The API.
    pub(super) fn socket(&self) -> PathBuf {
        self.run.join("driftless.sock")
    }

    /// Launcher and callback, written out under the hash of their content.
    pub(super) fn python(&self) -> PathBuf {
        self.cache.join("python")
    }

    /// Managed runtimes.
    pub(super) fn runtimes(&self) -> PathBuf {
        self.cache.join("runtimes")
    }

    /// An empty home for git.
    pub(super) fn git_home(&self) -> PathBuf {
        self.cache.join("git-home")
    }

    /// All that belongs to one run alone, its checkout excepted; removed when it has ended. Short, since sockets are
    /// below it.
    pub(super) fn run(&self, run: RunId) -> PathBuf {
        self.execution(&run.to_string())
    }

    /// The same of a run or a probe, by its name.
    pub(super) fn execution(&self, name: &str) -> PathBuf {
        self.runs().join(name)
    }

    /// The parent of [`Self::run`].
    pub(super) fn runs(&self) -> PathBuf {
        self.run.join("runs")
    }

    /// The tree of a run or a probe.
    pub(super) fn checkout(&self, name: &str) -> PathBuf {
        self.checkouts().join(name)
    }

    /// The parent of [`Self::checkout`].
    pub(super) fn checkouts(&self) -> PathBuf {
        self.cache.join("checkouts")
    }

    /// Home of the runs of a source.
    pub(super) fn home(&self, source: &SourceName) -> PathBuf {
        self.state.join("homes").join(source.as_str())
    }

    /// `DRIFTLESS_STATE_DIR`: stays from run to run.
    pub(super) fn stack_state(&self, stack: &StackId) -> PathBuf {
        self.state.join("stacks").join(stack.source.as_str()).join(stack.stack.as_str())
    }

    /// Makes the directories that do not depend on a source. Those that runs must pass through can be passed but
    /// not listed.
    pub(super) fn make(&self) -> std::io::Result<()> {
        for (path, mode) in [
            (self.state.clone(), 0o711),
            (self.cache.clone(), 0o711),
            (self.run.clone(), 0o711),
            (self.store(), 0o700),
            (self.git(), 0o700),
            (self.git_sockets(), 0o700),
            (self.python(), 0o711),
            (self.runs(), 0o711),
            (self.checkouts(), 0o711),
            (self.git_home(), 0o700),
            (self.state.join("homes"), 0o711),
            (self.state.join("stacks"), 0o711),
        ] {
            directory(&path, mode, None)?;
        }
        Ok(())
    }

    /// Makes the directories that runs of a stack write to, owned by whoever runs it.
    pub(super) fn make_for(&self, stack: &StackId, user: Option<RunUser>) -> std::io::Result<()> {
        directory(&self.state.join("stacks").join(stack.source.as_str()), 0o711, None)?;
        directory(&self.stack_state(stack), 0o700, user)?;
        directory(&self.home(&stack.source), 0o700, user)
    }
}

/// Makes a directory with exactly this mode and owner, or mends the one that is there.
pub(super) fn directory(path: &Path, mode: u32, owner: Option<RunUser>) -> std::io::Result<()> {
    match std::fs::DirBuilder::new().recursive(true).mode(mode).create(path) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let metadata = std::fs::symlink_metadata(path)?;
    let Some(user) = owner else {
        return set_mode(path, &metadata, mode);
    };
    if (metadata.uid(), metadata.gid()) == (user.uid, user.gid) {
        return Ok(()); // Its mode is its owner's affair, and the daemon could not change it.
    }
    set_mode(path, &metadata, mode)?;
    std::os::unix::fs::lchown(path, Some(user.uid), Some(user.gid))
}

fn set_mode(path: &Path, metadata: &std::fs::Metadata, mode: u32) -> std::io::Result<()> {
    if metadata.permissions().mode() & 0o7777 == mode {
        return Ok(());
    }
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))
}
