//! Words that several pages use.

/// `1 host`, `2 hosts`.
pub(super) fn counted(count: impl Into<u64>, what: &str) -> String {
    match count.into() {
        1 => format!("1 {what}"),
        count => format!("{count} {what}s"),
    }
}

/// At most so many characters of a text, with an ellipsis where something was cut.
pub(super) fn clipped(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_cut_says_so() {
        assert_eq!(clipped("größer", 6), "größer");
        assert_eq!(clipped("größer", 5), "größ…");
        assert_eq!(
            (counted(1u32, "host"), counted(0u32, "host")),
            ("1 host".to_owned(), "0 hosts".to_owned())
        );
    }
}
