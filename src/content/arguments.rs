//! The arguments of modules, however they are written.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::yaml::Node;

/// The arguments of a module.
pub(super) struct Arguments<'n> {
    pub(super) named: BTreeMap<&'n str, &'n Rc<Node>>,
    /// `key=value` in one text, and what stands there without a key.
    pub(super) inline: BTreeMap<String, String>,
    pub(super) free: String,
    pub(super) line: usize,
}

impl<'n> Arguments<'n> {
    /// Those behind a module's name, and those in `args`.
    pub(super) fn of(value: &'n Rc<Node>, more: Option<&'n Rc<Node>>) -> Self {
        let mut it =
            Self { named: BTreeMap::new(), inline: BTreeMap::new(), free: String::new(), line: value.line };
        it.named.extend(more.into_iter().flat_map(|it| it.named()));
        it.named.extend(value.named());
        if let Some(text) = value.text() {
            it.take_inline(text);
        }
        it
    }

    pub(super) fn take_inline(&mut self, text: &str) {
        self.inline.clear();
        self.free.clear();
        for word in words(text) {
            let is_key = |it: &str| it.chars().all(|it| it.is_alphanumeric() || it == '_');
            if let Some((key, value)) = word.split_once('=').filter(|it| is_key(it.0)) {
                self.inline.insert(key.to_owned(), unquoted(value).to_owned());
            } else {
                self.free.push_str(word);
                self.free.push(' ');
            }
        }
    }

    pub(super) fn get(&self, key: &str) -> Option<String> {
        let named = self.named.get(key).and_then(|it| it.text()).map(str::to_owned);
        named.or_else(|| self.inline.get(key).cloned()).filter(|it| !it.is_empty())
    }
}

pub(super) fn unquoted(text: &str) -> &str {
    let text = text.trim();
    let inner = |quote: char| text.strip_prefix(quote).and_then(|it| it.strip_suffix(quote));
    inner('"').or_else(|| inner('\'')).unwrap_or(text)
}

/// The words of a line of arguments; white space in quotes and between braces does not part them.
pub(super) fn words(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut start = None;
    let mut quote = None;
    let mut depth = 0_usize;
    for (at, it) in text.char_indices() {
        let is_outside = quote.is_none() && depth == 0;
        if it.is_whitespace() && is_outside {
            found.extend(start.take().map(|from: usize| &text[from..at]));
            continue;
        }
        start = start.or(Some(at));
        match it {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            '"' | '\'' if quote == Some(it) => quote = None,
            '"' | '\'' if quote.is_none() => quote = Some(it),
            _ => {}
        }
    }
    found.extend(start.map(|from| &text[from..]));
    found
}
