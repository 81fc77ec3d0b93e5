//! The list of merge requests.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use serde::Deserialize;

use super::answer::page;
use super::context::PageContext;
use super::markup::Markup;
use super::words::{Tone, pill};
use crate::domain::{Approval, MergeRequest, MergeRequestState, MergeRequestStatus};
use crate::web::Backend;

/// The most that are listed.
const LISTED: usize = 200;

/// What stands behind the `?`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct MergeRequestsQuery {
    q: String,
    state: String,
}

#[derive(Template)]
#[template(path = "merge_requests.html")]
struct MergeRequestsPage<'a> {
    ctx: &'a PageContext,
    query: &'a MergeRequestsQuery,
    rows: Vec<Listed<'a>>,
    left_out: usize,
    /// How many there are before the filter.
    all: usize,
}

/// One of them.
struct Listed<'a> {
    status: &'a MergeRequestStatus,
}

/// The page.
pub(super) async fn merge_requests<B: Backend>(
    State(backend): State<B>,
    ctx: PageContext,
    Query(query): Query<MergeRequestsQuery>,
) -> Response {
    let told = backend.merge_requests().await.map(|it| it.merge_requests);
    let shown = told.as_ref().map(|told| {
        let scope = ctx.caller.as_ref().map(|it| &it.scope);
        let mut in_scope: Vec<_> =
            told.iter().filter(|it| scope.is_some_and(|scope| scope.has_source(&it.source))).collect();
        in_scope.sort_by_key(|it| (state_rank(&it.facts.seen), std::cmp::Reverse(it.facts.seen.updated_at)));
        let wanted: Vec<_> = in_scope.iter().filter(|it| wants(&query, it)).collect();
        MergeRequestsPage {
            ctx: &ctx,
            query: &query,
            left_out: wanted.len().saturating_sub(LISTED),
            rows: wanted.into_iter().take(LISTED).map(|it| Listed { status: it }).collect(),
            all: in_scope.len(),
        }
    });
    page(&ctx, shown.map_err(Clone::clone))
}

fn state_rank(seen: &MergeRequest) -> u8 {
    match seen.state {
        MergeRequestState::Open if seen.draft => 1,
        MergeRequestState::Open => 0,
        MergeRequestState::Merged { .. } => 2,
        MergeRequestState::Closed => 3,
    }
}

fn wants(query: &MergeRequestsQuery, status: &MergeRequestStatus) -> bool {
    let seen = &status.facts.seen;
    let state = match query.state.as_str() {
        "open" => matches!(seen.state, MergeRequestState::Open),
        "merged" => matches!(seen.state, MergeRequestState::Merged { .. }),
        "closed" => matches!(seen.state, MergeRequestState::Closed),
        _ => true,
    };
    let text = query.q.to_lowercase();
    let has = |it: &str| it.to_lowercase().contains(&text);
    let number = seen.number.to_string();
    state
        && (text.is_empty()
            || has(&seen.title)
            || has(&seen.author)
            || number == query.q.trim_start_matches(['!', '#']))
}

/// Where it is in its life, as a pill.
pub(super) fn state_pill(seen: &MergeRequest) -> Markup {
    match &seen.state {
        MergeRequestState::Open if seen.draft => pill(Tone::Quiet, "draft"),
        MergeRequestState::Open => pill(Tone::Live, "open"),
        MergeRequestState::Closed => pill(Tone::Quiet, "closed"),
        MergeRequestState::Merged { .. } => pill(Tone::Good, "merged"),
    }
}

/// Who approves, and of which head.
pub(super) fn approval_words(seen: &MergeRequest, approval: &Approval) -> String {
    match &approval.commit {
        Some(commit) if *commit == seen.head => approval.by.clone(),
        Some(commit) => format!("{} (of {}, not of the head)", approval.by, commit.short()),
        None => format!("{} (of an unknown head)", approval.by),
    }
}

impl Listed<'_> {
    fn seen(&self) -> &MergeRequest {
        &self.status.facts.seen
    }

    fn url(&self) -> String {
        format!("/sources/{}/merge-requests/{}", self.status.source, self.seen().number)
    }

    fn state(&self) -> Markup {
        state_pill(self.seen())
    }

    fn approvers(&self) -> String {
        let seen = self.seen();
        let people: Vec<String> = seen.approvals.iter().map(|it| approval_words(seen, it)).collect();
        people.join(", ")
    }

    fn class(&self) -> &'static str {
        let broken = self.status.facts.preview.as_ref().is_some_and(|it| it.made.is_err());
        let open = matches!(self.seen().state, MergeRequestState::Open);
        if broken && open {
            "problem"
        } else if self.status.stale && open {
            "heed"
        } else {
            ""
        }
    }
}
