//! The one table of all metrics. Registration, documentation and tests read it.

use prometheus::{HistogramOpts, HistogramVec, Opts};

/// What a metric is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only grows, until the daemon restarts.
    Counter,
    /// The present state.
    Gauge,
    /// Buckets, sum and count.
    Histogram,
}

/// One metric.
#[derive(Debug, Clone, Copy)]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
    /// Its labels.
    pub labels: &'static [&'static str],
    /// What it tells, one sentence.
    pub help: &'static str,
}

const STACK: &[&str] = &["source", "stack"];
const STACK_MODE: &[&str] = &["source", "stack", "mode"];

macro_rules! metrics {
    ($($kind:ident $name:literal $labels:expr, $help:literal;)*) => {
        /// All metrics of driftless. `process_*` of the `prometheus` crate come on top.
        pub const METRICS: &[Metric] =
            &[$(Metric { name: $name, kind: Kind::$kind, labels: $labels, help: $help }),*];
    };
}

metrics! {
    Gauge "driftless_build_info" &["version"], "The version that runs; always 1.";
    Gauge "driftless_ready" &[], "Whether the daemon is ready: 1 or 0.";
    Gauge "driftless_journal_writable" &[], "Whether decisions can be recorded: 1 or 0. While it is 0 nothing is started.";
    Gauge "driftless_store_bytes" &[], "Bytes on disk of the database and the event files.";
    Gauge "driftless_live_runs" &[], "Runs that are live.";
    Gauge "driftless_run_limit" &[], "Runs that may be live at once.";
    Counter "driftless_git_fetches_total" &["source", "result"], "Fetches since the daemon started; result is success or error.";
    Gauge "driftless_git_last_fetch_timestamp_seconds" &["source"], "When a fetch last succeeded.";
    Gauge "driftless_source_info" &["source", "head", "admitted"], "The head and the last admitted commit; always 1.";
    Gauge "driftless_source_problem" &["source"], "Whether the last fetch failed or the declaration cannot be read: 1 or 0.";
    Gauge "driftless_source_waiting" &["source"], "Whether rewritten history waits for a person: 1 or 0.";
    Gauge "driftless_stack_info" &["source", "stack", "head", "attempted", "applied"], "The revisions of a stack; always 1. `applied` is empty before the first apply and `mixed` while hosts differ.";
    Gauge "driftless_stack_sync" &["source", "stack", "sync"], "1 for the present sync status (in_sync, out_of_sync, unknown), 0 for the others.";
    Gauge "driftless_stack_suspended" STACK, "Whether a person suspended the stack: 1 or 0.";
    Gauge "driftless_stack_held" STACK, "Whether the head waits for a person or a newer commit: 1 or 0.";
    Gauge "driftless_stack_live" STACK, "Whether a run of the stack is live: 1 or 0.";
    Gauge "driftless_stack_failures" STACK, "Applies of the attempted revision that failed in a row.";
    Gauge "driftless_stack_hosts" STACK, "Hosts of the last full run.";
    Gauge "driftless_stack_hosts_converged" STACK, "Hosts with the head applied.";
    Gauge "driftless_stack_hosts_owed" STACK, "Hosts that are owed a revision because they did not answer or a run ended early.";
    Gauge "driftless_stack_hosts_failed" STACK, "Hosts that failed in the last apply that included them.";
    Gauge "driftless_stack_last_success_timestamp_seconds" STACK, "When an apply of the whole stack last succeeded: alert on its age.";
    Counter "driftless_runs_total" &["source", "stack", "mode", "trigger", "outcome"], "Runs that ended since the daemon started.";
    Histogram "driftless_run_duration_seconds" STACK_MODE, "Time from the start of ansible-playbook until nothing of the run was left.";
    Histogram "driftless_run_start_delay_seconds" STACK_MODE, "Time from the decision to run until ansible-playbook was started.";
}

fn find(name: &str) -> &'static Metric {
    METRICS.iter().find(|it| it.name == name).expect("every metric used in code is in the table")
}

pub(super) fn opts(name: &str) -> Opts {
    let metric = find(name);
    Opts::new(metric.name, metric.help)
}

pub(super) fn labels(name: &str) -> &'static [&'static str] {
    find(name).labels
}

/// Buckets for runs, which take from a second to half an hour; delays use finer ones below.
const RUN_BUCKETS: &[f64] = &[1.0, 5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 1800.0, 3600.0];
const DELAY_BUCKETS: &[f64] = &[0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 300.0];

pub(super) fn histogram(name: &str) -> Result<HistogramVec, prometheus::Error> {
    let metric = find(name);
    let buckets = if metric.name.contains("delay") { DELAY_BUCKETS } else { RUN_BUCKETS };
    HistogramVec::new(HistogramOpts::new(metric.name, metric.help).buckets(buckets.to_vec()), metric.labels)
}
