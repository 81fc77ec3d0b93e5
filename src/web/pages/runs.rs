//! The list of runs.

use std::collections::BTreeSet;

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use serde::Deserialize;

use super::answer::page;
use super::context::PageContext;
use super::markup::{Markup, Tag};
use super::run::commit_markup;
use super::words::{self, took};
use crate::api::{CommitLines, ErrorBody, NameWanted, RunList, RunQuery, RunSummary, resolve_stack};
use crate::domain::{Mode, Outcome, RunId, Scope, Span, StackId};
use crate::web::Backend;

/// How many runs are on one page.
const RUNS: u32 = 50;

/// What stands behind the `?`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct RunsQuery {
    stack: String,
    mode: String,
    outcome: String,
    host: String,
    before: String,
}

#[derive(Template)]
#[template(path = "run_list.html")]
struct RunsPage<'a> {
    ctx: &'a PageContext,
    told: &'a Told,
    query: &'a RunsQuery,
}

struct Told {
    runs: Vec<RunSummary>,
    /// The last run that was looked at, if there are older ones.
    older: Option<RunId>,
    stacks: Vec<StackId>,
    commits: CommitLines,
}

/// The page.
pub(super) async fn runs<B: Backend>(
    State(backend): State<B>,
    ctx: PageContext,
    Query(query): Query<RunsQuery>,
) -> Response {
    let told = gather(&backend, &ctx, &query).await;
    let shown = told.as_ref().map(|told| RunsPage { ctx: &ctx, told, query: &query });
    page(&ctx, shown.map_err(Clone::clone))
}

async fn gather<B: Backend>(backend: &B, ctx: &PageContext, query: &RunsQuery) -> Result<Told, ErrorBody> {
    let in_scope = |it: &StackId| ctx.caller.as_ref().is_some_and(|caller| caller.scope.has_stack(it));
    let mut stacks = backend.stack_ids().await?;
    stacks.retain(in_scope);
    let stack = match query.stack.as_str() {
        "" => None,
        // A stack that is gone has runs, too.
        given => Some(if let Ok(stack) = given.parse::<StackId>() {
            stack
        } else {
            let wanted = given.parse::<NameWanted>().map_err(|it| ErrorBody::bad_request(it.to_string()))?;
            resolve_stack(&wanted, &stacks)?
        }),
    };
    let scope = ctx.caller.as_ref().map_or_else(|| Scope::Only(BTreeSet::new()), |it| it.scope.clone());
    let wanted = RunQuery {
        mode: [Mode::Check, Mode::Apply].into_iter().find(|it| it.as_str() == query.mode),
        outcome: Outcome::ALL.into_iter().find(|it| it.as_str() == query.outcome),
        live: (query.outcome == "live").then_some(true),
        host: (!query.host.is_empty()).then(|| query.host.clone()),
        before: query.before.parse().ok(),
        count: Some(RUNS),
        ..RunQuery::default()
    };
    let RunList { mut runs, more } = backend.runs(wanted.filter(stack, scope)?).await?;
    let older = runs.last().map(|it| it.run).filter(|_| more);
    runs.retain(|it| in_scope(&it.stack));
    let mut asked: Vec<_> =
        runs.iter().map(|it| (it.stack.source.clone(), it.revision.commit.clone())).collect();
    asked.sort_unstable();
    asked.dedup();
    let commits = backend.commit_lines(asked).await;
    Ok(Told { runs, older, stacks, commits })
}

impl RunsPage<'_> {
    fn rows(&self) -> Vec<RunRow<'_>> {
        self.told.runs.iter().map(|run| RunRow { page: self, run }).collect()
    }

    /// The ways in which a run can have ended, with whether one is chosen.
    fn outcomes(&self) -> Vec<(&'static str, &'static str, bool)> {
        let live = [("live", "live")];
        let ended = Outcome::ALL.into_iter().map(|it| (it.as_str(), words::outcome(it)));
        let all = live.into_iter().chain(ended);
        all.map(|(value, words)| (value, words, self.query.outcome == value)).collect()
    }

    fn is_filtered(&self) -> bool {
        let RunsQuery { stack, mode, outcome, host, before } = self.query;
        [stack, mode, outcome, host, before].iter().any(|it| !it.is_empty())
    }

    fn is_selected(&self, stack: &StackId) -> bool {
        self.query.stack == stack.to_string()
    }
}

/// One line of the list.
struct RunRow<'a> {
    page: &'a RunsPage<'a>,
    run: &'a RunSummary,
}

impl RunRow<'_> {
    fn outcome(&self) -> Markup {
        words::outcome_pill(self.run.ending.as_ref().map(|it| it.outcome))
    }

    fn class(&self) -> &'static str {
        match self.run.ending.as_ref().map(|it| words::outcome_tone(it.outcome)) {
            Some(words::Tone::Bad) => "problem",
            Some(words::Tone::Notice) => "heed",
            _ => "",
        }
    }

    fn why(&self) -> &'static str {
        words::trigger(self.run.trigger)
    }

    fn commit(&self) -> Option<Markup> {
        self.page.told.commits.get(&self.run.revision.commit).map(commit_markup)
    }

    fn length(&self) -> String {
        let began = self.run.started_at.unwrap_or(self.run.decided_at);
        took(self.run.ended_at.unwrap_or(self.page.ctx.now).duration_since(began).max(Span::ZERO))
    }

    fn hosts(&self) -> Markup {
        hosts_markup(self.run)
    }
}

/// `40 hosts: 3 changed, 1 failed`, without what is none.
pub(super) fn hosts_markup(run: &RunSummary) -> Markup {
    let hosts = &run.hosts;
    let mut all = Markup::text(&words::counted(u64::from(hosts.total), "host"));
    for (count, class, word) in [
        (hosts.failed, "text-bad", "failed"),
        (hosts.unreachable, "text-bad", "did not answer"),
        (hosts.changed, "text-notice", words::changed(run.mode)),
    ] {
        if count != 0 {
            all.push(&Tag::new("span").class("muted").text(" \u{b7} "));
            all.push(&Tag::new("span").class(class).text(&format!("{count} {word}")));
        }
    }
    all
}
