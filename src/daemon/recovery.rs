//! After a restart: waits until nothing is left of the runs of the daemon before, and closes their records.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::ansible::guardian::{LeftoversError, await_gone};
use crate::ansible::place;
use crate::domain::{Ending, Event, HostEnd, Outcome, Reason, Run, Tally};

use super::hands::Tools;
use super::preparing;

/// How long one look for what is left may take before it is said and begun again.
const ONE_LOOK: Duration = Duration::from_secs(20);

/// Takes each run that was live when the last daemon ended to its end. Other stacks do not wait for it.
pub(super) fn begin(tools: &Arc<Tools>, live: Vec<Run>) {
    for run in live {
        let tools = Arc::clone(tools);
        drop(tokio::spawn(async move {
            wait(&tools, &run).await;
            preparing::tidy(&tools, run.spec.run).await;
            let event = closing(&tools, run).await;
            tools.inbox.send(event).await;
        }));
    }
}

async fn wait(tools: &Tools, run: &Run) {
    let id = run.spec.run;
    let cgroup = tools.cgroup.as_ref().map(|it| it.join(format!("run-{id}")));
    loop {
        match await_gone(place::leftovers(&tools.places.run(id), cgroup.clone()), ONE_LOOK).await {
            Ok(0) => {
                return tracing::info!(run = %id, "nothing is left of the run that the last daemon was running");
            }
            Ok(killed) => return tracing::warn!(run = %id, killed, "what was left of a run was killed"),
            Err(error @ LeftoversError::Lock { .. }) => {
                tracing::error!(run = %id, error = &error as &dyn std::error::Error, "cannot look for what is left of a run");
                tokio::time::sleep(ONE_LOOK).await;
            }
            Err(error) => {
                tracing::warn!(run = %id, error = &error as &dyn std::error::Error, "a run of the last daemon is still there");
            }
        }
    }
}

/// The run was interrupted, also where it had told its recap: nobody heard how it ended.
async fn closing(tools: &Tools, run: Run) -> Event {
    let recorded = tools.store.run(run.spec.run).await.ok().flatten().unwrap_or(run);
    let tally = Tally { hosts: recorded.hosts, ..Tally::default() };
    let hosts = tally.host_ends().into_iter().filter(|(_, end)| *end != HostEnd::Converged).collect();
    let by = "the daemon ended while it ran".to_owned();
    let ending = Ending::because(Outcome::Interrupted, Reason::Stopped { by });
    Event::RunFinished { run: recorded.spec.run, ending, hosts }
}

/// Removes directories of runs that no record knows as live.
pub(super) fn sweep(parent: &Path, live: &[Run], remove: impl Fn(&Path) -> std::io::Result<()>) {
    let Ok(entries) = std::fs::read_dir(parent) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        if live.iter().any(|it| name.to_str() == Some(&it.spec.run.to_string())) {
            continue;
        }
        if let Err(error) = remove(&entry.path()) {
            tracing::warn!(path = %entry.path().display(), %error, "what an old run left cannot be removed");
        }
    }
}
