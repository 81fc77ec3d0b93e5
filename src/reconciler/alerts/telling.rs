//! What is to be told: the difference between what is there and what was told.

use std::collections::{BTreeMap, BTreeSet};

use super::conditions::{Over, Sight};
use crate::domain::{
    AlertFacts, AlertKey, AlertPolicy, AlertSeverity, Condition, Notice, NoticeState, Queued, ReceiverName,
    Span, Timestamp, later,
};

/// What follows from a look.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Telling {
    /// The facts that changed; `None` for what is over.
    pub facts: Vec<(AlertKey, Option<AlertFacts>)>,
    /// What is to be told.
    pub queue: Vec<Queued>,
    /// When to look again, though nothing may have happened until then.
    pub wake: Option<Timestamp>,
}

/// Decides who is told of what, from what is there and what is known to have been told.
///
/// For each receiver the beginning and the end of one alert alternate; only another instance of it begins anew without
/// an end of the one before.
pub fn tell(
    now: Timestamp,
    sight: &Sight,
    known: &BTreeMap<AlertKey, AlertFacts>,
    policy: &AlertPolicy,
) -> Telling {
    let mut telling = Telling::default();
    for (key, condition) in &sight.conditions {
        let before = known.get(key);
        let after = telling.there(now, key, condition, before, policy);
        if before != Some(&after) {
            telling.facts.push((key.clone(), Some(after)));
        }
    }
    let gone = known.iter().filter(|(key, _)| !sight.conditions.contains_key(*key));
    for (key, before) in gone.filter(|(key, _)| !sight.unclear.contains(*key)) {
        let after = telling.gone(now, key, before, sight.over.get(key), policy);
        if after.as_ref() != Some(before) {
            telling.facts.push((key.clone(), after));
        }
    }
    telling
}

impl Telling {
    /// The condition is there.
    fn there(
        &mut self,
        now: Timestamp,
        key: &AlertKey,
        condition: &Condition,
        before: Option<&AlertFacts>,
        policy: &AlertPolicy,
    ) -> AlertFacts {
        let mut facts = match before.filter(|it| it.condition.instance == condition.instance) {
            Some(before) => {
                AlertFacts { condition: kept(before, condition), gone_since: None, ..before.clone() }
            }
            None => AlertFacts {
                condition: condition.clone(),
                began: condition.since.map_or(now, |since| since.min(now)),
                raised_at: None,
                gone_since: None,
                told: BTreeSet::new(),
            },
        };
        if facts.raised_at.is_none() {
            facts.began = condition.since.map_or(facts.began, |since| since.min(now));
            let ripe = later(facts.began, condition.after);
            if now < ripe {
                self.wake_at(ripe);
                return facts;
            }
            facts.raised_at = Some(now);
        }
        for receiver in &policy.receivers {
            if facts.told.contains(receiver) {
                continue;
            }
            if let Some(due) = due(now, key, condition.severity, receiver, policy) {
                let notice = Notice {
                    alert: Some(key.clone()),
                    state: NoticeState::Raised,
                    severity: condition.severity,
                    since: facts.began,
                    at: now,
                    summary: condition.summary.clone(),
                    details: condition.details.clone(),
                    link: condition.link.clone(),
                };
                self.queue.push(Queued { receiver: receiver.clone(), due, notice });
                facts.told.insert(receiver.clone());
            }
        }
        facts
    }

    /// The condition is not there any more: over, once that has lasted.
    fn gone(
        &mut self,
        now: Timestamp,
        key: &AlertKey,
        before: &AlertFacts,
        over: Option<&Over>,
        policy: &AlertPolicy,
    ) -> Option<AlertFacts> {
        if before.told.is_empty() || !before.condition.lasting {
            return None;
        }
        let gone_since = before.gone_since.map_or(now, |since| since.min(now));
        let settled = later(gone_since, policy.settle);
        if now < settled {
            self.wake_at(settled);
            return Some(AlertFacts { gone_since: Some(gone_since), ..before.clone() });
        }
        for receiver in before.told.intersection(&policy.receivers) {
            // Who was told that it began is told that it is over, whatever routes say by now.
            let due = due(now, key, before.condition.severity, receiver, policy).unwrap_or(now);
            let notice = resolved(now, key, before, over);
            self.queue.push(Queued { receiver: receiver.clone(), due, notice });
        }
        None
    }

    fn wake_at(&mut self, at: Timestamp) {
        self.wake = Some(self.wake.map_or(at, |it| it.min(at)));
    }
}

/// What is kept of a condition that lasts. Details can change while it does, with each retry, for example: they alone are
/// no reason to write, so they hold only what stays true. The number of heals is the one of the beginning, so that the end tells if there were more.
fn kept(before: &AlertFacts, condition: &Condition) -> Condition {
    let known = &before.condition;
    if known.summary == condition.summary
        && known.severity == condition.severity
        && before.raised_at.is_some()
    {
        known.clone()
    } else {
        Condition { heals: known.heals, ..condition.clone() }
    }
}

fn resolved(now: Timestamp, key: &AlertKey, before: &AlertFacts, over: Option<&Over>) -> Notice {
    let healed = over.is_some_and(|it| before.condition.heals < it.heals);
    let summary = match over {
        Some(over) if healed => format!("{}: it was healed", over.summary),
        Some(over) => over.summary.clone(),
        // What is not configured or declared any more has no facts.
        None => format!("not followed any more: {}", before.condition.summary),
    };
    let took = now.duration_since(before.began);
    Notice {
        alert: Some(key.clone()),
        state: NoticeState::Resolved,
        severity: before.condition.severity,
        since: before.began,
        at: now,
        summary,
        details: vec![format!("it was: {}", before.condition.summary), format!("it lasted {}", lasted(took))],
        link: before.condition.link.clone(),
    }
}

/// A length of time in words that are exact enough.
fn lasted(span: Span) -> String {
    let minutes = span.as_mins();
    match (minutes / (24 * 60), minutes / 60 % 24, minutes % 60) {
        (0, 0, 0) => format!("{} s", span.as_secs().max(0)),
        (0, 0, minutes) => format!("{minutes} min"),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (days, hours, _) => format!("{days} d {hours} h"),
    }
}

/// When a receiver is told of an alert: by the first of its routes. `None` if none leads there.
fn due(
    now: Timestamp,
    key: &AlertKey,
    severity: AlertSeverity,
    receiver: &ReceiverName,
    policy: &AlertPolicy,
) -> Option<Timestamp> {
    let everything = crate::domain::Route::default();
    if policy.routes.is_empty() {
        return Some(everything.due(now, policy.group));
    }
    let taken = policy.routes.iter().filter(|it| it.to.contains(receiver) && it.takes(key, severity));
    taken.map(|it| it.due(now, policy.group)).min()
}
