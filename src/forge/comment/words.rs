//! Numbers in words.

/// `1 host`, `12 hosts`.
pub(super) fn count(number: u64, one: &str, many: &str) -> String {
    match number {
        1 => format!("1 {one}"),
        _ => format!("{} {many}", grouped(number)),
    }
}

/// `12,345`.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut written = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at != 0 && (digits.len() - at).is_multiple_of(3) {
            written.push(',');
        }
        written.push(digit);
    }
    written
}

/// `a, b and c`, of those that are not empty.
pub(super) fn listed(parts: impl IntoIterator<Item = String>) -> String {
    let mut parts: Vec<String> = parts.into_iter().filter(|it| !it.is_empty()).collect();
    match (parts.pop(), parts.is_empty()) {
        (None, _) => String::new(),
        (Some(last), true) => last,
        (Some(last), false) => format!("{} and {last}", parts.join(", ")),
    }
}

/// The first letter as a capital, as at the start of a sentence.
pub(super) fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// `12 blind`, or nothing where there is none.
pub(super) fn some(number: u64, word: &str) -> String {
    if number == 0 { String::new() } else { format!("{} {word}", grouped(number)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_at_a_glance() {
        assert_eq!(count(1, "host", "hosts"), "1 host");
        assert_eq!(count(0, "host", "hosts"), "0 hosts");
        assert_eq!(count(100_000, "host", "hosts"), "100,000 hosts");
        assert_eq!(grouped(1_234_567), "1,234,567");
        assert_eq!(listed(["a".to_owned(), String::new(), "b".to_owned(), "c".to_owned()]), "a, b and c");
        assert_eq!(sentence("would change"), "Would change");
    }
}
