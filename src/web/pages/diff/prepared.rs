//! A difference that a module made itself: in most cases that of `diff -u`, and sometimes only a sentence.

use super::{Cell, Row, Shown};

pub(super) fn read(shown: &mut Shown, text: &str) {
    let unified = text.lines().any(|it| it.starts_with("@@")) || has_headings(text);
    let mut reading = Reading { old: 0, new: 0, gone: Vec::new(), come: Vec::new() };
    for line in text.lines() {
        if !unified && !line.starts_with(['+', '-', ' ']) {
            reading.settle(shown);
            if !line.trim().is_empty() {
                shown.notes.push(super::clipped(&super::super::ansi::visible(line)));
            }
            continue;
        }
        reading.line(shown, line);
    }
    reading.settle(shown);
}

fn has_headings(text: &str) -> bool {
    let mut lines = text.lines();
    lines.next().is_some_and(|it| it.starts_with("---"))
        && lines.next().is_some_and(|it| it.starts_with("+++"))
}

/// Where one is in a difference.
struct Reading {
    /// The number of the next line before; 0 if it is not known.
    old: usize,
    new: usize,
    gone: Vec<Cell>,
    come: Vec<Cell>,
}

impl Reading {
    fn line(&mut self, shown: &mut Shown, line: &str) {
        let in_part = self.old != 0 || self.new != 0;
        if let Some((old, new)) = part(line) {
            self.settle(shown);
            (self.old, self.new) = (old, new);
            shown.rows.push(Row::Heading(super::clipped(&super::super::ansi::visible(line))));
        } else if !in_part && (line.starts_with("--- ") || line.starts_with("+++ ")) {
            self.settle(shown);
            shown.rows.push(Row::Heading(super::clipped(&super::super::ansi::visible(line))));
        } else if let Some(text) = line.strip_prefix('-') {
            // What comes after a gain begins anew, so that lines stay in their order.
            if !self.come.is_empty() {
                self.settle(shown);
            }
            shown.removed += 1;
            self.gone.push(cell(&mut self.old, text));
        } else if let Some(text) = line.strip_prefix('+') {
            shown.added += 1;
            self.come.push(cell(&mut self.new, text));
        } else if line.starts_with('\\') {
            // `\ No newline at end of file` is of the line before it.
            if let Some(last) = self.come.last_mut().or(self.gone.last_mut()) {
                last.open_end = true;
            }
        } else {
            self.settle(shown);
            let number = self.new;
            self.new += usize::from(number != 0);
            shown.rows.push(Row::Same(cell(&mut self.old, line.strip_prefix(' ').unwrap_or(line)), number));
        }
    }

    /// Puts what is collected of both sides side by side.
    fn settle(&mut self, shown: &mut Shown) {
        let rows = self.gone.len().max(self.come.len());
        let (mut gone, mut come) = (self.gone.drain(..), self.come.drain(..));
        for _ in 0..rows {
            shown.rows.push(Row::Changed(gone.next(), come.next()));
        }
    }
}

fn cell(number: &mut usize, text: &str) -> Cell {
    let cell = Cell { open_end: false, ..Cell::plain(*number, text) };
    *number += usize::from(*number != 0);
    cell
}

/// The first line numbers of `@@ -1,7 +1,8 @@`.
fn part(line: &str) -> Option<(usize, usize)> {
    let (old, new) = line.strip_prefix("@@ -")?.split_once(" +")?;
    let number = |it: &str| it.split([',', ' ']).next()?.parse().ok();
    let (old, new): (usize, usize) = (number(old)?, number(new)?);
    Some((old.max(1), new.max(1)))
}
