//! HTML that was made here, of escaped text. The only thing that templates write as it is.

use std::fmt::{self, Write as _};

use askama::filters::HtmlSafe;

use super::ansi::is_hidden;

/// HTML. Can only be made from tags whose texts and attributes are escaped.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Markup(String);

impl fmt::Display for Markup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl HtmlSafe for Markup {}

impl Markup {
    /// Text as text.
    pub(super) fn text(text: &str) -> Self {
        let mut markup = Self::default();
        markup.push_text(text);
        markup
    }

    /// Appends text.
    pub(super) fn push_text(&mut self, text: &str) {
        escape(&mut self.0, text);
    }

    /// Appends HTML.
    pub(super) fn push(&mut self, more: &Self) {
        self.0.push_str(&more.0);
    }
}

impl FromIterator<Self> for Markup {
    fn from_iter<T: IntoIterator<Item = Self>>(parts: T) -> Self {
        let mut all = Self::default();
        parts.into_iter().for_each(|it| all.push(&it));
        all
    }
}

/// Characters that mean something in HTML, and those that turn the direction of text or cannot be seen, are written so
/// that they do not.
fn escape(out: &mut String, text: &str) {
    for it in text.chars() {
        match it {
            '<' => out.push_str("&#60;"),
            '>' => out.push_str("&#62;"),
            '&' => out.push_str("&#38;"),
            '"' => out.push_str("&#34;"),
            '\'' => out.push_str("&#39;"),
            // Writing to a string does not fail.
            it if is_hidden(it) => drop(write!(out, "⟨U+{:04X}⟩", u32::from(it))),
            _ => out.push(it),
        }
    }
}

/// One element on its way to be [`Markup`]. Names of elements and attributes are ours; what they hold may be anybody's.
#[derive(Debug, Clone)]
pub(super) struct Tag {
    name: &'static str,
    head: String,
}

impl Tag {
    /// An element of this name.
    pub(super) fn new(name: &'static str) -> Self {
        Self { name, head: format!("<{name}") }
    }

    /// With this attribute.
    pub(super) fn with(mut self, attribute: &'static str, value: &str) -> Self {
        // Writing to a string does not fail.
        let _ok = write!(self.head, " {attribute}=\"");
        escape(&mut self.head, value);
        self.head.push('"');
        self
    }

    /// With this attribute, a number.
    pub(super) fn number(mut self, attribute: &'static str, value: f64) -> Self {
        let rounded = (value * 100.0).round() / 100.0;
        // Writing to a string does not fail.
        let _ok = write!(self.head, " {attribute}=\"{rounded}\"");
        self
    }

    /// With these classes.
    pub(super) fn class(self, classes: &str) -> Self {
        self.with("class", classes)
    }

    /// With nothing in it and without an end, as `col` and `br` are.
    pub(super) fn void(self) -> Markup {
        Markup(format!("{}>", self.head))
    }

    /// Around this text.
    pub(super) fn text(self, text: &str) -> Markup {
        self.around(&Markup::text(text))
    }

    /// Around this HTML.
    pub(super) fn around(self, inner: &Markup) -> Markup {
        Markup(format!("{}>{}</{}>", self.head, inner.0, self.name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_say_stays_text() {
        let hostile = "\"><script>alert('x')</script>&amp;";
        let made = Tag::new("a").with("title", hostile).text(hostile).to_string();
        assert_eq!(made.matches('<').count(), 2, "{made}");
        assert_eq!(made.matches('"').count(), 2, "{made}");
        assert!(made.contains("&#38;amp;"), "{made}");
        assert_eq!(Markup::text("a\u{202E}b\u{1b}[0m").to_string(), "a⟨U+202E⟩b⟨U+001B⟩[0m");
    }

    #[test]
    fn numbers_are_short() {
        let made = Tag::new("rect").number("x", 1.0 / 3.0).number("y", 2.0).text("").to_string();
        assert_eq!(made, "<rect x=\"0.33\" y=\"2\"></rect>");
    }
}
