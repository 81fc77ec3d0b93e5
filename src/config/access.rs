//! What the operator lends to fetches and runs: keys, passwords, tokens. Never their text, only where it is.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::value::{Pointer, Value};
use crate::domain::{Failure, Secret};

/// The most that is read of a secret. Keys are a few KiB.
const LARGEST: u64 = 64 * 1024;

/// Where a secret is. It is read when it is used, so that a changed one counts at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretSource {
    pointer: Pointer,
    path: Option<PathBuf>,
}

impl SecretSource {
    pub(super) fn new(pointer: Pointer, credentials_dir: Option<&Path>) -> Self {
        let path = match &pointer {
            Pointer::File(path) => Some(path.clone()),
            Pointer::Credential(name) => credentials_dir.map(|it| it.join(name)),
        };
        Self { pointer, path }
    }

    /// A secret in a file.
    pub fn file(path: PathBuf) -> Self {
        Self::new(Pointer::File(path), None)
    }

    /// How it is written in the configuration: `file /etc/…` or `credential deploy-key`.
    pub fn describe(&self) -> String {
        match &self.pointer {
            Pointer::File(path) => format!("file {}", path.display()),
            Pointer::Credential(name) => format!("credential {name}"),
        }
    }

    /// The file that holds it, for programs that want a path. A systemd credential is a file too.
    pub fn path(&self) -> Result<&Path, Failure> {
        self.path.as_deref().ok_or_else(|| {
            Failure::until_changed(format!(
                "{} cannot be read: systemd handed no credentials over",
                self.describe()
            ))
            .remedy("add `LoadCredential=` to the unit and restart, or write `file:` instead")
        })
    }

    /// Its text, without the line break at the end.
    pub fn read(&self) -> Result<Secret, Failure> {
        let path = self.path()?;
        let said = |what: String| Failure::until_changed(format!("{} {what}", self.describe()));
        let mut text = String::new();
        let file = std::fs::File::open(path).map_err(|error| {
            said(format!("cannot be read: {error}"))
                .remedy("create it, readable for the user that driftless runs as")
        })?;
        file.take(LARGEST + 1)
            .read_to_string(&mut text)
            .map_err(|error| said(format!("cannot be read: {error}")).remedy("it must be a text file"))?;
        if LARGEST < text.len() as u64 {
            return Err(said("is larger than 64 KiB".to_owned()).remedy("it must hold the secret alone"));
        }
        let end = text.strip_suffix('\n').map_or(text.len(), |it| it.strip_suffix('\r').unwrap_or(it).len());
        text.truncate(end);
        if text.is_empty() {
            return Err(said("is empty".to_owned()).remedy("write the secret into it"));
        }
        Ok(Secret::new(text))
    }
}

/// How a repository is reached.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Credentials {
    /// Private key.
    pub ssh_key: Option<SecretSource>,
    /// Socket of an ssh agent.
    pub ssh_agent: Option<PathBuf>,
    /// Host keys of the server.
    pub known_hosts: Option<PathBuf>,
    /// An ssh configuration.
    pub ssh_config: Option<PathBuf>,
    /// User for `https_token`.
    pub https_user: String,
    /// Token or password for `https://`.
    pub https_token: Option<SecretSource>,
    /// A file of `git credential-store`.
    pub git_credentials: Option<PathBuf>,
    /// Certificates that the server may be signed by.
    pub ca_bundle: Option<PathBuf>,
}

/// How the hosts of a stack are reached.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Access {
    /// Private key.
    pub ssh_key: Option<SecretSource>,
    /// Socket of an ssh agent.
    pub ssh_agent: Option<PathBuf>,
    /// Host keys of the hosts.
    pub known_hosts: Option<PathBuf>,
    /// An ssh configuration.
    pub ssh_config: Option<PathBuf>,
    /// The user to log in as.
    pub remote_user: Option<String>,
    /// The password for `become`.
    pub become_password: Option<SecretSource>,
    /// Vault passwords by vault id.
    pub vault: BTreeMap<String, SecretSource>,
    /// Environment variables.
    pub environment: BTreeMap<String, SecretSource>,
    /// The Python that managed runtimes are built with.
    pub python: Option<PathBuf>,
}

impl Access {
    /// These, outranked key by key by others.
    #[must_use]
    pub fn outranked_by(&self, other: &Self) -> Self {
        fn first<T: Clone>(one: Option<&T>, other: Option<&T>) -> Option<T> {
            one.or(other).cloned()
        }
        let both = |one: &BTreeMap<String, SecretSource>, other: &BTreeMap<String, SecretSource>| {
            one.iter().chain(other).map(|(name, it)| (name.clone(), it.clone())).collect()
        };
        Self {
            ssh_key: first(other.ssh_key.as_ref(), self.ssh_key.as_ref()),
            ssh_agent: first(other.ssh_agent.as_ref(), self.ssh_agent.as_ref()),
            known_hosts: first(other.known_hosts.as_ref(), self.known_hosts.as_ref()),
            ssh_config: first(other.ssh_config.as_ref(), self.ssh_config.as_ref()),
            remote_user: first(other.remote_user.as_ref(), self.remote_user.as_ref()),
            become_password: first(other.become_password.as_ref(), self.become_password.as_ref()),
            vault: both(&self.vault, &other.vault),
            environment: both(&self.environment, &other.environment),
            python: first(other.python.as_ref(), self.python.as_ref()),
        }
    }
}

/// Turns checked values into credentials and access.
pub(super) struct Lender<'a> {
    pub(super) credentials_dir: Option<&'a Path>,
}

impl Lender<'_> {
    pub(super) fn secret(&self, value: &Value, key: &str) -> Option<SecretSource> {
        let pointer = value.get(key)?.as_pointer()?.clone();
        Some(SecretSource::new(pointer, self.credentials_dir))
    }

    fn secrets(&self, value: &Value, key: &str) -> BTreeMap<String, SecretSource> {
        let source = |pointer: &Pointer| SecretSource::new(pointer.clone(), self.credentials_dir);
        let entries = value.named(key).iter();
        entries.filter_map(|(name, value)| Some((name.text.clone(), source(value.as_pointer()?)))).collect()
    }

    pub(super) fn credentials(&self, value: &Value) -> Credentials {
        Credentials {
            ssh_key: self.secret(value, "ssh_key"),
            ssh_agent: value.path("ssh_agent"),
            known_hosts: value.path("known_hosts"),
            ssh_config: value.path("ssh_config"),
            https_user: value.owned("https_user").unwrap_or_default(),
            https_token: self.secret(value, "https_token"),
            git_credentials: value.path("git_credentials"),
            ca_bundle: value.path("ca_bundle"),
        }
    }

    pub(super) fn access(&self, value: &Value) -> Access {
        Access {
            ssh_key: self.secret(value, "ssh_key"),
            ssh_agent: value.path("ssh_agent"),
            known_hosts: value.path("known_hosts"),
            ssh_config: value.path("ssh_config"),
            remote_user: value.owned("remote_user"),
            become_password: self.secret(value, "become_password"),
            vault: self.secrets(value, "vault"),
            environment: self.secrets(value, "environment"),
            python: value.path("python"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_read_at_use_without_its_line_break() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("token");
        let secret = SecretSource::file(path.clone());
        let failure = secret.read().expect_err("it is not there yet");
        assert!(failure.message.starts_with("file /") && failure.remedy.is_some(), "{failure}");
        std::fs::write(&path, "hunter2\n").expect("written");
        assert_eq!(secret.read().map(|it| it.expose().to_owned()), Ok("hunter2".to_owned()));
        std::fs::write(&path, "\n").expect("written");
        assert!(secret.read().is_err());
        assert!(!format!("{secret:?}").contains("hunter2"));
    }

    #[test]
    fn a_credential_is_a_file_that_systemd_makes() {
        let pointer = Pointer::Credential("deploy-key".to_owned());
        let with = SecretSource::new(pointer.clone(), Some(Path::new("/run/credentials/x")));
        assert_eq!(with.path(), Ok(Path::new("/run/credentials/x/deploy-key")));
        let without = SecretSource::new(pointer, None).path().map(Path::to_owned).expect_err("no systemd");
        assert!(without.message.contains("credential deploy-key"), "{without}");
    }
}
