//! The raw output of a run, with its colours.

mod tint;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use serde::Deserialize;

use self::tint::Tint;
use super::ansi::{self, Painter};
use super::answer::page;
use super::context::PageContext;
use super::markup::Markup;
use crate::api::{ErrorBody, LogPart, LogPosition};
use crate::domain::{NameError, Run, RunId};
use crate::web::Backend;

/// The most lines of one page.
const LINES: usize = 5_000;

/// What stands behind the `?`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct LogQuery {
    from: String,
    skip: String,
    q: String,
}

#[derive(Template)]
#[template(path = "run_log.html")]
struct LogPage<'a> {
    ctx: &'a PageContext,
    run: &'a Run,
    part: &'a LogPart,
    lines: Vec<(usize, Markup)>,
    more_lines: usize,
    query: &'a LogQuery,
    is_first: bool,
}

/// The page of the raw output.
pub(super) async fn run_log<B: Backend>(
    State(backend): State<B>,
    ctx: PageContext,
    Path(run): Path<String>,
    Query(query): Query<LogQuery>,
) -> Response {
    let told = gather(&backend, &run, &query).await;
    let shown = told.as_ref().map(|(run, part)| {
        let (lines, more_lines) = painted(&part.text, &query.q);
        let is_first = position(&query) == LogPosition::default();
        LogPage { ctx: &ctx, run, part, lines, more_lines, query: &query, is_first }
    });
    page(&ctx, shown.map_err(Clone::clone))
}

fn position(query: &LogQuery) -> LogPosition {
    LogPosition { from: query.from.parse().unwrap_or(0), skip: query.skip.parse().unwrap_or(0) }
}

async fn gather<B: Backend>(backend: &B, run: &str, query: &LogQuery) -> Result<(Run, LogPart), ErrorBody> {
    let run: RunId = run.parse().map_err(|it: NameError| ErrorBody::bad_request(it.to_string()))?;
    let view = backend.run(run).await?;
    let part = backend.raw_log(run, position(query)).await?;
    Ok((view.run, part))
}

/// The lines that have a text, each with its number within the part.
fn painted(text: &str, wanted: &str) -> (Vec<(usize, Markup)>, usize) {
    let (lines, more) = Painter::default().text(text, LINES);
    let mut tint = Tint::default();
    let lines: Vec<_> = lines.into_iter().map(|it| tint.line(it)).collect();
    let wanted = wanted.to_lowercase();
    let has = |it: &ansi::Line| wanted.is_empty() || it.text().to_lowercase().contains(&wanted);
    let numbered = (1..).zip(&lines).filter(|(_, it)| has(it));
    (numbered.map(|(number, it)| (number, ansi::markup::line(it))).collect(), more)
}
