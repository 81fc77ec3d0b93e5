//! Carries out the commands that only talk to the daemon.

use super::apply::apply;
use super::client::{Client, ClientError};
use super::command::{ClientCommand, RevisionText};
use super::console::Console;
use super::page::{Page, plain};
use super::render::{
    EventPages, explanation_page, run_page, runs_page, stacks_page, status_page, waiting_page,
};
use crate::api::{
    ActionReply, ApproveBody, CancelBody, ErrorBody, EventLine, EventPosition, Explanation, NameWanted,
    RunList, RunView, StackList, Status,
};
use crate::domain::{Failure, RunId, SourceName, Timestamp};
use crate::error::ExitCode;

/// Carries a command out and says how the program ends.
pub(super) async fn act(
    command: ClientCommand,
    client: &Client,
    console: &mut Console,
) -> Result<ExitCode, ClientError> {
    match command {
        ClientCommand::Status => console.answer(&client.get::<Status>("/status").await?, status_page)?,
        ClientCommand::Stacks => console.answer(&client.get::<StackList>("/stacks").await?, stacks_page)?,
        ClientCommand::Runs { stack, count, before } => {
            console.answer(
                &client.get::<RunList>(&runs_path(stack.as_ref(), count, before)).await?,
                runs_page,
            )?;
        }
        ClientCommand::Show { run } => {
            console.answer(&client.get::<RunView>(&format!("/runs/{run}")).await?, run_page)?;
        }
        ClientCommand::Logs { run, follow } => logs(run, follow, client, console).await?,
        ClientCommand::Explain { stack } => {
            let explanation: Explanation = client.get(&stack_path(&stack, "explain")).await?;
            console.answer(&explanation, explanation_page)?;
        }
        ClientCommand::Apply(arguments) => return apply(arguments, client, console).await,
        ClientCommand::Approve { source, commit } => approve(source, commit, client, console).await?,
        ClientCommand::Cancel { run, suspend } => {
            reply(&client.post(&format!("/runs/{run}/cancel"), &CancelBody { suspend }).await?, console)?;
        }
        ClientCommand::Suspend { stack } => {
            reply(&client.post(&stack_path(&stack, "suspend"), &()).await?, console)?;
        }
        ClientCommand::Resume { stack } => {
            reply(&client.post(&stack_path(&stack, "resume"), &()).await?, console)?;
        }
    }
    Ok(ExitCode::Success)
}

/// The path of something about a stack.
pub(super) fn stack_path(stack: &NameWanted, what: &str) -> String {
    format!("/stacks/{}/{what}", stack.to_path())
}

fn runs_path(stack: Option<&NameWanted>, count: u32, before: Option<RunId>) -> String {
    let before = before.map_or_else(String::new, |it| format!("&before={it}"));
    // Names and the stroke between them need no escaping in a query.
    let stack = stack.map_or_else(String::new, |it| format!("&stack={it}"));
    format!("/runs?count={count}{before}{stack}")
}

/// Prints the answer to an action.
pub(super) fn reply(reply: &ActionReply, console: &mut Console) -> Result<(), ClientError> {
    console.answer(reply, |reply: &ActionReply, _now: Timestamp| {
        let mut page = Page::default();
        page.line(&[plain(&reply.message)]);
        page
    })
}

async fn logs(run: RunId, follow: bool, client: &Client, console: &mut Console) -> Result<(), ClientError> {
    let mut stream = client.events(run, EventPosition::default(), follow).await?;
    let mut pages = EventPages::default();
    let mut lost_events = 0;
    while let Some(line) = stream.next().await? {
        match line {
            EventLine::Event { event } if console.wants_json() => console.json_line(&event)?,
            EventLine::Event { event } => console.page(pages.page(&[event]))?,
            EventLine::Position { .. } => {}
            EventLine::Error { error } => return Err(ClientError::Answered(error)),
            EventLine::End { lost, .. } => {
                lost_events = lost;
                break;
            }
        }
    }
    if lost_events != 0 {
        console.note(&format!("{lost_events} events could not be recorded; this is not all"));
    }
    Ok(())
}

/// Accepts a commit, or shows what waits.
async fn approve(
    source: SourceName,
    commit: Option<RevisionText>,
    client: &Client,
    console: &mut Console,
) -> Result<(), ClientError> {
    let status: Status = client.get("/status").await?;
    let Some(page) = waiting_page(&status, &source) else {
        let known: Vec<&str> = status.sources.iter().map(|it| it.name.as_str()).collect();
        let error = ErrorBody::not_found(format!("there is no source `{source}`"));
        return Err(ClientError::Answered(error.remedy(format!("there are: {}", known.join(", ")))));
    };
    let found = status.sources.iter().find(|it| it.name == source);
    let Some(RevisionText(commit)) = commit else {
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
