//! Dictionaries in Python's notation, `{'a': 1, "b": None,}`, as `ast.literal_eval` reads them.
//!
//! Not read: sets, bytes, complex numbers, prefixed strings, calls and comments.

use std::iter::Peekable;
use std::str::Chars;

use crate::python;
use crate::value::{Map, Value};

/// Deeper ones are refused rather than running out of stack.
const DEEPEST: usize = 100;

/// The dictionary, if it is one.
pub(super) fn dictionary(text: &str) -> Option<Map> {
    let mut reader = Reader { rest: text.chars().peekable(), depth: 0 };
    let value = reader.value()?;
    reader.skip_space();
    match (value, reader.rest.next()) {
        (Value::Map(map), None) => Some(map),
        _ => None,
    }
}

/// Up to 2.18 a text that looks like a method call or an import was given back as it is.
pub(super) fn was_not_evaluated(text: &str) -> bool {
    let word = |it: char| it.is_alphanumeric() || it == '_';
    let call = text.char_indices().any(|(at, it)| {
        let before = text[..at].chars().next_back().is_some_and(word);
        let rest = &text[at + it.len_utf8()..];
        let name = rest.find(|it| !word(it)).unwrap_or(rest.len());
        it == '.' && before && name != 0 && rest[name..].starts_with('(')
    });
    call || text.match_indices("import ").any(|(at, it)| text[at + it.len()..].starts_with(word))
}

struct Reader<'a> {
    rest: Peekable<Chars<'a>>,
    depth: usize,
}

impl Reader<'_> {
    fn skip_space(&mut self) {
        while self.rest.next_if(|it| matches!(it, ' ' | '\t' | '\n' | '\r' | '\u{c}')).is_some() {}
    }

    fn skips(&mut self, character: char) -> bool {
        self.skip_space();
        self.rest.next_if_eq(&character).is_some()
    }

    fn value(&mut self) -> Option<Value> {
        self.depth += 1;
        if DEEPEST < self.depth {
            return None;
        }
        self.skip_space();
        let value = match self.rest.peek()? {
            '{' => self.map().map(Value::Map),
            '[' => self.items(']').map(|(items, _)| Value::List(items)),
            '(' => self.parentheses(),
            '\'' | '"' => self.strings().map(Value::String),
            _ => self.word(),
        };
        self.depth -= 1;
        value
    }

    fn map(&mut self) -> Option<Map> {
        self.rest.next();
        let mut map = Map::new();
        let mut keys: Vec<Value> = Vec::new();
        loop {
            if self.skips('}') {
                return Some(map);
            }
            let key = self.value()?;
            // In Python `1` and `True` are one key, and the first stays.
            let key = keys.iter().find(|it| python::equal(it, &key)).cloned().unwrap_or(key);
            if !self.skips(':') {
                return None;
            }
            let value = self.value()?;
            map.insert(key_text(&key)?, value);
            keys.push(key);
            if !self.skips(',') {
                return self.skips('}').then_some(map);
            }
        }
    }

    /// The items, and whether there was a comma.
    fn items(&mut self, end: char) -> Option<(Vec<Value>, bool)> {
        self.rest.next();
        let (mut items, mut comma) = (Vec::new(), false);
        loop {
            if self.skips(end) {
                return Some((items, comma));
            }
            items.push(self.value()?);
            if !self.skips(',') {
                return self.skips(end).then_some((items, comma));
            }
            comma = true;
        }
    }

    /// `(1)` is a number, `(1,)` and `()` are tuples, which become lists.
    fn parentheses(&mut self) -> Option<Value> {
        let (mut items, comma) = self.items(')')?;
        if items.len() == 1 && !comma { items.pop() } else { Some(Value::List(items)) }
    }

    /// Strings beside each other are one.
    fn strings(&mut self) -> Option<String> {
        let mut text = String::new();
        loop {
            text.push_str(&self.string()?);
            self.skip_space();
            if !matches!(self.rest.peek(), Some('\'' | '"')) {
                return Some(text);
            }
        }
    }

    fn string(&mut self) -> Option<String> {
        let quote = self.rest.next()?;
        let mut text = String::new();
        loop {
            match self.rest.next()? {
                it if it == quote => return Some(text),
                '\n' => return None,
                '\\' => self.escape(&mut text)?,
                it => text.push(it),
            }
        }
    }

    fn escape(&mut self, text: &mut String) -> Option<()> {
        match self.rest.next()? {
            '\n' => {}
            'n' => text.push('\n'),
            't' => text.push('\t'),
            'r' => text.push('\r'),
            'a' => text.push('\u{7}'),
            'b' => text.push('\u{8}'),
            'f' => text.push('\u{c}'),
            'v' => text.push('\u{b}'),
            '0' => text.push('\0'),
            'x' => text.push(self.code(2)?),
            'u' => text.push(self.code(4)?),
            'U' => text.push(self.code(8)?),
            it @ ('\\' | '\'' | '"') => text.push(it),
            it => text.extend(['\\', it]),
        }
        Some(())
    }

    fn code(&mut self, digits: usize) -> Option<char> {
        let text: Option<String> = (0..digits).map(|_| self.rest.next()).collect();
        char::from_u32(u32::from_str_radix(&text?, 16).ok()?)
    }

    fn word(&mut self) -> Option<Value> {
        let mut word = String::new();
        while let Some(it) = self.rest.next_if(|it| it.is_ascii_alphanumeric() || "+-._".contains(*it)) {
            word.push(it);
        }
        match word.as_str() {
            "None" => Some(Value::Null),
            "True" => Some(Value::Bool(true)),
            "False" => Some(Value::Bool(false)),
            number => read_number(number),
        }
    }
}

fn read_number(text: &str) -> Option<Value> {
    let unsigned = text.trim_start_matches(['+', '-']);
    if !unsigned.starts_with(|it: char| it.is_ascii_digit() || it == '.') {
        return None;
    }
    if unsigned.bytes().all(|it| it.is_ascii_digit()) {
        // `010` is no number in Python.
        let leading_zero = unsigned.starts_with('0') && unsigned.contains(|it| it != '0');
        return if leading_zero { None } else { text.parse().ok().map(Value::Int) };
    }
    text.parse().ok().map(Value::Float)
}

/// As JSON would write it: keys there are texts.
fn key_text(key: &Value) -> Option<String> {
    match key {
        Value::String(text) => Some(text.clone()),
        Value::Null => Some("null".to_owned()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Int(_) | Value::Float(_) => Some(python::text(key)),
        Value::List(_) | Value::Map(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<String> {
        dictionary(text).map(|map| python::json(&Value::Map(map)))
    }

    #[test]
    fn notation_of_python_becomes_data() {
        for (text, json) in [
            ("{}", "{}"),
            ("{'a': ('x',), 'b': (1), 'c': ()}", r#"{"a": ["x"], "b": 1, "c": []}"#),
            ("{1: 'one', True: 2, None: 3, 2.5: 4}", r#"{"1": 2, "null": 3, "2.5": 4}"#),
            (r"{'\x41\u00fc\n\'': 'a' 'b'}", r#"{"A\u00fc\n'": "ab"}"#),
            ("{'a': -1, 'b': +2.5e3, 'c': [[]],}", r#"{"a": -1, "b": 2500.0, "c": [[]]}"#),
        ] {
            assert_eq!(read(text).as_deref(), Some(json), "{text}");
        }
        for text in
            ["{1, 2}", "{'a': b'x'}", "{'a': f()}", "{'a': 1} x", "{'a' 1}", "{'a': 010}", "{'a': 'x}", "{"]
        {
            assert_eq!(read(text), None, "{text}");
        }
        let deep = format!("{{'a': {}{}}}", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(read(&deep), None, "the stack has an end");
    }
}
