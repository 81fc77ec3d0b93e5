//! Turning pages of a list.

use super::context::PageContext;
use super::words::{counted, grouped};

/// Where one is in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Paging {
    /// How many lines come before this page.
    pub(super) skip: usize,
    /// `1–50 of 420`.
    pub(super) words: String,
    /// The address of the page before.
    pub(super) previous: Option<String>,
    /// The address of the next page.
    pub(super) next: Option<String>,
}

impl Paging {
    /// The page that is asked for, or the last one if there are not so many.
    pub(super) fn new(context: &PageContext, asked: &str, total: usize, rows: usize) -> Self {
        let pages = total.div_ceil(rows).max(1);
        let page = asked.parse::<usize>().unwrap_or(1).clamp(1, pages);
        let skip = (page - 1) * rows;
        let number = |it: usize| grouped(it);
        let end = (skip + rows).min(total);
        let words = match total {
            0 => "nothing".to_owned(),
            total if total <= rows => counted(total, "line"),
            total => format!("{}–{} of {}", number(skip + 1), number(end), number(total)),
        };
        let to = |page: usize| context.with_page(page);
        Self {
            skip,
            words,
            previous: (1 < page).then(|| to(page - 1)),
            next: (page < pages).then(|| to(page + 1)),
        }
    }

    /// Whether there is more than one page.
    pub(super) fn turns(&self) -> bool {
        self.previous.is_some() || self.next.is_some()
    }
}
