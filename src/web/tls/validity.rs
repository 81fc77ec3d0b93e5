//! When a certificate ends: the one thing that is read of it here. What cannot be read is not known; whether a
//! certificate holds is for its readers to say.

use crate::domain::Timestamp;

const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// The end of a certificate in DER.
pub(super) fn end(certificate: &[u8]) -> Option<Timestamp> {
    let (tag, mut whole) = Elements(certificate).next()?;
    if tag != SEQUENCE {
        return None;
    }
    let (_, signed) = Elements::take_from(&mut whole)?;
    let mut fields = Elements(signed).skip_while(|(tag, _)| *tag == VERSION);
    // Serial number, algorithm, issuer, and then from when until when.
    let (tag, validity) = fields.nth(3)?;
    let (kind, text) = Elements(validity).nth(1).filter(|_| tag == SEQUENCE)?;
    time(kind, std::str::from_utf8(text).ok()?)
}

/// `YYMMDDhhmmssZ` until 2049, `YYYYMMDDhhmmssZ` afterwards.
fn time(kind: u8, text: &str) -> Option<Timestamp> {
    let whole = match kind {
        UTC_TIME if text.len() == 13 && text.is_ascii() => {
            let century = if text[..2].parse::<u8>().ok()? < 50 { "20" } else { "19" };
            format!("{century}{text}")
        }
        GENERALIZED_TIME if text.len() == 15 && text.is_ascii() => text.to_owned(),
        _ => return None,
    };
    let (date, clock) = (&whole[..8], &whole[8..]);
    format!("{date}T{clock}").parse().ok()
}

/// The elements of a structure in DER, each with its tag.
struct Elements<'a>(&'a [u8]);

impl<'a> Elements<'a> {
    fn take_from(rest: &mut &'a [u8]) -> Option<(u8, &'a [u8])> {
        let (&[tag, first], mut after) = rest.split_first_chunk::<2>()?;
        let length = if first < 0x80 {
            usize::from(first)
        } else {
            let (digits, behind) = after.split_at_checked(usize::from(first & 0x7f))?;
            after = behind;
            if digits.is_empty() || 4 < digits.len() {
                return None;
            }
            digits.iter().fold(0, |sum, digit| sum << 8 | usize::from(*digit))
        };
        let (content, behind) = after.split_at_checked(length)?;
        *rest = behind;
        Some((tag, content))
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = (u8, &'a [u8]);
    fn next(&mut self) -> Option<Self::Item> {
        Self::take_from(&mut self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_a_time_are_read() {
        assert_eq!(time(UTC_TIME, "261128103619Z"), "2026-11-28T10:36:19Z".parse().ok());
        assert_eq!(time(UTC_TIME, "501128103619Z"), "1950-11-28T10:36:19Z".parse().ok());
        assert_eq!(time(GENERALIZED_TIME, "20501128103619Z"), "2050-11-28T10:36:19Z".parse().ok());
        for bad in ["", "261128103619", "26112810361-Z", "261328103619Z", "2611281036é9Z"] {
            assert_eq!(time(UTC_TIME, bad), None, "{bad}");
        }
    }

    #[test]
    fn what_is_no_certificate_has_no_end() {
        for bad in
            [&[][..], &[0x30], &[0x30, 0x84, 0xff, 0xff, 0xff, 0xff], &[0x30, 0x80], &[0x30, 2, 0x30, 0]]
        {
            assert_eq!(end(bad), None, "{bad:?}");
        }
    }
}
