//! A daemon with real trouble of every kind, and a real Prometheus that reads it.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::sshd::Fleet;
use crate::world::{Repository, SOON, World, eventually};

use super::{Prometheus, check_metrics, nobody, panel_queries, path, rule_queries, rules};

/// A daemon that follows four repositories, each with troubles of its own.
struct Troubled {
    world: World,
    other: Repository,
    third: Repository,
    fleet: Fleet,
}

const HOSTS: [&str; 17] = [
    "watched1",
    "watched2",
    "healed",
    "flapping",
    "failing",
    "blind",
    "owed1",
    "owed2",
    "suspended",
    "shared",
    "held",
    "a",
    "b",
    "c",
    "d",
    "e",
    "f",
];

const COPY: &str = "    - name: Write\n      ansible.builtin.copy:\n        content: \"wanted\\n\"\n        \
    dest: \"{{ room }}/conf\"\n        mode: \"0644\"\n";

const ALWAYS: &str = "    - name: Write the time\n      ansible.builtin.copy:\n        \
    content: \"{{ lookup('ansible.builtin.pipe', 'date +%s%N') }}\\n\"\n        \
    dest: \"{{ room }}/time\"\n        mode: \"0644\"\n";

const BLIND: &str = "    - name: Ask\n      ansible.builtin.command: echo yes\n      register: answer\n      \
    changed_when: false\n    - name: Use it\n      ansible.builtin.debug: { msg: \"{{ answer.stdout | default('') }}\" }\n";

const FAILS: &str = "      notify: Restart\n    - ansible.builtin.fail: { msg: broken }\n  handlers:\n    \
    - name: Restart\n      ansible.builtin.debug:\n";

fn play(tasks: &str) -> String {
    format!("- hosts: all\n  gather_facts: false\n  tasks:\n{tasks}")
}

/// A task that goes on until somebody makes this file.
fn waits_for(file: &Path) -> String {
    let file = file.display();
    format!(
        "    - name: Wait\n      ansible.builtin.raw: until test -e {file}; do sleep 0.2; done\n      changed_when: false\n"
    )
}

impl Troubled {
    fn start() -> Self {
        let mut fleet = Fleet::start(&HOSTS);
        fleet.take_away("owed2");
        let mut world = World::new();
        let (other, third) =
            (Repository::create(world.path("other")), Repository::create(world.path("third")));
        let sources =
            [("infra", "repository"), ("other", "other"), ("third", "third"), ("missing", "missing")];
        let sources = sources.map(|(name, dir)| {
            let access = fleet.access();
            format!("  {name}: {{ url: \"{}\", poll: 1s, access: {access} }}\n", world.path(dir).display())
        });
        world.configure(&format!(
            "sources:\n{}metrics:\n  hosts: 12\nlimits:\n  runs: 8\n  retry: {{ base: 1s, max: 30s }}\n  drain: 1s",
            sources.concat()
        ));
        let stacks: [(&str, &[&str], String); 9] = [
            ("watched", &["watched1", "watched2"], COPY.to_owned()),
            ("healed", &["healed"], COPY.to_owned()),
            ("flapping", &["flapping"], ALWAYS.to_owned()),
            ("failing", &["failing"], format!("{COPY}{FAILS}")),
            ("blind", &["blind"], BLIND.to_owned()),
            ("owed", &["owed1", "owed2"], BLIND.to_owned()),
            ("suspended", &["suspended"], BLIND.to_owned()),
            ("busy", &["shared"], waits_for(&world.path("busy"))),
            ("waiting", &["shared"], waits_for(&world.path("waiting"))),
        ];
        let mut declared = vec!["version: 1\nstacks:\n".to_owned()];
        for (name, hosts, tasks) in stacks {
            let heal = if ["healed", "flapping"].contains(&name) { "corrective" } else { "never" };
            declared.push(format!(
                "  {name}: {{ playbook: {name}.yml, inventory: {name}-hosts.yml, heal: {heal} }}\n"
            ));
            world.repository.write(&format!("{name}.yml"), &play(&tasks));
            world.repository.write(&format!("{name}-hosts.yml"), &fleet.inventory_of(hosts));
        }
        world.repository.write("driftless.yml", &declared.concat());
        world.repository.commit("All kinds of trouble");
        for repository in [&other, &third] {
            let all = "version: 1\nstacks:\n  all: { playbook: site.yml, inventory: hosts.yml }\n";
            repository.write("driftless.yml", all);
        }
        other.write("site.yml", &play(BLIND));
        other.write("hosts.yml", &fleet.inventory_of(&["a", "b", "c", "d", "e", "f"]));
        other.commit("Six of them");
        third.write("site.yml", &play(&waits_for(&world.path("never"))));
        third.write("hosts.yml", &fleet.inventory_of(&["held"]));
        third.commit("It never ends");
        world.start();
        Self { world, other, third, fleet }
    }

    fn run_of(&self, stack: &str, fits: impl Fn(&Value) -> bool) -> Option<Value> {
        self.world.runs().into_iter().find(|it| it["stack"].as_str() == Some(stack) && fits(it))
    }

    fn verified(&self, stack: &str) {
        let over = |it: &Value| it["mode"] == "check" && it["ending"].is_object();
        eventually(&format!("{stack} is checked"), SOON * 2, || self.run_of(stack, over));
    }

    /// What people do to it, and what it takes for that to be seen.
    fn trouble(&self) {
        let world = &self.world;
        eventually("the stacks are declared", SOON, || {
            let stacks = world.try_json(&["stacks"])?["stacks"].as_array()?.len();
            (stacks != 0).then_some(())
        });
        world.text(&["suspend", "infra/suspended"]);
        let live = |it: &Value| !it["ending"].is_object() && it["started_at"].is_string();
        let stuck = eventually("the third runs", SOON * 2, || self.run_of("third/all", live));
        world.text(&["cancel", &stuck["run"].to_string()]);
        for stack in ["infra/watched", "infra/healed"] {
            self.verified(stack);
        }
        for host in ["watched1", "healed"] {
            fs::write(self.fleet.room(host).join("conf"), "edited\n").expect("written");
        }
        world.text(&["plan", "infra/watched"]);
        world.text(&["plan", "infra/healed"]);
        world.text(&["plan", "infra/blind"]);
        let applied = |it: &Value| it["mode"] == "apply" && it["ending"].is_object();
        eventually("the other is applied", SOON, || self.run_of("other/all", applied));
        self.other.write("hosts.yml", &self.fleet.inventory_of(&["a"]));
        self.other.commit("Five are gone");
        // What was followed is not an ancestor of what is there now.
        self.third.git(&["commit", "-q", "--amend", "--allow-empty", "-m", "Another history"]);
    }
}

/// Rules that ask for hours, for what breaks the daemon itself, or for a connection that breaks at the right moment:
/// with this in place of their threshold they are to have data.
const WITHOUT_THRESHOLD: [(&str, &str, &str); 11] = [
    ("DriftlessNotReady", "== 0", ">= 0"),
    ("DriftlessJournalNotWritable", "== 0", ">= 0"),
    ("DriftlessDiskFull", "== 0", ">= 0"),
    ("DriftlessAuditChainBroken", "== 0", ">= 0"),
    ("DriftlessDriftRecurs", "> 0", ">= 0"),
    ("DriftlessChecksFail", ">= 3", ">= 0"),
    ("DriftlessHealFails", "> 1", ">= 0"),
    ("DriftlessCheckOverdue", "> 3600", "> -1e9"),
    ("DriftlessHostsOwed", "> 4 * 3600", "> -1e9"),
    ("DriftlessHostSilent", "> 86400", "> -1e9"),
    ("DriftlessHostsQuarantined", "> 0", ">= 0"),
];

/// A rule's question, as it is asked here.
fn asked((name, query): (String, String)) -> (String, String) {
    let Some((_, from, to)) = WITHOUT_THRESHOLD.iter().find(|it| it.0 == name) else { return (name, query) };
    assert!(query.contains(from), "{name} has another threshold than {from}: {query}");
    (name, query.replacen(from, to, 1))
}

#[test]
fn prometheus_reads_a_daemon_in_trouble() {
    let fleet = Troubled::start();
    let world = &fleet.world;
    let url = world.json(&["status"])["url"].as_str().expect("where it listens").to_owned();
    let address = url.trim_start_matches("http://").parse().expect("an address");
    let prometheus = Prometheus::scraping(&[address, nobody()], &path(super::RULES));
    fleet.trouble();
    let has_data = |what: &str, query: &str| {
        eventually(&format!("{what} has data: {query}"), SOON * 2, || {
            (!prometheus.numbers(query).is_empty()).then_some(())
        });
    };
    has_data("a stack that waits for another", "driftless_lock_waiting == 1");
    has_data("DriftlessLockWait", "ALERTS{alertname=\"DriftlessLockWait\"}");
    // Now nobody has to wait any more, and how long it took is known.
    for name in ["busy", "waiting"] {
        fs::write(world.path(name), "").expect("written");
    }
    for (what, query) in panel_queries() {
        has_data(&what, &query);
    }
    let rules_asked = rule_queries().into_iter().filter(|it| it.0 != "DriftlessLockWait").map(asked);
    for (what, query) in rules_asked {
        has_data(&what, &query);
    }
    for rule in rules().into_iter().filter_map(|it| it.record) {
        has_data(&rule, &rule);
    }
    let evaluated = prometheus.rules();
    assert_eq!(evaluated.len(), rule_queries().len());
    assert!(evaluated.iter().all(|(_, health)| health == "ok"), "{evaluated:?}");
    check_metrics(&world.http("/metrics"));
}
