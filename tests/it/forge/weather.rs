//! What goes wrong with a forge, on demand.

use std::collections::VecDeque;
use std::time::Duration;

use super::project::Project;

/// What happens to one request of the API instead of an answer, or beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// This status, with a page of a proxy.
    Status(u16),
    /// The forge asks to wait so many seconds, in its own way.
    RateLimit(u64),
    /// As GitHub tells of its secondary limits: in words only.
    SecondaryRateLimit,
    /// The connection is cut.
    Reset,
    /// The answer comes later.
    Slow(Duration),
    /// There is never an answer.
    Silence,
    /// The client is sent elsewhere.
    Redirect(String),
    /// An answer without an end, in bytes.
    Huge(usize),
    /// This text instead of JSON.
    Text(String),
    /// The answer without the fields of this name.
    Without(&'static str),
}

type Action = Box<dyn FnOnce(&mut Project) + Send>;

#[derive(Default)]
pub(super) struct Weather {
    faults: VecDeque<Fault>,
    between: Vec<(String, Action)>,
    pub(super) largest_page: Option<usize>,
}

impl Weather {
    pub(super) fn announce(&mut self, faults: impl IntoIterator<Item = Fault>) {
        self.faults.extend(faults);
    }

    pub(super) fn next(&mut self) -> Option<Fault> {
        self.faults.pop_front()
    }

    pub(super) fn after(&mut self, path: &str, action: Action) {
        self.between.push((path.to_owned(), action));
    }

    /// What was to happen after the answer to such a request. Each happens once.
    pub(super) fn actions(&mut self, request: &str) -> Vec<Action> {
        let (now, later) =
            std::mem::take(&mut self.between).into_iter().partition(|(it, _)| request.ends_with(it.as_str()));
        self.between = later;
        let now: Vec<(String, Action)> = now;
        now.into_iter().map(|(_, action)| action).collect()
    }
}
