//! Signatures, windows and freezes.

use super::{Tree, operator, source};
use crate::domain::{SignaturePolicy, Span, Timestamp, WindowState};

fn at(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

#[test]
fn windows_of_a_stack_take_the_place_of_others_and_freezes_come_on_top() {
    let config = operator(
        "
sources:
  infra:
    url: https://git.example/infra.git
    windows: [{cron: 0 22 * * 1-5, for: 4h, timezone: Europe/Berlin}]
    freezes: [{from: 2026-12-20, to: 2027-01-03, timezone: Europe/Berlin, reason: year end}]
    stacks:
      web:
        windows: [{cron: 0 6 * * *, for: 1h}]
        freezes: [{from: 2026-11-30T06:30, to: 2026-11-30T06:40}]
",
    )
    .expect("a configuration");
    let text = "version: 1\nstacks:\n  web: {playbook: site.yml, inventory: inventory.ini}\n  db: {playbook: base.yml, inventory: inventory.ini}\n";
    let tree = Tree::usual().with("driftless.yml", text);
    let declaration = config.declaration(&source(), &tree).expect("valid");
    let [db, web] = declaration.stacks.as_slice() else { panic!("{declaration:?}") };
    let open = |until| WindowState::Open { until: Some(at(until)) };
    assert_eq!(db.windows.state(at("2026-11-30T21:30:00Z")), open("2026-12-01T01:00:00Z"));
    assert_eq!(web.windows.windows[0].lasts, Span::from_hours(1));
    assert_eq!(web.windows.state(at("2026-11-30T06:00:00Z")), open("2026-11-30T06:30:00Z"));
    let frozen = |until, why: &str| WindowState::Closed { until: Some(at(until)), why: why.to_owned() };
    assert_eq!(web.windows.state(at("2026-11-30T06:30:00Z")), frozen("2026-11-30T06:40:00Z", "frozen"));
    // From the first moment of the first day in Berlin to the last of the last: the freeze of the source holds here, too.
    let first = "2026-12-19T23:00:00Z";
    assert_eq!(web.windows.state(at(first)), frozen("2027-01-04T06:00:00Z", "frozen (year end)"));
    assert_eq!(
        db.windows.state(at("2027-01-03T22:59:59Z")),
        frozen("2027-01-04T21:00:00Z", "frozen (year end)")
    );
}

#[test]
fn what_makes_no_window_is_refused_with_what_to_write() {
    for (wrong, says) in [
        (
            "windows: [{cron: 0 22 * * *, for: 4h, timezone: Europe/Atlantis}]",
            "`Europe/Atlantis` is not a time zone",
        ),
        ("windows: [{cron: 0 22 * *, for: 4h}]", "is not a cron line"),
        ("windows: [{cron: 0 22 * * *}]", "has no `for`"),
        ("freezes: [{from: 2026-12-20, to: 2026-12-19}]", "ends before it begins"),
        ("freezes: [{from: 20.12.2026, to: 2026-12-21}]", "is not a date"),
        ("signatures: {policy: tip}", "nobody may sign"),
        ("signatures: {policy: on}", "is not a value of"),
        ("signatures: {policy: range, allowed_signers: keys}", "is not an absolute path"),
    ] {
        let text = format!("sources:\n  infra:\n    url: https://git.example/infra.git\n    {wrong}\n");
        let report = operator(&text).expect_err(wrong).to_string();
        assert!(report.contains(says), "{wrong}: {report}");
    }
}

#[test]
fn signatures_are_off_until_somebody_is_named() {
    let config = operator("sources: {infra: {url: https://git.example/infra.git}}").expect("a configuration");
    assert_eq!(config.sources[&source()].signatures.policy, SignaturePolicy::Off);
    let config = operator(
        "sources: {infra: {url: https://git.example/infra.git, reference: refs/tags/v1, signatures: {policy: range, \
         first_parent: true, keyring: /dev/null}}}",
    )
    .expect("a configuration");
    let rules = &config.sources[&source()].signatures;
    assert_eq!((rules.policy, rules.first_parent), (SignaturePolicy::Range, true));
    assert_eq!(config.sources[&source()].policy.reference.tag(), Some("v1"));
}

#[test]
fn a_repository_cannot_say_when_it_is_applied_or_who_may_sign() {
    for key in ["windows: []", "freezes: []", "signatures: {policy: off}"] {
        let text = format!(
            "version: 1\nstacks:\n  web:\n    playbook: site.yml\n    inventory: inventory.ini\n    {key}\n"
        );
        let tree = Tree::usual().with("driftless.yml", &text);
        let config = operator("sources: {infra: {url: https://git.example/infra.git}}").expect("valid");
        let failure = config.declaration(&source(), &tree).expect_err(key);
        assert!(failure.message.contains("is not for repositories to say"), "{failure}");
    }
}
