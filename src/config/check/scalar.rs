//! Single values.

use super::super::mask::{for_display, one_line};
use super::super::shape::{self, Shape};
use super::super::suggest::nearest;
use super::super::value::Content;
use super::super::yaml::{Kind, Place, Scalar};
use super::{Findings, title};

impl Findings {
    pub(super) fn scalar(&mut self, scalar: &Scalar, place: &Place, shape: &Shape, at: &str) -> Content {
        let text = scalar.text.as_str();
        // A URL may hold a password.
        let mut shown = one_line(&for_display(text, &[]));
        let is_quoted = !scalar.plain && matches!(shape, Shape::Switch | Shape::Count(..));
        if is_quoted || text.is_empty() {
            shown = format!("\"{shown}\"");
        }
        let refused = match shape {
            Shape::Text(rule) => match scalar.kind() {
                Kind::Text => match (rule.check)(text) {
                    Ok(()) => return Content::Text(text.to_owned()),
                    Err(help) => (format!("`{shown}` is not {}", rule.what), help),
                },
                _ => (format!("`{shown}` is not a text for YAML"), format!("quote it: `\"{shown}\"`")),
            },
            Shape::Choice(words) => {
                if scalar.kind() == Kind::Text && words.contains(&text) {
                    return Content::Text(text.to_owned());
                }
                let near = nearest(text, words.iter().copied()).map(|it| format!(": did you mean `{it}`?"));
                (
                    format!("`{shown}` is not a value of {}", title(at)),
                    format!("write {}{}", shape.what(), near.unwrap_or_default()),
                )
            }
            Shape::Switch => match scalar.kind() {
                Kind::Switch(it) => return Content::Switch(it),
                _ => (
                    format!("`{shown}` is neither `true` nor `false`"),
                    "write `true` or `false`, without quotes".to_owned(),
                ),
            },
            Shape::Count(least, most) => match scalar.kind() {
                Kind::Integer(it) if u64::try_from(it).is_ok_and(|it| (*least..=*most).contains(&it)) => {
                    return Content::Count(it.unsigned_abs());
                }
                _ => (
                    format!("`{shown}` is not possible for {}", title(at)),
                    format!("write {}", shape.what()),
                ),
            },
            _ => match measure(text, shape) {
                Ok(content) => return content,
                Err(says) => split(&shown, &says),
            },
        };
        self.error(refused.0, place, refused.1);
        Content::Refused
    }
}

/// Values with a unit. What is no single value at all was refused before.
fn measure(text: &str, shape: &Shape) -> Result<Content, String> {
    match shape {
        Shape::Interval(..) if text == "never" => Ok(Content::Never),
        Shape::Interval(least, most) => {
            let span = shape::duration(text, *least, *most).map_err(|says| format!("{says}, or `never`"));
            span.map(Content::Duration)
        }
        Shape::Duration(least, most) => shape::duration(text, *least, *most).map(Content::Duration),
        Shape::Size(least, most) => shape::size(text, *least, *most).map(Content::Size),
        Shape::Percent => shape::percent(text).map(Content::Count),
        _ => Ok(Content::Refused),
    }
}

/// What a default means, which is written as in the file.
pub(in crate::config) fn default_of(text: &str, shape: &'static Shape) -> Content {
    let mut findings = Findings::default();
    let scalar = Scalar { text: text.to_owned(), plain: !matches!(shape, Shape::Text(_)) };
    findings.scalar(&scalar, &(0..0), shape, "")
}

/// "has no unit: write `5m`" becomes a message and its advice.
fn split(shown: &str, says: &str) -> (String, String) {
    let (what, advice) = says.split_once(": ").unwrap_or((says, "write another value"));
    let (message, advice) = (format!("`{shown}` {what}"), advice.to_owned());
    if advice.starts_with("at ") { (message, format!("give it {advice}")) } else { (message, advice) }
}
