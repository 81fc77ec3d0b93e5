//! How long [`Reconciler::step`] takes, by the number of stacks.
//!
//! For each number a core is built that follows ten sources. Each round every source gets a new revision, and the runs
//! that this starts are finished one after the other until nothing is owed. Each step is measured, and with it the
//! question when to wake up next, since the daemon asks it after each. The sizes take turns.

mod common;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use driftless::domain::{
    Decision, Declaration, Ending, Event, HostEnd, HostName, Lineage, Memory, Outcome, Revision, RunId,
    Settings, SourceName, SourcePolicy, Span, StackId, StackPolicy, Timestamp, Tip, later,
};
use driftless::reconciler::Reconciler;
use serde_json::json;

const SIZES: [usize; 4] = [100, 300, 1_000, 3_000];
const SOURCES: usize = 10;
const HOSTS: usize = 10;

/// Steps in which nothing happens, for each round.
const TICKS: usize = 100;

fn main() {
    let rounds = if common::is_quick() { 3 } else { 7 };
    let mut worlds: Vec<World> = SIZES.into_iter().map(World::new).collect();
    for round in 1..=rounds {
        for world in &mut worlds {
            world.round(round);
        }
    }
    let sizes: Vec<_> =
        worlds.iter().map(|it| json!({"stacks": it.size, "kinds": it.kinds, "shown": it.shown})).collect();
    common::print(&json!({ "rounds": rounds, "sizes": sizes }));
}

/// Medians and the longest step of each round, in microseconds.
#[derive(Default, serde::Serialize)]
struct Steps {
    medians: Vec<f64>,
    longest: Vec<f64>,
    wakeups: Vec<f64>,
}

struct World {
    size: usize,
    core: Reconciler,
    now: Timestamp,
    tips: BTreeMap<SourceName, Tip>,
    live: Vec<RunId>,
    hosts: BTreeMap<HostName, HostEnd>,
    kinds: BTreeMap<&'static str, Steps>,
    /// What a page or a scrape of the metrics costs, once a round, in microseconds.
    shown: Vec<f64>,
    /// Steps of this round and the questions after them, in microseconds.
    measured: BTreeMap<&'static str, Vec<(f64, f64)>>,
}

impl World {
    fn new(size: usize) -> Self {
        let sources = (0..SOURCES).map(source).collect();
        let settings = Settings {
            sources,
            max_live_runs: 4,
            retry_base: Span::from_secs(30),
            retry_max: Span::from_hours(1),
            drain_timeout: Span::from_mins(10),
        };
        let now = Timestamp::from_second(1_700_000_000).expect("a time");
        let hosts = (0..HOSTS).map(|it| (HostName::new(format!("host-{it}")), HostEnd::Converged)).collect();
        Self {
            size,
            core: Reconciler::new(settings, Memory::default(), 1, now),
            now,
            tips: BTreeMap::new(),
            live: Vec::new(),
            hosts,
            kinds: BTreeMap::new(),
            shown: Vec::new(),
            measured: BTreeMap::new(),
        }
    }

    /// A new revision of everything, until nothing is owed; then some quiet.
    fn round(&mut self, round: usize) {
        for number in 0..SOURCES {
            let tip = self.tip(number, round);
            self.tips.insert(tip.0, tip.1);
        }
        let names: Vec<SourceName> = self.tips.keys().cloned().collect();
        for source in names {
            self.step("hinted", Event::Hinted { source });
        }
        let mut runs = 0;
        while let Some(run) = self.live.pop() {
            let (ending, hosts) = (Ending::plain(Outcome::Changed), self.hosts.clone());
            self.step("run finished", Event::RunFinished { run, ending, hosts, findings: Box::default() });
            runs += 1;
        }
        assert_eq!(runs, self.size, "each stack ran once");
        for _ in 0..TICKS {
            self.step("tick", Event::Tick);
        }
        let begun = Instant::now();
        let shown = self.core.stacks(self.now).len();
        self.shown.push(micros(begun.elapsed()));
        assert_eq!(shown, self.size, "all stacks are shown");
        self.close_round();
    }

    fn step(&mut self, kind: &'static str, event: Event) {
        self.now = later(self.now, Span::from_millis(1));
        let begun = Instant::now();
        let decisions = self.core.step(self.now, event);
        let step = begun.elapsed();
        let begun = Instant::now();
        let wakeup = self.core.next_wakeup(self.now);
        let asked = begun.elapsed();
        assert!(wakeup.is_none_or(|it| it > self.now), "it never spins");
        self.measured.entry(kind).or_default().push((micros(step), micros(asked)));
        // What the daemon would journal.
        drop(self.core.take_facts());
        for decision in decisions {
            match decision {
                Decision::Fetch { source, admitted } => {
                    let mut tip = self.tips[&source].clone();
                    tip.lineage = match admitted {
                        None => Lineage::First,
                        Some(it) if it == tip.revision.commit => Lineage::Same,
                        Some(of) => Lineage::Descendant { of },
                    };
                    self.step("fetched", Event::Fetched { source, tip });
                }
                Decision::Start { spec, .. } => self.live.push(spec.run),
                Decision::Stop { .. }
                | Decision::Exit
                | Decision::Answer { .. }
                | Decision::Probe { .. }
                | Decision::AskForge { .. }
                | Decision::Preview { .. }
                | Decision::Report { .. } => {
                    unreachable!("nothing asks for it")
                }
            }
        }
    }

    fn close_round(&mut self) {
        for (kind, mut steps) in std::mem::take(&mut self.measured) {
            let longest = steps.iter().map(|it| it.0).fold(0.0, f64::max);
            let middle = steps.len() / 2;
            let step = steps.select_nth_unstable_by(middle, |one, other| one.0.total_cmp(&other.0)).1.0;
            let asked = steps.select_nth_unstable_by(middle, |one, other| one.1.total_cmp(&other.1)).1.1;
            let known = self.kinds.entry(kind).or_default();
            known.medians.push(step);
            known.longest.push(longest);
            known.wakeups.push(asked);
        }
    }

    fn tip(&self, source_number: usize, round: usize) -> (SourceName, Tip) {
        let name = name(source_number);
        let commit = format!("{:040x}", round * SOURCES + source_number + 1);
        let revision: Revision = format!("main@sha1:{commit}").parse().expect("a revision");
        let stacks = (0..self.size / SOURCES).map(|number| stack(&name, number)).collect();
        let declaration = Declaration { stacks, inferred: false, notes: Vec::new() };
        (
            name,
            Tip {
                revision,
                lineage: Lineage::Same,
                declaration: Ok(declaration),
                line: Vec::new(),
                tag: None,
                trust: Ok(()),
            },
        )
    }
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

fn name(number: usize) -> SourceName {
    format!("source-{number}").parse().expect("a name")
}

fn source(number: usize) -> SourcePolicy {
    SourcePolicy {
        poll_every: Span::from_hours(24),
        ..SourcePolicy::new(name(number), "main".parse().expect("a branch"))
    }
}

fn stack(source: &SourceName, number: usize) -> StackPolicy {
    // Names in the order of their numbers, and every tenth stack is the base of the nine after it.
    let name = |number: usize| format!("stack-{number:04}").parse().expect("a name");
    let base = number / 10 * 10;
    StackPolicy {
        limit: Some("web".to_owned()),
        extra_vars: BTreeMap::from([("http_port".to_owned(), json!(8080))]),
        timeout: Span::from_mins(30),
        depends_on: if number == base { Vec::new() } else { vec![name(base)] },
        ..StackPolicy::new(
            StackId { source: source.clone(), stack: name(number) },
            "site.yml",
            "inventories/production",
        )
    }
}
