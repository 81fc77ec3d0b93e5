//! Requests and answers, pages and tags.

use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// A request to the API, with its path in parts.
#[derive(Debug, Clone)]
pub(super) struct Ask {
    pub(super) method: String,
    pub(super) path: Vec<String>,
    pub(super) query: Vec<(String, String)>,
    pub(super) body: Value,
}

impl Ask {
    pub(super) fn new(method: &str, target: &str, body: &[u8]) -> Self {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let pairs = query.split('&').filter(|it| !it.is_empty());
        Self {
            method: method.to_owned(),
            path: path.split('/').filter(|it| !it.is_empty()).map(decoded).collect(),
            query: pairs
                .map(|it| it.split_once('=').unwrap_or((it, "")))
                .map(|(key, value)| (decoded(key), decoded(&value.replace('+', " "))))
                .collect(),
            body: serde_json::from_slice(body).unwrap_or(Value::Null),
        }
    }

    pub(super) fn query(&self, key: &str) -> Option<&str> {
        self.query.iter().find(|(it, _)| it == key).map(|(_, value)| value.as_str())
    }

    pub(super) fn text(&self, key: &str) -> Option<String> {
        self.body.get(key).and_then(Value::as_str).map(str::to_owned)
    }
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digits = [rest.next().unwrap_or_default(), rest.next().unwrap_or_default()];
        let digits = std::str::from_utf8(&digits).unwrap_or_default();
        bytes.push(u8::from_str_radix(digits, 16).expect("two hexadecimal digits"));
    }
    String::from_utf8(bytes).expect("UTF-8")
}

/// What the forge answers.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Value,
    pub(super) headers: Vec<(&'static str, String)>,
}

impl Answer {
    pub(super) fn new(status: u16, body: Value) -> Self {
        Self { status, body, headers: Vec::new() }
    }

    pub(super) fn with(mut self, name: &'static str, value: &(impl ToString + ?Sized)) -> Self {
        self.headers.push((name, value.to_string()));
        self
    }

    pub(super) fn tag(&self) -> String {
        let hash = Sha256::digest(self.body.to_string());
        let hex = hash.iter().take(16).fold(String::new(), |text, it| format!("{text}{it:02x}"));
        format!("W/\"{hex}\"")
    }
}

/// The way in which a forge cuts lists into pages.
pub(super) struct Pages {
    /// The parameter with the number of entries.
    pub(super) size: &'static str,
    pub(super) usual: usize,
    pub(super) most: usize,
}

/// One page of a list, with a `Link` to the others. The number of all is the second.
pub(super) fn page(ask: &Ask, address: &str, pages: &Pages, all: Vec<Value>) -> (Answer, usize) {
    let number = |key: &str| ask.query(key).and_then(|it| it.parse::<usize>().ok());
    let size = number(pages.size).unwrap_or(pages.usual).clamp(1, pages.most);
    let page = number("page").unwrap_or(1).max(1);
    let total = all.len();
    let last = total.div_ceil(size).max(1);
    let some: Vec<Value> = all.into_iter().skip((page - 1) * size).take(size).collect();
    let link = |page: usize, rel: &str| {
        let others = ask.query.iter().filter(|(key, _)| key != "page");
        let query = others.fold(String::new(), |text, (key, value)| format!("{text}{key}={value}&"));
        format!("<{address}/{}?{query}page={page}>; rel=\"{rel}\"", ask.path.join("/"))
    };
    let mut links = Vec::new();
    if page < last {
        links.extend([link(page + 1, "next"), link(last, "last")]);
    }
    if 1 < page {
        links.extend([link(1, "first"), link(page - 1, "prev")]);
    }
    let answer = Answer::new(200, Value::Array(some));
    let answer = if links.is_empty() { answer } else { answer.with("link", &links.join(", ")) };
    (answer, total)
}
