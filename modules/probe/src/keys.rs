//! Reading an item of the manifest, key by key, with errors that say where and what.

use serde_json::{Map, Value};

/// An error in the manifest, with the place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake(String);

impl Mistake {
    pub(crate) fn new(place: &str, what: impl std::fmt::Display) -> Self {
        Self(format!("{place}: {what}"))
    }
}

impl std::fmt::Display for Mistake {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// The keys of one dictionary. Those that nobody asked for are mistakes.
#[derive(Debug)]
pub(crate) struct Keys {
    place: String,
    left: Map<String, Value>,
    asked: Vec<&'static str>,
}

impl Keys {
    pub(crate) fn new(place: String, keys: Map<String, Value>) -> Self {
        Self { place, left: keys, asked: Vec::new() }
    }

    /// From the value of a kind: a dictionary, or a text that stands for one key.
    pub(crate) fn of_kind(place: String, value: Value, short: &'static str) -> Result<Self, Mistake> {
        match value {
            Value::Object(keys) => Ok(Self::new(place, keys)),
            Value::String(_) | Value::Number(_) => {
                Ok(Self::new(place, Map::from_iter([(short.to_owned(), value)])))
            }
            other => Err(Mistake::new(
                &place,
                format!("must be a dictionary or the {short}, not {}", what(&other)),
            )),
        }
    }

    pub(crate) fn mistake(&self, key: &str, what: impl std::fmt::Display) -> Mistake {
        Mistake::new(&format!("{}.{key}", self.place), what)
    }

    /// The value of a key. `null` is as if it were not there, so that `default(omit)` is not needed.
    pub(crate) fn value(&mut self, key: &'static str) -> Option<Value> {
        self.asked.push(key);
        self.left.remove(key).filter(|value| !value.is_null())
    }

    pub(crate) fn text(&mut self, key: &'static str) -> Result<Option<String>, Mistake> {
        self.value(key).map(|value| self.as_text(key, value)).transpose()
    }

    pub(crate) fn required(&mut self, key: &'static str) -> Result<String, Mistake> {
        let text = self.text(key)?.ok_or_else(|| self.mistake(key, "is required"))?;
        if text.is_empty() { Err(self.mistake(key, "must not be empty")) } else { Ok(text) }
    }

    /// An absolute path.
    pub(crate) fn path(&mut self, key: &'static str) -> Result<String, Mistake> {
        let path = self.required(key)?;
        if !path.starts_with('/') || path.contains('\0') {
            return Err(self.mistake(key, format!("must be an absolute path, not \"{path}\"")));
        }
        Ok(path)
    }

    fn as_text(&self, key: &str, value: Value) -> Result<String, Mistake> {
        match value {
            Value::String(text) => Ok(text),
            Value::Number(number) => Ok(number.to_string()),
            other => Err(self.mistake(key, format!("must be a text, not {}", what(&other)))),
        }
    }

    /// A list of texts; a text alone is one with commas between, as elsewhere in Ansible.
    pub(crate) fn texts(&mut self, key: &'static str) -> Result<Option<Vec<String>>, Mistake> {
        let Some(value) = self.value(key) else { return Ok(None) };
        let texts = match value {
            Value::Array(values) => {
                values.into_iter().map(|value| self.as_text(key, value)).collect::<Result<Vec<_>, _>>()?
            }
            Value::String(text) => text.split(',').map(|part| part.trim().to_owned()).collect(),
            other => vec![self.as_text(key, other)?],
        };
        Ok(Some(texts))
    }

    pub(crate) fn number(&mut self, key: &'static str, largest: u64) -> Result<Option<u64>, Mistake> {
        let Some(value) = self.value(key) else { return Ok(None) };
        let number = match &value {
            Value::Number(number) => number.as_u64(),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        let number = number.filter(|it| *it <= largest);
        let expected = format!("must be a whole number from 0 to {largest}, not {}", shown(&value));
        number.map(Some).ok_or_else(|| self.mistake(key, expected))
    }

    /// A truth in any of the words that Ansible takes.
    pub(crate) fn truth(&mut self, key: &'static str) -> Result<Option<bool>, Mistake> {
        let Some(value) = self.value(key) else { return Ok(None) };
        let word = match &value {
            Value::Bool(truth) => return Ok(Some(*truth)),
            Value::String(text) => text.to_lowercase(),
            other => other.to_string(),
        };
        match word.as_str() {
            "yes" | "on" | "1" | "true" | "y" | "t" => Ok(Some(true)),
            "no" | "off" | "0" | "false" | "n" | "f" => Ok(Some(false)),
            _ => Err(self.mistake(key, format!("must be true or false, not {}", shown(&value)))),
        }
    }

    /// One of some words; the first one if the key is not there.
    pub(crate) fn choice(
        &mut self,
        key: &'static str,
        words: &[&'static str],
    ) -> Result<&'static str, Mistake> {
        let Some(text) = self.text(key)? else { return Ok(words.first().copied().unwrap_or_default()) };
        let found = words.iter().find(|word| **word == text).copied();
        found.ok_or_else(|| self.mistake(key, format!("must be one of {}, not \"{text}\"", words.join(", "))))
    }

    /// Refuses what was not asked for.
    pub(crate) fn finish(self) -> Result<(), Mistake> {
        match self.left.keys().next() {
            None => Ok(()),
            Some(key) => {
                let known = self.asked.join(", ");
                Err(self.mistake(key, format!("there is no such key; known are {known}")))
            }
        }
    }
}

/// What kind of value this is, for errors. Its content is not shown: it may be long, or secret.
pub(crate) fn what(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a dictionary",
    }
}

/// A short value itself, or what kind it is.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) if text.len() < 40 => format!("\"{text}\""),
        Value::Number(_) | Value::Bool(_) => value.to_string(),
        other => what(other).to_owned(),
    }
}
