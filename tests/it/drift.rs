//! Drift, end to end: real hosts over ssh, real Git, real `ansible-playbook` of three versions.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::sshd::Fleet;
use crate::world::{SOON, World, eventually, three_versions};

const HOSTS: [&str; 2] = ["web1", "web2"];

/// A world whose only stack has these lines of its own beside playbook and inventory.
fn world(environment: &Path, fleet: &Fleet, stack: &str) -> World {
    let mut world = World::with_ansible(environment);
    let repository = world.repository.path.display().to_string();
    world.configure(&format!(
        "sources:\n  infra:\n    url: {repository}\n    poll: 1s\n    access: {}\n\
         limits:\n  retry: {{ base: 1s, max: 4s }}\n  drain: 5s",
        fleet.access()
    ));
    world.repository.write(
        "driftless.yml",
        &format!("version: 1\nstacks:\n  fleet:\n    playbook: site.yml\n    inventory: hosts.yml\n{stack}"),
    );
    world.repository.write("hosts.yml", &fleet.inventory());
    world.repository.write("ansible.cfg", "[connection]\npipelining = True\n");
    world
}

fn playbook(tasks: &str) -> String {
    format!("- hosts: all\n  gather_facts: false\n  tasks:\n{tasks}")
}

/// A task that makes a file in the room of each host.
fn file(name: &str, content: &str) -> String {
    format!(
        "    - name: Write {name}\n      ansible.builtin.copy:\n        content: \"{content}\\n\"\n        \
         dest: \"{{{{ room }}}}/{name}\"\n        mode: \"0644\"\n"
    )
}

fn content(fleet: &Fleet, host: &str, name: &str) -> String {
    fs::read_to_string(fleet.room(host).join(name)).unwrap_or_default()
}

/// What is told of the only stack, once that fits.
#[track_caller]
fn drift_when(world: &World, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
    let begun = std::time::Instant::now();
    loop {
        let report = world.json(&["drift"])[0].clone();
        if fits(&report) {
            return report;
        }
        assert!(begun.elapsed() < SOON * 2, "waited in vain: {what}: {report:#}\n{}", world.log());
        std::thread::park_timeout(std::time::Duration::from_millis(50));
    }
}

/// The classes of what differs on a host.
fn classes(report: &Value, host: &str) -> Vec<String> {
    let hosts = report["hosts"].as_array().cloned().unwrap_or_default();
    let of = hosts.iter().find(|it| it["host"] == host).unwrap_or_else(|| panic!("no {host}: {report:#}"));
    let drift = of["drift"].as_array().cloned().unwrap_or_default();
    drift.iter().map(|it| it["class"].as_str().unwrap_or_default().to_owned()).collect()
}

/// How many applies were started for a reason.
fn applies_for(world: &World, trigger: &str) -> usize {
    world.applies().iter().filter(|it| it["trigger"] == trigger).count()
}

#[test]
fn row_10_checks_and_corrections_go_on_while_git_is_down() {
    let fleet = Fleet::start(&HOSTS);
    for environment in three_versions() {
        let mut world = world(&environment, &fleet, "    heal: corrective\n");
        world.repository.write("site.yml", &playbook(&file("conf", "wanted")));
        let commit = world.repository.commit("Apply it");
        world.start();
        world.run_of(&commit, "changed");
        drift_when(&world, "the apply is verified", |it| it["check"]["revision"].is_string());

        let away = world.path("away");
        fs::rename(&world.repository.path, &away).expect("the remote is gone");
        let errors = r#"driftless_git_fetches_total{result="error",source="infra"} "#;
        eventually("fetches fail", SOON * 2, || world.metric(errors).filter(|it| 0.0 < *it));
        fs::write(fleet.room("web2").join("conf"), "edited by hand\n").expect("written");
        world.text(&["plan", "fleet"]);
        eventually("it is corrected", SOON * 2, || {
            (content(&fleet, "web2", "conf") == "wanted\n").then_some(())
        });
        let report = drift_when(&world, "the correction is checked", |it| classes(it, "web2").is_empty());
        assert!(report["check"]["revision"].as_str().expect("a revision").ends_with(&commit), "{report:#}");
        for run in world.runs() {
            assert!(run["revision"].as_str().expect("a revision").ends_with(&commit), "{run:#}");
            let outcome = run["ending"]["outcome"].as_str().unwrap_or("live");
            assert!(["live", "changed", "in_sync", "drifted"].contains(&outcome), "{run:#}");
        }
        assert_eq!(applies_for(&world, "drift"), 1, "{:#?}", world.runs());
        // Back, and what came meanwhile is applied.
        fs::rename(&away, &world.repository.path).expect("the remote is back");
        world.repository.write("site.yml", &playbook(&file("conf", "newer")));
        let newer = world.repository.commit("Change it");
        world.run_of(&newer, "changed");
    }
}

#[test]
fn row_13_drift_of_what_is_hidden_is_drift() {
    let fleet = Fleet::start(&HOSTS);
    for environment in three_versions() {
        let mut world = world(&environment, &fleet, "");
        let tasks = "    - name: Write the hidden\n      ansible.builtin.template:\n        src: hidden.j2\n        \
                     dest: \"{{ room }}/hidden\"\n        mode: \"0600\"\n      no_log: true\n";
        world.repository.write("site.yml", &playbook(tasks));
        world.repository.write("templates/hidden.j2", "zebra-wanted {{ inventory_hostname }}\n");
        let commit = world.repository.commit("Hide it");
        world.start();
        world.run_of(&commit, "changed");
        drift_when(&world, "the apply is verified", |it| it["check"]["revision"].is_string());
        fs::write(fleet.room("web2").join("hidden"), "zebra-edited\n").expect("written");
        let plan = world.text(&["plan", "fleet"]);
        let report = drift_when(&world, "it differs", |it| !classes(it, "web2").is_empty());
        assert_eq!(classes(&report, "web2"), ["corrective"]);
        assert!(classes(&report, "web1").is_empty(), "{report:#}");
        let shown = world.text(&["drift", "--diff"]);
        assert!(shown.contains("Write the hidden") && shown.contains("web2"), "{shown}");
        let run = report["check"]["run"].to_string();
        for said in [plan, shown, report.to_string(), world.text(&["show", &run, "--output", "json"])] {
            assert!(!said.contains("zebra"), "{said}");
        }
        let events = fs::read_dir(world.path("state")).expect("the state").count();
        assert!(0 < events, "there is a record that could hold it");
    }
}

#[test]
fn row_14_a_check_says_what_it_could_not_see() {
    let fleet = Fleet::start(&HOSTS);
    for environment in three_versions() {
        let mut world = world(&environment, &fleet, "");
        let tasks = "    - name: Ask\n      ansible.builtin.command: echo yes\n      register: answer\n      changed_when: false\n    \
            - name: Make it unless it is there\n      ansible.builtin.command:\n        cmd: touch {{ room }}/made\n        \
            creates: \"{{ room }}/made\"\n    \
            - name: Look for real\n      ansible.builtin.command: echo look\n      changed_when: false\n      check_mode: false\n    \
            - name: Keep out of it\n      ansible.builtin.command: echo never\n      when: inventory_hostname == 'nobody'\n    \
            - name: Use the answer\n      ansible.builtin.copy:\n        content: \"{{ answer.stdout | default('') }}\\n\"\n        \
            dest: \"{{ room }}/answer\"\n        mode: \"0644\"\n    \
            - name: Write the hidden\n      ansible.builtin.copy:\n        content: zebra\n        dest: \"{{ room }}/hidden\"\n        \
            mode: \"0600\"\n      no_log: true\n";
        world.repository.write("site.yml", &playbook(tasks));
        let commit = world.repository.commit("Do all kinds of things");
        for host in HOSTS {
            for name in ["made", "answer", "hidden"] {
                drop(fs::remove_file(fleet.room(host).join(name)));
            }
        }
        world.start();
        world.run_of(&commit, "changed");
        drift_when(&world, "the apply is verified", |it| it["check"]["revision"].is_string());
        fs::remove_file(fleet.room("web1").join("made")).expect("it was made");
        fs::write(fleet.room("web2").join("hidden"), "edited\n").expect("written");
        let plan = world.text(&["plan", "fleet"]);
        let report = drift_when(&world, "it differs", |it| !classes(it, "web2").is_empty());
        let coverage = &report["check"]["coverage"];
        let counts = ["would_change", "unchanged", "blind", "tainted", "ran_for_real", "skipped", "failed"]
            .map(|it| coverage[it].as_u64().unwrap_or_default());
        assert_eq!(counts, [2, 2, 2, 2, 2, 2, 0], "{report:#}");
        assert!(!plan.contains(": clean"), "{plan}");
        assert!(plan.contains("2 blind, 2 tainted"), "{plan}");
        // With nothing seen to differ it still is not called clean.
        fs::write(fleet.room("web1").join("made"), "").expect("written");
        fs::write(fleet.room("web2").join("hidden"), "zebra").expect("written");
        world.text(&["plan", "fleet"]);
        drift_when(&world, "nothing differs", |it| {
            classes(it, "web1").is_empty() && classes(it, "web2").is_empty()
        });
        let shown = world.text(&["drift"]);
        assert!(shown.contains("clean as far as visible, 2 blind, 2 tainted"), "{shown}");
    }
}

#[test]
fn row_18_a_task_that_always_changes_is_found_out_and_not_healed() {
    let fleet = Fleet::start(&HOSTS);
    for environment in three_versions() {
        let mut world = world(&environment, &fleet, "    heal: corrective\n");
        let always = "    - name: Write the time\n      ansible.builtin.copy:\n        \
                      content: \"{{ lookup('ansible.builtin.pipe', 'date +%s%N') }}\\n\"\n        \
                      dest: \"{{ room }}/time\"\n        mode: \"0644\"\n";
        world.repository.write("site.yml", &playbook(&format!("{always}{}", file("conf", "wanted"))));
        let commit = world.repository.commit("Never come to rest");
        world.start();
        world.run_of(&commit, "changed");
        let report = drift_when(&world, "it is found out", |it| {
            it["check"].is_object() && classes(it, "web1") == ["flapping"]
        });
        let task = &report["tasks"][0];
        assert_eq!(
            (&task["identity"]["name"], &task["identity"]["path"]),
            (&"Write the time".into(), &"site.yml".into())
        );
        for _ in 0..2 {
            world.text(&["plan", "fleet"]);
        }
        assert_eq!(applies_for(&world, "drift"), 0, "{:#?}", world.runs());
        let shown = world.text(&["drift"]);
        assert!(shown.contains("Write the time (site.yml:4)") && shown.contains("flapping"), "{shown}");
        // It does not keep what somebody did from being corrected, once.
        fs::write(fleet.room("web2").join("conf"), "edited by hand\n").expect("written");
        world.text(&["plan", "fleet"]);
        eventually("it is corrected", SOON * 2, || {
            (content(&fleet, "web2", "conf") == "wanted\n").then_some(())
        });
        drift_when(&world, "the correction is checked", |it| classes(it, "web2") == ["flapping"]);
        world.text(&["plan", "fleet"]);
        assert_eq!(applies_for(&world, "drift"), 1, "{:#?}", world.runs());
        // A check stays a check, and an apply an apply, whatever came before.
        for run in world.runs() {
            let mode = match run["trigger"].as_str().unwrap_or_default() {
                "verify" | "schedule" | "person" => "check",
                "new_revision" => "apply",
                _ => continue,
            };
            assert_eq!(run["mode"], mode, "{run:#}");
        }
    }
}

#[test]
fn a_host_that_is_away_is_owed_and_caught_up() {
    // Most of it is waiting.
    std::thread::scope(|scope| {
        for environment in three_versions() {
            scope.spawn(move || owed_and_caught_up(&environment));
        }
    });
}

fn owed_and_caught_up(environment: &Path) {
    let mut fleet = Fleet::start(&HOSTS);
    let mut world = world(environment, &fleet, "");
    let version = environment.file_name().and_then(|it| it.to_str()).expect("a name").to_owned();
    world.repository.write("site.yml", &playbook(&file("conf", &format!("{version} first"))));
    let first = world.repository.commit("First");
    world.start();
    world.run_of(&first, "changed");
    fleet.take_away("web2");
    world.repository.write("site.yml", &playbook(&file("conf", &format!("{version} second"))));
    let second = world.repository.commit("Second");
    let run = world.run_of(&second, "unreachable");
    assert_eq!(
        run["hosts"]["unreachable"].as_u64().or(run["unreachable"].as_u64()).unwrap_or(1),
        1,
        "{run:#}"
    );
    let of = |name: &str| {
        let told = world.json(&["hosts", "fleet"]);
        let all = told["hosts"].as_array().or(told.as_array()).cloned().unwrap_or_default();
        all.into_iter().find(|it| it["host"] == name).unwrap_or_else(|| panic!("no {name} in {told:#}"))
    };
    let owed = of("web2");
    assert!(owed["owed_since"].is_string() && owed["failed"] == false, "{owed:#}");
    assert!(owed["applied"].as_str().expect("a commit").ends_with(&first), "{owed:#}");
    assert!(of("web1")["applied"].as_str().expect("a commit").ends_with(&second));
    // A newer commit comes while it is away: that is what it is caught up at.
    world.repository.write("site.yml", &playbook(&file("conf", &format!("{version} third"))));
    let third = world.repository.commit("Third");
    world.run_of(&third, "unreachable");
    let before = world.applies().len();
    fleet.bring_back("web2");
    let wanted = format!("{version} third\n");
    eventually("it is caught up", SOON * 2, || (content(&fleet, "web2", "conf") == wanted).then_some(()));
    eventually("nothing is owed", SOON * 2, || of("web2")["owed_since"].is_null().then_some(()));
    let catch_up = &world.applies()[0];
    assert_eq!(world.applies().len(), before + 1, "one apply catches it up");
    assert!(catch_up["revision"].as_str().expect("a revision").ends_with(&third), "{catch_up:#}");
    let shown = world.text(&["show", &catch_up["run"].to_string()]);
    assert!(shown.contains("web2") && !shown.contains("web1"), "only the owed host: {shown}");
}

#[test]
fn a_handler_that_was_lost_is_run_the_next_time() {
    let fleet = Fleet::start(&HOSTS);
    for environment in three_versions() {
        for host in HOSTS {
            for name in ["conf", "restarted", "broken"] {
                drop(fs::remove_file(fleet.room(host).join(name)));
            }
        }
        let mut world = world(&environment, &fleet, "");
        let tasks = format!(
            "{}      notify: Restart\n    - name: Break off\n      ansible.builtin.command: test ! -e {{{{ room }}}}/broken\n      \
             changed_when: false\n  handlers:\n    - name: Restart\n      ansible.builtin.shell: echo again >>{{{{ room }}}}/restarted\n",
            file("conf", "wanted")
        );
        world.repository.write("site.yml", &playbook(&tasks));
        fs::write(fleet.room("web2").join("broken"), "").expect("written");
        let commit = world.repository.commit("Notify");
        world.start();
        world.run_of(&commit, "failed");
        assert_eq!(content(&fleet, "web1", "restarted"), "again\n");
        assert_eq!(content(&fleet, "web2", "restarted"), "");
        let hosts = world.text(&["hosts", "fleet"]);
        assert!(hosts.contains("Restart"), "{hosts}");
        fs::remove_file(fleet.room("web2").join("broken")).expect("it was there");
        eventually("the debt is paid", SOON * 2, || {
            (content(&fleet, "web2", "restarted") == "again\n").then_some(())
        });
        world.run_of(&commit, "changed");
        eventually("nothing is owed", SOON * 2, || {
            (!world.text(&["hosts", "fleet"]).contains("Restart")).then_some(())
        });
        // Once, and on nobody else.
        for host in HOSTS {
            assert_eq!(content(&fleet, host, "restarted"), "again\n", "{host}");
        }
    }
}
