//! `driftless merge-requests` and `driftless preview`: what merge requests would do.

use super::act::reply;
use super::approve::no_source;
use super::client::{Client, ClientError};
use super::console::Console;
use super::render::{merge_request_page, merge_requests_page};
use crate::api::{ErrorBody, MergeRequestList, PreviewBody, Status};
use crate::domain::{MergeRequestNumber, MergeRequestStatus, SourceName};

/// Lists those that are followed, of one source or of all.
pub(super) async fn merge_requests(
    source: Option<SourceName>,
    client: &Client,
    console: &mut Console,
) -> Result<(), ClientError> {
    if let Some(source) = &source {
        let status: Status = client.get("/status").await?;
        if !status.sources.iter().any(|it| it.name == *source) {
            return Err(no_source(source, &status));
        }
    }
    let mut list: MergeRequestList = client.get("/merge-requests").await?;
    list.merge_requests.retain(|it| source.as_ref().is_none_or(|source| it.source == *source));
    console.answer(&list, merge_requests_page)
}

/// Shows the preview of one, or asks for a live one of the head that it has now.
pub(super) async fn preview(
    (source, number, live): (SourceName, MergeRequestNumber, bool),
    client: &Client,
    console: &mut Console,
) -> Result<(), ClientError> {
    let list: MergeRequestList = client.get("/merge-requests").await?;
    let named = |it: &MergeRequestStatus| it.source == source && it.facts.seen.number == number;
    let Some(found) = list.merge_requests.into_iter().find(named) else {
        let message = format!("no merge request {number} of {source} is followed");
        let remedy = "`driftless merge-requests` lists those that are; one that was merged is let go once its \
                      comment says what came of it, and `driftless runs` has its run";
        return Err(ClientError::Answered(ErrorBody::not_found(message).remedy(remedy)));
    };
    if live {
        let body = PreviewBody { head: found.facts.seen.head.clone() };
        let path = format!("/sources/{source}/merge-requests/{number}/preview");
        return reply(&client.post(&path, &body).await?, console);
    }
    console.answer(&found, merge_request_page)
}
