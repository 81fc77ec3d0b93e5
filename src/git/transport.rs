//! Talking to the place where a repository is: the only code that starts `git` and `ssh`.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::access::{self, GitAccess};
use super::cache::{Cache, Lock, open_objects};
use super::command::{GitCommand, PROGRAM_PATH, Surroundings, ValueRefused};
use super::diagnose::{self, Said, diagnose};
use super::error::GitError;
use super::local::{self, RefValue};
use super::process::{self, Finished, Unfinished};
use super::url::UrlError;
use super::{GitSettings, Limits, Remote, tree};
use crate::domain::{CommitHash, Secret};

/// How often the lock of another process is looked at.
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// How long an open connection may take to end.
const PATIENCE: Duration = Duration::from_secs(2);

/// The version of the git program, if it says one.
pub(super) async fn version(settings: &GitSettings) -> Option<String> {
    let command = GitCommand::version(&settings.git_program).process();
    let said = process::run(command, Stdio::null(), &Limits::default(), None).await.ok()?;
    let said = String::from_utf8(said.stdout).ok().filter(|_| said.status.success())?;
    Some(said.lines().next()?.strip_prefix("git version ")?.trim().to_owned())
}

/// The way to one source, with the right to change its cache.
pub(super) struct Transport {
    remote: Remote,
    cache: Cache,
    surroundings: Surroundings,
    run_dir: std::path::PathBuf,
    secrets: Vec<Secret>,
    lock: Lock,
}

impl Transport {
    /// Writes the files that git needs and takes the lock of the cache.
    pub(super) async fn open(settings: &GitSettings, remote: &Remote) -> Result<Self, GitError> {
        let cache = Cache::new(&settings.cache_dir, &remote.name);
        let patience = Instant::now() + remote.limits.connect;
        let lock = loop {
            if let Some(lock) = cache.lock()? {
                break lock;
            }
            if Instant::now() > patience {
                return Err(GitError::Busy(remote.name.clone()));
            }
            sleep(LOCK_PAUSE).await;
        };
        let surroundings =
            access::prepare(settings, &remote.name, &remote.url, &remote.access, &remote.limits)?;
        let secrets = access::secrets(&remote.access);
        let run_dir = settings.run_dir.clone();
        Ok(Self { remote: remote.clone(), cache, surroundings, run_dir, secrets, lock })
    }

    /// Brings the cache up to date and returns what the branch names now.
    pub(super) async fn update(&self) -> Result<CommitHash, GitError> {
        self.cache.prepare(&self.remote.url, &self.remote.reference, &self.lock)?;
        if let Some(tip) = self.unchanged()? {
            return Ok(tip);
        }
        self.fetch_branch(&self.cache.path()).await?;
        let tip = self.cache.tip(&self.remote.reference);
        tip.ok_or_else(|| GitError::Corrupt("the fetched branch is not there".to_owned()))
    }

    /// Fetches everything anew beside the cache, with the commit `keep` if the other side still gives it, and puts
    /// it in the cache's place.
    pub(super) async fn renew(&self, keep: Option<&CommitHash>) -> Result<CommitHash, GitError> {
        let fresh = self.cache.begin_fresh(&self.remote.url, &self.remote.reference)?;
        self.fetch_branch(&fresh).await?;
        if let Some(commit) = keep {
            let there = tree::find_commit(&open_objects(&fresh)?, commit).is_ok();
            if !there && let Err(error) = self.fetch_commit_into(&fresh, commit).await {
                tracing::debug!(source = %self.remote.name, %commit, %error, "an old commit is not given any more");
            }
        }
        self.cache.finish_fresh()?;
        let tip = self.cache.tip(&self.remote.reference);
        tip.ok_or_else(|| GitError::Corrupt("the fetched branch is not there".to_owned()))
    }

    /// Fetches one commit that may not be on the branch any more.
    pub(super) async fn fetch_commit(&self, commit: &CommitHash) -> Result<(), GitError> {
        self.fetch_commit_into(&self.cache.path(), commit).await
    }

    /// Fetches one reference of the other side into one of ours.
    pub(super) async fn fetch_reference(&self, reference: &str, into: &str) -> Result<(), GitError> {
        let git_dir = self.cache.path();
        let refspec = format!("+{reference}:{into}");
        let command = GitCommand::fetch_refspec(&self.surroundings, &git_dir, &self.remote.url, &refspec);
        self.fetch_with(&command.map_err(refused)?, &git_dir).await
    }

    /// Packs the packs, so that reading stays fast. A failure costs nothing but time.
    pub(super) async fn repack(&self) {
        let command = GitCommand::repack(&self.surroundings, &self.cache.path());
        let limits = Limits { connect: self.remote.limits.total, ..self.remote.limits };
        let failed = match self.run(&command, &limits, None).await {
            Ok(finished) if finished.status.success() => return,
            Ok(finished) => String::from_utf8_lossy(&finished.stderr).escape_debug().to_string(),
            Err(error) => error.to_string(),
        };
        tracing::warn!(source = %self.remote.name, error = failed, "the cache could not be repacked");
    }

    /// For a directory of this machine: the tip, if it is what was fetched last. Reading a file or two takes the
    /// place of starting four processes.
    fn unchanged(&self) -> Result<Option<CommitHash>, GitError> {
        let Some(path) = self.remote.url.local_path() else { return Ok(None) };
        if let Err(error) = std::fs::read_dir(path) {
            return Err(match error.kind() {
                std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory => {
                    GitError::NoRepository(format!("{} is not a directory", path.display()))
                }
                _ => GitError::io("read", path, error),
            });
        }
        let Some(common) = local::common_dir(path) else {
            return Err(GitError::NoRepository(format!("{} holds no repository", path.display())));
        };
        let RefValue::Is(tip) = local::read_branch(&common, &self.remote.reference) else { return Ok(None) };
        let known = self.cache.tip(&self.remote.reference).as_ref() == Some(&tip);
        // A tag names a tag object, which names a commit.
        let whole = known
            && self
                .cache
                .objects()?
                .find_object(tree::oid(&tip)?, None)
                .is_ok_and(|it| it.peel_to_commit().is_ok());
        Ok(whole.then_some(tip))
    }

    async fn fetch_branch(&self, git_dir: &Path) -> Result<(), GitError> {
        let into = self.cache.reference(&self.remote.reference);
        let (url, reference) = (&self.remote.url, &self.remote.reference);
        let command =
            GitCommand::fetch(&self.surroundings, git_dir, url, reference, &into).map_err(refused)?;
        let Err(error) = self.fetch_with(&command, git_dir).await else { return Ok(()) };
        match error {
            GitError::NoSuchBranch { reference, .. } => {
                let existing = self.branches(git_dir).await?;
                if existing.is_empty() {
                    return Err(GitError::Empty);
                }
                Err(GitError::NoSuchBranch { reference, existing })
            }
            GitError::HostKeyUnknown { host, port, fingerprint: None, known_hosts } => {
                let fingerprint = self.offered_fingerprint().await;
                Err(GitError::HostKeyUnknown { host, port, fingerprint, known_hosts })
            }
            other => Err(other),
        }
    }

    async fn fetch_commit_into(&self, git_dir: &Path, commit: &CommitHash) -> Result<(), GitError> {
        let refspec = format!("+{commit}:refs/driftless-kept/{commit}");
        let command = GitCommand::fetch_refspec(&self.surroundings, git_dir, &self.remote.url, &refspec);
        self.fetch_with(&command.map_err(refused)?, git_dir).await
    }

    async fn fetch_with(&self, command: &GitCommand, git_dir: &Path) -> Result<(), GitError> {
        let limits = self.limits();
        let finished = self.run(command, &limits, Some(&git_dir.join("objects/pack"))).await?;
        // Git takes a shallow repository for no error, and leaves the reference as it was.
        if finished.status.success() && !diagnose::rejects_shallow(&finished.stderr) {
            Ok(())
        } else {
            Err(self.diagnosed(&finished).await)
        }
    }

    /// A directory of this machine answers when it has something to say, so only its silence is limited.
    fn limits(&self) -> Limits {
        let limits = self.remote.limits;
        if self.remote.url.is_local() { Limits { connect: limits.stall, ..limits } } else { limits }
    }

    async fn run(
        &self,
        command: &GitCommand,
        limits: &Limits,
        growing: Option<&Path>,
    ) -> Result<Finished, GitError> {
        let lock =
            self.lock.share().map_err(|it| GitError::io("share the lock of", &self.cache.path(), it))?;
        match process::run(command.process(), Stdio::from(lock), limits, growing).await {
            Ok(finished) => Ok(finished),
            Err(Unfinished::Io(source)) => {
                Err(GitError::Program { program: self.surroundings.program.clone(), source })
            }
            Err(Unfinished::Late(phase, after)) => {
                // A shared ssh connection may be what hangs.
                hang_up(&self.run_dir, Some(&self.remote.access)).await;
                Err(GitError::Timeout { phase, after })
            }
        }
    }

    async fn diagnosed(&self, finished: &Finished) -> GitError {
        let error = diagnose(&Said {
            stderr: &finished.stderr,
            url: &self.remote.url,
            reference: &self.remote.reference,
            access: &self.remote.access,
            secrets: &self.secrets,
        });
        if matches!(error, GitError::Unreachable(_)) {
            hang_up(&self.run_dir, Some(&self.remote.access)).await;
        }
        error
    }

    /// Whether the other side answers and has what is followed.
    pub(super) async fn reach(&self) -> Result<(), GitError> {
        self.cache.prepare(&self.remote.url, &self.remote.reference, &self.lock)?;
        self.unchanged()?;
        let (reference, existing) = (self.remote.reference.clone(), self.branches(&self.cache.path()).await?);
        if existing.is_empty() {
            return Err(GitError::Empty);
        }
        let there = existing.iter().any(|it| reference.as_str().ends_with(it.as_str()));
        if there { Ok(()) } else { Err(GitError::NoSuchBranch { reference, existing }) }
    }

    async fn branches(&self, git_dir: &Path) -> Result<Vec<String>, GitError> {
        let command =
            GitCommand::branches(&self.surroundings, git_dir, &self.remote.url, &self.remote.reference);
        let command = command.map_err(refused)?;
        let finished = self.run(&command, &self.limits(), None).await?;
        if finished.status.success() {
            Ok(diagnose::branch_names(&finished.stdout))
        } else {
            Err(self.diagnosed(&finished).await)
        }
    }

    /// Asks ssh which key the host shows. It ends before anything is sent, since the key is not accepted.
    async fn offered_fingerprint(&self) -> Option<String> {
        let url = &self.remote.url;
        let mut command = tokio::process::Command::new("ssh");
        command.arg("-F").arg(&self.surroundings.ssh_config);
        command.args(["-v", "-oControlMaster=no", "-oControlPath=none"]);
        if let Some(port) = url.port() {
            command.arg(format!("-p{port}"));
        }
        if let Some(user) = url.user() {
            command.arg(format!("-l{user}"));
        }
        command.arg("--").arg(url.host()?.trim_matches(['[', ']'])).arg("true");
        command.env_clear().env("PATH", PROGRAM_PATH).env("LC_ALL", "C.UTF-8");
        command.env("HOME", &self.surroundings.home).current_dir(&self.surroundings.home);
        command.process_group(0).kill_on_drop(true);
        let finished = process::run(command, Stdio::null(), &self.remote.limits, None).await.ok()?;
        let text = String::from_utf8_lossy(&finished.stderr);
        text.split(['\n', '\r']).find_map(diagnose::fingerprint)
    }

    /// Whether the cache has so many packs that it should be repacked.
    pub(super) fn wants_repack(&self) -> bool {
        self.cache.wants_repack()
    }
}

/// Ends open ssh connections: of one way of reaching a host, or all. They would outlive the daemon otherwise.
pub(super) async fn hang_up(run_dir: &Path, access: Option<&GitAccess>) {
    let limits = Limits { connect: PATIENCE, stall: PATIENCE, total: PATIENCE };
    for socket in access::connections(run_dir, access) {
        let mut command = tokio::process::Command::new("ssh");
        command.args(["-F", "none", "-O", "exit", "-S"]).arg(&socket).args(["--", "any"]);
        command.env_clear().env("PATH", PROGRAM_PATH).process_group(0).kill_on_drop(true);
        // One that does not answer is left alone, without its socket: its server's silence ends it.
        drop(process::run(command, Stdio::null(), &limits, None).await);
        drop(std::fs::remove_file(&socket));
    }
}

fn refused(_: ValueRefused) -> GitError {
    GitError::Url(UrlError::Option("a value".to_owned()))
}
