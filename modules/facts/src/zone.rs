//! The host's local time: files of time zones (RFC 8536) and the rules in the variable `TZ`.

/// The offset of local time at an instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Offset {
    /// Seconds east of Greenwich.
    pub(crate) seconds: i64,
    /// The abbreviation: `CET`.
    pub(crate) name: String,
}

/// A time zone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Zone {
    transitions: Vec<(i64, Offset)>,
    /// In force before the first transition.
    first: Option<Offset>,
    /// In force after the last one.
    rule: Option<Rule>,
}

/// A rule like `CET-1CEST,M3.5.0,M10.5.0/3`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Rule {
    standard: Offset,
    summer: Option<(Offset, Day, Day)>,
}

/// When in a year a clock is changed, in local time.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Day {
    kind: Kind,
    seconds: i64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    /// Month, week (5 is the last one), day of the week.
    Month(i64, i64, i64),
    /// Day of the year from 1, February 29 never counted.
    Julian(i64),
    /// Day of the year from 0.
    Number(i64),
}

impl Zone {
    /// A zone from the content of a file. What cannot be read is UTC.
    pub(crate) fn parse(file: &[u8]) -> Option<Self> {
        let (header, rest) = Header::parse(file)?;
        if header.version == 0 {
            return header.body(rest, 4);
        }
        // The first block is for old programs.
        let second = rest.get(header.size(4)?..)?;
        let (header, rest) = Header::parse(second)?;
        let mut zone = header.body(rest, 8)?;
        let footer = rest.get(header.size(8)?..)?.strip_prefix(b"\n")?;
        let end = footer.iter().position(|it| *it == b'\n')?;
        zone.rule = Rule::parse(std::str::from_utf8(&footer[..end]).ok()?);
        Some(zone)
    }

    /// A zone from a rule.
    pub(crate) fn from_rule(text: &str) -> Option<Self> {
        Some(Self { rule: Some(Rule::parse(text)?), ..Self::default() })
    }

    /// The offset at an instant, in seconds since 1970.
    pub(crate) fn at(&self, instant: i64) -> Offset {
        let index = self.transitions.partition_point(|(at, _)| *at <= instant);
        if index == self.transitions.len()
            && let Some(rule) = &self.rule
        {
            return rule.at(instant);
        }
        let found =
            index.checked_sub(1).and_then(|index| self.transitions.get(index)).map(|(_, offset)| offset);
        found.or(self.first.as_ref()).cloned().unwrap_or_else(|| Offset { seconds: 0, name: "UTC".into() })
    }

    /// The names in winter and summer of the year of an instant. Where no clock is changed, both are the same.
    pub(crate) fn names(&self, instant: i64) -> (String, String) {
        let year = 31_556_952;
        let january = instant.div_euclid(year).saturating_mul(year);
        let (winter, summer) = (self.at(january), self.at(january.saturating_add(year / 2)));
        // On the southern half, January is summer.
        if winter.seconds <= summer.seconds { (winter.name, summer.name) } else { (summer.name, winter.name) }
    }
}

/// The counts at the start of a block.
struct Header {
    version: u8,
    utc_marks: usize,
    standard_marks: usize,
    leaps: usize,
    transitions: usize,
    kinds: usize,
    characters: usize,
}

impl Header {
    fn parse(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let count = |at: usize| {
            let value = u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?);
            usize::try_from(value).ok().filter(|it| *it <= 1 << 20)
        };
        if bytes.get(..4)? != b"TZif" {
            return None;
        }
        let header = Self {
            version: *bytes.get(4)?,
            utc_marks: count(20)?,
            standard_marks: count(24)?,
            leaps: count(28)?,
            transitions: count(32)?,
            kinds: count(36)?,
            characters: count(40)?,
        };
        Some((header, bytes.get(44..)?))
    }

    /// The length of the block after the header, with times of a width.
    fn size(&self, width: usize) -> Option<usize> {
        let times = self.transitions.checked_mul(width + 1)?;
        let leaps = self.leaps.checked_mul(width + 4)?;
        Some(times + self.kinds * 6 + self.characters + leaps + self.standard_marks + self.utc_marks)
    }

    fn body(&self, bytes: &[u8], width: usize) -> Option<Zone> {
        let (times, rest) = bytes.split_at_checked(self.transitions * width)?;
        let (indexes, rest) = rest.split_at_checked(self.transitions)?;
        let (kinds, rest) = rest.split_at_checked(self.kinds * 6)?;
        let names = rest.get(..self.characters)?;
        let offsets: Vec<Offset> =
            kinds.chunks_exact(6).map(|kind| offset(kind, names)).collect::<Option<_>>()?;
        let transitions = times
            .chunks_exact(width)
            .zip(indexes)
            .map(|(time, index)| Some((integer(time), offsets.get(usize::from(*index))?.clone())))
            .collect::<Option<_>>()?;
        Some(Zone { transitions, first: offsets.first().cloned(), rule: None })
    }
}

fn integer(bytes: &[u8]) -> i64 {
    let start = if bytes.first().is_some_and(|it| 0x7f < *it) { -1 } else { 0 };
    bytes.iter().fold(start, |value, byte| value << 8 | i64::from(*byte))
}

fn offset(kind: &[u8], names: &[u8]) -> Option<Offset> {
    let name = names.get(usize::from(*kind.get(5)?)..)?;
    let end = name.iter().position(|it| *it == 0)?;
    Some(Offset {
        seconds: integer(kind.get(..4)?),
        name: String::from_utf8_lossy(&name[..end]).into_owned(),
    })
}

impl Rule {
    fn parse(text: &str) -> Option<Self> {
        let mut rest = text;
        let name = name(&mut rest)?;
        let standard = Offset { name, seconds: -clock(&mut rest)? };
        if rest.is_empty() {
            return Some(Self { standard, summer: None });
        }
        let name = self::name(&mut rest)?;
        let seconds = if rest.starts_with(',') || rest.is_empty() {
            standard.seconds + 3600
        } else {
            -clock(&mut rest)?
        };
        let (start, end) = match rest.strip_prefix(',') {
            Some(days) => days.split_once(',')?,
            None => ("M3.2.0", "M11.1.0"),
        };
        Some(Self {
            standard,
            summer: Some((Offset { seconds, name }, Day::parse(start)?, Day::parse(end)?)),
        })
    }

    fn at(&self, instant: i64) -> Offset {
        let Some((summer, start, end)) = &self.summer else { return self.standard.clone() };
        let year = crate::time::year_of(instant.saturating_add(self.standard.seconds));
        let start = start.in_year(year) - self.standard.seconds;
        let end = end.in_year(year) - summer.seconds;
        let is_summer =
            if start < end { start <= instant && instant < end } else { instant < end || start <= instant };
        if is_summer { summer.clone() } else { self.standard.clone() }
    }
}

/// Takes a name from the start: letters, or anything in angle brackets.
fn name(rest: &mut &str) -> Option<String> {
    let (name, after) = match rest.strip_prefix('<') {
        Some(quoted) => quoted.split_once('>')?,
        None => rest.split_at(rest.find(|it: char| !it.is_ascii_alphabetic()).unwrap_or(rest.len())),
    };
    *rest = after;
    (!name.is_empty()).then(|| name.to_owned())
}

/// Takes hours, minutes and seconds from the start: `-1:30`.
fn clock(rest: &mut &str) -> Option<i64> {
    let end =
        rest.find(|it: char| !it.is_ascii_digit() && !matches!(it, '+' | '-' | ':')).unwrap_or(rest.len());
    let (text, after) = rest.split_at(end);
    *rest = after;
    let (sign, text) = match text.strip_prefix('-') {
        Some(text) => (-1, text),
        None => (1, text.trim_start_matches('+')),
    };
    let mut seconds = 0;
    for (unit, part) in [3600, 60, 1].into_iter().zip(text.split(':')) {
        seconds += unit * part.parse::<i64>().ok().filter(|it| (0..=167).contains(it))?;
    }
    Some(sign * seconds)
}

impl Day {
    fn parse(text: &str) -> Option<Self> {
        let (day, time) = text.split_once('/').unwrap_or((text, "2"));
        let number = |text: &str| text.parse::<i64>().ok().filter(|it| (0..=365).contains(it));
        let kind = if let Some(month) = day.strip_prefix('M') {
            let parts: Vec<i64> = month.split('.').map(number).collect::<Option<_>>()?;
            let [month @ 1..=12, week @ 1..=5, day @ 0..=6] = parts[..] else { return None };
            Kind::Month(month, week, day)
        } else if let Some(day) = day.strip_prefix('J') {
            Kind::Julian(number(day)?)
        } else {
            Kind::Number(number(day)?)
        };
        Some(Self { kind, seconds: clock(&mut { time })? })
    }

    /// When it is in a year, in local seconds since 1970.
    fn in_year(&self, year: i64) -> i64 {
        let january = crate::time::days_before(year, 1);
        let days = match self.kind {
            Kind::Number(day) => january + day,
            Kind::Julian(day) => {
                let is_leap = crate::time::days_before(year, 3) - january == 60;
                january + day - 1 + i64::from(is_leap && 59 < day)
            }
            Kind::Month(month, week, day) => {
                let first = crate::time::days_before(year, month);
                let next = if month == 12 {
                    crate::time::days_before(year + 1, 1)
                } else {
                    crate::time::days_before(year, month + 1)
                };
                let weekday = (first + 4).rem_euclid(7);
                let mut found = first + (day - weekday).rem_euclid(7) + (week - 1) * 7;
                if next <= found {
                    found -= 7;
                }
                found
            }
        };
        days * 86400 + self.seconds
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn rules_change_the_clock() {
        let berlin = Zone::from_rule("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
        // 2026-03-29 01:00 UTC and 2026-10-25 01:00 UTC.
        assert_eq!(berlin.at(1_774_745_999).name, "CET");
        assert_eq!(berlin.at(1_774_746_000), Offset { seconds: 7200, name: "CEST".into() });
        assert_eq!(berlin.at(1_792_889_999).name, "CEST");
        assert_eq!(berlin.at(1_792_890_000).name, "CET");
        assert_eq!(berlin.names(1_774_746_000), ("CET".into(), "CEST".into()));
        let sydney = Zone::from_rule("AEST-10AEDT,M10.1.0,M4.1.0/3").unwrap();
        assert_eq!(sydney.at(1_767_225_600).name, "AEDT");
        assert_eq!(sydney.names(1_767_225_600), ("AEST".into(), "AEDT".into()));
        let fixed = Zone::from_rule("<+0530>-5:30").unwrap();
        assert_eq!(fixed.at(0), Offset { seconds: 19800, name: "+0530".into() });
        assert!(Zone::from_rule("1").is_none());
    }

    #[test]
    fn days_of_the_year_are_counted() {
        let day = |text: &str, year| Day::parse(text).unwrap().in_year(year) / 86400;
        assert_eq!(day("J60/0", 2024), crate::time::days_before(2024, 3));
        assert_eq!(day("59/0", 2024), crate::time::days_before(2024, 3) - 1);
        assert_eq!(day("M2.5.4/0", 2024), crate::time::days_before(2024, 3) - 1);
    }

    proptest! {
        #[test]
        fn no_file_panics(bytes in prop::collection::vec(any::<u8>(), 0..200), instant: i64) {
            let mut file = b"TZif2".to_vec();
            file.extend(bytes);
            if let Some(zone) = Zone::parse(&file) {
                let _any = zone.at(instant);
            }
        }

        #[test]
        fn no_rule_panics(text in "[A-Z<>+-]{0,5}[0-9:+-]{0,4}[A-Z]{0,4}(,[MJ]?[0-9.]{0,6}(/[0-9:-]{1,4})?){0,2}", instant in -1_000_000_000_000_i64..1_000_000_000_000) {
            if let Some(zone) = Zone::from_rule(&text) {
                let _any = zone.names(instant);
            }
        }
    }
}
