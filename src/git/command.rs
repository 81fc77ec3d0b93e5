//! The only place that puts together a command line of git. Nothing of the machine's own configuration, and nothing
//! that a repository says, may change what git does.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::url::RemoteUrl;
use crate::domain::Reference;

/// The directories where programs are looked for. Fixed, because the daemon's own may hold anything.
pub(super) const PROGRAM_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Variables that are the same for every command. The process environment of the daemon is not handed on.
pub(super) const ENVIRONMENT: &[(&str, &str)] = &[
    ("PATH", PROGRAM_PATH),
    ("LC_ALL", "C.UTF-8"),
    ("GIT_CONFIG_NOSYSTEM", "1"),
    ("GIT_CONFIG_SYSTEM", "/dev/null"),
    ("GIT_ATTR_NOSYSTEM", "1"),
    ("GIT_NO_REPLACE_OBJECTS", "1"),
    ("GIT_NO_LAZY_FETCH", "1"),
    ("GIT_TERMINAL_PROMPT", "0"),
    ("GIT_PROTOCOL_FROM_USER", "0"),
    ("GIT_LFS_SKIP_SMUDGE", "1"),
    ("GIT_OPTIONAL_LOCKS", "0"),
    ("GIT_SSH_VARIANT", "ssh"),
];

/// Options that are the same for every command; `-c` outranks every file.
pub(super) const CONFIGURATION: &[&str] = &[
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.attributesFile=/dev/null",
    "core.askPass=",
    "core.protectNTFS=true",
    "core.protectHFS=true",
    // The cache can be fetched anew, so it need not survive a loss of power.
    "core.fsync=none",
    "safe.bareRepository=explicit",
    "transfer.fsckObjects=true",
    "fetch.fsckObjects=true",
    "transfer.credentialsInUrl=die",
    "protocol.allow=never",
    "submodule.recurse=false",
    "fetch.recurseSubmodules=false",
    // One pack for each fetch: loose objects would not be counted, and never be packed.
    "fetch.unpackLimit=1",
    "credential.helper=",
    "http.followRedirects=false",
    "http.sslVerify=true",
    "gc.auto=0",
    "maintenance.auto=false",
];

/// A value that git would take for an option.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` would be taken for an option")]
pub(super) struct ValueRefused(String);

/// What the commands for one source have in common; the files it names were written by
/// [`super::access::Access::prepare`].
#[derive(Debug, Clone)]
pub(super) struct Surroundings {
    /// The git program.
    pub(super) program: PathBuf,
    /// An empty directory of ours.
    pub(super) home: PathBuf,
    /// The one configuration file that git and the processes it starts read.
    pub(super) global_config: PathBuf,
    /// The ssh configuration, for `ssh -F`.
    pub(super) ssh_config: PathBuf,
    /// Further `-c` options: limits and the certificate authority.
    pub(super) configuration: Vec<String>,
}

/// A command line of git, with its environment.
#[derive(Debug, Clone)]
pub(super) struct GitCommand {
    program: PathBuf,
    home: PathBuf,
    arguments: Vec<OsString>,
    environment: Vec<(&'static str, OsString)>,
}

impl GitCommand {
    /// `git fetch` of exactly one branch or tag into exactly one reference.
    pub(super) fn fetch(
        surroundings: &Surroundings,
        git_dir: &Path,
        url: &RemoteUrl,
        reference: &Reference,
        into: &str,
    ) -> Result<Self, ValueRefused> {
        Self::fetch_refspec(surroundings, git_dir, url, &format!("+{}:{into}", reference.full_name()))
    }

    /// `git fetch` of one object by its hash or one branch, as the refspec says.
    pub(super) fn fetch_refspec(
        surroundings: &Surroundings,
        git_dir: &Path,
        url: &RemoteUrl,
        refspec: &str,
    ) -> Result<Self, ValueRefused> {
        Self::new(surroundings, git_dir, Some(url), "fetch")
            .option("--progress")
            .option("--no-tags")
            .option("--no-write-fetch-head")
            .option("--no-show-forced-updates")
            .option("--no-recurse-submodules")
            .option("--no-auto-maintenance")
            .values([url.as_str(), refspec])
    }

    /// `git ls-remote` of all branches, or all tags, to tell a person which ones there are.
    pub(super) fn branches(
        surroundings: &Surroundings,
        git_dir: &Path,
        url: &RemoteUrl,
        reference: &Reference,
    ) -> Result<Self, ValueRefused> {
        let kind = if reference.tag().is_some() { "--tags" } else { "--heads" };
        let command = Self::new(surroundings, git_dir, Some(url), "ls-remote").option(kind).option("--refs");
        command.values([url.as_str()])
    }

    /// `git repack` of a cache, so that its packs stay few. Nothing is dropped.
    pub(super) fn repack(surroundings: &Surroundings, git_dir: &Path) -> Self {
        Self::new(surroundings, git_dir, None, "repack").option("--geometric=2").option("-d").option("-q")
    }

    /// `git version`, which reads no repository.
    pub(super) fn version(program: &Path) -> Self {
        let environment = ENVIRONMENT.iter().map(|(name, value)| (*name, OsString::from(value))).collect();
        let (program, home) = (program.to_owned(), PathBuf::from("/"));
        Self { program, home, arguments: vec!["version".into()], environment }
    }

    fn new(surroundings: &Surroundings, git_dir: &Path, url: Option<&RemoteUrl>, verb: &'static str) -> Self {
        let mut arguments: Vec<OsString> = Vec::new();
        let fixed = CONFIGURATION.iter().map(|it| (*it).to_owned());
        let allowed = protocols(url).iter().map(|it| format!("protocol.{it}.allow=always"));
        for option in fixed.chain(allowed).chain(surroundings.configuration.iter().cloned()) {
            arguments.extend([OsString::from("-c"), OsString::from(option)]);
        }
        // Joined, so that a directory is never an argument by itself.
        let mut joined = OsString::from("--git-dir=");
        joined.push(git_dir);
        arguments.extend([joined, OsString::from(verb)]);

        let mut environment: Vec<(&'static str, OsString)> =
            ENVIRONMENT.iter().map(|(name, value)| (*name, OsString::from(value))).collect();
        environment.push(("HOME", surroundings.home.clone().into()));
        environment.push(("GIT_CONFIG_GLOBAL", surroundings.global_config.clone().into()));
        environment.push(("GIT_ALLOW_PROTOCOL", protocols(url).join(":").into()));
        let ssh = format!("ssh -F {}", shell_quoted(&surroundings.ssh_config.to_string_lossy()));
        environment.push(("GIT_SSH_COMMAND", ssh.into()));
        if url.is_some_and(|it| !it.is_local()) {
            // One line for each packet of the negotiation: the sign that the other side answers at all.
            environment.push(("GIT_TRACE_PACKET", "1".into()));
        }
        let Surroundings { program, home, .. } = surroundings.clone();
        Self { program, home, arguments, environment }
    }

    fn option(mut self, option: &'static str) -> Self {
        self.arguments.push(option.into());
        self
    }

    /// Ends the options. What follows comes from outside, and none of it may begin with `-` even so.
    fn values<'a>(mut self, values: impl IntoIterator<Item = &'a str>) -> Result<Self, ValueRefused> {
        self.arguments.push("--".into());
        for value in values {
            if value.starts_with('-') || value.is_empty() || value.contains('\0') {
                return Err(ValueRefused(
                    value.chars().take(80).collect::<String>().escape_debug().to_string(),
                ));
            }
            self.arguments.push(value.into());
        }
        Ok(self)
    }

    /// The process to be started: nothing inherited, in a process group of its own.
    pub(super) fn process(&self) -> tokio::process::Command {
        let mut process = tokio::process::Command::new(&self.program);
        process
            .args(&self.arguments)
            .env_clear()
            .envs(self.environment.iter().map(|(name, value)| (*name, value)))
            .current_dir(&self.home)
            .process_group(0)
            .kill_on_drop(true);
        process
    }
}

/// What git may speak. A source of this machine needs nothing but its files; every other one no files.
fn protocols(url: Option<&RemoteUrl>) -> &'static [&'static str] {
    match url {
        Some(url) if url.is_local() => &["file"],
        _ => &["https", "ssh"],
    }
}

/// Text as one word of a shell, whatever is in it. Git hands `GIT_SSH_COMMAND` to one.
pub(super) fn shell_quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}
