//! `driftless runs`: which runs are wanted.

use std::fmt::Write as _;

use clap::Args;

use super::audit::{Since, since};
use crate::api::{ErrorBody, NameWanted};
use crate::domain::{Mode, Outcome, RunId, Timestamp};

/// Arguments of `runs`.
#[derive(Debug, Args)]
pub struct RunsArguments {
    /// Only runs of this stack
    #[arg(value_name = "STACK")]
    pub stack: Option<NameWanted>,
    /// Only those that ended so, as in `failed`
    #[arg(long, value_name = "OUTCOME", value_parser = outcome)]
    pub outcome: Option<Outcome>,
    /// Only those that had this host
    #[arg(long, value_name = "HOST")]
    pub host: Option<String>,
    /// Only in this mode: check or apply
    #[arg(long, value_name = "MODE", value_parser = mode)]
    pub mode: Option<Mode>,
    /// Only since then: a time, or how long ago, as in `36h`
    #[arg(long, value_name = "WHEN", value_parser = since)]
    pub since: Option<Since>,
    /// How many at most
    #[arg(short = 'n', long, value_name = "NUMBER", default_value = "20",
          value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub count: u32,
    /// Only runs before this one
    #[arg(long, value_name = "RUN")]
    pub before: Option<RunId>,
}

fn outcome(given: &str) -> Result<Outcome, String> {
    let known = Outcome::ALL.map(Outcome::as_str).join(", ");
    let same = |it: &Outcome| it.as_str() == given || it.words() == given;
    Outcome::ALL.into_iter().find(same).ok_or_else(|| format!("outcomes are {known}"))
}

fn mode(given: &str) -> Result<Mode, String> {
    let found = [Mode::Check, Mode::Apply].into_iter().find(|it| it.as_str() == given);
    found.ok_or_else(|| "write `check` or `apply`".to_owned())
}

impl RunsArguments {
    /// What is asked of the daemon.
    pub(super) fn path(&self, now: Timestamp) -> Result<String, ErrorBody> {
        let since = self.since.map(|it| it.before(now)).transpose()?;
        // Of these only the name of a host can hold what means something in an address.
        let fields = [
            ("before", self.before.map(|it| it.to_string())),
            ("stack", self.stack.as_ref().map(ToString::to_string)),
            ("outcome", self.outcome.map(|it| it.as_str().to_owned())),
            ("host", self.host.as_deref().map(escaped)),
            ("mode", self.mode.map(|it| it.as_str().to_owned())),
            ("since", since.map(|it| it.to_string())),
        ];
        let mut path = format!("/runs?count={}", self.count);
        for (name, value) in fields {
            if let Some(value) = value {
                let _ = write!(path, "&{name}={value}");
            }
        }
        Ok(path)
    }
}

/// As it is written in an address: every byte but those that mean themselves.
fn escaped(text: &str) -> String {
    text.bytes().fold(String::new(), |mut all, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            all.push(char::from(byte));
        } else {
            let _ = write!(all, "%{byte:02X}");
        }
        all
    })
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        runs: RunsArguments,
    }

    fn path(line: &str) -> String {
        let now = "2026-11-28T12:00:00Z".parse().expect("a time");
        Line::try_parse_from(line.split(' ')).expect("arguments").runs.path(now).expect("a path")
    }

    #[test]
    fn what_is_wanted_is_asked_of_the_daemon() {
        assert_eq!(path("runs"), "/runs?count=20");
        assert_eq!(
            path("runs web -n 5 --before 9 --outcome timed_out --mode check --since 36h"),
            "/runs?count=5&before=9&stack=web&outcome=timed_out&mode=check&since=2026-11-27T00:00:00Z"
        );
        assert_eq!(path("runs --host a&b=ü"), "/runs?count=20&host=a%26b%3D%C3%BC");
    }

    #[test]
    fn an_outcome_that_is_none_is_answered_with_those_that_are() {
        let error = Line::try_parse_from(["runs", "--outcome", "green"]).err().expect("none").to_string();
        assert!(error.contains("in_sync, changed, drifted, failed"), "{error}");
        assert!(Line::try_parse_from(["runs", "--mode", "live"]).is_err());
    }
}
