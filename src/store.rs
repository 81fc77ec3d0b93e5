//! Remembers: facts, the journal, runs and their events, across restarts, crashes and full disks.
//!
//! What must never be: a write that is acknowledged before it is durable; a fact that is forgotten; a run that
//! fails because its record cannot be written; a secret in here (whoever hands events and raw output over has taken
//! secrets out of them before).
//!
//! One thread writes ([`writer`]); reading happens beside it ([`reader`]). Events and raw output are files of their
//! own ([`events`], [`raw_log`]), written by the threads that read the runs.
//!
//! Size: a run costs about 1 KB, each of its hosts 60 bytes, each notable result 300 bytes and what it said, of all
//! results of a run at most 32 MiB; a journal line is as large as its event, and idle polling writes none.

mod access;
mod alerts;
pub mod archive;
mod audit;
mod backup;
mod chosen;
mod columns;
mod connection;
mod deliveries;
mod error;
pub mod events;
mod examine;
mod fleet;
mod frames;
mod journal;
mod migrations;
mod notable;
mod place;
mod raw_log;
mod reader;
mod recorder;
mod recover;
mod retention;
mod runs;
mod scope;
mod seal;
mod space;
mod totals;
mod writer;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rusqlite::Connection;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use self::journal::Entry;
use self::place::{Ownership, Place};
use self::reader::Readers;
use self::seal::Seal;
use self::space::Ballast;
use self::writer::{Command, Job, WAITING, Writer};
use crate::domain::{Decision, Event, Fact, Run, RunId, RunSpec, TaskIdentity, TaskResult, Timestamp};

pub use self::archive::{ArchiveError, BackupHeader, BackupWanted};
pub use self::audit::{AuditDatabase, AuditFilter, AuditRow, AuditState};
pub use self::deliveries::RecordedDelivery;
pub use self::error::StoreError;
pub use self::events::{EventLog, EventReader};
pub use self::examine::{Examination, examine};
pub use self::fleet::RunCounts;
pub use self::journal::JournalEntry;
pub use self::notable::TEXT_MAX;
pub use self::raw_log::{RawLog, RawReader};
pub use self::recorder::{NOTABLE_MAX, Notable, Progress, Recorded, Recorder};
pub use self::recover::Recovered;
pub use self::retention::{Removed, RetentionPolicy};
pub use self::runs::RunFilter;
pub use self::space::Space;
pub use crate::domain::{LastEnd, Total};

/// What the operator says of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoreSettings {
    /// Size of the file that is given up on a full disk, in bytes; 0 for none.
    pub ballast_bytes: u64,
    /// With less than this available no new run should start, in bytes.
    pub free_floor_bytes: u64,
}

impl Default for StoreSettings {
    fn default() -> Self {
        Self { ballast_bytes: 64 << 20, free_floor_bytes: 128 << 20 }
    }
}

/// The store. Cheap to clone; all clones are one.
#[derive(Debug, Clone)]
pub struct Store {
    place: Place,
    settings: StoreSettings,
    commands: mpsc::Sender<Command>,
    readers: Arc<Readers>,
    seal: Arc<Seal>,
    writable: Arc<AtomicBool>,
    /// One backup at a time.
    backups: Arc<Semaphore>,
}

/// A backup that was begun.
#[derive(Debug)]
pub struct Backup {
    copy: archive::Copy,
    place: Place,
    _turn: OwnedSemaphorePermit,
}

impl Backup {
    /// Writes the archive. Blocks for as long as that takes.
    pub fn write(self, out: impl std::io::Write) -> Result<BackupHeader, StoreError> {
        archive::write(&self.copy, &self.place, out)
    }
}

impl Store {
    /// Opens the store in `dir`, a directory of its own: it is made if needed, and closed to everybody else.
    ///
    /// Refuses a directory that another process uses, a database that is damaged or newer. Blocks, for long if a
    /// large database is to be checked or brought to a newer format.
    pub fn open(dir: &Path, settings: StoreSettings) -> Result<(Self, Recovered), StoreError> {
        let place = Place::prepare(dir)?;
        let ownership = Ownership::take(&place)?;
        let mut ballast = Ballast::new(place.ballast(), settings.ballast_bytes, settings.free_floor_bytes)?;
        let opened = open_database(&place);
        let (db, recovered, seal) = match opened {
            // On a full disk not even opening works. The ballast is for that, too.
            Err(error) if space::is_full(&error, place.dir()) && ballast.release() => open_database(&place),
            other => other,
        }
        .map_err(|error| space::tell_full(error, place.dir()))?;
        let writable = Arc::new(AtomicBool::new(true));
        let (commands, waiting) = mpsc::channel(WAITING);
        let writer = Writer::new(place.clone(), db, ballast, Arc::clone(&writable), ownership);
        std::thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || writer.run(waiting))
            .map_err(StoreError::file("start the thread for", &place.database()))?;
        let readers = Readers::new(place.clone());
        let backups = Arc::new(Semaphore::new(1));
        Ok((Self { place, settings, commands, readers, seal: Arc::new(seal), writable, backups }, recovered))
    }

    /// Writes what waits, closes the database and lets the directory go. All clones are closed with it.
    pub async fn close(&self) {
        let (done, closed) = oneshot::channel();
        if self.commands.send(Command::Close(done)).await.is_ok() {
            // An error means that the thread is gone already.
            drop(closed.await);
        }
    }

    /// Records an event, what was decided on it and what facts it changed, in one transaction that is durable when
    /// this returns. A [`Decision::Start`] makes the record of its run, [`Event::RunFinished`] ends it.
    ///
    /// Polling that found nothing new is not written, as long as the store is writable. On an error nothing of it
    /// was kept: starting decisions must be dropped, and the core rebuilt from [`recover`](Self::recover) when the
    /// store writes again.
    pub async fn journal(
        &self,
        now: Timestamp,
        event: &Event,
        decisions: &[Decision],
        facts: &[Fact],
    ) -> Result<(), StoreError> {
        if self.writable() && journal::is_idle(event, decisions, facts) {
            return Ok(());
        }
        let entry = Entry::new(now, event, decisions, facts, Arc::clone(&self.seal));
        self.write(move |db| entry.write(db)).await
    }

    /// What the core is rebuilt from, as it is now.
    pub async fn recover(&self) -> Result<Recovered, StoreError> {
        let mut recovered = self.read(recover::recover).await?;
        recovered.open(&self.seal);
        Ok(recovered)
    }

    /// Records that `ansible-playbook` was started, by the runtime of that hash. `ansible_version` may be left to
    /// the run's first event.
    pub async fn started(
        &self,
        run: RunId,
        at: Timestamp,
        runtime: String,
        ansible_version: Option<String>,
    ) -> Result<(), StoreError> {
        self.write(move |db| runs::start(db, run, at, &runtime, ansible_version.as_deref())).await
    }

    /// Records how far a run got. On an error the caller keeps the progress, lets it absorb the next, and tries
    /// again: writing the same twice changes nothing.
    pub async fn progress(&self, run: RunId, progress: Arc<Progress>) -> Result<(), StoreError> {
        self.write(move |db| runs::progress(db, run, &progress)).await
    }

    /// One run with its hosts.
    pub async fn run(&self, run: RunId) -> Result<Option<Run>, StoreError> {
        let mut run = self.read(move |db| runs::one(db, run)).await?;
        if let Some(run) = &mut run {
            self.seal.open_run(run);
        }
        Ok(run)
    }

    /// Runs, newest first.
    pub async fn runs(&self, filter: RunFilter) -> Result<Vec<Run>, StoreError> {
        let mut runs = self.read(move |db| runs::filtered(db, &filter)).await?;
        for run in &mut runs {
            self.seal.open_run(run);
        }
        Ok(runs)
    }

    /// The notable results of a run, in the order in which they came: what changed or would change, failed, was
    /// tolerated, did not answer, or could not be seen by a check.
    pub async fn results(&self, run: RunId) -> Result<Vec<(TaskIdentity, TaskResult)>, StoreError> {
        self.read(move |db| runs::results(db, run)).await
    }

    /// The newest lines of the journal, oldest first.
    pub async fn journal_tail(&self, limit: u32) -> Result<Vec<JournalEntry>, StoreError> {
        self.read(move |db| journal::tail(db, limit)).await
    }

    /// How many runs ended how, since the state directory was made. Retention does not change it.
    pub async fn totals(&self) -> Result<Vec<Total>, StoreError> {
        self.read(totals::totals).await
    }

    /// The last end and the last success per stack and mode. Retention does not change it.
    pub async fn last_ends(&self) -> Result<Vec<LastEnd>, StoreError> {
        self.read(totals::last_ends).await
    }

    /// Makes the files of a run and what fills them. Blocks shortly. Raw output is kept up to `raw_max_bytes`, if
    /// given.
    pub fn recorder(&self, spec: &RunSpec, raw_max_bytes: Option<u64>) -> Result<Recorder, StoreError> {
        Recorder::create(self.dir(), spec, raw_max_bytes)
    }

    /// Opens the events of a run at an offset. Blocks shortly, and so does reading.
    pub fn events(&self, run: RunId, offset: u64) -> Result<Option<EventReader>, StoreError> {
        EventReader::open(self.dir(), run, offset)
    }

    /// Whether the last write succeeded. Polling goes on while it is not, and is then written, so that this is
    /// noticed when it is over.
    pub fn writable(&self) -> bool {
        self.writable.load(Ordering::Relaxed)
    }

    /// Proves that the store writes, durably. For a watchdog, and to learn that a disk has room again.
    pub async fn probe(&self) -> Result<(), StoreError> {
        self.write(|db| {
            db.execute(
                "INSERT INTO meta VALUES ('probes', 1) ON CONFLICT DO UPDATE SET value = value + 1",
                (),
            )
            .map_err(StoreError::database("write to the database"))?;
            Ok(())
        })
        .await
    }

    /// Room on the file system of the state directory.
    pub fn space(&self) -> Result<Space, StoreError> {
        Space::of(self.dir(), self.settings.free_floor_bytes)
    }

    /// Whether there is room enough for a new run. Not knowing counts as yes: writing will tell.
    pub fn free_space_ok(&self) -> bool {
        self.space().is_ok_and(Space::is_enough)
    }

    /// Writes a consistent copy of the database to `path`, which must not exist, while everything goes on.
    pub async fn backup(&self, path: PathBuf) -> Result<(), StoreError> {
        let place = self.place.clone();
        let task = tokio::task::spawn_blocking(move || backup::write(&connection::reader(&place)?, &path));
        task.await.map_err(|_| StoreError::Closed)?
    }

    /// Begins a backup: a copy of the database of this moment, verified. It is written by [`Backup::write`].
    pub async fn begin_backup(&self, now: Timestamp, wanted: BackupWanted) -> Result<Backup, StoreError> {
        let turn = Arc::clone(&self.backups).try_acquire_owned().map_err(|_| StoreError::BackupUnderWay)?;
        let (place, floor) = (self.place.clone(), self.settings.free_floor_bytes);
        let task = tokio::task::spawn_blocking(move || {
            let copy = archive::Copy::make(&place, floor, now, wanted)?;
            Ok(Backup { copy, place, _turn: turn })
        });
        task.await.map_err(|_| StoreError::Closed)?
    }

    /// The state directory.
    pub fn dir(&self) -> &Path {
        self.place.dir()
    }

    async fn read<T, F>(&self, read: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        self.readers.read(read).await
    }

    async fn write<T, F>(&self, write: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        self.ask(write, false).await
    }

    /// A write that makes room: not refused on a full disk, and tried again once the ballast is gone.
    async fn make_room<T, F>(&self, write: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + Clone + 'static,
    {
        match self.ask(write.clone(), true).await {
            Err(error) if error.is_full() => self.ask(write, true).await,
            other => other,
        }
    }

    async fn ask<T, F>(&self, write: F, makes_room: bool) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job = Job { makes_room, write: Some(write), answer: None, reply };
        self.commands.send(Command::Write(Box::new(job))).await.map_err(|_| StoreError::Closed)?;
        answer.await.map_err(|_| StoreError::Closed)?
    }

    /// After retention: carries the log over, which gives the room back, and makes the ballast again if it fits.
    async fn settle_room(&self) -> Result<(), StoreError> {
        let (reply, answer) = oneshot::channel();
        let task = move |writer: &mut Writer| drop(reply.send(writer.settle_room()));
        self.commands.send(Command::Alone(Box::new(task))).await.map_err(|_| StoreError::Closed)?;
        answer.await.map_err(|_| StoreError::Closed)?
    }
}

/// Opens, checks and upgrades the database, and reads what it remembers.
fn open_database(place: &Place) -> Result<(Connection, Recovered, Seal), StoreError> {
    let seal = Seal::open(&place.key())?;
    let mut db = connection::writer(place)?;
    connection::check(&db, place)?;
    migrations::migrate(&mut db, place, &migrations::STEPS)?;
    let seed = getrandom::u64()
        .map_err(|it| StoreError::file("make a seed for", place.dir())(std::io::Error::other(it)))?;
    recover::ensure_seed(&db, seed)?;
    let mut recovered = recover::recover(&db)?;
    recovered.open(&seal);
    recover::remove_orphans(&db, place)?;
    Ok((db, recovered, seal))
}
