//! What may be written behind the `?` of a path.

use serde::{Deserialize, Serialize};

use super::{ErrorBody, EventPosition, RunFilter};
use crate::domain::{
    HostName, Mode, Outcome, RunChoice, RunId, Scope, SourceName, StackId, Timestamp, Trigger,
};

/// The longest name of a host that is looked for, in characters.
const LONGEST_HOST: usize = 255;

/// The query of `GET /api/v1/runs`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RunQuery {
    /// Only of this stack: `source/stack`, or a name that is unique.
    #[schemars(regex(pattern = r"^[a-z0-9][a-z0-9_-]{0,62}(/[a-z0-9][a-z0-9_-]{0,62})?$"))]
    pub stack: Option<String>,
    /// Only of stacks of this source.
    pub source: Option<SourceName>,
    /// Only in this mode.
    pub mode: Option<Mode>,
    /// Only those that ended so.
    pub outcome: Option<Outcome>,
    /// Only those that were started because of this.
    pub trigger: Option<Trigger>,
    /// Only those that had this host.
    #[schemars(length(min = 1, max = 255))]
    pub host: Option<String>,
    /// Only of this commit: its hash, or at least 7 digits that it begins with.
    #[schemars(regex(pattern = r"^([^:]*:)*[0-9a-fA-F]{7,64}$"))]
    pub revision: Option<String>,
    /// Only those that were decided on then or later.
    #[schemars(with = "Option<crate::domain::schema::Time>")]
    pub since: Option<Timestamp>,
    /// Only those that were decided on earlier.
    #[schemars(with = "Option<crate::domain::schema::Time>")]
    pub until: Option<Timestamp>,
    /// Only those that are live (`true`), or only those that are over (`false`).
    pub live: Option<bool>,
    /// Only with a smaller number: the next page.
    pub before: Option<u64>,
    /// Only with a greater number: the page before.
    pub after: Option<u64>,
    /// How many at most.
    #[schemars(range(min = 1, max = 1000))]
    pub count: Option<u32>,
}

impl RunQuery {
    /// What it asks for, where `stack` was found to be the one that it names.
    pub fn filter(self, stack: Option<StackId>, scope: Scope) -> Result<RunFilter, ErrorBody> {
        let count = checked_count(self.count, RunFilter::USUAL, RunFilter::MOST)?;
        if self.host.as_ref().is_some_and(|it| it.is_empty() || LONGEST_HOST < it.chars().count()) {
            return Err(ErrorBody::bad_request("`host` is no name of a host"));
        }
        let choice = RunChoice {
            source: self.source,
            mode: self.mode,
            outcome: self.outcome,
            trigger: self.trigger,
            host: self.host.map(HostName::new),
            commit: self.revision.as_deref().map(beginning).transpose()?,
            since: self.since,
            until: self.until,
            live: self.live,
            after: self.after.map(RunId),
        };
        Ok(RunFilter { stack, scope, before: self.before.map(RunId), count, choice })
    }
}

/// A count within its bounds.
pub fn checked_count(given: Option<u32>, usual: u32, most: u32) -> Result<u32, ErrorBody> {
    match given.unwrap_or(usual) {
        count if (1..=most).contains(&count) => Ok(count),
        _ => Err(ErrorBody::bad_request(format!("`count` goes from 1 to {most}"))),
    }
}

/// The beginning of a commit hash, also of one in the form `main@sha1:…`.
fn beginning(given: &str) -> Result<String, ErrorBody> {
    let hash = given.rsplit_once(':').map_or(given, |(_, hash)| hash);
    if (7..=64).contains(&hash.len()) && hash.bytes().all(|it| it.is_ascii_hexdigit()) {
        return Ok(hash.to_ascii_lowercase());
    }
    Err(ErrorBody::bad_request("`revision` is no commit").remedy("give at least 7 digits of its hash"))
}

/// The query of `GET /api/v1/runs/{run}/events`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct EventQuery {
    /// A position that an earlier answer told.
    #[schemars(range(max = EventPosition::LARGEST))]
    pub from: u64,
    /// Whether the answer goes on until the run is over.
    pub follow: bool,
}

/// The query of `GET /api/v1/events`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct NewsQuery {
    /// An identifier that an earlier answer told. The header `Last-Event-ID` counts before it.
    pub after: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(query: RunQuery) -> Result<RunFilter, ErrorBody> {
        query.filter(None, Scope::All)
    }

    #[test]
    fn a_query_says_which_runs_are_wanted() {
        let query = RunQuery {
            mode: Some(Mode::Apply),
            revision: Some("main@sha1:ABCDEF0".to_owned()),
            before: Some(9),
            ..RunQuery::default()
        };
        let filter = filter(query).unwrap();
        assert_eq!((filter.before, filter.count), (Some(RunId(9)), 20));
        assert_eq!(filter.choice.commit.as_deref(), Some("abcdef0"));
    }

    #[test]
    fn what_means_nothing_is_refused() {
        let none = RunQuery::default();
        for query in [
            RunQuery { count: Some(0), ..none.clone() },
            RunQuery { count: Some(1001), ..none.clone() },
            RunQuery { host: Some(String::new()), ..none.clone() },
            RunQuery { revision: Some("HEAD".to_owned()), ..none.clone() },
            RunQuery { revision: Some("abc%".to_owned()), ..none },
        ] {
            assert!(filter(query.clone()).is_err(), "{query:?}");
        }
    }
}
