//! Date and time: the subset `date_time`.

use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::system::one;
use crate::zone::Zone;
use driftless_host::Host;

const WEEKDAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/// The fact `date_time` at an instant, given as the time since 1970.
pub(crate) fn date_time(host: &Host, now: Duration) -> Map<String, Value> {
    let zone = zone(host).unwrap_or_default();
    one("date_time", fact(&zone, now))
}

/// The zone that the C library would use: `TZ`, else `/etc/localtime`.
fn zone(host: &Host) -> Option<Zone> {
    let read = |path: &str| std::fs::read(host.at(path)).ok().filter(|file| file.len() <= 1 << 20);
    let Some(variable) = host.environment().get("TZ") else { return Zone::parse(&read("/etc/localtime")?) };
    let name = variable.strip_prefix(':').unwrap_or(variable);
    let path = if name.starts_with('/') { name.to_owned() } else { format!("/usr/share/zoneinfo/{name}") };
    let from_file = || Zone::parse(&read(&path)?);
    if name.is_empty() { None } else { from_file().or_else(|| Zone::from_rule(name)) }
}

fn fact(zone: &Zone, now: Duration) -> Value {
    let epoch = i64::try_from(now.as_secs()).unwrap_or(i64::MAX / 2);
    let offset = zone.at(epoch);
    let local = Moment::new(epoch.saturating_add(offset.seconds));
    let utc = Moment::new(epoch);
    let micros = now.subsec_micros();
    let (sign, minutes) = (if offset.seconds < 0 { '-' } else { '+' }, offset.seconds.abs() / 60);
    json!({
        "year": local.year.to_string(),
        "month": format!("{:02}", local.month),
        "weekday": WEEKDAYS.get(usize::try_from(local.weekday).unwrap_or(0)),
        "weekday_number": local.weekday.to_string(),
        "weeknumber": format!("{:02}", local.week()),
        "day": format!("{:02}", local.day),
        "hour": format!("{:02}", local.second_of_day / 3600),
        "minute": format!("{:02}", local.second_of_day / 60 % 60),
        "second": format!("{:02}", local.second_of_day % 60),
        "epoch": epoch.to_string(),
        "epoch_int": epoch.to_string(),
        "date": local.date('-'),
        "time": local.clock(":"),
        "iso8601_micro": format!("{}T{}.{micros:06}Z", utc.date('-'), utc.clock(":")),
        "iso8601": format!("{}T{}Z", utc.date('-'), utc.clock(":")),
        "iso8601_basic": format!("{}T{}{micros:06}", local.basic_date(), local.clock("")),
        "iso8601_basic_short": format!("{}T{}", local.basic_date(), local.clock("")),
        "tz": offset.name,
        "tz_dst": zone.names(epoch).1,
        "tz_offset": format!("{sign}{:02}{:02}", minutes / 60, minutes % 60),
    })
}

/// A point in time as a calendar shows it.
struct Moment {
    year: i64,
    month: i64,
    day: i64,
    weekday: i64,
    day_of_year: i64,
    second_of_day: i64,
}

impl Moment {
    /// From local seconds since 1970.
    fn new(seconds: i64) -> Self {
        let days = seconds.div_euclid(86400);
        let year = year_of(seconds);
        let month = (1..=12).rev().find(|month| days_before(year, *month) <= days).unwrap_or(1);
        Self {
            year,
            month,
            day: days - days_before(year, month) + 1,
            weekday: (days + 4).rem_euclid(7),
            day_of_year: days - days_before(year, 1),
            second_of_day: seconds.rem_euclid(86400),
        }
    }

    /// The week of the year, weeks beginning on Monday; days before the first Monday are in week 0.
    fn week(&self) -> i64 {
        (self.day_of_year + 7 - (self.weekday + 6) % 7) / 7
    }

    fn date(&self, separator: char) -> String {
        format!("{}{separator}{:02}{separator}{:02}", self.year, self.month, self.day)
    }

    fn basic_date(&self) -> String {
        format!("{}{:02}{:02}", self.year, self.month, self.day)
    }

    fn clock(&self, separator: &str) -> String {
        let (hour, minute, second) =
            (self.second_of_day / 3600, self.second_of_day / 60 % 60, self.second_of_day % 60);
        format!("{hour:02}{separator}{minute:02}{separator}{second:02}")
    }
}

/// The year of local seconds since 1970.
pub(crate) fn year_of(seconds: i64) -> i64 {
    let days = seconds.div_euclid(86400);
    // An estimate that is off by one at most.
    let mut year = 1970 + days * 400 / 146_097;
    while days < days_before(year, 1) {
        year -= 1;
    }
    while days_before(year + 1, 1) <= days {
        year += 1;
    }
    year
}

/// Days from 1970-01-01 to the first of a month, in the Gregorian calendar.
pub(crate) fn days_before(year: i64, month: i64) -> i64 {
    // Counted from March, so that the leap day is the last one of a year.
    let (year, month) = if month < 3 { (year - 1, month + 9) } else { (year, month - 3) };
    let leaps = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    year * 365 + leaps + (month * 153 + 2) / 5 - 719_468
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_fact_is_that_of_setup() {
        // Recorded on a host in UTC.
        let found = fact(&Zone::default(), Duration::new(1_795_834_970, 392_475_000));
        let expected = json!({
            "date": "2026-11-28", "day": "28", "epoch": "1795834970", "epoch_int": "1795834970", "hour": "03",
            "iso8601": "2026-11-28T03:02:50Z", "iso8601_basic": "20261128T030250392475",
            "iso8601_basic_short": "20261128T030250", "iso8601_micro": "2026-11-28T03:02:50.392475Z",
            "minute": "02", "month": "11", "second": "50", "time": "03:02:50", "tz": "UTC", "tz_dst": "UTC",
            "tz_offset": "+0000", "weekday": "Saturday", "weekday_number": "6", "weeknumber": "47", "year": "2026",
        });
        assert_eq!(found, expected);
    }

    #[test]
    fn local_time_is_that_of_the_zone() {
        let zone = Zone::from_rule("NST3:30NDT,M3.2.0,M11.1.0").unwrap();
        let found = fact(&zone, Duration::from_secs(1_767_225_600));
        assert_eq!((&found["date"], &found["time"]), (&json!("2025-12-31"), &json!("20:30:00")));
        assert_eq!((&found["tz_offset"], &found["tz_dst"]), (&json!("-0330"), &json!("NDT")));
    }

    #[test]
    fn weeks_begin_on_monday() {
        // 2024-01-01 was a Monday, 2023-01-01 a Sunday.
        assert_eq!(Moment::new(days_before(2024, 1) * 86400).week(), 1);
        assert_eq!(Moment::new(days_before(2023, 1) * 86400).week(), 0);
    }

    proptest! {
        #[test]
        fn dates_go_there_and_back(seconds in -100_000_000_000_i64..100_000_000_000) {
            let moment = Moment::new(seconds);
            prop_assert!((1..=31).contains(&moment.day) && (1..=12).contains(&moment.month));
            let days = days_before(moment.year, moment.month) + moment.day - 1;
            prop_assert_eq!(days * 86400 + moment.second_of_day, seconds);
        }
    }
}
