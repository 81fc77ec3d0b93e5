//! Reading, beside the writer: a few connections of which each is used by one thread at a time.

use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use tokio::sync::Semaphore;

use super::place::Place;
use super::{StoreError, connection};

/// More at once would not be faster, and each has a cache.
const CONNECTIONS: usize = 4;

/// The connections that read.
#[derive(Debug)]
pub(super) struct Readers {
    place: Place,
    idle: Mutex<Vec<Connection>>,
    permits: Semaphore,
}

impl Readers {
    pub(super) fn new(place: Place) -> Arc<Self> {
        Arc::new(Self { place, idle: Mutex::default(), permits: Semaphore::new(CONNECTIONS) })
    }

    /// Runs `read` on one state of the database, in a thread that may block.
    pub(super) async fn read<T, F>(self: &Arc<Self>, read: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let _permit = self.permits.acquire().await.map_err(|_| StoreError::Closed)?;
        let readers = Arc::clone(self);
        let task = tokio::task::spawn_blocking(move || readers.read_now(read));
        task.await.map_err(|_| StoreError::Closed)?
    }

    fn read_now<T>(&self, read: impl FnOnce(&Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let db = idle.map_or_else(|| connection::reader(&self.place), Ok)?;
        let failed = || StoreError::database("read the database");
        // One transaction: all queries of one call see the same state.
        let transaction = db.unchecked_transaction().map_err(failed())?;
        let answer = read(&transaction)?;
        transaction.finish().map_err(failed())?;
        // After a failure the connection is dropped instead.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(db);
        Ok(answer)
    }
}
