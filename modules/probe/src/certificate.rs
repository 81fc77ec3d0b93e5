//! How long certificates are valid: read from files, or as a server shows them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::verdict::Comparison;

const DAY_SECONDS: i64 = 86_400;

/// What of a certificate matters here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Validity {
    /// Seconds since 1970.
    not_before: i64,
    not_after: i64,
    /// The common name, for people.
    subject: String,
}

/// Compares the validity of a certificate with the days that it shall be valid at least. `now` is in seconds since 1970.
pub(crate) fn compare(validity: &Validity, days: u64, now: i64, comparison: &mut Comparison) {
    let left = validity.not_after.saturating_sub(now).div_euclid(DAY_SECONDS);
    let (wanted, found) = (json!(days), json!(left));
    let until = date(validity.not_after);
    if now < validity.not_before {
        let reason = format!("the certificate is valid only from {}", date(validity.not_before));
        comparison.different("days", wanted, found, reason);
    } else if validity.not_after < now {
        comparison.different("days", wanted, found, format!("the certificate expired on {until}"));
    } else if left < i64::try_from(days).unwrap_or(i64::MAX) {
        let reason = format!("the certificate expires on {until}, in {left} days; wanted are {days}");
        comparison.different("days", wanted, found, reason);
    } else {
        comparison.judged("days", wanted, found, true);
    }
    comparison.found.insert("not_after".to_owned(), json!(until));
    comparison.found.insert("subject".to_owned(), json!(validity.subject));
}

/// A point in time as `2026-11-28T03:02:50Z`.
fn date(seconds: i64) -> String {
    let (days, rest) = (seconds.div_euclid(DAY_SECONDS), seconds.rem_euclid(DAY_SECONDS));
    let mut year = 1970 + days * 400 / 146_097;
    while days < days_before(year, 1) {
        year -= 1;
    }
    while days_before(year + 1, 1) <= days {
        year += 1;
    }
    let month = (1..=12).rev().find(|month| days_before(year, *month) <= days).unwrap_or(1);
    let day = days - days_before(year, month) + 1;
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", rest / 3600, rest / 60 % 60, rest % 60)
}

/// Days from 1970-01-01 to the first of a month.
fn days_before(year: i64, month: i64) -> i64 {
    // Counted from March, so that the leap day is the last one of a year.
    let (year, month) = if month < 3 { (year - 1, month + 9) } else { (year, month - 3) };
    let leaps = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    year * 365 + leaps + (month * 153 + 2) / 5 - 719_468
}

/// The first certificate in a file, PEM or DER.
pub(crate) fn in_file(content: &[u8]) -> Result<Validity, &'static str> {
    if content.first() == Some(&0x30) {
        return parse(content).ok_or("holds no certificate that can be read");
    }
    let text = String::from_utf8_lossy(content);
    let begin = ["-----BEGIN CERTIFICATE-----", "-----BEGIN TRUSTED CERTIFICATE-----"];
    let body = begin.iter().find_map(|line| text.split_once(line)).ok_or("holds no certificate")?.1;
    let body = body.split("-----END").next().unwrap_or_default();
    let body: String = body.chars().filter(|it| !it.is_whitespace()).collect();
    let der = STANDARD.decode(body).map_err(|_| "holds a certificate that is damaged")?;
    parse(&der).ok_or("holds a certificate that is damaged")
}

/// One element: its tag, its content, and what follows it.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let count = usize::from(first & 0x7f);
        let digits = rest.get(..count).filter(|_| (1..=4).contains(&count))?;
        let length = digits
            .iter()
            .try_fold(0_usize, |length, digit| Some(length.checked_mul(256)? + usize::from(*digit)))?;
        (length, rest.get(count..)?)
    };
    Some((tag, rest.get(..length)?, rest.get(length..)?))
}

/// The content of an element with a tag, and what follows it.
fn expect(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    element(bytes).filter(|(found, ..)| *found == tag).map(|(_, content, rest)| (content, rest))
}

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const VERSION: u8 = 0xa0;

/// A certificate (RFC 5280): only what comes before the key is looked at.
pub(crate) fn parse(der: &[u8]) -> Option<Validity> {
    let (certificate, _) = expect(der, SEQUENCE)?;
    let (signed, _) = expect(certificate, SEQUENCE)?;
    let signed = expect(signed, VERSION).map_or(signed, |(_, rest)| rest);
    let (_, _serial, rest) = element(signed)?;
    let (_algorithm, rest) = expect(rest, SEQUENCE)?;
    let (_issuer, rest) = expect(rest, SEQUENCE)?;
    let (validity, rest) = expect(rest, SEQUENCE)?;
    let (subject, _) = expect(rest, SEQUENCE)?;
    let (kind, not_before, rest) = element(validity)?;
    let not_before = time(kind, not_before)?;
    let (kind, not_after, _) = element(rest)?;
    Some(Validity { not_before, not_after: time(kind, not_after)?, subject: common_name(subject) })
}

/// `261128030250Z` or `20261128030250Z`.
fn time(kind: u8, text: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(text).ok().filter(|it| it.is_ascii())?.strip_suffix('Z')?;
    let number = |range: std::ops::Range<usize>| {
        let digits = text.get(range)?;
        digits.bytes().all(|it| it.is_ascii_digit()).then(|| digits.parse::<i64>().ok()).flatten()
    };
    let (year, at) = match (kind, text.len()) {
        (0x17, 12) => (number(0..2).map(|it| if it < 50 { 2000 + it } else { 1900 + it })?, 2),
        (0x18, 14) => (number(0..4)?, 4),
        _ => return None,
    };
    let part = |index: usize| number(at + index * 2..at + index * 2 + 2);
    let (month, day) = (part(0)?, part(1)?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let days = days_before(year, month) + day - 1;
    Some(days * DAY_SECONDS + part(2)? * 3600 + part(3)? * 60 + part(4)?)
}

/// The common name in a subject, or nothing to show.
fn common_name(mut names: &[u8]) -> String {
    let mut found = String::new();
    while let Some((set, rest)) = expect(names, SET) {
        names = rest;
        let Some((pair, _)) = expect(set, SEQUENCE) else { continue };
        // 2.5.4.3
        let Some(([0x55, 0x04, 0x03], value)) = expect(pair, 0x06) else { continue };
        if let Some((_, value, _)) = element(value) {
            found = String::from_utf8_lossy(value).into_owned();
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::verdict::State::{self, AsWanted, Differs};

    /// Made with openssl: `/CN=probe.example`, valid from 2026-01-01 to 2051-01-01, so with both kinds of time.
    const PEM: &str = include_str!("certificate/probe.example.pem");

    #[test]
    fn a_certificate_is_read() {
        let found = in_file(PEM.as_bytes()).unwrap();
        assert_eq!(found.subject, "probe.example");
        assert_eq!(date(found.not_before), "2026-01-01T00:00:00Z");
        assert_eq!(date(found.not_after), "2051-01-01T00:00:00Z");
        let with_key = format!("-----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY-----\n{PEM}");
        assert_eq!(in_file(with_key.as_bytes()).unwrap(), found);
        let body: String = PEM.lines().filter(|line| !line.starts_with('-')).collect();
        assert_eq!(in_file(&STANDARD.decode(body).unwrap()).unwrap(), found);
        assert!(in_file(b"").is_err());
        assert!(in_file(PEM.replace('M', "N").as_bytes()).is_err());
    }

    #[track_caller]
    fn check(now: i64, days: u64, state: State, reason: &str) {
        let validity =
            Validity { not_before: 100 * DAY_SECONDS, not_after: 200 * DAY_SECONDS, subject: "x".into() };
        let mut comparison = Comparison::default();
        compare(&validity, days, now, &mut comparison);
        let found = comparison.into_verdict(0, String::new(), "certificate");
        assert_eq!((found.state, found.reason.as_deref().unwrap_or_default()), (state, reason));
    }

    #[test]
    fn validity_is_judged() {
        let day = DAY_SECONDS;
        check(150 * day, 50, AsWanted, "");
        check(
            150 * day + 1,
            50,
            Differs,
            "the certificate expires on 1970-07-20T00:00:00Z, in 49 days; wanted are 50",
        );
        check(200 * day, 0, AsWanted, "");
        check(200 * day + 1, 0, Differs, "the certificate expired on 1970-07-20T00:00:00Z");
        check(99 * day, 0, Differs, "the certificate is valid only from 1970-04-11T00:00:00Z");
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..100), at: usize, with: u8) {
            let _any = parse(&bytes);
            let _any = in_file(&bytes);
            let _any = common_name(&bytes);
            // A real one with one byte changed.
            let body: String = PEM.lines().filter(|line| !line.starts_with('-')).collect();
            let mut der = STANDARD.decode(body).unwrap();
            let at = at % der.len();
            der[at] = with;
            let _any = parse(&der);
        }

        #[test]
        fn any_time_is_shown(seconds in -60_000_000_000_i64..200_000_000_000) {
            let shown = date(seconds);
            let digits: String = shown.chars().filter(char::is_ascii_digit).collect();
            if shown.len() == 20 && digits.len() == 14 {
                prop_assert_eq!(time(0x18, format!("{digits}Z").as_bytes()), Some(seconds));
            }
        }
    }
}
