//! The modules as playbooks use them, over ssh, with each version of Ansible that is tested.

use std::path::{Path, PathBuf};
use std::process::Command;

#[test]
fn playbooks_keep_directories_as_in_their_repository() {
    passes("tree.py");
}

#[test]
fn playbooks_verify_and_gather_facts_where_there_is_no_python() {
    passes("looks.py");
}

#[track_caller]
fn passes(tests: &str) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let program = static_program();
    for environment in chosen() {
        let done = Command::new(environment.join("bin/python"))
            .args(["-B", "-X", "utf8"])
            .arg(root.join("tests/python").join(tests))
            .env("DOUBLE", &program)
            .env("LC_ALL", "C.UTF-8")
            .output()
            .expect("its Python starts");
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "with {}:\n{said}", environment.display());
        assert!(!said.contains("Ran 0 tests"), "{said}");
    }
}

/// With `DRIFTLESS_TEST_FULL` each Ansible, else the oldest, the newest and one between them.
fn chosen() -> Vec<PathBuf> {
    let mut all = environments();
    all.sort();
    if full() {
        return all;
    }
    let mut some = vec![all[0].clone(), all[all.len() / 2].clone(), all[all.len() - 1].clone()];
    some.dedup();
    some
}

/// The program as it is delivered: one of the hosts has no C library.
fn static_program() -> PathBuf {
    let triple = format!("{}-unknown-linux-musl", std::env::consts::ARCH);
    let linker = format!("CARGO_TARGET_{}_LINKER", triple.to_uppercase().replace('-', "_"));
    let built = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--locked", "--package", "driftless-modules", "--target", &triple])
        .args(["--message-format", "json-render-diagnostics"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env(linker, "rust-lld")
        .output()
        .expect("cargo starts");
    let said = String::from_utf8_lossy(&built.stderr);
    assert!(built.status.success(), "scripts/setup installs what is needed: {said}");
    let told = String::from_utf8_lossy(&built.stdout);
    let messages = told.lines().filter_map(|it| serde_json::from_str::<serde_json::Value>(it).ok());
    let mut programs = messages.filter_map(|it| it["executable"].as_str().map(PathBuf::from));
    programs.next_back().expect("cargo says where the program is")
}

fn environments() -> Vec<PathBuf> {
    let given = given().unwrap_or_default();
    let found: Vec<_> = given.split(':').filter(|it| !it.is_empty()).map(PathBuf::from).collect();
    assert!(!found.is_empty(), "no Ansible to test with: run `scripts/test`, or set DRIFTLESS_TEST_ANSIBLE");
    found
}

#[expect(clippy::disallowed_methods, reason = "`scripts/test` says so where Ansible is")]
fn given() -> Option<String> {
    std::env::var("DRIFTLESS_TEST_ANSIBLE").ok()
}

#[expect(clippy::disallowed_methods, reason = "`scripts/test` says how much is tested")]
fn full() -> bool {
    std::env::var_os("DRIFTLESS_TEST_FULL").is_some()
}
