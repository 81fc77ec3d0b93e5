//! The Python that runs inside Ansible, tested by the Pythons that run it.

use std::path::Path;
use std::process::Command;

use crate::world::ansible_environments;

#[test]
fn what_runs_inside_ansible_holds_on_every_python() {
    for environment in ansible_environments() {
        let tested = Command::new(environment.join("bin/python"))
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python/inside.py"))
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .output()
            .expect("python starts");
        let said = String::from_utf8_lossy(&tested.stderr);
        assert!(tested.status.success() && said.contains("\nOK"), "{}: {said}", environment.display());
    }
}
