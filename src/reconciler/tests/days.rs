//! Two hundred days of a fleet whose hosts have contents: people edit files, a program edits one again and again,
//! hosts go away and come back, commits come, a task never comes to rest, and the daemon dies now and then. Each hour
//! somebody looks whether everything that was promised about drift is kept.
//!
//! `DRIFTLESS_FLEETS=0..50` chooses the seeds; a single one tells what happened.

mod fleet;
mod life;
mod lived;
mod looks;

use std::ops::Range;

use life::Life;
use lived::Lived;

/// How long each fleet lives.
const DAYS: i64 = 200;

#[test]
fn two_hundred_days_without_a_loop_and_without_drift_that_stays() {
    let seeds = seeds();
    let telling = seeds.end - seeds.start == 1;
    let mut all = Lived::default();
    let lives: Vec<Lived> = std::thread::scope(|scope| {
        let lives: Vec<_> =
            seeds.map(|seed| scope.spawn(move || Life::new(seed, telling).live(DAYS))).collect();
        lives.into_iter().map(|it| it.join().expect("every promise is kept")).collect()
    });
    for lived in &lives {
        all.add(lived);
    }
    // What never happened was not shown.
    let Lived {
        edits,
        heals,
        narrowed,
        capped,
        refused,
        catch_ups,
        crashes,
        commits,
        recurring,
        excused,
        fought_over,
    } = all;
    let happened = [edits, heals, narrowed, capped, refused, catch_ups, crashes, commits, recurring, excused];
    assert!(happened.iter().all(|it| 0 < *it), "{all:?}");
    assert!(fought_over * 5 < excused, "{all:?}");
    if telling {
        println!("{all:?}");
    }
}

fn seeds() -> Range<u64> {
    let number = |it: &str| it.trim().parse::<u64>().expect("a seed is a number");
    match super::simulation::variable("DRIFTLESS_FLEETS") {
        Some(range) => {
            let (start, end) = range.split_once("..").expect("DRIFTLESS_FLEETS is written 0..50");
            number(start)..number(end)
        }
        None if super::simulation::variable("DRIFTLESS_TEST_FULL").is_some() => 0..64,
        None => 0..4,
    }
}
