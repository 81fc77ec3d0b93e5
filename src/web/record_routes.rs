//! The routes of the API for those who look closer.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::routing::{MethodRouter, get};

use super::Backend;
use super::api_routes::AskedRun;
use super::reply::{Answer, answer};
use crate::api::{
    AuditStanding, CommitView, ErrorBody, LogPart, LogPosition, MergeRequestView, TaskQuery, TaskResults,
};
use crate::domain::{CommitHash, MergeRequestNumber, RunId, RunOutline, SourceName};

/// The handler of a path below the beginning of the API, if it is one of these.
pub(super) fn handler<B: Backend>(path: &str) -> Option<MethodRouter<B>> {
    Some(match path {
        "/runs/{run}/tasks" => get(outline::<B>),
        "/runs/{run}/tasks/{task}" => get(task_results::<B>),
        "/runs/{run}/log" => get(raw_log::<B>),
        "/sources/{source}/commits/{commit}" => get(commit::<B>),
        "/sources/{source}/merge-requests/{number}" => get(merge_request::<B>),
        "/audit/standing" => get(audit_standing::<B>),
        _ => return None,
    })
}

async fn outline<B: Backend>(State(backend): State<B>, AskedRun(run): AskedRun) -> Answer<RunOutline> {
    answer(backend.outline(run).await)
}

async fn task_results<B: Backend>(
    State(backend): State<B>,
    Path((run, task)): Path<(String, String)>,
    query: Result<Query<TaskQuery>, QueryRejection>,
) -> Answer<TaskResults> {
    let (Query(query), run) = (query?, run.parse::<RunId>()?);
    let task = task.parse().map_err(|_| ErrorBody::bad_request("a task of a run is a number"))?;
    answer(backend.task_results(run, task, query.filter()?).await)
}

async fn raw_log<B: Backend>(
    State(backend): State<B>,
    AskedRun(run): AskedRun,
    query: Result<Query<LogPosition>, QueryRejection>,
) -> Answer<LogPart> {
    let Query(from) = query?;
    answer(backend.raw_log(run, from).await)
}

async fn commit<B: Backend>(
    State(backend): State<B>,
    Path((source, commit)): Path<(String, String)>,
) -> Answer<CommitView> {
    let source = source.parse::<SourceName>()?;
    let commit: CommitHash = commit
        .parse()
        .map_err(|_| ErrorBody::bad_request("a commit is named by all 40 digits of its hash"))?;
    answer(backend.commit(source, commit).await)
}

async fn merge_request<B: Backend>(
    State(backend): State<B>,
    Path((source, number)): Path<(String, String)>,
) -> Answer<MergeRequestView> {
    let (source, number) = (source.parse::<SourceName>()?, number.parse::<MergeRequestNumber>()?);
    answer(backend.merge_request(source, number).await)
}

async fn audit_standing<B: Backend>(State(backend): State<B>) -> Answer<AuditStanding> {
    answer(backend.audit_standing().await)
}
