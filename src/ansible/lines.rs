//! Bytes in, lines out, with bounded memory whatever comes.

use memchr::memchr;

/// The longest line that is looked at. The rest of a longer one is dropped: none of ours is near it.
pub const MAX_LINE: usize = 1024 * 1024;

/// Cuts a stream of bytes into lines. A line that is cut short because of its length says so.
#[derive(Debug, Default)]
pub struct Lines {
    /// The beginning of a line whose end has not come yet.
    partial: Vec<u8>,
    /// Whether `partial` is full and the bytes up to the next line feed are dropped.
    dropping: bool,
}

/// One line, without its line feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece<'a> {
    /// All of it.
    Whole(&'a [u8]),
    /// Only its first [`MAX_LINE`] bytes: it is log, whatever it begins with.
    Cut(&'a [u8]),
}

impl Lines {
    /// A splitter at the beginning of a stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next bytes and calls `each` for every line that ends in them. Never holds more than [`MAX_LINE`].
    pub fn push(&mut self, mut bytes: &[u8], mut each: impl FnMut(Piece<'_>)) {
        while let Some(end) = memchr(b'\n', bytes) {
            let (line, rest) = (&bytes[..end], &bytes[end + 1..]);
            bytes = rest;
            if self.partial.is_empty() && !self.dropping && line.len() <= MAX_LINE {
                each(Piece::Whole(line)); // The usual case copies nothing.
                continue;
            }
            self.keep(line);
            each(self.piece());
            self.partial.clear();
            self.dropping = false;
        }
        self.keep(bytes);
    }

    /// The stream is over: calls `each` for what is left without a line feed.
    pub fn finish(mut self, mut each: impl FnMut(Piece<'_>)) {
        if !self.partial.is_empty() {
            each(self.piece());
            self.partial = Vec::new();
        }
    }

    fn piece(&self) -> Piece<'_> {
        if self.dropping { Piece::Cut(&self.partial) } else { Piece::Whole(&self.partial) }
    }

    fn keep(&mut self, bytes: &[u8]) {
        let room = MAX_LINE - self.partial.len();
        self.dropping |= bytes.len() > room;
        self.partial.extend_from_slice(&bytes[..bytes.len().min(room)]);
        if self.partial.is_empty() {
            self.partial.shrink_to(64 * 1024); // One long line must not cost a megabyte for the rest of the run.
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn split(chunks: &[&[u8]]) -> Vec<(Vec<u8>, bool)> {
        let mut lines = Lines::new();
        let mut found = Vec::new();
        let mut each = |piece: Piece<'_>| {
            found.push(match piece {
                Piece::Whole(line) => (line.to_vec(), true),
                Piece::Cut(line) => (line.to_vec(), false),
            });
        };
        for chunk in chunks {
            lines.push(chunk, &mut each);
            assert!(lines.partial.len() <= MAX_LINE);
        }
        lines.finish(&mut each);
        found
    }

    #[test]
    fn lines_may_come_in_any_pieces() {
        let whole = |text: &str| (text.as_bytes().to_vec(), true);
        assert_eq!(split(&[b"a\nb\n"]), [whole("a"), whole("b")]);
        assert_eq!(split(&[b"a", b"b\n", b"\nc"]), [whole("ab"), whole(""), whole("c")]);
        assert_eq!(split(&[]), []);
    }

    #[test]
    fn a_line_that_is_too_long_is_cut_and_the_next_one_is_whole() {
        let long = vec![b'x'; MAX_LINE + 10];
        let expected = (vec![b'x'; MAX_LINE], false);
        let next = (b"next".to_vec(), true);
        assert_eq!(split(&[&long, b"yy\nnext\n"]), [expected.clone(), next.clone()]);
        let mut joined = long;
        joined.extend_from_slice(b"\nnext\n");
        assert_eq!(split(&[&joined]), [expected, next]);
        assert_eq!(split(&[&vec![b'x'; MAX_LINE], b"\n"]), [(vec![b'x'; MAX_LINE], true)]);
    }

    proptest! {
        #[test]
        fn cutting_anywhere_changes_nothing(bytes: Vec<u8>, cuts: Vec<proptest::sample::Index>) {
            let mut places: Vec<_> = cuts.iter().map(|it| it.index(bytes.len() + 1)).collect();
            places.sort_unstable();
            let mut chunks = Vec::new();
            let mut from = 0;
            for place in places {
                chunks.push(&bytes[from..place]);
                from = place;
            }
            chunks.push(&bytes[from..]);
            prop_assert_eq!(split(&chunks), split(&[&bytes]));
        }
    }
}
