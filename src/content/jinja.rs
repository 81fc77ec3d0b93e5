//! Expressions of Jinja, as far as one must read them to see which variables they use.

/// A word of an expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word<'a> {
    Name(&'a str),
    /// What stands between quotes, with its escapes.
    Text(&'a str),
    /// One character; `==` is `=` twice.
    Sign(char),
}

/// A word and where it begins, in bytes.
pub(super) type Placed<'a> = (Word<'a>, usize);

/// What stands between braces.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Expression<'a> {
    /// `{% … %}`.
    pub(super) is_statement: bool,
    pub(super) words: Vec<Placed<'a>>,
}

/// Whether a text has anything that Ansible would replace.
pub(super) fn is_template(text: &str) -> bool {
    text.contains("{{") || text.contains("{%")
}

/// All expressions and statements of a template. Comments are none, nor is what stands between `raw` and `endraw`.
pub(super) fn expressions(text: &str) -> Vec<Expression<'_>> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(brace) = text[at..].find('{').map(|it| at + it) {
        at = brace + 1;
        match text.as_bytes().get(at) {
            Some(b'#') => at = text[at..].find("#}").map_or(text.len(), |it| at + it + 2),
            Some(kind @ (b'{' | b'%')) => {
                let is_statement = *kind == b'%';
                let (words, end) = words(text, at + 1, Some(if is_statement { "%}" } else { "}}" }));
                let is_raw = is_statement && keyword(&words) == Some("raw");
                at = if is_raw { end_of_raw(text, end) } else { end };
                found.push(Expression { is_statement, words });
            }
            _ => {}
        }
    }
    found
}

/// The first word of a statement.
pub(super) fn keyword<'a>(words: &[Placed<'a>]) -> Option<&'a str> {
    match words.iter().map(|it| it.0).find(|it| !matches!(it, Word::Sign('-' | '+'))) {
        Some(Word::Name(name)) => Some(name),
        _ => None,
    }
}

/// Where a text that is not replaced ends.
fn end_of_raw(text: &str, mut at: usize) -> usize {
    while let Some(statement) = text[at..].find("{%").map(|it| at + it + 2) {
        at = statement;
        if text[at..].trim_start_matches(['-', '+']).trim_start().starts_with("endraw") {
            return at;
        }
    }
    text.len()
}

/// The words of a text that is an expression as a whole, as conditions are.
pub(super) fn expression(text: &str) -> Vec<Placed<'_>> {
    words(text, 0, None).0
}

/// The words from `at` up to the sign that ends them, and where that ends.
fn words<'a>(text: &'a str, mut at: usize, until: Option<&str>) -> (Vec<Placed<'a>>, usize) {
    let mut words = Vec::new();
    let mut open = 0_usize;
    while let Some(next) = text[at..].chars().next() {
        if let Some(end) = until.filter(|it| text[at..].starts_with(it)) {
            // `{{ {'a': {}}}}` ends with the last two.
            let is_brace = 0 < open && text[at + 2..].starts_with('}');
            if !is_brace {
                return (words, at + end.len());
            }
        }
        let length = match next {
            '"' | '\'' => quoted(&text[at..], next),
            _ if is_part(next) => text[at..].find(|it| !is_part(it)).unwrap_or(text.len() - at),
            _ => next.len_utf8(),
        };
        let piece = &text[at..at + length];
        match next {
            '"' | '\'' => words.push((Word::Text(piece[1..].strip_suffix(next).unwrap_or(&piece[1..])), at)),
            _ if is_part(next) && !next.is_ascii_digit() => words.push((Word::Name(piece), at)),
            _ if next.is_whitespace() || is_part(next) => {}
            _ => words.push((Word::Sign(next), at)),
        }
        open = match next {
            '{' => open + 1,
            '}' => open.saturating_sub(1),
            _ => open,
        };
        at += length;
    }
    (words, text.len())
}

fn is_part(it: char) -> bool {
    it == '_' || it.is_alphanumeric()
}

/// The length of a text in quotes, both included.
fn quoted(text: &str, quote: char) -> usize {
    let mut is_escaped = false;
    for (at, it) in text.char_indices().skip(1) {
        if it == quote && !is_escaped {
            return at + 1;
        }
        is_escaped = it == '\\' && !is_escaped;
    }
    text.len()
}
