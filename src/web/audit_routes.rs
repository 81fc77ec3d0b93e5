//! The routes of the audit chain.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Extension, Query, State};
use axum::http::Uri;
use axum::response::Response;

use super::Backend;
use super::api_routes::{Wanted, body};
use super::paging::page;
use super::reply::{Answer, Refusal, answer};
use crate::api::{ActionReply, AuditQuery, EraseBody, ErrorBody, NameWanted, resolve_stack};
use crate::domain::Caller;

/// The longest name of a person that is looked for, in characters.
const LONGEST_NAME: usize = 256;

pub(super) async fn audit<B: Backend>(
    State(backend): State<B>,
    Extension(caller): Extension<Caller>,
    uri: Uri,
    query: Result<Query<AuditQuery>, QueryRejection>,
) -> Result<Response, Refusal> {
    let Query(mut query) = query?;
    if !(1..=AuditQuery::MOST).contains(&query.count.unwrap_or(1)) {
        return Err(ErrorBody::bad_request(format!("`count` goes from 1 to {}", AuditQuery::MOST)).into());
    }
    if let Some(object) = &query.object {
        // A stack by its name alone, where it is known; all else as it is, since what is gone has records, too.
        let wanted = object.parse::<NameWanted>().ok().filter(|it| it.source.is_none());
        if let Some(wanted) = wanted {
            let mut known = backend.stack_ids().await?;
            known.retain(|it| caller.scope.has_stack(it));
            query.object = resolve_stack(&wanted, &known).map(|it| it.to_string()).ok().or(query.object);
        }
    }
    let newest = query.newest;
    let count = query.count.unwrap_or(AuditQuery::MOST);
    let list = backend.audit(query, caller.scope).await?;
    // Of a page that is full, something may follow.
    let full = usize::try_from(count).is_ok_and(|it| it <= list.records.len() + list.unreadable.len());
    let next = list.records.last().filter(|_| full && !newest).map(|it| (it.seq + 1).to_string());
    Ok(page(list, &uri, &[("next", "from", next)]))
}

pub(super) async fn erase<B: Backend>(
    State(backend): State<B>,
    Extension(by): Extension<Caller>,
    wanted: Wanted,
) -> Answer<ActionReply> {
    let EraseBody { name } = body(wanted)?;
    if name.trim().is_empty() || LONGEST_NAME < name.chars().count() {
        return Err(Refusal(ErrorBody::bad_request("`name` is the name of a person, as records have it")));
    }
    answer(backend.erase(name, by).await)
}
