//! Two texts, compared line by line, and changed lines word by word.

use similar::{Algorithm, ChangeTag, DiffOp, TextDiff};

use super::{CONTEXT, Cell, LINE_MAX, Part, Row, Shown};

/// Above this product of lines that are compared, both sides are shown as they are: finding the smallest difference
/// of texts that have nothing in common takes time that grows with it.
const EFFORT: usize = 1_500 * 1_500;

/// Lines that are less alike than this are two lines, not one that changed.
const ALIKE: f32 = 0.4;

pub(super) fn compare(shown: &mut Shown, before: &str, after: &str) {
    let (old, new): (Vec<&str>, Vec<&str>) =
        (before.split_inclusive('\n').collect(), after.split_inclusive('\n').collect());
    let ops = operations(&old, &new);
    if ops.iter().all(|it| matches!(it, DiffOp::Equal { .. })) {
        return; // Nothing is told of what is the same.
    }
    let last = ops.len() - 1;
    for (at, op) in ops.iter().enumerate() {
        match *op {
            DiffOp::Equal { old_index, new_index, len } => {
                let context = Context { is_first: at == 0, is_last: at == last };
                equal(shown, &old[old_index..old_index + len], (old_index, new_index), &context);
            }
            DiffOp::Delete { old_index, old_len, .. } => {
                changed(shown, &old[old_index..old_index + old_len], &[], (old_index, 0));
            }
            DiffOp::Insert { new_index, new_len, .. } => {
                changed(shown, &[], &new[new_index..new_index + new_len], (0, new_index));
            }
            DiffOp::Replace { old_index, old_len, new_index, new_len } => {
                let (gone, come) =
                    (&old[old_index..old_index + old_len], &new[new_index..new_index + new_len]);
                changed(shown, gone, come, (old_index, new_index));
            }
        }
    }
}

/// What turns one into the other. Equal beginnings and ends are found first, so that a small change of a long text
/// is always found.
fn operations(old: &[&str], new: &[&str]) -> Vec<DiffOp> {
    let head = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    let rest = old.len().min(new.len()) - head;
    let tail = old.iter().rev().zip(new.iter().rev()).take(rest).take_while(|(a, b)| a == b).count();
    let (old_len, new_len) = (old.len() - head - tail, new.len() - head - tail);
    let mut ops = Vec::new();
    if head != 0 {
        ops.push(DiffOp::Equal { old_index: 0, new_index: 0, len: head });
    }
    if old_len.saturating_mul(new_len) <= EFFORT {
        let inner = similar::capture_diff_slices(
            Algorithm::Myers,
            &old[head..head + old_len],
            &new[head..head + new_len],
        );
        ops.extend(inner.into_iter().map(|it| moved(it, head)));
    } else {
        ops.push(DiffOp::Replace { old_index: head, old_len, new_index: head, new_len });
    }
    if tail != 0 {
        ops.push(DiffOp::Equal { old_index: head + old_len, new_index: head + new_len, len: tail });
    }
    ops
}

fn moved(op: DiffOp, by: usize) -> DiffOp {
    match op {
        DiffOp::Equal { old_index, new_index, len } => {
            DiffOp::Equal { old_index: old_index + by, new_index: new_index + by, len }
        }
        DiffOp::Delete { old_index, old_len, new_index } => {
            DiffOp::Delete { old_index: old_index + by, old_len, new_index: new_index + by }
        }
        DiffOp::Insert { old_index, new_index, new_len } => {
            DiffOp::Insert { old_index: old_index + by, new_index: new_index + by, new_len }
        }
        DiffOp::Replace { old_index, old_len, new_index, new_len } => {
            DiffOp::Replace { old_index: old_index + by, old_len, new_index: new_index + by, new_len }
        }
    }
}

struct Context {
    is_first: bool,
    is_last: bool,
}

/// Lines that are the same: those near a change, and how many lie between.
fn equal(shown: &mut Shown, lines: &[&str], (old, new): (usize, usize), context: &Context) {
    let before = if context.is_first { 0 } else { CONTEXT };
    let after = if context.is_last { 0 } else { CONTEXT };
    let fold = lines.len().saturating_sub(before + after);
    for (at, line) in lines.iter().enumerate() {
        if 1 < fold && (before..before + fold).contains(&at) {
            if at == before {
                shown.rows.push(Row::Fold(fold));
            }
            continue;
        }
        shown.rows.push(Row::Same(Cell::plain(old + at + 1, line), new + at + 1));
    }
}

/// Lines that differ, side by side as far as there are two.
fn changed(shown: &mut Shown, gone: &[&str], come: &[&str], (old, new): (usize, usize)) {
    shown.removed += gone.len();
    shown.added += come.len();
    for at in 0..gone.len().max(come.len()) {
        let (before, after) = (gone.get(at), come.get(at));
        // Beyond the rows that are shown nobody sees which words differ.
        if let (Some(before), Some(after)) = (before, after)
            && shown.rows.len() < super::ROWS_MAX
            && let Some((before, after)) = words(before, after)
        {
            let cell = |number: usize, parts: Vec<Part>, line: &str| Cell {
                number,
                parts,
                open_end: !line.ends_with('\n'),
            };
            let (gone, come) = (cell(old + at + 1, before, gone[at]), cell(new + at + 1, after, come[at]));
            shown.rows.push(Row::Changed(Some(gone), Some(come)));
            continue;
        }
        let gone = before.map(|it| Cell::plain(old + at + 1, it));
        let come = after.map(|it| Cell::plain(new + at + 1, it));
        shown.rows.push(Row::Changed(gone, come));
    }
}

/// Which words of two lines differ; `None` if the lines are not alike.
fn words(before: &str, after: &str) -> Option<(Vec<Part>, Vec<Part>)> {
    let (before_text, after_text) = (before.trim_end_matches('\n'), after.trim_end_matches('\n'));
    let longest = before_text.len().max(after_text.len());
    if LINE_MAX < longest || before_text == after_text || before.contains('\r') || after.contains('\r') {
        return None;
    }
    let diff = TextDiff::from_words(before_text, after_text);
    if diff.ratio() < ALIKE {
        return None;
    }
    let (mut gone, mut come) = (Vec::new(), Vec::new());
    for change in diff.iter_all_changes() {
        match change.tag() {
            ChangeTag::Equal => {
                push(&mut gone, change.value(), false);
                push(&mut come, change.value(), false);
            }
            ChangeTag::Delete => push(&mut gone, change.value(), true),
            ChangeTag::Insert => push(&mut come, change.value(), true),
        }
    }
    Some((gone, come))
}

fn push(parts: &mut Vec<Part>, text: &str, strong: bool) {
    match parts.last_mut() {
        Some(last) if last.strong == strong => last.text.push_str(&Part::new(text, strong).text),
        _ => parts.push(Part::new(text, strong)),
    }
}
