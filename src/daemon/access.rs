//! Turns what the operator configured into what Git and Ansible are given. Secrets are read here, at use, and go
//! nowhere but into a file or the environment of the one run.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use crate::ansible::command::{Access, Credential};
use crate::ansible::environment::EnvName;
use crate::ansible::guardian::RunAs;
use crate::ansible::runtime::RuntimeAccess;
use crate::config::{self, Checks, Config, FetchLimits, SecretSource, SourceConfig};
use crate::domain::{Failure, Secret, Span, StackName};
use crate::forge::webhook::Receiver;
use crate::git::{GitAccess, HttpCredential, Limits, Remote, RemoteUrl};

use super::places::RunUser;

/// The checks of a configuration that belong to other modules.
pub(super) const CHECKS: Checks = Checks {
    url: |text, local| RemoteUrl::parse(text, local).map(drop).map_err(|it| it.to_string()),
    env_name: |text| text.parse::<EnvName>().map(drop).map_err(|it| it.to_string()),
    webhook_secret: |provider, secret| Receiver::new(provider, secret).map(drop).map_err(|it| it.to_string()),
};

/// The URL of a source. Local paths are allowed: the operator wrote them.
pub(super) fn url(source: &SourceConfig) -> Result<RemoteUrl, Failure> {
    RemoteUrl::parse(&source.url, true).map_err(|it| Failure::until_changed(it.to_string()))
}

/// How a source is fetched.
pub(super) fn remote(config: &Config, source: &SourceConfig) -> Result<Remote, Failure> {
    let lent = &source.credentials;
    let path = |secret: Option<&SecretSource>| -> Result<Option<PathBuf>, Failure> {
        secret.map(|it| it.path().map(ToOwned::to_owned)).transpose()
    };
    let token = path(lent.https_token.as_ref())?;
    let token =
        token.map(|password_file| HttpCredential::Basic { user: lent.https_user.clone(), password_file });
    let store = lent.git_credentials.clone().map(|file| HttpCredential::Store { file });
    Ok(Remote {
        name: source.policy.name.clone(),
        url: url(source)?,
        reference: source.policy.reference.clone(),
        access: GitAccess {
            ssh_key: path(lent.ssh_key.as_ref())?,
            ssh_agent: lent.ssh_agent.clone(),
            ssh_config: lent.ssh_config.clone(),
            known_hosts: lent.known_hosts.clone(),
            http: token.or(store),
            ca_bundle: lent.ca_bundle.clone(),
        },
        limits: limits(&config.limits.fetch),
    })
}

fn limits(limits: &FetchLimits) -> Limits {
    Limits { connect: duration(limits.connect), stall: duration(limits.stall), total: duration(limits.total) }
}

/// A configured length of time; it is never negative.
pub(super) fn duration(span: Span) -> Duration {
    Duration::try_from(span).unwrap_or_default()
}

/// The user that the runs of a source belong to; `None` is the daemon's own.
pub(super) fn run_user(source: &SourceConfig) -> Result<Option<RunUser>, Failure> {
    let Some(name) = &source.run_as else { return Ok(None) };
    let unknown = || {
        Failure::until_changed(format!("the user `{name}` (`run_as`) does not exist on this machine"))
            .remedy(format!("create it: `useradd --system --create-home {name}`"))
    };
    let user = nix::unistd::User::from_name(name).ok().flatten().ok_or_else(unknown)?;
    Ok(Some(RunUser { uid: user.uid.as_raw(), gid: user.gid.as_raw() }))
}

/// What the runs of a stack are lent. A run of another user cannot read the daemon's files, so it gets their text.
pub(super) fn of_run(
    source: &SourceConfig,
    stack: &StackName,
    user: Option<RunUser>,
) -> Result<Access, Failure> {
    let lent = source.access_for(stack);
    let credential = |secret: &SecretSource, end: &str| -> Result<Credential, Failure> {
        match user {
            None => Ok(Credential::File(secret.path()?.to_owned())),
            Some(_) => Ok(Credential::Text(Secret::new(format!("{}{end}", secret.read()?.expose())))),
        }
    };
    let mut vault_ids = Vec::new();
    for (id, secret) in &lent.vault {
        vault_ids.push((id.clone(), credential(secret, "")?));
    }
    Ok(Access {
        // OpenSSH refuses a key without a line break at its end.
        ssh_key: lent.ssh_key.as_ref().map(|it| credential(it, "\n")).transpose()?,
        ssh_agent: lent.ssh_agent.clone(),
        known_hosts: lent.known_hosts.clone(),
        ssh_config: lent.ssh_config.clone(),
        become_password: lent.become_password.as_ref().map(|it| credential(it, "")).transpose()?,
        vault_ids,
        environment: environment(&lent)?,
        remote_user: lent.remote_user.clone(),
    })
}

fn environment(lent: &config::Access) -> Result<BTreeMap<EnvName, Secret>, Failure> {
    let mut all = BTreeMap::new();
    for (name, secret) in &lent.environment {
        let name = name.parse().map_err(|it: crate::ansible::environment::EnvNameError| {
            Failure::until_changed(it.to_string())
        })?;
        all.insert(name, secret.read()?);
    }
    Ok(all)
}

/// What the Ansible of the control node is asked with.
pub(super) fn of_system(config: &Config) -> RuntimeAccess {
    RuntimeAccess {
        python: PathBuf::from("python3"),
        ansible_playbook: config.paths.system_ansible.clone(),
        environment: BTreeMap::new(),
        run_as: None,
    }
}

/// What a runtime is made ready with.
pub(super) fn of_runtime(
    config: &Config,
    source: &SourceConfig,
    stack: &StackName,
    run_as: Option<RunAs>,
) -> Result<RuntimeAccess, Failure> {
    let lent = source.access_for(stack);
    let python = lent.python.clone().or_else(|| config.paths.python.clone());
    Ok(RuntimeAccess {
        python: python.unwrap_or_else(|| PathBuf::from("python3")),
        ansible_playbook: config.paths.system_ansible.clone(),
        environment: environment(&lent)?,
        run_as,
    })
}
