use std::time::Duration;

use super::*;
use crate::domain::status::Applied;
use crate::domain::{ApplyPolicy, HealPolicy, HostCounts, RuntimeSpec, Span, StackPolicy, SyncStatus};

fn stack(name: &str) -> StackStatus {
    let id: StackId = name.parse().expect("a stack");
    let commit = "ab".repeat(20);
    StackStatus {
        policy: StackPolicy {
            id: id.clone(),
            playbook: "site.yml".into(),
            inventory: "hosts".into(),
            limit: None,
            tags: Vec::new(),
            skip_tags: Vec::new(),
            extra_vars: std::collections::BTreeMap::default(),
            forks: None,
            apply: ApplyPolicy::OnCommit,
            heal: HealPolicy::Never,
            check_every: Span::from_secs(3600),
            timeout: Span::from_secs(3600),
            depends_on: Vec::new(),
            runtime: RuntimeSpec::System,
        },
        id,
        sync: SyncStatus::OutOfSync,
        reason: "because".into(),
        head: format!("main@sha1:{commit}").parse().expect("a revision"),
        attempted: None,
        applied: Applied::Everywhere(commit.parse().expect("a commit")),
        hosts: HostCounts { total: 3, converged: 1, owed: 2, failed: 0 },
        live: None,
        request: None,
        suspended: None,
        hold: None,
        failures: 0,
        next_run: None,
        last_success: Some("2026-01-02T03:04:05.5Z".parse().expect("a time")),
    }
}

fn source(name: &str) -> SourceStatus {
    SourceStatus {
        name: name.parse().expect("a source"),
        head: None,
        admitted: None,
        waiting: None,
        problem: None,
        fetch_failures: 0,
        fetched_at: Some("2026-01-02T03:04:05Z".parse().expect("a time")),
        next_fetch: None,
        notes: Vec::new(),
    }
}

fn snapshot() -> Snapshot {
    Snapshot {
        sources: vec![source("infra")],
        stacks: vec![stack("infra/web")],
        ready: true,
        ..Snapshot::default()
    }
}

#[test]
fn every_metric_of_the_table_is_rendered_and_no_other() {
    let metrics = Metrics::new().expect("metrics");
    let id = "infra/web".parse().expect("a stack");
    metrics.run_ended(&id, Mode::Apply, Trigger::NewRevision, Outcome::Changed, Some(Duration::from_secs(2)));
    metrics.run_started(&id, Mode::Apply, Duration::from_millis(70));
    metrics.fetched(&id.source, true);
    let text = metrics.render(&snapshot()).expect("text");
    let mut rendered: Vec<&str> = text
        .lines()
        .filter_map(|it| it.strip_prefix("# TYPE ")?.split(' ').next())
        .filter(|it| it.starts_with("driftless_"))
        .collect();
    rendered.sort_unstable();
    let mut wanted: Vec<&str> = METRICS.iter().map(|it| it.name).collect();
    wanted.sort_unstable();
    assert_eq!(rendered, wanted);
    assert!(text.contains("driftless_stack_hosts_owed{source=\"infra\",stack=\"web\"} 2"), "{text}");
    assert!(text.contains(
        "driftless_stack_last_success_timestamp_seconds{source=\"infra\",stack=\"web\"} 1767323045.5"
    ));
    assert!(text.contains("process_resident_memory_bytes"));
}

#[test]
fn series_of_what_is_gone_vanish() {
    let metrics = Metrics::new().expect("metrics");
    let id = "infra/web".parse().expect("a stack");
    metrics.run_ended(&id, Mode::Check, Trigger::Person, Outcome::Failed, Some(Duration::from_secs(2)));
    metrics.run_started(&id, Mode::Check, Duration::from_millis(70));
    metrics.fetched(&id.source, false);
    assert!(metrics.render(&snapshot()).expect("text").contains("infra"));
    let text = metrics.render(&Snapshot::default()).expect("text");
    assert!(!text.contains("infra"), "{text}");
}

#[test]
fn names_follow_the_rules_of_prometheus() {
    for metric in METRICS {
        assert!(metric.name.starts_with("driftless_"), "{}", metric.name);
        assert_eq!(metric.kind == Kind::Counter, metric.name.ends_with("_total"), "{}", metric.name);
        assert!(metric.help.ends_with('.'), "{}", metric.name);
        for label in metric.labels {
            let revision = ["head", "admitted", "attempted", "applied"].contains(label);
            assert!(
                !revision || metric.name.ends_with("_info"),
                "{} has an unbounded label {label}",
                metric.name
            );
        }
    }
}

#[test]
fn every_metric_is_documented() {
    let page = include_str!("../../docs/metrics.md");
    for metric in METRICS {
        let labels: Vec<String> = metric.labels.iter().map(|it| format!("`{it}`")).collect();
        let kind = format!("{:?}", metric.kind).to_lowercase();
        let row = format!("| `{}` | {kind} | {} | {} |", metric.name, labels.join(", "), metric.help);
        assert!(page.contains(&row), "docs/metrics.md needs this row:\n{row}");
    }
    let rows = page.lines().filter(|it| it.starts_with("| `driftless_")).count();
    assert_eq!(rows, METRICS.len(), "docs/metrics.md documents a metric that does not exist");
}
