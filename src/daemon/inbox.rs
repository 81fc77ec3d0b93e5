//! What reaches the loop: events, and questions to the core.

use tokio::sync::{mpsc, oneshot};

use crate::domain::{Event, Timestamp};
use crate::reconciler::Reconciler;

/// A question to the core, answered between two events.
type Question = Box<dyn FnOnce(&Reconciler, Timestamp) + Send>;

/// One thing for the loop.
pub(super) enum Message {
    /// A fact, and whom to tell whether it was recorded.
    Event(Box<Event>, Option<oneshot::Sender<Recorded>>),
    /// A question.
    Ask(Question),
    /// SIGHUP or its like.
    Reload,
}

/// Whether an event was recorded. What a person asked for counts only once it was.
pub(super) type Recorded = Result<(), String>;

/// How many messages may wait. Senders wait when it is full; hints are coalesced before they get here.
const LENGTH: usize = 1024;

/// The sending end, held by everything that listens.
#[derive(Clone)]
pub(super) struct Inbox(mpsc::Sender<Message>);

/// The loop is gone: the daemon is on its way out.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the daemon is stopping")]
pub(super) struct Stopping;

impl Inbox {
    pub(super) fn new() -> (Self, mpsc::Receiver<Message>) {
        let (sender, receiver) = mpsc::channel(LENGTH);
        (Self(sender), receiver)
    }

    /// Hands a fact over. If the loop is gone the fact is of no use to anybody.
    pub(super) async fn send(&self, event: Event) {
        if self.0.send(Message::Event(Box::new(event), None)).await.is_err() {
            tracing::debug!("an event came after the loop had ended");
        }
    }

    /// The same from a thread that may block. It waits while the inbox is full.
    pub(super) fn send_blocking(&self, event: Event) {
        if self.0.blocking_send(Message::Event(Box::new(event), None)).is_err() {
            tracing::debug!("an event came after the loop had ended");
        }
    }

    /// Hands a person's wish over and waits until it is recorded.
    pub(super) async fn record(&self, event: Event) -> Result<Recorded, Stopping> {
        let (tell, told) = oneshot::channel();
        self.0.send(Message::Event(Box::new(event), Some(tell))).await.map_err(|_| Stopping)?;
        told.await.map_err(|_| Stopping)
    }

    /// Asks the core something.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Reconciler, Timestamp) -> T + Send + 'static,
    ) -> Result<T, Stopping> {
        let (tell, told) = oneshot::channel();
        let question: Question = Box::new(move |core, now| {
            // The asker may have gone away, and then nobody needs the answer.
            drop(tell.send(question(core, now)));
        });
        self.0.send(Message::Ask(question)).await.map_err(|_| Stopping)?;
        told.await.map_err(|_| Stopping)
    }

    pub(super) async fn reload(&self) {
        if self.0.send(Message::Reload).await.is_err() {
            tracing::debug!("a reload was asked for after the loop had ended");
        }
    }
}
