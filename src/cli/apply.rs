//! `driftless apply`: asks for a run, waits for it, shows how far it is, and ends as it ended.

use std::cell::Cell;
use std::time::{Duration, Instant};

use super::act::{reply, stack_path};
use super::client::{Client, ClientError};
use super::command::{ApplyArguments, PlanArguments, RevisionText};
use super::console::Console;
use super::progress::Progress;
use super::render::{Shown, plan_page, run_page};
use crate::api::{
    ActionReply, ApplyBody, ErrorBody, EventLine, EventPosition, Explanation, NameWanted, PlanBody, RunList,
    RunView, StackList,
};
use crate::domain::{DriftReport, Mode, Outcome, RunId, Trigger};
use crate::error::ExitCode;

/// The pause between two looks at whether the run began: short at first, then longer.
const LOOK: [Duration; 4] = [
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(250),
    Duration::from_secs(1),
];
/// So many looks may find neither the request nor its run before it counts as dropped.
const GONE: u32 = 4;
/// How often the line of progress is written again when nothing happens.
const REDRAW: Duration = Duration::from_millis(500);
/// How long a daemon that went away is waited for. It may be restarting.
const AWAY: Duration = Duration::from_secs(30);

/// Asks for an apply and, unless told otherwise, waits for its end.
pub(super) async fn apply(
    arguments: ApplyArguments,
    client: &Client,
    console: &mut Console,
) -> Result<ExitCode, ClientError> {
    let body = ApplyBody {
        revision: arguments.revision.map(|RevisionText(text)| text),
        limit: arguments.limit,
        tags: arguments.tags,
        outside_window: arguments.outside_window,
    };
    let answer: ActionReply = client.post(&stack_path(&arguments.stack, "apply"), &body).await?;
    let waiting = Waiting { no_wait: arguments.no_wait, shown: Shown::default() };
    wait(&arguments.stack, &answer, waiting, client, console).await
}

/// Asks for a check and, unless told otherwise, waits for its end.
pub(super) async fn plan(
    arguments: PlanArguments,
    client: &Client,
    console: &mut Console,
) -> Result<ExitCode, ClientError> {
    let body = PlanBody { limit: arguments.limit };
    let answer: ActionReply = client.post(&stack_path(&arguments.stack, "plan"), &body).await?;
    let shown = Shown { diff: arguments.diff, ..Shown::default() };
    let waiting = Waiting { no_wait: arguments.no_wait, shown };
    wait(&arguments.stack, &answer, waiting, client, console).await
}

/// Whether a run is waited for, and what is then shown of it.
struct Waiting {
    no_wait: bool,
    shown: Shown,
}

/// Waits for the run that answers a request, and shows it.
async fn wait(
    stack: &NameWanted,
    answer: &ActionReply,
    Waiting { no_wait, shown }: Waiting,
    client: &Client,
    console: &mut Console,
) -> Result<ExitCode, ClientError> {
    if no_wait {
        reply(answer, console)?;
        return Ok(ExitCode::Success);
    }
    console.note(&answer.message);
    let began = Cell::new(answer.run);
    let waited = async {
        let mut answer = answer.clone();
        loop {
            let run = begun(stack, &answer, client, console).await?;
            began.set(Some(run));
            let view = finished(run, client, console).await?;
            let refused = view.run.ending.as_ref().is_some_and(|it| it.outcome == Outcome::Refused);
            if !refused || !is_waiting(stack, client).await? {
                return Ok::<RunView, ClientError>(view);
            }
            // Somebody else works on its hosts. The request is still there, and another run will answer it.
            (answer.run, answer.after) = (None, Some(run));
        }
    };
    let detached = tokio::signal::ctrl_c();
    let result = tokio::select! {
        result = waited => Some(result?),
        _ = detached => None,
    };
    let Some(view) = result else {
        console.note(&detached_words(began.get(), stack));
        return Ok(ExitCode::Detached);
    };
    let report = match view.run.spec.mode {
        Mode::Check => client.get::<DriftReport>(&stack_path(stack, "drift")).await.ok(),
        Mode::Apply => None,
    };
    console.answer(&view, |view: &RunView, now| match &report {
        Some(report) => plan_page(view, report, shown, now),
        None => run_page(view, shown, now),
    })?;
    Ok(view.run.ending.map_or(ExitCode::Internal, |it| it.outcome.into()))
}

/// What a person who stopped waiting should know.
fn detached_words(run: Option<RunId>, stack: &NameWanted) -> String {
    match run {
        Some(run) => format!("no longer waiting; run {run} goes on, `driftless cancel {run}` ends it"),
        None => format!(
            "no longer waiting; the run will begin all the same, `driftless explain {stack}` says what it waits for"
        ),
    }
}

/// Waits until the run that answers the request has begun, and says meanwhile what it waits for.
async fn begun(
    stack: &NameWanted,
    answer: &ActionReply,
    client: &Client,
    console: &mut Console,
) -> Result<RunId, ClientError> {
    if let Some(run) = answer.run {
        return Ok(run);
    }
    let after = answer.after.unwrap_or(RunId(0));
    let mut said = String::new();
    let mut gone = 0;
    for look in 0.. {
        if let Some(run) = find(stack, after, &answer.by, client).await? {
            return Ok(run);
        }
        if gone > GONE {
            return Err(ClientError::Answered(
                ErrorBody::refused("the request was dropped before a run began")
                    .remedy(format!("`driftless explain {stack}` says why")),
            ));
        }
        // A request that is gone was answered by a run, which one of the next looks finds, or was dropped.
        gone = if is_waiting(stack, client).await? { 0 } else { gone + 1 };
        let explanation: Explanation = client.get(&stack_path(stack, "explain")).await?;
        let is_new = explanation.next != said;
        if look >= LOOK.len() {
            console.progress(&waiting_words(&explanation.next), is_new);
            said = explanation.next;
        }
        tokio::time::sleep(LOOK[look.min(LOOK.len() - 1)]).await;
    }
    unreachable!("the loop above has no end")
}

/// `waits: infra/db is first`, without saying twice that it waits.
fn waiting_words(next: &str) -> String {
    if next.starts_with("waits ") { next.to_owned() } else { format!("waits: {next}") }
}

/// The oldest run after `after` that this person asked for.
async fn find(
    stack: &NameWanted,
    after: RunId,
    by: &str,
    client: &Client,
) -> Result<Option<RunId>, ClientError> {
    let list: RunList = client.get(&format!("/runs?stack={stack}&count=20")).await?;
    let mine = list.runs.iter().filter(|it| {
        it.run > after && it.trigger == Trigger::Person && it.requested_by.as_deref() == Some(by)
    });
    Ok(mine.map(|it| it.run).min())
}

async fn is_waiting(stack: &NameWanted, client: &Client) -> Result<bool, ClientError> {
    let list: StackList = client.get("/stacks").await?;
    Ok(list.stacks.iter().any(|it| {
        it.id.stack == stack.stack
            && stack.source.as_ref().is_none_or(|source| *source == it.id.source)
            && it.request.is_some()
    }))
}

/// Follows a run to its end. A daemon that goes away meanwhile is waited for: it may be restarting.
async fn finished(run: RunId, client: &Client, console: &mut Console) -> Result<RunView, ClientError> {
    let began = Instant::now();
    let mut progress = Progress::default();
    let mut from = EventPosition::default();
    let mut away_since: Option<Instant> = None;
    loop {
        let followed = follow(run, &mut from, &mut progress, began, client, console).await;
        let error = match followed {
            Ok(true) => {
                let view: RunView = client.get(&format!("/runs/{run}")).await?;
                if view.run.ending.is_some() {
                    console.end_progress();
                    return Ok(view);
                }
                None
            }
            Ok(false) => None,
            Err(error) if error.is_passing() => Some(error),
            Err(error) => return Err(error),
        };
        match (error, away_since) {
            (None, _) => away_since = None,
            (Some(error), Some(since)) if since.elapsed() > AWAY => return Err(error),
            (Some(_), Some(_)) => {}
            (Some(_), None) => {
                console.progress("the daemon went away; waiting for it to be back", true);
                away_since = Some(Instant::now());
            }
        }
        tokio::time::sleep(LOOK[2]).await;
    }
}

/// Follows one event stream to its end. Whether the run is over.
async fn follow(
    run: RunId,
    from: &mut EventPosition,
    progress: &mut Progress,
    began: Instant,
    client: &Client,
    console: &mut Console,
) -> Result<bool, ClientError> {
    let mut stream = client.events(run, *from, true).await?;
    let mut redraw = tokio::time::interval(REDRAW);
    loop {
        let line = tokio::select! {
            line = stream.next() => line?,
            _ = redraw.tick(), if console.has_live_line() => {
                console.progress(&progress.line(began.elapsed()), false);
                continue;
            }
        };
        match line {
            None => return Ok(false),
            Some(EventLine::Event { event }) => {
                let is_new = progress.add(&event);
                if is_new && !console.has_live_line() {
                    console.progress(&progress.heading(began.elapsed()), true);
                }
            }
            Some(EventLine::Position { next }) => *from = next,
            Some(EventLine::End { next, over, .. }) => {
                *from = next;
                return Ok(over);
            }
            Some(EventLine::Error { error }) => return Err(ClientError::Answered(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_stops_waiting_is_told_the_command_that_ends_that_run() {
        let stack = "infra/web".parse().expect("a name");
        let text = detached_words(Some(RunId(9)), &stack);
        assert_eq!(text, "no longer waiting; run 9 goes on, `driftless cancel 9` ends it");
        let text = detached_words(None, &stack);
        assert!(text.contains("`driftless explain infra/web`"), "{text}");
    }

    #[test]
    fn that_it_waits_is_said_once() {
        assert_eq!(waiting_words("waits for infra/db"), "waits for infra/db");
        assert_eq!(waiting_words("run 8 is live (apply)"), "waits: run 8 is live (apply)");
    }
}
