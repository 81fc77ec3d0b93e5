//! Stories of alerts, and what holds in every history.

mod histories;
mod stories;

use std::collections::BTreeMap;

use super::*;
use crate::domain::*;

pub(super) fn at(second: i64) -> Timestamp {
    Timestamp::new(second, 0).unwrap()
}

pub(super) fn policy(receivers: &[&str]) -> AlertPolicy {
    AlertPolicy {
        receivers: receivers.iter().map(|it| it.parse().unwrap()).collect(),
        routes: Vec::new(),
        owed_longer_than: Span::from_hours(1),
        unreachable_longer_than: Span::from_mins(15),
        held_longer_than: Span::from_hours(1),
        settle: Span::from_secs(30),
        group: Span::ZERO,
    }
}

/// What a store would keep.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) facts: BTreeMap<AlertKey, AlertFacts>,
    pub(super) told: Vec<Queued>,
}

impl Kept {
    /// One look, with everything that follows from it kept.
    pub(super) fn look(&mut self, now: Timestamp, sight: &Sight, policy: &AlertPolicy) -> Telling {
        let telling = tell(now, sight, &self.facts, policy);
        for (key, facts) in &telling.facts {
            // It goes through the text in which it is kept.
            let facts = facts.as_ref().map(|it| {
                let text = serde_json::to_string(it).unwrap();
                serde_json::from_str::<AlertFacts>(&text).unwrap()
            });
            match facts {
                Some(facts) => drop(self.facts.insert(key.clone(), facts)),
                None => drop(self.facts.remove(key)),
            }
        }
        self.told.extend(telling.queue.iter().cloned());
        telling
    }

    /// Who was told what, in short.
    pub(super) fn said(&self) -> Vec<String> {
        let said = |it: &Queued| {
            let key = it.notice.alert.as_ref().unwrap();
            format!("{} to {}: {} {key}", it.due.as_second(), it.receiver, it.notice.state)
        };
        self.told.iter().map(said).collect()
    }
}
