//! One stack: what is next and why, its hosts, how they differ, and what was run.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use serde::Deserialize;

use super::acts;
use super::answer;
use super::chart;
use super::context::PageContext;
use super::fleet::StackRow;
use super::markup::{Markup, Tag};
use super::paging::Paging;
use super::run::{result_id, task_words};
use super::stack;
use super::standing::Standing;
use super::words::{self, Given, Tone, counted, pill};
use crate::api::{ErrorBody, HISTORY, NameWanted, RunSummary, StackView, resolve_stack};
use crate::domain::{
    ChangeClass, CommitHash, CommitLine, Drift, HostName, HostState, HostStatus, Outcome, RunId, RuntimeSpec,
    Selection, StackId, TaskFacts, TaskIdentity, TaskKey, Timestamp,
};
use crate::web::Backend;

/// How many hosts a page has.
const ROWS: usize = 100;
/// How many hosts of one difference are named before the rest is counted.
const NAMED: usize = 6;

/// What is looked for.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct StackQuery {
    host: String,
    page: String,
    before: String,
}

/// The stack that a path names, if the caller may know of it; else the same as if there were none.
async fn find<B: Backend>(
    backend: &B,
    context: &PageContext,
    source: &str,
    stack: &str,
) -> Result<StackId, ErrorBody> {
    let wanted = NameWanted::from_path(source, stack).map_err(|it| ErrorBody::bad_request(it.to_string()))?;
    let mut known = backend.stack_ids().await?;
    known.retain(|it| context.caller.as_ref().is_some_and(|caller| caller.scope.has_stack(it)));
    resolve_stack(&wanted, &known)
}

pub(super) async fn page<B: Backend>(
    State(backend): State<B>,
    context: PageContext,
    Path((source, stack)): Path<(String, String)>,
    Query(query): Query<StackQuery>,
) -> Response {
    if context.caller.is_none() {
        return answer::stranger(&context);
    }
    let before = query.before.parse().ok().map(RunId);
    let shown = async { backend.stack_view(find(&backend, &context, &source, &stack).await?, before).await };
    let shown = shown.await;
    answer::page(
        &context,
        shown.as_ref().map(|it| StackPage::new(&context, it, &query)).map_err(Clone::clone),
    )
}

/// The page of a stack.
#[derive(Template)]
#[template(path = "stack.html")]
pub(super) struct StackPage<'a> {
    ctx: &'a PageContext,
    query: &'a StackQuery,
    view: &'a StackView,
    row: StackRow<'a>,
    differences: Vec<Difference<'a>>,
    hosts: Vec<HostRow<'a>>,
    paging: Paging,
    known: usize,
    older: Option<String>,
}

impl<'a> StackPage<'a> {
    pub(super) fn new(context: &'a PageContext, view: &'a StackView, query: &'a StackQuery) -> Self {
        let head = &view.stack.overview.status.head.commit;
        let wanted = query.host.to_lowercase();
        let mut hosts: Vec<HostRow<'a>> = view.drift.hosts.iter().map(|it| HostRow::new(it, head)).collect();
        hosts.retain(|it| wanted.is_empty() || it.it.host.as_str().to_lowercase().contains(&wanted));
        hosts.sort_by_key(|it| (it.state == HostState::InSync, it.state));
        let paging = Paging::new(context, &query.page, hosts.len(), ROWS);
        let hosts = hosts.into_iter().skip(paging.skip).take(ROWS).collect();
        let full = usize::try_from(HISTORY).is_ok_and(|it| it <= view.history.len());
        let older =
            view.history.last().filter(|_| full).map(|it| context.with("before", &it.run.to_string()));
        Self {
            ctx: context,
            query,
            view,
            row: StackRow::new(&view.stack),
            differences: differences(view),
            hosts,
            paging,
            known: view.drift.hosts.len(),
            older,
        }
    }

    fn acts(&self) -> Vec<Markup> {
        acts::of_stack(&self.view.stack.overview).iter().map(acts::Act::button).collect()
    }

    fn line(&self, commit: &CommitHash) -> Option<&CommitLine> {
        self.row.line(commit)
    }

    /// What a commit says, and in a line below who wrote it when.
    fn says(&self, commit: &CommitHash) -> Markup {
        let Some(line) = self.line(commit) else { return Markup::default() };
        let mut below = Markup::text(&format!("{}, ", line.author));
        below.push(&self.ctx.ago(&line.at));
        let below = Tag::new("div").class("small muted").around(&below);
        [Markup::text(&format!(" {}", line.subject)), below].into_iter().collect()
    }

    fn runs(&self) -> &[RunSummary] {
        &self.view.history
    }

    fn runtime(&self) -> String {
        runtime_words(&self.view.stack.overview.status.policy.runtime)
    }

    fn doubts(&self) -> Vec<(Tone, &'static str, String)> {
        self.view.drift.tasks.iter().flat_map(doubts).collect()
    }
}

/// `ansible-core 2.19.14`, or whose it is.
pub(super) fn runtime_words(runtime: &RuntimeSpec) -> String {
    match runtime {
        RuntimeSpec::System => "the Ansible of the control node".to_owned(),
        RuntimeSpec::Managed { core, .. } => format!("ansible-core {core}, declared by the repository"),
    }
}

/// One host in the table.
pub(super) struct HostRow<'a> {
    it: &'a HostStatus,
    state: HostState,
}

impl<'a> HostRow<'a> {
    fn new(it: &'a HostStatus, head: &CommitHash) -> Self {
        Self { it, state: state_of(it, head) }
    }

    fn pill(&self) -> Markup {
        pill(chart::state_tone(self.state), chart::state_word(self.state))
    }

    fn row_class(&self) -> &'static str {
        match chart::state_tone(self.state) {
            Tone::Bad => "problem",
            Tone::Notice => "heed",
            _ => "",
        }
    }

    fn differs(&self) -> String {
        let tasks = self.it.drift.iter().filter(|it| it.class != ChangeClass::Flapping).count();
        if tasks == 0 { String::new() } else { counted(tasks, "task") }
    }

    fn handlers(&self) -> String {
        let handlers: Vec<&str> = self.it.pending.iter().map(|it| it.handler.as_str()).collect();
        handlers.join(", ")
    }
}

/// How a host stands, from what is told of it.
fn state_of(host: &HostStatus, head: &CommitHash) -> HostState {
    if host.failed {
        HostState::Failed
    } else if host.owed_since.is_some() {
        HostState::Owed
    } else if host.drift.iter().any(|it| it.class.is_drift()) {
        HostState::Drifted
    } else if !host.pending.is_empty() {
        HostState::Pending
    } else {
        match &host.applied {
            None => HostState::Unknown,
            Some(applied) if applied == head => HostState::InSync,
            Some(_) => HostState::Behind,
        }
    }
}

/// What differs in the same way on some hosts.
pub(super) struct Difference<'a> {
    class: ChangeClass,
    task: &'a TaskIdentity,
    item: bool,
    hosts: Vec<&'a HostName>,
    more: usize,
    since: Option<Timestamp>,
    times: usize,
    run: RunId,
}

impl Difference<'_> {
    fn pill(&self) -> Markup {
        class_pill(self.class)
    }

    fn name(&self) -> &str {
        task_name(self.task)
    }

    fn place(&self) -> String {
        place(self.task)
    }

    fn diff_url(&self) -> String {
        diff_url(self.run, self.task, None)
    }
}

/// Where a difference is shown: among the results of the run that found it, narrowed down to its task and its host.
pub(super) fn diff_url(run: RunId, task: &TaskIdentity, host: Option<&HostName>) -> String {
    let wanted = words::url_part(&task_words(task));
    let host = host.map_or_else(String::new, |it| format!("host={}&", words::url_part(it.as_str())));
    format!("/runs/{run}?{host}q={wanted}#{}", result_id(Tone::Notice, &task.key().to_string()))
}

/// What a task is called.
pub(super) fn task_name(task: &TaskIdentity) -> &str {
    match (task.name.as_str(), task.action.as_str()) {
        ("", "") => "a task that is not known any more",
        ("", action) => action,
        (name, _) => name,
    }
}

/// `roles/web/tasks/main.yml:7`.
pub(super) fn place(task: &TaskIdentity) -> String {
    match (task.path.as_str(), task.line) {
        ("", _) => String::new(),
        (path, 0) => path.to_owned(),
        (path, line) => format!("{path}:{line}"),
    }
}

/// A class of changes.
pub(super) fn class_pill(class: impl Given<ChangeClass>) -> Markup {
    let class = class.given();
    let tone = match class {
        ChangeClass::Corrective | ChangeClass::Recurring => Tone::Notice,
        ChangeClass::Intended => Tone::Live,
        ChangeClass::Flapping => Tone::Quiet,
    };
    pill(tone, class.as_str())
}

/// Differences that are the same on several hosts are told once.
fn differences(view: &StackView) -> Vec<Difference<'_>> {
    type Same<'a> = (ChangeClass, TaskKey, &'a str, &'a str);
    let mut same: BTreeMap<Same<'_>, Vec<(&HostName, &Drift)>> = BTreeMap::new();
    for host in &view.drift.hosts {
        for it in &host.drift {
            // What flaps wants another content each time.
            let digest = if it.class == ChangeClass::Flapping { "" } else { it.digest.as_str() };
            same.entry((it.class, it.task.key(), &it.item, digest)).or_default().push((&host.host, it));
        }
    }
    let mut all: Vec<Difference<'_>> = same
        .into_iter()
        .filter_map(|((class, _, item, _), hosts)| {
            let (_, first) = hosts.first()?;
            Some(Difference {
                class,
                task: &first.task,
                item: !item.is_empty(),
                more: hosts.len().saturating_sub(NAMED),
                hosts: hosts.iter().take(NAMED).map(|(host, _)| *host).collect(),
                since: first.onsets.last().copied(),
                times: first.onsets.len(),
                run: first.run,
            })
        })
        .collect();
    all.sort_by_key(|it| (!it.class.is_drift(), it.class));
    all
}

/// What is to be said about a task, whatever differs.
fn doubts(task: &TaskFacts) -> Vec<(Tone, &'static str, String)> {
    let what = format!("{} ({})", task_name(&task.identity), place(&task.identity));
    let mut said = Vec::new();
    if task.flapping_since.is_some() {
        let words = format!("{what}: reports a change each time: a defect of the playbook, never corrected");
        said.push((Tone::Notice, "flapping", words));
    }
    if task.unreliable_since.is_some() {
        let words = format!("{what}: check and apply disagree; counted as blind");
        said.push((Tone::Notice, "unreliable in check", words));
    }
    if task.blind != 0 {
        let results = counted(task.blind, "result");
        said.push((Tone::Quiet, "blind", format!("{what}: check mode cannot see it ({results})")));
    }
    if task.for_real != 0 {
        let results = counted(task.for_real, "result");
        said.push((Tone::Quiet, "ran for real", format!("{what}: `check_mode: false` ({results})")));
    }
    said
}

/// How a run ended.
pub(super) fn ended(run: &RunSummary) -> Option<Outcome> {
    run.ending.as_ref().map(|it| it.outcome)
}

/// `1 changed, 2 failed`.
pub(super) fn host_words(run: &RunSummary) -> String {
    let it = &run.hosts;
    let counts =
        [(it.changed, words::changed(run.mode)), (it.failed, "failed"), (it.unreachable, "unreachable")];
    let parts: Vec<String> =
        counts.iter().filter(|it| it.0 != 0).map(|(count, word)| format!("{count} {word}")).collect();
    let all = counted(it.total, "host");
    match (it.total, parts.is_empty()) {
        (0, _) => String::new(),
        (_, true) => all,
        _ => format!("{all}: {}", parts.join(", ")),
    }
}

/// How long a run took, or takes so far.
pub(super) fn took(run: &RunSummary, now: &Timestamp) -> String {
    let begun = run.started_at.unwrap_or(run.decided_at);
    words::took(run.ended_at.unwrap_or(*now).duration_since(begun))
}

/// Which part of its stack a run covers.
pub(super) fn part(run: &RunSummary) -> &'static str {
    match run.selection {
        Selection::Full => "",
        Selection::SomeHosts => "some hosts",
        Selection::SomeTasks => "some tasks",
    }
}
