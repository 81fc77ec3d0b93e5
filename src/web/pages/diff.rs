//! Differences for pages: side by side where there is room, one below the other where there is none.
//!
//! From the texts before and after, or from the difference that a module made itself. Work and output are bounded,
//! whatever a host sends: what is left out is counted and said.

mod lines;
mod markup;
mod prepared;
#[cfg(test)]
mod tests;

use crate::domain::Diff;

/// How many lines that do not differ are shown around those that do.
const CONTEXT: usize = 3;

/// The most rows of one difference.
pub(super) const ROWS_MAX: usize = 400;

/// The most characters of one line.
const LINE_MAX: usize = 1_000;

/// A part of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    /// Its text, harmless.
    pub(super) text: String,
    /// Whether it is what differs within the line.
    pub(super) strong: bool,
}

/// One line of one side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cell {
    /// Its number, from 1; 0 if it is not known.
    pub(super) number: usize,
    /// What it says.
    pub(super) parts: Vec<Part>,
    /// Whether the text ends here without the end of a line.
    pub(super) open_end: bool,
}

/// One row: the same place on both sides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Row {
    /// Both sides have this line.
    Same(Cell, usize),
    /// The line before, the line after, or both.
    Changed(Option<Cell>, Option<Cell>),
    /// So many lines that do not differ are left out.
    Fold(usize),
    /// A heading that the module wrote, or where a part begins.
    Heading(String),
}

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Shown {
    /// What it is about, harmless; empty if nobody said.
    pub(super) path: String,
    /// Its rows.
    pub(super) rows: Vec<Row>,
    /// How many rows are left out at the end.
    pub(super) more: usize,
    /// How many lines were added.
    pub(super) added: usize,
    /// How many lines were removed.
    pub(super) removed: usize,
    /// What else there is to say, as sentences: that content is hidden, binary or too large.
    pub(super) notes: Vec<String>,
}

/// A difference as it is shown.
pub(super) fn shown(diff: &Diff) -> Shown {
    let mut shown = Shown { path: super::ansi::visible(&diff.path).into_owned(), ..Shown::default() };
    if diff.hidden {
        shown.notes.push("it differs; its content is not kept, because of its path".to_owned());
        return shown;
    }
    if !diff.before.is_empty() || !diff.after.is_empty() {
        lines::compare(&mut shown, &diff.before, &diff.after);
    }
    if !diff.prepared.is_empty() {
        prepared::read(&mut shown, &diff.prepared);
    }
    if ROWS_MAX < shown.rows.len() {
        shown.more = shown.rows.len() - ROWS_MAX;
        shown.rows.truncate(ROWS_MAX);
    }
    shown
}

impl Part {
    fn new(text: &str, strong: bool) -> Self {
        Self { text: super::ansi::visible(text).into_owned(), strong }
    }
}

impl Cell {
    /// A line, cut where it is too long.
    fn plain(number: usize, line: &str) -> Self {
        let ended = line.strip_suffix('\n');
        let (text, open_end) = (ended.unwrap_or(line), ended.is_none());
        let text =
            text.strip_suffix('\r').map_or_else(|| clipped(text), |it| format!("{}\u{240d}", clipped(it)));
        let parts = if text.is_empty() { Vec::new() } else { vec![Part::new(&text, false)] };
        Self { number, parts, open_end }
    }
}

/// The beginning of a line that is too long, with how much is missing.
fn clipped(line: &str) -> String {
    let count = line.chars().count();
    if count <= LINE_MAX {
        return line.to_owned();
    }
    let head: String = line.chars().take(LINE_MAX).collect();
    format!("{head}\u{2026} ({} more characters)", count - LINE_MAX)
}
