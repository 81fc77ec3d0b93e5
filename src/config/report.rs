//! What is wrong with a file, all of it, shown as a compiler would.

use std::fmt;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use serde::Serialize;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The file cannot be used.
    Error,
    /// The file can be used, and somebody should look at this.
    Warning,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, a lower-case fragment.
    pub message: String,
    /// Where, in bytes of the file; `None` if it is about the whole file.
    pub place: Option<Range<usize>>,
    /// Another place that belongs to it, and what it has to do with it.
    pub context: Vec<(Range<usize>, String)>,
    /// What to do.
    pub help: Option<String>,
}

impl Diagnostic {
    /// Something that makes the file unusable.
    pub(super) fn error(message: impl Into<String>, place: Range<usize>) -> Self {
        let place = Some(place);
        Self { severity: Severity::Error, message: message.into(), place, context: Vec::new(), help: None }
    }

    /// Something that somebody should look at.
    pub(super) fn warning(message: impl Into<String>, place: Range<usize>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(message, place) }
    }

    /// Something about the file as a whole.
    pub(super) fn whole(message: impl Into<String>) -> Self {
        Self { place: None, ..Self::error(message, 0..0) }
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    pub(super) fn context(mut self, place: Range<usize>, label: impl Into<String>) -> Self {
        self.context.push((place, label.into()));
        self
    }
}

/// All that is wrong with one file. Displays as plain text; [`Report::render`] can colour it.
///
/// It keeps the text of the file for the snippets, with everything that may be a secret already starred out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The file, as it is shown.
    pub file: String,
    /// In the order of the file; never empty in an `Err`.
    pub diagnostics: Vec<Diagnostic>,
    text: String,
}

/// One diagnostic for programs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding<'a> {
    /// How bad it is.
    pub severity: Severity,
    /// The file.
    pub file: &'a str,
    /// Line, from 1; absent if it is about the whole file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// Column in characters, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<usize>,
    /// What is wrong.
    pub message: &'a str,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<&'a str>,
}

impl Report {
    pub(super) fn new(file: &str, text: &str, masks: &[Range<usize>], mut found: Vec<Diagnostic>) -> Self {
        found.sort_by_key(|it| it.place.as_ref().map_or(0, |place| place.start));
        let text = super::mask::for_display(text, masks);
        Self { file: super::mask::one_line(file), diagnostics: found, text }
    }

    /// Whether something in it makes the file unusable.
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(|it| it.severity == Severity::Error)
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.diagnostics.is_empty()
    }

    /// The diagnostics for programs, with line and column.
    pub fn findings(&self) -> Vec<Finding<'_>> {
        let finding = |it| self.finding(it);
        self.diagnostics.iter().map(finding).collect()
    }

    fn finding<'a>(&'a self, it: &'a Diagnostic) -> Finding<'a> {
        let at = it.place.as_ref().map(|place| line_and_column(&self.text, place.start));
        Finding {
            severity: it.severity,
            file: &self.file,
            line: at.map(|(line, _)| line),
            column: at.map(|(_, column)| column),
            message: &it.message,
            help: it.help.as_deref(),
        }
    }

    /// The first error and how many more there are, after the words that the file cannot be used.
    pub(super) fn headline(&self) -> String {
        let mut errors = self.diagnostics.iter().filter(|it| it.severity == Severity::Error);
        let Some(first) = errors.next() else { return String::new() };
        let more = match errors.count() {
            0 => String::new(),
            1 => ", and 1 more error".to_owned(),
            more => format!(", and {more} more errors"),
        };
        format!(": {}{more}", super::mask::one_line(&first.message))
    }

    /// The whole report as text, with snippets, and with colours if they are wanted.
    pub fn render(&self, colour: bool) -> String {
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
        let groups = self.diagnostics.iter().map(|it| renderer.render(&[self.group(it)]));
        groups.collect::<Vec<_>>().join("\n\n")
    }

    fn group<'a>(&'a self, it: &'a Diagnostic) -> Group<'a> {
        let level = match it.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let message = match it.place {
            Some(_) => it.message.clone(),
            None => format!("{}: {}", self.file, it.message),
        };
        let mut group = Group::with_title(level.primary_title(message));
        if let Some(place) = &it.place {
            let context = it.context.iter().map(|(place, label)| {
                AnnotationKind::Context.span(within(&self.text, place)).label(label.as_str())
            });
            let primary = AnnotationKind::Primary.span(within(&self.text, place));
            let snippet = Snippet::source(&self.text).path(self.file.as_str()).annotation(primary);
            group = group.element(snippet.annotations(context));
        }
        if let Some(help) = &it.help {
            group = group.element(Level::HELP.message(help.as_str()));
        }
        group
    }
}

/// Places come from the parser; a place that is no place in the text must not end in a panic of the renderer.
fn within(text: &str, place: &Range<usize>) -> Range<usize> {
    let start = boundary(text, place.start);
    start..boundary(text, place.end).max(start)
}

/// The beginning of the character that a byte belongs to.
fn boundary(text: &str, at: usize) -> usize {
    let at = at.min(text.len());
    (0..=at).rev().find(|it| text.is_char_boundary(*it)).unwrap_or(0)
}

fn line_and_column(text: &str, at: usize) -> (usize, usize) {
    let before = &text[..boundary(text, at)];
    let line_start = before.rfind('\n').map_or(0, |it| it + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for Report {}
