//! Pages of a fleet that is made up: rich, empty and hostile.

mod samples;

use std::path::Path;
use std::sync::Arc;

use askama::Template;

use super::fleet::{FleetPage, FleetQuery};
use crate::api::Fleet;

/// Where pages are written to be looked at, if somebody wants that.
const LOOKED_AT: Option<&str> = option_env!("DRIFTLESS_PAGES_DIR");

/// Renders a page, checks what holds for all pages, and writes it down if somebody wants to look.
fn shown(name: &str, page: &impl Template) -> String {
    let text = page.render().unwrap();
    for forbidden in ["style=", "<style", "onclick", "javascript:", "http://", "https://cdn"] {
        assert!(!text.contains(forbidden), "{name} has {forbidden}");
    }
    if let Some(dir) = LOOKED_AT {
        std::fs::write(Path::new(dir).join(format!("{name}.html")), &text).unwrap();
    }
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
    let text = shown("fleet-empty", &FleetPage::new(&context, &nothing, &query));
    assert!(text.contains("/etc/driftless/config.yml"));
    let source = Arc::new(Fleet { sources: samples::sources(), ..Fleet::default() });
    let text = shown("fleet-nostack", &FleetPage::new(&context, &source, &query));
    assert!(text.contains("driftless.yml"));
}

#[test]
fn a_large_fleet_is_shown_in_parts() {
    let (context, fleet) = (samples::context("/"), samples::large(500, 10));
    let query = FleetQuery::default();
    let text = shown("fleet-large", &FleetPage::new(&context, &fleet, &query));
    assert!(text.contains("1–50 of 500"));
    assert!(text.len() < 600_000, "{}", text.len());
}
