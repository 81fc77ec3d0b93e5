//! Who is told of what, and when, as the operator says.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use jiff::civil::Time;
use serde::{Deserialize, Serialize};

use super::super::{ReceiverName, SourceName, Span, StackName, Timestamp, Zone};
use super::{AlertKey, AlertKind, AlertSeverity, AlertSubject, words};

/// What the operator says of alerts, as far as it is decided by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertPolicy {
    /// Everybody who can be told.
    pub receivers: BTreeSet<ReceiverName>,
    /// Who is told of what. Without any, all receivers are told of everything.
    pub routes: Vec<Route>,
    /// How long a host may be owed a revision before anybody is told.
    pub owed_longer_than: Span,
    /// How long a repository may be out of reach.
    pub unreachable_longer_than: Span,
    /// How long a revision may be held because a run was cancelled.
    pub held_longer_than: Span,
    /// How long something must be over before that is told.
    pub settle: Span,
    /// What is to be told within so long travels together.
    pub group: Span,
}

/// Who is told of some alerts, and when.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Route {
    /// Those of which stacks; empty for all, and for what is of no stack.
    pub stacks: Vec<StackPattern>,
    /// Those of which kinds; empty for all.
    pub kinds: BTreeSet<AlertKind>,
    /// Those that matter at least so much.
    pub severity: Option<AlertSeverity>,
    /// Within which hours; what comes outside waits for them.
    pub hours: Option<Hours>,
    /// How often at most.
    pub digest: Option<Span>,
    /// Who.
    pub to: BTreeSet<ReceiverName>,
}

impl Route {
    /// Whether an alert goes along it.
    pub fn takes(&self, key: &AlertKey, severity: AlertSeverity) -> bool {
        (self.kinds.is_empty() || self.kinds.contains(&key.kind))
            && self.severity.is_none_or(|least| least <= severity)
            && (self.stacks.is_empty() || self.stacks.iter().any(|it| it.has(&key.subject)))
    }

    /// When something that is to be told now is told: never outside the hours, and together with what else comes.
    pub fn due(&self, now: Timestamp, group: Span) -> Timestamp {
        let together = self.digest.unwrap_or(group);
        let due = next_multiple(now, together);
        self.hours.as_ref().map_or(due, |hours| hours.next(due))
    }
}

/// The first point in time, from `at` on, that is a multiple of `every` since 1970.
fn next_multiple(at: Timestamp, every: Span) -> Timestamp {
    let every = every.as_nanos();
    if every <= 0 {
        return at;
    }
    let at = at.as_nanosecond();
    let rest = at.rem_euclid(every);
    let next = if rest == 0 { at } else { at - rest + every };
    Timestamp::from_nanosecond(next).unwrap_or(Timestamp::MAX)
}

/// Stacks by their names: `infra/web`, `infra/*`, `*/web`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct StackPattern {
    source: Option<SourceName>,
    stack: Option<StackName>,
}

impl StackPattern {
    /// Whether it has this. What is of a whole source is had by a pattern of all its stacks.
    pub fn has(&self, subject: &AlertSubject) -> bool {
        let (source, stack) = match subject {
            AlertSubject::Daemon => return false,
            AlertSubject::Source(source) | AlertSubject::MergeRequest(source, _) => (source, None),
            AlertSubject::Stack(id) => (&id.source, Some(&id.stack)),
        };
        let is_source = self.source.as_ref().is_none_or(|it| it == source);
        is_source && self.stack.as_ref().is_none_or(|it| Some(it) == stack)
    }
}

impl FromStr for StackPattern {
    type Err = String;
    fn from_str(given: &str) -> Result<Self, String> {
        let advice = "write `source/stack`, with `*` for all sources or all stacks: `infra/*`, `*/web`";
        let (source, stack) = given.split_once('/').ok_or(advice)?;
        Ok(Self { source: part(source).ok_or(advice)?, stack: part(stack).ok_or(advice)? })
    }
}

/// One part of a pattern; `Some(None)` has every name.
#[expect(clippy::option_option, reason = "no name, every name, one name")]
fn part<T: FromStr>(text: &str) -> Option<Option<T>> {
    if text == "*" { Some(None) } else { text.parse().ok().map(Some) }
}

impl fmt::Display for StackPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let source = self.source.as_ref().map_or("*", SourceName::as_str);
        write!(f, "{source}/{}", self.stack.as_ref().map_or("*", StackName::as_str))
    }
}

words!(
    /// A day of the week.
    Weekday {
        /// Monday.
        Mon = "mon",
        /// Tuesday.
        Tue = "tue",
        /// Wednesday.
        Wed = "wed",
        /// Thursday.
        Thu = "thu",
        /// Friday.
        Fri = "fri",
        /// Saturday.
        Sat = "sat",
        /// Sunday.
        Sun = "sun",
    }
);

impl Weekday {
    fn from_jiff(day: jiff::civil::Weekday) -> Self {
        match day {
            jiff::civil::Weekday::Monday => Self::Mon,
            jiff::civil::Weekday::Tuesday => Self::Tue,
            jiff::civil::Weekday::Wednesday => Self::Wed,
            jiff::civil::Weekday::Thursday => Self::Thu,
            jiff::civil::Weekday::Friday => Self::Fri,
            jiff::civil::Weekday::Saturday => Self::Sat,
            jiff::civil::Weekday::Sunday => Self::Sun,
        }
    }
}

/// Hours of some days in which people are told something, by the clocks of a zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hours {
    /// On which days.
    pub days: BTreeSet<Weekday>,
    /// The first moment of each.
    pub from: Time,
    /// The first moment after them; midnight is the end of the day.
    pub to: Time,
    /// Whose clocks.
    pub zone: Zone,
}

/// A week, and a day more: the hours of today may be over.
const DAYS: usize = 8;

impl Hours {
    /// The first moment within them, from `at` on.
    pub fn next(&self, at: Timestamp) -> Timestamp {
        let mut day = self.zone.rules().to_datetime(at).date();
        for _ in 0..=DAYS {
            if self.days.contains(&Weekday::from_jiff(day.weekday()))
                && let Some((from, to)) = self.on(day)
                && at < to
            {
                return at.max(from);
            }
            let Ok(tomorrow) = day.tomorrow() else { break };
            day = tomorrow;
        }
        // Without any hours nobody would ever be told.
        at
    }

    fn on(&self, day: jiff::civil::Date) -> Option<(Timestamp, Timestamp)> {
        let at = |it: jiff::civil::DateTime| self.zone.rules().to_timestamp(it).ok();
        let end = if self.to == Time::midnight() { day.tomorrow().ok()? } else { day };
        Some((at(day.to_datetime(self.from))?, at(end.to_datetime(self.to))?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn office() -> Hours {
        Hours {
            days: [Weekday::Mon, Weekday::Tue, Weekday::Wed, Weekday::Thu, Weekday::Fri].into(),
            from: Time::constant(8, 0, 0, 0),
            to: Time::constant(18, 0, 0, 0),
            zone: "Europe/Berlin".parse().unwrap(),
        }
    }

    #[test]
    fn what_comes_at_night_waits_for_the_morning() {
        let hours = office();
        for (now, due) in [
            // A Wednesday in winter: Berlin is an hour ahead.
            ("2026-01-07T06:59:59Z", "2026-01-07T07:00:00Z"),
            ("2026-01-07T07:00:00Z", "2026-01-07T07:00:00Z"),
            ("2026-01-07T16:59:59Z", "2026-01-07T16:59:59Z"),
            ("2026-01-07T17:00:00Z", "2026-01-08T07:00:00Z"),
            // A Friday evening waits for Monday.
            ("2026-01-09T17:00:00Z", "2026-01-12T07:00:00Z"),
            // The weekend in which the clocks change.
            ("2026-03-27T17:00:00Z", "2026-03-30T06:00:00Z"),
        ] {
            assert_eq!(hours.next(at(now)), at(due), "{now}");
        }
        let nights = Hours { from: Time::constant(22, 0, 0, 0), to: Time::midnight(), ..office() };
        assert_eq!(nights.next(at("2026-01-07T22:59:00Z")), at("2026-01-07T22:59:00Z"));
        assert_eq!(nights.next(at("2026-01-07T23:00:00Z")), at("2026-01-08T21:00:00Z"));
    }

    #[test]
    fn a_digest_gathers_and_respects_the_hours() {
        let route = Route { digest: Some(Span::from_hours(1)), ..Route::default() };
        let group = Span::from_secs(10);
        assert_eq!(route.due(at("2026-01-07T09:10:00Z"), group), at("2026-01-07T10:00:00Z"));
        assert_eq!(route.due(at("2026-01-07T10:00:00Z"), group), at("2026-01-07T10:00:00Z"));
        let route = Route { hours: Some(office()), ..route };
        assert_eq!(route.due(at("2026-01-07T16:30:00Z"), group), at("2026-01-08T07:00:00Z"));
        let route = Route::default();
        assert_eq!(route.due(at("2026-01-07T09:10:03Z"), group), at("2026-01-07T09:10:10Z"));
        assert_eq!(route.due(at("2026-01-07T09:10:03Z"), Span::ZERO), at("2026-01-07T09:10:03Z"));
    }

    #[test]
    fn a_pattern_has_what_it_names() {
        let has = |pattern: &str, subject: &str| {
            let pattern: StackPattern = pattern.parse().unwrap();
            pattern.has(&subject.parse().unwrap())
        };
        assert!(has("infra/*", "infra/web") && has("infra/*", "infra") && has("infra/*", "infra!3"));
        assert!(has("*/web", "infra/web") && has("*/*", "lab/db") && has("*/*", "lab"));
        assert!(!has("*/web", "infra") && !has("infra/*", "lab/web") && !has("*/*", "-"));
        for bad in ["", "infra", "infra/", "in*/web", "a/b/c", "Infra/web"] {
            assert!(bad.parse::<StackPattern>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_route_takes_what_it_says() {
        let key: AlertKey = "drift infra/web".parse().unwrap();
        assert!(Route::default().takes(&key, AlertSeverity::Info));
        let route = Route { severity: Some(AlertSeverity::Warning), ..Route::default() };
        assert!(route.takes(&key, AlertSeverity::Critical) && !route.takes(&key, AlertSeverity::Info));
        let route = Route { kinds: [AlertKind::Held].into(), ..Route::default() };
        assert!(!route.takes(&key, AlertSeverity::Critical));
    }
}
