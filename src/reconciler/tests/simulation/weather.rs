//! What may happen in the world, at random.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::{
    CommitHash, Event, Failure, HostName, Lineage, Mode, Request, Retry, RunId, SourceName, Span, StackId,
    later,
};

use super::endings;
use super::remote::revision;
use super::world::{World, random_settings};

impl World {
    /// Something happens.
    pub(super) fn weather(&mut self) {
        if self.dice.chance(50) {
            self.now =
                later(self.now, Span::from_millis(i64::try_from(self.dice.below(4000)).expect("small")));
        }
        match self.dice.below(100) {
            0..22 => self.sleep(),
            22..24 => (0..20).for_each(|_| self.sleep()),
            24..38 => self.fetch_ends(),
            38..40 => self.probe_ends(),
            40..58 => self.run_ends(),
            58..66 => self.somebody_pushes(),
            66..69 => self.somebody_rewrites(),
            69..71 => self.somebody_hints(),
            71..78 => self.somebody_asks(),
            78..84 => self.somebody_suspends_or_resumes(),
            84..88 => self.somebody_cancels(),
            88..92 => self.somebody_approves(),
            92..94 => self.the_operator_reconfigures(),
            94..95 => drop(self.feed(&Event::ShutdownRequested)),
            95..98 => self.nonsense(),
            _ => self.restart("it is killed"),
        }
    }

    fn any_source(&mut self) -> SourceName {
        let names: Vec<SourceName> = self.remotes.keys().cloned().collect();
        self.dice.one_of(&names).expect("there are two").clone()
    }

    fn any_stack(&mut self) -> StackId {
        let source = self.any_source();
        let names = self.remotes[&source].names().clone();
        self.dice.one_of(&names).expect("there are four").clone()
    }

    /// The daemon sleeps as long as the core says, sometimes a little longer.
    pub(super) fn sleep(&mut self) {
        let Some(next) = self.core.next_wakeup(self.now) else { return };
        self.now = next;
        if self.stormy && self.dice.chance(10) {
            self.now = later(self.now, Span::from_secs(20));
        }
        let decisions = self.feed(&Event::Tick);
        self.idle_ticks = if decisions.is_empty() { self.idle_ticks + 1 } else { 0 };
        let ticks = self.idle_ticks;
        super::promise!(ticks < 14, "the daemon never spins", "{ticks} ticks in a row for nothing");
    }

    pub(super) fn deliver(&mut self, event: &Event) {
        self.idle_ticks = 0;
        self.feed(event);
    }

    fn fetch_ends(&mut self) {
        if self.fetches.is_empty() {
            return;
        }
        let place = self.dice.below(self.fetches.len());
        let (source, base) = self.fetches.swap_remove(place);
        if self.dice.chance(20) {
            let retry = match self.dice.below(4) {
                0 => Retry::UntilChanged,
                1 => Retry::After(Span::from_mins(20)),
                _ => Retry::Soon,
            };
            let failure = Failure { retry, ..Failure::soon("no route to host") };
            self.deliver(&Event::FetchFailed { source, failure });
            return;
        }
        let mut tip = self.remotes[&source].fetch(base.as_ref());
        if self.dice.chance(2) {
            tip.lineage = Lineage::Descendant { of: self.any_commit() };
        }
        let event = Event::Fetched { source, tip };
        self.last_answer = Some(event.clone());
        self.deliver(&event);
    }

    fn any_commit(&mut self) -> CommitHash {
        let source = self.any_source();
        let remote = &self.remotes[&source];
        remote.tip().clone()
    }

    fn run_ends(&mut self) {
        let runs: Vec<RunId> = self.executing.keys().copied().collect();
        let Some(run) = self.dice.one_of(&runs).copied() else { return };
        let executing = &self.executing[&run];
        if !executing.dead && executing.asked.is_none() && self.dice.chance(70) {
            return self.run_asks(run);
        }
        let executing = self.executing.remove(&run).expect("it was there");
        let (ending, hosts) = match executing.asked {
            _ if executing.dead => endings::interrupted(&mut self.dice, &executing.spec),
            Some(false) => (crate::domain::Ending::plain(crate::domain::Outcome::Refused), BTreeMap::new()),
            _ => endings::random(&mut self.dice, &executing.spec, executing.stopped),
        };
        let findings = endings::findings(&mut self.dice, &executing.spec, &ending, &hosts);
        self.deliver(&Event::RunFinished { run, ending, hosts, findings });
    }

    /// A run asks for its hosts before it touches one.
    pub(super) fn run_asks(&mut self, run: RunId) {
        let question = endings::question(&self.executing[&run].spec);
        self.deliver(&Event::HostsAsked { run, question: question.clone() });
        // A crash may have ended it meanwhile.
        if self.executing.get(&run).is_some_and(|it| it.asked == Some(true) && it.stopped.is_none()) {
            let play = crate::domain::Question { number: 2, play: Some(0), plays: Vec::new(), ..question };
            self.deliver(&Event::HostsAsked { run, question: play });
            let kept =
                self.executing.get(&run).is_none_or(|it| it.asked != Some(false) || it.stopped.is_some());
            super::promise!(kept, "a run keeps the hosts that it was given", "{run}");
        }
    }

    fn probe_ends(&mut self) {
        if let Some((stack, hosts)) = self.probes.pop() {
            let answered: BTreeSet<HostName> = hosts.into_iter().filter(|_| self.dice.chance(60)).collect();
            let busy = answered.iter().filter(|_| self.dice.chance(20)).cloned().collect();
            self.deliver(&Event::Probed { stack, answered, busy });
        }
    }

    fn somebody_pushes(&mut self) {
        let (source, commit) = (self.any_source(), self.new_commit());
        let remote = self.remotes.get_mut(&source).expect("it is there");
        remote.push_random(&mut self.dice, commit);
        let tip = remote.tip();
        self.tell(|| format!("-- a push to {source}: {}", tip.as_str()));
        if self.dice.chance(60) {
            self.deliver(&Event::Hinted { source });
        }
    }

    fn somebody_rewrites(&mut self) {
        let (source, commit) = (self.any_source(), self.new_commit());
        let remote = self.remotes.get_mut(&source).expect("it is there");
        remote.rewrite(&mut self.dice, commit);
        let tip = remote.tip();
        self.tell(|| format!("-- history of {source} is rewritten: {}", tip.as_str()));
        self.deliver(&Event::Hinted { source });
    }

    fn somebody_hints(&mut self) {
        let source = self.any_source();
        for _ in 0..=self.dice.below(3) {
            self.deliver(&Event::Hinted { source: source.clone() });
        }
    }

    fn somebody_asks(&mut self) {
        let stack = self.any_stack();
        let admitted = self.seen.sources.get(&stack.source).map(|it| it.admitted_ever.clone());
        let older = admitted.and_then(|it| self.dice.one_of(&it).cloned());
        let request = Request {
            mode: if self.dice.chance(35) { Mode::Check } else { Mode::Apply },
            by: ["alice", "bob"][self.dice.below(2)].to_owned(),
            revision: older.filter(|_| self.dice.chance(25)).map(|it| revision(&it)),
            limit: self.dice.chance(25).then(|| "h1".to_owned()),
            tags: if self.dice.chance(12) { vec!["nginx".to_owned()] } else { Vec::new() },
            outside_window: self.dice.chance(10).then(|| "an emergency".to_owned()),
        };
        self.deliver(&Event::RunRequested { stack, request });
    }

    fn somebody_suspends_or_resumes(&mut self) {
        let (stack, by) = (self.any_stack(), "carol".to_owned());
        if self.dice.chance(40) {
            self.deliver(&Event::Suspended { stack, by });
        } else {
            self.deliver(&Event::Resumed { stack, by });
        }
    }

    fn somebody_cancels(&mut self) {
        let runs: Vec<RunId> = self.executing.keys().copied().collect();
        let Some(run) = self.dice.one_of(&runs).copied() else { return };
        let suspend = self.dice.chance(15);
        for _ in 0..=self.dice.below(2) {
            self.deliver(&Event::CancelRequested { run, by: "dave".to_owned(), suspend });
        }
    }

    fn somebody_approves(&mut self) {
        let source = self.any_source();
        let shown = self.core.sources().into_iter().find(|it| it.name == source);
        let waiting = shown.and_then(|it| it.waiting).map(|it| it.commit);
        let commit = match waiting {
            Some(commit) if self.dice.chance(80) => commit,
            _ => self.any_commit(),
        };
        self.deliver(&Event::Approved { source, commit, by: "erin".to_owned() });
    }

    fn the_operator_reconfigures(&mut self) {
        let names: Vec<SourceName> = self.remotes.keys().cloned().collect();
        self.settings = random_settings(&mut self.dice, &names);
        self.deliver(&Event::Reconfigured { settings: self.settings.clone() });
    }

    /// Late, repeated and unknown events.
    fn nonsense(&mut self) {
        let unknown: StackId = "nowhere/nothing".parse().expect("a stack");
        let event = match self.dice.below(7) {
            0 => {
                let run = RunId(u64::try_from(self.dice.below(60)).expect("small"));
                if self.executing.contains_key(&run) {
                    return;
                }
                let ending = crate::domain::Ending::plain(crate::domain::Outcome::Failed);
                Event::RunFinished { run, ending, hosts: BTreeMap::new(), findings: Box::default() }
            }
            1 => match &self.last_answer {
                Some(Event::Fetched { source, tip }) if self.fetches.iter().all(|(it, _)| it != source) => {
                    Event::Fetched { source: source.clone(), tip: tip.clone() }
                }
                _ => Event::Tick,
            },
            2 => Event::Hinted { source: unknown.source },
            3 => Event::FetchFailed { source: unknown.source, failure: Failure::soon("late") },
            4 => Event::RoomSeen { enough: self.dice.chance(60) },
            5 => Event::Suspended { stack: unknown, by: "frank".to_owned() },
            _ => Event::CancelRequested { run: RunId(9999), by: "frank".to_owned(), suspend: true },
        };
        self.deliver(&event);
    }
}
