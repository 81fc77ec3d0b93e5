//! `driftless doctor` on a control node where things that runs need are missing, or lie open.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::world::{SOON, World, eventually};

fn write(path: &Path, text: &str, mode: u32) {
    fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
    fs::write(path, text).expect("a file");
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("its mode");
}

#[test]
fn open_secrets_and_runtimes_that_cannot_be_built_are_named() {
    let mut world = World::new();
    let (python, hook, chat) = (world.path("bin/python"), world.path("hook"), world.path("chat"));
    write(
        &python,
        "#!/bin/sh\necho 'The virtual environment was not created: no ensurepip'\nexit 1\n",
        0o755,
    );
    write(&hook, "a secret of a webhook\n", 0o644);
    write(&chat, "https://chat.example.org/in\n", 0o640);
    let built = world.path("cache/runtimes/5d");
    let record = serde_json::json!({
        "python": "/bin/sh", "bin_dir": built.join("venv/bin"), "hash": "5d", "version": "2.17.3",
        "collections_path": null, "roles_path": null,
    });
    write(&built.join("runtime.json"), &record.to_string(), 0o644);
    let lines = format!(
        "python: {}\nalerts: {{receivers: {{chat: {{slack: {{url: {{file: {}}}}}}}}}}}\nsources:\n  infra:\n    \
         url: {}\n    webhook: {{provider: generic, secret: {{file: {}}}}}",
        python.display(),
        chat.display(),
        world.repository.path.display(),
        hook.display()
    );
    let stack =
        "version: 1\nansible: {core: 2.18.1}\nstacks:\n  web: {playbook: site.yml, inventory: hosts}\n";
    world.repository.write("driftless.yml", stack);
    world.repository.write("site.yml", "- hosts: all\n  tasks: []\n");
    world.repository.write("hosts", "localhost ansible_connection=local\n");
    world.repository.commit("Declare a runtime");
    world.configure(&lines).start();
    eventually("the declaration is read", SOON, || {
        let stacks = world.try_json(&["stacks"])?;
        (!stacks["stacks"].as_array()?.is_empty()).then_some(())
    });
    let config = world.config_file().display().to_string();
    let done = world.cli(&["--config", &config, "doctor"]);
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    assert_eq!(done.status.code(), Some(16), "{said}");
    for wanted in [
        format!("error   files: everybody may use the secret of the webhook of infra ({})", hook.display()),
        format!("`{} -m venv` does not work: The virtual environment was not created", python.display()),
        format!("error   runtimes: the built ansible-core 2.17.3 ({}) has no", built.display()),
    ] {
        assert!(said.contains(&wanted), "{wanted} is not in: {said}");
    }
    assert!(!said.contains("the receiver chat"), "a group may read it: {said}");
}
