//! Redacts a stream of bytes that comes in any pieces, line by line.

use std::fmt;
use std::ops::Range;

use memchr::{memchr, memrchr};

use super::scan::{Block, Span, State, scan};
use super::{FAILED, Redactor, guarded, merge, replace};

/// How much of an unfinished line is kept at most before a part of it is given out.
const LONGEST_LINE: usize = 128 * 1024;
/// How much is looked at in one go, so that a large chunk costs no more memory.
const STEP: usize = 64 * 1024;
/// How far the name of a value stands before it at most, with all that is between.
const NAME_ROOM: usize = 512;

/// Redacts a log while it is written. What comes out does not depend on how the bytes were cut into chunks, unless a
/// line is longer than 128 KiB.
///
/// Lines are given out as soon as they are complete and nothing in them may be the beginning of a known secret that
/// goes on in the next line. At most about 200 KiB are kept.
pub struct Stream {
    redactor: Redactor,
    pub(super) pending: Vec<u8>,
    state: State,
    /// The first bytes of `pending` belong to a secret whose beginning was given out.
    covered: usize,
    /// It failed: nothing more comes out.
    failed: bool,
}

impl Stream {
    /// At the beginning of a log.
    pub fn new(redactor: Redactor) -> Self {
        Self { redactor, pending: Vec::new(), state: State::default(), covered: 0, failed: false }
    }

    /// From now on with more secrets, also in what is still kept.
    pub fn renew(&mut self, redactor: Redactor) {
        self.redactor = redactor;
    }

    /// Takes the next bytes and gives out what can be written.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.guarded(|it| {
            let mut out = Vec::with_capacity(bytes.len());
            for step in bytes.chunks(STEP) {
                it.pending.extend_from_slice(step);
                if memchr(b'\n', step).is_some() || LONGEST_LINE < it.pending.len() {
                    it.release(&mut out);
                }
            }
            out
        })
    }

    /// Gives out the rest: the log is complete.
    pub fn finish(mut self) -> Vec<u8> {
        self.guarded(|it| {
            let mut out = Vec::new();
            let known = it.redactor.find(&it.pending);
            it.give_out(it.pending.len(), known, &mut out);
            out
        })
    }

    fn guarded(&mut self, work: impl FnOnce(&mut Self) -> Vec<u8>) -> Vec<u8> {
        if self.failed {
            return Vec::new();
        }
        guarded(|| work(self)).unwrap_or_else(|| {
            self.failed = true;
            self.pending = Vec::new();
            FAILED.as_bytes().to_vec()
        })
    }

    /// Gives out all complete lines that are decided.
    fn release(&mut self, out: &mut Vec<u8>) {
        let known = self.redactor.find(&self.pending);
        let cut = self.complete(&known);
        if 0 < cut {
            self.give_out(cut, known, out);
        } else if LONGEST_LINE < self.pending.len() {
            self.give_out_part(known, out);
        }
    }

    /// Where the last line ends before which everything is decided.
    fn complete(&self, known: &[Range<usize>]) -> usize {
        let line_start = |at: usize| memrchr(b'\n', &self.pending[..at]).map_or(0, |it| it + 1);
        let mut cut = line_start(self.pending.len());
        let unfinished = self.redactor.known.unfinished(&self.pending);
        if unfinished < cut {
            cut = line_start(unfinished);
        }
        // No known secret may be cut in two.
        for place in known.iter().rev() {
            if place.start < cut && cut < place.end {
                cut = line_start(place.start);
            }
        }
        cut
    }

    /// Gives out `pending` up to `cut`; what is known after that is found again later.
    fn give_out(&mut self, cut: usize, known: Vec<Range<usize>>, out: &mut Vec<u8>) {
        let mut state = self.state;
        let spans = self.spans(cut, known, &mut state);
        self.state = state;
        out.extend(replace(&self.pending[..cut], &spans));
        self.pending.drain(..cut);
        self.covered = self.covered.saturating_sub(cut);
    }

    /// What must not be seen of `pending` up to `cut`.
    fn spans(&self, cut: usize, mut known: Vec<Range<usize>>, state: &mut State) -> Vec<Span> {
        known.retain(|it| it.start < cut);
        let mut scanned = scan(&self.pending[..cut], &self.redactor.names, state, false);
        let covered = self.covered.min(cut);
        if 0 < covered {
            scanned.push(Span { from: 0, place: 0..covered, silent: false });
        }
        let mut spans = merge(known, scanned);
        if let Some(first) = spans.first_mut().filter(|_| 0 < covered) {
            first.silent = true; // Something stands for it already.
        }
        if let Some(last) = spans.last_mut() {
            last.place.end = last.place.end.min(cut);
        }
        spans
    }

    /// Gives out a part of a line that is too long to be kept, or of a secret that is longer still. It is cut where
    /// neither a name and its value nor a known secret are torn apart.
    fn give_out_part(&mut self, known: Vec<Range<usize>>, out: &mut Vec<u8>) {
        let length = self.pending.len();
        let spans = self.spans(length, known.clone(), &mut { self.state });
        let decided = length - NAME_ROOM.max(self.redactor.known.longest());
        let mut cut = self.word_start(decided);
        for span in spans.iter().rev() {
            if span.from < cut && cut < span.place.end {
                cut = span.from;
            }
        }
        if 0 < cut {
            return self.give_out(cut, known, out);
        }
        // All of it is one secret.
        let end =
            spans.iter().find(|it| it.from == 0 && !it.place.is_empty()).map_or(decided, |it| it.place.end);
        let is_open = end == length && known.last().is_none_or(|it| it.end < length);
        if is_open {
            self.give_out(length, known, out);
            self.state.block = Block::Line;
        } else {
            let cut = decided.min(end);
            self.give_out(cut, known, out);
            self.covered = self.covered.max(end - cut);
        }
    }

    /// The beginning of the word around `at`, if it is near.
    fn word_start(&self, at: usize) -> usize {
        let least = at.saturating_sub(NAME_ROOM);
        let is_part = |it: &u8| it.is_ascii_alphanumeric() || b"_-.+/=\\".contains(it);
        self.pending[least..at].iter().rposition(|it| !is_part(it)).map_or(at, |it| least + it + 1)
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Stream({:?}, {} bytes kept)", self.redactor, self.pending.len())
    }
}
