//! The words of the pages: times of the day, sizes, and what the nouns are called.

use super::markup::{Markup, Tag};
pub(super) use crate::api::when::{ago, exact, took, until};
use crate::domain::{HostName, Mode, Outcome, Timestamp, Trigger};

/// `09:12` of today, `Mon 09:12` of the last six days, else with the date; UTC.
pub(super) fn clock(now: Timestamp, at: Timestamp) -> String {
    let day = |it: Timestamp| it.as_second().div_euclid(86_400);
    let form = match day(now) - day(at) {
        0 => "%H:%M",
        1..7 => "%a %H:%M",
        _ => "%Y-%m-%d %H:%M",
    };
    at.strftime(form).to_string()
}

/// `2026-11-23T13:40:12Z`, for programs.
pub(super) fn rfc3339(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// A small value or a reference to one: templates hand on either.
pub(super) trait Given<T> {
    /// The value.
    fn given(self) -> T;
}

impl<T: Copy> Given<T> for T {
    fn given(self) -> T {
        self
    }
}

impl<T: Copy> Given<T> for &T {
    fn given(self) -> T {
        *self
    }
}

impl<T: Copy> Given<T> for &&T {
    fn given(self) -> T {
        **self
    }
}

/// A number of things, of whatever width.
pub(super) trait Count {
    /// The number.
    fn count(self) -> u64;
}

impl Count for u64 {
    fn count(self) -> u64 {
        self
    }
}

impl Count for u32 {
    fn count(self) -> u64 {
        self.into()
    }
}

impl Count for usize {
    fn count(self) -> u64 {
        u64::try_from(self).unwrap_or(u64::MAX)
    }
}

impl<T: Count + Copy> Count for &T {
    fn count(self) -> u64 {
        T::count(*self)
    }
}

/// `1 host`, `4 hosts`.
pub(super) fn counted(count: impl Count, noun: &str) -> String {
    let count = count.count();
    if count == 1 { format!("1 {noun}") } else { format!("{} {noun}s", grouped(count)) }
}

/// `12 345`: three digits at a time, by a space that does not break.
pub(super) fn grouped(count: impl Count) -> String {
    let digits = count.count().to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index != 0 && (digits.len() - index).is_multiple_of(3) && 4 < digits.len() {
            out.push('\u{202f}');
        }
        out.push(digit);
    }
    out
}

/// `512 B`, `1.5 KiB`: one decimal, rounded down.
pub(super) fn size(bytes: impl Count) -> String {
    let bytes = bytes.count();
    let mut unit_bytes = 1024;
    for unit in ["KiB", "MiB", "GiB", "TiB"] {
        let tenths = u128::from(bytes) * 10 / unit_bytes;
        if (10..10240).contains(&tenths) {
            return format!("{}.{} {unit}", tenths / 10, tenths % 10);
        }
        unit_bytes *= 1024;
    }
    format!("{bytes} B")
}

/// A value in a query or a path: everything but letters, digits and `-._~` by its bytes.
pub(super) fn url_part(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.extend([byte >> 4, byte & 15].map(|it| char::from(b"0123456789ABCDEF"[usize::from(it)])));
        }
    }
    out
}

/// The page of a host. Its name is whatever an inventory calls it.
pub(super) fn host_url(host: &HostName) -> String {
    format!("/hosts/{}", url_part(host.as_str()))
}

/// How good or bad something is. Never said by its colour alone: each has a sign, and words stand beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Tone {
    /// It is broken.
    Bad,
    /// Somebody should know.
    Notice,
    /// It goes on now.
    Live,
    /// As it should be.
    Good,
    /// Nothing is known, or it does not matter.
    Quiet,
}

impl Tone {
    /// Its class in the styles.
    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Bad => "bad",
            Self::Notice => "notice",
            Self::Live => "live",
            Self::Good => "good",
            Self::Quiet => "quiet",
        }
    }

    /// Its sign.
    pub(super) fn sign(self) -> &'static str {
        match self {
            Self::Bad => "✕",
            Self::Notice => "!",
            Self::Live => "▸",
            Self::Good => "✓",
            Self::Quiet => "·",
        }
    }
}

/// A word in a pill, with the sign of its tone.
pub(super) fn pill(tone: impl Given<Tone>, word: &str) -> Markup {
    let tone = tone.given();
    let mut inner = Tag::new("span").class("sign").with("aria-hidden", "true").text(tone.sign());
    inner.push_text(word);
    Tag::new("span").class(&format!("pill {}", tone.class())).around(&inner)
}

/// The words for an outcome.
pub(super) fn outcome(outcome: Outcome) -> &'static str {
    outcome.words()
}

/// How good or bad an outcome is.
pub(super) fn outcome_tone(outcome: Outcome) -> Tone {
    match outcome {
        Outcome::InSync | Outcome::Changed => Tone::Good,
        Outcome::Drifted
        | Outcome::Unreachable
        | Outcome::Cancelled
        | Outcome::Interrupted
        | Outcome::Refused => Tone::Notice,
        Outcome::Failed | Outcome::TimedOut | Outcome::Errored => Tone::Bad,
    }
}

/// An outcome in a pill; `live` for a run that has none yet.
pub(super) fn outcome_pill(ended: impl Given<Option<Outcome>>) -> Markup {
    ended.given().map_or_else(|| pill(Tone::Live, "live"), |it| pill(outcome_tone(it), outcome(it)))
}

/// What a task says that it changed: in a check nothing was.
pub(super) fn changed(mode: Mode) -> &'static str {
    if mode == Mode::Check { "would change" } else { "changed" }
}

/// The words for what started a run.
pub(super) fn trigger(trigger: impl Given<Trigger>) -> &'static str {
    trigger.given().words()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Span;

    #[test]
    fn times_are_short() {
        let now: Timestamp = "2026-11-23T13:40:12Z".parse().expect("a time");
        for (seconds, text) in [(-5, "just now"), (59, "59s ago"), (3900, "1h 5m ago"), (864_000, "10d ago")]
        {
            assert_eq!(ago(now, now - Span::from_secs(seconds)), text);
        }
        assert_eq!(until(now, now + Span::from_secs(240)), "in 4m");
        assert_eq!(clock(now, now), "13:40");
        assert_eq!(clock(now, now - Span::from_hours(24)), "Sun 13:40");
        assert_eq!(clock(now, now - Span::from_hours(24 * 30)), "2026-10-24 13:40");
        assert_eq!(took(Span::from_secs(72)), "1m 12s");
    }

    #[test]
    fn numbers_are_readable() {
        assert_eq!(counted(1_u64, "host"), "1 host");
        assert_eq!(counted(9999_u64, "host"), "9999 hosts");
        assert_eq!(grouped(100_000_u64), "100\u{202f}000");
        assert_eq!(size(1_610_612_736_u64), "1.5 GiB");
        assert_eq!(url_part("a/b é"), "a%2Fb%20%C3%A9");
    }
}
