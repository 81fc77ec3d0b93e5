//! A daemon dies in any weather, and another one begins with a backup of it, hours later and elsewhere.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::{
    CheckSchedule, Decision, Event, Memory, Mode, Outcome, RunSpec, Selection, SourceName, Span, StackId,
    Timestamp, Trigger, later,
};
use crate::reconciler::Reconciler;

use super::endings;
use super::promise;
use super::world::World;

/// What was seen since the restore.
#[derive(Default)]
struct Since {
    fetched: BTreeSet<SourceName>,
    /// Stacks of which a run of the whole stack ended that others did not end.
    looked: BTreeSet<StackId>,
    applied: BTreeSet<(StackId, String)>,
}

#[test]
fn a_restored_daemon_starts_nothing_on_the_word_of_its_backup() {
    for seed in 0..3000 {
        let mut world = World::new(seed, false);
        for _ in 0..world.dice.below(80) {
            world.weather();
        }
        let backup = world.memory.clone();
        for _ in 0..world.dice.below(60) {
            world.weather();
        }
        world.now = later(world.now, Span::from_hours(1));
        world.begin_with(&backup);
    }
}

impl World {
    fn begin_with(mut self, backup: &Memory) {
        let given = self.memory.next_run;
        let mut core = Reconciler::new(self.settings.clone(), backup.clone(), self.seed, self.now);
        let mut live: Vec<RunSpec> = core.live_runs().into_iter().cloned().collect();
        let left: BTreeSet<_> = live.iter().map(|it| it.run).collect();
        let (mut fetches, mut since) = (Vec::new(), Since::default());
        let mut event = Event::Restored { made: Timestamp::UNIX_EPOCH };
        let until = later(self.now, Span::from_hours(2));
        while self.now < until {
            for decision in core.step(self.now, event) {
                match decision {
                    Decision::Fetch { source, admitted } => fetches.push((source, admitted)),
                    Decision::Start { spec, .. } => {
                        promise!(
                            given <= spec.run.0,
                            "numbers of runs are not given twice",
                            "{}: {}",
                            self.seed,
                            spec.run
                        );
                        since.check(&spec, backup, self.seed);
                        live.push(*spec);
                    }
                    _ => {}
                }
            }
            event = match self.dice.below(3) {
                0 if !fetches.is_empty() => {
                    let (source, base) = fetches.swap_remove(0);
                    let tip = self.remotes[&source].fetch(base.as_ref());
                    since.fetched.insert(source.clone());
                    Event::Fetched { source, tip }
                }
                1 if !live.is_empty() => {
                    let spec = live.swap_remove(0);
                    let (ending, hosts) = if left.contains(&spec.run) {
                        endings::interrupted(&mut self.dice, &spec)
                    } else {
                        endings::random(&mut self.dice, &spec, None)
                    };
                    let findings = endings::findings(&mut self.dice, &spec, &ending, &hosts);
                    if spec.selection == Selection::Full && !ending.outcome.ended_by_others() {
                        since.looked.insert(spec.stack.clone());
                    }
                    if ending.outcome == Outcome::Refused {
                        // It was not let at its hosts, so it is as if it had not been.
                        since.applied.remove(&(spec.stack.clone(), spec.revision.commit.to_string()));
                    }
                    Event::RunFinished { run: spec.run, ending, hosts, findings }
                }
                _ => {
                    self.now = core.next_wakeup(self.now).unwrap_or(until);
                    Event::Tick
                }
            };
        }
    }
}

impl Since {
    fn check(&mut self, spec: &RunSpec, backup: &Memory, seed: u64) {
        let known = backup.stacks.get(&spec.stack);
        promise!(spec.trigger != Trigger::Person, "wishes of before the backup lapse", "{seed}: {spec:?}");
        if spec.mode == Mode::Check || known.is_none_or(|it| it.attempt.is_none()) {
            return;
        }
        promise!(
            self.fetched.contains(&spec.stack.source),
            "nothing is applied before its source was fetched",
            "{seed}: {spec:?}"
        );
        if spec.trigger == Trigger::NewRevision {
            let once = self.applied.insert((spec.stack.clone(), spec.revision.commit.to_string()));
            promise!(once, "newer commits are applied once", "{seed}: {spec:?}");
            return;
        }
        let policies = backup.sources.get(&spec.stack.source).and_then(|it| it.head.as_ref());
        let policies: BTreeMap<_, _> =
            policies.iter().flat_map(|it| &it.declaration.stacks).map(|it| (&it.id, &it.check)).collect();
        let never = policies.get(&spec.stack).is_none_or(|it| **it == CheckSchedule::Never);
        promise!(
            never || self.looked.contains(&spec.stack),
            "nothing is retried, caught up or corrected before it was looked",
            "{seed}: {spec:?}"
        );
    }
}
