//! Metrics as others use them: a real Prometheus reads them, and dashboard, rules and runbooks speak of what is there.

mod fleet;
mod prometheus;
mod running;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;

use crate::served::serve_metrics;
use crate::world::{SOON, eventually, output};

use self::fleet::Fleet;
pub(crate) use self::prometheus::Prometheus;

const RULES: &str = "prometheus/driftless.rules.yml";
const DASHBOARD: &str = "grafana/driftless.json";

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn read(name: &str) -> String {
    std::fs::read_to_string(path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[derive(Debug, Deserialize)]
struct RuleFile {
    groups: Vec<Group>,
}

#[derive(Debug, Deserialize)]
struct Group {
    rules: Vec<Rule>,
}

/// An alert or a recording rule.
#[derive(Debug, Clone, Deserialize)]
struct Rule {
    alert: Option<String>,
    record: Option<String>,
    expr: String,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

fn rules() -> Vec<Rule> {
    let file: RuleFile = serde_saphyr::from_str(&read(RULES)).expect("rules");
    file.groups.into_iter().flat_map(|it| it.rules).collect()
}

fn alerts() -> Vec<(String, Rule)> {
    rules().into_iter().filter_map(|it| Some((it.alert.clone()?, it))).collect()
}

fn panels() -> Vec<Value> {
    let dashboard: Value = serde_json::from_str(&read(DASHBOARD)).expect("JSON");
    dashboard["panels"].as_array().expect("panels").clone()
}

/// What is asked for, and the query, with all sources and stacks chosen.
pub(crate) fn panel_queries() -> Vec<(String, String)> {
    let of_panel = |panel: &Value| {
        let title = panel["title"].as_str().unwrap_or_default().to_owned();
        let targets = panel["targets"].as_array().cloned().unwrap_or_default();
        let queries = targets.into_iter().filter_map(|it| it["expr"].as_str().map(str::to_owned));
        queries.map(|it| (title.clone(), it)).collect::<Vec<_>>()
    };
    let chosen = |query: &str| {
        query.replace("$source", ".*").replace("$stack", ".*").replace("$__rate_interval", "1m")
    };
    panels().iter().flat_map(of_panel).map(|(title, query)| (title, chosen(&query))).collect()
}

/// What each rule asks for.
pub(crate) fn rule_queries() -> Vec<(String, String)> {
    let name = |it: &Rule| it.alert.clone().or_else(|| it.record.clone()).expect("a name");
    rules().into_iter().map(|it| (name(&it), it.expr)).collect()
}

/// The names in a query that could be those of metrics of ours or of recording rules.
fn names(query: &str) -> BTreeSet<String> {
    let of_name = |it: char| it.is_ascii_alphanumeric() || it == '_' || it == ':';
    let words = query.split(|it: char| !of_name(it)).filter(|it| it.contains("driftless_"));
    words.map(str::to_owned).collect()
}

/// The names in the table of the docs, with those that a histogram has besides.
fn documented() -> BTreeSet<String> {
    let page = read("docs/metrics.md");
    let rows = page.lines().filter(|it| it.starts_with("| `driftless_"));
    rows.flat_map(|row| {
        let name = row.split('`').nth(1).unwrap_or_default();
        let suffixes: &[&str] =
            if row.contains("| histogram |") { &["_bucket", "_sum", "_count"] } else { &[""] };
        suffixes.iter().map(move |it| format!("{name}{it}"))
    })
    .collect()
}

#[test]
fn dashboard_and_rules_ask_for_metrics_that_exist() {
    let mut known = documented();
    assert!(50 < known.len(), "{known:?}");
    known.extend(rules().into_iter().filter_map(|it| it.record));
    let dashboard: Value = serde_json::from_str(&read(DASHBOARD)).expect("JSON");
    let variables = dashboard["templating"]["list"].as_array().expect("variables").clone();
    let definitions = variables
        .iter()
        .filter_map(|it| Some((it["name"].to_string(), it["definition"].as_str()?.to_owned())));
    let mut unknown = Vec::new();
    for (what, query) in panel_queries().into_iter().chain(rule_queries()).chain(definitions) {
        unknown.extend(names(&query).difference(&known).map(|it| format!("{what}: {it}")));
    }
    assert!(unknown.is_empty(), "docs/metrics.md lacks\n{}", unknown.join("\n"));
}

#[test]
fn every_alert_has_a_page_that_says_what_to_do_and_a_test() {
    let (index, tests) = (read("docs/runbooks/README.md"), read("prometheus/driftless.test.yml"));
    let alerts = alerts();
    assert!(15 < alerts.len());
    for (name, rule) in &alerts {
        let page_name = rule.annotations.get("runbook_url").unwrap_or_else(|| panic!("{name} has no page"));
        let page = read(page_name);
        let mut lines = page.lines();
        assert_eq!(lines.next(), Some(format!("# {name}").as_str()), "{page_name}");
        for part in ["\n```console\n$ ", "\n## What it means\n", "\n## What to do\n"] {
            assert!(page.contains(part), "{page_name} has no {part:?}");
        }
        let file = page_name.rsplit('/').next().unwrap_or_default();
        let severity = rule.labels.get("severity").map_or("", String::as_str);
        assert!(["critical", "warning", "info"].contains(&severity), "{name} is {severity}");
        let row = format!("| [{name}]({file}) | {severity} | ");
        assert!(index.contains(&row), "docs/runbooks/README.md lacks {row}");
        assert!(rule.annotations.contains_key("summary"), "{name} has no summary");
        assert!(
            tests.contains(&format!("\"{name}\"")) || tests.contains(&format!("alertname: {name}")),
            "{name}"
        );
    }
    let pages = std::fs::read_dir(path("docs/runbooks")).expect("pages").count();
    assert_eq!(pages, alerts.len() + 1, "a page of an alert that is gone");
}

#[test]
fn the_dashboard_is_whole() {
    let dashboard: Value = serde_json::from_str(&read(DASHBOARD)).expect("JSON");
    assert_eq!(dashboard["schemaVersion"], 41);
    assert_eq!(dashboard["templating"]["list"][0]["type"], "datasource");
    let panels = panels();
    let rows: Vec<&Value> = panels.iter().filter(|it| it["type"] == "row").collect();
    let titles: Vec<&str> = rows.iter().filter_map(|it| it["title"].as_str()).collect();
    assert_eq!(titles, ["Overview", "Drift", "Runs", "Latency", "Daemon", "Stack $stack"]);
    assert_eq!(rows.last().map(|it| &it["repeat"]), Some(&Value::from("stack")));
    let ids: BTreeSet<String> = panels.iter().map(|it| it["id"].to_string()).collect();
    assert_eq!(ids.len(), panels.len(), "two panels with one id");
    let mut taken = BTreeSet::new();
    for panel in &panels {
        let title = panel["title"].as_str().expect("a title");
        let place = |key: &str| panel["gridPos"][key].as_u64().expect("a place");
        assert!(place("x") + place("w") <= 24, "{title} is beyond the edge");
        for x in place("x")..place("x") + place("w") {
            for y in place("y")..place("y") + place("h") {
                assert!(taken.insert((x, y)), "{title} lies on another panel");
            }
        }
        if panel["type"] == "row" {
            continue;
        }
        assert!(panel["description"].as_str().is_some_and(|it| it.ends_with('.')), "{title} says nothing");
        let targets = panel["targets"].as_array().expect("queries");
        assert!(!targets.is_empty(), "{title} asks nothing");
        for it in std::iter::once(panel).chain(targets) {
            assert_eq!(it["datasource"]["uid"], "${datasource}", "{title} has another data source");
        }
    }
}

#[test]
fn rules_are_valid_and_pass_their_tests() {
    output(Command::new("promtool").args(["check", "rules"]).arg(path(RULES)));
    let tests = Command::new("promtool")
        .args(["test", "rules", "driftless.test.yml"])
        .current_dir(path("prometheus"))
        .output()
        .expect("promtool starts; scripts/setup installs it");
    assert!(tests.status.success(), "{}", String::from_utf8_lossy(&tests.stderr));
}

/// What promtool has to say of a page of metrics: nothing.
#[track_caller]
pub(crate) fn check_metrics(page: &str) {
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool starts; scripts/setup installs it");
    let mut input = promtool.stdin.take().expect("its input");
    std::io::Write::write_all(&mut input, page.as_bytes()).expect("it reads");
    drop(input);
    let done = promtool.wait_with_output().expect("it ends");
    let said = [done.stdout, done.stderr].concat();
    assert!(done.status.success() && said.is_empty(), "{}\n{page}", String::from_utf8_lossy(&said));
}

#[test]
fn promtool_has_nothing_to_say_of_the_metrics() {
    check_metrics(&Fleet::new().page());
}

/// The address of nobody.
fn nobody() -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_real_prometheus_has_data_for_every_panel_and_every_rule() {
    let fleet = Arc::new(Fleet::new());
    let address = serve_metrics(move || fleet.page()).await;
    let looked = tokio::task::spawn_blocking(move || {
        let prometheus = Prometheus::scraping(&[address, nobody()], &path(RULES));
        for (what, query) in panel_queries().into_iter().chain(rule_queries()) {
            eventually(&format!("{what} has data: {query}"), SOON, || {
                (!prometheus.numbers(&query).is_empty()).then_some(())
            });
        }
        let rules = rule_queries().len();
        eventually("every rule was evaluated", SOON, || {
            let evaluated = prometheus.rules();
            (evaluated.len() == rules && evaluated.iter().all(|(_, health)| health == "ok")).then_some(())
        });
        for rule in super::monitoring::rules().into_iter().filter_map(|it| it.record) {
            eventually(&rule, SOON, || (!prometheus.numbers(&rule).is_empty()).then_some(()));
        }
    });
    looked.await.expect("it has");
}
