//! What is known of an installation. What could not be found out is absent, or says why.

use std::path::PathBuf;

/// All that is known.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Facts {
    /// The version of this program.
    pub version: String,
    /// The daemon, if it was asked.
    pub daemon: Option<DaemonFacts>,
    /// The sentences of what is wrong with the configuration; `None` if it could not be read to its end.
    pub configuration: Option<Result<(), Vec<String>>>,
    /// The unit; `None` where there is no systemd.
    pub unit: Option<UnitFacts>,
    /// Users that the configuration or the unit names.
    pub users: Vec<UserFacts>,
    /// The group that may act.
    pub admin_group: Option<(String, bool)>,
    /// Directories of the daemon.
    pub directories: Vec<DirectoryFacts>,
    /// Files that hold secrets, and the configuration.
    pub files: Vec<FileFacts>,
    /// What `git --version` says; why it cannot be started.
    pub git: Option<Result<String, String>>,
    /// The Ansible of the system, if any source may need it.
    pub ansible: Option<AnsibleFacts>,
    /// The Pythons that runtimes of repositories are built with, if any stack declares one.
    pub pythons: Vec<PythonFacts>,
    /// The runtimes that were built.
    pub runtimes: Vec<RuntimeFacts>,
    /// The certificate of the pages, if one is configured.
    pub certificate: Option<CertificateFacts>,
    /// Whether sandboxes of previews can be made: why not, and what to do. `None` if no source needs them, or the daemon
    /// runs and says it itself.
    pub sandbox: Option<Result<(), (String, String)>>,
    /// The clock.
    pub clock: ClockFacts,
    /// The database; `None` if there is none yet, or it may not be read.
    pub database: Option<DatabaseFacts>,
    /// The sources, as far as they were asked.
    pub sources: Vec<SourceFacts>,
    /// Hosts, as far as they were asked.
    pub hosts: Vec<HostFacts>,
}

/// The daemon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DaemonFacts {
    /// It answers.
    Running {
        /// Its version.
        version: String,
        /// Why it is not ready; empty if it is.
        unready: Vec<String>,
        /// What it has to say.
        notices: Vec<String>,
    },
    /// It does not.
    Silent {
        /// Why.
        why: String,
        /// What to do.
        remedy: Option<String>,
    },
}

/// The unit of the service.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UnitFacts {
    /// `LoadState`: `loaded`, `not-found`, …
    pub load: String,
    /// `ActiveState`.
    pub active: String,
    /// `UnitFileState`: whether it starts with the machine.
    pub enabled: String,
    /// `User`.
    pub user: String,
    /// `AmbientCapabilities`, in lower case.
    pub capabilities: Vec<String>,
    /// `TimeoutStopUSec`, in seconds; `None` for ever.
    pub stop_seconds: Option<u64>,
    /// `limits.drain`, in seconds.
    pub drain_seconds: u64,
    /// Whether some source names a `run_as`.
    pub runs_as_others: bool,
}

/// A user.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UserFacts {
    /// Its name.
    pub name: String,
    /// What names it.
    pub named_by: String,
    /// Whether it exists.
    pub exists: bool,
}

/// A directory of the daemon.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DirectoryFacts {
    /// The key of the configuration.
    pub key: String,
    /// Where it is.
    pub path: PathBuf,
    /// Whether it exists.
    pub exists: bool,
    /// Its permission bits.
    pub mode: u32,
    /// Who owns it.
    pub owner: u32,
    /// Who should; `None` if that is not known.
    pub should_own: Option<u32>,
    /// The room there.
    pub room: Option<RoomFacts>,
    /// Whether it is in memory, and gone after a restart of the machine.
    pub in_memory: bool,
    /// Whether it must outlive a restart of the machine.
    pub lasts: bool,
}

/// Room on a file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RoomFacts {
    /// Bytes that are free.
    pub free_bytes: u64,
    /// Bytes below which no run starts.
    pub floor_bytes: u64,
    /// How many more files it can hold, if it has a limit.
    pub files_left: Option<u64>,
}

/// A file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FileFacts {
    /// What it is for.
    pub what: String,
    /// Where it is.
    pub path: PathBuf,
    /// Why it cannot be looked at, if it cannot.
    pub problem: Option<String>,
    /// Its permission bits.
    pub mode: u32,
    /// Whether it holds a secret.
    pub secret: bool,
}

/// The Ansible of the system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AnsibleFacts {
    /// It is there.
    Found {
        /// The version of ansible-core.
        version: String,
    },
    /// It is not.
    Missing {
        /// Why.
        why: String,
    },
}

/// A Python that runtimes are built with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PythonFacts {
    /// The program.
    pub python: PathBuf,
    /// Why it cannot make environments, if it cannot.
    pub problem: Option<String>,
}

/// A runtime that was built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuntimeFacts {
    /// The version of ansible-core.
    pub version: String,
    /// Where it is.
    pub dir: PathBuf,
    /// Whether its Python can still be started.
    pub has_python: bool,
    /// Whether its `ansible-playbook` is there.
    pub has_ansible: bool,
}

/// When a certificate ends: in words, and in how many days.
pub type CertificateEnd = (String, i64);

/// The certificate of the pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFacts {
    /// Its file.
    pub path: PathBuf,
    /// When it ends, where that can be read; or why it cannot be used and what to do.
    pub ends: Result<Option<CertificateEnd>, (String, Option<String>)>,
}

/// The clock.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ClockFacts {
    /// Whether something keeps it right, if that is known.
    pub synchronized: Option<bool>,
    /// How many seconds the newest record of the journal is ahead of the clock.
    pub behind_records_seconds: Option<i64>,
}

/// The database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseFacts {
    /// What `quick_check` says, if not `ok`.
    pub damage: Option<String>,
    /// Its format.
    pub format: u32,
    /// The newest that is known here.
    pub known: u32,
    /// How many records the audit chain has, or the first fault of it.
    pub chain: Result<u64, String>,
}

/// A source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFacts {
    /// Its name.
    pub name: String,
    /// What is wrong: what happened and what to do.
    pub problem: Option<(String, Option<String>)>,
    /// Who found it out.
    pub asked_by: &'static str,
}

/// A host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostFacts {
    /// Its name in the inventory.
    pub name: String,
    /// Where it was looked for.
    pub address: String,
    /// Why it does not answer, if it does not.
    pub problem: Option<String>,
}
