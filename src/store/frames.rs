//! Files made of independent zstd frames, one after the other.
//!
//! A frame is written whole, so a reader can follow a live file from frame to frame, and after a crash at most
//! the last frame is torn and dropped. `zstdcat` reads such a file as one.
//!
//! A writer never fails a run: what cannot be written is counted as lost, the file is cut back to the last good
//! frame, and the next frame is tried again.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use zstd::bulk::{Compressor, Decompressor};
use zstd::zstd_safe::{self, CParameter};

use super::StoreError;
use super::place::{private_file, sync_directory};

/// Decompressed size at which a frame is written, in bytes.
const FRAME_BYTES: usize = 256 << 10;

/// How each frame begins.
const MAGIC: [u8; 4] = 0xFD2F_B528_u32.to_le_bytes();

/// A frame of more than this is not ours, in bytes.
const LARGEST_FRAME_BYTES: u64 = 256 << 20;

/// How much is read at a time, in bytes.
const READ_BYTES: usize = 256 << 10;

/// Writes frames.
pub(super) struct FrameWriter {
    path: PathBuf,
    file: File,
    compressor: Compressor<'static>,
    pending: Vec<u8>,
    pending_entries: u64,
    compressed: Vec<u8>,
    good_bytes: u64,
    lost_entries: u64,
    broken: bool,
}

impl FrameWriter {
    /// Makes the file, which must not exist.
    pub(super) fn create(path: PathBuf) -> Result<Self, StoreError> {
        let file = private_file().create_new(true).open(&path).map_err(StoreError::file("make", &path))?;
        // Level 1: three times as fast as the default, and a few per cent larger.
        let mut compressor = Compressor::new(1).map_err(StoreError::file("compress", &path))?;
        compressor
            .set_parameter(CParameter::ChecksumFlag(true))
            .map_err(StoreError::file("compress", &path))?;
        Ok(Self {
            path,
            file,
            compressor,
            pending: Vec::with_capacity(FRAME_BYTES * 2),
            pending_entries: 0,
            compressed: Vec::new(),
            good_bytes: 0,
            lost_entries: 0,
            broken: false,
        })
    }

    /// Appends one entry, and writes the frame if it is full.
    pub(super) fn entry(&mut self, append: impl FnOnce(&mut Vec<u8>)) {
        append(&mut self.pending);
        self.pending_entries += 1;
        if self.pending.len() >= FRAME_BYTES {
            self.flush();
        }
    }

    /// Writes what there is as a frame, so that readers see it.
    pub(super) fn flush(&mut self) {
        if self.pending.is_empty() {
            return;
        }
        match self.write_frame() {
            Ok(bytes) => self.good_bytes += bytes,
            Err(error) => self.lose(&error),
        }
        self.pending.clear();
        self.pending.shrink_to(FRAME_BYTES * 4);
        self.compressed.shrink_to(FRAME_BYTES * 4);
        self.pending_entries = 0;
    }

    fn write_frame(&mut self) -> io::Result<u64> {
        if self.broken {
            self.cut()?;
        }
        self.compressed.clear();
        self.compressed.reserve(zstd_safe::compress_bound(self.pending.len()));
        self.compressor.compress_to_buffer(&self.pending, &mut self.compressed)?;
        self.file.write_all_at(&self.compressed, self.good_bytes)?;
        Ok(self.compressed.len() as u64)
    }

    fn lose(&mut self, error: &io::Error) {
        if self.lost_entries == 0 {
            tracing::error!(path = %self.path.display(), %error, "events of a run cannot be recorded");
        }
        self.lost_entries += self.pending_entries;
        // Half a frame would hide all that follow.
        self.broken = true;
        drop(self.cut());
    }

    fn cut(&mut self) -> io::Result<()> {
        self.file.set_len(self.good_bytes)?;
        self.broken = false;
        Ok(())
    }

    /// How many entries could not be written.
    pub(super) fn lost_entries(&self) -> u64 {
        self.lost_entries
    }

    /// How many compressed bytes are in the file.
    pub(super) fn written_bytes(&self) -> u64 {
        self.good_bytes
    }

    /// Writes what there is and makes it durable. How many entries are lost.
    pub(super) fn finish(mut self) -> u64 {
        self.flush();
        let synced = self
            .file
            .sync_all()
            .map_err(StoreError::file("sync", &self.path))
            .and_then(|()| self.path.parent().map_or(Ok(()), sync_directory));
        if let Err(error) = synced {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "events of a run may not survive a power loss"
            );
        }
        self.lost_entries
    }
}

/// Reads frames, also of a file that is still being written.
pub(super) struct FrameReader {
    path: PathBuf,
    file: File,
    decompressor: Decompressor<'static>,
    offset: u64,
    buffer: Vec<u8>,
    taken: usize,
    content: Vec<u8>,
}

impl FrameReader {
    /// Opens a file at the beginning of a frame; `None` if there is none.
    pub(super) fn open(path: &Path, offset: u64) -> Result<Option<Self>, StoreError> {
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(StoreError::file("open", path)(error)),
        };
        let decompressor = Decompressor::new().map_err(StoreError::file("decompress", path))?;
        let path = path.to_owned();
        Ok(Some(Self { path, file, decompressor, offset, buffer: Vec::new(), taken: 0, content: Vec::new() }))
    }

    /// Where the next frame begins, in bytes from the start of the file.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// The content of the next frame; `None` if none is complete yet, or the last one is torn.
    pub(super) fn next_frame(&mut self) -> Result<Option<&[u8]>, StoreError> {
        let Some(length) = self.find_frame().map_err(StoreError::file("read", &self.path))? else {
            // Read again next time: a writer on a full disk cuts its last frame off and writes another one.
            self.buffer.clear();
            self.taken = 0;
            return Ok(None);
        };
        let frame = &self.buffer[self.taken..self.taken + length];
        decompress(&mut self.decompressor, frame, &mut self.content)
            .map_err(StoreError::file("decompress", &self.path))?;
        self.taken += length;
        self.offset += length as u64;
        Ok(Some(&self.content))
    }

    /// The length of the next frame in the buffer, after reading as much as that needs.
    fn find_frame(&mut self) -> io::Result<Option<usize>> {
        loop {
            let rest = &self.buffer[self.taken..];
            // Whoever asks from where no frame begins is not answered by reading all that follows.
            if rest.len() >= MAGIC.len() && !rest.starts_with(&MAGIC) {
                return Ok(None);
            }
            match zstd_safe::find_frame_compressed_size(rest) {
                Ok(length) if length <= rest.len() && !rest.is_empty() => return Ok(Some(length)),
                _ if !self.read_more()? => return Ok(None),
                _ => {}
            }
        }
    }

    fn read_more(&mut self) -> io::Result<bool> {
        self.buffer.drain(..self.taken);
        self.taken = 0;
        let held = self.buffer.len();
        if held as u64 > LARGEST_FRAME_BYTES {
            return Ok(false);
        }
        self.buffer.resize(held + READ_BYTES, 0);
        let read = self.file.read_at(&mut self.buffer[held..], self.offset + held as u64);
        self.buffer.truncate(held + *read.as_ref().unwrap_or(&0));
        Ok(read? != 0)
    }
}

fn decompress(decompressor: &mut Decompressor<'_>, frame: &[u8], content: &mut Vec<u8>) -> io::Result<()> {
    let size = zstd_safe::get_frame_content_size(frame).ok().flatten();
    let size = size.filter(|it| *it <= LARGEST_FRAME_BYTES).and_then(|it| usize::try_from(it).ok());
    let Some(size) = size else {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a frame without a believable size"));
    };
    content.clear();
    content.shrink_to(FRAME_BYTES * 4);
    content.reserve(size);
    decompressor.decompress_to_buffer(frame, content)?;
    Ok(())
}
