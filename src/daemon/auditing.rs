//! Keeps the audit chain: names its key, has checkpoints signed, and verifies it now and then.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior};

use crate::config::{AuditConfig, SecretSource};
use crate::domain::Failure;
use crate::domain::audit::{AuditKey, Checkpoint, Faults, daemon_started, key_used};
use crate::store::{AuditState, Store, StoreError};

use super::clock::now;
use super::hands::Tools;

/// How often it is looked whether a checkpoint is due.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// How often the whole chain is verified.
const VERIFY_EVERY: Duration = Duration::from_secs(3600);

/// The file of checkpoints, in the directory that the operator names.
const FILE: &str = "audit-checkpoints";

/// What the last verification found; `None` before the first.
pub(super) type Verdict = Option<Result<(), String>>;

/// The keys as they are at the start of the daemon.
pub(super) struct Keys {
    current: AuditKey,
    previous: Option<AuditKey>,
}

impl Keys {
    /// Reads them. Blocks shortly.
    pub(super) fn read(config: &AuditConfig, store: &Store) -> Result<Self, Failure> {
        let read = |source: &SecretSource| {
            let key = AuditKey::from_text(&source.read()?);
            key.map_err(|it| Failure::until_changed(format!("{}: {it}", source.describe())))
        };
        let current = match &config.key {
            Some(source) => read(source)?,
            None => store.audit_key()?,
        };
        // The key of the state directory may be the one that another follows.
        let previous = match (&config.previous_key, &config.key) {
            (Some(source), _) => Some(read(source)?),
            (None, Some(_)) => Some(store.audit_key()?),
            (None, None) => None,
        };
        Ok(Self { current, previous })
    }
}

/// Keeps the chain of one life of the daemon.
pub(super) struct Auditing {
    tools: Arc<Tools>,
    keys: Option<Keys>,
    /// Whether the chain says that the daemon started.
    begun: bool,
    /// The last checkpoint: the chain must not be shorter, nor another one.
    anchor: Option<Checkpoint>,
    signed: Instant,
}

impl Auditing {
    pub(super) fn new(tools: Arc<Tools>) -> Self {
        let keys = Keys::read(&tools.config().audit, &tools.store);
        if let Err(failure) = &keys {
            tracing::error!("the audit chain is not signed: {failure}");
        }
        let anchor = tools.config().audit.checkpoint_dir.as_deref().and_then(newest_of);
        Self { tools, keys: keys.ok(), begun: false, anchor, signed: Instant::now() }
    }

    /// Records that the daemon started, and by which key checkpoints are signed.
    pub(super) async fn begin(&mut self) -> Result<(), StoreError> {
        let state = self.tools.store.audit_state().await?;
        let mut drafts = Vec::new();
        if let Some(keys) = &self.keys {
            let public = keys.current.public();
            if state.key != Some(public) {
                let previous = keys.previous.as_ref().filter(|it| state.key == Some(it.public()));
                if state.key.is_some() && previous.is_none() {
                    tracing::warn!(
                        "the audit chain has a new key and the one before did not sign for it; name it as `audit.previous_key`"
                    );
                }
                drafts.push(key_used(state.first.as_ref(), previous, &public));
            }
        }
        let config = self.tools.config();
        drafts.push(daemon_started(env!("CARGO_PKG_VERSION"), Some(&config.settings)));
        self.tools.store.audit(now(), drafts).await?;
        self.begun = true;
        Ok(())
    }

    /// Has checkpoints signed and the chain verified, until the daemon stops: then what is new is signed once more.
    pub(super) async fn keep(mut self, stop: watch::Receiver<bool>) {
        let mut stop = std::pin::pin!(super::stopped(stop));
        let mut looks = tokio::time::interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut verifications = tokio::time::interval(VERIFY_EVERY);
        verifications.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let mut last = false;
            let done = tokio::select! {
                _ = looks.tick() => self.look(false).await,
                _ = verifications.tick() => self.verify().await,
                () = &mut stop => {
                    last = true;
                    self.look(true).await
                }
            };
            if let Err(error) = done {
                tracing::debug!(error = &error as &dyn std::error::Error, "the audit chain has to wait");
            }
            if last {
                return;
            }
        }
    }

    /// Has the end of the chain signed, if that is due, or if it is the last occasion.
    async fn look(&mut self, last: bool) -> Result<(), StoreError> {
        if !self.begun {
            self.begin().await?;
        }
        // What was not verified yet, or does not hold, is not signed: that would vouch for it.
        if self.verdict().is_none() {
            self.verify().await?;
        }
        if self.verdict() != Some(true) {
            return Ok(());
        }
        let Some(keys) = &self.keys else { return Ok(()) };
        let state = self.tools.store.audit_state().await?;
        let config = self.tools.config();
        let waited = if last { Duration::MAX } else { self.signed.elapsed() };
        if !is_due(&state, &config.audit, waited) {
            return Ok(());
        }
        let Some(first) = &state.first else { return Ok(()) };
        let at = now();
        let checkpoint = Checkpoint::sign(&keys.current, first, state.head, at);
        let note = checkpoint.to_note(&keys.current.public());
        // To the log first: that is what another machine may have already when this one is taken over.
        tracing::info!(size = state.head.size, hash = %state.head.hash, note = ?note, "audit checkpoint");
        if let Some(dir) = &config.audit.checkpoint_dir {
            append_note(dir, &note);
        }
        self.tools.store.audit_checkpointed(state.head.size, at, note).await?;
        self.anchor = Some(checkpoint);
        self.signed = Instant::now();
        Ok(())
    }

    /// Whether the chain held when it was last verified; `None` if it never was.
    fn verdict(&self) -> Option<bool> {
        let verdict = self.tools.flags.audit.lock().unwrap_or_else(PoisonError::into_inner);
        verdict.as_ref().map(Result::is_ok)
    }

    async fn verify(&mut self) -> Result<(), StoreError> {
        let anchor: Vec<Checkpoint> = self.anchor.iter().cloned().collect();
        let found = self.tools.store.audit_verify(anchor, None).await?;
        let verdict = found.map(drop).map_err(|it| in_words(&it));
        if let Err(words) = &verdict {
            tracing::error!("the audit chain does not hold: {words}");
        }
        *self.tools.flags.audit.lock().unwrap_or_else(PoisonError::into_inner) = Some(verdict);
        Ok(())
    }
}

fn is_due(state: &AuditState, config: &AuditConfig, since: Duration) -> bool {
    let signed = state.checkpoint.map_or(0, |(size, _)| size);
    // After a cut the chain may be shorter than its last checkpoint: that is not signed over.
    let new = state.head.size.saturating_sub(signed);
    let waited = Duration::try_from(config.checkpoint_every).is_ok_and(|it| it <= since);
    config.checkpoint_records <= new || (new != 0 && waited)
}

/// The first fault, and how many more there are.
fn in_words(faults: &Faults) -> String {
    let first = faults.faults.first().map_or_else(String::new, ToString::to_string);
    match faults.count {
        0 | 1 => first,
        count => format!("{first}, and {} more", count - 1),
    }
}

fn append_note(dir: &Path, note: &str) {
    let path = dir.join(FILE);
    let appended =
        OpenOptions::new().create(true).append(true).open(&path).and_then(|mut file| {
            file.write_all(format!("{note}\n").as_bytes()).and_then(|()| file.sync_data())
        });
    if let Err(error) = appended {
        tracing::error!(path = %path.display(), "the checkpoint of the audit chain cannot be kept: {error}");
    }
}

/// The newest checkpoint of the file, if there is one.
pub(super) fn newest_of(dir: &Path) -> Option<Checkpoint> {
    let path = dir.join(FILE);
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
        Err(error) => {
            tracing::warn!(path = %path.display(), "the checkpoints of the audit chain cannot be read: {error}");
            return None;
        }
    };
    match Checkpoint::read_all(&text) {
        Ok(mut all) => all.pop(),
        Err(error) => {
            tracing::warn!(path = %path.display(), "{error}");
            None
        }
    }
}
