//! Where answers go: text or JSON, with colours or without, and one line of progress.

use std::io::{self, IsTerminal, Write};

use serde::Serialize;

use super::client::ClientError;
use super::command::{ColorWanted, Global, OutputWanted};
use super::escape::{escape, escape_json};
use super::page::{Page, without_colour};
use crate::domain::Timestamp;

/// Where answers go.
pub struct Console {
    out: Box<dyn Write>,
    err: Box<dyn Write>,
    json: bool,
    colour: bool,
    /// The width of the terminal behind the error output, if it is one.
    width: Option<usize>,
    progress_shown: bool,
    now: fn() -> Timestamp,
}

impl Console {
    /// The standard output and error of this process.
    pub fn of_process(global: &Global, now: fn() -> Timestamp) -> Self {
        let colour = match global.color {
            ColorWanted::Always => true,
            ColorWanted::Never => false,
            ColorWanted::Auto => anstream::AutoStream::choice(&io::stdout()) != anstream::ColorChoice::Never,
        };
        let width = io::stderr().is_terminal().then(|| {
            rustix::termios::tcgetwinsize(io::stderr()).map_or(80, |it| usize::from(it.ws_col.max(20)))
        });
        Self {
            out: Box::new(io::stdout()),
            err: Box::new(io::stderr()),
            json: global.output == OutputWanted::Json,
            colour,
            width,
            progress_shown: false,
            now,
        }
    }

    /// Other outputs, without a terminal and without colours.
    pub fn to_writers(out: Box<dyn Write>, err: Box<dyn Write>, json: bool, now: fn() -> Timestamp) -> Self {
        Self { out, err, json, colour: false, width: None, progress_shown: false, now }
    }

    /// The time that answers are told by.
    pub(super) fn now(&self) -> Timestamp {
        (self.now)()
    }

    /// Whether JSON is wanted.
    pub(super) fn wants_json(&self) -> bool {
        self.json
    }

    /// Prints a value of the API as JSON, or what `render` makes of it.
    pub(super) fn answer<T: Serialize>(
        &mut self,
        value: &T,
        render: impl FnOnce(&T, Timestamp) -> Page,
    ) -> Result<(), ClientError> {
        if self.json {
            let json = serde_json::to_string_pretty(value).expect("plain data is JSON");
            self.write(&format!("{}\n", escape_json(&json)))
        } else {
            let page = render(value, self.now());
            self.page(page)
        }
    }

    /// Prints a value as one line of JSON.
    pub(super) fn json_line<T: Serialize>(&mut self, value: &T) -> Result<(), ClientError> {
        let json = serde_json::to_string(value).expect("plain data is JSON");
        self.write(&format!("{}\n", escape_json(&json)))
    }

    /// Prints text for people.
    pub(super) fn page(&mut self, page: Page) -> Result<(), ClientError> {
        let text = page.into_text();
        if self.colour { self.write(&text) } else { self.write(&without_colour(&text)) }
    }

    /// Prints a line of ASCII as it is.
    pub(super) fn line(&mut self, line: &str) -> Result<(), ClientError> {
        self.write(&format!("{}\n", escape(line)))
    }

    /// Prints lines that programs wrote, without their colours and with everything else for terminals escaped. A line
    /// may go on in the next call.
    pub(super) fn lines(&mut self, text: &str) -> Result<(), ClientError> {
        let lines: Vec<String> = without_colour(text).split('\n').map(|it| escape(it).to_string()).collect();
        self.write(&lines.join("\n"))
    }

    fn write(&mut self, text: &str) -> Result<(), ClientError> {
        self.end_progress();
        let written = self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush());
        written.map_err(ClientError::Output)
    }

    /// Shows how far something is: the same line again and again on a terminal, else a line only if it `is_new`.
    pub(super) fn progress(&mut self, line: &str, is_new: bool) {
        let line = escape(line);
        // Progress is a courtesy: if it cannot be written, the work goes on and its result is told.
        let _told = match self.width {
            Some(width) => {
                let line: String = line.chars().take(width.saturating_sub(1)).collect();
                self.progress_shown = true;
                write!(self.err, "\r\u{1b}[K{line}").and_then(|()| self.err.flush())
            }
            None if is_new => writeln!(self.err, "{line}"),
            None => Ok(()),
        };
    }

    /// Tells something beside the answer, to the error output.
    pub(super) fn note(&mut self, text: &str) {
        self.end_progress();
        let _told = writeln!(self.err, "{}", escape(text));
    }

    /// Whether progress is one line that is written again and again.
    pub(super) fn has_live_line(&self) -> bool {
        self.width.is_some()
    }

    /// Takes the line of progress away.
    pub(super) fn end_progress(&mut self) {
        if self.progress_shown {
            self.progress_shown = false;
            let _told = write!(self.err, "\r\u{1b}[K").and_then(|()| self.err.flush());
        }
    }

    /// Says what went wrong and what to do. Nothing is said where the reader of the output went away: that is how
    /// `driftless logs 7 | head` ends.
    pub fn error(&mut self, error: &ClientError) {
        if error.is_closed_output() {
            return;
        }
        self.end_progress();
        let mut lines = vec![format!("error: {}", escape(&error.to_string()))];
        let mut cause = std::error::Error::source(error);
        while let Some(error) = cause {
            lines.push(format!("  because: {}", escape(&error.to_string())));
            cause = error.source();
        }
        if let Some(remedy) = error.remedy() {
            lines.push(format!("  -> {}", escape(&remedy)));
        }
        let _told = writeln!(self.err, "{}", lines.join("\n"));
    }
}
