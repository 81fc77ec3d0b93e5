//! Text from a sandbox, for people: it is what somebody wrote who may mean harm.

/// One line of at most so many characters. What steers a terminal, or the direction or presence of text, is shown as
/// an escape.
pub(super) fn line(given: &str, most: usize) -> String {
    cleaned(given, most, |_| false)
}

/// The same for several lines.
pub(super) fn lines(given: &str, most: usize) -> String {
    cleaned(given, most, |it| it == '\n')
}

fn cleaned(given: &str, most: usize, kept: impl Fn(char) -> bool) -> String {
    let mut text = String::new();
    for (count, it) in given.chars().enumerate() {
        if count == most {
            text.push('…');
            break;
        }
        if kept(it) || !steers(it) { text.push(it) } else { text.extend(it.escape_default()) }
    }
    text
}

/// Control characters, what changes the direction of text, and what has no width.
fn steers(it: char) -> bool {
    it.is_control()
        || matches!(it, '\u{61c}' | '\u{ad}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steers_is_shown_and_not_obeyed() {
        assert_eq!(
            line("a\u{1b}[31mb\nc\u{9b}\u{202e}\u{200b}é", 99),
            "a\\u{1b}[31mb\\nc\\u{9b}\\u{202e}\\u{200b}é"
        );
        assert_eq!(lines("a\nb\r\tc", 99), "a\nb\\r\\tc");
        assert_eq!(line(&"ü".repeat(9), 3), "üüü…");
        assert_eq!(line("üüü", 3), "üüü");
    }
}
