//! What stands behind a name in a line: `name=value`, `name: value`, `"name": "value"`, `--name value`,
//! `<name>value</name>`; and the password of a URL.

use std::ops::Range;

use memchr::memchr;

use super::names::{Names, is_harmless};

/// No part of a URL before its host is longer.
const LONGEST_USERINFO: usize = 1024;
/// How far a name reaches at most.
const LONGEST_NAME: usize = 128;

/// A secret in a line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Value {
    /// The name that gave it away begins here.
    pub(super) from: usize,
    /// What must not be seen.
    pub(super) place: Range<usize>,
    /// It goes on in the lines below that are indented deeper than this.
    pub(super) indentation: Option<usize>,
}

#[derive(Clone, Copy, PartialEq)]
enum Separator {
    Colon,
    Equals,
    /// The next word of a command line.
    Word,
    /// The end of an element's first tag.
    Tag,
}

/// Quotes, perhaps escaped because they are inside of others.
#[derive(Clone, Copy)]
struct Quote {
    mark: u8,
    escapes: usize,
}

/// The value behind the name around `hit`, if that is the name of a secret. `is_beginning`: `line` begins where a
/// line begins.
pub(super) fn value(line: &[u8], hit: Range<usize>, is_beginning: bool, names: &Names) -> Option<Value> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let name = name(line, hit);
    let before = &line[..name.start];
    let is_first = is_beginning && before.iter().all(|it| b" \t+-<>#;|\"'".contains(it));
    let (after, separator, is_spaced) = separator(line, &name, is_first)?;
    let text = &line[name.clone()];
    if !names.is_secret(text) {
        return None;
    }
    let start = after + blanks(&line[after..]);
    let is_spaced = is_spaced || after < start && separator == Separator::Equals;
    let to_end = is_first && (separator == Separator::Colon || is_spaced && separator == Separator::Equals);
    if is_first && separator == Separator::Colon && opens_block(&line[start..]) {
        let indentation = line.iter().take_while(|it| b" \t+-".contains(it)).count();
        return Some(Value { from: name.start, place: start..line.len(), indentation: Some(indentation) });
    }
    let place = match (quote(line, start), line.get(start)?) {
        (Some(quote), _) => {
            let start = start + quote.escapes + 1;
            start..closing(line, start, quote)
        }
        (_, b'-') if separator == Separator::Word => return None,
        _ if separator == Separator::Tag => {
            start..memchr(b'<', &line[start..]).map_or(line.len(), |it| start + it)
        }
        _ if !to_end && is_header(text) => start..header(line, start),
        (_, b'[' | b'{') => start..word(line, bracket(line, start)),
        _ if to_end => start..line.trim_ascii_end().len().max(start),
        _ => start..word(line, start),
    };
    let is_seen = place.is_empty() || is_harmless(text, &line[place.clone()]);
    (!is_seen).then_some(Value { from: name.start, place, indentation: None })
}

/// The name around a word.
fn name(line: &[u8], hit: Range<usize>) -> Range<usize> {
    let is_part = |it: &u8| it.is_ascii_alphanumeric() || b"_-.".contains(it);
    let least = hit.start.saturating_sub(LONGEST_NAME);
    let mut start =
        line[least..hit.start].iter().rposition(|it| !is_part(it)).map_or(least, |it| least + it + 1);
    if 0 < start && line[start - 1] == b'\\' && start < hit.start && b"nrt".contains(&line[start]) {
        start += 1; // An escaped line feed, not the letter of a name.
    }
    let most = line.len().min(hit.end + LONGEST_NAME);
    let end = line[hit.end..most].iter().position(|it| !is_part(it)).map_or(most, |it| hit.end + it);
    start..end
}

/// What stands between a name and its value, where that may begin, and whether there was a blank before it.
fn separator(line: &[u8], name: &Range<usize>, is_first: bool) -> Option<(usize, Separator, bool)> {
    let mut at = name.end;
    let quote = quote(line, at);
    at += quote.map_or(0, |it| it.escapes + 1);
    at += usize::from(quote.is_some() && line.get(at) == Some(&b']'));
    let blanks = blanks(&line[at..]);
    at += blanks;
    let is_option = line[name.start] == b'-'
        && line[..name.start].last().is_none_or(|it| it.is_ascii_whitespace() || b"\"'[(,;|=`".contains(it));
    let (length, separator) = match &line[at..] {
        [b'=', b'>' | b'=', ..] | [b':', b'=', ..] => (2, Separator::Equals),
        [b'=', ..] => (1, Separator::Equals),
        [b':', b':', ..] => return None,
        [b':', ..] if blanks == 0 || quote.is_some() || is_first => (1, Separator::Colon),
        [b'>', ..] if blanks == 0 && line[..name.start].ends_with(b"<") => (1, Separator::Tag),
        [b',', ..] if is_option && quote.is_some() => (1, Separator::Word),
        [_, ..] if is_option && quote.is_none() && 0 < blanks => (0, Separator::Word),
        _ => return None,
    };
    Some((at + length, separator, 0 < blanks))
}

fn blanks(text: &[u8]) -> usize {
    text.iter().take_while(|it| b" \t".contains(it)).count()
}

/// Whether this is the beginning of a text of several lines in YAML.
fn opens_block(value: &[u8]) -> bool {
    let value = value.trim_ascii();
    let (tag, indicator) = match value.strip_prefix(b"!") {
        Some(tagged) => tagged.split_at(memchr(b' ', tagged).unwrap_or(tagged.len())),
        None => (&[][..], value),
    };
    let indicator = indicator.trim_ascii();
    tag.iter().all(u8::is_ascii_alphanumeric)
        && indicator.first().is_some_and(|it| b"|>".contains(it))
        && indicator[1..].iter().all(|it| b"+-123456789".contains(it))
}

fn quote(line: &[u8], at: usize) -> Option<Quote> {
    let escapes = line[at.min(line.len())..].iter().take_while(|it| **it == b'\\').count();
    let mark = *line.get(at + escapes)?;
    b"\"'".contains(&mark).then_some(Quote { mark, escapes })
}

/// Where a quoted text ends that began at `from`; the end of the line if it is not closed.
fn closing(line: &[u8], from: usize, quote: Quote) -> usize {
    let mut at = from;
    while let Some(mark) = memchr(quote.mark, &line[at..]).map(|it| at + it) {
        let escapes = line[from..mark].iter().rev().take_while(|it| **it == b'\\').count();
        let closes = if quote.escapes == 0 { escapes % 2 == 0 } else { escapes <= quote.escapes };
        at = mark + 1;
        if closes {
            let end = mark - if quote.escapes == 0 { 0 } else { escapes };
            // The shell's ways to put a quote between quotes, and that of YAML.
            let continued = [&b"\"'\"'"[..], b"\\\"'\\\"'", b"\\''", &[quote.mark]];
            match continued.iter().find(|it| from < mark && line[at..].starts_with(it)) {
                Some(it) => at += it.len(),
                None => return end,
            }
        }
    }
    line.len()
}

/// Where an unquoted value ends that began before `at`: at white space, or at a quote around all of it.
fn word(line: &[u8], at: usize) -> usize {
    let ends = |it: &usize| {
        let next = line.get(it + 1);
        line[*it].is_ascii_whitespace()
            || b"\"'`".contains(&line[*it])
                && next.is_none_or(|it| it.is_ascii_whitespace() || b",;:)]}\"'\\".contains(it))
    };
    let end = (at..line.len()).find(ends).unwrap_or(line.len());
    let escapes = line[at..end].iter().rev().take_while(|it| **it == b'\\').count();
    if line.get(end).is_some_and(|it| b"\"'".contains(it)) { end - escapes } else { end }
}

/// Where a list or a mapping ends that begins at `start`.
fn bracket(line: &[u8], start: usize) -> usize {
    let mut depth = 0_usize;
    for (at, it) in line.iter().enumerate().skip(start) {
        match it {
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at + 1;
        }
    }
    line.len()
}

/// A header of HTTP: several words belong to its value.
fn is_header(name: &[u8]) -> bool {
    let name = name.to_ascii_lowercase();
    name.ends_with(b"authorization") || name.ends_with(b"cookie")
}

fn header(line: &[u8], start: usize) -> usize {
    let end = line[start..].iter().position(|it| b"\"'".contains(it)).map_or(line.len(), |it| start + it);
    start + line[start..end].trim_ascii_end().len()
}

/// Where the `@` is behind a password with a `/`, `?` or `#` in it, which is no URL any more and is printed all the same.
/// What stands before such a character in `rest` at `end` is no port then.
fn unescaped_password(rest: &[u8], end: usize) -> Option<usize> {
    let colon = memchr(b':', &rest[..end])?;
    let before = &rest[colon + 1..end];
    if !rest.get(end).is_some_and(|it| b"/?#".contains(it)) || before.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let is_end = |it: &u8| it.is_ascii_whitespace() || b"\"'<>`\\".contains(it);
    let last = rest.iter().position(is_end).unwrap_or(rest.len());
    memchr(b'@', &rest[end..last]).map(|it| end + it)
}

/// The password of `scheme://user:password@host`, whose `://` begins at `colon`; all that is before the `@` where a
/// token stands there alone.
pub(super) fn userinfo(line: &[u8], colon: usize) -> Option<Value> {
    let start = colon + 3;
    let rest = &line[start.min(line.len())..line.len().min(start + LONGEST_USERINFO)];
    let is_end = |it: &u8| it.is_ascii_whitespace() || b"/?#\"'<>`\\".contains(it);
    let end = rest.iter().position(is_end).unwrap_or(rest.len());
    let host = match rest[..end].iter().rposition(|it| *it == b'@') {
        Some(host) => start + host,
        None => start + unescaped_password(rest, end)?,
    };
    let is_web = [&b"http"[..], b"https"].iter().any(|it| line[..colon].to_ascii_lowercase().ends_with(it));
    let secret = match memchr(b':', &line[start..host]) {
        Some(colon) => start + colon + 1..host,
        None if is_web => start..host,
        None => return None,
    };
    (!secret.is_empty()).then_some(Value { from: colon, place: secret, indentation: None })
}
