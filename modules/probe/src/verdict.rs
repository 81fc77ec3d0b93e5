//! Verdicts: what is wanted, what was found, and whether that is the same.

use serde::Serialize;
use serde_json::{Map, Value};

/// How an item stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// All that is wanted was found.
    AsWanted,
    /// Something is not as wanted.
    Differs,
    /// It could not be told, and nothing that could differs.
    Unknown,
}

/// The verdict on one item.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Verdict {
    /// The place of the item in the manifest, from 0.
    pub index: usize,
    /// What the manifest calls it, or what it is about.
    pub name: String,
    /// `file`, `service` and so on.
    pub kind: &'static str,
    /// How it stands.
    pub state: State,
    /// What is wanted, by property.
    pub wanted: Map<String, Value>,
    /// What was found, for the same properties as far as they could be told.
    pub found: Map<String, Value>,
    /// The properties that are not as wanted.
    pub differs: Vec<&'static str>,
    /// Why, in words, unless all is as wanted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What comparing an item gave, property by property.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Comparison {
    pub(crate) wanted: Map<String, Value>,
    pub(crate) found: Map<String, Value>,
    pub(crate) differs: Vec<&'static str>,
    reasons: Vec<String>,
    doubts: Vec<String>,
}

impl Comparison {
    /// Compares a property by equality.
    pub(crate) fn property(&mut self, name: &'static str, wanted: impl Into<Value>, found: impl Into<Value>) {
        let (wanted, found) = (wanted.into(), found.into());
        let is_same = wanted == found;
        self.judged(name, wanted, found, is_same);
    }

    /// Notes a property that was compared in a way of its own.
    pub(crate) fn judged(&mut self, name: &'static str, wanted: Value, found: Value, is_same: bool) {
        if !is_same {
            let reason = match &found {
                Value::Null => format!("{name} is not known, wanted {}", shown(&wanted)),
                found => format!("{name} is {}, wanted {}", shown(found), shown(&wanted)),
            };
            self.differs.push(name);
            self.reasons.push(reason);
        }
        self.wanted.insert(name.to_owned(), wanted);
        self.found.insert(name.to_owned(), found);
    }

    /// Notes a property that is not as wanted, with words that say more than both values.
    pub(crate) fn different(&mut self, name: &'static str, wanted: Value, found: Value, reason: String) {
        self.differs.push(name);
        self.reasons.push(reason);
        self.wanted.insert(name.to_owned(), wanted);
        self.found.insert(name.to_owned(), found);
    }

    /// Notes a property that cannot be told.
    pub(crate) fn unknown(&mut self, name: &'static str, wanted: Value, reason: String) {
        if !self.doubts.contains(&reason) {
            self.doubts.push(reason);
        }
        self.wanted.insert(name.to_owned(), wanted);
    }

    /// The verdict that follows.
    pub(crate) fn into_verdict(self, index: usize, name: String, kind: &'static str) -> Verdict {
        let state = if !self.differs.is_empty() {
            State::Differs
        } else if self.doubts.is_empty() {
            State::AsWanted
        } else {
            State::Unknown
        };
        let reasons: Vec<String> = self.reasons.into_iter().chain(self.doubts).collect();
        Verdict {
            index,
            name,
            kind,
            state,
            wanted: self.wanted,
            found: self.found,
            differs: self.differs,
            reason: (state != State::AsWanted).then(|| reasons.join("; ")),
        }
    }
}

/// A value as people read it.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// How many items stand how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// All items.
    pub total: usize,
    /// Items that are as wanted.
    pub as_wanted: usize,
    /// Items that differ.
    pub differs: usize,
    /// Items that could not be told.
    pub unknown: usize,
}

impl Summary {
    /// Counts verdicts.
    pub fn of(verdicts: &[Verdict]) -> Self {
        let count = |state| verdicts.iter().filter(|it| it.state == state).count();
        Self {
            total: verdicts.len(),
            as_wanted: count(State::AsWanted),
            differs: count(State::Differs),
            unknown: count(State::Unknown),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_difference_outweighs_a_doubt_and_both_are_told() {
        let mut comparison = Comparison::default();
        comparison.property("mode", "0644", "0600");
        comparison.property("owner", "root", "root");
        comparison.unknown("sha256", json!("ab"), "the file cannot be read".into());
        let verdict = comparison.into_verdict(3, "x".into(), "file");
        assert_eq!(verdict.state, State::Differs);
        assert_eq!(verdict.differs, ["mode"]);
        assert_eq!(verdict.reason.unwrap(), "mode is 0600, wanted 0644; the file cannot be read");
        assert!(!verdict.found.contains_key("sha256"));
    }

    #[test]
    fn what_is_as_wanted_needs_no_words() {
        let mut comparison = Comparison::default();
        comparison.property("size", 3, 3);
        let verdict = comparison.into_verdict(0, "x".into(), "file");
        assert_eq!((verdict.state, verdict.reason.clone()), (State::AsWanted, None));
        assert_eq!(Summary::of(&[verdict]), Summary { total: 1, as_wanted: 1, differs: 0, unknown: 0 });
    }
}
