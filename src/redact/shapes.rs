//! Texts that are secrets by their looks: tokens with a known beginning, hashed passwords, private keys, vaults.

use std::ops::Range;

use memchr::memmem;

/// A token: how it begins, and what follows.
pub(super) struct Shape {
    pub(super) prefix: &'static str,
    at_least: usize,
    alphabet: &'static [u8],
    /// Whether it could stand within an encoded text by chance.
    alone: bool,
}

const fn shape(prefix: &'static str, at_least: usize, alphabet: &'static [u8]) -> Shape {
    Shape { prefix, at_least, alphabet, alone: false }
}

const fn alone(prefix: &'static str, at_least: usize, alphabet: &'static [u8]) -> Shape {
    Shape { prefix, at_least, alphabet, alone: true }
}

/// Characters that belong to a token beside letters and digits.
const NO_MORE: &[u8] = b"";
const WORD: &[u8] = b"_";
const DASH: &[u8] = b"-_";
const HASH: &[u8] = b"./$=,+-_";

/// All that is known.
pub(super) const SHAPES: [Shape; 41] = [
    // Our own: 8 letters of an id, `_`, and 58 of the secret.
    shape("dlt_", 60, WORD),
    shape("ghp_", 16, NO_MORE),
    shape("gho_", 16, NO_MORE),
    shape("ghu_", 16, NO_MORE),
    shape("ghs_", 16, NO_MORE),
    shape("ghr_", 16, NO_MORE),
    shape("github_pat_", 20, WORD),
    shape("glpat-", 16, DASH),
    shape("gldt-", 16, DASH),
    shape("glrt-", 16, DASH),
    shape("glptt-", 16, DASH),
    shape("glcbt-", 16, DASH),
    alone("AKIA", 16, NO_MORE),
    alone("ASIA", 16, NO_MORE),
    shape("xoxa-", 10, DASH),
    shape("xoxb-", 10, DASH),
    shape("xoxe-", 10, DASH),
    shape("xoxp-", 10, DASH),
    shape("xoxr-", 10, DASH),
    shape("xoxs-", 10, DASH),
    alone("eyJ", 21, b"-_.+/="),
    alone("hvs.", 20, DASH),
    alone("AIza", 35, DASH),
    shape("AGE-SECRET-KEY-1", 20, NO_MORE),
    shape("sk_live_", 16, NO_MORE),
    shape("rk_live_", 16, NO_MORE),
    shape("sk-ant-", 20, DASH),
    shape("dop_v1_", 32, NO_MORE),
    shape("npm_", 36, NO_MORE),
    shape("pypi-AgE", 20, DASH),
    alone("Bearer ", 16, b"-._~+/="),
    shape("$1$", 20, HASH),
    shape("$5$", 20, HASH),
    shape("$6$", 20, HASH),
    shape("$7$", 20, HASH),
    shape("$y$", 20, HASH),
    shape("$2a$", 20, HASH),
    shape("$2b$", 20, HASH),
    shape("$2y$", 20, HASH),
    shape("$argon2", 20, HASH),
    shape("$apr1$", 20, HASH),
];

impl Shape {
    /// The token that begins at `start`, where something like the prefix was found.
    pub(super) fn token(&self, text: &[u8], start: usize) -> Option<Range<usize>> {
        let body = start + self.prefix.len();
        let is_bearer = self.prefix == "Bearer ";
        let begins = text[start..body] == *self.prefix.as_bytes()
            || is_bearer && text[start..body].eq_ignore_ascii_case(self.prefix.as_bytes());
        if !begins || self.alone && is_inside(text, start) {
            return None;
        }
        let is_part = |it: &&u8| it.is_ascii_alphanumeric() || self.alphabet.contains(it);
        let length = text[body..].iter().take_while(is_part).count();
        let from = if is_bearer { body } else { start };
        (self.at_least <= length).then_some(from..body + length)
    }
}

/// Whether something stands right before, other than the letter of an escape.
fn is_inside(text: &[u8], start: usize) -> bool {
    match &text[..start] {
        [] | [.., b'\\', b'n' | b'r' | b't'] => false,
        [.., it] => it.is_ascii_alphanumeric() || b"+/_".contains(it),
    }
}

/// What all private keys have in the lines around them.
pub(super) const PRIVATE_KEY: &str = "PRIVATE KEY";
/// How a vaulted text begins.
pub(super) const VAULT: &str = "$ANSIBLE_VAULT;";

/// Whether a line around a private key is the first or the last one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Border {
    Begin,
    End,
}

/// The `-----BEGIN … PRIVATE KEY-----` whose last words begin at `at`.
pub(super) fn border(line: &[u8], at: usize) -> Option<(Border, Range<usize>)> {
    let least = at.saturating_sub(48);
    let is_label = |it: &u8| it.is_ascii_uppercase() || it.is_ascii_digit() || *it == b' ';
    let label = line[least..at].iter().rposition(|it| !is_label(it)).map_or(least, |it| least + it + 1);
    let before = line[label..at].trim_ascii_start();
    let border = match before.split(|it| *it == b' ').next()? {
        b"BEGIN" => Border::Begin,
        b"END" => Border::End,
        _ => return None,
    };
    let dashes = line[..label].iter().rev().take_while(|it| **it == b'-').count();
    let mut end = at + PRIVATE_KEY.len();
    end += if line[end..].starts_with(b" BLOCK") { 6 } else { 0 };
    end += line[end..].iter().take_while(|it| **it == b' ').count();
    let closing = line[end..].iter().take_while(|it| **it == b'-').count();
    (4 <= dashes && 4 <= closing).then_some((border, label - dashes..end + closing))
}

/// Where the last line of a private key ends, if it is in `line`.
pub(super) fn end_of_key(line: &[u8]) -> Option<usize> {
    let ends = |at: usize| border(line, at).filter(|it| it.0 == Border::End).map(|it| it.1.end);
    memmem::find_iter(line, PRIVATE_KEY).find_map(ends)
}

/// Whether a line can be part of a private key: base 64, a header, or nothing. It may stand in a list, a diff or
/// quotes.
pub(super) fn is_key_material(line: &[u8]) -> bool {
    let line = bare(line);
    let is_base64 = |it: &u8| it.is_ascii_alphanumeric() || b"+/=\\".contains(it);
    let is_header = || {
        let colon = line.windows(2).position(|it| it == b": ");
        colon.is_some_and(|it| HEADERS.contains(&&line[..it]))
    };
    line.iter().all(is_base64) || is_header()
}

const HEADERS: [&[u8]; 6] = [b"Proc-Type", b"DEK-Info", b"Comment", b"Version", b"Hash", b"Charset"];

/// How much of a line is key material from its beginning on; all of it if only the end of an item follows.
pub(super) fn key_material(line: &[u8]) -> usize {
    let is_part = |it: &&u8| it.is_ascii_alphanumeric() || b"+/=\\ :,-\r".contains(it);
    line.iter().take_while(is_part).count()
}

/// Where the key material begins that a line ends in; 0 if all of it may be some.
pub(super) fn material_before(line: &[u8]) -> usize {
    let is_part = |it: &u8| it.is_ascii_alphanumeric() || b"+/=\\".contains(it);
    if is_key_material(line) { 0 } else { line.iter().rposition(|it| !is_part(it)).map_or(0, |it| it + 1) }
}

/// Whether a line can be part of a vaulted text.
pub(super) fn is_vault_material(line: &[u8]) -> bool {
    let line = bare(line);
    !line.is_empty() && line.iter().all(u8::is_ascii_hexdigit)
}

/// How much of a line belongs to the beginning of a vaulted text.
pub(super) fn vault_material(line: &[u8]) -> usize {
    line.iter().take_while(|it| it.is_ascii_alphanumeric() || b";._-\\$\r".contains(it)).count()
}

/// Whether nothing follows but the end of an item in a list.
pub(super) fn is_item_end(rest: &[u8]) -> bool {
    rest.iter().all(|it| b"\"', \r\\n".contains(it))
}

/// A line without what it stands in.
fn bare(line: &[u8]) -> &[u8] {
    let around = |it: &u8| b" \t\r+->|\"',[]".contains(it);
    let start = line.iter().position(|it| !around(it)).unwrap_or(line.len());
    let end = line.iter().rposition(|it| !around(it)).map_or(start, |it| it + 1);
    &line[start..end]
}
