//! One run, from the decision to the event that it finished.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;
use tracing::Instrument as _;

use crate::ansible::execute::{Execution, Finished, Log, StopReason};
use crate::domain::{Ending, Event, Failure, HostEnd, HostName, Outcome, Reason, RunId, RunSpec, Tally};
use crate::git::Checkout;
use crate::store::{Progress, Recorder, Store};

use super::clock::now;
use super::hands::Tools;
use super::preparing::{self, Prepared};

/// How often the record of a live run is brought up to date.
const RECORD_EVERY: Duration = Duration::from_millis(250);

/// Every how many of these the event file is flushed, for those who follow it.
const FLUSH_EVERY: u32 = 4;

/// What is known once nothing of a run is left.
type End = (Ending, BTreeMap<HostName, HostEnd>);

/// Does the run and tells the core how it ended, whatever happens.
pub(super) async fn run(tools: Arc<Tools>, spec: RunSpec, stopped: watch::Receiver<Option<StopReason>>) {
    let span =
        tracing::info_span!("run", run = %spec.run, stack = %spec.stack, revision = %spec.revision.short());
    let (id, stack, mode, trigger) = (spec.run, spec.stack.clone(), spec.mode, spec.trigger);
    let begun = Instant::now();
    let task = tokio::spawn(attempt(Arc::clone(&tools), spec, stopped).instrument(span.clone()));
    let (ending, hosts) = task.await.unwrap_or_else(|_panicked| (broken(), BTreeMap::new()));
    let took = begun.elapsed();
    let reason = ending.reason.as_ref().map_or_else(String::new, |it| format!(": {it}"));
    tracing::info!(parent: &span, outcome = %ending.outcome, seconds = took.as_secs_f64(), "ended {}{reason}", ending.outcome);
    tools.metrics.run_ended(&stack, mode, trigger, ending.outcome, Some(took));
    tools.live.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
    tools.inbox.send(Event::RunFinished { run: id, ending, hosts }).await;
}

/// A defect of driftless: the machinery broke off. The guardian ends what was started, since its lifeline is gone.
fn broken() -> Ending {
    let failure =
        Failure::soon("the machinery of the run broke off").remedy("please report it with the daemon's log");
    Ending::because(Outcome::Errored, Reason::Setup { failure })
}

async fn attempt(tools: Arc<Tools>, spec: RunSpec, stopped: watch::Receiver<Option<StopReason>>) -> End {
    let decided = Instant::now();
    let end = match preparing::prepare(&tools, &spec, stopped.clone()).await {
        Ok(prepared) => execute(&tools, &spec, prepared, stopped, decided).await,
        Err(ending) => (ending, BTreeMap::new()),
    };
    preparing::tidy(&tools, spec.run).await;
    end
}

async fn execute(
    tools: &Tools,
    spec: &RunSpec,
    prepared: Prepared,
    stopped: watch::Receiver<Option<StopReason>>,
    decided: Instant,
) -> End {
    let Prepared { checkout, launch, guard, limits, runtime, recorder, raw_log } = prepared;
    let recorder = Arc::new(Mutex::new(recorder));
    let sink = Arc::clone(&recorder);
    let take = move |events: &[_]| lock(&sink).record(events);
    let log = raw_log.then(|| Box::new(RawOutput(Arc::clone(&recorder))) as Log);
    let execution = match Execution::spawn(&launch, &guard, limits, log, Box::new(take)) {
        Ok(execution) => execution,
        Err(error) => return (setup(error.into()), BTreeMap::new()),
    };
    tools.metrics.run_started(&spec.stack, spec.mode, decided.elapsed());
    tracing::debug!(milliseconds = decided.elapsed().as_millis(), "ansible-playbook was started");
    if let Err(error) = tools.store.started(spec.run, now(), runtime.hash, Some(runtime.version)).await {
        tracing::warn!(error = &error as &dyn std::error::Error, "the start of the run is not recorded");
    }
    let finished = follow(&tools.store, spec.run, execution, &recorder, stopped).await;
    let (tally, whole) = finish_record(&tools.store, spec.run, recorder).await;
    let tally = tally.unwrap_or_else(|| finished.tally.clone());
    let mut ending = finished.ending(spec.mode);
    ending.notes = notes(&finished, checkout).await;
    if !whole {
        ending.notes.push("its last results are not recorded: the store could not be written".to_owned());
    }
    (ending, tally.host_ends())
}

/// Raw output on its way into the record.
struct RawOutput(Arc<Mutex<Recorder>>);

impl std::io::Write for RawOutput {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        lock(&self.0).record_raw(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Keeps the record up to date until the run has ended, and hands a wish to stop on.
async fn follow(
    store: &Store,
    run: RunId,
    execution: Execution,
    recorder: &Mutex<Recorder>,
    mut stopped: watch::Receiver<Option<StopReason>>,
) -> Finished {
    let ending = execution.stopper();
    let mut finished = std::pin::pin!(execution.wait());
    let mut ticks = tokio::time::interval(RECORD_EVERY);
    let mut unwritten: Option<Progress> = None;
    let mut since_flush = 0;
    loop {
        tokio::select! {
            finished = &mut finished => return finished,
            reason = stop_asked(&mut stopped) => ending.stop(reason),
            _ = ticks.tick() => {
                since_flush = (since_flush + 1) % FLUSH_EVERY;
                let progress = {
                    let mut recorder = lock(recorder);
                    if since_flush == 0 {
                        recorder.flush();
                    }
                    recorder.take_progress()
                };
                unwritten = write(store, run, unwritten, progress).await;
            }
        }
    }
}

/// Resolves once with the wish to stop; never again after it.
pub(super) async fn stop_asked(stopped: &mut watch::Receiver<Option<StopReason>>) -> StopReason {
    loop {
        if stopped.has_changed().unwrap_or(false)
            && let Some(reason) = stopped.borrow_and_update().clone()
        {
            return reason;
        }
        if stopped.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
        if let Some(reason) = stopped.borrow_and_update().clone() {
            return reason;
        }
    }
}

/// Writes progress; gives back what could not be written, to be tried again together with the next.
async fn write(
    store: &Store,
    run: RunId,
    before: Option<Progress>,
    new: Option<Progress>,
) -> Option<Progress> {
    let progress = match (before, new) {
        (Some(mut before), Some(new)) => {
            before.absorb(&new);
            before
        }
        (Some(it), None) | (None, Some(it)) => it,
        (None, None) => return None,
    };
    let progress = Arc::new(progress);
    match store.progress(run, Arc::clone(&progress)).await {
        Ok(()) => None,
        Err(error) => {
            tracing::debug!(error = &error as &dyn std::error::Error, "progress is not recorded yet");
            Some(Arc::unwrap_or_clone(progress))
        }
    }
}

/// Closes the files of the run and writes the last of its record. Also returns whether that could be written.
async fn finish_record(store: &Store, run: RunId, recorder: Arc<Mutex<Recorder>>) -> (Option<Tally>, bool) {
    let finish = move || {
        let recorder = Arc::into_inner(recorder)?.into_inner().unwrap_or_else(PoisonError::into_inner);
        Some(recorder.finish())
    };
    let Some((tally, progress)) = tokio::task::spawn_blocking(finish).await.ok().flatten() else {
        return (None, false);
    };
    let whole = write(store, run, None, Some(progress)).await.is_none();
    if !whole {
        tracing::warn!("the last results of the run are not recorded: the store cannot be written");
    }
    (Some(tally), whole)
}

/// What else a person should know of a run: whether it changed its own tree.
async fn notes(finished: &Finished, checkout: Checkout) -> Vec<String> {
    let mut notes = Vec::new();
    if finished.stray_lines != 0 {
        notes.push(format!(
            "{} lines on the event channel were no events and are left out",
            finished.stray_lines
        ));
    }
    let changed = tokio::task::spawn_blocking(move || checkout.changed_files()).await;
    match changed {
        Ok(Ok(changed)) if changed.is_empty() => {}
        Ok(Ok(changed)) => {
            let some: Vec<String> = changed.iter().take(5).map(|it| it.path.display().to_string()).collect();
            notes.push(format!(
                "the run changed {} of its own checkout ({}); write to DRIFTLESS_STATE_DIR instead, since a checkout is made anew for each run",
                if changed.len() == 1 { "1 file".to_owned() } else { format!("{} files", changed.len()) },
                some.join(", ")
            ));
        }
        Ok(Err(_)) | Err(_) => notes.push("the checkout could not be read again after the run".to_owned()),
    }
    notes
}

pub(super) fn setup(failure: Failure) -> Ending {
    Ending::because(Outcome::Errored, Reason::Setup { failure })
}

fn lock(recorder: &Mutex<Recorder>) -> std::sync::MutexGuard<'_, Recorder> {
    recorder.lock().unwrap_or_else(PoisonError::into_inner)
}
