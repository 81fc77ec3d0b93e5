//! The weather clears up: every push is good, every fetch and run succeeds, people end what they began. Then the
//! fleet must come to where Git says, and stay there without doing anything.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::{ApplyPolicy, Ending, Event, Mode, Outcome, Request, Span, StackId, SyncStatus, later};

use super::endings;
use super::promise;
use super::world::World;

impl World {
    pub(super) fn calm_down(&mut self) {
        self.tell(|| "-- the weather clears up".to_owned());
        self.stormy = false;
        self.deliver(&Event::RoomSeen { enough: true });
        self.finish_stopping();
        let sources: Vec<_> = self.remotes.keys().cloned().collect();
        for source in sources {
            let commit = self.new_commit();
            self.remotes.get_mut(&source).expect("it is there").push_calm(commit);
        }
        self.everybody_resumes();
        let deadline = later(self.now, Span::from_hours(3));
        self.come_to_rest("every source is at its tip and nothing is live", Self::heads_are_at_tips);
        self.everybody_resumes();
        for stack in self.manual_stacks() {
            let (by, mode) = ("alice".to_owned(), Mode::Apply);
            let request =
                Request { mode, by, revision: None, limit: None, tags: Vec::new(), outside_window: None };
            self.deliver(&Event::RunRequested { stack, request });
        }
        self.come_to_rest("every stack is in sync", Self::all_in_sync);
        let late = self.now;
        promise!(late < deadline, "when the world is calm the fleet converges", "not within three hours");
        self.check_rest();
        self.seen.at_rest = true;
        for _ in 0..4 {
            self.sleep();
            self.answer_fetches();
        }
        let applies = self.executing.values().any(|it| it.spec.mode == Mode::Apply);
        promise!(!applies, "what is in sync is left alone", "{:?}", self.executing);
    }

    /// The old daemon, if it is stopping, ends as it should.
    fn finish_stopping(&mut self) {
        for _ in 0..20 {
            if self.seen.stopping.is_none() {
                return;
            }
            self.end_one_run();
        }
        promise!(self.seen.stopping.is_none(), "the daemon exits when nothing is live", "it did not");
    }

    fn everybody_resumes(&mut self) {
        let stopped =
            self.core.stacks(self.now).into_iter().filter(|it| it.suspended.is_some() || it.hold.is_some());
        for stack in stopped.map(|it| it.id).collect::<Vec<StackId>>() {
            self.deliver(&Event::Resumed { stack, by: "alice".to_owned() });
        }
    }

    fn manual_stacks(&self) -> Vec<StackId> {
        let stacks = self.core.stacks(self.now).into_iter();
        stacks.filter(|it| it.policy.apply == ApplyPolicy::Manual).map(|it| it.id).collect()
    }

    fn come_to_rest(&mut self, aim: &str, reached: fn(&Self) -> bool) {
        for _ in 0..600 {
            if !self.executing.is_empty() {
                self.end_one_run();
            } else if !self.fetches.is_empty() {
                self.answer_fetches();
            } else if !self.probes.is_empty() {
                self.answer_probes();
            } else if reached(self) {
                return;
            } else if !self.approve_what_waits() {
                self.sleep();
            }
        }
        let (sources, stacks) = (self.core.sources(), self.core.stacks(self.now));
        promise!(
            false,
            "when the world is calm the fleet converges",
            "not so: {aim}\n{sources:#?}\n{stacks:#?}"
        );
    }

    fn end_one_run(&mut self) {
        let Some((run, executing)) = self.executing.first_key_value() else { return };
        let run = *run;
        if !executing.dead && executing.asked.is_none() {
            return self.run_asks(run);
        }
        let Some(executing) = self.executing.remove(&run) else { return };
        let (ending, hosts) = match executing.asked {
            _ if executing.dead => endings::interrupted(&mut self.dice, &executing.spec),
            Some(false) => (Ending::plain(Outcome::Refused), BTreeMap::new()),
            _ => endings::success(&executing.spec),
        };
        self.deliver(&Event::RunFinished { run, ending, hosts, findings: Box::default() });
    }

    fn answer_probes(&mut self) {
        while let Some((stack, answered)) = self.probes.pop() {
            self.deliver(&Event::Probed { stack, answered, busy: BTreeSet::new() });
        }
    }

    fn answer_fetches(&mut self) {
        while let Some((source, base)) = self.fetches.pop() {
            let tip = self.remotes[&source].fetch(base.as_ref());
            self.deliver(&Event::Fetched { source, tip });
        }
    }

    fn approve_what_waits(&mut self) -> bool {
        let waiting = self.core.sources().into_iter().find_map(|it| Some((it.name, it.waiting?.commit)));
        let Some((source, commit)) = waiting else { return false };
        self.deliver(&Event::Approved { source, commit, by: "alice".to_owned() });
        true
    }

    fn heads_are_at_tips(&self) -> bool {
        self.core.sources().iter().all(|it| {
            let tip = self.remotes[&it.name].tip();
            it.admitted.as_ref() == Some(tip) && it.head.as_ref().is_some_and(|it| it.commit == *tip)
        })
    }

    fn all_in_sync(&self) -> bool {
        self.core.stacks(self.now).iter().all(|it| it.sync == SyncStatus::InSync && it.request.is_none())
    }

    /// Nobody is forgotten.
    fn check_rest(&self) {
        for stack in self.core.stacks(self.now) {
            let owed = stack.hosts.owed;
            promise!(owed == 0, "hosts that are owed are caught up", "{}: {owed}", stack.id);
            let seen = &self.seen.stacks[&stack.id];
            let pending = &seen.pending;
            promise!(pending.is_none(), "no request of a person is lost", "{}: {pending:?}", stack.id);
        }
    }
}
