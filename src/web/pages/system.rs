//! The daemon itself: what it follows, what it does, what waits for what, and whether it is well.

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::acts;
use super::answer;
use super::context::PageContext;
use super::markup::Markup;
use super::stack;
use super::words::{self, Tone, pill};
use crate::api::{RunSummary, SourceView, SystemView};
use crate::domain::{CommitHash, CommitLine, SourceStatus, Span};
use crate::web::Backend;

pub(super) async fn page<B: Backend>(State(backend): State<B>, context: PageContext) -> Response {
    let Some(caller) = context.caller.clone() else { return answer::stranger(&context) };
    let view = backend.system_view().await.map(|it| it.within(&caller.scope));
    answer::page(&context, view.as_ref().map(|it| SystemPage::new(&context, it)).map_err(Clone::clone))
}

/// The page of the daemon.
#[derive(Template)]
#[template(path = "system.html")]
pub(super) struct SystemPage<'a> {
    ctx: &'a PageContext,
    view: &'a SystemView,
}

impl<'a> SystemPage<'a> {
    pub(super) fn new(context: &'a PageContext, view: &'a SystemView) -> Self {
        Self { ctx: context, view }
    }

    fn state(&self) -> Markup {
        match (self.view.stopping, self.view.readiness.ready) {
            (true, _) => pill(Tone::Notice, "stopping: waits for live runs"),
            (false, true) => pill(Tone::Good, "ready"),
            (false, false) => pill(Tone::Bad, "not ready"),
        }
    }

    fn up(&self) -> String {
        words::took(self.ctx.now.duration_since(self.view.started_at))
    }

    fn runs(&self) -> &[RunSummary] {
        &self.view.live
    }

    fn audit(&self) -> Option<(Tone, &'static str)> {
        let audit = self.view.audit.as_ref()?;
        Some(match (&audit.fault, audit.verified) {
            (Some(_), _) => (Tone::Bad, "does not hold"),
            (None, true) => (Tone::Good, "holds"),
            (None, false) => (Tone::Quiet, "not verified yet"),
        })
    }

    fn line(&self, commit: &CommitHash) -> Option<&CommitLine> {
        self.view.sources.iter().find_map(|it| it.commits.get(commit))
    }

    /// How full the file system is allowed to get, in words.
    fn room(&self) -> (Tone, String) {
        let disk = &self.view.disk;
        match disk.available_bytes {
            None => (Tone::Quiet, "not known".to_owned()),
            Some(it) if it < disk.floor_bytes => {
                (Tone::Bad, format!("{} left: too little to start runs", words::size(it)))
            }
            Some(it) => (Tone::Good, format!("{} left", words::size(it))),
        }
    }
}

fn status_of(source: &SourceView) -> &SourceStatus {
    &source.status
}

/// How a source is.
fn source_pill(source: &SourceView) -> Markup {
    let status = &source.status;
    match (&status.waiting, &status.problem) {
        (_, Some(problem)) if problem.security => pill(Tone::Bad, "security"),
        (Some(_), _) => pill(Tone::Notice, "waits for a person"),
        (None, Some(_)) => pill(Tone::Bad, "problem"),
        (None, None) if status.fetched_at.is_none() => pill(Tone::Quiet, "not fetched yet"),
        (None, None) => pill(Tone::Good, "ok"),
    }
}

/// `90d`.
fn kept(span: &Span) -> String {
    words::took(*span)
}

/// What became of a delivery.
fn result_pill(result: &str) -> Markup {
    let tone = match result {
        "accepted" => Tone::Good,
        "ignored" | "replayed" => Tone::Quiet,
        _ => Tone::Notice,
    };
    pill(tone, result)
}
