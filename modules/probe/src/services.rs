//! Units of systemd: all that are asked for in one call of `systemctl`.

use std::collections::BTreeMap;

use driftless_host::Host;
use serde_json::json;

use crate::item::Service as Wanted;
use crate::sources::Sources;
use crate::verdict::Comparison;

/// The properties that are asked for.
const PROPERTIES: &str = "--property=Id,LoadState,ActiveState,SubState,UnitFileState";

/// So many units in one call: a command line has a limit.
const UNITS_PER_CALL: usize = 1000;

/// What systemd says of one unit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Units {
    loaded: String,
    active: String,
    file: String,
}

/// Asks for units by their names, or says why that cannot be done.
pub(crate) fn read(host: &Host, names: &[String]) -> Result<BTreeMap<String, Units>, String> {
    if !host.is_dir("/run/systemd/system") {
        return Err("this host does not run systemd, and other managers of services are not known".to_owned());
    }
    let program = host.program("systemctl").ok_or("there is no systemctl on this host")?;
    let mut found = BTreeMap::new();
    for names in names.chunks(UNITS_PER_CALL) {
        let mut arguments = vec!["show", PROPERTIES, "--no-pager", "--"];
        arguments.extend(names.iter().map(String::as_str));
        let Some((true, text)) = host.run(&program, &arguments) else {
            return Err(
                "systemctl show did not succeed; is the bus of systemd reachable for this user?".to_owned()
            );
        };
        let units = parse(&text);
        if units.len() != names.len() {
            return Err(format!("systemctl told of {} units instead of {}", units.len(), names.len()));
        }
        found.extend(names.iter().cloned().zip(units));
    }
    Ok(found)
}

/// What `systemctl show` prints: a paragraph for each unit, in the order in which they were named.
fn parse(text: &str) -> Vec<Units> {
    let paragraphs = text.trim_end().split("\n\n").filter(|paragraph| !paragraph.trim().is_empty());
    paragraphs
        .map(|paragraph| {
            let of = |key: &str| {
                let value = paragraph.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
                value.unwrap_or_default().to_owned()
            };
            Units { loaded: of("LoadState"), active: of("ActiveState"), file: of("UnitFileState") }
        })
        .collect()
}

/// Whether a unit counts as enabled, as `systemctl is-enabled` has it and Ansible reads it.
fn is_enabled(file: &str) -> bool {
    matches!(file, "enabled" | "enabled-runtime" | "static" | "generated")
}

pub(crate) fn compare(wanted: &Wanted, sources: &Sources<'_>, comparison: &mut Comparison) {
    let state = match wanted.active {
        _ if wanted.absent => Some("absent"),
        Some(true) => Some("started"),
        Some(false) => Some("stopped"),
        None => None,
    };
    let unit = match sources.units().map(|units| units.get(&wanted.unit)) {
        Ok(Some(unit)) => unit,
        other => {
            let reason =
                other.err().cloned().unwrap_or_else(|| "systemd does not tell of this unit".to_owned());
            if let Some(state) = state {
                comparison.unknown("state", json!(state), reason.clone());
            }
            if let Some(enabled) = wanted.enabled {
                comparison.unknown("enabled", json!(enabled), reason);
            }
            return;
        }
    };
    compare_unit(wanted, state, unit, comparison);
}

fn compare_unit(wanted: &Wanted, state: Option<&str>, unit: &Units, comparison: &mut Comparison) {
    if unit.loaded == "not-found" {
        if wanted.absent {
            return comparison.property("state", "absent", "absent");
        }
        let reason = format!("there is no unit {}", wanted.unit);
        return comparison.different("state", json!(state), json!("absent"), reason);
    }
    if let Some(state) = state {
        // One that reloads is running; one that failed is not.
        let is_active = matches!(unit.active.as_str(), "active" | "reloading" | "refreshing");
        let is_stopped = matches!(unit.active.as_str(), "inactive" | "failed");
        let found = if is_active {
            "started"
        } else if is_stopped && unit.active == "inactive" {
            "stopped"
        } else {
            unit.active.as_str()
        };
        let is_same = state == found || state == "stopped" && is_stopped;
        comparison.judged("state", json!(state), json!(found), is_same);
    }
    if let Some(enabled) = wanted.enabled {
        let found = is_enabled(&unit.file);
        if enabled == found {
            comparison.property("enabled", enabled, found);
        } else {
            let file = if unit.file.is_empty() { "without a unit file" } else { unit.file.as_str() };
            let reason =
                format!("the unit is {file}, wanted {}", if enabled { "enabled" } else { "disabled" });
            comparison.different("enabled", json!(enabled), json!(found), reason);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::tests::verdict;
    use crate::verdict::State::{self, AsWanted, Differs, Unknown};

    /// As systemd 252 prints it; written by hand, not recorded.
    const SHOWN: &str = "Id=ssh.service\nLoadState=loaded\nActiveState=active\nSubState=running\nUnitFileState=enabled\n\n\
        Id=none.service\nLoadState=not-found\nActiveState=inactive\nSubState=dead\nUnitFileState=\n\n\
        Id=x.service\nLoadState=loaded\nActiveState=failed\nSubState=failed\nUnitFileState=masked\n";

    #[track_caller]
    fn check(unit: usize, wanted: (Option<bool>, Option<bool>, bool), state: State, reason: &str) {
        let (active, enabled, absent) = wanted;
        let wanted = Wanted { unit: "u.service".into(), active, enabled, absent };
        let word = active.map(|it| if it { "started" } else { "stopped" });
        let word = if absent { Some("absent") } else { word };
        let mut comparison = Comparison::default();
        compare_unit(&wanted, word, &parse(SHOWN)[unit], &mut comparison);
        let found = comparison.into_verdict(0, String::new(), "service");
        assert_eq!((found.state, found.reason.as_deref().unwrap_or_default()), (state, reason), "{found:?}");
    }

    #[test]
    fn units_are_verified() {
        assert_eq!(parse(SHOWN).len(), 3);
        check(0, (Some(true), Some(true), false), AsWanted, "");
        check(0, (Some(false), None, false), Differs, "state is started, wanted stopped");
        check(0, (None, Some(false), false), Differs, "the unit is enabled, wanted disabled");
        check(0, (None, None, true), Differs, "state is started, wanted absent");
        check(1, (Some(true), None, false), Differs, "there is no unit u.service");
        check(1, (None, None, true), AsWanted, "");
        check(2, (Some(true), None, false), Differs, "state is failed, wanted started");
        check(2, (Some(false), Some(false), false), AsWanted, "");
        check(2, (None, Some(true), false), Differs, "the unit is masked, wanted enabled");
    }

    #[test]
    fn without_systemd_nothing_is_told() {
        let root = tempfile::tempdir().unwrap();
        let found =
            verdict(root.path(), json!({"service": {"name": "ssh", "state": "started", "enabled": true}}));
        assert_eq!(found.state, Unknown);
        assert!(found.reason.unwrap().starts_with("this host does not run systemd"));
        assert_eq!(found.wanted.len(), 2);
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "(?s)(LoadState=)?.{0,80}\n\n.{0,40}") {
            let _any = parse(&text);
        }
    }
}
