//! Pages of a fleet that is made up: rich, empty and hostile.

mod html;
mod samples;
mod views;

use std::path::Path;
use std::sync::Arc;

use askama::Template;

use super::fleet::{FleetPage, FleetQuery};
use super::hosts::{HostPage, HostsPage, HostsQuery};
use super::merge_request::MergeRequestPage;
use super::stack::{StackPage, StackQuery};
use super::system::SystemPage;
use crate::api::{AlertList, Fleet};

/// Where pages are written to be looked at, if somebody wants that.
const LOOKED_AT: Option<&str> = option_env!("DRIFTLESS_PAGES_DIR");

/// Renders a page, checks what holds for all pages, and writes it down if somebody wants to look.
fn shown(name: &str, page: &impl Template) -> String {
    let text = page.render().unwrap();
    if let Some(dir) = LOOKED_AT {
        std::fs::write(Path::new(dir).join(format!("{name}.html")), &text).unwrap();
    }
    for forbidden in ["<style", "javascript:", "http://", "https://cdn"] {
        assert!(!text.contains(forbidden), "{name} has {forbidden}");
    }
    html::check(name, &text);
    text
}

#[test]
fn the_fleet_begins_with_what_is_wrong() {
    let (context, fleet) = (samples::context("/"), samples::fleet());
    let query = FleetQuery::default();
    let text = shown("fleet", &FleetPage::new(&context, &fleet, &query));
    assert!(text.contains("16 stacks: "), "{text}");
    let place = |name: &str| text.find(&format!("data-key=\"{name}\"")).unwrap();
    assert!(place("infra/web") < place("infra/database") && place("infra/database") < place("infra/dns"));
}

#[test]
fn an_empty_fleet_teaches() {
    let context = samples::context("/");
    let query = FleetQuery::default();
    let nothing: Arc<Fleet> = Arc::default();
    let text = FleetPage::new(&context, &nothing, &query).render().unwrap();
    assert!(text.contains("/etc/driftless/config.yml"));
    let source = Arc::new(Fleet { sources: samples::sources(), ..Fleet::default() });
    let text = shown("fleet-nostack", &FleetPage::new(&context, &source, &query));
    assert!(text.contains("driftless.yml"));
    let hosts = shown("hosts-empty", &HostsPage::new(&context, Vec::new(), &HostsQuery::default()));
    assert!(hosts.contains("No host is known yet"));
}

#[test]
fn what_is_applied_and_attempted_is_told_by_its_commit() {
    let told = |text: &str, digits: &str, subject: &str, author: &str| {
        let link = format!("href=\"/sources/infra/commits/{}\"", samples::commit(digits));
        text.contains(&link) && text.contains(subject) && text.contains(author)
    };
    let (context, query) = (samples::context("/"), FleetQuery::default());
    let mut fleet = Fleet::clone(&samples::fleet());
    fleet.stacks.retain(|it| it.overview.status.id.to_string() == "infra/database");
    fleet.stacks[0].commits.extend([samples::line("77de", "Drop the old shops", "Cy Young", 30)]);
    let shown_with =
        |fleet: &Fleet| FleetPage::new(&context, &Arc::new(fleet.clone()), &query).render().unwrap();
    let text = shown_with(&fleet);
    assert!(told(&text, "91bc", "Raise the number of workers", "Ben Okri"), "{text}");
    assert!(text.contains("is applied") && !text.contains("was attempted"), "{text}");
    fleet.stacks[0].overview.status.attempted = Some(samples::revision("77de"));
    let text = shown_with(&fleet);
    assert!(
        told(&text, "77de", "Drop the old shops", "Cy Young") && text.contains("was attempted"),
        "{text}"
    );
    let mut view = views::stack("infra/database");
    view.stack = fleet.stacks.remove(0);
    let context = samples::context("/stacks/infra/database");
    let text = shown("stack-behind", &StackPage::new(&context, &view, &StackQuery::default()));
    assert!(told(&text, "91bc", "Raise the number of workers", "Ben Okri"), "{text}");
    assert!(told(&text, "77de", "Drop the old shops", "Cy Young"), "{text}");
    let authors = text.matches("<span class=\"author\">Ben Okri</span>").count();
    assert_eq!(authors, 6, "each host that is behind says what it has: {text}");
    let host = HostPage::new(&samples::context("/hosts/x"), &views::host()).render().unwrap();
    assert!(told(&host, "91bc", "Raise the number of workers", "Ben Okri"), "{host}");
    assert!(told(&host, "4f2a", "Serve the new certificate", "Ann Lovelace"), "{host}");
}

#[test]
fn a_large_fleet_is_shown_in_parts() {
    let (context, fleet) = (samples::context("/"), samples::large(500, 10));
    let query = FleetQuery::default();
    let text = shown("fleet-large", &FleetPage::new(&context, &fleet, &query));
    assert!(text.contains("1–50 of 500"));
    assert!(text.len() < 600_000, "{}", text.len());
}

#[test]
fn a_stack_says_what_is_next_and_why() {
    for name in ["infra/web", "infra/loadbalancer", "infra/database", "infra/monitoring", "office/laptops"] {
        let (context, view) = (samples::context(&format!("/stacks/{name}")), views::stack(name));
        let query = StackQuery::default();
        let text = shown(
            &name.replace("infra/", "stack-").replace("office/", "stack-"),
            &StackPage::new(&context, &view, &query),
        );
        assert!(text.contains("a retry of main@4f2a4f2a4f starts in 4m"));
        let looked = name != "office/laptops";
        assert_eq!(text.contains("class=\"trend notice\""), looked, "{text}");
    }
}

#[test]
fn a_difference_leads_to_its_diff() {
    let view = views::stack("infra/loadbalancer");
    let key = view.drift.hosts.iter().find_map(|it| it.drift.first()).unwrap().task.key();
    let place = format!("q=web%20%3A%20Write%20the%20pool#result-notice-{key}");
    let (context, query) = (samples::context("/stacks/infra/loadbalancer"), StackQuery::default());
    let text = StackPage::new(&context, &view, &query).render().unwrap();
    assert!(text.contains(&format!("href=\"/runs/4190?{place}\"")), "{place}: {text}");
    let host = views::host();
    let text = HostPage::new(&samples::context("/hosts/x"), &host).render().unwrap();
    assert!(text.contains(&format!("href=\"/runs/4190?host={}&#38;{place}\"", host.host)), "{place}: {text}");
}

#[test]
fn an_act_says_what_it_does_to_how_many_hosts() {
    let (context, view) = (samples::context("/stacks/infra/database"), views::stack("infra/database"));
    let text = shown("stack-act", &StackPage::new(&context, &view, &StackQuery::default()));
    assert!(text.contains("data-act=\"POST /api/v1/stacks/infra/database/approve\""), "{text}");
    assert!(text.contains("4 hosts instead of 6") && text.contains("6 hosts may be changed."));
    assert!(text.contains("6 hosts stay as they are until then."), "{text}");
    let rewritten = "of it may run at once; ";
    let fleet =
        FleetPage::new(&samples::context("/"), &samples::fleet(), &FleetQuery::default()).render().unwrap();
    assert!(fleet.contains(&format!("1 stack {rewritten}314 hosts may be changed.")), "{fleet}");
    let system = views::system();
    let system =
        SystemPage::new(&samples::context("/system"), &system, &AlertList::default()).render().unwrap();
    assert!(system.contains(&format!("7 stacks {rewritten}310 hosts may be changed.")), "{system}");
    let mut viewer = context.clone();
    viewer.caller.as_mut().unwrap().role = crate::domain::Role::Viewer;
    let text = StackPage::new(&viewer, &view, &StackQuery::default()).render().unwrap();
    assert!(!text.contains("data-act"));
}

#[test]
fn hosts_and_the_daemon_are_shown() {
    let context = samples::context("/hosts");
    let hosts = samples::fleet().hosts();
    let text = shown("hosts", &HostsPage::new(&context, hosts, &HostsQuery::default()));
    assert!(text.contains("1–100 of "), "{text}");
    let text = shown("host", &HostPage::new(&samples::context("/hosts/x"), &views::host()));
    assert!(text.contains("restart haproxy"));
    let mut host = views::host();
    let all = format!("/runs?host={}", host.host);
    assert!(text.contains(&format!("href=\"{all}\"")) && !text.contains("Older"), "{text}");
    let last = host.runs.last().unwrap().clone();
    host.runs.resize(50, last.clone());
    let text = HostPage::new(&samples::context("/hosts/x"), &host).render().unwrap();
    let older = format!("href=\"{all}&#38;before={}\"", last.run.run);
    assert!(text.contains(&older), "{older}: {text}");
    let text = shown(
        "system",
        &SystemPage::new(&samples::context("/system"), &views::system(), &AlertList::default()),
    );
    assert!(text.contains("18\u{202f}204 records"), "{text}");
    for told in
        ["runs 90d, events 21d, journal 30d", "2.47.3", ", ansible-core 2.17.9", "ansible-core 2.19.14"]
    {
        assert!(text.contains(told), "{told}: {text}");
    }
}

#[test]
fn what_others_wrote_stays_text() {
    let context = samples::context("/hosts/x?q=%22%3E%3Cscript%3E");
    let host = shown("hostile-host", &HostPage::new(&context, &views::hostile_host()));
    let view = views::hostile_stack();
    let query: StackQuery = serde_json::from_value(serde_json::json!({ "host": views::HOSTILE })).unwrap();
    let stack = shown("hostile-stack", &StackPage::new(&context, &view, &query));
    let fleet_query: FleetQuery = serde_json::from_value(serde_json::json!({ "q": views::HOSTILE })).unwrap();
    let fleet = shown("hostile-fleet", &FleetPage::new(&context, &samples::fleet(), &fleet_query));
    let view = views::hostile_merge_request();
    let request = shown("hostile-merge-request", &MergeRequestPage::new(&context, &view));
    assert!(request.contains("and 5 more plays and tasks"), "{request}");
    for text in [host, stack, fleet, request] {
        assert!(!text.contains("<script>alert") && !text.contains("<img"), "{text}");
    }
}

#[test]
fn who_may_see_a_part_is_told_of_that_part_alone() {
    let scope = crate::domain::Scope::Only(["infra/base".parse().unwrap()].into());
    let fleet = samples::fleet().within(&scope);
    assert_eq!((fleet.stacks.len(), fleet.sources.len()), (1, 1));
    let host = views::host().within(&scope);
    assert_eq!(host.stacks.len(), 1);
    assert!(host.runs.iter().all(|it| it.stack.to_string() == "infra/base"));
    let system = views::system().within(&scope);
    let told = serde_json::to_string(&system).unwrap();
    for foreign in ["edge", "office", "infra/web", "monitoring", "18204"] {
        assert!(!told.contains(foreign), "{foreign}: {told}");
    }
    assert_eq!((system.sources[0].stacks, system.sources[0].hosts), (1, None));
}
