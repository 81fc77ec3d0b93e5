//! The page of a merge request: what it would do, and what it did.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;

use super::answer::page;
use super::context::PageContext;
use super::markup::{Markup, Tag};
use super::merge_requests::{approval_words, state_pill};
use super::run::task_words;
use super::words::{self, counted, outcome_pill, url_part};
use crate::api::{ErrorBody, MergeRequestView};
use crate::domain::{
    AppliedStack, Coverage, FileChange, HostName, HostsImpact, LivePreview, LiveStack, Merge, MergeRequest,
    MergeRequestNumber, MergeRequestState, NameError, Outcome, Previewed, SourceName, StackImpact, StackName,
};
use crate::web::Backend;

/// The most files, plays, hosts and tasks of one list.
const LISTED: usize = 100;

#[derive(Template)]
#[template(path = "merge_request.html")]
pub(super) struct MergeRequestPage<'a> {
    ctx: &'a PageContext,
    view: &'a MergeRequestView,
    seen: &'a MergeRequest,
}

impl<'a> MergeRequestPage<'a> {
    pub(super) fn new(ctx: &'a PageContext, view: &'a MergeRequestView) -> Self {
        Self { ctx, view, seen: &view.status.facts.seen }
    }
}

/// The page.
pub(super) async fn merge_request<B: Backend>(
    State(backend): State<B>,
    ctx: PageContext,
    Path((source, number)): Path<(String, String)>,
) -> Response {
    let told = gather(&backend, &source, &number).await;
    let shown = told.as_ref().map(|view| MergeRequestPage::new(&ctx, view));
    page(&ctx, shown.map_err(Clone::clone))
}

async fn gather<B: Backend>(backend: &B, source: &str, number: &str) -> Result<MergeRequestView, ErrorBody> {
    let refused = |it: NameError| ErrorBody::bad_request(it.to_string());
    let source: SourceName = source.parse().map_err(refused)?;
    let number: MergeRequestNumber = number.parse().map_err(refused)?;
    backend.merge_request(source, number).await
}

#[expect(clippy::unused_self, reason = "templates ask the page for everything")]
impl MergeRequestPage<'_> {
    fn state(&self) -> Markup {
        state_pill(self.seen)
    }

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "called by templates, which borrow")]
    fn counted(&self, count: &u32, noun: &str) -> String {
        counted(u64::from(*count), noun)
    }

    fn merged_by(&self) -> Option<&str> {
        match &self.seen.state {
            MergeRequestState::Merged { by, .. } => by.as_deref(),
            _ => None,
        }
    }

    fn is_open(&self) -> bool {
        matches!(self.seen.state, MergeRequestState::Open)
    }

    fn approvers(&self) -> Vec<String> {
        self.seen.approvals.iter().map(|it| approval_words(self.seen, it)).collect()
    }

    fn approvals_missing(&self) -> Option<(usize, u32)> {
        let needed = self.view.approvals_needed?;
        Some((self.seen.others_who_approve().len(), needed))
    }

    /// The newest preview without keys.
    fn previewed(&self) -> Option<&Previewed> {
        self.view.status.facts.preview.as_ref()?.made.as_ref().ok()
    }

    fn conflicts(&self) -> &[String] {
        match self.previewed().map(|it| &it.merge) {
            Some(Merge::Conflicts { paths }) => paths,
            _ => &[],
        }
    }

    /// Whether the preview is of an older head.
    fn is_old(&self) -> bool {
        self.view.status.facts.preview.as_ref().is_some_and(|it| it.head != self.seen.head)
    }

    fn files(&self, made: &Previewed) -> Vec<(&'static str, &'static str, String)> {
        made.impact.files.iter().take(LISTED).map(|(path, change)| file_row(path, *change)).collect()
    }

    fn files_left_out(&self, made: &Previewed) -> u64 {
        made.impact.files.len().saturating_sub(LISTED) as u64 + made.impact.files_left_out
    }

    fn hosts(&self, stack: &StackImpact) -> Markup {
        match &stack.hosts {
            HostsImpact::Unknown { why } => Markup::text(&format!("hosts unknown: {why}")),
            HostsImpact::Known { names } if names.is_empty() => Markup::text("no host"),
            HostsImpact::Known { names } => host_links(names.iter().map(HostName::as_str), names.len()),
        }
    }

    fn live(&self) -> Option<&LivePreview> {
        self.view.status.facts.live.as_ref()
    }

    fn live_rows<'b>(&self, live: &'b LivePreview) -> Vec<(&'b StackName, Option<LiveRow>)> {
        live.stacks.iter().map(|(stack, done)| (stack, done.as_ref().map(LiveRow::new))).collect()
    }

    fn applied(&self) -> Vec<(&StackName, AppliedRow<'_>)> {
        self.view.status.facts.applied.iter().map(|(stack, it)| (stack, AppliedRow { applied: it })).collect()
    }

    fn may_preview(&self) -> bool {
        self.is_open() && self.ctx.may_preview(&self.view.status.source)
    }

    /// What a live preview does, a line each.
    fn preview_says(&self) -> String {
        let stacks = self.previewed().map(|it| it.impact.stacks.as_slice()).unwrap_or_default();
        let mut known = std::collections::BTreeSet::new();
        let mut unknown = 0_u64;
        for stack in stacks {
            match &stack.hosts {
                HostsImpact::Known { names } => known.extend(names),
                HostsImpact::Unknown { .. } => unknown += 1,
            }
        }
        let hosts = match (known.len(), unknown) {
            (0, 0) => "the hosts that it touches".to_owned(),
            (known, 0) => counted(known as u64, "host"),
            (0, unknown) => {
                format!("the hosts of {}, which nobody can count before", counted(unknown, "stack"))
            }
            (known, unknown) => format!(
                "{} and those of {} more, which nobody can count before",
                counted(known as u64, "host"),
                counted(unknown, "stack")
            ),
        };
        format!(
            "This executes what head {} says, with production credentials, on {hosts}.\nCheck mode changes nothing \
             by itself, but plugins, lookups and tasks with `check_mode: false` of {} run for real.\nIt is recorded \
             that you trust exactly this head.",
            self.seen.head.short(),
            self.seen.author,
        )
    }

    fn preview_body(&self) -> String {
        format!("{{\"head\":\"{}\"}}", self.seen.head)
    }
}

/// `+ path`, with the word for those who do not see colours.
pub(super) fn file_row(path: &str, change: FileChange) -> (&'static str, &'static str, String) {
    let (sign, word) = match change {
        FileChange::Added => ("+", "added"),
        FileChange::Modified => ("~", "modified"),
        FileChange::Deleted => ("\u{2212}", "deleted"),
    };
    (sign, word, path.to_owned())
}

/// Hosts by name, each leading to its page, the first of them.
pub(super) fn host_links<'a>(names: impl Iterator<Item = &'a str>, of: usize) -> Markup {
    let mut all = Markup::text(&format!("{}: ", counted(of as u64, "host")));
    for (at, name) in names.take(20).enumerate() {
        if at != 0 {
            all.push_text(", ");
        }
        all.push(&Tag::new("a").with("href", &format!("/hosts/{}", url_part(name))).text(name));
    }
    if 20 < of {
        all.push_text(&format!(" and {} more", of - 20));
    }
    all
}

/// A live check of one stack.
struct LiveRow {
    run: String,
    outcome: Outcome,
    changes: u64,
    hosts: usize,
    coverage: Coverage,
    tasks: Vec<(String, usize)>,
    unseen: Vec<String>,
}

impl LiveRow {
    fn new(live: &LiveStack) -> Self {
        let mut by_task = std::collections::BTreeMap::new();
        for change in &live.prediction.changes {
            *by_task.entry(&change.task).or_insert(0) += 1;
        }
        let mut tasks: Vec<(String, usize)> = by_task
            .into_iter()
            .map(|(key, count)| {
                (live.prediction.tasks.get(key).map_or_else(|| key.to_string(), task_words), count)
            })
            .collect();
        tasks.sort_by_key(|it| std::cmp::Reverse(it.1));
        tasks.truncate(LISTED);
        let unseen = live.unseen.iter().take(LISTED).map(|(task, counts)| {
            let mut words = Vec::new();
            for (count, word) in [
                (counts.blind, "not seen"),
                (counts.tainted, "rest on what was not seen"),
                (counts.for_real, "ran for real"),
                (counts.failed, "failed"),
            ] {
                if count != 0 {
                    words.push(format!("{count} {word}"));
                }
            }
            format!("{}: {}", task_words(task), words.join(", "))
        });
        Self {
            run: live.run.to_string(),
            outcome: live.outcome,
            changes: live.prediction.changes.len() as u64 + live.prediction.left_out,
            hosts: live.hosts.len(),
            coverage: live.coverage,
            unseen: unseen.collect(),
            tasks,
        }
    }

    fn pill(&self) -> Markup {
        outcome_pill(Some(self.outcome))
    }

    fn words(&self) -> String {
        let (changes, hosts) = (counted(self.changes, "change"), counted(self.hosts as u64, "host"));
        format!("{changes} on {hosts}; {}", coverage_words(&self.coverage))
    }
}

/// How much of a check could be seen.
pub(super) fn coverage_words(coverage: &Coverage) -> String {
    let of = coverage.seen() + coverage.unseen();
    match coverage.unseen() {
        0 => format!("all of {} seen", counted(of, "result")),
        unseen => format!("{} of {} not seen", words::grouped(unseen), counted(of, "result")),
    }
}

/// What became of it on one stack.
struct AppliedRow<'a> {
    applied: &'a AppliedStack,
}

impl AppliedRow<'_> {
    fn pill(&self) -> Markup {
        outcome_pill(Some(self.applied.outcome))
    }

    fn words(&self) -> String {
        let with = if self.applied.with_others { ", together with other merge requests" } else { "" };
        match &self.applied.report {
            None => format!("there was no live preview to compare with{with}"),
            Some(it) if it.holds() => {
                format!("{} of {} as predicted, and nothing else{with}", it.as_predicted, it.predicted())
            }
            Some(it) => format!(
                "{} of {} as predicted; {} missing, {} different, {} extra, {} not predictable{with}",
                it.as_predicted,
                it.predicted(),
                it.missing.len(),
                it.different.len(),
                it.extra.len(),
                it.not_predictable
            ),
        }
    }

    fn tone(&self) -> &'static str {
        match &self.applied.report {
            Some(it) if it.holds() => "text-good",
            Some(_) => "text-notice",
            None => "muted",
        }
    }
}
