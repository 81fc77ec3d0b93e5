//! Texts, numbers and flags, whatever a line has in their place.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, de};

/// A text; empty if there is none.
#[derive(Default)]
pub(in crate::ansible::decode) struct Text<'a>(pub(super) Cow<'a, str>);

/// A number without sign; 0 if there is none.
#[derive(Default, Clone, Copy)]
pub(in crate::ansible::decode) struct Number(pub(in crate::ansible::decode) u64);

/// A number with a sign, if there is one.
#[derive(Default, Clone, Copy)]
pub(in crate::ansible::decode) struct Signed(pub(in crate::ansible::decode) Option<i64>);

/// Yes or no.
#[derive(Default, Clone, Copy)]
pub(in crate::ansible::decode) struct Flag(pub(in crate::ansible::decode) bool);

impl Text<'_> {
    pub(in crate::ansible::decode) fn as_str(&self) -> &str {
        &self.0
    }

    pub(in crate::ansible::decode) fn owned(&self) -> String {
        super::super::capped(&self.0)
    }

    pub(in crate::ansible::decode) fn some(self) -> Option<String> {
        self.some_ref()
    }

    pub(in crate::ansible::decode) fn some_ref(&self) -> Option<String> {
        (!self.0.is_empty()).then(|| self.owned())
    }
}

impl Number {
    pub(in crate::ansible::decode) fn small(self) -> u32 {
        u32::try_from(self.0).unwrap_or(u32::MAX)
    }
}

/// What one value turned out to be.
pub(super) enum Value<'a> {
    Nothing,
    Flag(bool),
    Number(u64),
    Negative(i64),
    Text(Cow<'a, str>),
}

pub(super) struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }
    fn visit_unit<E>(self) -> Result<Value<'de>, E> {
        Ok(Value::Nothing)
    }
    fn visit_bool<E>(self, flag: bool) -> Result<Value<'de>, E> {
        Ok(Value::Flag(flag))
    }
    fn visit_u64<E>(self, number: u64) -> Result<Value<'de>, E> {
        Ok(Value::Number(number))
    }
    fn visit_i64<E>(self, number: i64) -> Result<Value<'de>, E> {
        Ok(u64::try_from(number).map_or(Value::Negative(number), Value::Number))
    }
    fn visit_f64<E>(self, number: f64) -> Result<Value<'de>, E> {
        Ok(Value::Number(saturated(number)))
    }
    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Value<'de>, E> {
        Ok(Value::Text(Cow::Borrowed(text)))
    }
    fn visit_str<E: de::Error>(self, text: &str) -> Result<Value<'de>, E> {
        Ok(Value::Text(Cow::Owned(text.to_owned())))
    }
    fn visit_string<E>(self, text: String) -> Result<Value<'de>, E> {
        Ok(Value::Text(Cow::Owned(text)))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value<'de>, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Value::Nothing)
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value<'de>, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Value::Nothing)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Ok(Self(match from.deserialize_any(AnyValue)? {
            Value::Text(text) => text,
            Value::Number(number) => Cow::Owned(number.to_string()),
            Value::Negative(number) => Cow::Owned(number.to_string()),
            Value::Flag(_) | Value::Nothing => Cow::Borrowed(""),
        }))
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Ok(Self(match from.deserialize_any(AnyValue)? {
            Value::Number(number) => number,
            Value::Text(text) => digits(&text).unwrap_or(0),
            Value::Flag(flag) => u64::from(flag),
            Value::Negative(_) | Value::Nothing => 0,
        }))
    }
}

impl<'de> Deserialize<'de> for Signed {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Ok(Self(match from.deserialize_any(AnyValue)? {
            Value::Number(number) => Some(i64::try_from(number).unwrap_or(i64::MAX)),
            Value::Negative(number) => Some(number),
            Value::Flag(_) | Value::Text(_) | Value::Nothing => None,
        }))
    }
}

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Ok(Self(match from.deserialize_any(AnyValue)? {
            Value::Flag(flag) => flag,
            Value::Number(number) => number != 0,
            Value::Negative(_) => true,
            Value::Text(_) | Value::Nothing => false,
        }))
    }
}

/// The number that a text is. The callback writes numbers that are too large for JSON readers as text.
pub(super) fn digits(text: &str) -> Option<u64> {
    (!text.is_empty() && text.bytes().all(|it| it.is_ascii_digit())).then(|| text.parse().unwrap_or(u64::MAX))
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the cast saturates, as wanted")]
pub(super) fn saturated(number: f64) -> u64 {
    number as u64
}
