//! The daemon and real hosts over ssh.

use std::fs;
use std::path::Path;

use crate::sshd::Fleet;
use crate::world::{SOON, World, eventually, three_versions};

const HOSTS: [&str; 3] = ["web1", "web2", "db1"];

/// Writes what is wanted, and how the host was reached.
fn playbook(wanted: &str) -> String {
    format!(
        "- hosts: all\n  gather_facts: false\n  tasks:\n    - ansible.builtin.command: printenv SSH_CONNECTION\n      \
         changed_when: false\n      register: reached\n    - ansible.builtin.copy:\n        \
         content: \"{wanted} {{{{ reached.stdout.split()[2:] | join(':') }}}}\"\n        \
         dest: \"{{{{ room }}}}/conf\"\n        mode: \"0644\"\n"
    )
}

fn world(environment: &Path, fleet: &Fleet) -> World {
    let mut world = World::with_ansible(environment);
    let repository = world.repository.path.display().to_string();
    world.configure(&format!("sources:\n  infra:\n    url: {repository}\n    access: {}", fleet.access()));
    world.repository.write(
        "driftless.yml",
        "version: 1\nstacks:\n  fleet:\n    playbook: site.yml\n    inventory: hosts.yml\n",
    );
    world.repository.write("hosts.yml", &fleet.inventory());
    world
}

#[test]
fn hosts_are_applied_to_over_ssh() {
    let fleet = Fleet::start(&HOSTS);
    for environment in three_versions() {
        let mut world = world(&environment, &fleet);
        let version = environment.file_name().and_then(|it| it.to_str()).expect("a name").to_owned();
        world.repository.write("site.yml", &playbook(&version));
        let commit = world.repository.commit("Apply it");
        world.start();
        let run = world.run_of(&commit, "changed");
        for host in HOSTS {
            let conf = fs::read_to_string(fleet.room(host).join("conf")).expect("it was written");
            assert_eq!(conf, format!("{version} {}", fleet.address(host)), "{run}");
            assert!(fleet.log(host).contains("Accepted publickey"), "{}", fleet.log(host));
        }
    }
}

#[test]
fn a_host_that_is_away_is_unreachable_until_it_is_back() {
    let mut fleet = Fleet::start(&HOSTS);
    let environment = three_versions().pop().expect("an environment");
    let mut world = world(&environment, &fleet);
    world.repository.write("site.yml", &playbook("first"));
    let first = world.repository.commit("First");
    world.start();
    world.run_of(&first, "changed");

    fleet.take_away("web2");
    world.repository.write("site.yml", &playbook("second"));
    let second = world.repository.commit("Second");
    world.run_of(&second, "unreachable");
    let conf = |host: &str| fs::read_to_string(fleet.room(host).join("conf")).expect("it was written");
    assert!(conf("web1").starts_with("second") && conf("web2").starts_with("first"));

    fleet.bring_back("web2");
    eventually("the host that is back is caught up", SOON, || {
        let conf = fs::read_to_string(fleet.room("web2").join("conf")).expect("it was written");
        conf.starts_with("second").then_some(())
    });
}
