//! The one thread that writes.
//!
//! Writes that wait together share one transaction, and so one sync of the disk. Each is acknowledged after the
//! commit, never before. After a failure the thread goes on: what was not committed is rolled back, the
//! connection opened anew where it may be at fault.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::{mpsc, oneshot};

use super::place::{Ownership, Place};
use super::space::{self, Ballast};
use super::{StoreError, connection};

/// How many writes may wait. A caller beyond that waits for its turn.
pub(super) const WAITING: usize = 256;

/// How many writes share a transaction at most.
const TOGETHER: usize = 64;

/// What the thread is asked for.
pub(super) enum Command {
    /// A write, inside a transaction with others.
    Write(Box<dyn Write>),
    /// Something outside of any transaction.
    Alone(Box<dyn FnOnce(&mut Writer) + Send>),
    /// The end. Answered when the directory is free for another owner.
    Close(oneshot::Sender<()>),
}

/// One write and the caller that waits for it.
pub(super) trait Write: Send {
    /// Whether it makes room, and so goes on while other writes are refused.
    fn makes_room(&self) -> bool;
    /// Writes, inside a transaction.
    fn perform(&mut self, db: &Connection) -> Result<(), StoreError>;
    /// Tells the caller.
    fn settle(self: Box<Self>, end: Result<(), StoreError>);
}

/// A write made of a closure.
pub(super) struct Job<F, T> {
    pub(super) makes_room: bool,
    pub(super) write: Option<F>,
    pub(super) answer: Option<T>,
    pub(super) reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<F, T> Write for Job<F, T>
where
    F: FnOnce(&Connection) -> Result<T, StoreError> + Send,
    T: Send,
{
    fn makes_room(&self) -> bool {
        self.makes_room
    }

    fn perform(&mut self, db: &Connection) -> Result<(), StoreError> {
        let write = self.write.take().ok_or(StoreError::Closed)?;
        self.answer = Some(write(db)?);
        Ok(())
    }

    fn settle(self: Box<Self>, end: Result<(), StoreError>) {
        let Self { answer, reply, .. } = *self;
        // A caller that gave up waiting does not want to know.
        drop(reply.send(end.and_then(|()| answer.ok_or(StoreError::Closed))));
    }
}

/// The state of the thread.
pub(super) struct Writer {
    place: Place,
    db: Option<Connection>,
    ballast: Ballast,
    writable: Arc<AtomicBool>,
    ownership: Ownership,
}

impl Writer {
    pub(super) fn new(
        place: Place,
        db: Connection,
        ballast: Ballast,
        writable: Arc<AtomicBool>,
        ownership: Ownership,
    ) -> Self {
        Self { place, db: Some(db), ballast, writable, ownership }
    }

    /// Serves until it is told to close or nobody is left to ask.
    pub(super) fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        let mut next = commands.blocking_recv();
        while let Some(command) = next.take() {
            match command {
                Command::Write(first) => next = self.write_together(first, &mut commands),
                Command::Alone(task) => task(&mut self),
                Command::Close(done) => {
                    commands.close();
                    self.end();
                    let _ = done.send(()); // Nobody may be waiting any more.
                    return;
                }
            }
            if next.is_none() {
                next = commands.blocking_recv();
            }
        }
        self.end();
    }

    /// Closes the database, which carries the log over into it, then lets the directory go.
    fn end(self) {
        drop(self.db);
        drop(self.ownership);
    }

    /// Takes what waits already into the same transaction. Returns the first command that does not fit.
    fn write_together(
        &mut self,
        first: Box<dyn Write>,
        commands: &mut mpsc::Receiver<Command>,
    ) -> Option<Command> {
        let mut writes = vec![first];
        let mut other = None;
        while writes.len() < TOGETHER && other.is_none() {
            match commands.try_recv() {
                Ok(Command::Write(write)) => writes.push(write),
                Ok(command) => other = Some(command),
                Err(_) => break,
            }
        }
        if !self.ballast.admits_writes() {
            let (admitted, refused) = writes.into_iter().partition(|it| it.makes_room());
            writes = admitted;
            for write in refused {
                write.settle(Err(self.full()));
            }
        }
        if !writes.is_empty() {
            self.write(writes);
        }
        other
    }

    fn write(&mut self, mut writes: Vec<Box<dyn Write>>) {
        match self.transaction(&mut writes) {
            Ok(ends) => {
                self.writable.store(true, Ordering::Relaxed);
                for (write, end) in writes.into_iter().zip(ends) {
                    write.settle(end);
                }
            }
            Err(error) => {
                let error = self.take_failure(error);
                for write in writes {
                    write.settle(Err(error.clone()));
                }
            }
        }
    }

    /// One transaction with all of them. A write that is itself at fault does not spoil the others.
    fn transaction(
        &mut self,
        writes: &mut [Box<dyn Write>],
    ) -> Result<Vec<Result<(), StoreError>>, StoreError> {
        let failed = || StoreError::database("write to the database");
        let db = self.connection()?;
        let mut transaction =
            db.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed())?;
        let mut ends = Vec::with_capacity(writes.len());
        for write in writes {
            let savepoint = transaction.savepoint().map_err(failed())?;
            match write.perform(&savepoint) {
                Ok(()) => {
                    savepoint.commit().map_err(failed())?;
                    ends.push(Ok(()));
                }
                Err(error) if error.is_harmless() => {
                    savepoint.finish().map_err(failed())?;
                    ends.push(Err(error));
                }
                Err(error) => return Err(error),
            }
        }
        transaction.commit().map_err(failed())?;
        Ok(ends)
    }

    /// The connection, opened anew if the last one was given up.
    fn connection(&mut self) -> Result<&mut Connection, StoreError> {
        let db = match self.db.take() {
            Some(db) => db,
            None => connection::writer(&self.place)?,
        };
        Ok(self.db.insert(db))
    }

    /// What follows from a failure: room is made, or the connection given up.
    fn take_failure(&mut self, error: StoreError) -> StoreError {
        self.writable.store(false, Ordering::Relaxed);
        if space::is_full(&error, self.place.dir()) {
            let freed = self.ballast.release();
            tracing::error!(dir = %self.place.dir().display(), ballast_freed = freed, "the disk is full");
            if !self.db.as_ref().is_some_and(Connection::is_autocommit) {
                self.db = None;
            }
            return self.full();
        }
        tracing::error!(error = &error as &dyn std::error::Error, "the database cannot be written");
        self.db = None;
        error
    }

    /// Carries the log over into the database, which shortens both, and makes the ballast again if it fits.
    pub(super) fn settle_room(&mut self) -> Result<(), StoreError> {
        let carried = self.connection().and_then(|db| {
            db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |_| Ok(()))
                .map_err(StoreError::database("carry the log over"))
        });
        let kept = self.ballast.retained();
        carried.map_err(|error| self.take_failure(error))?;
        kept.map(drop)
    }

    fn full(&self) -> StoreError {
        StoreError::Full { dir: self.place.dir().to_owned() }
    }
}
