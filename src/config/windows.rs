//! What the operator says of apply windows and freezes.

use jiff::civil::{Date, DateTime};

use super::check::Findings;
use super::operator_keys::{optional, required, with_default};
use super::shape::{Key, Rule, Shape};
use super::units::{DAY, MINUTE};
use super::value::Value;
use crate::domain::{CronLine, Freeze, Timestamp, Window, Windows, Zone};

pub(super) static ZONE: Rule =
    Rule { what: "a time zone", placeholder: "", pattern: "^[A-Za-z0-9_+/-]{1,64}$", check: zone };
static OPENING: Rule =
    Rule { what: "a cron line", placeholder: "", pattern: "^ *[^ ]+( +[^ ]+){4} *$", check: opening };
static MOMENT: Rule = Rule {
    what: "a date, with a time or without",
    placeholder: "",
    pattern: "^[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2})?)?$",
    check: moment,
};
static REASON: Rule = Rule { what: "a short text", placeholder: "", pattern: "^.{1,200}$", check: reason };

/// The keys of each window.
pub(super) static WINDOW: &[Key] = &[
    required("cron", Shape::Text(&OPENING), "When it opens: minute, hour, day, month and weekday."),
    required("for", Shape::Duration(MINUTE, 31 * DAY), "How long it stays open."),
    with_default("timezone", Shape::Text(&ZONE), "UTC", "Whose clocks."),
];

/// The keys of each freeze.
pub(super) static FREEZE: &[Key] = &[
    required("from", Shape::Text(&MOMENT), "The first day, or the first moment."),
    required("to", Shape::Text(&MOMENT), "The last day, or the first moment after it."),
    with_default("timezone", Shape::Text(&ZONE), "UTC", "Whose clocks."),
    optional("reason", Shape::Text(&REASON), "Why; it is shown to those who wait."),
];

/// What the operator says of the windows of one stack.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WindowsOverride {
    /// In the place of those of the source. `None` leaves these.
    pub windows: Option<Vec<Window>>,
    /// Beside those of the source.
    pub freezes: Vec<Freeze>,
}

impl WindowsOverride {
    pub(super) fn of(value: &Value) -> Self {
        Self { windows: value.get("windows").map(|_| windows(value)), freezes: freezes(value) }
    }

    /// The windows of the stack: these, and what they leave open as for the whole source.
    pub(super) fn over(&self, source: &Windows) -> Windows {
        Windows {
            windows: self.windows.clone().unwrap_or_else(|| source.windows.clone()),
            freezes: source.freezes.iter().chain(&self.freezes).cloned().collect(),
        }
    }
}

/// The windows of a source.
pub(super) fn windows_of(value: &Value) -> Windows {
    Windows { windows: windows(value), freezes: freezes(value) }
}

fn windows(value: &Value) -> Vec<Window> {
    let window = |it: &Value| {
        Some(Window {
            cron: it.text("cron")?.parse().ok()?,
            lasts: it.duration("for")?,
            zone: it.text("timezone")?.parse().ok()?,
        })
    };
    value.list("windows").iter().filter_map(window).collect()
}

fn freezes(value: &Value) -> Vec<Freeze> {
    let freeze = |it: &Value| {
        let (from, to) = stretch(it)?;
        Some(Freeze { from, to, reason: it.owned("reason") })
    };
    value.list("freezes").iter().filter_map(freeze).collect()
}

fn stretch(freeze: &Value) -> Option<(Timestamp, Timestamp)> {
    let zone: Zone = freeze.text("timezone")?.parse().ok()?;
    let at = |it: DateTime| zone.rules().to_timestamp(it).ok();
    let from = match read(freeze.text("from")?)? {
        Moment::Day(day) => day.to_datetime(jiff::civil::Time::midnight()),
        Moment::Time(time) => time,
    };
    let to = match read(freeze.text("to")?)? {
        // The whole of that day.
        Moment::Day(day) => day.tomorrow().ok()?.to_datetime(jiff::civil::Time::midnight()),
        Moment::Time(time) => time,
    };
    Some((at(from)?, at(to)?))
}

enum Moment {
    Day(Date),
    Time(DateTime),
}

fn read(text: &str) -> Option<Moment> {
    match text.len() {
        10 => text.parse().ok().map(Moment::Day),
        16 | 19 => text.parse().ok().map(Moment::Time),
        _ => None,
    }
}

/// A freeze that ends before it begins was meant otherwise.
pub(super) fn check_freezes(value: &Value, findings: &mut Findings) {
    for freeze in value.list("freezes") {
        if let (Some((from, to)), Some(place)) = (stretch(freeze), freeze.get("to"))
            && to <= from
        {
            findings.error("this freeze ends before it begins", &place.place, "write a later day or time");
        }
    }
}

fn zone(text: &str) -> Result<(), String> {
    text.parse::<Zone>()
        .map(|_| ())
        .map_err(|_| "write its IANA name, for example `Europe/Berlin` or `UTC`".to_owned())
}

fn opening(text: &str) -> Result<(), String> {
    let advice = "write minute, hour, day, month and weekday: `0 22 * * 1-5` is each working day at ten in the evening";
    let has_others = text.chars().any(|it| it != ' ' && (it.is_whitespace() || it.is_control()));
    let line = text.parse::<CronLine>().ok().filter(|_| !has_others).ok_or(advice)?;
    line.after(Timestamp::UNIX_EPOCH).map(|_| ()).ok_or_else(|| "there is no such day in any year".to_owned())
}

fn moment(text: &str) -> Result<(), String> {
    read(text).map(|_| ()).ok_or_else(|| "write `2026-12-20` or `2026-12-20T18:00`".to_owned())
}

fn reason(text: &str) -> Result<(), String> {
    if text.is_empty() || 200 < text.chars().count() || text.chars().any(char::is_control) {
        return Err("write one line of at most 200 characters".to_owned());
    }
    Ok(())
}
