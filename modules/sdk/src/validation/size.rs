//! Amounts such as `10M` or `1.5 KB`.

use super::WIDEST;
use crate::core::Core;
use crate::python;

/// Bytes or bits; nothing is said of why it is not one, as Ansible does not either.
pub(super) fn amount(text: &str, bits: bool, core: Core) -> Option<i128> {
    let strict = core.reads_strictly();
    let (number, unit) = if strict { split_strictly(text)? } else { split_leniently(text) };
    let number: f64 = number.parse().ok()?;
    let factor = match unit.chars().next() {
        None => 1.0,
        Some(first) => {
            let factor = factor(first.to_ascii_uppercase())?;
            let fits = if strict { strict_unit(unit, bits) } else { lenient_unit(unit, bits) };
            (unit.len() == 1 || fits).then_some(factor)?
        }
    };
    rounded(number * factor)
}

fn factor(prefix: char) -> Option<f64> {
    let at = "BKMGTPEZY".find(prefix)?;
    Some(1024_f64.powi(i32::try_from(at).ok()?))
}

/// As Python's `round`: halves go to the even neighbour.
#[expect(clippy::cast_possible_truncation, reason = "what does not fit is refused first")]
fn rounded(number: f64) -> Option<i128> {
    let whole = number.round_ties_even();
    (whole.abs() < WIDEST).then_some(whole as i128)
}

/// `^([0-9]*\.?[0-9]+)(?:\s*([A-Za-z]+))?\s*$`
fn split_strictly(text: &str) -> Option<(&str, &str)> {
    let end = text.find(|it: char| !it.is_ascii_digit() && it != '.').unwrap_or(text.len());
    let (number, rest) = text.split_at(end);
    if number.matches('.').count() > 1 || !number.ends_with(|it: char| it.is_ascii_digit()) {
        return None;
    }
    let unit = python::strip(rest);
    unit.bytes().all(|it| it.is_ascii_alphabetic()).then_some((number, unit))
}

/// `^\s*(\d*\.?\d*)\s*([A-Za-z]+)?`: whatever follows is not looked at.
fn split_leniently(text: &str) -> (&str, &str) {
    let text = text.trim_start_matches(python::is_space);
    let digits = |text: &str| text.find(|it: char| !it.is_ascii_digit()).unwrap_or(text.len());
    let whole = digits(text);
    let end = match text[whole..].strip_prefix('.') {
        Some(fraction) => whole + 1 + digits(fraction),
        None => whole,
    };
    let (number, rest) = text.split_at(end);
    let rest = rest.trim_start_matches(python::is_space);
    let letters = rest.find(|it: char| !it.is_ascii_alphabetic()).unwrap_or(rest.len());
    (number, &rest[..letters])
}

fn strict_unit(unit: &str, bits: bool) -> bool {
    let names = ["", "kilo", "mega", "giga", "tera", "peta", "exa", "zeta", "yotta"];
    let word = if bits { "bit" } else { "byte" };
    let first = unit.chars().next().map_or('B', |it| it.to_ascii_uppercase());
    let Some(name) = "BKMGTPEZY".find(first).and_then(|at| names.get(at)) else { return false };
    if unit.to_ascii_lowercase() == format!("{name}{word}") {
        return true;
    }
    let letter = if bits { "b" } else { "B" };
    unit == if first == 'B' { letter.to_owned() } else { format!("{first}{letter}") }
}

fn lenient_unit(unit: &str, bits: bool) -> bool {
    let (word, letter) = if bits { ("bit", 'b') } else { ("byte", 'B') };
    unit.to_ascii_lowercase().contains(word) || unit.chars().nth(1) == Some(letter)
}
