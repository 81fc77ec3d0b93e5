//! How many proofs may fail: what guesses at tokens and sessions cost.
//!
//! Each address that failed a few times waits, twice as long after each further failure. All addresses together have a
//! budget that fills up slowly, so that many of them do not guess more than one. What names a token or a link that there
//! is, is counted by itself: whoever works behind the same proxy as somebody who guesses goes on working.
//!
//! Pure: the time is an argument. Addresses are kept in memory only, and not more than a few thousand.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;

use crate::domain::{Span, Timestamp, later};

/// So many failures cost nothing: people mistype.
const FREE: u32 = 5;
/// The wait after the next one, in seconds; doubled with each further one.
const FIRST_WAIT: i64 = 1;
/// The longest wait, in seconds.
const LONGEST_WAIT: i64 = 3600;
/// After so long without a failure and without a wait, an address is as good as new.
const FORGIVEN: Span = Span::from_hours(24);
/// How many failures of all addresses together there may be at once.
const BUDGET: f64 = 100.0;
/// How many more each second.
const REFILL: f64 = 0.1;
/// How many addresses are remembered.
const REMEMBERED: usize = 4096;

/// A network that one party has: an IPv4 address, or the first 64 bits of an IPv6 address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Network(u64, bool);

impl From<IpAddr> for Network {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(it) => Self(u64::from(u32::from(it)), true),
            IpAddr::V6(it) => Self((u128::from(it) >> 64) as u64, false),
        }
    }
}

/// A token or a link that there is: a number that is the same for the same one, and tells nothing of it.
pub type ProofMark = u64;

/// What is remembered of an address, or of one proof from there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Failures {
    count: u32,
    until: Timestamp,
}

/// Counts failed proofs.
#[derive(Debug)]
pub struct Limiter {
    networks: Bounded<Network>,
    known: Bounded<(Network, ProofMark)>,
    budget: f64,
    filled_at: Timestamp,
}

impl Limiter {
    /// Nobody failed yet.
    pub fn new(now: Timestamp) -> Self {
        Self { networks: Bounded::default(), known: Bounded::default(), budget: BUDGET, filled_at: now }
    }

    /// Whether a proof from there is looked at; if not, how long it has to wait. `known` is what it names, if there is
    /// that. What is looked at and fails is to be told to [`failed`](Self::failed) before the next one is asked for.
    pub fn ask(&mut self, now: Timestamp, from: Network, known: Option<ProofMark>) -> Result<(), Span> {
        if let Some(mark) = known {
            return self.known.get(&(from, mark)).map_or(Ok(()), |it| it.ask(now));
        }
        if let Some(failures) = self.networks.get(&from) {
            failures.ask(now)?;
        }
        self.fill(now);
        if 1.0 <= self.budget { Ok(()) } else { Err(Span::from_secs_f64((1.0 - self.budget) / REFILL)) }
    }

    /// A proof failed that was looked at.
    pub fn failed(&mut self, now: Timestamp, from: Network, known: Option<ProofMark>) {
        if let Some(mark) = known {
            return self.known.add((from, mark), now);
        }
        self.fill(now);
        self.budget = (self.budget - 1.0).max(0.0);
        self.networks.add(from, now);
    }

    /// A proof held.
    pub fn held(&mut self, from: Network, mark: ProofMark) {
        self.known.0.remove(&(from, mark));
    }

    fn fill(&mut self, now: Timestamp) {
        // A clock that is set back fills nothing and takes nothing.
        let passed = now.duration_since(self.filled_at).as_secs_f64().max(0.0);
        self.budget = passed.mul_add(REFILL, self.budget).min(BUDGET);
        self.filled_at = now;
    }
}

impl Failures {
    fn ask(&self, now: Timestamp) -> Result<(), Span> {
        let wait = self.until.duration_since(now);
        // Never longer than any penalty, also if the clock was set back.
        if wait.is_positive() { Err(wait.min(Span::from_secs(LONGEST_WAIT))) } else { Ok(()) }
    }

    fn add(&mut self, now: Timestamp) {
        if FORGIVEN <= now.duration_since(self.until) {
            self.count = 0;
        }
        self.count = self.count.saturating_add(1);
        let wait = match self.count.checked_sub(FREE + 1) {
            None => 0,
            Some(more) => {
                FIRST_WAIT.checked_shl(more.min(20)).map_or(LONGEST_WAIT, |it| it.min(LONGEST_WAIT))
            }
        };
        self.until = later(now, Span::from_secs(wait));
    }
}

/// A map that forgets the half that matters least when it is full: those whose wait ended first.
#[derive(Debug)]
struct Bounded<K>(HashMap<K, Failures>);

impl<K> Default for Bounded<K> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<K: Eq + Hash + Copy> Bounded<K> {
    fn get(&self, key: &K) -> Option<&Failures> {
        self.0.get(key)
    }

    fn add(&mut self, key: K, now: Timestamp) {
        match self.0.get_mut(&key) {
            Some(failures) => failures.add(now),
            None => self.put(key, Failures { count: 1, until: now }),
        }
    }

    fn put(&mut self, key: K, failures: Failures) {
        if REMEMBERED <= self.0.len() {
            let mut ends: Vec<Timestamp> = self.0.values().map(|it| it.until).collect();
            let (_, middle, _) = ends.select_nth_unstable(REMEMBERED / 2);
            let middle = *middle;
            self.0.retain(|_, it| middle < it.until);
        }
        self.0.insert(key, failures);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ATTEMPTS: u32 = 1_000_000;

    fn start() -> Timestamp {
        "2026-11-01T00:00:00Z".parse().unwrap()
    }

    /// Guesses a million times and says how many guesses were looked at, and how long that took. The guesser waits as
    /// little as `pause`, or as long as the limiter says if `patient`.
    fn guess(from: impl Fn(u32) -> IpAddr, pause: Span, patient: bool) -> (u32, Span) {
        let mut limiter = Limiter::new(start());
        let (mut now, mut looked_at) = (start(), 0);
        for attempt in 0..ATTEMPTS {
            let network = Network::from(from(attempt));
            now += pause;
            match limiter.ask(now, network, None) {
                Ok(()) => {
                    looked_at += 1;
                    limiter.failed(now, network, None);
                }
                Err(wait) if patient => now += wait,
                Err(_) => {}
            }
            assert!(limiter.networks.0.len() <= REMEMBERED && limiter.known.0.len() <= REMEMBERED);
        }
        (looked_at, now.duration_since(start()))
    }

    #[test]
    fn a_million_attempts_are_a_handful_of_guesses() {
        let millisecond = Span::from_millis(1);
        let one = |_: u32| "192.0.2.7".parse().unwrap();
        let many = |at: u32| IpAddr::from((0xc000_0000 + at).to_be_bytes());
        // All of one IPv6 network are one.
        let one_network = |at: u32| IpAddr::from((0x2001_0db8_u128 << 96 | u128::from(at)).to_be_bytes());
        let many_networks =
            |at: u32| IpAddr::from(((0x2001_0db8_0000_u128 << 80) + (u128::from(at) << 64)).to_be_bytes());
        for (what, (looked_at, took), at_most) in [
            ("one address, 1000 a second", guess(one, millisecond, false), 20),
            ("one IPv6 network, 1000 a second", guess(one_network, millisecond, false), 20),
            ("a million addresses, 1000 a second", guess(many, millisecond, false), 250),
            ("a million IPv6 networks, 1000 a second", guess(many_networks, millisecond, false), 250),
            ("a million addresses, one a second", guess(many, Span::from_secs(1), false), 100_200),
            (
                "4000 addresses in turn, 10 a second",
                guess(|at| many(at % 4000), Span::from_millis(100), false),
                10_200,
            ),
        ] {
            println!("{what}: {looked_at} of {ATTEMPTS} were looked at in {} s", took.as_secs());
            assert!(FREE <= looked_at && looked_at <= at_most, "{what}: {looked_at}");
        }
        // Who waits as told gets a guess an hour: a million attempts are half a million guesses in fifty-seven years.
        let (looked_at, took) = guess(one, millisecond, true);
        println!("one address, patient: {looked_at} of {ATTEMPTS} were looked at in {} h", took.as_hours());
        assert!(i64::from(looked_at) < took.as_hours() + 20);
    }

    #[test]
    fn who_mistypes_waits_a_little_and_who_is_known_not_at_all() {
        let mut limiter = Limiter::new(start());
        let (here, there) =
            (Network::from(IpAddr::from([10, 0, 0, 1])), Network::from(IpAddr::from([10, 0, 0, 2])));
        for _ in 0..FREE {
            assert_eq!(limiter.ask(start(), here, None), Ok(()));
            limiter.failed(start(), here, None);
        }
        assert_eq!(limiter.ask(start(), here, None), Ok(()));
        limiter.failed(start(), here, None);
        assert_eq!(limiter.ask(start(), here, None), Err(Span::from_secs(1)));
        assert_eq!(limiter.ask(start() + Span::from_secs(1), here, None), Ok(()));
        // What there is is looked at all the while, and others are not concerned.
        assert_eq!(limiter.ask(start(), here, Some(1)), Ok(()));
        assert_eq!(limiter.ask(start(), there, None), Ok(()));
        // A clock that is set back by years makes nobody wait for years.
        let back = start() - Span::from_hours(50_000);
        assert!(limiter.ask(back, here, None).is_err_and(|it| it <= Span::from_secs(LONGEST_WAIT)));
    }

    #[test]
    fn guesses_at_what_is_known_wait_as_well() {
        let mut limiter = Limiter::new(start());
        let (here, there) =
            (Network::from(IpAddr::from([10, 0, 0, 1])), Network::from(IpAddr::from([10, 0, 0, 2])));
        let looked_at = (0..1000).filter(|_| {
            let may = limiter.ask(start(), here, Some(1)).is_ok();
            if may {
                limiter.failed(start(), here, Some(1));
            }
            may
        });
        assert_eq!(looked_at.count(), FREE as usize + 1);
        assert_eq!(limiter.ask(start(), there, Some(1)), Ok(()), "nobody elsewhere is kept out");
        assert_eq!(limiter.ask(start(), here, Some(2)), Ok(()), "nor with another one");
        limiter.held(here, 1);
        assert_eq!(limiter.ask(start(), here, Some(1)), Ok(()));
    }

    #[test]
    fn a_budget_that_is_spent_fills_up_and_stops_nobody_who_is_known() {
        let mut limiter = Limiter::new(start());
        let at = |it: u32| Network::from(IpAddr::from(it.to_be_bytes()));
        for it in 100..300 {
            if limiter.ask(start(), at(it), None).is_ok() {
                limiter.failed(start(), at(it), None);
            }
        }
        let wait = limiter.ask(start(), at(2), None).expect_err("spent");
        assert_eq!(limiter.ask(start(), at(1), Some(1)), Ok(()));
        assert_eq!(limiter.ask(start() + wait, at(2), None), Ok(()));
    }
}
