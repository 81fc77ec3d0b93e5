//! The files of operators and repositories, good and bad, and what is made of them.

mod alerts;
mod corpus;
mod declaration;
mod judge;
mod operator;
mod schema;
mod secrets;
mod sign_in;
mod starter;
mod webhook;
mod windows;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::{Checks, Config, FileKind, Report, RepositoryFiles};
use crate::domain::{Declaration, Failure, Secret, SourceName, WebhookProvider};

/// A tree of a commit in memory: path and content. What ends in `/` is a submodule, what starts with `->` a link.
pub(super) struct Tree(BTreeMap<String, String>);

impl Tree {
    pub(super) fn of(files: &[(&str, &str)]) -> Self {
        Self(files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect())
    }

    /// The tree that the broken files of the corpus are thought to be in.
    fn usual() -> Self {
        Self::of(&[
            ("site.yml", "- hosts: all\n"),
            ("base.yml", "- hosts: all\n"),
            ("playbooks/database.yml", "- hosts: db\n"),
            ("inventories/production/hosts.yml", "all:\n"),
            ("inventories/staging/hosts.yml", "all:\n"),
            ("inventory.ini", "web1\n"),
            ("requirements.txt", "netaddr\n"),
            ("requirements.yml", "collections: []\n"),
            ("vendor/", ""),
        ])
    }

    fn with(mut self, path: &str, text: &str) -> Self {
        self.0.insert(path.to_owned(), text.to_owned());
        self
    }
}

impl RepositoryFiles for Tree {
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, Failure> {
        Ok(self.0.get(path).map(|it| it.clone().into_bytes()))
    }

    fn kind(&self, path: &str) -> Result<Option<FileKind>, Failure> {
        let inside = format!("{path}/");
        Ok(match self.0.get(path) {
            Some(text) if text.starts_with("->") => Some(FileKind::Symlink),
            Some(_) => Some(FileKind::File),
            None if self.0.contains_key(&inside) => Some(FileKind::Submodule),
            None if self.0.keys().any(|it| it.starts_with(&inside)) => Some(FileKind::Directory),
            None => None,
        })
    }

    fn list(&self) -> Result<Vec<String>, Failure> {
        Ok(self.0.keys().filter(|it| !it.ends_with('/')).cloned().collect())
    }
}

/// Stands for the rules that other parts own.
fn checks() -> Checks {
    fn url(url: &str, local: bool) -> Result<(), String> {
        let known = url.contains(':') || local && url.starts_with('/');
        if url.contains("hunter2") || url.starts_with("ext::") || !known {
            return Err("write `https://…`, `ssh://…`, `user@host:path` or `/absolute/path`".to_owned());
        }
        Ok(())
    }
    fn env_name(name: &str) -> Result<(), String> {
        if name.starts_with("ANSIBLE_") || name == "PATH" {
            return Err("this name belongs to driftless".to_owned());
        }
        Ok(())
    }
    fn webhook_secret(_: WebhookProvider, secret: &Secret) -> Result<(), String> {
        if secret.expose().trim().is_empty() {
            Err("write a long random text into it".to_owned())
        } else {
            Ok(())
        }
    }
    Checks { url, env_name, webhook_secret }
}

fn operator(text: &str) -> Result<Config, Report> {
    Config::parse("/etc/driftless/config.yml", text, None, &checks())
}

/// The smallest configuration, with a source `infra`.
fn infra() -> Config {
    operator("sources:\n  infra:\n    url: https://git.example/infra.git\n").expect("a configuration")
}

fn source() -> SourceName {
    "infra".parse().expect("a name")
}

fn declare(text: &str) -> Result<Declaration, Failure> {
    infra().declaration(&source(), &Tree::usual().with("driftless.yml", text))
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}
