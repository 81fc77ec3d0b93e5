//! A difference as text.

use std::fmt::Write as _;

use crate::domain::Diff;

/// How many lines that do not differ are shown before and after those that do.
const CONTEXT: usize = 2;

/// What a result told of its difference, as the lines of a diff: as the module made it, or from before and after.
/// Nothing where nothing was told. The texts must be redacted already.
pub fn diff_text(diffs: &[Diff]) -> Option<String> {
    let mut text = String::new();
    for diff in diffs {
        one(&mut text, diff);
    }
    (!text.is_empty()).then_some(text)
}

fn one(text: &mut String, diff: &Diff) {
    if diff.hidden {
        writeln!(text, " {} differs; its content is not kept", diff.path).ok();
        return;
    }
    if !diff.prepared.is_empty() {
        text.push_str(diff.prepared.trim_end_matches('\n'));
        text.push('\n');
        return;
    }
    let (before, after): (Vec<&str>, Vec<&str>) =
        (diff.before.lines().collect(), diff.after.lines().collect());
    if before == after {
        if diff.before != diff.after {
            writeln!(text, " {}: only the ends of lines differ", diff.path).ok();
        }
        return;
    }
    let same = before.iter().zip(&after).take_while(|(a, b)| a == b).count();
    let rest = before.len().min(after.len()) - same;
    let end = before.iter().rev().zip(after.iter().rev()).take(rest).take_while(|(a, b)| a == b).count();
    if !diff.path.is_empty() {
        writeln!(text, "@@ {}:{} @@", diff.path, same + 1).ok();
    }
    let lines = |text: &mut String, mark: char, lines: &[&str]| {
        for line in lines {
            writeln!(text, "{mark}{line}").ok();
        }
    };
    lines(text, ' ', &before[same.saturating_sub(CONTEXT)..same]);
    lines(text, '-', &before[same..before.len() - end]);
    lines(text, '+', &after[same..after.len() - end]);
    let tail = before.len() - end;
    lines(text, ' ', &before[tail..before.len().min(tail + CONTEXT)]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_is_shown_with_a_little_around_it() {
        let of = |before: &str, after: &str| Diff {
            path: "/etc/motd".to_owned(),
            before: before.to_owned(),
            after: after.to_owned(),
            ..Diff::default()
        };
        let text = diff_text(&[of("1\n2\n3\n4\n5\n6\n7\n", "1\n2\n3\nfour\n5\n6\n7\n")]);
        assert_eq!(text.as_deref(), Some("@@ /etc/motd:4 @@\n 2\n 3\n-4\n+four\n 5\n 6\n"));
        assert_eq!(diff_text(&[of("", "a\n")]).as_deref(), Some("@@ /etc/motd:1 @@\n+a\n"));
        assert_eq!(diff_text(&[of("a\n", "a\n")]), None);
        let ends = diff_text(&[of("a\n", "a")]);
        assert_eq!(ends.as_deref(), Some(" /etc/motd: only the ends of lines differ\n"));
        let hidden = Diff { path: "/etc/key".to_owned(), hidden: true, ..Diff::default() };
        let prepared = Diff { prepared: "-a\n+b\n\n".to_owned(), ..Diff::default() };
        let text = " /etc/key differs; its content is not kept\n-a\n+b\n";
        assert_eq!(diff_text(&[hidden, prepared]).as_deref(), Some(text));
    }
}
