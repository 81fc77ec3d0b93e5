//! What is a list in some events: hosts, plays, terms. And objects that may be something else.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, de};

use super::value::{AnyValue, Number, Text, Value, digits};
use super::{Address, Counts};

/// A list of texts.
#[derive(Default)]
pub(in crate::ansible::decode) struct Terms<'a>(pub(in crate::ansible::decode) Vec<Text<'a>>);

/// A number in some events and a list in others.
#[derive(Default)]
pub(in crate::ansible::decode) enum NumberOr<T> {
    #[default]
    Absent,
    Number(u64),
    List(Vec<T>),
}

/// One host: with its counts in a recap, with its address in a question.
pub(in crate::ansible::decode) enum Host<'a> {
    Counted(Text<'a>, Counts),
    Reached(Box<Address<'a>>),
}

/// An object, or nothing if it is something else.
pub(in crate::ansible::decode) struct Object<T>(pub(in crate::ansible::decode) Option<Box<T>>);

/// `handler` says whether a task is one in some events and names one in another.
#[derive(Default)]
pub(in crate::ansible::decode) enum Handler<'a> {
    #[default]
    Absent,
    Is(bool),
    Named(Text<'a>),
}

impl<T> NumberOr<T> {
    pub(in crate::ansible::decode) fn count(&self) -> u32 {
        match self {
            Self::Number(count) => Number(*count).small(),
            Self::Absent | Self::List(_) => 0,
        }
    }

    pub(in crate::ansible::decode) fn list(self) -> Option<Vec<T>> {
        match self {
            Self::List(list) => Some(list),
            Self::Absent | Self::Number(_) => None,
        }
    }
}

impl<T> Default for Object<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl Handler<'_> {
    pub(in crate::ansible::decode) fn text(self) -> Option<String> {
        match self {
            Self::Named(name) => Some(name.owned()),
            Self::Absent | Self::Is(_) => None,
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Handler<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Ok(match from.deserialize_any(AnyValue)? {
            Value::Flag(flag) => Self::Is(flag),
            Value::Text(text) => Self::Named(Text(text)),
            Value::Number(_) | Value::Negative(_) | Value::Nothing => Self::Absent,
        })
    }
}

struct AnyTerms;

impl<'de> Visitor<'de> for AnyTerms {
    type Value = Terms<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of texts")
    }
    fn visit_unit<E>(self) -> Result<Terms<'de>, E> {
        Ok(Terms(Vec::new()))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Terms<'de>, A::Error> {
        let mut terms = Vec::new();
        while let Some(term) = seq.next_element()? {
            terms.push(term);
        }
        Ok(Terms(terms))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Terms<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(AnyTerms)
    }
}

struct AnyList<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for AnyList<T> {
    type Value = NumberOr<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number or a list")
    }
    fn visit_unit<E>(self) -> Result<NumberOr<T>, E> {
        Ok(NumberOr::Absent)
    }
    fn visit_bool<E>(self, _: bool) -> Result<NumberOr<T>, E> {
        Ok(NumberOr::Absent)
    }
    fn visit_u64<E>(self, number: u64) -> Result<NumberOr<T>, E> {
        Ok(NumberOr::Number(number))
    }
    fn visit_i64<E>(self, number: i64) -> Result<NumberOr<T>, E> {
        Ok(NumberOr::Number(u64::try_from(number).unwrap_or(0)))
    }
    fn visit_f64<E>(self, number: f64) -> Result<NumberOr<T>, E> {
        Ok(NumberOr::Number(super::value::saturated(number)))
    }
    fn visit_str<E>(self, text: &str) -> Result<NumberOr<T>, E> {
        Ok(digits(text).map_or(NumberOr::Absent, NumberOr::Number))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<NumberOr<T>, A::Error> {
        let mut list = Vec::new();
        while let Some(element) = seq.next_element()? {
            list.push(element);
        }
        Ok(NumberOr::List(list))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<NumberOr<T>, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(NumberOr::Absent)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for NumberOr<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(AnyList(PhantomData))
    }
}

struct AnyHost;

impl<'de> Visitor<'de> for AnyHost {
    type Value = Host<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a host with its counts or its address")
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Host<'de>, A::Error> {
        let lacks = |which| <A::Error as de::Error>::invalid_length(which, &"a name and counts");
        let name = seq.next_element()?.ok_or_else(|| lacks(0))?;
        let counts = seq.next_element()?.ok_or_else(|| lacks(1))?;
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Host::Counted(name, counts))
    }
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Host<'de>, A::Error> {
        Ok(Host::Reached(Box::deserialize(MapAccessDeserializer::new(map))?))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Host<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(AnyHost)
    }
}

struct AnyObject<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for AnyObject<T> {
    type Value = Object<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }
    fn visit_unit<E>(self) -> Result<Object<T>, E> {
        Ok(Object(None))
    }
    fn visit_bool<E>(self, _: bool) -> Result<Object<T>, E> {
        Ok(Object(None))
    }
    fn visit_u64<E>(self, _: u64) -> Result<Object<T>, E> {
        Ok(Object(None))
    }
    fn visit_i64<E>(self, _: i64) -> Result<Object<T>, E> {
        Ok(Object(None))
    }
    fn visit_f64<E>(self, _: f64) -> Result<Object<T>, E> {
        Ok(Object(None))
    }
    fn visit_str<E>(self, _: &str) -> Result<Object<T>, E> {
        Ok(Object(None))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Object<T>, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Object(None))
    }
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Object<T>, A::Error> {
        Ok(Object(Some(Box::deserialize(MapAccessDeserializer::new(map))?)))
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(AnyObject(PhantomData))
    }
}
