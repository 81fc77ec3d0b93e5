//! Keeps secrets out of everything that is written down.
//!
//! Three layers look at the same text, and what any of them finds is replaced by [`REDACTED`]: *known* secrets in the
//! ways in which programs write them, values behind *names* that say they are secret, and *shapes* that only secrets
//! have. What is derived from a secret in another way (a hash, its half, its reverse) is not found.
//!
//! Nothing here fails in a way that lets text through: where it goes wrong, [`FAILED`] takes the place of the output.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use serde_json::Value;

mod deny;
mod json;
mod known;
mod names;
mod scan;
mod secrets;
mod shapes;
mod stream;
mod values;
mod variants;

pub use deny::DenyList;
pub use names::Names;
pub use secrets::{Added, Secrets};
pub use stream::Stream;

use known::Known;
use scan::{Span, State};

/// What stands where a secret stood.
pub const REDACTED: &str = "[redacted]";
/// What stands instead of a text that could not be redacted.
pub const FAILED: &str = "[redaction failed]";

/// Replaces the secrets that were known when it was made, and what looks like one. Cloning it is cheap.
#[derive(Clone, Default)]
pub struct Redactor {
    known: Arc<Known>,
    names: Arc<Names>,
    /// Fails at texts that contain this.
    #[cfg(test)]
    poison: Option<&'static str>,
}

impl Redactor {
    fn new(known: Arc<Known>, names: Arc<Names>) -> Self {
        Self {
            known,
            names,
            #[cfg(test)]
            poison: None,
        }
    }

    /// One complete text.
    pub fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        guarded(|| self.redacted(text)).unwrap_or(Cow::Borrowed(FAILED))
    }

    /// Each text of a structure, its keys included, and all of what stands under a key that names a secret.
    pub fn json(&self, value: &mut Value) {
        if guarded(|| json::redact(self, value)).is_none() {
            *value = Value::from(FAILED);
        }
    }

    fn redacted<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let bytes = text.as_bytes();
        let mut spans = merge(self.find(bytes), scan::scan(bytes, &self.names, &mut State::default(), true));
        if spans.is_empty() {
            return Cow::Borrowed(text);
        }
        for span in &mut spans {
            // A piece of a long secret can begin or end within a character.
            while !text.is_char_boundary(span.place.start) {
                span.place.start -= 1;
            }
            while !text.is_char_boundary(span.place.end) {
                span.place.end += 1;
            }
        }
        String::from_utf8(replace(bytes, &spans)).map_or(Cow::Borrowed(FAILED), Cow::Owned)
    }

    /// Where known secrets are.
    fn find(&self, text: &[u8]) -> Vec<Range<usize>> {
        #[cfg(test)]
        assert!(self.poison.is_none_or(|it| memchr::memmem::find(text, it.as_bytes()).is_none()), "poisoned");
        self.known.find(text)
    }
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Redactor({} patterns)", self.known.len())
    }
}

/// What the work results in; nothing if it panics.
fn guarded<T>(work: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(work)).ok()
}

/// All places in the order of the text. Those that overlap, and known ones that touch, are one.
fn merge(known: Vec<Range<usize>>, scanned: Vec<Span>) -> Vec<Span> {
    let known = known.into_iter().map(|place| Span { from: place.start, place, silent: false });
    let mut all: Vec<Span> = known.chain(scanned).collect();
    // At the same place a silent one goes first, and what is within it stays silent.
    all.sort_by_key(|it| (it.place.start, !it.silent, it.place.end));
    let mut merged: Vec<Span> = Vec::with_capacity(all.len());
    for span in all {
        let Some(last) = merged.last_mut() else {
            merged.push(span);
            continue;
        };
        let is_within = last.silent && span.place.end <= last.place.end;
        let touches = span.place.start < last.place.end
            || span.place.start == last.place.end && span.silent == last.silent;
        if touches {
            last.silent &= span.silent || is_within;
            last.from = last.from.min(span.from);
            last.place.end = last.place.end.max(span.place.end);
        } else {
            merged.push(span);
        }
    }
    merged
}

/// The text with its places replaced.
fn replace(text: &[u8], spans: &[Span]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + spans.len() * REDACTED.len());
    let mut at = 0;
    for span in spans {
        out.extend_from_slice(&text[at.min(span.place.start)..span.place.start]);
        if !span.silent {
            out.extend_from_slice(REDACTED.as_bytes());
        }
        at = at.max(span.place.end);
    }
    out.extend_from_slice(&text[at.min(text.len())..]);
    out
}

#[cfg(test)]
mod tests;
