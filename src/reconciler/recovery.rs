//! Rebuilds the core from what was kept. There is nothing else to recover: what was under way is found in the facts.

use std::collections::BTreeMap;

use crate::domain::{Memory, Settings, SourceFacts, SourceName, Timestamp};

use super::Reconciler;
use super::backoff::Jitter;
use super::drift::Tasks;
use super::ledger::Ledger;
use super::merge_requests::Followed;
use super::source::Source;
use super::stack::Stack;

impl Reconciler {
    /// The core of a daemon that starts at `now` with what earlier ones kept.
    ///
    /// Runs that were live stay live until the daemon reports their end. Every source is fetched at once. `seed` is
    /// where all jitter comes from.
    pub fn new(settings: Settings, memory: Memory, seed: u64, now: Timestamp) -> Self {
        let mut sources: BTreeMap<SourceName, Source> = settings
            .sources
            .iter()
            .map(|it| (it.name.clone(), Source::new(Some(it.clone()), SourceFacts::default(), now)))
            .collect();
        for (name, facts) in memory.sources {
            known(&mut sources, name, now).facts = facts;
        }
        let mut next_run = memory.next_run.max(1);
        for (id, facts) in memory.stacks {
            let runs = [facts.live.as_ref().map(|it| it.run), facts.attempt.as_ref().map(|it| it.run)];
            next_run = runs.into_iter().flatten().map(|it| it.0 + 1).fold(next_run, u64::max);
            known(&mut sources, id.source, now).stacks.insert(id.stack, Stack::new(facts));
        }
        for (id, tasks) in memory.tasks {
            let stacks = &mut known(&mut sources, id.source, now).stacks;
            stacks.entry(id.stack).or_default().tasks = Tasks::new(tasks);
        }
        for (id, hosts) in memory.hosts {
            let stacks = &mut known(&mut sources, id.source, now).stacks;
            stacks.entry(id.stack).or_default().ledger = Ledger::new(hosts);
        }
        for (name, all) in memory.merge_requests {
            let followed = all.into_iter().map(|(number, facts)| (number, Followed::new(facts)));
            known(&mut sources, name, now).requests.all = followed.collect();
        }
        sources.values_mut().for_each(Source::declare);
        Self {
            settings,
            jitter: Jitter { seed },
            sources,
            next_run,
            next_run_changed: false,
            drain: None,
            room: true,
            answers: Vec::new(),
            locks_moved: false,
            decided_at: Timestamp::MIN,
        }
    }
}

fn known(sources: &mut BTreeMap<SourceName, Source>, name: SourceName, now: Timestamp) -> &mut Source {
    sources.entry(name).or_insert_with(|| Source::new(None, SourceFacts::default(), now))
}
