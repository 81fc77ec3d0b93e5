//! `tree` as playbooks use it, over ssh: on the oldest Ansible, the newest, and one between them. With
//! `DRIFTLESS_TEST_FULL` on each.

use std::path::{Path, PathBuf};
use std::process::Command;

const PROGRAM: &str = env!("CARGO_BIN_EXE_driftless-modules");

#[test]
fn playbooks_keep_directories_as_in_their_repository() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for environment in chosen() {
        let done = Command::new(environment.join("bin/python"))
            .args(["-B", "-X", "utf8"])
            .arg(root.join("tests/python/tree.py"))
            .env("DOUBLE", PROGRAM)
            .env("LC_ALL", "C.UTF-8")
            .output()
            .expect("its Python starts");
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "with {}:\n{said}", environment.display());
        assert!(!said.contains("Ran 0 tests"), "{said}");
    }
}

fn chosen() -> Vec<PathBuf> {
    let given = variable("DRIFTLESS_TEST_ANSIBLE").unwrap_or_default();
    let all: Vec<_> = given.split(':').filter(|it| !it.is_empty()).map(PathBuf::from).collect();
    assert!(!all.is_empty(), "no Ansible to test with: run `scripts/test`, or set DRIFTLESS_TEST_ANSIBLE");
    if variable("DRIFTLESS_TEST_FULL").is_some() {
        return all;
    }
    let mut some: Vec<_> = [0, all.len() / 2, all.len() - 1].map(|it| all[it].clone()).into();
    some.dedup();
    some
}

#[expect(clippy::disallowed_methods, reason = "`scripts/test` says so what is tested")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
