//! The shape of a line, read with patience: a value of another type than expected counts as absent or is turned into
//! what is expected, numbers that are too large saturate, fields that nobody knows are skipped.
//!
//! One flat structure for all events, and texts borrowed from the line where it has no escapes: this is what makes
//! half a million lines a second possible.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, de};

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Wire<'a> {
    pub(super) at: Option<Number>,
    #[serde(borrow)]
    pub(super) event: Text<'a>,
    #[serde(borrow)]
    pub(super) guardian: Option<Guardian<'a>>,
    #[serde(borrow)]
    pub(super) ansible: Text<'a>,
    #[serde(borrow)]
    pub(super) python: Text<'a>,
    pub(super) plays: Number,
    #[serde(borrow)]
    pub(super) name: Text<'a>,
    #[serde(borrow)]
    pub(super) hosts: Hosts<'a>,
    #[serde(borrow)]
    pub(super) unknown: Terms<'a>,
    pub(super) dynamic: Flag,
    #[serde(borrow)]
    pub(super) variable: Text<'a>,
    pub(super) task: Option<Number>,
    #[serde(borrow)]
    pub(super) path: Text<'a>,
    pub(super) line: Number,
    #[serde(borrow)]
    pub(super) role: Text<'a>,
    #[serde(borrow)]
    pub(super) action: Text<'a>,
    pub(super) occurrence: Number,
    #[serde(borrow)]
    pub(super) handler: Handler<'a>,
    #[serde(borrow)]
    pub(super) host: Text<'a>,
    pub(super) attempt: Number,
    pub(super) retries: Number,
    #[serde(borrow)]
    pub(super) item: Option<Item<'a>>,
    #[serde(borrow)]
    pub(super) status: Text<'a>,
    pub(super) changed: Flag,
    pub(super) duration_ms: Number,
    #[serde(borrow)]
    pub(super) module: Text<'a>,
    pub(super) for_real: Flag,
    pub(super) blind: Flag,
    pub(super) no_log: Flag,
    #[serde(borrow)]
    pub(super) delegated_to: Text<'a>,
    #[serde(borrow)]
    pub(super) class: Text<'a>,
    #[serde(borrow)]
    pub(super) place: Text<'a>,
    #[serde(borrow)]
    pub(super) message: Text<'a>,
    #[serde(borrow)]
    pub(super) source: Text<'a>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Guardian<'a> {
    pub(super) exit: Option<Number>,
    pub(super) signal: Option<Number>,
    pub(super) killed: Number,
    #[serde(borrow)]
    pub(super) ended_by: Text<'a>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Item<'a> {
    pub(super) index: Number,
    #[serde(borrow)]
    pub(super) digest: Text<'a>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Counts {
    pub(super) ok: Number,
    pub(super) changed: Number,
    pub(super) unreachable: Number,
    pub(super) failed: Number,
    pub(super) skipped: Number,
    pub(super) rescued: Number,
    pub(super) ignored: Number,
    pub(super) unfinished: Flag,
}

/// A text; empty if there is none.
#[derive(Default)]
pub(super) struct Text<'a>(Cow<'a, str>);

/// A number without sign; 0 if there is none.
#[derive(Default, Clone, Copy)]
pub(super) struct Number(pub(super) u64);

/// Yes or no.
#[derive(Default, Clone, Copy)]
pub(super) struct Flag(pub(super) bool);

/// A list of texts.
#[derive(Default)]
pub(super) struct Terms<'a>(pub(super) Vec<Text<'a>>);

/// `hosts` is a number in some events and the recap in another.
#[derive(Default)]
pub(super) enum Hosts<'a> {
    #[default]
    Absent,
    Count(u64),
    Recap(Vec<(Text<'a>, Counts)>),
}

/// `handler` says whether a task is one in some events and names one in another.
#[derive(Default)]
pub(super) enum Handler<'a> {
    #[default]
    Absent,
    Is(bool),
    Named(Text<'a>),
}

impl Text<'_> {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn owned(&self) -> String {
        super::capped(&self.0)
    }

    pub(super) fn some(self) -> Option<String> {
        self.some_ref()
    }

    pub(super) fn some_ref(&self) -> Option<String> {
        (!self.0.is_empty()).then(|| self.owned())
    }
}

impl Number {
    pub(super) fn small(self) -> u32 {
        u32::try_from(self.0).unwrap_or(u32::MAX)
    }

    pub(super) fn signed(self) -> i32 {
        i32::try_from(self.0).unwrap_or(i32::MAX)
    }
}

impl Hosts<'_> {
    pub(super) fn count(&self) -> u32 {
        match self {
            Self::Count(count) => Number(*count).small(),
            Self::Absent | Self::Recap(_) => 0,
        }
    }
}

impl Handler<'_> {
    pub(super) fn text(self) -> Option<String> {
        match self {
            Self::Named(name) => Some(name.owned()),
            Self::Absent | Self::Is(_) => None,
        }
    }
}

/// What one value turned out to be.
enum Value<'a> {
    Nothing,
    Flag(bool),
    Number(u64),
    Text(Cow<'a, str>),
}

struct AnyValue;

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
        Ok(Value::Number(u64::try_from(number).unwrap_or(0)))
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the cast saturates, as wanted"
    )]
    fn visit_f64<E>(self, number: f64) -> Result<Value<'de>, E> {
        Ok(Value::Number(number as u64))
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
            Value::Flag(_) | Value::Nothing => Cow::Borrowed(""),
        }))
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Ok(Self(match from.deserialize_any(AnyValue)? {
            Value::Number(number) => number,
            // The callback writes numbers that are too large for JSON readers as text.
            Value::Text(text) if !text.is_empty() && text.bytes().all(|it| it.is_ascii_digit()) => {
                text.parse().unwrap_or(u64::MAX)
            }
            Value::Flag(flag) => u64::from(flag),
            Value::Text(_) | Value::Nothing => 0,
        }))
    }
}

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Ok(Self(match from.deserialize_any(AnyValue)? {
            Value::Flag(flag) => flag,
            Value::Number(number) => number != 0,
            Value::Text(_) | Value::Nothing => false,
        }))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Handler<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Ok(match from.deserialize_any(AnyValue)? {
            Value::Flag(flag) => Self::Is(flag),
            Value::Text(text) => Self::Named(Text(text)),
            Value::Number(_) | Value::Nothing => Self::Absent,
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

struct AnyHosts;

impl<'de> Visitor<'de> for AnyHosts {
    type Value = Hosts<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number or a list of hosts")
    }
    fn visit_unit<E>(self) -> Result<Hosts<'de>, E> {
        Ok(Hosts::Absent)
    }
    fn visit_u64<E>(self, number: u64) -> Result<Hosts<'de>, E> {
        Ok(Hosts::Count(number))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Hosts<'de>, A::Error> {
        let mut hosts = Vec::new();
        while let Some(host) = seq.next_element()? {
            hosts.push(host);
        }
        Ok(Hosts::Recap(hosts))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Hosts<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(AnyHosts)
    }
}
