//! What the daemon in memory has a source and a run of.

use driftless::domain::{Mode, RunId, RunSpec, RuntimeSpec, Selection, SourceStatus, Span, Trigger};

/// A source with a rewritten history.
pub(super) fn source(name: &str) -> SourceStatus {
    SourceStatus {
        name: name.parse().expect("a source"),
        head: None,
        admitted: None,
        waiting: Some(format!("main@sha1:{}", "cd".repeat(20)).parse().expect("a revision")),
        refused: None,
        problem: None,
        forge_problem: None,
        fetch_failures: 0,
        fetched_at: None,
        next_fetch: None,
        notes: Vec::new(),
    }
}

pub(super) fn spec() -> RunSpec {
    RunSpec {
        run: RunId(7),
        stack: "infra/web".parse().expect("a stack"),
        revision: format!("main@sha1:{}", "ab".repeat(20)).parse().expect("a revision"),
        mode: Mode::Apply,
        trigger: Trigger::Person,
        merge_request: None,
        requested_by: Some("ann".to_owned()),
        failures_before: 0,
        outside_window: None,
        selection: Selection::Full,
        playbook: "site.yml".to_owned(),
        inventory: "hosts".to_owned(),
        limit: None,
        tags: Vec::new(),
        skip_tags: Vec::new(),
        extra_vars: std::collections::BTreeMap::new(),
        forks: None,
        debts: Vec::new(),
        timeout: Span::from_mins(30),
        runtime: RuntimeSpec::System,
    }
}
