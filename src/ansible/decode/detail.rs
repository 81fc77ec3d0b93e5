//! What a result said: texts that are as large as a run likes, cut here whatever the callback cut.

use super::capped;
use super::wire::{self, Text};
use crate::domain::{Detail, Diff};

/// The longest text of a result, in bytes. The callback cuts at the same length, and in the middle.
pub const MAX_DETAIL_TEXT: usize = 64 * 1024;

/// The most differences of one result.
pub const MAX_DIFFS: usize = 100;

/// What it said; nothing if that is nothing.
pub(super) fn detail(wire: wire::Detail<'_>) -> Option<Box<Detail>> {
    let mut cut = wire.cut.0;
    let diffs = wire.diff.list().unwrap_or_default();
    cut |= MAX_DIFFS < diffs.len();
    let detail = Detail {
        msg: text(&wire.msg, &mut cut),
        stdout: text(&wire.stdout, &mut cut),
        stderr: text(&wire.stderr, &mut cut),
        rc: wire.rc.0,
        diff: diffs.into_iter().take(MAX_DIFFS).filter_map(|it| it.0.map(|it| diff(&it, &mut cut))).collect(),
        cut,
    };
    (detail != Detail::default()).then(|| Box::new(detail))
}

fn diff(wire: &wire::Diff<'_>, cut: &mut bool) -> Diff {
    Diff {
        path: capped(wire.path.as_str()),
        before: text(&wire.before, cut),
        after: text(&wire.after, cut),
        prepared: text(&wire.prepared, cut),
        hidden: wire.hidden.0,
    }
}

fn text(text: &Text<'_>, cut: &mut bool) -> String {
    let text = text.as_str();
    *cut |= MAX_DETAIL_TEXT < text.len();
    let end = (0..=MAX_DETAIL_TEXT.min(text.len())).rev().find(|at| text.is_char_boundary(*at));
    text[..end.unwrap_or(0)].to_owned()
}
