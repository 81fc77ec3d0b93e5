//! A fleet as a team could have it.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::api::{Fleet, FleetStack};
use crate::domain::{
    AirbagHold, Applied, Caller, ChangeClass, CheckCounts, CommitHash, CommitLine, Coverage, Failure,
    HeldLock, HostCounts, HostMark, HostName, HostState, LastCheck, LockKey, Mode, Outcome, PredictionTotals,
    Proof, Revision, Role, RunId, RunMark, RunSpec, RuntimeSpec, Scope, Selection, SourceStatus, Span,
    StackId, StackOverview, StackPolicy, StackStatus, SyncStatus, Timestamp, Trigger,
};
use crate::web::pages::context::PageContext;

/// When everything here is looked at.
pub(super) fn now() -> Timestamp {
    "2026-11-28T11:24:00Z".parse().unwrap()
}

pub(super) fn ago(minutes: i64) -> Timestamp {
    now() - Span::from_mins(minutes)
}

pub(super) fn commit(digits: &str) -> CommitHash {
    digits.repeat(20)[..40].parse().unwrap()
}

pub(super) fn revision(digits: &str) -> Revision {
    Revision { reference: "main".parse().unwrap(), commit: commit(digits) }
}

pub(super) fn line(digits: &str, subject: &str, author: &str, minutes: i64) -> (CommitHash, CommitLine) {
    let (commit, at) = (commit(digits), ago(minutes));
    (commit.clone(), CommitLine { commit, subject: subject.to_owned(), author: author.to_owned(), at })
}

pub(super) fn context(uri: &str) -> PageContext {
    let caller =
        Caller { name: "ann".to_owned(), role: Role::Admin, scope: Scope::All, proof: Proof::Session };
    PageContext::new(Some(caller), Some("c0ffee".to_owned()), now(), &uri.parse().unwrap())
}

pub(super) fn mark(number: u64, mode: Mode, outcome: Option<Outcome>, minutes: i64, seconds: i64) -> RunMark {
    let decided_at = ago(minutes);
    RunMark {
        run: RunId(number),
        mode,
        trigger: if mode == Mode::Check { Trigger::Schedule } else { Trigger::NewRevision },
        outcome,
        decided_at,
        started_at: Some(decided_at + Span::from_secs(1)),
        ended_at: outcome.map(|_| decided_at + Span::from_secs(seconds)),
        check: (mode == Mode::Check && outcome.is_some()).then(|| CheckCounts {
            differing_hosts: u32::try_from(number % 5).unwrap(),
            seen: 800 - number % 90,
            unseen: number % 90,
        }),
    }
}

fn recent(seed: u64, last: Option<Outcome>) -> Vec<RunMark> {
    let outcomes = [Outcome::Changed, Outcome::InSync, Outcome::InSync, Outcome::Drifted];
    (0..16_u64)
        .map(|it| {
            let check = !(it + seed).is_multiple_of(3);
            let usual = outcomes[usize::try_from((it * 7 + seed) % 4).unwrap()];
            let usual = if check && usual == Outcome::Changed { Outcome::InSync } else { usual };
            let outcome = if it == 0 { last } else { Some(usual) };
            let mode = if check { Mode::Check } else { Mode::Apply };
            let minutes = i64::try_from(it * 30 + 3).unwrap();
            let seconds = i64::try_from((it * 37 + seed * 13) % 180 + 9).unwrap();
            mark(4_200 - it * 7 - seed, mode, outcome, minutes, seconds)
        })
        .collect()
}

pub(super) fn spec(run: u64, stack: &StackId, mode: Mode) -> RunSpec {
    RunSpec {
        run: RunId(run),
        stack: stack.clone(),
        revision: revision("4f2a"),
        mode,
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

/// A stack with so many hosts in each state, in the order of [`HostState::ALL`].
#[expect(clippy::too_many_lines, reason = "a list of facts")]
pub(super) fn stack(id: &str, each: [usize; 7], reason: &str) -> FleetStack {
    let id: StackId = id.parse().unwrap();
    let mut marks = Vec::new();
    for (state, count) in HostState::ALL.into_iter().zip(each) {
        for number in 0..count {
            let host = HostName::new(format!("{}-{}{:02}.example.org", id.stack, state.as_str(), number + 1));
            let owed_since = (state == HostState::Owed).then(|| ago(132));
            marks.push(HostMark { host, state, owed_since, last_seen: Some(ago(24)) });
        }
    }
    let count = |it: usize| u32::try_from(each[it]).unwrap();
    let total = u32::try_from(marks.len()).unwrap();
    let hosts = HostCounts {
        total,
        converged: count(5) + count(2) + count(3),
        owed: count(1),
        failed: count(0),
        pending: count(3),
    };
    let in_sync = hosts.converged == total && count(2) == 0;
    let sync = if total == 0 {
        SyncStatus::Unknown
    } else if in_sync {
        SyncStatus::InSync
    } else {
        SyncStatus::OutOfSync
    };

    let coverage =
        Coverage { would_change: u64::from(count(2)), unchanged: 812, blind: 12, ..Coverage::default() };
    let check = LastCheck {
        run: RunId(4_190),
        revision: revision("4f2a"),
        at: ago(24),
        coverage,
        unseen_hosts: 0,
        changes_left_out: 0,
    };
    let status = StackStatus {
        policy: StackPolicy::new(id.clone(), "site.yml", "inventories/production"),
        sync,
        reason: reason.to_owned(),
        head: revision("4f2a"),
        attempted: Some(revision("4f2a")),
        applied: if count(4) == 0 && 0 < total {
            Applied::Everywhere(commit("4f2a"))
        } else {
            Applied::Mixed
        },
        hosts,
        live: None,
        request: None,
        suspended: None,
        hold: None,
        airbag: None,
        approval: None,
        predictions: PredictionTotals::default(),
        failures: u32::from(count(0) != 0),
        next_run: None,
        last_success: Some(ago(94)),
        id: id.clone(),
    };
    let overview = StackOverview {
        status,
        next_check: Some(now() + Span::from_mins(36)),
        check: Some(check),
        check_failures: 0,
        drifted_hosts: if each[2] == 0 {
            BTreeMap::new()
        } else {
            [(ChangeClass::Corrective, count(2))].into()
        },
        flapping_tasks: 0,
        owed_since: (count(1) != 0).then(|| ago(132)),
        marks,
        lock_wait_since: None,
        locks: Vec::new(),
    };
    let lines = [
        line("4f2a", "Serve the new certificate from both load balancers", "Ann Lovelace", 95),
        line("91bc", "Raise the number of workers", "Ben Okri", 2_900),
    ];
    let seed = id.to_string().bytes().map(u64::from).sum::<u64>() % 7;
    let last = if count(0) != 0 { Outcome::Failed } else { Outcome::InSync };
    FleetStack { overview, commits: lines.into(), recent: recent(seed, Some(last)) }
}

#[expect(clippy::too_many_lines, reason = "a list of facts")]
fn stacks() -> Vec<FleetStack> {
    let calm = "main@4f2a4f2a4f is applied on all hosts";
    let mut web = stack(
        "infra/web",
        [1, 2, 0, 0, 0, 57, 0],
        "1 host failed in run 4193 of main@4f2a4f2a4f, 2 owed; retried in 4m",
    );
    web.overview.status.next_run = Some(now() + Span::from_mins(4));
    let mut database = stack(
        "infra/database",
        [0, 0, 0, 0, 6, 0, 0],
        "6 of 6 hosts are not what they were; a person has to approve it",
    );
    database.overview.status.attempted = Some(revision("91bc"));
    database.overview.status.applied = Applied::Everywhere(commit("91bc"));
    database.overview.status.airbag = Some(AirbagHold {
        revision: revision("4f2a"),
        comparison: "4 hosts instead of 6: 33 % fewer than the last apply".to_owned(),
        digest: "9c1f0a".to_owned(),
        run: RunId(4_188),
        since: ago(41),
        approved_by: None,
    });
    let mut drifted = stack(
        "infra/loadbalancer",
        [0, 0, 2, 0, 0, 6, 0],
        "main@4f2a4f2a4f is applied on 8 of 8 hosts; 2 hosts were changed since",
    );
    drifted.overview.drifted_hosts.insert(ChangeClass::Recurring, 1);
    drifted.overview.flapping_tasks = 1;
    let mut live = stack("infra/monitoring", [0, 0, 0, 0, 3, 9, 0], "main@4f2a4f2a4f is being applied");
    live.overview.status.live = Some(spec(4_201, &live.overview.status.id, Mode::Apply));
    live.recent.insert(0, mark(4_201, Mode::Apply, None, 1, 0));
    live.overview.locks = vec![HeldLock {
        key: LockKey::address("monitoring-behind01.example.org", None),
        run: Some(RunId(4_201)),
        exclusive: true,
        doubtful_until: None,
    }];
    let mut suspended = stack("office/printers", [0, 0, 0, 0, 0, 4, 0], "suspended by carl");
    suspended.overview.status.suspended = Some(("carl".to_owned(), ago(60 * 26)));
    suspended.overview.next_check = None;
    let mut fresh = stack(
        "office/laptops",
        [0; 7],
        "main@4f2a4f2a4f was never applied; nothing runs until a person asks",
    );
    fresh.overview.status.applied = Applied::Nothing;
    fresh.overview.status.attempted = None;
    fresh.overview.status.last_success = None;
    fresh.overview.check = None;
    fresh.recent.clear();
    let owed = stack(
        "edge/shops",
        [0, 3, 0, 1, 0, 310, 0],
        "main@4f2a4f2a4f is applied on 311 of 314 hosts, 3 owed",
    );
    let mut all = vec![web, database, drifted, live, suspended, fresh, owed];
    for (name, hosts) in [
        ("base", 240),
        ("dns", 4),
        ("mail", 3),
        ("ntp", 12),
        ("vpn", 2),
        ("backup", 9),
        ("proxy", 18),
        ("ci", 26),
        ("k8s", 48),
    ] {
        all.push(stack(&format!("infra/{name}"), [0, 0, 0, 0, 0, hosts, 0], calm));
    }
    all
}

pub(super) fn source(name: &str) -> SourceStatus {
    SourceStatus {
        name: name.parse().unwrap(),
        head: Some(revision("4f2a")),
        admitted: Some(commit("4f2a")),
        waiting: None,
        refused: None,
        problem: None,
        forge_problem: None,
        fetch_failures: 0,
        fetched_at: Some(ago(1)),
        next_fetch: Some(now() + Span::from_secs(40)),
        notes: Vec::new(),
    }
}

pub(super) fn sources() -> Vec<SourceStatus> {
    let mut edge = source("edge");
    edge.waiting = Some(revision("77de"));
    edge.problem = Some(
        Failure::until_changed("main@77de77de77 does not descend from 4f2a4f2a4f: history was rewritten")
            .remedy("if that was intended: driftless approve edge"),
    );
    vec![edge, source("infra"), source("office")]
}

pub(super) fn fleet() -> Arc<Fleet> {
    Arc::new(Fleet { stacks: stacks(), sources: sources(), notices: Vec::new() })
}

/// The same, of so many stacks with so many hosts each.
pub(super) fn large(count: usize, hosts: usize) -> Arc<Fleet> {
    let calm = "main@4f2a4f2a4f is applied on all hosts";
    let stacks = (0..count).map(|it| {
        let owed = usize::from(it % 40 == 0);
        let failed = usize::from(it % 90 == 3);
        let mut made = stack("infra/s", [failed, owed, 0, 0, 0, hosts - owed - failed, 0], calm);
        made.overview.status.id = format!("infra/stack-{it:03}").parse().unwrap();
        made
    });
    Arc::new(Fleet { stacks: stacks.collect(), sources: sources(), notices: Vec::new() })
}
