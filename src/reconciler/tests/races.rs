//! Merge requests in random weather: people push, approve, withdraw, merge and close while answers about it are on
//! their way, runs end badly and the daemon dies. What the forge and Git really hold is known here, so each decision
//! can be judged by the truth; then it calms down, and what was merged and approved must be on the hosts and told.
//!
//! `DRIFTLESS_RACES=5000..6000` chooses the seeds; a single one tells what happened.

mod calm;
mod forge;
mod promises;
mod weather;
mod world;

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use world::{Lived, World};

#[test]
fn nothing_unapproved_is_applied_whoever_pushes_meanwhile() {
    let seeds = seeds();
    let telling = seeds.end - seeds.start == 1;
    let (next, all) = (AtomicU64::new(seeds.start), Mutex::new(Lived::default()));
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seeds.end <= seed {
                        break;
                    }
                    match catch_unwind(AssertUnwindSafe(|| live_through(seed, telling))) {
                        Ok(lived) => all.lock().expect("nobody panics holding it").add(&lived),
                        Err(broken) => {
                            next.store(seeds.end, Ordering::Relaxed);
                            println!(
                                "seed {seed} breaks a promise; DRIFTLESS_RACES={seed}..{} replays it",
                                seed + 1
                            );
                            resume_unwind(broken);
                        }
                    }
                }
            });
        }
    });
    let all = all.into_inner().expect("nobody panicked");
    println!("{all:?}");
    // What never happened was not shown.
    assert!(telling || all.everything_happened(), "{all:?}");
}

fn live_through(seed: u64, telling: bool) -> Lived {
    let mut world = World::new(seed, telling);
    for _ in 0..120 {
        world.weather();
    }
    world.calm_down();
    world.lived
}

fn seeds() -> Range<u64> {
    let number = |it: &str| it.trim().parse::<u64>().expect("a seed is a number");
    match super::simulation::variable("DRIFTLESS_RACES") {
        Some(range) => {
            let (start, end) = range.split_once("..").expect("DRIFTLESS_RACES is written 0..1000");
            number(start)..number(end)
        }
        None => 0..1_000,
    }
}
