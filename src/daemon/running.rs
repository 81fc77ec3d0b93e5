//! One run, from the decision to the event that it finished.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tracing::Instrument as _;

use crate::ansible::execute::{Audience, Execution, Finished, Log};
use crate::cli::escape;
use crate::domain::{
    Ending, Event, Failure, Findings, HostEnd, HostName, Outcome, Reason, RunEvent, RunId, RunSpec, Tally,
};
use crate::git::Checkout;
use crate::store::{Progress, Recorded, Recorder, Store};

use super::asking::Asking;
use super::cleaning::RunSecrets;
use super::clock::now;
use super::hands::Tools;
use super::live::{Orders, stop_asked};
use super::narrowing::narrowing_of;
use super::preparing::{self, Prepared, StartedWith};

/// How often the record of a live run is brought up to date.
const RECORD_EVERY: Duration = Duration::from_millis(250);

/// Every how many of these the event file is flushed, for those who follow it.
const FLUSH_EVERY: u32 = 4;

/// What is known once nothing of a run is left.
struct End {
    ending: Ending,
    hosts: BTreeMap<HostName, HostEnd>,
    findings: Box<Findings>,
}

impl From<Ending> for End {
    fn from(ending: Ending) -> Self {
        Self { ending, hosts: BTreeMap::new(), findings: Box::default() }
    }
}

/// Does the run and tells the core how it ended, whatever happens.
pub(super) async fn run(tools: Arc<Tools>, spec: RunSpec, orders: Orders) {
    let span =
        tracing::info_span!("run", run = %spec.run, stack = %spec.stack, revision = %spec.revision.short());
    let (id, stack, mode) = (spec.run, spec.stack.clone(), spec.mode);
    let begun = Instant::now();
    let task = tokio::spawn(attempt(Arc::clone(&tools), spec, orders).instrument(span.clone()));
    let End { ending, hosts, findings } = task.await.unwrap_or_else(|_panicked| broken().into());
    let took = begun.elapsed();
    // Texts of repositories and hosts are in it: one line, whatever they hold.
    let reason =
        ending.reason.as_ref().map_or_else(String::new, |it| format!(": {}", escape(&it.to_string())));
    tracing::info!(parent: &span, outcome = %ending.outcome, seconds = took.as_secs_f64(), "ended {}{reason}", ending.outcome);
    tools.metrics.run_ended(&stack, mode, ending.outcome, took);
    tools.live.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
    tools.inbox.send(Event::RunFinished { run: id, ending, hosts, findings }).await;
}

/// A defect of driftless: the machinery broke off. The guardian ends what was started, since its lifeline is gone.
fn broken() -> Ending {
    let failure =
        Failure::soon("the machinery of the run broke off").remedy("please report it with the daemon's log");
    Ending::because(Outcome::Errored, Reason::Setup { failure })
}

async fn attempt(tools: Arc<Tools>, spec: RunSpec, orders: Orders) -> End {
    let decided = Instant::now();
    let secrets = lent_to(&tools, &spec).await;
    let mut end = match preparing::prepare(&tools, &spec, orders.stopped.clone()).await {
        Ok(prepared) => execute(&tools, &spec, prepared, orders, (decided, secrets.clone())).await,
        Err(ending) => ending.into(),
    };
    secrets.clean(&mut end.ending);
    preparing::tidy(&tools, &spec.run.to_string()).await;
    end
}

/// The secrets that the run gets from us. Without its source it gets none, and does not begin.
pub(super) async fn lent_to(tools: &Tools, spec: &RunSpec) -> RunSecrets {
    let (config, spec) = (tools.config(), spec.clone());
    let read = move || {
        let source = config.sources.get(&spec.stack.source)?;
        Some(RunSecrets::lent(source, &config.redact, &spec))
    };
    tokio::task::spawn_blocking(read).await.ok().flatten().unwrap_or_default()
}

async fn execute(
    tools: &Tools,
    spec: &RunSpec,
    prepared: Prepared,
    orders: Orders,
    (decided, secrets): (Instant, RunSecrets),
) -> End {
    let Prepared { laid_out, started_with, limits, recorder, raw_log } = prepared;
    let StartedWith { launch, guard, runtime, announcements } = started_with;
    let too_weak = secrets.cannot_be_redacted();
    let recorder = Arc::new(Mutex::new(recorder));
    let audience = Audience {
        sink: Box::new(listener(tools, spec.run, &recorder)),
        log: raw_log.then(|| Box::new(RawOutput(Arc::clone(&recorder))) as Log),
        cleaner: secrets.cleaner(),
        announcements: Some(announcements),
    };
    let execution = match Execution::spawn(&launch, &guard, limits, audience) {
        Ok(execution) => execution,
        Err(error) => return setup(error.into()).into(),
    };
    tools.metrics.run_started(&spec.stack, spec.mode, decided.elapsed());
    tracing::debug!(milliseconds = decided.elapsed().as_millis(), "ansible-playbook was started");
    let (hash, version) = (runtime.hash.clone(), runtime.version.clone());
    if let Err(error) = tools.store.started(spec.run, now(), hash, Some(version)).await {
        tracing::warn!(error = &error as &dyn std::error::Error, "the start of the run is not recorded");
    }
    let finished = follow(&tools.store, spec.run, execution, &recorder, orders).await;
    let (tally, mut findings, whole) = match finish_record(&tools.store, spec.run, recorder).await {
        Some((tally, findings, whole)) => (tally, findings, whole),
        None => (finished.tally.clone(), Findings::default(), false),
    };
    let hosts = tally.host_ends();
    findings.narrowing = narrowing_of(spec, &laid_out.checkout, &runtime, &findings, &hosts).await;
    let mut ending = finished.ending(spec.mode);
    ending.notes = notes(&finished, laid_out.checkout).await;
    if !whole {
        ending.notes.push("its last results are not recorded: the store could not be written".to_owned());
    }
    if too_weak != 0 {
        ending.notes.push(format!(
            "{too_weak} of its secrets are too short or too common to be hidden in what is recorded of it"
        ));
    }
    End { ending, hosts, findings: Box::new(findings) }
}

/// Records what a run tells, and hands its questions on.
fn listener(
    tools: &Tools,
    run: RunId,
    recorder: &Arc<Mutex<Recorder>>,
) -> impl FnMut(&[RunEvent]) + Send + 'static {
    let (recorder, inbox) = (Arc::clone(recorder), tools.inbox.clone());
    let mut asking = Asking::new(run, tools.config().aliases.clone());
    move |events| {
        lock(&recorder).record(events);
        asking.hear(events, &inbox);
    }
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

/// Keeps the record up to date until the run has ended, and hands answers and a wish to stop on.
async fn follow(
    store: &Store,
    run: RunId,
    execution: Execution,
    recorder: &Mutex<Recorder>,
    mut orders: Orders,
) -> Finished {
    let (ending, answers) = (execution.stopper(), execution.answers());
    let mut finished = std::pin::pin!(execution.wait());
    let mut ticks = tokio::time::interval(RECORD_EVERY);
    let mut unwritten: Option<Progress> = None;
    let mut since_flush = 0;
    loop {
        tokio::select! {
            finished = &mut finished => return finished,
            reason = stop_asked(&mut orders.stopped) => ending.stop(reason),
            Some(answer) = orders.answers.recv() => answers.answer(answer.question, answer.refusal.as_deref()),
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
async fn finish_record(
    store: &Store,
    run: RunId,
    recorder: Arc<Mutex<Recorder>>,
) -> Option<(Tally, Findings, bool)> {
    let finish = move || {
        let recorder = Arc::into_inner(recorder)?.into_inner().unwrap_or_else(PoisonError::into_inner);
        Some(recorder.finish())
    };
    let Recorded { tally, findings, progress } = tokio::task::spawn_blocking(finish).await.ok().flatten()?;
    let whole = write(store, run, None, Some(progress)).await.is_none();
    if !whole {
        tracing::warn!("the last results of the run are not recorded: the store cannot be written");
    }
    Some((tally, findings, whole))
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
