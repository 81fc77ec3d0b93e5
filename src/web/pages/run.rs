//! The page of a run: what it is, how it goes or ended, what it did on which host, and how long that took.

mod facts;
mod results;
mod tasks;
#[cfg(test)]
mod tests;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use serde::Deserialize;

pub(super) use self::facts::{commit_markup, place_words, task_words};
pub(super) use self::results::{detail_markup, result_id, result_words};
pub(super) use self::tasks::counts_bar;

use self::facts::{HostRow, Promise, host_rows, promises};
use self::results::{Asked, Results};
use self::tasks::{Tasks, tasks};
use super::answer::page;
use super::context::PageContext;
use super::markup::Markup;
use super::words::{self, counted, took};
use crate::api::{ErrorBody, HostTotals, RunSummary, RunView};
use crate::domain::{Mode, NameError, Outcome, Run, RunId, RunOutline, RuntimeSpec, Selection, Span};
use crate::web::Backend;

/// How many hosts are on one page.
const HOSTS: usize = 100;

/// What stands behind the `?`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct RunQuery {
    /// Only hosts whose name has this.
    host: String,
    /// Only results of this kind.
    status: String,
    /// Only tasks whose name, role or file has this.
    q: String,
    /// Which page of hosts, from 1.
    page: String,
}

#[derive(Template)]
#[template(path = "run.html")]
struct RunPage<'a> {
    ctx: &'a PageContext,
    run: &'a Run,
    query: &'a RunQuery,
    totals: HostTotals,
    results: Results,
    tasks: Tasks,
    hosts: Vec<HostRow>,
    /// How many hosts the filter leaves.
    hosts_of: usize,
    page: usize,
    pages: usize,
    promises: Vec<Promise<'a>>,
    events_expired: bool,
    /// What its commit says.
    subject: Option<Markup>,
}

/// The page of a run.
pub(super) async fn run<B: Backend>(
    State(backend): State<B>,
    ctx: PageContext,
    Path(run): Path<String>,
    Query(query): Query<RunQuery>,
) -> Response {
    let told = gather(&backend, &run).await;
    page(&ctx, told.as_ref().map(|it| shown(&ctx, &query, it)).map_err(Clone::clone))
}

/// What the page is made of.
struct Told {
    view: RunView,
    outline: Result<RunOutline, ErrorBody>,
    subject: Option<Markup>,
}

async fn gather<B: Backend>(backend: &B, run: &str) -> Result<Told, ErrorBody> {
    let run: RunId = run.parse().map_err(|it: NameError| ErrorBody::bad_request(it.to_string()))?;
    let view = backend.run(run).await?;
    let outline = backend.outline(run).await;
    let (source, commit) = (view.run.spec.stack.source.clone(), view.run.spec.revision.commit.clone());
    let lines = backend.commit_lines(vec![(source, commit)]).await;
    let subject = lines.values().next().map(commit_markup);
    Ok(Told { view, outline, subject })
}

fn shown<'a>(ctx: &'a PageContext, query: &'a RunQuery, told: &'a Told) -> RunPage<'a> {
    let run = &told.view.run;
    let asked = Asked { host: &query.host, status: &query.status, text: &query.q };
    let outline = told.outline.as_ref().ok();
    let mut hosts = host_rows(run, &query.host, &query.status);
    let (hosts_of, pages) = (hosts.len(), hosts.len().div_ceil(HOSTS).max(1));
    let at = query.page.parse().unwrap_or(1).clamp(1, pages);
    let hosts = hosts.drain(..).skip((at - 1) * HOSTS).take(HOSTS).collect();
    RunPage {
        ctx,
        run,
        query,
        totals: RunSummary::from(run).hosts,
        results: Results::of(&told.view, outline, &asked),
        tasks: tasks(run, outline, &query.q),
        hosts,
        hosts_of,
        page: at,
        pages,
        promises: promises(run),
        events_expired: told.view.events_expired,
        subject: told.subject.clone(),
    }
}

impl RunPage<'_> {
    fn outcome(&self) -> Markup {
        words::outcome_pill(self.run.ending.as_ref().map(|it| it.outcome))
    }

    /// How long it took, or takes by now.
    fn length(&self) -> String {
        let started = self.run.started_at.unwrap_or(self.run.decided_at);
        let ended = self.run.ended_at.unwrap_or(self.ctx.now);
        took(ended.duration_since(started).max(Span::ZERO))
    }

    /// How long it waited before it was started, if that is worth telling.
    fn waited(&self) -> Option<String> {
        let waited = self.run.started_at?.duration_since(self.run.decided_at);
        (Span::from_secs(1) <= waited).then(|| took(waited))
    }

    fn would(&self) -> &'static str {
        words::changed(self.run.spec.mode)
    }

    fn is_bad(&self) -> bool {
        let bad = |it: Outcome| !it.is_success();
        self.run.ending.as_ref().is_some_and(|it| bad(it.outcome))
    }

    fn may_cancel(&self) -> bool {
        self.run.is_live() && self.ctx.may(&self.run.spec.stack)
    }

    /// What cancelling does, a line each.
    fn cancel_says(&self) -> String {
        let spec = &self.run.spec;
        let hosts = match self.totals.total {
            0 => "No host has told a result yet.".to_owned(),
            hosts => format!(
                "{} may be left in the middle of a task; {} changed so far.",
                counted(u64::from(hosts), "host"),
                counted(u64::from(self.totals.changed), "host")
            ),
        };
        let next = match spec.mode {
            Mode::Check => "It only looks, so nothing is left half done.".to_owned(),
            Mode::Apply => format!(
                "What was done stays. {} counts as not applied on the hosts that did not get to the end.",
                spec.revision.short()
            ),
        };
        format!(
            "Run {} of {} is told to end: Ansible first, then all that it started.\n{hosts}\n{next}",
            spec.run, spec.stack
        )
    }

    fn trigger(&self) -> &'static str {
        words::trigger(self.run.spec.trigger)
    }

    fn covers(&self) -> &'static str {
        match self.run.spec.selection {
            Selection::Full => "the whole stack",
            Selection::SomeHosts => "some of its hosts; only those count as applied",
            Selection::SomeTasks => "some of its tasks; it counts as applied on no host",
        }
    }

    fn runtime(&self) -> String {
        let version = self.run.ansible_version.as_deref();
        let wanted = match (&self.run.spec.runtime, version) {
            (RuntimeSpec::System, None) => "that of the control node".to_owned(),
            (RuntimeSpec::System, Some(version)) => format!("{version}, that of the control node"),
            (RuntimeSpec::Managed { core, .. }, None) => format!("{core}, managed"),
            (RuntimeSpec::Managed { core, .. }, Some(version)) if core == version => {
                format!("{version}, managed")
            }
            (RuntimeSpec::Managed { core, .. }, Some(version)) => {
                format!("{version}, managed: {core} was asked for")
            }
        };
        let hash = self.run.runtime.as_deref().map(|it| it.chars().take(12).collect::<String>());
        hash.map_or_else(|| wanted.clone(), |it| format!("{wanted}, runtime {it}"))
    }

    /// The address of another page of hosts.
    fn page_url(&self, page: usize) -> String {
        self.ctx.with("page", &page.to_string())
    }
}
