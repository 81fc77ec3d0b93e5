//! A run that is live, seen from the loop: how to end it and how to answer it.

use tokio::sync::{mpsc, watch};

use crate::ansible::execute::StopReason;

/// How many answers may wait. A run asks one question at a time.
const ANSWERS: usize = 8;

/// The answer to a question of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) question: u32,
    /// Why it may not go on; `None` if it may.
    pub(super) refusal: Option<String>,
}

/// The end that the loop holds.
#[derive(Debug)]
pub(super) struct LiveRun {
    stop: watch::Sender<Option<StopReason>>,
    answers: mpsc::Sender<Answer>,
}

/// The end that the run holds.
#[derive(Debug)]
pub(super) struct Orders {
    pub(super) stopped: watch::Receiver<Option<StopReason>>,
    pub(super) answers: mpsc::Receiver<Answer>,
}

impl LiveRun {
    pub(super) fn new() -> (Self, Orders) {
        let (stop, stopped) = watch::channel(None);
        let (answers, answered) = mpsc::channel(ANSWERS);
        (Self { stop, answers }, Orders { stopped, answers: answered })
    }

    pub(super) fn stop(&self, reason: StopReason) {
        self.stop.send_replace(Some(reason));
    }

    pub(super) fn answer(&self, answer: Answer) {
        if let Err(error) = self.answers.try_send(answer) {
            // It has ended meanwhile, or nobody asked that often.
            tracing::debug!(%error, "an answer did not reach its run");
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
