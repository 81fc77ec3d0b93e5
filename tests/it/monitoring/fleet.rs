//! A fleet in which nothing is as it should be: whatever dashboard and rules ask for is there.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use driftless::daemon::clock::now;
use driftless::domain::{
    Applied, ChangeClass, Coverage, DriftFacts, Failure, HealPolicy, Hold, HostCounts, HostFacts, HostName,
    LastCheck, LastEnd, Latencies, Mode, Outcome, PredictionTotals, ReceiverName, Revision, RunId,
    SourceStatus, Span, StackId, StackPolicy, StackStatus, SyncStatus, Timestamp, Total, Trigger,
};
use driftless::metrics::{AlertTotals, AuditFacts, Metrics, Snapshot};

/// It gets worse with each look at it.
pub(super) struct Fleet {
    metrics: Metrics,
    looks: AtomicU64,
}

impl Fleet {
    pub(super) fn new() -> Self {
        Self { metrics: Metrics::new().expect("metrics"), looks: AtomicU64::new(0) }
    }

    /// Its metrics, as the daemon would render them.
    pub(super) fn page(&self) -> String {
        let looks = self.looks.fetch_add(1, Ordering::Relaxed) + 1;
        for name in ["drifting", "failing", "held"] {
            for mode in [Mode::Check, Mode::Apply] {
                self.metrics.run_ended(&id(name), mode, Outcome::Failed, Duration::from_secs(30));
                self.metrics.run_started(&id(name), mode, Duration::from_millis(300));
            }
        }
        let sources = vec![broken_source("infra"), rewritten(broken_source("other"))];
        for source in &sources {
            self.metrics.fetched(&source.name, false);
        }
        let snapshot = Snapshot {
            receivers: Vec::new(),
            sources,
            merge_requests: BTreeMap::new(),
            audit: Some(AuditFacts { records: 44, holds: Some(false), last_checkpoint: Some(now()) }),
            alerts: Some(alerts()),
            stacks: vec![stack("drifting"), stack("failing"), held(stack("held"))],
            drift: vec![drift("drifting", looks), drift("failing", looks), caught(drift("held", looks))],
            totals: Some(totals(looks)),
            last_ends: vec![last_end("drifting", Mode::Check), last_end("failing", Mode::Apply)],
            live_runs: 1,
            run_limit: 4,
            ready: false,
            journal_writable: false,
            room: false,
            free_bytes: Some(1 << 30),
            store_bytes: 1 << 20,
        };
        self.metrics.limit_hosts(2);
        self.metrics.render(&snapshot).expect("metrics")
    }
}

fn alerts() -> AlertTotals {
    let receiver: ReceiverName = "ops".parse().expect("a name");
    AlertTotals {
        receivers: [receiver.clone()].into(),
        pending: [(receiver, 2)].into(),
        ..AlertTotals::default()
    }
}

fn id(stack: &str) -> StackId {
    format!("infra/{stack}").parse().expect("a stack")
}

fn ago(hours: i64) -> Timestamp {
    now().saturating_sub(Span::from_hours(hours)).expect("a time")
}

fn revision() -> Revision {
    format!("main@sha1:{}", "ab".repeat(20)).parse().expect("a revision")
}

fn broken_source(name: &str) -> SourceStatus {
    SourceStatus {
        name: name.parse().expect("a source"),
        head: Some(revision()),
        admitted: Some(revision().commit),
        waiting: None,
        refused: None,
        problem: Some(Failure::soon("it does not answer")),
        forge_problem: None,
        fetch_failures: 3,
        fetched_at: Some(ago(2)),
        next_fetch: None,
        notes: Vec::new(),
    }
}

fn rewritten(source: SourceStatus) -> SourceStatus {
    SourceStatus { waiting: Some(revision()), ..source }
}

fn stack(name: &str) -> StackStatus {
    StackStatus {
        policy: StackPolicy {
            heal: HealPolicy::Corrective,
            timeout: Span::from_hours(1),
            ..StackPolicy::new(id(name), "site.yml", "hosts")
        },
        id: id(name),
        sync: SyncStatus::OutOfSync,
        reason: "it fails".to_owned(),
        head: revision(),
        attempted: Some(revision()),
        applied: Applied::Mixed,
        hosts: HostCounts {
            total: 4,
            converged: 1,
            owed: u32::from(name == "drifting"),
            failed: 1,
            ..HostCounts::default()
        },
        live: None,
        request: None,
        suspended: None,
        hold: None,
        approval: None,
        predictions: PredictionTotals::default(),
        airbag: None,
        failures: 5,
        next_run: None,
        last_success: Some(ago(90)),
    }
}

fn held(stack: StackStatus) -> StackStatus {
    let hold = Hold { revision: revision(), since: ago(30), reason: "ann cancelled run 7".to_owned() };
    StackStatus { hold: Some(hold), suspended: Some(("ann".to_owned(), ago(30))), ..stack }
}

fn drift(name: &str, looks: u64) -> DriftFacts {
    let mut latencies = Latencies::default();
    for _look in 0..looks {
        latencies.push_to_start.observe(Span::from_secs(3));
        latencies.push_to_applied.observe(Span::from_secs(100));
        latencies.lock_wait.observe(Span::from_secs(20));
    }
    let coverage = Coverage {
        would_change: 3,
        blind: 5,
        tainted: 2,
        unreliable: 1,
        ran_for_real: 1,
        ..Coverage::default()
    };
    let check = LastCheck {
        run: RunId(3),
        revision: revision(),
        at: ago(10),
        coverage,
        unseen_hosts: 1,
        changes_left_out: 1,
    };
    let silent = HostFacts { last_success: Some(ago(90)), drifted_tasks: 2, owed_since: Some(ago(80)) };
    DriftFacts {
        stack: id(name),
        check: Some(check),
        check_failures: 4,
        drifted_hosts: ChangeClass::ALL.map(|it| (it, 1)).into(),
        drifted_tasks: ChangeClass::ALL.map(|it| (it, 2)).into(),
        flapping_tasks: 2,
        heals: (looks, looks),
        owed_since: Some(ago(80)),
        pending_handlers: 3,
        quarantined_hosts: 1,
        airbag_held: false,
        lock_wait_since: None,
        latencies,
        hosts: [(HostName::new("web1"), silent), (HostName::new("web2"), HostFacts::default())].into(),
    }
}

/// Caught by the airbag, and in the queue for machines.
fn caught(drift: DriftFacts) -> DriftFacts {
    DriftFacts { airbag_held: true, lock_wait_since: Some(ago(2)), ..drift }
}

fn totals(looks: u64) -> Vec<Total> {
    let total =
        |name: &str, mode, trigger, outcome| Total { stack: id(name), mode, trigger, outcome, runs: looks };
    vec![
        total("drifting", Mode::Check, Trigger::Schedule, Outcome::Drifted),
        total("failing", Mode::Apply, Trigger::Retry, Outcome::Failed),
        total("failing", Mode::Apply, Trigger::NewRevision, Outcome::Changed),
    ]
}

fn last_end(name: &str, mode: Mode) -> LastEnd {
    LastEnd {
        stack: id(name),
        mode,
        run: RunId(3),
        outcome: Outcome::Failed,
        started_at: Some(ago(2)),
        ended_at: ago(1),
        succeeded_at: None,
    }
}
