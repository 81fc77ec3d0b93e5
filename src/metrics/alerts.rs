//! What is told of alerts.

use std::collections::{BTreeMap, BTreeSet};

use prometheus::IntCounterVec;

use super::page::Page;
use super::{Metrics, Snapshot};
use crate::domain::{AlertKind, ReceiverName};

/// The name of the counter of notifications.
pub(super) const NAME: &str = "driftless_notifications_total";

/// Alerts, as far as metrics tell of them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AlertTotals {
    /// Everybody who can be told.
    pub receivers: BTreeSet<ReceiverName>,
    /// How many messages wait, by receiver.
    pub pending: BTreeMap<ReceiverName, u64>,
    /// How many alerts are open, by kind.
    pub open: BTreeMap<AlertKind, u32>,
}

/// What came of one try to send a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sending {
    /// It was sent.
    Sent,
    /// It is tried again.
    Failed,
    /// It is not tried again.
    GivenUp,
}

impl Sending {
    const ALL: [Self; 3] = [Self::Sent, Self::Failed, Self::GivenUp];

    fn as_str(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Failed => "failed",
            Self::GivenUp => "given_up",
        }
    }
}

impl Metrics {
    /// Counts a try to send a message.
    pub fn notified(&self, receiver: &ReceiverName, result: Sending) {
        self.notifications.with_label_values(&[receiver.as_str(), result.as_str()]).inc();
    }
}

/// Forgets receivers that are gone, and shows zero for what has not happened yet.
pub(super) fn prepare(counter: &IntCounterVec, known: &BTreeSet<ReceiverName>, now: &BTreeSet<ReceiverName>) {
    for gone in known.difference(now) {
        for result in Sending::ALL {
            // An error only says that the series never was.
            let _never_was = counter.remove_label_values(&[gone.as_str(), result.as_str()]);
        }
    }
    for receiver in now {
        for result in Sending::ALL {
            counter.with_label_values(&[receiver.as_str(), result.as_str()]);
        }
    }
}

/// What is rendered anew at each scrape.
#[expect(clippy::cast_precision_loss, reason = "so many messages would fill any disk")]
pub(super) fn render(page: &Page, snapshot: &Snapshot) -> Result<(), prometheus::Error> {
    let Some(totals) = &snapshot.alerts else { return Ok(()) };
    let pending = page.gauge("driftless_notifications_pending")?;
    for receiver in &totals.receivers {
        let count = totals.pending.get(receiver).copied().unwrap_or_default();
        pending.with_label_values(&[receiver.as_str()]).set(count as f64);
    }
    let open = page.gauge("driftless_alerts_open")?;
    for kind in AlertKind::ALL {
        let count = totals.open.get(kind).copied().unwrap_or_default();
        open.with_label_values(&[kind.as_str()]).set(f64::from(count));
    }
    Ok(())
}
