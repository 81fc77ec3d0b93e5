//! The ways in which a secret is written by programs that print it.

use std::fmt::Write;

use zeroize::Zeroizing;

/// A text that must not be seen.
pub(super) type Text = Zeroizing<Vec<u8>>;

/// Lines of a secret that are shorter stand for themselves too often.
const SHORTEST_LINE: usize = 8;
/// Larger secrets are whole files: only their text and their lines are looked for.
const LARGEST_ENCODED: usize = 64 * 1024;

const STANDARD: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const FOR_URLS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// All ways to write a secret; some may be alike.
pub(super) fn variants(secret: &[u8]) -> Vec<Text> {
    let mut found = vec![Zeroizing::new(secret.to_vec())];
    if LARGEST_ENCODED < secret.len() {
        found.extend(
            std::str::from_utf8(secret).ok().map(|it| json(it, JsonStyle::Plain).into()).map(Zeroizing::new),
        );
    } else {
        texts(secret, &mut found);
        for alphabet in [STANDARD, FOR_URLS] {
            (0..3).for_each(|offset| base64(secret, alphabet, offset, &mut found));
        }
        found.push(hex(secret, b"0123456789abcdef"));
        found.push(hex(secret, b"0123456789ABCDEF"));
    }
    for line in lines(secret) {
        found.push(Zeroizing::new(line.to_vec()));
        texts(line, &mut found);
    }
    found
}

/// The lines of a secret that has several. A key that only opens a list or a mapping of YAML tells nothing.
fn lines(secret: &[u8]) -> impl Iterator<Item = &[u8]> {
    let several = secret.contains(&b'\n');
    let is_heading = |line: &[u8]| {
        line.strip_suffix(b":")
            .is_some_and(|it| it.iter().all(|it| it.is_ascii_alphanumeric() || b"_- ".contains(it)))
    };
    secret
        .split(|it| *it == b'\n')
        .map(<[u8]>::trim_ascii)
        .filter(move |it| several && SHORTEST_LINE <= it.len() && !is_heading(it))
}

/// What still reads like the secret: escaped and quoted.
fn texts(secret: &[u8], found: &mut Vec<Text>) {
    let mut push = |text: String| found.push(Zeroizing::new(text.into_bytes()));
    push(python_bytes(secret));
    for kept in [&b"-_.~"[..], b"-_.~/", b"-_.!~*'()", b"-_.*"] {
        for space in ["%20", "+"] {
            push(url(secret, kept, space, false));
            push(url(secret, kept, space, true));
        }
    }
    let Ok(text) = std::str::from_utf8(secret) else { return };
    for style in JsonStyle::ALL {
        let once = json(text, style);
        push(json(&once, JsonStyle::Plain));
        push(once);
    }
    for escaped in [python(text, true), python(text, false)] {
        push(json(&escaped, JsonStyle::Plain));
        push(escaped);
    }
    for quoted in shell(text) {
        push(json(&quoted, JsonStyle::Plain));
        push(quoted);
    }
    for marks in
        [["&quot;", "&#x27;"], ["&#34;", "&#39;"], ["&quot;", "&#039;"], ["&quot;", "&apos;"], ["\"", "'"]]
    {
        push(html(text, marks));
    }
}

/// What is written as a number.
#[derive(Clone, Copy, PartialEq)]
enum JsonStyle {
    /// Only control characters.
    Plain,
    /// What could end a script in a page as well.
    Html,
    /// All that is not ASCII as well.
    Ascii { upper: bool },
}

impl JsonStyle {
    const ALL: [Self; 4] =
        [Self::Plain, Self::Html, Self::Ascii { upper: false }, Self::Ascii { upper: true }];
}

fn json(text: &str, style: JsonStyle) -> String {
    let mut escaped = String::with_capacity(text.len() * 2);
    for it in text.chars() {
        match it {
            '"' => escaped.push_str("\\\""),
            '\\' => escaped.push_str("\\\\"),
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\t' => escaped.push_str("\\t"),
            '\u{8}' => escaped.push_str("\\b"),
            '\u{c}' => escaped.push_str("\\f"),
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' if style == JsonStyle::Html => {
                units(it, false, &mut escaped);
            }
            _ if it < ' ' => units(it, style == JsonStyle::Ascii { upper: true }, &mut escaped),
            _ => match style {
                JsonStyle::Ascii { upper } if !it.is_ascii() => units(it, upper, &mut escaped),
                _ => escaped.push(it),
            },
        }
    }
    escaped
}

fn units(it: char, upper: bool, into: &mut String) {
    for unit in it.encode_utf16(&mut [0; 2]) {
        let written = if upper { write!(into, "\\u{unit:04X}") } else { write!(into, "\\u{unit:04x}") };
        written.expect("a string takes everything");
    }
}

/// What `repr` makes of a text, without the quotes around it.
fn python(text: &str, escapes_quote: bool) -> String {
    let mut escaped = String::with_capacity(text.len() * 2);
    for it in text.chars() {
        let code = u32::from(it);
        match it {
            '\\' => escaped.push_str("\\\\"),
            '\'' if escapes_quote => escaped.push_str("\\'"),
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\t' => escaped.push_str("\\t"),
            ' '..='~' => escaped.push(it),
            // Rust knows the same characters as printable.
            _ if it.escape_debug().len() == 1 => escaped.push(it),
            _ => match code {
                0..=0xff => write!(escaped, "\\x{code:02x}"),
                0x100..=0xffff => write!(escaped, "\\u{code:04x}"),
                _ => write!(escaped, "\\U{code:08x}"),
            }
            .expect("a string takes everything"),
        }
    }
    escaped
}

/// What `repr` makes of bytes.
fn python_bytes(bytes: &[u8]) -> String {
    let mut escaped = String::with_capacity(bytes.len() * 2);
    for it in bytes {
        match it {
            b'\\' => escaped.push_str("\\\\"),
            b'\n' => escaped.push_str("\\n"),
            b'\r' => escaped.push_str("\\r"),
            b'\t' => escaped.push_str("\\t"),
            b' '..=b'~' => escaped.push(char::from(*it)),
            _ => write!(escaped, "\\x{it:02x}").expect("a string takes everything"),
        }
    }
    escaped
}

/// Between single quotes (Python's way and the usual way), between double quotes, and without any.
fn shell(text: &str) -> [String; 4] {
    let mut double = String::with_capacity(text.len() * 2);
    let mut bare = String::with_capacity(text.len() * 2);
    for it in text.chars() {
        if "$`\"\\!".contains(it) {
            double.push('\\');
        }
        if it.is_ascii() && !it.is_ascii_alphanumeric() && !"_@%+=:,./-\n".contains(it) {
            bare.push('\\');
        }
        double.push(it);
        bare.push(it);
    }
    [text.replace('\'', r#"'"'"'"#), text.replace('\'', r"'\''"), double, bare]
}

fn url(bytes: &[u8], kept: &[u8], space: &str, upper: bool) -> String {
    let mut encoded = String::with_capacity(bytes.len() * 3);
    for it in bytes {
        match it {
            b' ' => encoded.push_str(space),
            _ if it.is_ascii_alphanumeric() || kept.contains(it) => encoded.push(char::from(*it)),
            _ if upper => write!(encoded, "%{it:02X}").expect("a string takes everything"),
            _ => write!(encoded, "%{it:02x}").expect("a string takes everything"),
        }
    }
    encoded
}

fn html(text: &str, [double, single]: [&str; 2]) -> String {
    let mut escaped = String::with_capacity(text.len() * 2);
    for it in text.chars() {
        match it {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str(double),
            '\'' => escaped.push_str(single),
            _ => escaped.push(it),
        }
    }
    escaped
}

/// What a secret becomes in the encoding of a text in which it stands behind `offset` other bytes (modulo three):
/// only the characters that it alone decides; and with the last one and the padding, if the text ends with it.
fn base64(secret: &[u8], alphabet: &[u8; 64], offset: usize, found: &mut Vec<Text>) {
    let bits = (offset + secret.len()) * 8;
    let bit_at = |at: usize| {
        (at / 8).checked_sub(offset).and_then(|it| secret.get(it)).map_or(0, |it| it >> (7 - at % 8) & 1)
    };
    let character = |at: usize| {
        alphabet[(at * 6..at * 6 + 6).fold(0, |value, bit| value << 1 | usize::from(bit_at(bit)))]
    };
    let mut encoded: Text = Zeroizing::new(Vec::with_capacity(bits / 6 + 4));
    encoded.extend(((offset * 8).div_ceil(6)..bits / 6).map(character));
    found.push(encoded.clone());
    if !bits.is_multiple_of(6) {
        encoded.push(character(bits / 6));
        found.push(encoded.clone());
        encoded.extend(std::iter::repeat_n(b'=', (4 - bits.div_ceil(6) % 4) % 4));
        found.push(encoded);
    }
}

fn hex(bytes: &[u8], digits: &[u8; 16]) -> Text {
    let digits_of = |it: &u8| [digits[usize::from(it >> 4)], digits[usize::from(it & 15)]];
    Zeroizing::new(bytes.iter().flat_map(digits_of).collect())
}
