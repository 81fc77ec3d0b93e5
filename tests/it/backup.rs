//! Backups of a daemon at work, each restored for another daemon elsewhere. `scripts/campaign backup 100` takes a hundred;
//! the test alone a few.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;

use crate::acceptance::{seed, writes};
use crate::world::{Repository, SOON, World, eventually};

fn given(name: &str, default: u64) -> u64 {
    #[expect(clippy::disallowed_methods, reason = "the test's own input, given by scripts/campaign")]
    std::env::var(name).ok().map_or(default, |it| it.parse().expect("a number"))
}

/// Another daemon, which follows the same repository.
fn elsewhere(repository: &Repository) -> World {
    let mut world = World::new();
    world.configure(&format!("sources:\n  infra:\n    url: {}\n", repository.path.display()));
    world.write_config();
    world
}

fn restore(world: &World, file: &Path) -> Value {
    let (config, file) = (world.config_file(), file.display().to_string());
    world.json(&["--config", &config.display().to_string(), "restore", &file])
}

fn number(run: &Value) -> u64 {
    run["run"].as_u64().expect("a number")
}

/// What the restored daemon knows is what the other one knew, run by run; and it starts nothing that had been done.
fn is_a_prefix_and_goes_on(restored: &mut World, before: &[Value], original: &World) -> u64 {
    restored.start();
    let status = eventually("it has fetched, and what was live is over", SOON, || {
        let status = restored.try_json(&["status"])?;
        let fetched = !status["sources"][0]["fetched_at"].is_null();
        let old_and_live = restored.runs().iter().any(|it| it["ending"].is_null() && number(it) < 1000);
        (fetched && !old_and_live).then_some(status)
    });
    let runs = restored.runs();
    let newest = runs.iter().map(number).filter(|it| *it < 1000).max().unwrap_or(0);
    assert!(
        before.iter().all(|it| it["ending"].is_null() || number(it) <= newest),
        "a run is missing: {status}"
    );
    let known = original.runs();
    let (old, new): (Vec<&Value>, Vec<&Value>) = runs.iter().partition(|it| number(it) <= newest);
    let mut done = BTreeSet::new();
    for run in old {
        let told = known.iter().find(|it| number(it) == number(run)).expect("it happened");
        let interrupted = run["ending"]["outcome"] == "interrupted";
        assert!(interrupted || run == told, "history is another one: {run} {told}");
        let good = ["changed", "in_sync"].iter().any(|it| run["ending"]["outcome"] == *it);
        if good && run["mode"] == "apply" {
            done.insert(run["revision"].to_string());
        }
    }
    let mut started = BTreeSet::new();
    for run in new.iter().filter(|it| it["mode"] == "apply") {
        let revision = run["revision"].to_string();
        assert!(!done.contains(&revision), "it was done already: {run}");
        assert!(started.insert(revision), "twice: {new:#?}");
    }
    restored.text(&["audit", "verify"]);
    let records = restored.text(&["audit", "export"]);
    assert_eq!(records.matches("\"restored\"").count(), 1, "the chain says that it was restored");
    new.len() as u64
}

#[test]
fn a_restored_daemon_knows_what_was_and_does_nothing_twice() {
    let rounds = given("DRIFTLESS_BACKUPS", 3);
    let mut world = World::new();
    seed(&world.repository, &writes("0"));
    world.repository.commit("Seed");
    world.start();
    let first = world.repository.head();
    world.run_of(&first, "changed");
    let stop = AtomicBool::new(false);
    let (busy, stopped) = (Repository { path: world.repository.path.clone() }, &stop);
    let (mut slowest, mut started) = (std::time::Duration::ZERO, 0);
    std::thread::scope(|scope| {
        scope.spawn(move || {
            for number in 1.. {
                if stopped.load(Ordering::Relaxed) {
                    return;
                }
                busy.write("site.yml", &writes(&number.to_string()));
                busy.commit(&format!("Commit {number}"));
                std::thread::park_timeout(std::time::Duration::from_millis(900));
            }
        });
        // Else a failure in here would wait for ever for the one who commits.
        let tried = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            for round in 1..=rounds {
                std::thread::park_timeout(std::time::Duration::from_millis(round * 377 % 1500));
                let before = world.runs();
                let file = world.path(&format!("backup-{round}"));
                let begun = std::time::Instant::now();
                let told = world.json(&["backup", &file.display().to_string()]);
                slowest = slowest.max(begun.elapsed());
                let mut restored = elsewhere(&world.repository);
                let there = restore(&restored, &file);
                assert_eq!(there["records"], told["backup"]["chain"]["size"], "{told}");
                let database = restored.path("state").display().to_string();
                restored.text(&["audit", "verify", "--database", &database]);
                started += is_a_prefix_and_goes_on(&mut restored, &before, &world);
                assert!(restored.stop().success());
                std::fs::remove_file(&file).expect("removed");
            }
        }));
        stop.store(true, Ordering::Relaxed);
        if let Err(panic) = tried {
            std::panic::resume_unwind(panic);
        }
    });
    println!(
        "{rounds} backups restored; the slowest took {slowest:?}; {started} runs were started after restores"
    );
}

#[test]
fn backups_are_whole_or_none_and_states_are_not_overwritten() {
    let mut world = World::new();
    seed(&world.repository, &writes("a"));
    let commit = world.repository.commit("Seed");
    world.start();
    world.run_of(&commit, "changed");
    let (file, config) = (world.path("backup"), world.config_file().display().to_string());
    let name = file.display().to_string();
    assert!(world.text(&["backup", &name]).contains("whole backup"));
    assert_eq!(world.cli(&["backup", &name]).status.code(), Some(7), "it is not overwritten");
    assert!(world.text(&["restore", "--check", &name]).contains("whole backup"));
    assert_eq!(world.cli(&["--config", &config, "restore", &name]).status.code(), Some(7), "the daemon runs");

    let piped = world.cli(&["backup", "-", "--without-logs"]);
    assert!(piped.status.success());
    let cut = world.path("cut");
    std::fs::write(&cut, &piped.stdout[..piped.stdout.len() - 9]).expect("written");
    let checked = world.cli(&["restore", "--check", &cut.display().to_string()]);
    let said = String::from_utf8_lossy(&checked.stderr);
    assert_eq!(checked.status.code(), Some(15), "{said}");
    assert!(said.starts_with("error: ") && said.contains("/cut: it is not complete: "), "{said}");
    let nowhere = world.cli(&["backup", &world.path("none/backup").display().to_string()]);
    let said = String::from_utf8_lossy(&nowhere.stderr);
    assert_eq!(nowhere.status.code(), Some(5), "{said}");
    assert!(said.contains("\n  -> make its directory first"), "{said}");

    assert!(world.stop().success());
    assert_eq!(
        world.cli(&["--config", &config, "restore", &name]).status.code(),
        Some(7),
        "there is a state"
    );
    let replaced = world.json(&["--config", &config, "restore", "--replace", &name]);
    assert!(Path::new(replaced["aside"].as_str().expect("a path")).join("driftless.db").exists());
    assert_eq!(replaced["key_kept"], true);
    world.start();
    eventually("it is in sync and ran nothing", SOON, || {
        let status = world.try_json(&["status"])?;
        let fetched = !status["sources"][0]["fetched_at"].is_null();
        (fetched && status["stacks"][0]["sync"] == "in_sync").then_some(())
    });
    assert_eq!(world.applies().len(), 1);
    assert!(world.text(&["audit", "show"]).contains("restored"));
}

#[test]
fn a_nearly_full_disk_starts_nothing_and_says_so_until_there_is_room() {
    let mut world = World::new();
    seed(&world.repository, &writes("a"));
    let commit = world.repository.commit("Seed");
    let limits =
        |floor: &str| format!("limits:\n  retry: {{ base: 1s, max: 4s }}\n  drain: 5s\n  free_disk: {floor}");
    world.configure(&limits("1TiB")).start();
    let status = eventually("it has fetched", SOON, || {
        let status = world.try_json(&["status"])?;
        (!status["stacks"].as_array()?.is_empty()).then_some(status)
    });
    assert_eq!((&status["store"]["read_only"], &status["readiness"]["ready"]), (&true.into(), &false.into()));
    assert!(world.text(&["status"]).contains("limits.free_disk"), "it says what to do");
    assert!(world.text(&["explain", "fleet"]).contains("the disk is nearly full"));
    assert_eq!(world.metric("driftless_disk_enough"), Some(0.0));
    assert!(world.runs().is_empty());
    let config = world.config_file().display().to_string();
    let doctor = world.cli(&["--config", &config, "doctor"]);
    let said = String::from_utf8_lossy(&doctor.stdout).into_owned();
    assert_eq!(doctor.status.code(), Some(16), "{said}");
    assert!(said.contains("error   disk: no run starts"), "{said}");

    world.configure(&limits("1MiB")).write_config();
    world.signal("HUP");
    world.run_of(&commit, "changed");
    assert_eq!(world.metric("driftless_disk_enough"), Some(1.0));
    let ask = |world: &World, args: &[&str]| -> Value {
        let done = world.cli(&[&["--output", "json", "--config", &config, "doctor"], args].concat());
        serde_json::from_slice(&done.stdout).expect("findings")
    };
    let doctor = ask(&world, &["--sources"]);
    // What else there is depends on the machine of the test.
    let parts = ["daemon", "configuration", "disk", "database", "audit chain", "sources"];
    let ours = |it: &&Value| parts.iter().any(|part| it["area"] == *part);
    let errors: Vec<&Value> = doctor.as_array().expect("a list").iter().filter(ours).collect();
    let errors: Vec<&Value> = errors.into_iter().filter(|it| it["severity"] == "error").collect();
    assert!(errors.is_empty(), "{errors:#?}");
    assert!(doctor.to_string().contains("infra answers (asked now)"), "{doctor}");
    // The same without a daemon.
    assert!(world.stop().success());
    let doctor = ask(&world, &[]);
    assert!(doctor.to_string().contains("the daemon is not running"), "{doctor}");
}
