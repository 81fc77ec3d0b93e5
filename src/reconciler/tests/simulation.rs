//! Random weather: pushes, rewrites, failing fetches and runs, people, restarts and crashes at any point, with every
//! promise of the core checked after each event; then calm, in which everything must come to rest where Git says.
//!
//! `DRIFTLESS_SEEDS=5000..6000` chooses the seeds, `DRIFTLESS_SEED=5417` replays one and tells what happened.

mod calm;
mod drift_promises;
mod endings;
mod memory;
mod promises;
mod remote;
mod restores;
mod seen;
mod weather;
mod world;

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicU64, Ordering};

use world::World;

/// A promise of the core, checked: names itself when it is broken.
macro_rules! promise {
    ($kept:expr, $name:literal, $($detail:tt)+) => {
        assert!($kept, "broken promise: {}: {}", $name, format!($($detail)+))
    };
}
pub(super) use promise;

#[test]
fn the_promises_hold_in_any_weather() {
    let seeds = seeds();
    if seeds.end - seeds.start == 1 {
        live_through(seeds.start, true);
        return;
    }
    let next = AtomicU64::new(seeds.start);
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seeds.end <= seed {
                        break;
                    }
                    if catch_unwind(AssertUnwindSafe(|| live_through(seed, false))).is_err() {
                        next.store(seeds.end, Ordering::Relaxed);
                        println!("seed {seed} breaks a promise; DRIFTLESS_SEED={seed} replays it:");
                        let again = catch_unwind(AssertUnwindSafe(|| live_through(seed, true)));
                        resume_unwind(again.expect_err("the same seed ends in the same way"));
                    }
                }
            });
        }
    });
}

/// One life of a daemon and its successors.
fn live_through(seed: u64, telling: bool) {
    let mut world = World::new(seed, telling);
    for _ in 0..90 {
        world.weather();
    }
    world.calm_down();
}

fn seeds() -> Range<u64> {
    let number = |it: &str| it.trim().parse::<u64>().expect("a seed is a number");
    if let Some(seed) = variable("DRIFTLESS_SEED") {
        return number(&seed)..number(&seed) + 1;
    }
    if let Some(range) = variable("DRIFTLESS_SEEDS") {
        let (start, end) = range.split_once("..").expect("DRIFTLESS_SEEDS is written 0..10000");
        return number(start)..number(end);
    }
    if variable("DRIFTLESS_TEST_FULL").is_some() { 0..100_000 } else { 0..10_000 }
}

#[expect(clippy::disallowed_methods, reason = "the one knob of this test, read nowhere else")]
pub(super) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
