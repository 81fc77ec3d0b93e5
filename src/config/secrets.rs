//! All files with secrets that the configuration names, in one place: who may read them is looked at.

use std::path::Path;

use super::access::{Access, Credentials, SecretSource};
use super::alerts::ReceiverKind;
use super::operator::{Config, SourceConfig};

/// The files, each once, by what they are for.
#[derive(Default)]
struct Files<'a>(Vec<(String, &'a Path)>);

impl Config {
    /// Each file with a secret that the configuration names, with what it is for. Credentials are not among them where
    /// systemd handed none over: their files are of the service alone.
    pub fn secret_files(&self) -> Vec<(String, &Path)> {
        let mut files = Files::default();
        for source in self.sources.values() {
            files.source(source);
        }
        if let Some(tls) = &self.tls {
            files.secret("the key of the certificate (`tls.key`)", &tls.key);
        }
        if let Some(oidc) = &self.sign_in.oidc {
            files.secret("the secret of `sign_in.oidc`", &oidc.client_secret);
        }
        let keys =
            [("the key (`audit.key`)", &self.audit.key), ("`audit.previous_key`", &self.audit.previous_key)];
        for (what, key) in keys {
            files.may(what, key.as_ref());
        }
        for (name, receiver) in &self.alerts.receivers {
            files.receiver(name.as_str(), &receiver.kind);
        }
        files.0
    }
}

impl<'a> Files<'a> {
    fn path(&mut self, what: &str, path: &'a Path) {
        if self.0.iter().all(|(_, known)| *known != path) {
            self.0.push((what.to_owned(), path));
        }
    }

    fn secret(&mut self, what: &str, secret: &'a SecretSource) {
        if let Ok(path) = secret.path() {
            self.path(what, path);
        }
    }

    fn may(&mut self, what: &str, secret: Option<&'a SecretSource>) {
        if let Some(secret) = secret {
            self.secret(what, secret);
        }
    }

    fn source(&mut self, source: &'a SourceConfig) {
        let name = source.policy.name.as_str();
        // Each field is named, so that a new one is not forgotten here.
        let Credentials {
            ssh_key,
            https_token,
            git_credentials,
            ssh_agent: _,
            known_hosts: _,
            ssh_config: _,
            https_user: _,
            ca_bundle: _,
        } = &source.credentials;
        self.may(&format!("the ssh key of the source {name}"), ssh_key.as_ref());
        self.may(&format!("the token of the source {name}"), https_token.as_ref());
        if let Some(path) = git_credentials {
            self.path(&format!("the credentials (`git_credentials`) of the source {name}"), path);
        }
        if let Some(webhook) = &source.webhook {
            self.secret(&format!("the secret of the webhook of {name}"), &webhook.secret);
        }
        if let Some(forge) = &source.forge {
            self.secret(&format!("the token of the forge of {name}"), &forge.token);
        }
        self.access(name, &source.access);
        for (stack, it) in &source.stacks {
            self.access(&format!("{name}/{stack}"), &it.access);
        }
    }

    fn access(&mut self, of: &str, access: &'a Access) {
        let Access {
            ssh_key,
            become_password,
            vault,
            environment,
            ssh_agent: _,
            known_hosts: _,
            ssh_config: _,
            remote_user: _,
            python: _,
        } = access;
        self.may(&format!("the ssh key of runs of {of}"), ssh_key.as_ref());
        self.may(&format!("the become password of {of}"), become_password.as_ref());
        for (id, secret) in vault {
            self.secret(&format!("the vault password {id} of {of}"), secret);
        }
        for (variable, secret) in environment {
            self.secret(&format!("the variable {variable} of {of}"), secret);
        }
    }

    fn receiver(&mut self, name: &str, kind: &'a ReceiverKind) {
        let secret = match kind {
            ReceiverKind::Slack { url } | ReceiverKind::Teams { url } => url,
            ReceiverKind::Matrix { token, .. } => token,
            ReceiverKind::Webhook { secret, .. } => secret,
            ReceiverKind::Smtp { login: Some((_, password)), .. } => password,
            ReceiverKind::Smtp { login: None, .. } => return,
        };
        self.secret(&format!("the secret of the receiver {name}"), secret);
    }
}
