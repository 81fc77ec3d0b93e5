//! What check mode could say of one task on one host, and how much of a run it could say anything about.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{ResultStatus, TaskResult};

/// What a check run says of one task on one host, or of one item of its loop.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// An apply would change something.
    WouldChange,
    /// An apply would change nothing.
    Unchanged,
    /// Check mode could not simulate it: nobody knows.
    Blind,
    /// It was executed for real although the run only looks (`check_mode: false`).
    RanForReal,
    /// Its condition was false.
    Skipped,
    /// It failed.
    Failed,
}

impl Verdict {
    /// Every verdict, for tables and documentation.
    pub const ALL: [Self; 6] =
        [Self::WouldChange, Self::Unchanged, Self::Blind, Self::RanForReal, Self::Skipped, Self::Failed];

    /// The word in tables and in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::WouldChange => "would_change",
            Self::Unchanged => "unchanged",
            Self::Blind => "blind",
            Self::RanForReal => "ran_for_real",
            Self::Skipped => "skipped",
            Self::Failed => "failed",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Actions that change nothing on a host, by their short names. `add_host` and `group_by` report a change all the
/// same (`ansible-facts` 1.10).
const NEVER_COUNT: [&str; 13] = [
    "add_host",
    "debug",
    "group_by",
    "import_playbook",
    "import_role",
    "import_tasks",
    "include",
    "include_role",
    "include_tasks",
    "include_vars",
    "meta",
    "set_fact",
    "set_stats",
];

/// Whether an action can change a host or says something about one. `action` may be written with its collection.
pub fn counts(action: &str) -> bool {
    let short = action
        .strip_prefix("ansible.builtin.")
        .or_else(|| action.strip_prefix("ansible.legacy."))
        .unwrap_or(action);
    !NEVER_COUNT.contains(&short)
}

impl TaskResult {
    /// What this result of a check run says; `None` where it says nothing: the host did not answer, the action
    /// changes nothing on hosts, or it is a loop whose items are told one by one.
    ///
    /// `action` is the task's own, for results that do not name their module.
    pub fn verdict(&self, action: &str) -> Option<Verdict> {
        let module = if self.module.is_empty() { action } else { &self.module };
        if self.items != 0 || !counts(module) {
            return None;
        }
        Some(match self.status {
            ResultStatus::Unreachable | ResultStatus::UnreachableIgnored => return None,
            ResultStatus::Failed | ResultStatus::Ignored => Verdict::Failed,
            ResultStatus::Ok | ResultStatus::Skipped if self.for_real => Verdict::RanForReal,
            ResultStatus::Ok | ResultStatus::Skipped if self.blind => Verdict::Blind,
            ResultStatus::Skipped if self.satisfied => Verdict::Unchanged,
            ResultStatus::Skipped => Verdict::Skipped,
            ResultStatus::Ok if self.changed => Verdict::WouldChange,
            ResultStatus::Ok => Verdict::Unchanged,
        })
    }
}

/// How many verdicts of each kind a check run gave, over all tasks, items and hosts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default)]
pub struct Coverage {
    /// Would change.
    pub would_change: u64,
    /// Unchanged.
    pub unchanged: u64,
    /// Could not be simulated.
    pub blind: u64,
    /// Rest on what could not be simulated, whatever they say themselves. None of them is in another number.
    pub tainted: u64,
    /// Of modules whose check and apply were seen to disagree. None of them is in another number.
    pub unreliable: u64,
    /// Were executed for real.
    pub ran_for_real: u64,
    /// Skipped by their condition.
    pub skipped: u64,
    /// Failed.
    pub failed: u64,
}

impl Coverage {
    /// Counts one verdict.
    pub fn add(&mut self, verdict: Verdict, tainted: bool) {
        let count = match verdict {
            _ if tainted => &mut self.tainted,
            Verdict::WouldChange => &mut self.would_change,
            Verdict::Unchanged => &mut self.unchanged,
            Verdict::Blind => &mut self.blind,
            Verdict::RanForReal => &mut self.ran_for_real,
            Verdict::Skipped => &mut self.skipped,
            Verdict::Failed => &mut self.failed,
        };
        *count += 1;
    }

    /// What nobody could see: blind, tainted and unreliable.
    pub fn unseen(&self) -> u64 {
        self.blind + self.tainted + self.unreliable
    }

    /// What check mode really evaluated. A condition that was false is no task that had to be evaluated.
    pub fn seen(&self) -> u64 {
        self.would_change + self.unchanged + self.ran_for_real + self.failed
    }

    /// The share that was seen, from 0 to 1; 1 where there was nothing to see.
    #[expect(clippy::cast_precision_loss, reason = "counts of results are far below 2^52")]
    pub fn share(&self) -> f64 {
        let of = self.seen() + self.unseen();
        if of == 0 { 1.0 } else { self.seen() as f64 / of as f64 }
    }

    /// Whether everything was seen. Only then "clean" is true without more words.
    pub fn is_full(&self) -> bool {
        self.unseen() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_seen_is_no_part_of_what_was() {
        let mut coverage = Coverage::default();
        assert!(coverage.is_full() && (coverage.share() - 1.0).abs() < f64::EPSILON);
        coverage.add(Verdict::Unchanged, false);
        coverage.add(Verdict::Unchanged, true);
        coverage.add(Verdict::Blind, false);
        coverage.add(Verdict::Skipped, false);
        coverage.add(Verdict::RanForReal, false);
        assert_eq!((coverage.seen(), coverage.unseen(), coverage.skipped), (2, 2, 1));
        assert!(!coverage.is_full() && (coverage.share() - 0.5).abs() < f64::EPSILON);
    }

    #[test]
    fn actions_are_known_by_their_short_and_their_full_name() {
        assert!(
            !counts("debug") && !counts("ansible.builtin.set_fact") && !counts("ansible.legacy.add_host")
        );
        assert!(counts("copy") && counts("ansible.builtin.template") && counts("acme.tools.debug"));
    }
}
