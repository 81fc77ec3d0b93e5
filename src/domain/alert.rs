//! Alerts: what people are told of unasked, once when it begins and once when it is over.
//!
//! A [`Condition`] is read off the facts and lasts or not. [`AlertFacts`] say since when, and who was told of it: they are
//! kept, so that nobody is told twice. A [`Notice`] is one sentence of that for one receiver, a [`Notification`] the
//! message with which several may travel.

mod notification;
mod policy;
mod template;

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{MergeRequestNumber, NameError, ReceiverName, Scope, SourceName, Span, StackId, Timestamp};

pub use notification::{Notice, NoticeState, Notification, NotificationState, Queued};
pub use policy::{AlertPolicy, Hours, Route, StackPattern, Weekday};
pub use template::Template;

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$about:meta])* $variant:ident = $word:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum $name {
            $($(#[$about])* $variant),*
        }

        impl $name {
            /// Every one, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// Every one, as it is written.
            pub const WORDS: &'static [&'static str] = &[$($word),*];

            /// How it is written in configuration, records and labels.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word),*
                }
            }

            /// The one of that word.
            pub fn of(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|it| it.as_str() == word)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}
pub(crate) use words;

words!(
    /// What an alert is about.
    AlertKind {
        /// The last apply of the whole stack did not succeed.
        ApplyFailed = "apply_failed",
        /// Somebody changed hosts of the stack.
        Drift = "drift",
        /// Hosts of the stack are owed a revision for too long.
        HostsOwed = "hosts_owed",
        /// Something waits for a person.
        Held = "held",
        /// A repository cannot be fetched for too long.
        SourceUnreachable = "source_unreachable",
        /// The newest commit of a source cannot be used: its signature or what it declares is refused.
        SourceRefused = "source_refused",
        /// The preview of a merge request is there. Never resolved: it is news.
        PreviewReady = "preview_ready",
        /// The audit chain does not hold.
        ChainBroken = "chain_broken",
    }
);

words!(
    /// How much an alert matters.
    AlertSeverity {
        /// Good to know.
        Info = "info",
        /// Somebody should look today.
        Warning = "warning",
        /// Somebody should look now.
        Critical = "critical",
    }
);

/// What an alert is of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, schemars::JsonSchema)]
#[schemars(with = "String")]
pub enum AlertSubject {
    /// The daemon itself.
    Daemon,
    /// A source.
    Source(SourceName),
    /// A stack.
    Stack(StackId),
    /// A merge request.
    MergeRequest(SourceName, MergeRequestNumber),
}

impl AlertSubject {
    /// Whether somebody with this scope may know of it.
    pub fn is_in(&self, scope: &Scope) -> bool {
        match self {
            Self::Daemon => *scope == Scope::All,
            Self::Source(source) | Self::MergeRequest(source, _) => scope.has_source(source),
            Self::Stack(stack) => scope.has_stack(stack),
        }
    }
}

impl fmt::Display for AlertSubject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // No name of a source can be taken for it.
            Self::Daemon => f.write_str("-"),
            Self::Source(source) => source.fmt(f),
            Self::Stack(stack) => stack.fmt(f),
            Self::MergeRequest(source, number) => write!(f, "{source}!{number}", number = number.0),
        }
    }
}

impl FromStr for AlertSubject {
    type Err = NameError;
    fn from_str(given: &str) -> Result<Self, NameError> {
        if given == "-" {
            return Ok(Self::Daemon);
        }
        if let Some((source, number)) = given.split_once('!') {
            return Ok(Self::MergeRequest(source.parse()?, number.parse()?));
        }
        if given.contains('/') { given.parse().map(Self::Stack) } else { given.parse().map(Self::Source) }
    }
}

/// One alert: there is at most one of a kind and a subject at a time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, schemars::JsonSchema)]
#[schemars(with = "String")]
pub struct AlertKey {
    /// What about.
    pub kind: AlertKind,
    /// Of what.
    pub subject: AlertSubject,
}

impl fmt::Display for AlertKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.subject)
    }
}

impl FromStr for AlertKey {
    type Err = NameError;
    fn from_str(given: &str) -> Result<Self, NameError> {
        let unknown = || NameError {
            given: given.chars().take(80).collect::<String>().escape_debug().to_string(),
            rule: "an alert is a kind and a subject",
        };
        let (kind, subject) = given.split_once(' ').ok_or_else(unknown)?;
        Ok(Self { kind: AlertKind::of(kind).ok_or_else(unknown)?, subject: subject.parse()? })
    }
}

macro_rules! as_text {
    ($($name:ident)*) => {$(
        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}

as_text!(AlertSubject AlertKey);

/// Something that people want to know of, as the facts have it now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Condition {
    /// How much it matters.
    pub severity: AlertSeverity,
    /// What happens, in one line.
    pub summary: String,
    /// What else is to be said, one line each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub details: Vec<String>,
    /// Where more is to be seen, as a path of the page.
    pub link: String,
    /// Which one it is: another one of the same key is told again.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub instance: String,
    /// Since when, where the facts tell; else since it was first seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<crate::domain::schema::Time>")]
    pub since: Option<Timestamp>,
    /// How long it must last before anybody is told.
    #[serde(default, skip_serializing_if = "Span::is_zero")]
    #[schemars(with = "crate::domain::schema::Length")]
    pub after: Span,
    /// Whether its end is told, too. What does not last is news.
    #[serde(default = "yes", skip_serializing_if = "Clone::clone")]
    pub lasting: bool,
    /// How often the stack was healed until then, for drift.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub heals: u64,
}

fn yes() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// What is kept of one alert while it lasts: what was told of it, and to whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct AlertFacts {
    /// As it was last seen.
    #[serde(flatten)]
    pub condition: Condition,
    /// When this one began.
    #[schemars(with = "crate::domain::schema::Time")]
    pub began: Timestamp,
    /// When it had lasted long enough to be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<crate::domain::schema::Time>")]
    pub raised_at: Option<Timestamp>,
    /// Since when it is not there any more: it is over once that has lasted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<crate::domain::schema::Time>")]
    pub gone_since: Option<Timestamp>,
    /// Who was told that it is there, so who is to be told when it is over.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub told: BTreeSet<ReceiverName>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alert_goes_through_its_text_and_back() {
        for text in
            ["apply_failed infra/web", "source_unreachable infra", "preview_ready infra!12", "chain_broken -"]
        {
            let key: AlertKey = text.parse().unwrap();
            assert_eq!(key.to_string(), text);
            let json = serde_json::to_string(&key).unwrap();
            assert_eq!(serde_json::from_str::<AlertKey>(&json).unwrap(), key);
        }
        for bad in
            ["", "apply_failed", "apply_failed ", "x infra", "drift infra/web/x", "preview_ready infra!x"]
        {
            assert!(bad.parse::<AlertKey>().is_err(), "{bad}");
        }
    }

    #[test]
    fn who_may_see_a_stack_may_know_of_its_alerts_alone() {
        let scope = Scope::Only(["infra/web".parse().unwrap()].into());
        let is_in = |it: &str| it.parse::<AlertSubject>().unwrap().is_in(&scope);
        assert!(is_in("infra/web"));
        for other in ["infra/db", "infra", "infra!1", "-"] {
            assert!(!is_in(other), "{other}");
        }
        assert!(AlertSubject::Daemon.is_in(&Scope::All));
    }
}
