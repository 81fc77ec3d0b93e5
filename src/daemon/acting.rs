//! What people ask for that starts or ends runs: answered at the desk, decided by the core.

use std::sync::Arc;

use crate::api::{
    ActionReply, ApplyBody, ApproveBody, CancelBody, ErrorBody, ErrorCode, PlanBody, RevisionAsked,
};
use crate::domain::{Caller, Event, Mode, Request, Revision, RunId, SourceName, StackId, StackStatus};
use crate::reconciler::intersect_limits;
use crate::web::Backend as _;

use super::asked_commit;
use super::desk::Desk;

/// Records a request for an apply.
pub(super) async fn apply(
    desk: &Desk,
    stack: StackId,
    body: ApplyBody,
    by: Caller,
) -> Result<ActionReply, ErrorBody> {
    let status = desk.stack(&stack).await?;
    let revision = match &body.revision {
        Some(asked) => Some(admitted_revision(desk, &status, asked).await?),
        None => None,
    };
    refuse_suspended(&stack, &status)?;
    if let Some(asked) = &body.limit {
        // The core would not take it; better said now than a run that never comes.
        intersect_limits(status.policy.limit.as_deref(), Some(asked))
            .map_err(|it| ErrorBody::from_failure(ErrorCode::Refused, it))?;
    }
    let what = revision.as_ref().unwrap_or(&status.head).short();
    let (limit, tags, outside_window) = (body.limit, body.tags, body.outside_window);
    let request = Request { mode: Mode::Apply, by: by.name.clone(), revision, limit, tags, outside_window };
    desk.wish(
        Event::RunRequested { stack: stack.clone(), request },
        &by,
        format!("{what} is to be applied to {stack}"),
    )
    .await
}

/// Records a request for a check.
pub(super) async fn plan(
    desk: &Desk,
    stack: StackId,
    body: PlanBody,
    by: Caller,
) -> Result<ActionReply, ErrorBody> {
    let status = desk.stack(&stack).await?;
    refuse_suspended(&stack, &status)?;
    if let Some(asked) = &body.limit {
        intersect_limits(status.policy.limit.as_deref(), Some(asked))
            .map_err(|it| ErrorBody::from_failure(ErrorCode::Refused, it))?;
    }
    // What was applied last is what its hosts are compared with; the head where nothing was.
    let revision = status.attempted.filter(|it| it.commit != status.head.commit);
    let what = revision.as_ref().unwrap_or(&status.head).short();
    let (limit, tags, outside_window) = (body.limit, Vec::new(), None);
    let request = Request { mode: Mode::Check, by: by.name.clone(), revision, limit, tags, outside_window };
    let message = format!("{stack} is to be compared with {what}");
    desk.wish(Event::RunRequested { stack, request }, &by, message).await
}

/// Records that a live run is to end.
pub(super) async fn cancel(
    desk: &Desk,
    run: RunId,
    body: CancelBody,
    by: Caller,
) -> Result<ActionReply, ErrorBody> {
    let live = desk.inbox.ask(move |core, _| core.live_runs().iter().any(|it| it.run == run)).await?;
    if !live {
        desk.run(run).await?; // Tells a run that is over from one that never was.
        return Err(ErrorBody::refused(format!("run {run} is over already")));
    }
    let message = format!("run {run} is being ended; its revision is held until a newer one or a person");
    let event = Event::CancelRequested { run, by: by.name.clone(), suspend: body.suspend };
    let reply = desk.wish(event, &by, message).await?;
    Ok(ActionReply { run: Some(run), ..reply })
}

/// Records that a waiting revision is accepted.
pub(super) async fn approve(
    desk: &Desk,
    source: SourceName,
    body: ApproveBody,
    by: Caller,
) -> Result<ActionReply, ErrorBody> {
    let overview = desk.overview().await?;
    let Some(status) = overview.sources.into_iter().find(|it| it.name == source) else {
        return Err(ErrorBody::not_found(format!("there is no source `{source}`")));
    };
    match status.waiting {
        None => Err(ErrorBody::refused(format!("nothing of source {source} waits for a person"))),
        Some(waiting) if waiting.commit != body.commit => {
            Err(ErrorBody::refused(format!("{} does not wait; {waiting} does", body.commit.short()))
                .remedy("look at what waits now, and approve that"))
        }
        Some(waiting) => {
            let message = format!("{} is admitted", waiting.short());
            let event = Event::Approved { source, commit: body.commit, by: by.name.clone() };
            desk.wish(event, &by, message).await
        }
    }
}

/// The full revision that a person means; it must have been admitted, itself or as an ancestor.
async fn admitted_revision(desk: &Desk, stack: &StackStatus, asked: &str) -> Result<Revision, ErrorBody> {
    let asked: RevisionAsked = asked.parse()?;
    let source = stack.id.source.clone();
    let status = desk.overview().await?.sources.into_iter().find(|it| it.name == source);
    let admitted = status
        .and_then(|it| it.admitted)
        .ok_or_else(|| ErrorBody::refused(format!("nothing of source {source} was admitted yet")))?;
    let git = Arc::clone(&desk.git);
    let commit = tokio::task::spawn_blocking(move || asked_commit::find(&git, &source, &asked, &admitted))
        .await
        .map_err(|_| ErrorBody::new(ErrorCode::Internal, "the look into the repository broke off"))??;
    Ok(Revision { reference: stack.head.reference.clone(), commit })
}

fn refuse_suspended(stack: &StackId, status: &StackStatus) -> Result<(), ErrorBody> {
    status.suspended.as_ref().map_or(Ok(()), |(who, _)| {
        Err(ErrorBody::refused(format!("{stack} is suspended by {who}"))
            .remedy(format!("`driftless resume {stack}` first")))
    })
}

/// Nothing more of a stack is to be started.
pub(super) async fn suspend(desk: &Desk, stack: StackId, by: Caller) -> Result<ActionReply, ErrorBody> {
    if let Some((who, _)) = desk.stack(&stack).await?.suspended {
        return Ok(nothing_done(
            by,
            format!("{stack} is suspended already, by {who}: nothing was to be done"),
        ));
    }
    let message = format!("{stack} is suspended: nothing more of it is started; a live run goes on");
    desk.wish(Event::Suspended { stack, by: by.name.clone() }, &by, message).await
}

/// A stack goes on, whatever stopped it.
pub(super) async fn resume(desk: &Desk, stack: StackId, by: Caller) -> Result<ActionReply, ErrorBody> {
    let status = desk.stack(&stack).await?;
    let message = match (&status.suspended, &status.hold) {
        (None, None) => {
            let message = format!("{stack} is neither suspended nor held: nothing was to be done");
            return Ok(nothing_done(by, message));
        }
        (Some(_), None) => format!("{stack} is resumed"),
        (None, Some(hold)) => format!("the hold of {} at {stack} is ended", hold.revision.short()),
        (Some(_), Some(hold)) => {
            format!("{stack} is resumed, and the hold of {} is ended", hold.revision.short())
        }
    };
    desk.wish(Event::Resumed { stack, by: by.name.clone() }, &by, message).await
}

/// The answer to a wish that is fulfilled already: nothing is recorded of it.
fn nothing_done(by: Caller, message: String) -> ActionReply {
    ActionReply { message, by: by.name, run: None, after: None }
}
