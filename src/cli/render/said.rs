//! What a result said: why it failed, and what it changes.

use super::words::{clipped, counted};
use crate::cli::page::{Piece, Tone, piece, plain};
use crate::domain::{Detail, Diff, ResultStatus};

/// So many lines are shown of the beginning of a message, and of the end of an output.
const LINES: usize = 6;
/// So many characters are shown of a line.
const WIDTH: usize = 300;
/// Where the rest of a long text is.
const REST: &str = "--output json has all";

/// Why a result is a failure, one piece a line: its message, its exit status, and the end of what was written.
/// Nothing where it is none.
pub(super) fn why(status: ResultStatus, detail: Option<&Detail>, no_log: bool) -> Vec<Piece> {
    if matches!(status, ResultStatus::Ok | ResultStatus::Skipped) {
        return Vec::new();
    }
    let mut lines = detail.map_or_else(Vec::new, told);
    if lines.is_empty() && no_log {
        lines.push(piece(Tone::Faint, "what it said is not kept: the task has `no_log`"));
    }
    lines
}

fn told(detail: &Detail) -> Vec<Piece> {
    let mut lines = beginning(detail.msg.trim());
    let (name, output) = match detail.stderr.trim() {
        "" => ("stdout", detail.stdout.trim()),
        errors => ("stderr", errors),
    };
    // Modules often repeat in the message what they wrote.
    let output = if detail.msg.contains(output) { "" } else { output };
    let status = detail.rc.map(|it| format!("exit status {it}"));
    match (status, output.is_empty()) {
        (Some(status), true) => lines.push(plain(status)),
        (Some(status), false) => lines.push(plain(format!("{status}; {name}:"))),
        (None, false) => lines.push(plain(format!("{name}:"))),
        (None, true) => {}
    }
    lines.extend(end(output));
    lines
}

fn beginning(text: &str) -> Vec<Piece> {
    let mut lines: Vec<Piece> = text.lines().take(LINES).map(|it| plain(clipped(it, WIDTH))).collect();
    match text.lines().count().saturating_sub(LINES) {
        0 => {}
        more => lines.push(piece(Tone::Faint, format!("… {}; {REST}", more_lines(more)))),
    }
    lines
}

fn end(text: &str) -> Vec<Piece> {
    let all: Vec<&str> = text.lines().collect();
    let (before, shown) = all.split_at(all.len().saturating_sub(LINES));
    let mut lines = Vec::new();
    if !before.is_empty() {
        lines.push(piece(Tone::Faint, format!("  … {} before; {REST}", more_lines(before.len()))));
    }
    lines.extend(shown.iter().map(|it| plain(format!("  {}", clipped(it, WIDTH)))));
    lines
}

fn more_lines(count: usize) -> String {
    counted(count as u64, "more line")
}

/// The lines of differences; long common parts at the beginning and the end are left out.
pub(super) fn differences(diffs: &[Diff]) -> Vec<Piece> {
    diffs.iter().flat_map(difference).collect()
}

fn difference(diff: &Diff) -> Vec<Piece> {
    if diff.hidden {
        return vec![piece(Tone::Faint, format!("{} differs; its content is not kept", diff.path))];
    }
    if !diff.prepared.is_empty() {
        return diff.prepared.lines().map(prepared).collect();
    }
    let (before, after): (Vec<&str>, Vec<&str>) =
        (diff.before.lines().collect(), diff.after.lines().collect());
    let start = before.iter().zip(&after).take_while(|(a, b)| a == b).count();
    let rest = before.len().min(after.len()) - start;
    let end = before.iter().rev().zip(after.iter().rev()).take(rest).take_while(|(a, b)| a == b).count();
    let mut lines = Vec::new();
    if !diff.path.is_empty() {
        lines.push(piece(Tone::Faint, format!("{}:{}", diff.path, start + 1)));
    }
    let gone = before[start..before.len() - end].iter();
    lines.extend(gone.map(|line| piece(Tone::Bad, format!("-{line}"))));
    let new = after[start..after.len() - end].iter();
    lines.extend(new.map(|line| piece(Tone::Good, format!("+{line}"))));
    lines
}

/// A line of a difference that the module made itself.
fn prepared(line: &str) -> Piece {
    let tone = match line.chars().next() {
        Some('+') => Tone::Good,
        Some('-') => Tone::Bad,
        _ => Tone::Faint,
    };
    piece(tone, line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(detail: &Detail) -> String {
        let lines = why(ResultStatus::Failed, Some(detail), false);
        lines.into_iter().map(|Piece(_, it)| it).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn a_failure_says_its_message_its_status_and_the_end_of_its_errors() {
        let stderr: String =
            (1..=9).flat_map(|it: u32| ["line ".to_owned(), it.to_string(), "\n".to_owned()]).collect();
        let stdout = "beside it".to_owned();
        let detail = Detail {
            msg: "non-zero return code".to_owned(),
            rc: Some(2),
            stderr,
            stdout,
            ..Detail::default()
        };
        let wanted = "non-zero return code\nexit status 2; stderr:\n  … 3 more lines before; --output json has all\n  \
                      line 4\n  line 5\n  line 6\n  line 7\n  line 8\n  line 9";
        assert_eq!(text(&detail), wanted);
        let without_errors = Detail { stderr: " \n".to_owned(), rc: None, ..detail };
        assert_eq!(text(&without_errors), "non-zero return code\nstdout:\n  beside it");
    }

    #[test]
    fn a_long_message_is_cut_and_says_so() {
        let msg = format!("{}\n{}", "ä".repeat(WIDTH + 1), "more\n".repeat(LINES));
        let text = text(&Detail { msg, ..Detail::default() });
        assert!(text.starts_with(&format!("{}…\nmore\n", "ä".repeat(WIDTH - 1))), "{text}");
        assert!(text.ends_with("\n… 1 more line; --output json has all"), "{text}");
    }

    #[test]
    fn what_a_message_repeats_is_told_once_and_a_secret_task_says_why_it_says_nothing() {
        let detail = Detail {
            msg: "rm: no such file".to_owned(),
            stderr: "rm: no such file\n".to_owned(),
            rc: Some(1),
            ..Detail::default()
        };
        assert_eq!(text(&detail), "rm: no such file\nexit status 1");
        let hidden = why(ResultStatus::Failed, None, true);
        assert!(hidden[0].1.contains("no_log"), "{hidden:?}");
        assert!(why(ResultStatus::Failed, None, false).is_empty());
        assert!(why(ResultStatus::Ok, Some(&detail), true).is_empty(), "no failure, no reason");
    }
}
