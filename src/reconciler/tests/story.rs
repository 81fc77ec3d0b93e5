//! Stories in text: events in, the same story with decisions and what is shown filled in, out.
//!
//! A line is `TIME EVENT …`, for example `1m fetched a first`; `+5s` counts from the line before, and `wake` sleeps as
//! long as the core says. Under each stand the decisions (`=>`) and what was asked to be shown (`--`). A commit is one
//! hexadecimal digit. `given …` lines set the stage; `declares …` says which stacks the next tips declare.

mod forge;
mod found;
mod parse;

use std::fmt::Write as _;

use crate::domain::{
    Applied, Decision, Declaration, Event, Failure, Lineage, Memory, Settings, Span, StackPolicy, Timestamp,
    Tip, later,
};
use crate::reconciler::Reconciler;

use parse::{
    failure, finished, given, hash, id, request, revision, run_id, seconds, source, source_of, stack,
};

/// Tells the story and compares every line. With another expectation, prints the story as it went.
#[track_caller]
pub(super) fn check(story: &str) {
    let lines = || story.lines().map(str::trim).filter(|it| !it.is_empty());
    let mut teller = Teller::new();
    for line in lines().filter(|it| !it.starts_with("=>") && !it.starts_with("--")) {
        teller.tell(line);
    }
    let want: Vec<&str> = lines().collect();
    let told: Vec<&str> = teller.told.lines().map(str::trim).collect();
    assert!(want == told, "the story went otherwise:\n<<<\n{}>>>", teller.told);
}

struct Teller {
    settings: Settings,
    stacks: Vec<StackPolicy>,
    seed: u64,
    now: Timestamp,
    core: Option<Reconciler>,
    memory: Memory,
    /// What `restore` goes back to.
    backup: Memory,
    /// What a person saw before approving.
    saw: String,
    told: String,
}

impl Teller {
    fn new() -> Self {
        let mut it = Self {
            settings: Settings {
                sources: vec![source("infra")],
                max_live_runs: 4,
                retry_base: Span::from_secs(30),
                retry_max: Span::from_mins(10),
                drain_timeout: Span::from_mins(10),
            },
            stacks: Vec::new(),
            seed: 7,
            now: Timestamp::UNIX_EPOCH,
            core: None,
            memory: Memory::default(),
            backup: Memory::default(),
            saw: String::new(),
            told: String::new(),
        };
        it.declares("web");
        it
    }

    fn say(&mut self, line: &str) {
        let _ = writeln!(self.told, "{line}");
    }

    fn core(&mut self) -> &mut Reconciler {
        let (settings, memory, seed, now) = (&self.settings, &self.memory, self.seed, self.now);
        self.core.get_or_insert_with(|| Reconciler::new(settings.clone(), memory.clone(), seed, now))
    }

    fn tell(&mut self, line: &str) {
        self.say(line);
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["given", rest @ ..] => given(&mut self.settings, rest),
            ["declares", ..] => self.declares(line.trim_start_matches("declares")),
            ["wake"] => {
                let now = self.now;
                let next = self.core().next_wakeup(now).expect("something to wake up for");
                assert!(now < next, "the timer must not spin");
                self.now = next;
                self.say(&format!("    -- at {}", at(next)));
                self.step(Event::Tick);
            }
            [time, rest @ ..] => {
                self.now = match time.strip_prefix('+') {
                    Some(span) => later(self.now, seconds(span)),
                    None => later(Timestamp::UNIX_EPOCH, seconds(time)),
                };
                self.act(rest);
            }
            [] => {}
        }
    }

    fn act(&mut self, words: &[&str]) {
        match words {
            ["sleeps"] => {
                let now = self.now;
                let next = self.core().next_wakeup(now);
                let until = next.map_or_else(|| "an event".to_owned(), at);
                self.say(&format!("    -- until {until}"));
            }
            ["status"] => self.status(),
            ["sources"] => self.sources(),
            ["requests"] => {
                let lines: Vec<String> = self.core().merge_requests().iter().map(forge::standing).collect();
                for it in &lines {
                    self.say(it);
                }
            }
            ["explain", stack] => self.explain(stack),
            ["drift", stack] => self.drift(stack),
            ["restart"] => {
                self.core = None;
                let (memory, runs) = (self.memory.clone(), self.core().live_runs().len());
                self.say(&format!("    -- {runs} live"));
                assert_eq!(memory, self.memory);
            }
            [_, "sees", stack] => self.saw = self.shown(stack),
            ["forgets"] => self.memory = Memory::default(),
            ["backup"] => self.backup = self.memory.clone(),
            ["restore"] => {
                (self.memory, self.core) = (self.backup.clone(), None);
                self.step(Event::Restored { made: Timestamp::UNIX_EPOCH });
            }
            ["reconfigured", rest @ ..] => {
                given(&mut self.settings, rest);
                let settings = self.settings.clone();
                self.step(Event::Reconfigured { settings });
            }
            _ => {
                let event = self.event(words);
                self.step(event);
            }
        }
    }

    fn step(&mut self, event: Event) {
        let now = self.now;
        let core = self.core();
        let decisions = core.step(now, event);
        let facts = core.take_facts();
        assert!(core.take_facts().is_empty(), "facts are told once");
        assert_eq!(core.step(now, Event::Tick), [], "a second look at the same facts decides nothing");
        assert_eq!(core.take_facts(), [], "and changes nothing");
        for fact in facts {
            self.memory.learn(fact);
        }
        for decision in decisions {
            self.say(&format!("    => {}", decided(&decision)));
        }
    }

    fn event(&self, words: &[&str]) -> Event {
        let by = |it: &&str| (*it).to_owned();
        match words {
            ["tick"] => Event::Tick,
            ["hinted", rest @ ..] => Event::Hinted { source: source_of(rest).0 },
            ["fetched", rest @ ..] => {
                let (source, rest) = source_of(rest);
                Event::Fetched { source, tip: self.tip(rest) }
            }
            ["fetch", "failed", retry @ ..] => {
                Event::FetchFailed { source: source_of(&[]).0, failure: failure(retry) }
            }
            ["approved", commit, "by", name] => {
                Event::Approved { source: source_of(&[]).0, commit: hash(commit), by: by(name) }
            }
            [name, "asks", stack, mode, rest @ ..] => {
                Event::RunRequested { stack: id(stack), request: request(name, mode, rest) }
            }
            [name, "cancels", run, rest @ ..] => {
                Event::CancelRequested { run: run_id(run), by: by(name), suspend: rest == ["suspend"] }
            }
            [name, "suspends", stack] => Event::Suspended { stack: id(stack), by: by(name) },
            [name, "resumes", stack] => Event::Resumed { stack: id(stack), by: by(name) },
            ["finished", run, outcome, rest @ ..] => finished(run, outcome, rest),
            ["room", enough] => Event::RoomSeen { enough: *enough == "enough" },
            ["shutdown"] => Event::ShutdownRequested,
            ["asked", run, number, play, hosts @ ..] => {
                Event::HostsAsked { run: run_id(run), question: found::question(number, play, hosts) }
            }
            ["probed", stack, hosts @ ..] => {
                let (answered, busy) = found::probed(hosts);
                Event::Probed { stack: id(stack), answered, busy }
            }
            ["forge" | "previewed" | "reported", ..] | [_, "previews", ..] => forge::event(words),
            [name, "approves", stack] => {
                Event::RevisionApproved { stack: id(stack), digest: self.shown(stack), by: by(name) }
            }
            [name, "approves", "what", "was", "seen", "of", stack] => {
                Event::RevisionApproved { stack: id(stack), digest: self.saw.clone(), by: by(name) }
            }
            [name, "lets", stack] => {
                let hold = self.memory.stacks.get(&id(stack)).and_then(|it| it.locks.airbag.as_ref());
                let digest = hold.map_or_else(String::new, |it| it.digest.clone());
                Event::AirbagApproved { stack: id(stack), digest, by: by(name) }
            }
            _ => panic!("not an event: {words:?}"),
        }
    }

    /// The digest of what a person can approve of.
    fn shown(&self, stack: &str) -> String {
        let shown = self.memory.stacks.get(&id(stack)).and_then(|it| it.approval.as_ref());
        shown.map_or_else(String::new, |it| it.digest.clone())
    }

    fn tip(&self, words: &[&str]) -> Tip {
        let (commit, lineage, rest) = match words {
            [commit, "first", rest @ ..] => (commit, Lineage::First, rest),
            [commit, "same", rest @ ..] => (commit, Lineage::Same, rest),
            [commit, "after", of, rest @ ..] => (commit, Lineage::Descendant { of: hash(of) }, rest),
            [commit, "beside", from, rest @ ..] => (commit, Lineage::Rewound { from: hash(from) }, rest),
            _ => panic!("not a tip: {words:?}"),
        };
        let at = rest.iter().position(|it| *it == "line").unwrap_or(rest.len());
        let (rest, line) = (&rest[..at], rest[at..].iter().skip(1).map(|it| forge::landing(it)).collect());
        let (reference, broken) = match rest {
            [] | ["unsigned"] => ("main", false),
            ["broken"] => ("main", true),
            ["on", reference] => (*reference, false),
            _ => panic!("not a declaration: {rest:?}"),
        };
        let declaration = if broken {
            Err(Failure::until_changed("driftless.yml is broken"))
        } else {
            Ok(Declaration { stacks: self.stacks.clone(), ..Declaration::default() })
        };
        let refused = || Failure::until_changed(format!("{commit} is not signed")).security();
        let trust = if rest == ["unsigned"] { Err(refused()) } else { Ok(()) };
        Tip { revision: revision(reference, commit), lineage, declaration, line, tag: None, trust }
    }

    /// `web; db after web; tools manual; old limit a:b`.
    fn declares(&mut self, stacks: &str) {
        self.stacks = stacks.split(';').map(str::trim).filter(|it| !it.is_empty()).map(stack).collect();
    }

    fn status(&mut self) {
        let now = self.now;
        for it in self.core().stacks(now) {
            let applied = match it.applied {
                Applied::Nothing => "nothing".to_owned(),
                Applied::Everywhere(commit) => commit.short().to_owned(),
                Applied::Mixed => "mixed".to_owned(),
            };
            let counts = it.hosts;
            let hosts = format!(
                "{}/{} hosts, {} owed, {} failed",
                counts.converged, counts.total, counts.owed, counts.failed
            );
            let next = it.next_run.map_or_else(String::new, |it| format!(", next {}", at(it)));
            let line = format!(
                "    -- {} {} ({applied}, {hosts}{next}): {}",
                it.id.stack,
                it.sync.as_str(),
                it.reason
            );
            self.say(&brief(&line));
        }
    }

    fn sources(&mut self) {
        for it in self.core().sources() {
            let head = it.head.map_or_else(|| "nothing".to_owned(), |it| it.short());
            let admitted = it.admitted.map_or_else(|| "nothing".to_owned(), |it| it.short().to_owned());
            let waiting = it.waiting.map_or_else(String::new, |it| format!(", {} waits", it.short()));
            let refused = it.refused.map_or_else(String::new, |it| format!(", {} refused", it.short()));
            let next = it.next_fetch.map_or_else(String::new, |it| format!(", next {}", at(it)));
            let problem = it.problem.map_or_else(String::new, |it| format!(": {}", it.message));
            let line =
                format!("    -- {} at {head}, admitted {admitted}{waiting}{refused}{next}{problem}", it.name);
            self.say(&brief(&line));
        }
    }

    fn drift(&mut self, stack: &str) {
        let now = self.now;
        let Some(report) = self.core().drift(now, &id(stack)) else {
            return self.say("    -- nobody knows it");
        };
        for host in &report.hosts {
            for it in &host.drift {
                let times = it.onsets.len();
                self.say(&format!("    -- {} {} {} x{times}", host.host.as_str(), it.task.name, it.class));
            }
        }
        for task in &report.tasks {
            let flaps = if task.flapping_since.is_some() { " flapping" } else { "" };
            let lies = if task.unreliable_since.is_some() { " unreliable" } else { "" };
            let blind = if task.blind == 0 { "" } else { " blind" };
            if !(flaps.is_empty() && lies.is_empty() && blind.is_empty()) {
                self.say(&format!("    -- task {}{flaps}{lies}{blind}", task.identity.name));
            }
        }
        let correction = report.correction.unwrap_or_else(|| "nothing is to be corrected".to_owned());
        self.say(&format!("    -- {correction}"));
    }

    fn explain(&mut self, stack: &str) {
        let now = self.now;
        let Some(explanation) = self.core().explain(now, &id(stack)) else {
            self.say("    -- nobody knows it");
            return;
        };
        self.say(&brief(&format!("    -- {}", explanation.next)));
        for sentence in explanation.because {
            self.say(&brief(&format!("    -- because {sentence}")));
        }
    }
}

/// Seconds, so that jitter can be read off.
fn at(time: Timestamp) -> String {
    let seconds = time.duration_since(Timestamp::UNIX_EPOCH).as_millis();
    format!("{}.{}s", seconds / 1000, seconds % 1000 / 100)
}

fn decided(decision: &Decision) -> String {
    let text = match decision {
        Decision::Fetch { source, admitted } => {
            let base = admitted.as_ref().map_or_else(|| "nothing".to_owned(), |it| it.short().to_owned());
            format!("fetch {source} against {base}")
        }
        Decision::Start { spec, reason } => {
            let limit = spec.limit.as_ref().map_or_else(String::new, |it| format!(" on {it}"));
            let tags =
                if spec.tags.is_empty() { String::new() } else { format!(" tagged {}", spec.tags.join(",")) };
            let debts =
                spec.debts.iter().map(|(host, it)| format!(" paying {}@{}", it.handler, host.as_str()));
            let tags = format!("{tags}{}", debts.collect::<String>());
            let what = format!("{} {} {}{limit}{tags}", spec.stack.stack, spec.mode, spec.revision.short());
            format!("start {} {what} [{}] {reason}", spec.run, spec.trigger)
        }
        Decision::Stop { run, cancelled, reason } => {
            format!("{} {run}: {reason}", if *cancelled { "cancel" } else { "interrupt" })
        }
        Decision::Answer { run, question, refusal: None } => format!("answer {run}.{question} go"),
        Decision::Answer { run, question, refusal: Some(why) } => {
            format!("answer {run}.{question} no: {why}")
        }
        Decision::Probe { spec, hosts, reason } => {
            let hosts: Vec<&str> = hosts.iter().map(crate::domain::HostName::as_str).collect();
            format!("probe {} {}: {reason}", spec.stack.stack, hosts.join(","))
        }
        Decision::AskForge { source, .. } => format!("ask the forge of {source}"),
        Decision::Preview { number, head, target, level, .. } => {
            format!("preview {number} {} on {} {}", head.short(), target.short(), level.as_str())
        }
        Decision::Report { number, version, facts, .. } => forge::report(*number, *version, facts),
        Decision::Exit => "exit".to_owned(),
    };
    brief(&text)
}

/// One digit for each commit, as in the story.
fn brief(text: &str) -> String {
    "0123456789abcdef".chars().fold(text.to_owned(), |text, digit| {
        let digit = digit.to_string();
        text.replace(&digit.repeat(40), &digit).replace(&digit.repeat(10), &digit)
    })
}
