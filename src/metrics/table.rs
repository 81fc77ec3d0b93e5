//! The one table of all metrics. Registration, documentation and tests read it.

use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, Opts};

/// What a metric is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only grows.
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
const STACK_CLASS: &[&str] = &["source", "stack", "class"];
const STACK_RESULT: &[&str] = &["source", "stack", "result"];
const STACK_HOST: &[&str] = &["source", "stack", "host"];

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
    Gauge "driftless_disk_free_bytes" &[], "Bytes free on the file system of the state directory.";
    Gauge "driftless_disk_enough" &[], "Whether there is room on the disk for new runs: 1 or 0. While it is 0 no run starts.";
    Counter "driftless_audit_records_total" &[], "Records of the audit chain, since it began.";
    Gauge "driftless_audit_chain_ok" &[], "Whether the audit chain held when it was last verified: 1 or 0. Absent until it was.";
    Gauge "driftless_audit_last_checkpoint_timestamp_seconds" &[], "When the audit chain was last signed; absent until it was.";
    Gauge "driftless_alerts_open" &["kind"], "Alerts that are open and lasted long enough to be told.";
    Counter "driftless_notifications_total" &["receiver", "result"], "Tries to send a message to a receiver of alerts since the daemon started; result is sent, failed (it is tried again) or given_up.";
    Gauge "driftless_notifications_pending" &["receiver"], "Messages to a receiver of alerts that wait to be sent or tried again.";
    Gauge "driftless_live_runs" &[], "Runs that are live.";
    Gauge "driftless_run_limit" &[], "Runs that may be live at once.";
    Counter "driftless_git_fetches_total" &["source", "result"], "Fetches since the daemon started; result is success or error.";
    Gauge "driftless_git_last_fetch_timestamp_seconds" &["source"], "When a fetch last succeeded.";
    Counter "driftless_webhook_deliveries_total" &["source", "provider", "result"], "Deliveries of webhooks since the daemon started, by what became of them (accepted, ignored, replayed, refused, malformed, unread, failed); source and provider are empty where no source of that name has a receiver.";
    Gauge "driftless_source_info" &["source", "head", "admitted"], "The head and the last admitted commit; always 1.";
    Gauge "driftless_source_problem" &["source"], "Whether the last fetch failed, the newest commit is refused or the declaration cannot be read: 1 or 0.";
    Gauge "driftless_source_waiting" &["source"], "Whether rewritten history waits for a person: 1 or 0.";
    Gauge "driftless_stack_info" &["source", "stack", "head", "attempted", "applied"], "The revisions of a stack; always 1. `applied` is empty before the first apply and `mixed` while hosts differ.";
    Gauge "driftless_stack_policy_info" &["source", "stack", "apply", "heal"], "What is wanted of a stack: apply is on_commit or manual, heal never or corrective; always 1.";
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
    Gauge "driftless_stack_owed_since_timestamp_seconds" STACK, "Since when the host that waits longest is owed a revision; absent while none is.";
    Gauge "driftless_stack_last_run_info" &["source", "stack", "mode", "outcome"], "How the last run of this mode ended; always 1.";
    Gauge "driftless_stack_last_run_timestamp_seconds" STACK_MODE, "When the last run of this mode ended, however it ended.";
    Gauge "driftless_check_last_timestamp_seconds" STACK, "When a check of the whole stack last got to its end.";
    Gauge "driftless_check_due_timestamp_seconds" STACK, "When the next check is due at the latest; absent if checks are never due.";
    Gauge "driftless_check_failures" STACK, "Checks that did not get to their end, in a row.";
    Gauge "driftless_check_result" STACK_RESULT, "1 for what the last check found (clean, clean_as_far_as_visible, differs), 0 for the others.";
    Gauge "driftless_check_coverage_ratio" STACK, "Share of tasks that the last check could really evaluate, from 0 to 1.";
    Gauge "driftless_check_blind_tasks" STACK, "Tasks that the last check could not simulate, counted for each host and item.";
    Gauge "driftless_check_tainted_tasks" STACK, "Tasks of the last check that rest on what it could not simulate, counted for each host and item.";
    Gauge "driftless_check_unreliable_tasks" STACK, "Tasks of the last check whose checks and applies were seen to disagree, counted for each host and item.";
    Gauge "driftless_check_ran_for_real_tasks" STACK, "Tasks that the last check executed for real (check_mode: false), counted for each host and item.";
    Gauge "driftless_check_unseen_hosts" STACK, "Hosts of which the last check says nothing, because they failed or did not answer.";
    Gauge "driftless_check_changes_left_out" STACK, "Differences that the last check could not tell one by one, because there were too many.";
    Gauge "driftless_drift_hosts" STACK_CLASS, "Hosts on which something differs, by class (intended, corrective, recurring, flapping). Absent until there was a check.";
    Gauge "driftless_drift_tasks" STACK_CLASS, "Tasks that would change something on at least one host, by class. Absent until there was a check.";
    Gauge "driftless_flapping_tasks" STACK, "Tasks that report changes that nobody made: defects of the playbook.";
    Counter "driftless_heals_total" STACK_RESULT, "Heals since the state directory was made; result is healed or not_healed, as the check after it found.";
    Gauge "driftless_pending_handlers" STACK, "Handlers that were notified and did not run, over all hosts.";
    Gauge "driftless_quarantined_hosts" STACK, "Hosts that stay locked because something of an earlier run may be left there.";
    Gauge "driftless_airbag_held" STACK, "Whether an apply waits for a person because its hosts or changes are not what they were: 1 or 0.";
    Gauge "driftless_lock_waiting" STACK, "Whether a run waits for machines that another stack has: 1 or 0.";
    Histogram "driftless_lock_wait_seconds" STACK, "How long runs waited for machines that another stack had, since the state directory was made.";
    Histogram "driftless_push_to_start_seconds" STACK, "Time from when a new revision was seen until a run of it was let at the hosts, since the state directory was made.";
    Histogram "driftless_push_to_applied_seconds" STACK, "Time from when a new revision was seen until all hosts had it, since the state directory was made.";
    Gauge "driftless_host_last_success_timestamp_seconds" STACK_HOST, "When an apply or a check last got to its end on the host: alert on its age.";
    Gauge "driftless_host_drift_tasks" STACK_HOST, "Tasks that would correct something that somebody changed on the host.";
    Gauge "driftless_host_owed_since_timestamp_seconds" STACK_HOST, "Since when the host is owed a revision; absent while it is not.";
    Gauge "driftless_host_series_left_out" &[], "Hosts without series of their own, because there are more than `metrics.hosts`.";
    Gauge "driftless_merge_requests" &["source"], "Open merge requests that are followed; absent for sources without a forge.";
    Counter "driftless_forge_calls_total" &["source", "call", "result"], "Talks with the forge since the daemon started: call is ask or report, result is success or error.";
    Counter "driftless_previews_total" &["source", "result"], "Previews without keys since the daemon started; result is success or error. Live ones are runs with the trigger merge_request.";
    Counter "driftless_preview_changes_total" STACK_RESULT, "Changes of applies that a live preview had promised something about, since the state directory was made; result is as_predicted, missing, different, extra or not_predictable.";
    Gauge "driftless_stack_approval_waiting" STACK, "Whether a person has to approve of a revision: 1 or 0.";
    Counter "driftless_runs_total" &["source", "stack", "mode", "trigger", "outcome"], "Runs that ended since the state directory was made.";
    Histogram "driftless_run_duration_seconds" STACK_MODE, "Time from the decision to run until nothing of the run was left, since the daemon started; refused runs are left out.";
    Histogram "driftless_run_start_delay_seconds" STACK_MODE, "Time from the decision to run until ansible-playbook was started, since the daemon started.";
}

fn find(name: &str) -> &'static Metric {
    METRICS.iter().find(|it| it.name == name).expect("every metric used in code is in the table")
}

pub(super) fn opts(name: &str) -> Opts {
    let metric = find(name);
    Opts::new(metric.name, metric.help)
}

pub(super) fn counter(name: &str) -> Result<IntCounterVec, prometheus::Error> {
    IntCounterVec::new(opts(name), labels(name))
}

pub(super) fn help(name: &str) -> &'static str {
    find(name).help
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
