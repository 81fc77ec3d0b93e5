//! Which paths are left alone.

use std::os::unix::ffi::OsStrExt;

use crate::path::TreePath;

/// Patterns of what is neither sent nor changed nor removed.
///
/// One without a slash is compared with each name of a path, one with a slash with the path from the root on. `*` and `?`
/// stand for anything but a slash, `**` for anything, `[a-z]` and `[!a-z]` for one of some characters. What is in an
/// excluded directory is excluded. The part on the controller has the same rules; both are tested with one table.
#[derive(Debug, Clone, Default)]
pub struct Patterns(Vec<Pattern>);

#[derive(Debug, Clone)]
struct Pattern {
    text: Vec<u8>,
    whole_path: bool,
}

impl Patterns {
    /// Slashes at the beginning and the end are allowed and say nothing, except that with one at the beginning the
    /// pattern is for the path from the root on.
    pub fn new<T: AsRef<str>>(patterns: impl IntoIterator<Item = T>) -> Self {
        Self(patterns.into_iter().map(|it| Pattern::new(it.as_ref())).collect())
    }

    /// Whether the path or a directory above it matches.
    pub fn exclude(&self, path: &TreePath) -> bool {
        let names: Vec<&[u8]> = path.names().map(OsStrExt::as_bytes).collect();
        self.0.iter().any(|it| it.matches(&names))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Pattern {
    fn new(text: &str) -> Self {
        let text = text.trim_end_matches('/');
        let whole_path = text.contains('/');
        Self { text: text.trim_start_matches('/').as_bytes().to_vec(), whole_path }
    }

    fn matches(&self, names: &[&[u8]]) -> bool {
        if self.text.is_empty() {
            return false;
        }
        if self.whole_path {
            (1..=names.len()).any(|it| glob(&self.text, &names[..it].join(&b'/')))
        } else {
            names.iter().any(|it| glob(&self.text, it))
        }
    }
}

/// Goes back only to the last star of each kind, so it is fast however many stars there are.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut read) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    let mut double: Option<(usize, usize)> = None;
    loop {
        if pattern[at..].starts_with(b"**") {
            at += 2;
            double = Some((at, read));
            star = None;
            continue;
        }
        if pattern.get(at) == Some(&b'*') {
            at += 1;
            star = Some((at, read));
            continue;
        }
        if read == text.len() && at == pattern.len() {
            return true;
        }
        if let Some(length) = text.get(read).and_then(|it| one(&pattern[at..], *it)) {
            (at, read) = (at + length, read + 1);
        } else if let Some((after, from)) =
            star.filter(|(_, from)| text.get(*from).is_some_and(|it| *it != b'/'))
        {
            star = Some((after, from + 1));
            (at, read) = (after, from + 1);
        } else if let Some((after, from)) = double.filter(|(_, from)| *from < text.len()) {
            double = Some((after, from + 1));
            star = None;
            (at, read) = (after, from + 1);
        } else {
            return false;
        }
    }
}

/// How long the part of the pattern is that matches this one byte; none if it does not match.
fn one(pattern: &[u8], byte: u8) -> Option<usize> {
    match pattern.first()? {
        b'?' => (byte != b'/').then_some(1),
        b'[' => match set(pattern) {
            Some((length, members, inverted)) => {
                (byte != b'/' && contains(members, byte) != inverted).then_some(length)
            }
            None => (byte == b'[').then_some(1),
        },
        it => (*it == byte).then_some(1),
    }
}

/// The length of `[…]`, its members, and whether they are those that do not match. A bracket that is never closed is a
/// plain character.
fn set(pattern: &[u8]) -> Option<(usize, &[u8], bool)> {
    let inverted = pattern.get(1) == Some(&b'!');
    let begin = if inverted { 2 } else { 1 };
    // A closing bracket directly after the opening one is a member.
    let end = begin + 1 + pattern.get(begin + 1..)?.iter().position(|it| *it == b']')?;
    Some((end + 1, &pattern[begin..end], inverted))
}

fn contains(members: &[u8], byte: u8) -> bool {
    let mut rest = members;
    while let Some((first, after)) = rest.split_first() {
        if let [b'-', last, after @ ..] = after {
            if (*first..=*last).contains(&byte) {
                return true;
            }
            rest = after;
        } else if *first == byte {
            return true;
        } else {
            rest = after;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The part on the controller reads the same table.
    const TABLE: &str = include_str!("../patterns.json");

    #[test]
    fn the_table_of_both_sides_holds() {
        let table: Vec<(String, String, bool)> = serde_json::from_str(TABLE).unwrap();
        assert!(table.len() > 30);
        for (pattern, path, excluded) in table {
            let path = TreePath::try_from(path).unwrap();
            assert_eq!(Patterns::new([&pattern]).exclude(&path), excluded, "{pattern:?} {path}");
        }
    }

    #[test]
    fn many_stars_take_no_time() {
        let text = "a".repeat(200);
        let pattern = format!("{}b", "*a".repeat(60));
        assert!(!glob(pattern.as_bytes(), text.as_bytes()));
        let pattern = format!("{}b/*c", "**a*".repeat(40));
        assert!(!glob(pattern.as_bytes(), text.as_bytes()));
    }
}
