//! What happens to a fleet, hour by hour, and what is promised meanwhile.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::{
    AskedPlay, Decision, Ending, Event, Findings, HealPolicy, HostEnd, HostName, LockKey, Memory, Mode,
    Outcome, Question, Revision, RunId, RunSpec, Settings, SourceName, SourcePolicy, Span, StackId,
    Timestamp, Trigger, later,
};
use crate::reconciler::Reconciler;

use super::super::dice::Dice;
use super::super::simulation::promise;
use super::fleet::{FILES, Fleet, STACKS, stack_of};
use super::lived::Lived;

/// No stack begins more runs within a day: regular checks, and three or more for each correction, commit and refusal.
const RUNS_A_DAY: usize = 90;

/// What is to happen.
#[derive(Debug, Clone)]
enum Due {
    Fetched(Option<Revision>),
    Probed(StackId, BTreeSet<HostName>),
    RunAsks(RunId),
    RunEnds(RunId),
    SomebodyCommits,
    SomebodyEdits,
    ProgramEdits,
    HostLeaves,
    HostReturns(HostName),
    Crash,
    SomebodyLooks,
}

/// A run that is live: whether it may touch its hosts, and whether it was told to end.
struct Running {
    spec: RunSpec,
    granted: bool,
    refused: bool,
    stopped: bool,
}

pub(super) struct Life {
    dice: Dice,
    seed: u64,
    telling: bool,
    pub(super) now: Timestamp,
    pub(super) fleet: Fleet,
    settings: Settings,
    pub(super) core: Reconciler,
    memory: Memory,
    agenda: BTreeMap<(Timestamp, u64), Due>,
    made: u64,
    runs: BTreeMap<RunId, Running>,
    /// When each stack began runs, within the last day.
    begun: BTreeMap<StackId, Vec<Timestamp>>,
    healed: BTreeMap<(StackId, HostName, usize), Vec<Timestamp>>,
    idle: u32,
    calm: bool,
    pub(super) lived: Lived,
}

fn source() -> SourceName {
    "infra".parse().expect("a name")
}

impl Life {
    pub(super) fn new(seed: u64, telling: bool) -> Self {
        let policy = SourcePolicy {
            poll_every: Span::from_hours(1),
            ..SourcePolicy::new(source(), "main".parse().expect("a branch"))
        };
        let settings = Settings {
            sources: vec![policy],
            max_live_runs: 3,
            retry_base: Span::from_secs(30),
            retry_max: Span::from_mins(30),
            drain_timeout: Span::from_mins(1),
        };
        let now = Timestamp::UNIX_EPOCH;
        Self {
            dice: Dice(seed),
            seed,
            telling,
            now,
            fleet: Fleet::new(now),
            core: Reconciler::new(settings.clone(), Memory::default(), seed, now),
            settings,
            memory: Memory::default(),
            agenda: BTreeMap::new(),
            made: 0,
            runs: BTreeMap::new(),
            begun: BTreeMap::new(),
            healed: BTreeMap::new(),
            idle: 0,
            calm: false,
            lived: Lived::default(),
        }
    }

    /// So many days of everything, then three of nothing, after which all is as Git says.
    pub(super) fn live(mut self, days: i64) -> Lived {
        for due in [Due::SomebodyCommits, Due::SomebodyEdits, Due::ProgramEdits, Due::HostLeaves, Due::Crash]
        {
            self.in_hours(10, 30, due);
        }
        self.in_hours(1, 1, Due::SomebodyLooks);
        self.pass_until(later(self.now, Span::from_hours(days * 24)));
        self.calm = true;
        for host in self.fleet.names() {
            self.fleet.set_up(self.now, &host, true);
        }
        self.pass_until(later(self.now, Span::from_hours(72)));
        let left: Vec<_> = self.fleet.edits.keys().filter(|it| heals(&it.0)).collect();
        promise!(left.is_empty(), "in the end everything is as Git says", "{left:?}");
        self.lived
    }

    fn in_seconds(&mut self, least: usize, most: usize, due: Due) {
        let seconds = i64::try_from(least + self.dice.below(most - least + 1)).expect("small");
        self.made += 1;
        self.agenda.insert((later(self.now, Span::from_secs(seconds)), self.made), due);
    }

    fn in_hours(&mut self, least: usize, most: usize, due: Due) {
        self.in_seconds(least * 3600, most * 3600, due);
    }

    fn pass_until(&mut self, end: Timestamp) {
        loop {
            let due = self.agenda.first_key_value().map(|(at, _)| at.0);
            let wakeup = self.core.next_wakeup(self.now);
            let Some(next) = due.into_iter().chain(wakeup).min() else { return };
            if end < next {
                self.now = end;
                return;
            }
            let slept = self.now < next;
            self.now = self.now.max(next);
            if wakeup.is_some_and(|it| it <= next) {
                self.idle = if slept { 0 } else { self.idle + 1 };
                promise!(self.idle < 50, "the daemon never spins", "at {}", self.now);
                self.feed(Event::Tick);
            } else if let Some((_, due)) = self.agenda.pop_first() {
                self.happens(due);
            }
        }
    }

    fn tell(&self, what: impl FnOnce() -> String) {
        if self.telling {
            let hours = self.now.duration_since(Timestamp::UNIX_EPOCH).as_secs_f64() / 3600.0;
            println!("{hours:9.3} {}", what());
        }
    }

    fn happens(&mut self, due: Due) {
        self.idle = 0;
        match due {
            Due::Fetched(base) => self.fetched(base),
            Due::Probed(stack, hosts) => self.probed(stack, &hosts),
            Due::RunAsks(run) => self.run_asks(run),
            Due::RunEnds(run) => self.run_ends(run),
            Due::SomebodyCommits => {
                self.lived.commits += 1;
                let (stack, file) = (self.dice.below(STACKS.len()), self.dice.below(FILES));
                self.fleet.commit(stack, file);
                self.tell(|| format!("-- a commit for {}, file {file}", STACKS[stack].name));
                self.again(30, 120, Due::SomebodyCommits);
            }
            Due::SomebodyEdits => {
                let stack = &STACKS[self.dice.below(STACKS.len())];
                let host = HostName::new(*self.dice.one_of(stack.hosts).expect("some hosts"));
                let file = self.dice.below(FILES);
                self.lived.edits += u32::from(self.fleet.edit(self.now, stack, &host, file));
                self.tell(|| format!("-- somebody edits file {file} of {} on {host}", stack.name));
                self.again(2, 20, Due::SomebodyEdits);
            }
            Due::ProgramEdits => {
                self.fleet.edit(self.now, &STACKS[0], &HostName::new("h2"), 1);
                self.tell(|| "-- a program edits file 1 of web on h2".to_owned());
                self.again(4, 8, Due::ProgramEdits);
            }
            Due::HostLeaves => {
                let host = self.dice.one_of(&self.fleet.names()).expect("some hosts").clone();
                self.fleet.set_up(self.now, &host, false);
                self.tell(|| format!("-- {host} goes away"));
                self.in_seconds(600, 20 * 3600, Due::HostReturns(host));
                self.again(20, 80, Due::HostLeaves);
            }
            Due::HostReturns(host) => {
                self.tell(|| format!("-- {host} is back"));
                self.fleet.set_up(self.now, &host, true);
            }
            Due::Crash => {
                self.crash();
                self.again(100, 300, Due::Crash);
            }
            Due::SomebodyLooks => {
                self.look();
                self.in_hours(1, 1, Due::SomebodyLooks);
            }
        }
    }

    fn again(&mut self, least: usize, most: usize, due: Due) {
        if !self.calm {
            self.in_hours(least, most, due);
        }
    }

    fn feed(&mut self, event: Event) {
        self.tell(|| format!("{event:?}").chars().take(300).collect());
        let decisions = self.core.step(self.now, event);
        for fact in self.core.take_facts() {
            self.memory.learn(fact);
        }
        for decision in decisions {
            self.tell(|| format!("  => {decision:?}").chars().take(400).collect());
            self.act(decision);
        }
    }

    fn act(&mut self, decision: Decision) {
        match decision {
            Decision::Fetch { admitted, .. } => {
                let base = admitted.map(|commit| Revision { commit, ..self.fleet.tip() });
                self.in_seconds(1, 20, Due::Fetched(base));
            }
            Decision::Start { spec, .. } => self.begins(*spec),
            Decision::AskForge { .. } | Decision::Preview { .. } | Decision::Report { .. } => {
                panic!("nobody follows merge requests here")
            }
            Decision::Stop { run, .. } => {
                if let Some(running) = self.runs.get_mut(&run) {
                    running.stopped = true;
                    self.in_seconds(1, 10, Due::RunEnds(run));
                }
            }
            Decision::Answer { run, refusal, .. } => match refusal {
                Some(_) => {
                    self.lived.refused += 1;
                    self.runs.get_mut(&run).expect("it asked").refused = true;
                    self.in_seconds(1, 5, Due::RunEnds(run));
                }
                None => self.granted(run),
            },
            Decision::Probe { spec, hosts, .. } => {
                self.in_seconds(2, 15, Due::Probed(spec.stack.clone(), hosts));
            }
            Decision::Exit => unreachable!("nobody stops the daemon"),
        }
    }

    fn begins(&mut self, spec: RunSpec) {
        let day_ago = self.now.saturating_sub(Span::from_hours(24)).expect("a time");
        let begun = self.begun.entry(spec.stack.clone()).or_default();
        begun.retain(|it| day_ago < *it);
        begun.push(self.now);
        promise!(
            begun.len() <= RUNS_A_DAY,
            "there is no loop",
            "{} runs of {} in a day",
            begun.len(),
            spec.stack
        );
        let run = spec.run;
        self.runs.insert(run, Running { spec, granted: false, refused: false, stopped: false });
        self.in_seconds(2, 10, Due::RunAsks(run));
    }

    fn run_asks(&mut self, run: RunId) {
        let Some(running) = self.runs.get(&run).filter(|it| !it.stopped) else { return };
        let hosts = Fleet::hosts_of(&running.spec);
        let count = u32::try_from(hosts.len()).expect("few hosts");
        let keyed = hosts.into_iter().map(|it| (it.clone(), LockKey::address(it.as_str(), None))).collect();
        let plays = vec![AskedPlay { pattern: "all".to_owned(), hosts: count, everything: false }];
        let question = Question { number: 1, play: None, plays, hosts: keyed, inventory: 8 };
        self.feed(Event::HostsAsked { run, question });
    }

    /// From here on the run works on its hosts, and nobody else may.
    fn granted(&mut self, run: RunId) {
        let spec = self.runs[&run].spec.clone();
        let mine: BTreeSet<HostName> = Fleet::hosts_of(&spec).into_iter().collect();
        for other in self.runs.values().filter(|it| it.granted) {
            let both = Fleet::hosts_of(&other.spec).into_iter().find(|it| mine.contains(it));
            let changes = spec.mode == Mode::Apply || other.spec.mode == Mode::Apply;
            promise!(
                !changes || both.is_none(),
                "no host is under two runs of which one changes it",
                "{both:?}: {} and {run}",
                other.spec.run
            );
        }
        let left = mine.iter().find(|it| self.fleet.is_busy(self.now, it));
        promise!(
            left.is_none(),
            "nothing begins where something of an earlier run goes on",
            "{left:?}: {run}"
        );
        if spec.trigger == Trigger::Drift && spec.mode == Mode::Apply {
            self.heal_begins(&spec);
        }
        if spec.trigger == Trigger::OwedHosts && spec.mode == Mode::Apply {
            self.lived.catch_ups += 1;
        }
        self.runs.get_mut(&run).expect("it is live").granted = true;
        self.in_seconds(60, 480, Due::RunEnds(run));
    }

    fn heal_begins(&mut self, spec: &RunSpec) {
        let stack = stack_of(&spec.stack);
        promise!(stack.heal == HealPolicy::Corrective, "`heal: never` is never", "{spec:?}");
        let hosts = Fleet::hosts_of(spec);
        let mut why = 0;
        let day_ago = self.now.saturating_sub(Span::from_hours(24)).expect("a time");
        for edit in self.fleet.edits.keys().filter(|it| it.0 == spec.stack && hosts.contains(&it.1)) {
            let healed = self.healed.entry(edit.clone()).or_default();
            healed.retain(|it| day_ago < *it);
            healed.push(self.now);
            why += 1;
        }
        // A heal of all hosts for the sake of one corrects whatever else it finds, so that only what is alone counts.
        if why == 1 {
            let (edit, healed) = self
                .fleet
                .edits
                .keys()
                .find(|it| it.0 == spec.stack && hosts.contains(&it.1))
                .and_then(|it| Some((it, self.healed.get(it)?.len())))
                .expect("it was counted");
            promise!(
                healed <= stack.daily_heals as usize + 1,
                "nothing is corrected more often than a day allows",
                "{edit:?}: {healed}"
            );
        }
        promise!(0 < why, "a heal is for what somebody did", "{spec:?}");
        self.lived.heals += 1;
        self.lived.narrowed += u32::from(spec.limit.is_some());
    }

    fn run_ends(&mut self, run: RunId) {
        let Some(running) = self.runs.remove(&run) else { return };
        let (ending, hosts, findings) = if running.refused {
            (Ending::plain(Outcome::Refused), BTreeMap::new(), Box::default())
        } else if running.stopped || !running.granted {
            self.cut_off(&running)
        } else {
            self.fleet.run(&running.spec)
        };
        self.feed(Event::RunFinished { run, ending, hosts, findings });
    }

    fn cut_off(&mut self, running: &Running) -> (Ending, BTreeMap<HostName, HostEnd>, Box<Findings>) {
        if running.granted {
            let done = self.dice.below(8);
            return self.fleet.cut_off(self.now, &running.spec, done);
        }
        (Ending::plain(Outcome::Interrupted), BTreeMap::new(), Box::default())
    }

    fn fetched(&mut self, base: Option<Revision>) {
        let tip = self.fleet.fetch(base);
        self.feed(Event::Fetched { source: source(), tip });
    }

    fn probed(&mut self, stack: StackId, hosts: &BTreeSet<HostName>) {
        let answered: BTreeSet<HostName> =
            hosts.iter().filter(|it| self.fleet.up_since(it).is_some()).cloned().collect();
        let busy = answered.iter().filter(|it| self.fleet.is_busy(self.now, it)).cloned().collect();
        self.feed(Event::Probed { stack, answered, busy });
    }

    /// The daemon dies. What it had begun ends, and another one starts from what was remembered.
    fn crash(&mut self) {
        self.lived.crashes += 1;
        self.tell(|| "-- the daemon dies, and another one starts".to_owned());
        self.agenda.retain(|_, due| {
            !matches!(due, Due::Fetched(_) | Due::Probed(..) | Due::RunAsks(_) | Due::RunEnds(_))
        });
        self.core = Reconciler::new(self.settings.clone(), self.memory.clone(), self.seed, self.now);
        let before = std::mem::take(&mut self.runs);
        for (run, running) in before {
            let (ending, hosts, findings) = self.cut_off(&running);
            self.feed(Event::RunFinished { run, ending, hosts, findings });
        }
    }
}

pub(super) fn heals(stack: &StackId) -> bool {
    stack_of(stack).heal == HealPolicy::Corrective
}
