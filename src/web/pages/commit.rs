//! The page of a commit: what it says, and what became of it where.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;

use super::answer::page;
use super::context::PageContext;
use super::markup::Markup;
use super::merge_request::{file_row, host_links};
use super::run::task_words;
use super::runs::hosts_markup;
use super::words;
use crate::api::{CommitOnStack, CommitView, ErrorBody, RunSummary};
use crate::domain::{CommitFacts, CommitHash, HostName, NameError, PredictionReport, SourceName};
use crate::web::Backend;

#[derive(Template)]
#[template(path = "commit.html")]
struct CommitPage<'a> {
    ctx: &'a PageContext,
    view: &'a CommitView,
}

/// The page.
pub(super) async fn commit<B: Backend>(
    State(backend): State<B>,
    ctx: PageContext,
    Path((source, commit)): Path<(String, String)>,
) -> Response {
    let told = gather(&backend, &source, &commit).await;
    page(&ctx, told.as_ref().map(|view| CommitPage { ctx: &ctx, view }).map_err(Clone::clone))
}

async fn gather<B: Backend>(backend: &B, source: &str, commit: &str) -> Result<CommitView, ErrorBody> {
    let source: SourceName =
        source.parse().map_err(|it: NameError| ErrorBody::bad_request(it.to_string()))?;
    let commit: CommitHash = commit
        .parse()
        .map_err(|_| ErrorBody::bad_request("a commit is named by all 40 digits of its hash"))?;
    backend.commit(source, commit).await
}

#[expect(clippy::unused_self, reason = "templates ask the page for everything")]
impl CommitPage<'_> {
    fn title(&self) -> String {
        self.view
            .facts
            .as_ref()
            .map_or_else(|| format!("Commit {}", self.view.commit.short()), |it| it.subject.clone())
    }

    fn files(&self, facts: &CommitFacts) -> Vec<(&'static str, &'static str, String)> {
        facts.files.iter().map(|(path, change)| file_row(path, *change)).collect()
    }

    fn outcome(&self, run: &RunSummary) -> Markup {
        words::outcome_pill(run.ending.as_ref().map(|it| it.outcome))
    }

    fn run_hosts(&self, run: &RunSummary) -> Markup {
        hosts_markup(run)
    }

    fn missing(&self, stack: &CommitOnStack) -> Markup {
        host_links(stack.missing_hosts.iter().map(HostName::as_str), stack.missing as usize)
    }

    fn has(&self, stack: &CommitOnStack) -> String {
        let has = stack.exactly + stack.contained;
        let of = has + stack.missing;
        if of == 0 {
            return "no host is known yet".to_owned();
        }
        let later = if stack.contained == 0 {
            String::new()
        } else {
            format!(", {} of them by a later commit", stack.contained)
        };
        format!("on {has} of {}{later}", words::counted(u64::from(of), "host"))
    }

    fn pill(&self, stack: &CommitOnStack) -> Markup {
        match (stack.exactly + stack.contained, stack.missing) {
            (0, 0) => words::pill(words::Tone::Quiet, "unknown"),
            (0, _) => words::pill(words::Tone::Notice, "not applied"),
            (_, 0) => words::pill(words::Tone::Good, "applied everywhere"),
            _ => words::pill(words::Tone::Notice, "not everywhere"),
        }
    }

    fn report(&self, report: &PredictionReport) -> String {
        if report.holds() {
            return format!(
                "{} of {} changes as predicted, and nothing else",
                report.as_predicted,
                report.predicted()
            );
        }
        format!(
            "{} of {} changes as predicted; {} missing, {} different, {} extra",
            report.as_predicted,
            report.predicted(),
            report.missing.len(),
            report.different.len(),
            report.extra.len()
        )
    }

    /// What went otherwise than predicted, the first of it.
    fn broken(&self, report: &PredictionReport) -> Vec<String> {
        let lists =
            [("missing", &report.missing), ("different", &report.different), ("extra", &report.extra)];
        let all = lists.into_iter().flat_map(|(words, list)| list.iter().map(move |it| (words, it)));
        all.take(20)
            .map(|(words, it)| {
                let task = report.tasks.get(&it.task).map_or_else(|| it.task.to_string(), task_words);
                format!("{words}: {task} on {}", it.host)
            })
            .collect()
    }
}
