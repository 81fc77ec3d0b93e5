//! How long the core thinks: one `step` with a thousand stacks of twenty hosts, in microseconds.
//!
//! `cargo bench --bench step` prints one row for each kind of event: how often it was measured, median and worst.

#![expect(clippy::print_stdout, reason = "the table is what it is for")]

use std::collections::BTreeMap;
use std::time::Instant;

use driftless::domain::{
    ApplyPolicy, CommitHash, Decision, Declaration, Ending, Event, Head, HealPolicy, HostEnd, HostName,
    Lineage, Memory, Outcome, Revision, RewindPolicy, RunId, RuntimeSpec, Settings, SourceFacts,
    SourcePolicy, Span, StackId, StackPolicy, Timestamp, Tip, later,
};
use driftless::reconciler::Reconciler;

const STACKS: usize = 1000;
const HOSTS: usize = 20;

fn main() {
    let mut bench = Bench::new();
    bench.admit(0);
    bench.finish_everything();
    for commit in 1..=20 {
        for _ in 0..20 {
            bench.measure("nothing is due", Event::Tick);
        }
        bench.admit(commit);
        bench.finish_everything();
        bench.show();
    }
    bench.print();
}

struct Bench {
    core: Reconciler,
    now: Timestamp,
    live: Vec<RunId>,
    hosts: BTreeMap<HostName, HostEnd>,
    measured: BTreeMap<&'static str, Vec<u128>>,
}

impl Bench {
    fn new() -> Self {
        let source = SourcePolicy {
            name: "infra".parse().expect("a name"),
            reference: "main".parse().expect("a branch"),
            poll_every: Span::from_mins(1),
            rewinds: RewindPolicy::Ask,
        };
        let settings = Settings {
            sources: vec![source],
            max_live_runs: 8,
            retry_base: Span::from_secs(30),
            retry_max: Span::from_mins(10),
            drain_timeout: Span::from_mins(10),
        };
        let now = Timestamp::UNIX_EPOCH;
        let facts = SourceFacts { admitted: None, head: None::<Head> };
        let memory = Memory {
            sources: BTreeMap::from([(settings.sources[0].name.clone(), facts)]),
            ..Memory::default()
        };
        Self {
            core: Reconciler::new(settings, memory, 1, now),
            now,
            live: Vec::new(),
            hosts: (0..HOSTS).map(|it| (HostName::new(format!("h{it}")), HostEnd::Converged)).collect(),
            measured: BTreeMap::new(),
        }
    }

    /// One step; what it starts is live.
    fn measure(&mut self, what: &'static str, event: Event) {
        self.now = later(self.now, Span::from_millis(5));
        let begin = Instant::now();
        let decisions = self.core.step(self.now, event);
        let took = begin.elapsed().as_micros();
        self.measured.entry(what).or_default().push(took);
        let begin = Instant::now();
        let facts = self.core.take_facts();
        self.measured.entry("(what changed is told)").or_default().push(begin.elapsed().as_micros());
        let begin = Instant::now();
        let next = self.core.next_wakeup(self.now);
        self.measured.entry("(the timer is set)").or_default().push(begin.elapsed().as_micros());
        assert!(next.is_none_or(|it| self.now < it) && facts.len() < 3 * STACKS, "the core works");
        for decision in decisions {
            if let Decision::Start { spec, .. } = decision {
                self.live.push(spec.run);
            }
        }
    }

    /// A new commit is fetched: the worst step, since each stack looks at it.
    fn admit(&mut self, commit: usize) {
        let lineage = match commit {
            0 => Lineage::First,
            _ => Lineage::Descendant { of: hash(commit - 1) },
        };
        let stacks = (0..STACKS).map(stack).collect();
        let declaration = Ok(Declaration { stacks, ..Declaration::default() });
        let revision = Revision { reference: "main".parse().expect("a branch"), commit: hash(commit) };
        let tip = Tip { revision, lineage, declaration };
        let source = || "infra".parse().expect("a name");
        self.measure("a fetch begins", Event::Hinted { source: source() });
        self.measure("a new commit is admitted", Event::Fetched { source: source(), tip });
    }

    fn finish_everything(&mut self) {
        while let Some(run) = self.live.pop() {
            let (ending, hosts) = (Ending::plain(Outcome::Changed), self.hosts.clone());
            self.measure("a run ends, the next starts", Event::RunFinished { run, ending, hosts });
        }
    }

    /// What a page or a scrape of the metrics costs.
    fn show(&mut self) {
        let begin = Instant::now();
        let stacks = self.core.stacks(self.now).len();
        self.measured.entry("(all stacks are shown)").or_default().push(begin.elapsed().as_micros());
        assert_eq!(stacks, STACKS, "all stacks are shown");
    }

    fn print(mut self) {
        println!("{:28} {:>8} {:>10} {:>10}", "step with 1,000 stacks", "times", "median µs", "worst µs");
        for (what, times) in &mut self.measured {
            times.sort_unstable();
            let (median, worst) = (times[times.len() / 2], times[times.len() - 1]);
            println!("{what:28} {:>8} {median:>10} {worst:>10}", times.len());
        }
    }
}

fn hash(commit: usize) -> CommitHash {
    format!("{commit:040x}").parse().expect("a hash")
}

fn stack(number: usize) -> StackPolicy {
    let id: StackId = format!("infra/stack-{number}").parse().expect("a stack");
    let base = (!number.is_multiple_of(10))
        .then(|| format!("stack-{}", number - number % 10).parse().expect("a name"));
    StackPolicy {
        id,
        playbook: "site.yml".to_owned(),
        inventory: "inventories/production".to_owned(),
        limit: Some("web".to_owned()),
        tags: Vec::new(),
        skip_tags: Vec::new(),
        extra_vars: BTreeMap::new(),
        forks: None,
        apply: ApplyPolicy::OnCommit,
        heal: HealPolicy::Never,
        check_every: Span::from_hours(1),
        timeout: Span::from_mins(30),
        depends_on: base.into_iter().collect(),
        runtime: RuntimeSpec::System,
    }
}
