//! The world around the core: the remotes, the store, the runs, and a daemon that may die at any point.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::{
    CommitHash, Decision, Event, HostName, Memory, RewindPolicy, RunId, RunSpec, Settings, SourceName,
    SourcePolicy, Span, StackId, Timestamp,
};
use crate::reconciler::Reconciler;

use super::super::dice::Dice;
use super::remote::Remote;
use super::seen::Seen;

/// A run as its guardian sees it.
#[derive(Debug)]
pub(super) struct Executing {
    pub(super) spec: RunSpec,
    /// Whether it was told to end, and whether by a person.
    pub(super) stopped: Option<bool>,
    /// Whether the daemon died while it ran, so that nothing is left of it.
    pub(super) dead: bool,
    /// Whether it asked for its hosts, and what it was told.
    pub(super) asked: Option<bool>,
}

pub(super) struct World {
    pub(super) seed: u64,
    pub(super) dice: Dice,
    pub(super) now: Timestamp,
    pub(super) settings: Settings,
    pub(super) remotes: BTreeMap<SourceName, Remote>,
    pub(super) next_commit: usize,
    pub(super) core: Reconciler,
    /// In some lives: a second core that gets the same inputs.
    twin: Option<Reconciler>,
    /// What the store keeps: the facts of events that were journaled, and nothing else.
    pub(super) memory: Memory,
    /// Fetches under way, with the commit to compare with.
    pub(super) fetches: Vec<(SourceName, Option<CommitHash>)>,
    /// Probes under way.
    pub(super) probes: Vec<(StackId, BTreeSet<HostName>)>,
    pub(super) executing: BTreeMap<RunId, Executing>,
    pub(super) seen: Seen,
    pub(super) last_answer: Option<Event>,
    pub(super) idle_ticks: u32,
    pub(super) stormy: bool,
    /// Whether the disk has room, as far as this daemon was told.
    pub(super) room: bool,
    telling: bool,
}

/// Where in the daemon's four verbs it dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Crash {
    BeforeJournal,
    BeforeActing,
    WhileActing,
}

impl World {
    pub(super) fn new(seed: u64, telling: bool) -> Self {
        let mut dice = Dice(seed);
        let remotes = [Remote::new("infra", 0), Remote::new("other", 1)];
        let names = remotes.each_ref().map(|it| it.names()[0].source.clone());
        let settings = random_settings(&mut dice, &names);
        let now = Timestamp::UNIX_EPOCH;
        let core = Reconciler::new(settings.clone(), Memory::default(), seed, now);
        let twin =
            seed.is_multiple_of(8).then(|| Reconciler::new(settings.clone(), Memory::default(), seed, now));
        Self {
            seed,
            dice,
            now,
            settings,
            remotes: names.into_iter().zip(remotes).collect(),
            next_commit: 2,
            core,
            twin,
            memory: Memory::default(),
            fetches: Vec::new(),
            probes: Vec::new(),
            executing: BTreeMap::new(),
            seen: Seen::default(),
            last_answer: None,
            idle_ticks: 0,
            stormy: true,
            room: true,
            telling,
        }
    }

    pub(super) fn tell(&self, what: impl FnOnce() -> String) {
        if self.telling {
            let seconds = self.now.duration_since(Timestamp::UNIX_EPOCH).as_secs_f64();
            println!("{seconds:10.3} {}", what());
        }
    }

    /// One turn of the daemon: listen, decide, remember, act. Returns what was decided and not lost.
    pub(super) fn feed(&mut self, event: &Event) -> Vec<Decision> {
        self.tell(|| format!("{event:?}"));
        let crash = (self.stormy && self.dice.chance(4)).then(|| self.where_it_dies());
        let waiting = self.shown_as_waiting(event);
        let decisions = self.core.step(self.now, event.clone());
        let facts = self.core.take_facts();
        self.twin_agrees(event, &decisions, &facts);
        if crash == Some(Crash::BeforeJournal) {
            self.restart("it dies before the journal");
            return Vec::new();
        }
        for fact in facts {
            self.memory.learn(fact);
        }
        self.observe(event, waiting.as_ref());
        for decision in &decisions {
            self.tell(|| format!("  => {decision:?}"));
            self.check(decision);
            self.check_window(decision);
        }
        if let Event::RoomSeen { enough } = event {
            self.room = *enough;
        }
        let starts = decisions.iter().any(|it| matches!(it, Decision::Start { .. }));
        super::promise!(self.room || !starts, "no run starts while the disk is nearly full", "{event:?}");
        self.check_state();
        match crash {
            None => self.act(&decisions),
            Some(Crash::WhileActing) => {
                let done = self.dice.below(decisions.len() + 1);
                self.act(&decisions[..done]);
                self.restart("it dies while acting");
            }
            Some(_) => self.restart("it dies before acting"),
        }
        decisions
    }

    fn where_it_dies(&mut self) -> Crash {
        [Crash::BeforeJournal, Crash::BeforeActing, Crash::WhileActing][self.dice.below(3)]
    }

    /// The commit that a person can see waiting when an approval comes.
    fn shown_as_waiting(&self, event: &Event) -> Option<CommitHash> {
        let Event::Approved { source, .. } = event else { return None };
        let shown = self.core.sources().into_iter().find(|it| it.name == *source)?;
        Some(shown.waiting?.commit)
    }

    fn twin_agrees(&mut self, event: &Event, decisions: &[Decision], facts: &[crate::domain::Fact]) {
        if let Some(twin) = &mut self.twin {
            let same = twin.step(self.now, event.clone()) == decisions && twin.take_facts() == facts;
            super::promise!(same, "same inputs, same decisions", "{event:?}");
        }
    }

    fn act(&mut self, decisions: &[Decision]) {
        for decision in decisions {
            match decision {
                Decision::Fetch { source, admitted } => self.fetches.push((source.clone(), admitted.clone())),
                Decision::Start { spec, .. } => {
                    self.executing.insert(
                        spec.run,
                        Executing { spec: (**spec).clone(), stopped: None, dead: false, asked: None },
                    );
                }
                Decision::Stop { run, cancelled, .. } => {
                    if let Some(executing) = self.executing.get_mut(run) {
                        executing.stopped = Some(*cancelled);
                    }
                }
                Decision::Answer { run, refusal, .. } => {
                    if let Some(executing) = self.executing.get_mut(run) {
                        executing.asked = Some(refusal.is_none());
                    }
                }
                Decision::Probe { spec, hosts, .. } => self.probes.push((spec.stack.clone(), hosts.clone())),
                Decision::AskForge { .. } | Decision::Preview { .. } | Decision::Report { .. } => {}
                Decision::Exit => self.restart("it has ended"),
            }
        }
    }

    /// The daemon is gone, and its guardians end what it left. Another one starts from what was kept.
    pub(super) fn restart(&mut self, why: &str) {
        self.tell(|| format!("-- {why}; another daemon starts"));
        let memory = || self.memory.clone();
        self.core = Reconciler::new(self.settings.clone(), memory(), self.seed, self.now);
        self.twin = self
            .twin
            .is_some()
            .then(|| Reconciler::new(self.settings.clone(), memory(), self.seed, self.now));
        self.fetches.clear();
        self.probes.clear();
        self.executing.clear();
        self.idle_ticks = 0;
        let left: Vec<RunSpec> = self.memory.stacks.values().filter_map(|it| it.live.clone()).collect();
        let live: Vec<RunSpec> = self.core.live_runs().into_iter().cloned().collect();
        super::promise!(live == left, "what was live is live until its end is reported", "{live:?}");
        for spec in left {
            self.executing.insert(spec.run, Executing { spec, stopped: None, dead: true, asked: None });
        }
        self.room = true;
        self.seen.stopping = None;
        self.seen.exited = false;
        for source in self.seen.sources.values_mut() {
            (source.fetching, source.hinted, source.stale, source.failures) = (false, false, false, 0);
            source.not_before = (Timestamp::MIN, Timestamp::MIN);
        }
        for stack in self.seen.stacks.values_mut() {
            stack.restarted();
        }
    }

    pub(super) fn new_commit(&mut self) -> usize {
        self.next_commit += 1;
        self.next_commit - 1
    }
}

pub(super) fn random_settings(dice: &mut Dice, names: &[SourceName]) -> Settings {
    let chosen = names.iter().enumerate().filter(|(place, _)| *place == 0 || dice.chance(80));
    let chosen: Vec<SourceName> = chosen.map(|(_, it)| it.clone()).collect();
    let sources = chosen.into_iter().map(|name| SourcePolicy {
        poll_every: Span::from_secs(if dice.chance(80) { 60 } else { 1200 }),
        rewinds: if dice.chance(30) { RewindPolicy::Follow } else { RewindPolicy::Ask },
        ..SourcePolicy::new(name, "main".parse().expect("a branch"))
    });
    let sources = sources.collect();
    Settings {
        sources,
        max_live_runs: u32::try_from(dice.below(3)).expect("a small number") + 1,
        retry_base: Span::from_secs([10, 30][dice.below(2)]),
        retry_max: Span::from_mins([2, 10][dice.below(2)]),
        drain_timeout: Span::from_mins(1),
    }
}
