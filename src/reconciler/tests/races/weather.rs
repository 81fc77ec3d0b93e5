//! What happens: people, the forge, runs and the daemon, in random order.

use std::collections::BTreeMap;

use crate::domain::{
    Change, Ending, Event, Failure, Findings, HostEnd, HostName, LockKey, MergeRequestNumber,
    MergeRequestState, Mode, Outcome, Question, Retry, RunId, Span, StackName, TaskCounts, TaskIdentity,
    Trigger, later,
};

use super::forge::{How, PEOPLE, STACKS};
use super::world::{Running, World, hosts, infra, random_settings};

impl World {
    /// One thing happens.
    pub(super) fn weather(&mut self) {
        let pause = Span::from_secs(i64::try_from(self.dice.below(8)).expect("small"));
        self.now = later(self.now, pause);
        match self.dice.below(100) {
            0..12 => self.sleep(),
            12..22 => self.fetch_ends(),
            22..32 => self.forge_answers(),
            32..42 => self.preview_ends(),
            42..58 => self.run_goes_on(),
            58..62 => self.report_ends(),
            62..67 => self.somebody_hints(),
            67..72 => self.somebody_opens(),
            72..77 => self.somebody_pushes_a_head(),
            77..84 => self.somebody_approves_or_withdraws(),
            84..88 => self.somebody_merges(),
            88..90 => self.somebody_closes_or_reopens(),
            90 => self.somebody_pushes_to_main(),
            91..94 => self.somebody_asks_for_a_preview(),
            94..97 => self.somebody_approves_of_a_look(),
            97 => self.hosts_change(),
            98 => self.operator_reconfigures(),
            _ => self.restart("it is killed"),
        }
    }

    /// Until the core wants to be asked, or something before.
    pub(super) fn sleep(&mut self) {
        let Some(next) = self.core.next_wakeup(self.now) else { return };
        self.now = next;
        self.feed(&Event::Tick);
    }

    pub(super) fn fetch_ends(&mut self) {
        let Some((base, answer)) = self.fetches.pop() else { return };
        if self.stormy && self.dice.chance(10) {
            return self.feed(&Event::FetchFailed { source: infra(), failure: Failure::soon("no route") });
        }
        let tip = answer.unwrap_or_else(|| self.forge.fetch(base.as_ref()));
        self.feed(&Event::Fetched { source: infra(), tip });
    }

    pub(super) fn forge_answers(&mut self) {
        let Some((answer, _)) = self.asks.first() else { return };
        if self.stormy && self.dice.chance(15) {
            return self.feed(&Event::ForgeFailed { source: infra(), failure: Failure::soon("it is down") });
        }
        let merge_requests = answer.clone().unwrap_or_else(|| self.forge.list());
        self.feed(&Event::MergeRequestsSeen { source: infra(), merge_requests });
    }

    pub(super) fn preview_ends(&mut self) {
        let Some((number, head, target)) = self.previews.first().cloned() else { return };
        let moved = self.forge.proposals[&number].head != head;
        let made = if self.stormy && self.dice.chance(if moved { 50 } else { 10 }) {
            let retry = if self.dice.chance(70) { Retry::Soon } else { Retry::UntilChanged };
            Err(Failure { retry, ..Failure::soon("its head moved") })
        } else {
            let runtime = self.stormy && self.dice.chance(5);
            Ok(Box::new(self.forge.preview(number, &head, &target, runtime)))
        };
        self.feed(&Event::Previewed { source: infra(), number, head, target, made });
    }

    pub(super) fn report_ends(&mut self) {
        let Some((number, version, facts)) = self.reports.pop() else { return };
        let failure = (self.stormy && self.dice.chance(20)).then(|| Failure::soon("it is down"));
        if failure.is_none() {
            self.told.insert(number, facts);
        }
        self.feed(&Event::Reported { source: infra(), number, version, failure });
    }

    pub(super) fn run_goes_on(&mut self) {
        let all: Vec<RunId> = self.runs.keys().copied().collect();
        let Some(run) = self.dice.one_of(&all).copied() else { return };
        let running = &self.runs[&run];
        if !running.dead && running.asked.is_none() && !running.stopped {
            return self.run_asks(run);
        }
        let (outcome, bad) = self.outcome(run);
        self.run_ends(run, outcome, bad);
    }

    fn run_asks(&mut self, run: RunId) {
        let spec = &self.runs[&run].spec;
        let stack = spec.stack.stack.clone();
        let key = |it: &HostName| (it.clone(), LockKey::address(&format!("{it}.{stack}"), None));
        let asked: BTreeMap<HostName, LockKey> = self.state[&stack].1.iter().map(key).collect();
        let count = u32::try_from(asked.len()).expect("few hosts");
        let question = Question { number: 1, play: None, plays: Vec::new(), hosts: asked, inventory: count };
        self.feed(&Event::HostsAsked { run, question });
    }

    fn outcome(&mut self, run: RunId) -> (Outcome, HostEnd) {
        let Running { spec, asked, stopped, dead, .. } = &self.runs[&run];
        let good = match (spec.mode, spec.trigger) {
            (Mode::Check, Trigger::Verify) => Outcome::InSync,
            (Mode::Check, _) => Outcome::Drifted,
            (Mode::Apply, _) => Outcome::Changed,
        };
        match (dead, asked, stopped) {
            (true, ..) => (Outcome::Interrupted, HostEnd::Unfinished),
            (_, Some(false), _) => (Outcome::Refused, HostEnd::Unfinished),
            (.., true) => (Outcome::Cancelled, HostEnd::Unfinished),
            _ if !self.stormy => (good, HostEnd::Converged),
            _ => match self.dice.below(20) {
                0..3 => (Outcome::Failed, HostEnd::Failed),
                3 => (Outcome::Interrupted, HostEnd::Unfinished),
                // Hosts that are owed are the matter of another test.
                4 if spec.mode == Mode::Check => (Outcome::Unreachable, HostEnd::Unreachable),
                _ => (good, HostEnd::Converged),
            },
        }
    }

    pub(super) fn run_ends(&mut self, run: RunId, outcome: Outcome, end: HostEnd) {
        let Some(it) = self.runs.get(&run) else { return };
        let (content, hosts) = it.sees.clone();
        let begun = outcome != Outcome::Refused;
        let mut findings = Findings { begun, ..Findings::default() };
        let mut ends = BTreeMap::new();
        if begun {
            let identity = TaskIdentity { name: "page".to_owned(), ..TaskIdentity::default() };
            let changed = u32::from(outcome != Outcome::InSync);
            findings.tasks.push((identity, TaskCounts { ok: 1, changed, ..TaskCounts::default() }));
            for host in hosts {
                if changed == 0 {
                    ends.insert(host, end);
                    continue;
                }
                let (item, digest) = (String::new(), content.to_string());
                findings.changes.push(Change { task: 0, host: host.clone(), item, digest });
                ends.insert(host, end);
            }
        }
        let (ending, findings) = (Ending::plain(outcome), Box::new(findings));
        self.feed(&Event::RunFinished { run, ending, hosts: ends, findings });
    }

    /// Hints come twice, or not at all.
    fn somebody_hints(&mut self) {
        for _ in 0..self.dice.below(3) {
            self.feed(&Event::Hinted { source: infra() });
        }
    }

    fn any_request(&mut self, open: bool) -> Option<MergeRequestNumber> {
        let all = self.forge.proposals.iter();
        let all = all.filter(|(_, it)| !open || it.state == MergeRequestState::Open);
        let all: Vec<MergeRequestNumber> = all.map(|(number, _)| *number).rev().take(3).collect();
        self.dice.one_of(&all).copied()
    }

    fn somebody_opens(&mut self) {
        let author = PEOPLE[self.dice.below(PEOPLE.len())];
        let fork = self.dice.chance(15);
        let touches = STACKS.into_iter().filter(|_| self.dice.chance(60)).collect();
        let number = self.forge.open(author, fork, touches);
        self.tell(|| format!("-- {author} opens {number}"));
    }

    fn somebody_pushes_a_head(&mut self) {
        let Some(number) = self.any_request(true) else { return };
        if self.runs.values().any(|it| it.spec.merge_request == Some(number)) {
            self.lived.note("pushed while live");
        }
        self.forge.push_head(number);
        self.tell(|| format!("-- a push to {number}: {}", self.forge.proposals[&number].head));
    }

    fn somebody_approves_or_withdraws(&mut self) {
        let Some(number) = self.any_request(false) else { return };
        let by = PEOPLE[self.dice.below(PEOPLE.len())];
        let proposal = self.forge.proposals.get_mut(&number).expect("it is there");
        if self.dice.chance(15) {
            proposal.approvals.remove(by);
            return self.tell(|| format!("-- {by} withdraws from {number}"));
        }
        // Somebody read it for a while: meanwhile there may have been a push.
        let seen =
            if self.dice.chance(25) { self.dice.one_of(&proposal.heads) } else { proposal.heads.last() };
        let head = seen.expect("a head").clone();
        self.tell(|| format!("-- {by} approves of {head} of {number}"));
        self.forge.approve(number, by, head);
    }

    fn somebody_merges(&mut self) {
        let Some(number) = self.any_request(true) else { return };
        let (wanted, proposal) = (1, &self.forge.proposals[&number]);
        let good =
            proposal.approvals.iter().filter(|(by, it)| **by != proposal.author && **it == proposal.head);
        // Mostly the forge sees to it that somebody approved; but it need not be set up like that.
        if good.count() < wanted && self.dice.chance(80) {
            return;
        }
        let as_proposed = self.dice.chance(95);
        self.forge.merge(number, as_proposed);
        self.tell(|| format!("-- {number} is merged, as proposed: {as_proposed}: {}", self.forge.tip));
    }

    fn somebody_closes_or_reopens(&mut self) {
        let Some(number) = self.any_request(false) else { return };
        let proposal = self.forge.proposals.get_mut(&number).expect("it is there");
        proposal.state = match proposal.state {
            MergeRequestState::Open => MergeRequestState::Closed,
            MergeRequestState::Closed => MergeRequestState::Open,
            MergeRequestState::Merged { .. } => return,
        };
        self.tell(|| format!("-- {number} is closed or opened again"));
    }

    fn somebody_pushes_to_main(&mut self) {
        if self.dice.chance(50) {
            let commit = self.forge.land(How::Pushed);
            self.tell(|| format!("-- a push to main: {commit}"));
        }
    }

    /// Somebody looks at a merge request, and asks a little later.
    fn somebody_asks_for_a_preview(&mut self) {
        if let Some((number, head)) = self.requests.pop().filter(|_| self.dice.chance(60)) {
            let by = "zoe".to_owned();
            return self.feed(&Event::PreviewRequested { source: infra(), number, head, by });
        }
        let known = self.memory.merge_requests.get(&infra()).into_iter().flatten();
        let known: Vec<_> = known.map(|(number, it)| (*number, it.seen.head.clone())).collect();
        self.requests.extend(self.dice.one_of(&known).cloned());
    }

    /// Somebody looks at what a revision would do, and approves a little later.
    fn somebody_approves_of_a_look(&mut self) {
        if let Some((stack, digest, look)) = self.approving.pop() {
            return self.somebody_approves_of(&stack, digest, &look);
        }
        self.somebody_looks();
    }

    pub(super) fn somebody_looks(&mut self) {
        for (id, facts) in &self.memory.stacks {
            let Some(shown) = &facts.approval else { continue };
            let Some((look, _)) = self.looks.get(&id.stack) else { continue };
            if shown.revision.commit == look.commit {
                self.approving.push((id.stack.clone(), shown.digest.clone(), look.clone()));
            }
        }
    }

    pub(super) fn somebody_approves_of(
        &mut self,
        stack: &StackName,
        digest: String,
        look: &super::world::Look,
    ) {
        self.approves = Some((stack.clone(), look.clone()));
        let stack = format!("infra/{stack}").parse().expect("a stack");
        self.feed(&Event::RevisionApproved { stack, digest, by: "zoe".to_owned() });
    }

    fn hosts_change(&mut self) {
        let stack: StackName = STACKS[self.dice.below(2)].parse().expect("a name");
        let to = (self.dice.below(3), hosts(1 + self.dice.below(3)));
        self.tell(|| format!("-- {stack} is {to:?} now"));
        self.state.insert(stack, to);
    }

    fn operator_reconfigures(&mut self) {
        let settings = random_settings(&mut self.dice);
        self.reconfigure(settings);
    }

    pub(super) fn reconfigure(&mut self, settings: crate::domain::Settings) {
        self.settings = settings.clone();
        self.feed(&Event::Reconfigured { settings });
    }
}
