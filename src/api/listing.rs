//! Lists of what the daemon keeps in memory: which of them, and how many at once.

use serde::{Deserialize, Serialize};

use super::{ErrorBody, HostOverview, checked_count};
use crate::domain::{
    HostName, HostState, MergeRequestNumber, MergeRequestState, MergeRequestStatus, SourceName, StackId,
    StackStatus, SyncStatus,
};

/// How many things one answer has at most, and if nothing is said.
const MOST: u32 = 1000;

/// The query of `GET /api/v1/stacks`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct StackQuery {
    /// Only of this source.
    pub source: Option<SourceName>,
    /// Only those that are so.
    pub sync: Option<SyncStatus>,
    /// Only those that are suspended, or only those that are not.
    pub suspended: Option<bool>,
    /// Only those with a live run, or only those without.
    pub live: Option<bool>,
    /// Only those that come after this one, by source and name: the next page.
    pub after: Option<StackId>,
    /// How many at most.
    #[schemars(range(min = 1, max = 1000))]
    pub count: Option<u32>,
}

impl StackQuery {
    /// Leaves those that are wanted, and says where the next page begins, if there is one.
    pub fn choose(&self, stacks: &mut Vec<StackStatus>) -> Result<Option<StackId>, ErrorBody> {
        stacks.retain(|it| {
            self.source.as_ref().is_none_or(|source| *source == it.id.source)
                && self.sync.is_none_or(|sync| sync == it.sync)
                && self.suspended.is_none_or(|suspended| suspended == it.suspended.is_some())
                && self.live.is_none_or(|live| live == it.live.is_some())
                && self.after.as_ref().is_none_or(|after| *after < it.id)
        });
        let more = page(stacks, self.count)?;
        Ok(stacks.last().filter(|_| more).map(|it| it.id.clone()))
    }
}

/// The longest text that is looked for in names, in characters.
const LONGEST_NAME: usize = 255;

/// The query of `GET /api/v1/hosts`. Without a `count` the list is whole.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct HostQuery {
    /// Only those that stand so: in the worst of their stacks, or with `stack` in that one.
    pub state: Option<HostState>,
    /// Only those of this stack: `source/stack`, or a name that is unique.
    #[schemars(regex(pattern = r"^[a-z0-9][a-z0-9_-]{0,62}(/[a-z0-9][a-z0-9_-]{0,62})?$"))]
    pub stack: Option<String>,
    /// Only those with this text in their name or in that of a stack of theirs, in whatever case.
    #[schemars(length(max = 255))]
    pub q: Option<String>,
    /// Only those that come after this host, by name: the next page.
    #[schemars(length(max = 255))]
    pub after: Option<String>,
    /// How many at most.
    #[schemars(range(min = 1, max = 1000))]
    pub count: Option<u32>,
}

impl HostQuery {
    /// Leaves those that are wanted, and says where the next page begins, if there is one. `stack` is the one that is
    /// named.
    pub fn choose(
        &self,
        stack: Option<&StackId>,
        hosts: &mut Vec<HostOverview>,
    ) -> Result<Option<HostName>, ErrorBody> {
        for (name, given) in [("q", &self.q), ("after", &self.after)] {
            if given.as_ref().is_some_and(|it| LONGEST_NAME < it.chars().count()) {
                return Err(ErrorBody::bad_request(format!(
                    "`{name}` has more than {LONGEST_NAME} characters"
                )));
            }
        }
        let wanted = self.q.as_deref().unwrap_or_default().to_lowercase();
        hosts.retain(|it| {
            let state = match stack {
                Some(stack) => it.stacks.iter().find(|(id, _)| id == stack).map(|(_, state)| *state),
                None => Some(it.state),
            };
            state.is_some_and(|state| self.state.is_none_or(|wanted| wanted == state))
                && self.after.as_deref().is_none_or(|after| after < it.host.as_str())
                && it.is_called(&wanted)
        });
        if self.count.is_none() {
            return Ok(None);
        }
        let more = page(hosts, self.count)?;
        Ok(hosts.last().filter(|_| more).map(|it| it.host.clone()))
    }
}

/// Where a merge request is in its life, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StateWanted {
    /// It may still change.
    Open,
    /// It was closed without being merged.
    Closed,
    /// It was merged.
    Merged,
}

/// The query of `GET /api/v1/merge-requests`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MergeRequestQuery {
    /// Only of this source.
    pub source: Option<SourceName>,
    /// Only those that are so.
    pub state: Option<StateWanted>,
    /// Only those that come after this one, written `source/number`: the next page.
    #[schemars(regex(pattern = r"^[a-z0-9][a-z0-9_-]{0,62}/[0-9]{1,18}$"))]
    pub after: Option<String>,
    /// How many at most.
    #[schemars(range(min = 1, max = 1000))]
    pub count: Option<u32>,
}

impl MergeRequestQuery {
    /// Leaves those that are wanted, and says where the next page begins, if there is one.
    pub fn choose(&self, all: &mut Vec<MergeRequestStatus>) -> Result<Option<String>, ErrorBody> {
        let after = self.after.as_deref().map(place).transpose()?;
        all.retain(|it| {
            let request = &it.facts.seen;
            self.source.as_ref().is_none_or(|source| *source == it.source)
                && self.state.is_none_or(|state| state == StateWanted::of(&request.state))
                && after.as_ref().is_none_or(|after| *after < (it.source.clone(), request.number))
        });
        let more = page(all, self.count)?;
        Ok(all.last().filter(|_| more).map(|it| format!("{}/{}", it.source, it.facts.seen.number)))
    }
}

impl StateWanted {
    fn of(state: &MergeRequestState) -> Self {
        match state {
            MergeRequestState::Open => Self::Open,
            MergeRequestState::Closed => Self::Closed,
            MergeRequestState::Merged { .. } => Self::Merged,
        }
    }
}

fn place(given: &str) -> Result<(SourceName, MergeRequestNumber), ErrorBody> {
    let wrong = || ErrorBody::bad_request("`after` is written `source/number`");
    let (source, number) = given.split_once('/').ok_or_else(wrong)?;
    Ok((source.parse().map_err(|_| wrong())?, number.parse().map_err(|_| wrong())?))
}

/// Cuts a list to one page. Whether there was more.
fn page<T>(all: &mut Vec<T>, count: Option<u32>) -> Result<bool, ErrorBody> {
    let count = checked_count(count, MOST, MOST)? as usize;
    let more = count < all.len();
    all.truncate(count);
    Ok(more)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_ends_where_the_next_one_begins() {
        let mut all: Vec<u32> = (0..5).collect();
        assert_eq!((page(&mut all, Some(3)), all.len()), (Ok(true), 3));
        assert_eq!((page(&mut all, Some(3)), all.len()), (Ok(false), 3));
        assert_eq!(page(&mut all, None), Ok(false));
        assert!(page(&mut all, Some(0)).is_err() && page(&mut all, Some(1001)).is_err());
    }

    fn host(name: &str, stacks: &[(&str, HostState)]) -> HostOverview {
        let stacks: Vec<_> = stacks.iter().map(|(id, it)| (id.parse().unwrap(), *it)).collect();
        let state = stacks.iter().map(|it| it.1).min().unwrap();
        HostOverview { host: HostName::new(name), state, owed_since: None, last_seen: None, stacks }
    }

    #[test]
    fn hosts_are_chosen_by_state_stack_and_name_and_come_in_pages() {
        let fleet = || {
            vec![
                host("db1", &[("infra/db", HostState::InSync)]),
                host("web1", &[("infra/web", HostState::Drifted), ("infra/base", HostState::InSync)]),
                host("web2", &[("infra/web", HostState::Owed)]),
                host("web3", &[("infra/web", HostState::InSync), ("infra/base", HostState::Drifted)]),
            ]
        };
        let chosen = |query: serde_json::Value, stack: Option<&str>| {
            let query: HostQuery = serde_json::from_value(query).unwrap();
            let (stack, mut hosts) = (stack.map(|it| it.parse().unwrap()), fleet());
            let next = query.choose(stack.as_ref(), &mut hosts)?;
            let names: Vec<String> = hosts.iter().map(|it| it.host.to_string()).collect();
            Ok::<_, ErrorBody>((names.join(" "), next.map(|it| it.to_string())))
        };
        let whole = |names: &str| Ok((names.to_owned(), None));
        assert_eq!(chosen(serde_json::json!({}), None), whole("db1 web1 web2 web3"));
        assert_eq!(chosen(serde_json::json!({"state": "drifted"}), None), whole("web1 web3"));
        assert_eq!(chosen(serde_json::json!({"state": "drifted"}), Some("infra/web")), whole("web1"));
        assert_eq!(chosen(serde_json::json!({}), Some("infra/base")), whole("web1 web3"));
        assert_eq!(chosen(serde_json::json!({"q": "WEB"}), None), whole("web1 web2 web3"));
        assert_eq!(chosen(serde_json::json!({"q": "infra/d"}), None), whole("db1"));
        let page = chosen(serde_json::json!({"count": 2}), None);
        assert_eq!(page, Ok(("db1 web1".to_owned(), Some("web1".to_owned()))));
        assert_eq!(chosen(serde_json::json!({"count": 2, "after": "web1"}), None), whole("web2 web3"));
        assert!(chosen(serde_json::json!({"count": 1001}), None).is_err());
        assert!(chosen(serde_json::json!({"count": 0}), None).is_err());
        assert!(chosen(serde_json::json!({"q": "x".repeat(256)}), None).is_err());
    }

    #[test]
    fn a_place_among_merge_requests_is_read_strictly() {
        assert!(place("infra/12").is_ok());
        for bad in ["", "infra", "infra/", "/12", "infra/x", "A/1", "infra/12/3"] {
            assert!(place(bad).is_err(), "{bad}");
        }
        let query = MergeRequestQuery { after: Some("infra".to_owned()), ..MergeRequestQuery::default() };
        assert!(query.choose(&mut Vec::new()).is_err());
    }
}
