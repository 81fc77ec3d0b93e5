//! Just enough of Rust's lexical rules to tell code, comments and literals apart.

/// What a piece of source text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// An identifier, `::`, or one character.
    Code,
    /// A comment, documentation included.
    Comment,
    /// A string or character literal, its quotes included.
    Literal,
}

/// The whole text, piece by piece.
pub(super) fn pieces(text: &str) -> Vec<(Kind, &str)> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (kind, length) = first_piece(rest);
        pieces.push((kind, &rest[..length]));
        rest = &rest[length..];
    }
    pieces
}

fn first_piece(text: &str) -> (Kind, usize) {
    if text.starts_with("//") {
        return (Kind::Comment, text.find('\n').unwrap_or(text.len()));
    }
    if text.starts_with("/*") {
        return (Kind::Comment, block_comment(text));
    }
    let word = text.find(|it: char| !it.is_alphanumeric() && it != '_').unwrap_or(text.len());
    let after = &text[word..];
    let literal = match &text[..word] {
        "r" | "br" | "cr" => raw_string(after),
        "" | "b" | "c" => string(after).or_else(|| character(after)),
        _ => None,
    };
    match literal {
        Some(length) => (Kind::Literal, word + length),
        None if word > 0 => (Kind::Code, word),
        None if text.starts_with("::") => (Kind::Code, 2),
        None => (Kind::Code, text.chars().next().map_or(1, char::len_utf8)),
    }
}

fn block_comment(text: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while let Some(first) = text[at..].chars().next() {
        if text[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if text[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += first.len_utf8();
        }
    }
    text.len()
}

/// The length of the rest of a raw string, from its first `#` or quote on.
fn raw_string(text: &str) -> Option<usize> {
    let body = text.trim_start_matches('#');
    let marks = text.len() - body.len();
    let inside = body.strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(marks));
    Some(marks + 1 + inside.find(&end).map_or(inside.len(), |it| it + end.len()))
}

fn string(text: &str) -> Option<usize> {
    let inside = text.strip_prefix('"')?;
    let mut escaped = false;
    let end = inside.find(|it| {
        let closes = it == '"' && !escaped;
        escaped = it == '\\' && !escaped;
        closes
    });
    Some(1 + end.map_or(inside.len(), |it| it + 1))
}

/// The length of a character literal; a lifetime is none.
fn character(text: &str) -> Option<usize> {
    let inside = text.strip_prefix('\'')?;
    let first = inside.chars().next()?;
    if first == '\\' {
        // The escaped character may itself be a quote.
        return inside.get(2..)?.find('\'').map(|it| 1 + 2 + it + 1);
    }
    inside[first.len_utf8()..].starts_with('\'').then(|| 1 + first.len_utf8() + 1)
}

#[test]
fn code_comments_and_literals_are_told_apart() {
    let text = r##"let a = "x // no"; // yes
    /* /* nested */ yes */ b'\'' 'x' &'a r#"raw " no"# br"\" crate::x"##;
    let of = |wanted: Kind| -> Vec<&str> {
        pieces(text).into_iter().filter(|(kind, _)| *kind == wanted).map(|(_, piece)| piece).collect()
    };
    assert_eq!(of(Kind::Comment), ["// yes", "/* /* nested */ yes */"]);
    assert_eq!(of(Kind::Literal), ["\"x // no\"", r"b'\''", "'x'", "r#\"raw \" no\"#", r#"br"\""#]);
    let code: String = of(Kind::Code).concat();
    assert_eq!(code.split_whitespace().collect::<Vec<_>>(), ["let", "a", "=", ";", "&'a", "crate::x"]);
    assert_eq!(pieces(text).into_iter().map(|(_, piece)| piece).collect::<String>(), text);
}
