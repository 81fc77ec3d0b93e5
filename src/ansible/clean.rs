//! Takes secrets out of what a run says, before anything of it goes on: to whoever records it, and to the core.
//!
//! What is a secret only the [`Cleaner`] knows, which the daemon supplies. Here is which texts of an event can hold
//! one, and what happens when a secret may be unknown: then what results said is dropped, and so is raw output.
//!
//! Some texts are left as they are, because they are names by which things are found again: paths, roles and actions
//! of tasks, which stand in the repository in the clear, modules, and the hosts of the inventory. A host that a task
//! made may have a secret for its name, and an address may come from a vault, so these are looked at.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

use super::announcements::{Announced, Announcements, Untrusted};
use crate::domain::{Detail, HostAddress, HostName, RunEvent, RunEventKind, Secret, TaskResult};

/// What stands for raw output that could not be cleaned.
const FAILED: &str = "[redaction failed]\n";

/// The most notifications whose clean form is remembered.
const NOTIFICATIONS_MAX: usize = 10_000;

/// Knows the secrets of one run.
pub trait Cleaner: Send {
    /// Learns a secret that the run announced. From here on it is taken out.
    fn learn(&mut self, secret: &[u8]);
    /// A complete text without its secrets.
    fn text<'a>(&mut self, text: &'a str) -> Cow<'a, str>;
    /// Takes the secrets out of what a result said.
    fn detail(&mut self, detail: &mut Detail);
    /// The next piece of raw output without its secrets. What could be the beginning of one is held back.
    fn output(&mut self, bytes: &[u8]) -> Vec<u8>;
    /// What was held back, at the end.
    fn rest(&mut self) -> Vec<u8>;
}

/// For what nobody keeps: leaves everything as it is.
#[derive(Debug, Clone, Copy, Default)]
pub struct NotKept;

impl Cleaner for NotKept {
    fn learn(&mut self, _: &[u8]) {}
    fn text<'a>(&mut self, text: &'a str) -> Cow<'a, str> {
        Cow::Borrowed(text)
    }
    fn detail(&mut self, _: &mut Detail) {}
    fn output(&mut self, bytes: &[u8]) -> Vec<u8> {
        bytes.to_vec()
    }
    fn rest(&mut self) -> Vec<u8> {
        Vec::new()
    }
}

/// Cleans the events and the output of one run.
pub(super) struct Cleaning {
    cleaner: Box<dyn Cleaner>,
    announced: Option<Announced>,
    /// Whether all secrets are known. Once they are not, they never are again.
    trusted: bool,
    /// Whether it was said in the raw output that they are not.
    said: bool,
    /// Hosts whose names are no secrets: those of the inventory, and those that were looked at. A name stays what it
    /// was when it was first told, whatever is learned later.
    hosts: HashSet<HostName>,
    /// Notifications and what they are told as, for the same reason: a debt and its payment must match.
    notifications: HashMap<String, String>,
    /// Key of the digests that stand for addresses.
    key: Secret,
}

impl Cleaning {
    pub(super) fn new(cleaner: Box<dyn Cleaner>, announcements: Option<Announcements>, key: Secret) -> Self {
        Self {
            cleaner,
            announced: announcements.map(Announced::new),
            trusted: true,
            said: false,
            hosts: HashSet::new(),
            notifications: HashMap::new(),
            key,
        }
    }

    /// Where announcements come from, to be waited on.
    pub(super) fn announced(&self) -> Option<&Announced> {
        self.announced.as_ref()
    }

    /// Learns everything that was announced so far. To be called after bytes of the run were read, and before they
    /// are looked at: what is in them was announced before they were written.
    pub(super) fn catch_up(&mut self) {
        let Some(announced) = &mut self.announced else { return };
        if announced.drain(|secret| self.cleaner.learn(secret)) == Err(Untrusted) {
            self.distrust();
        }
    }

    fn distrust(&mut self) {
        if std::mem::replace(&mut self.trusted, false) {
            tracing::warn!("secrets of the run may be unknown: what its results said is not kept");
        }
    }

    /// Raw output without its secrets.
    pub(super) fn output(&mut self, bytes: &[u8]) -> Vec<u8> {
        if self.trusted {
            return self.cleaner.output(bytes);
        }
        if std::mem::replace(&mut self.said, true) { Vec::new() } else { FAILED.as_bytes().to_vec() }
    }

    /// The last of the raw output.
    pub(super) fn rest(&mut self) -> Vec<u8> {
        if self.trusted { self.cleaner.rest() } else { Vec::new() }
    }

    /// Takes the secrets out of an event.
    pub(super) fn event(&mut self, event: &mut RunEvent) {
        match &mut event.kind {
            RunEventKind::TaskEnded(result) | RunEventKind::ItemEnded(result) => self.result(result),
            RunEventKind::AnnouncementsMissing => self.distrust(),
            RunEventKind::Retried { host, .. } => self.host(host),
            RunEventKind::Notified { host, handler, .. }
            | RunEventKind::HandlerDone { host, handler }
            | RunEventKind::HandlerOrphan { host, handler } => {
                self.host(host);
                self.notification(handler);
            }
            RunEventKind::StatsPart { hosts } | RunEventKind::Stats { hosts } => {
                for (host, _) in hosts {
                    self.host(host);
                }
            }
            RunEventKind::HostsPart { question, hosts } => self.addresses(*question == 1, hosts),
            RunEventKind::HostsAsked { question, plays, hosts, .. } => {
                for play in plays {
                    self.text(&mut play.pattern);
                }
                self.addresses(*question == 1, hosts);
            }
            // A handler's name is templated.
            RunEventKind::TaskStarted { identity, .. } => self.text(&mut identity.name),
            RunEventKind::PlayStarted { name, unknown, .. } => {
                self.text(name);
                self.texts(unknown);
            }
            RunEventKind::NoHostsLeft { unknown } => self.texts(unknown),
            RunEventKind::Included { path: text, .. }
            | RunEventKind::Refused { why: text, .. }
            | RunEventKind::InventoryUnparsed { source: text } => self.text(text),
            RunEventKind::Error { place, message, .. } => {
                self.texts(place.iter_mut().chain(message));
            }
            RunEventKind::Hello { .. }
            | RunEventKind::PlaybookStarted { .. }
            | RunEventKind::NoHostsMatched
            | RunEventKind::NoHostsRemaining
            | RunEventKind::PromptRefused { .. }
            | RunEventKind::DebtPaid { .. }
            | RunEventKind::DebtOrphan { .. } => {}
        }
    }

    fn result(&mut self, result: &mut TaskResult) {
        self.host(&mut result.host);
        if let Some(host) = &mut result.delegated_to {
            self.host(host);
        }
        if !self.trusted {
            result.detail = None;
        }
        if let Some(detail) = &mut result.detail {
            self.cleaner.detail(detail);
        }
    }

    fn text(&mut self, text: &mut String) {
        if let Cow::Owned(clean) = self.cleaner.text(text) {
            *text = clean;
        }
    }

    fn texts<'a>(&mut self, texts: impl IntoIterator<Item = &'a mut String>) {
        for text in texts {
            self.text(text);
        }
    }

    fn host(&mut self, host: &mut HostName) {
        if self.hosts.contains(host) {
            return;
        }
        match self.cleaner.text(host.as_str()) {
            Cow::Owned(clean) => *host = HostName::new(clean),
            Cow::Borrowed(_) => {
                self.hosts.insert(host.clone());
            }
        }
    }

    fn notification(&mut self, handler: &mut String) {
        if let Some(clean) = self.notifications.get(handler) {
            handler.clone_from(clean);
            return;
        }
        let told = handler.clone();
        self.text(handler);
        if self.notifications.len() < NOTIFICATIONS_MAX {
            self.notifications.insert(told, handler.clone());
        }
    }

    /// How hosts are reached. At the start of a playbook there are only those of the inventory.
    fn addresses(&mut self, at_start: bool, hosts: &mut [HostAddress]) {
        for it in hosts {
            let mut name = HostName::new(it.name.clone());
            if at_start {
                self.hosts.insert(name);
            } else {
                self.host(&mut name);
                name.as_str().clone_into(&mut it.name);
            }
            if let Cow::Owned(_) = self.cleaner.text(&it.address) {
                // Still told apart from every other one: it says which machine is locked.
                it.address = self.digest(&it.address);
            }
            self.text(&mut it.connection);
            self.text(&mut it.user);
        }
    }

    fn digest(&self, address: &str) -> String {
        let mut hash = Sha256::new();
        for part in [self.key.expose(), &address.to_ascii_lowercase()] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        hash.finalize().iter().take(8).fold("redacted-".to_owned(), |mut text, byte| {
            write!(text, "{byte:02x}").ok(); // Writing to a string cannot fail.
            text
        })
    }
}

#[cfg(test)]
mod tests;
