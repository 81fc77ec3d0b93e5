//! The page of one task of a run: how it ended on each host, with all that it said.

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use serde::Deserialize;

use super::answer::page;
use super::context::PageContext;
use super::markup::{Markup, Tag};
use super::run::{counts_bar, detail_markup, place_words, result_words, task_words};
use super::words::{Tone, pill, took};
use crate::api::{ErrorBody, NotableResult, TaskFilter, TaskResults};
use crate::domain::{
    HostName, Mode, NameError, ResultStatus, Run, RunId, Span, TaskIdentity, TaskNumber, TaskResult,
};
use crate::web::Backend;

/// How many results are on one page.
const RESULTS: u32 = 100;

/// How many rows of differences are shown on one page.
const ROWS: usize = 4_000;

/// What stands behind the `?`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct TaskQuery {
    host: String,
    status: String,
    skip: String,
}

#[derive(Template)]
#[template(path = "run_task.html")]
struct TaskPage<'a> {
    ctx: &'a PageContext,
    run: &'a Run,
    number: TaskNumber,
    told: &'a TaskResults,
    rows: Vec<ResultRow>,
    query: &'a TaskQuery,
    skip: u32,
}

/// One result.
struct ResultRow {
    id: String,
    host: String,
    note: String,
    pill: Markup,
    took: String,
    module: String,
    said: Option<Markup>,
}

/// The page of a task.
pub(super) async fn run_task<B: Backend>(
    State(backend): State<B>,
    ctx: PageContext,
    Path((run, task)): Path<(String, String)>,
    Query(query): Query<TaskQuery>,
) -> Response {
    let told = gather(&backend, &run, &task, &query).await;
    let shown = told.as_ref().map(|(run, number, told)| {
        let mut rows = ROWS;
        let identity = told.task.as_ref().map(|it| it.identity.clone()).unwrap_or_default();
        let shown = told.results.iter().map(|it| row(run, &identity, it, &mut rows)).collect();
        let skip = query.skip.parse().unwrap_or(0);
        TaskPage { ctx: &ctx, run, number: *number, told, rows: shown, query: &query, skip }
    });
    page(&ctx, shown.map_err(Clone::clone))
}

async fn gather<B: Backend>(
    backend: &B,
    run: &str,
    task: &str,
    query: &TaskQuery,
) -> Result<(Run, TaskNumber, TaskResults), ErrorBody> {
    let run: RunId = run.parse().map_err(|it: NameError| ErrorBody::bad_request(it.to_string()))?;
    let task = task.parse().map_err(|_| ErrorBody::bad_request("a task of a run is a number"))?;
    let filter = TaskFilter {
        status: match query.status.as_str() {
            "failed" => Some(ResultStatus::Failed),
            "unreachable" => Some(ResultStatus::Unreachable),
            "skipped" => Some(ResultStatus::Skipped),
            "ok" => Some(ResultStatus::Ok),
            _ => None,
        },
        changed: query.status == "changed",
        host: (!query.host.is_empty()).then(|| HostName::new(query.host.as_str())),
        skip: query.skip.parse().unwrap_or(0),
        count: RESULTS,
    };
    let view = backend.run(run).await?;
    let told = backend.task_results(run, task, filter).await?;
    if told.task.is_none() && told.results.is_empty() && query.host.is_empty() && query.status.is_empty() {
        let error = ErrorBody::not_found(format!("nothing is recorded of task {task} of run {run}"));
        return Err(error.remedy("its events may have outlived their retention"));
    }
    Ok((view.run, task, told))
}

fn row(run: &Run, identity: &TaskIdentity, result: &TaskResult, rows: &mut usize) -> ResultRow {
    let notable = NotableResult::new(identity.clone(), result);
    let tone = match result.status {
        ResultStatus::Failed | ResultStatus::Unreachable => Tone::Bad,
        _ if result.blind || result.tainted || result.changed => Tone::Notice,
        ResultStatus::Ok => Tone::Good,
        _ => Tone::Quiet,
    };
    let item = result.item.as_ref().map(|it| format!("item {}", u64::from(it.index) + 1));
    let delegated = result.delegated_to.as_ref().map(|it| format!("delegated to {it}"));
    let loops = (result.items != 0).then(|| format!("a loop of {}", result.items));
    let note: Vec<String> = item.into_iter().chain(delegated).chain(loops).collect();
    let length = Span::from_millis(i64::try_from(result.duration_ms).unwrap_or(i64::MAX));
    let said = if result.no_log {
        Some(Tag::new("p").class("muted").text("What it said is hidden by no_log."))
    } else {
        result.detail.as_deref().map(|it| detail_markup(it, rows))
    };
    let item = result.item.as_ref().map_or_else(String::new, |it| format!("-{}", it.index));
    ResultRow {
        id: format!("on-{}{item}", result.host),
        host: result.host.to_string(),
        note: note.join(", "),
        pill: pill(tone, result_words(&notable, run.spec.mode)),
        took: took(length),
        module: result.module.clone(),
        said,
    }
}

impl TaskPage<'_> {
    fn name(&self) -> String {
        self.told.task.as_ref().map_or_else(|| format!("Task {}", self.number), |it| task_words(&it.identity))
    }

    fn place(&self) -> String {
        self.told.task.as_ref().map(|it| place_words(&it.identity)).unwrap_or_default()
    }

    fn counts(&self) -> Option<Markup> {
        self.told.task.as_ref().map(|it| counts_bar(&it.counts, self.run.spec.mode == Mode::Check))
    }

    fn length(&self) -> Option<String> {
        self.told.task.as_ref().map(|it| took(it.took()))
    }

    fn action(&self) -> &str {
        self.told.task.as_ref().map_or("", |it| it.identity.action.as_str())
    }

    /// The address of the same page from another result on.
    fn skip_url(&self, skip: u32) -> String {
        self.ctx.with("skip", &skip.to_string())
    }

    fn before(&self) -> u32 {
        self.skip.saturating_sub(RESULTS)
    }

    fn after(&self) -> u32 {
        self.skip.saturating_add(RESULTS)
    }
}
