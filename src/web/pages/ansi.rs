//! What programs wrote for a terminal, as text with classes for its colours.
//!
//! Colours and weights are kept. All else that a terminal would obey is dropped: titles, links, the clipboard, device
//! control, movements of the cursor, bells. What would turn text around or cannot be seen is shown as an escape. No
//! text gets out of here that is not to be read as text; the templates escape it for HTML.
//!
//! Sequences end with their line, so that one that is never closed hides at most the rest of a line.

mod colour;
pub(super) mod markup;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::fmt::Write as _;

use vte::{Params, Parser, Perform};

use colour::sgr;

/// The most characters of one line that are shown.
pub(super) const LINE_MAX: usize = 4_000;

/// How far a tab goes.
const TAB: usize = 8;

/// A piece of a line in one style.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Span {
    /// Classes that say how it looks, made of our own words; empty for plain text.
    pub(super) class: String,
    /// Text that holds nothing to be obeyed.
    pub(super) text: String,
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Line {
    /// Its pieces.
    pub(super) spans: Vec<Span>,
    /// How many characters are not shown, because it is too long.
    pub(super) cut: usize,
}

impl Line {
    /// Its text alone.
    pub(super) fn text(&self) -> String {
        self.spans.iter().map(|it| it.text.as_str()).collect()
    }
}

/// How text looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Style {
    /// One of sixteen colours: terminals have more, themes that stay readable do not.
    front: Option<u8>,
    back: Option<u8>,
    bold: bool,
    faint: bool,
    italic: bool,
    underline: bool,
    strike: bool,
    inverse: bool,
}

impl Style {
    /// The classes of a style. On a coloured ground the text has the colour that is readable there, whatever was
    /// asked for: text of the colour of its ground would be hidden.
    fn class(self) -> String {
        let (front, back) = if self.inverse { (self.back, self.front) } else { (self.front, self.back) };
        let mut class = String::new();
        match (front, back) {
            (_, Some(back)) => write!(class, " ansi-bg-{back}").ok(),
            (_, None) if self.inverse => write!(class, " ansi-inverse").ok(),
            (Some(front), None) => write!(class, " ansi-fg-{front}").ok(),
            (None, None) => None,
        };
        for (has, word) in [
            (self.bold, " ansi-bold"),
            (self.faint, " ansi-faint"),
            (self.italic, " ansi-italic"),
            (self.underline, " ansi-underline"),
            (self.strike, " ansi-strike"),
        ] {
            class.push_str(if has { word } else { "" });
        }
        class.trim_start().to_owned()
    }
}

/// Paints line after line; colours last until they are changed, as on a terminal.
#[derive(Debug, Default)]
pub(super) struct Painter {
    style: Style,
}

impl Painter {
    /// One line, without its end.
    pub(super) fn line(&mut self, bytes: &[u8]) -> Line {
        let mut screen = Screen { style: self.style, cells: Vec::new(), column: 0, cut: 0 };
        Parser::new().advance(&mut screen, bytes);
        self.style = screen.style;
        screen.line()
    }

    /// Text of several lines: at most so many of them, and how many more there are.
    pub(super) fn text(&mut self, text: &str, lines: usize) -> (Vec<Line>, usize) {
        let all = text.strip_suffix('\n').unwrap_or(text);
        if all.is_empty() {
            return (Vec::new(), 0);
        }
        let mut rest = all.split('\n');
        let shown = rest.by_ref().take(lines).map(|it| self.line(it.as_bytes())).collect();
        (shown, rest.count())
    }
}

/// One line of a terminal.
struct Screen {
    style: Style,
    cells: Vec<(char, Style)>,
    column: usize,
    cut: usize,
}

impl Screen {
    fn put(&mut self, found: char) {
        if LINE_MAX <= self.column {
            self.cut += 1;
            return;
        }
        let blank = (' ', Style::default());
        if self.cells.len() <= self.column {
            self.cells.resize(self.column + 1, blank);
        }
        self.cells[self.column] = (found, self.style);
        self.column += 1;
    }

    /// Clears a part of the line: what comes after the cursor, before it, or all of it.
    fn erase(&mut self, what: u16) {
        match what {
            0 => self.cells.truncate(self.column),
            1 => {
                let until = self.cells.len().min(self.column + 1);
                self.cells[..until].fill((' ', Style::default()));
            }
            2 => self.cells.clear(),
            _ => {}
        }
    }

    fn line(self) -> Line {
        let mut spans: Vec<(Style, String)> = Vec::new();
        for (found, style) in self.cells {
            match spans.last_mut() {
                Some((last, text)) if *last == style => show(text, found),
                _ => {
                    let mut text = String::new();
                    show(&mut text, found);
                    spans.push((style, text));
                }
            }
        }
        let spans = spans.into_iter().map(|(style, text)| Span { class: style.class(), text });
        Line { spans: spans.collect(), cut: self.cut }
    }
}

impl Perform for Screen {
    fn print(&mut self, found: char) {
        self.put(found);
    }

    fn execute(&mut self, byte: u8) {
        match byte {
            b'\r' => self.column = 0,
            8 => self.column = self.column.saturating_sub(1),
            b'\t' => {
                for _ in self.column % TAB..TAB {
                    self.put(' ');
                }
            }
            _ => {}
        }
    }

    fn csi_dispatch(&mut self, params: &Params, intermediates: &[u8], ignore: bool, action: char) {
        if ignore || !intermediates.is_empty() {
            return;
        }
        match action {
            'm' => sgr(&mut self.style, params),
            'K' => self.erase(params.iter().next().and_then(|it| it.first().copied()).unwrap_or(0)),
            _ => {}
        }
    }
}

/// Text from outside that is shown as it is, without colours: control characters, C1 among them, and characters that
/// turn text around or cannot be seen are shown as escapes. Ends of lines and tabs stay.
pub(super) fn visible(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    text.chars().for_each(|it| show(&mut shown, it));
    Cow::Owned(shown)
}

fn show(text: &mut String, found: char) {
    if is_hidden(found) {
        write!(text, "\u{27e8}U+{:04X}\u{27e9}", u32::from(found)).ok(); // Writing to a string cannot fail.
    } else {
        text.push(found);
    }
}

/// Whether a character is obeyed instead of shown, or nobody can see it.
pub(super) fn is_hidden(found: char) -> bool {
    (found.is_control() && !matches!(found, '\n' | '\t'))
        || matches!(
            found,
            '\u{ad}' | '\u{34f}' // soft hyphen, joiner of graphemes
            | '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' // direction
            | '\u{2028}' | '\u{2029}' // line and paragraph
            | '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}' // fillers
            | '\u{180e}' | '\u{200b}'..='\u{200d}' | '\u{2060}'..='\u{2065}' | '\u{206a}'..='\u{206f}' // without width
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}'
        )
}
