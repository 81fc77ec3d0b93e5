//! Makes text from outside harmless within Markdown: it is only ever code, on one line or in a fence.
//!
//! Within code no forge looks for people, issues, commits, links, formulas or quick actions. What remains is to keep
//! the text from ending the code, which is a matter of counting backticks, and from looking like something else,
//! which is a matter of showing what cannot be seen.

use std::fmt::Write as _;

/// The longest text on one line, in characters.
pub(super) const INLINE_MAX: usize = 200;

/// The most that is shown of a text in a fence.
#[derive(Debug, Clone, Copy)]
pub(super) struct FenceMax {
    /// Lines.
    pub(super) lines: usize,
    /// Characters of one line.
    pub(super) columns: usize,
}

/// For differences.
pub(super) const DIFF_MAX: FenceMax = FenceMax { lines: 80, columns: 240 };

/// For what a task or a parser said.
pub(super) const MESSAGE_MAX: FenceMax = FenceMax { lines: 20, columns: 300 };

/// Text as code on one line. Never empty, never with a line break: GitLab carries out quick actions in code spans of
/// several lines.
pub(super) fn code(text: &str) -> String {
    code_of(text, INLINE_MAX)
}

/// The same, at most `max` characters of it.
pub(super) fn code_of(text: &str, max: usize) -> String {
    let mut shown = String::with_capacity(text.len().min(max * 4));
    visible(&mut shown, text, max, false);
    if shown.is_empty() {
        return "(nothing)".to_owned();
    }
    let ticks = "`".repeat(longest_run(&shown) + 1);
    // One space at both ends belongs to the code span and is not shown.
    let edge = |it: Option<char>| matches!(it, Some('`' | ' '));
    let pad = if edge(shown.chars().next()) || edge(shown.chars().next_back()) { " " } else { "" };
    format!("{ticks}{pad}{shown}{pad}{ticks}")
}

/// A difference in a fence.
pub(super) fn diff(text: &str) -> String {
    // A line of a difference says with its first character what it is. All others are shown as context, so that no
    // line begins with something that a bot could take for an order.
    let mark =
        |line: &str| if line.starts_with(['+', '-', ' ']) || line.starts_with("@@ ") { "" } else { " " };
    fence("diff", text, DIFF_MAX, mark)
}

/// A message in a fence.
pub(super) fn message(text: &str) -> String {
    fence("text", text, MESSAGE_MAX, |line| if line.is_empty() { "|" } else { "| " })
}

fn fence(language: &str, text: &str, max: FenceMax, mark: impl Fn(&str) -> &'static str) -> String {
    let text = text.strip_suffix('\n').unwrap_or(text);
    let mut shown = String::with_capacity(text.len().min(max.lines * max.columns) + 32);
    let mut lines = text.split('\n');
    for line in lines.by_ref().take(max.lines) {
        shown.push_str(mark(line));
        visible(&mut shown, line, max.columns, true);
        shown.push('\n');
    }
    let more = lines.count();
    if 0 < more {
        let more = super::words::count(more as u64, "more line", "more lines");
        writeln!(shown, "{}… and {more}", mark("…")).ok();
    }
    let ticks = "`".repeat(longest_run(&shown).max(2) + 1);
    format!("{ticks}{language}\n{shown}{ticks}\n")
}

/// Appends text with everything visible, at most `max` characters of it.
fn visible(shown: &mut String, text: &str, max: usize, tabs: bool) {
    let plain = |it: u8| matches!(it, b' '..=b'~') || (tabs && it == b'\t');
    if text.len() <= max && text.bytes().all(plain) {
        return shown.push_str(text);
    }
    for (at, found) in text.chars().enumerate() {
        if at == max {
            return shown.push('…');
        }
        match found {
            ' '..='~' => shown.push(found),
            '\t' if tabs => shown.push(found),
            '\n' => shown.push_str("\\n"),
            '\r' => shown.push_str("\\r"),
            '\t' => shown.push_str("\\t"),
            '\0'..='\u{9f}' => drop(write!(shown, "\\x{:02x}", u32::from(found))),
            _ if is_invisible(found) => drop(write!(shown, "\\u{{{:x}}}", u32::from(found))),
            _ => shown.push(found),
        }
    }
}

/// Whether a character beyond ASCII cannot be seen, or makes others be seen elsewhere.
fn is_invisible(found: char) -> bool {
    if matches!(
        found,
        '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' // joiners and fillers
        | '\u{180b}'..='\u{180f}' | '\u{2800}' | '\u{3164}' | '\u{ffa0}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{e0000}'..='\u{e0fff}' // variations, tags
    ) {
        return true;
    }
    // The standard library knows what can be printed: no control, format, private or unassigned character, no space
    // but the usual one. It would also escape a combining mark where nothing comes before it, hence the letter.
    let mut buffer = [b'a'; 5];
    let length = found.encode_utf8(&mut buffer[1..]).len();
    std::str::from_utf8(&buffer[..=length]).is_ok_and(|pair| pair.escape_debug().count() != 2)
}

/// The longest run of backticks.
fn longest_run(text: &str) -> usize {
    let mut longest = 0;
    let mut run = 0;
    for byte in text.bytes() {
        run = if byte == b'`' { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    longest
}

/// An address that may be linked: ours are plain, so that anything else is left out instead of made to fit.
pub(super) fn address(link: &str) -> Option<&str> {
    let rest = link.strip_prefix("https://").or_else(|| link.strip_prefix("http://"))?;
    let plain = |it: u8| it.is_ascii_alphanumeric() || b"-._~/?=&:[]%,+".contains(&it);
    let host = rest.split('/').next().unwrap_or_default();
    (link.len() <= 500 && !host.is_empty() && rest.bytes().all(plain)).then_some(link)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_outlasts_its_backticks_and_stays_on_one_line() {
        assert_eq!(code("web1"), "`web1`");
        assert_eq!(code("a`b"), "``a`b``");
        assert_eq!(code("``"), "``` `` ```");
        assert_eq!(code(" a"), "`  a `");
        assert_eq!(code(""), "(nothing)");
        assert_eq!(code("a\n/merge\r\x1b[31m\u{202e}é"), "`a\\n/merge\\r\\x1b[31m\\u{202e}é`");
        assert_eq!(code("na\u{301}h\u{200b}\u{a0}\u{fe0f}नि"), "`na\u{301}h\\u{200b}\\u{a0}\\u{fe0f}नि`");
        assert_eq!(code(&"x".repeat(201)), format!("`{}…`", "x".repeat(200)));
    }

    #[test]
    fn a_fence_outlasts_what_is_in_it() {
        assert_eq!(diff("@@ -1 +1 @@\n-a\n+b\n"), "```diff\n@@ -1 +1 @@\n-a\n+b\n```\n");
        assert_eq!(diff("/merge\n````\n@all"), "`````diff\n /merge\n ````\n @all\n`````\n");
        assert_eq!(message("a\r\n\tb"), "```text\n| a\\r\n| \tb\n```\n");
        let long = message(&"x\n".repeat(25));
        assert!(long.ends_with("| x\n| … and 5 more lines\n```\n"), "{long}");
    }

    #[test]
    fn only_plain_addresses_are_linked() {
        let good = ["https://driftless.example/runs/12?x=1", "http://[::1]:9847/runs/1"];
        assert!(good.iter().all(|it| address(it) == Some(it)));
        for bad in ["javascript:alert(1)", "https://", "https:///x", "https://a/)b", "https://a b", "//a"] {
            assert_eq!(address(bad), None, "{bad}");
        }
    }
}
