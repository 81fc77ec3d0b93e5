//! The Ansible that runs a stack: the operator's, or one that the repository declares.
//!
//! A declared one is a Python environment with collections and roles. It is built once for what was declared and
//! kept under the hash of that; the hash is in the record of each run. There is no lock file for collections and
//! roles, so what was resolved is recorded beside it.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use super::environment::EnvName;
use super::guardian::RunAs;
use super::helper::{Helper, HelperOutput};
use crate::domain::{Failure, RuntimeSpec, Secret};

mod build;
mod declared;
mod repository;
mod system;

pub use build::all_recorded;

use system::Stamp;

/// An Ansible that is ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Runtime {
    /// Its Python.
    pub python: PathBuf,
    /// Where its programs are; first in the `PATH` of a run.
    pub bin_dir: PathBuf,
    /// Hash of what was declared, or `system-` and the version.
    pub hash: String,
    /// The version of ansible-core.
    pub version: String,
    /// Collections that the repository declares.
    pub collections_path: Option<PathBuf>,
    /// Roles that the repository declares.
    pub roles_path: Option<PathBuf>,
}

/// What the repository's `ansible.cfg` says, as far as it must be merged with what driftless sets.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RepositoryConfig {
    /// Whether there is an `ansible.cfg` at the root of the checkout.
    pub has_config: bool,
    /// `callbacks_enabled`.
    pub callbacks_enabled: Vec<String>,
    /// `roles_path`, absolute.
    pub roles_path: Vec<String>,
    /// `collections_path`, absolute.
    pub collections_path: Vec<String>,
}

/// What the operator gives for making an Ansible ready.
#[derive(Debug, Clone)]
pub struct RuntimeAccess {
    /// The Python that declared environments are made with.
    pub python: PathBuf,
    /// The `ansible-playbook` of the system; looked for in the path if absent.
    pub ansible_playbook: Option<PathBuf>,
    /// Environment variables for `pip` and `ansible-galaxy`: a package index, a proxy.
    pub environment: BTreeMap<EnvName, Secret>,
    /// As whom packages are installed, since installing one executes it: the user of the runs.
    pub run_as: Option<RunAs>,
}

/// Why no Ansible is ready.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// There is none.
    #[error("ansible-playbook is not in {0}")]
    NoAnsible(String),
    /// There is one, and it is not one.
    #[error("{path} does not work as ansible-playbook: {detail}")]
    NotAnsible {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        detail: String,
    },
    /// The Python of the operator does not work.
    #[error("{python} does not work as Python: {detail}")]
    Python {
        /// The program.
        python: PathBuf,
        /// What it said.
        detail: String,
    },
    /// What is declared cannot be used.
    #[error("{0}")]
    Declared(String),
    /// A step of the build failed. What it said is in the log.
    #[error("{step} failed: {detail} (all of it is in {log})")]
    Build {
        /// Which step.
        step: &'static str,
        /// The lines that say why.
        detail: String,
        /// Everything that was said.
        log: PathBuf,
        /// Whether the network or the package index seems to be the cause.
        passing: bool,
    },
    /// The repository's configuration could not be read.
    #[error("ansible.cfg cannot be read: {0}")]
    Config(String),
    /// The machine refuses.
    #[error("failed to {action}")]
    System {
        /// What was to be done.
        action: &'static str,
        /// What it said.
        #[source]
        source: std::io::Error,
    },
}

impl RuntimeError {
    fn system(action: &'static str) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::System { action, source }
    }
}

impl From<RuntimeError> for Failure {
    fn from(error: RuntimeError) -> Self {
        let message = match &error {
            RuntimeError::System { source, .. } => format!("{error}: {source}"),
            _ => error.to_string(),
        };
        match error {
            RuntimeError::NoAnsible(_) | RuntimeError::NotAnsible { .. } => Self::until_changed(message)
                .remedy("install ansible-core on this machine, or declare `ansible: core:` in driftless.yml"),
            RuntimeError::Python { .. } => Self::until_changed(message)
                .remedy("name a Python 3 with `venv` in the configuration (on Debian: install python3-venv)"),
            RuntimeError::Declared(_) => Self::until_changed(message).remedy("correct driftless.yml"),
            RuntimeError::Config(_) => Self::until_changed(message).remedy("correct ansible.cfg"),
            RuntimeError::Build { passing: false, .. } => Self::until_changed(message)
                .remedy("correct what `ansible:` in driftless.yml and its files declare"),
            RuntimeError::Build { .. } => {
                Self::soon(message).remedy("see whether this machine reaches the package index")
            }
            RuntimeError::System { .. } => Self::soon(message),
        }
    }
}

/// All Ansibles of this control node.
#[derive(Debug)]
pub struct Runtimes {
    /// Where declared ones are built and kept.
    dir: PathBuf,
    /// The `driftless` program, whose hidden subcommand guards what is executed here.
    guardian: PathBuf,
    /// The path in which the system's `ansible-playbook` is looked for.
    search_path: String,
    /// One lock per hash: what many stacks declare is built once.
    building: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
    /// What programs answered, by the state of their files.
    answers: Mutex<HashMap<(PathBuf, Stamp), system::Answer>>,
    /// What configurations say, by hash.
    configs: Mutex<HashMap<String, RepositoryConfig>>,
}

impl Runtimes {
    /// The runtimes below `dir`, which is made if it is not there. `search_path` is written like `PATH`.
    pub fn new(dir: PathBuf, guardian: PathBuf, search_path: String) -> Result<Self, RuntimeError> {
        use std::os::unix::fs::PermissionsExt;
        // Runs of other users read what is in it: packages, no secrets. Whatever the umask of the service is.
        std::fs::create_dir_all(&dir)
            .and_then(|()| std::fs::set_permissions(&dir, std::fs::Permissions::from_mode(0o755)))
            .map_err(RuntimeError::system("make the directory of the runtimes"))?;
        Ok(Self {
            dir,
            guardian,
            search_path,
            building: Mutex::default(),
            answers: Mutex::default(),
            configs: Mutex::default(),
        })
    }

    /// Makes an Ansible ready: at once if it is known, else by asking it or by building it, which can take minutes.
    pub async fn prepare(
        &self,
        spec: &RuntimeSpec,
        checkout: &Path,
        access: &RuntimeAccess,
    ) -> Result<Runtime, RuntimeError> {
        match spec {
            RuntimeSpec::System => self.system(access).await,
            RuntimeSpec::Managed { core, requirements, galaxy } => {
                let access = &RuntimeAccess { python: self.python(&access.python)?, ..access.clone() };
                let python = self.python_version(&access.python).await?;
                let uid = access.run_as.map(|it| it.uid);
                let files =
                    declared::Files { requirements: requirements.as_deref(), galaxy: galaxy.as_deref() };
                let declared = declared::Declared::read(core, files, checkout, &python, uid)?;
                self.managed(&declared, checkout, access).await
            }
        }
    }

    async fn ask(&self, helper: Helper) -> Result<HelperOutput, std::io::Error> {
        helper.run(&self.guardian, &self.dir).await
    }
}

/// A lock whose owner panicked is as good as any: all values behind these are caches.
fn held<T>(lock: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
