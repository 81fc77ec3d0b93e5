//! The environment of Ansible: made from nothing, every variable with its reason.
//!
//! Ansible takes settings from the command line first, then from its environment, then from `ansible.cfg`
//! (measured, `ansible-facts` 1.9). So what stands here wins over the repository's `ansible.cfg`, and what is not
//! here stays the repository's own choice.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::command::{Access, CommandError};
use super::place::Place;
use super::runtime::{RepositoryConfig, Runtime};
use crate::domain::Secret;

/// The variable by which processes of a run are recognised when even its guardian is gone.
pub const RUN_MARKER: &str = "DRIFTLESS_RUN";

/// Where programs are looked for, after the runtime's own directory.
pub const SYSTEM_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The callback through which events come.
const CALLBACK: &str = "driftless.core.events";

/// The longest path of a unix socket (`man 7 unix`), its end included.
const SOCKET_PATH_BYTES: usize = 108;
/// What Ansible and ssh append to the directory of control sockets: `/`, ten digits, `.` and 16 random letters.
const CONTROL_NAME_BYTES: usize = 28;

/// Environment variables that change how programs are loaded, or that belong to driftless, Ansible, Git, ssh or
/// Python: an operator sets these by other means or not at all.
const REFUSED: [&str; 29] = [
    "BASH_ENV",
    "CDPATH",
    "ENV",
    "GCONV_PATH",
    "GLIBC_TUNABLES",
    "GLOBIGNORE",
    "HOME",
    "IFS",
    "LANG",
    "LANGUAGE",
    "LOCPATH",
    "LOGNAME",
    "MAIL",
    "NODE_OPTIONS",
    "NLSPATH",
    "OPENSSL_CONF",
    "OPENSSL_MODULES",
    "PATH",
    "PROMPT_COMMAND",
    "PS4",
    "PWD",
    "RUBYLIB",
    "RUBYOPT",
    "SHELL",
    "SHELLOPTS",
    "TERMINFO",
    "TMPDIR",
    "USER",
    "VIRTUAL_ENV",
];
const REFUSED_FAMILIES: [&str; 11] = [
    "ANSIBLE_",
    "BASH_FUNC_",
    "DRIFTLESS_",
    "DYLD_",
    "GIT_",
    "LC_",
    "LD_",
    "MALLOC_",
    "PERL5",
    "PYTHON",
    "SSH_",
];

/// The name of an environment variable that an operator may set.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EnvName(String);

/// A name that may not be set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnvNameError {
    /// It is not written like one.
    #[error("`{0}` is not the name of an environment variable: use capital letters, digits and `_`")]
    Shape(String),
    /// It would change how programs are loaded or configured.
    #[error(
        "the environment variable `{0}` cannot be set: it belongs to the loader, to a shell, to Ansible, Git, ssh or Python, or to driftless"
    )]
    Refused(String),
}

impl EnvName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EnvName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for EnvName {
    type Err = EnvNameError;
    fn from_str(given: &str) -> Result<Self, EnvNameError> {
        let shape = given.starts_with(|it: char| it.is_ascii_uppercase())
            && given.chars().all(|it| it.is_ascii_uppercase() || it.is_ascii_digit() || it == '_')
            && given.len() <= 200;
        if !shape {
            return Err(EnvNameError::Shape(given.escape_debug().to_string()));
        }
        if REFUSED.contains(&given) || REFUSED_FAMILIES.iter().any(|family| given.starts_with(family)) {
            return Err(EnvNameError::Refused(given.to_owned()));
        }
        Ok(Self(given.to_owned()))
    }
}

/// All environment variables of a child. Values can be secrets, so `Debug` shows only the names.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Environment(BTreeMap<String, String>);

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Environment {
    /// What every child of ours gets: a UTF-8 locale, without which Ansible refuses to start, a home, a path.
    pub fn basic(home: &Path, temporary: &Path, first_in_path: Option<&Path>) -> Self {
        let mut it = Self::default();
        it.set("LC_ALL", "C.UTF-8");
        it.set_path("HOME", home);
        it.set_path("TMPDIR", temporary);
        let first = first_in_path.map(|it| format!("{}:", it.display())).unwrap_or_default();
        it.set("PATH", format!("{first}{SYSTEM_PATH}"));
        it
    }

    /// Sets one variable.
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        self.0.insert(name.to_owned(), value.into());
    }

    /// Sets a variable to a path. Paths of ours are UTF-8: they are made of configuration, which is text.
    pub fn set_path(&mut self, name: &str, value: &Path) {
        self.set(name, value.display().to_string());
    }

    /// Adds what the operator gives. Their names cannot hide one of ours: [`EnvName`] sees to that.
    pub fn add_operators(&mut self, given: &BTreeMap<EnvName, Secret>) {
        for (name, value) in given {
            self.set(name.as_str(), value.expose());
        }
    }

    /// The value of a variable.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// All of it, for the one place that starts a process with it.
    pub(super) fn expose(&self) -> &BTreeMap<String, String> {
        &self.0
    }
}

/// The environment of one run.
pub(super) fn of_run(
    place: &Place,
    access: &Access,
    runtime: &Runtime,
    repository: &RepositoryConfig,
) -> Result<Environment, CommandError> {
    let mut it = Environment::basic(&place.home, &place.temporary(), Some(&runtime.bin_dir));
    it.add_operators(&access.environment);
    it.set_path(RUN_MARKER, &place.run_dir);
    it.set_path("DRIFTLESS_STATE_DIR", &place.state_dir);
    set_python(&mut it);
    set_places(&mut it, place, runtime, repository)?;
    set_behaviour(&mut it, repository);
    set_connection(&mut it, access)?;
    Ok(it)
}

fn set_python(it: &mut Environment) {
    // Our callback is a collection on Python's path, where the launcher puts it: the repository's own callback
    // directory keeps working.
    it.set("ANSIBLE_COLLECTIONS_SCAN_SYS_PATH", "1");
    // For what the run starts: the checkout is read-only and is hashed again after the run.
    it.set("PYTHONDONTWRITEBYTECODE", "1");
    it.set("PYTHONUNBUFFERED", "1");
}

fn set_places(
    it: &mut Environment,
    place: &Place,
    runtime: &Runtime,
    repository: &RepositoryConfig,
) -> Result<(), CommandError> {
    // The repository's, or an empty one: never what lies in `~` or /etc, which differs from machine to machine.
    it.set_path("ANSIBLE_CONFIG", &place.ansible_config(repository));
    it.set_path("ANSIBLE_HOME", &place.ansible_home());
    it.set_path("ANSIBLE_LOCAL_TEMP", &place.temporary());
    let sockets = place.control_sockets();
    if SOCKET_PATH_BYTES < sockets.as_os_str().len() + CONTROL_NAME_BYTES {
        return Err(CommandError::LongPath(sockets));
    }
    it.set_path("ANSIBLE_SSH_CONTROL_PATH_DIR", &sockets);
    // After the repository's own, which would be replaced otherwise. Unset, Ansible's defaults hold.
    let list = |own: &[String], ours: &Path| {
        let ours = ours.display().to_string();
        own.iter().cloned().chain([ours]).collect::<Vec<_>>().join(":")
    };
    if let Some(ours) = &runtime.roles_path {
        it.set("ANSIBLE_ROLES_PATH", list(&repository.roles_path, ours));
    }
    if let Some(ours) = &runtime.collections_path {
        it.set("ANSIBLE_COLLECTIONS_PATH", list(&repository.collections_path, ours));
    }
    Ok(())
}

fn set_behaviour(it: &mut Environment, repository: &RepositoryConfig) {
    let mut callbacks = repository.callbacks_enabled.clone();
    callbacks.retain(|callback| callback != CALLBACK);
    callbacks.push(CALLBACK.to_owned());
    it.set("ANSIBLE_CALLBACKS_ENABLED", callbacks.join(","));
    for (name, value) in [
        // A missing or broken inventory is an error, not a warning and exit status 0.
        ("ANSIBLE_INVENTORY_UNPARSED_FAILED", "1"),
        ("ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED", "1"),
        // Nobody is there to answer.
        ("ANSIBLE_ASK_PASS", "0"),
        ("ANSIBLE_ASK_VAULT_PASS", "0"),
        ("ANSIBLE_BECOME_ASK_PASS", "0"),
        // The log is text, says no more than it must, and nothing is left beside the playbook.
        ("ANSIBLE_NOCOLOR", "1"),
        ("ANSIBLE_FORCE_COLOR", "0"),
        ("ANSIBLE_NOCOWS", "1"),
        ("ANSIBLE_DISPLAY_ARGS_TO_STDOUT", "0"),
        ("ANSIBLE_VERBOSITY", "0"),
        ("ANSIBLE_DEBUG", "0"),
        ("ANSIBLE_RETRY_FILES_ENABLED", "0"),
        ("ANSIBLE_LOCALHOST_WARNING", "0"),
    ] {
        it.set(name, value);
    }
}

/// ssh as the operator wants it.
///
/// Host keys are checked whatever `ansible.cfg` says. The operator's files go into the *extra* arguments, which
/// repositories hardly use, so that the repository's own `ssh_args` (connection sharing) and `ssh_common_args` (jump
/// hosts) stay. ssh takes the first value that it gets for an option, so a repository that names its own
/// `known_hosts` gets it: who may push to it owns the stack.
fn set_connection(it: &mut Environment, access: &Access) -> Result<(), CommandError> {
    it.set("ANSIBLE_HOST_KEY_CHECKING", "1");
    if let Some(socket) = &access.ssh_agent {
        it.set_path("SSH_AUTH_SOCK", socket);
    }
    let mut options = Vec::new();
    if let Some(config) = &access.ssh_config {
        options.push(format!("-F {}", plain_path(config)?));
    }
    if let Some(known_hosts) = &access.known_hosts {
        options.push(format!("-o UserKnownHostsFile={}", plain_path(known_hosts)?));
        options.push("-o GlobalKnownHostsFile=/dev/null".to_owned());
        options.push("-o StrictHostKeyChecking=yes".to_owned());
    }
    if access.ssh_key.is_some() && access.ssh_agent.is_none() {
        // The named key, not also whatever lies in the home directory of the user.
        options.push("-o IdentitiesOnly=yes".to_owned());
    }
    if !options.is_empty() {
        for program in ["SSH", "SFTP", "SCP"] {
            it.set(&format!("ANSIBLE_{program}_EXTRA_ARGS"), options.join(" "));
        }
    }
    Ok(())
}

/// A path that means itself to Ansible's splitting of arguments and to ssh, which has quotes, `%` and `~` of its own.
fn plain_path(path: &Path) -> Result<&str, CommandError> {
    let plain = |it: &&str| {
        it.starts_with('/') && it.chars().all(|it| it.is_ascii_alphanumeric() || "/._-+@=:,".contains(it))
    };
    path.to_str().filter(plain).ok_or_else(|| CommandError::AwkwardPath(path.to_owned()))
}

/// Joins directories as Ansible lists them.
pub(super) fn split_path_list(value: &serde_json::Value) -> Vec<String> {
    match value {
        serde_json::Value::Array(entries) => {
            entries.iter().filter_map(|it| it.as_str().map(str::to_owned)).collect()
        }
        serde_json::Value::String(text) => {
            text.split(':').filter(|it| !it.is_empty()).map(str::to_owned).collect()
        }
        _ => Vec::new(),
    }
}

/// A file that Ansible reads as configuration and that says nothing. Ansible judges the kind of a file by its
/// ending, so `/dev/null` is an error to it (measured).
pub(super) fn empty_config(directory: &Path) -> PathBuf {
    directory.join("none.cfg")
}
