//! Carries out the commands that only talk to the daemon.

use super::alerts::alerts;
use super::apply::{apply, plan};
use super::approve::approve;
use super::audit::audit;
use super::client::{Client, ClientError};
use super::command::ClientCommand;
use super::console::Console;
use super::drift::drift;
use super::merge_requests::{merge_requests, preview};
use super::page::{Page, plain};
use super::render::{explanation_page, host_list_page, hosts_page, runs_page, stacks_page, status_page};
use super::show::{logs, show};
use super::tokens::{sign_in, tokens};
use crate::api::{ActionReply, CancelBody, Explanation, HostList, NameWanted, RunList, StackList, Status};
use crate::domain::{DriftReport, Timestamp};
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
        ClientCommand::Runs(wanted) => {
            let path = wanted.path(console.now())?;
            console.answer(&client.get::<RunList>(&path).await?, runs_page)?;
        }
        ClientCommand::Show(wanted) => show(&wanted, client, console).await?,
        ClientCommand::Logs(wanted) => logs(&wanted, client, console).await?,
        ClientCommand::Explain { stack } => {
            let explanation: Explanation = client.get(&stack_path(&stack, "explain")).await?;
            console.answer(&explanation, explanation_page)?;
        }
        ClientCommand::Apply(arguments) => return apply(arguments, client, console).await,
        ClientCommand::Drift(arguments) => drift(arguments, client, console).await?,
        ClientCommand::Hosts { stack: None } => {
            console.answer(&client.get::<HostList>("/hosts").await?, host_list_page)?;
        }
        ClientCommand::Hosts { stack: Some(stack) } => {
            let report: DriftReport = client.get(&stack_path(&stack, "drift")).await?;
            console.answer(&report, hosts_page)?;
        }
        ClientCommand::Alerts(arguments) => alerts(arguments, client, console).await?,
        ClientCommand::SignIn => sign_in(client, console).await?,
        ClientCommand::Tokens(wanted) => tokens(wanted, client, console).await?,
        ClientCommand::Audit(wanted) => return audit(wanted, client, console).await,
        ClientCommand::Plan(arguments) => return plan(arguments, client, console).await,
        ClientCommand::Approve { what, waiting } => approve(&what, waiting, client, console).await?,
        ClientCommand::MergeRequests { source } => merge_requests(source, client, console).await?,
        ClientCommand::Preview { source, number, live } => {
            preview((source, number, live), client, console).await?;
        }
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

/// Prints the answer to an action.
pub(super) fn reply(reply: &ActionReply, console: &mut Console) -> Result<(), ClientError> {
    console.answer(reply, |reply: &ActionReply, _now: Timestamp| {
        let mut page = Page::default();
        page.line(&[plain(&reply.message)]);
        page
    })
}
