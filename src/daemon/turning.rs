//! The loop. Four verbs and nothing else: listen, decide, remember, act.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, Interval, MissedTickBehavior};

use crate::api::News;
use crate::config::Report;
use crate::domain::{Decision, Event, Memory, RunId, RunSpec, Timestamp};
use crate::reconciler::Reconciler;
use crate::signals::ServiceManager;
use crate::store::{Recovered, Store, StoreError};

use super::clock::now;
use super::hands::Hands;
use super::inbox::{Message, Recorded};
use super::reload::Reloading;
use super::telling::{Board, news};

/// How often the daemon tries to write again while its journal cannot be written.
const REBUILD_EVERY: Duration = Duration::from_secs(2);

/// The longest sleep. A wall clock that jumps moves deadlines; this bounds how late that is noticed.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);

/// The daemon's heart: the only owner of the core.
pub(super) struct Loop {
    pub(super) core: Reconciler,
    pub(super) seed: u64,
    pub(super) store: Store,
    pub(super) hands: Hands,
    pub(super) inbox: mpsc::Receiver<Message>,
    pub(super) board: Arc<Board>,
    pub(super) service: ServiceManager,
    pub(super) reloading: Reloading,
    /// While the journal cannot be written: what must not be lost until it can.
    pub(super) unrecorded: Option<Unrecorded>,
    pub(super) stopping: bool,
    /// When the backup was made that the state is of, until that is recorded.
    pub(super) restored: Option<Timestamp>,
}

/// Events that arrived while the journal could not be written and that nobody will send again.
#[derive(Default)]
pub(super) struct Unrecorded {
    /// At most one for each run that was live when writing failed.
    finished: Vec<Event>,
    /// The last question of each run, which waits for its answer.
    asked: BTreeMap<RunId, Event>,
}

impl Loop {
    /// Turns until the core says exit.
    pub(super) async fn turn(mut self) {
        self.begin().await;
        let mut watchdog = self.service.watchdog().map(ticking);
        let mut rebuild = ticking(REBUILD_EVERY);
        loop {
            let wake = self.wakeup();
            tokio::select! {
                message = self.inbox.recv() => match message {
                    Some(message) => self.answer(message).await,
                    None => return,
                },
                () = tokio::time::sleep_until(wake) => self.take(Event::Tick, None).await,
                _ = rebuild.tick(), if self.unrecorded.is_some() => self.rebuild().await,
                () = tick(&mut watchdog) => self.service.alive(),
            }
            if self.is_done() {
                self.board.close();
                return;
            }
        }
    }

    /// What the core must know before it decides anything.
    async fn begin(&mut self) {
        if let Some(made) = self.restored.take() {
            tracing::warn!(backup = %made, "this state was restored from a backup: stacks are checked before anything is retried or corrected");
            self.take(Event::Restored { made }, None).await;
        }
        if let Some(event) = self.hands.look_for_room().await {
            self.take(event, None).await;
        }
    }

    fn wakeup(&self) -> Instant {
        let at = now();
        let sleep = self.core.next_wakeup(at).map_or(LONGEST_SLEEP, |wake| {
            // Never zero, whatever the core says: a daemon must not spin.
            Duration::try_from(wake.duration_since(at)).unwrap_or_default().max(Duration::from_millis(1))
        });
        Instant::now() + sleep.min(LONGEST_SLEEP)
    }

    async fn answer(&mut self, message: Message) {
        match message {
            Message::Event(event, tell) => self.take(*event, tell).await,
            Message::Ask(question) => question(&self.core, now()),
            Message::Reload => self.reload().await,
        }
    }

    async fn reload(&mut self) {
        self.service.reloading();
        match self.reloading.read(&self.hands.config()) {
            Ok(config) => {
                let settings = config.settings.clone();
                self.hands.config_refused(None);
                self.hands.reconfigure(config);
                self.take(Event::Reconfigured { settings }, None).await;
            }
            Err(report) => {
                tracing::error!("the new configuration is refused and the old one stays:\n{report}");
                self.hands.config_refused(Some(first_words(&report)));
            }
        }
        self.service.ready();
    }

    async fn take(&mut self, event: Event, tell: Option<oneshot::Sender<Recorded>>) {
        self.stopping |= event == Event::ShutdownRequested;
        let is_news = event != Event::Tick;
        let at = now();
        let ended = ended(&self.core, &event);
        let decisions = self.core.step(at, event.clone());
        let recorded = match &mut self.unrecorded {
            None => self.remember(at, &event, ended.as_ref(), &decisions).await,
            Some(unrecorded) => {
                unrecorded.keep(event);
                Err("the journal cannot be written; see the daemon's log".to_owned())
            }
        };
        let writable = recorded.is_ok();
        if is_news {
            self.hands.something_happened();
        }
        if let Some(tell) = tell {
            // Whoever asked may have gone; the event is recorded all the same.
            drop(tell.send(recorded));
        }
        for decision in decisions {
            if writable || !decision.is_starting() {
                self.perform(decision);
            }
        }
    }

    async fn remember(
        &mut self,
        at: Timestamp,
        event: &Event,
        ended: Option<&RunSpec>,
        decisions: &[Decision],
    ) -> Recorded {
        let facts = self.core.take_facts();
        match self.store.journal(at, event, decisions, &facts).await {
            Ok(()) => {
                self.board.write(news(event, ended, decisions, &facts));
                Ok(())
            }
            Err(error) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "the journal cannot be written: nothing is started until it can"
                );
                let mut unrecorded = Unrecorded::default();
                unrecorded.keep(event.clone());
                self.unrecorded = Some(unrecorded);
                self.hands.journal_writable(false);
                self.board.write(vec![News::DaemonChanged]);
                if error.is_full() {
                    self.hands.make_room();
                }
                Err(format!("the journal cannot be written: {error}"))
            }
        }
    }

    fn perform(&mut self, decision: Decision) {
        match &decision {
            Decision::Fetch { source, .. } => tracing::debug!(%source, "fetch"),
            Decision::Start { spec, reason } => {
                tracing::info!(run = %spec.run, stack = %spec.stack, mode = %spec.mode, revision = %spec.revision.short(), "start: {reason}");
            }
            Decision::Stop { run, reason, .. } => tracing::info!(%run, "stop: {reason}"),
            Decision::Answer { run, question, refusal: None } => tracing::debug!(%run, question, "go on"),
            Decision::Answer { run, refusal: Some(why), .. } => tracing::info!(%run, "refused: {why}"),
            Decision::Probe { spec, reason, .. } => tracing::info!(stack = %spec.stack, "probe: {reason}"),
            Decision::AskForge { source, .. } => tracing::debug!(%source, "ask the forge"),
            Decision::Preview { source, number, head, level, .. } => {
                tracing::info!(%source, %number, head = head.short(), level = level.as_str(), "preview");
            }
            Decision::Report { source, number, version, .. } => {
                tracing::debug!(%source, %number, version, "report");
            }
            Decision::Exit => tracing::info!("exit: nothing is live any more"),
        }
        self.hands.perform(decision);
    }

    /// Builds the core again from what the store holds, once it holds what is new again.
    async fn rebuild(&mut self) {
        let recovered = match self.writable_again().await {
            Ok(recovered) => recovered,
            Err(error) => return still_not_writable(&error),
        };
        let Some(unrecorded) = self.unrecorded.take() else { return };
        tracing::info!("the journal can be written again");
        self.restart_core(recovered.memory);
        self.hands.journal_writable(true);
        self.restored = recovered.restored;
        self.begin().await;
        self.board.write(vec![News::Resync]);
        for event in unrecorded.finished.into_iter().chain(unrecorded.asked.into_values()) {
            self.take(event, None).await;
        }
        if self.stopping {
            self.take(Event::ShutdownRequested, None).await;
        }
    }

    fn restart_core(&mut self, memory: Memory) {
        let settings = self.core.settings().clone();
        self.core = Reconciler::new(settings, memory, self.seed, now());
    }

    async fn writable_again(&self) -> Result<Recovered, StoreError> {
        self.store.probe().await?;
        self.store.recover().await
    }

    /// While the journal cannot be written the core may believe in runs whose start was dropped, so what is really
    /// live decides.
    fn is_done(&self) -> bool {
        self.hands.exit_asked() || (self.stopping && self.unrecorded.is_some() && self.hands.live_runs() == 0)
    }
}

impl Unrecorded {
    fn keep(&mut self, event: Event) {
        match event {
            Event::RunFinished { run, .. } => {
                self.asked.remove(&run);
                self.finished.push(event);
            }
            Event::HostsAsked { run, .. } => {
                self.asked.insert(run, event);
            }
            _ => {}
        }
    }
}

/// The run that ends with an event, which the core does not know afterwards.
fn ended(core: &Reconciler, event: &Event) -> Option<RunSpec> {
    let Event::RunFinished { run, .. } = event else { return None };
    core.live_runs().into_iter().find(|it| it.run == *run).cloned()
}

/// The first thing that is wrong, and how much more there is; all of it is in the log.
fn first_words(report: &Report) -> String {
    let findings = report.findings();
    let Some(first) = findings.first() else { return report.to_string() };
    let more = findings.len() - 1;
    let more = if more == 0 { String::new() } else { format!(", and {more} more") };
    let line = first.line.map_or_else(String::new, |it| format!(":{it}"));
    format!("{}{line}: {}{more}; all of it is in the log", first.file, first.message)
}

fn still_not_writable(error: &StoreError) {
    tracing::debug!(error = error as &dyn std::error::Error, "the journal still cannot be written");
}

fn ticking(period: Duration) -> Interval {
    let mut interval = tokio::time::interval(period);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}

/// The next tick, or never.
async fn tick(interval: &mut Option<Interval>) {
    match interval {
        Some(interval) => {
            interval.tick().await;
        }
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Ending, Outcome, Question};

    fn asked(run: u64, number: u32) -> Event {
        let question =
            Question { number, play: None, plays: Vec::new(), hosts: BTreeMap::new(), inventory: 0 };
        Event::HostsAsked { run: RunId(run), question }
    }

    #[test]
    fn of_each_run_the_last_question_waits_until_the_journal_can_be_written() {
        let ending = Ending::plain(Outcome::Changed);
        let finished =
            Event::RunFinished { run: RunId(1), ending, hosts: BTreeMap::new(), findings: Box::default() };
        let mut unrecorded = Unrecorded::default();
        for event in [asked(1, 1), asked(2, 1), asked(2, 2), Event::Tick, finished.clone()] {
            unrecorded.keep(event);
        }
        assert_eq!(unrecorded.finished, [finished]);
        assert_eq!(unrecorded.asked.into_values().collect::<Vec<_>>(), [asked(2, 2)]);
    }
}
