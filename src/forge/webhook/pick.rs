//! Takes single values out of a JSON text of any shape, without keeping the rest of it. What is not where it should
//! be, or is something else, is simply not there.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// A longer text is no name of anything.
const LONGEST: usize = 512;

/// Items of a list beyond this are not looked at.
const ITEMS: usize = 16;

/// A value that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Scalar {
    Text(String),
    Number(u64),
}

/// The values that were found, by path: `push.changes.0.new.name`.
#[derive(Debug, Default)]
pub(super) struct Picked(BTreeMap<String, Scalar>);

impl Picked {
    /// Reads an object. `paths` are those that are wanted, with `#` for each item of a list.
    ///
    /// Of a key that is there twice the last one counts, as for most readers.
    pub(super) fn from_object(
        text: &[u8],
        paths: &'static [&'static str],
    ) -> Result<Self, serde_json::Error> {
        let mut picked = Self::default();
        let mut reader = serde_json::Deserializer::from_slice(text);
        let found = &mut picked.0;
        reader.deserialize_map(Level { paths, pattern: String::new(), path: String::new(), found })?;
        reader.end()?;
        Ok(picked)
    }

    /// A text without control characters.
    pub(super) fn text(&self, path: &str) -> Option<&str> {
        match self.0.get(path)? {
            Scalar::Text(text) if !text.is_empty() && !text.chars().any(char::is_control) => Some(text),
            _ => None,
        }
    }

    /// A whole number from 1.
    pub(super) fn number(&self, path: &str) -> Option<u64> {
        match self.0.get(path)? {
            Scalar::Number(number) => Some(*number).filter(|it| *it != 0),
            Scalar::Text(_) => None,
        }
    }

    /// The places in a list that may have something: `push.changes.0.`, `push.changes.1.`, …
    pub(super) fn items(list: &str) -> impl Iterator<Item = String> {
        (0..ITEMS).map(move |it| format!("{list}.{it}."))
    }
}

/// One value somewhere in the text.
struct Level<'a> {
    paths: &'static [&'static str],
    /// The path, with `#` for items.
    pattern: String,
    path: String,
    found: &'a mut BTreeMap<String, Scalar>,
}

impl Level<'_> {
    /// One level further in, if anything there is wanted.
    fn inner(&mut self, name: &str, pattern: &str) -> Option<Level<'_>> {
        let join =
            |at: &str, name: &str| if at.is_empty() { name.to_owned() } else { format!("{at}.{name}") };
        let pattern = join(&self.pattern, pattern);
        let wanted = self.paths.iter().any(|it| {
            it.strip_prefix(pattern.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        });
        let path = join(&self.path, name);
        wanted.then_some(Level { paths: self.paths, pattern, path, found: self.found })
    }

    fn keep(self, value: Scalar) {
        if self.paths.contains(&self.pattern.as_str()) {
            self.found.insert(self.path, value);
        }
    }

    fn forget(self) {
        self.found.remove(&self.path);
    }
}

impl<'de> DeserializeSeed<'de> for Level<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Level<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<String>()? {
            match self.inner(&name, &name) {
                Some(level) => map.next_value_seed(level)?,
                None => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<(), A::Error> {
        for at in 0.. {
            let level = if at < ITEMS { self.inner(&at.to_string(), "#") } else { None };
            let more = match level {
                Some(level) => list.next_element_seed(level)?.is_some(),
                None => list.next_element::<IgnoredAny>()?.is_some(),
            };
            if !more {
                return Ok(());
            }
        }
        Ok(())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        if text.len() <= LONGEST {
            self.keep(Scalar::Text(text.to_owned()));
        } else {
            self.forget();
        }
        Ok(())
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<(), E> {
        self.keep(Scalar::Number(number));
        Ok(())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        self.forget();
        Ok(())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        self.forget();
        Ok(())
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        self.forget();
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.forget();
        Ok(())
    }
}
