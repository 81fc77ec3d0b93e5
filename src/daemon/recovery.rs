//! After a restart: waits until nothing is left of the runs of the daemon before, and closes their records.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::ansible::guardian::{LeftoversError, await_gone};
use crate::ansible::place;
use crate::domain::{
    Ending, Event, Findings, Gathering, HostEnd, Outcome, Reason, Recap, Run, RunSpec, Tally,
};
use crate::store::Store;

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
            preparing::tidy(&tools, &run.spec.run.to_string()).await;
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
    let id = recorded.spec.run;
    let (store, spec) = (tools.store.clone(), recorded.spec);
    let read = tokio::task::spawn_blocking(move || read(&store, &spec)).await;
    let (told, findings) = read.unwrap_or_default();
    let mut tally = Tally { hosts: recorded.hosts, ..Tally::default() };
    tally.hosts.extend(told);
    let hosts = tally.host_ends().into_iter().filter(|(_, end)| *end != HostEnd::Converged).collect();
    let by = "the daemon ended while it ran".to_owned();
    let ending = Ending::because(Outcome::Interrupted, Reason::Stopped { by });
    Event::RunFinished { run: id, ending, hosts, findings: Box::new(findings) }
}

/// What the events on disk say of a run that was cut off: its hosts, the handlers that it owes, and where a task was
/// under way. What cannot be read is as if it had not been told.
fn read(store: &Store, spec: &RunSpec) -> (Recap, Findings) {
    let mut tally = Tally::default();
    let mut gathering = Gathering::new(spec.run, spec.mode, spec.debts.clone());
    match store.events(spec.run, 0) {
        Ok(Some(mut events)) => loop {
            match events.next_events() {
                Ok(Some(events)) => events.iter().for_each(|event| {
                    tally.add(event);
                    gathering.add(event);
                }),
                Ok(None) => break,
                Err(error) => {
                    tracing::warn!(run = %spec.run, error = &error as &dyn std::error::Error, "not all events of a run can be read");
                    break;
                }
            }
        },
        Ok(None) => {} // It never began.
        Err(error) => {
            tracing::warn!(run = %spec.run, error = &error as &dyn std::error::Error, "the events of a run cannot be read");
        }
    }
    (tally.hosts, gathering.finish())
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        HostAddress, HostName, HostStats, Mode, RunEvent, RunEventKind, RunId, RuntimeSpec, Selection, Span,
        TaskIdentity, Timestamp, Trigger,
    };
    use crate::store::StoreSettings;

    fn spec() -> RunSpec {
        RunSpec {
            run: RunId(7),
            stack: "infra/web".parse().unwrap(),
            revision: format!("main@sha1:{}", "ab".repeat(20)).parse().unwrap(),
            mode: Mode::Apply,
            trigger: Trigger::NewRevision,
            merge_request: None,
            requested_by: None,
            failures_before: 0,
            outside_window: None,
            selection: Selection::Full,
            playbook: "site.yml".to_owned(),
            inventory: "hosts".to_owned(),
            limit: None,
            tags: Vec::new(),
            skip_tags: Vec::new(),
            extra_vars: std::collections::BTreeMap::new(),
            forks: None,
            debts: Vec::new(),
            timeout: Span::from_secs(240),
            runtime: RuntimeSpec::System,
        }
    }

    /// What a run tells until the daemon dies, and with it this thread's recorder.
    fn told(kinds: Vec<RunEventKind>) -> Vec<RunEvent> {
        kinds.into_iter().map(|kind| RunEvent { at: Timestamp::UNIX_EPOCH, kind }).collect()
    }

    #[tokio::test]
    async fn debts_and_hosts_of_a_run_that_was_cut_off_are_read_from_its_events() {
        let dir = tempfile::tempdir().unwrap();
        let settings = StoreSettings { ballast_bytes: 0, free_floor_bytes: 0 };
        let (store, _) = Store::open(dir.path(), settings).unwrap();
        assert_eq!(read(&store, &spec()), (Recap::new(), Findings::default()), "it never began");

        let host = HostName::new("web1");
        let hosts = vec![HostAddress { name: "web1".to_owned(), ..HostAddress::default() }];
        let asked =
            RunEventKind::HostsAsked { question: 2, play: Some(0), plays: Vec::new(), inventory: 1, hosts };
        let identity = TaskIdentity { name: "Configure".to_owned(), ..TaskIdentity::default() };
        let task = RunEventKind::TaskStarted { task: 0, identity, handler: false };
        let notified = RunEventKind::Notified {
            host: host.clone(),
            handler: "restart".to_owned(),
            task: 0,
            play: 0,
            section: 1,
            dynamic: false,
        };
        let mut recorder = store.recorder(&spec(), None).unwrap();
        recorder.record(&told(vec![asked, task, notified]));
        // The daemon dies here: nothing is finished or flushed.
        let (_, findings) = read(&store, &spec());
        assert_eq!(findings.in_flight, std::slice::from_ref(&host));
        let owed = &findings.pending[&host][0];
        assert_eq!(
            (owed.handler.as_str(), owed.run, owed.task.name.as_str()),
            ("restart", RunId(7), "Configure")
        );

        recorder
            .record(&told(vec![RunEventKind::Stats { hosts: vec![(host.clone(), HostStats::default())] }]));
        recorder.flush();
        let (recap, findings) = read(&store, &spec());
        assert_eq!((recap.len(), findings.in_flight), (1, vec![]), "it had come to its end");
        store.close().await;
    }
}
