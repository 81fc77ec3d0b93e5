//! What Prometheus sees.
//!
//! Nearly everything is rendered from a [`Snapshot`] at each scrape, so a series cannot outlive its stack, source or
//! host, and is right again at once after a restart. Fetches and how long runs take are observed as they happen.
//! Labels hold configured names and fixed words only, never a revision, a task or a run. The `_info` series are the
//! exception for revisions, those of single hosts for hosts, of which there are only so many.

mod alerts;
mod deliveries;
mod drift;
mod gauges;
mod page;
mod requests;
mod table;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use prometheus::process_collector::ProcessCollector;
use prometheus::{Encoder as _, HistogramVec, IntCounterVec, Registry, TextEncoder};

use crate::domain::{
    DriftFacts, LastEnd, Mode, Outcome, ReceiverName, SourceName, SourceStatus, StackId, StackStatus,
    Timestamp, Total, WebhookProvider,
};

pub use alerts::{AlertTotals, Sending};
pub use table::{Kind, METRICS, Metric};

/// A metric could not be registered or written. Both are defects of driftless, not of its surroundings.
#[derive(Debug, thiserror::Error)]
#[error("failed to make the metrics ready")]
pub struct MetricsError(#[from] prometheus::Error);

/// The present state, as far as metrics tell of it.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// All sources.
    pub sources: Vec<SourceStatus>,
    /// The sources with a receiver of webhooks, and who sends there.
    pub receivers: Vec<(SourceName, WebhookProvider)>,
    /// All stacks.
    pub stacks: Vec<StackStatus>,
    /// The merge requests that are followed, by the sources that name a forge.
    pub merge_requests: BTreeMap<SourceName, u32>,
    /// The drift of these stacks and what their hosts are owed.
    pub drift: Vec<DriftFacts>,
    /// How many runs ended how; `None` if that cannot be read now, then what was read last is told.
    pub totals: Option<Vec<Total>>,
    /// The last end of each stack's runs.
    pub last_ends: Vec<LastEnd>,
    /// How many runs are live.
    pub live_runs: u32,
    /// How many may be.
    pub run_limit: u32,
    /// Whether the daemon is ready.
    pub ready: bool,
    /// Whether the journal can be written.
    pub journal_writable: bool,
    /// Whether there is room on the disk for new runs.
    pub room: bool,
    /// What is free on the file system of the state directory, in bytes; `None` if that cannot be read now.
    pub free_bytes: Option<u64>,
    /// Bytes on disk of database and event files.
    pub store_bytes: u64,
    /// The audit chain; `None` if it cannot be read now.
    pub audit: Option<AuditFacts>,
    /// Alerts; `None` if they cannot be read now.
    pub alerts: Option<AlertTotals>,
}

/// The audit chain, as far as metrics tell of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AuditFacts {
    /// How many records it has.
    pub records: u64,
    /// Whether it held when it was last verified; `None` until it was.
    pub holds: Option<bool>,
    /// When it was last signed.
    pub last_checkpoint: Option<Timestamp>,
}

/// How many hosts have series of their own if nobody says otherwise.
const HOST_LIMIT: u32 = 500;

/// What is counted while the daemon lives.
pub struct Metrics {
    registry: Registry,
    run_seconds: HistogramVec,
    start_seconds: HistogramVec,
    fetches: IntCounterVec,
    deliveries: IntCounterVec,
    forge_calls: IntCounterVec,
    previews: IntCounterVec,
    notifications: IntCounterVec,
    known: Mutex<Known>,
    /// As they were last read. A total that went back to zero would be counted again by `increase()`.
    totals: Mutex<Option<Vec<Total>>>,
    host_limit: AtomicU32,
}

/// Label values that were used, so that they can be forgotten.
#[derive(Default)]
struct Known {
    sources: BTreeSet<SourceName>,
    receivers: BTreeSet<(SourceName, WebhookProvider)>,
    stacks: BTreeSet<StackId>,
    notified: BTreeSet<ReceiverName>,
}

impl Metrics {
    /// Registers all counters and histograms.
    pub fn new() -> Result<Self, MetricsError> {
        let registry = Registry::new();
        let metrics = Self {
            run_seconds: table::histogram("driftless_run_duration_seconds")?,
            start_seconds: table::histogram("driftless_run_start_delay_seconds")?,
            fetches: table::counter("driftless_git_fetches_total")?,
            forge_calls: table::counter(requests::CALLS)?,
            deliveries: table::counter(deliveries::NAME)?,
            previews: table::counter(requests::PREVIEWS)?,
            notifications: table::counter(alerts::NAME)?,
            registry,
            known: Mutex::default(),
            totals: Mutex::default(),
            host_limit: AtomicU32::new(HOST_LIMIT),
        };
        metrics.registry.register(Box::new(metrics.run_seconds.clone()))?;
        metrics.registry.register(Box::new(metrics.start_seconds.clone()))?;
        metrics.registry.register(Box::new(metrics.fetches.clone()))?;
        metrics.registry.register(Box::new(metrics.deliveries.clone()))?;
        metrics.registry.register(Box::new(metrics.forge_calls.clone()))?;
        metrics.registry.register(Box::new(metrics.previews.clone()))?;
        metrics.registry.register(Box::new(metrics.notifications.clone()))?;
        metrics.registry.register(Box::new(ProcessCollector::for_self()))?;
        Ok(metrics)
    }

    /// How many hosts may have series of their own, over all stacks.
    pub fn limit_hosts(&self, limit: u32) {
        self.host_limit.store(limit, Ordering::Relaxed);
    }

    /// Records how long a run took, from the decision until nothing of it was left. How many runs ended is counted by
    /// those who record them.
    pub fn run_ended(&self, stack: &StackId, mode: Mode, outcome: Outcome, took: Duration) {
        if outcome != Outcome::Refused {
            let labels = [stack.source.as_str(), stack.stack.as_str(), mode.as_str()];
            self.run_seconds.with_label_values(&labels).observe(took.as_secs_f64());
        }
    }

    /// Records how long it took from the decision to the start of `ansible-playbook`.
    pub fn run_started(&self, stack: &StackId, mode: Mode, delay: Duration) {
        let labels = [stack.source.as_str(), stack.stack.as_str(), mode.as_str()];
        self.start_seconds.with_label_values(&labels).observe(delay.as_secs_f64());
    }

    /// Counts a fetch.
    pub fn fetched(&self, source: &SourceName, success: bool) {
        let result = if success { "success" } else { "error" };
        self.fetches.with_label_values(&[source.as_str(), result]).inc();
    }

    /// Everything in Prometheus' text format.
    pub fn render(&self, snapshot: &Snapshot) -> Result<String, MetricsError> {
        self.prepare(snapshot);
        let mut families = self.registry.gather();
        let host_limit = usize::try_from(self.host_limit.load(Ordering::Relaxed)).unwrap_or(usize::MAX);
        families.extend(gauges::families(snapshot, self.totals(snapshot).as_deref(), host_limit)?);
        families.sort_by(|a, b| a.name().cmp(b.name()));
        let mut text = Vec::new();
        TextEncoder::new().encode(&families, &mut text)?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }

    /// The totals of the snapshot, or those that were read last.
    fn totals(&self, snapshot: &Snapshot) -> Option<Vec<Total>> {
        let mut known = self.totals.lock().unwrap_or_else(PoisonError::into_inner);
        if snapshot.totals.is_some() {
            known.clone_from(&snapshot.totals);
        }
        known.clone()
    }

    /// Forgets what is not configured any more, and shows zero for what has not happened yet: a counter that
    /// appears only with its first increment hides that increment from `increase()`.
    fn prepare(&self, snapshot: &Snapshot) {
        let now = Known {
            sources: snapshot.sources.iter().map(|it| it.name.clone()).collect(),
            receivers: snapshot.receivers.iter().cloned().collect(),
            stacks: snapshot.stacks.iter().map(|it| it.id.clone()).collect(),
            notified: snapshot.alerts.as_ref().map(|it| it.receivers.clone()).unwrap_or_default(),
        };
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        alerts::prepare(&self.notifications, &known.notified, &now.notified);
        for gone in known.stacks.difference(&now.stacks) {
            self.forget_stack(gone);
        }
        for gone in known.sources.difference(&now.sources) {
            self.forget_requests(gone);
            for result in ["success", "error"] {
                // An error only says that the series never was.
                let _never_was = self.fetches.remove_label_values(&[gone.as_str(), result]);
            }
        }
        for source in &now.sources {
            for result in ["success", "error"] {
                self.fetches.with_label_values(&[source.as_str(), result]);
            }
        }
        deliveries::prepare(&self.deliveries, &known.receivers, &now.receivers);
        for source in snapshot.merge_requests.keys() {
            self.expect_requests(source);
        }
        *known = now;
    }

    fn forget_stack(&self, stack: &StackId) {
        let (source, name) = (stack.source.as_str(), stack.stack.as_str());
        for mode in [Mode::Check, Mode::Apply] {
            let _never_was = self.run_seconds.remove_label_values(&[source, name, mode.as_str()]);
            let _never_was = self.start_seconds.remove_label_values(&[source, name, mode.as_str()]);
        }
    }
}

fn flag(is: bool) -> f64 {
    f64::from(u8::from(is))
}

/// Seconds since 1970, as Prometheus wants timestamps.
#[expect(
    clippy::cast_precision_loss,
    reason = "milliseconds since 1970 fit into 53 bits until the year 287396"
)]
fn seconds(at: Timestamp) -> f64 {
    at.as_millisecond() as f64 / 1000.0
}

#[cfg(test)]
mod tests;
