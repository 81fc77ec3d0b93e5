//! `driftless drift`: what differs from Git.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use clap::{Args, ValueEnum};

use super::act::stack_path;
use super::client::{Client, ClientError};
use super::console::Console;
use super::render::{Diffs, drift_page};
use crate::api::{NameWanted, RunView, StackList};
use crate::domain::{ChangeClass, DriftReport, RunId};

/// Arguments of `drift`.
#[derive(Debug, Args)]
pub struct DriftArguments {
    /// Only this stack
    pub stack: Option<NameWanted>,
    /// Only this host
    #[arg(long, value_name = "HOST")]
    pub host: Option<String>,
    /// Only this class: intended, corrective, recurring or flapping
    #[arg(long, value_name = "CLASS")]
    pub class: Option<ClassWanted>,
    /// Show the differences themselves
    #[arg(long)]
    pub diff: bool,
}

/// Whose doing a difference is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ClassWanted {
    /// Git moved, and the host does not have it yet.
    Intended,
    /// Somebody changed the host.
    Corrective,
    /// The same, again.
    Recurring,
    /// The task reports a change each time.
    Flapping,
}

/// Shows what differs, of one stack or of all.
pub(super) async fn drift(
    arguments: DriftArguments,
    client: &Client,
    console: &mut Console,
) -> Result<(), ClientError> {
    let stacks: Vec<NameWanted> = if let Some(stack) = arguments.stack {
        vec![stack]
    } else {
        let list: StackList = client.get("/stacks").await?;
        list.stacks.iter().filter_map(|it| it.id.to_string().parse().ok()).collect()
    };
    let mut reports = Vec::new();
    for stack in &stacks {
        let mut report: DriftReport = client.get(&stack_path(stack, "drift")).await?;
        for host in &mut report.hosts {
            let wanted = arguments.host.as_ref().is_none_or(|it| host.host.as_str() == it);
            host.drift.retain(|it| wanted && arguments.class.is_none_or(|class| class.means(it.class)));
        }
        reports.push(report);
    }
    let diffs = if arguments.diff { diffs(&reports, client).await? } else { Diffs::new() };
    console.answer(&reports, |reports: &Vec<DriftReport>, now| drift_page(reports, &diffs, now))
}

/// The differences themselves, from the records of the checks that saw them, as far as they are kept.
async fn diffs(reports: &[DriftReport], client: &Client) -> Result<Diffs, ClientError> {
    let mut runs: BTreeMap<RunId, RunView> = BTreeMap::new();
    let mut diffs = Diffs::new();
    for report in reports {
        for host in &report.hosts {
            for it in &host.drift {
                let run = match runs.entry(it.run) {
                    Entry::Occupied(known) => known.into_mut(),
                    Entry::Vacant(place) => place.insert(client.get(&format!("/runs/{}", it.run)).await?),
                };
                let same = run.notable.iter().find(|result| {
                    result.host == host.host && result.task.key() == it.task.key() && result.detail.is_some()
                });
                if let Some(detail) = same.and_then(|it| it.detail.clone()) {
                    diffs.insert((host.host.clone(), it.task.key(), it.item.clone()), detail.diff);
                }
            }
        }
    }
    Ok(diffs)
}

impl ClassWanted {
    fn means(self, class: ChangeClass) -> bool {
        class
            == match self {
                Self::Intended => ChangeClass::Intended,
                Self::Corrective => ChangeClass::Corrective,
                Self::Recurring => ChangeClass::Recurring,
                Self::Flapping => ChangeClass::Flapping,
            }
    }
}
