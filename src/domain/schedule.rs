//! When a stack is looked at again.

use std::fmt;
use std::str::FromStr;

use croner::time::{CivilDate, CivilDateTime, CivilTime, CronDateTime, Resolution, Weekday};
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};
use serde::{Deserialize, Serialize};

use super::{Span, Timestamp, later};

/// When check mode looks for drift.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CheckSchedule {
    /// Never unasked.
    Never,
    /// So long after the last one, jittered.
    Every(#[schemars(with = "super::schema::Length")] Span),
    /// At the times of a cron line, in UTC.
    Cron(Box<CronLine>),
}

impl Default for CheckSchedule {
    fn default() -> Self {
        Self::Every(Span::from_hours(1))
    }
}

impl fmt::Display for CheckSchedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Never => f.write_str("never"),
            Self::Every(span) => write!(f, "every {span:#}"),
            Self::Cron(line) => write!(f, "at `{line}`"),
        }
    }
}

/// A cron line that was understood: five fields, as `crontab` has them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(try_from = "String", into = "String")]
pub struct CronLine {
    text: String,
    cron: croner::Cron,
}

/// A cron line that cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` is not a cron line: {why}")]
pub struct CronError {
    given: String,
    why: String,
}

impl CronLine {
    /// The first time of it after `at`, in UTC; `None` if there never is one.
    pub fn after(&self, at: Timestamp) -> Option<Timestamp> {
        self.next_in(at, &TimeZone::UTC)
    }

    /// The first time of it after `at`, by the clocks of a zone. As usual for cron lines: what falls into an hour
    /// that clocks skip comes right after it; a fixed time in an hour that they repeat comes once, a repeated one
    /// in both.
    pub fn next_in(&self, at: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let from = InZone { at, zone };
        self.cron.find_next_occurrence(&from, false).ok().map(|it| it.at)
    }

    /// The last time of it that is not after `at`.
    pub fn last_in(&self, at: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let from = InZone { at, zone };
        self.cron.find_previous_occurrence(&from, true).ok().map(|it| it.at)
    }
}

/// A time as the cron library wants times to be.
#[derive(Clone)]
struct InZone<'a> {
    at: Timestamp,
    zone: &'a TimeZone,
}

impl CronDateTime for InZone<'_> {
    fn to_civil(&self) -> CivilDateTime {
        let it = self.zone.to_datetime(self.at);
        let part = |it: i8| u32::from(it.unsigned_abs());
        CivilDateTime::new(
            CivilDate::from_parts_unchecked(i32::from(it.year()), part(it.month()), part(it.day())),
            CivilTime::from_parts_unchecked(part(it.hour()), part(it.minute()), part(it.second())),
        )
    }

    fn civil_weekday(&self) -> Weekday {
        let days = self.zone.to_datetime(self.at).weekday().to_sunday_zero_offset();
        Weekday::from_days_from_sunday(u32::from(days.unsigned_abs()))
    }

    fn resolve_civil(&self, civil: CivilDateTime) -> Result<Resolution<Self>, croner::errors::CronError> {
        let invalid = |_| croner::errors::CronError::InvalidDate;
        let part = |it: u32| i8::try_from(it).unwrap_or(i8::MAX);
        let year = i16::try_from(civil.year()).unwrap_or(i16::MAX);
        let (month, day) = (part(civil.month()), part(civil.day()));
        let (hour, minute, second) = (part(civil.hour()), part(civil.minute()), part(civil.second()));
        let clock = DateTime::new(year, month, day, hour, minute, second, 0).map_err(invalid)?;
        let at = |offset: Offset| -> Result<Self, croner::errors::CronError> {
            Ok(Self { at: offset.to_timestamp(clock).map_err(invalid)?, zone: self.zone })
        };
        Ok(match self.zone.to_ambiguous_timestamp(clock).offset() {
            AmbiguousOffset::Unambiguous { offset } => Resolution::Single(at(offset)?),
            AmbiguousOffset::Gap { .. } => Resolution::Gap,
            AmbiguousOffset::Fold { before, after } => Resolution::Ambiguous(at(before)?, at(after)?),
        })
    }

    fn checked_add_seconds(&self, seconds: i64) -> Option<Self> {
        let at = self.at.checked_add(Span::from_secs(seconds)).ok()?;
        Some(Self { at, zone: self.zone })
    }

    fn cmp_instant(&self, other: &Self) -> std::cmp::Ordering {
        self.at.cmp(&other.at)
    }
}

impl FromStr for CronLine {
    type Err = CronError;
    fn from_str(given: &str) -> Result<Self, CronError> {
        let refused = |why: String| CronError { given: given.escape_debug().to_string(), why };
        if given.split_whitespace().count() != 5 {
            return Err(refused("it needs five fields: minute, hour, day, month, weekday".to_owned()));
        }
        let cron = croner::Cron::from_str(given).map_err(|it| refused(it.to_string()))?;
        Ok(Self { text: given.to_owned(), cron })
    }
}

impl TryFrom<String> for CronLine {
    type Error = CronError;
    fn try_from(given: String) -> Result<Self, CronError> {
        given.parse()
    }
}

impl From<CronLine> for String {
    fn from(line: CronLine) -> Self {
        line.text
    }
}

impl fmt::Display for CronLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl CheckSchedule {
    /// When the check after the one at `last` is due; `spread` jitters intervals.
    pub fn after(&self, last: Timestamp, spread: impl FnOnce(Span) -> Span) -> Option<Timestamp> {
        match self {
            Self::Never => None,
            Self::Every(span) => Some(later(last, spread(*span))),
            Self::Cron(line) => line.after(last),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cron_line_says_when() {
        let line: CronLine = "30 3 * * 1-5".parse().unwrap();
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        // 2026-11-27 is a Friday.
        assert_eq!(line.after(at("2026-11-27T03:30:00Z")), Some(at("2026-11-30T03:30:00Z")));
        assert_eq!(line.after(at("2026-11-27T03:29:59Z")), Some(at("2026-11-27T03:30:00Z")));
    }

    #[test]
    fn what_is_no_cron_line_is_refused() {
        for given in ["", "* * * *", "61 * * * *", "@daily", "* * * * * *", "a b c d e"] {
            assert!(given.parse::<CronLine>().is_err(), "{given}");
        }
    }
}
