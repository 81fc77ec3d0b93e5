//! Text for people, built so that nothing from outside reaches a terminal unescaped: whatever is put on a page is
//! escaped there, and only the page itself adds line ends and colours.

use std::fmt::Write;

use anstyle::{AnsiColor, Style};
use comfy_table::{Attribute, Cell, CellAlignment, Color, ContentArrangement, Table, presets};

use super::escape::escape;

/// How a piece of text is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Tone {
    /// Nothing special.
    Plain,
    /// A heading.
    Strong,
    /// As wanted.
    Good,
    /// Something happened or waits.
    Notice,
    /// Something is wrong.
    Bad,
    /// Of less interest.
    Faint,
}

impl Tone {
    fn style(self) -> Style {
        match self {
            Self::Plain => Style::new(),
            Self::Strong => Style::new().bold(),
            Self::Good => AnsiColor::Green.on_default(),
            Self::Notice => AnsiColor::Yellow.on_default(),
            Self::Bad => AnsiColor::Red.on_default(),
            Self::Faint => Style::new().dimmed(),
        }
    }
}

/// A piece of text with its tone.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Piece(pub(super) Tone, pub(super) String);

/// A piece of text of this tone.
pub(super) fn piece(tone: Tone, text: impl Into<String>) -> Piece {
    Piece(tone, text.into())
}

/// Text with nothing special about it.
pub(super) fn plain(text: impl Into<String>) -> Piece {
    piece(Tone::Plain, text)
}

/// Text for people that grows line by line.
#[derive(Debug, Default)]
pub(super) struct Page(String);

impl Page {
    /// The text, with colours. Print it through [`without_colour`] where they are not wanted.
    pub(super) fn into_text(self) -> String {
        self.0
    }

    /// A line of pieces, one after the other without anything between them.
    pub(super) fn line(&mut self, pieces: &[Piece]) {
        for Piece(tone, text) in pieces {
            let style = tone.style();
            write!(self.0, "{style}{}{style:#}", escape(text)).expect("text takes text");
        }
        self.0.push('\n');
    }

    /// An empty line, unless there is one already or nothing is before it.
    pub(super) fn gap(&mut self) {
        if !self.0.is_empty() && !self.0.ends_with("\n\n") {
            self.0.push('\n');
        }
    }

    /// A line `  name       value`.
    pub(super) fn field(&mut self, name: &'static str, value: impl Into<String>) {
        self.line(&[piece(Tone::Faint, format!("  {name:<10} ")), plain(value)]);
    }

    /// What is wrong, and a line that says what to do. The lines of a report, which has a place and a snippet, stay
    /// lines, indented further than what to do, so that nothing from outside can pass for that.
    pub(super) fn problem(&mut self, what: impl Into<String>, remedy: Option<&str>) {
        for (number, line) in what.into().split('\n').enumerate() {
            let indent = if number == 0 { "" } else { "      " };
            self.line(&[plain(indent), piece(Tone::Bad, line)]);
        }
        if let Some(remedy) = remedy {
            self.line(&[plain(format!("    -> {remedy}"))]);
        }
    }

    /// A table; the first row is its head. Columns of numbers are aligned to the right.
    pub(super) fn table(&mut self, head: &[&'static str], numbers: &[usize], rows: Vec<Vec<Piece>>) {
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
        table.enforce_styling().style_text_only();
        table.set_header(head.iter().map(|it| cell(&piece(Tone::Faint, *it))));
        for row in rows {
            table.add_row(row.into_iter().map(|it| cell(&it)));
        }
        for (number, column) in table.column_iter_mut().enumerate() {
            column.set_padding((0, 2));
            if numbers.contains(&number) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        self.0.push_str(&table.trim_fmt());
        self.0.push('\n');
    }
}

fn cell(Piece(tone, text): &Piece) -> Cell {
    let cell = Cell::new(escape(text));
    if text.is_empty() {
        return cell; // A style around nothing would keep the line from being trimmed.
    }
    match tone {
        Tone::Plain => cell,
        Tone::Strong => cell.add_attribute(Attribute::Bold),
        Tone::Good => cell.fg(Color::DarkGreen),
        Tone::Notice => cell.fg(Color::DarkYellow),
        Tone::Bad => cell.fg(Color::DarkRed),
        Tone::Faint => cell.add_attribute(Attribute::Dim),
    }
}

/// The same text without its colours.
pub(super) fn without_colour(text: &str) -> String {
    anstream::adapter::strip_str(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_aligned_and_has_no_borders_and_no_trailing_space() {
        let mut page = Page::default();
        page.table(
            &["HOST", "OK", "NOTE"],
            &[1],
            vec![
                vec![plain("web1"), plain("3"), piece(Tone::Bad, "x")],
                vec![piece(Tone::Good, "a-long-name"), plain("12"), plain("")],
            ],
        );
        let text = page.into_text();
        assert!(text.contains("\u{1b}["), "coloured: {text:?}");
        assert_eq!(without_colour(&text), "HOST         OK  NOTE\nweb1          3  x\na-long-name  12\n");
    }

    #[test]
    fn whatever_is_put_on_a_page_is_escaped() {
        let mut page = Page::default();
        let nasty = "x\u{1b}]0;y\u{7}\n\u{202e}";
        page.line(&[plain(nasty), piece(Tone::Bad, nasty)]);
        page.field("name", nasty);
        page.problem(nasty, Some(nasty));
        page.table(&["A"], &[], vec![vec![piece(Tone::Strong, nasty)]]);
        let text = without_colour(&page.into_text());
        assert!(!text.chars().any(|it| it != '\n' && it.is_control()), "{text:?}");
        assert_eq!(text.lines().count(), 7, "{text}");
        assert!(text.contains("\n      \\u{202e}\n"), "the second line of a problem is indented: {text}");
    }

    #[test]
    fn gaps_do_not_pile_up() {
        let mut page = Page::default();
        page.gap();
        page.line(&[plain("a")]);
        page.gap();
        page.gap();
        page.line(&[plain("b")]);
        assert_eq!(without_colour(&page.into_text()), "a\n\nb\n");
    }
}
