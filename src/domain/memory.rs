//! What the core is rebuilt from.

use std::collections::BTreeMap;

use super::{
    Fact, HostLedger, HostName, MergeRequestFacts, MergeRequestNumber, SourceFacts, SourceName, StackFacts,
    StackId, TaskFacts, TaskKey,
};

/// Everything that the core is rebuilt from after a restart.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Memory {
    /// Facts of sources, configured or not any more.
    pub sources: BTreeMap<SourceName, SourceFacts>,
    /// Facts of stacks, declared or not any more.
    pub stacks: BTreeMap<StackId, StackFacts>,
    /// The ledger.
    pub hosts: BTreeMap<StackId, BTreeMap<HostName, HostLedger>>,
    /// Tasks that something is to be said about.
    pub tasks: BTreeMap<StackId, BTreeMap<TaskKey, TaskFacts>>,
    /// Merge requests that are followed.
    pub merge_requests: BTreeMap<SourceName, BTreeMap<MergeRequestNumber, MergeRequestFacts>>,
    /// The number of the next run.
    pub next_run: u64,
}

impl Memory {
    /// Takes one fact in, as the store does.
    pub fn learn(&mut self, fact: Fact) {
        match fact {
            Fact::Source { name, facts } => {
                self.sources.insert(name, facts);
            }
            Fact::Stack { id, facts } => {
                self.stacks.insert(id, *facts);
            }
            Fact::Host { stack, host, ledger } => {
                self.hosts.entry(stack).or_default().insert(host, ledger);
            }
            Fact::Task { stack, task, facts: Some(facts) } => {
                self.tasks.entry(stack).or_default().insert(task, facts);
            }
            Fact::Task { stack, task, facts: None } => {
                if let Some(tasks) = self.tasks.get_mut(&stack) {
                    tasks.remove(&task);
                }
            }
            Fact::MergeRequest { source, number, facts: Some(facts) } => {
                self.merge_requests.entry(source).or_default().insert(number, *facts);
            }
            Fact::MergeRequest { source, number, facts: None } => {
                if let Some(all) = self.merge_requests.get_mut(&source) {
                    all.remove(&number);
                }
            }
            // Kept with the record of the run and in the audit chain, which the core does not read.
            Fact::RunPrediction { .. } | Fact::Landed { .. } => {}
            Fact::NextRun { run } => self.next_run = run.0,
        }
    }
}
