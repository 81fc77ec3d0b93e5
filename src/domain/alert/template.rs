//! How a notice reads: a text of the operator with places for what is told.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A text with places in braces. `{{` and `}}` are braces.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Template {
    text: String,
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Place(&'static str),
}

impl Template {
    /// What can stand in braces.
    pub const PLACES: &'static [&'static str] =
        &["label", "state", "severity", "kind", "subject", "summary", "details", "since", "link"];

    /// The longest text.
    pub const LONGEST: usize = 2000;

    /// The text with its places filled. Lines of which nothing is left but blanks are dropped.
    pub fn fill(&self, value: impl Fn(&str) -> String) -> String {
        let mut filled = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => filled.push_str(text),
                Part::Place(place) => filled.push_str(&value(place)),
            }
        }
        let lines: Vec<&str> = filled.lines().map(str::trim_end).filter(|it| !it.trim().is_empty()).collect();
        lines.join("\n")
    }
}

impl Default for Template {
    fn default() -> Self {
        "[{label}] {summary}\n{details}\n{link}".parse().expect("the template is right")
    }
}

impl FromStr for Template {
    type Err = String;
    fn from_str(given: &str) -> Result<Self, String> {
        if given.trim().is_empty() || Self::LONGEST < given.len() {
            return Err(format!("write a text of at most {} bytes", Self::LONGEST));
        }
        if given.chars().any(|it| it.is_control() && it != '\n') {
            return Err("a template has no control characters but line breaks".to_owned());
        }
        let mut parts = Vec::new();
        let mut text = String::new();
        let mut rest = given;
        while let Some(at) = rest.find(['{', '}']) {
            text.push_str(&rest[..at]);
            let brace = &rest[at..=at];
            let tail = &rest[at + 1..];
            if let Some(tail) = tail.strip_prefix(brace) {
                text.push_str(brace);
                rest = tail;
                continue;
            }
            let place = tail.split_once('}').filter(|_| brace == "{");
            let (name, tail) = place.ok_or_else(|| format!("a `{brace}` stands alone: write it twice"))?;
            let known = Self::PLACES.iter().find(|it| **it == name).ok_or_else(|| {
                let shown: String = name.chars().take(40).flat_map(char::escape_debug).collect();
                let places: Vec<String> = Self::PLACES.iter().map(|it| format!("`{{{it}}}`")).collect();
                format!("there is no `{{{shown}}}`: use {}", places.join(", "))
            })?;
            if !text.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut text)));
            }
            parts.push(Part::Place(known));
            rest = tail;
        }
        text.push_str(rest);
        if !text.is_empty() {
            parts.push(Part::Text(text));
        }
        Ok(Self { text: given.to_owned(), parts })
    }
}

impl TryFrom<String> for Template {
    type Error = String;
    fn try_from(given: String) -> Result<Self, String> {
        given.parse()
    }
}

impl From<Template> for String {
    fn from(template: Template) -> Self {
        template.text
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_filled_and_empty_lines_dropped() {
        let template: Template = "{{x}} {summary}!\n{details}\n{link}".parse().unwrap();
        let filled =
            template.fill(|it| if it == "summary" { "{link} is text".to_owned() } else { String::new() });
        assert_eq!(filled, "{x} {link} is text!");
    }

    #[test]
    fn what_is_no_place_is_refused_with_what_is() {
        assert!("{sumary}".parse::<Template>().unwrap_err().contains("`{summary}`"));
        for bad in ["", " \n", "{", "a } b", "{summary", "{ summary }", "\u{1b}[1m{summary}", "{{{summary}}"]
        {
            assert!(bad.parse::<Template>().is_err(), "{bad:?}");
        }
        for good in ["x", "{{", "{{{summary}}}", "{label}{kind}{since}{state}{severity}{subject}"] {
            assert!(good.parse::<Template>().is_ok(), "{good:?}");
        }
    }
}
