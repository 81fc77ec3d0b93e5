//! A stack, a host and a daemon, made up.

use crate::api::{
    AuditState, BuiltRuntime, DeliveryView, DiskView, Fleet, HostInStack, HostTotals, HostView,
    MergeRequestView, QueueEntry, Readiness, RunSummary, RuntimeView, ServiceMode, SourceView, StackLock,
    StackView, StoreState, SystemView,
};
use crate::domain::{
    ChangeClass, Drift, DriftReport, Ending, Explanation, HostName, HostRun, HostState, HostStats,
    HostStatus, HostsImpact, Impact, Merge, MergeRequest, MergeRequestFacts, MergeRequestNumber,
    MergeRequestState, MergeRequestStatus, Outcome, PendingHandler, PreviewFacts, PreviewLevel, Previewed,
    RunId, RunMark, RuntimeSpec, SandboxedPlay, SandboxedStack, Selection, Span, StackId, StackImpact,
    TaskFacts, TaskIdentity,
};

use super::samples::{ago, commit, fleet, line, now, revision};

fn task(name: &str, action: &str, line: u32) -> TaskIdentity {
    TaskIdentity {
        path: "roles/web/tasks/main.yml".to_owned(),
        line,
        role: Some("web".to_owned()),
        action: action.to_owned(),
        name: name.to_owned(),
        occurrence: 0,
    }
}

fn drift(name: &str, class: ChangeClass, minutes: &[i64]) -> Drift {
    Drift {
        task: task(name, "ansible.builtin.template", 18),
        item: String::new(),
        digest: "9f".to_owned(),
        class,
        run: RunId(4_190),
        onsets: minutes.iter().map(|it| ago(*it)).collect(),
        heals: Vec::new(),
    }
}

fn summary(stack: &StackId, mark: &RunMark) -> RunSummary {
    let failed = u32::from(mark.outcome == Some(Outcome::Failed));
    RunSummary {
        run: mark.run,
        stack: stack.clone(),
        revision: revision(if mark.run.0.is_multiple_of(5) { "91bc" } else { "4f2a" }),
        mode: mark.mode,
        trigger: mark.trigger,
        requested_by: mark.run.0.is_multiple_of(11).then(|| "ben".to_owned()),
        selection: Selection::Full,
        decided_at: mark.decided_at,
        started_at: mark.started_at,
        ended_at: mark.ended_at,
        ending: mark.outcome.map(Ending::plain),
        hosts: HostTotals { total: 60, changed: 4 - failed, failed, unreachable: 0 },
    }
}

/// The stack of this name in the fleet, with all that its page shows.
pub(super) fn stack(name: &str) -> StackView {
    let id: StackId = name.parse().unwrap();
    let stack = fleet().stacks.iter().find(|it| it.overview.status.id == id).unwrap().clone();
    let head = &stack.overview.status.head;
    let hosts = stack.overview.marks.iter().map(|mark| HostStatus {
        host: mark.host.clone(),
        attempted: Some(head.commit.clone()),
        applied: Some(if mark.state == HostState::Behind { commit("91bc") } else { head.commit.clone() }),
        applied_at: Some(ago(94)),
        checked_at: Some(ago(24)),
        last_seen: mark.last_seen,
        owed_since: mark.owed_since,
        failed: mark.state == HostState::Failed,
        pending: Vec::new(),
        drift: if mark.state == HostState::Drifted {
            vec![
                drift("Write the pool", ChangeClass::Corrective, &[51]),
                drift("Sysctl", ChangeClass::Recurring, &[4_000, 90]),
            ]
        } else {
            Vec::new()
        },
        locked: None,
    });
    let flapping = TaskFacts {
        identity: task("Write when it was built", "ansible.builtin.copy", 40),
        still_reported: 3,
        flapping_since: Some(ago(3_000)),
        disagreements: 0,
        unreliable_since: None,
        differs: false,
        blind: 12,
        for_real: 0,
    };
    StackView {
        explanation: Explanation {
            stack: id.clone(),
            next: "a retry of main@4f2a4f2a4f starts in 4m".to_owned(),
            because: vec![
                "it is measured against main@4f2a4f2a4f".to_owned(),
                "new commits are applied as they come (`apply: on_commit`)".to_owned(),
                "1 host failed in run 4193 of main@4f2a4f2a4f, 2 owed".to_owned(),
                "the last apply, run 4193 of main@4f2a4f2a4f, failed 3m ago".to_owned(),
                "a retry is due in 4m, after 1 failure in a row".to_owned(),
                "1 run of at most 4 is live".to_owned(),
            ],
        },
        drift: DriftReport {
            stack: id.clone(),
            revision: stack.overview.status.attempted.clone(),
            check: stack.overview.check.clone(),
            next_check: stack.overview.next_check,
            correction: Some("it is reported and not corrected (`heal: never`)".to_owned()),
            hosts: hosts.collect(),
            tasks: vec![flapping],
        },
        history: stack.recent.iter().map(|it| summary(&id, it)).collect(),
        stack,
    }
}

/// A host in two stacks.
pub(super) fn host() -> HostView {
    let web = stack("infra/loadbalancer");
    let head = web.stack.overview.status.head.clone();
    let drifted = web.drift.hosts.iter().find(|it| !it.drift.is_empty()).unwrap().clone();
    let host = drifted.host.clone();
    let owed = HostStatus {
        owed_since: Some(ago(132)),
        applied: Some(commit("91bc")),
        drift: Vec::new(),
        pending: vec![PendingHandler {
            handler: "restart haproxy".to_owned(),
            play: 0,
            section: 1,
            dynamic: false,
            task: task("Write the pool", "template", 18),
            run: RunId(4_170),
            since: ago(132),
        }],
        locked: Some("run 4201 has it".to_owned()),
        ..drifted.clone()
    };
    let runs = web.stack.recent.iter().enumerate().map(|(place, mark)| HostRun {
        stack: if place % 2 == 0 { "infra/loadbalancer" } else { "infra/base" }.parse().unwrap(),
        run: mark.clone(),
        stats: HostStats {
            ok: 40,
            changed: u32::from(place % 3 == 0),
            unreachable: u32::from(place == 4),
            ..HostStats::default()
        },
    });
    HostView {
        stacks: vec![
            HostInStack {
                stack: "infra/base".parse().unwrap(),
                head: head.clone(),
                state: HostState::Owed,
                status: owed,
            },
            HostInStack {
                stack: "infra/loadbalancer".parse().unwrap(),
                head,
                state: HostState::Drifted,
                status: drifted,
            },
        ],
        runs: runs.collect(),
        commits: web.stack.commits,
        host,
    }
}

/// A daemon with everything going on.
#[expect(clippy::too_many_lines, reason = "a list of facts")]
pub(super) fn system() -> SystemView {
    let fleet = fleet();
    let Fleet { stacks, sources, .. } = &*fleet;
    let commits = [
        line("4f2a", "Serve the new certificate from both load balancers", "Ann Lovelace", 95),
        line("77de", "Drop the old shops", "Ben Okri", 12),
    ];
    let live: Vec<RunSummary> = stacks
        .iter()
        .filter(|it| it.overview.status.live.is_some())
        .map(|it| summary(&it.overview.status.id, &it.recent[0]))
        .collect();
    let locks = stacks.iter().flat_map(|it| {
        let id = it.overview.status.id.clone();
        it.overview.locks.iter().map(move |lock| StackLock { stack: id.clone(), lock: lock.clone() })
    });
    SystemView {
        version: "0.1.0".to_owned(),
        started_at: ago(60 * 53),
        mode: ServiceMode::Service,
        readiness: Readiness { ready: true, because: Vec::new() },
        stopping: false,
        notices: Vec::new(),
        url: Some("127.0.0.1:9847".to_owned()),
        sources: sources
            .iter()
            .map(|it| SourceView {
                status: it.clone(),
                commits: commits.clone().into(),
                stacks: 7,
                hosts: Some(310),
                deliveries_from: (it.name.as_str() == "infra").then(|| "gitlab".to_owned()),
            })
            .collect(),
        live,
        run_limit: 4,
        queue: vec![QueueEntry {
            stack: "infra/web".parse().unwrap(),
            reason: "1 host failed in run 4193 of main@4f2a4f2a4f, 2 owed; retried in 4m".to_owned(),
            since: None,
            until: Some(now() + Span::from_mins(4)),
        }],
        locks: locks.collect(),
        runtimes: vec![
            RuntimeView { runtime: RuntimeSpec::System, stacks: 14, version: Some("2.17.9".to_owned()) },
            RuntimeView {
                runtime: RuntimeSpec::Managed {
                    core: "2.19.14".to_owned(),
                    requirements: None,
                    galaxy: None,
                },
                stacks: 2,
                version: None,
            },
        ],
        built: vec![BuiltRuntime { version: "2.19.14".to_owned(), hash: "5f1c".to_owned() }],
        git: Some("2.47.3".to_owned()),
        store: StoreState {
            writable: true,
            problem: None,
            size_bytes: 734_003_200,
            free_bytes: None,
            read_only: false,
        },
        disk: DiskView {
            available_bytes: Some(48_000_000_000),
            floor_bytes: 1_073_741_824,
            keep: Span::from_hours(24 * 90),
            keep_journal: Span::from_hours(24 * 30),
            keep_events: Some(Span::from_hours(24 * 21)),
            keep_raw_log: Span::from_hours(24 * 14),
            keep_bytes: 10_737_418_240,
        },
        deliveries: vec![DeliveryView {
            source: "infra".parse().unwrap(),
            provider: "gitlab".to_owned(),
            event: "Push Hook".to_owned(),
            reference: Some("main".to_owned()),
            result: "accepted".to_owned(),
            at: ago(95),
        }],
        audit: Some(AuditState {
            records: 18_204,
            fault: None,
            verified: true,
            last_checkpoint: Some(ago(12)),
        }),
    }
}

/// What nobody should be able to do harm with.
pub(super) const HOSTILE: &str =
    "\"><script>alert(1)</script><img src=x onerror=alert(2)>\u{202E}\u{1b}[31m'&lt;";

/// The host with a name that its inventory should not have given it.
pub(super) fn hostile_host() -> HostView {
    let mut view = host();
    view.host = HostName::new(HOSTILE);
    for it in &mut view.stacks {
        it.status.host = view.host.clone();
        it.status.locked = Some(HOSTILE.to_owned());
        for drift in &mut it.status.drift {
            (drift.task.name, drift.task.path) = (HOSTILE.to_owned(), HOSTILE.to_owned());
        }
        for debt in &mut it.status.pending {
            debt.handler = HOSTILE.to_owned();
        }
    }
    for it in view.commits.values_mut() {
        (it.subject, it.author) = (HOSTILE.to_owned(), HOSTILE.to_owned());
    }
    view
}

/// A merge request whose author means harm, with what a sandbox listed of it.
pub(super) fn hostile_merge_request() -> MergeRequestView {
    let play = || SandboxedPlay {
        name: HOSTILE.to_owned(),
        pattern: HOSTILE.to_owned(),
        hosts: 2,
        tasks: vec![HOSTILE.to_owned(); 99],
    };
    let sandboxed = SandboxedStack { version: HOSTILE.to_owned(), ..SandboxedStack::default() };
    let sandboxed =
        sandboxed.with_plays([play(), play(), SandboxedPlay { tasks: vec![String::new(); 4], ..play() }]);
    let touched = StackImpact {
        stack: "web".parse().unwrap(),
        whole: Some(HOSTILE.to_owned()),
        plays: Vec::new(),
        hosts: HostsImpact::Unknown { why: HOSTILE.to_owned() },
        left_behind: Vec::new(),
    };
    let made = Previewed {
        merge: Merge::Clean { commit: commit("4f2a") },
        sandboxed: [(touched.stack.clone(), sandboxed)].into(),
        impact: Impact { stacks: vec![touched], ..Impact::default() },
        no_sandbox: Some(HOSTILE.to_owned()),
    };
    let mut facts = MergeRequestFacts::new(MergeRequest {
        number: MergeRequestNumber(7),
        title: HOSTILE.to_owned(),
        author: HOSTILE.to_owned(),
        head: commit("91bc"),
        target: "main".parse().unwrap(),
        fork: false,
        draft: false,
        state: MergeRequestState::Open,
        approvals: Vec::new(),
        url: String::new(),
        updated_at: ago(5),
    });
    facts.preview = Some(PreviewFacts {
        head: commit("91bc"),
        target: commit("4f2a"),
        level: PreviewLevel::Sandboxed,
        at: ago(4),
        made: Ok(made),
    });
    let status = MergeRequestStatus {
        source: "infra".parse().unwrap(),
        facts,
        standing: HOSTILE.to_owned(),
        stale: false,
    };
    MergeRequestView { status, link: None, forge: None, approvals_needed: None }
}

/// The stack with texts that nobody should be able to do harm with.
pub(super) fn hostile_stack() -> StackView {
    let mut view = stack("infra/loadbalancer");
    view.stack.overview.status.reason = HOSTILE.to_owned();
    view.stack.overview.status.suspended = Some((HOSTILE.to_owned(), ago(1)));
    view.explanation.because.push(HOSTILE.to_owned());
    for it in view.stack.commits.values_mut() {
        (it.subject, it.author) = (HOSTILE.to_owned(), HOSTILE.to_owned());
    }
    for it in &mut view.drift.hosts {
        it.host = HostName::new(HOSTILE);
        for drift in &mut it.drift {
            (drift.task.name, drift.task.path) = (HOSTILE.to_owned(), HOSTILE.to_owned());
        }
    }
    for it in &mut view.history {
        it.requested_by = Some(HOSTILE.to_owned());
    }
    view
}
