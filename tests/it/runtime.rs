//! Environments that a repository declares, built for real from the package index.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::path::Path;
use std::process::Command;

use driftless::ansible::runtime::{RuntimeAccess, RuntimeError, Runtimes};
use driftless::domain::{Failure, Outcome, Retry, RuntimeSpec, Secret};

use crate::room::{Room, block_on, runtime_access};
use crate::world::ansible_environments;

/// The settings of `pip` on this machine, handed on as an operator would.
fn access(environment: &Path) -> RuntimeAccess {
    #[expect(clippy::disallowed_methods, reason = "where packages come from is a matter of the machine")]
    let pip = std::env::vars().filter(|(name, _)| name.starts_with("PIP_") || name.ends_with("_PROXY"));
    let environment_variables =
        pip.filter_map(|(name, value)| Some((name.parse().ok()?, Secret::new(value))));
    RuntimeAccess { environment: environment_variables.collect(), ..runtime_access(environment) }
}

fn git(at: &Path, args: &[&str]) {
    let identity =
        ["-c", "user.name=Test", "-c", "user.email=test@example.com", "-c", "commit.gpgsign=false"];
    let done = Command::new("git").args(identity).args(args).current_dir(at).output().unwrap();
    assert!(done.status.success(), "{done:?}");
}

/// A role and a collection in Git repositories, and the file that declares them.
fn galaxy(room: &Room) -> String {
    let (role, collection) = (room.path("role"), room.path("collection"));
    let task = |name: &str| {
        format!(
            "- ansible.builtin.copy: {{content: x, dest: \"{{{{ lookup('env', 'DRIFTLESS_STATE_DIR') }}}}/{name}\", mode: '0644'}}\n"
        )
    };
    let manifest = "namespace: acme\nname: tools\nversion: 1.2.3\nreadme: README.md\nauthors: [x]\n";
    for (file, contents) in [
        (role.join("tasks/main.yml"), task("role")),
        (role.join("meta/main.yml"), "galaxy_info: {author: x, description: x, license: MIT}\n".to_owned()),
        (collection.join("galaxy.yml"), manifest.to_owned()),
        (collection.join("README.md"), "x".to_owned()),
        (collection.join("roles/greet/tasks/main.yml"), task("collection")),
    ] {
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, contents).unwrap();
    }
    for repository in [&role, &collection] {
        git(repository, &["init", "-q", "-b", "main"]);
        git(repository, &["add", "."]);
        git(repository, &["commit", "-q", "-m", "first"]);
    }
    format!(
        "roles:\n  - {{name: acme_role, src: 'file://{}', scm: git, version: main}}\ncollections:\n  - {{name: \
         'git+file://{}', type: git, version: main}}\n",
        role.display(),
        collection.display()
    )
}

#[test]
fn what_a_repository_declares_is_built_once_and_runs() {
    let environment = ansible_environments().pop().unwrap();
    let access = access(&environment);
    let play = "- hosts: all\n  gather_facts: false\n  roles: [acme_role, acme.tools.greet]\n";
    let mut room = Room::new(&[
        ("site.yml", play),
        ("requirements.txt", "-r more.txt\n"),
        ("more.txt", "passlib==1.7.4\n"),
    ]);
    room.add(&[("requirements.yml", &galaxy(&room))]);
    let core = {
        let system =
            block_on(room.runtimes().prepare(&RuntimeSpec::System, &room.path("checkout"), &access)).unwrap();
        assert!(system.hash.ends_with(&system.version));
        system.version
    };
    room.spec.runtime = RuntimeSpec::Managed {
        core: core.clone(),
        requirements: Some("requirements.txt".to_owned()),
        galaxy: Some("requirements.yml".to_owned()),
    };
    let checkout = room.path("checkout");
    let prepare =
        |runtimes: &Runtimes| block_on(runtimes.prepare(&room.spec.runtime, &checkout, &access)).unwrap();

    // An interrupted build: a directory without a record.
    let (first, second) = (room.runtimes(), room.runtimes());
    let (built, again) = std::thread::scope(|scope| {
        let other = scope.spawn(|| prepare(&first));
        (prepare(&second), other.join().unwrap())
    });
    assert_eq!(built, again);
    assert_eq!(built.version, core);
    let log = fs::read_to_string(room.path("runtimes").join(format!("{}.log", built.hash))).unwrap();
    assert_eq!(log.matches("--- making a Python environment").count(), 1, "it was built once: {log}");
    let dir = room.path("runtimes").join(&built.hash);
    let resolved = fs::read_to_string(dir.join("resolved.txt")).unwrap();
    for version in [format!("ansible-core=={core}"), "passlib==1.7.4".to_owned()] {
        assert!(resolved.contains(&version), "{resolved}");
    }
    assert!(resolved.contains("acme.tools") && resolved.contains("acme_role"), "{resolved}");

    let finished = room.start(1, &access, crate::room::limits()).end();
    let ending = finished.ending(room.spec.mode);
    assert_eq!(
        ending.outcome,
        Outcome::Changed,
        "{:?} {}",
        ending,
        fs::read_to_string(room.path("1.log")).unwrap()
    );
    assert_eq!((room.state("role").as_str(), room.state("collection").as_str()), ("x", "x"));

    // Without its record it counts as unfinished and is built anew, under the same name.
    fs::remove_file(dir.join("runtime.json")).unwrap();
    fs::remove_dir_all(dir.join("venv/bin")).unwrap();
    assert_eq!(prepare(&room.runtimes()), built);
}

#[test]
fn a_version_that_does_not_exist_is_told_as_such() {
    let environment = ansible_environments().pop().unwrap();
    let room = Room::new(&[]);
    let spec = RuntimeSpec::Managed { core: "2.0.99".to_owned(), requirements: None, galaxy: None };
    let error =
        block_on(room.runtimes().prepare(&spec, &room.path("checkout"), &access(&environment))).unwrap_err();
    let RuntimeError::Build { log, .. } = &error else { panic!("{error}") };
    assert!(fs::read_to_string(log).unwrap().contains("2.0.99"));
    let failure = Failure::from(error);
    assert_eq!(failure.retry, Retry::UntilChanged, "{failure}");
    assert!(failure.message.contains("2.0.99"), "{failure}");
}

#[test]
fn a_package_index_that_is_not_there_may_come_back() {
    let environment = ansible_environments().pop().unwrap();
    let room = Room::new(&[]);
    let spec = RuntimeSpec::Managed { core: "2.19.14".to_owned(), requirements: None, galaxy: None };
    let mut access = runtime_access(&environment);
    let index = Secret::new("http://user:hunter2@127.0.0.1:9/simple".to_owned());
    access.environment.insert("PIP_INDEX_URL".parse().unwrap(), index);
    access.environment.insert("PIP_RETRIES".parse().unwrap(), Secret::new("1".to_owned()));
    let error = block_on(room.runtimes().prepare(&spec, &room.path("checkout"), &access)).unwrap_err();
    let RuntimeError::Build { log, .. } = &error else { panic!("{error}") };
    assert!(!fs::read_to_string(log).unwrap().contains("hunter2"));
    let failure = Failure::from(error);
    assert_eq!(failure.retry, Retry::Soon, "{failure}");
}
