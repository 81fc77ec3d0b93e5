//! Facts, runs and events to store.

use std::collections::BTreeMap;

use tempfile::TempDir;

use crate::domain::*;
use crate::store::{Recovered, Store, StoreSettings};

/// A small ballast and no floor: tests must not depend on the disk they run on.
pub(in crate::store) const SETTINGS: StoreSettings =
    StoreSettings { ballast_bytes: 1 << 16, free_floor_bytes: 0 };

pub(in crate::store) fn open(dir: &TempDir) -> (Store, Recovered) {
    Store::open(dir.path(), SETTINGS).expect("the store opens")
}

pub(in crate::store) fn directory() -> TempDir {
    tempfile::tempdir().expect("a directory")
}

/// Some seconds after an arbitrary point in time.
pub(in crate::store) fn at(second: i64) -> Timestamp {
    Timestamp::new(1_790_000_000 + second, 123_456_789).expect("a time")
}

pub(in crate::store) fn stack(name: &str) -> StackId {
    format!("infra/{name}").parse().expect("a stack")
}

pub(in crate::store) fn revision(digit: char) -> Revision {
    format!("main@sha1:{}", digit.to_string().repeat(40)).parse().expect("a revision")
}

pub(in crate::store) fn spec(run: u64, stack_name: &str, mode: Mode) -> RunSpec {
    RunSpec {
        run: RunId(run),
        stack: stack(stack_name),
        revision: revision('a'),
        mode,
        trigger: Trigger::NewRevision,
        merge_request: None,
        requested_by: None,
        failures_before: 0,
        outside_window: None,
        selection: Selection::Full,
        playbook: "site.yml".to_owned(),
        inventory: "inventory".to_owned(),
        limit: None,
        tags: vec!["a".to_owned()],
        skip_tags: Vec::new(),
        extra_vars: BTreeMap::from([("port".to_owned(), serde_json::json!(8080))]),
        forks: Some(10),
        debts: Vec::new(),
        timeout: Span::from_mins(30),
        runtime: RuntimeSpec::System,
    }
}

pub(in crate::store) fn start(run: u64, stack_name: &str, mode: Mode) -> Decision {
    Decision::Start { spec: Box::new(spec(run, stack_name, mode)), reason: format!("run {run} is due") }
}

pub(in crate::store) fn finished(run: u64, ending: Ending) -> Event {
    Event::RunFinished { run: RunId(run), ending, hosts: BTreeMap::new(), findings: Box::default() }
}

/// One fact of each kind.
pub(in crate::store) fn facts(run: u64) -> Vec<Fact> {
    let commit = revision('b').commit;
    vec![
        Fact::Source {
            name: "infra".parse().expect("a name"),
            facts: SourceFacts {
                admitted: Some(commit.clone()),
                head: Some(Head { revision: revision('b'), declaration: Declaration::default() }),
                ..SourceFacts::default()
            },
        },
        Fact::Stack {
            id: stack("web"),
            facts: Box::new(StackFacts {
                live: Some(spec(run, "web", Mode::Apply)),
                suspended: Some(("alice".to_owned(), at(5))),
                ..StackFacts::default()
            }),
        },
        Fact::Host {
            stack: stack("web"),
            host: HostName::new("web1.example.org"),
            ledger: HostLedger { attempted: Some(commit), owed_since: Some(at(7)), ..HostLedger::default() },
        },
        Fact::NextRun { run: RunId(run + 1) },
    ]
}

/// Starts a run and ends it, through the journal.
pub(in crate::store) async fn whole_run(
    store: &Store,
    run: u64,
    name: &str,
    mode: Mode,
    begin: i64,
    outcome: Outcome,
) {
    store
        .journal(at(begin), &Event::Tick, &[start(run, name, mode)], &[])
        .await
        .expect("the start is recorded");
    store.started(RunId(run), at(begin + 1), "system".to_owned(), None).await.expect("started");
    store
        .journal(at(begin + 2), &finished(run, Ending::plain(outcome)), &[], &[])
        .await
        .expect("the end is recorded");
}

pub(in crate::store) fn result(
    host: &str,
    task: TaskNumber,
    status: ResultStatus,
    changed: bool,
) -> TaskResult {
    TaskResult {
        host: HostName::new(host),
        task,
        item: None,
        status,
        changed,
        duration_ms: 12,
        module: "ansible.builtin.copy".to_owned(),
        for_real: false,
        blind: false,
        no_log: false,
        delegated_to: None,
        items: 0,
        satisfied: false,
        tainted: false,
        diff_digest: String::new(),
        detail: None,
    }
}

pub(in crate::store) fn event(second: i64, kind: RunEventKind) -> RunEvent {
    // Events are written with milliseconds.
    let at = Timestamp::from_millisecond(at(second).as_millisecond()).expect("a time");
    RunEvent { at, kind }
}

pub(in crate::store) fn task(number: TaskNumber) -> RunEvent {
    let identity = TaskIdentity {
        path: "roles/web/tasks/main.yml".to_owned(),
        line: number,
        role: Some("web".to_owned()),
        action: "copy".to_owned(),
        name: format!("task {number}"),
        occurrence: 0,
    };
    event(0, RunEventKind::TaskStarted { task: number, identity, handler: false })
}
