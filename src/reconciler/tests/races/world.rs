//! The daemon around the core: what is on its way, what is kept, and what the observer knows.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::{
    AdmissionPolicy, CommitHash, Decision, Event, Fact, HostName, Memory, MergeRequest, MergeRequestFacts,
    MergeRequestNumber, MergeRequestPolicy, PreviewLevel, RunId, RunSpec, Settings, SourceName, SourcePolicy,
    Span, StackName, Timestamp, Tip,
};
use crate::reconciler::Reconciler;

use super::super::dice::Dice;
use super::super::simulation::promise;
use super::forge::{Forge, PEOPLE, STACKS};

/// What a look before an approval found: what a person sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Look {
    pub(super) commit: CommitHash,
    pub(super) changes: usize,
    pub(super) hosts: BTreeSet<HostName>,
}

/// A run as its guardian sees it.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) spec: RunSpec,
    /// Whether it asked for its hosts, and what it was told.
    pub(super) asked: Option<bool>,
    pub(super) stopped: bool,
    /// Whether the daemon died while it ran.
    pub(super) dead: bool,
    /// What it will say of its stack, as it was when it began.
    pub(super) sees: (usize, BTreeSet<HostName>),
}

/// How often what happened, over all seeds.
#[derive(Debug, Default)]
pub(super) struct Lived {
    pub(super) counts: BTreeMap<&'static str, u64>,
}

impl Lived {
    const ALL: [&str; 12] = [
        "pushed while live",
        "refused tip",
        "admitted",
        "applied",
        "applied with approval",
        "approval lapsed at the hosts",
        "live preview",
        "live preview stopped",
        "trust withdrawn",
        "late approval of something else",
        "restart",
        "applied report",
    ];

    pub(super) fn note(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }

    pub(super) fn add(&mut self, other: &Self) {
        for (what, times) in &other.counts {
            *self.counts.entry(what).or_default() += times;
        }
    }

    pub(super) fn everything_happened(&self) -> bool {
        Self::ALL.iter().all(|it| self.counts.contains_key(it))
    }
}

pub(super) struct World {
    seed: u64,
    telling: bool,
    pub(super) dice: Dice,
    pub(super) now: Timestamp,
    pub(super) settings: Settings,
    pub(super) forge: Forge,
    pub(super) core: Reconciler,
    /// A second core that gets the same inputs, in some lives.
    twin: Option<Reconciler>,
    pub(super) memory: Memory,
    pub(super) stormy: bool,
    /// Fetches under way, with the commit to compare with; some were answered at once and are only late.
    pub(super) fetches: Vec<(Option<CommitHash>, Option<Tip>)>,
    /// Questions to the forge, with answers that are only late, and whether they are of an older configuration.
    pub(super) asks: Vec<(Option<Vec<MergeRequest>>, bool)>,
    pub(super) previews: Vec<(MergeRequestNumber, CommitHash, CommitHash)>,
    pub(super) reports: Vec<(MergeRequestNumber, u64, MergeRequestFacts)>,
    pub(super) runs: BTreeMap<RunId, Running>,
    /// What people saw and are about to approve of, with the digest that was shown.
    pub(super) approving: Vec<(StackName, String, Look)>,
    /// What the person saw whose approval is being delivered.
    pub(super) approves: Option<(StackName, Look)>,
    /// Live previews that people are about to ask for.
    pub(super) requests: Vec<(MergeRequestNumber, CommitHash)>,
    /// What differs at the hosts of each stack, and which they are.
    pub(super) state: BTreeMap<StackName, (usize, BTreeSet<HostName>)>,
    // What the observer knows.
    pub(super) persons: BTreeSet<&'static str>,
    pub(super) looks: BTreeMap<StackName, (Look, bool)>,
    pub(super) asked: BTreeSet<(MergeRequestNumber, CommitHash)>,
    pub(super) admitted: Option<CommitHash>,
    pub(super) admitted_ever: BTreeSet<CommitHash>,
    /// What the forge was told last.
    pub(super) told: BTreeMap<MergeRequestNumber, MergeRequestFacts>,
    /// Merged requests that touched stacks.
    pub(super) expected: BTreeMap<MergeRequestNumber, BTreeSet<StackName>>,
    pub(super) lived: Lived,
}

pub(super) fn infra() -> SourceName {
    "infra".parse().expect("a name")
}

pub(super) fn hosts(count: usize) -> BTreeSet<HostName> {
    ["h1", "h2", "h3"].iter().take(count).map(|it| HostName::new(*it)).collect()
}

impl World {
    pub(super) fn new(seed: u64, telling: bool) -> Self {
        let mut dice = Dice(seed);
        let persons: BTreeSet<&str> =
            STACKS.into_iter().filter(|it| dice.chance(if *it == "db" { 80 } else { 20 })).collect();
        let settings = random_settings(&mut dice);
        let now = Timestamp::UNIX_EPOCH;
        let core = || Reconciler::new(settings.clone(), Memory::default(), seed, now);
        let state = STACKS.iter().map(|it| (it.parse().expect("a name"), (0, hosts(2)))).collect();
        Self {
            core: core(),
            twin: seed.is_multiple_of(8).then(core),
            forge: Forge::new(persons.clone()),
            seed,
            telling,
            dice,
            now,
            settings,
            memory: Memory::default(),
            stormy: true,
            fetches: Vec::new(),
            asks: Vec::new(),
            previews: Vec::new(),
            reports: Vec::new(),
            runs: BTreeMap::new(),
            approving: Vec::new(),
            approves: None,
            requests: Vec::new(),
            state,
            persons,
            looks: BTreeMap::new(),
            asked: BTreeSet::new(),
            admitted: None,
            admitted_ever: BTreeSet::new(),
            told: BTreeMap::new(),
            expected: BTreeMap::new(),
            lived: Lived::default(),
        }
    }

    pub(super) fn tell(&self, what: impl FnOnce() -> String) {
        if self.telling {
            println!("{:10.3} {}", self.now.duration_since(Timestamp::UNIX_EPOCH).as_secs_f64(), what());
        }
    }

    /// One turn of the daemon. It may die before it remembered, or before it acted.
    pub(super) fn feed(&mut self, event: &Event) {
        self.tell(|| format!("{event:?}"));
        let dies = if self.stormy { self.dice.below(60) } else { 60 };
        let decisions = self.core.step(self.now, event.clone());
        let facts = self.core.take_facts();
        self.twin_agrees(event, &decisions, &facts);
        if dies == 0 {
            return self.restart("it dies before the journal");
        }
        for fact in facts {
            self.memory.learn(fact);
        }
        self.observe(event);
        for decision in &decisions {
            self.tell(|| format!("  => {decision:?}"));
            self.check(decision);
        }
        self.check_state();
        if dies == 1 {
            return self.restart("it dies before acting");
        }
        for decision in decisions {
            self.act(decision);
        }
    }

    fn twin_agrees(&mut self, event: &Event, decisions: &[Decision], facts: &[Fact]) {
        if let Some(twin) = &mut self.twin {
            let same = twin.step(self.now, event.clone()) == decisions && twin.take_facts() == facts;
            promise!(same, "same inputs, same decisions", "{event:?}");
        }
    }

    fn act(&mut self, decision: Decision) {
        match decision {
            Decision::Fetch { admitted, .. } => {
                let answer = self.dice.chance(50).then(|| self.forge.fetch(admitted.as_ref()));
                self.fetches.push((admitted, answer));
            }
            Decision::AskForge { .. } => {
                let answer = self.dice.chance(50).then(|| self.forge.list());
                self.asks.push((answer, false));
            }
            Decision::Preview { number, head, target, .. } => self.previews.push((number, head, target)),
            Decision::Report { number, version, facts, .. } => self.reports.push((number, version, *facts)),
            Decision::Start { spec, .. } => {
                let sees = self.state[&spec.stack.stack].clone();
                let (asked, stopped, dead) = (None, false, false);
                self.runs.insert(spec.run, Running { spec: *spec, asked, stopped, dead, sees });
            }
            Decision::Answer { run, refusal, .. } => {
                if let Some(it) = self.runs.get_mut(&run) {
                    it.asked = Some(refusal.is_none());
                }
            }
            Decision::Stop { .. } | Decision::Probe { .. } | Decision::Exit => {}
        }
    }

    /// The daemon is gone with all that was on its way, and another one starts from what was kept.
    pub(super) fn restart(&mut self, why: &str) {
        self.tell(|| format!("-- {why}; another daemon starts"));
        self.lived.note("restart");
        let again = || Reconciler::new(self.settings.clone(), self.memory.clone(), self.seed, self.now);
        (self.core, self.twin) = (again(), self.twin.is_some().then(again));
        self.fetches.clear();
        self.asks.clear();
        self.previews.clear();
        self.reports.clear();
        self.runs.clear();
        for spec in self.memory.stacks.values().filter_map(|it| it.live.clone()) {
            let (asked, stopped, dead) = (None, false, true);
            self.runs.insert(spec.run, Running { spec, asked, stopped, dead, sees: (0, hosts(1)) });
        }
    }

    pub(super) fn policy(&self) -> &MergeRequestPolicy {
        self.settings.sources[0].merge_requests.as_ref().expect("merge requests are followed")
    }

    /// A daemon that was started now.
    pub(super) fn rebuilt(&self) -> Reconciler {
        Reconciler::new(self.settings.clone(), self.memory.clone(), self.seed, self.now)
    }
}

pub(super) fn random_settings(dice: &mut Dice) -> Settings {
    let level = match dice.below(10) {
        0 => PreviewLevel::Static,
        1 => PreviewLevel::Sandboxed,
        _ => PreviewLevel::Live,
    };
    let merge_requests = MergeRequestPolicy {
        poll_every: Span::from_mins(1),
        level,
        live_for: PEOPLE.iter().filter(|_| dice.chance(40)).map(|it| (*it).to_owned()).collect(),
        forks: dice.chance(40),
        report: dice.chance(90),
    };
    let approvals = [None, Some(1), Some(1), Some(1), Some(2), Some(2)][dice.below(6)];
    settings(approvals, merge_requests)
}

pub(super) fn settings(approvals: Option<u32>, merge_requests: MergeRequestPolicy) -> Settings {
    let source = SourcePolicy {
        admission: AdmissionPolicy { approvals },
        merge_requests: Some(merge_requests),
        ..SourcePolicy::new(infra(), "main".parse().expect("a branch"))
    };
    Settings {
        sources: vec![source],
        max_live_runs: 4,
        retry_base: Span::from_secs(10),
        retry_max: Span::from_mins(2),
        drain_timeout: Span::from_mins(1),
    }
}
