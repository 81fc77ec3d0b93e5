//! The full event stream of each run: one file per run, a JSON object per line, compressed.

use std::fmt;
use std::path::Path;

use super::StoreError;
use super::frames::{FrameReader, FrameWriter};
use super::place::event_file;
use crate::domain::{RunEvent, RunId};

/// Writes the events of one run. It is used by the thread that reads them, and never fails the run.
pub struct EventLog {
    frames: FrameWriter,
}

impl EventLog {
    /// Makes the file of a run below the state directory `dir`. A run has only one, ever.
    pub fn create(dir: &Path, run: RunId) -> Result<Self, StoreError> {
        Ok(Self { frames: FrameWriter::create(event_file(dir, run))? })
    }

    /// Appends one event. It can be read after the next [`flush`](Self::flush), or when a frame is full.
    pub fn append(&mut self, event: &RunEvent) {
        self.frames.entry(|line| {
            serde_json::to_writer(&mut *line, event).expect("an event has string keys and a JSON form");
            line.push(b'\n');
        });
    }

    /// Lets readers see everything. Meant for about once a second: frames that are small compress badly.
    pub fn flush(&mut self) {
        self.frames.flush();
    }

    /// How many events could not be written, because the disk was full or broken.
    pub fn lost(&self) -> u64 {
        self.frames.lost_entries()
    }

    /// Writes the rest and makes it durable. How many events are lost.
    pub fn finish(self) -> u64 {
        self.frames.finish()
    }
}

impl fmt::Debug for EventLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventLog")
            .field("written_bytes", &self.frames.written_bytes())
            .finish_non_exhaustive()
    }
}

/// Reads the events of a run, also of a live one. Blocking: use it in a thread that may block.
pub struct EventReader {
    frames: FrameReader,
    unreadable: u64,
}

impl EventReader {
    /// Opens the events of a run, from `offset`: 0, or what [`offset`](Self::offset) said before. `None` if
    /// nothing was recorded, or it is not kept any more.
    pub fn open(dir: &Path, run: RunId, offset: u64) -> Result<Option<Self>, StoreError> {
        let frames = FrameReader::open(&event_file(dir, run), offset)?;
        Ok(frames.map(|frames| Self { frames, unreadable: 0 }))
    }

    /// Where to go on later, in bytes from the start of the file.
    pub fn offset(&self) -> u64 {
        self.frames.offset()
    }

    /// How many lines could not be understood and were left out by [`next_events`](Self::next_events).
    pub fn unreadable(&self) -> u64 {
        self.unreadable
    }

    /// The next events as lines of JSON, as many as were written together; `None` if there is no more for now.
    pub fn next_lines(&mut self) -> Result<Option<&[u8]>, StoreError> {
        self.frames.next_frame()
    }

    /// The next events, as many as were written together; `None` if there is no more for now.
    pub fn next_events(&mut self) -> Result<Option<Vec<RunEvent>>, StoreError> {
        let Some(lines) = self.frames.next_frame()? else { return Ok(None) };
        let mut events = Vec::new();
        for line in lines.split(|it| *it == b'\n').filter(|it| !it.is_empty()) {
            match serde_json::from_slice(line) {
                Ok(event) => events.push(event),
                Err(_) => self.unreadable += 1,
            }
        }
        Ok(Some(events))
    }
}

impl fmt::Debug for EventReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventReader").field("offset", &self.frames.offset()).finish_non_exhaustive()
    }
}
