//! What a run wrote beside its events, where the operator asks for it. Secrets were taken out before it gets here.

use std::fmt;
use std::path::Path;

use super::StoreError;
use super::frames::{FrameReader, FrameWriter};
use super::place::raw_file;
use crate::domain::RunId;

/// Keeps the raw output of one run, up to a size.
pub struct RawLog {
    frames: FrameWriter,
    left_bytes: u64,
    left_out_bytes: u64,
}

impl RawLog {
    /// Makes the file of a run below the state directory `dir`, for so many bytes before compression.
    pub fn create(dir: &Path, run: RunId, max_bytes: u64) -> Result<Self, StoreError> {
        let frames = FrameWriter::create(raw_file(dir, run))?;
        Ok(Self { frames, left_bytes: max_bytes, left_out_bytes: 0 })
    }

    /// Appends bytes as they are. What is beyond the size is left out and counted.
    pub fn append(&mut self, bytes: &[u8]) {
        let fits = usize::try_from(self.left_bytes).map_or(bytes.len(), |it| it.min(bytes.len()));
        if fits != 0 {
            self.frames.entry(|pending| pending.extend_from_slice(&bytes[..fits]));
        }
        self.left_bytes -= fits as u64;
        self.left_out_bytes += (bytes.len() - fits) as u64;
    }

    /// Lets readers see everything.
    pub fn flush(&mut self) {
        self.frames.flush();
    }

    /// Writes the rest, and as its last line how much was left out.
    pub fn finish(mut self) {
        if self.left_out_bytes != 0 {
            let note = format!("\n[driftless: {} more bytes were not kept]\n", self.left_out_bytes);
            self.frames.entry(|pending| pending.extend_from_slice(note.as_bytes()));
        }
        self.frames.finish();
    }

    /// Reads the raw output of a run, piece by piece, from `offset`: 0, or what [`RawReader::offset`] said before.
    /// `None` if none was kept.
    pub fn read(dir: &Path, run: RunId, offset: u64) -> Result<Option<RawReader>, StoreError> {
        let frames = FrameReader::open(&raw_file(dir, run), offset)?;
        Ok(frames.map(|frames| RawReader { frames }))
    }
}

impl fmt::Debug for RawLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawLog").field("left_bytes", &self.left_bytes).finish_non_exhaustive()
    }
}

/// Reads raw output. Blocking.
pub struct RawReader {
    frames: FrameReader,
}

impl RawReader {
    /// Where the next piece begins, in bytes from the start of the file.
    pub fn offset(&self) -> u64 {
        self.frames.offset()
    }

    /// The next piece; `None` if there is no more for now.
    pub fn next_piece(&mut self) -> Result<Option<&[u8]>, StoreError> {
        self.frames.next_frame()
    }
}

impl fmt::Debug for RawReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawReader").field("offset", &self.frames.offset()).finish_non_exhaustive()
    }
}
