//! All hosts, and one host over all stacks.

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use serde::Deserialize;

use super::answer;
use super::chart;
use super::context::PageContext;
use super::markup::Markup;
use super::paging::Paging;
use super::stack;
use super::words::{self, Given, Tone, counted, pill};
use crate::api::{HostInStack, HostOverview, HostView};
use crate::domain::{CommitHash, CommitLine, Drift, HostName, HostRun, HostState, Mode, Timestamp};
use crate::web::Backend;
use crate::web::fleet_routes::{visible, visible_host};

/// How many hosts a page has.
const ROWS: usize = 100;

/// What is looked for.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct HostsQuery {
    q: String,
    state: String,
    page: String,
}

pub(super) async fn list<B: Backend>(
    State(backend): State<B>,
    context: PageContext,
    Query(query): Query<HostsQuery>,
) -> Response {
    let Some(caller) = context.caller.clone() else { return answer::stranger(&context) };
    let hosts = backend.fleet().await.map(|it| visible(it, &caller.scope).hosts());
    answer::page(&context, hosts.map(|it| HostsPage::new(&context, it, &query)))
}

/// The page of all hosts.
#[derive(Template)]
#[template(path = "hosts.html")]
pub(super) struct HostsPage<'a> {
    ctx: &'a PageContext,
    query: &'a HostsQuery,
    empty: bool,
    sentence: String,
    states: Vec<(HostState, u64)>,
    hosts: Vec<HostOverview>,
    paging: Paging,
}

impl<'a> HostsPage<'a> {
    pub(super) fn new(context: &'a PageContext, hosts: Vec<HostOverview>, query: &'a HostsQuery) -> Self {
        let count =
            |state| u64::try_from(hosts.iter().filter(|it| it.state == state).count()).unwrap_or(u64::MAX);
        let states: Vec<(HostState, u64)> =
            HostState::ALL.into_iter().map(|it| (it, count(it))).filter(|it| it.1 != 0).collect();
        let counts: Vec<String> =
            states.iter().map(|(state, count)| format!("{count} {}", chart::state_word(*state))).collect();
        let sentence = format!("{}: {}", counted(hosts.len(), "host"), counts.join(", "));
        let (empty, wanted) = (hosts.is_empty(), query.q.to_lowercase());
        let mut hosts = hosts;
        hosts.retain(|it| {
            it.is_called(&wanted) && (query.state.is_empty() || it.state.as_str() == query.state)
        });
        hosts.sort_by_key(|it| (it.state == HostState::InSync, it.state));
        let paging = Paging::new(context, &query.page, hosts.len(), ROWS);
        let hosts = hosts.into_iter().skip(paging.skip).take(ROWS).collect();
        Self { ctx: context, query, empty, sentence, states, hosts, paging }
    }
}

/// How a host stands.
fn state_pill(state: impl Given<HostState>) -> Markup {
    let state = state.given();
    pill(chart::state_tone(state), chart::state_word(state))
}

/// The class of its row.
fn row_class(state: impl Given<HostState>) -> &'static str {
    match chart::state_tone(state.given()) {
        Tone::Bad => "problem",
        Tone::Notice => "heed",
        _ => "",
    }
}

pub(super) async fn page<B: Backend>(
    State(backend): State<B>,
    context: PageContext,
    Path(host): Path<String>,
) -> Response {
    let Some(caller) = context.caller.clone() else { return answer::stranger(&context) };
    let view = backend.host_view(HostName::new(host)).await;
    let view = view.and_then(|it| visible_host(it, &caller.scope));
    answer::page(&context, view.as_ref().map(|it| HostPage::new(&context, it)).map_err(Clone::clone))
}

/// The page of a host.
#[derive(Template)]
#[template(path = "host.html")]
pub(super) struct HostPage<'a> {
    ctx: &'a PageContext,
    view: &'a HostView,
    state: HostState,
}

impl<'a> HostPage<'a> {
    pub(super) fn new(context: &'a PageContext, view: &'a HostView) -> Self {
        let state = view.stacks.iter().map(|it| it.state).min().unwrap_or(HostState::Unknown);
        Self { ctx: context, view, state }
    }

    fn line(&self, commit: &CommitHash) -> Option<&CommitLine> {
        self.view.commits.get(commit)
    }

    /// `in 3 stacks: 2 as Git says, owed a revision by 1`.
    fn sentence(&self) -> String {
        let bad: Vec<String> = self
            .view
            .stacks
            .iter()
            .filter(|it| it.state != HostState::InSync)
            .map(|it| format!("{} in {}", chart::state_word(it.state), it.stack))
            .collect();
        let all = counted(self.view.stacks.len(), "stack");
        if bad.is_empty() {
            format!("in {all}, as Git says in each")
        } else {
            format!("in {all}: {}", bad.join(", "))
        }
    }

    /// Where a difference is shown.
    fn diff_url(&self, drift: &Drift) -> String {
        stack::diff_url(drift.run, &drift.task, Some(&self.view.host))
    }

    /// All runs that had it.
    fn runs_url(&self) -> String {
        format!("/runs?host={}", words::url_part(self.view.host.as_str()))
    }

    /// Those before the ones that are shown, if there may be more.
    fn older(&self) -> Option<String> {
        let full = usize::try_from(HostView::RUNS).is_ok_and(|it| it <= self.view.runs.len());
        let last = self.view.runs.last().filter(|_| full)?;
        Some(format!("{}&before={}", self.runs_url(), last.run.run))
    }

    fn drifts(&self) -> bool {
        self.view.stacks.iter().any(|it| !it.status.drift.is_empty())
    }
}

/// How long a run took.
fn took(run: &HostRun, now: &Timestamp) -> String {
    let begun = run.run.started_at.unwrap_or(run.run.decided_at);
    words::took(run.run.ended_at.unwrap_or(*now).duration_since(begun))
}

/// `12 ok, 3 changed, 1 failed`.
fn stats(run: &HostRun) -> String {
    let it = &run.stats;
    let counts = [
        (it.ok, "ok"),
        (it.changed, words::changed(run.run.mode)),
        (it.failed, "failed"),
        (it.unreachable, "unreachable"),
        (it.rescued, "rescued"),
        (it.ignored, "ignored"),
    ];
    let parts: Vec<String> =
        counts.iter().filter(|it| it.0 != 0).map(|(count, word)| format!("{count} {word}")).collect();
    parts.join(", ")
}

/// How the run went on this host, whatever it did elsewhere.
fn here(run: &HostRun) -> Markup {
    let it = &run.stats;
    let (tone, word) = match (it.unreachable, it.failed, it.unfinished, it.changed) {
        (1.., ..) => (Tone::Notice, "unreachable"),
        (_, 1.., ..) => (Tone::Bad, "failed"),
        _ if run.run.outcome.is_none() => (Tone::Live, "live"),
        (_, _, true, _) => (Tone::Notice, "unfinished"),
        (_, _, _, 1..) if run.run.mode == Mode::Check => (Tone::Notice, "would change"),
        (_, _, _, 1..) => (Tone::Good, "changed"),
        _ => (Tone::Good, "unchanged"),
    };
    pill(tone, word)
}

/// Whether there is anything that a person should see of a host in a stack.
fn owes(it: &HostInStack) -> bool {
    it.status.owed_since.is_some() || !it.status.pending.is_empty() || it.status.locked.is_some()
}
