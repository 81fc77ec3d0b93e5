//! What is started for a run: arguments, environment, and what is handed over in files. Pure.
//!
//! No secret is ever an argument: any user of the machine can read `/proc/<pid>/cmdline` (measured).

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Component, Path, PathBuf};

use serde::Serialize;

use super::environment::{self, EnvName, Environment, empty_config};
use super::place::Place;
use super::runtime::{RepositoryConfig, Runtime};
use crate::domain::{Failure, HostName, Mode, PendingHandler, RunSpec, Secret, TaskIdentity};

mod extra_vars;

/// A credential: where it lies, or the thing itself.
///
/// A run as another user cannot read the files of the daemon. Text is written to a file of the run alone.
#[derive(Debug, Clone)]
pub enum Credential {
    /// A file that the user of the run can read.
    File(PathBuf),
    /// What would be in it.
    Text(Secret),
}

/// What the operator gives to the runs of a stack: credentials and the like. Found by source and stack, never by
/// anything that a repository says.
#[derive(Debug, Clone, Default)]
pub struct Access {
    /// The private key for ssh.
    pub ssh_key: Option<Credential>,
    /// The socket of an ssh agent.
    pub ssh_agent: Option<PathBuf>,
    /// The only file in which host keys are looked up.
    pub known_hosts: Option<PathBuf>,
    /// The only ssh configuration that is read.
    pub ssh_config: Option<PathBuf>,
    /// The password for `become`.
    pub become_password: Option<Credential>,
    /// Vault identities with their passwords, or with programs that print them.
    pub vault_ids: Vec<(String, Credential)>,
    /// Further environment variables.
    pub environment: BTreeMap<EnvName, Secret>,
    /// The user to log in as.
    pub remote_user: Option<String>,
}

/// A file that only the user of the run may read.
#[derive(Debug, Clone)]
pub struct PrivateFile {
    /// Where, inside the run's own directory.
    pub path: PathBuf,
    /// What.
    pub contents: Secret,
}

/// The order: what the launcher reads from descriptor 3, as one line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LauncherSpec {
    /// What each event line begins with.
    pub nonce: String,
    /// The arguments of `ansible-playbook`, its name not included.
    pub argv: Vec<String>,
    /// The tree, to which recorded paths are relative.
    pub checkout: PathBuf,
    /// The key of the digests of loop items, and of wanted content.
    pub item_key: String,
    /// Whether it is to tell what results said.
    pub details: bool,
    /// Whether it is to ask before it touches hosts, and to wait for the answer on the same descriptor.
    pub gate: bool,
    /// The pipe through which it is to announce plaintexts of vaults.
    pub announce: Option<PathBuf>,
    /// Handlers that earlier runs owe.
    pub debts: Vec<Debt>,
}

/// One handler that an earlier run owes to a host. The launcher tells of it by its place in the list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Debt {
    /// The host.
    pub host: HostName,
    /// The notification, as the task gave it.
    pub handler: String,
    /// Which play of the playbook, from 0.
    pub play: u32,
    /// Which part of the play.
    pub section: u32,
    /// Whether the task came from an include that need not be there again.
    pub dynamic: bool,
    /// The task that notified.
    pub task: TaskIdentity,
}

impl From<&(HostName, PendingHandler)> for Debt {
    fn from((host, it): &(HostName, PendingHandler)) -> Self {
        Self {
            host: host.clone(),
            handler: it.handler.clone(),
            play: it.play,
            section: it.section,
            dynamic: it.dynamic,
            task: it.task.clone(),
        }
    }
}

/// All that is needed to start a run.
#[derive(Debug, Clone)]
pub struct Launch {
    /// The Python of the runtime.
    pub program: PathBuf,
    /// The launcher.
    pub args: Vec<String>,
    /// Everything in its environment.
    pub environment: Environment,
    /// Its working directory: the checkout.
    pub cwd: PathBuf,
    /// What the launcher is told.
    pub launcher_spec: LauncherSpec,
    /// What must be written before the start (see [`Place::make`]).
    pub files: Vec<PrivateFile>,
}

impl Launch {
    /// The same run, started by a command that makes a sandbox for it, with this text instead of the repository's
    /// `ansible.cfg`. For a repository whose configuration was not asked for (`RepositoryConfig::default()`).
    #[must_use]
    pub fn in_sandbox(mut self, (program, args): (PathBuf, Vec<String>), config: &str) -> Self {
        (self.program, self.args) = (program, args);
        for file in &mut self.files {
            if Some(file.path.as_path()) == self.environment.get("ANSIBLE_CONFIG").map(Path::new) {
                file.contents = Secret::new(config.to_owned());
            }
        }
        self
    }
}

/// A run that cannot be put into a command line. Nothing was started.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// A path that leaves the repository, or that Ansible would not take for a path.
    #[error(
        "`{value}` cannot be the {what}: it must be a path inside the repository, without `..`, control characters and commas, not beginning with `-` or `@`"
    )]
    Path {
        /// Of what.
        what: &'static str,
        /// As given, escaped.
        value: String,
    },
    /// A value that could be taken for an option or the name of a file.
    #[error(
        "`{value}` cannot be {what}: it must not be empty, begin with `-` or hold `@` or control characters"
    )]
    Value {
        /// Of what.
        what: &'static str,
        /// As given, escaped.
        value: String,
    },
    /// A variable that Ansible cannot hold.
    #[error(
        "`{0}` cannot be the name of an extra variable: use letters, digits and `_`, not beginning with a digit or `__ansible_`"
    )]
    Variable(String),
    /// A key inside a variable that has a meaning of its own to Ansible.
    #[error("the extra variable `{variable}` has the key `{key}`, which Ansible takes for a mark of its own")]
    Key {
        /// The variable.
        variable: String,
        /// The key, escaped.
        key: String,
    },
    /// A path of the operator that ssh would read as something else.
    #[error(
        "{0} cannot be handed to ssh: its path must be absolute and made of letters, digits and `/._-+@=:,`"
    )]
    AwkwardPath(PathBuf),
    /// A directory whose sockets would have too long a path.
    #[error("{0} is too long a path for the sockets of shared ssh connections")]
    LongPath(PathBuf),
}

impl From<CommandError> for Failure {
    fn from(error: CommandError) -> Self {
        let remedy = match &error {
            CommandError::AwkwardPath(_) => {
                "move the file and change the path in the configuration of driftless"
            }
            CommandError::LongPath(_) => "use a state directory with a shorter path",
            _ => "correct it in driftless.yml, or in the request",
        };
        Self::until_changed(error.to_string()).remedy(remedy)
    }
}

/// A random token of 32 hexadecimal digits: nonces and keys.
pub fn random_token() -> std::io::Result<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(std::io::Error::other)?;
    Ok(bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").ok(); // Writing to a string cannot fail.
        text
    }))
}

/// Says what is started for a run.
pub fn launch(
    spec: &RunSpec,
    place: &Place,
    access: &Access,
    runtime: &Runtime,
    repository: &RepositoryConfig,
) -> Result<Launch, CommandError> {
    let mut files =
        vec![PrivateFile { path: empty_config(&place.work()), contents: Secret::new(String::new()) }];
    let mut argv = selection(spec, place)?;
    if !spec.extra_vars.is_empty() {
        let contents = extra_vars::literal(&spec.extra_vars)?.to_string();
        let path = place.work().join("vars.json");
        argv.push(format!("--extra-vars=@{}", path.display()));
        files.push(PrivateFile { path, contents: Secret::new(contents) });
    }
    argv.extend(credentials(place, access, &mut files)?);
    argv.push("--".to_owned());
    argv.push(in_checkout("playbook", place, &spec.playbook)?);
    Ok(Launch {
        program: runtime.python.clone(),
        // Isolated: neither the directory of a file nor a user's own packages are on Python's path.
        args: vec!["-I".to_owned(), "-B".to_owned(), place.launcher.display().to_string()],
        environment: environment::of_run(place, access, runtime, repository)?,
        cwd: place.checkout.clone(),
        launcher_spec: LauncherSpec {
            nonce: place.nonce.clone(),
            argv,
            checkout: place.checkout.clone(),
            item_key: place.item_key.expose().to_owned(),
            details: true,
            gate: true,
            announce: Some(place.announcements()),
            // In check mode a handler only says that it would run.
            debts: match spec.mode {
                Mode::Apply => spec.debts.iter().map(Debt::from).collect(),
                Mode::Check => Vec::new(),
            },
        },
        files,
    })
}

/// What is run on which hosts and how. Each value is joined to its option, so it cannot become one.
fn selection(spec: &RunSpec, place: &Place) -> Result<Vec<String>, CommandError> {
    let mut argv = vec![format!("--inventory={}", in_checkout("inventory", place, &spec.inventory)?)];
    if let Some(limit) = &spec.limit {
        argv.push(format!("--limit={}", plain("a limit", limit)?));
    }
    for (option, what, tags) in
        [("--tags", "a tag", &spec.tags), ("--skip-tags", "a tag to skip", &spec.skip_tags)]
    {
        if !tags.is_empty() {
            let tags: Vec<&str> = tags.iter().map(|tag| plain(what, tag)).collect::<Result<_, _>>()?;
            argv.push(format!("{option}={}", tags.join(",")));
        }
    }
    if let Some(forks) = spec.forks {
        argv.push(format!("--forks={}", forks.max(1)));
    }
    if spec.mode == Mode::Check {
        argv.push("--check".to_owned());
    }
    // What an apply changed is asked for as often as what a check found. Tasks may say `diff: false`.
    argv.push("--diff".to_owned());
    Ok(argv)
}

fn credentials(
    place: &Place,
    access: &Access,
    files: &mut Vec<PrivateFile>,
) -> Result<Vec<String>, CommandError> {
    let mut path_of = |name: &str, credential: &Credential, line: bool| match credential {
        Credential::File(path) => path.display().to_string(),
        Credential::Text(secret) => {
            let path = place.work().join(name);
            let text = secret.expose();
            // ssh refuses a key whose last line has no end.
            let end = if line && !text.ends_with('\n') { "\n" } else { "" };
            files.push(PrivateFile { path: path.clone(), contents: Secret::new(format!("{text}{end}")) });
            path.display().to_string()
        }
    };
    let mut argv = Vec::new();
    if let Some(user) = &access.remote_user {
        argv.push(format!("--user={}", plain("a remote user", user)?));
    }
    if let Some(key) = &access.ssh_key {
        argv.push(format!("--private-key={}", path_of("ssh-key", key, true)));
    }
    if let Some(password) = &access.become_password {
        argv.push(format!("--become-password-file={}", path_of("become", password, false)));
    }
    for (number, (id, password)) in access.vault_ids.iter().enumerate() {
        let id = plain("a vault identity", id)?;
        argv.push(format!("--vault-id={id}@{}", path_of(&format!("vault-{number}"), password, false)));
    }
    Ok(argv)
}

/// The absolute path of something in the checkout. Absolute, because Ansible takes a relative `a.b.yml` for a
/// playbook of a collection, and what holds a comma for a list of hosts.
fn in_checkout(what: &'static str, place: &Place, given: &str) -> Result<String, CommandError> {
    let refused = || CommandError::Path { what, value: given.escape_debug().to_string() };
    let inside =
        Path::new(given).components().all(|it| matches!(it, Component::Normal(_) | Component::CurDir));
    let plain = !given.is_empty()
        && !given.starts_with(['-', '@'])
        && !given.chars().any(|it| it.is_control() || it == ',');
    if !inside || !plain {
        return Err(refused());
    }
    let path = place.checkout.join(given).components().collect::<PathBuf>();
    let path = path.to_str().ok_or_else(refused)?;
    if path.contains(',') {
        Err(CommandError::AwkwardPath(place.checkout.clone()))
    } else {
        Ok(path.to_owned())
    }
}

/// `--limit @/etc/passwd` prints that file, and so does `--limit web,@/etc/passwd` (measured).
fn plain<'a>(what: &'static str, given: &'a str) -> Result<&'a str, CommandError> {
    let refused = given.trim().is_empty()
        || given.trim_start().starts_with('-')
        || given.chars().any(|it| it.is_control() || it == '@');
    if refused {
        Err(CommandError::Value { what, value: given.escape_debug().to_string() })
    } else {
        Ok(given)
    }
}

#[cfg(test)]
mod tests;
