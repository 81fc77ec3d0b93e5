//! Times for people: how long ago, how long yet, how long it took. The same on the command line and on pages.

use crate::domain::{Span, Timestamp};

/// `4m ago`; a time that is yet to come is `just now`, since clocks differ a little.
pub fn ago(now: Timestamp, at: Timestamp) -> String {
    match now.duration_since(at) {
        span if span < Span::from_secs(1) => "just now".to_owned(),
        span => format!("{} ago", rough(span)),
    }
}

/// `in 4m`; a time that has passed is `now`.
pub fn until(now: Timestamp, at: Timestamp) -> String {
    match at.duration_since(now) {
        span if span < Span::from_secs(1) => "now".to_owned(),
        span => format!("in {}", rough(span)),
    }
}

/// `2026-11-23 13:40:12 UTC`.
pub fn exact(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// `0.4s`, `12s`, `1m 12s`, `3h 5m`, `2d 4h`: the two greatest units.
pub fn took(span: Span) -> String {
    let seconds = span.as_secs().max(0);
    match seconds {
        0..10 => format!("{:.1}s", span.as_secs_f64().max(0.0)),
        10..60 => format!("{seconds}s"),
        60..3600 => two(seconds / 60, "m", seconds % 60, "s"),
        3600..86400 => two(seconds / 3600, "h", seconds % 3600 / 60, "m"),
        _ => two(seconds / 86400, "d", seconds % 86400 / 3600, "h"),
    }
}

/// The greatest unit alone, two of them only where the second says much: `4m`, `1h 5m`, `3h`, `12d`.
fn rough(span: Span) -> String {
    let seconds = span.as_secs();
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..10800 => two(seconds / 3600, "h", seconds % 3600 / 60, "m"),
        10800..86400 => format!("{}h", seconds / 3600),
        86400..259_200 => two(seconds / 86400, "d", seconds % 86400 / 3600, "h"),
        _ => format!("{}d", seconds / 86400),
    }
}

fn two(great: i64, of_great: &str, small: i64, of_small: &str) -> String {
    if small == 0 { format!("{great}{of_great}") } else { format!("{great}{of_great} {small}{of_small}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_short() {
        let now: Timestamp = "2026-11-23T13:40:12Z".parse().expect("a time");
        for (seconds, text) in [
            (-5, "just now"),
            (0, "just now"),
            (1, "1s ago"),
            (59, "59s ago"),
            (60, "1m ago"),
            (3599, "59m ago"),
            (3600, "1h ago"),
            (3900, "1h 5m ago"),
            (10800, "3h ago"),
            (90000, "1d 1h ago"),
            (864_000, "10d ago"),
        ] {
            assert_eq!(ago(now, now - Span::from_secs(seconds)), text);
        }
        assert_eq!(until(now, now + Span::from_secs(240)), "in 4m");
        assert_eq!(until(now, now - Span::from_secs(240)), "now");
        assert_eq!(exact(now), "2026-11-23 13:40:12 UTC");
    }

    #[test]
    fn lengths_are_short() {
        for (millis, text) in
            [(0, "0.0s"), (440, "0.4s"), (12_000, "12s"), (72_000, "1m 12s"), (11_100_000, "3h 5m")]
        {
            assert_eq!(took(Span::from_millis(millis)), text);
        }
        assert_eq!(took(Span::from_secs(-3)), "0.0s");
    }
}
