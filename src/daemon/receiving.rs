//! Deliveries of webhooks: proven, recorded, and then a hint for the core. Nothing in a delivery chooses more than that.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use anyhow::Context as _;
use axum::http::HeaderMap;

use crate::config::{Config, Webhook};
use crate::domain::{Delivery, DeliveryResult, Event, SourceName, Timestamp, WebhookProvider};
use crate::forge::webhook::{Receiver, WebhookError};
use crate::metrics::Metrics;
use crate::store::Store;
use crate::web::WebhookAnswer;

use super::clock::now;
use super::inbox::Inbox;

/// A refused delivery is said in the log at most this often: anybody may send them.
const SAY_EVERY_SECONDS: i64 = 60;

/// Takes deliveries in. Secrets are in memory here, so that a delivery for a receiver that is not there takes as long as
/// one for a receiver that is.
pub(super) struct Receiving {
    inbox: Inbox,
    store: Store,
    metrics: Arc<Metrics>,
    receivers: RwLock<Arc<Receivers>>,
    /// Second of the last word about a refused delivery.
    said_at: AtomicI64,
}

struct Receivers {
    of: BTreeMap<SourceName, Receiver>,
    body_limit: usize,
    nobody: Receiver,
}

impl Receivers {
    /// Those that can be made, and what is wrong with the others.
    fn new(config: &Config) -> (Self, Vec<anyhow::Error>) {
        let (mut of, mut wrong) = (BTreeMap::new(), Vec::new());
        for (source, configured) in &config.sources {
            let Some(webhook) = &configured.webhook else { continue };
            match receiver(webhook) {
                Ok(receiver) => drop(of.insert(source.clone(), receiver)),
                Err(error) => {
                    wrong.push(error.context(format!("the webhook of source {source} has no secret")));
                }
            }
        }
        let body_limit = usize::try_from(config.webhook_body_limit).unwrap_or(usize::MAX);
        (Self { of, body_limit, nobody: Receiver::nobody() }, wrong)
    }

    /// The receiver that a path names, as far as there is one, with the name that is configured.
    fn find(&self, source: &str) -> Option<(&SourceName, &Receiver)> {
        self.of.get_key_value(&source.parse::<SourceName>().ok()?)
    }
}

fn receiver(webhook: &Webhook) -> anyhow::Result<Receiver> {
    let secret = webhook.secret.read().map_err(|it| anyhow::anyhow!("{it}"))?;
    Receiver::new(webhook.provider, &secret)
        .with_context(|| format!("{} is refused", webhook.secret.describe()))
}

impl Receiving {
    /// A receiver without a secret is an error: it must not come up.
    pub(super) fn new(
        config: &Config,
        inbox: Inbox,
        store: Store,
        metrics: Arc<Metrics>,
    ) -> anyhow::Result<Self> {
        let (receivers, wrong) = Receivers::new(config);
        if let Some(first) = wrong.into_iter().next() {
            return Err(first);
        }
        let receivers = RwLock::new(Arc::new(receivers));
        Ok(Self { inbox, store, metrics, receivers, said_at: AtomicI64::new(0) })
    }

    /// Uses other receivers from now on. One whose secret was taken away meanwhile is none.
    pub(super) fn reconfigure(&self, config: &Config) {
        let (receivers, wrong) = Receivers::new(config);
        for error in wrong {
            tracing::error!("{error:#}: it receives nothing until the next reload");
        }
        *self.receivers.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(receivers);
    }

    fn receivers(&self) -> Arc<Receivers> {
        Arc::clone(&self.receivers.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The largest body that is read, in bytes.
    pub(super) fn body_limit(&self) -> usize {
        self.receivers().body_limit
    }

    /// The sources with a receiver, and who sends there.
    pub(super) fn sources(&self) -> Vec<(SourceName, WebhookProvider)> {
        self.receivers().of.iter().map(|(name, it)| (name.clone(), it.provider())).collect()
    }

    /// A delivery that was not read.
    pub(super) fn unread(&self, source: &str) {
        let receivers = self.receivers();
        let receiver = receivers.find(source).map(|(name, it)| (name.clone(), it.provider()));
        self.metrics.delivered(receiver.as_ref(), DeliveryResult::Unread);
        self.say(now(), receiver.as_ref().map(|it| &it.0), "it was not read: too large, too slow or no JSON");
    }

    /// Proves, records, and hints; then it can be answered.
    pub(super) async fn receive(&self, source: &str, headers: HeaderMap, body: Vec<u8>) -> WebhookAnswer {
        let at = now();
        let (receivers, path, bytes) = (self.receivers(), source.to_owned(), body.len());
        let prove = move || {
            let found = receivers.find(&path);
            let receiver = found.map_or(&receivers.nobody, |(_, it)| it);
            let proven = receiver.receive(&headers, &body, at);
            (found.map(|(name, it)| (name.clone(), it.provider())), proven)
        };
        // A large body takes some milliseconds, in which others want to be answered.
        let Ok((receiver, proven)) = tokio::task::spawn_blocking(prove).await else {
            self.metrics.delivered(None, DeliveryResult::Failed);
            return WebhookAnswer::Unavailable;
        };
        let (result, answer) = match (&receiver, proven) {
            (Some(known), Ok(delivery)) => self.keep(at, known, delivery, bytes).await,
            (_, Err(WebhookError::Malformed(why))) => {
                (DeliveryResult::Malformed, WebhookAnswer::Malformed(why))
            }
            (_, Err(WebhookError::NotAuthentic)) | (None, Ok(_)) => {
                (DeliveryResult::Refused, WebhookAnswer::NotAuthentic)
            }
        };
        self.metrics.delivered(receiver.as_ref(), result);
        let source = receiver.as_ref().map(|it| &it.0);
        match result {
            DeliveryResult::Refused => {
                self.say(at, source, "its sender has not the secret that is configured");
            }
            DeliveryResult::Malformed => {
                self.say(at, source, "it is authentic, and no delivery of this provider");
            }
            _ => {}
        }
        answer
    }

    /// Durable first, then the hint, then the answer.
    async fn keep(
        &self,
        at: Timestamp,
        (source, provider): &(SourceName, WebhookProvider),
        delivery: Delivery,
        bytes: usize,
    ) -> (DeliveryResult, WebhookAnswer) {
        let is_hint = delivery.is_hint();
        match self.store.deliver(at, source, *provider, delivery, bytes).await {
            Ok(false) => (DeliveryResult::Replayed, WebhookAnswer::Replayed),
            Ok(true) if is_hint => {
                self.inbox.send(Event::Hinted { source: source.clone() }).await;
                (DeliveryResult::Accepted, WebhookAnswer::Accepted)
            }
            Ok(true) => (DeliveryResult::Ignored, WebhookAnswer::Ignored),
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(%source, error, "a delivery cannot be recorded, and is sent back");
                (DeliveryResult::Failed, WebhookAnswer::Unavailable)
            }
        }
    }

    /// Says why a delivery was refused, in words of ours only, and not each time.
    fn say(&self, at: Timestamp, source: Option<&SourceName>, why: &str) {
        let second = at.as_second();
        let last = self.said_at.load(Ordering::Relaxed);
        let due = SAY_EVERY_SECONDS <= second.abs_diff(last).try_into().unwrap_or(i64::MAX);
        let won =
            || self.said_at.compare_exchange(last, second, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        if !due || !won() {
            return;
        }
        match source {
            Some(source) => tracing::warn!(%source, "a delivery of a webhook was refused: {why}"),
            None => {
                tracing::warn!("a delivery of a webhook was refused: no source of that name has a receiver");
            }
        }
    }
}
