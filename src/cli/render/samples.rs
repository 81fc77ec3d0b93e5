//! Values to render in tests.

use std::collections::BTreeMap;

use crate::api::{HostTotals, Readiness, RunSummary, RunView, ServiceMode, Status, StoreState};
use crate::domain::{
    Applied, HostCounts, HostName, HostStats, Mode, PredictionTotals, Revision, Run, RunId, RunSpec,
    RuntimeSpec, Selection, SourceStatus, Span, StackId, StackPolicy, StackStatus, SyncStatus, TaskIdentity,
    Timestamp, Trigger,
};

/// When the tests are.
pub(in crate::cli) fn now() -> Timestamp {
    "2026-11-23T13:40:12Z".parse().expect("a time")
}

pub(in crate::cli) fn ago(seconds: i64) -> Timestamp {
    now() - Span::from_secs(seconds)
}

pub(in crate::cli) fn revision() -> Revision {
    format!("main@sha1:{}", "4f2a9c01d7".repeat(4)).parse().expect("a revision")
}

pub(in crate::cli) fn stack_id(text: &str) -> StackId {
    text.parse().expect("a stack")
}

pub(in crate::cli) fn spec(run: u64) -> RunSpec {
    RunSpec {
        run: RunId(run),
        stack: stack_id("infra/web"),
        revision: revision(),
        mode: Mode::Apply,
        trigger: Trigger::NewRevision,
        merge_request: None,
        requested_by: None,
        failures_before: 0,
        outside_window: None,
        selection: Selection::Full,
        playbook: "site.yml".to_owned(),
        inventory: "inventories/production".to_owned(),
        limit: None,
        tags: Vec::new(),
        skip_tags: Vec::new(),
        extra_vars: BTreeMap::new(),
        forks: None,
        debts: Vec::new(),
        timeout: Span::from_mins(30),
        runtime: RuntimeSpec::System,
    }
}

pub(in crate::cli) fn stack(name: &str) -> StackStatus {
    let policy = StackPolicy {
        timeout: Span::from_mins(30),
        ..StackPolicy::new(stack_id(name), "site.yml", "inventories/production")
    };
    StackStatus {
        id: stack_id(name),
        policy,
        sync: SyncStatus::InSync,
        reason: "the head is applied on all 3 hosts".to_owned(),
        head: revision(),
        attempted: Some(revision()),
        applied: Applied::Everywhere(revision().commit),
        hosts: HostCounts { total: 3, converged: 3, owed: 0, failed: 0, pending: 0 },
        live: None,
        request: None,
        suspended: None,
        hold: None,
        approval: None,
        predictions: PredictionTotals::default(),
        airbag: None,
        failures: 0,
        next_run: None,
        last_success: Some(ago(240)),
    }
}

pub(in crate::cli) fn source(name: &str) -> SourceStatus {
    SourceStatus {
        name: name.parse().expect("a source"),
        head: Some(revision()),
        admitted: Some(revision().commit),
        waiting: None,
        refused: None,
        problem: None,
        forge_problem: None,
        fetch_failures: 0,
        fetched_at: Some(ago(12)),
        next_fetch: Some(now() + Span::from_secs(48)),
        notes: Vec::new(),
    }
}

pub(in crate::cli) fn status() -> Status {
    Status {
        version: "0.1.0".to_owned(),
        started_at: ago(11_520),
        mode: ServiceMode::Service,
        readiness: Readiness { ready: true, because: Vec::new() },
        stopping: false,
        notices: Vec::new(),
        sources: vec![source("infra")],
        stacks: vec![stack("infra/web")],
        live: Vec::new(),
        store: StoreState {
            writable: true,
            problem: None,
            size_bytes: 12_897_484,
            free_bytes: Some(48 << 30),
            read_only: false,
        },
        url: Some("http://127.0.0.1:9847".to_owned()),
    }
}

pub(in crate::cli) fn summary(run: u64) -> RunSummary {
    let mut summary = RunSummary::from(&Run::decided(spec(run), ago(132)));
    summary.started_at = Some(ago(132));
    summary.hosts = HostTotals { total: 3, ..HostTotals::default() };
    summary
}

pub(in crate::cli) fn view(run: u64) -> RunView {
    let mut run = Run::decided(spec(run), ago(133));
    run.reason = "main@4f2a9c01d7 was not attempted yet".to_owned();
    run.started_at = Some(ago(132));
    run.ansible_version = Some("2.19.14".to_owned());
    run.hosts = ["web1", "web2"]
        .map(|it| (HostName::new(it), HostStats { ok: 5, ..HostStats::default() }))
        .into_iter()
        .collect();
    RunView { run, notable: Vec::new(), events_expired: false }
}

pub(in crate::cli) fn task(name: &str, line: u32) -> TaskIdentity {
    TaskIdentity {
        path: "roles/nginx/tasks/main.yml".to_owned(),
        line,
        role: Some("nginx".to_owned()),
        action: "template".to_owned(),
        name: name.to_owned(),
        occurrence: 0,
    }
}
