//! What can go wrong with Git, and what it means for people and for the core.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::policy::Refusal;
use super::trust::Untrusted;
use super::url::UrlError;
use crate::domain::{CommitHash, Failure, Reference, SourceName};

/// What a command was waiting for when its time was up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// The first answer.
    Connect,
    /// The next byte.
    Stall,
    /// The end.
    Total,
}

/// A failure of Git. [`Failure::from`] says what must happen next.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// The git program is not there, or cannot be started.
    #[error("the git program {} cannot be started", program.display())]
    Program {
        /// As configured.
        program: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The address is refused.
    #[error(transparent)]
    Url(#[from] UrlError),
    /// A file that the operator named for the access cannot be used.
    #[error("{} cannot be used to reach the repository: {what}", path.display())]
    Credential {
        /// The file.
        path: PathBuf,
        /// Why.
        what: &'static str,
    },
    /// The repository has no such branch.
    #[error("the repository has no {}", named(reference))]
    NoSuchBranch {
        /// What was asked for.
        reference: Reference,
        /// Some that there are, escaped.
        existing: Vec<String>,
    },
    /// The repository has no commit at all.
    #[error("the repository is empty")]
    Empty,
    /// There is no repository at the address, or it is hidden from this key.
    #[error("there is no repository at the address, or this credential may not see it: {0}")]
    NoRepository(String),
    /// The branch or tag names something that is no commit.
    #[error("the {} does not name a commit", named(.0))]
    NotACommit(Reference),
    /// The other side does not accept the credential.
    #[error("the server refused the credential: {0}")]
    Authentication(String),
    /// The host key is not known.
    #[error("the host key of {host} is not known{}", offered(fingerprint.as_deref()))]
    HostKeyUnknown {
        /// The host, with its port where that is not 22.
        host: String,
        /// The port.
        port: u16,
        /// What the host offered, as `ssh-keygen -l` writes it.
        fingerprint: Option<String>,
        /// Where accepted host keys are kept.
        known_hosts: PathBuf,
    },
    /// The host key is another one than before.
    #[error("the host key of {host} is not the one that is known{}", offered(fingerprint.as_deref()))]
    HostKeyChanged {
        /// The host.
        host: String,
        /// What the host offered.
        fingerprint: Option<String>,
        /// Where accepted host keys are kept.
        known_hosts: PathBuf,
    },
    /// The certificate of an https server is not accepted.
    #[error("the certificate of the server is not accepted: {0}")]
    Certificate(String),
    /// The server sends the client elsewhere.
    #[error("the server redirects to another address: {0}")]
    Redirected(String),
    /// The other side cannot be reached, or went away.
    #[error("the server cannot be reached: {0}")]
    Unreachable(String),
    /// The other side was too slow.
    #[error("{}", timed_out(*phase, *after))]
    Timeout {
        /// What was waited for.
        phase: Phase,
        /// How long.
        after: Duration,
    },
    /// The repository has only a part of its history.
    #[error("the repository is a shallow clone, so its history cannot be compared")]
    Shallow,
    /// The repository uses SHA-256.
    #[error("the repository uses SHA-256 object names, which are not supported")]
    ObjectFormat,
    /// The server sent objects that break Git's rules.
    #[error("the repository holds an object that git refuses: {0}")]
    HostileObject(String),
    /// Something in the tree must not be laid out.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// What was fetched is not signed as the operator wants it.
    #[error(transparent)]
    Untrusted(#[from] Untrusted),
    /// A file of keys that the operator named cannot be used.
    #[error("the keys in {} cannot be used: {what}", path.display())]
    Keys {
        /// The file.
        path: PathBuf,
        /// Why.
        what: &'static str,
    },
    /// A program that judges signatures cannot be used.
    #[error("`{program}` cannot judge signatures")]
    Verifier {
        /// Its name.
        program: &'static str,
        /// Why.
        source: io::Error,
    },
    /// A commit is not in the cache, and could not be fetched.
    #[error("the commit {0} is not in the repository any more")]
    CommitMissing(CommitHash),
    /// The cache is damaged.
    #[error("the cache of the repository is damaged: {0}")]
    Corrupt(String),
    /// What was written is not what was committed.
    #[error("the checkout is not its commit: {} {what}", path.display())]
    NotTheCommit {
        /// The file, relative to the checkout.
        path: PathBuf,
        /// What is wrong with it.
        what: &'static str,
    },
    /// Another process uses the cache.
    #[error("the cache of source `{0}` is in use by another process")]
    Busy(SourceName),
    /// No space left.
    #[error("there is no space left for {}", path.display())]
    DiskFull {
        /// What was written.
        path: PathBuf,
    },
    /// A file of ours.
    #[error("failed to {what} {}", path.display())]
    Io {
        /// Make, read, write …
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Git failed in a way that has no name here; its last words, without secrets.
    #[error("git failed: {0}")]
    Other(String),
    /// A task of ours ended in a panic.
    #[error("a worker ended unexpectedly")]
    Worker,
}

impl GitError {
    pub(super) fn io(what: &'static str, path: &Path, source: io::Error) -> Self {
        let full = matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
        let path = path.to_owned();
        if full { Self::DiskFull { path } } else { Self::Io { what, path, source } }
    }

    /// A failure to read our own object store: it can be fetched anew.
    pub(super) fn corrupt(error: &git2::Error) -> Self {
        Self::Corrupt(error.message().escape_debug().to_string())
    }

    /// Whether fetching everything anew mends it.
    pub(super) fn is_damage(&self) -> bool {
        matches!(self, Self::Corrupt(_))
    }

    /// Whether nothing failed but that signatures do not allow what was fetched, or cannot be judged.
    pub fn is_distrust(&self) -> bool {
        matches!(self, Self::Untrusted(_) | Self::Keys { .. } | Self::Verifier { .. })
    }

    fn remedy(&self) -> Option<String> {
        let text = match self {
            Self::Program { .. } => "install git, or name the program in the configuration".to_owned(),
            Self::Url(_) => "correct the url of the source".to_owned(),
            Self::Credential { .. } => "correct the file, or name another one for the source".to_owned(),
            Self::NoSuchBranch { existing, .. } => {
                format!("follow one that exists ({}), or push it", existing.join(", "))
            }
            Self::Empty => "push a first commit".to_owned(),
            Self::NoRepository(_) => "correct the url of the source, or let this key read it".to_owned(),
            Self::NotACommit(_) => "push a commit to the branch".to_owned(),
            Self::Authentication(_) => {
                "give the source a key or credential that may read the repository".to_owned()
            }
            Self::HostKeyUnknown { host, port, known_hosts, .. } => {
                let bare = host.trim_start_matches('[').split("]:").next().unwrap_or(host);
                let file = known_hosts.display();
                format!(
                    "compare the fingerprint with the one that the host's owner publishes, then run \
                     `ssh-keyscan -p {port} {bare} >> {file}`"
                )
            }
            Self::HostKeyChanged { host, known_hosts, .. } => format!(
                "somebody may stand between: ask the host's owner; only if the new key is right, run \
                 `ssh-keygen -R {} -f {}` and add the new one",
                super::command::shell_quoted(host),
                known_hosts.display()
            ),
            Self::Certificate(_) => "name the certificate authority of the server as ca_bundle".to_owned(),
            Self::Redirected(_) => "write the new address as the url of the source".to_owned(),
            Self::Unreachable(_) | Self::Timeout { .. } => {
                "it is tried again by itself; check the network and the server if it stays".to_owned()
            }
            Self::Shallow => "run `git fetch --unshallow` in it, or follow a full clone".to_owned(),
            Self::ObjectFormat => "follow a repository with SHA-1 object names".to_owned(),
            Self::HostileObject(_) => {
                "run `git fsck --strict` in the repository and remove the object from its history".to_owned()
            }
            Self::Refused(refusal) => refusal.remedy().to_owned(),
            Self::Untrusted(untrusted) => untrusted.remedy().to_owned(),
            Self::Keys { .. } => "correct the file, or `signatures` of the source".to_owned(),
            Self::Verifier { program: "gpgv", .. } => "install gpgv".to_owned(),
            Self::Verifier { .. } => "install the client of OpenSSH, 8.9 or newer".to_owned(),
            Self::CommitMissing(_) => "choose a revision that is on the followed branch".to_owned(),
            Self::Corrupt(_) => "it is fetched anew by itself; check the disk if it happens again".to_owned(),
            Self::NotTheCommit { .. } => {
                "find out what writes there or damages the disk; nothing was run".to_owned()
            }
            Self::Busy(_) => "stop the other driftless that uses the same directory".to_owned(),
            Self::DiskFull { .. } => "free space; nothing accepted is lost".to_owned(),
            Self::Io { .. } | Self::Other(_) | Self::Worker => return None,
        };
        Some(text)
    }

    fn waits_for_a_change(&self) -> bool {
        !matches!(
            self,
            Self::Unreachable(_)
                | Self::Timeout { .. }
                | Self::Corrupt(_)
                | Self::Busy(_)
                | Self::DiskFull { .. }
                | Self::Io { .. }
                | Self::Other(_)
                | Self::Worker
        )
    }

    fn may_be_an_attack(&self) -> bool {
        match self {
            Self::HostKeyChanged { .. }
            | Self::HostileObject(_)
            | Self::NotTheCommit { .. }
            | Self::Untrusted(_) => true,
            Self::Refused(refusal) => refusal.may_be_an_attack(),
            _ => false,
        }
    }
}

impl From<GitError> for Failure {
    fn from(error: GitError) -> Self {
        // Causes of ours only: git2 and the program were asked for text that is already in the message.
        let message = match &error {
            GitError::Io { source, .. }
            | GitError::Program { source, .. }
            | GitError::Verifier { source, .. } => format!("{error}: {source}"),
            _ => error.to_string(),
        };
        let mut failure =
            if error.waits_for_a_change() { Self::until_changed(message) } else { Self::soon(message) };
        failure.security = error.may_be_an_attack();
        failure.remedy = error.remedy();
        failure
    }
}

fn named(reference: &Reference) -> String {
    match reference.tag() {
        Some(tag) => format!("tag `{tag}`"),
        None => format!("branch `{reference}`"),
    }
}

fn offered(fingerprint: Option<&str>) -> String {
    fingerprint.map_or_else(String::new, |it| format!("; it offers {it}"))
}

fn timed_out(phase: Phase, after: Duration) -> String {
    let seconds = after.as_secs_f64();
    match phase {
        Phase::Connect => format!("the server did not answer within {seconds} s"),
        Phase::Stall => format!("the server sent nothing for {seconds} s"),
        Phase::Total => format!("the fetch was not done within {seconds} s"),
    }
}
