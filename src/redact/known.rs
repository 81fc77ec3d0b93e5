//! Finds known texts, however many there are, and takes new ones without building anything anew.
//!
//! Each place of a text is looked up by its next six bytes: in a table of bits that mostly says no, then in the list
//! of the patterns that begin so. An automaton would not need the comparison that follows, but it would have to be
//! built again for each secret that is announced during a run.

use std::ops::Range;
use std::sync::Arc;

use memchr::memchr;
use zeroize::Zeroizing;

use super::REDACTED;

/// How many bytes a pattern has at least: those it is looked up by.
pub(super) const SHORTEST: usize = 6;
/// How many bytes a pattern has at most. Longer texts are cut into pieces, so that a stream has to look back no
/// further, and parts of them are found as well.
pub(super) const LONGEST: usize = 2 * PIECE;
const PIECE: usize = 1024;
/// How many bits of the table there are for each pattern at least.
const BITS_EACH: usize = 32;
const NONE: u32 = u32::MAX;

/// All patterns. Cloning copies tables, not texts.
#[derive(Clone)]
pub(super) struct Known {
    texts: Vec<Arc<Zeroizing<Vec<u8>>>>,
    patterns: Vec<Pattern>,
    /// By hash: the first pattern of a list, or [`NONE`].
    first: Vec<u32>,
    /// By hash, finer: whether there is a pattern.
    filter: Vec<u64>,
    /// The number of bits in `filter` is two to the power of this.
    bits: u32,
    longest: usize,
    /// The longest pattern that goes over the end of a line.
    longest_over_lines: usize,
    /// Patterns with the end of a line among the bytes that they are looked up by.
    early_line_end: Vec<usize>,
}

#[derive(Clone)]
struct Pattern {
    text: usize,
    place: Range<usize>,
    next: u32,
}

impl Default for Known {
    fn default() -> Self {
        let bits = 13;
        let (filter, first) = tables(bits);
        Self {
            texts: Vec::new(),
            patterns: Vec::new(),
            first,
            filter,
            bits,
            longest: 0,
            longest_over_lines: 0,
            early_line_end: Vec::new(),
        }
    }
}

/// Empty tables: bits, and lists for each 16 of them.
fn tables(bits: u32) -> (Vec<u64>, Vec<u32>) {
    (vec![0; 1 << (bits - 6)], vec![NONE; 1 << (bits - 4)])
}

impl Known {
    /// How many patterns there are.
    pub(super) fn len(&self) -> usize {
        self.patterns.len()
    }

    /// The length of the longest pattern.
    pub(super) fn longest(&self) -> usize {
        self.longest
    }

    /// Takes up what is not known yet, and says whether there was something.
    pub(super) fn insert(&mut self, texts: &[Zeroizing<Vec<u8>>]) -> bool {
        let before = self.len();
        for text in texts {
            let places: Vec<_> = pieces(text).filter(|place| !self.contains(&text[place.clone()])).collect();
            if places.is_empty() {
                continue;
            }
            let index = self.texts.len();
            self.texts.push(Arc::new(text.clone()));
            for place in places {
                // Pieces of one text can be alike.
                if !self.contains(&text[place.clone()]) {
                    self.take(Pattern { text: index, place, next: NONE });
                }
            }
        }
        before < self.len()
    }

    fn contains(&self, bytes: &[u8]) -> bool {
        self.beginning_with(key(bytes)).any(|it| it == bytes)
    }

    fn take(&mut self, pattern: Pattern) {
        let length = pattern.place.len();
        self.longest = self.longest.max(length);
        if let Some(line_end) = memchr(b'\n', self.bytes(&pattern)) {
            self.longest_over_lines = self.longest_over_lines.max(length);
            if line_end < SHORTEST {
                self.early_line_end.push(self.len());
            }
        }
        self.patterns.push(pattern);
        if 1 << self.bits < self.len() * BITS_EACH {
            self.bits += 2;
            (self.filter, self.first) = tables(self.bits);
            for index in 0..self.len() {
                self.enter(index);
            }
        } else {
            self.enter(self.len() - 1);
        }
    }

    fn enter(&mut self, index: usize) {
        let hash = self.hash(key(self.bytes(&self.patterns[index])));
        self.filter[hash >> 6] |= 1 << (hash & 63);
        let index_in_table = u32::try_from(index).expect("patterns that fit into memory");
        self.patterns[index].next = std::mem::replace(&mut self.first[hash >> 4], index_in_table);
    }

    fn bytes(&self, pattern: &Pattern) -> &[u8] {
        &self.texts[pattern.text][pattern.place.clone()]
    }

    fn hash(&self, key: u64) -> usize {
        let hash = key.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (64 - self.bits);
        usize::try_from(hash).expect("as many bits as the table has")
    }

    /// The patterns that may begin with these six bytes, and some others.
    fn beginning_with(&self, key: u64) -> impl Iterator<Item = &[u8]> {
        let mut next = self.first[self.hash(key) >> 4];
        std::iter::from_fn(move || {
            let pattern = self.patterns.get(usize::try_from(next).ok()?)?;
            next = pattern.next;
            Some(self.bytes(pattern))
        })
    }

    /// Where known texts are. Those that overlap or touch are one place.
    pub(super) fn find(&self, text: &[u8]) -> Vec<Range<usize>> {
        let mut found: Vec<Range<usize>> = Vec::new();
        if self.patterns.is_empty() || text.len() < SHORTEST {
            return found;
        }
        let mut key = key(&text[..SHORTEST]) << 8;
        for (start, last) in text[SHORTEST - 1..].iter().enumerate() {
            key = key >> 8 | u64::from(*last) << 40;
            let hash = self.hash(key);
            if self.filter[hash >> 6] >> (hash & 63) & 1 == 1 {
                let covered = found.last().map_or(0, |it| it.end);
                let rest = &text[start..];
                // What is covered already need not be compared: periodic texts would take forever.
                let longer = self.beginning_with(key).filter(|it| covered < start + it.len());
                let Some(end) = longer.filter(|it| rest.starts_with(it)).map(|it| start + it.len()).max()
                else {
                    continue;
                };
                match found.last_mut().filter(|it| start <= it.end) {
                    Some(before) => before.end = end,
                    None => found.push(start..end),
                }
            }
        }
        found
    }

    /// From where on the end of `text` may be the beginning of a known text that goes over the end of a line. The
    /// line that is not complete yet counts only in part.
    pub(super) fn unfinished(&self, text: &[u8]) -> usize {
        let from = (text.len() + 1).saturating_sub(self.longest_over_lines.max(1));
        let may_go_on = |start: &usize| match &text[*start..] {
            few if few.len() < SHORTEST => {
                self.early_line_end.iter().any(|it| self.bytes(&self.patterns[*it]).starts_with(few))
            }
            rest => self.beginning_with(key(rest)).any(|it| rest.len() < it.len() && it.starts_with(rest)),
        };
        (from..text.len()).find(may_go_on).unwrap_or(text.len())
    }
}

/// The first six bytes.
fn key(bytes: &[u8]) -> u64 {
    bytes[..SHORTEST].iter().rev().fold(0, |key, byte| key << 8 | u64::from(*byte))
}

/// The places of a text that become patterns.
fn pieces(text: &[u8]) -> impl Iterator<Item = Range<usize>> {
    let whole = core(text, 0..text.len());
    let count = if whole.len() <= LONGEST { 1 } else { whole.len().div_ceil(PIECE) };
    (0..count)
        .map(move |index| {
            if count == 1 {
                return whole.clone();
            }
            // The last one overlaps the one before.
            let start = (whole.start + index * PIECE).min(whole.end - PIECE);
            core(text, start..start + PIECE)
        })
        .filter(|it| SHORTEST <= it.len())
}

/// The place without what could grow together with the text that stands for a secret: `d]secret` after `[redacte`.
pub(super) fn core(text: &[u8], place: Range<usize>) -> Range<usize> {
    let mark = REDACTED.as_bytes();
    let Range { mut start, mut end } = place;
    let lengths = || (1..=mark.len()).rev();
    while let Some(it) = lengths().find(|it| text[start..end].starts_with(&mark[mark.len() - it..])) {
        start += it;
    }
    while let Some(it) = lengths().find(|it| text[start..end].ends_with(&mark[..*it])) {
        end -= it;
    }
    start..end
}
