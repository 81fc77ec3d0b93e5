//! What people approve of and ask for before hosts are touched: answered at the desk, decided by the core.

use crate::api::{ActionReply, ApproveHostsBody, ErrorBody, PreviewBody};
use crate::domain::{
    Caller, Event, MergeRequestNumber, MergeRequestState, PreviewLevel, SourceName, StackId,
};

use super::desk::Desk;

/// Records that a person approves of what waits of a stack: of a revision, or of hosts that are not what they were.
pub(super) async fn approve_what_waits(
    desk: &Desk,
    stack: StackId,
    body: ApproveHostsBody,
    by: Caller,
) -> Result<ActionReply, ErrorBody> {
    let status = desk.stack(&stack).await?;
    let hold = status.airbag.filter(|it| it.approved_by.is_none());
    let shown = status.approval.filter(|it| it.approved.is_none());
    if let Some(hold) = hold.as_ref().filter(|it| it.digest == body.digest) {
        let message = format!("{} is applied to {stack} all the same", hold.revision.short());
        let event = Event::AirbagApproved { stack, digest: body.digest, by: by.name.clone() };
        return desk.wish(event, &by, message).await;
    }
    if let Some(shown) = shown.as_ref().filter(|it| it.digest == body.digest) {
        let message =
            format!("{} is approved for {stack}, as run {} saw it", shown.revision.short(), shown.run);
        let event = Event::RevisionApproved { stack, digest: body.digest, by: by.name.clone() };
        return desk.wish(event, &by, message).await;
    }
    let waiting = hold.map(|it| it.digest).into_iter().chain(shown.map(|it| it.digest));
    let waiting: Vec<String> = waiting.collect();
    if waiting.is_empty() {
        return Err(ErrorBody::refused(format!("nothing of {stack} waits for a person")));
    }
    Err(ErrorBody::refused(format!("{} does not wait; {} does", body.digest, waiting.join(", ")))
        .remedy("look at what waits now, and approve that"))
}

/// Records that a person asks for a live preview of the head that was shown.
pub(super) async fn preview(
    desk: &Desk,
    source: SourceName,
    number: MergeRequestNumber,
    body: PreviewBody,
    by: Caller,
) -> Result<ActionReply, ErrorBody> {
    let asked = source.clone();
    let known = desk.inbox.ask(move |core, _| {
        let policy = core.settings().sources.iter().find(|it| it.name == asked)?.merge_requests.clone();
        let found =
            core.merge_requests().into_iter().find(|it| it.source == asked && it.facts.seen.number == number);
        Some((policy, found))
    });
    let Some((policy, found)) = known.await? else {
        return Err(ErrorBody::not_found(format!("there is no source `{source}`")));
    };
    let Some(policy) = policy else {
        return Err(ErrorBody::refused(format!("the merge requests of {source} are not followed"))
            .remedy("configure `forge` for the source"));
    };
    let Some(found) = found else {
        return Err(ErrorBody::not_found(format!("there is no merge request {number} of {source}"))
            .remedy("`driftless merge-requests` lists them; the forge is asked every so often"));
    };
    let seen = &found.facts.seen;
    if policy.level != PreviewLevel::Live {
        return Err(ErrorBody::refused(format!("live previews of {source} are not allowed")).remedy(
            "set `merge_requests.previews: live`: it executes what a merge request says with the real keys",
        ));
    }
    if seen.state != MergeRequestState::Open {
        return Err(ErrorBody::refused(format!("merge request {number} is not open")));
    }
    if seen.fork && !policy.forks {
        return Err(ErrorBody::refused(format!("merge request {number} comes from another repository"))
            .remedy("set `merge_requests.forks: true` to preview those, too"));
    }
    if seen.head != body.head {
        return Err(ErrorBody::refused(format!(
            "the head of merge request {number} is {} now",
            seen.head.short()
        ))
        .remedy("look at what it is now, and ask for that"));
    }
    let message =
        format!("{} of merge request {number} is to be checked with the real keys", seen.head.short());
    let event = Event::PreviewRequested { source, number, head: body.head, by: by.name.clone() };
    desk.wish(event, &by, message).await
}
