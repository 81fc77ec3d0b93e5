//! What a run did to each host: Ansible's PLAY RECAP, and the running tally that the outcome is computed from.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{HostName, ResultStatus, RunEvent, RunEventKind, TaskNumber, TaskResult, Verdict};

/// Counts of one host, as Ansible's PLAY RECAP has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub struct HostStats {
    /// Tasks that succeeded, changed ones included.
    #[serde(default)]
    pub ok: u32,
    /// Tasks that changed something, tolerated failures included.
    #[serde(default)]
    pub changed: u32,
    /// Tasks on which the host did not answer.
    #[serde(default)]
    pub unreachable: u32,
    /// Tasks that failed.
    #[serde(default)]
    pub failed: u32,
    /// Tasks that were skipped.
    #[serde(default)]
    pub skipped: u32,
    /// Failures that a `rescue` block caught.
    #[serde(default)]
    pub rescued: u32,
    /// Failures that the playbook tolerates.
    #[serde(default)]
    pub ignored: u32,
    /// Whether the host did not get to the end of each play that it was part of.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unfinished: bool,
}

/// The recap of a run: hosts with their counts.
pub type Recap = BTreeMap<HostName, HostStats>;

/// How a run ended for one host.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum HostEnd {
    /// It got to the end of each of its plays.
    Converged,
    /// Something was done or tried on it, and the run ended before all was.
    Unfinished,
    /// A task failed on it.
    Failed,
    /// It did not answer.
    Unreachable,
}

/// Everything that an outcome needs to know of a run's events. Small, whatever the number of events.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tally {
    /// Counts per host: added up while the run is live, Ansible's own once it told them.
    pub hosts: Recap,
    /// Whether the callback reported.
    pub hello: bool,
    /// How many plays began.
    pub plays: u32,
    /// How many plays matched no host.
    pub empty_plays: u32,
    /// Whether inventory and limit together left no host, so that no play began.
    pub no_hosts_left: bool,
    /// Terms of host patterns and limits that name nothing that exists, in plays where nothing could make them.
    pub unknown_patterns: BTreeSet<String>,
    /// Inventory sources that could not be read.
    pub unparsed_inventories: BTreeSet<String>,
    /// The variable of a prompt that was refused.
    pub prompt: Option<String>,
    /// The first error that stopped Ansible itself: class, place, message.
    pub error: Option<(String, Option<String>, Option<String>)>,
    /// Whether Ansible told its recap, which is the last thing it does.
    pub stats: bool,
    /// Parts of its recap, until the last of them came.
    pub stats_parts: Recap,
    /// How many results came, items not counted.
    pub results: u64,
    /// How many results of tasks, and of items of loops, say that an apply would change something. Counted in any
    /// run, and meant for check runs.
    pub would_change: u64,
    /// The handlers that began. In check mode they only follow what notified them.
    pub handlers: BTreeSet<TaskNumber>,
    /// Why the run was not allowed to go on, if it was not.
    pub refused: Option<String>,
}

impl Tally {
    /// Takes one more event into account.
    pub fn add(&mut self, event: &RunEvent) {
        match &event.kind {
            RunEventKind::Hello { .. } => self.hello = true,
            RunEventKind::PlayStarted { unknown, dynamic, .. } => {
                self.plays += 1;
                if !dynamic {
                    self.unknown_patterns.extend(unknown.iter().cloned());
                }
            }
            RunEventKind::NoHostsMatched => self.empty_plays += 1,
            RunEventKind::NoHostsLeft { unknown } => {
                self.no_hosts_left = true;
                self.unknown_patterns.extend(unknown.iter().cloned());
            }
            RunEventKind::PromptRefused { variable } => self.prompt = Some(variable.clone()),
            RunEventKind::TaskStarted { task, handler: true, .. } => {
                self.handlers.insert(*task);
            }
            RunEventKind::TaskEnded(result) => {
                self.add_verdict(result);
                self.add_result(result);
            }
            RunEventKind::ItemEnded(result) => self.add_verdict(result),
            RunEventKind::Refused { why, .. } if self.refused.is_none() => self.refused = Some(why.clone()),
            RunEventKind::Error { class, place, message } if self.error.is_none() => {
                self.error = Some((class.clone(), place.clone(), message.clone()));
            }
            RunEventKind::InventoryUnparsed { source } => {
                self.unparsed_inventories.insert(source.clone());
            }
            RunEventKind::StatsPart { hosts } => self.stats_parts.extend(hosts.iter().cloned()),
            RunEventKind::Stats { hosts } => {
                self.stats = true;
                self.hosts = std::mem::take(&mut self.stats_parts);
                self.hosts.extend(hosts.iter().cloned());
            }
            _ => {}
        }
    }

    /// The same that is told as a change of a check run (see [`super::Gathering`]), only counted.
    fn add_verdict(&mut self, result: &TaskResult) {
        let would_change = !result.tainted && result.verdict("") == Some(Verdict::WouldChange);
        self.would_change += u64::from(would_change && !self.handlers.contains(&result.task));
    }

    fn add_result(&mut self, result: &TaskResult) {
        self.results += 1;
        if self.stats {
            return; // Ansible's own counts are the last word.
        }
        if !self.hosts.contains_key(&result.host) {
            self.hosts.insert(result.host.clone(), HostStats::default()); // Cloned once per host, not per result.
        }
        let Some(stats) = self.hosts.get_mut(&result.host) else { return };
        match result.status {
            ResultStatus::Ok => stats.ok += 1,
            ResultStatus::Failed => stats.failed += 1,
            ResultStatus::Ignored => {
                stats.ok += 1;
                stats.ignored += 1;
            }
            ResultStatus::Skipped => stats.skipped += 1,
            ResultStatus::Unreachable => stats.unreachable += 1,
            ResultStatus::UnreachableIgnored => stats.ignored += 1,
        }
        if result.changed && result.status != ResultStatus::Skipped {
            stats.changed += 1;
        }
    }

    /// How the run ended for each host it reached or tried to reach.
    ///
    /// Without Ansible's recap nobody knows whether a host got to the end, so none did.
    pub fn host_ends(&self) -> BTreeMap<HostName, HostEnd> {
        self.hosts.iter().map(|(host, stats)| (host.clone(), self.host_end(*stats))).collect()
    }

    /// How the run ended for a host with these counts.
    pub(super) fn host_end(&self, stats: HostStats) -> HostEnd {
        if stats.unreachable != 0 {
            HostEnd::Unreachable
        } else if stats.failed != 0 {
            HostEnd::Failed
        } else if stats.unfinished || !self.stats {
            HostEnd::Unfinished
        } else {
            HostEnd::Converged
        }
    }
}

#[cfg(test)]
mod tests;
