//! The secrets of one run, and what takes them out of everything that is kept or shown of it.
//!
//! What the daemon lends to a run it knows from the start; plaintexts of vaults it learns when the run announces them.
//! Both are in here, in memory alone, and until the run has ended.

use std::borrow::Cow;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;

use crate::ansible::clean::Cleaner;
use crate::config::{Redact, SecretSource, SourceConfig};
use crate::domain::{Detail, Diff, Ending, Reason, RunSpec};
use crate::redact::{Added, DenyList, Names, Redactor, Secrets, Stream};

/// Nobody is called by a name of so many letters, and no token has fewer.
const TOKEN_BYTES: usize = 16;

/// All secrets of one run, and the files whose content is not kept. Its clones share them.
#[derive(Debug, Clone, Default)]
pub(super) struct RunSecrets {
    secrets: Arc<Mutex<Secrets>>,
    deny: DenyList,
}

impl RunSecrets {
    /// What the daemon lends to a run of this stack. What cannot be read cannot be lent either.
    pub(super) fn lent(source: &SourceConfig, redact: &Redact, spec: &RunSpec) -> Self {
        let access = source.access_for(&spec.stack.stack);
        // The token of the forge is not lent, but it may be the one that the repository is read with.
        let forge = source.forge.as_ref().map(|it| it.token.clone());
        let lent = [&access.ssh_key, &access.become_password, &source.credentials.https_token, &forge];
        let mut secrets = Secrets::with_names(Names::new(&redact.names));
        for source in lent.into_iter().flatten().chain(access.environment.values()) {
            add(&mut secrets, source);
        }
        // A program prints the password, and is no secret itself.
        for source in access.vault.values().filter(|it| !is_program(it)) {
            add(&mut secrets, source);
        }
        if let Some(password) = password_of(&source.url) {
            secrets.add(password);
        }
        let variables = Value::Object(spec.extra_vars.clone().into_iter().collect());
        let mut shown = variables.clone();
        secrets.redactor().json(&mut shown);
        hidden(&variables, &shown, &mut secrets);
        Self { secrets: Arc::new(Mutex::new(secrets)), deny: DenyList::new(&redact.paths) }
    }

    /// How many of them are too short, or too common, to be taken out of texts.
    pub(super) fn cannot_be_redacted(&self) -> usize {
        self.lock().cannot_be_redacted()
    }

    /// What takes them out of what the run says, and learns more.
    pub(super) fn cleaner(&self) -> Box<dyn Cleaner> {
        let redactor = self.lock().redactor();
        Box::new(RunCleaner {
            secrets: self.clone(),
            stream: Stream::new(redactor.clone()),
            redactor,
            is_stale: false,
            deny: self.deny.clone(),
        })
    }

    /// A text without them.
    pub(super) fn text(&self, text: &str) -> String {
        self.lock().redactor().text(text).into_owned()
    }

    /// Takes them out of how a run ended.
    pub(super) fn clean(&self, ending: &mut Ending) {
        let redactor = self.lock().redactor();
        for text in ending.reason.iter_mut().flat_map(texts).chain(&mut ending.notes) {
            clean(&redactor, text);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Secrets> {
        self.secrets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn add(secrets: &mut Secrets, source: &SecretSource) {
    if let Ok(secret) = source.read() {
        secrets.add(secret.expose());
    }
}

fn is_program(source: &SecretSource) -> bool {
    let mode = source.path().ok().and_then(|it| it.metadata().ok()).map_or(0, |it| it.permissions().mode());
    mode & 0o111 != 0
}

/// The password of a URL, or a user that is long enough to be a token in its place.
fn password_of(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let (userinfo, _) = authority.rsplit_once('@')?;
    match userinfo.split_once(':') {
        Some((_, password)) => Some(password),
        None => Some(userinfo).filter(|it| TOKEN_BYTES <= it.len()),
    }
}

/// What of the variables is not shown, by their names or by their shape, is secret wherever it turns up.
fn hidden(given: &Value, shown: &Value, secrets: &mut Secrets) {
    match (given, shown) {
        (given, shown) if given == shown => {}
        (Value::Object(given), Value::Object(shown)) if given.keys().eq(shown.keys()) => {
            given.values().zip(shown.values()).for_each(|(given, shown)| hidden(given, shown, secrets));
        }
        (Value::Array(given), Value::Array(shown)) if given.len() == shown.len() => {
            given.iter().zip(shown).for_each(|(given, shown)| hidden(given, shown, secrets));
        }
        (given, _) => all_texts(given, secrets),
    }
}

fn all_texts(value: &Value, secrets: &mut Secrets) {
    match value {
        Value::String(text) => drop(secrets.add(text)),
        Value::Number(number) => drop(secrets.add(number.to_string())),
        Value::Array(values) => values.iter().for_each(|it| all_texts(it, secrets)),
        Value::Object(values) => values.values().for_each(|it| all_texts(it, secrets)),
        Value::Null | Value::Bool(_) => {}
    }
}

/// All that a reason says in words of a run, of a repository or of a person.
fn texts(reason: &mut Reason) -> Vec<&mut String> {
    match reason {
        Reason::UnknownHosts { patterns } => patterns.iter_mut().collect(),
        Reason::Broke { class, place } => std::iter::once(class).chain(place).collect(),
        Reason::Parse { class, place, message } => {
            std::iter::once(class).chain(place).chain(message).collect()
        }
        Reason::Inventory { source: text }
        | Reason::Prompt { variable: text }
        | Reason::Limit { limit: text }
        | Reason::Stopped { by: text }
        | Reason::Refused { why: text } => vec![text],
        Reason::Setup { failure } => {
            let more = failure.details.iter_mut().chain(&mut failure.remedy);
            std::iter::once(&mut failure.message).chain(more).collect()
        }
        Reason::NoHosts
        | Reason::NothingRan { .. }
        | Reason::HostsUnfinished { .. }
        | Reason::HostsFailed { .. }
        | Reason::HostsUnreachable { .. }
        | Reason::NoStats { .. }
        | Reason::Exit { .. }
        | Reason::NoCallback { .. } => Vec::new(),
    }
}

fn clean(redactor: &Redactor, text: &mut String) {
    if let Cow::Owned(clean) = redactor.text(text) {
        *text = clean;
    }
}

/// Takes the secrets out of what a run says, while it says it.
struct RunCleaner {
    secrets: RunSecrets,
    redactor: Redactor,
    stream: Stream,
    /// Whether something was learned since the redactor was made.
    is_stale: bool,
    deny: DenyList,
}

impl RunCleaner {
    fn refresh(&mut self) {
        if std::mem::take(&mut self.is_stale) {
            self.redactor = self.secrets.lock().redactor();
            self.stream.renew(self.redactor.clone());
        }
    }
}

impl Cleaner for RunCleaner {
    fn learn(&mut self, secret: &[u8]) {
        if !self.is_stale {
            // Nobody may hold the patterns while they grow, or all of them would be copied for each new one.
            self.redactor = Redactor::default();
            self.stream.renew(Redactor::default());
            self.is_stale = true;
        }
        // Too short or too common: of what a vault holds that is no news.
        let (Added::New | Added::Known | Added::TooShort | Added::TooCommon) =
            self.secrets.lock().add(secret);
    }

    fn text<'a>(&mut self, text: &'a str) -> Cow<'a, str> {
        self.refresh();
        self.redactor.text(text)
    }

    fn detail(&mut self, detail: &mut Detail) {
        self.refresh();
        for text in [&mut detail.msg, &mut detail.stdout, &mut detail.stderr] {
            clean(&self.redactor, text);
        }
        for diff in &mut detail.diff {
            if self.deny.matches(&diff.path) {
                *diff = Diff { path: std::mem::take(&mut diff.path), hidden: true, ..Diff::default() };
            }
            for text in [&mut diff.path, &mut diff.before, &mut diff.after, &mut diff.prepared] {
                clean(&self.redactor, text);
            }
        }
    }

    fn output(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.refresh();
        self.stream.push(bytes)
    }

    fn rest(&mut self) -> Vec<u8> {
        self.refresh();
        std::mem::replace(&mut self.stream, Stream::new(Redactor::default())).finish()
    }
}

#[cfg(test)]
mod tests;
