//! `kill -9` of the daemon at random moments under a load of commits.
//!
//! After each restart every run that was live is terminal within ten seconds and no process of it is left, two
//! applies of a stack never overlap, and the newest commit ends up applied. `scripts/campaign crash 200` runs this
//! two hundred times; the test alone a few.

use std::time::{Duration, Instant};

use crate::acceptance::{inventory, seed};
use crate::world::{SOON, World, eventually};

/// What a restarted daemon has to close every run that it finds.
const TERMINAL_WITHIN: Duration = Duration::from_secs(10);

/// Deterministic, so that a seed replays the same moments (as far as the machine lets it).
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % n
    }
}

fn given(name: &str, default: u64) -> u64 {
    #[expect(clippy::disallowed_methods, reason = "the test's own input, given by scripts/campaign")]
    std::env::var(name).ok().map_or(default, |it| it.parse().expect("a number"))
}

/// Leaves a mark if another apply of the same stack is under way.
fn playbook(number: u64) -> String {
    format!(
        "- hosts: all\n  gather_facts: false\n  vars:\n    dir: \"{{{{ lookup('env', 'DRIFTLESS_STATE_DIR') }}}}\"\n  tasks:\n    \
         - ansible.builtin.shell: exec 9>>{{{{ dir }}}}/lock-{{{{ inventory_hostname }}}}; flock -n 9 || touch {{{{ dir }}}}/overlap; sleep 0.3\n    \
         - ansible.builtin.copy: {{ content: \"{number}\", dest: \"{{{{ dir }}}}/{{{{ inventory_hostname }}}}\", mode: \"0644\" }}\n"
    )
}

#[test]
fn the_daemon_survives_being_killed_at_any_moment() {
    let crashes = given("DRIFTLESS_CRASHES", 3);
    let seed_number = given("DRIFTLESS_CRASH_SEED", 20_261_123);
    let mut dice = Dice(seed_number | 1);
    let mut world = World::new();
    seed(&world.repository, &playbook(0));
    world.repository.write("hosts.yml", &inventory(&["h1", "h2"]));
    world.repository.commit("Seed");
    world.start();
    let mut slowest = Duration::ZERO;
    for crash in 1..=crashes {
        world.repository.write("site.yml", &playbook(crash));
        world.repository.commit(&format!("Commit {crash}"));
        // From right after the commit until well into the run.
        std::thread::park_timeout(Duration::from_millis(dice.below(2_500)));
        world.kill();
        if dice.below(3) == 0 {
            world.repository.write("README", &format!("while the daemon was down: {crash}\n"));
            world.repository.commit("Commit while the daemon is down");
        }
        let took = restart(&mut world, crash);
        slowest = slowest.max(took);
        assert!(
            !world.path("state/stacks/infra/fleet/overlap").exists(),
            "two applies at once (crash {crash}, seed {seed_number})"
        );
        if crash % 20 == 0 {
            println!("{crash} of {crashes} crashes survived; slowest recovery {slowest:?}");
        }
    }
    converged(&world, crashes);
    println!("{crashes} crashes survived with seed {seed_number}; slowest recovery {slowest:?}");
}

/// Starts the daemon again and waits until the runs it found are terminal and gone; gives how long that took.
fn restart(world: &mut World, crash: u64) -> Duration {
    let begun = Instant::now();
    world.start();
    eventually("the runs of the killed daemon are terminal", TERMINAL_WITHIN, || {
        let status = world.try_json(&["status"])?;
        let started: jiff::Timestamp = status["started_at"].as_str()?.parse().ok()?;
        let old_and_live = world.runs().iter().any(|it| {
            let decided: Option<jiff::Timestamp> = it["decided_at"].as_str().and_then(|it| it.parse().ok());
            it["ending"].is_null() && decided.is_some_and(|it| it < started)
        });
        (!old_and_live).then_some(())
    });
    let took = begun.elapsed();
    assert!(took < TERMINAL_WITHIN, "crash {crash}: {took:?}");
    took
}

fn converged(world: &World, number: u64) {
    let head = world.repository.head();
    eventually("the newest commit is applied", SOON, || {
        let status = world.try_json(&["status"])?;
        let stack = status["stacks"].as_array()?.first()?.clone();
        (stack["sync"] == "in_sync" && stack["head"] == format!("main@sha1:{head}").as_str()).then_some(())
    });
    let content = std::fs::read_to_string(world.path("state/stacks/infra/fleet/h1")).expect("the file");
    assert_eq!(content, number.to_string());
    eventually("no process of a run is left", SOON, || world.processes().is_empty().then_some(()));
}
