use std::time::Duration;

use super::*;
use crate::domain::{
    Applied, ChangeClass, CheckSchedule, Coverage, HostCounts, HostFacts, HostName, LastCheck, Latencies,
    PredictionTotals, RunId, Span, StackPolicy, SyncStatus, Trigger,
};

fn stack(name: &str) -> StackStatus {
    let id: StackId = name.parse().expect("a stack");
    let commit = "ab".repeat(20);
    StackStatus {
        policy: StackPolicy {
            timeout: Span::from_secs(3600),
            ..StackPolicy::new(id.clone(), "site.yml", "hosts")
        },
        id,
        sync: SyncStatus::OutOfSync,
        reason: "because".into(),
        head: format!("main@sha1:{commit}").parse().expect("a revision"),
        attempted: None,
        applied: Applied::Everywhere(commit.parse().expect("a commit")),
        hosts: HostCounts { total: 3, converged: 1, owed: 2, failed: 0, pending: 0 },
        live: None,
        request: None,
        suspended: None,
        hold: None,
        approval: None,
        predictions: PredictionTotals::default(),
        airbag: None,
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
        refused: None,
        problem: None,
        forge_problem: None,
        fetch_failures: 0,
        fetched_at: Some("2026-01-02T03:04:05Z".parse().expect("a time")),
        next_fetch: None,
        notes: Vec::new(),
    }
}

fn at(second: i64) -> Timestamp {
    Timestamp::new(1_767_323_000 + second, 0).expect("a time")
}

/// A stack that drifted on one host of two, and owes the other.
fn drift(name: &str) -> DriftFacts {
    let id: StackId = name.parse().expect("a stack");
    let mut latencies = Latencies::default();
    latencies.push_to_applied.observe(Span::from_secs(45));
    latencies.push_to_applied.observe(Span::from_secs(100_000));
    let host = |drifted_tasks, owed_since| HostFacts { last_success: Some(at(5)), drifted_tasks, owed_since };
    DriftFacts {
        check: Some(LastCheck {
            run: RunId(3),
            revision: stack(name).head,
            at: at(10),
            coverage: Coverage { would_change: 2, unchanged: 4, blind: 2, ..Coverage::default() },
            unseen_hosts: 1,
            changes_left_out: 0,
        }),
        stack: id,
        check_failures: 0,
        drifted_hosts: [(ChangeClass::Corrective, 1), (ChangeClass::Flapping, 1)].into(),
        drifted_tasks: [(ChangeClass::Corrective, 2), (ChangeClass::Flapping, 1)].into(),
        flapping_tasks: 1,
        heals: (7, 1),
        owed_since: Some(at(-60)),
        pending_handlers: 3,
        quarantined_hosts: 0,
        airbag_held: false,
        lock_wait_since: Some(at(1)),
        latencies,
        hosts: [(HostName::new("web1"), host(2, None)), (HostName::new("web2"), host(0, Some(at(-60))))]
            .into(),
    }
}

fn total(name: &str, outcome: Outcome, runs: u64) -> Total {
    let stack = name.parse().expect("a stack");
    Total { stack, mode: Mode::Apply, trigger: Trigger::NewRevision, outcome, runs }
}

fn snapshot() -> Snapshot {
    let end = LastEnd {
        stack: "infra/web".parse().expect("a stack"),
        mode: Mode::Check,
        run: RunId(3),
        outcome: Outcome::Drifted,
        started_at: None,
        ended_at: at(10),
        succeeded_at: None,
    };
    Snapshot {
        sources: vec![source("infra")],
        merge_requests: [("infra".parse().expect("a name"), 2)].into(),
        stacks: vec![stack("infra/web")],
        drift: vec![drift("infra/web")],
        totals: Some(vec![
            total("infra/web", Outcome::Changed, 12),
            total("infra/gone", Outcome::Changed, 9),
        ]),
        last_ends: vec![end],
        ready: true,
        free_bytes: Some(1 << 30),
        alerts: Some(AlertTotals {
            receivers: ["ops".parse().expect("a receiver")].into(),
            ..AlertTotals::default()
        }),
        audit: Some(AuditFacts { records: 44, holds: Some(true), last_checkpoint: Some(at(10)) }),
        ..Snapshot::default()
    }
}

/// A page with everything on it.
fn rendered(snapshot: &Snapshot) -> String {
    let metrics = Metrics::new().expect("metrics");
    let id = "infra/web".parse().expect("a stack");
    metrics.run_ended(&id, Mode::Apply, Outcome::Changed, Duration::from_secs(2));
    metrics.run_started(&id, Mode::Apply, Duration::from_millis(70));
    metrics.fetched(&id.source, true);
    metrics.render(snapshot).expect("text")
}

/// Fails unless the page has each of these lines; `{` stands for the labels of the stack, and a comma.
fn has(text: &str, lines: &[&str]) {
    for line in lines {
        let line = line.replace("{}", "{source=\"infra\",stack=\"web\"}");
        assert!(text.lines().any(|it| it == line), "no {line} in\n{text}");
    }
}

#[test]
fn every_metric_of_the_table_is_rendered_and_no_other() {
    let text = rendered(&snapshot());
    let mut rendered: Vec<&str> = text
        .lines()
        .filter_map(|it| it.strip_prefix("# TYPE ")?.split(' ').next())
        .filter(|it| it.starts_with("driftless_"))
        .collect();
    rendered.sort_unstable();
    let mut wanted: Vec<&str> = METRICS.iter().map(|it| it.name).collect();
    wanted.sort_unstable();
    assert_eq!(rendered, wanted);
    for metric in METRICS {
        let kind = format!("# TYPE {} {}", metric.name, format!("{:?}", metric.kind).to_lowercase());
        let help = format!("# HELP {} {}", metric.name, metric.help);
        has(&text, &[&kind, &help]);
    }
    has(
        &text,
        &[
            "driftless_audit_records_total 44",
            "driftless_audit_chain_ok 1",
            "driftless_stack_hosts_owed{} 2",
            "driftless_stack_last_success_timestamp_seconds{} 1767323045.5",
            "driftless_stack_owed_since_timestamp_seconds{} 1767322940",
            r#"driftless_stack_last_run_info{mode="check",outcome="drifted",source="infra",stack="web"} 1"#,
        ],
    );
    assert!(text.contains("process_resident_memory_bytes"));
}

#[test]
fn drift_is_told_by_class_and_by_host() {
    has(
        &rendered(&snapshot()),
        &[
            r#"driftless_drift_hosts{class="corrective",source="infra",stack="web"} 1"#,
            r#"driftless_drift_hosts{class="recurring",source="infra",stack="web"} 0"#,
            r#"driftless_drift_tasks{class="corrective",source="infra",stack="web"} 2"#,
            r#"driftless_check_result{result="differs",source="infra",stack="web"} 1"#,
            r#"driftless_check_result{result="clean",source="infra",stack="web"} 0"#,
            "driftless_check_coverage_ratio{} 0.75",
            "driftless_check_blind_tasks{} 2",
            "driftless_check_last_timestamp_seconds{} 1767323010",
            "driftless_check_due_timestamp_seconds{} 1767326970",
            r#"driftless_heals_total{result="not_healed",source="infra",stack="web"} 1"#,
            "driftless_pending_handlers{} 3",
            "driftless_lock_waiting{} 1",
            r#"driftless_host_drift_tasks{host="web1",source="infra",stack="web"} 2"#,
            r#"driftless_host_owed_since_timestamp_seconds{host="web2",source="infra",stack="web"} 1767322940"#,
            "driftless_host_series_left_out 0",
        ],
    );
}

#[test]
fn latencies_are_histograms() {
    has(
        &rendered(&snapshot()),
        &[
            r#"driftless_push_to_applied_seconds_bucket{source="infra",stack="web",le="30"} 0"#,
            r#"driftless_push_to_applied_seconds_bucket{source="infra",stack="web",le="60"} 1"#,
            r#"driftless_push_to_applied_seconds_bucket{source="infra",stack="web",le="86400"} 1"#,
            r#"driftless_push_to_applied_seconds_bucket{source="infra",stack="web",le="+Inf"} 2"#,
            "driftless_push_to_applied_seconds_sum{} 100045",
            "driftless_push_to_applied_seconds_count{} 2",
            "driftless_lock_wait_seconds_count{} 0",
        ],
    );
}

#[test]
fn without_a_check_nothing_is_said_of_drift() {
    let unchecked = DriftFacts { check: None, drifted_hosts: [].into(), ..drift("infra/web") };
    let text = rendered(&Snapshot { drift: vec![unchecked], ..snapshot() });
    for name in ["driftless_drift_hosts", "driftless_check_result", "driftless_check_coverage_ratio"] {
        assert!(!text.contains(name), "{text}");
    }
    has(&text, &["driftless_check_failures{} 0"]);
    let mut never = snapshot();
    never.stacks[0].policy.check = CheckSchedule::Never;
    assert!(!rendered(&never).contains("driftless_check_due"));
}

#[test]
fn series_of_what_is_gone_vanish() {
    let metrics = Metrics::new().expect("metrics");
    let id = "infra/web".parse().expect("a stack");
    metrics.run_ended(&id, Mode::Check, Outcome::Failed, Duration::from_secs(2));
    metrics.run_started(&id, Mode::Check, Duration::from_millis(70));
    metrics.fetched(&id.source, false);
    let text = metrics.render(&snapshot()).expect("text");
    assert!(text.contains("infra") && text.contains("web2") && !text.contains("gone"), "{text}");

    let mut fewer = snapshot();
    fewer.drift[0].hosts.remove(&HostName::new("web2"));
    assert!(!metrics.render(&fewer).expect("text").contains("web2"));
    let text = metrics.render(&Snapshot { totals: snapshot().totals, ..Snapshot::default() }).expect("text");
    assert!(!text.contains("infra"), "{text}");
}

#[test]
fn what_is_counted_elsewhere_survives_a_restart() {
    let runs = r#"driftless_runs_total{mode="apply",outcome="changed",source="infra",stack="web",trigger="new_revision"} 12"#;
    let zero = r#"driftless_runs_total{mode="check",outcome="drifted",source="infra",stack="web",trigger="schedule"} 0"#;
    let heals = r#"driftless_heals_total{result="healed",source="infra",stack="web"} 7"#;
    for _daemon in 1..=2 {
        has(&Metrics::new().expect("metrics").render(&snapshot()).expect("text"), &[runs, zero, heals]);
    }
    // What cannot be read now is told as it was, and not as zero.
    let metrics = Metrics::new().expect("metrics");
    let unread = Snapshot { totals: None, ..snapshot() };
    assert!(!metrics.render(&unread).expect("text").contains("driftless_runs_total"));
    metrics.render(&snapshot()).expect("text");
    has(&metrics.render(&unread).expect("text"), &[runs]);
}

#[test]
fn only_so_many_hosts_have_series_and_those_in_need_come_first() {
    let metrics = Metrics::new().expect("metrics");
    let mut snapshot = snapshot();
    let quiet = HostFacts { last_success: Some(at(5)), ..HostFacts::default() };
    let hosts = (0..20).map(|it| (HostName::new(format!("a{it:02}")), quiet));
    snapshot.drift[0].hosts.extend(hosts);
    metrics.limit_hosts(3);
    let text = metrics.render(&snapshot).expect("text");
    let series = text.lines().filter(|it| it.starts_with("driftless_host_drift_tasks{"));
    let hosts: Vec<&str> = series.filter_map(|it| it.split('"').nth(1)).collect();
    assert_eq!(hosts, ["a00", "web1", "web2"]);
    has(&text, &["driftless_host_series_left_out 19"]);
    metrics.limit_hosts(0);
    let text = metrics.render(&snapshot).expect("text");
    assert!(!text.contains("host=\"") && text.contains("driftless_host_series_left_out 22"), "{text}");
}

#[test]
fn a_run_that_was_not_let_at_its_hosts_took_no_time() {
    let metrics = Metrics::new().expect("metrics");
    let id = "infra/web".parse().expect("a stack");
    metrics.run_ended(&id, Mode::Apply, Outcome::Refused, Duration::from_secs(2));
    assert!(!metrics.render(&snapshot()).expect("text").contains("driftless_run_duration_seconds"));
}

#[test]
fn names_follow_the_rules_of_prometheus() {
    for metric in METRICS {
        assert!(metric.name.starts_with("driftless_"), "{}", metric.name);
        assert_eq!(metric.kind == Kind::Counter, metric.name.ends_with("_total"), "{}", metric.name);
        assert!(metric.help.ends_with('.'), "{}", metric.name);
        for label in metric.labels {
            let bounded = match *label {
                // Names that somebody configured, and words that are fixed.
                "source" | "stack" | "class" | "mode" | "outcome" | "result" | "sync" | "trigger" => true,
                "kind" => metric.name == "driftless_alerts_open",
                "receiver" => metric.name.starts_with("driftless_notifications_"),
                "call" => metric.name == "driftless_forge_calls_total",
                "provider" => metric.name == "driftless_webhook_deliveries_total",
                "apply" | "heal" => metric.name == "driftless_stack_policy_info",
                "version" | "head" | "admitted" | "attempted" | "applied" => metric.name.ends_with("_info"),
                "host" => metric.name.starts_with("driftless_host_"),
                _ => false,
            };
            assert!(bounded, "{} has an unbounded label {label}", metric.name);
        }
    }
}

/// The row of a metric in the docs.
fn row(metric: &Metric) -> String {
    let labels: Vec<String> = metric.labels.iter().map(|it| format!("`{it}`")).collect();
    let kind = format!("{:?}", metric.kind).to_lowercase();
    format!("| `{}` | {kind} | {} | {} |", metric.name, labels.join(", "), metric.help)
}

#[test]
fn every_metric_is_documented() {
    let page = include_str!("../../docs/metrics.md");
    for metric in METRICS {
        assert!(page.contains(&row(metric)), "docs/metrics.md needs this row:\n{}", row(metric));
    }
    let rows = page.lines().filter(|it| it.starts_with("| `driftless_")).count();
    assert_eq!(rows, METRICS.len(), "docs/metrics.md documents a metric that does not exist");
}

#[test]
#[ignore = "writes the table of metrics into the docs"]
fn write_the_table_anew() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/metrics.md");
    let page = std::fs::read_to_string(&path).expect("the page");
    let start = page.find("| `driftless_").expect("the table");
    let end = page[start..].find("\n\n").map_or(page.len(), |it| start + it + 1);
    let rows: String = METRICS.iter().map(|it| row(it) + "\n").collect();
    std::fs::write(path, format!("{}{rows}{}", &page[..start], &page[end..])).expect("written");
}

#[test]
fn deliveries_are_counted_by_configured_names_only() {
    use crate::domain::{DeliveryResult, WebhookProvider};
    let metrics = Metrics::new().expect("metrics");
    let receiver = ("infra".parse().expect("a source"), WebhookProvider::Forgejo);
    metrics.delivered(Some(&receiver), DeliveryResult::Accepted);
    metrics.delivered(None, DeliveryResult::Refused);
    let with = Snapshot { receivers: vec![receiver], ..snapshot() };
    let name = "driftless_webhook_deliveries_total";
    let text = metrics.render(&with).expect("text");
    has(
        &text,
        &[
            &format!(r#"{name}{{provider="forgejo",result="accepted",source="infra"}} 1"#),
            &format!(r#"{name}{{provider="forgejo",result="refused",source="infra"}} 0"#),
            &format!(r#"{name}{{provider="",result="refused",source=""}} 1"#),
        ],
    );
    let gone = metrics.render(&snapshot()).expect("text");
    assert!(!gone.contains("forgejo"), "{gone}");
}
