//! What changes, told as it changes: hints to look again, never the truth itself.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::ErrorBody;
use crate::domain::{MergeRequestNumber, Mode, Outcome, RunId, Scope, SourceName, StackId, Trigger};

/// One thing that changed. Whoever hears of it asks for the thing again; a hint that is told twice, or of something
/// that looks as before, does no harm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "news", rename_all = "snake_case")]
pub enum News {
    /// A run was decided on.
    RunStarted {
        /// Its number.
        run: RunId,
        /// The stack it is of.
        stack: StackId,
        /// Check or apply.
        mode: Mode,
        /// Why it was started.
        trigger: Trigger,
    },
    /// Nothing of a run is left.
    RunEnded {
        /// Its number.
        run: RunId,
        /// The stack it was of.
        stack: StackId,
        /// Check or apply.
        mode: Mode,
        /// How it ended.
        outcome: Outcome,
    },
    /// What is known of a stack or its hosts changed.
    StackChanged {
        /// The stack.
        stack: StackId,
    },
    /// What is known of a source changed.
    SourceChanged {
        /// The source.
        source: SourceName,
    },
    /// What is known of a merge request changed.
    MergeRequestChanged {
        /// Its source.
        source: SourceName,
        /// Its number.
        number: MergeRequestNumber,
    },
    /// What the daemon says of itself changed: it stops, it cannot write, it can write again.
    DaemonChanged,
    /// What happened in between is not known any more, or it was too much to tell: look at everything again.
    Resync,
}

impl News {
    /// Its word: the name of the event in the stream.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::RunStarted { .. } => "run_started",
            Self::RunEnded { .. } => "run_ended",
            Self::StackChanged { .. } => "stack_changed",
            Self::SourceChanged { .. } => "source_changed",
            Self::MergeRequestChanged { .. } => "merge_request_changed",
            Self::DaemonChanged => "daemon_changed",
            Self::Resync => "resync",
        }
    }

    /// Whether somebody with this scope may know of it.
    pub fn is_for(&self, scope: &Scope) -> bool {
        match self {
            Self::RunStarted { stack, .. } | Self::RunEnded { stack, .. } | Self::StackChanged { stack } => {
                scope.has_stack(stack)
            }
            Self::SourceChanged { source } => scope.touches_source(source),
            Self::MergeRequestChanged { source, .. } => scope.has_source(source),
            Self::DaemonChanged | Self::Resync => true,
        }
    }

    /// Whether it says nothing but "look at this again", so that of two equal ones the later is enough.
    pub fn is_repeatable(&self) -> bool {
        !matches!(self, Self::RunStarted { .. } | Self::RunEnded { .. })
    }
}

/// A place in the stream of news. Those of another daemon, or of an earlier start of it, mean nothing to this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct NewsPosition {
    /// Which start of the daemon it is of.
    pub epoch: u64,
    /// How many news there were since then.
    pub number: u64,
}

impl fmt::Display for NewsPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.epoch, self.number)
    }
}

impl FromStr for NewsPosition {
    type Err = ErrorBody;
    fn from_str(given: &str) -> Result<Self, ErrorBody> {
        let parts = given.split_once('-').and_then(|(epoch, number)| {
            Some(Self { epoch: epoch.parse().ok()?, number: number.parse().ok()? })
        });
        parts.ok_or_else(|| {
            ErrorBody::bad_request("this is no place in the stream of news")
                .remedy("give an identifier as an earlier answer had it, or none")
        })
    }
}

/// A part of the stream of news, as the daemon hands it to the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewsChunk {
    /// What changed since the position that was asked for. None means: nothing so far.
    pub news: Vec<News>,
    /// Where to go on.
    pub next: NewsPosition,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_written_and_read_in_one_form() {
        let position = NewsPosition { epoch: 1_795_441_080_000, number: 42 };
        assert_eq!(position.to_string().parse(), Ok(position));
        for bad in ["", "-", "1", "1-", "-1", "1-2-3", "x-1", "1-x", "1-\n2"] {
            assert!(bad.parse::<NewsPosition>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn the_word_of_news_is_that_of_its_json() {
        let stack: StackId = "infra/web".parse().unwrap();
        let all = [
            News::RunStarted {
                run: RunId(1),
                stack: stack.clone(),
                mode: Mode::Apply,
                trigger: Trigger::Person,
            },
            News::RunEnded {
                run: RunId(1),
                stack: stack.clone(),
                mode: Mode::Apply,
                outcome: Outcome::Changed,
            },
            News::StackChanged { stack },
            News::SourceChanged { source: "infra".parse().unwrap() },
            News::MergeRequestChanged { source: "infra".parse().unwrap(), number: "3".parse().unwrap() },
            News::DaemonChanged,
            News::Resync,
        ];
        for news in all {
            assert_eq!(serde_json::to_value(&news).unwrap()["news"], news.as_str());
        }
    }

    #[test]
    fn news_is_for_those_who_may_look_at_what_changed() {
        let scope = Scope::Only(["infra/web".parse().unwrap()].into());
        let stack = |it: &str| News::StackChanged { stack: it.parse().unwrap() };
        assert!(stack("infra/web").is_for(&scope) && !stack("infra/db").is_for(&scope));
        assert!(News::SourceChanged { source: "infra".parse().unwrap() }.is_for(&scope));
        assert!(!News::SourceChanged { source: "lab".parse().unwrap() }.is_for(&scope));
        let merge_request =
            News::MergeRequestChanged { source: "infra".parse().unwrap(), number: "3".parse().unwrap() };
        assert!(!merge_request.is_for(&scope) && merge_request.is_for(&Scope::All));
        assert!(News::Resync.is_for(&scope));
    }
}
