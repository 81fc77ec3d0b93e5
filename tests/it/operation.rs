//! Stopping, reloading, and bad input: what an operator does to the daemon itself.

use std::time::Duration;

use crate::acceptance::{seed, writes};
use crate::world::{SOON, World, eventually};

#[test]
fn a_stop_lets_a_live_apply_finish() {
    let mut world = World::new();
    seed(
        &world.repository,
        "- hosts: all\n  gather_facts: false\n  tasks:\n    - ansible.builtin.command: sleep 2\n",
    );
    let commit = world.repository.commit("Take two seconds");
    world.configure("limits:\n  drain: 30s");
    world.start();
    eventually("the run is live", SOON, || {
        world.runs().iter().any(|it| it["ending"].is_null()).then_some(())
    });
    let status = world.stop();
    assert!(status.success(), "{status}");
    world.start();
    world.run_of(&commit, "changed");
    assert_eq!(world.applies().len(), 1, "it is not run again");
}

#[test]
fn a_stop_interrupts_an_apply_that_does_not_finish_in_time() {
    let mut world = World::new();
    seed(
        &world.repository,
        "- hosts: all\n  gather_facts: false\n  tasks:\n    - ansible.builtin.command: sleep 1000\n",
    );
    let commit = world.repository.commit("Hang");
    world.configure("limits:\n  drain: 1s");
    world.start();
    eventually("the run is live", SOON, || {
        world.processes().iter().any(|it| it.contains("sleep 1000")).then_some(())
    });
    let status = world.stop();
    assert!(status.success(), "{status}");
    assert!(world.processes().is_empty(), "{:?}", world.processes());
    world.start();
    world.run_of(&commit, "interrupted");
}

#[test]
fn a_bad_configuration_is_refused_and_the_old_one_stays() {
    let mut world = World::new();
    seed(&world.repository, &writes("one"));
    let one = world.repository.commit("One");
    world.start();
    world.run_of(&one, "changed");
    std::fs::write(world.config_file(), "sources:\n  infra: { ulr: nowhere }\n").expect("a file");
    world.signal("HUP");
    eventually("the new configuration is refused", SOON, || world.log().contains("ulr").then_some(()));
    eventually("the status says so", SOON, || world.text(&["status"]).contains("refused").then_some(()));
    world.repository.write("site.yml", &writes("two"));
    let two = world.repository.commit("Two");
    world.run_of(&two, "changed");

    world.write_config();
    let text = std::fs::read_to_string(world.config_file()).expect("the configuration");
    let base = world.path("").display().to_string();
    std::fs::create_dir_all(world.path("second")).expect("a directory");
    let both = text.replace("sources:\n", &format!("sources:\n  second: {{ url: {base}/second }}\n"));
    std::fs::write(world.config_file(), both).expect("a file");
    world.signal("HUP");
    eventually("the new source is followed", SOON, || {
        world.text(&["status"]).contains("second").then_some(())
    });
}

#[test]
fn a_bad_configuration_ends_with_code_6_and_tells_every_error() {
    let world = World::new();
    std::fs::write(world.config_file(), "lisen: x\nsources:\n  infra: { ulr: nowhere }\n").expect("a file");
    let done = world.cli(&["--config", &world.config_file().display().to_string(), "check-config"]);
    assert_eq!(done.status.code(), Some(6));
    let told = String::from_utf8_lossy(&done.stderr);
    for wanted in ["lisen", "listen", "ulr", "url"] {
        assert!(told.contains(wanted), "{wanted}: {told}");
    }
}

#[test]
fn what_is_wrong_with_one_source_is_told_and_the_others_go_on() {
    let mut world = World::new();
    seed(&world.repository, &writes("good"));
    let good = world.repository.commit("Good");
    let base = world.path("").display().to_string();
    let empty = crate::world::Repository::create(world.path("empty"));
    let branch = crate::world::Repository::create(world.path("branch"));
    branch.commit("Only main");
    let submodule = crate::world::Repository::create(world.path("submodule"));
    seed(&submodule, &writes("x"));
    submodule.git(&["update-index", "--add", "--cacheinfo", &format!("160000,{good},vendored")]);
    submodule.git(&["commit", "-q", "-m", "Add a submodule"]);
    assert!(empty.path.exists());
    world.configure(&format!(
        "sources:\n  infra: {{ url: {base}/repository }}\n  empty: {{ url: {base}/empty }}\n  \
         branch: {{ url: {base}/branch, reference: release }}\n  gone: {{ url: {base}/gone }}\n  \
         submodule: {{ url: {base}/submodule }}\n"
    ));
    world.start();
    world.run_of(&good, "changed");
    for (source, wanted) in
        [("empty", "empty"), ("branch", "release"), ("gone", "gone"), ("submodule", "vendored")]
    {
        eventually(&format!("the problem of {source} is told"), SOON, || {
            let status = world.json(&["status"]);
            let sources = status["sources"].as_array().cloned()?;
            let problem = sources.iter().find(|it| it["name"] == source)?["problem"].clone();
            let told = problem["message"].as_str()?.to_owned();
            assert!(problem["remedy"].is_string(), "{problem:#}");
            told.contains(wanted).then_some(())
        });
    }
}

#[test]
fn rewritten_history_waits_for_a_person() {
    let mut world = World::new();
    seed(&world.repository, &writes("first"));
    let first = world.repository.commit("First");
    world.repository.write("site.yml", &writes("second"));
    let second = world.repository.commit("Second");
    world.start();
    world.run_of(&second, "changed");
    world.repository.git(&["reset", "-q", "--hard", &first]);
    world.repository.write("site.yml", &writes("rewritten"));
    let rewritten = world.repository.commit("Rewritten");
    eventually("the rewound tip waits", SOON, || {
        world.text(&["status"]).contains(&rewritten[..10]).then_some(())
    });
    assert_eq!(world.applies().len(), 1, "it is not applied unasked");
    let refused = world.cli(&["approve", "infra", &second]);
    assert_eq!(refused.status.code(), Some(7), "what does not wait cannot be approved");
    world.text(&["approve", "infra", &rewritten]);
    world.run_of(&rewritten, "changed");
}

#[test]
fn suspending_and_asking() {
    let mut world = World::new();
    seed(&world.repository, &writes("first"));
    let first = world.repository.commit("First");
    world.start();
    world.run_of(&first, "changed");
    world.text(&["suspend", "fleet"]);
    world.repository.write("site.yml", &writes("second"));
    let second = world.repository.commit("Second");
    eventually("the new head is seen", SOON, || {
        world.text(&["status"]).contains(&second[..10]).then_some(())
    });
    assert!(world.text(&["explain", "fleet"]).contains("suspended"), "explain says why");
    assert_eq!(world.applies().len(), 1);
    assert_eq!(world.cli(&["apply", "fleet"]).status.code(), Some(7));
    let again = world.text(&["suspend", "fleet"]);
    assert!(
        again.contains("is suspended already, by") && again.contains("nothing was to be done"),
        "{again}"
    );
    assert!(world.text(&["resume", "fleet"]).contains("infra/fleet is resumed"));
    let again = world.text(&["resume", "fleet"]);
    assert!(again.contains("neither suspended nor held: nothing was to be done"), "{again}");
    let acts = world.json(&["audit", "show"]);
    let acts = acts["records"].as_array().expect("records").iter();
    let count = |wanted: &str| acts.clone().filter(|it| it["action"] == wanted).count();
    assert_eq!((count("suspended"), count("resumed")), (1, 1), "what changes nothing is not recorded");
    world.run_of(&second, "changed");

    // An older revision by hand: it runs, and the head is held.
    world.text(&["apply", "fleet", "--revision", &first]);
    let run = world.applies().first().cloned().expect("a run");
    assert_eq!(run["revision"], format!("main@sha1:{first}").as_str());
    assert_eq!(run["trigger"], "person");
    let content = std::fs::read_to_string(world.path("state/stacks/infra/fleet/h1")).expect("the file");
    assert_eq!(content, "first");
    assert!(world.text(&["explain", "fleet"]).contains("held"), "{}", world.text(&["explain", "fleet"]));

    // Only one host, which alone moves.
    let said = world.text(&["resume", "fleet"]);
    assert!(said.contains(&format!("the hold of main@{} at infra/fleet is ended", &second[..10])), "{said}");
    eventually("the head is applied again", SOON, || {
        let content = std::fs::read_to_string(world.path("state/stacks/infra/fleet/h1")).ok()?;
        (content == "second").then_some(())
    });
    world.text(&["apply", "fleet", "--limit", "h2"]);
    let view = world.json(&["show", &world.runs().first().expect("a run")["run"].to_string()]);
    let hosts: Vec<&String> = view["run"]["hosts"].as_object().expect("hosts").keys().collect();
    assert_eq!(hosts, ["h2"]);
}

#[test]
fn logs_follow_a_live_run_to_its_end() {
    let mut world = World::new();
    let playbook = "- hosts: all\n  gather_facts: false\n  tasks:\n    - name: Begin\n      ansible.builtin.command: sleep 1\n    - name: End\n      ansible.builtin.command: 'true'\n";
    seed(&world.repository, playbook);
    world.repository.commit("Seed");
    world.start();
    let run = eventually("a run is live", SOON, || world.runs().first().map(|it| it["run"].to_string()));
    let told = world.text(&["logs", "-f", &run]);
    for wanted in ["Begin", "End", "h1", "h2", "site.yml"] {
        assert!(told.contains(wanted), "{wanted}: {told}");
    }
    let begun = std::time::Instant::now();
    assert_eq!(world.text(&["logs", &run]), told, "the same again once it is over");
    assert!(begun.elapsed() < Duration::from_secs(5));
}

#[test]
fn health_and_readiness_are_told() {
    let mut world = World::new();
    seed(&world.repository, &writes("x"));
    world.repository.commit("Seed");
    world.start();
    eventually("it is ready", SOON, || world.http("/readyz").contains("ok").then_some(()));
    assert!(world.http("/healthz").contains("ok"));
    assert_eq!(world.cli(&["show", "999"]).status.code(), Some(5));
    let gone = World::new();
    let done = gone.cli(&["status"]);
    assert_eq!(done.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&done.stderr).contains("driftless"), "{done:?}");
}

#[test]
fn raw_output_is_kept_only_where_the_operator_asks() {
    for (wanted, lines) in [(false, "raw_log: false"), (true, "raw_log: true")] {
        let mut world = World::new();
        world.configure(lines);
        seed(&world.repository, &writes("x"));
        let commit = world.repository.commit("Seed");
        world.start();
        world.run_of(&commit, "changed");
        let raw = world.path("state/store/raw");
        let files = std::fs::read_dir(raw).map(Iterator::count).unwrap_or_default();
        assert_eq!(files != 0, wanted, "{lines}: {files} files");
    }
}
