//! What a daemon in memory tells of a stack, a host and itself.

use std::collections::BTreeMap;

use driftless::api::{
    DiskView, Fleet, FleetStack, HostInStack, HostView, Readiness, ServiceMode, StackView, StoreState,
    SystemView,
};
use driftless::domain::{
    Applied, CommitLine, DriftReport, Explanation, HostCounts, HostMark, HostName, HostState, HostStatus,
    PredictionTotals, Revision, Span, StackId, StackOverview, StackPolicy, StackStatus, SyncStatus,
    Timestamp,
};

fn head() -> Revision {
    format!("main@sha1:{}", "ab".repeat(20)).parse().expect("a revision")
}

/// One stack with two hosts, one of which somebody changed.
pub(super) fn fleet() -> Fleet {
    let mark = |host: &str, state| HostMark {
        host: HostName::new(host),
        state,
        owed_since: None,
        last_seen: Some(Timestamp::UNIX_EPOCH),
    };
    let mut stack = stack_view("infra/web".parse().expect("a stack")).stack;
    stack.overview.marks = vec![mark("web1", HostState::Drifted), mark("web2", HostState::InSync)];
    Fleet { stacks: vec![stack], ..Fleet::default() }
}

/// A stack that never ran.
pub(super) fn stack_view(id: StackId) -> StackView {
    let status = StackStatus {
        policy: StackPolicy {
            timeout: Span::from_mins(30),
            ..StackPolicy::new(id.clone(), "site.yml", "hosts")
        },
        sync: SyncStatus::Unknown,
        reason: "main@ababababab was never applied".to_owned(),
        head: head(),
        attempted: None,
        applied: Applied::Nothing,
        hosts: HostCounts::default(),
        live: None,
        request: None,
        suspended: None,
        hold: None,
        airbag: None,
        approval: None,
        predictions: PredictionTotals::default(),
        failures: 0,
        next_run: None,
        last_success: None,
        id: id.clone(),
    };
    let overview = StackOverview {
        status,
        next_check: None,
        check: None,
        check_failures: 0,
        drifted_hosts: BTreeMap::new(),
        flapping_tasks: 0,
        owed_since: None,
        marks: Vec::new(),
        lock_wait_since: None,
        locks: Vec::new(),
    };
    StackView {
        stack: FleetStack { overview, commits: BTreeMap::new(), recent: Vec::new() },
        explanation: Explanation { stack: id.clone(), next: "it runs soon".to_owned(), because: Vec::new() },
        drift: DriftReport {
            stack: id,
            revision: None,
            check: None,
            next_check: None,
            correction: None,
            hosts: Vec::new(),
            tasks: Vec::new(),
        },
        history: Vec::new(),
    }
}

/// One stack of many, with so many hosts in every state.
pub(super) fn fleet_stack(number: usize, hosts: usize) -> FleetStack {
    let mut stack = stack_view(format!("infra/stack-{number:02}").parse().expect("a stack")).stack;
    let overview = &mut stack.overview;
    let calm = !number.is_multiple_of(4);
    overview.marks = (0..hosts)
        .map(|it| HostMark {
            host: HostName::new(format!("node{it:02}.stack-{number:02}.example.org")),
            state: if calm { HostState::InSync } else { HostState::ALL[it % HostState::ALL.len()] },
            owed_since: None,
            last_seen: Some(Timestamp::UNIX_EPOCH),
        })
        .collect();
    let count = |state| {
        u32::try_from(overview.marks.iter().filter(|it| it.state == state).count()).expect("few hosts")
    };
    let total = u32::try_from(hosts).expect("few hosts");
    let hosts = HostCounts {
        total,
        converged: count(HostState::InSync),
        owed: count(HostState::Owed),
        failed: count(HostState::Failed),
        pending: count(HostState::Pending),
    };
    let status = &mut overview.status;
    (status.hosts, status.attempted) = (hosts, Some(head()));
    if calm {
        (status.sync, status.applied) = (SyncStatus::InSync, Applied::Everywhere(head().commit));
    } else {
        let older = "cd".repeat(20).parse().expect("a commit");
        (status.sync, status.applied) = (SyncStatus::OutOfSync, Applied::Everywhere(older));
    }
    let line = |pair: &str, subject: &str| CommitLine {
        commit: pair.repeat(20).parse().expect("a commit"),
        subject: subject.to_owned(),
        author: "Ann Lovelace".to_owned(),
        at: Timestamp::UNIX_EPOCH,
    };
    let lines = [
        line("ab", "Serve the new certificate from both load balancers"),
        line("cd", "Raise the number of workers"),
    ];
    stack.commits = lines.map(|it| (it.commit.clone(), it)).into();
    stack
}

/// A host of `infra/web`.
pub(super) fn host_view(host: HostName) -> HostView {
    let status = HostStatus {
        host: host.clone(),
        attempted: None,
        applied: None,
        applied_at: None,
        checked_at: None,
        last_seen: None,
        owed_since: None,
        failed: false,
        pending: Vec::new(),
        drift: Vec::new(),
        locked: None,
    };
    let stack = "infra/web".parse().expect("a stack");
    let stacks = vec![HostInStack { stack, head: head(), state: HostState::Unknown, status }];
    HostView { host, stacks, runs: Vec::new(), commits: BTreeMap::new() }
}

/// A daemon without work.
pub(super) fn system_view() -> SystemView {
    SystemView {
        version: "0.1.0".to_owned(),
        started_at: Timestamp::UNIX_EPOCH,
        mode: ServiceMode::OneUser,
        readiness: Readiness { ready: true, because: Vec::new() },
        stopping: false,
        notices: Vec::new(),
        url: None,
        sources: Vec::new(),
        live: Vec::new(),
        run_limit: 4,
        queue: Vec::new(),
        locks: Vec::new(),
        runtimes: Vec::new(),
        built: Vec::new(),
        git: None,
        store: StoreState {
            writable: true,
            problem: None,
            size_bytes: 0,
            free_bytes: None,
            read_only: false,
        },
        disk: DiskView {
            available_bytes: None,
            floor_bytes: 0,
            keep: Span::from_hours(24),
            keep_journal: Span::from_hours(24),
            keep_events: Some(Span::from_hours(24)),
            keep_raw_log: Span::from_hours(24),
            keep_bytes: 0,
        },
        deliveries: Vec::new(),
        audit: None,
    }
}
