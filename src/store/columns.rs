//! Points in time and words, as the database has them.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::StoreError;
use crate::domain::Timestamp;

/// Nanoseconds since 1970, ending at the year 2262. Exact, so that a journal replays to the same decisions.
pub(super) fn nanos(at: Timestamp) -> i64 {
    let exact = at.as_nanosecond();
    i64::try_from(exact).unwrap_or(if exact < 0 { i64::MIN } else { i64::MAX })
}

/// The point in time of a column.
pub(super) fn timestamp(nanos: i64) -> Timestamp {
    Timestamp::from_nanosecond(i128::from(nanos)).unwrap_or(Timestamp::MAX)
}

/// A value as JSON. Values of the domain always have that form.
pub(super) fn json<T: Serialize + ?Sized>(value: &T) -> String {
    serde_json::to_string(value).expect("a value of the domain has string keys and a JSON form")
}

/// A value that is one word in JSON: a mode, a trigger, an outcome, a name.
pub(super) fn word<T: DeserializeOwned>(table: &'static str, word: String) -> Result<T, StoreError> {
    let key = word.clone();
    serde_json::from_value(serde_json::Value::String(word)).map_err(StoreError::row(table, &key))
}

/// A count as SQLite has it.
pub(super) fn count(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// A count from SQLite.
pub(super) fn uncount(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}
