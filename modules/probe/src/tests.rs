use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::*;

/// The verdict on one item in a root directory.
pub(crate) fn verdict(root: &Path, item: Value) -> Verdict {
    let host = Host::recorded(root, BTreeMap::new());
    // 2026-11-28.
    let now = Duration::from_secs(1_795_834_970);
    probe(&host, vec![item], now, Duration::from_secs(60)).unwrap().remove(0)
}

#[test]
fn verdicts_stand_in_the_order_of_the_items() {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir_all(root.path().join("etc")).unwrap();
    fs::write(root.path().join("etc/motd"), "hello\n").unwrap();
    let host = Host::recorded(root.path(), BTreeMap::new());
    let items = vec![
        json!({"tcp": {"host": "no.such.host.invalid", "port": 1, "timeout": 1}}),
        json!({"name": "the greeting", "line": {"path": "/etc/motd", "line": "hello"}}),
        json!({"file": {"path": "/etc/motd", "size": 7}}),
    ];
    let found = probe(&host, items, Duration::ZERO, Duration::from_secs(30)).unwrap();
    let states: Vec<State> = found.iter().map(|it| it.state).collect();
    assert_eq!(states, [State::Unknown, State::AsWanted, State::Differs]);
    let names: Vec<&str> = found.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(names, ["no.such.host.invalid:1", "the greeting", "/etc/motd"]);
    assert_eq!(Summary::of(&found), Summary { total: 3, as_wanted: 1, differs: 1, unknown: 1 });
    assert_eq!(
        serde_json::to_value(&found[2]).unwrap(),
        json!({
            "index": 2, "name": "/etc/motd", "kind": "file", "state": "differs",
            "wanted": {"state": "file", "size": 7}, "found": {"state": "file", "size": 6},
            "differs": ["size"], "reason": "size is 6, wanted 7",
        })
    );
}

#[test]
fn certificates_in_files_are_verified() {
    let root = tempfile::tempdir().unwrap();
    let pem = include_str!("certificate/probe.example.pem");
    fs::write(root.path().join("a.pem"), pem).unwrap();
    fs::write(root.path().join("b.pem"), "nothing").unwrap();
    std::os::unix::fs::symlink("a.pem", root.path().join("live.pem")).unwrap();
    let of = |path: &str| verdict(root.path(), json!({"certificate": {"path": path, "days": 30}}));
    let found = of("/live.pem");
    assert_eq!((found.state, &found.found["subject"]), (State::AsWanted, &json!("probe.example")));
    assert_eq!(of("/b.pem").reason.unwrap(), "/b.pem holds no certificate");
    assert_eq!(of("/c.pem").reason.unwrap(), "there is no file /c.pem");
}

#[test]
fn time_that_has_run_out_is_a_doubt_not_a_verdict() {
    let root = tempfile::tempdir().unwrap();
    fs::write(root.path().join("a"), "x").unwrap();
    let host = Host::recorded(root.path(), BTreeMap::new());
    let item = json!({"file": {"path": "/a", "sha1": "0000000000000000000000000000000000000000"}});
    let found = probe(&host, vec![item], Duration::ZERO, Duration::ZERO).unwrap();
    assert_eq!(found[0].state, State::Unknown);
    assert!(found[0].reason.as_deref().unwrap().contains("took too long"));
}
