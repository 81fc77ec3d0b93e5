//! Lengths of time and amounts of bytes, as people write them.

use crate::domain::Span;

pub(super) const SECOND: u64 = 1;
pub(super) const MINUTE: u64 = 60;
pub(super) const HOUR: u64 = 60 * MINUTE;
pub(super) const DAY: u64 = 24 * HOUR;

pub(super) const KIB: u64 = 1024;
pub(super) const MIB: u64 = 1024 * KIB;
pub(super) const GIB: u64 = 1024 * MIB;
pub(super) const TIB: u64 = 1024 * GIB;

/// What a length of time looks like, for the schema.
pub(super) const SPAN_PATTERN: &str = "^[0-9]+ ?(w|d|h|m|s|ms)( ?[0-9]+ ?(w|d|h|m|s|ms))*$";
/// What an amount of bytes looks like, for the schema.
pub(super) const SIZE_PATTERN: &str = "^[0-9]+ ?(B|KiB|MiB|GiB|TiB|kB|MB|GB|TB)$";

/// Reads `30m`, `1h 15m`, `90s`, `14d`. A day is 24 hours; months and years have no fixed length.
pub(super) fn span(text: &str) -> Result<Span, String> {
    let advice = "write numbers with units, for example `90s`, `30m`, `1h 15m` or `14d`";
    let wrong = || format!("is not a length of time: {advice}");
    if !text.is_empty() && text.bytes().all(|it| it.is_ascii_digit()) {
        return Err(format!("has no unit: for seconds write `{text}s`, for minutes `{text}m`"));
    }
    let mut sum = Span::ZERO;
    let mut rest = text;
    loop {
        let unit_at = rest.find(|it: char| !it.is_ascii_digit()).ok_or_else(wrong)?;
        let (number, tail) = rest.split_at(unit_at);
        let tail = tail.strip_prefix(' ').unwrap_or(tail);
        let end = tail.find(|it: char| !it.is_ascii_alphabetic()).unwrap_or(tail.len());
        let millis: i64 = match &tail[..end] {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            "w" => 604_800_000,
            _ => return Err(wrong()),
        };
        let part = number.parse::<i64>().map_err(|_| wrong())?.checked_mul(millis);
        let part = part.ok_or("is longer than any clock can count: write less")?;
        sum = sum
            .checked_add(Span::from_millis(part))
            .ok_or("is longer than any clock can count: write less")?;
        rest = tail[end..].strip_prefix(' ').unwrap_or(&tail[end..]);
        match rest {
            "" if tail.ends_with(' ') => return Err(wrong()),
            "" => return Ok(sum),
            _ => {}
        }
    }
}

/// Writes a length of time the way it is read: `1h 15m`.
pub fn show_span(span: Span) -> String {
    let millis = span.as_millis().unsigned_abs();
    let whole_days = millis > 0 && millis.is_multiple_of(86_400_000);
    let units =
        if whole_days { [("d", 86_400_000), ("h", 3_600_000)] } else { [("h", 3_600_000), ("m", 60_000)] };
    let mut rest = millis;
    let mut parts = Vec::new();
    for (unit, length) in units.into_iter().chain([("s", 1000), ("ms", 1)]) {
        if length <= rest {
            parts.push(format!("{}{unit}", rest / length));
            rest %= length;
        }
    }
    if parts.is_empty() { "0s".to_owned() } else { parts.join(" ") }
}

const UNITS: [(&str, u64); 9] = [
    ("B", 1),
    ("KiB", KIB),
    ("MiB", MIB),
    ("GiB", GIB),
    ("TiB", TIB),
    ("kB", 1000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
];

/// Reads `500MiB`, `2 GiB`, `10MB`.
pub(super) fn size(text: &str) -> Result<u64, String> {
    let advice = "write a whole number with a unit, for example `500MiB` or `2GiB`";
    let end = text.find(|it: char| !it.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = (&text[..end], text[end..].strip_prefix(' ').unwrap_or(&text[end..]));
    if number.is_empty() {
        return Err(format!("is not a size: {advice}"));
    }
    if unit.is_empty() {
        return Err(format!("has no unit: write `{number}B` for bytes, or better `500MiB` or `2GiB`"));
    }
    let Some((_, factor)) = UNITS.iter().find(|(name, _)| *name == unit) else {
        let near = UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit));
        let near = near.or_else(|| {
            UNITS.iter().find(|(name, _)| name.len() == 3 && name.starts_with(&unit.to_uppercase()))
        });
        return Err(match near {
            Some((name, _)) => format!("is not a size: write `{number}{name}`"),
            None => format!("is not a size: {advice}"),
        });
    };
    let bytes = number.parse::<u64>().ok().and_then(|it| it.checked_mul(*factor));
    bytes.ok_or_else(|| "is larger than any disk".to_owned())
}

/// Writes a size the way it is read, in the largest unit that keeps it whole.
pub fn show_size(bytes: u64) -> String {
    let fits = [("TiB", TIB), ("GiB", GIB), ("MiB", MIB), ("KiB", KIB)];
    let unit = fits.iter().find(|(_, factor)| bytes > 0 && bytes.is_multiple_of(*factor));
    unit.map_or_else(|| format!("{bytes}B"), |(name, factor)| format!("{}{name}", bytes / factor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time() {
        for (text, seconds) in [
            ("90s", 90),
            ("30m", 1800),
            ("1h 15m", 4500),
            ("1h15m", 4500),
            ("14d", 14 * 86400),
            ("2w", 14 * 86400),
        ] {
            assert_eq!(span(text), Ok(Span::from_secs(seconds)), "{text}");
        }
        assert_eq!(span("250ms"), Ok(Span::from_millis(250)));
        for bad in
            ["", "60", "soon", "-5m", "1 month", "2y", "5 apples", "m", "PT5M", "99999999999999999999s"]
        {
            assert!(span(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn lengths_of_time_are_written_as_they_are_read() {
        for text in ["0s", "250ms", "90s", "30m", "1h 15m", "90d", "1h", "10m"] {
            let read = span(text).expect("a length of time");
            assert_eq!(span(&show_span(read)), Ok(read), "{text}");
        }
        assert_eq!(show_span(Span::from_secs(4500)), "1h 15m");
        assert_eq!(show_span(Span::from_secs(90 * 86400)), "90d");
    }

    #[test]
    fn sizes() {
        for (text, bytes) in [("500MiB", 500 * MIB), ("2 GiB", 2 * GIB), ("10MB", 10_000_000), ("1B", 1)] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for (bad, says) in [
            ("500", "has no unit"),
            ("5mib", "`5MiB`"),
            ("5G", "`5GiB`"),
            ("x", "not a size"),
            ("99999999TiB", "larger"),
        ] {
            let error = size(bad).expect_err(bad);
            assert!(error.contains(says), "{bad}: {error}");
        }
        assert_eq!(show_size(500 * MIB), "500MiB");
        assert_eq!(show_size(1), "1B");
    }
}
