//! Our own modules, as runs of the daemon use them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::sshd::Fleet;
use crate::world::{SOON, World, eventually};

const SITE: &str = "- hosts: all
  gather_facts: false
  tasks:
    - name: Keep the directory
      driftless.core.tree: { src: site, dest: '{{ room }}/site', delete: true }
    - name: Verify it
      driftless.core.probe:
        items: [{ file: { path: '{{ room }}/site/conf' } }]
      register: verified
    - name: Gather
      driftless.core.facts: { gather_subset: [min] }
    - name: Use what they said
      ansible.builtin.copy:
        content: \"{{ ansible_facts.system }} {{ verified.summary.as_wanted | default(0) }}\\n\"
        dest: '{{ room }}/said'
        mode: '0644'
";

/// A program of the workspace as hosts get it.
fn built(package: &str) -> PathBuf {
    let triple = format!("{}-unknown-linux-musl", std::env::consts::ARCH);
    let linker = format!("CARGO_TARGET_{}_LINKER", triple.to_uppercase().replace('-', "_"));
    let built = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--locked", "--package", package, "--target", &triple])
        .args(["--message-format", "json-render-diagnostics"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env(linker, "rust-lld")
        .output()
        .expect("cargo starts");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let told = String::from_utf8_lossy(&built.stdout);
    let messages = told.lines().filter_map(|it| serde_json::from_str::<Value>(it).ok());
    let mut programs = messages.filter_map(|it| it["executable"].as_str().map(PathBuf::from));
    programs.next_back().expect("cargo says where the program is")
}

/// The daemon as it is installed, with the modules where it looks for them.
fn installed(dir: &Path) -> PathBuf {
    let modules = dir.join("lib/driftless/modules").join(std::env::consts::ARCH);
    fs::create_dir_all(&modules).expect("a directory");
    fs::create_dir_all(dir.join("bin")).expect("a directory");
    fs::copy(built("driftless-modules"), modules.join("driftless-modules")).expect("copied");
    let program = dir.join("bin/driftless");
    fs::copy(env!("CARGO_BIN_EXE_driftless"), &program).expect("copied");
    program
}

/// As in `docs/modules.md`: the binary lies in `library/` of the repository.
#[test]
fn a_module_of_the_repository_is_run_like_any_other() {
    let fleet = Fleet::start(&["web1"]);
    let mut world = World::new();
    world.configure(&format!(
        "sources:\n  infra:\n    url: {}\n    access: {}",
        world.repository.path.display(),
        fleet.access()
    ));
    world.repository.write("hosts.yml", &fleet.inventory());
    world.repository.write(
        "site.yml",
        "- hosts: all\n  gather_facts: false\n  tasks:\n    - name: Greet\n      motd: { path: '{{ room }}/motd', content: hello }\n",
    );
    let declared = "version: 1\nstacks:\n  web: { playbook: site.yml, inventory: hosts.yml }\n";
    world.repository.write("driftless.yml", declared);
    world.repository.write("library/README.md", "Built from modules/template.\n");
    fs::copy(built("motd"), world.repository.path.join("library/motd")).expect("copied");
    let commit = world.repository.commit("Bring a module");
    world.start();
    world.run_of(&commit, "changed");
    let motd = fleet.room("web1").join("motd");
    assert_eq!(fs::read_to_string(&motd).unwrap_or_default(), "hello");
    eventually("the apply is verified", SOON, || {
        world.json(&["drift"])[0]["check"].is_object().then_some(())
    });
    fs::write(&motd, "edited").expect("written");
    let plan = world.text(&["plan", "web"]);
    assert!(plan.contains("1 of 1 hosts differ") && plan.contains("Greet"), "{plan}");
}

#[test]
fn a_directory_is_kept_and_its_drift_is_found_and_corrected() {
    let fleet = Fleet::start(&["web1", "web2"]);
    let mut world = World::new();
    let program = installed(&world.path("prefix"));
    let repository = world.path("repository").display().to_string();
    world.with_program(program);
    world.configure(&format!("sources:\n  infra:\n    url: {repository}\n    access: {}", fleet.access()));
    world.repository.write(
        "driftless.yml",
        "version: 1\nstacks:\n  web:\n    playbook: site.yml\n    inventory: hosts.yml\n    heal: corrective\n",
    );
    world.repository.write("hosts.yml", &fleet.inventory());
    world.repository.write("site.yml", SITE);
    world.repository.write("site/conf", "wanted\n");
    world.repository.write("site/deep/more", "more\n");
    let commit = world.repository.commit("Keep a directory");
    world.start();
    world.run_of(&commit, "changed");
    eventually("the apply is verified", SOON, || {
        world.json(&["drift"])[0]["check"].is_object().then_some(())
    });
    let read = |host: &str, file: &str| fs::read_to_string(fleet.room(host).join(file)).unwrap_or_default();
    for host in ["web1", "web2"] {
        assert_eq!(read(host, "site/deep/more"), "more\n");
        assert!(read(host, "said").starts_with("Linux "), "{}", read(host, "said"));
    }
    fs::write(fleet.room("web2").join("site/conf"), "edited\n").expect("written");
    fs::write(fleet.room("web2").join("site/extra"), "").expect("written");
    let plan = world.text(&["plan", "web"]);
    // File by file.
    assert!(
        plan.contains("Keep the directory (driftless.core.tree), 2 items") && plan.contains("web2"),
        "{plan}"
    );
    let check = world.runs().into_iter().find(|it| it["trigger"] == "person").expect("what was asked for");
    let shown = world.json(&["show", &check["run"].to_string()]).to_string();
    for what in ["site/conf: content", "site/extra: removed"] {
        assert!(shown.contains(what), "{what}: {shown}");
    }
    eventually("it is corrected", SOON, || (read("web2", "site/conf") == "wanted\n").then_some(()));
    assert!(!fleet.room("web2").join("site/extra").exists());
}
