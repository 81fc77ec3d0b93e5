//! How long things took, counted over the life of the state directory. What metrics tell as histograms.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{CommitHash, Span, Timestamp};

/// How often something took how long. Counts only grow.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default)]
pub struct Latency {
    count: u64,
    sum_ms: u64,
    /// By the smallest bound that it stayed within, in seconds. Bounds that are written here stay understood when
    /// others are chosen later.
    within: BTreeMap<u32, u64>,
}

impl Latency {
    /// The bounds that are told of, in seconds.
    pub const BOUNDS: [u32; 14] = [1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600, 14_400, 86_400];

    /// It happened again and took so long. A clock that was set back makes it no time at all.
    pub fn observe(&mut self, took: Span) {
        let millis = u64::try_from(took.as_millis()).unwrap_or(0);
        self.count += 1;
        self.sum_ms = self.sum_ms.saturating_add(millis);
        if let Some(bound) = Self::BOUNDS.into_iter().find(|it| millis <= u64::from(*it) * 1000) {
            *self.within.entry(bound).or_default() += 1;
        }
    }

    /// How often it happened.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// How long it took in all, in seconds.
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of a million years fit into 53 bits")]
    pub fn sum_seconds(&self) -> f64 {
        self.sum_ms as f64 / 1000.0
    }

    /// How often it took no longer than so many seconds.
    pub fn up_to(&self, bound: u32) -> u64 {
        self.within.range(..=bound).map(|(_, count)| count).sum()
    }
}

/// What is kept of how fast a stack follows Git.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default)]
pub struct Latencies {
    /// From when a new revision was seen until a run of it was allowed to touch hosts.
    pub push_to_start: Latency,
    /// From when a new revision was seen until all hosts of the stack had it.
    pub push_to_applied: Latency,
    /// How long runs waited for machines that somebody else had, those that did not have to wait left out.
    pub lock_wait: Latency,
    /// The revision that was counted last as started, so that a retry of it is not.
    pub started: Option<CommitHash>,
    /// The revision that was counted last as applied, so that it is not when it is applied again.
    pub applied: Option<CommitHash>,
}

impl Latencies {
    /// A run of a new revision may touch hosts, which was seen then. Counts once per revision.
    pub fn may_start(&mut self, commit: &CommitHash, seen: Timestamp, now: Timestamp) {
        if self.started.as_ref() != Some(commit) {
            self.started = Some(commit.clone());
            self.push_to_start.observe(now.duration_since(seen));
        }
    }

    /// All hosts have a revision, which was seen then. Counts once per revision.
    pub fn applied_everywhere(&mut self, commit: &CommitHash, seen: Timestamp, now: Timestamp) {
        if self.applied.as_ref() != Some(commit) {
            self.applied = Some(commit.clone());
            self.push_to_applied.observe(now.duration_since(seen));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_latency_is_counted_within_its_bound_and_all_that_are_larger() {
        let mut latency = Latency::default();
        for millis in [-5_000, 0, 1_000, 1_001, 90_000, 1_000_000_000] {
            latency.observe(Span::from_millis(millis));
        }
        assert_eq!((latency.count(), latency.up_to(1), latency.up_to(2)), (6, 3, 4));
        assert_eq!((latency.up_to(60), latency.up_to(120), latency.up_to(86_400)), (4, 5, 5));
        assert!((latency.sum_seconds() - 1_000_092.001).abs() < 1e-6, "{}", latency.sum_seconds());
        let text = serde_json::to_string(&latency).unwrap();
        assert_eq!(serde_json::from_str::<Latency>(&text).unwrap(), latency, "{text}");
        assert_eq!(serde_json::from_str::<Latency>("{}").unwrap(), Latency::default());
    }

    #[test]
    fn a_revision_that_is_applied_again_counts_once() {
        let at = |second| Timestamp::new(second, 0).unwrap();
        let commit = |digit: &str| digit.repeat(40).parse::<CommitHash>().unwrap();
        let mut latencies = Latencies::default();
        latencies.may_start(&commit("a"), at(0), at(1));
        latencies.may_start(&commit("a"), at(0), at(30));
        latencies.applied_everywhere(&commit("a"), at(0), at(40));
        latencies.applied_everywhere(&commit("a"), at(0), at(4000));
        latencies.applied_everywhere(&commit("b"), at(50), at(60));
        assert_eq!((latencies.push_to_start.count(), latencies.push_to_start.up_to(1)), (1, 1));
        assert_eq!((latencies.push_to_applied.count(), latencies.push_to_applied.up_to(10)), (2, 1));
    }
}
