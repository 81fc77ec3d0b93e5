//! Makes text from outside harmless for a terminal.

use std::borrow::Cow;
use std::fmt::Write;

/// Shows what a terminal would obey instead of show: control characters, C1 among them, characters that change the
/// direction of text, that end a line in some programs, or that nobody can see.
///
/// Names of hosts and tasks, file names and error messages come from repositories and hosts, so all of them pass here.
pub fn escape(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 8);
    for found in text.chars() {
        match found {
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\t' => escaped.push_str("\\t"),
            _ if is_unsafe(found) => {
                write!(escaped, "\\u{{{:x}}}", u32::from(found)).expect("text takes text");
            }
            _ => escaped.push(found),
        }
    }
    Cow::Owned(escaped)
}

/// The same for JSON: such characters can only be within its strings, where `\u` is a way to write them.
pub fn escape_json(json: &str) -> Cow<'_, str> {
    let harmful = |it: char| it != '\n' && is_unsafe(it);
    if !json.chars().any(harmful) {
        return Cow::Borrowed(json);
    }
    let mut escaped = String::with_capacity(json.len() + 8);
    for found in json.chars() {
        if harmful(found) {
            for unit in found.encode_utf16(&mut [0; 2]) {
                write!(escaped, "\\u{unit:04x}").expect("text takes text");
            }
        } else {
            escaped.push(found);
        }
    }
    Cow::Owned(escaped)
}

fn is_unsafe(found: char) -> bool {
    found.is_control()
        || matches!(
            found,
            '\u{ad}' // soft hyphen
            | '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' // direction
            | '\u{2028}' | '\u{2029}' // line and paragraph
            | '\u{180e}' | '\u{200b}'..='\u{200d}' | '\u{2060}'..='\u{2065}' | '\u{206a}'..='\u{206f}' // without width
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_text_stays_as_it_is() {
        for text in ["", "web1.example.org", "Größe 文字 🦀", r"C:\x"] {
            assert!(matches!(escape(text), Cow::Borrowed(same) if same == text), "{text}");
        }
    }

    #[test]
    fn what_a_terminal_would_obey_is_shown() {
        for (text, shown) in [
            ("a\nb\tc\r", r"a\nb\tc\r"),
            ("\u{1b}[31mred", r"\u{1b}[31mred"),
            ("\u{1b}]8;;http://x\u{7}", r"\u{1b}]8;;http://x\u{7}"),
            ("\u{9b}2J", r"\u{9b}2J"),
            ("x\u{7f}\u{0}", r"x\u{7f}\u{0}"),
            ("admin\u{202e}txt", r"admin\u{202e}txt"),
            ("\u{2066}a\u{2069}\u{2028}", r"\u{2066}a\u{2069}\u{2028}"),
            ("we\u{200b}b", r"we\u{200b}b"),
        ] {
            assert_eq!(escape(text), shown);
        }
    }

    #[test]
    fn nothing_unsafe_comes_through_whatever_comes() {
        let every: String = ('\0'..=char::MAX).collect();
        assert!(!escape(&every).chars().any(is_unsafe));
    }

    #[test]
    fn escaped_json_means_the_same() {
        let value = serde_json::json!({"name": "a\u{9b}b\u{202e}\u{e0041}\u{1b}é\n"});
        let text = serde_json::to_string_pretty(&value).expect("JSON");
        let escaped = escape_json(&text);
        assert!(!escaped.chars().any(|it| it != '\n' && is_unsafe(it)), "{escaped}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&escaped).expect("JSON"), value);
    }
}
