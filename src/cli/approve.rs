//! `driftless approve`: shows what waits for a person, and accepts exactly that.

use super::act::reply;
use super::client::{Client, ClientError};
use super::console::Console;
use super::page::{Page, plain};
use super::render::{coverage_words, waiting_page};
use crate::api::{
    ApproveBody, ApproveHostsBody, ErrorBody, NameWanted, RevisionAsked, Status, resolve_stack,
};
use crate::domain::{Failure, NameError, SourceName, StackId, StackStatus};

/// Accepts what waits, or shows it: of a source if one has that name, else of a stack.
pub(super) async fn approve(
    what: &str,
    waiting: Option<String>,
    client: &Client,
    console: &mut Console,
) -> Result<(), ClientError> {
    let bad = |it: NameError| ClientError::Answered(ErrorBody::bad_request(it.to_string()));
    let wanted: NameWanted = what.parse().map_err(bad)?;
    let status: Status = client.get("/status").await?;
    let known: Vec<StackId> = status.stacks.iter().map(|it| it.id.clone()).collect();
    if wanted.source.is_none() {
        let source: SourceName = what.parse().map_err(bad)?;
        let is_stack = known.iter().any(|it| it.stack == wanted.stack);
        if !is_stack || status.sources.iter().any(|it| it.name == source) {
            return approve_revision(source, waiting, &status, client, console).await;
        }
    }
    let stack = resolve_stack(&wanted, &known).map_err(ClientError::Answered)?;
    approve_hosts(&stack, waiting, &status, client, console).await
}

/// What is said of a source that is none.
pub(super) fn no_source(source: &SourceName, status: &Status) -> ClientError {
    let known: Vec<&str> = status.sources.iter().map(|it| it.name.as_str()).collect();
    let error = ErrorBody::not_found(format!("there is no source `{source}`"));
    let remedy = match known.as_slice() {
        [] => "the configuration of the daemon names none".to_owned(),
        known => format!("there are: {}", known.join(", ")),
    };
    ClientError::Answered(error.remedy(remedy))
}

/// Accepts an apply whose hosts or changes are not what they were, or shows it.
async fn approve_hosts(
    stack: &StackId,
    digest: Option<String>,
    status: &Status,
    client: &Client,
    console: &mut Console,
) -> Result<(), ClientError> {
    if let Some(digest) = digest {
        let body = ApproveHostsBody { digest };
        let path = format!("/stacks/{stack}/approve");
        return reply(&client.post(&path, &body).await?, console);
    }
    let found = status.stacks.iter().find(|it| it.id == *stack);
    let Some(status) = found else {
        return Err(ClientError::Answered(ErrorBody::not_found(format!("there is no stack `{stack}`"))));
    };
    console.answer(status, |status: &StackStatus, _| waiting_of_stack(stack, status))
}

fn waiting_of_stack(stack: &StackId, status: &StackStatus) -> Page {
    let mut page = Page::default();
    let hold = status.airbag.as_ref().filter(|it| it.approved_by.is_none());
    let shown = status.approval.as_ref().filter(|it| it.approved.is_none());
    if let Some(hold) = hold {
        page.line(&[plain(format!("{} waits: {}", hold.revision.short(), hold.comparison))]);
        page.line(&[plain(format!("to apply it all the same: driftless approve {stack} {}", hold.digest))]);
    }
    if let Some(shown) = shown {
        let again = if shown.lapsed { ", and is not what was approved" } else { "" };
        page.line(&[plain(format!(
            "{} waits: run {} predicts changes: {}, on hosts: {}{again}; {}",
            shown.revision.short(),
            shown.run,
            shown.changes,
            shown.hosts.len(),
            coverage_words(&shown.coverage)
        ))]);
        page.line(&[plain(format!("to see them: driftless show {}", shown.run))]);
        page.line(&[plain(format!("to apply exactly that: driftless approve {stack} {}", shown.digest))]);
    }
    if hold.is_none() && shown.is_none() {
        page.line(&[plain(format!("nothing of {stack} waits for a person"))]);
    }
    page
}

/// Accepts a commit, or shows what waits.
async fn approve_revision(
    source: SourceName,
    commit: Option<String>,
    status: &Status,
    client: &Client,
    console: &mut Console,
) -> Result<(), ClientError> {
    if let Some(commit) = &commit {
        commit.parse::<RevisionAsked>().map_err(ClientError::Answered)?;
    }
    let Some(page) = waiting_page(status, &source) else { return Err(no_source(&source, status)) };
    let found = status.sources.iter().find(|it| it.name == source);
    let Some(commit) = commit else {
        return console.answer(&found, |_, _| page);
    };
    let waiting = found.and_then(|it| it.waiting.as_ref());
    let wanted = commit.rsplit(':').next().unwrap_or_default().to_ascii_lowercase();
    match waiting {
        Some(waiting) if waiting.commit.as_str().starts_with(&wanted) => {
            let body = ApproveBody { commit: waiting.commit.clone() };
            reply(&client.post(&format!("/sources/{source}/approve"), &body).await?, console)
        }
        Some(waiting) => Err(refused(format!("{} waits, not {commit}", waiting.commit), &source)),
        None => Err(refused(format!("nothing of {source} waits for approval"), &source)),
    }
}

fn refused(message: String, source: &SourceName) -> ClientError {
    let failure =
        Failure::until_changed(message).remedy(format!("look at it with `driftless approve {source}`"));
    ClientError::Answered(ErrorBody::from_failure(crate::api::ErrorCode::Refused, failure))
}
