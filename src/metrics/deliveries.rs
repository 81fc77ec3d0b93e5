//! What became of the deliveries of webhooks.

use std::collections::BTreeSet;

use prometheus::IntCounterVec;

use super::Metrics;
use crate::domain::{DeliveryResult, SourceName, WebhookProvider};

pub(super) const NAME: &str = "driftless_webhook_deliveries_total";

/// The labels of a receiver. What somebody wrote into a path is never one: without a receiver they are empty.
fn labels(receiver: Option<&(SourceName, WebhookProvider)>) -> [&str; 2] {
    receiver.map_or(["", ""], |(source, provider)| [source.as_str(), provider.as_str()])
}

impl Metrics {
    /// Counts a delivery. `receiver` is the configured one that it came to, if there is one.
    pub fn delivered(&self, receiver: Option<&(SourceName, WebhookProvider)>, result: DeliveryResult) {
        let [source, provider] = labels(receiver);
        self.deliveries.with_label_values(&[source, provider, result.as_str()]).inc();
    }
}

/// Forgets receivers that are gone, and shows zero for what has not happened yet.
pub(super) fn prepare(
    deliveries: &IntCounterVec,
    known: &BTreeSet<(SourceName, WebhookProvider)>,
    now: &BTreeSet<(SourceName, WebhookProvider)>,
) {
    for gone in known.difference(now) {
        let [source, provider] = labels(Some(gone));
        for result in DeliveryResult::ALL {
            // An error only says that the series never was.
            let _never_was = deliveries.remove_label_values(&[source, provider, result.as_str()]);
        }
    }
    for receiver in now {
        let [source, provider] = labels(Some(receiver));
        for result in DeliveryResult::ALL {
            deliveries.with_label_values(&[source, provider, result.as_str()]);
        }
    }
    for result in [DeliveryResult::Refused, DeliveryResult::Unread] {
        deliveries.with_label_values(&["", "", result.as_str()]);
    }
}
