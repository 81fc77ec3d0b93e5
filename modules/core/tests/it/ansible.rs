//! `tree` as playbooks use it, over ssh, with each version of Ansible that is tested.

use std::path::{Path, PathBuf};
use std::process::Command;

const PROGRAM: &str = env!("CARGO_BIN_EXE_driftless-modules");

#[test]
fn playbooks_keep_directories_as_in_their_repository() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for environment in environments() {
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
