//! Differences as HTML: a table of two sides, which the styles lay one below the other where there is little room.

use super::{Cell, Row, Shown};
use crate::web::pages::markup::{Markup, Tag};
use crate::web::pages::words::counted;

impl Shown {
    /// It as HTML.
    pub(in crate::web::pages) fn markup(&self) -> Markup {
        let mut all = self.caption();
        for note in &self.notes {
            all.push(&Tag::new("p").class("diff-note").text(note));
        }
        if !self.rows.is_empty() {
            let one = self.side();
            let rows: Markup = self.rows.iter().map(|it| row(it, one)).collect();
            let body = Tag::new("tbody").around(&rows);
            let mut table = columns(one);
            table.push(&head(one));
            table.push(&body);
            let class = if one.is_some() { "diff-table one" } else { "diff-table" };
            let table = Tag::new("table").class(class).around(&table);
            all.push(&Tag::new("div").class("scroll").with("tabindex", "0").around(&table));
        }
        if self.more != 0 {
            let words = format!("{} more are not shown", counted(self.more as u64, "line"));
            all.push(&Tag::new("p").class("diff-note").text(&words));
        }
        Tag::new("figure").class("diff").around(&all)
    }

    fn caption(&self) -> Markup {
        let path = if self.path.is_empty() { "difference" } else { &self.path };
        let mut caption = Tag::new("code").text(path);
        if self.added + self.removed != 0 {
            caption.push_text(" ");
            caption.push(&Tag::new("span").class("text-good").text(&format!("+{}", self.added)));
            caption.push_text(" ");
            caption.push(&Tag::new("span").class("text-bad").text(&format!("\u{2212}{}", self.removed)));
        }
        Tag::new("figcaption").around(&caption)
    }

    /// The only side that has lines, if one has none: false for before, true for after.
    fn side(&self) -> Option<bool> {
        let all = |of: fn(&Row) -> bool| self.rows.iter().all(of);
        if all(|it| matches!(it, Row::Changed(None, Some(_)))) {
            Some(true)
        } else if all(|it| matches!(it, Row::Changed(Some(_), None))) {
            Some(false)
        } else {
            None
        }
    }
}

/// The widths of the columns are those of these, since headings span several.
fn columns(one: Option<bool>) -> Markup {
    let col = |class: &str| Tag::new("col").class(class).void();
    let side: Markup = [col("diff-col-no"), col("")].into_iter().collect();
    let mut all = side.clone();
    if one.is_none() {
        all.push(&side);
    }
    Tag::new("colgroup").around(&all)
}

fn head(one: Option<bool>) -> Markup {
    let cell = |name: &str, span: &str| Tag::new("th").with("scope", "col").with("colspan", span).text(name);
    let cells = match one {
        Some(true) => cell("After", "2"),
        Some(false) => cell("Before", "2"),
        None => [cell("Before", "2"), cell("After", "2")].into_iter().collect(),
    };
    Tag::new("thead").class("visually-hidden").around(&Tag::new("tr").around(&cells))
}

fn row(row: &Row, one: Option<bool>) -> Markup {
    let wide = if one.is_some() { "2" } else { "4" };
    let whole = |class: &str, text: &str| {
        let cell = Tag::new("td").with("colspan", wide).text(text);
        Tag::new("tr").class(class).around(&cell)
    };
    match row {
        Row::Fold(lines) => {
            whole("diff-fold", &format!("\u{22ef} {} unchanged", counted(*lines as u64, "line")))
        }
        Row::Heading(text) => whole("diff-heading", text),
        Row::Same(cell, new) => {
            let after = Cell { number: *new, ..cell.clone() };
            let mut cells = side(Some(cell), "old same", "");
            cells.push(&side(Some(&after), "new same", ""));
            Tag::new("tr").around(&cells)
        }
        Row::Changed(old, new) => {
            let mut cells = Markup::default();
            if one != Some(true) {
                cells.push(&side(old.as_ref(), "old gone", "\u{2212}"));
            }
            if one != Some(false) {
                cells.push(&side(new.as_ref(), "new come", "+"));
            }
            Tag::new("tr").around(&cells)
        }
    }
}

/// Number and text of one side; empty where it has no line.
fn side(cell: Option<&Cell>, class: &str, sign: &str) -> Markup {
    let Some(cell) = cell else {
        let class = if class.starts_with("old") { "old void" } else { "new void" };
        let mut empty = Tag::new("td").class(&format!("diff-no {class}")).text("");
        empty.push(&Tag::new("td").class(&format!("diff-text {class}")).text(""));
        return empty;
    };
    let number = if cell.number == 0 { String::new() } else { cell.number.to_string() };
    let mut both = Tag::new("td").class(&format!("diff-no {class}")).text(&number);
    let mut text = Markup::default();
    if !sign.is_empty() {
        text.push(&Tag::new("span").class("diff-sign").text(sign));
    }
    for part in &cell.parts {
        match (part.strong, class) {
            (true, "old gone") => text.push(&Tag::new("del").text(&part.text)),
            (true, _) => text.push(&Tag::new("ins").text(&part.text)),
            (false, _) => text.push_text(&part.text),
        }
    }
    if cell.open_end {
        text.push(&Tag::new("span").class("diff-end").text(" no newline at the end"));
    }
    both.push(&Tag::new("td").class(&format!("diff-text {class}")).around(&text));
    both
}
