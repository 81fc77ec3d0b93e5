//! The one comment of ours below a merge request.

use reqwest::Method;
use serde::{Deserialize, Serialize};

use super::address::Endpoint;
use super::error::ForgeError;
use super::wire::{Account, Wire};
use crate::domain::{ForgeKind, MergeRequestNumber};

/// A comment, in the fields that all forges have in common. GitLab calls the `user` its `author`.
#[derive(Debug, Deserialize)]
struct Comment {
    id: u64,
    body: Option<String>,
    user: Option<Account>,
    author: Option<Account>,
}

impl Comment {
    fn by(&self) -> Option<u64> {
        self.user.as_ref().or(self.author.as_ref()).map(|it| it.id)
    }
}

#[derive(Debug, Serialize)]
struct Body<'a> {
    body: &'a str,
}

/// What a forge answers to a write is not read.
type Ignored = serde::de::IgnoredAny;

/// Makes our comment say `body`.
///
/// Ours is what begins with the marker and is by our own account: anybody can write the marker. If there are several,
/// because two of us raced, the oldest stays. Who creates one looks again afterwards, so both sides of a race come to
/// the same end.
pub(super) async fn write(
    wire: &Wire,
    number: MergeRequestNumber,
    marker: &str,
    body: &str,
) -> Result<(), ForgeError> {
    let with_marker = format!("{marker}\n{body}");
    let body = if is_marked(body, marker) { body } else { &with_marker };
    let limit = wire.kind.comment_limit();
    if limit < body.len() {
        return Err(ForgeError::TooLong { length: body.len(), limit });
    }
    // Some tokens may not ask who they are: those for one repository at Forgejo, those of an app at GitHub. They learn
    // it from what they write.
    let own = match wire.account().await {
        Err(ForgeError::Forbidden { .. }) => None,
        asked => Some(asked?),
    };
    if let Some(own) = own {
        let found = ours(wire, number, marker, own).await?;
        if settle(wire, number, &found, body).await? {
            return Ok(());
        }
    }
    let made: Comment = wire.write(Method::POST, &comments(wire, number), &Body { body }).await?;
    let Some(own) = made.by().or(own) else { return Ok(()) };
    wire.know_account(own);
    let found = ours(wire, number, marker, own).await?;
    if 1 < found.len() {
        settle(wire, number, &found, body).await?;
    }
    Ok(())
}

/// Makes the oldest say it, and removes the others. Whether there is one.
async fn settle(
    wire: &Wire,
    number: MergeRequestNumber,
    found: &[Comment],
    body: &str,
) -> Result<bool, ForgeError> {
    let Some((oldest, others)) = found.split_first() else { return Ok(false) };
    if oldest.body.as_deref().map(str::trim_end) != Some(body.trim_end()) {
        let method = if wire.kind == ForgeKind::Gitlab { Method::PUT } else { Method::PATCH };
        match wire.write::<Ignored>(method, &comment(wire, number, oldest.id), &Body { body }).await {
            // Somebody deleted it in between.
            Err(error) if error.is_not_found() => return Ok(false),
            result => drop(result?),
        }
    }
    for other in others {
        wire.delete(&comment(wire, number, other.id)).await?;
    }
    Ok(true)
}

async fn ours(
    wire: &Wire,
    number: MergeRequestNumber,
    marker: &str,
    own: u64,
) -> Result<Vec<Comment>, ForgeError> {
    let list = match wire.kind {
        ForgeKind::Gitlab => comments(wire, number).query("order_by", "created_at").query("sort", "asc"),
        _ => comments(wire, number),
    };
    let mut all: Vec<Comment> = wire.list(&list, |_| false).await?;
    all.retain(|it| it.by() == Some(own) && it.body.as_deref().is_some_and(|it| is_marked(it, marker)));
    all.sort_by_key(|it| it.id);
    all.dedup_by_key(|it| it.id);
    Ok(all)
}

fn is_marked(body: &str, marker: &str) -> bool {
    body.trim_start().starts_with(marker)
}

fn comments(wire: &Wire, number: MergeRequestNumber) -> Endpoint {
    let project = wire.project.endpoint("comments of the merge request");
    match wire.kind {
        ForgeKind::Gitlab => project.at("merge_requests").at(&number).at("notes"),
        _ => project.at("issues").at(&number).at("comments"),
    }
}

fn comment(wire: &Wire, number: MergeRequestNumber, id: u64) -> Endpoint {
    let project = wire.project.endpoint("comment");
    match wire.kind {
        ForgeKind::Gitlab => project.at("merge_requests").at(&number).at("notes").at(&id),
        _ => project.at("issues").at("comments").at(&id),
    }
}
