//! How modules get to hosts and run there, on several versions of Ansible: see `tests/python/delivery`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Ways in which tasks are executed, on the oldest Ansible, the newest, and one between them.
#[test]
fn modules_run_in_every_way_that_tasks_do() {
    let all = environments();
    let some = [&all[0], &all[all.len() / 2], all.last().unwrap()].map(PathBuf::as_path);
    let mut chosen: Vec<&Path> =
        if full() { all.iter().map(PathBuf::as_path).collect() } else { some.to_vec() };
    chosen.dedup();
    passes(&chosen, "matrix");
}

/// Takes a minute: with `DRIFTLESS_TEST_FULL` on each Ansible, else on the newest.
#[test]
fn nothing_runs_on_a_host_that_was_not_verified() {
    let all = environments();
    let chosen: Vec<&Path> =
        all.iter().skip(if full() { 0 } else { all.len() - 1 }).map(PathBuf::as_path).collect();
    passes(&chosen, "attacks");
}

#[track_caller]
fn passes(environments: &[&Path], suite: &str) {
    let room = tempfile::tempdir().unwrap();
    let double = build_double(room.path());
    for environment in environments {
        let ran = Command::new(environment.join("bin/python"))
            .args(["-m", "unittest", suite])
            .current_dir(tests())
            .env("DOUBLE", &double)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&ran.stderr);
        assert!(ran.status.success() && said.contains("\nOK"), "{}: {said}", environment.display());
    }
}

/// The program that stands for the binary, static as that is.
fn build_double(room: &Path) -> PathBuf {
    let program = room.join("double");
    let target = format!("{}-unknown-linux-musl", env::consts::ARCH);
    let built = Command::new("rustc")
        .args([
            "--edition=2024",
            "-O",
            "-C",
            "strip=symbols",
            "-C",
            "linker=rust-lld",
            "--target",
            &target,
            "-o",
        ])
        .arg(&program)
        .arg(tests().join("double.rs"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&built.stderr);
    assert!(built.status.success(), "scripts/setup installs what is needed: {said}");
    program
}

fn tests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/python/delivery")
}

/// The environments with ansible-core that `scripts/test` made, from the oldest.
#[expect(clippy::disallowed_methods, reason = "the test's own input, given by scripts/test")]
fn environments() -> Vec<PathBuf> {
    let given = env::var("DRIFTLESS_TEST_ANSIBLE").unwrap_or_default();
    let mut found: Vec<PathBuf> = given.split(':').filter(|it| !it.is_empty()).map(PathBuf::from).collect();
    assert!(!found.is_empty(), "no Ansible to test with: run `scripts/test`, or set DRIFTLESS_TEST_ANSIBLE");
    found.sort();
    found
}

#[expect(clippy::disallowed_methods, reason = "the test's own input, given by scripts/test")]
fn full() -> bool {
    env::var_os("DRIFTLESS_TEST_FULL").is_some()
}
