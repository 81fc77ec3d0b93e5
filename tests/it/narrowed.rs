//! Corrections of some hosts alone: refused where the result would be another one, taken where it is the same.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::acceptance::inventory;
use crate::world::{SOON, World, eventually, some_ansible};

/// A construct, and a play that writes a file which another number of hosts would make a different one.
struct Case {
    name: &'static str,
    /// Keywords of the play.
    play: &'static str,
    /// Tasks before the one that writes.
    tasks: &'static str,
    content: &'static str,
}

const HOSTS: [&str; 3] = ["h1", "h2", "h3"];

const CASES: [Case; 6] = [
    Case { name: "ansible_play_hosts", play: "", tasks: "", content: "{{ ansible_play_hosts | join(' ') }}" },
    Case { name: "play_hosts", play: "", tasks: "", content: "{{ play_hosts | join(' ') }}" },
    Case {
        name: "groups",
        play: "",
        tasks: "    - ansible.builtin.group_by: { key: found }\n",
        content: "{{ groups['found'] | sort | join(' ') }}",
    },
    Case {
        name: "hostvars",
        play: "",
        tasks: "    - ansible.builtin.set_fact: { mine: \"I am {{ inventory_hostname }}\" }\n",
        content: "{{ hostvars['h1'].mine | default('nobody') }}",
    },
    Case {
        name: "run_once",
        play: "",
        tasks: "    - ansible.builtin.set_fact: { leader: \"{{ inventory_hostname }}\" }\n      run_once: true\n",
        content: "{{ leader }}",
    },
    // Batches of two: `h2` alone is another one.
    Case {
        name: "serial",
        play: "  serial: 2\n",
        tasks: "",
        content: "{{ ansible_play_batch | join(' ') }}",
    },
];

impl Case {
    /// Writes one file for each host.
    fn playbook(&self) -> String {
        format!(
            "- hosts: all\n  gather_facts: false\n{}  vars:\n    here: \"{{{{ place }}}}/{}\"\n  tasks:\n{}    \
             - name: Write\n      ansible.builtin.copy:\n        content: \"{}\\n\"\n        \
             dest: \"{{{{ here }}}}/{{{{ inventory_hostname }}}}\"\n        mode: \"0644\"\n",
            self.play, self.name, self.tasks, self.content
        )
    }
}

/// What the play writes for `h2`, bare, with all hosts and with that one alone.
fn bare(room: &Path, case: &Case, limit: Option<&str>) -> String {
    let environment = some_ansible();
    let place = room.join(limit.unwrap_or("all"));
    fs::create_dir_all(place.join(case.name)).expect("a directory");
    fs::write(place.join("site.yml"), case.playbook()).expect("written");
    fs::write(place.join("hosts.yml"), inventory(&HOSTS)).expect("written");
    let mut command = Command::new(environment.join("bin/ansible-playbook"));
    command.current_dir(&place).env("HOME", room).env("ANSIBLE_LOCALHOST_WARNING", "false");
    command.env("PATH", format!("{}/bin:/usr/bin:/bin", environment.display()));
    command.args(["-i", "hosts.yml", "site.yml", "-e"]).arg(format!("place={}", place.display()));
    command.args(limit.map(|it| ["--limit", it]).into_iter().flatten());
    crate::world::output(&mut command);
    fs::read_to_string(place.join(case.name).join("h2")).expect("it was written")
}

#[test]
fn a_correction_of_one_host_is_refused_where_it_would_write_something_else() {
    let mut world = World::new();
    let place = world.path("hosts");
    let stacks = CASES.each_ref().map(|it| {
        format!(
            "  {0}:\n    playbook: {0}.yml\n    inventory: hosts.yml\n    heal: corrective\n    \
             extra_vars: {{ place: \"{1}\" }}\n",
            it.name,
            place.display()
        )
    });
    let stacks = stacks.concat();
    world.repository.write("driftless.yml", &format!("version: 1\nstacks:\n{stacks}"));
    world.repository.write("hosts.yml", &inventory(&HOSTS));
    for case in &CASES {
        fs::create_dir_all(place.join(case.name)).expect("a directory");
        world.repository.write(&format!("{}.yml", case.name), &case.playbook());
    }
    let beside = tempfile::tempdir().expect("a directory");
    world.repository.commit("All of them");
    world.start();
    for case in &CASES {
        let room = beside.path().join(case.name);
        let (right, wrong) = (bare(&room, case, None), bare(&room, case, Some("h2")));
        let file = place.join(case.name).join("h2");
        let content = || fs::read_to_string(&file).unwrap_or_default();
        eventually("the first apply is verified", SOON * 4, || checked(&world, case.name));
        assert_eq!(content(), right, "{}", case.name);
        assert_ne!(wrong, right, "{}: a run of h2 alone writes something else", case.name);
        // Whoever corrects it: another content than any run writes.
        fs::write(&file, "edited\n").expect("written");
        let before = heals(&world, case.name).len();
        world.text(&["plan", &format!("infra/{}", case.name)]);
        eventually("it is corrected", SOON * 4, || (content() == right).then_some(()));
        let heal = eventually("the correction has ended", SOON * 4, || {
            heals(&world, case.name).into_iter().nth(before).filter(|it| it["ending"].is_object())
        });
        let shown = world.text(&["show", &heal["run"].to_string()]);
        assert!(heal["limit"].is_null(), "{}: {shown}", case.name);
        // A group can only be another one if it was made by the run: that is what is found first.
        let found = if case.name == "groups" { "group_by" } else { case.name };
        let why = format!("may depend on other hosts: {found}");
        assert!(shown.contains(&why), "{}: {shown}", case.name);
    }
}

#[test]
fn a_correction_of_one_host_is_taken_where_it_is_the_same() {
    let mut world = World::new();
    let place = world.path("hosts");
    fs::create_dir_all(&place).expect("a directory");
    world.repository.write(
        "driftless.yml",
        "version: 1\nstacks:\n  plain:\n    playbook: site.yml\n    inventory: hosts.yml\n    heal: corrective\n",
    );
    world.repository.write("hosts.yml", &inventory(&HOSTS));
    world.repository.write(
        "site.yml",
        &format!(
            "- hosts: all\n  gather_facts: false\n  tasks:\n    - name: Write\n      ansible.builtin.copy:\n        \
             content: \"I am {{{{ inventory_hostname }}}}\\n\"\n        \
             dest: \"{}/{{{{ inventory_hostname }}}}\"\n        mode: \"0644\"\n",
            place.display()
        ),
    );
    world.repository.commit("Something plain");
    world.start();
    eventually("the first apply is verified", SOON * 4, || checked(&world, "plain"));
    fs::write(place.join("h2"), "edited\n").expect("written");
    world.text(&["plan", "plain"]);
    let content = || fs::read_to_string(place.join("h2")).unwrap_or_default();
    eventually("it is corrected", SOON * 4, || (content() == "I am h2\n").then_some(()));
    let heal = heals(&world, "plain").remove(0);
    let shown = world.text(&["show", &heal["run"].to_string()]);
    assert!(shown.contains("h2") && !shown.contains("h1"), "{shown}");
    assert!(shown.contains("alone"), "the reason is shown: {shown}");
    // Before it came a check of the same host alone.
    let narrowed = world.runs().into_iter().find(|it| it["mode"] == "check" && it["trigger"] == "drift");
    assert!(narrowed.is_some(), "{:#?}", world.runs());
}

fn of<'a>(runs: &'a [Value], stack: &str) -> Vec<&'a Value> {
    runs.iter().filter(|it| it["stack"] == format!("infra/{stack}").as_str()).collect()
}

/// The corrections of a stack, oldest first.
fn heals(world: &World, stack: &str) -> Vec<Value> {
    let runs = world.runs();
    let heals = of(&runs, stack).into_iter().filter(|it| it["mode"] == "apply" && it["trigger"] == "drift");
    heals.rev().cloned().collect()
}

/// Whether the check after the first apply has ended.
fn checked(world: &World, stack: &str) -> Option<()> {
    let runs = world.runs();
    let verified =
        of(&runs, stack).into_iter().any(|it| it["trigger"] == "verify" && it["ending"].is_object());
    verified.then_some(())
}
