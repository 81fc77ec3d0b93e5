//! The audit chain of a real daemon: it tells what happened, and shows what is done to it behind the daemon's back.

use std::fs;
use std::process::Command;

use crate::acceptance::{seed, writes};
use crate::world::{SOON, World, eventually};

/// Ends as `audit verify` ends, with what it said.
fn verify(world: &World, arguments: &[&str]) -> (Option<i32>, String) {
    let done = world.cli(&[&["audit", "verify"], arguments].concat());
    (done.status.code(), String::from_utf8_lossy(&done.stdout).into_owned())
}

fn text(world: &World, below: &str) -> String {
    world.path(below).display().to_string()
}

#[test]
fn the_chain_tells_what_happened_and_shows_what_is_done_to_it() {
    let mut world = World::new();
    seed(&world.repository, &writes("one"));
    let commit = world.repository.commit("One");
    fs::create_dir(world.path("kept")).expect("a directory");
    let kept = text(&world, "kept");
    world.configure(&format!(
        "audit:\n  checkpoint_dir: {kept}\n  checkpoint_records: 3\n  checkpoint_every: 2s"
    ));
    world.start();
    world.run_of(&commit, "changed");
    world.text(&["suspend", "fleet"]);

    let shown = world.json(&["audit", "show"]);
    let records = shown["records"].as_array().expect("records").clone();
    let words: Vec<_> = records.iter().map(|it| it["action"].as_str().unwrap_or_default()).collect();
    let first =
        ["key_used", "daemon_started", "revision_admitted", "run_started", "hosts_allowed", "run_ended"];
    assert_eq!(words[..6], first, "{words:?}");
    assert!(words.contains(&"suspended"), "{words:?}");
    assert_eq!(records[5]["commit"], commit.as_str());
    assert_eq!(records[5]["detail"]["outcome"], "changed");
    assert_eq!(
        records[5]["detail"]["changed"].as_object().map(serde_json::Map::len),
        Some(2),
        "{}",
        records[5]
    );
    assert!(world.text(&["audit", "show", "--stack", "fleet"]).contains("run ended"));

    let key = world.text(&["audit", "key"]).trim().to_owned();
    assert!(key.starts_with("driftless-audit+"), "{key}");
    let checkpoints = text(&world, "kept/audit-checkpoints");
    let trusted = ["--checkpoint", &checkpoints, "--key", &key];
    eventually("a checkpoint vouches for all of the chain", SOON, || {
        verify(&world, &trusted).1.contains("the checkpoint vouches for all of them").then_some(())
    });
    let export = text(&world, "export.jsonl");
    fs::write(&export, world.cli(&["audit", "export"]).stdout).expect("an export");
    assert_eq!(verify(&world, &[&[export.as_str()], &trusted[..]].concat()).0, Some(0));
    let edited = fs::read_to_string(&export).expect("the export").replacen("\"suspended\"", "\"resumed\"", 1);
    fs::write(&export, edited).expect("an edit");
    assert_eq!(verify(&world, &[&export]).0, Some(14));
    eventually("the daemon verified it", SOON, || {
        world.metric("driftless_audit_chain_ok ").filter(|it| *it > 0.0)
    });
    assert!(world.metric("driftless_audit_records_total ").is_some_and(|it| it >= 6.0));
    assert!(world.metric("driftless_audit_last_checkpoint_timestamp_seconds ").is_some());

    assert!(world.stop().success());
    let database = text(&world, "state/store/driftless.db");
    let offline = ["--database", &database];
    assert_eq!(verify(&world, &[&offline[..], &trusted].concat()).0, Some(0), "without the daemon");
    cut_off(&database);
    let (code, said) = verify(&world, &offline);
    assert_eq!(code, Some(0), "a chain alone does not show that its end is gone: {said}");
    let (code, said) = verify(&world, &[&offline[..], &trusted].concat());
    assert_eq!(code, Some(14), "{said}");
    assert!(said.contains("its end was cut off, or an old copy was restored"), "{said}");

    world.start();
    eventually("the daemon sees it", SOON, || {
        world.metric("driftless_audit_chain_ok ").filter(|it| *it < 1.0)
    });
    assert!(world.text(&["status"]).contains("the audit chain does not hold"));
}

/// As somebody would do it who has the rights, and knows that there are checkpoints beside the chain.
fn cut_off(database: &str) {
    let script = "import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
db.execute('DELETE FROM audit_checkpoints')
db.execute('DELETE FROM audit WHERE seq > 4')
db.commit()";
    let done = Command::new("python3").args(["-c", script, database]).status().expect("python");
    assert!(done.success());
}
