//! Whether a page can be used by everybody, as far as axe-core can tell.

use std::path::Path;

use serde_json::Value;

use super::chromium::Browser;

/// What axe-core is asked for: WCAG 2.2 up to AA, and what it calls best practice.
const ASK: &str = "const done = arguments[arguments.length - 1];
    axe.run(document, { resultTypes: ['violations'] }).then(it => done(it.violations), it => done(String(it)))";

/// axe-core, as `scripts/setup` got it.
fn source() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(".cache/axe-core/axe.min.js");
    std::fs::read_to_string(&path).unwrap_or_else(|error| {
        panic!("no axe-core to test with, run `scripts/setup`: {}: {error}", path.display())
    })
}

/// What is seriously wrong with the page that is shown, one a line.
#[track_caller]
pub(crate) fn violations(browser: &Browser) -> Vec<String> {
    if browser.script("return typeof axe", Vec::new()) == "undefined" {
        browser.script(&source(), Vec::new());
    }
    let told = browser.script_later(ASK);
    let all = told.as_array().unwrap_or_else(|| panic!("axe-core: {told}"));
    let serious = |it: &&Value| matches!(it["impact"].as_str(), Some("serious" | "critical"));
    all.iter().filter(serious).map(line).collect()
}

/// Rule, help, and where.
fn line(violation: &Value) -> String {
    let nodes = violation["nodes"].as_array().map(Vec::as_slice).unwrap_or_default();
    let places = nodes.iter().take(4).map(|it| format!("{} {}", it["target"], it["html"]));
    let why = nodes.first().map(|it| it["failureSummary"].as_str().unwrap_or_default().replace('\n', " "));
    format!(
        "{}: {} ({} times): {} — {}",
        violation["id"].as_str().unwrap_or_default(),
        violation["help"].as_str().unwrap_or_default(),
        nodes.len(),
        places.collect::<Vec<_>>().join(", "),
        why.unwrap_or_default()
    )
}
