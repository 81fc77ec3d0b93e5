//! Painted lines as HTML.

use super::{Line, Painter};
use crate::web::pages::markup::{Markup, Tag};

/// One line; its number is its anchor where it has one.
pub(in crate::web::pages) fn line(line: &Line) -> Markup {
    let mut all: Markup = line
        .spans
        .iter()
        .map(|it| {
            if it.class.is_empty() {
                Markup::text(&it.text)
            } else {
                Tag::new("span").class(&it.class).text(&it.text)
            }
        })
        .collect();
    if line.cut != 0 {
        let words = format!(" \u{2026} {} more characters", line.cut);
        all.push(&Tag::new("span").class("muted").text(&words));
    }
    all
}

/// What a program wrote, as a block of at most so many lines.
pub(in crate::web::pages) fn block(text: &str, most: usize) -> Markup {
    let (lines, more) = Painter::default().text(text, most);
    let mut all = Markup::default();
    for (at, it) in lines.iter().enumerate() {
        if at != 0 {
            all.push_text("\n");
        }
        all.push(&line(it));
    }
    if more != 0 {
        all.push_text("\n");
        let words = format!("\u{2026} {more} more lines");
        all.push(&Tag::new("span").class("muted").text(&words));
    }
    Tag::new("pre").class("output").with("tabindex", "0").around(&all)
}
