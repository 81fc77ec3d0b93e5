//! `driftless show` and `driftless logs`: one run, and what was told of it.

use clap::Args;

use super::client::{Client, ClientError};
use super::console::Console;
use super::render::{EventPages, Next, Shown, run_page};
use crate::api::{ErrorBody, EventLine, EventPosition, LogPart, LogPosition, RunList, RunView};
use crate::domain::RunId;

/// Arguments of `show`.
#[derive(Debug, Args)]
pub struct ShowArguments {
    /// The number of the run
    pub run: RunId,
    /// Show the differences themselves
    #[arg(long)]
    pub diff: bool,
}

/// Arguments of `logs`.
#[derive(Debug, Args)]
pub struct LogsArguments {
    /// The number of the run
    pub run: RunId,
    /// Wait for more while the run is live
    #[arg(short, long)]
    pub follow: bool,
    /// Show the differences themselves
    #[arg(long)]
    pub diff: bool,
    /// The raw output of Ansible instead, where the configuration has it kept (`raw_log: true`)
    #[arg(long, conflicts_with_all = ["follow", "diff"])]
    pub raw: bool,
}

/// Shows one run.
pub(super) async fn show(
    wanted: &ShowArguments,
    client: &Client,
    console: &mut Console,
) -> Result<(), ClientError> {
    let view: RunView = client.get(&format!("/runs/{}", wanted.run)).await?;
    let next = if console.wants_json() { Next::Due } else { next(&view, client).await };
    let shown = Shown { diff: wanted.diff, next };
    console.answer(&view, |view: &RunView, now| run_page(view, shown, now))
}

/// Whether what comes after such a run is still to come. A stack that is not declared any more has no next run.
async fn next(view: &RunView, client: &Client) -> Next {
    let spec = &view.run.spec;
    let path = format!("/runs?stack={}&mode={}&count=1", spec.stack, spec.mode.as_str());
    let Ok(list) = client.get::<RunList>(&path).await else { return Next::Unknown };
    match list.runs.iter().map(|it| it.run).max() {
        Some(newest) if spec.run < newest => Next::Newer(newest),
        _ => Next::Due,
    }
}

/// Shows what was told of a run.
pub(super) async fn logs(
    wanted: &LogsArguments,
    client: &Client,
    console: &mut Console,
) -> Result<(), ClientError> {
    if wanted.raw {
        return raw(wanted.run, client, console).await;
    }
    let mut stream = client.events(wanted.run, EventPosition::default(), wanted.follow).await?;
    let mut pages = EventPages::with_diff(wanted.diff);
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

/// The raw output, part by part.
async fn raw(run: RunId, client: &Client, console: &mut Console) -> Result<(), ClientError> {
    let mut from = Some(LogPosition::default());
    let mut ends_a_line = true;
    while let Some(LogPosition { from: at, skip }) = from {
        let part: LogPart = client.get(&format!("/runs/{run}/log?from={at}&skip={skip}")).await?;
        if !part.kept {
            let error = ErrorBody::not_found(format!("the raw output of run {run} is not kept"));
            let remedy = format!(
                "`driftless logs {run}` has its events; with `raw_log: true` in the configuration of the daemon, the \
                 output of later runs is kept"
            );
            return Err(error.remedy(remedy).into());
        }
        if console.wants_json() {
            console.json_line(&part)?;
        } else if !part.text.is_empty() {
            console.lines(&part.text)?;
            ends_a_line = part.text.ends_with('\n');
        }
        // One that does not go on would be asked for ever.
        from = part.next.filter(|it| from != Some(*it));
    }
    if ends_a_line { Ok(()) } else { console.lines("\n") }
}
