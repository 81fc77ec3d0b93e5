//! What hurts users of every peer, as promises of ours: end to end, with real Git and real `ansible-playbook`.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::world::{Repository, SOON, World, ansible_environments, eventually};

/// A repository with one stack, `infra/fleet`, on hosts that are local.
pub(crate) fn seed(repository: &Repository, playbook: &str) {
    repository.write(
        "driftless.yml",
        "version: 1\nstacks:\n  fleet:\n    playbook: site.yml\n    inventory: hosts.yml\n",
    );
    repository.write("hosts.yml", &inventory(&["h1", "h2"]));
    repository.write("site.yml", playbook);
}

pub(crate) fn inventory(hosts: &[&str]) -> String {
    let hosts = hosts.iter().map(|it| format!("    {it}:")).collect::<Vec<_>>().join("\n");
    format!(
        "all:\n  vars:\n    ansible_connection: local\n    \
         ansible_python_interpreter: \"{{{{ ansible_playbook_python }}}}\"\n  hosts:\n{hosts}\n"
    )
}

/// Writes a file with this content for each host.
pub(crate) fn writes(content: &str) -> String {
    format!(
        "- hosts: all\n  gather_facts: false\n  tasks:\n    - name: Write\n      ansible.builtin.copy:\n        \
         content: {content:?}\n        \
         dest: \"{{{{ lookup('env', 'DRIFTLESS_STATE_DIR') }}}}/{{{{ inventory_hostname }}}}\"\n        mode: \"0644\"\n"
    )
}

const FAILS: &str =
    "- hosts: all\n  gather_facts: false\n  tasks:\n    - ansible.builtin.fail: { msg: broken }\n";

fn reason(run: &Value) -> String {
    run["ending"]["reason"]["reason"].as_str().unwrap_or_default().to_owned()
}

fn stack(world: &World, name: &str) -> Value {
    let status = world.json(&["status"]);
    let stacks = status["stacks"].as_array().cloned().unwrap_or_default();
    stacks.into_iter().find(|it| it["id"] == name).unwrap_or_else(|| panic!("no stack {name} in {status:#}"))
}

#[test]
fn row_01_a_failed_commit_is_retried_and_never_called_unchanged() {
    let mut world = World::new();
    seed(&world.repository, FAILS);
    let broken = world.repository.commit("Break it");
    world.start();
    world.run_of(&broken, "failed");
    let attempts = eventually("the same commit is tried three times", SOON, || {
        let runs = world.runs();
        (runs.iter().filter(|it| it["ending"]["outcome"] == "failed").count() >= 3).then_some(runs)
    });
    assert!(attempts.iter().all(|it| it["revision"] == format!("main@sha1:{broken}").as_str()));
    assert!(attempts.iter().any(|it| it["trigger"] == "retry"), "{attempts:#?}");
    assert_eq!(stack(&world, "infra/fleet")["sync"], "out_of_sync");

    world.repository.write("site.yml", &writes("mended"));
    let mended = world.repository.commit("Mend it");
    let run = world.run_of(&mended, "changed");
    assert_eq!(run["trigger"], "new_revision");
    eventually("the stack is in sync", SOON, || {
        (stack(&world, "infra/fleet")["sync"] == "in_sync").then_some(())
    });
}

#[test]
fn row_02_nothing_ran_is_not_success() {
    let mut world = World::new();
    seed(&world.repository, &writes("x").replace("hosts: all", "hosts: wbe"));
    let typo = world.repository.commit("Misspell the group");
    world.start();
    assert_eq!(reason(&world.run_of(&typo, "failed")), "unknown_hosts");

    seed(&world.repository, &writes("x"));
    world.repository.write("hosts.yml", "all:\n  children:\n    web: {}\n");
    let empty = world.repository.commit("Empty the inventory");
    assert_eq!(reason(&world.run_of(&empty, "failed")), "no_hosts");

    world.repository.write(
        "driftless.yml",
        "version: 1\nstacks:\n  fleet:\n    playbook: site.yml\n    inventory: hosts.yml\n    limit: nosuchhost\n",
    );
    world.repository.write("hosts.yml", &inventory(&["h1"]));
    let limit = world.repository.commit("Misspell the limit");
    let run = world.run_of(&limit, "failed");
    assert!(["unknown_hosts", "no_hosts"].contains(&reason(&run).as_str()), "{run:#}");

    seed(&world.repository, &writes("x"));
    world.repository.write("hosts.yml", "all: [this is: no inventory\n");
    let unparsed = world.repository.commit("Break the inventory");
    assert_eq!(reason(&world.run_of(&unparsed, "errored")), "inventory");

    seed(&world.repository, "- hosts: all\n  tasks: [\n");
    let parse = world.repository.commit("Break the playbook");
    let run = world.run_of(&parse, "errored");
    assert_eq!(reason(&run), "parse");
    assert!(world.text(&["show", &run["run"].to_string()]).contains("site.yml"), "the place is shown");
}

#[test]
fn row_02_a_missing_inventory_is_told_with_its_name() {
    let mut world = World::new();
    seed(&world.repository, &writes("x"));
    world.start();
    world.repository.write(
        "driftless.yml",
        "version: 1\nstacks:\n  fleet:\n    playbook: site.yml\n    inventory: inventories/prodution\n",
    );
    world.repository.commit("Misspell the inventory");
    let status = eventually("the problem is shown", SOON, || {
        let text = world.text(&["status"]);
        text.contains("inventories/prodution").then_some(text)
    });
    assert!(status.contains("driftless.yml"), "{status}");
}

#[test]
fn row_03_results_do_not_depend_on_versions_and_display_settings() {
    let playbook = "- hosts: all\n  gather_facts: false\n  tasks:\n    \
        - ansible.builtin.debug: { msg: hello }\n    \
        - ansible.builtin.command: 'true'\n      name: Changes\n    \
        - ansible.builtin.command: 'false'\n      ignore_errors: true\n    \
        - ansible.builtin.debug: { msg: never }\n      when: false\n";
    let noisy = "[defaults]\nverbosity = 2\ndisplay_skipped_hosts = false\ndisplay_ok_hosts = false\nforce_color = true\n\
        callbacks_enabled = timer, profile_tasks\ndeprecation_warnings = true\nstdout_callback = oneline\n";
    let mut told = Vec::new();
    for environment in ansible_environments() {
        for settings in ["", noisy] {
            let mut world = World::with_ansible(&environment);
            seed(&world.repository, playbook);
            if !settings.is_empty() {
                world.repository.write("ansible.cfg", settings);
            }
            let commit = world.repository.commit("Seed");
            world.start();
            let run = world.run_of(&commit, "changed");
            let show = world.json(&["show", &run["run"].to_string()]);
            told.push((environment.clone(), settings, show["run"]["hosts"].clone()));
        }
    }
    assert!(6 <= told.len(), "at least three versions");
    for (environment, settings, hosts) in &told {
        assert_eq!(*hosts, told[0].2, "{} with {settings:?}", environment.display());
    }
    assert_eq!(told[0].2["h1"]["changed"], 2);
    assert_eq!(told[0].2["h1"]["ignored"], 1);
    assert_eq!(told[0].2["h1"]["skipped"], 1);
}

/// A playbook that reports that it runs, and then does not end by itself.
fn hangs(forks: u32) -> String {
    format!(
        "- hosts: all\n  gather_facts: false\n  vars: {{ n: {forks} }}\n  tasks:\n    \
         - ansible.builtin.shell: sleep 1000 & sleep 1000\n"
    )
}

fn a_live_run(world: &World) -> String {
    eventually("a task is running", SOON, || {
        let run = world.runs().into_iter().find(|it| it["ending"].is_null())?["run"].to_string();
        let busy = world.processes().iter().any(|it| it.contains("sleep 1000"));
        busy.then_some(run)
    })
}

#[test]
fn row_04_a_restart_leaves_no_zombie() {
    let mut world = World::new();
    seed(&world.repository, &hangs(2));
    world.repository.write(
        "driftless.yml",
        "version: 1\nstacks:\n  fleet: { playbook: site.yml, inventory: hosts.yml }\n  \
         other: { playbook: other.yml, inventory: hosts.yml }\n",
    );
    world.repository.write("other.yml", &writes("other"));
    world.repository.commit("Hang");
    world.start();
    let run = a_live_run(&world);
    world.kill();
    world.repository.write("other.yml", &writes("after the crash"));
    world.repository.write("site.yml", &writes("fixed"));
    let fixed = world.repository.commit("Do not hang");
    let restarted = Instant::now();
    world.start();
    eventually("the run is interrupted", Duration::from_secs(10), || {
        let show = world.try_json(&["show", &run])?;
        (show["run"]["ending"]["outcome"] == "interrupted").then_some(())
    });
    assert!(restarted.elapsed() < Duration::from_secs(11));
    assert!(!world.processes().iter().any(|it| it.contains("sleep 1000")), "{:?}", world.processes());
    world.run_of(&fixed, "changed");
    eventually("both stacks are in sync", SOON, || {
        let both = ["infra/fleet", "infra/other"].iter().all(|it| stack(&world, it)["sync"] == "in_sync");
        both.then_some(())
    });
}

#[test]
fn row_05_stop_stops_and_says_who_and_why() {
    let mut world = World::new();
    seed(&world.repository, &hangs(2));
    let commit = world.repository.commit("Hang");
    world.start();
    let run = a_live_run(&world);
    world.text(&["cancel", &run]);
    let ended = world.run_of(&commit, "cancelled");
    assert!(ended["ending"]["reason"]["by"].as_str().is_some_and(|it| it.contains("cancel")), "{ended:#}");
    assert!(world.processes().is_empty(), "{:?}", world.processes());
    let status = stack(&world, "infra/fleet");
    assert_eq!(status["hold"]["revision"], format!("main@sha1:{commit}").as_str(), "{status:#}");
}

#[test]
fn row_05_a_timeout_ends_the_whole_tree() {
    let mut world = World::new();
    seed(&world.repository, &hangs(2));
    world.repository.write(
        "driftless.yml",
        "version: 1\nstacks:\n  fleet: { playbook: site.yml, inventory: hosts.yml, timeout: 3s }\n",
    );
    let commit = world.repository.commit("Hang");
    world.start();
    let ended = world.run_of(&commit, "timed_out");
    assert_eq!(reason(&ended), "limit");
    assert!(!world.processes().iter().any(|it| it.contains("sleep 1000")), "{:?}", world.processes());
}

#[test]
fn row_06_a_stuck_run_cannot_block_the_fix() {
    let mut world = World::new();
    seed(&world.repository, &hangs(2));
    world.repository.write(
        "driftless.yml",
        "version: 1\nstacks:\n  fleet: { playbook: site.yml, inventory: hosts.yml, timeout: 15s }\n",
    );
    world.repository.commit("Hang");
    world.start();
    a_live_run(&world);
    let mut newest = String::new();
    for number in 0..10 {
        world.repository.write("site.yml", &writes(&format!("fix {number}")));
        newest = world.repository.commit(&format!("Fix {number}"));
    }
    world.run_of(&newest, "changed");
    let of_newest =
        world.applies().iter().filter(|it| it["revision"] == format!("main@sha1:{newest}").as_str()).count();
    assert_eq!(of_newest, 1, "exactly one apply of the newest commit");
    let content = std::fs::read_to_string(world.path("state/stacks/infra/fleet/h1")).expect("the file");
    assert_eq!(content, "fix 9");
}

#[test]
fn row_09_the_run_is_the_pushed_commit() {
    let mut world = World::new();
    seed(&world.repository, &writes("first"));
    let first = world.repository.commit("First");
    world.start();
    world.run_of(&first, "changed");
    world.repository.write("site.yml", &writes("second"));
    world.repository.commit("Second");
    world.repository.write("site.yml", &writes("third"));
    let third = world.repository.commit("Third");
    world.run_of(&third, "changed");
    let content = std::fs::read_to_string(world.path("state/stacks/infra/fleet/h1")).expect("the file");
    assert_eq!(content, "third");
}

#[test]
fn row_10_a_git_outage_fails_no_run_and_is_seen() {
    let mut world = World::new();
    seed(&world.repository, &writes("before"));
    let first = world.repository.commit("Before");
    let base = world.path("").display().to_string();
    world.configure(&format!("sources:\n  infra: {{ url: {base}/repository, poll: 1s }}"));
    world.start();
    world.run_of(&first, "changed");
    let errors = "driftless_git_fetches_total{result=\"error\",source=\"infra\"}";
    let before = world.metric(errors).unwrap_or(0.0);
    std::fs::rename(world.path("repository"), world.path("away")).expect("the remote goes away");
    eventually("failed fetches are counted", SOON, || (world.metric(errors)? > before).then_some(()));
    assert_eq!(world.metric("driftless_source_problem{source=\"infra\"}"), Some(1.0));
    assert_eq!(world.applies().len(), 1, "no run failed for that reason");
    assert_eq!(stack(&world, "infra/fleet")["sync"], "in_sync");
    // A person's apply still works, from what is cached.
    world.text(&["apply", "fleet"]);
    assert_eq!(world.applies().len(), 2);
    std::fs::rename(world.path("away"), world.path("repository")).expect("it comes back");
    world.repository.write("site.yml", &writes("after"));
    let after = world.repository.commit("After");
    world.run_of(&after, "changed");
    assert_eq!(world.metric("driftless_source_problem{source=\"infra\"}"), Some(0.0));
}

#[test]
fn row_20_metrics_are_truthful() {
    let mut world = World::new();
    seed(&world.repository, &writes("good"));
    let good = world.repository.commit("Good");
    world.start();
    world.run_of(&good, "changed");
    world.repository.write("site.yml", FAILS);
    let bad = world.repository.commit("Bad");
    world.run_of(&bad, "failed");
    let info = format!(
        "driftless_stack_info{{applied=\"{good}\",attempted=\"{bad}\",head=\"{bad}\",source=\"infra\",stack=\"fleet\"}}"
    );
    eventually("attempted and applied revision are both visible", SOON, || world.metric(&info));
    let failed = "driftless_runs_total{mode=\"apply\",outcome=\"failed\",source=\"infra\",stack=\"fleet\",trigger=\"new_revision\"}";
    assert_eq!(world.metric(failed), Some(1.0));
    assert_eq!(world.metric("driftless_stack_hosts{source=\"infra\",stack=\"fleet\"}"), Some(2.0));
    world.repository.write(
        "driftless.yml",
        "version: 1\nstacks:\n  renamed: { playbook: site.yml, inventory: hosts.yml, apply: manual }\n",
    );
    world.repository.commit("Rename the stack");
    eventually("the series of what is gone vanish", SOON, || {
        let text = world.http("/metrics");
        (text.contains("stack=\"renamed\"") && !text.contains("stack=\"fleet\"")).then_some(())
    });
}
